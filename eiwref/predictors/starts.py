"""A predictor corrected by how text goes on from where windows begin.

An M1 is trained on text cut anywhere; windows begin where the last one had no room left, which is not anywhere.
And it has seen few beginnings: a text of its context's length has one. Counting them is cheap. So here stand all
the places of a large text where windows begin, each with the bytes that follow, in order; those that begin alike
are neighbours, and what comes next in them is counted (n of each symbol, N in all) and mixed with the predictor's
frequencies F out of 2^P:

    weight of a symbol = max(n - D, 0) 2^P + (PRIOR + D (symbols seen)) F     sum: (N + PRIOR) 2^P

with D = 3/4: absolute discounting, interpolated. All in integers. It is a teacher for `windows.likeliest`, too
large to be kept once the list is written. Not in the paper.
"""

from typing import NamedTuple

import numpy as np

from eiwref.coding import frequencies
from eiwref.errors import PredictorError
from eiwref.predictors.base import Predictor
from eiwref.predictors.store import digest

REACH = 24  # bytes that are looked at; beyond them the predictor's opinion stands
PRIOR = 200  # how many counts it is worth
FOURTHS = 4  # weights are counted in, so that three of them can be taken from a count


class _States(NamedTuple):
    inner: object  # of the predictor
    low: np.ndarray  # (n,) the neighbours that begin so: pieces low to high
    high: np.ndarray
    seen: int


class Starts(Predictor):
    """`pieces`: what follows each start, shape (N, REACH), uint8, rows in rising order; see `sorted_pieces`."""

    batched = True

    def __init__(self, inner: Predictor, pieces: np.ndarray):
        most = (1 << 63 - 2 * inner.precision) // FOURTHS - 256 - PRIOR  # or the sum of weights is too large
        if len(pieces) > most:
            raise PredictorError(
                f"at precision {inner.precision} at most {most:,} starts count, found {len(pieces):,}"
            )
        self._inner, self._columns = inner, np.ascontiguousarray(pieces.T)
        self.symbols, self.precision, self.limit = inner.symbols, inner.precision, inner.limit

    def start(self):
        return self.start_many(1)

    def cdf(self, state):
        return self.cdf_many(state)[0].tolist()

    def advance(self, state, symbol):
        return self.advance_many(state, np.zeros(1, dtype=np.int64), np.array([symbol]))

    def start_many(self, n):
        pieces = self._columns.shape[1]
        return _States(self._inner.start_many(n), np.zeros(n, dtype=np.int64), np.full(n, pieces), 0)

    def cdf_many(self, states):
        prior = np.diff(self._inner.cdf_many(states.inner))  # (n, K)
        counts = np.diff(self._edges(states, np.arange(self.symbols + 1)))
        seen = counts > 0
        weights = np.where(seen, FOURTHS * counts - 3, 0) << self.precision
        weights += (FOURTHS * PRIOR + 3 * seen.sum(axis=1, keepdims=True)) * prior
        return frequencies.from_weight_rows(weights, self.precision)

    def advance_many(self, states, which, symbols):
        some = states._replace(low=states.low[which], high=states.high[which])
        edges = np.array([self._edge(some, i, [c, c + 1]) for i, c in enumerate(symbols.tolist())])
        edges = edges.reshape(-1, 2)
        inner = self._inner.advance_many(states.inner, which, symbols)
        return _States(inner, edges[:, 0], edges[:, 1], states.seen + 1)

    def _edges(self, states, symbols) -> np.ndarray:
        """Where among the pieces those begin that go on with each symbol, shape (n, len(symbols))."""
        return np.array([self._edge(states, i, symbols) for i in range(len(states.low))])

    def _edge(self, states, i, symbols):
        if states.seen >= REACH:  # nothing is known
            return np.full(len(symbols), states.low[i])
        low, high = states.low[i], states.high[i]
        return low + np.searchsorted(self._columns[states.seen, low:high], symbols)

    def tensors(self):
        """What names it; no file holds one."""
        return {"kind": "starts", "inner": digest(self._inner)}, {"pieces": self._columns}

    def static(self):
        return self._inner.static()

    def _over(self, symbols):
        return Starts(self._inner.over(symbols), self._columns.T)


def sorted_pieces(text: bytes, starts: np.ndarray) -> np.ndarray:
    """The REACH bytes from each of `starts` on, in rising order; zeros come after the text."""
    padded = np.frombuffer(text + bytes(REACH), dtype=np.uint8)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, REACH)[starts]  # a copy
    words = pieces.view(">u8").astype(np.uint64)  # (N, REACH / 8), which are sorted faster than bytes
    return pieces[np.lexsort(words.T[::-1])]
