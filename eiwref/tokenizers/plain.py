"""The two baselines without a predictor: raw bytes and gzip.

Paper, section 3.3 and Appendix A.4. Bytes are tokens as they are (ByT5's way, without its special ids). GZip is
zlib at its default level with gzip's header and footer, or without them (Table 10): the header is the same ten
bytes in every text, and the footer, eight bytes of checksum and length, is noise to an M2.
"""

import zlib

from eiwref.coding import deflate
from eiwref.coding.bits import Bits
from eiwref.errors import CodeError
from eiwref.tokenizers.base import Tokenizer

WRAPPED = 31  # zlib's wbits for a 32 kB window and gzip's header and footer
BARE = -15  # the same, and deflate's own bits alone


class Bytes(Tokenizer):
    """A token a byte."""

    def compress(self, data):
        return Bits(data, 8 * len(data))

    def decompress(self, data, max_bytes=None, bar=iter):
        if max_bytes is not None and len(data) > max_bytes:
            raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return data

    def byte_ranges(self, data):
        return [(8 * i, 8 * i + 8) for i in range(len(data))]


class GZip(Tokenizer):
    """Which bits come out depends on the zlib that Python was built with; every zlib reads them back.

    `wbits`: `WRAPPED` or `BARE`. A bare stream has no checksum, so that damage may go unseen.
    """

    def __init__(self, spec: str, token_bits: int, wbits: int):
        super().__init__(spec, token_bits)
        self.wbits = wbits

    def compress(self, data):
        compressor = zlib.compressobj(wbits=self.wbits)
        packed = compressor.compress(data) + compressor.flush()
        return Bits(packed, 8 * len(packed))

    def decompress(self, data, max_bytes=None, bar=iter):
        text, rest = deflate.inflate(data, self.wbits, "gzip" if self.wbits == WRAPPED else "deflate", max_bytes)
        if max_bytes is not None and len(text) > max_bytes:
            raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        # The padding of a last 16-bit token may follow, nothing else.
        if len(rest) >= self.token_bits // 8 or any(rest):
            raise CodeError(f"{len(rest)} bytes follow the end of the stream")
        return text

    def byte_ranges(self, data):
        self.decompress(data)  # raises if it is no such stream
        return deflate.byte_ranges(data, self.wbits)
