"""What to do once a predictor has seen as much as it can: two rules, each used like a predictor.

A transformer sees so many symbols and no more. Rather than let each coder find its own way out, the rule is
part of the format, and stands here once.
"""

from eiwref.coding import frequencies
from eiwref.predictors.base import Predictor


class _Counting:
    """A predictor whose state is (state of the one inside, symbols since its start)."""

    def __init__(self, predictor: Predictor):
        self.inner = predictor
        self.symbols = predictor.symbols
        self.precision = predictor.precision
        self.limit = predictor.limit

    def start(self):
        return self.inner.start(), 0


class UniformAfter(_Counting):
    """Windows: from the limit on, every symbol is as likely as any other, so that windows soon end.

    Without it a predictor that is nearly certain would lose about one cell a step and run past its
    context before the window is full. Cutting the window at the limit instead leaves duplicate codes.
    """

    def __init__(self, predictor: Predictor):
        super().__init__(predictor)
        self._uniform = frequencies.uniform(predictor.symbols, predictor.precision)

    def cdf(self, state):
        inner, seen = state
        return self.inner.cdf(inner) if seen < self.limit else self._uniform

    def advance(self, state, symbol):
        inner, seen = state
        return (self.inner.advance(inner, symbol) if seen + 1 < self.limit else None), seen + 1


class Restarting(_Counting):
    """Streams: after every `limit` symbols the predictor starts afresh, having forgotten the text."""

    def cdf(self, state):
        return self.inner.cdf(state[0])

    def advance(self, state, symbol):
        inner, seen = state
        if seen + 1 == self.limit:
            return self.start()
        return self.inner.advance(inner, symbol), seen + 1
