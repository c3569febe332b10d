"""A whole text through the arithmetic coder: AC and StaticAC.

Paper, section 3.3. The bits run on from the first byte to the last, with no window to start afresh at; the
paper finds that M2 learns nothing from them. The text ends with an end mark (a 257th symbol) whose bits
count. The paper's M1 sees at most 1,024 bytes; ours restarts after as many, see `predictors.limits`.

A token of AC may also be a single bit, v=2, the least that an M2 can be asked to follow.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from types import ModuleType
from typing import ClassVar

import numpy as np

from eiwref.coding import finite, stream
from eiwref.coding.bits import Bits, bit_ranges, check_ids, from_tokens, unpad
from eiwref.errors import CodeError
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.predictors.limits import LANES, Restarting
from eiwref.tokenizers.base import Tokenizer, as_bytes

MOST_BYTES_A_SYMBOL = 3  # that a decoder draws: a symbol narrows 2^24 or more to 1 or more, and refills to 2^24


class StreamCoding(Tokenizer):
    """A coder that takes a text symbol by symbol, each by its slice of the predictor's distribution."""

    coder: ClassVar[ModuleType]
    """Has the `Encoder` and the `Decoder`."""
    draws: tuple[int, int]
    """Bytes of packed ids that reading the first symbol takes at most, and that each after it does."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor):
        super().__init__(spec, token_bits, predictor)
        self._model = Restarting(predictor.over(BYTES_AND_END))

    @property
    def model(self):
        return self._model.inner

    def compress(self, data, bar=iter):
        return self._spell(stream.encode(self.coder.Encoder(), self._model, bar(data)))

    def encode_batch(self, texts, bar=iter):
        if not self._model.inner.batched:
            each, inside = (iter, bar) if len(texts) == 1 else (bar, iter)  # of one text, its bytes
            return [self.compress(as_bytes(text), inside).tokens(self.token_bits) for text in each(texts)]
        end = [self._model.symbols - 1]
        symbols = [np.append(np.frombuffer(as_bytes(text), dtype=np.uint8), end) for text in texts]
        total = 1 << self._model.precision
        ids = []
        for slices in self._model.slices(symbols, bar):
            encoder = self.coder.Encoder()
            for low, high in slices.tolist():
                # To the coder it is all one whether what lies below and above is one symbol or many.
                encoder.encode((0, low, high, total), 1)
            ids.append(self._spell(encoder.finish()).tokens(self.token_bits))
        return ids

    def decompress(self, data, max_bytes=None, bar=iter):
        symbols, length = stream.decode(self.coder.Decoder(bar(self._code(data))), self._model, max_bytes)
        self._check_end(data, length)
        return bytes(symbols)

    def decode_batch(self, batch, bar=iter):
        if not self._model.inner.batched:
            return super().decode_batch(batch, bar)
        packed = [from_tokens(ids, self.token_bits) for ids in batch]
        texts = []
        for at in bar(range(0, len(packed), LANES)):
            texts += self._side_by_side(packed[at : at + LANES])
        return texts

    def _side_by_side(self, packed: list[bytes]) -> list[bytes]:
        """The text of each code, a symbol of each at a time, so that the predictor's work is shared."""
        predictor = self._model.inner
        end, texts = predictor.symbols - 1, [bytearray() for _ in packed]
        decoders, seen = [self.coder.Decoder(self._code(data)) for data in packed], 0
        lanes, states = list(range(len(packed))), predictor.start_many(len(packed))
        while lanes:
            rows = map(memoryview, predictor.cdf_many(states))  # of Python's integers, made as they are looked at
            symbols = [decoders[lane].decode(row) for lane, row in zip(lanes, rows, strict=True)]
            for lane, symbol in zip(lanes, symbols, strict=True):
                if symbol == end:
                    self._check_end(packed[lane], decoders[lane].finish())
                else:
                    texts[lane].append(symbol)
            on = [place for place, symbol in enumerate(symbols) if symbol != end]
            lanes, seen = [lanes[place] for place in on], seen + 1
            if lanes and seen % predictor.limit:
                states = predictor.advance_many(states, np.array(on), np.array([symbols[place] for place in on]))
            elif lanes:
                states = predictor.start_many(len(lanes))  # as `Restarting` does
        return [bytes(text) for text in texts]

    def symbols_of(self, packed: Iterable[int]) -> Iterator[int]:
        """The text's bytes one by one, from those that its ids are packed in as they are needed.

        Raises `CodeError` where the code ends before the text does; what comes after that is not looked at.
        """
        yield from stream.until_end(self.coder.Decoder(packed), self._model)

    def byte_ranges(self, data):
        return self._ranges(self.decompress(data), data)

    @abstractmethod
    def _ranges(self, text: bytes, data: bytes) -> list[tuple[int, int]]:
        """`byte_ranges`, of this text."""

    # How a code is spelled in ids: as its bits stand, unless a token is less than a byte.

    def _spell(self, code: Bits) -> Bits:
        """The bits that ids are packed in."""
        return code

    def _code(self, data: bytes) -> bytes:
        """The code's bytes, and whatever zeros pad it, of packed ids."""
        return data

    def _check_end(self, data: bytes, length: int) -> None:
        """Raise `CodeError` unless the ids are those of a code of `length` bits and no more."""
        unpad(data, length, self.token_bits)


