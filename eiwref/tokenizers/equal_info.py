"""Equal-info windows as tokens: EqualInfoAC[b=W, v=V].

Paper, section 3.3. Windows of W bits follow each other without a gap; a token is the next 8 or 16 bits. Where
W is not a multiple of the token (b=24, v=65k) tokens straddle windows.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from eiwref.coding.bits import Bits, from_tokens, unpad
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.base import BYTES, Predictor
from eiwref.tokenizers.base import Tokenizer, as_bytes
from eiwref.windows import SCHEMES, walk
from eiwref.windows.codebook import MAX_WINDOW_BITS, Codebook
from eiwref.windows.scheme import Decoded, Window
from eiwref.windows.stop_cell import StopCell

CODEBOOK_PAYS = 4  # times as many bytes of text as codes: then growing the codebook is the lesser work


class EqualInfo(Tokenizer):
    """`scheme` cuts the windows; see `eiwref.windows`."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor, window_bits: int, windows: str):
        super().__init__(spec, token_bits, predictor)
        self.scheme = SCHEMES[windows](predictor.over(BYTES), window_bits)
        self.lossless = self.scheme.lossless
        self.window_bytes = window_bits // 8

    def encode_batch(self, texts, bar=iter):
        data = [as_bytes(text) for text in bar(texts)]
        # To grow the tree takes a step of the predictor for each of its rows.
        if not self.has_codebook or sum(map(len, data)) < CODEBOOK_PAYS << self.scheme.window_bits:
            return [self.encode(text) for text in data]
        codes = walk.segment(self.codebook, data)
        if self.token_bits == 16:
            return [each.astype(np.uint32) for each in codes]
        return [each.astype(">u2").view(np.uint8).astype(np.uint32) for each in codes]

    @property
    def has_codebook(self) -> bool:
        """Windows are few enough, and mean the same text wherever they stand."""
        return isinstance(self.scheme, StopCell) and self.scheme.window_bits <= MAX_WINDOW_BITS

    @cached_property
    def codebook(self) -> Codebook:
        """All codes of the windows; raises `PredictorError` where `has_codebook` is false."""
        if not self.has_codebook:
            raise PredictorError(f"{self.spec} has no codebook: stop-cell windows of at most 16 bits have one")
        return Codebook.grow(self.scheme)

    def compress(self, data):
        return self.join(self.scheme.segment(data))

    def join(self, windows: Iterable[Window]) -> Bits:
        """The bits of windows, end to end."""
        codes = b"".join(window.code.to_bytes(self.window_bytes, "big") for window in windows)
        return Bits(codes, 8 * len(codes))

    def decompress(self, data, max_bytes=None):
        text = bytearray()
        for code in self.codes(data):
            text += self.scheme.decode(code).text
            if max_bytes is not None and len(text) > max_bytes:
                raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return bytes(text)

    def byte_ranges(self, data):
        ranges = []
        for index, code in enumerate(self.codes(data)):
            offset = index * self.scheme.window_bits
            text = self.scheme.decode(code).text
            ranges += [(offset + begin, offset + end) for begin, end in self.scheme.bit_ranges(text)]
        return ranges

    def codes(self, data: bytes) -> Iterator[int]:
        """The windows' codes in turn; raises `CodeError` unless `data` is whole windows and the least padding."""
        count = len(data) // self.window_bytes
        packed = unpad(data, count * self.scheme.window_bits, self.token_bits).data
        size = self.window_bytes
        return (int.from_bytes(packed[i * size : (i + 1) * size], "big") for i in range(count))

    def decode_windows(self, ids) -> list[Decoded]:
        """The text of each window, and whether its code is one that a text has."""
        return [self.scheme.decode(code) for code in self.codes(from_tokens(ids, self.token_bits))]
