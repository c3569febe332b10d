"""The subword baseline as a tokenizer: SentencePiece[v=N], by the library's Unigram model.

Paper, section 3.3. Unlike all others it is no compressor whose bits are read as tokens: an id is a piece of text.
It is packed in 16 bits, of which the vocabulary of N uses some.

*Lossless*, which the library alone is not: of text that is not UTF-8 it makes replacement characters, and
U+2581, its sign for a space, comes back as one. Here both are spelled in pieces of a byte each, and what lies
between is cut by the library. Decoding is a look-up of each id, the same on every machine; the cutting
compares sums of floats, so that another machine might, for two ways all but equally likely, take the other one.
"""

import re
from collections.abc import Iterator

import numpy as np

from eiwref.coding.bits import Bits, check_ids
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.subword import SPACE, Subword
from eiwref.tokenizers.base import Tokenizer

ID_BITS = 16
BEYOND = re.compile(f"([{SPACE}\ud800-\udfff]+)")
"""What the library would not give back: its sign for a space, and bytes that are not UTF-8 (as surrogates)."""


class SentencePiece(Tokenizer):
    """`subword`: the model, of as many pieces as `vocabulary` says."""

    def __init__(self, spec: str, subword: Subword, vocabulary: int):
        super().__init__(spec, ID_BITS, subword)
        if subword.vocabulary != vocabulary:
            raise PredictorError(f"the subword model has {subword.vocabulary} pieces, expected {vocabulary}")
        self.vocab_size = vocabulary
        self._processor = subword.processor
        self._texts = subword.texts
        self._id_of_byte = {text[0]: id for id, text in enumerate(self._texts) if self._processor.is_byte(id)}
        if len(self._id_of_byte) != 256:
            raise PredictorError(f"the subword model spells {len(self._id_of_byte)} of the 256 bytes")

    def compress(self, data):
        ids: list[int] = []
        for index, part in enumerate(BEYOND.split(data.decode("utf-8", "surrogateescape"))):
            if index % 2:
                ids += [self._id_of_byte[byte] for byte in part.encode("utf-8", "surrogateescape")]
            else:
                ids += self._processor.encode(part)
        if b"".join(self._texts[id] or b"" for id in ids) != data:
            raise PredictorError("the subword model changes text: it was made with a normalisation of its own")
        packed = np.array(ids, dtype=f">u{ID_BITS // 8}").tobytes()
        return Bits(packed, 8 * len(packed))

    def decompress(self, data, max_bytes=None, bar=iter):
        text = bytearray()
        for piece in self._pieces(data):
            text += piece
            if max_bytes is not None and len(text) > max_bytes:
                raise CodeError(f"the text goes on after the {max_bytes} bytes that were declared")
        return bytes(text)

    def byte_ranges(self, data):
        return [
            (ID_BITS * token, ID_BITS * (token + 1))
            for token, piece in enumerate(self._pieces(data))
            for _ in piece
        ]

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """The text of each packed id."""
        ids = check_ids(np.frombuffer(data, dtype=f">u{ID_BITS // 8}"), self.vocab_size)
        for token, id in enumerate(ids.tolist()):
            if self._texts[id] is None:
                raise CodeError(f"token {token}: id {id} stands for what is unknown, which no text has")
            yield self._texts[id]
