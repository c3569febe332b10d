"""The subword baseline's model: a vocabulary of pieces of text, learned by the `sentencepiece` library.

Paper, section 3.3: SentencePiece Unigram with 32,000 pieces. The model gives each piece a probability, and a text
is cut where the product is greatest. Here without normalisation, without an extra space in front, and with a
piece for every byte (byte fallback), so that there is none it cannot spell. It is no next-byte predictor and
drives no coder; it is fitted, stored and named by digest as predictors are, so it stands among them.

The library is an extra, `pip install 'eiwref[subword]'`. Left out: how pieces are learned, for which see Kudo
(2018, arXiv 1804.10959).
"""

import importlib
import io
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from eiwref.errors import PredictorError

SPACE = "\u2581"
"""Stands for a space in the library's pieces, so that it cannot stand for itself."""
VOCABULARIES = range(1_000, 64_001, 1_000)
"""In thousands, as they are named; 16 bits hold an id of any."""


def library():
    """The module; raises `PredictorError` if it is not installed."""
    try:
        return importlib.import_module("sentencepiece")
    except ImportError:
        raise PredictorError(
            "SentencePiece needs the sentencepiece library, which is not installed: pip install 'eiwref[subword]'"
        ) from None


class Subword:
    """`model`: the library's own file; `vocabulary`: how many pieces it has, those of bytes among them."""

    def __init__(self, model: bytes, vocabulary: int):
        self.model = model
        self.vocabulary = vocabulary

    @classmethod
    def fit(cls, documents: Iterable[bytes], vocabulary: int = 32_000) -> "Subword":
        """Learn `vocabulary` pieces, 257 of which are given: one for each byte and one for what is unknown.

        Lines are the units, what is not UTF-8 is left out; the library holds all of the text in memory. Raises
        `PredictorError` if the text has too few pieces, or more characters than there is room for.
        """
        if vocabulary not in VOCABULARIES:
            raise PredictorError(f"vocabulary is {vocabulary}, expected a multiple of 1000 up to 64000")
        made, lines = io.BytesIO(), _lines(documents)
        first = next(lines, None)
        if first is None:
            raise PredictorError("there is no text to count")
        try:
            library().SentencePieceTrainer.train(
                sentence_iterator=(line for some in ([first], lines) for line in some),
                model_writer=made,
                model_type="unigram",
                vocab_size=vocabulary,
                byte_fallback=True,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                bos_id=-1,
                eos_id=-1,
                max_sentence_length=1 << 30,
                num_threads=1,  # sums of floats in one order, so that the same text gives the same model
                minloglevel=2,
            )
        except RuntimeError as error:
            raise PredictorError(_reason(str(error), vocabulary)) from None
        return cls(made.getvalue(), vocabulary)

    def tensors(self) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        """(settings, arrays), as those of a `Predictor`."""
        settings = {"kind": "subword", "vocabulary": str(self.vocabulary)}
        return settings, {"model": np.frombuffer(self.model, dtype=np.uint8)}

    @cached_property
    def processor(self):
        """The library's, which cuts text; raises `PredictorError` if it is missing or cannot read the model."""
        processor = library().SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(self.model)
        except RuntimeError:
            raise PredictorError("the subword model is damaged, sentencepiece cannot read it") from None
        found = processor.get_piece_size()
        if found != self.vocabulary:
            raise PredictorError(f"the subword model has {found} pieces, expected {self.vocabulary}")
        return processor

    @cached_property
    def texts(self) -> list[bytes | None]:
        """What each id stands for; None for the unknown one, which no text needs."""
        processor = self.processor
        return [self._text(processor, id) for id in range(self.vocabulary)]

    def _text(self, processor, id: int) -> bytes | None:
        piece = processor.id_to_piece(id)
        if processor.is_byte(id):
            return bytes([int(piece[1:-1], 16)])  # "<0x41>"
        if processor.is_unknown(id):
            return None
        return piece.replace(SPACE, " ").encode()


def _lines(documents: Iterable[bytes]) -> Iterator[str]:
    for document in documents:
        yield from filter(None, document.decode("utf-8", "ignore").split("\n"))


def _reason(error: str, vocabulary: int) -> str:
    """The library's refusal in our words."""
    if most := re.search(r"value <= (\d+)", error):
        found = f"the text has pieces for a vocabulary of {most[1]}, asked for {vocabulary}"
        return f"{found}; give more text or ask for fewer"
    if least := re.search(r"required_chars\. \d+ vs (\d+)", error):
        return f"the text's characters and bytes take a vocabulary of {least[1]}, asked for {vocabulary}"
    return f"sentencepiece cannot learn from this text ({' '.join(error.split())})"
