"""Arithmetic coding as defined, with big integers and no rounding anywhere.

Paper, section 2.1 and Figure 1. The encoder narrows an `Interval` and writes the shortest code inside it; the
decoder narrows it again by the symbols it finds the code in. The scale grows by P bits a symbol, so that one
symbol after another would be quadratic in the length of the text. Intervals may be joined in any grouping,
however: joining like with like leaves few products of large integers, and `digits` does as much for the decoder.
`finite` is the linear-time coder; this one is the specification.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import index

from eiwref.coding import digits
from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative
from eiwref.coding.interval import Interval
from eiwref.errors import CodeError


class Encoder:
    """Encode one symbol at a time; `interval` is the text so far."""

    def __init__(self):
        # The intervals of the text's runs of symbols, each of larger scale than the next, as the ones of a
        # binary counter: a slice of scale P is joined to log2(n) others on its way into the whole.
        self._runs: list[Interval] = []

    def encode(self, cumulative: Cumulative, symbol: int) -> None:
        """The next symbol, of the alphabet whose cumulative frequencies these are; raises `PredictorError`."""
        run = Interval().split(cumulative, symbol)
        while self._runs and self._runs[-1].scale <= run.scale:
            run = self._runs.pop().then(run)
        self._runs.append(run)

    @property
    def interval(self) -> Interval:
        whole = Interval()
        for run in reversed(self._runs):
            whole = run.then(whole)
        return whole

    def finish(self) -> Bits:
        """The shortest code of the text: at most ideal + 2 bits, ideal = -log2(width)."""
        return Bits.from_int(*self.interval.shortest_code())


class Decoder:
    """Decode one symbol at a time from a code and whatever zero bits pad it."""

    def __init__(self, data: bytes):
        self._code = int.from_bytes(data, "big")
        self._bits = 8 * len(data)
        self._reader = digits.read(self._code, self._bits)
        next(self._reader)
        self._text = Encoder()
        self._symbols = 0

    def decode(self, cumulative: Cumulative) -> int:
        """The next symbol; the caller knows from it whether the text goes on."""
        self._symbols += 1
        try:
            symbol = self._reader.send(cumulative)
        except StopIteration:
            raise CodeError(f"the code ends after {self._bits} bits, inside symbol {self._symbols}") from None
        self._text.encode(cumulative, symbol)
        return symbol

    def finish(self) -> int:
        """The code's length in bits; raises `CodeError` unless it is the code the encoder would emit."""
        code, length = self._text.interval.shortest_code()
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
    for symbol in map(index, symbols):
        cumulative = predictor.cdf(state)
        interval = interval.split(cumulative, symbol)
        yield Step(symbol, (cumulative[symbol], cumulative[symbol + 1], cumulative[-1]), interval)
        state = predictor.advance(state, symbol)
