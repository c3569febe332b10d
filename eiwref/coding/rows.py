"""Slices of symbols in the distributions that a network gives: float probabilities, thousands of rows at a time.

Not in the paper. `frequencies` makes all the frequencies of a distribution; to code one symbol takes two of them,
where its slice begins and ends, and to make no others is faster. To encode, sum what stands before the symbol, and
the rest; to decode, sum blocks of 16 symbols, find the block, and then the symbol in it.

Shape letters: n rows, K symbols, B = ceil(K / 16) blocks.
"""

import numpy as np

from eiwref.coding.frequencies import PRECISION, check_precision, from_weight_rows
from eiwref.errors import CodeError, PredictorError

ONE = np.float32(1)
ONE_BITS = ONE.view(np.uint32)
UNIT = 1 << 23  # the weight of probability 1
MAX_TOTAL = 2 * UNIT  # of the weights of a row: float32 holds every integer up to here
MAX_SYMBOLS = 511  # so many weights of UNIT have a sum in 32 bits
BLOCK = 16
SLAB = 1024  # rows worked on at once: each pass over them finds in the cache what the pass before it left there


def weights(rows: np.ndarray) -> np.ndarray:
    """The weight p * 2^23 of every float32 probability p, rounded to nearest (ties to even): (n, K) uint32.

    >>> weights(np.array([[0.75, 0.25, 1e-9]], dtype=np.float32)).tolist()
    [[6291456, 2097152, 0]]
    """
    return _raised(rows) - ONE_BITS


