"""What every predictor offers: the next symbol's distribution, as exact integers.

Paper, section 2.2: M1 is whatever gives p(next byte | bytes so far). Coders and windows see only this
interface, so that each predictor works with each of them.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from eiwref.coding.frequencies import Cumulative
from eiwref.errors import PredictorError

BYTES = 256  # the alphabet of windows, which end by themselves
BYTES_AND_END = 257  # the alphabet of streams: bytes and an end-of-text symbol

LIMIT = 1024  # the paper's context length of M1
MAX_LIMIT = 1 << 14  # of a file: windows take time quadratic in it, where a symbol costs next to nothing


class Predictor(ABC):
    """Next-symbol distributions over an alphabet of `symbols` symbols.

    `precision`: distributions are integers out of 2^precision. `limit`: how many symbols in a row it
    predicts from its start. What happens then is for its user to say: windows go uniform, streams restart
    (`predictors.limits`).
    """

    symbols: int
    precision: int
    limit: int = LIMIT

    @abstractmethod
    def start(self):
        """The state before the first symbol."""

    @abstractmethod
    def cdf(self, state) -> Cumulative:
        """Cumulative frequencies, symbols + 1 integers rising strictly from 0 to 2^precision."""

    @abstractmethod
    def advance(self, state, symbol: int):
        """A new state after `symbol`; the old one stays valid."""

    # Many states at once; `batched` predictors share work among them. All states of a batch are equally many
    # symbols past their start. Which distribution a state has must not depend on its company.

    batched: ClassVar[bool] = False

    def start_many(self, n: int):
        """`n` states before the first symbol."""
        return [self.start()] * n

    def cdf_many(self, states) -> np.ndarray:
        """The cumulative frequencies of each state, shape (n, symbols + 1), int64."""
        return np.array([self.cdf(state) for state in states], dtype=np.int64).reshape(-1, self.symbols + 1)

    def advance_many(self, states, which: np.ndarray, symbols: np.ndarray):
        """New states: for each i, number which[i] of `states` after symbols[i]. One may occur often or never."""
        return [self.advance(states[i], c) for i, c in zip(which.tolist(), symbols.tolist(), strict=True)]

    def slices_along(self, symbols: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The (low, high) of each symbol of texts (n, T) in its distribution, shape (n, T, 2), int64.

        Texts have these `lengths`, none above `limit`, the longest first; what lies beyond is padding, and its
        slices mean nothing.
        """
        slices = np.zeros((*symbols.shape, 2), dtype=np.int64)
        states = self.start_many(len(symbols))
        for place in range(symbols.shape[1]):
            running = np.arange(np.count_nonzero(lengths > place))
            if place:
                states = self.advance_many(states, running, symbols[running, place - 1])
            cumulative = self.cdf_many(states)
            wanted = symbols[running, place]
            slices[running, place, 0] = cumulative[running, wanted]
            slices[running, place, 1] = cumulative[running, wanted + 1]
        return slices

    @abstractmethod
    def tensors(self) -> tuple[dict[str, str], dict]:
        """(settings, arrays) that make this predictor again, see `predictors.store`."""

    @abstractmethod
    def static(self) -> "Predictor":
        """The predictor without context that the same text gives; what StaticAC codes with."""

    @abstractmethod
    def _over(self, symbols: int) -> "Predictor":
        """The same predictor without the symbols from `symbols` on."""

    def over(self, symbols: int) -> "Predictor":
        """This predictor restricted to the first `symbols` symbols of its alphabet.

        One fitted predictor so serves windows (256 symbols) and streams (257), and keeps the distributions it
        has worked out for each.
        """
        if symbols == self.symbols:
            return self
        if symbols > self.symbols:
            raise PredictorError(
                f"the predictor is of another alphabet: {self.symbols} symbols, expected at least {symbols}"
            )
        restricted = self.__dict__.setdefault("_restricted", {})
        if symbols not in restricted:
            restricted[symbols] = self._over(symbols)
        return restricted[symbols]
