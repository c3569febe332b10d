"""The exercises of tutorial 05, equal-info windows."""

from fractions import Fraction
from itertools import product
from numbers import Integral

import numpy as np

from eiwref.coding.interval import Interval
from eiwref.course.core import Wrong, call, exercise, expect
from eiwref.predictors.ngram import NGram
from eiwref.predictors.static import Unigram
from eiwref.windows import Greedy, StopCell


@exercise("05.1", "The code of an interval, padded")
def _(answer, rng):
    cases = []
    for _ in range(12):
        scale = int(rng.integers(5, 11))
        ends = sorted(rng.choice((1 << scale) + 1, size=2, replace=False).tolist())
        cases.append((*ends, scale, int(rng.integers(3, 7))))
    window_bits = int(rng.integers(3, 7))
    inside = 4 * int(rng.integers(1 << window_bits))
    cases.append((inside + 1, inside + 4, window_bits + 2, window_bits))  # in one cell, and short of all of it
    for low, high, scale, window_bits in cases:
        interval = Interval(low, high - low, scale)
        low, high = Fraction(low, 1 << scale), Fraction(high, 1 << scale)
        found = call(answer, low, high, window_bits)
        what = f"the code of [{low}, {high}) in {window_bits} bits"
        if interval.dyadic(window_bits) is not None:
            code, length = interval.shortest_code()
            bits = f"{code:0{length}b}" if length else ""
            what = f"{what}, which is {bits!r} padded"
            expect(found, code << (window_bits - length), what=what)
        elif found is not None:
            raise Wrong(f"{what}: expected None, since no cell lies inside, found {found}")


@exercise("05.2", "Two texts, one code")
def _(answer, rng):
    counts, windows = _ambiguous(rng)
    found = call(answer, windows, 3)
    what = f"two texts under a model with counts {counts}"
    if not isinstance(found, tuple) or len(found) != 2:
        raise Wrong(f"{what}: expected a tuple of two texts, found {found!r:.80}")
    if not all(isinstance(text, bytes) and text and max(text) < 3 for text in found):
        raise Wrong(f"{what}: expected bytes, each of them 0, 1 or 2 and at least one, found {found!r:.80}")
    if found[0] == found[1]:
        raise Wrong(f"{what}: expected different texts, found {found[0]} twice")
    one, other = windows(found[0]), windows(found[1])
    if _codes(one) != _codes(other):
        raise Wrong(
            f"{what}: expected the same codes, found {_codes(one)} of {found[0]} and {_codes(other)} of {found[1]}"
        )
    if one[-1] != other[-1]:
        raise Wrong(
            f"{what}: the last windows hold {one[-1][0]} and {other[-1][0]}, expected the same text in both, or "
            "the end of the text would be to blame"
        )


@exercise("05.3", "Sharing out a node's cells")
def _(answer, rng):
    for root in (True, False):
        cases = [_sum_of_a_half(rng, root)]
        for _ in range(3):
            cumulative = list(_model(rng)[0].cdf(b""))
            cases.append((cumulative, int(rng.integers(len(cumulative) if root else 1, 40))))
        cases.append((cases[-1][0], (1 << 64) - int(rng.integers(1, 1000))))  # more than floats can tell apart
        for cumulative, cells in cases:
            found = call(answer, cumulative, cells, root)
            expected = _shares(cumulative, cells, root, _nearest)
            what = f"the shares of {cells} cells of {'the root' if root else 'a node'}, C = {cumulative}"
            if isinstance(found, list) and all(isinstance(share, Integral) for share in found):
                for name, rounding in OTHER_ROUNDINGS.items():
                    if found != expected and found == _shares(cumulative, cells, root, rounding):
                        raise Wrong(f"{what}: expected {expected}, found {found}, which is what {name} gives")
            expect(found, expected, what=what)


@exercise("05.4", "The stop-cell encoder")
def _(answer, rng):
    for longest in (1, 3, 40, 40, 40, 40, 40):
        (predictor, read), window_bits = _model(rng), int(rng.integers(4, 11))
        text = read[rng.integers(20) :][:longest].tobytes()
        scheme = StopCell(predictor, window_bits)
        length, code = scheme.encode(text)
        found = call(answer, _cdf(predictor), window_bits, text)
        walk = ", ".join(f"{first} to {last}" for first, last in scheme.narrow(text[:length]))
        what = f"the first window of {list(text[: length + 1])} in {window_bits} bits (the walk owns cells {walk})"
        if isinstance(found, tuple) and len(found) == 2:
            expect(found[0], length, what=f"the length of {what}")
            expect(found[1], code, what=f"the code of {what}")
        expect(found, (length, code), what=what)


