"""How the exact decoder finds a symbol without looking at all the digits of a long code.

A code x in [0, 1) lies somewhere inside the interval of the symbols so far, place / width of the way up. The next
symbol is the one whose slice holds that fraction. Of a code of n bits both numbers have n digits and more, and
n symbols by n digits are quadratic work. But a few leading digits nearly always tell: the fraction is then known
to lie between place / width and (place + slack) / width, and if both ends are in one slice, so is the truth. If
they are not, nothing is guessed: whoever holds more digits is asked.

So the digits are halved, and halved again. Whoever holds them for some bits of scale hands half as many down,
takes back the interval of the symbols that were read with them, narrows its own numbers by it in one product of
large integers, and hands down the next half. Work at each of log2(n) depths is that of multiplying n digits; by
Python's (Karatsuba's) products n^1.58 in all, and not n^2. This is Lehmer's way with Euclid's algorithm.
Not in the paper.
"""

from bisect import bisect_right
from collections.abc import Generator
from typing import NamedTuple

from eiwref.coding.frequencies import Cumulative
from eiwref.coding.interval import Interval

LEAF = 512
"""Bits of scale below which halving costs more than it saves."""
GUARD = 64
"""Digits handed down beyond those that are sure to be used up: only one symbol in 2^40 or so has to ask above."""


class Place(NamedTuple):
    """Where a code lies in an interval, as far as known.

    Invariants, with x < 1 the true fraction and w the true width in the same unit:
    place <= x width <= place + slack, and width - slack <= w <= width. No slack: both are known exactly.
    """

    place: int
    width: int
    slack: int = 0
    code_width: int = 0
    """log2 of the width of the code's own dyadic interval; negative where that is less than one unit."""

    def rounded(self, digits: int) -> "Place":
        """The leading `digits` bits of it."""
        drop = self.width.bit_length() - digits
        if drop <= 0:
            return self
        # In new units width grows by at most 1, and with it x width; place and slack lose less than 1 each.
        return Place(
            self.place >> drop, (self.width >> drop) + 1, (self.slack >> drop) + 3, self.code_width - drop
        )

    def inside(self, run: Interval) -> "Place":
        """The same code's place inside a part of the interval; the unit is 2^run.scale times finer."""
        return Place(
            (self.place << run.scale) - self.width * run.low,
            self.width * run.width,
            self.slack << run.scale,
            self.code_width + run.scale,
        )

    def next(self, cumulative: Cumulative) -> tuple[int, Interval, "Place"] | None:
        """(symbol, its slice, the place inside it), or None where more digits are needed to tell.

        With no slack, None means that the code has ended: it is wider than the interval of any text that went
        on here, while a code is one that fits inside.
        """
        total = cumulative[-1]
        # C[c] <= place * T / width  <=>  C[c] <= floor(place * T / width)
        symbol = bisect_right(cumulative, self.place * total // self.width) - 1
        part = Interval().split(cumulative, symbol)
        after = self.inside(part)
        # Above the last slice there is nothing, whatever the slack.
        is_sure = after.place + after.slack < after.width or cumulative[symbol + 1] == total
        narrowest = after.width - after.slack
        goes_on = narrowest > 0 and narrowest.bit_length() > after.code_width
        return (symbol, part, after) if is_sure and goes_on else None


def read(code: int, bits: int) -> Generator[int | None, Cumulative, None]:
    """Send cumulative frequencies, get the next symbol of a code of `bits` bits; it returns where the code ends.

    The first `next` only gets it going.
    """
    at = Place(code, 1 << bits)
    cumulative = yield
    while True:
        # As much scale as there are digits: so the numbers at most double before they are narrowed.
        run, cumulative = yield from _read_run(at, at.width.bit_length(), cumulative)
        if not run.scale:
            return
        at = at.inside(run)


def _read_run(
    at: Place, scale: int, cumulative: Cumulative
) -> Generator[int, Cumulative, tuple[Interval, Cumulative]]:
    """Read symbols until their interval has the scale, or one cannot be told.

    Returns their interval and the frequencies of the symbol that is yet to be read.
    """
    run = Interval()
    while run.scale < scale:
        if scale > LEAF:
            half = scale // 2
            part, cumulative = yield from _read_run(at.rounded(half + GUARD), half, cumulative)
            run, at = run.then(part), at.inside(part)
        # Half the digits were used up, or did not tell; with all of them there is a symbol or none to be had.
        found = at.next(cumulative)
        if found is None:
            break
        symbol, part, at = found
        run = run.then(part)
        cumulative = yield symbol
    return run, cumulative
