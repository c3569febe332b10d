"""Causal multi-head attention with T5's bucketed relative position bias, forward and backward.

Paper, section 3.2: learned relative position embeddings in each layer, citing Shaw et al. (2018); the code
base it names, T5X, learns a number for each bucket of distances and each head, and that is what stands here:
32 buckets, largest distance 128. Scores are divided by the square root of the head's width, where T5X starts
from smaller query weights instead.
"""

from math import log

import numpy as np

from eiwref.nn.layers import Linear

BUCKETS = 32
LARGEST_DISTANCE = 128
MASKED = -1e30  # exp of it is 0 in any precision, and unlike infinity it never makes a NaN


def distance_buckets(distances) -> np.ndarray:
    """The bucket of each distance back: one each below 16, then ever wider ones, the last from 128 on.

    >>> distance_buckets([0, 1, 15, 16, 17, 20, 127, 128, 5000]).tolist()
    [0, 1, 15, 16, 16, 17, 31, 31, 31]
    """
    distances = np.asarray(distances)
    exact = BUCKETS // 2
    growth = np.log(np.maximum(distances, 1) / exact) / log(LARGEST_DISTANCE / exact)
    wide = np.minimum(exact + (growth * (BUCKETS - exact)).astype(np.int64), BUCKETS - 1)
    return np.where(distances < exact, distances, wide)


class Past:
    """What attention keeps of all positions so far: keys and values, (B, H, S, K), or else (B, any, S, ...).

    It never changes; `append` gives the one after. `arrays` are views of arrays with room behind them, which no
    past looks at but its own. The first to go on from a past writes there, with nothing to copy, and takes the
    right to do so along; whoever goes on a second time, by another way, gets arrays of its own. So a text is
    copied only where its room is used up and doubled, and a tree of texts keeps all its nodes.
    """

    def __init__(self, *arrays, rooms=()):
        self.arrays = arrays
        self._rooms = [rooms] if rooms else []  # taken by the first, which is one even among threads

    @property
    def positions(self) -> int:
        return self.arrays[0].shape[2]

    def append(self, xp, *more) -> "Past":
        """The past after these positions, (B, H, T, ...) each."""
        after = self.positions + more[0].shape[2]
        try:
            rooms = self._rooms.pop()
        except IndexError:
            rooms = ()
        if not rooms or rooms[0].shape[2] < after:
            room = 1 << (after - 1).bit_length()
            rooms = [_with_room(xp, old, room) for old in self.arrays]
        for array, new in zip(rooms, more, strict=True):
            array[:, :, self.positions : after] = new
        return Past(*(array[:, :, :after] for array in rooms), rooms=rooms)

    def select(self, xp, which) -> "Past":
        """The past of which[i] for each i: for sequences that go on by several ways, or no more."""
        rooms = [_with_room(xp, old[which], self.positions + 1) for old in self.arrays]
        return Past(*(array[:, :, : self.positions] for array in rooms), rooms=rooms)


def _with_room(xp, old, room):
    """(B, H, room, ...) that begins with `old`."""
    array = xp.empty((*old.shape[:2], room, *old.shape[3:]), dtype=old.dtype)
    array[:, :, : old.shape[2]] = old
    return array


