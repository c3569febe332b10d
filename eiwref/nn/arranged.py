"""`Transformer.loss` once more, arranged for the caches of a CPU: the same numbers, several times sooner.

`layers`, `attention` and `transformer` say what is computed and are what to read first; the tests hold this file
to them. What differs is where numbers lie and how often they are passed over:

* Every array is made once and used again at each step: fresh memory costs as much as working on it.
* The gain of a norm is multiplied into the weights behind it, and so is the scale of attention's scores: a pass
  over weights in place of one over activations.
* Attention goes in blocks of `QUERIES` queries that see only the keys before them, so that the upper triangle of
  scores is hardly computed.
* Position bias and mask are one vector by distance, of which a block sees a slanting view; its gradient is
  gathered through such a view as well.
* Norms and MLP go by `ROWS` positions, so that each pass finds in the cache what the pass before left there; so do
  logits, and of these only `COLUMNS` symbols at a time.
* Exponentials are taken of scores and logits as they are. Only where a sum of them is outside `SUMS` are they made
  again, below the highest: to find that and take it off each time would cost as much as the exponentials do.
* What divides a softmax by its sum goes with what the softmax is multiplied by, whose rows are shorter.

NumPy only; a GPU runs the readable layers. Shape letters as in `nn`, and N = B T positions in all.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from eiwref.nn.attention import BUCKETS, MASKED, distance_buckets
from eiwref.nn.layers import NORM_EPSILON
from eiwref.nn.transformer import Config

ROWS = 512  # positions worked on at a time
QUERIES = 64  # of attention at a time
SCORES = 1 << 16  # of as many heads and sequences at a time as have about so many in a block: they fit the cache
COLUMNS = 512  # symbols whose logits are worked on at a time: with `ROWS` positions 1 MiB in float32
SUMS = (1e-15, 1e15)  # of exponentials, least and largest: times a small gradient, 1 / sum is a float32 still


def together(config: Config, batch: int, positions: int) -> int:
    """How many sequences attention works on at a time."""
    return max(1, min(batch, SCORES // (config.heads * QUERIES * positions)))


class _Block(NamedTuple):
    """What a block of the network keeps between forward and backward, and the weights it uses."""

    qkv_weight: np.ndarray  # (D, 3D) gain * [query * scale, key, value]
    up_weight: np.ndarray  # (D, F) gain * up
    bias: np.ndarray  # (H, T + QUERIES - 1) by falling distance, then masked
    slanting: list[np.ndarray]  # views of it for each block of queries, (H, rows, S)
    normed: tuple[np.ndarray, np.ndarray]  # of attention and MLP, (N, D) each, before the gain
    inverse_rms: tuple[np.ndarray, np.ndarray]  # (N, 1) each
    qkv: np.ndarray  # (N, 3D)
    weights: list[np.ndarray]  # a block of queries each, (B, H, rows, S): softmax before its division
    inverse_sums: np.ndarray  # (B, T, H)
    attended: np.ndarray  # (N, D)
    after: np.ndarray  # (N, F) behind ReLU


class Arranged:
    """The step for batches of one shape (B, T). `loss` leaves gradients in the arrays it is given."""

    def __init__(self, config: Config, batch: int, positions: int, dtype=np.float32):
        self.config, self._batch, self._positions = config, batch, positions
        n, d, f, h, b, t = batch * positions, config.d_model, config.d_mlp, config.heads, batch, positions

        def empty(*shape):
            return np.empty(shape, dtype=dtype)

        self._rows = [slice(at, min(at + ROWS, n)) for at in range(0, n, ROWS)]
        self._queries = [(at, min(at + QUERIES, t)) for at in range(0, t, QUERIES)]
        self._buckets = distance_buckets(np.arange(t))
        biases = [np.full((h, t + QUERIES - 1), MASKED, dtype=dtype) for _ in range(config.layers)]
        self._blocks = [
            _Block(
                qkv_weight=empty(d, 3 * d),
                up_weight=empty(d, f),
                bias=bias,
                slanting=self._slanting(bias),
                normed=(empty(n, d), empty(n, d)),
                inverse_rms=(empty(n, 1), empty(n, 1)),
                qkv=empty(n, 3 * d),
                weights=[empty(b, h, end - begin, end) for begin, end in self._queries],
                inverse_sums=empty(b, t, h),
                attended=empty(n, d),
                after=empty(n, f),
            )
            for bias in biases
        ]
        self._x, self._normed, self._inverse_rms = empty(n, d), empty(n, d), empty(n, 1)
        self._d_normed, self._dqkv, self._dafter = empty(n, d), empty(n, 3 * d), empty(n, f)
        self._together = together(config, b, t)
        self._dscores = empty(self._together * h * QUERIES * t)
        self._dbias = empty(h, QUERIES, t + QUERIES - 1)
        self._dbias_slanting = self._slanting(self._dbias)
        self._dkv, self._dqkv_weight = empty(self._together * t * d), empty(d, 3 * d)
        self._few, self._scaled = empty(min(n, ROWS), d), empty(min(n, ROWS), d)
        self._zeros, self._ones = np.zeros((min(n, ROWS), f), dtype=dtype), np.ones(max(t, COLUMNS), dtype=dtype)
        v, few = config.symbols, min(n, ROWS)
        self._columns = [slice(at, min(at + COLUMNS, v)) for at in range(0, v, COLUMNS)]
        widths = [columns.stop - columns.start for columns in self._columns]
        self._logits = [empty(few, width) for width in widths]
        self._output, self._doutput = ([empty(d, width) for width in widths] for _ in range(2))
        self._dpart, self._sums = empty(d, widths[0]), empty(len(widths), few)

    @np.errstate(over="ignore", invalid="ignore")  # exponentials that overflow are seen, and made again
    def loss(self, params: dict, grads: dict, ids: np.ndarray, targets: np.ndarray, total: int) -> float:
        """The losses of all targets (B, T) over `total`, in nats; `grads` are overwritten with its gradients.

        `total` is the number of targets of the whole batch, of which this may be a part. Ids must be checked.
        """
        ids, targets = ids.reshape(-1), targets.reshape(-1)
        np.take(params["embedding.table"], ids, axis=0, out=self._x)
        for i, block in enumerate(self._blocks):
            own = _below(f"blocks.{i}.", params)
            self._prepare(own, block)
            self._attention_forward(own, block)
            self._mlp_forward(own, block)
        dx, loss = self._x, self._output_step(params, grads, targets, total)  # the gradient takes the place of x
        for i, block in reversed(list(enumerate(self._blocks))):
            own, own_grads = _below(f"blocks.{i}.", params), _below(f"blocks.{i}.", grads)
            self._mlp_backward(own, own_grads, dx, block)
            self._attention_backward(own, own_grads, dx, block)
        self._embedding_backward(grads["embedding.table"], ids, dx)
        return loss

    def _prepare(self, own, block):
        d = self.config.d_model
        for at, name in enumerate(("query", "key", "value")):
            weight = block.qkv_weight[:, at * d : (at + 1) * d]
            np.multiply(own[f"attention.{name}"], own["norm_attention.gain"][:, None], out=weight)
        block.qkv_weight[:, :d] *= self._scale()
        np.multiply(own["mlp.up"], own["norm_mlp.gain"][:, None], out=block.up_weight)
        # Number c stands for distance T - 1 - c; below distance 0 stands the mask.
        block.bias[:, : self._positions] = own["attention.bias"].T[:, self._buckets[::-1]]

    def _scale(self) -> float:
        return (self.config.d_model // self.config.heads) ** -0.5

    def _norm_forward(self, x, normed, inverse_rms):
        np.vecdot(x, x, out=inverse_rms[:, 0])
        inverse_rms /= x.shape[-1]
        inverse_rms += NORM_EPSILON
        np.sqrt(inverse_rms, out=inverse_rms)
        np.divide(1, inverse_rms, out=inverse_rms)
        np.multiply(x, inverse_rms, out=normed)

    def _norm_backward(self, dnormed, normed, inverse_rms, dx):
        """dx += the gradient of x; dnormed is used up."""
        along = np.vecdot(dnormed, normed)[:, None]  # (n, 1)
        along /= normed.shape[-1]
        few = np.multiply(normed, along, out=self._few[: len(normed)])
        dnormed -= few
        dnormed *= inverse_rms
        dx += dnormed

    def _attention_forward(self, own, block):
        for rows in self._rows:
            self._norm_forward(self._x[rows], block.normed[0][rows], block.inverse_rms[0][rows])
        np.matmul(block.normed[0], block.qkv_weight, out=block.qkv)
        q, k, v = self._heads(block.qkv)  # (B, H, T, K) each
        (attended,) = self._heads(block.attended)
        sums = block.inverse_sums.transpose(0, 2, 1)  # (B, H, T)
        for again in (False, True):
            for b, h, begin, end, scores, bias in self._tiles(block.weights, block.slanting):
                np.matmul(q[b, h, begin:end], k[b, h, :end].swapaxes(-1, -2), out=scores)
                scores += bias
                if again:
                    scores -= scores.max(axis=-1, keepdims=True)
                np.exp(scores, out=scores)
                np.matmul(scores, self._ones[:end], out=sums[b, h, begin:end])
                np.matmul(scores, v[b, h, :end], out=attended[b, h, begin:end])
            if _hold(sums):
                break
        np.divide(1, block.inverse_sums, out=block.inverse_sums)
        shape = (*block.inverse_sums.shape, -1)
        attended = block.attended.reshape(shape)  # (B, T, H, K)
        attended *= block.inverse_sums[..., None]
        for rows in self._rows:
            few = self._few[: rows.stop - rows.start]
            np.matmul(block.attended[rows], own["attention.output"], out=few)
            self._x[rows] += few

    def _attention_backward(self, own, grads, dx, block):
        np.matmul(block.attended.T, dx, out=grads["attention.output"])
        # The division by the softmax's sum goes with the gradient, whose rows are short.
        dattended = np.matmul(dx, own["attention.output"].T, out=self._d_normed)
        split = (*block.inverse_sums.shape, -1)
        dout = dattended.reshape(split)  # (B, T, H, K)
        dout *= block.inverse_sums[..., None]
        along = np.vecdot(dout, block.attended.reshape(split)).transpose(0, 2, 1)[..., None]  # (B, H, T, 1)
        dout = dout.transpose(0, 2, 1, 3)  # (B, H, T, K)
        q, k, v = self._heads(block.qkv)
        dq, dk, dv = self._heads(self._dqkv)
        self._dbias[...] = 0
        for b, h, begin, end, weights, dbias in self._tiles(block.weights, self._dbias_slanting):
            rows = slice(begin, end)
            dscores = self._dscores[: weights.size].reshape(weights.shape)
            np.matmul(dout[b, h, rows], v[b, h, :end].swapaxes(-1, -2), out=dscores)
            dscores -= along[b, h, rows]
            dscores *= weights
            for each in dscores:
                dbias += each
            np.matmul(dscores, k[b, h, :end], out=dq[b, h, rows])
            for dwhole, left, right in ((dk, dscores, q), (dv, weights, dout)):
                turned, part = left.swapaxes(-1, -2), right[b, h, rows]
                if end == self._positions:  # the last queries come first, and see all positions
                    np.matmul(turned, part, out=dwhole[b, h])
                else:
                    few = self._dkv[: part[..., 0, :].size * end].reshape(*part.shape[:2], end, -1)
                    dwhole[b, h, :end] += np.matmul(turned, part, out=few)
        self._bias_backward(grads["attention.bias"])
        d, scale = self.config.d_model, self._scale()
        weight_grads = np.matmul(block.normed[0].T, self._dqkv, out=self._dqkv_weight)
        weight_grads[:, :d] *= scale
        dgain, gain = grads["norm_attention.gain"], own["norm_attention.gain"][:, None]
        dgain[...] = 0
        for at, name in enumerate(("query", "key", "value")):
            part = weight_grads[:, at * d : (at + 1) * d]
            dgain += np.vecdot(own[f"attention.{name}"], part)
            np.multiply(part, gain, out=grads[f"attention.{name}"])
        dnormed = np.matmul(self._dqkv, block.qkv_weight.T, out=self._d_normed)
        for rows in self._rows:
            self._norm_backward(dnormed[rows], block.normed[0][rows], block.inverse_rms[0][rows], dx[rows])

    def _bias_backward(self, dbias):
        by_distance = self._dbias.sum(axis=1)[:, self._positions - 1 :: -1]  # (H, T)
        for head, summed in enumerate(by_distance):
            dbias[:, head] = np.bincount(self._buckets, summed, BUCKETS)

    def _mlp_forward(self, own, block):
        for rows in self._rows:
            x, normed, after = self._x[rows], block.normed[1][rows], block.after[rows]
            self._norm_forward(x, normed, block.inverse_rms[1][rows])
            np.matmul(normed, block.up_weight, out=after)
            np.maximum(after, self._zeros[: len(x)], out=after)
            x += np.matmul(after, own["mlp.down"], out=self._few[: len(x)])

    def _mlp_backward(self, own, grads, dx, block):
        np.matmul(block.after.T, dx, out=grads["mlp.down"])
        for rows in self._rows:
            dafter = np.matmul(dx[rows], own["mlp.down"].T, out=self._dafter[rows])
            dafter *= block.after[rows] > 0
            dnormed = np.matmul(dafter, block.up_weight.T, out=self._d_normed[rows])
            self._norm_backward(dnormed, block.normed[1][rows], block.inverse_rms[1][rows], dx[rows])
        up_grads = np.matmul(block.normed[1].T, self._dafter, out=grads["mlp.up"])
        np.vecdot(own["mlp.up"], up_grads, out=grads["norm_mlp.gain"])
        up_grads *= own["norm_mlp.gain"][:, None]

    def _output_step(self, params, grads, targets, total) -> float:
        """Last norm, logits and cross entropy, there and back, some positions at a time."""
        c, gain = self.config, params["norm.gain"][:, None]
        if c.tied:
            output = params["embedding.table"][: c.symbols].T * c.d_model**-0.5
        else:
            output = params["output.weight"]
        for columns, weight in zip(self._columns, self._output, strict=True):
            np.multiply(output[:, columns], gain, out=weight)
        loss = 0.0
        for rows in self._rows:
            x, normed, dnormed, wanted = self._x[rows], self._normed[rows], self._d_normed[rows], targets[rows]
            self._norm_forward(x, normed, self._inverse_rms[rows])
            losses, sums, pull = self._cross_entropy_forward(normed, wanted)
            loss += float(losses.sum() / total)
            self._cross_entropy_backward(normed, wanted, sums, pull / total, 1 / total, dnormed, rows.start == 0)
            x[...] = 0
            self._norm_backward(dnormed, normed, self._inverse_rms[rows], x)
        dgain = grads["norm.gain"]
        dgain[...] = 0
        for columns, doutput in zip(self._columns, self._doutput, strict=True):
            dgain += np.vecdot(output[:, columns], doutput)
            doutput *= gain
            if c.tied:
                np.multiply(doutput.T, c.d_model**-0.5, out=grads["embedding.table"][columns])
            else:
                grads["output.weight"][:, columns] = doutput
        return loss

    def _cross_entropy_forward(self, normed, targets):
        """(losses in nats, sums of exponentials, pull), (n,) each; exponentials are left in `_logits`.

        The gradient is the softmax times the pull, which is that of z-loss too, less 1 at the target.
        """
        n, highest = len(targets), np.zeros(len(targets), dtype=normed.dtype)
        wanted = np.empty_like(highest)
        for again in (False, True):
            if again:
                highest = np.max([np.matmul(normed, weight).max(axis=-1) for weight in self._output], axis=0)
            for i, weight in enumerate(self._output):
                part = np.matmul(normed, weight, out=self._logits[i][:n])
                if again:
                    part -= highest[:, None]
                there = self._targets_in(i, targets)
                wanted[there[0]] = part[there]
                np.exp(part, out=part)
                np.matmul(part, self._ones[: part.shape[1]], out=self._sums[i, :n])
            sums = self._sums[:, :n].sum(axis=0)
            if _hold(sums):
                break
        log_sums = np.log(sums)
        log_z = log_sums + highest
        pull = 1 + 2 * self.config.z_loss * log_z
        # Next to 0 it is rounded by as much as it is moved here, and can be divided by.
        pull[abs(pull) < np.finfo(pull.dtype).eps] = np.finfo(pull.dtype).eps
        return log_sums - wanted + self.config.z_loss * log_z * log_z, sums, pull

    def _cross_entropy_backward(self, normed, targets, sums, pull, one, dnormed, first):
        """`dnormed`, and the output's gradient, which is added to unless this is the `first` of it.

        `pull` and `one`: of the softmax and at the target, over the number of targets in all.
        """
        scale = (pull / sums)[:, None]
        scaled = np.multiply(normed, scale, out=self._scaled[: len(normed)])
        dnormed[...] = 0
        for i, (weight, dweight) in enumerate(zip(self._output, self._doutput, strict=True)):
            part, there = self._logits[i][: len(targets)], self._targets_in(i, targets)
            part[there] -= (one / scale)[there[0], 0]  # what becomes `one` with the scale
            if first:
                np.matmul(scaled.T, part, out=dweight)
            else:
                dweight += np.matmul(scaled.T, part, out=self._dpart[:, : dweight.shape[1]])
            dnormed += np.matmul(part, weight.T, out=self._few[: len(part)])
        dnormed *= scale

    def _targets_in(self, i, targets):
        """(positions, columns) of the targets (n,) that stand in part i of the symbols."""
        columns = self._columns[i]
        positions = np.flatnonzero((targets >= columns.start) & (targets < columns.stop))
        return positions, targets[positions] - columns.start

    def _embedding_backward(self, dtable, ids, dx):
        """Rows of equal ids are added up; with a tied output, `dtable` has its gradient already."""
        order = np.argsort(ids, kind="stable")
        present, begins = np.unique(ids[order], return_index=True)
        rows = np.add.reduceat(np.take(dx, order, axis=0, out=self._d_normed), begins, axis=0)
        if self.config.tied:
            dtable[self.config.symbols :] = 0
            dtable[present] += rows
        else:
            dtable[...] = 0
            dtable[present] = rows

    def _heads(self, x):
        """Views (B, H, T, K) of the D columns of each of q, k and v."""
        parts = x.reshape(self._batch, self._positions, -1, self.config.heads, self._width())
        return parts.transpose(2, 0, 3, 1, 4)

    def _width(self) -> int:
        return self.config.d_model // self.config.heads

    def _tiles(self, weights, slanting):
        """(sequences, heads, begin and end of queries, their scores (b, h, rows, end) and numbers by distance).

        The last queries come first.
        """
        blocks = list(reversed(list(zip(self._queries, weights, slanting, strict=True))))
        for first in range(0, self._batch, self._together):
            b = slice(first, first + self._together)
            for (begin, end), scores, numbers in blocks:
                heads = max(1, SCORES // ((end - begin) * end))
                for at in range(0, self.config.heads, heads):
                    h = slice(at, at + heads)
                    yield b, h, begin, end, scores[b, h], numbers[h]

    def _slanting(self, by_distance) -> list[np.ndarray]:
        """Views (H, rows, end) of (H, T + QUERIES - 1) or (H, QUERIES, T + QUERIES - 1) numbers by distance.

        The query of row i meets the key of column j at number T - 1 - (begin + i - j): one to the left a row.
        """
        aside, *down, across = by_distance.strides
        strides = (aside, sum(down) - across, across)
        return [
            as_strided(
                by_distance[..., self._positions - 1 - begin :], (len(by_distance), end - begin, end), strides
            )
            for begin, end in self._queries
        ]


def _hold(sums) -> bool:
    """Whether exponentials that sum up to these were neither too large nor too small; not if any is no number."""
    return bool(sums.min() > SUMS[0] and sums.max() < SUMS[1])


def _below(scope: str, arrays: dict) -> dict:
    return {name.removeprefix(scope): values for name, values in arrays.items() if name.startswith(scope)}
