"""A whole text in Huffman's code: Huffman[v=V].

Paper, Appendix B.2, considered and left out there; the code is `coding.huffman`. It is that of the byte unigram
of the text that the predictor was fitted on, StaticAC's distribution, and each byte's bits stand by themselves:
what StaticAC shares out among neighbours is rounded to whole bits here. As in other streams an end mark
closes the text, and the last token is padded.

Any bits at all are those of some text, but for its end. So what an M2 makes up can be read as far as it goes.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

import numpy as np

from eiwref.coding import huffman
from eiwref.coding.bits import unpad
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.tokenizers.base import Tokenizer, as_bytes


class Huffman(Tokenizer):
    """The static code of a predictor's static part."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor):
        super().__init__(spec, token_bits, predictor)
        self._static = predictor.static().over(BYTES_AND_END)
        self._code = huffman.Huffman(self._static.cdf(self._static.start()))
        most = -(-self._code.longest // 8)
        self.draws = most, most  # bytes of packed ids that reading a symbol takes at most

    @property
    def model(self):
        return self._static

    def compress(self, data):
        return self._code.encode(data)

    def decompress(self, data, max_bytes=None, bar=iter):
        symbols, length = self._code.decode(data, max_bytes)
        unpad(data, length, self.token_bits)
        return bytes(symbols)

    def symbols_of(self, packed: Iterable[int]) -> Iterator[int]:
        """The text's bytes one by one, as in `ac.StreamCoding`."""
        return self._code.until_end(packed)

    def settled(self, text: bytes | str) -> np.ndarray:
        """The ids, shape (N,), uint32, that every longer text which begins like this one begins with too."""
        data = as_bytes(text)
        bits = sum(self._code.lengths[byte] for byte in data)
        return self.encode(data)[: bits // self.token_bits]

    def byte_ranges(self, data):
        lengths = (self._code.lengths[byte] for byte in self.decompress(data))
        return list(pairwise(accumulate(lengths, initial=0)))
