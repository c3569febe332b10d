"""How much of one text stands word for word in another: whether what is held out is.

Paper, section 3.1: C4 and its own split. Our text comes from several collections, so that it must be looked at.

Stretches of so many bytes are compared by hashes of 64 bits. If these fell at random, of four million against
thirty million a pair would be alike by chance in one comparison of a hundred thousand.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from eiwref.errors import CorpusError

LENGTH = 64  # bytes: some ten words, more than a turn of phrase
BASE = 0x9E3779B97F4A7C15  # odd, so that its powers have inverses modulo 2^64


def hashes(text: bytes, length: int) -> np.ndarray:
    """One of each stretch of `length` bytes, uint64: alike where the stretches are, and hardly elsewhere.

    The sum over a stretch of (byte + 1) x BASE^place, modulo 2^64.

    >>> a, b, c, d = hashes(b"abcab", 2).tolist()
    >>> a == d, a == b
    (True, False)
    """
    if len(text) < length:
        return np.zeros(0, dtype=np.uint64)
    values = np.frombuffer(text, dtype=np.uint8).astype(np.uint64) + np.uint64(1)
    sums = np.cumsum(values * _powers(BASE, len(text)), dtype=np.uint64)
    sums[length:] -= sums[:-length].copy()
    return sums[length - 1 :] * _powers(pow(BASE, -1, 1 << 64), len(text) - length + 1)


def shared_bytes(texts: Sequence[bytes], others: Iterable[bytes], length: int = LENGTH) -> list[int]:
    """Of each text, how many bytes lie in stretches of `length` bytes that stand in one of the others too.

    Holds some 24 bytes of memory for each byte of the texts, and 40 for each of the other at hand. Raises
    `CorpusError` for a length below 1.
    """
    if length < 1:
        raise CorpusError(f"stretches of {length} bytes, expected 1 at least")
    own = [hashes(text, length) for text in texts]
    known = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *own]))
    found = np.zeros(len(known), dtype=bool)
    for other in others:
        theirs = hashes(other, length)
        if len(known):
            places = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
            found[places[known[places] == theirs]] = True
    return [_covered(found[np.searchsorted(known, each)], length) for each in own]


def _covered(begins: np.ndarray, length: int) -> int:
    """Bytes in one stretch or more that begins where `begins` is true."""
    places = np.flatnonzero(begins)
    return int(np.minimum(np.diff(places), length).sum()) + length if len(places) else 0


def _powers(base: int, count: int) -> np.ndarray:
    """base^0, base^1, ... modulo 2^64."""
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)
