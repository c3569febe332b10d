"""The `.eiw` file: token ids with all that is needed to refuse a wrong decoding.

The text is cut into *blocks* of 2^20 bytes, the last one shorter, and each is tokenized by itself: streams and
windows begin afresh in it. So a file may be larger than memory on both sides, and damage has a place. The price
is an end mark, a window cut short or a gzip header with each block, and 12 bytes beside its tokens: on 4 MB of
Python source, header and footer included, 0.33 % for GZip and 0.006 to 0.011 % for AC, StaticAC and windows of 16
and 128 bits. The tokens of a text of one block are those of `Tokenizer.encode`.

Layout, integers big-endian. The header:

    magic       4 bytes   45 49 57 1A ("EIW", then a byte that stops text tools)
    version     1 byte    3
    token       1 byte    bits that a token is packed in, 8, 16 or 32
    spec        1 byte    length of the tokenizer's name
    block       4 bytes   bytes of text in every block but the last, 1 to 2^20
    predictor  32 bytes   its digest (or the subword model's), zeros if the tokenizer has none
    name                  the tokenizer's canonical name, in ASCII
    crc32       4 bytes   of the header before it

each block, none for the empty text:

    text        4 bytes   bytes of text, at least 1
    tokens      4 bytes   how many
    ids                   the tokens, each in 1, 2 or 4 bytes
    crc32       4 bytes   of the block before it

and the footer, after which the file ends:

    end         4 bytes   0, where a block would have its bytes of text
    blocks      8 bytes   how many there were
    length      8 bytes   bytes of text in all of them
    sha256     32 bytes   of the text
    crc32       4 bytes   of the footer before it

A reader believes nothing. No length makes it set memory aside: it takes what the file has, a block at a time,
and a block's text is at most 2^20 bytes, its code at most 16 for each of them and 64. A CRC-32 finds a flipped
bit before the block is decoded; the SHA-256 is for what no CRC-32 sees, blocks that changed places or a
predictor that computes otherwise on this machine. It comes last, so that a text is to be believed only
once all of it has come (`files.write_pieces` gives a file its name only then).

Left out: access to a block without those before it, and versions before 3: in version 2 the same codes of
stop-cell windows meant other texts.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import NoReturn

from eiwref.coding.bits import from_tokens
from eiwref.errors import ContainerError, EiwrefError
from eiwref.predictors.base import Predictor
from eiwref.predictors.store import digest, shipped_as
from eiwref.predictors.subword import Subword
from eiwref.tokenizers.base import Tokenizer, as_bytes
from eiwref.tokenizers.registry import tokenizer

MAGIC = b"EIW\x1a"
VERSION = 3
BLOCK_BYTES = 1 << 20
_HEADER = struct.Struct(">BBI32s")  # after magic and version
_NUMBER = struct.Struct(">I")
_FOOTER = struct.Struct(">QQ32s")


def pack(tokenizer: Tokenizer, data: bytes | str) -> bytes:
    """The text as an `.eiw` file; errors as in `pack_pieces`."""
    return b"".join(pack_pieces(tokenizer, [as_bytes(data)]))


def unpack(packed: bytes, predictor: Predictor | Subword | None = None, name: str = "data") -> tuple[bytes, str]:
    """(text, tokenizer's spec) of an `.eiw` file; errors as in `unpack_pieces`."""
    reader, texts = unpack_pieces([packed], predictor, name)
    return b"".join(texts), reader.spec


def pack_pieces(
    tokenizer: Tokenizer, pieces: Iterable[bytes], block_bytes: int = BLOCK_BYTES, bar=iter
) -> Iterator[bytes]:
    """The parts of an `.eiw` file, end to end, of a text that comes in pieces of any size.

    `bar` as in `Tokenizer.encode_batch`, around each block. Raises `ContainerError` at the first block that the
    tokenizer's code does not give back.
    """
    if not 1 <= block_bytes <= BLOCK_BYTES:
        raise ContainerError(f"blocks of {block_bytes} bytes are not possible, expected 1 to {BLOCK_BYTES}")
    source = _Source(pieces, "text")
    spec = tokenizer.spec.encode("ascii")
    header = _HEADER.pack(tokenizer.token_bits, len(spec), block_bytes, _digest(tokenizer))
    yield _sealed(MAGIC + bytes((VERSION,)) + header + spec)
    sha256, blocks = hashlib.sha256(), 0
    while text := source.take(block_bytes):
        # As a batch of one, so that the predictor's work is shared within the block where it can be.
        (ids,) = tokenizer.encode_batch([text], bar)
        # Greedy windows lose text, and what a file holds must come out of it again.
        if not tokenizer.lossless and tokenizer.decode_bytes(ids) != text:
            raise ContainerError(
                f"{tokenizer.spec} is not lossless and loses this text, somewhere in its {len(text):,} bytes "
                f"from byte {source.at - len(text):,} on"
            )
        if len(ids) > (most := _most_tokens(len(text), tokenizer)):
            raise ContainerError(f"{tokenizer.spec} makes {len(ids)} tokens of a block, expected at most {most}")
        yield _sealed(_NUMBER.pack(len(text)) + _NUMBER.pack(len(ids)) + from_tokens(ids, tokenizer.token_bits))
        sha256.update(text)
        blocks += 1
    yield _sealed(_NUMBER.pack(0) + _FOOTER.pack(blocks, source.at, sha256.digest()))


def unpack_pieces(
    pieces: Iterable[bytes], predictor: Predictor | Subword | None = None, name: str = "data", bar=iter
) -> tuple[Tokenizer, Iterator[bytes]]:
    """(tokenizer, the text's blocks) of an `.eiw` file that comes in pieces of any size.

    `name` is what errors call the file; `bar` as in `pack_pieces`. Raises `ContainerError`, at once or from the
    iterator, if the file is damaged, cut or extended, or was made with another predictor than `predictor` (unless
    given, whichever of the shipped ones it names). The text is the right one only if the iterator has come to its
    end.
    """
    source = _Source(pieces, name)
    reader, block_bytes = _header(source, predictor)
    return reader, _texts(source, reader, block_bytes, bar)


class _Source:
    """Bytes that come in pieces of any size, taken by the number; `at` is the offset of the next one."""

    def __init__(self, pieces: Iterable[bytes], name: str):
        self.at = 0
        self._pieces = iter(pieces)
        self._name = name
        self._rest = memoryview(b"")  # of the newest piece
        self._crc = 0  # of what was taken since the last checksum

    def take(self, size: int) -> bytes:
        """The next `size` bytes, or as many as there are. Only what has come is held, whatever `size` says."""
        parts = []
        while size:
            if not self._rest:
                try:
                    self._rest = memoryview(as_bytes(next(self._pieces)))
                except StopIteration:
                    break
            parts.append(self._rest[:size])
            self._rest = self._rest[size:]
            size -= len(parts[-1])
        taken = b"".join(parts)
        self.at += len(taken)
        self._crc = zlib.crc32(taken, self._crc)
        return taken

    def exactly(self, size: int, part: str) -> bytes:
        """The next `size` bytes; refused if the file ends before them."""
        taken = self.take(size)
        if len(taken) < size:
            self.refuse(self.at, f"the file ends inside {part}, expected {size - len(taken)} bytes more")
        return taken

    def number(self, part: str) -> int:
        return _NUMBER.unpack(self.exactly(_NUMBER.size, part))[0]

    def check(self, part: str) -> None:
        """Take a checksum and hold it against all that came since the one before it."""
        found, at = self._crc, self.at
        if found != (expected := self.number(part)):
            self.refuse(at, f"the checksum of {part} is {found:08x}, expected {expected:08x}: it is damaged")
        self._crc = 0

    def refuse(self, offset: int, what: str) -> NoReturn:
        raise ContainerError(f"{self._name}: at byte {offset}, {what}")


def _header(source: _Source, predictor: Predictor | Subword | None) -> tuple[Tokenizer, int]:
    """(tokenizer, bytes of text in a block), once all that the header says has been checked."""
    if (magic := source.take(len(MAGIC))) != MAGIC:
        source.refuse(0, f"found {magic.hex(' ') or 'no byte'}, expected {MAGIC.hex(' ')}: not an .eiw file")
    if (version := source.exactly(1, "the header")[0]) != VERSION:
        source.refuse(4, f"found version {version} of the format, expected {VERSION}, the only one read here")
    fields_at = source.at
    fields = _HEADER.unpack(source.exactly(_HEADER.size, "the header"))
    token_bits, spec_size, block_bytes, expected_digest = fields
    spec_at = source.at
    spec = source.exactly(spec_size, "the header").decode("ascii", "backslashreplace")
    source.check("the header")

    # From here on the header is as it was written, by us or by someone with ill intent.
    if not 1 <= block_bytes <= BLOCK_BYTES:
        source.refuse(fields_at + 2, f"blocks of {block_bytes} bytes of text, expected 1 to {BLOCK_BYTES}")
    try:
        own = shipped_as(expected_digest.hex()) if predictor is None and any(expected_digest) else predictor
        reader = tokenizer(spec, own)
    except EiwrefError as error:
        source.refuse(spec_at, str(error))
    if reader.spec != spec:
        source.refuse(spec_at, f"the tokenizer's name is {spec!r}, expected {reader.spec!r}")
    if token_bits != reader.token_bits:
        source.refuse(fields_at, f"tokens of {token_bits} bits, expected {reader.token_bits} for {spec}")
    if expected_digest != (found := _digest(reader)):
        source.refuse(
            fields_at + 6,
            f"the file was made with predictor {expected_digest.hex()[:16]}, but the one at hand is "
            f"{found.hex()[:16]}; name the right one with --predictor",
        )
    return reader, block_bytes


def _texts(source: _Source, reader: Tokenizer, block_bytes: int, bar) -> Iterator[bytes]:
    """The text of each block, then the footer."""
    sha256, blocks, length = hashlib.sha256(), 0, 0
    while True:
        block_at = source.at
        if not (size := source.number("a block or the footer")):
            break
        if length != blocks * block_bytes:
            source.refuse(block_at, f"{size} bytes of text follow a block that was not full, expected the footer")
        if size > block_bytes:
            source.refuse(block_at, f"a block of {size} bytes of text, expected at most {block_bytes}")
        count = source.number("a block")
        if count > (most := _most_tokens(size, reader)):
            source.refuse(block_at + 4, f"{count} tokens for {size} bytes of text, expected at most {most}")
        ids_at = source.at
        ids = source.exactly(count * reader.token_bits // 8, "a block")
        source.check("the block")
        try:
            text = reader.decompress(ids, max_bytes=size, bar=bar)
        except EiwrefError as error:
            source.refuse(ids_at, str(error))
        if len(text) != size:
            source.refuse(ids_at, f"the tokens give {len(text)} bytes of text, expected {size}")
        sha256.update(text)
        length += size
        blocks += 1
        yield text
    footer_at = source.at
    expected_blocks, expected_length, expected_sha256 = _FOOTER.unpack(source.exactly(_FOOTER.size, "the footer"))
    source.check("the footer")
    if blocks != expected_blocks:
        source.refuse(footer_at, f"there were {blocks} blocks, expected {expected_blocks}")
    if length != expected_length:
        source.refuse(footer_at + 8, f"there were {length} bytes of text, expected {expected_length}")
    if sha256.digest() != expected_sha256:
        found, expected = sha256.hexdigest()[:16], expected_sha256.hex()[:16]
        source.refuse(footer_at + 16, f"the text's SHA-256 is {found}, expected {expected}")
    end = source.at
    if source.take(1):
        source.refuse(end, "the file goes on, expected its end")


def _sealed(part: bytes) -> bytes:
    """The part with its checksum behind it."""
    return part + _NUMBER.pack(zlib.crc32(part))


def _most_tokens(text_bytes: int, tokenizer: Tokenizer) -> int:
    """How many tokens a block of so much text may have.

    The widest window has 128 bits and holds a byte at least, gzip adds 18 bytes and a few. A token of v=2 is
    one bit of code, whatever it is packed in.
    """
    return 8 * (16 * text_bytes + 64) // (tokenizer.vocab_size - 1).bit_length()


def _digest(tokenizer: Tokenizer) -> bytes:
    return bytes(32) if tokenizer.predictor is None else bytes.fromhex(digest(tokenizer.predictor))
