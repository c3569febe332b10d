"""The exercises of tutorial 02: arithmetic coding by hand, exactly."""

from fractions import Fraction

from eiwref.coding import exact, frequencies, stream
from eiwref.coding.interval import Interval
from eiwref.course.core import call, exercise, expect
from eiwref.predictors.static import Unigram

LONG = 80
"""Symbols, or bits, that floats are too short for."""


def _model(rng, symbols: int) -> Unigram:
    """A static model whose symbols are not alike."""
    return Unigram(rng.integers(1, 9, size=symbols) ** 2, precision=5)


def _fractions(interval: Interval) -> tuple[Fraction, Fraction]:
    return Fraction(interval.low, 1 << interval.scale), Fraction(interval.width, 1 << interval.scale)


def _narrowed(model: Unigram, symbols) -> Interval:
    interval = Interval()
    for symbol in symbols:
        interval = interval.split(model.cdf(None), symbol)
    return interval


@exercise("02.1", "Narrowing")
def _(answer, rng):
    symbols = int(rng.integers(3, 6))
    model = _model(rng, symbols)
    cumulative = model.cdf(None).tolist()
    # The second of the intervals begins above 0 and is not the whole line, which tells scaled from unscaled.
    for before in ([], [symbols - 2, 1], rng.integers(symbols, size=2).tolist(), [symbols - 2, 1] * (LONG // 2)):
        low, width = _fractions(_narrowed(model, before))
        for symbol in range(symbols):
            expected = _fractions(_narrowed(model, [*before, symbol]))
            inside = f"from {low} of width {width}" if len(before) < LONG else f"of {LONG} symbols"
            what = f"(low, width) of symbol {symbol} of {cumulative} in the interval {inside}"
            expect(call(answer, low, width, cumulative, symbol), expected, what=what)


@exercise("02.2", "Symbols from a number")
def _(answer, rng):
    symbols = int(rng.integers(3, 6))
    model = _model(rng, symbols)
    cumulative = model.cdf(None).tolist()
    for n in (1, int(rng.integers(3, 6)), 0, LONG):
        text = rng.integers(symbols, size=n).tolist()
        if n > 1:
            text[0] = symbols - 1  # which ends nothing
        low, width = _fractions(_narrowed(model, text))
        for place in (Fraction(0), Fraction(int(rng.integers(1, 1000)), 1000)):  # the left end is inside
            x = low + width * place
            number = x if n < LONG else "a number of very many digits"
            what = f"the first {n} symbols of {number} under {cumulative}"
            expect(call(answer, x, cumulative, n), text, what=what)


@exercise("02.3", "The shortest code")
def _(answer, rng):
    intervals = [Interval(), Interval(0, 1, 3), Interval(3, 4, 3), Interval(6, 4, 4), Interval(1, 14, 4)]
    for _ in range(6):
        scale = int(rng.integers(4, 12))
        low = int(rng.integers(0, (1 << scale) - 1))
        intervals.append(Interval(low, int(rng.integers(1, (1 << scale) - low + 1)), scale))
    intervals.append(_narrowed(_model(rng, 4), rng.integers(4, size=LONG).tolist()))
    for interval in intervals:
        low, width = _fractions(interval)
        code, length = interval.shortest_code()
        shown = f"from {low} to {low + width}" if interval.scale < LONG else f"of a text of {LONG} symbols"
        what = f"the code of the interval {shown}"
        expect(call(answer, low, width), format(code, f"0{length}b") if length else "", what=what)


@exercise("02.4", "The decoder")
def _(answer, rng):
    symbols = int(rng.integers(3, 6))
    for weights in (rng.integers(1, 9, size=symbols), [200, *rng.integers(1, 9, size=symbols - 1)]):
        cumulative = frequencies.from_weights(weights, precision=6).tolist()
        model = Unigram(weights, precision=6)
        # Many symbols 0 in a row: a code that begins with zeros, which count.
        for n in (0, 9, int(rng.integers(5, 30)), 3 * LONG):
            text = [0] * n if n == 9 else rng.integers(symbols - 1, size=n).tolist()
            code = str(stream.encode(exact.Encoder(), model, text))
            shown = code if len(code) < LONG else f"{code[:LONG]}... of {len(code)} bits"
            what = f"the symbols of the code {shown} under {cumulative}"
            expect(call(answer, code, cumulative), text, what=what)
