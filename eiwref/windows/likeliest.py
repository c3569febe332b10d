"""The likeliest texts as windows: Tunstall's code under a predictor, for 16 bits or fewer.

A window is the longest text of a list that the input goes on with, its code the text's place there. The list has
2^W texts and, with each, all that it begins with; how long windows are on average is then the sum over the list of
how likely a window is to begin with each text. So the best list is that of the 2^W likeliest texts, the K of one
byte always among them (Tunstall, 1967, for a source with memory). Likely here means at a window's start, in the
predictor's opinion: see `starts` for one that knows better.

Stop-cell windows come near: a node's cells are shared in proportion to likelihood. But cells are whole. What falls
to texts less likely than a cell goes to some of them, wherever in the alphabet they stand, and at every node the
last symbol gets one, however unlikely: byte 255, which no UTF-8 holds. Here nothing is lost to either.
Every list is a tree whose codes are numbered depth first, so that `codebook` holds it and the rest is the same:
lossless, every code a text, nothing padded. What it lacks is a rule for more bits than can be written down.

Not in the paper.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from eiwref.errors import PredictorError
from eiwref.predictors.base import Predictor
from eiwref.predictors.book import MAX_WINDOW_BITS, Book
from eiwref.predictors.limits import UniformAfter
from eiwref.predictors.store import digest
from eiwref.windows.codebook import NODES, Codebook
from eiwref.windows.scheme import Decoded, Scheme


class Likeliest(Scheme):
    """`predictor` may be a `Book`, which is such a list."""

    name = "likeliest"
    lossless = True

    def __init__(self, predictor: Predictor | Book, window_bits: int, reset: int | None = 1):
        if window_bits > MAX_WINDOW_BITS or reset != 1:
            raise PredictorError(
                f"a list of texts is for windows of {MAX_WINDOW_BITS} bits at most that all start afresh, reset=1"
            )
        if isinstance(predictor, Book) and predictor.window_bits != window_bits:
            raise PredictorError(f"the codebook is one of {predictor.window_bits} bits, expected {window_bits}")
        self.predictor = predictor
        self.window_bits = window_bits

    @cached_property
    def codebook(self) -> Codebook:
        if isinstance(self.predictor, Book):
            return Codebook.of(self.predictor)
        return grow(self.predictor, self.window_bits)

    def encode(self, data, start=0):
        root, code_of, alphabet = self.codebook.root, self.codebook.code_of, self.codebook.alphabet
        node = self._step(data[start], root)
        for end in range(start + 1, len(data)):
            after = self._step(data[end], node)
            if after < alphabet:  # a window begins there
                return end, int(code_of[node])
            node = after
        return len(data), int(code_of[node])

    def decode(self, code):
        return Decoded(self.codebook.texts[self.check(code)], valid=True)

    def narrow(self, text) -> Iterator[tuple[int, int]]:
        node = self.codebook.root
        for symbol in text:
            node = self._step(symbol, node)
            first = int(self.codebook.code_of[node])
            yield first, first + int(self.codebook.cells[first]) - 1

    def _step(self, symbol: int, node: int) -> int:
        """The entry that a symbol leads to; raises `PredictorError` for one of another alphabet."""
        table, root = self.codebook.table, self.codebook.root
        if not 0 <= symbol < len(table):
            raise PredictorError(f"symbol {symbol} is outside the alphabet of {len(table)} symbols")
        return int(table[symbol, min(node, root)])


def grow(predictor: Predictor, window_bits: int) -> Codebook:
    """The 2^W likeliest texts under `predictor`; of those alike, the ones that come first in their order.

    A text's likelihood is a product of counts over 2^P, each product rounded as IEEE 754 has it: the same list on
    every machine if the counts are the same.
    """
    if window_bits > MAX_WINDOW_BITS:
        raise PredictorError(f"a list for {window_bits} bits is too long, expected at most {MAX_WINDOW_BITS}")
    if 1 << window_bits <= predictor.symbols:
        raise PredictorError(f"windows of {window_bits} bits are too small for {predictor.symbols} symbols")
    least = 0.5 ** (window_bits + 1)
    while len(found := _above(UniformAfter(predictor), least)) < 1 << window_bits:
        least /= 2
    likelihood, depth = found[:, 0].copy(), found[:, 1]
    likelihood[depth == 1] = 2.0  # taken before all others
    # Stable, and parents are likelier than their children: whatever is taken, its beginnings are too.
    taken = np.sort(np.argsort(-likelihood, kind="stable")[: 1 << window_bits])
    return Codebook(depth[taken], found[taken, 2], digest(predictor))


def _above(predictor: UniformAfter, least: float) -> np.ndarray:
    """(likelihood, depth, symbol) of the texts of one byte and all at least as likely as `least`, depth first."""
    found, texts = [], []
    states, likelihood, begun = predictor.start_many(1), np.ones(1), [b""]
    waiting = []  # (states, which of them, symbol that follows, likelihood, text) of texts to go on from
    while True:
        counts = np.diff(predictor.cdf_many(states))
        likely = counts * 0.5**predictor.precision * likelihood[:, None]  # (n, K)
        parent, symbol = np.nonzero((likely >= least) | (begun == [b""]))
        likely = likely[parent, symbol]
        longer = [begun[at] + bytes((c,)) for at, c in zip(parent.tolist(), symbol.tolist(), strict=True)]
        texts += longer
        found.append(np.stack([likely, np.full(len(likely), len(begun[0]) + 1), symbol], axis=1))
        goes_on = np.flatnonzero(likely >= least)
        for at in range(0, len(goes_on), NODES):
            some = goes_on[at : at + NODES]
            own = [longer[place] for place in some.tolist()]
            waiting.append((states, parent[some], symbol[some], likely[some], own))
        if not waiting:
            order = sorted(range(len(texts)), key=texts.__getitem__)
            return np.concatenate(found)[order]
        states, parent, symbol, likelihood, begun = waiting.pop()
        states = predictor.advance_many(states, parent, symbol)
