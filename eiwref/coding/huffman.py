"""Huffman's code: a whole number of bits for each symbol, the same wherever it stands.

Paper, Appendix B.2, considered and left out there. The two least frequent symbols differ in their last bit only;
joined, they are a symbol of a smaller alphabet, and so on until one is left. No code that gives each symbol its
own bits is shorter on average, and it is less than one bit a symbol above the entropy. But it cannot be less than
one bit a symbol, however sure the next one is, and here lies what arithmetic coding gains.

Only the lengths of this code matter, so the *canonical* one of these lengths is taken: shorter codes first, equal
ones by symbol, each the next binary number. Read as binary fractions such codes are cumulative frequencies, in
which each count has become a power of two: a symbol is found as in the other coders. They fill [0, 1) to the end
(Kraft's sum is 1), so that any bits at all can be read, until they run out.

Static only: a code for each distribution of a predictor with memory would have to be built at every symbol.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count, pairwise

from eiwref.coding import frequencies
from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative
from eiwref.errors import CodeError, PredictorError


def code_lengths(cumulative: Cumulative) -> list[int]:
    """The length in bits of each symbol's code, from 1 up.

    Where counts are equal there is a choice, and it is part of the format: symbols go before joined ones, lower
    symbols before higher ones, what was joined earlier before what was joined later. So the longest code is as
    short as can be.

    >>> code_lengths([0, 5, 6, 7, 8])
    [1, 3, 3, 2]
    """
    frequencies.check(cumulative)
    heap = [(end - start, symbol) for symbol, (start, end) in enumerate(pairwise(cumulative))]
    heapify(heap)
    parents = [0] * (2 * len(heap) - 1)
    for joined in range(len(heap), len(parents)):
        (a, left), (b, right) = heappop(heap), heappop(heap)
        parents[left] = parents[right] = joined
        heappush(heap, (a + b, joined))
    # Parents are numbered above their children, so depths are known from the root down.
    depths = [0] * len(parents)
    for node in reversed(range(len(parents) - 1)):
        depths[node] = depths[parents[node]] + 1
    return depths[: len(cumulative) - 1]


class Huffman:
    """The code of a distribution whose last symbol ends the text, as in `stream`.

    `lengths` and `codes`: for each symbol the length of its code, and the code as a string of 0 and 1; `longest`:
    of the lengths.

    >>> code = Huffman([0, 5, 6, 7, 8])
    >>> code.codes
    ['0', '110', '111', '10']
    >>> str(code.encode([0, 1, 0, 2]))
    '0110011110'
    """

    def __init__(self, cumulative: Cumulative):
        self.lengths = code_lengths(cumulative)
        self.longest = max(self.lengths)
        self._ordered = sorted(range(len(self.lengths)), key=lambda symbol: (self.lengths[symbol], symbol))
        # Over 2^longest: where the codes begin, in their order; each is as wide as 2^(longest - length).
        self._begins, begin = [], 0
        self.codes = [""] * len(self.lengths)
        for symbol in self._ordered:
            self._begins.append(begin)
            self.codes[symbol] = f"{begin:0{self.longest}b}"[: self.lengths[symbol]]
            begin += 1 << (self.longest - self.lengths[symbol])

    def encode(self, symbols: Iterable[int]) -> Bits:
        """The code of a text and its end; raises `PredictorError` for symbols that are not of the alphabet."""
        end = len(self.codes) - 1
        parts = []
        for symbol in symbols:
            if not 0 <= symbol < end:
                raise PredictorError(f"symbol {symbol} cannot stand in a text over 0 to {end - 1}")
            parts.append(self.codes[symbol])
        bits = "".join(parts) + self.codes[end]
        return Bits.from_int(int(bits, 2), len(bits))

    def decode(self, data: bytes, max_symbols: int | None = None) -> tuple[list[int], int]:
        """(symbols before the end, length of their code in bits), from a code and whatever zero bits pad it.

        Raises `CodeError` when the end does not come, or past `max_symbols` symbols.
        """
        symbols: list[int] = []
        for symbol in self.until_end(data):
            if len(symbols) == max_symbols:
                raise CodeError(f"the code goes on after the {max_symbols} symbols that were declared")
            symbols.append(symbol)
        return symbols, sum(self.lengths[symbol] for symbol in symbols) + self.lengths[-1]

    def until_end(self, code: Iterable[int]) -> Iterator[int]:
        """The symbols before the end, one by one, from the bytes of a code, which are drawn as they are needed.

        A symbol draws as many bytes as the longest code fills, at most. Raises `CodeError` when the end does not
        come.
        """
        source, end = iter(code), len(self.codes) - 1
        known, window = 0, 0  # bits in the window, and their value
        drawn, zeros = 0, 0  # bits that came from the code, and after its end
        for symbols in count(1):
            while known < self.longest:
                byte = next(source, None)
                if byte is None:
                    byte, zeros = 0, zeros + 8
                else:
                    drawn += 8
                window = window << 8 | byte
                known += 8
            place = window >> (known - self.longest)
            symbol = self._ordered[bisect_right(self._begins, place) - 1]
            known -= self.lengths[symbol]
            window &= (1 << known) - 1
            if known < zeros:  # the symbol took some of them
                raise CodeError(f"the code ends after {drawn} bits, inside symbol {symbols}")
            if symbol == end:
                return
            yield symbol
