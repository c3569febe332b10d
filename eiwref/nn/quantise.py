"""A trained network as integers: how large its numbers get on a text, and weights rounded to 8 bits.

Not in the paper. A channel of activations is counted in steps of a 127th of the largest value that it takes on
the given text; what is larger later is cut off there. A column of weights is counted in steps of a 127th of its
largest. Gains, the scale of scores and the steps of activations go into the weights first. Floats are at work
here, once; from the integers they leave on, none decides anything.
"""

from math import log

import numpy as np

from eiwref.nn.attention import distance_buckets
from eiwref.nn.integer import FINE, LEVELS, OCTAVE, RESIDUAL, SHARE_BITS
from eiwref.nn.transformer import Transformer

OCTAVES_PER_NAT = 1 / log(2)


def quantise(network: Transformer, params: dict, ids: np.ndarray) -> dict:
    """The arrays of `IntegerTransformer`, from float parameters and ids (B, T) to see how large numbers get."""
    c = network.config
    params = {name: values.astype(np.float64) for name, values in params.items()}
    seen = _largest(network, params, ids)
    arrays = {"embedding": np.rint(params["embedding.table"] * RESIDUAL).astype(np.int32)}
    buckets = distance_buckets(np.arange(c.context))
    for i in range(c.layers):
        own = {
            name.removeprefix(f"blocks.{i}."): v for name, v in params.items() if name.startswith(f"blocks.{i}.")
        }
        made, large = {}, seen[i]
        gain = own["norm_attention.gain"] * large["norm_attention"] / LEVELS
        names = ("query", "key", "value")
        steps = {name: _by_head(large[name], c.heads) / LEVELS for name in names}
        weight = np.concatenate([own[f"attention.{name}"] for name in names], axis=1) * gain[:, None]
        made["project"], column = _columns(weight)
        made["project_scale"] = column / np.concatenate([steps[name] for name in names])
        nats = (steps["query"] * steps["key"]).reshape(c.heads, -1)[:, 0] * (c.d_model // c.heads) ** -0.5
        made["score"] = nats * OCTAVES_PER_NAT * OCTAVE
        made["bias"] = np.rint(own["attention.bias"][buckets].T * OCTAVES_PER_NAT * OCTAVE).astype(np.int32)
        made["attended"] = steps["value"] / 2**SHARE_BITS / (large["attended"] / LEVELS)
        made["mix"], column = _columns(own["attention.output"] * (large["attended"] / LEVELS)[:, None])
        made["mix_scale"] = column * RESIDUAL
        weight = own["mlp.up"] * (own["norm_mlp.gain"] * large["norm_mlp"] / LEVELS)[:, None]
        made["up"], column = _columns(weight)
        made["up_scale"] = column / (large["after"] / LEVELS)
        made["down"], column = _columns(own["mlp.down"] * (large["after"] / LEVELS)[:, None])
        made["down_scale"] = column * RESIDUAL
        made["norm_attention"] = LEVELS / large["norm_attention"]
        made["norm_mlp"] = LEVELS / large["norm_mlp"]
        arrays |= {f"blocks.{i}.{name}": values for name, values in made.items()}
    table = params["embedding.table"]
    output = table[: c.symbols].T * c.d_model**-0.5 if c.tied else params["output.weight"]
    arrays["norm"] = FINE / seen[-1]["norm"]
    arrays["output"], column = _columns(output * (params["norm.gain"] * seen[-1]["norm"] / FINE)[:, None])
    arrays["output_scale"] = column * OCTAVES_PER_NAT * OCTAVE
    narrow = {np.dtype(np.float64): np.float32}
    return {
        name: values if name == "output_scale" else values.astype(narrow.get(values.dtype, values.dtype))
        for name, values in arrays.items()
    }


def _columns(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(weights in steps of their column's 127th, int8; the steps)"""
    steps = np.maximum(np.abs(weight).max(axis=0), 1e-12) / LEVELS
    return np.rint(weight / steps).astype(np.int8), steps


def _by_head(large: np.ndarray, heads: int) -> np.ndarray:
    """Each channel's largest value as that of its head: a score sums over all of them, in one step."""
    return np.repeat(large.reshape(heads, -1).max(axis=1), len(large) // heads)


def _largest(network: Transformer, params: dict, ids: np.ndarray) -> list[dict]:
    """By block, and last of the output: the largest size of each channel on a text."""
    found = [{} for _ in range(network.config.layers + 1)]
    for sequence in ids:  # one at a time, so that little memory will do
        for own, more in zip(found, network.activations(params, sequence[None]), strict=True):
            for name, values in more.items():
                large = np.abs(values.reshape(-1, values.shape[-1])).max(axis=0)
                own[name] = np.maximum(own.get(name, 1e-6), large)
    return found
