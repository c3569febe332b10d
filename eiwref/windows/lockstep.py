"""Windows of many texts at once, for predictors that share work among states.

NumPy takes a hundred symbols through a network in far less than a hundred times the time of one. So many lanes go
side by side:

- encoding, a lane is a text. What comes is known, so the network looks at some bytes ahead at once, about as many
  as there are to its next start: a window's worth, that of `reset` windows, or where it never starts again, the
  whole text, all stretches between its restarts side by side (see `limits`). Where windows go on after what was
  looked at, at twice as many.
- decoding, a lane is a code, wherever it stands, if windows know nothing of each other (`reset` 1). Each walks
  towards its text, all equally deep. Lanes whose windows begin alike are at one node until they part, and share
  its state. There is much of that: windows begin with the same few bytes again and again, and codes in rising
  order have texts that begin alike.

Windows and texts are those of `scheme`, bit for bit: the network is asked here, what its answers mean is said
there. Not in the paper.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from eiwref.predictors.limits import LANES
from eiwref.windows.scheme import Coded, Decoded, Window


def segment(scheme: Coded, texts: Iterable[bytes]) -> list[list[Window]]:
    """The windows of each text, those of `scheme.segment`."""
    waiting = iter(texts)
    found: list[list[Window]] = []
    lanes: list[_Lane] = []
    # Bytes looked at at once: at first for windows of two bits a byte.
    ahead = sys.maxsize if scheme.reset is None else scheme.reset * scheme.window_bits // 2
    while True:
        fresh = [_Lane(text) for text in islice(waiting, LANES - len(lanes))]
        found += [lane.windows for lane in fresh]
        if not fresh and not lanes:
            return found
        lanes += [lane for lane in fresh if lane.text]
        before = sum(lane.base for lane in lanes)
        _to_next_start(scheme, lanes, ahead)
        if lanes and scheme.reset is not None:  # a quarter more than the mean
            ahead = 1 + 5 * (sum(lane.base for lane in lanes) - before) // (4 * len(lanes))
        lanes = [lane for lane in lanes if lane.base < len(lane.text)]


def texts(scheme: Coded, codes: Iterable[int], bar=iter) -> list[Decoded]:
    """The text of each code, as `scheme.decode` gives it. `bar` as in `Tokenizer.encode_batch`."""
    codes = [scheme.check(code) for code in codes]
    rising = sorted(set(codes))
    text_of = {}
    for at in bar(range(0, len(rising), LANES)):
        some = rising[at : at + LANES]
        text_of |= zip(some, _descend(scheme, some), strict=True)
    return [text_of[code] for code in codes]


@dataclass
class _Lane:
    """A text, the windows cut from it so far, and of these, how many since the predictor started at `base`."""

    text: bytes
    windows: list[Window] = field(default_factory=list)
    base: int = 0
    place: int = 0

    @property
    def begin(self) -> int:
        """Where the next window begins."""
        return self.windows[-1].end if self.windows else 0

    def cut(self, scheme: Coded, known: list[tuple[int, int]], end: int) -> bool:
        """Cut the windows up to the predictor's next start; false if the bytes before `end` are too few for them.

        `known`: the slices of the symbols from `base` to `end`, past the first window's limit only if it goes on.
        """
        while self.begin < len(self.text) and self.place != scheme.reset:
            begin = self.begin
            symbols, code, full = scheme.fill(self.text[begin], self._slices(scheme, known, end))
            if not full and end < len(self.text):
                return False
            self.windows.append(Window(begin, begin + symbols, code))
            self.place += 1
        return True

    def start_again(self) -> None:
        """The predictor starts where the next window begins."""
        self.base, self.place = self.begin, 0

    def _slices(self, scheme: Coded, known: list[tuple[int, int]], end: int) -> Iterator[tuple[int, int]]:
        """Of the next window's symbols: from the limit on they are uniform."""
        uniform, limit, at = scheme.predictor.uniform, scheme.predictor.limit, self.begin - self.base
        yield from known[at : at + limit]
        for place in range(self.begin + limit, end):
            yield uniform[self.text[place]], uniform[self.text[place] + 1]


def _to_next_start(scheme: Coded, lanes: list[_Lane], ahead: int) -> None:
    """Cut in each lane the windows up to the predictor's next start, of `ahead` bytes or so."""
    still = lanes
    while still:
        ends = [min(lane.base + ahead, len(lane.text)) for lane in still]
        looked_at = min(ahead, scheme.predictor.limit) if scheme.reset == 1 else ahead
        pieces = [lane.text[lane.base : lane.base + looked_at] for lane in still]
        slices = scheme.stream.slices([np.frombuffer(piece, dtype=np.uint8) for piece in pieces])
        still = [
            lane
            for lane, known, end in zip(still, slices, ends, strict=True)
            if not lane.cut(scheme, known.tolist(), end)
        ]
        ahead *= 2
    for lane in lanes:
        lane.start_again()


def _descend(scheme: Coded, codes: list[int]) -> list[Decoded]:
    """The texts of a few codes."""
    predictor, width = scheme.predictor, scheme.predictor.symbols
    found = [Decoded(b"", valid=False)] * len(codes)
    walks = [scheme.descend(code) for code in codes]
    for walk in walks:
        next(walk)
    # Invariant: the walk of lanes[i] has come to the node of state number at[i].
    lanes, at, states = list(range(len(codes))), np.zeros(len(codes), dtype=np.int64), predictor.start_many(1)
    while True:
        rows = predictor.cdf_many(states)
        left, symbols = [], []
        for place, node in enumerate(at.tolist()):
            try:
                symbols.append(walks[lanes[place]].send(memoryview(rows[node])))
                left.append(place)
            except StopIteration as end:
                found[lanes[place]] = end.value
        if not left:
            return found
        lanes = [lanes[place] for place in left]
        children, at = np.unique(at[left] * width + symbols, return_inverse=True)
        states = predictor.advance_many(states, children // width, children % width)
