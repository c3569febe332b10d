"""A whole text through the arithmetic coder: AC and StaticAC.

Paper, section 3.3. The bits run on from the first byte to the last, with no window to start afresh at; the
paper finds that M2 learns nothing from them. The text ends with an end mark (a 257th symbol) whose bits
count. The paper's M1 sees at most 1,024 bytes; ours restarts after as many, see `predictors.limits`.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from eiwref.coding import finite, stream
from eiwref.coding.bits import bit_ranges, from_tokens, unpad
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.predictors.limits import LANES, Restarting
from eiwref.tokenizers.base import Tokenizer, as_bytes


class ArithmeticCoding(Tokenizer):
    """AC by a predictor, or StaticAC by its static part (the byte unigram of the text it was fitted on)."""

    def __init__(self, spec: str, token_bits: int, predictor: Predictor, static: bool):
        super().__init__(spec, token_bits, predictor)
        used = predictor.static() if static else predictor
        self._model = Restarting(used.over(BYTES_AND_END))

    def compress(self, data):
        return stream.encode(finite.Encoder(), self._model, data)

    @property
    def model(self):
        return self._model.inner

    def encode_batch(self, texts, bar=iter):
        if not self._model.inner.batched:
            return super().encode_batch(texts, bar)
        end = [self._model.symbols - 1]
        symbols = [np.append(np.frombuffer(as_bytes(text), dtype=np.uint8), end) for text in texts]
        total = 1 << self._model.precision
        ids = []
        for slices in self._model.slices(symbols, bar):
            encoder = finite.Encoder()
            for low, high in slices.tolist():
                # To the coder it is all one whether what lies below and above is one symbol or many.
                encoder.encode((0, low, high, total), 1)
            ids.append(encoder.finish().tokens(self.token_bits))
        return ids

    def decompress(self, data, max_bytes=None):
        symbols, length = stream.decode(finite.Decoder(data), self._model, max_bytes)
        unpad(data, length, self.token_bits)
        return bytes(symbols)

    def decode_batch(self, batch, bar=iter):
        if not self._model.inner.batched:
            return super().decode_batch(batch, bar)
        codes = [from_tokens(ids, self.token_bits) for ids in batch]
        texts = []
        for at in bar(range(0, len(codes), LANES)):
            texts += self._side_by_side(codes[at : at + LANES])
        return texts

    def _side_by_side(self, codes: list[bytes]) -> list[bytes]:
        """The text of each code, a symbol of each at a time, so that the predictor's work is shared."""
        predictor = self._model.inner
        end, texts = predictor.symbols - 1, [bytearray() for _ in codes]
        decoders, seen = [finite.Decoder(code) for code in codes], 0
        lanes, states = list(range(len(codes))), predictor.start_many(len(codes))
        while lanes:
            rows = predictor.cdf_many(states).tolist()
            symbols = [decoders[lane].decode(row) for lane, row in zip(lanes, rows, strict=True)]
            for lane, symbol in zip(lanes, symbols, strict=True):
                if symbol == end:
                    unpad(codes[lane], decoders[lane].finish(), self.token_bits)
                else:
                    texts[lane].append(symbol)
            on = [place for place, symbol in enumerate(symbols) if symbol != end]
            lanes, seen = [lanes[place] for place in on], seen + 1
            if lanes and seen % predictor.limit:
                states = predictor.advance_many(states, np.array(on), np.array([symbols[place] for place in on]))
            elif lanes:
                states = predictor.start_many(len(lanes))  # as `Restarting` does
        return [bytes(text) for text in texts]

    def symbols_of(self, code: Iterable[int]) -> Iterator[int]:
        """The text's bytes one by one, from those of its code as they are needed.

        Raises `CodeError` where the code ends before the text does; what comes after that is not looked at.
        """
        yield from stream.until_end(finite.Decoder(code), self._model)

    def settled(self, text: bytes | str) -> np.ndarray:
        """The ids, shape (N,), uint32, that every longer text which begins like this one begins with too."""
        encoder, model = finite.Encoder(), self._model
        state = model.start()
        for symbol in as_bytes(text):
            encoder.encode(model.cdf(state), symbol)
            state = model.advance(state, symbol)
        settled = encoder.settled_bits // self.token_bits
        return encoder.finish().tokens(self.token_bits)[:settled]

    def byte_ranges(self, data):
        encoder, model = finite.Encoder(), self._model
        state = model.start()
        settled = []
        for symbol in self.decompress(data):
            encoder.encode(model.cdf(state), symbol)
            settled.append(encoder.settled_bits)
            state = model.advance(state, symbol)
        return bit_ranges(settled)
