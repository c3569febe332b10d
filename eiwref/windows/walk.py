"""Text to windows by a codebook's table, thousands of places at a time.

A window's end is not known before its beginning, so a text is one long walk. But walks that begin in different
places soon meet: once two of them begin a window at the same byte they are one from there on. So documents
are laid end to end and cut into stretches of equal length; every stretch is walked as if a window
began there, all of them in lockstep; then the walk of each stretch is carried on into the next until it
meets the one found there, and at each document a walk is begun afresh. The few that take long are finished alone.

The result does not depend on where stretches begin: it is the walk of each document from its first byte.
"""

import numpy as np

from eiwref.errors import CodeError
from eiwref.windows.codebook import Codebook

STRETCH_BITS = 9  # a stretch is 2^9 bytes
LANES = 4096  # stretches walked together
SMALL = 1 << 14  # bytes that are walked alone from the first one on
FEW = 64  # walks: in lockstep a step costs as much for one as for these


def segment(codebook: Codebook, documents: list[bytes]) -> list[np.ndarray]:
    """The codes of each document's windows, shape (N,), uint16; raises `CodeError` for a byte that has no text."""
    text = np.frombuffer(b"".join(documents), dtype=np.uint8)
    if len(text) and text.max() >= codebook.alphabet:
        raise CodeError(f"byte {text.max()} is not among the {codebook.alphabet} symbols of the codebook")
    document_ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    begins = np.zeros(len(text) + 1, dtype=bool)  # where a document begins, and where the last one ends
    begins[0] = begins[document_ends] = True
    parts = [np.zeros(0, dtype=np.int32)]
    before = np.int32(0)
    for at in range(0, len(text), LANES << STRETCH_BITS):
        part = text[at : at + (LANES << STRETCH_BITS)]
        walks = _Walks(codebook, part, begins[at : at + len(part) + 1].copy(), before)
        entries, goes_on = walks.windows()
        if goes_on:  # the last window of the part before was not yet full
            parts[-1] = parts[-1][:-1]
        parts.append(entries)
        before = entries[-1]
    entries = np.concatenate(parts)
    codes = np.where(entries < 0, ~entries, codebook.stop_cells[np.maximum(entries, 0)])
    windows = np.searchsorted(np.cumsum(codebook.depths[codes], dtype=np.int64), document_ends, side="right")
    return np.split(codes.astype(np.uint16), windows)[: len(documents)]


