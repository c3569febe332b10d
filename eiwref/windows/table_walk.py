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

STRETCH = 509  # bytes; no power of two, or all stretches would compete for the same places in the cache
LANES = 4096  # stretches walked together
STEPS = 16  # taken before their entries are put where they belong: a line of the cache for each lane
LANES_AT_LEAST = 256  # fewer would not repay a step: shorter stretches are walked instead
SMALL = 1 << 14  # bytes that are walked alone from the first one on
FEW = 64  # walks: in lockstep a step costs as much for one as for these
PATIENCE = 2000  # steps in lockstep, after which walks are finished alone, however many


def segment(codebook: Codebook, documents: list[bytes]) -> list[np.ndarray]:
    """The codes of each document's windows, shape (N,), uint16; raises `CodeError` for a byte that has no text."""
    text = np.frombuffer(b"".join(documents), dtype=np.uint8)
    if len(text) and text.max() >= codebook.alphabet:
        raise CodeError(f"byte {text.max()} is not among the {codebook.alphabet} symbols of the codebook")
    document_ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    begins = np.zeros(len(text) + 1, dtype=bool)  # where a document begins, and where the last one ends
    begins[0] = begins[document_ends] = True
    parts = [np.zeros(0, dtype=np.uint16)]
    before = np.int32(0)
    for at in range(0, len(text), LANES * STRETCH):
        part = text[at : at + (LANES * STRETCH)]
        walks = _Walks(codebook, part, begins[at : at + len(part) + 1].copy(), before)
        entries, goes_on = walks.windows()
        if goes_on:  # the last window of the part before was not yet full
            parts[-1] = parts[-1][:-1]
        codes = np.where(entries < 0, ~entries, codebook.stop_cells[np.maximum(entries, 0)])
        parts.append(codes.astype(np.uint16))
        before = entries[-1]
    codes = np.concatenate(parts)
    windows = np.searchsorted(np.cumsum(codebook.depths[codes], dtype=np.int64), document_ends, side="right")
    return np.split(codes, windows)[: len(documents)]


class _Walks:
    """The entry of each byte of a part of the text."""

    def __init__(self, codebook: Codebook, part: np.ndarray, begins: np.ndarray, before):
        """`begins`: of documents, one more than bytes; `before`: the entry of the byte before the part."""
        self._table, self._row_bits, self._alphabet = codebook.table, codebook.row_bits, codebook.alphabet
        self._part, self._begins = part, begins
        self._begins[-1] = True  # no walk leaves the part
        before = np.int32(0) if begins[0] else before
        if len(part) > SMALL:
            self._stretch = min(STRETCH, max(1, len(part) // LANES_AT_LEAST))
            self._walk_stretches(before)
            walks = self._unsettled()
        else:
            self._entries = np.zeros(len(part), dtype=np.int32)  # 0 is no entry
            positions = np.flatnonzero(begins[:-1] | (np.arange(len(part)) == 0))
            walks = positions, np.where(positions == 0, before, 0)
        self._settle(*walks)

    def windows(self) -> tuple[np.ndarray, bool]:
        """(the entry of each window's last byte; does the first window go on from the part before?)"""
        begins = np.flatnonzero(self._entries[: len(self._part)].view(np.uint32) <= self._alphabet)
        goes_on = not len(begins) or begins[0] > 0
        return self._entries[np.append(begins[not goes_on :], len(self._part)) - 1], goes_on

    def _walk_stretches(self, before) -> None:
        """All stretches in lockstep: the first goes on from the entry before it, the others from the root."""
        lanes = -(-len(self._part) // self._stretch)
        padded = np.zeros(lanes * self._stretch, dtype=np.uint8)
        padded[: len(self._part)] = self._part
        self._entries = np.zeros(len(padded), dtype=np.int32)
        symbols, entries = padded.reshape(lanes, -1), self._entries.reshape(lanes, -1)
        entry = np.zeros(lanes, dtype=np.int32)
        entry[0] = before
        index = np.empty_like(entry)
        for at in range(0, self._stretch, STEPS):
            columns = symbols[:, at : at + STEPS].T.astype(np.int32, order="C") << self._row_bits  # (steps, lanes)
            found = np.empty_like(columns)
            for column, here in zip(columns, found, strict=True):
                np.maximum(entry, 0, out=index)  # a full window leads to the root
                index += column
                np.take(self._table, index, out=here, mode="clip")
                entry = here
            entries[:, at : at + STEPS] = found.T

    def _unsettled(self) -> tuple[np.ndarray, np.ndarray]:
        """(positions, entry before each) from which the walk is not what was found, in rising order."""
        positions = np.arange(self._stretch, len(self._part), self._stretch)
        before = self._entries[positions - 1]
        # A stretch was walked from the root: right if a document begins there or the last window was full.
        wrong = (before > 0) & ~self._begins[positions]
        documents = np.flatnonzero(self._begins[:-1])
        documents = documents[documents % self._stretch > 0]
        positions = np.concatenate([positions[wrong], documents])
        before = np.concatenate([before[wrong], np.zeros(len(documents), dtype=np.int32)])
        order = np.argsort(positions)
        return positions[order], before[order]

    def _settle(self, position: np.ndarray, entry: np.ndarray) -> None:
        """Carry walks on until each meets what is there.

        All go at one speed, so that none overtakes another: what a walk writes is overwritten only by walks from
        behind, which come from nearer the document's begin and so know better.
        """
        for _ in range(PATIENCE):
            if len(position) <= FEW:
                break
            column = self._part[position].astype(np.int32) << self._row_bits
            entry = self._table[column + np.maximum(entry, 0)]
            met = self._entries[position] == entry
            self._entries[position] = entry
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
            met = entries[position] == entry
            entries[position] = entry
            position += 1
            if met or begins[position]:
                return position
