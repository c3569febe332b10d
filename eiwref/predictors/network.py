"""M1 in floating point: a transformer's softmax, rounded to integers.

Paper, section 3.2. Encoder and decoder take the same steps at the same shapes, one symbol at a time, so that
on one machine both see the same floats and a round trip holds. **In another setting it may not**: exp, matrix
products and their order of summation differ between processors, libraries and thread counts; one
cumulative frequency moves by one, and from there on the decoder reads another text (the paper's section 3.7
names this and leaves it open). A container's SHA-256 finds it; an M1 in exact integers ends it (`integer`).

Many states at once are a batch of such steps. NumPy multiplies each sequence of a batch by itself, at the shapes
of a batch of one, so that a state's floats do not depend on its company; the tests look whether that holds.
"""

import json
from array import array
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from eiwref.coding import frequencies
from eiwref.errors import PredictorError
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.predictors.static import Unigram

WEIGHT_BITS = 30  # of a probability, before it becomes a frequency
REMEMBERED = 3  # symbols: the first few of a window come again and again
AT_ONCE = 4096  # symbols whose distributions are held at a time
ROOM = 4096  # states remembered at most, each with its past


class _State:
    """The network after some symbols: what it remembers of them and what it expects next."""

    def __init__(self, many: "_States"):
        self.many = many  # a batch of one
        self.cumulative = {}  # by size of the alphabet
        self.after = {}  # states one symbol on, of the first few symbols


class _States(NamedTuple):
    """A batch of `n` states that have seen equally many symbols."""

    past: list  # what every block keeps of the symbols so far
    logits: np.ndarray  # (n, 257)
    seen: int


class Networked(Predictor):
    """What is common to an M1 in floats and one in integers: states, alone and in batches.

    A subclass has `_look`: (what stands for the logits (n, 257), the past) after one more symbol each;
    `_look_at_once`: the logits of whole texts (B, T, 257); and `_weights` of logits, or of those of the first few
    symbols: integers in proportion to probabilities.
    """

    batched = True

    def __init__(self, config: Config, counts, symbols: int, precision: int):
        if config.symbols != BYTES_AND_END:
            raise PredictorError(f"an M1 predicts {BYTES_AND_END} symbols, this network {config.symbols}")
        self.config = config
        self.counts = np.asarray(counts, dtype=np.int64)
        self.symbols = symbols
        self.precision = precision
        self.limit = config.context  # the start takes the place of the symbol that is not yet there
        self._start = None
        self._room = ROOM

    def start(self):
        if self._start is None:
            self._start = _State(self.start_many(1))
        return self._start

    def cdf(self, state):
        if self.symbols not in state.cumulative:
            state.cumulative[self.symbols] = array("I", self.cdf_many(state.many)[0].astype(np.uint32).tobytes())
        return state.cumulative[self.symbols]

    def advance(self, state, symbol):
        if symbol in state.after:
            return state.after[symbol]
        following = _State(self._step(np.array([symbol]), state.many.past, state.many.seen + 1))
        if state.many.seen < REMEMBERED and self._room > 0:
            self._room -= 1
            state.after[symbol] = following
        return following

    def start_many(self, n):
        return self._step(np.full(n, self.config.start), None, 0)

    def cdf_many(self, states):
        return self._frequencies(states.logits)

    def advance_many(self, states, which, symbols):
        past = states.past
        if not np.array_equal(which, np.arange(len(states.logits))):
            past = [each.select(np, which) for each in past]
        return self._step(symbols, past, states.seen + 1)

    def at_once(self, texts: np.ndarray) -> np.ndarray:
        """The cumulative frequencies before each symbol of texts (B, T), shape (B, T, symbols + 1), int64.

        By one pass over all positions, T up to `limit`. An M1 in integers gives what single steps give; one in
        floats nearly, which is of no use for coding.
        """
        starts = np.full((len(texts), 1), self.config.start)
        logits = self._look_at_once(np.concatenate([starts, texts[:, :-1]], axis=1))  # (B, T, 257)
        return self._frequencies(logits.reshape(-1, logits.shape[-1])).reshape(*texts.shape, -1)

    def slices_at_once(self, symbols: np.ndarray) -> np.ndarray:
        """What `slices_along` gives, by `at_once`."""
        few = max(1, AT_ONCE // symbols.shape[1])
        found = [np.zeros((0, symbols.shape[1], 2), dtype=np.int64)]
        for at in range(0, len(symbols), few):
            some = symbols[at : at + few]
            found.append(np.take_along_axis(self.at_once(some), some[..., None] + np.arange(2), axis=2))
        return np.concatenate(found)

    def static(self):
        return Unigram(self.counts[: self.symbols], self.precision, self.limit)

    def _frequencies(self, logits):
        # Only of the symbols that can come: beside an end that is all but sure, the rest might weigh nothing.
        return frequencies.from_weight_rows(self._weights(logits[:, : self.symbols]), self.precision)

    def _step(self, symbols, past, seen) -> _States:
        logits, past = self._look(symbols[:, None], past)
        return _States(past, logits, seen)


class Network(Networked):
    """A transformer over 257 symbols; `counts` of its training text's symbols are its static part."""

    def __init__(
        self,
        network: Transformer,
        params: dict,
        counts,
        symbols: int = BYTES_AND_END,
        precision: int = frequencies.PRECISION,
    ):
        super().__init__(network.config, counts, symbols, precision)
        self.network = network
        self.params = params

    def tensors(self):
        config = json.dumps(asdict(self.network.config), sort_keys=True)
        return {"kind": "network", "config": config}, self.params | {"counts": self.counts}

    @classmethod
    def from_tensors(cls, config: dict, arrays: dict, symbols: int, precision: int, limit: int) -> "Network":
        """The inverse of `tensors`; raises `EiwrefError` or `ValueError` if the arrays are not this network's."""
        network = Transformer(Config(**config))
        params = {name: values for name, values in arrays.items() if name != "counts"}
        network.check_params(params)
        if limit != network.config.context or arrays["counts"].shape != (BYTES_AND_END,):
            raise ValueError("limit or counts of another network")
        return cls(network, params, arrays["counts"], symbols, precision)

    def _look(self, ids, past):
        logits, past = self.network.step(self.params, ids, past)
        return logits.astype(np.float64), past

    def _look_at_once(self, ids):
        return self.network.forward(self.params, ids)[0].astype(np.float64)

    def _weights(self, logits):
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (p / p.sum(axis=1, keepdims=True) * (1 << WEIGHT_BITS)).astype(np.int64)

    def _over(self, symbols):
        return Network(self.network, self.params, self.counts, symbols, self.precision)
