"""One sentence in windows, then every tokenizer on held-out text: what `eiwref demo` shows and writes."""

import re
from pathlib import Path

import numpy as np

from eiwref import plots, show
from eiwref.corpus import builtin
from eiwref.experiments import compression
from eiwref.experiments.result import Result
from eiwref.files import write_bytes
from eiwref.predictors.base import Predictor
from eiwref.tokenizers import tokenizer

SPEC = "EqualInfoAC[b=16, v=65k]"


def sentence(seed: int) -> bytes:
    """A sentence of the held-out text, drawn by `seed`."""
    text = b" ".join(builtin.documents("held-out"))
    plain = re.sub(rb"\s+", b" ", text)
    found = re.findall(rb"[A-Z][a-z]+ [a-z][A-Za-z ,'-]{60,100}[a-z]\.(?= )", plain)
    return found[np.random.default_rng(seed).integers(len(found))]


def windows_of(text: bytes, predictor: Predictor) -> list[dict]:
    """The sentence's windows as `show.describe` gives them."""
    return show.describe(tokenizer(SPEC, predictor), text)


def write(result: Result, windows: list[dict], folder: Path) -> list[Path]:
    """Result, page and picture; returns their paths."""
    paths = [folder / "compression.json", folder / "compression.md", folder / "compression.png"]
    result.save(paths[0])
    write_bytes(paths[1], compression.markdown(result).encode("utf-8"))
    write_bytes(paths[2], plots.compression(result, [(row["text"], row["bits"]) for row in windows]))
    return paths