class Attention:
    """params: query, key, value, output (D, D); bias (BUCKETS, H)."""

    def __init__(self, xp, heads):
        self.xp = xp
        self.heads = heads
        self._known_positions = {}  # (T, S): of one T above 1 at most, as those are large

    @staticmethod
    def init(rng, d, heads):
        names = ("query", "key", "value", "output")
        weights = {name: Linear.init(rng, d, d)["weight"] for name in names}
        return weights | {"bias": rng.standard_normal((BUCKETS, heads)) * 0.02}

    def forward(self, params, x, past=None):
        """(out, cache) of x (B, T, D), or (B, D) for one position each.

        `past`: what `present` gave for the positions before x's, when decoding step by step.
        """
        xp = self.xp
        q, q_cache = self._project(params["query"], x)  # (B, H, T, K)
        k, k_cache = self._project(params["key"], x)
        v, v_cache = self._project(params["value"], x)
        present = Past(k, v) if past is None else past.append(xp, k, v)
        k, v = present.arrays  # (B, H, S, K)
        buckets, masked = self._positions(q.shape[2], k.shape[2])  # (T, S) each
        scale = q.shape[-1] ** -0.5
        scores = q @ k.swapaxes(-1, -2) * scale  # (B, H, T, S)
        scores += params["bias"][buckets].transpose(2, 0, 1)  # (H, T, S)
        scores = xp.where(masked, xp.asarray(MASKED, dtype=scores.dtype), scores)
        weights = xp.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)  # (B, H, T, S)
        mixed, out_cache = self._merge(params["output"], weights @ v, x.shape)  # like x
        return mixed, (q, present, weights, scale, buckets, q_cache, k_cache, v_cache, out_cache)

    def backward(self, dout, cache):
        """For a forward pass without `past`: all positions at once."""
        q, present, weights, scale, buckets, q_cache, k_cache, v_cache, out_cache = cache
        k, v = present.arrays
        dmixed, doutput = Linear.backward(dout, out_cache)
        dattended = self._split(dmixed)  # (B, H, T, K)
        dv = weights.swapaxes(-1, -2) @ dattended
        dweights = dattended @ v.swapaxes(-1, -2)  # (B, H, T, S)
        # Softmax: raising one weight lowers the others. Masked scores have weight 0 and so no gradient.
        dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
        dq = dscores @ k * scale
        dk = dscores.swapaxes(-1, -2) @ q * scale
        dx_q, dquery = self._project_backward(dq, q_cache)
        dx_k, dkey = self._project_backward(dk, k_cache)
        dx_v, dvalue = self._project_backward(dv, v_cache)
        grads = {
            "query": dquery,
            "key": dkey,
            "value": dvalue,
            "output": doutput["weight"],
            "bias": self._bias_backward(dscores, buckets),
        }
        return dx_q + dx_k + dx_v, grads

    @staticmethod
    def present(cache) -> Past:
        """What to pass as `past` at the next step."""
        return cache[1]

    @classmethod
    def activations(cls, cache) -> dict:
        """Queries, keys, values and what comes of them before the last product, (B, T, D) each."""
        q, present, *_, out_cache = cache
        k, v = present.arrays
        names = {"query": q, "key": k, "value": v}
        return {name: cls._join(values) for name, values in names.items()} | {"attended": out_cache[0]}

    def _positions(self, t, s):
        """(buckets, masked), each (T, S), of the last t of s positions looking back; none may look ahead."""
        if (t, s) not in self._known_positions:
            distances = np.arange(s - t, s)[:, None] - np.arange(s)[None, :]  # (T, S)
            buckets = distance_buckets(np.maximum(distances, 0))
            if t > 1:
                self._known_positions.clear()
            self._known_positions[t, s] = self.xp.asarray(buckets), self.xp.asarray(distances < 0)
        return self._known_positions[t, s]

    def _bias_backward(self, dscores, buckets):
        """(BUCKETS, H): all pairs of positions in a bucket share one number."""
        summed = dscores.sum(axis=0)  # (H, T, S)
        columns = [self.xp.bincount(buckets.ravel(), head.ravel(), BUCKETS) for head in summed]
        return self.xp.stack(columns, axis=1).astype(dscores.dtype)

    def _split(self, x):
        b, d = x.shape[0], x.shape[-1]
        return x.reshape(b, -1, self.heads, d // self.heads).transpose(0, 2, 1, 3)  # (B, H, T, K)

    @staticmethod
    def _join(x):
        b, h, t, k = x.shape
        return x.transpose(0, 2, 1, 3).reshape(b, t, h * k)  # (B, T, D)

    def _project(self, weight, x):
        out, cache = Linear.forward({"weight": weight}, x)
        return self._split(out), cache

    def _project_backward(self, dout, cache):
        dx, grads = Linear.backward(self._join(dout), cache)
        return dx, grads["weight"]

    def _merge(self, weight, attended, shape):
        return Linear.forward({"weight": weight}, self._join(attended).reshape(shape))
