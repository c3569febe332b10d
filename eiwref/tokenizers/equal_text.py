"""Equal-text windows as tokens: EqualText[n=N, v=V], end to end or each closed by a delimiter.

Paper, Appendix B.1, with and without delimiters. What a delimiter is we had to choose:

- *without*: the codes of all windows are one run of bits, read as tokens of 8 or 16 of them, the last one padded
  with zero bits;
- *with*: each code is read as tokens by itself, the last one padded with zero bits, and closed by the *delimiter*,
  an id of its own above the others (256 or 65,536). So every window begins with a token.

Both are lossless, see `windows.equal_text` for why. An M2, which does not run M1, has to find out where windows
begin in the one and is told in the other. Tokens of a model's making rarely are whole windows: they raise
`CodeError`, where every code of an equal-info window means some text.
"""

from collections.abc import Iterator

import numpy as np

from eiwref.coding.bits import Bits, check_ids, from_tokens, unpad
from eiwref.errors import CodeError
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.tokenizers.base import Tokenizer
from eiwref.windows.equal_text import TextWindow, TextWindows


class EqualText(Tokenizer):
    """Windows of `size` symbols, their codes end to end."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor, size: int):
        super().__init__(spec, token_bits, predictor)
        self.windows = TextWindows(predictor.over(BYTES_AND_END), size)

    def compress(self, data):
        bits = "".join(str(self.windows.encode(window)) for window in self.windows.cut(data))
        return Bits.from_int(int(bits, 2), len(bits))

    def decompress(self, data, max_bytes=None, bar=iter):
        text = bytearray()
        for window, _ in self._read(data):
            text += window.text
            if max_bytes is not None and len(text) > max_bytes:
                raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return bytes(text)

    def byte_ranges(self, data):
        ranges = []
        for window, at in self._read(data):
            ranges += [self._place(at + begin, at + end) for begin, end in self.windows.bit_ranges(window)]
        return ranges

    def _read(self, data: bytes) -> Iterator[tuple[TextWindow, int]]:
        """(window, first bit of its code) of a text; raises `CodeError` where the bits are not those of one."""
        window, at = None, 0
        while window is None or not window.last:
            byte, bit = divmod(at, 8)
            rest = data[byte : byte + self.windows.most_bytes + 1]
            # The bits before this window's go out at the top, zeros come in at the bottom.
            shifted = int.from_bytes(rest, "big") << bit & ((1 << 8 * len(rest)) - 1)
            window, length = self.windows.decode(shifted.to_bytes(len(rest), "big"))
            yield window, at
            at += length
        unpad(data, at, self.token_bits)

    def _place(self, begin: int, end: int) -> tuple[int, int]:
        """A range of code bits as one of the bits that ids are packed in."""
        return begin, end


class Delimited(EqualText):
    """The same codes, each as tokens of `code_bits` and a delimiter; ids are packed in twice as many bits."""

    def __init__(self, spec: str, code_bits: int, predictor: Predictor, size: int):
        super().__init__(spec, 2 * code_bits, predictor, size)
        self.code_bits = code_bits
        self.delimiter = 1 << code_bits
        self.vocab_size = self.delimiter + 1

    def compress(self, data):
        ids: list[int] = []
        for window in self.windows.cut(data):
            ids += [*self.windows.encode(window).tokens(self.code_bits).tolist(), self.delimiter]
        packed = from_tokens(ids, self.token_bits)
        return Bits(packed, 8 * len(packed))

    def _read(self, data):
        ids = check_ids(np.frombuffer(data, dtype=f">u{self.token_bits // 8}"), self.vocab_size)
        closed, begin = False, 0
        for end in np.flatnonzero(ids == self.delimiter).tolist():
            if closed:
                break
            code = from_tokens(ids[begin:end], self.code_bits)
            window, length = self.windows.decode(code)
            unpad(code, length, self.code_bits)
            yield window, begin * self.code_bits
            closed, begin = window.last, end + 1
        if not closed:
            raise CodeError(f"the tokens end after token {len(ids)}, before the end of the text and its delimiter")
        if begin < len(ids):
            raise CodeError(f"the text ends at token {begin}, but {len(ids) - begin} more tokens follow")

    def _place(self, begin, end):
        # Whole tokens, since the bits of a packed id are not those of the code.
        return begin // self.code_bits * self.token_bits, -(-end // self.code_bits) * self.token_bits
