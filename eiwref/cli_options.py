"""What commands share: options, the predictor that is named, and how figures are reported."""

import json
import os
import sys

import eiwref
from eiwref import backend, files
from eiwref.corpus import sources
from eiwref.errors import EiwrefError
from eiwref.predictors.store import Stored


def _number(kind: type, name: str, allowed):
    """A parser of numbers for argparse, which calls what it refuses by `name`."""

    def parse(text: str):
        value = kind(text)
        if not allowed(value):
            raise ValueError
        return value

    parse.__name__ = name
    return parse


count = _number(int, "positive integer below 2^63", lambda value: 0 < value < 1 << 63)
seed = _number(int, "integer from 0 on", lambda value: value >= 0)
positive = _number(float, "positive number", lambda value: 0 < value < float("inf"))


def add_tokenizer(command, **more) -> None:
    shown = more.pop("shown", None) or f"default: {more['default']}"
    command.add_argument(
        "--tokenizer", metavar="SPEC", help=f"such as 'EqualInfoAC[b=32, v=256]', see README ({shown})", **more
    )


def add_backend(command) -> None:
    command.add_argument(
        "--backend", choices=backend.NAMES, default="numpy", help="array library that counts (default: numpy)"
    )


def add_seed(command) -> None:
    command.add_argument("--seed", type=seed, default=0, help="of all that is random (default: 0)")


def predictor_of(options) -> Stored | None:
    """The one named with --predictor; None stands for the one that travels with the package."""
    return None if options.predictor is None else eiwref.load_predictor(options.predictor)


def check_out(options, *read: str | None) -> None:
    """Before long work: raise `EiwrefError` unless --out can be written to, and is none of what is read."""
    files.check_writable(options.out)
    for name in read:
        if name is not None and sources.reads(name, options.out):
            raise EiwrefError(f"{options.out}: is to be read, name another file to write to")


def print_json(data: dict) -> None:
    print(json.dumps(data, indent=1))


def report(options, found: dict) -> int:
    """What a command found, as JSON or a line a figure (texts have been shown); the exit code."""
    if options.json:
        print_json(found)
        return 0
    for name, value in found.items():
        if name not in ("samples", "environment") and value != "":
            print(f"{name}: {_plain(value)}")
    return 0


def _plain(value) -> str:
    """A figure, or several with their names, for people."""
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(own)}" for name, own in value.items())
    return "; ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
