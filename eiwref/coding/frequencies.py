"""Integer cumulative frequencies: the one place where weights become what coders see.

A distribution over K symbols is K + 1 integers `0 = C[0] < C[1] < ... < C[K] = T`, T = 2^P. Symbol c
owns the slice [C[c], C[c+1]), so every symbol keeps a count of at least 1 and can always be coded.
P is the *precision* in bits; the paper uses 14 (section 3.3), we default to 16.
"""

from array import array
from collections.abc import Sequence

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
    rows = from_weight_rows(np.asarray(weights, dtype=np.int64)[None], precision)
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
