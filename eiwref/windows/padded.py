"""The paper's windows: arithmetic coding until W bits are full, then zero bits.

Paper, section 3.3, Appendices A.5 and D.5. The window takes symbols while the text's exact interval still
contains a dyadic interval of length 2^-W; its code is the shortest one inside the interval (the lowest of
them), padded with zero bits to W.

*Greedy*, the paper's default, keeps all these symbols. The decoder takes the longest text with the window's
code. **That is not always the text that was encoded.** Let s be the window's text, d the byte that did not
fit, and c another byte that the zero padding points to: then s and s + c may have the same code, and if d
fits after neither, `s d...` and `s c d...` compress to the very same windows, which no decoder can tell
apart. In 4-bit windows with a, b, c of 7/16, 4/16 and 5/16, the interval of "a" is [0, 7/16) with code 00,
that of "aa" is [0, 49/256) with code 000, and b fits after neither:

>>> from eiwref.predictors.static import Unigram
>>> predictor = Unigram([2, 1, 1], precision=4)
>>> a, b = 0, 1
>>> for text in ([a, b], [a, a, b]):
...     print([(w.end, f"{w.code:04b}") for w in Greedy(predictor, window_bits=4).segment(bytes(text))])
[(1, '0000'), (2, '1000')]
[(2, '0000'), (3, '1000')]

The paper reports 99.4 % of sequences decodable and puts the rest down to the end of the input. As the scheme
is described, this is another cause, inside the text, and more frequent (`eiwref verify` counts it); the
authors' own range coder may differ in detail.

*Delay* leaves the symbols that add only zero bits to the next window: the window's text is its shortest
non-empty prefix with the same code, and the decoder takes the shortest match. All prefixes with the code lie
on one walk, since each holds the code's own cell; the first of them is the same for both sides. Lossless, at
a price in length.

Many codes belong to no text (71 % of them at W = 16 under the n-gram that travels with the package). For such
a code `decode` gives the longest text whose interval holds it, and says that it is not valid.
"""

from abc import abstractmethod
from bisect import bisect_right
from typing import ClassVar

from eiwref.coding.interval import Interval
from eiwref.errors import PredictorError
from eiwref.windows.scheme import Coded, Decoded, Filled


class _Padded(Coded):
    """What greedy and delay share: the exact interval and its zero-padded code."""

    shortest: ClassVar[bool]  # a code stands for the shortest text that has it, or else for the longest

    def __init__(self, predictor, window_bits, reset=1):
        super().__init__(predictor, window_bits, reset)
        if window_bits < predictor.precision:
            raise PredictorError(
                f"{self.name} windows of {window_bits} bits need a predictor of precision at most "
                f"{window_bits}, found {predictor.precision}: some byte could not start a window"
            )

    def _code(self, interval: Interval) -> int:
        """The shortest code inside the interval, padded with zero bits to W."""
        code, length = interval.shortest_code()
        return code << (self.window_bits - length)

    def fill(self, symbol, slices):
        """As many symbols as there is still a code of W bits for, less those that delay leaves."""
        window_bits, precision = self.window_bits, self.predictor.precision
        interval = Interval()
        intervals: list[Interval] = []  # after each symbol
        full = False
        for low, high in slices:
            interval = interval.then(Interval(low, high - low, precision))
            # Two cells' length always hold a whole cell; only below that is it worth a look.
            full = (
                not (interval.width << (window_bits - 1)) >> interval.scale
                and interval.dyadic(window_bits) is None
            )
            if full:
                break
            intervals.append(interval)
        code = self._code(intervals[-1])
        return Filled(self._kept(intervals, code), code, full)

    @abstractmethod
    def _kept(self, intervals: list[Interval], code: int) -> int:
        """How many symbols stay in the window, of those after which these intervals are left."""

    def descend(self, code):
        """Along the only texts whose intervals hold the code's own cell."""
        window_bits = self.window_bits
        interval, text, length, symbol = Interval(), bytearray(), 0, None
        while True:
            cumulative = yield symbol
            # Over the denominator 2^(scale + W), the cell starts `place` above low and is 2^scale long.
            place = (code << interval.scale) - (interval.low << window_bits)
            target = place * cumulative[-1] // (interval.width << window_bits)
            symbol = bisect_right(cumulative, target) - 1
            interval = interval.split(cumulative, symbol)
            if (code + 1) << interval.scale > (interval.low + interval.width) << window_bits:
                break
            text.append(symbol)
            if self._code(interval) == code:
                length = len(text)
                if self.shortest:
                    break
        return Decoded(bytes(text[:length] if length else text), valid=length > 0)

    def narrow(self, text):
        predictor, window_bits = self.predictor, self.window_bits
        state, interval = predictor.start(), Interval()
        for symbol in text:
            interval = interval.split(predictor.cdf(state), symbol)
            # The cells that the interval overlaps, if only in part.
            first = (interval.low << window_bits) >> interval.scale
            last = -((-(interval.low + interval.width) << window_bits) >> interval.scale) - 1
            yield first, last
            state = predictor.advance(state, symbol)


class Greedy(_Padded):
    """The paper's default: as much text as fits, and the longest with a code. Not every text comes back."""

    name = "greedy"
    lossless = False
    shortest = False

    def _kept(self, intervals, code):
        return len(intervals)


class Delay(_Padded):
    """The paper's exact variant: symbols that only add zero bits wait for the next window."""

    name = "delay"
    lossless = True
    shortest = True

    def _kept(self, intervals, code):
        # Codes along a walk may leave a value and come back to it: look from the front.
        return next(k for k, interval in enumerate(intervals, 1) if self._code(interval) == code)
