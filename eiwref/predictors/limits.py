"""What to do once a predictor has seen as much as it can: two rules, each used like a predictor.

A transformer sees so many symbols and no more. Rather than let each coder find its own way out, the rule is
part of the format, and stands here once.

Where a predictor goes on from window to window (`reset` in `windows.scheme`) both rules hold, each by its own
count. Symbols since the predictor started: after every `limit` of them it restarts, inside a window if need be, as
in a stream; where windows were cut does not matter. Symbols since the window began: from the limit on they are
coded as uniform, so that windows end as soon as they ever did. In windows that all start afresh the two counts
are one, and the first rule never comes into play.
"""

from copy import copy

import numpy as np

from eiwref.coding import frequencies
from eiwref.predictors.base import Predictor

LANES = 256  # stretches of text that a batched predictor follows at once


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
        self.uniform = frequencies.uniform(predictor.symbols, predictor.precision)

    def cdf(self, state):
        inner, seen = state
        return self.inner.cdf(inner) if seen < self.limit else self.uniform

    def advance(self, state, symbol):
        inner, seen = state
        return (self.inner.advance(inner, symbol) if seen + 1 < self.limit else None), seen + 1

    def after(self, text: bytes) -> "UniformAfter":
        """In the window that follows one of `text`: counting from 0 again, over what is inside as it goes on."""
        following = copy(self)
        following.inner = self.inner.after(text)
        return following

    def start_many(self, n):
        return self.inner.start_many(n), n, 0

    def cdf_many(self, states):
        inner, n, seen = states
        return self.inner.cdf_many(inner) if seen < self.limit else np.tile(self.uniform, (n, 1)).astype(np.int64)

    def advance_many(self, states, which, symbols):
        inner, _, seen = states
        inner = self.inner.advance_many(inner, which, symbols) if seen + 1 < self.limit else None
        return inner, len(which), seen + 1


class Restarting(_Counting):
    """Streams: after every `limit` symbols the predictor starts afresh, having forgotten the text."""

    _here = None  # where `after` has come to

    def start(self):
        return self._here or super().start()

    def after(self, text: bytes) -> "Restarting":
        """This one as it goes on after `text`: its start is the state there."""
        state = self.start()
        for symbol in text:
            state = self.advance(state, symbol)
        following = copy(self)
        following._here = state
        return following

    def cdf(self, state):
        return self.inner.cdf(state[0])

    def advance(self, state, symbol):
        inner, seen = state
        if seen + 1 == self.limit:
            return super().start()
        return self.inner.advance(inner, symbol), seen + 1

    def slices(self, texts: list[np.ndarray], bar=iter) -> list[np.ndarray]:
        """For each text of symbols the (low, high) of each in its distribution, shape (n, 2), int64.

        What comes after a restart does not depend on what came before, so that of texts already known all
        stretches between restarts are followed side by side.
        """
        found = [np.empty((len(text), 2), dtype=np.int64) for text in texts]
        stretches = [
            (text[at : at + self.limit], out[at : at + self.limit])
            for text, out in zip(texts, found, strict=True)
            for at in range(0, len(text), self.limit)
        ]
        stretches.sort(key=lambda stretch: -len(stretch[0]))
        for at in bar(range(0, len(stretches), LANES)):
            self._follow(stretches[at : at + LANES])
        return found

    def _follow(self, stretches: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Fill in stretches of one batch, the longest first: those still running are always the first few."""
        lengths = np.array([len(text) for text, _ in stretches])
        symbols = np.zeros((len(stretches), lengths[0]), dtype=np.int64)
        for lane, (text, _) in enumerate(stretches):
            symbols[lane, : len(text)] = text
        slices = self.inner.slices_along(symbols, lengths)
        for lane, (text, out) in enumerate(stretches):
            out[:] = slices[lane, : len(text)]
