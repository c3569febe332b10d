"""A tree of windows grown whole: windows of 16 bits or fewer by table, with no predictor to run.

Every window begins afresh, so which text a code means depends on nothing but M1, and 2^W codes are few enough
to write all of them down. Of stop-cell windows a code is a cell, and cells are numbered as a `Book` wants them, a
node before its children and these in symbol order.

Encoding walks a table (`table_walk`), decoding looks codes up; both give what `stop_cell` gives, window for
window. The table has a column of entries for each byte and a row for each node at which a window may go on.
Nodes are numbered in this order, and so are rows:

    0 to K - 1   the texts of one byte
    up to root   the other nodes that have children
    from root    the nodes that have none: the window is full, and all of them share the last row, the root's

An entry is the number of the node to which a byte leads from a row. Where the byte finds no cell, the window
ends before it and the byte begins the next one: the entry is the root's for that byte. So wherever an entry is
below K a window begins, and the entry before is the window that has ended. An entry takes two bytes, and nodes
that end in the same byte stand together, the likeliest first: what is used most fits the cache.

Not in the paper. In the terms of source coding: a Tunstall code grown by a language model.
"""

from functools import cached_property
from itertools import pairwise

import numpy as np

from eiwref.coding.bits import check_ids
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.book import MAX_WINDOW_BITS, Book
from eiwref.predictors.store import digest
from eiwref.windows.stop_cell import StopCell

NODES = 1024  # a batch of the predictor, whose states take memory
PIECE = 1 << 14  # codes decoded at a time, so that what they need stays in the cache
WORD = 8  # bytes of a text copied at once


class Codebook(Book):
    """A `Book` with the tables to encode and decode by."""

    def __init__(self, depths: np.ndarray, symbols: np.ndarray, predictor: str):
        super().__init__(depths, symbols, predictor)
        self._parents = _parents(self.depths)

    @classmethod
    def of(cls, book: Book) -> "Codebook":
        """`book`, which a file held, ready to work with."""
        return cls(book.depths, book.symbols, book.predictor)

    @classmethod
    def grow(cls, scheme: StopCell) -> "Codebook":
        """The codebook of `scheme`, the nodes of a level in batches of the predictor."""
        if scheme.window_bits > MAX_WINDOW_BITS:
            raise PredictorError(
                f"a codebook of {scheme.window_bits} bits is too large, expected at most {MAX_WINDOW_BITS}"
            )
        if scheme.reset != 1:
            raise PredictorError("a codebook needs the predictor to start afresh in every window, reset=1")
        return cls(*_grow(scheme), digest(scheme.predictor.inner))

    @cached_property
    def cells(self) -> np.ndarray:
        """How many codes each code's node owns, its own and those below it, shape (2^W,), int64."""
        cells = np.ones(len(self.depths), dtype=np.int64)
        for depth in range(int(self.depths.max()), 1, -1):
            level = np.flatnonzero(self.depths == depth)
            np.add.at(cells, self._parents[level], cells[level])
        return cells

    @cached_property
    def code_of(self) -> np.ndarray:
        """The code of each node, in the order of their numbers, shape (2^W,), uint16."""
        kind = np.where(self.depths == 1, 0, np.where(self.cells > 1, 1, 2))
        return np.lexsort((-self.cells, self.symbols, kind)).astype(np.uint16)

    @cached_property
    def root(self) -> int:
        """The root's row, the last one: an entry of this or more leads to it."""
        return int(np.count_nonzero((self.depths == 1) | (self.cells > 1)))

    @cached_property
    def table(self) -> np.ndarray:
        """The entry of each byte at each row, shape (alphabet, root + 1), uint16."""
        entries = np.argsort(self.code_of).astype(np.uint16)
        first = self.depths == 1
        table = np.repeat(entries[first][:, None], self.root + 1, axis=1)
        table[self.symbols[~first], entries[self._parents[~first]]] = entries[~first]
        return table

    @cached_property
    def texts(self) -> list[bytes]:
        """What each code means."""
        texts = [b""] * (len(self.depths) + 1)  # the last one is the root's
        for code, (parent, symbol) in enumerate(zip(self._parents.tolist(), self.symbols.tolist(), strict=True)):
            texts[code] = texts[parent] + bytes((symbol,))
        return texts[:-1]

    def decode(self, codes) -> bytes:
        """The text of windows; raises `CodeError` for what is no code of W bits."""
        return self.decode_batch([check_ids(codes, len(self.depths))])[0]

    def decode_batch(self, codes: list[np.ndarray]) -> list[bytes]:
        """The text of each document's windows."""
        whole = np.concatenate([np.zeros(0, dtype=np.uint16), *codes])
        for code in (whole.min(initial=0), whole.max(initial=0)):
            if not 0 <= code < len(self.depths):
                raise CodeError(f"code {code} does not fit windows of {self.window_bits} bits")
        document_ends = np.cumsum(
            [len(each) for each in codes], dtype=np.int64
        )  # in windows; those of `cuts` in bytes
        texts, cuts, size, done = [], [np.zeros(1, dtype=np.int64)], 0, 0
        for at in range(0, max(len(whole), 1), PIECE):
            text, begins = self._decode(whole[at : at + PIECE])
            ends = document_ends[done : np.searchsorted(document_ends, at + PIECE, side="right")]
            texts.append(text)
            cuts.append(size + begins[ends - at])
            size, done = size + len(text), done + len(ends)
        text = b"".join(texts)
        return [text[begin:end] for begin, end in pairwise(np.concatenate(cuts).tolist())]

    def _decode(self, codes: np.ndarray) -> tuple[bytes, np.ndarray]:
        """(the text of windows, where in it each begins and the last one ends)"""
        codes = codes.astype(np.intp)
        lengths = self.depths[codes]
        begins = np.zeros(len(codes) + 1, dtype=np.int64)
        np.cumsum(lengths, out=begins[1:])
        text = np.empty(begins[-1] + WORD, dtype=np.uint8)
        words = _words(text)
        # A text is copied in whole words, the last of which may cover some bytes that come after it. These belong
        # to the first words of the texts that follow, so first words are written last, in rising order.
        for at in range(WORD, int(lengths.max(initial=0)), WORD):
            longer = np.flatnonzero(lengths > at)
            words[begins[longer] + at] = _words(self._end_to_end)[self._offsets[codes[longer]] + at]
        words[begins[:-1]] = self._first_words[codes]
        return text[:-WORD].tobytes(), begins

    @cached_property
    def _first_words(self) -> np.ndarray:
        return _words(self._end_to_end)[self._offsets]

    @cached_property
    def _end_to_end(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.texts) + bytes(WORD), dtype=np.uint8)

    @cached_property
    def _offsets(self) -> np.ndarray:
        lengths = self.depths.astype(np.int64)
        return np.cumsum(lengths) - lengths


