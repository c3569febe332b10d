"""Equal-text windows: as many symbols in each, in as many bits as they take.

Paper, Appendix B.1, where it is considered and left out: equal-info windows the other way round. A window holds N
symbols of the text and its end mark, the last window what is left of them. Coder and predictor start afresh in
each; its code is the shortest one inside its interval, and is not padded. So where a window's bits begin depends
on all bits before them.

**The codes can be told apart with nothing between them.** A code is a dyadic interval inside the window's own:
whatever bits follow, a decoder that runs M1 finds the same symbols. After N of them, or the end mark, it knows the
interval, and so the length of the code. (Codes of all windows of N symbols are a prefix code.) The delimiters of
`tokenizers.equal_text` are there for M2, which sees bits and no intervals.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eiwref.coding import exact
from eiwref.coding.bits import Bits, bit_ranges
from eiwref.errors import PredictorError
from eiwref.predictors.base import Predictor


class TextWindow(NamedTuple):
    """The text of a window; in the `last` one the end mark follows it."""

    text: bytes
    last: bool


class TextWindows:
    """Windows of `size` symbols under a predictor whose last symbol is the end mark."""

    def __init__(self, predictor: Predictor, size: int):
        if not 1 <= size <= predictor.limit:
            raise PredictorError(
                f"windows must be of 1 to {predictor.limit} symbols, as many as the predictor sees, found {size}"
            )
        self.predictor = predictor
        self.size = size
        self.most_bytes = (size * predictor.precision + 2) // 8 + 1  # of a code: every symbol has a count of 1
        self._end = predictor.symbols - 1

    def cut(self, data: bytes) -> Iterator[TextWindow]:
        """The windows of a text. The last has room for the end mark, and may hold nothing else."""
        for start in range(0, len(data) + 1, self.size):
            yield TextWindow(data[start : start + self.size], last=start + self.size > len(data))

    def encode(self, window: TextWindow) -> Bits:
        """The code of one window."""
        encoder, state = exact.Encoder(), self.predictor.start()
        for symbol in window.text:
            encoder.encode(self.predictor.cdf(state), symbol)
            state = self.predictor.advance(state, symbol)
        if window.last:
            encoder.encode(self.predictor.cdf(state), self._end)
        return encoder.finish()

    def decode(self, data: bytes) -> tuple[TextWindow, int]:
        """(the window whose code `data` begins with, whatever comes after it; the code's length in bits)

        Raises `CodeError` where no window has such a code.
        """
        decoder, state = exact.Decoder(data[: self.most_bytes]), self.predictor.start()
        text, last = bytearray(), False
        while len(text) < self.size and not last:
            symbol = decoder.decode(self.predictor.cdf(state))
            last = symbol == self._end
            if not last:
                text.append(symbol)
                state = self.predictor.advance(state, symbol)
        return TextWindow(bytes(text), last), decoder.finish()

    def bit_ranges(self, window: TextWindow) -> list[tuple[int, int]]:
        """The half-open range of the window's code bits that each byte has a hand in (Figure 9)."""
        settled = []
        for step in exact.trace(self.predictor, window.text):
            first, last = step.interval.low, step.interval.low + step.interval.width - 1
            settled.append(step.interval.scale - (first ^ last).bit_length())
        if not window.last:  # the last byte's bits end the code
            settled[-1] = len(self.encode(window))
        return bit_ranges(settled)
