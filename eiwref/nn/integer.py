"""The network in exact integers: the same bits on every machine, in any batch, with or without a cache.

The paper names the trouble (section 3.7) and leaves it open: floats differ in their last digits between machines,
libraries and batch sizes, one frequency moves by one, and what is decoded from there on is garbage. Here no such
digit exists. Every number below is an integer, though most lie in float32 arrays, whose matrix products are fast:

* A product sums terms of at most 127 x 127, at most 1,040 of them: below 2^24, float32 holds every partial sum
  exactly, so that the order of summation, fused operations and threads are no matter. The output layer takes
  16-bit activations in float64, below 2^53.
* Between products stand multiplications by constants, one square root and one division a position, and rounding to
  nearest: single operations, which IEEE 754 requires to be correctly rounded everywhere.
* There is no exp. Scores and logits are counted in 256ths of an octave, and powers of two come from a table that
  is made by integer square roots.

`quantise` makes the integers from a trained network. Left out: training, which stays in floats.

Shape letters as in `nn`; R is the residual stream's scale.
"""

from functools import cache
from math import isqrt

import numpy as np

from eiwref.errors import ModelError
from eiwref.nn.attention import Past
from eiwref.nn.layers import NORM_EPSILON
from eiwref.nn.transformer import Config, check_ids

RESIDUAL = 1 << 10  # R: counts of the residual stream to 1.0
LARGEST = 1 << 20  # of the residual stream, in size: its squares sum to less than 2^53 for D up to 2^13
LEVELS = 127  # an activation or weight of 8 bits, in size
FINE = 32767  # an activation of 16 bits
OCTAVE = 256  # steps of scores and logits to a factor of two
OCTAVES = 30  # what lies further below the highest counts nothing
WEIGHT_BITS = 30  # the table begins with 2^30
SHARE_BITS = 16  # the weights of attention sum to 2^16 at most: times 127 that is below 2^24


@cache
def powers() -> np.ndarray:
    """round(2^30 * 2^(-i / 256)) for i below 30 octaves, and 0: int64, by integer arithmetic alone.

    >>> powers()[[0, 256, 512, -2, -1]].tolist()
    [1073741824, 536870912, 268435456, 1, 0]
    """
    bits = 200
    root = 1 << bits  # 2^(-1/256) in fixed point: the eighth square root of 1/2
    root >>= 1
    for _ in range(8):
        root = isqrt(root << bits)
    found, power = [], 1 << bits
    for _ in range(OCTAVE):
        found.append(power)
        power = power * root >> bits
    shift = bits - WEIGHT_BITS
    rounded = [(p + (1 << shift + octave - 1)) >> shift + octave for octave in range(OCTAVES) for p in found]
    return np.array([*rounded, 0], dtype=np.int64)


