"""The exercises of tutorial 04, models that predict bytes."""

from heapq import heapify, heappop, heappush

import numpy as np

from eiwref.course.core import Wrong, call, exercise, expect


@exercise("04.1", "Counting bytes")
def _(answer, rng):
    text = _text(rng)
    expect(call(answer, text), _counts(text), what=f"the counts of {text[:12]}... ({len(text)} bytes)")
    expect(call(answer, b""), np.zeros(256, dtype=np.int64), what="the counts of an empty text")


@exercise("04.2", "Bits per byte of a unigram model")
def _(answer, rng):
    counts, text = _counts(_text(rng)), _text(rng)
    p = (counts + 1) / (counts.sum() + 256)
    for piece in (text[:1], text):
        expected = float(np.mean([-np.log2(p[byte]) for byte in piece]))
        found = call(answer, counts, piece)
        what = f"the bits per byte of {piece[:12]}... ({len(piece)} bytes, counts of {counts.sum()})"
        expect(found, expected, what=what, tolerance=1e-9)


@exercise("04.3", "The lengths of Huffman's code")
def _(answer, rng):
    for symbols in (2, 3, int(rng.integers(5, 12))):
        counts = np.floor(rng.pareto(0.7, size=symbols) * 3 + 1).astype(int).tolist()
        lengths = call(answer, counts)
        if not isinstance(lengths, list):
            raise Wrong(f"expected a list, found {type(lengths).__name__}")
        if len(lengths) != symbols or not all(isinstance(each, int | np.integer) for each in lengths):
            raise Wrong(f"counts {counts}: expected {symbols} whole numbers, found {lengths}")
        if min(lengths) < 1:
            raise Wrong(f"counts {counts}: a code takes at least 1 bit, found lengths {lengths}")
        # Equal counts leave a choice, so that not the lengths are compared but what makes them right.
        kraft = sum(2.0**-each for each in lengths)
        if kraft != 1:
            raise Wrong(
                f"counts {counts}: the shares 2^-length of {lengths} add up to {kraft:g}, expected exactly 1"
            )
        bits = sum(count * each for count, each in zip(counts, lengths, strict=True))
        if bits != _huffman_bits(counts):
            raise Wrong(
                f"counts {counts}: lengths {lengths} take {bits} bits in all, "
                f"expected {_huffman_bits(counts)}, the fewest there can be"
            )


@exercise("04.4", "What follows each context")
def _(answer, rng):
    for k in (0, 1, int(rng.integers(2, 4))):
        text = bytes(rng.choice([0, 97, 98, 255], size=40).tolist())
        expected: dict[bytes, dict[int, int]] = {}
        for place in range(k, len(text)):
            after = expected.setdefault(text[place - k : place], {})
            after[text[place]] = after.get(text[place], 0) + 1
        what = f"k = {k}, text {text[:8]}... ({len(text)} bytes)"
        expect(call(answer, text, k), expected, what=what)


@exercise("04.5", "Blending long contexts with short ones")
def _(answer, rng):
    for _ in range(3):
        symbols = int(rng.integers(3, 9))
        counts = rng.integers(0, 4, size=symbols) * rng.integers(0, 2, size=symbols)
        counts[rng.integers(symbols)] = 5
        shorter = rng.dirichlet(np.ones(symbols))
        distinct, total = np.count_nonzero(counts), counts.sum()
        expected = (counts + distinct * shorter) / (total + distinct)
        what = f"p(c | context) for counts {counts.tolist()} (N = {total}, D = {distinct})"
        expect(call(answer, counts, shorter), expected, what=what, tolerance=1e-12)
    nothing = np.zeros(symbols, dtype=np.int64)
    what = "p(c | context) for a context that was never seen"
    expect(call(answer, nothing, shorter), shorter, what=what, tolerance=1e-12)


def _text(rng) -> bytes:
    """Bytes of very different frequencies, 0 among them and 255 not always."""
    favourites = rng.integers(0, 256, size=6)
    return bytes([0, *rng.choice(favourites, size=rng.integers(50, 100)).tolist(), *rng.bytes(5)])


def _counts(text: bytes) -> np.ndarray:
    return np.bincount(np.frombuffer(text, dtype=np.uint8), minlength=256).astype(np.int64)


def _huffman_bits(counts: list[int]) -> int:
    """Each time two are joined, every symbol below takes one bit more: the sum of all joined counts."""
    heap, bits = list(counts), 0
    heapify(heap)
    while len(heap) > 1:
        joined = heappop(heap) + heappop(heap)
        bits += joined
        heappush(heap, joined)
    return bits
