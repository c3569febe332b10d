"""The exercises of tutorial 01: bits, entropy, bits per byte."""

import numpy as np

from eiwref.coding import frequencies
from eiwref.course.core import call, exercise, expect


@exercise("01.1", "Surprise")
def _(answer, rng):
    for shape in ((int(rng.integers(2, 6)),), (2, 3), (0,)):
        p = 1 - rng.random(shape)
        expect(call(answer, p), -np.log2(p), what=f"the bits of p = {p.tolist()}", tolerance=1e-12)


@exercise("01.2", "Entropy")
def _(answer, rng):
    certain, uniform = np.array([0.0, 1.0, 0.0]), np.full(8, 1 / 8)
    some = rng.dirichlet(np.ones(int(rng.integers(3, 7))))
    with_zeros = np.insert(some, int(rng.integers(len(some))), 0.0)
    for p in (uniform, some, with_zeros, certain):
        above = p[p > 0]
        what = f"the entropy in bits of p = {np.round(p, 4).tolist()}"
        expect(call(answer, p), float(above @ -np.log2(above)), what=what, tolerance=1e-9)


@exercise("01.3", "Bits of a text")
def _(answer, rng):
    for length in (1, int(rng.integers(5, 20)), 0):
        symbols = int(rng.integers(3, 8))
        cumulative = frequencies.from_weights(rng.integers(0, 50, size=symbols) + 1, precision=8).tolist()
        text = rng.integers(symbols, size=length).tolist()
        counts = np.diff(cumulative)
        what = f"the bits of the text {text} under {cumulative}"
        expect(call(answer, text, cumulative), float(8 * length - np.log2(counts[text]).sum()), what, 1e-9)


@exercise("01.4", "Bits per byte")
def _(answer, rng):
    for documents in (1, int(rng.integers(2, 5))):
        losses = rng.uniform(1, 6, size=documents)
        tokens = rng.integers(5, 2000, size=documents)
        sizes = tokens * rng.integers(1, 6, size=documents) + 3
        expected = float((losses @ tokens) / np.log(2) / sizes.sum())
        given = f"losses {np.round(losses, 3).tolist()}, tokens {tokens.tolist()}, sizes {sizes.tolist()}"
        expect(call(answer, losses, tokens, sizes), expected, what=f"bits per byte for {given}", tolerance=1e-9)