@exercise("05.5", "The stop-cell decoder")
def _(answer, rng):
    for window_bits in (4, 4, 5, 6, int(rng.integers(7, 11))):
        predictor, _ = _model(rng)
        scheme, cdf = StopCell(predictor, window_bits), _cdf(predictor)
        # Code 0 is the text of symbol 0, and where a walk that stops at the root is found out.
        for code in (0, *rng.choice(1 << window_bits, size=16, replace=False).tolist()):
            expected = scheme.decode(code).text
            found = call(answer, cdf, window_bits, code)
            where = f"code {code} of {window_bits} bits, {predictor.symbols} symbols"
            if not isinstance(found, bytes):
                expect(found, expected, what=where)
            if found != expected:
                raise Wrong(f"{where}: {_first_difference(found, expected, scheme)}")


def _ambiguous(rng):
    """(counts, windows) of a model of three symbols under which two texts share their codes."""
    while True:
        counts = rng.integers(1, 9, size=3).tolist()
        scheme = Greedy(Unigram(counts, precision=4), window_bits=4)

        def windows(text: bytes, scheme=scheme) -> list[tuple[bytes, int]]:
            return [(text[start:end], code) for start, end, code in scheme.segment(text)]

        texts = [bytes(text) for n in range(2, 5) for text in product(range(3), repeat=n)]
        cut = [windows(text) for text in texts]
        if len({(*_codes(each), each[-1][0]) for each in cut}) < len(texts):
            return counts, windows


def _nearest(x: Fraction) -> int:
    return (x + Fraction(1, 2)).__floor__()


OTHER_ROUNDINGS = {
    "rounding the sums down": Fraction.__floor__,
    "rounding the sums to the nearest integer but halves to the even one": round,
}


def _shares(cumulative: list[int], cells: int, root: bool, rounding) -> list[int]:
    """How many cells each symbol gets, by the rounding of the running sums."""
    symbols, total = len(cumulative) - 1, cumulative[-1]
    each, spare = (1, cells - symbols) if root else (0, cells - 1)
    edges = [rounding(Fraction(spare * c, total)) for c in cumulative]
    return [each + edges[c + 1] - edges[c] for c in range(symbols)]


def _sum_of_a_half(rng, root: bool) -> tuple[list[int], int]:
    """(cumulative, cells) with a running sum of 2k + 1/2: down and to the even number it would be 2k."""
    half = 1 << int(rng.integers(3, 7))
    low, high = (int(rng.integers(1, half)) for _ in range(2))
    spare = 4 * int(rng.integers(5)) + 1
    return [0, low, half, half + high, 2 * half], spare + (4 if root else 1)


def _codes(windows: list[tuple[bytes, int]]) -> list[int]:
    return [code for _, code in windows]


def _first_difference(found: bytes, expected: bytes, scheme: StopCell) -> str:
    """Where a decoder left the walk, and which cells are owned there."""
    same = next(
        (place for place, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]),
        min(len(found), len(expected)),
    )
    cells = list(scheme.narrow(expected))
    first, last = cells[same - 1] if same else (0, (1 << scheme.window_bits) - 1)
    begin = f"after {list(expected[:same])} the walk owns the cells {first} to {last}"
    if same == len(expected):
        return (
            f"{begin} and the code is its stop cell, found {len(found) - same} symbols more: {list(found[same:])}"
        )
    first, last = cells[same]
    instead = f"found symbol {found[same]}" if same < len(found) else "found the end of the window"
    return f"{begin}, expected symbol {expected[same]}, whose cells are {first} to {last}, {instead}"


def _model(rng) -> tuple[NGram, np.ndarray]:
    """A small model with memory and the text it has read: a few symbols over and over, some of them changed."""
    symbols = int(rng.integers(2, 6))
    text = np.resize(rng.integers(0, symbols, size=rng.integers(3, 7)), 60).astype(np.uint8)
    changed = rng.integers(0, 60, size=15)
    text[changed] = rng.integers(0, symbols, size=15)
    return NGram.fit([text.tobytes()], order=2, symbols=symbols, precision=int(rng.integers(4, 11))), text


def _cdf(predictor: NGram):
    """The model as a function of the text so far."""

    def cdf(text: bytes) -> list[int]:
        state = predictor.start()
        for symbol in text:
            state = predictor.advance(state, symbol)
        return list(predictor.cdf(state))

    return cdf
