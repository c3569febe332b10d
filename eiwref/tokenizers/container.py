"""The `.eiw` file: token ids with all that is needed to refuse a wrong decoding.

Layout, integers big-endian:

    magic       4 bytes   45 49 57 1A ("EIW", then a byte that stops text tools)
    version     1 byte    1
    spec        2 bytes   length, then the tokenizer's canonical name in ASCII
    predictor  32 bytes   its digest, zeros if the tokenizer has none
    length      8 bytes   bytes of text
    sha256     32 bytes   of the text
    tokens      8 bytes   how many, then each in 1, 2 or 4 bytes by the vocabulary
    crc32       4 bytes   of everything before it

A reader believes nothing: each field is checked against what the file holds before anything of its size
is made, the text is held against its length and SHA-256, and the CRC-32 finds a flipped bit wherever it is.
"""

import hashlib
import struct
import zlib

from eiwref.coding.bits import from_tokens
from eiwref.errors import ContainerError, EiwrefError
from eiwref.predictors.base import Predictor
from eiwref.predictors.store import digest
from eiwref.tokenizers.base import Tokenizer, as_bytes
from eiwref.tokenizers.registry import tokenizer

MAGIC = b"EIW\x1a"
VERSION = 1
_HEAD = struct.Struct(">4sBH")
_BODY = struct.Struct(">32sQ32sQ")
_CRC = struct.Struct(">I")


def pack(tokenizer: Tokenizer, data: bytes | str) -> bytes:
    """The text as an `.eiw` file; raises `ContainerError` if the tokenizer's code does not give it back."""
    data = as_bytes(data)
    ids = tokenizer.encode(data)
    # Greedy windows lose text, and what a file holds must come out of it again.
    if not tokenizer.lossless and tokenizer.decode_bytes(ids) != data:
        raise ContainerError(f"{tokenizer.spec} is not lossless and loses this text; nothing was written")
    spec = tokenizer.spec.encode("ascii")
    whole = _HEAD.pack(MAGIC, VERSION, len(spec)) + spec
    whole += _BODY.pack(_digest(tokenizer), len(data), hashlib.sha256(data).digest(), len(ids))
    whole += from_tokens(ids, tokenizer.token_bits)
    return whole + _CRC.pack(zlib.crc32(whole))


def unpack(packed: bytes, predictor: Predictor | None = None, name: str = "data") -> tuple[bytes, str]:
    """(text, tokenizer's spec) of an `.eiw` file; `name` is what errors call it.

    Raises `ContainerError` if the file is damaged, cut or extended, or was made with another predictor
    than `predictor` (the one that travels with the package, unless given).
    """

    def refuse(offset: int, what: str):
        raise ContainerError(f"{name}: at byte {offset}, {what}")

    smallest = _HEAD.size + _BODY.size + _CRC.size
    if len(packed) < smallest:
        refuse(len(packed), f"the file ends, expected at least {smallest} bytes of an .eiw file")
    magic, version, spec_size = _HEAD.unpack_from(packed)
    if magic != MAGIC:
        refuse(0, f"found {magic.hex(' ')}, expected {MAGIC.hex(' ')}: not an .eiw file")
    if version != VERSION:
        refuse(4, f"found version {version}, expected {VERSION}")
    body_at = _HEAD.size + spec_size
    tokens_at = body_at + _BODY.size
    end = len(packed) - _CRC.size
    if tokens_at > end:
        refuse(len(packed), f"the file ends, expected at least {tokens_at + _CRC.size} bytes")
    expected_digest, length, sha256, count = _BODY.unpack_from(packed, body_at)
    (crc,) = _CRC.unpack_from(packed, end)
    if crc != (found := zlib.crc32(packed[:end])):
        refuse(end, f"the checksum is {found:08x}, expected {crc:08x}: the file is damaged, cut or extended")

    # From here on the file is as it was written, by us or by someone with ill intent.
    spec = packed[_HEAD.size : body_at].decode("ascii", "backslashreplace")
    try:
        reader = tokenizer(spec, predictor)
    except EiwrefError as error:
        refuse(_HEAD.size, str(error))
    if reader.spec != spec:
        refuse(_HEAD.size, f"the tokenizer's name is {spec!r}, expected {reader.spec!r}")
    if expected_digest != _digest(reader):
        refuse(
            body_at,
            f"the file was made with predictor {expected_digest.hex()[:16]}, but the one at hand is "
            f"{_digest(reader).hex()[:16]}; name the right one with --predictor",
        )
    if (end - tokens_at) * 8 != count * reader.token_bits:
        refuse(tokens_at, f"{end - tokens_at} bytes of tokens, expected {count * reader.token_bits // 8}")
    try:
        text = reader.decompress(packed[tokens_at:end], max_bytes=length)
    except EiwrefError as error:
        refuse(tokens_at, str(error))
    if len(text) != length:
        refuse(tokens_at, f"the tokens give {len(text)} bytes of text, expected {length}")
    if hashlib.sha256(text).digest() != sha256:
        refuse(tokens_at, "the tokens give a text of another SHA-256")
    return text, spec


def _digest(tokenizer: Tokenizer) -> bytes:
    return bytes(32) if tokenizer.predictor is None else bytes.fromhex(digest(tokenizer.predictor))
