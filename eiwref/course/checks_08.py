"""The exercises of tutorial 08, M1."""

from math import log

import numpy as np

from eiwref.course.core import call, exercise, expect
from eiwref.generate import Choice
from eiwref.nn.attention import distance_buckets
from eiwref.nn.layers import token_nats

TOLERANCE = 1e-9


@exercise("08.1", "The causal mask")
def _(answer, rng):
    t = int(rng.integers(3, 7))
    for rows, columns in ((t, t), (1, t), (t, t + int(rng.integers(1, 5))), (1, 1)):
        back = np.arange(columns - rows, columns)[:, None] - np.arange(columns)
        expect(call(answer, rows, columns), back < 0, what=f"the mask of t = {rows}, s = {columns}")


@exercise("08.2", "Buckets of distances")
def _(answer, rng):
    edges = np.array([0, 1, 15, 16, 18, 19, 31, 32, 113, 127, 128, 129, 1000])
    for distances in (edges, rng.permutation(200), rng.integers(0, 200, size=(3, 4))):
        what = f"the buckets of distances {distances.ravel()[:13].tolist()}"
        expect(call(answer, distances), distance_buckets(distances), what=what)


@exercise("08.3", "Bits per byte, by position")
def _(answer, rng):
    for b, t, v, scale in ((1, 2, 3, 1), (4, 3, 5, 2), (3, 4, 4, 2), (2, 3, 4, 900)):
        logits = scale * rng.uniform(-1, 1, size=(b, t, v))
        logits[0, 0, 0] = scale  # the last one is beyond exp
        targets = rng.integers(0, v, size=(b, t))
        expected = (token_nats(logits, targets, np) / log(2)).mean(axis=0)
        what = (
            f"bits by position of {b} pieces of {t} symbols, V = {v}, logits of up to {np.abs(logits).max():.1f}"
        )
        expect(call(answer, logits, targets), expected, what=what, tolerance=TOLERANCE)


@exercise("08.4", "Attention's next step")
def _(answer, rng):
    for before, width in ((2, 3), (5, 2), (4, 4), (0, 3)):
        q, k, v = rng.standard_normal((3, width))
        keys, values = rng.standard_normal((2, before, width))
        bias = rng.standard_normal(before + 1)
        found = call(answer, q, k, v, keys, values, bias)
        all_keys, all_values = np.vstack([keys, k]), np.vstack([values, v])
        scores = np.array([key @ q / width**0.5 + bias[before - s] for s, key in enumerate(all_keys)])
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        what = f"S = {before}, K = {width}"
        expected = (weights @ all_values, all_keys, all_values)
        if not isinstance(found, tuple) or len(found) != 3:
            expect(found, expected, what=f"(out, keys, values) of {what}")
        for place, name in ((1, "keys"), (2, "values"), (0, "out")):
            shown = f"{name} of {what}" + (f" (weights {weights.round(3).tolist()})" if name == "out" else "")
            expect(found[place], expected[place], what=shown, tolerance=TOLERANCE)


@exercise("08.5", "Drawing an id")
def _(answer, rng):
    tie = np.repeat(rng.standard_normal(2), 2)
    cases = [(tie, 0, 0.9), (np.zeros(4), 1.0, 0.5), (np.array([0.0, 800.0, 799.0]), 1.0, 0.9)]
    for _ in range(40):
        logits = 2 * rng.standard_normal(int(rng.integers(2, 7)))
        cases.append((logits, float(rng.choice([0, 0.3, 1.0, 2.5])), rng.random()))
    for logits, temperature, u in cases:
        expected = int(Choice(temperature).draw(logits[None], np.array([u]))[0])
        shown = f"logits {logits.round(3).tolist()} at temperature {temperature}, u = {u:.4f}"
        expect(call(answer, logits, temperature, u), expected, what=f"the id for {shown}")