def _raised(rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`weights`, each larger by ONE_BITS; `out` is a float32 array to work in.

    From 1 to 2 the float32 are just the multiples of 2^-23. So p + 1 is rounded by the addition, and its bits,
    read as an integer, are those of 1 plus the weight.
    """
    # Read as integers, floats from 0 on stand in the order of their values; above them all stands what has a sign
    # or is no number. One pass so clears all rows but those with a -0.0 in them, which get a second look.
    if rows.view(np.uint32).max(initial=0) > ONE_BITS and not (rows.min() >= 0 and rows.max() <= 1):
        raise PredictorError("a distribution holds something that is no probability from 0 to 1")
    return np.add(rows, ONE, out=out).view(np.uint32)


class Rows:
    """The slices `frequencies.from_weights` gives to rows of probabilities, float32 of shape (n, K).

    A row must sum to 2 at most. All sums are exact then, in integers and in float32 alike: in whatever order a
    library adds, a row gets the same slices in any company and on any machine. Room to work in is kept: one `Rows`
    a thread.
    """

    def __init__(self, symbols: int, precision: int = PRECISION):
        check_precision(precision, symbols)
        if symbols > MAX_SYMBOLS:
            raise PredictorError(f"an alphabet of {symbols} symbols is too large, expected at most {MAX_SYMBOLS}")
        self.symbols, self.precision = symbols, precision
        self._spare = (1 << precision) - symbols
        self._blocks = -(-symbols // BLOCK)
        self._buffer = np.empty(SLAB * self._blocks * BLOCK, dtype=np.float32)
        self._edges = (
            np.arange(0, SLAB * symbols, symbols).repeat(2).reshape(-1, 2)
        )  # where rows begin, and symbols

    def slices(self, rows: np.ndarray, symbols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(C[c], C[c+1]) of one symbol c in each row, two of shape (n,), int64."""
        n = len(symbols)
        self._check_rows(rows, n)
        if symbols.min(initial=0) < 0 or symbols.max(initial=0) >= self.symbols:
            raise CodeError(
                f"symbols must be from 0 to {self.symbols - 1}, found {symbols.min()} to {symbols.max()}"
            )
        sums = np.empty((n, 2), dtype=np.uint32)  # of the raised weights before the symbol, and of the others
        weight = np.empty(n, dtype=np.uint32)
        for begin in range(0, n, SLAB):
            at = slice(begin, begin + SLAB)
            slab = rows[at]
            flat = _raised(slab, out=self._buffer[: slab.size].reshape(slab.shape)).reshape(-1)
            edges = self._edges[: len(slab)]
            where = np.add(edges[:, 0], symbols[at], out=edges[:, 1])
            np.add.reduceat(flat, edges.reshape(-1), out=sums[at].reshape(-1))
            weight[at] = flat[where]
        sums[:, 0] *= symbols > 0  # of no terms reduceat does not give 0
        # Sums went round at 2^32, and go round again as what their terms were raised by is taken off at one go.
        before = sums[:, 0] - symbols.astype(np.uint32) * ONE_BITS
        total = sums[:, 0] + sums[:, 1] - np.uint32(self.symbols * int(ONE_BITS) % 2**32)
        weight -= ONE_BITS
        _check_totals(total)
        return self._ends(symbols, before, weight, total)

    def find(self, rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(c, C[c], C[c+1]) of the symbol c whose slice holds each row's target, three of shape (n,), int64.

        Rows that no `slices` would take are not all refused: nothing was ever encoded by them.
        """
        n = len(targets)
        self._check_rows(rows, n)
        blocks = np.pad(rows, ((0, 0), (0, -self.symbols % BLOCK))) if self.symbols % BLOCK else rows
        blocks = blocks.reshape(-1, BLOCK)
        sums = np.empty(len(blocks), dtype=np.float32)  # of the weights in a block, over UNIT
        for begin in range(0, len(blocks), SLAB * self._blocks):
            at = slice(begin, begin + SLAB * self._blocks)
            slab = blocks[at]
            np.dot(
                _rounded(slab, self._buffer[: slab.size].reshape(slab.shape)), np.ones(BLOCK, np.float32), sums[at]
            )
        sums = sums.reshape(n, -1)  # (n, B)
        total = sums @ np.ones(self._blocks, dtype=np.float32)
        _check_totals(total * UNIT)
        if not self._spare:  # every symbol has a count of 1
            return targets, targets, targets + 1
        # C[c] <= target  <=>  sum before c + c * step < (target + 1) * step, with step = total / spare. In floats
        # that gives a guess, first of the block and then of the symbol in it.
        step = total / np.float32(self._spare)
        level = (targets + 1).astype(np.float32) * step
        block, in_front = _last_below(level, sums, step * BLOCK)
        inside = blocks.take(np.arange(n) * self._blocks + block, axis=0)
        inside = _rounded(inside, inside)  # (n, 16)
        level -= in_front + step * (block * BLOCK).astype(np.float32)
        place, more = _last_below(level, inside, step)
        symbols = block * BLOCK + place
        weight = inside.take(np.arange(n) * BLOCK + place)
        starts, ends = self._ends(symbols, (in_front + more) * UNIT, weight * UNIT, total * UNIT)
        # The guess may be off where the two sides are all but equal. Integers judge it, and do such rows in full.
        wrong = np.flatnonzero((starts > targets) | (targets >= ends))
        if len(wrong):
            cumulative = from_weight_rows(weights(rows[wrong]).astype(np.int64), self.precision)
            symbols[wrong] = np.count_nonzero(cumulative <= targets[wrong, None], axis=1) - 1
            starts[wrong], ends[wrong] = (
                cumulative[np.arange(len(wrong)), symbols[wrong] + above] for above in (0, 1)
            )
        return symbols, starts, ends

    def _check_rows(self, rows: np.ndarray, n: int) -> None:
        if rows.shape != (n, self.symbols) or rows.dtype != np.float32:
            expected = f"expected probabilities of shape ({n}, {self.symbols}) in float32"
            raise PredictorError(f"{expected}, found shape {rows.shape} in {rows.dtype}")

    def _ends(self, symbols, before, weight, total) -> tuple[np.ndarray, np.ndarray]:
        """C[c] = c + floor(before * spare / total), and C[c+1]."""
        sides = np.empty((2, len(symbols)))
        sides[0] = before
        sides[1] = sides[0] + weight
        # float64 divides faster than int64 and loses nothing: products are below 2^48, a quotient that is no
        # integer is 1 / total >= 2^-24 or more below the next one, and floats up to 2^24 lie 2^-29 or less apart.
        sides *= self._spare
        sides /= total
        starts, ends = sides.astype(np.int64) + symbols
        return starts, ends + 1


def _rounded(rows: np.ndarray, out: np.ndarray) -> np.ndarray:
    """`weights` / UNIT in float32, unchecked."""
    return np.subtract(np.add(rows, ONE, out=out), ONE, out=out)


def _check_totals(totals: np.ndarray) -> None:
    if not (totals.min(initial=1) >= 1 and totals.max(initial=1) <= MAX_TOTAL):
        raise PredictorError("the probabilities of a distribution must sum to more than 0 and at most 2")


def _last_below(level: np.ndarray, terms: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the last column c of each row with before[c] + c * step < level, or 0; before[c], the sum of terms[:c])"""
    n, columns = terms.shape
    before = np.tri(columns, k=-1, dtype=np.float32) @ terms.T  # (columns, n): rows of n are quick to work on
    sides = np.arange(1, columns, dtype=np.float32)[:, None] * step
    sides += before[1:]
    column = np.add.reduce((sides < level).view(np.uint8), axis=0, dtype=np.uint8).astype(np.int64)
    return column, before.take(column * n + np.arange(n))
