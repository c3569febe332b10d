"""Equal-info windows as tokens: EqualInfoAC[b=W, v=V].

Paper, section 3.3. Windows of W bits follow each other without a gap; a token is the next 8 or 16 bits. Where
W is not a multiple of the token (b=24, v=65k) tokens straddle windows.
"""

from collections.abc import Iterable

from eiwref.coding.bits import Bits, from_tokens, unpad
from eiwref.errors import CodeError
from eiwref.predictors.base import BYTES, Predictor
from eiwref.tokenizers.base import Tokenizer
from eiwref.windows import SCHEMES
from eiwref.windows.scheme import Decoded, Window


class EqualInfo(Tokenizer):
    """`scheme` cuts the windows; see `eiwref.windows`."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor, window_bits: int, windows: str):
        super().__init__(spec, token_bits, predictor)
        self.scheme = SCHEMES[windows](predictor.over(BYTES), window_bits)
        self.lossless = self.scheme.lossless
        self.window_bytes = window_bits // 8

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

    def codes(self, data: bytes) -> list[int]:
        """The windows' codes; raises `CodeError` unless `data` is whole windows and the least zero padding."""
        count = len(data) // self.window_bytes
        packed = unpad(data, count * self.scheme.window_bits, self.token_bits).data
        size = self.window_bytes
        return [int.from_bytes(packed[i * size : (i + 1) * size], "big") for i in range(count)]

    def decode_windows(self, ids) -> list[Decoded]:
        """The text of each window, and whether its code is one that a text has."""
        return [self.scheme.decode(code) for code in self.codes(from_tokens(ids, self.token_bits))]