class _Walks:
    """The entry of each byte of a part of the text. Entries are kept step by step, (steps, lanes)."""

    def __init__(self, codebook: Codebook, part: np.ndarray, begins: np.ndarray, before):
        """`begins`: of documents, one more than bytes; `before`: the entry of the byte before the part."""
        self._table, self._row_bits, self._alphabet = codebook.table, codebook.row_bits, codebook.alphabet
        self._part, self._begins = part, begins
        self._begins[-1] = True  # no walk leaves the part
        self._bits = STRETCH_BITS if len(part) > SMALL else len(part).bit_length()
        while self._bits > 5 and len(part) >> self._bits < 1 << self._bits:
            self._bits -= 1
        self._lanes = -(-len(part) >> self._bits)
        self._entries = np.zeros(self._lanes << self._bits, dtype=np.int32)  # 0 is no entry
        before = np.int32(0) if begins[0] else before
        if len(part) > SMALL:
            self._walk_stretches(before)
            walks = self._unsettled()
        else:
            positions = np.flatnonzero(begins[:-1] | (np.arange(len(part)) == 0))
            walks = positions, np.where(positions == 0, before, 0)
        self._settle(*walks)

    def windows(self) -> tuple[np.ndarray, bool]:
        """(the entry of each window's last byte, in the order of the text; does the first one go on from before?)

        Each lane writes its entries to a place that moves on where a window begins, so that the last one stays.
        """
        steps = self._entries.reshape(-1, self._lanes)
        room = len(steps) + 1  # place 0 is for a window that goes on from the lane before
        out = np.zeros(self._lanes * room, dtype=np.int32)
        first = np.arange(self._lanes) * room
        place = first.copy()
        for entries in steps:
            place += entries.view(np.uint32) <= self._alphabet
            out[place] = entries
        if beyond := len(steps) * self._lanes - len(self._part):  # bytes that pad the last lane
            wanted = steps[: len(steps) - beyond, -1]
            place[-1] = first[-1] + np.count_nonzero(wanted.view(np.uint32) <= self._alphabet)
            out[place[-1]] = wanted[-1]
        goes_on = out[first] != 0
        used = [out[begin:end] for begin, end in zip(first + ~goes_on, place + 1, strict=True)]
        lengths = np.array([len(each) for each in used])
        # A window that goes on in the next lane stands there; what its lane wrote was not yet its end.
        unfinished = (np.cumsum(lengths) - lengths)[1:][goes_on[1:]] - 1
        return np.delete(np.concatenate(used), unfinished), bool(goes_on[0])

    def _place(self, position):
        """Where the byte at `position` has its entry."""
        return (position & ((1 << self._bits) - 1)) * self._lanes + (position >> self._bits)

    def _walk_stretches(self, before) -> None:
        """All stretches in lockstep: the first goes on from the entry before it, the others from the root."""
        padded = np.zeros(len(self._entries), dtype=np.uint8)
        padded[: len(self._part)] = self._part
        steps = np.ascontiguousarray(padded.reshape(self._lanes, -1).T)  # (steps, lanes)
        entry = np.zeros(self._lanes, dtype=np.int32)
        entry[0] = before
        column, index = np.empty_like(entry), np.empty_like(entry)
        for symbols, entries in zip(steps, self._entries.reshape(-1, self._lanes), strict=True):
            np.copyto(column, symbols)
            column <<= self._row_bits
            np.maximum(entry, 0, out=index)  # a full window leads to the root
            index += column
            np.take(self._table, index, out=entries, mode="clip")
            entry = entries

    def _unsettled(self) -> tuple[np.ndarray, np.ndarray]:
        """(positions, entry before each) from which the walk is not what was found, in rising order."""
        positions = np.arange(1, self._lanes) << self._bits  # of stretches
        before = self._entries[self._place(positions - 1)]
        # A stretch was walked from the root: right if a document begins there or the last window was full.
        wrong = (before > 0) & ~self._begins[positions]
        documents = np.flatnonzero(self._begins[:-1])
        documents = documents[documents & ((1 << self._bits) - 1) > 0]
        positions = np.concatenate([positions[wrong], documents])
        before = np.concatenate([before[wrong], np.zeros(len(documents), dtype=np.int32)])
        order = np.argsort(positions)
        return positions[order], before[order]

    def _settle(self, position: np.ndarray, entry: np.ndarray) -> None:
        """Carry walks on until each meets what is there.

        All go at one speed, so that none overtakes another: what a walk writes is overwritten only by walks from
        behind, which come from nearer the document's begin and so know better.
        """
        for _ in range(4 << self._bits):
            if len(position) <= FEW:
                break
            column = self._part[position].astype(np.int32) << self._row_bits
            entry = self._table[column + np.maximum(entry, 0)]
            place = self._place(position)
            met = self._entries[place] == entry
            self._entries[place] = entry
            position = position + 1
            goes_on = ~(met | self._begins[position])
            position, entry = position[goes_on], entry[goes_on]
        settled = 0
        for start, before in zip(position.tolist(), entry.tolist(), strict=True):
            if start >= settled:  # otherwise a walk from behind has just come past
                settled = self._walk_alone(start, before)

    def _walk_alone(self, position: int, entry: int) -> int:
        """The first position that is not yet settled by the walk, which met what was there or came to its end."""
        table, entries, part, begins = map(memoryview, (self._table, self._entries, self._part, self._begins))
        while True:
            entry = table[part[position] << self._row_bits | max(entry, 0)]
            place = self._place(position)
            position += 1
            if entries[place] == entry or begins[position]:
                entries[place] = entry
                return position
            entries[place] = entry
