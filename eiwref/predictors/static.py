"""Predictors without context: every byte alike, or each by its share of the training text.

Paper, section 3.3 ("StaticAC"): arithmetic coding with the byte unigram distribution of the training
set, to see whether it is the coder or M1 that M2 cannot follow.
"""

from collections.abc import Iterable

import numpy as np

from eiwref.backend import to_numpy
from eiwref.coding import frequencies
from eiwref.errors import PredictorError
from eiwref.predictors.base import BYTES, BYTES_AND_END, LIMIT, Predictor


class Unigram(Predictor):
    """One distribution for every position, in proportion to integer `counts` of shape (symbols,).

    >>> list(Unigram([5, 2, 1], precision=4).cdf(None))
    [0, 9, 13, 16]
    """

    def __init__(self, counts, precision: int = frequencies.PRECISION, limit: int = LIMIT):
        self.counts = np.asarray(counts, dtype=np.int64)
        self.symbols = len(self.counts)
        self.precision = precision
        self.limit = limit
        self._cumulative = frequencies.from_weights(self.counts, precision)

    @classmethod
    def fit(cls, documents: Iterable[bytes], precision: int = frequencies.PRECISION, xp=np) -> "Unigram":
        """Byte counts, and one end of text a document. `xp` is the array module that counts."""
        frequencies.check_precision(precision, BYTES_AND_END)
        counts = np.zeros(BYTES_AND_END, dtype=np.int64)
        for document in documents:
            counts[:-1] += to_numpy(xp.bincount(xp.frombuffer(document, dtype=xp.uint8), minlength=BYTES))
            counts[-1] += 1
        if not counts[:-1].any():
            raise PredictorError("there is no text to count")
        return cls(counts, precision)

    def start(self):
        return None

    def cdf(self, state):
        return self._cumulative

    def advance(self, state, symbol):
        return None

    def tensors(self):
        return {"kind": "unigram"}, {"counts": self.counts}

    def static(self):
        return self

    def _over(self, symbols):
        return Unigram(self.counts[:symbols], self.precision, self.limit)


def uniform(symbols: int = BYTES_AND_END, precision: int = frequencies.PRECISION, limit: int = LIMIT) -> Unigram:
    """Every symbol alike: a unigram whose counts are all 1."""
    return Unigram(np.ones(symbols, dtype=np.int64), precision, limit)
