"""Text to windows by a codebook's table, thousands of places at a time.

A window's end is not known before its beginning, so a text is one long walk. But walks that begin in different
places soon meet: once two of them begin a window at the same byte they are one from there on. So documents
are laid end to end and cut into stretches of equal length; every stretch is walked as if a window
began there, all of them in lockstep; then the walk of each stretch is carried on into the next until it
meets the one found there, and at each document a walk is begun afresh. The few that take long are finished alone.

The result does not depend on where stretches begin: it is the walk of each document from its first byte.
"""

from itertools import pairwise

import numpy as np

from eiwref.errors import CodeError
from eiwref.windows.codebook import Codebook

# Bytes of a stretch and stretches in lockstep are no multiples of a large power of two, or what is read together
# would compete for the same places in the cache.
STRETCH = 1021
LANES = 4160
STEPS = 64  # taken before their entries are put where they belong: whole lines of the cache for each lane
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
    codes, splits = [], [np.zeros(1, dtype=np.int64)]  # splits: how many windows begin before a document's end
    before, windows, done = codebook.root, 0, 0
    for at in range(0, max(len(text), 1), LANES * STRETCH):
        part = text[at : at + (LANES * STRETCH)]
        walks = _Walks(codebook, part, begins[at : at + len(part) + 1].copy(), before)
        window_begins, before = walks.window_begins(), walks.entries[len(part)]
        codes.append(codebook.code_of[walks.entries[window_begins]])  # of the windows that end there
        ends = document_ends[done : np.searchsorted(document_ends, at + len(part), side="right")]
        splits.append(windows + np.searchsorted(window_begins, ends - at))
        windows, done = windows + len(window_begins), done + len(ends)
    whole = np.concatenate([*codes, codebook.code_of[[before]]])[1:]  # no window ends before the first byte
    return [whole[begin:end] for begin, end in pairwise(np.concatenate(splits).tolist())]


class _Walks:
    """`entries[i]` is what byte i - 1 of a part of the text led to: the entry before byte i."""

    def __init__(self, codebook: Codebook, part: np.ndarray, begins: np.ndarray, before: int):
        """`begins`: of documents, one more than bytes; `before`: the entry of the byte before the part."""
        self._table, self._rows, self._root = codebook.table.ravel(), codebook.root + 1, codebook.root
        self._alphabet = codebook.alphabet
        self._part, self._begins = part, begins
        self._begins[-1] = True  # no walk leaves the part
        first = self._root if begins[0] else before
        if len(part) > SMALL:
            self._stretch = min(STRETCH, max(1, len(part) // LANES_AT_LEAST))
            self._walk_stretches(first)
            walks = self._unsettled()
        else:
            self.entries = np.full(1 + len(part), -1, dtype=np.int32)  # no entry
            positions = np.flatnonzero(begins[:-1] | (np.arange(len(part)) == 0))
            walks = positions, np.where(positions == 0, first, self._root)
        self.entries[0] = before
        self._settle(*walks)

    def window_begins(self) -> np.ndarray:
        """The positions at which a window begins."""
        return np.flatnonzero(self.entries[1 : 1 + len(self._part)] < self._alphabet)

    def _walk_stretches(self, before: int) -> None:
        """All stretches in lockstep: the first goes on from the entry before it, the others from the root."""
        lanes = -(-len(self._part) // self._stretch)
        padded = np.zeros(lanes * self._stretch, dtype=np.uint8)
        padded[: len(self._part)] = self._part
        self.entries = np.empty(1 + len(padded), dtype=np.uint16)
        symbols, entries = padded.reshape(lanes, -1), self.entries[1:].reshape(lanes, -1)
        root = np.full(lanes, self._root, dtype=np.uint16)
        entry, row = root.copy(), np.empty_like(root)
        entry[0] = before
        for at in range(0, self._stretch, STEPS):
            index = symbols[:, at : at + STEPS].T.astype(np.int32, order="C")  # (steps, lanes)
            index *= self._rows
            found = np.empty(index.shape, dtype=np.uint16)
            for cell, here in zip(index, found, strict=True):
                np.minimum(entry, root, out=row)  # a full window leads to the root
                cell += row
                np.take(self._table, cell, out=here, mode="clip")
                entry = here
            entries[:, at : at + STEPS] = found.T

    def _unsettled(self) -> tuple[np.ndarray, np.ndarray]:
        """(positions, entry before each) from which the walk is not what was found, in rising order."""
        positions = np.arange(self._stretch, len(self._part), self._stretch)
        before = self.entries[positions]
        # A stretch was walked from the root: right if a document begins there or the last window was full.
        wrong = (before < self._root) & ~self._begins[positions]
        documents = np.flatnonzero(self._begins[:-1])
        documents = documents[documents % self._stretch > 0]
        positions = np.concatenate([positions[wrong], documents])
        before = np.concatenate([before[wrong], np.full(len(documents), self._root, dtype=np.uint16)])
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
            column = self._part[position].astype(np.int32) * self._rows
            entry = self._table[column + np.minimum(entry, self._root)]
            position = position + 1
            met = self.entries[position] == entry
            self.entries[position] = entry
            goes_on = ~(met | self._begins[position])
            position, entry = position[goes_on], entry[goes_on]
        settled = 0
        for start, before in zip(position.tolist(), entry.tolist(), strict=True):
            if start >= settled:  # otherwise a walk from behind has just come past
                settled = self._walk_alone(start, before)

    def _walk_alone(self, position: int, entry: int) -> int:
        """The first position that is not yet settled by the walk, which met what was there or came to its end."""
        table, entries, part, begins = map(memoryview, (self._table, self.entries, self._part, self._begins))
        rows, root = self._rows, self._root
        while True:
            entry = table[part[position] * rows + min(entry, root)]
            position += 1
            met = entries[position] == entry
            entries[position] = entry
            if met or begins[position]:
                return position
