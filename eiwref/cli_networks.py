"""The command that measures a trained M2 or M1: `eiwref eval`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tqdm import tqdm

import eiwref
from eiwref import backend, tensors
from eiwref.cli_options import add_backend, predictor_of, report
from eiwref.corpus import sources
from eiwref.errors import EiwrefError, ModelError
from eiwref.evaluate import measure, measure_m1
from eiwref.experiments.result import environment
from eiwref.files import read_bytes
from eiwref.m2 import M2
from eiwref.predictors import store as predictors
from eiwref.predictors.base import Predictor
from eiwref.predictors.integer import IntegerNetwork
from eiwref.predictors.network import Networked
from eiwref.predictors.store import digest
from eiwref.tokenizers.workers import at_work

M1_SPECS = ("AC[v=256]", *(f"EqualInfoAC[b={bits}, v=65k]" for bits in (16, 32, 64, 128)))
MODEL = "made by eiwref train; an M1 too"
BAR = partial(tqdm, desc="texts", unit="", disable=None)


def add_command(add: Callable, texts: dict) -> None:
    """Give the parser its `eval`; `add` adds all others, `texts` says how a TEXT is named."""
    command = add("eval", _eval, "bits/byte of an M2 (or a byte model M1) on a text, and what they cost")
    command.add_argument("model", metavar="M2", help=MODEL)
    command.add_argument("texts", **texts)
    add_backend(command)


def _eval(options) -> int:
    model = load(options.model, predictor_of(options), backend.array_module(options.backend))
    if options.backend != "numpy" and not isinstance(model, M2):
        raise EiwrefError(f"eval: an M1 is measured by numpy, leave --backend {options.backend} out")
    documents, tallies = sources.counted(options.texts)
    texts = list(documents)
    found = measure(model, texts, BAR) if isinstance(model, M2) else _measure_m1(model, texts)
    about = {"texts": [{"name": Path(name).name} | tally.as_dict() for name, tally in tallies]}
    return report(options, {"command": options.command} | found | about | {"environment": environment()})


def load(path: str, predictor: Predictor | None, xp) -> M2 | Networked:
    """The M2 in a file, or the M1."""
    if Path(path).exists() and tensors.format_of(read_bytes(path)) != predictors.FORMAT:
        return M2.load(path, predictor, xp)
    m1 = eiwref.load_predictor(path)
    if not isinstance(m1, Networked):
        raise ModelError(f"{path}: is a predictor without a network, expected an M2 or an M1")
    return m1


def _measure_m1(m1: Networked, texts: list[bytes]) -> dict:
    """Its bits/byte, and, if it is one of integers, what tokens under it hold."""
    found = {"m1": digest(m1)} | measure_m1(m1, texts, BAR)
    specs = M1_SPECS if isinstance(m1, IntegerNetwork) else ()
    for spec in specs:
        with at_work(eiwref.tokenizer(spec, m1)) as encoder:
            tokens = sum(map(len, encoder.encode_batch(texts, BAR)))
        found |= {f"bytes_per_token {spec}": found["bytes"] / tokens}
    return found
