"""A tokenizer's ids of all text, once and for all, and what can be said of them without an M2.

Paper, section 3.4 and Tables 1, 2, 3 and 12.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eiwref.corpus import tokens
from eiwref.evaluate import id_counts, uniform_bits, unigram_bits
from eiwref.m2 import m1_config
from eiwref.reproduce.grid import Job, Place

SPLITS = ("train", "held_out")


@dataclass(frozen=True)
class Tokens(Job):
    """Leaves a token folder (see `corpus.tokens`) for each split."""

    tokenizer: str

    def cost(self):
        return 1e6  # before all others, which wait for it

    def make(self, place: Place) -> dict:
        reader = place.material.tokenizer(self.tokenizer)
        found = {}
        for split in SPLITS:
            folder = place.folder / split
            if not (folder / tokens.MANIFEST).exists():
                tokens.write(folder, reader, list(getattr(place.material, split)))
            stream = tokens.load(folder)
            documents = int(stream.counts[-1])
            found[split] = {
                "documents": documents,
                "bytes": stream.text_bytes,
                "tokens": len(stream) - documents,
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

    def _streams(self, place: Place) -> list[np.ndarray]:
        return [tokens.load(place.folder / split)[:] for split in SPLITS]


def documents(folder: Path, split: str) -> list[np.ndarray]:
    """The ids of each document, without the end, from the folder that `Tokens` left."""
    return tokens.load(folder / split).documents()
