"""What every window scheme offers: text cut into windows of exactly W bits.

Paper, section 3.3 and Figure 2. A window takes as many symbols as W bits hold; coder and predictor start afresh
in the next one, so that the same W bits mean the same text wherever they stand. That is what M2 can learn.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from eiwref.coding.bits import bit_ranges
from eiwref.errors import PredictorError
from eiwref.predictors.base import BYTES, Predictor
from eiwref.predictors.limits import UniformAfter


class Window(NamedTuple):
    """`data[start:end]`, compressed to the W bits of `code`."""

    start: int
    end: int
    code: int


class Decoded(NamedTuple):
    """The text of a code; `valid` is false if no text has that code."""

    text: bytes
    valid: bool


class Scheme(ABC):
    """Windows of `window_bits` bits under a predictor over at most 256 symbols."""

    name: ClassVar[str]
    lossless: ClassVar[bool]

    def __init__(self, predictor: Predictor, window_bits: int):
        if predictor.symbols > BYTES:
            raise PredictorError(
                f"the predictor is of another alphabet: {predictor.symbols} symbols, "
                f"expected at most {BYTES} since windows need no end of text"
            )
        self.predictor = UniformAfter(predictor)
        self.window_bits = window_bits

    @abstractmethod
    def encode(self, data: bytes, start: int = 0) -> tuple[int, int]:
        """(end, code) of the window that begins at `start`; it holds at least one symbol."""

    @abstractmethod
    def decode(self, code: int) -> Decoded:
        """The text of a window, for every code from 0 to 2^W - 1."""

    @abstractmethod
    def narrow(self, text: bytes) -> Iterator[tuple[int, int]]:
        """After each symbol of a window's text: the (first, last) code that is still possible."""

    def segment(self, data: bytes) -> Iterator[Window]:
        """The windows of a text, end to end."""
        start = 0
        while start < len(data):
            end, code = self.encode(data, start)
            yield Window(start, end, code)
            start = end

    def bit_ranges(self, text: bytes) -> list[tuple[int, int]]:
        """The half-open range of code bits that each symbol of a window's text has a hand in (Figure 9)."""
        settled = [self.window_bits - (first ^ last).bit_length() for first, last in self.narrow(text)]
        return bit_ranges([*settled[:-1], self.window_bits])
