"""The exercises of tutorial 03: finite precision, what rounding costs, carries."""

from bisect import bisect_right
from math import log2

from eiwref.coding import frequencies
from eiwref.course.core import call, exercise, expect


def _distribution(rng) -> list[int]:
    """Cumulative frequencies of a few symbols that are not alike, out of 32."""
    return frequencies.from_weights(rng.integers(1, 9, size=int(rng.integers(3, 7))) ** 2, precision=5).tolist()


def _ends(width: int, cumulative: list[int]) -> list[int]:
    """Where the rounded slices begin and end."""
    return [width * c // cumulative[-1] for c in cumulative]


def _number(rng, bits: int) -> int:
    """A random number of exactly so many bits."""
    return 1 << (bits - 1) | int.from_bytes(rng.bytes(bits // 8 + 1), "big") % (1 << (bits - 1))


@exercise("03.1", "Splitting whole numbers")
def _(answer, rng):
    cumulative = _distribution(rng)
    for bits in (7, 32, 200):
        low, width = _number(rng, bits), _number(rng, bits)
        ends = _ends(width, cumulative)
        for symbol in range(len(cumulative) - 1):
            what = f"(low, width) of symbol {symbol} of {cumulative} in low = {low}, width = {width}"
            expected = (low + ends[symbol], ends[symbol + 1] - ends[symbol])
            expect(call(answer, low, width, cumulative, symbol), expected, what=what)


@exercise("03.2", "The cost of rounding")
def _(answer, rng):
    cumulative = _distribution(rng)
    for bits in (6, 7, 25):
        width = _number(rng, bits)
        ends = _ends(width, cumulative)
        for symbol in range(len(cumulative) - 1):
            ideal = width * (cumulative[symbol + 1] - cumulative[symbol]) / cumulative[-1]
            what = f"the bits lost by symbol {symbol} of {cumulative} in a width of {width}"
            found = call(answer, width, cumulative, symbol)
            expect(found, log2(ideal / (ends[symbol + 1] - ends[symbol])), what=what, tolerance=1e-9)


@exercise("03.3", "The symbol at a place")
def _(answer, rng):
    cumulative = _distribution(rng)
    for width in (_number(rng, 6), _number(rng, 7), _number(rng, 60)):
        ends = _ends(width, cumulative)
        # The first and the last place of each slice: where a rule that is off by one shows.
        for place in sorted({*ends[:-1], *(end - 1 for end in ends[1:])}):
            what = f"the symbol at place {place} of {width} under {cumulative}"
            expect(call(answer, place, width, cumulative), bisect_right(ends, place) - 1, what=what)


@exercise("03.4", "Settled digits")
def _(answer, rng):
    intervals = [(0, 1 << 32), (0, 1 << 31), ((1 << 31) - 1, 2), (5, 1), (6, 2), (7, 2)]
    for bits in (4, 16, 31):
        width = _number(rng, bits)
        intervals.append((int(rng.integers(0, (1 << 32) - width)), width))
    for low, width in intervals:
        # The digits of both ends as strings, which is slow and plain.
        first, last = f"{low:032b}", f"{low + width - 1:032b}"
        common = next((i for i in range(32) if first[i] != last[i]), 32)
        what = f"the settled digits of low = {low}, width = {width}"
        expect(call(answer, low, width), common, what=what)


@exercise("03.5", "Passing on a carry")
def _(answer, rng):
    for run in (0, 1, int(rng.integers(2, 300))):
        before = rng.bytes(int(rng.integers(0, 4)))
        byte = int(rng.integers(255))
        moved = before + bytes([byte]) + b"\xff" * run
        what = f"the bytes after a carry into {before + bytes([byte])} and {run} times 255"
        expect(call(answer, moved), before + bytes([byte + 1]) + b"\0" * run, what=what)
