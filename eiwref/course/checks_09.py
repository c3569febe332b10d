"""The exercises of tutorial 09, neural compression and why floats break it."""

import numpy as np

from eiwref.course.core import Wrong, call, exercise, expect
from eiwref.nn.integer import LEVELS, TERMS, powers


@exercise("09.1", "The first difference")
def _(answer, rng):
    t, k = int(rng.integers(3, 7)), int(rng.integers(4, 9))
    rows = np.cumsum(rng.integers(1, 9, size=(t, k)), axis=1)
    same = call(answer, rows, rows.copy())
    if same is not None:
        raise Wrong(f"two runs of {t} positions that are the same: expected None, found {same!r:.80}")
    first, last = (1, k - 2), (t - 1, 0)
    late_in_a_row = ((1, k - 1), (2, 0))  # what comes first by columns comes second by rows
    cases = ((first,), (last,), late_in_a_row, ((0, 0),), ((t - 2, 2), (t - 2, 3), last))
    for places, change in zip(cases, (1, -1, -1, 1, -1), strict=True):
        others = rows.copy()
        for place in places:
            others[place] += change
        found = call(answer, rows, others)
        expect(found, min(places), what=f"(position, index) of runs that differ at {list(places)}, T = {t}")


@exercise("09.2", "How many terms")
def _(answer, rng):
    cases = [(LEVELS, LEVELS, 24), (1, 1, 10), (4, 8, 10), (3, 4, 5)]
    cases += [(*rng.integers(2, 300, size=2).tolist(), int(rng.integers(17, 54))) for _ in range(10)]
    for x, weight, digits in cases:
        what = f"terms of size {x} * {weight} = {x * weight} up to 2^{digits} = {2**digits}"
        expect(call(answer, x, weight, digits), 2**digits // (x * weight), what=what)


@exercise("09.3", "Quantising a matrix")
def _(answer, rng):
    for d, f in ((3, 4), (5, 2), (4, 4)):
        weight = rng.standard_normal((d, f)) * rng.uniform(0.01, 3, size=f)
        weight[rng.integers(d), 0] = -np.abs(weight).max() - 1  # the largest in size is below 0
        steps = np.abs(weight).max(axis=0) / LEVELS
        found = call(answer, weight)
        what = f"a {d} x {f} matrix with columns of up to {(steps * LEVELS).round(3).tolist()} in size"
        if not isinstance(found, tuple) or len(found) != 2:
            expect(found, (np.rint(weight / steps).astype(np.int8), steps), what=f"(integers, steps) of {what}")
        expect(found[1], steps, what=f"steps of {what}", tolerance=1e-9)
        expect(found[0], np.rint(weight / steps).astype(np.int8), what=f"integers of {what}")


@exercise("09.4", "A linear layer in integers")
def _(answer, rng):
    for n, d, f in ((2, 3, 4), (1, 64, 3), (2, TERMS, 2)):
        x, weight = (rng.integers(-LEVELS, LEVELS + 1, size=shape).astype(np.int8) for shape in ((n, d), (d, f)))
        sums = x.astype(np.int64) @ weight
        # Powers of two: halves come up, and no way to multiply rounds before `rint` does.
        scale = 2.0 ** -rng.integers(7, 11, size=f)
        expected = np.clip(np.rint(sums * scale), -LEVELS, LEVELS).astype(np.int8)
        found = call(answer, x, weight, scale)
        what = f"{n} x {d} times {d} x {f} (sums {sums.ravel()[:4].tolist()}, scale {scale.tolist()})"
        expect(found, expected, what=what)
    x, weight = np.array([[1], [3], [-5], [127]], dtype=np.int8), np.array([[1, 127]], dtype=np.int8)
    expected = np.array([[0, 32], [2, 95], [-2, -127], [64, 127]], dtype=np.int8)
    what = f"x = {x.tolist()}, weight = {weight.tolist()}, scale [0.5, 0.25]"
    expect(call(answer, x, weight, np.array([0.5, 0.25])), expected, what=what)
    # A sum of -118,358 times a scale that float32 would round, to the other side of a half.
    x = np.array([[-127] * 8 + [-121]], dtype=np.int8)
    weight, scale = np.array([[127]] * 7 + [[42], [1]], dtype=np.int8), np.array([23.4999999 / 118_358])
    expected = np.array([[-23]], dtype=np.int8)
    expect(call(answer, x, weight, scale), expected, what=f"a sum of -118358, scale {scale.tolist()} in float64")


@exercise("09.5", "Weights from levels")
def _(answer, rng):
    whole = powers()
    few = np.array([*np.sort(rng.integers(1, 1000, size=9))[::-1], 0])
    for table, t, v, spread in ((few, 1, 4, 6), (few, 3, 5, 30), (whole, 2, 6, 10_000), (whole, 4, 4, 2_000)):
        levels = rng.integers(-spread, spread, size=(t, v))
        below = levels.max(axis=1, keepdims=True) - levels
        what = f"weights of levels {levels[0].tolist()}... ({t} rows), a table of {len(table)} entries"
        expect(call(answer, levels, table), table[np.minimum(below, len(table) - 1)], what=what)
