"""A text is an interval inside [0, 1), and its code a shorter interval inside that.

Paper, section 2.1 and Figure 1. Start with all of [0, 1) and let each symbol keep the slice [C[c] / T, C[c+1] / T)
of what is left. The code is the shortest bit string b whose *dyadic interval* [b / 2^n, (b + 1) / 2^n) lies
inside; whatever bits follow it, a decoder still lands in the text's interval. Rational numbers are kept as
integers over 2^scale, and nothing is ever rounded.
"""

from typing import NamedTuple

from eiwref.coding.frequencies import Cumulative, slice_of


class Interval(NamedTuple):
    """The half-open interval [low, low + width) / 2^scale inside [0, 1)."""

    low: int = 0
    width: int = 1
    scale: int = 0

    def split(self, cumulative: Cumulative, symbol: int) -> "Interval":
        """The slice that belongs to `symbol`."""
        start, end, precision = slice_of(cumulative, symbol)
        # Invariant: the slices of all symbols tile the interval, so no two texts ever overlap.
        return self.then(Interval(start, end - start, precision))

    def then(self, inner: "Interval") -> "Interval":
        """`inner`, read as a part of this interval and no longer of [0, 1).

        Text after text is interval inside interval, and like texts the intervals may be joined in any grouping.
        """
        low, width, scale = self
        return Interval((low << inner.scale) + width * inner.low, width * inner.width, scale + inner.scale)

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
