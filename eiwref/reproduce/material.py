"""What all work of a reproduction is done on: text to train M2 on, text held out, M1, subword models.

Paper, section 3.1. M1's own training text must be disjoint from M2's; whoever names other text sees to it. Texts
enter results by what they hold (SHA-256) and not by where they lie.
"""

import gzip
import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from eiwref.corpus import builtin, sources
from eiwref.errors import CorpusError, EiwrefError
from eiwref.files import read_bytes, write_bytes
from eiwref.predictors.base import Predictor
from eiwref.predictors.store import digest, dump, load_predictor, parse
from eiwref.predictors.subword import Subword
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.base import Tokenizer

SUBWORD = "SentencePiece"


@dataclass(frozen=True)
class Material:
    """`train`, `held_out`: names as `corpus.sources` takes them. `m1`: a predictor's file. `work`: a folder for
    what can be made again. Names all, so that other processes can be told."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    m1: str
    work: str

    @cached_property
    def predictor(self) -> Predictor:
        return load_predictor(self.m1)

    @cached_property
    def about(self) -> dict:
        """What makes a result another result: digests of texts and M1."""
        return {
            "train": [sources.describe(name) for name in self.train],
            "held_out": [sources.describe(name) for name in self.held_out],
            "m1": digest(self.predictor),
        }

    def check(self) -> None:
        """Raise `CorpusError` unless there is text on both sides and none of it on both."""
        for name in ("train", "held_out"):
            if not any(part["bytes"] for part in self.about[name]):
                raise CorpusError(f"{', '.join(getattr(self, name))}: there is no text")
        shared = set(self.texts("train")) & set(self.texts("held_out")) - {b""}
        if shared:
            raise CorpusError(f"{len(shared)} documents stand both in the training and in the held-out text")

    def texts(self, split: str) -> list[bytes]:
        """The documents of "train" or "held_out"."""
        return [text for name in getattr(self, split) for text in sources.documents(name)]

    def tokenizer(self, spec: str) -> Tokenizer:
        """`spec` under M1; a `SentencePiece` under a subword model counted on the training text, once."""
        if not spec.startswith(SUBWORD):
            return tokenizer(spec, self.predictor)
        counted = sha256(json.dumps(self.about["train"]).encode()).hexdigest()
        path = Path(self.work) / f"subword-{_pieces(spec)}-{counted[:16]}.safetensors"
        if not path.exists():
            write_bytes(path, dump(Subword.fit(self.texts("train"), _pieces(spec))))
        return tokenizer(spec, parse(read_bytes(path), str(path))[0])


def _pieces(spec: str) -> int:
    """32000 of "SentencePiece[v=32k]"."""
    try:
        return 1000 * int(spec.removeprefix(f"{SUBWORD}[v=").removesuffix("k]"))
    except ValueError:
        raise EiwrefError(f"{spec}: is no SentencePiece[v=Nk]") from None


def excerpt(split: str, work: Path, size: int) -> str:
    """The beginnings of the built-in text's documents, about `size` bytes in all, as a file in C4's form."""
    documents = builtin.documents(split)
    each = -(-size // len(documents))
    lines = [json.dumps({"text": text[:each].decode("utf-8", "ignore")}) + "\n" for text in documents]
    path = work / f"builtin-{split}.json.gz"
    write_bytes(path, gzip.compress("".join(lines).encode("ascii"), mtime=0))
    return str(path)
