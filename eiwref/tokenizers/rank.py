"""A whole text by the ranks of its bytes among a predictor's guesses, deflated: Rank[v=V].

LLMZip's simpler way, not in the paper; the coder is `coding.rank`. A byte becomes a rank and zlib is the entropy
stage, so the tokens are those of a deflated file, and so are the faults: nothing can be read before the end, and
the bits depend on the zlib that Python was built with, while every zlib reads them back.
"""

import zlib

from eiwref.coding import deflate, rank
from eiwref.coding.bits import unpad
from eiwref.predictors.base import BYTES, Predictor
from eiwref.predictors.limits import Restarting
from eiwref.tokenizers.base import Tokenizer


class Rank(Tokenizer):
    """Ranks by a predictor that restarts as in AC; zlib's own stream says where they end."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor):
        super().__init__(spec, token_bits, predictor)
        self._model = Restarting(predictor.over(BYTES))

    @property
    def model(self):
        return self._model.inner

    def compress(self, data):
        return rank.encode(self._model, data)

    def decompress(self, data, max_bytes=None, bar=iter):
        symbols, length = rank.decode(self._model, data, max_bytes)
        unpad(data, length, self.token_bits)
        return bytes(symbols)

    def byte_ranges(self, data):
        self.decompress(data)  # raises if it is no such stream
        return deflate.byte_ranges(data, zlib.MAX_WBITS)
