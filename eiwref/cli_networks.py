"""The commands for a trained M2: measure it, let it write."""

import sys
from functools import partial
from itertools import chain

import numpy as np
from tqdm import tqdm

from eiwref import backend
from eiwref.corpus import sources
from eiwref.evaluate import measure
from eiwref.experiments.result import environment
from eiwref.m2 import M2, text_of
from eiwref.predictors.base import Predictor
from eiwref.show import printable

BAR = partial(tqdm, unit="", disable=None)


def eval_command(options, predictor: Predictor | None) -> dict:
    """`eiwref eval`: bits/byte and what they cost."""
    m2 = M2.load(options.model, predictor, backend.array_module(options.backend))
    texts = list(chain.from_iterable(sources.documents(name) for name in options.texts))
    return {"command": options.command} | measure(m2, texts, BAR) | {"environment": environment()}


def sample_command(options, predictor: Predictor | None) -> dict:
    """`eiwref sample`: text that M2 makes up."""
    m2 = M2.load(options.model, predictor, backend.array_module(options.backend))
    rng = np.random.default_rng(options.seed)
    ids = list(m2.sample(rng, options.tokens, options.temperature))
    text, remark = text_of(m2.tokenizer, ids)
    shown = "\n".join(printable(line) for line in text.split(b"\n"))
    return {"command": options.command, "tokens": len(ids), "bytes": len(text), "remark": remark, "text": shown}


def report(found: dict) -> None:
    """A line a figure; a text as it is."""
    for name, value in found.items():
        if name not in ("text", "environment"):
            print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    if "text" in found:
        print("\n" + found["text"])
    sys.stdout.flush()
