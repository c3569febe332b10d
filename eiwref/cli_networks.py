"""The command that measures a trained M2, and how networks' commands report."""

import sys
from functools import partial
from itertools import chain

from tqdm import tqdm

from eiwref import backend
from eiwref.corpus import sources
from eiwref.evaluate import measure
from eiwref.experiments.result import environment
from eiwref.m2 import M2
from eiwref.predictors.base import Predictor

BAR = partial(tqdm, unit="", disable=None)


def eval_command(options, predictor: Predictor | None) -> dict:
    """`eiwref eval`: bits/byte and what they cost."""
    m2 = M2.load(options.model, predictor, backend.array_module(options.backend))
    texts = list(chain.from_iterable(sources.documents(name) for name in options.texts))
    return {"command": options.command} | measure(m2, texts, BAR) | {"environment": environment()}


def report(found: dict) -> None:
    """A line a figure; texts have been shown."""
    for name, value in found.items():
        if name not in ("samples", "environment"):
            print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    sys.stdout.flush()
