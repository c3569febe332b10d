"""Rank coding: each symbol becomes its rank among the predictor's guesses, and the ranks are deflated.

This is LLMZip's simpler way (arXiv 2306.04050), not in the paper. A good predictor's first guess is right most of
the time, so the ranks are mostly 0, and zlib shortens runs of them. What the predictor knew of the *amount* of
its certainty is lost: rank 0 says the same of an even chance and of a sure thing.

Ranks are those of the integer counts, the highest first and equal ones by symbol, so that any machine agrees.
Each is a byte, and zlib's own stream says where it ends and holds a checksum; so the alphabet here has no end
mark and at most 256 symbols, as in windows. Unlike the other coders, whose every code is the only one of its
text, deflate has many for the same ranks, and which of them is written depends on the zlib at hand; each zlib
reads all of them.
"""

import zlib
from collections.abc import Iterable

import numpy as np

from eiwref.coding import frequencies
from eiwref.coding.bits import Bits
from eiwref.coding.deflate import inflate
from eiwref.coding.frequencies import Cumulative
from eiwref.errors import CodeError, PredictorError


def by_rank(cumulative: Cumulative) -> np.ndarray:
    """The symbols, the likeliest first; shape (K,).

    >>> by_rank([0, 1, 5, 7, 8]).tolist()  # counts 1, 4, 2, 1
    [1, 2, 0, 3]
    """
    return np.argsort(-np.diff(np.asarray(cumulative, dtype=np.int64)), kind="stable")


def ranks(predictor, symbols: Iterable[int]) -> bytes:
    """The rank of each symbol after those before it; raises `PredictorError` for symbols that have none."""
    found = bytearray()
    state = _start(predictor)
    for symbol in symbols:
        if not 0 <= symbol < predictor.symbols:
            raise PredictorError(f"symbol {symbol} is outside the alphabet of {predictor.symbols} symbols")
        found.append(int(np.flatnonzero(by_rank(predictor.cdf(state)) == symbol)[0]))
        state = predictor.advance(state, symbol)
    return bytes(found)


def from_ranks(predictor, found: bytes) -> list[int]:
    """The symbols of these ranks, the inverse of `ranks`; raises `CodeError` for a rank above the lowest."""
    symbols: list[int] = []
    state = _start(predictor)
    for rank in found:
        if rank >= predictor.symbols:
            raise CodeError(f"symbol {len(symbols) + 1} has rank {rank} among {predictor.symbols} symbols")
        symbol = int(by_rank(predictor.cdf(state))[rank])
        symbols.append(symbol)
        state = predictor.advance(state, symbol)
    return symbols


def encode(predictor, symbols: Iterable[int]) -> Bits:
    """The deflated ranks, at zlib's default level."""
    packed = zlib.compress(ranks(predictor, symbols))
    return Bits(packed, 8 * len(packed))


def decode(predictor, data: bytes, max_symbols: int | None = None) -> tuple[list[int], int]:
    """(symbols, length of their code in bits), from a code and whatever zero bytes pad it.

    Raises `CodeError` when no encoder could have written the code, or past `max_symbols` symbols; no more than
    these are inflated. Without that bound a byte of code may give some thousand symbols.
    """
    found, rest = inflate(data, zlib.MAX_WBITS, "zlib", max_symbols)
    if max_symbols is not None and len(found) > max_symbols:
        raise CodeError(f"the code goes on after the {max_symbols} symbols that were declared")
    if any(rest):
        raise CodeError(f"{len(rest)} bytes follow the end of the zlib stream")
    return from_ranks(predictor, found), 8 * (len(data) - len(rest))


def _start(predictor):
    """The state before the first symbol, once the predictor is seen to fit."""
    if predictor.symbols > 256:
        raise PredictorError(
            f"the predictor is of another alphabet: {predictor.symbols} symbols, expected at most 256, "
            "since each rank is a byte"
        )
    state = predictor.start()
    frequencies.check(predictor.cdf(state))
    return state