class IntegerTransformer:
    """A network of integers without its parameters, which `quantise` makes."""

    def __init__(self, config: Config, xp=np):
        if max(config.d_model, config.d_mlp) * LEVELS**2 >= 1 << 24:
            raise ModelError(f"sums over {max(config.d_model, config.d_mlp)} terms of 8 bits would not stay exact")
        self.config, self.xp = config, xp
        table = powers()
        self._shares = xp.asarray((table >> WEIGHT_BITS - SHARE_BITS).astype(np.float32))
        self._weights = xp.asarray(table)

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """{name: (shape, type)} of every parameter."""
        c = self.config
        d, f, v = c.d_model, c.d_mlp, c.symbols
        shapes = {"embedding": ((v + 1, d), "int32"), "norm": ((d,), "float32")}
        shapes |= {"output": ((d, v), "int8"), "output_scale": ((v,), "float64")}
        for i in range(c.layers):
            own = dict.fromkeys(("query", "key", "value", "mix"), ((d, d), "int8"))
            own |= {f"{name}_scale": ((d,), "float32") for name in own}
            own |= {"up": ((d, f), "int8"), "up_scale": ((f,), "float32")}
            own |= {"down": ((f, d), "int8"), "down_scale": ((d,), "float32")}
            own |= dict.fromkeys(("norm_attention", "attended", "norm_mlp"), ((d,), "float32"))
            own |= {"score": ((c.heads,), "float32"), "bias": ((c.heads, c.context), "int32")}
            shapes |= {f"blocks.{i}.{name}": value for name, value in own.items()}
        return shapes

    def load(self, arrays: dict) -> dict:
        """Parameters ready to compute with; raises `ModelError` unless they are this network's, and exact."""
        params, expected = {}, self.shapes()
        for name in sorted(expected.keys() | arrays.keys()):
            if name not in arrays or name not in expected:
                raise ModelError(f"array {name} is {'missing' if name in expected else 'of another network'}")
            values, (shape, kind) = arrays[name], expected[name]
            if values.shape != shape or values.dtype != kind:
                raise ModelError(f"array {name} is {values.dtype} of {values.shape}, expected {kind} of {shape}")
            if kind == "int8" and values.min(initial=0) < -LEVELS:
                raise ModelError(f"array {name} holds {values.min()}, expected weights from -{LEVELS} to {LEVELS}")
            if kind == "int32" and np.abs(values.astype(np.int64)).max(initial=0) > LARGEST:
                raise ModelError(f"array {name} holds numbers larger than {LARGEST}, which would not stay exact")
            if values.dtype.kind == "f" and not (np.isfinite(values) & (values >= 0) & (values < 1e6)).all():
                raise ModelError(f"array {name} holds scales that are not from 0 to a million")
            wide = np.float64 if name.startswith("output") else np.float32
            params[name] = self.xp.asarray(
                values.astype(wide) if kind != "int32" or "embedding" in name else values
            )
        return params

    def step(self, params: dict, ids, past=None):
        """(levels (B, T, symbols) int64, past) of ids (B, T): logits in 256ths of an octave.

        `past`: what the step before gave, a `Past` a block; it stays valid. All positions at once give what they
        give one by one.
        """
        check_ids(self.config, ids, past)
        xp = self.xp
        b, t = ids.shape
        x = params["embedding"][ids.reshape(-1)]  # (N, D), N = B T: no product cares which position is whose
        after = []
        for i in range(self.config.layers):
            scope = f"blocks.{i}."
            own = {name.removeprefix(scope): values for name, values in params.items() if name.startswith(scope)}
            normed = self._norm(x, own["norm_attention"], LEVELS)
            mixed, present = self._attention(own, normed, b, past and past[i])
            after.append(present)
            x = self._add(x, mixed)
            hidden = self._norm(x, own["norm_mlp"], LEVELS) @ own["up"]  # (N, F)
            hidden = _rounded(xp, xp.maximum(hidden, 0), own["up_scale"], LEVELS)
            x = self._add(x, _rounded(xp, hidden @ own["down"], own["down_scale"], LARGEST))
        fine = self._norm(x, params["norm"], FINE).astype(np.float64)
        logits = fine @ params["output"]  # (N, V)
        logits *= params["output_scale"]
        return xp.rint(logits, out=logits).astype(np.int64).reshape(b, t, -1), after

    def weights(self, levels):
        """Integers in proportion to the probabilities of `levels` (..., symbols), at most 2^30."""
        below = levels.max(axis=-1, keepdims=True) - levels
        return self._weights[self.xp.minimum(below, len(self._weights) - 1)]

    def _norm(self, x, scale, largest):
        """x over its root mean square, in steps of a channel's `1 / scale`."""
        xp = self.xp
        wide = x.astype(np.float64)
        mean = (wide * wide).sum(axis=-1, keepdims=True) / x.shape[-1] + NORM_EPSILON * RESIDUAL**2
        normed = x * (1 / xp.sqrt(mean)).astype(np.float32)
        return _rounded(xp, normed, scale, largest)

    def _add(self, x, change):
        x = x + change
        return self.xp.clip(x, -LARGEST, LARGEST, out=x)

    def _attention(self, own, x, batch, past):
        """(what to add to the residual stream, the keys and values so far)"""
        xp = self.xp
        q, k, v = (
            self._heads(_rounded(xp, x @ own[name], own[f"{name}_scale"], LEVELS), batch)
            for name in ("query", "key", "value")
        )
        present = Past(k, v) if past is None else past.append(xp, k, v)
        k, v = present.keys, present.values  # (B, H, S, K)
        scores = q @ k.swapaxes(-1, -2)  # (B, H, T, S)
        levels = _rounded(xp, scores, own["score"][:, None, None], LARGEST).astype(np.int32)
        t, s = levels.shape[-2:]
        distances = np.arange(s - t, s)[:, None] - np.arange(s)  # (T, S)
        levels += own["bias"][:, xp.asarray(np.maximum(distances, 0))]
        ahead = xp.asarray(distances < 0)
        levels = xp.where(ahead, xp.asarray(-(1 << 30), dtype=np.int32), levels)
        below = levels.max(axis=-1, keepdims=True) - levels
        shares = self._shares[xp.minimum(below, len(self._shares) - 1)]  # (B, H, T, S)
        total = shares.sum(axis=-1, keepdims=True, dtype=np.float64)
        shares *= ((1 << SHARE_BITS) / total).astype(np.float32)
        attended = xp.floor(shares, out=shares) @ v  # (B, H, T, K)
        attended = attended.transpose(0, 2, 1, 3).reshape(x.shape)
        attended = _rounded(xp, attended, own["attended"], LEVELS)
        return _rounded(xp, attended @ own["mix"], own["mix_scale"], LARGEST), present

    def _heads(self, x, batch):
        return x.reshape(batch, -1, self.config.heads, x.shape[-1] // self.config.heads).transpose(0, 2, 1, 3)


def _rounded(xp, x, scale, largest):
    """round(x * scale), at most `largest` in size; x is used up."""
    x *= scale
    xp.rint(x, out=x)
    return xp.clip(x, -largest, largest, out=x)
