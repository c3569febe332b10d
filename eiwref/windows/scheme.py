"""What every window scheme offers: text cut into windows of exactly W bits.

Paper, section 3.3 and Figure 2. A window takes as many symbols as W bits hold; coder and predictor start afresh
in the next one, so that the same W bits mean the same text wherever they stand. That is what M2 can learn.

To see what it is good for, the paper (Appendix A.2, Table 9) also lets M1 go on: the coder starts afresh in
every window, the predictor only in every second one, or never. Then tokens hold more text, and what a code means
depends on all the text since M1's last start. `reset` says after how many windows that is.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator
from copy import copy
from operator import index
from typing import ClassVar, NamedTuple

from eiwref.coding.bits import bit_ranges
from eiwref.coding.frequencies import Cumulative, slice_of
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.base import BYTES, Predictor
from eiwref.predictors.limits import Restarting, UniformAfter


class Window(NamedTuple):
    """`data[start:end]`, compressed to the W bits of `code`."""

    start: int
    end: int
    code: int


class Decoded(NamedTuple):
    """The text of a code; `valid` is false if no text has that code."""

    text: bytes
    valid: bool


class Filled(NamedTuple):
    """A window of so many symbols; `full` if one more was looked at and did not fit."""

    symbols: int
    code: int
    full: bool


class Scheme(ABC):
    """Windows of `window_bits` bits.

    A `Scheme` stands before one window of a text, the first to begin with, and never changes; `after` gives the
    one that stands before the next.
    """

    name: ClassVar[str]
    lossless: ClassVar[bool]
    window_bits: int
    reset: int | None = 1

    @abstractmethod
    def encode(self, data: bytes, start: int = 0) -> tuple[int, int]:
        """(end, code) of the window that begins at `start`; it holds at least one symbol."""

    @abstractmethod
    def decode(self, code: int) -> Decoded:
        """The text of a window, for every code from 0 to 2^W - 1."""

    @abstractmethod
    def narrow(self, text: bytes) -> Iterator[tuple[int, int]]:
        """After each symbol of a window's text: the (first, last) code that is still possible."""

    def check(self, code: int) -> int:
        """The code as Python's integer, which never overflows; raises `CodeError` unless it has W bits."""
        if not 0 <= code < 1 << self.window_bits:
            raise CodeError(f"code {code} does not fit windows of {self.window_bits} bits")
        return index(code)

    def segment(self, data: bytes) -> Iterator[Window]:
        """The windows of a text, end to end."""
        scheme, start = self, 0
        while start < len(data):
            end, code = scheme.encode(data, start)
            yield Window(start, end, code)
            scheme, start = scheme.after(data[start:end]), end

    def texts(self, codes: Iterable[int]) -> Iterator[Decoded]:
        """The texts of the codes of windows end to end; the inverse of `segment`.

        Where the predictor goes on, one that is not what was encoded (greedy, damage) spoils the others up to
        the next reset.
        """
        scheme = self
        for code in codes:
            window = scheme.decode(code)
            yield window
            scheme = scheme.after(window.text)

    def after(self, text: bytes) -> "Scheme":
        """This scheme before the window that follows one of `text`: the same where all windows start afresh."""
        return self

    def bit_ranges(self, text: bytes) -> list[tuple[int, int]]:
        """The half-open range of code bits that each symbol of a window's text has a hand in (Figure 9)."""
        settled = [self.window_bits - (first ^ last).bit_length() for first, last in self.narrow(text)]
        return bit_ranges([*settled[:-1], self.window_bits])


class Coded(Scheme):
    """Windows that are coded symbol by symbol under a predictor over at most 256 symbols.

    The predictor starts afresh with every `reset` windows, None for never. What a scheme does is written once, in
    `fill` and `descend`, which are told what the predictor says: here for one window, in `lockstep` for many.
    """

    def __init__(self, predictor: Predictor, window_bits: int, reset: int | None = 1):
        if predictor.symbols > BYTES:
            raise PredictorError(
                f"the predictor is of another alphabet: {predictor.symbols} symbols, "
                f"expected at most {BYTES} since windows need no end of text"
            )
        if reset is not None and reset < 1:
            raise PredictorError(f"the predictor must go on for at least 1 window before its reset, found {reset}")
        # See `limits` for what the limit means to a predictor that goes on.
        self.stream = Restarting(predictor)
        self.predictor = UniformAfter(predictor if reset == 1 else self.stream)
        self.window_bits = window_bits
        self.reset = reset
        self._first = self
        self._place = 0  # windows since the predictor started

    @abstractmethod
    def fill(self, symbol: int, slices: Iterator[tuple[int, int]]) -> Filled:
        """The window that begins with `symbol`; `slices`: the (low, high) of each symbol, that one's first."""

    @abstractmethod
    def descend(self, code: int) -> Generator[int | None, Cumulative, Decoded]:
        """Towards the text of a code: sent the distribution after what it has found, yields the next symbol.

        First of all it yields None. It returns at once where it needs no more.
        """

    def encode(self, data, start=0):
        symbols, code, _ = self.fill(data[start], self._slices(data, start))
        return start + symbols, code

    def decode(self, code):
        code, predictor = self.check(code), self.predictor
        state, walk = predictor.start(), self.descend(code)
        next(walk)
        try:
            while True:
                symbol = walk.send(predictor.cdf(state))
                state = predictor.advance(state, symbol)
        except StopIteration as end:
            return end.value

    def after(self, text: bytes) -> "Coded":
        """As in `Scheme`. A predictor that goes on walks over `text` once more: `encode` hands out no states."""
        if self._place + 1 == self.reset:
            return self._first
        following = copy(self)
        following.predictor = self.predictor.after(text)
        following._place += 1
        return following

    def _slices(self, data: bytes, start: int) -> Iterator[tuple[int, int]]:
        """The predictor is asked only for what is looked at."""
        predictor = self.predictor
        state = predictor.start()
        for position in range(start, len(data)):
            if position > start:
                state = predictor.advance(state, data[position - 1])
            low, high, _ = slice_of(predictor.cdf(state), data[position])
            yield low, high
