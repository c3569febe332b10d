"""Stop-cell windows of many texts at once, for predictors that share work among states.

NumPy takes a hundred symbols through a network in far less than a hundred times the time of one. So many lanes go
side by side, each for a window of its own:

- encoding, a lane is a text: all begin a window together. What comes is known, so the network looks at some bytes
  ahead at once, about a window's worth; where a window goes on after them, at twice as many.
- decoding, a lane is a code, wherever it stands, since windows know nothing of each other. Each walks down the
  tree of `stop_cell`, all equally deep. Lanes whose windows begin alike are at one node until they part, and share
  its state. There is much of that: windows begin with the same few bytes again and again, and codes in rising
  order are neighbours in the tree.

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
    ahead = scheme.window_bits // 2  # bytes looked at at once: at first for windows of two bits a byte
    while True:
        while len(lanes) < LANES and (text := next(waiting, None)) is not None:
            found.append([])
            if text:
                lanes.append((text, 0, found[-1]))
        if not lanes:
            return found
        lengths, codes = _windows(scheme, [(text, start) for text, start, _ in lanes], ahead)
        ahead = 1 + 5 * sum(lengths) // (4 * len(lengths))  # a quarter more than the mean
        for lane, code in zip(lanes, codes, strict=True):
            lane[2].append(code)
        after = [(text, start + length, own) for (text, start, own), length in zip(lanes, lengths, strict=True)]
        lanes = [lane for lane in after if lane[1] < len(lane[0])]


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


def _windows(scheme: StopCell, lanes: list[tuple[bytes, int]], ahead: int) -> tuple[list[int], list[int]]:
    """(bytes, codes) of the window that begins in each text at this place."""
    lengths, codes = [0] * len(lanes), [0] * len(lanes)
    still = range(len(lanes))  # those whose windows are still open
    while still:
        pieces = {lane: lanes[lane][0][lanes[lane][1] : lanes[lane][1] + ahead] for lane in still}
        still = sorted(pieces, key=lambda lane: -len(pieces[lane]))
        for lane, length, code in zip(still, *_walk(scheme, [pieces[lane] for lane in still]), strict=True):
            lengths[lane], codes[lane] = length, code
        still = [lane for lane in still if lengths[lane] == ahead < len(lanes[lane][0]) - lanes[lane][1]]
        ahead *= 2
    return lengths, codes


def _walk(scheme: StopCell, texts: Sequence[bytes]) -> tuple[list[int], list[int]]:
    """`_windows` of texts that are as long as a window may become; the longest first."""
    predictor, shift = scheme.predictor, scheme.predictor.precision
    sizes = np.array([len(text) for text in texts])
    symbols = np.zeros((len(texts), sizes[0]), dtype=np.int64)
    for lane, text in enumerate(texts):
        symbols[lane, : len(text)] = np.frombuffer(text, dtype=np.uint8)
    low, high = np.moveaxis(predictor.slices_along(symbols, sizes).astype(object), 2, 0)  # (n, T) each
    edges = scheme.root_edges(np.array(predictor.cdf(predictor.start()), dtype=object))
    first, end = edges[symbols[:, 0]], edges[symbols[:, 0] + 1]
    lengths = np.ones(len(texts), dtype=np.int64)
    on = np.arange(len(texts))
    for place in range(1, sizes[0]):
        # A single cell is the stop cell, and none is left for children.
        on = on[(sizes[on] > place) & (end[on] - first[on] > 1)]
        children, begin = end[on] - first[on] - 1, first[on] + 1
        begin, stop = begin + (children * low[on, place] >> shift), begin + (children * high[on, place] >> shift)
        fits = begin < stop
        on = on[fits]
        first[on], end[on] = begin[fits], stop[fits]
        lengths[on] += 1
    return lengths.tolist(), first.tolist()


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