def _words(text: np.ndarray) -> np.ndarray:
    """The words that begin at each byte, one byte apart, as a view."""
    return np.ndarray(len(text) - WORD + 1, dtype=f"V{WORD}", buffer=text, strides=(1,))


def _grow(scheme: StopCell) -> tuple[np.ndarray, np.ndarray]:
    """(depths, symbols) of all codes: level by level, but of a wide level some nodes before others."""
    predictor = scheme.predictor
    depths, symbols = (np.zeros(1 << scheme.window_bits, dtype=np.int64) for _ in range(2))
    states = predictor.start_many(1)
    edges = scheme.root_edges(predictor.cdf_many(states)[0])[None]  # (n, K + 1): child c owns edges[c] to [c + 1]
    waiting = []  # (states of parents, which of them, symbol, stop cell, cells, depth) of nodes with children
    depth = 1
    while True:
        cells = np.diff(edges)  # (n, K)
        parent, symbol = np.nonzero(cells)
        stop, cells = edges[parent, symbol], cells[parent, symbol]
        depths[stop], symbols[stop] = depth, symbol
        goes_on = np.flatnonzero(cells > 1)  # a single cell is the stop cell, and none is left for children
        for at in range(0, len(goes_on), NODES):
            some = goes_on[at : at + NODES]
            waiting.append((states, parent[some], symbol[some], stop[some], cells[some], depth))
        if not waiting:
            return depths, symbols
        states, parent, symbol, stop, cells, depth = waiting.pop()
        depth += 1
        states = predictor.advance_many(states, parent, symbol)
        edges = (stop + 1)[:, None] + scheme.shared((cells - 1)[:, None], predictor.cdf_many(states))


def _parents(depths: np.ndarray) -> np.ndarray:
    """The code of each node's parent, -1 for the root: the last code before it whose text is one shorter."""
    parents = np.full(len(depths), -1)
    for depth in range(2, int(depths.max()) + 1):
        level = np.flatnonzero(depths == depth)
        above = np.flatnonzero(depths == depth - 1)
        parents[level] = above[np.searchsorted(above, level) - 1]
    return parents
