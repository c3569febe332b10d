"""A run at one moment, as one file: all that the next step depends on.

One file and not a pair, so that it is there or not there: arrays and settings can never be of different steps.
It is a safetensors file with a digest (see `eiwref/tensors.py`); floats keep their width, so that the run goes on
with the same bits. Left out: the network as a finished model, which `eiwref train` writes at the end.
"""

import json
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from eiwref import tensors
from eiwref.backend import to_numpy
from eiwref.errors import EiwrefError, ModelError
from eiwref.nn.transformer import Transformer
from eiwref.nn.watch import Watch

FORMAT = "eiwref.checkpoint.1"


class Checkpoint(NamedTuple):
    """The moment after `step`."""

    step: int
    params: dict
    state: dict  # the optimizer's
    generator: dict  # state of the bit generator that draws batches
    watch: Watch


def dump(checkpoint: Checkpoint, network: Transformer, about: dict) -> bytes:
    """The file's bytes; `about` (for JSON) is what the run was started with, and makes one run another."""
    arrays = {f"param.{name}": to_numpy(values) for name, values in checkpoint.params.items()}
    arrays |= {f"state.{name}": to_numpy(values) for name, values in checkpoint.state.items()}
    settings = {
        "format": FORMAT,
        "config": json.dumps(asdict(network.config), sort_keys=True),
        "about": json.dumps(about, sort_keys=True),
        "names": json.dumps(list(arrays)),  # safetensors keeps arrays in an order of its own
        "step": str(checkpoint.step),
        "generator": json.dumps(checkpoint.generator),
        "watch": json.dumps(checkpoint.watch),
    }
    return tensors.dump(settings, arrays)


def parse(data: bytes, name: str, network: Transformer, optimizer, about: dict) -> Checkpoint:
    """The inverse of `dump`.

    Raises `ModelError` if it is damaged, or of another run than `about`; `name` is what the sentence calls it.
    """
    settings, arrays = tensors.parse(data, name, FORMAT, ModelError)
    own = {key: value for key, value in settings.items() if key != "digest"}
    if tensors.digest(own, arrays) != settings.get("digest"):
        raise ModelError(f"{name}: is damaged, its digest does not match")
    try:
        compare(json.loads(settings["config"]), asdict(network.config), f"{name}: is of another network")
        compare(json.loads(settings["about"]), about, f"{name}: is of another run")
        # Fresh copies: `arrays` are views into the file's bytes, at whatever address they fell there.
        copies = {key: network.xp.array(arrays[key]) for key in json.loads(settings["names"])}
        params, state = _below("param.", copies), _below("state.", copies)
        _check(params, state, network, optimizer, name)
        generator = json.loads(settings["generator"])
        np.random.default_rng(0).bit_generator.state = generator  # refuses what is no state of its own
        step, watch = int(settings["step"]), Watch(*json.loads(settings["watch"]))
        if not (0 <= step < 1 << 53 and type(watch.seen) is int and np.isfinite(watch).all()):
            raise ValueError("its step or its watch are none")
        return Checkpoint(step, params, state, generator, watch)
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError, AttributeError) as error:
        raise ModelError(f"{name}: is damaged ({error})") from None


def compare(found: dict, expected: dict, what: str) -> None:
    """Raise `ModelError`, `what` and the first setting in which the two differ, unless they are the same."""
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            raise ModelError(f"{what}, with {key} {found.get(key)!r} and not {expected.get(key)!r}")


def _check(params: dict, state: dict, network: Transformer, optimizer, name: str) -> None:
    try:
        network.check_params(params)
    except EiwrefError as error:
        raise ModelError(f"{name}: {error}") from None
    expected = optimizer.init(params)
    for key in sorted(expected.keys() | state.keys()):
        found, wanted = (of[key].shape if key in of else None for of in (state, expected))
        if found != wanted or state[key].dtype != expected[key].dtype:
            raise ModelError(f"{name}: array state.{key} is not this optimizer's")


def _below(scope: str, arrays: dict) -> dict:
    return {key.removeprefix(scope): values for key, values in arrays.items() if key.startswith(scope)}
