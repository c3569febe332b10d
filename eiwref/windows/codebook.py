"""The stop-cell tree grown whole: windows of 16 bits or fewer by table, with no predictor to run.

Every window begins afresh, so which text a code means depends on nothing but M1, and 2^W codes are few enough
to write all of them down. The tree is grown breadth first, a level a batch of the predictor; then
a text is cut by walking a table and a code is decoded by looking it up, window for window as `stop_cell` does.

The table has a row for each node that has children and a column for each symbol; its entries are

    >= 0         the row of the child
    NO_CHILD     no cell is left for the symbol: the window ends before it, with the stop cell of this row
    LEAF - code  the child has one cell and so no children: the window ends after the symbol

Not in the paper.
"""

from array import array

import numpy as np

from eiwref.errors import CodeError, PredictorError
from eiwref.windows.stop_cell import StopCell

MAX_WINDOW_BITS = 16
NO_CHILD = -1
LEAF = -2


class Codebook:
    """Codes and texts of `scheme`, a `StopCell` of at most 16 bits; `texts[code]` is what a code means."""

    def __init__(self, scheme: StopCell):
        if scheme.window_bits > MAX_WINDOW_BITS:
            raise PredictorError(
                f"a codebook of {scheme.window_bits} bits is too large, expected at most {MAX_WINDOW_BITS}"
            )
        if scheme.reset != 1:
            raise PredictorError("a codebook needs the predictor to start afresh in every window, reset=1")
        self.symbols = scheme.predictor.symbols
        table, stop_cells, nodes = _grow(scheme)
        self.rows = len(table)
        self._table = array("i", table.tobytes())
        self._stop_cells = stop_cells.tolist()
        texts = [b""] * (1 + (1 << scheme.window_bits))  # the last one is the root's
        for code, parent, symbol in nodes.tolist():
            texts[code] = texts[parent] + bytes((symbol,))
        self.texts = texts[:-1]

    def encode(self, data: bytes) -> np.ndarray:
        """The codes of a text's windows, shape (N,), int64."""
        table, stop_cells, width = self._table, self._stop_cells, self.symbols
        codes, row = [], 0
        for symbol in data:
            entry = table[row * width + symbol]
            if entry == NO_CHILD:
                codes.append(stop_cells[row])
                entry = table[symbol]
            if entry <= LEAF:
                codes.append(LEAF - entry)
                entry = 0
            row = entry
        if row:  # the root is nobody's child, so here a window is still open
            codes.append(stop_cells[row])
        return np.array(codes, dtype=np.int64)

    def decode(self, codes) -> bytes:
        """The text of windows; raises `CodeError` for a code of more than W bits."""
        codes = np.asarray(codes, dtype=np.int64)
        wrong = (codes < 0) | (codes >= len(self.texts))
        if wrong.any():
            raise CodeError(f"code {codes[wrong][0]} does not fit a codebook of {len(self.texts)} codes")
        return b"".join(map(self.texts.__getitem__, codes.tolist()))


def _grow(scheme: StopCell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(table (rows, K) int32, stop cell of each row, (code, parent's code or -1, symbol) of each node).

    Nodes come after their parents; the rows are those of them that have children, the root first.
    """
    predictor, shift = scheme.predictor, scheme.predictor.precision
    states = predictor.start_many(1)
    stop = np.array([-1])  # the root has none
    edges = scheme.root_edges(predictor.cdf_many(states)[0])[None]  # (n, K + 1): child c owns edges[c] to [c + 1]
    tables, stops, nodes, rows = [], [], [], 0
    while True:
        cells = np.diff(edges)  # (n, K)
        parent, symbol = np.nonzero(cells)
        first, cells = edges[parent, symbol], cells[parent, symbol]
        nodes.append(np.stack([first, stop[parent], symbol], axis=1))
        goes_on = cells > 1  # a single cell is the stop cell, and none is left for children
        rows += len(stop)
        tables.append(np.full((len(stop), predictor.symbols), NO_CHILD, dtype=np.int32))
        tables[-1][parent, symbol] = np.where(goes_on, rows + np.cumsum(goes_on) - 1, LEAF - first)
        stops.append(stop)
        if not goes_on.any():
            return np.concatenate(tables), np.concatenate(stops), np.concatenate(nodes)
        states = predictor.advance_many(states, parent[goes_on], symbol[goes_on])
        stop, cells = first[goes_on], cells[goes_on]
        edges = (stop + 1)[:, None] + ((cells - 1)[:, None] * predictor.cdf_many(states) >> shift)
