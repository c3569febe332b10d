"""Arithmetic coding as defined, with big integers and no rounding anywhere.

Paper, section 2.1 and Figure 1. A text is an interval inside [0, 1): start with all of it and let each
symbol keep the slice [C[c] / T, C[c+1] / T) of what is left. The code is the shortest bit string b
whose *dyadic interval* [b / 2^n, (b + 1) / 2^n) lies inside; whatever bits follow it, a decoder
still lands in the text's interval. Rational numbers are kept as integers over 2^scale, and scale grows
by P bits a symbol: exact, and therefore quadratic in the length of the text. `finite` is the
linear-time coder for long texts; this one is the specification.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative
from eiwref.errors import CodeError


class Interval(NamedTuple):
    """The half-open interval [low, low + width) / 2^scale inside [0, 1)."""

    low: int = 0
    width: int = 1
    scale: int = 0

    def split(self, cumulative: Cumulative, symbol: int) -> "Interval":
        """The slice that belongs to `symbol`."""
        low, width, scale = self
        precision = cumulative[-1].bit_length() - 1
        start, end = cumulative[symbol], cumulative[symbol + 1]
        # Invariant: the slices of all symbols tile the interval, so no two texts ever overlap.
        return Interval((low << precision) + width * start, width * (end - start), scale + precision)

    def dyadic(self, length: int) -> int | None:
        """The lowest b with [b, b + 1) / 2^length inside the interval, or None if there is none."""
        low, width, scale = self
        if length >= scale:
            return low << (length - scale)
        drop = scale - length
        first = -((-low) >> drop)
        return first if (first + 1) << drop <= low + width else None

    def shortest_code(self) -> tuple[int, int]:
        """(b, n): the lowest of the shortest dyadic intervals inside this one.

        >>> Interval(low=3, width=4, scale=3).shortest_code()  # [3/8, 7/8) holds [2/4, 3/4): '10'
        (2, 2)
        """
        # A dyadic interval of 2^-n fits only if 2^-n <= width / 2^scale, and surely fits one bit later.
        length = self.scale - self.width.bit_length() + 1
        while (code := self.dyadic(length)) is None:
            length += 1
        return code, length


class Encoder:
    """Encode one symbol at a time; `interval` is the text so far."""

    def __init__(self):
        self.interval = Interval()

    def encode(self, cumulative: Cumulative, symbol: int) -> None:
        self.interval = self.interval.split(cumulative, symbol)

    def finish(self) -> Bits:
        """The shortest code of the text: at most ideal + 2 bits, ideal = -log2(width)."""
        return Bits.from_int(*self.interval.shortest_code())


class Decoder:
    """Decode one symbol at a time from a code and whatever zero bits pad it."""

    def __init__(self, data: bytes):
        self._code = int.from_bytes(data, "big")
        self._bits = 8 * len(data)
        self._interval = Interval()
        # The code's place inside the interval, over the denominator 2^(scale + bits); always in
        # [0, width * 2^bits).
        self._place = self._code
        self._symbols = 0

    def decode(self, cumulative: Cumulative) -> int:
        """The next symbol; the caller knows from it whether the text goes on."""
        total = cumulative[-1]
        width = self._interval.width << self._bits
        # C[c] <= place * T / width  <=>  C[c] <= floor(place * T / width)
        symbol = bisect_right(cumulative, self._place * total // width) - 1
        self._place = self._place * total - width * cumulative[symbol]
        self._interval = self._interval.split(cumulative, symbol)
        self._symbols += 1
        # A code of this text has at least scale - bit_length(width) + 1 bits.
        if self._interval.scale - self._interval.width.bit_length() >= self._bits:
            raise CodeError(f"the code ends after {self._bits} bits, inside symbol {self._symbols}")
        return symbol

    def finish(self) -> int:
        """The code's length in bits; raises `CodeError` unless it is the code the encoder would emit."""
        code, length = self._interval.shortest_code()
        if length > self._bits or self._code >> (self._bits - length) != code:
            raise CodeError(f"the code is not the shortest one of its {self._symbols} symbols")
        return length


@dataclass(frozen=True)
class Step:
    """One step of coding, as a student would write it down."""

    symbol: int
    slice: tuple[int, int, int]  # (C[c], C[c+1], T)
    interval: Interval  # what is left after the step


def trace(predictor, symbols) -> Iterator[Step]:
    """Every step of coding `symbols` under `predictor`, the intervals exact."""
    interval, state = Interval(), predictor.start()
    for symbol in symbols:
        cumulative = predictor.cdf(state)
        interval = interval.split(cumulative, symbol)
        yield Step(symbol, (cumulative[symbol], cumulative[symbol + 1], cumulative[-1]), interval)
        state = predictor.advance(state, symbol)
