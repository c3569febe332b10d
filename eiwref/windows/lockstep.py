"""Stop-cell windows of many texts at once, for predictors that share work among states.

NumPy takes one symbol of a hundred texts through a network in far less than a hundred times the time of one. So
each lane walks down the tree of `stop_cell` for a window of its own, and all lanes of a batch are equally deep:

- encoding, a lane is a text: all begin a window together, and those that have ended theirs wait for the rest
  before all begin the next (to begin at once would split them into as many batches as there are depths);
- decoding, a lane is a code, wherever it stands, since windows know nothing of each other.

Lanes whose windows begin alike are at one node until they part, and share its state. There is much of that:
windows begin with the same few bytes again and again, and codes in rising order are neighbours in the tree.

The codes are those of `stop_cell`, bit for bit. Cells are counted up to 2^W and so are Python integers in arrays
of objects; a few of them a symbol weigh little beside the network. Only for windows that start afresh, `reset` 1:
in others a lane would be a whole text even in decoding. Not in the paper.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from eiwref.predictors.limits import LANES
from eiwref.windows.stop_cell import StopCell


def encode(scheme: StopCell, texts: Iterable[bytes]) -> list[list[int]]:
    """The codes of each text's windows, those of `scheme.segment`."""
    waiting = iter(texts)
    found: list[list[int]] = []
    lanes: list[tuple[bytes, int, list[int]]] = []  # text, where its next window begins, its codes so far
    while True:
        while len(lanes) < LANES and (text := next(waiting, None)) is not None:
            found.append([])
            if text:
                lanes.append((text, 0, found[-1]))
        if not lanes:
            return found
        ends, codes = _windows(scheme, [text for text, _, _ in lanes], [start for _, start, _ in lanes])
        for lane, code in zip(lanes, codes, strict=True):
            lane[2].append(code)
        lanes = [(text, end, own) for (text, _, own), end in zip(lanes, ends, strict=True) if end < len(text)]


def decode(scheme: StopCell, codes: Iterable[int], bar=iter) -> list[bytes]:
    """The text of each code, as `scheme.decode` gives it. `bar` as in `Tokenizer.encode_batch`."""
    codes = list(codes)
    rising = sorted(set(codes))
    for code in rising[:1] + rising[-1:]:
        scheme.check(code)
    text_of = {}
    for at in bar(range(0, len(rising), LANES)):
        some = rising[at : at + LANES]
        text_of |= zip(some, _texts(scheme, some), strict=True)
    return [text_of[code] for code in codes]


class _Nodes:
    """The nodes that lanes have come to, all equally deep; lanes that meet at one share its state."""

    def __init__(self, scheme: StopCell, lanes: int):
        self._predictor = scheme.predictor
        self._states = self._predictor.start_many(1)
        self._cumulative = self._predictor.cdf_many(self._states)
        self._at = np.zeros(lanes, dtype=np.int64)  # the node of each lane
        self.root_edges = scheme.root_edges(self._cumulative[0].astype(object))

    def advance(self, lanes: np.ndarray, symbols: np.ndarray) -> None:
        """These lanes go on by these symbols; the others are left behind."""
        width = self._predictor.symbols
        children, self._at = np.unique(self._at[lanes] * width + symbols, return_inverse=True)
        self._states = self._predictor.advance_many(self._states, children // width, children % width)
        self._cumulative = self._predictor.cdf_many(self._states)

    def find(self, targets: np.ndarray) -> np.ndarray:
        """The symbol of each lane in whose slice its target lies."""
        return (self._cumulative[self._at] <= targets[:, None]).sum(axis=1) - 1

    def edges(self, first, cells, symbols) -> tuple[np.ndarray, np.ndarray]:
        """The cells [begin, end) of the child that each lane's symbol leads to; none if begin is end."""
        shift = self._predictor.precision
        low, high = self._cumulative[self._at, symbols], self._cumulative[self._at, symbols + 1]
        return first + 1 + ((cells - 1) * low >> shift), first + 1 + ((cells - 1) * high >> shift)


def _windows(scheme: StopCell, texts: Sequence[bytes], starts: Sequence[int]) -> tuple[list[int], list[int]]:
    """(ends, codes) of one window of each text."""
    ends, codes = list(starts), [0] * len(texts)
    nodes = _Nodes(scheme, len(texts))
    lanes = list(range(len(texts)))  # those whose windows are still open
    symbols = np.array([text[start] for text, start in zip(texts, starts, strict=True)])
    begin, end = nodes.root_edges[symbols], nodes.root_edges[symbols + 1]
    while True:
        on = []
        for place, lane in enumerate(lanes):
            if begin[place] < end[place]:
                codes[lane] = begin[place]
                ends[lane] += 1
                # A single cell is the stop cell, and none is left for children.
                if ends[lane] < len(texts[lane]) and end[place] - begin[place] > 1:
                    on.append(place)
        if not on:
            return ends, codes
        nodes.advance(np.array(on), symbols[on])
        first, cells = begin[on], end[on] - begin[on]
        lanes = [lanes[place] for place in on]
        symbols = np.array([texts[lane][ends[lane]] for lane in lanes])
        begin, end = nodes.edges(first, cells, symbols)


def _texts(scheme: StopCell, codes: list[int]) -> list[bytes]:
    """The text of each of a few codes."""
    shift = scheme.predictor.precision
    texts = [bytearray() for _ in codes]
    nodes = _Nodes(scheme, len(codes))
    lanes, wanted = np.arange(len(codes)), np.array(codes, dtype=object)
    symbols = np.searchsorted(nodes.root_edges[1:], wanted, side="right")
    begin, end = nodes.root_edges[symbols], nodes.root_edges[symbols + 1]
    while True:
        for lane, symbol in zip(lanes.tolist(), symbols.tolist(), strict=True):
            texts[lane].append(symbol)
        on = np.flatnonzero(wanted != begin)
        if not len(on):
            return [bytes(text) for text in texts]
        nodes.advance(on, symbols[on])
        lanes, wanted, first, cells = lanes[on], wanted[on], begin[on], end[on] - begin[on]
        # As in `StopCell.decode`: floor((n-1) C / T) <= w  <=>  (n-1) C < (w + 1) T.
        symbols = nodes.find(((((wanted - first) << shift) - 1) // (cells - 1)).astype(np.int64))
        begin, end = nodes.edges(first, cells, symbols)
