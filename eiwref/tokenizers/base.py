"""What every tokenizer offers: text to token ids and back.

Paper, section 3.3: a compressor turns bytes into bits, and the bits are read as tokens of 8 or 16
(v=256, v=65k). So a tokenizer here is a compressor and a token width.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eiwref.coding.bits import Bits, from_tokens
from eiwref.errors import CodeError, SpecError
from eiwref.files import write_bytes
from eiwref.predictors.store import Stored, digest, dump


class Tokenizer(ABC):
    """`spec` is the name in the paper's notation; `predictor` is None for schemes that need none.

    `token_bits`: how many an id takes in a file, 8, 16 or 32. Ids are from 0 to `vocab_size` - 1, which may be
    less than these bits allow.
    """

    lossless = True  # whether every text comes back: of all but greedy windows

    def __init__(self, spec: str, token_bits: int, predictor: Stored | None = None):
        self.spec = spec
        self.token_bits = token_bits
        self.vocab_size = 1 << token_bits
        self.predictor = predictor

    def __repr__(self):
        return f"<{self.spec}>"

    @property
    def model(self) -> Stored | None:
        """What is asked for a distribution at every byte, if anything is."""
        return self.predictor

    @property
    def predictor_digest(self) -> str:
        """Names the predictor that the ids depend on; "" where they depend on none."""
        return "" if self.predictor is None else digest(self.predictor)

    @abstractmethod
    def compress(self, data: bytes) -> Bits:
        """The text as bits."""

    @abstractmethod
    def decompress(self, data: bytes, max_bytes: int | None = None, bar=iter) -> bytes:
        """The text from the bits and the padding of the last token. `bar` as in `encode_batch`, where it is slow.

        Raises `CodeError` if no text has these bits, or rather than return more than `max_bytes` bytes.
        """

    @abstractmethod
    def byte_ranges(self, data: bytes) -> list[tuple[int, int]]:
        """For each byte of the text, the half-open range of code bits it has a hand in; `data` as in
        `decompress`."""

    def encode(self, text: bytes | str) -> np.ndarray:
        """Token ids, shape (N,), uint32. A string is taken as UTF-8."""
        return self.compress(as_bytes(text)).tokens(self.token_bits)

    def encode_batch(self, texts: Sequence[bytes | str], bar=iter) -> list[np.ndarray]:
        """`encode` of each text, the predictor's work shared where it can be.

        `bar` is put around what is gone through, to show how far it is: `tqdm.tqdm`, say. Of a single text that
        may be what is inside it.
        """
        return [self.encode(text) for text in bar(texts)]

    def decode_batch(self, batch: Sequence, bar=iter) -> list[bytes]:
        """`decode_bytes` of each text's ids, the predictor's work shared where it can be; `bar` as above."""
        return [self.decode_bytes(ids) for ids in bar(batch)]

    def decode_bytes(self, ids, max_bytes: int | None = None) -> bytes:
        """The text of token ids; raises `CodeError` if they are malformed or give more than `max_bytes`."""
        return self.decompress(from_tokens(ids, self.token_bits), max_bytes)

    def decode(self, ids, errors: str = "replace") -> str:
        """The text as a string; `errors` says what to do where it is not UTF-8, as in `bytes.decode`."""
        return self.decode_bytes(ids).decode("utf-8", errors)

    def spans(self, ids) -> np.ndarray:
        """For each token the half-open range of text bytes whose code bits touch it, shape (N, 2), int64.

        Ranges of neighbours may overlap, as in the paper's Figure 9. A token that holds no byte's bits (an
        end of text, a checksum) gets an empty range.
        """
        packed = from_tokens(ids, self.token_bits)
        ranges = np.array(self.byte_ranges(packed), dtype=np.int64).reshape(-1, 2)
        starts = np.arange(len(ids)) * self.token_bits
        # Begins and ends both rise, so the bytes that touch a token are neighbours.
        first = np.searchsorted(ranges[:, 1], starts, side="right")
        after = np.searchsorted(ranges[:, 0], starts + self.token_bits, side="left")
        return np.stack([first, np.maximum(first, after)], axis=1)

    def save(self, path: str | Path) -> None:
        """Write the tokenizer, its predictor included, to a file that `eiwref.tokenizers.load` reads."""
        if self.predictor is None:
            raise SpecError(f"{self.spec} has nothing to save: its name says it all")
        write_bytes(path, dump(self.predictor, tokenizer=self.spec))


def as_bytes(text: bytes | str) -> bytes:
    """The text's bytes, UTF-8 if it is a string; raises `CodeError` for anything else."""
    if isinstance(text, bytes | bytearray):
        return bytes(text)
    if not isinstance(text, str):
        raise CodeError(f"text must be str or bytes, found {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CodeError(
            f"character {error.start} of the text is half a surrogate pair, which UTF-8 lacks"
        ) from None
