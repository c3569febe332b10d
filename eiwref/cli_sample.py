"""The command that lets a network write: `eiwref sample`."""

import codecs
import os
import sys
import time
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from eiwref import backend, cli_networks, generate
from eiwref.cli_options import add_backend, add_seed, count, predictor_of, report
from eiwref.errors import ModelError
from eiwref.m2 import M2, text_of
from eiwref.nn import memory
from eiwref.predictors.base import Predictor
from eiwref.predictors.network import Network
from eiwref.show import escaped
from eiwref.tokenizers import streaming


def add_command(add: Callable) -> None:
    """Give the parser its `sample`; `add` adds all others."""
    command = add("sample", _sample, "text that an M2 (or a byte model M1) makes up")
    command.add_argument("model", metavar="M2", help=cli_networks.MODEL)
    command.add_argument("--tokens", type=count, default=100, help="of each text, at most (default: 100)")
    command.add_argument("--samples", type=count, default=1, help="texts at once, in one batch (default: 1)")
    command.add_argument(
        "--prompt", default="", metavar="TEXT", help="to go on from, as far as its tokens are whole"
    )
    command.add_argument("--temperature", type=float, default=1.0, help="0: the likeliest token (default: 1.0)")
    command.add_argument("--top-k", type=count, metavar="K", help="only the K likeliest tokens")
    command.add_argument(
        "--top-p", type=float, default=1.0, help="only the likeliest of this share (default: 1.0)"
    )
    add_seed(command)
    add_backend(command)


def _sample(options) -> int:
    """Shows texts, one alone as it comes."""
    m2 = _load(options.model, predictor_of(options), backend.array_module(options.backend))
    choice = generate.Choice(options.temperature, options.top_k, options.top_p)
    prompt = streaming.opening(m2.tokenizer, os.fsencode(options.prompt))
    _check_memory(m2, options.samples)
    rngs = np.random.default_rng(options.seed).spawn(options.samples)
    alone = options.samples == 1 and not options.json
    steps = generate.texts(m2, rngs, options.tokens, prompt, choice)
    bar = tqdm(steps, total=options.tokens + 2, desc="tokens", unit="", disable=True if alone else None)
    display = _Display() if alone else None
    seconds, began = 0.0, time.perf_counter()
    told = len(text_of(m2.tokenizer, prompt)[0])
    before, left = options.samples * told, len(os.fsencode(options.prompt)) - told
    if left:
        print(f"eiwref: the last {left} bytes of the prompt fill no token and are left out", file=sys.stderr)
    for step, written in enumerate(bar):
        if step == 0:  # nothing is made up yet
            began = time.perf_counter()
        if display:
            display.show(written[0].new)
        seconds = time.perf_counter() - began
    if display:
        display.close()
    made, size = sum(len(one.ids) for one in written), sum(len(one.text) for one in written) - before
    shown = [_shown(one.text) for one in written]
    if not options.json and not alone:
        print("\n\n".join(f"--- {i}\n{text}" for i, text in enumerate(shown, 1)) + "\n")
    found = {
        "command": options.command,
        "tokenizer": m2.tokenizer.spec,
        "prompt_tokens": len(prompt),
        "tokens": made,
        "bytes": size,
        "seconds": seconds,
        "tokens_per_s": made / seconds,
        "bytes_per_s": size / seconds,
        "bytes_per_token": size / made if made else 0.0,
        "remark": "; ".join(sorted({one.remark for one in written if one.remark})),
        "samples": [
            {"tokens": len(one.ids), "text": text, "remark": one.remark}
            for one, text in zip(written, shown, strict=True)
        ],
    }
    return report(options, found)


def _load(path: str, predictor: Predictor | None, xp) -> M2:
    """The M2 in a file, or the M1 taken for one."""
    model = cli_networks.load(path, predictor, xp)
    if isinstance(model, M2):
        return model
    if not isinstance(model, Network):
        raise ModelError(
            f"{path}: is an M1 in integers, which writes nothing; name an M2, or the M1 of train m1 behind it"
        )
    return generate.over_bytes(model, xp)


def _check_memory(m2: M2, samples: int) -> None:
    """Refuse more texts at once than keys, values and logits have room for."""
    config, there = m2.network.config, memory.available()
    # Bytes of a text: keys, values, and logits with what is made of them to draw from.
    each = 4 * (2 * config.layers * config.context * config.d_model + 4 * config.symbols)
    if there is not None and samples * each > there:
        raise ModelError(
            f"{samples:,} texts at once need some {samples * each / 1e9:,.0f} GB, and {there / 1e9:.0f} GB are "
            "available: ask for fewer"
        )


def _shown(text: bytes) -> str:
    return escaped(text.decode("utf-8", "backslashreplace"), keep="\n")


class _Display:
    """Bytes on the terminal as they come; a character waits for its last byte."""

    def __init__(self):
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def show(self, new: bytes, final: bool = False) -> None:
        sys.stdout.write(escaped(self._decoder.decode(new, final), keep="\n"))
        sys.stdout.flush()

    def close(self) -> None:
        self.show(b"", final=True)
        print("\n")
