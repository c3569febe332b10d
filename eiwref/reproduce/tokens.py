"""A tokenizer's ids of all text, once and for all, what can be said of them without an M2, and what an M2 reads.

Paper, section 3.4 and Tables 1, 2, 3 and 12; section 3.1 for what M2 reads. Of a code that runs on to the end of a
text nothing can be read but from its beginning: the state of the coder and of M1 hangs on all that came before. So
M2 is shown codes from their beginnings, as in the paper, and windows from where one begins. Left out: gzip, whose
code begins with a table that fills a short context by itself; it is read from anywhere.
"""

from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eiwref.coding.bits import Bits, from_tokens
from eiwref.corpus import tokens
from eiwref.evaluate import id_counts, uniform_bits, unigram_bits
from eiwref.files import read_bytes, write_bytes
from eiwref.m2 import m1_config
from eiwref.reproduce.grid import Job, Place
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.registry import in_bytes, unit

SPLITS = ("train", "held_out")
FILE = "trimmed.npz"


class Text(NamedTuple):
    """What an M2 reads and is measured on."""

    stream: tokens.Tokens  # to learn from
    held_out: list[np.ndarray]  # the ids of each document, without the end
    sizes: list[float]  # bytes that each of these stands for


@dataclass(frozen=True)
class Tokens(Job):
    """Leaves a token folder (see `corpus.tokens`) for each split.

    The codes of a text are the same bits in ids of 8 and of 16, and take M1 to find: ids of 16 are those of 8 in
    pairs.
    """

    tokenizer: str

    def needs(self):
        spec = in_bytes(self.tokenizer)
        return () if spec is None else (Tokens(spec),)

    def cost(self):
        return 1e24  # before all others, which wait for it

    def make(self, place: Place) -> dict:
        reader = place.material.tokenizer(self.tokenizer)
        found = {}
        for split in SPLITS:
            folder = place.folder / split
            if not (folder / tokens.MANIFEST).exists():
                codes = [documents(place.files(need), split) for need in self.needs()]
                encoder = _InPairs(reader, *codes) if codes else reader
                tokens.write(folder, encoder, list(getattr(place.material, split)))
            stream = tokens.load(folder)
            ends = int(stream.counts[-1])
            found[split] = {
                "documents": ends,
                "bytes": stream.text_bytes,
                "tokens": len(stream) - ends,
                "distinct_tokens": int(np.count_nonzero(stream.counts[:-1])),
            }
        train, held_out = (id_counts([stream], reader.vocab_size + 1)[:-1] for stream in self._streams(place))
        size, count = found["held_out"]["bytes"], found["held_out"]["tokens"]
        m1 = m1_config(reader)
        return found | {
            "vocabulary": reader.vocab_size,
            "bytes_per_token": size / count,
            "uniform_bits_per_byte": uniform_bits(count, reader.vocab_size) / size,
            "unigram_bits_per_byte": unigram_bits(train, held_out) / size,
            "m1_parameters": 0 if m1 is None else m1.parameters,
            "m1_output_parameters": 0 if m1 is None else m1.d_model * m1.symbols,
        }

    def text(self, place: Place, folder: Path, reader: Tokenizer) -> Text:
        """What it left in `folder`."""
        sizes = [float(len(text)) for text in place.material.texts("held_out")]
        return Text(tokens.load(folder / "train"), documents(folder, "held_out"), sizes)

    def _streams(self, place: Place) -> list[np.ndarray]:
        return [tokens.load(place.folder / split)[:] for split in SPLITS]


class _InPairs:
    """`encode_batch` of a tokenizer of 16 bits for the texts whose codes in bytes are given, in their order."""

    model = None  # is asked for nothing

    def __init__(self, tokenizer: Tokenizer, codes: list[np.ndarray]):
        self.spec, self.predictor_digest = tokenizer.spec, tokenizer.predictor_digest
        self.token_bits, self.vocab_size = tokenizer.token_bits, tokenizer.vocab_size
        self._codes = iter(codes)

    def encode_batch(self, texts: list[bytes]) -> list[np.ndarray]:
        packed = [from_tokens(ids, 8) for ids in islice(self._codes, len(texts))]
        return [Bits(code, 8 * len(code)).tokens(self.token_bits) for code in packed]


@dataclass(frozen=True)
class Trimmed(Job):
    """The first tokens of codes, as many as an M2 of `context` tokens sees at once: leaves them as arrays.

    Documents are joined, a line feed between, and a code begins about where the tokens kept of the last one end,
    so that all text is read once. (The paper, which has text enough, begins the next behind the text of the last.)
    Bytes are told by the tokenizer's bytes a token of whole documents, as the paper's are of whole sequences.
    """

    tokenizer: str
    context: int

    def needs(self):
        return (Tokens(self.tokenizer),)

    def cost(self):
        return 1e24  # as of `Tokens`

    def make(self, place: Place) -> dict:
        whole, reader = place.result(self.needs()[0]), place.material.tokenizer(self.tokenizer)
        ratio, kept = whole["bytes_per_token"], self.context - 1  # and the end
        step = max(1, int(kept * ratio))
        size = step + step // 2  # of text for each; the tokens kept hardly ever reach to its end
        found, arrays, counts = {}, {}, []
        for split in SPLITS:
            text = b"\n".join(place.material.texts(split))
            ids = reader.encode_batch([text[at : at + size] for at in range(0, len(text), step)])
            ids = [each[:kept] for each in ids]
            arrays[f"{split}_ids"], arrays[f"{split}_ends"] = np.concatenate(ids), np.cumsum([*map(len, ids)])
            counts.append(id_counts(ids, reader.vocab_size))
            count = int(counts[-1].sum())
            found[split] = {"documents": len(ids), "bytes": count * ratio, "tokens": count}
        packed = BytesIO()
        np.savez(packed, **arrays)
        write_bytes(place.folder / FILE, packed.getvalue())
        return (
            whole
            | found
            | {"unigram_bits_per_byte": unigram_bits(*counts) / (found["held_out"]["tokens"] * ratio)}
        )

    def text(self, place: Place, folder: Path, reader: Tokenizer) -> Text:
        """What it left in `folder`."""
        with np.load(BytesIO(read_bytes(folder / FILE))) as arrays:
            train, held_out = (np.split(arrays[f"{s}_ids"], arrays[f"{s}_ends"][:-1]) for s in SPLITS)
        ratio = place.result(self.needs()[0])["bytes_per_token"]
        stream = tokens.in_memory(train, reader, round(sum(map(len, train)) * ratio))
        return Text(stream, held_out, [len(ids) * ratio for ids in held_out])


def is_trimmed(tokenizer: str) -> bool:
    """Whether its codes are read from their beginnings alone."""
    return not unit(tokenizer) and not tokenizer.startswith("GZip")


def read_by(tokenizer: str, context: int) -> Tokens | Trimmed:
    """The job that leaves what an M2 of this context reads of a tokenizer's ids."""
    return Trimmed(tokenizer, context) if is_trimmed(tokenizer) else Tokens(tokenizer)


def documents(folder: Path, split: str) -> list[np.ndarray]:
    """The ids of each document, without the end, from the folder that `Tokens` left."""
    return tokens.load(folder / split).documents()
