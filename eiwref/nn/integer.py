"""The network in exact integers: the same bits on every machine, in any batch, with or without a cache.

The paper names the trouble (section 3.7) and leaves it open: floats differ in their last digits between machines,
libraries and batch sizes, one frequency moves by one, and what is decoded from there on is garbage. Here no such
digit exists. Every number below is an integer, though most lie in float32 arrays, whose matrix products are fast:

* A product sums terms of at most 127 x 127, at most 1,040 of them: below 2^24, float32 holds every partial sum
  exactly, so that the order of summation, fused operations and threads are no matter. The output layer takes
  16-bit activations in float64, below 2^53.
* Between products stand multiplications by constants, additions, one square root and one division a position, and
  rounding to nearest: single operations, which IEEE 754 requires to be correctly rounded everywhere.
* In the first layer queries, keys and values depend on the symbol alone. So scores of all pairs of symbols and the
  values of all symbols are two tables, made once; the bias of distances is added as elsewhere.
* There is no exp. Scores and logits are counted in 256ths of an octave, and powers of two come from a table that
  is made by integer square roots.

`quantise` makes the integers from a trained network. Left out: training, which stays in floats.

Shape letters as in `nn`; R is the residual stream's scale.
"""

from collections.abc import Iterator
from functools import cache
from math import isqrt
from typing import NamedTuple

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
TERMS = ((1 << 24) - 1) // LEVELS**2  # of a sum, 1,040
LARGEST_SCALE = 10**6  # so that nothing overflows
# What is worked on at a time, so that it stays in the cache: positions in a layer, and numbers in attention.
ROWS = 256
SCORES = 1 << 17
QUERIES = 64  # of a text at a time, which look at no keys after the last of them
PAIRS = 1 << 23  # scores of two symbols in the first layer that are kept, at most: 32 MB


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


class Block(NamedTuple):
    """One layer's parameters, ready to compute with: in floats, which hold what the file holds."""

    norm_attention: np.ndarray  # (D,) steps of a channel to 1.0, as every norm's
    project: np.ndarray  # (D, 3 D) queries, keys and values side by side
    project_scale: np.ndarray  # (3 D,)
    score: np.ndarray  # (H, 1, 1) 256ths of an octave to a step of a score
    bias: np.ndarray  # (H, 2 context - 1) of distances falling from context - 1 to 0, and minus infinity ahead
    attended: np.ndarray  # (D,)
    mix: np.ndarray  # (D, D)
    mix_scale: np.ndarray  # (D,)
    norm_mlp: np.ndarray  # (D,)
    up: np.ndarray  # (D, F)
    up_scale: np.ndarray  # (F,)
    down: np.ndarray  # (F, D)
    down_scale: np.ndarray  # (D,)


def shapes(config: Config) -> dict[str, tuple[tuple[int, ...], str]]:
    """{name: (shape, type)} of every array of a network.

    Raises `ModelError` if its sums would not be exact, or its table of scores too large.
    """
    d, f, v = config.d_model, config.d_mlp, config.symbols
    if max(d, f) > TERMS:
        raise ModelError(f"sums over {max(d, f)} terms of 8 bits would not stay exact, expected {TERMS} at most")
    scores = config.heads * (v + 1) ** 2
    if scores > PAIRS:
        raise ModelError(
            f"{config.heads} heads have {scores:,} scores of pairs of ids, expected {PAIRS:,} at most"
        )
    found = {"embedding": ((v + 1, d), "int32"), "norm": ((d,), "float32")}
    found |= {"output": ((d, v), "int8"), "output_scale": ((v,), "float64")}
    own = {
        "project": ((d, 3 * d), "int8"),
        "mix": ((d, d), "int8"),
        "up": ((d, f), "int8"),
        "down": ((f, d), "int8"),
    }
    own |= {f"{name}_scale": (shape[1:], "float32") for name, (shape, _) in own.items()}
    own |= dict.fromkeys(("norm_attention", "attended", "norm_mlp"), ((d,), "float32"))
    own |= {"score": ((config.heads,), "float32"), "bias": ((config.heads, config.context), "int32")}
    for i in range(config.layers):
        found |= {f"blocks.{i}.{name}": value for name, value in own.items()}
    return found


