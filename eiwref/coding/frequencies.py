"""Integer cumulative frequencies: the one place where weights become what coders see.

A distribution over K symbols is K + 1 integers `0 = C[0] < C[1] < ... < C[K] = T`, T = 2^P. Symbol c
owns the slice [C[c], C[c+1]), so every symbol keeps a count of at least 1 and can always be coded.
P is the *precision* in bits; the paper uses 14 (section 3.3), we default to 16.
"""

from array import array
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from eiwref.errors import PredictorError

PRECISION = 16
MAX_PRECISION = 24  # what the 32-bit range coder of `finite` can still split

Cumulative = Sequence[int]


def check_precision(precision: int, symbols: int) -> None:
    """Raise `PredictorError` unless 2^precision can give each of `symbols` symbols a count of 1."""
    if not 1 <= precision <= MAX_PRECISION:
        raise PredictorError(f"precision is {precision} bits, expected 1 to {MAX_PRECISION}")
    if symbols < 2 or symbols > 1 << precision:
        raise PredictorError(
            f"an alphabet of {symbols} symbols does not fit precision {precision}, "
            f"expected 2 to {1 << precision} symbols"
        )


def from_weights(weights, precision: int = PRECISION) -> array:
    """Cumulative frequencies in proportion to non-negative integer `weights` of shape (K,).

    Each symbol first gets a count of 1; the other T - K counts are shared by rounding the *cumulative*
    weight down, which keeps the total exact and the counts within 1 of their share. Integers alone
    decide, so every machine agrees.

    >>> list(from_weights([2, 1, 1], precision=4))
    [0, 7, 11, 16]
    """
    weights = np.asarray(weights)
    if weights.ndim != 1 or weights.dtype.kind not in "iu":
        raise PredictorError(f"weights must be a list of integers below 2^63, found {weights.dtype}")
    rows = from_weight_rows(weights.astype(np.int64)[None], precision)
    # Plain Python integers come out of an array("I"), so that no fixed-width sum can overflow later.
    return array("I", rows[0].astype(np.uint32).tobytes())


def from_weight_rows(weights: np.ndarray, precision: int = PRECISION) -> np.ndarray:
    """`from_weights` of each row of (n, K) int64 weights, shape (n, K + 1), int64."""
    n, symbols = weights.shape
    check_precision(precision, symbols)
    most = 1 << (63 - precision)
    if weights.min(initial=0) < 0 or weights.max(initial=0) >= most:
        raise PredictorError(f"weights must be from 0 to {most - 1}, found {weights.min()} to {weights.max()}")
    # No sum can overflow: there are at most 2^precision weights.
    cumulative = np.zeros((n, symbols + 1), dtype=np.int64)
    np.cumsum(weights, axis=1, out=cumulative[:, 1:])
    totals = cumulative[:, -1:].copy()
    spare = (1 << precision) - symbols
    wrong = (totals <= 0) | (totals >= most)
    if wrong.any():
        raise PredictorError(f"the sum of weights must be from 1 to {most - 1}, found {totals[wrong][0]}")
    cumulative *= spare
    cumulative //= totals
    cumulative += np.arange(symbols + 1)
    return cumulative


def uniform(symbols: int, precision: int = PRECISION) -> array:
    """Cumulative frequencies that differ by at most 1.

    >>> list(uniform(3, precision=3))
    [0, 2, 5, 8]
    """
    return from_weights(np.ones(symbols, dtype=np.int64), precision)


def check(cumulative: Cumulative) -> None:
    """Raise `PredictorError` unless these are K + 1 cumulative frequencies as above.

    It looks at all of them, which takes longer than coding a symbol does. So `stream` has the first distribution
    of a text checked and Huffman its only one; coders look at the slices they use (`slice_of`).
    """
    # A fixed-width integer, NumPy's say, would overflow without a word in the products of coders.
    strange = next((c for c in cumulative if type(c) is not int), None)
    if strange is not None:
        raise PredictorError(f"cumulative frequencies must be Python integers, found {type(strange).__name__}")
    total = cumulative[-1] if len(cumulative) else 0
    if total < 2 or total & (total - 1):
        raise PredictorError(f"cumulative frequencies end at {total}, expected a power of two")
    check_precision(total.bit_length() - 1, len(cumulative) - 1)
    if cumulative[0] != 0:
        raise PredictorError(f"cumulative frequencies begin at {cumulative[0]}, expected 0")
    for symbol in range(len(cumulative) - 1):
        count = cumulative[symbol + 1] - cumulative[symbol]
        if count < 1:
            raise PredictorError(f"symbol {symbol} has a count of {count}, expected at least 1")


def slice_of(cumulative: Cumulative, symbol: int) -> tuple[int, int, int]:
    """(C[c], C[c+1], P): what a coder asks of a distribution; raises `PredictorError` as `refuse` does."""
    try:
        start, end = cumulative[symbol], cumulative[symbol + 1]
    except IndexError:
        refuse(cumulative, symbol)
    if symbol < 0 or start >= end:
        refuse(cumulative, symbol)
    return start, end, cumulative[-1].bit_length() - 1


def refuse(cumulative: Cumulative, symbol: int) -> NoReturn:
    """Raise `PredictorError`: no such symbol, or one without a slice, which would keep a coder busy for ever."""
    symbols = len(cumulative) - 1
    if not 0 <= symbol < symbols:
        raise PredictorError(f"symbol {symbol} is outside the alphabet of {symbols} symbols")
    count = cumulative[symbol + 1] - cumulative[symbol]
    raise PredictorError(
        f"symbol {symbol} has a count of {count} out of {cumulative[-1]}, expected at least 1 "
        f"out of 2^{MAX_PRECISION} at most"
    )
