"""The exercises of tutorial 06, the 16-bit codebook."""

from heapq import heapify, heappop, heappush
from itertools import pairwise

import numpy as np

from eiwref.course.core import Wrong, call, exercise, expect
from eiwref.predictors.ngram import NGram
from eiwref.windows import StopCell, table_walk
from eiwref.windows.codebook import Codebook


@exercise("06.1", "The text of each code")
def _(answer, rng):
    for window_bits in (4, 6):
        codebook = _codebook(rng, window_bits)
        parents, symbols = _parents(codebook.depths).tolist(), codebook.symbols.tolist()
        found = call(answer, parents, symbols)
        expect(found, codebook.texts, what=f"the texts of parents {parents[:8]}... and symbols {symbols[:8]}...")


@exercise("06.2", "Parents from depths")
def _(answer, rng):
    for window_bits in (4, 7):
        depths = _codebook(rng, window_bits).depths.astype(np.int64)
        what = f"the parents of depths {depths[:10].tolist()}... ({len(depths)} codes)"
        expect(call(answer, depths), _parents(depths), what=what)


@exercise("06.3", "Tunstall's code")
def _(answer, rng):
    for symbols, room in ((2, 2), (2, 11), (3, 20), (4, int(rng.integers(20, 60)))):
        p = rng.dirichlet(np.full(symbols, 0.7)).clip(0.01)
        p /= p.sum()
        found = call(answer, p, room)
        what = f"p = {p.round(3).tolist()}, at most {room} texts"
        if not isinstance(found, list) or not all(isinstance(text, bytes) for text in found):
            raise Wrong(f"{what}: expected a list of bytes, found {found!r:.80}")
        # Texts of the same symbols are equally likely: not they are compared but what makes them right.
        splits = (room - symbols) // (symbols - 1)
        if len(found) != symbols + splits * (symbols - 1):
            raise Wrong(f"{what}: expected {symbols + splits * (symbols - 1)} texts, found {len(found)}")
        if b"" in found or max(max(text) for text in found) >= symbols:
            raise Wrong(f"{what}: expected texts of the symbols 0 to {symbols - 1}, none of them empty")
        ordered = sorted(found)
        for text, after in pairwise(ordered):
            if after.startswith(text):
                raise Wrong(f"{what}: both {text} and {after} are there, expected none to begin another")
        mean = float(sum(len(text) * np.prod(p[list(text)]) for text in found))
        expect(mean, _tunstall_mean(p, splits), what=f"{what}: the mean length of a text", tolerance=1e-9)


@exercise("06.4", "The longest match")
def _(answer, rng):
    for length in (1, 30):
        codebook = _codebook(rng, 6)
        codes = {text: code for code, text in enumerate(codebook.texts)}
        text = bytes(rng.integers(0, codebook.alphabet, size=length).tolist())
        expected = table_walk.segment(codebook, [text])[0].tolist()
        pieces = ", ".join(str(list(codebook.texts[code])) for code in expected[:5])
        what = f"the codes of {list(text[:12])}... ({length} symbols; the first windows hold {pieces})"
        expect(call(answer, codes, text), expected, what=what)
    expect(call(answer, codes, b""), [], what="the codes of an empty text")


@exercise("06.5", "Many texts in lockstep")
def _(answer, rng):
    for lanes, steps in ((1, 12), (5, 20), (5, 40), (4, 40)):
        codebook = _codebook(rng, 7)
        texts = rng.integers(0, codebook.alphabet, size=(lanes, steps)).astype(np.uint8)
        expected = np.zeros((lanes, steps), dtype=np.uint16)
        for lane, text in enumerate(texts):
            entry = codebook.root
            for step, symbol in enumerate(text.tolist()):
                entry = codebook.table[symbol, min(entry, codebook.root)]
                expected[lane, step] = entry
        what = f"the entries of {lanes} texts of {steps} symbols (the root's row is {codebook.root}), [text, step]"
        _Table.looks = 0
        found = call(answer, codebook.table.view(_Table), codebook.root, texts)
        expect(found, expected, what=what)
        if _Table.looks > 2 * steps:
            raise Wrong(f"{what}: expected a look into the table a step, {steps} in all, found {_Table.looks}")


class _Table(np.ndarray):
    """A table that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, which):
        _Table.looks += 1
        return np.asarray(super().__getitem__(which))[()]


def _codebook(rng, window_bits: int) -> Codebook:
    """All windows under a small model with memory."""
    symbols = int(rng.integers(2, 5))
    text = np.resize(rng.integers(0, symbols, size=5), 60).astype(np.uint8)
    changed = rng.integers(0, 60, size=15)
    text[changed] = rng.integers(0, symbols, size=15)
    predictor = NGram.fit([text.tobytes()], order=2, symbols=symbols, precision=8)
    return Codebook.grow(StopCell(predictor, window_bits))


def _parents(depths: np.ndarray) -> np.ndarray:
    """The code of the text that is one symbol shorter, -1 for texts of one symbol."""
    newest = {0: -1}
    parents = np.empty(len(depths), dtype=np.int64)
    for code, depth in enumerate(depths.tolist()):
        parents[code] = newest[depth - 1]
        newest[depth] = code
    return parents


def _tunstall_mean(p: np.ndarray, splits: int) -> float:
    """A node that is split makes all texts below it one longer: the sum of the split nodes' probabilities."""
    heap, mean = (-p).tolist(), 1.0
    heapify(heap)
    for _ in range(splits):
        likeliest = -heappop(heap)
        mean += likeliest
        for each in p.tolist():
            heappush(heap, -likeliest * each)
    return mean
