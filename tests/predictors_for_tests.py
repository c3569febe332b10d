"""Predictors of every temper: flat, Zipf-like, as skewed as the precision allows, and with memory."""

import hashlib

from hypothesis import strategies as st

from eiwref.coding import frequencies
from eiwref.predictors.base import Predictor
from eiwref.predictors.static import Unigram, uniform


def zipf(symbols, precision, limit=1024):
    return Unigram([1_000_000 // (rank + 1) for rank in range(symbols)], precision, limit)


def skewed(symbols, precision, favourite=0, limit=1024):
    """Every symbol has a count of 1 but one, which has all the rest."""
    return Unigram([int(symbol == favourite) for symbol in range(symbols)], precision, limit)


class Hashed(Predictor):
    """Another distribution after every text, drawn from a hash of its last symbols; most are steep."""

    def __init__(self, symbols, precision, limit=1024, memory=3, seed=0):
        self.symbols, self.precision, self.limit = symbols, precision, limit
        self.memory, self.seed = memory, seed
        self._seen = {}

    def start(self):
        return b""

    def advance(self, state, symbol):
        return (state + symbol.to_bytes(2, "big"))[-2 * self.memory :]

    def cdf(self, state):
        if state not in self._seen:
            noise = hashlib.shake_256(bytes([self.seed]) + state).digest(self.symbols)
            self._seen[state] = frequencies.from_weights([1 << (byte >> 4) for byte in noise], self.precision)
        return self._seen[state]

    def static(self):
        return uniform(self.symbols, self.precision, self.limit)

    def tensors(self):
        return {"kind": "hashed", "memory": str(self.memory), "seed": str(self.seed)}, {}

    def _over(self, symbols):
        return Hashed(symbols, self.precision, self.limit, self.memory, self.seed)


@st.composite
def predictors(draw, symbols=None, max_symbols=9, precisions=(8, 14, 16, 24), limits=(1, 2, 5, 1024)):
    """Any of them, over any small alphabet."""
    k = symbols or draw(st.integers(2, max_symbols))
    precision = draw(st.sampled_from([p for p in precisions if k <= 1 << p]))
    limit = draw(st.sampled_from(limits))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return uniform(k, precision, limit)
    if kind == 1:
        return zipf(k, precision, limit)
    if kind == 2:
        return skewed(k, precision, draw(st.integers(0, k - 1)), limit)
    return Hashed(k, precision, limit, seed=draw(st.integers(0, 255)))