def check(config: Config, arrays: dict) -> None:
    """Raise `ModelError` unless these are the arrays of such a network, as `shapes` does too, and fit its sums."""
    expected = shapes(config)
    for name in sorted(expected.keys() | arrays.keys()):
        if name not in arrays or name not in expected:
            raise ModelError(f"array {name} is {'missing' if name in expected else 'of another network'}")
        values, (shape, kind) = arrays[name], expected[name]
        if values.shape != shape or values.dtype != kind:
            raise ModelError(f"array {name} is {values.dtype} of {values.shape}, expected {kind} of {shape}")
        if kind == "int8" and values.min() < -LEVELS:
            raise ModelError(f"array {name} holds {values.min()}, expected weights from -{LEVELS} to {LEVELS}")
        if kind == "int32" and (values.min() < -LARGEST or values.max() > LARGEST):
            raise ModelError(f"array {name} holds numbers beyond {LARGEST} in size, which would not stay exact")
        if kind.startswith("float") and not ((values >= 0) & (values < LARGEST_SCALE)).all():  # nor NaN
            raise ModelError(f"array {name} holds scales that are not from 0 to {LARGEST_SCALE}")


class IntegerTransformer:
    """A network of integers: `arrays` are those that `quantise` makes. Raises `ModelError` as `check` does."""

    def __init__(self, config: Config, arrays: dict, xp=np):
        check(config, arrays)
        self.config, self.arrays, self.xp = config, arrays, xp
        table = powers()
        self._shares = xp.asarray((table >> WEIGHT_BITS - SHARE_BITS).astype(np.float32))
        self._weights = xp.asarray(table)
        self._embedding, self._norm_scale = (self._ready(name) for name in ("embedding", "norm"))
        self._output, self._output_scale = (self._ready(n, np.float64) for n in ("output", "output_scale"))
        self._blocks = [self._block(f"blocks.{i}") for i in range(config.layers)]
        self._pairs, self._values = self._by_symbol(self._blocks[0])

    def step(self, ids, past=None):
        """(levels (B, T, symbols) int64, past) of ids (B, T): logits in 256ths of an octave.

        Ids (B,) are one position of each text; their levels are (B, symbols).
        `past`: what the step before gave, a `Past` a block; it stays valid. All positions at once give what they
        give one by one. Raises `ModelError` for ids or positions as `Transformer.forward` does.
        """
        check_ids(self.config, ids, past)
        x = self._embedding[ids.reshape(-1)]  # (N, D), N = B T: no product cares which position is whose
        after = []
        for i, block in enumerate(self._blocks):
            before = past[i] if past else None
            if i == 0:
                attended, present = self._attention_to_symbols(block, ids, before)  # (N, D)
            else:
                attended, present = self._attention(block, x, len(ids), before)
            after.append(present)
            for rows in _rows(len(x)):
                self._feed(block, x[rows], attended[rows])
        return self._levels(x).reshape(*ids.shape, -1), after

    def weights(self, levels):
        """Integers in proportion to the probabilities of `levels` (..., symbols), at most 2^30."""
        below = levels.max(axis=-1, keepdims=True) - levels
        return self._weights[self.xp.minimum(below, len(self._weights) - 1)]

    def _ready(self, name, dtype=np.float32):
        """Every number of the file is one of these floats too, so nothing is rounded here."""
        return self.xp.asarray(self.arrays[name].astype(dtype))

    def _block(self, scope) -> Block:
        ready = {name: self._ready(f"{scope}.{name}") for name in Block._fields}
        bias = self.arrays[f"{scope}.bias"][:, ::-1].astype(np.float32)
        ahead = np.full((len(bias), self.config.context - 1), -np.inf, dtype=np.float32)
        ready["bias"] = self.xp.asarray(np.concatenate([bias, ahead], axis=1))
        ready["score"] = ready["score"][:, None, None]
        return Block(**ready)

    def _norm(self, x, scale, largest):
        """x over its root mean square, in steps of a channel's `1 / scale`, at most `largest` in size."""
        wide = x.astype(np.float64)
        wide *= wide
        mean = wide.sum(axis=-1, keepdims=True) / x.shape[-1] + NORM_EPSILON * RESIDUAL**2
        return self._rounded(x * (1 / self.xp.sqrt(mean)).astype(np.float32), scale, -largest, largest)

    def _project(self, block, x):
        """Queries, keys and values of rows of the residual stream, (n, 3 D)."""
        normed = self._norm(x, block.norm_attention, LEVELS)
        return self._rounded(normed @ block.project, block.project_scale, -LEVELS, LEVELS)

    def _attention(self, block, x, batch, past):
        """(what every position takes from the values up to it (N, D), the keys and values so far)"""
        projected = self.xp.empty((len(x), block.project.shape[1]), dtype=np.float32)  # (N, 3 D)
        for rows in _rows(len(x)):
            projected[rows] = self._project(block, x[rows])
        q, k, v = self._by_head(projected, batch)
        k, v = k.astype(np.int8), v.astype(np.int8)  # which they fit: to read them is much of a step's time
        present = Past(k, v) if past is None else past.append(self.xp, k, v)
        k, v = present.arrays  # (B, H, S, K)
        bias = self._bias(block, q.shape[2], k.shape[2])  # (H, T, S)
        attended = self.xp.empty(q.transpose(0, 2, 1, 3).shape, dtype=np.float32)  # (B, T, H, K)
        for some, here, upto in _parts(batch, *bias.shape):
            scores = self._products(q[some, :, here], k[some, :, :upto].swapaxes(-1, -2))  # (b, H, -, upto)
            shares = self._shares_of(self._steps(block, scores), bias[:, here, :upto])
            attended[some, here] = self._products(shares, v[some, :, :upto]).transpose(0, 2, 1, 3)
        return self._rounded(attended.reshape(x.shape), block.attended, -LEVELS, LEVELS), present

    def _by_symbol(self, block):
        """(scores (H, pairs) of all pairs of symbols, in steps; values (H, symbols + 1, K))"""
        q, k, v = self._by_head(self._project(block, self._embedding), 1)
        scores = self._steps(block, q @ k.swapaxes(-1, -2))[0]
        return scores.reshape(self.config.heads, -1), v[0].copy()

    def _attention_to_symbols(self, block, ids, past):
        """What `_attention` gives, of the first block, to which a position is its symbol and no more: ids (B, T).

        Scores are looked up; shares are summed by symbol, and those sums meet values that are one table for all
        texts. A sum of products is still of 2^16 times 127 at most, whatever its order. `past` and what follows
        it hold ids, (B, 1, S).
        """
        xp, (h, symbols, k) = self.xp, self._values.shape
        ids = ids.reshape(len(ids), -1).astype(np.int64)
        present = Past(ids[:, None]) if past is None else past.append(xp, ids[:, None])
        seen = present.arrays[0][:, 0]  # (B, S)
        bias = self._bias(block, ids.shape[1], seen.shape[1])[:, None]  # (H, 1, T, S)
        attended = xp.empty((*ids.shape, h, k), dtype=np.float32)  # (B, T, H, K)
        for some, here, upto in _parts(len(ids), h, ids.shape[1], seen.shape[1], symbols):
            before = seen[some, None, :upto]
            scores = xp.take(self._pairs, ids[some, here, None] * symbols + before, axis=1)  # (H, b, -, upto)
            shares = self._shares_of(scores, bias[:, :, here, :upto])
            rows = xp.arange(shares[..., 0].size).reshape(*shares.shape[:-1], 1)
            places = (rows * symbols + before).reshape(-1)
            sums = xp.bincount(places, shares.reshape(-1), rows.size * symbols)
            found = sums.astype(np.float32).reshape(h, -1, symbols) @ self._values  # (H, b -, K)
            attended[some, here] = found.reshape(*shares.shape[:-1], k).transpose(1, 2, 0, 3)
        return self._rounded(attended.reshape(-1, h * k), block.attended, -LEVELS, LEVELS), present

    def _by_head(self, projected, batch):
        """Queries, keys and values, (B, H, T, K) each, of (B T, 3 D)."""
        heads = projected.reshape(batch, -1, 3, self.config.heads, self.config.d_model // self.config.heads)
        return heads.transpose(2, 0, 3, 1, 4)

    def _steps(self, block, scores):
        """Scores (..., H, T, S) in 256ths of an octave; they are used up."""
        scores *= block.score
        return self.xp.rint(scores, out=scores)

    def _products(self, left, right):
        """left @ right, (b, H, ...) each, where `right` is of int8."""
        found = self.xp.empty((*left.shape[:-1], right.shape[-1]), dtype=np.float32)
        pieces = list(_slices(len(left), right[0].size))
        # Floats of a few texts at a time, in one place that stays in the cache, and in memory's order: `right` may
        # be a turned view.
        floats = self.xp.empty_like(right[pieces[0]], dtype=np.float32)
        for few in pieces:
            floats[: few.stop - few.start] = right[few]
            self.xp.matmul(left[few], floats[: few.stop - few.start], out=found[few])
        return found

    def _bias(self, block, t, s):
        """(H, T, S) of the last t of s positions: one line of distances, seen from each position."""
        here = self.config.context - s  # where the last position finds its bias to the first
        return self.xp.stack([block.bias[:, here + back : here + back + s] for back in range(t)[::-1]], axis=1)

    def _shares_of(self, scores, bias):
        """Weights of attention (..., T, S), integers of at most 2^16 in sum; scores are used up."""
        xp = self.xp
        scores += bias
        below = xp.subtract(scores.max(axis=-1, keepdims=True), scores, out=scores)
        below = xp.minimum(below, len(self._shares) - 1, out=below)
        shares = self._shares[below.astype(np.intp)]
        # Rounded twice, each time by a part in 2^24 at most: they sum to less than 2^16 + 1, their floors to no
        # more than 2^16.
        shares *= ((1 << SHARE_BITS) / shares.sum(axis=-1, keepdims=True, dtype=np.float64)).astype(np.float32)
        return xp.floor(shares, out=shares)

    def _feed(self, block, x, attended):
        """What attention found and the MLP makes of it, added to rows of the residual stream in place."""
        self._add(x, attended @ block.mix, block.mix_scale)
        hidden = self._norm(x, block.norm_mlp, LEVELS) @ block.up  # (n, F)
        hidden = self._rounded(hidden, block.up_scale, 0, LEVELS)  # a ReLU too
        self._add(x, hidden @ block.down, block.down_scale)

    def _add(self, x, change, scale):
        change *= scale
        x += self.xp.rint(change, out=change)
        self.xp.clip(x, -LARGEST, LARGEST, out=x)

    def _levels(self, x):
        """(N, symbols)"""
        logits = self._norm(x, self._norm_scale, FINE).astype(np.float64) @ self._output
        logits *= self._output_scale
        return self.xp.rint(logits, out=logits).astype(np.int64)

    def _rounded(self, x, scale, low, high):
        """round(x * scale), from `low` to `high`; x is used up."""
        x *= scale
        self.xp.rint(x, out=x)
        return self.xp.clip(x, low, high, out=x)


def _rows(n: int) -> Iterator[slice]:
    """All positions, few at a time."""
    for at in range(0, n, ROWS):
        yield slice(at, at + ROWS)


def _parts(texts: int, heads: int, t: int, s: int, least: int = 0) -> Iterator[tuple[slice, slice, int]]:
    """(texts, queries, how many keys these see), so that their scores are few enough at a time.

    `least`: numbers of a query and head, if they are more than its scores.
    """
    for begin in range(0, t, QUERIES):
        here = slice(begin, min(begin + QUERIES, t))
        upto = s - t + here.stop  # what the last of these queries sees
        for some in _slices(texts, heads * (here.stop - begin) * max(upto, least)):
            yield some, here, upto


def _slices(texts: int, size: int) -> Iterator[slice]:
    """All texts, few at a time, where each has so many numbers."""
    few = max(1, SCORES // size)
    for at in range(0, texts, few):
        yield slice(at, min(at + few, texts))
