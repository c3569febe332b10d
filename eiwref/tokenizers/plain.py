"""The two baselines without a predictor: raw bytes and gzip.

Paper, section 3.3 and Appendix A.4. Bytes are tokens as they are (ByT5's way, without its special ids). GZip is
zlib at its default level with gzip's header and footer.
"""

import zlib

from eiwref.coding.bits import Bits
from eiwref.coding.deflate import inflate
from eiwref.errors import CodeError
from eiwref.tokenizers.base import Tokenizer

GZIP_WRAPPER = 31  # zlib's wbits for a 32 kB window and gzip's header and footer


class Bytes(Tokenizer):
    """A token a byte."""

    def compress(self, data):
        return Bits(data, 8 * len(data))

    def decompress(self, data, max_bytes=None):
        if max_bytes is not None and len(data) > max_bytes:
            raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return data

    def byte_ranges(self, data):
        return [(8 * i, 8 * i + 8) for i in range(len(data))]


class GZip(Tokenizer):
    """Which bits come out depends on the zlib that Python was built with; every zlib reads them back."""

    def compress(self, data):
        compressor = zlib.compressobj(wbits=GZIP_WRAPPER)
        packed = compressor.compress(data) + compressor.flush()
        return Bits(packed, 8 * len(packed))

    def decompress(self, data, max_bytes=None):
        text, rest = inflate(data, GZIP_WRAPPER, "gzip", max_bytes)
        if max_bytes is not None and len(text) > max_bytes:
            raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        # The padding of a last 16-bit token may follow, nothing else.
        if len(rest) >= self.token_bits // 8 or any(rest):
            raise CodeError(f"{len(rest)} bytes follow the end of the gzip stream")
        return text

    def byte_ranges(self, data):
        """zlib does not tell its bits, so the grain is the compressed byte that completes a text byte."""
        self.decompress(data)  # raises if it is no gzip stream
        gzip = zlib.decompressobj(wbits=GZIP_WRAPPER)
        ranges, begin = [], 0
        for index in range(len(data)):
            completed = len(gzip.decompress(data[index : index + 1]))
            if completed:
                ranges += [(begin, 8 * index + 8)] * completed
                begin = 8 * index  # the next text byte may begin within this one
        return ranges
