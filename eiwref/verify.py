"""Does every tokenizer give back the text? Measured, not assumed.

The paper calls its windows lossless but for the end of the input (section 3.3, Appendix D.5); this counts.
"""

import time
from dataclasses import asdict, dataclass
from typing import NamedTuple

from eiwref.coding.bits import Bits
from eiwref.evaluate import uniform_bits
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.windows.scheme import Window


@dataclass(frozen=True)
class RoundTrip:
    """One tokenizer on one text."""

    tokenizer: str
    bytes: int
    tokens: int
    bytes_per_token: float
    bits_per_byte: float  # of the tokens as they are, each of log2(vocabulary) bits
    claims_lossless: bool
    lossless: bool
    windows: int  # equal-info ones; 0 for all other schemes
    failed_windows: int  # windows of the encoder's own segmentation that decode to another text
    mb_per_s: float  # encoding, 10^6 bytes of text a second
    decode_mb_per_s: float

    @property
    def broken(self) -> bool:
        """A scheme that claims to be lossless was not."""
        return self.claims_lossless and not self.lossless

    def as_dict(self) -> dict:
        return asdict(self)


class Encoded(NamedTuple):
    """A text's bits, and the windows they are made of (none for schemes without windows)."""

    bits: Bits
    windows: list[Window]


def encode(tokenizer: Tokenizer, data: bytes) -> Encoded:
    """What `tokenizer.compress` gives, with the windows kept."""
    if isinstance(tokenizer, EqualInfo):
        windows = list(tokenizer.scheme.segment(data))
        return Encoded(tokenizer.join(windows), windows)
    return Encoded(tokenizer.compress(data), [])


def decode(tokenizer: Tokenizer, ids, encoded: Encoded, data: bytes) -> tuple[bytes, int]:
    """(the text that `ids` decode to, how many windows decode to another text than they were cut from)."""
    if not encoded.windows:
        return tokenizer.decode_bytes(ids), 0
    texts = [window.text for window in tokenizer.decode_windows(ids)]
    cut = (data[window.start : window.end] for window in encoded.windows)
    return b"".join(texts), sum(text != right for text, right in zip(texts, cut, strict=True))


def round_trip(tokenizer: Tokenizer, data: bytes) -> RoundTrip:
    """Encode, decode, compare."""
    started = time.perf_counter()
    encoded = encode(tokenizer, data)
    ids = encoded.bits.tokens(tokenizer.token_bits)
    half_way = time.perf_counter()
    text, failed = decode(tokenizer, ids, encoded, data)
    ended = time.perf_counter()
    size = len(data)
    return RoundTrip(
        tokenizer=tokenizer.spec,
        bytes=size,
        tokens=len(ids),
        bytes_per_token=size / len(ids) if len(ids) else 0.0,
        bits_per_byte=uniform_bits(len(ids), tokenizer.vocab_size) / size if size else 0.0,
        claims_lossless=tokenizer.lossless,
        lossless=text == data,
        windows=len(encoded.windows),
        failed_windows=failed,
        mb_per_s=size / 1e6 / (half_way - started),
        decode_mb_per_s=size / 1e6 / (ended - half_way),
    )