class ArithmeticCoding(StreamCoding):
    """AC by a predictor, or StaticAC by its static part (the byte unigram of the text it was fitted on)."""

    coder = finite
    draws = finite.REGISTER_BITS // 8 + MOST_BYTES_A_SYMBOL, MOST_BYTES_A_SYMBOL

    def __init__(self, spec: str, token_bits: int, predictor: Predictor, static: bool):
        super().__init__(spec, token_bits, predictor)
        if static:
            self._model = Restarting(predictor.static().over(BYTES_AND_END))

    def settled(self, text: bytes | str) -> np.ndarray:
        """The ids, shape (N,), uint32, that every longer text which begins like this one begins with too."""
        *_, encoder = self._encoders(as_bytes(text))
        bits = encoder.settled_bits
        return self._spell(encoder.finish()).tokens(self.token_bits)[: self._whole_tokens(bits)]

    def _whole_tokens(self, bits: int) -> int:
        """How many tokens the first `bits` of a code fill."""
        return bits // self.token_bits

    def _ranges(self, text, data):
        return bit_ranges([encoder.settled_bits for encoder in self._encoders(text)][1:])

    def _encoders(self, text: bytes) -> Iterator[finite.Encoder]:
        """The same encoder before the first byte and after each."""
        encoder, model = finite.Encoder(), self._model
        yield encoder
        state = model.start()
        for symbol in text:
            encoder.encode(model.cdf(state), symbol)
            yield encoder
            state = model.advance(state, symbol)


class SingleBits(ArithmeticCoding):
    """AC whose tokens are the bits of its code, ids 0 and 1; there is nothing to pad.

    An id is packed in a byte, as in all files here: to store a text, take v=256, whose bits are the same.
    """

    draws = tuple(8 * draw for draw in ArithmeticCoding.draws)

    def __init__(self, spec: str, predictor: Predictor):
        super().__init__(spec, 8, predictor, static=False)
        self.vocab_size = 2

    def symbols_of(self, packed):
        yield from super().symbols_of(self._in_bytes(iter(packed)))

    def _in_bytes(self, packed: Iterator[int]) -> Iterator[int]:
        while eight := bytes(islice(packed, 8)):
            yield self._code(eight)[0]

    def _whole_tokens(self, bits):
        return bits

    def _ranges(self, text, data):
        return [(8 * begin, 8 * end) for begin, end in super()._ranges(text, data)]

    def _spell(self, code):
        single = np.unpackbits(np.frombuffer(code.data, dtype=np.uint8), count=code.length)
        return Bits(single.tobytes(), 8 * code.length)

    def _code(self, data):
        return np.packbits(check_ids(np.frombuffer(data, dtype=np.uint8), self.vocab_size).astype(bool)).tobytes()

    def _check_end(self, data, length):
        if len(data) != length:
            raise CodeError(f"the code ends at bit {length}, but there are {len(data)}")
