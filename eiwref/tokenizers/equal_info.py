"""Equal-info windows as tokens: EqualInfoAC[b=W, v=V], and with M1 going on from window to window, reset=K.

Paper, section 3.3. Windows of W bits follow each other without a gap; a token is the next 8 or 16 bits. Where
W is not a multiple of the token (b=24, v=65k) tokens straddle windows.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice

import numpy as np

from eiwref.coding.bits import Bits, from_tokens, unpad
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.base import BYTES, Predictor
from eiwref.predictors.book import MAX_WINDOW_BITS, Book
from eiwref.predictors.limits import LANES
from eiwref.predictors.network import Networked
from eiwref.predictors.store import digest, shipped
from eiwref.tokenizers.base import Tokenizer, as_bytes
from eiwref.windows import lockstep, table_walk
from eiwref.windows.codebook import Codebook
from eiwref.windows.likeliest import Likeliest
from eiwref.windows.scheme import Coded, Decoded, Scheme, Window
from eiwref.windows.stop_cell import StopCell

GROUP = 4 * LANES  # windows decoded side by side
CODEBOOK_PAYS = 4  # times as many bytes of text as codes: then growing the codebook is the lesser work


class EqualInfo(Tokenizer):
    """`windows` is the scheme that cuts them, see `eiwref.windows`; `reset` as there."""

    def __init__(
        self,
        spec: str,
        token_bits: int,
        predictor: Predictor | Book,
        window_bits: int,
        windows: type[Scheme],
        reset: int | None = 1,
    ):
        super().__init__(spec, token_bits, predictor)
        own = predictor if isinstance(predictor, Book) else predictor.over(BYTES)
        self.scheme = windows(own, window_bits, reset)
        self.lossless = self.scheme.lossless
        self.window_bytes = window_bits // 8

    def encode(self, text):
        data = as_bytes(text)
        if self._codebook_pays(len(data)) or self._in_lanes:
            return self.encode_batch([data])[0]
        return super().encode(data)

    def encode_batch(self, texts, bar=iter):
        data = [as_bytes(text) for text in texts]
        if self._codebook_pays(sum(map(len, data))):
            codes = table_walk.segment(self.codebook, list(bar(data)))
            if self.token_bits == 16:
                return [each.astype(np.uint32) for each in codes]
            return [each.astype(">u2").view(np.uint8).astype(np.uint32) for each in codes]
        return [self.join(windows).tokens(self.token_bits) for windows in self.segment_batch(data, bar)]

    def segment_batch(self, texts: Sequence[bytes], bar=iter) -> list[list[Window]]:
        """The windows of each text, the predictor's work shared where it can be."""
        if self._in_lanes:
            return lockstep.segment(self.scheme, bar(texts))
        return [list(self.scheme.segment(text)) for text in bar(texts)]

    def decode_batch(self, batch, bar=iter):
        packed = [from_tokens(ids, self.token_bits) for ids in batch]
        codes = [self.codes(each) for each in packed]
        # A window takes several steps of the predictor, one for each byte of its text.
        if self._codebook_pays(sum(map(len, packed))):
            return self.codebook.decode_batch([np.frombuffer(each, dtype=">u2") for each in bar(packed)])
        if self._in_lanes and self.scheme.reset == 1:
            texts = iter(lockstep.texts(self.scheme, chain.from_iterable(codes), bar))
            return [
                b"".join(window.text for window in islice(texts, len(each) // self.window_bytes))
                for each in packed
            ]
        return super().decode_batch(batch, bar)

    @property
    def _in_lanes(self) -> bool:
        """Does the predictor share work, and does the scheme ask it?"""
        return isinstance(self.scheme, Coded) and self.predictor.batched

    @property
    def _one_tree(self) -> bool:
        """Does every window walk down the same stop-cell tree?"""
        return isinstance(self.scheme, StopCell) and self.scheme.reset == 1

    @property
    def has_codebook(self) -> bool:
        """Windows are few enough, and mean the same text wherever they stand."""
        few = self.scheme.window_bits <= MAX_WINDOW_BITS
        return isinstance(self.scheme, Likeliest) or (self._one_tree and few)

    def _codebook_pays(self, steps: int) -> bool:
        """Is the tree grown, or does the work take more steps of the predictor than its rows?"""
        at_hand = "codebook" in self.__dict__ or isinstance(self.scheme, Likeliest) or self._shipped is not None
        return at_hand or (self.has_codebook and steps >= CODEBOOK_PAYS << self.scheme.window_bits)

    @cached_property
    def _shipped(self) -> Book | None:
        """The codebook of these very windows that travels with the package, if it does."""
        if not (self._one_tree and self.has_codebook and isinstance(self.predictor, Networked)):
            return None
        book = shipped("codebook")
        return book if book.predictor == digest(self.scheme.predictor.inner) else None

    @cached_property
    def codebook(self) -> Codebook:
        """All codes of the windows; raises `PredictorError` where `has_codebook` is false."""
        if not self.has_codebook:
            raise PredictorError(f"{self.spec} has no codebook: stop-cell windows of at most 16 bits have one")
        if isinstance(self.scheme, Likeliest):
            return self.scheme.codebook
        return Codebook.of(self._shipped) if self._shipped is not None else Codebook.grow(self.scheme)

    def by_table(self, size: int) -> Scheme:
        """The scheme, or if the codebook pays for so many bytes of text the same windows by table.

        `Likeliest` walks any codebook, that of stop cells too.
        """
        return Likeliest(self.codebook, self.scheme.window_bits) if self._codebook_pays(size) else self.scheme

    def compress(self, data):
        return self.join(self.scheme.segment(data))

    def join(self, windows: Iterable[Window]) -> Bits:
        """The bits of windows, end to end."""
        packed = b"".join(window.code.to_bytes(self.window_bytes, "big") for window in windows)
        return Bits(packed, 8 * len(packed))

    def decompress(self, data, max_bytes=None, bar=iter):
        text = bytearray()
        for piece in self._texts(self.codes(data, bar), len(data)):
            text += piece
            if max_bytes is not None and len(text) > max_bytes:
                raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return bytes(text)

    def _texts(self, codes: Iterator[int], size: int) -> Iterable[bytes]:
        """The text of each window, the quickest way there is for codes of `size` bytes."""
        if self._codebook_pays(size):
            return (self.codebook.texts[code] for code in codes)
        if not (self._in_lanes and self.scheme.reset == 1):
            return (window.text for window in self.scheme.texts(codes))
        # Some at a time: whoever wants no more than so many bytes need not wait for all of them.
        groups = iter(lambda: list(islice(codes, GROUP)), [])
        return (window.text for group in groups for window in lockstep.texts(self.scheme, group))

    def byte_ranges(self, data):
        ranges, scheme = [], self.scheme
        for index, code in enumerate(self.codes(data)):
            offset = index * scheme.window_bits
            text = scheme.decode(code).text
            ranges += [(offset + begin, offset + end) for begin, end in scheme.bit_ranges(text)]
            scheme = scheme.after(text)
        return ranges

    def codes(self, data: bytes, bar=iter) -> Iterator[int]:
        """The windows' codes in turn; raises `CodeError` unless `data` is whole windows and the least padding."""
        count = len(data) // self.window_bytes
        packed = unpad(data, count * self.scheme.window_bits, self.token_bits).data
        size = self.window_bytes
        return (int.from_bytes(packed[i * size : (i + 1) * size], "big") for i in bar(range(count)))

    def decode_windows(self, ids) -> list[Decoded]:
        """The text of each window, and whether its code is one that a text has."""
        return list(self.scheme.texts(self.codes(from_tokens(ids, self.token_bits))))
