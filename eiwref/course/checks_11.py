"""The exercises of tutorial 11, what makes tokens learnable."""

import numpy as np

from eiwref.course.core import call, exercise, expect


@exercise("11.1", "Agreement")
def _(answer, rng):
    words = [b"a", b"an", b"and", b"the", b"then"]
    for ids in (1, 3, 12):
        found = {}
        # Lists of very different lengths, so that counting ids alike or places alike gives something else.
        for id in rng.choice(1 << 16, size=ids, replace=False).tolist():
            times, kinds = int(rng.integers(1, 12)), int(rng.integers(1, 5))
            found[id] = [words[k] for k in rng.integers(kinds, size=times)]
        common, rare = (int(id) for id in rng.choice(range(1 << 16, 1 << 17), size=2, replace=False))
        found |= {common: [b"a", b"b", b"c"] * 5, rare: [b"d", b"d"]}
        same = sum(x == y for texts in found.values() for i, x in enumerate(texts) for y in texts[:i])
        pairs = sum(len(texts) * (len(texts) - 1) // 2 for texts in found.values())
        what = f"the agreement of {len(found)} ids, {pairs} pairs, of which {same} agree"
        expect(call(answer, found), same / pairs, what=what, tolerance=1e-9)


@exercise("11.2", "Edit distance")
def _(answer, rng):
    cases = [([], []), ([], [4, 4]), ([7], []), ([1, 2, 3, 4], [2, 3, 5, 4])]
    for length in (3, 8, 25):
        a = rng.integers(0, 4, size=length).tolist()
        b = list(a)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(len(b) + 1))
            b[at : at + int(rng.integers(2))] = rng.integers(0, 4, size=int(rng.integers(2))).tolist()
        cases += [(a, b), (a, rng.integers(0, 4, size=int(rng.integers(1, 2 * length))).tolist())]
        cases.append((a, [*a[1:], a[0] + 4, 9]))
    for a, b in cases:
        table = _distances(a, b)
        what = f"the edit distance of {a} and {b} (the table's last row is {table[-1].tolist()})"
        expect(call(answer, a, b), int(table[-1, -1]), what=what)


@exercise("11.3", "Runs of bits")
def _(answer, rng):
    for n, length in ((1, 7), (3, 3), (4, 200), (9, 700)):
        bits = rng.integers(0, 2, size=length, dtype=np.uint8)
        bits[: n + 1] = [1, 0, *[1] * n][: len(bits[: n + 1])]  # not the same backwards
        expected = np.zeros(2**n, dtype=np.int64)
        for at in range(length - n + 1):
            expected[int("".join(map(str, bits[at : at + n].tolist())), 2)] += 1
        what = (
            f"runs of {n} bits in {''.join(map(str, bits[:20].tolist()))}{'...' * (length > 20)} ({length} bits)"
        )
        expect(call(answer, bits, n), expected, what=what)


@exercise("11.4", "KL from uniform")
def _(answer, rng):
    for n, runs in ((2, 20), (4, 30), (6, 50), (8, 3000)):
        p = rng.dirichlet(np.full(2**n, 0.8))
        p[rng.integers(2**n, size=2)] = 0
        counts = np.bincount(rng.choice(2**n, size=runs, p=p / p.sum()), minlength=2**n)
        shares = counts[counts > 0] / runs
        entropy = float(-(shares * np.log2(shares)).sum())
        correction = (len(shares) - 1) / (2 * runs * np.log(2))
        what = (
            f"(plug-in, corrected) KL of {runs} runs of {n} bits, {len(shares)} of {2**n} kinds seen "
            f"(entropy {entropy:.6g} bits, correction {correction:.6g} bits)"
        )
        expect(call(answer, counts), (n - entropy, float(n - entropy - correction)), what=what, tolerance=1e-9)


@exercise("11.5", "Accuracy by position")
def _(answer, rng):
    for window, length in ((1, 9), (2, 12), (4, int(rng.integers(41, 44))), (8, int(rng.integers(201, 208)))):
        truth = rng.integers(0, 256, size=length)
        # The share that is right falls from position to position.
        right = rng.random(length) < 0.9 / (1 + np.arange(length) % window)
        right[:window], right[-1] = np.arange(window) % 2 == 0, True
        predicted = np.where(right, truth, (truth + 1) % 256)
        expected = np.array([np.mean(right[k::window]) for k in range(window)])
        what = f"the accuracy by position of {length} tokens in windows of {window}"
        expect(call(answer, predicted, truth, window), expected, what=what, tolerance=1e-9)


def _distances(a: list[int], b: list[int]) -> np.ndarray:
    """The whole table d(i, j), shape (len(a) + 1, len(b) + 1)."""
    table = np.add.outer(np.arange(len(a) + 1), np.arange(len(b) + 1))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = min(table[i, j + 1] + 1, table[i + 1, j] + 1, table[i, j] + (x != y))
    return table
