"""What `eiwref demo` shows and writes: the whole walk on real text, in two halves.

First with an n-gram for M1, so that every tokenizer can be measured in seconds: how far does each
compress? Then with networks trained on the spot: an M1, windows under it, and M2s on five kinds of tokens.
"""

import re
from pathlib import Path

import numpy as np

from eiwref import plots, show
from eiwref.corpus import builtin
from eiwref.experiments import compression, walk
from eiwref.experiments.result import Result
from eiwref.files import make_folder, write_bytes
from eiwref.predictors.base import Predictor
from eiwref.tokenizers import tokenizer

SPEC = "EqualInfoAC[b=16, v=65k]"


def sentence(seed: int) -> bytes:
    """A sentence of the held-out text, drawn by `seed`."""
    text = b" ".join(builtin.documents("held-out"))
    plain = re.sub(rb"\s+", b" ", text)
    found = re.findall(rb"[A-Z][a-z]+ [a-z][A-Za-z ,'-]{60,100}[a-z]\.(?= )", plain)
    return found[np.random.default_rng(seed).integers(len(found))]


def run(
    seed: int, predictor: Predictor, about: str, out: str, backend: str, command: str, colour: bool, say
) -> tuple[list[Result], list[Path]]:
    """(the results of both halves, the files written to the folder `out`).

    `about`: what `predictor` is, in a few words; `say` prints a line, `colour` marks windows in it.
    """
    compression.check(predictor)
    folder = make_folder(out)
    text = sentence(seed)
    windows = show.describe(tokenizer(SPEC, predictor), text)
    say(f"A sentence of the held-out text in windows of 16 bits, {SPEC}, under {about}:\n")
    say(show.render(windows, colour) + "\n")
    compressed = compression.run(seed, predictor, backend, command)
    picture = plots.compression(compressed, boxes(windows))
    paths = write(compressed, compression.markdown(compressed), picture, folder)
    say(compression.terminal_table(compressed) + "\n")

    m1, facts = walk.train_m1(seed, backend)
    windows = show.describe(tokenizer(SPEC, m1), text)
    say(walk.describe_m1(facts) + " The same sentence under it:\n")
    say(show.render(windows, colour) + "\n")
    walked = walk.run(seed, m1, facts, boxes(windows), backend, command)
    paths += write(walked, walk.markdown(walked), plots.walk(walked), folder)
    say(walk.describe_m2(walked) + "\n")
    say(walk.terminal_table(walked) + "\n")
    say("written: " + ", ".join(str(path) for path in paths))
    return [compressed, walked], paths


def boxes(windows: list[dict]) -> list[list[str]]:
    """What a picture needs of windows as `show.describe` gives them: text and bits."""
    return [[window["text"], window["bits"]] for window in windows]


def write(result: Result, page: str, picture: bytes, folder: Path) -> list[Path]:
    """Data, page and picture of one result; returns their paths."""
    paths = [folder / f"{result.name}.{kind}" for kind in ("json", "md", "png")]
    result.save(paths[0])
    write_bytes(paths[1], page.encode("utf-8"))
    write_bytes(paths[2], picture)
    return paths
