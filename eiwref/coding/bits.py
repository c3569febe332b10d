"""A string of bits, most significant bit first, and its reading as fixed-width tokens.

Paper, section 3.3: the bitstream is cut into N-bit tokens, N = 8 or 16. A last token that is not
full is padded with zero bits; `unpad` checks them, so that no bit of a file goes unread.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eiwref.errors import CodeError


@dataclass(frozen=True)
class Bits:
    """`length` bits packed into `data`, ceil(length / 8) bytes; the unused low bits are zero."""

    data: bytes
    length: int

    def __post_init__(self):
        if len(self.data) != (self.length + 7) // 8:
            raise CodeError(f"{self.length} bits need {(self.length + 7) // 8} bytes, found {len(self.data)}")
        if self.length % 8 and self.data[-1] & ((1 << -self.length % 8) - 1):
            raise CodeError(f"the unused bits after bit {self.length} are not zero")

    @classmethod
    def from_int(cls, value: int, length: int) -> "Bits":
        """The `length`-bit binary expansion of `value`; raises `CodeError` if it has more bits."""
        if not 0 <= value < 1 << length:
            raise CodeError(f"{value} does not fit {length} bits")
        return cls((value << -length % 8).to_bytes((length + 7) // 8, "big"), length)

    def to_int(self) -> int:
        return int.from_bytes(self.data, "big") >> -self.length % 8

    def __len__(self) -> int:
        return self.length

    def __str__(self) -> str:
        """
        >>> str(Bits.from_int(5, 4))
        '0101'
        """
        return "".join(f"{byte:08b}" for byte in self.data)[: self.length]

    def tokens(self, token_bits: int) -> np.ndarray:
        """Token ids of 8 or 16 bits each, shape (ceil(length / token_bits),), uint32.

        >>> Bits(b"abc", 24).tokens(16).tolist()
        [24930, 25344]
        """
        padded = self.data + b"\0" * (-len(self.data) % (token_bits // 8))
        return np.frombuffer(padded, dtype=f">u{token_bits // 8}").astype(np.uint32)


def check_ids(ids, vocab_size: int) -> np.ndarray:
    """Ids as a uint32 array of shape (N,); raises `CodeError` at the first one outside the vocabulary."""
    try:
        ids = np.asarray(ids)
    except ValueError:
        raise CodeError("token ids must be a flat list of integers, found lists of other lengths in it") from None
    if ids.size == 0:
        return np.zeros(0, dtype=np.uint32)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise CodeError(f"token ids must be a flat list of integers, found {ids.dtype} of shape {ids.shape}")
    wrong = np.flatnonzero((ids < 0) | (ids >= vocab_size))
    if len(wrong):
        where = int(wrong[0])
        raise CodeError(f"token {where}: id {ids[where]} is outside the vocabulary of {vocab_size}")
    return ids.astype(np.uint32)


def from_tokens(ids, token_bits: int) -> bytes:
    """The bytes whose bits are the tokens, padding still in place; the inverse of `Bits.tokens`."""
    return check_ids(ids, 1 << token_bits).astype(f">u{token_bits // 8}").tobytes()


def unpad(data: bytes, length: int, token_bits: int) -> Bits:
    """The first `length` bits of tokens; raises `CodeError` unless the rest is the least padding, all zero."""
    whole = -(-length // token_bits) * token_bits
    if 8 * len(data) != whole:
        raise CodeError(
            f"the code ends at bit {length}, which takes {whole // token_bits} tokens; "
            f"found {8 * len(data) // token_bits}"
        )
    kept = (length + 7) // 8
    if any(data[kept:]):
        raise CodeError(f"the padding after bit {length} is not zero")
    return Bits(data[:kept], length)


def bit_ranges(settled: Iterable[int]) -> list[tuple[int, int]]:
    """The half-open range of code bits that each symbol has a hand in, from how many are settled after it.

    A symbol begins at the first bit that was open before it and ends where the bits it settles end; one that
    settles none still narrows the first open one. So neighbours may overlap, as in the paper's Figure 9.

    >>> bit_ranges([1, 1, 4])
    [(0, 1), (1, 2), (1, 4)]
    """
    ranges = []
    begin = 0
    for end in settled:
        ranges.append((begin, max(end, begin + 1)))
        begin = end
    return ranges
