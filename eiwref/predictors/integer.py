"""M1 in exact integers: one text, one code, on every machine. See `nn/integer`.

Paper, section 3.7, names what floats break; this mends it. A float M1 (`network`) becomes one by `quantised`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from eiwref.coding import frequencies
from eiwref.nn.integer import IntegerTransformer
from eiwref.nn.quantise import quantise
from eiwref.nn.train import crops
from eiwref.nn.transformer import Config
from eiwref.predictors.base import BYTES_AND_END
from eiwref.predictors.network import Network, Networked

SEEN = 64  # pieces of text, each as long as the context, on which sizes are looked at


class IntegerNetwork(Networked):
    """A transformer of integers over 257 symbols; `counts` as of `Network`."""

    def __init__(
        self,
        network: IntegerTransformer,
        counts,
        symbols: int = BYTES_AND_END,
        precision: int = frequencies.PRECISION,
    ):
        super().__init__(network.config, counts, symbols, precision)
        self.network = network

    def tensors(self):
        config = json.dumps(asdict(self.config), sort_keys=True)
        return {"kind": "integer-network", "config": config}, self.network.arrays | {"counts": self.counts}

    @classmethod
    def from_tensors(
        cls, config: dict, arrays: dict, symbols: int, precision: int, limit: int
    ) -> "IntegerNetwork":
        """The inverse of `tensors`; raises `EiwrefError` or `ValueError` if the arrays are not this network's."""
        own = {name: values for name, values in arrays.items() if name != "counts"}
        network = IntegerTransformer(Config(**config), own)
        if limit != network.config.context or arrays["counts"].shape != (BYTES_AND_END,):
            raise ValueError("limit or counts of another network")
        return cls(network, arrays["counts"], symbols, precision)

    def slices_along(self, symbols, lengths):
        """All positions of a text at once, which gives integers that are those of one by one."""
        return self.slices_at_once(symbols)

    def _look(self, ids, past):
        levels, past = self.network.step(ids, past)
        return levels[:, -1], past

    def _look_at_once(self, ids):
        return self.network.step(ids)[0]

    def _weights(self, logits):
        return self.network.weights(logits)

    def _over(self, symbols):
        return IntegerNetwork(self.network, self.counts, symbols, self.precision)


def quantised(m1: Network, texts: Sequence[bytes]) -> IntegerNetwork:
    """`m1` in integers; `texts`, like those it was trained on, show how large its numbers get.

    Raises `ModelError` if they are shorter than the context, or the network is too wide for exact sums, or
    its table of scores too large.
    """
    ids, _ = pieces(m1.config, texts)
    network = IntegerTransformer(m1.config, quantise(m1.network, m1.params, ids))
    return IntegerNetwork(network, m1.counts, m1.symbols, m1.precision)


def pieces(config: Config, texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """(ids, targets), (SEEN, context) each, from anywhere in the texts, the same ones each time."""
    documents = [np.frombuffer(text, dtype=np.uint8) for text in texts]
    return next(crops(documents, config.context, SEEN, BYTES_AND_END - 1, np.random.default_rng(0)))


def bits_per_symbol(m1: Networked, texts: Sequence[bytes]) -> float:
    """-log2 of the frequencies' probability, the mean over `pieces` of the texts."""
    _, targets = pieces(m1.config, texts)
    bits = 0.0
    for target in targets[:, None]:  # one at a time, so that little memory will do
        rows = m1.at_once(target)[0]
        counts = np.take_along_axis(np.diff(rows), target.T, axis=1)
        bits += float((m1.precision - np.log2(counts)).sum())
    return bits / targets.size
