"""Stop-cell windows: equal-info windows in which every code means exactly one text.

The paper's windows (`greedy`) are ambiguous; these are ours, and the default. The 2^W codes are cells on a
line, and a window's text is a walk that owns ever fewer of them:

- The root owns all cells, R + K of them with R = 2^W - K. Symbol c gets 1 + round(R C[c+1] / T) - round(R
  C[c] / T) contiguous cells, in symbol order: at least one, so that any symbol can start a window.
- A node with n cells keeps the first as its *stop cell*, "the window ends here"; symbol c gets
  round((n-1) C[c+1] / T) - round((n-1) C[c] / T) of the others, contiguous, in symbol order.
- A symbol that gets no cell does not fit: the window ends there and its code is the node's stop cell.

round(x) = floor(x + 1/2), so the k-th of m cells falls to the symbol in whose slice its middle lies,
(k + 1/2) T / m, and if that is an edge, to the one before it. Rounding down would be as lossless, but there it is
the cell's end that counts: the last cell of every node would fall to the last symbol, a byte that text does not
have, and of a node with two cells nothing would be left. To the nearest, windows of 16 bits are 5 % longer
(`data/results/rounding.json`).

**Why it is lossless.** The shares telescope: the root's add up to K + R = 2^W cells, a node's to n - 1. So
the children's cells and the stop cell partition the node's cells, and by induction each of the 2^W cells is
the stop cell of exactly one node: of none twice, since children are disjoint, and of one at least, since n
falls by one or more with every step down, so that a walk towards a cell must end, and it ends only where that
cell is a stop cell. (The root is no exception: it has no stop cell, its children share all cells.) A node is
a text, the empty one excepted. So codes and texts of the tree correspond one to one. Encoding walks down as
long as the next symbol has a cell and writes the stop cell; decoding walks towards the code and stops where
it is the stop cell: the same walk, for any code at all. Nothing is padded, and the end of the text is no
special case: the walk stops there with the cell of where it is.

The bijection is of one window: `decode(encode(text)) == text` always; a sequence of codes that no
encoder wrote (a window that could have gone on, say) decodes too, but its text may encode to others.

In the terms of source coding this is a variable-to-fixed code whose Tunstall-like tree is grown by a
language model. Not in the paper.
"""

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from eiwref.coding.frequencies import slice_of
from eiwref.errors import PredictorError
from eiwref.windows.scheme import Coded, Decoded, Filled


class StopCell(Coded):
    """One text for each code; the default."""

    name = "stop"
    lossless = True

    def __init__(self, predictor, window_bits, reset=1):
        super().__init__(predictor, window_bits, reset)
        if 1 << window_bits <= predictor.symbols:
            raise PredictorError(
                f"windows of {window_bits} bits are too small for {predictor.symbols} symbols: "
                f"stop-cell windows need 2^W > symbols"
            )
        self._shift, self._half = predictor.precision, 1 << predictor.precision - 1  # of T: log2 T, and T / 2
        self._spare = (1 << window_bits) - predictor.symbols  # R

    def fill(self, symbol, slices):
        low, high = next(slices)
        first, cells = self._root_child(symbol, low, high)
        symbols = 1
        for low, high in slices:
            begin, end = self.shared(cells - 1, low), self.shared(cells - 1, high)
            if begin == end:
                return Filled(symbols, first, full=True)
            first, cells = first + 1 + begin, end - begin
            symbols += 1
        return Filled(symbols, first, full=False)

    def descend(self, code):
        shift, half, spare = self._shift, self._half, self._spare
        cumulative = yield None
        # A child's cells begin at c + round(R C[c] / T), which rises strictly with c.
        symbols = range(self.predictor.symbols)
        symbol = bisect_right(symbols, code, key=lambda c: c + self.shared(spare, cumulative[c])) - 1
        first, cells = self._root_child(symbol, cumulative[symbol], cumulative[symbol + 1])
        text = bytearray((symbol,))
        # Invariant: first <= code < first + cells.
        while code != first:
            cumulative = yield symbol
            # round((n-1) C / T) <= wanted  <=>  (n-1) C + T/2 < (wanted + 1) T
            wanted = code - first - 1
            symbol = bisect_right(cumulative, (((wanted + 1) << shift) - half - 1) // (cells - 1)) - 1
            low = self.shared(cells - 1, cumulative[symbol])
            first += 1 + low
            cells = self.shared(cells - 1, cumulative[symbol + 1]) - low
            text.append(symbol)
        return Decoded(bytes(text), valid=True)

    def narrow(self, text) -> Iterator[tuple[int, int]]:
        predictor = self.predictor
        state = predictor.start()
        for depth, symbol in enumerate(text):
            low, high, _ = slice_of(predictor.cdf(state), symbol)
            if depth == 0:
                first, cells = self._root_child(symbol, low, high)
            else:
                begin, end = self.shared(cells - 1, low), self.shared(cells - 1, high)
                first, cells = first + 1 + begin, end - begin
            yield first, first + cells - 1
            state = predictor.advance(state, symbol)

    def root_edges(self, cumulative: np.ndarray) -> np.ndarray:
        """Where the cells of each one-symbol text begin, and where the last ones end; shape (K + 1,)."""
        return np.arange(len(cumulative)) + self.shared(self._spare, cumulative)

    def shared(self, cells, cumulative):
        """round(cells C / T), the share of all symbols before a C together; of integers or arrays of them."""
        return cells * cumulative + self._half >> self._shift

    def _root_child(self, symbol: int, low: int, high: int) -> tuple[int, int]:
        """(first cell, number of cells) of a one-symbol text; `low`, `high`: the symbol's slice."""
        begin, end = self.shared(self._spare, low), self.shared(self._spare, high)
        return symbol + begin, 1 + end - begin
