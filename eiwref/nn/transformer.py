"""The decoder-only transformer that both M1 and M2 are: pre-norm blocks of attention and MLP.

Paper, section 3.2 and Table 4. M1 predicts 257 symbols (bytes and end of text) and has one more to start
from, so that it gives the first byte of a window from nothing; M2 predicts a tokenizer's ids and an end of
document.
"""

from dataclasses import dataclass

import numpy as np

from eiwref.errors import ModelError
from eiwref.nn.attention import BUCKETS, Attention
from eiwref.nn.layers import MLP, CrossEntropy, Embedding, Linear, RMSNorm, output_nats

LOGITS_AT_ONCE = 1 << 22  # 16 MiB in float32


@dataclass(frozen=True)
class Config:
    """What makes one network another. `symbols` can come next; one id more, `start`, stands before the first."""

    symbols: int
    d_model: int
    heads: int
    layers: int
    d_mlp: int
    context: int  # positions, the start included
    tied: bool = False  # output weights are the embedding's
    z_loss: float = 1e-4

    def __post_init__(self):
        sizes = (self.symbols, self.d_model, self.heads, self.layers, self.d_mlp, self.context)
        if not all(isinstance(size, int) for size in sizes):
            raise ModelError(f"sizes must be integers, found {self}")
        if self.layers > 1000 or min(sizes) < 1:
            raise ModelError(f"sizes must be positive, and at most 1000 layers, found {self}")
        if self.d_model % self.heads:
            raise ModelError(
                f"heads must divide d_model, found {self.heads} heads and a d_model of {self.d_model}"
            )

    @property
    def start(self) -> int:
        return self.symbols

    @property
    def parameters(self) -> int:
        """How many in matrices, without embeddings and output, as FLOPs are counted (paper, section 3.6).

        The paper's Table 4 counts a third MLP matrix a layer, as a gated MLP has; its text and we have two.
        """
        return self.layers * (4 * self.d_model**2 + 2 * self.d_model * self.d_mlp)


class Transformer:
    """A network without its parameters: those go in and out as flat dicts, {"blocks.0.mlp.up": array, ...}."""

    def __init__(self, config: Config, xp=np):
        self.config = config
        self.xp = xp
        self._embedding = Embedding(xp)
        self._norm = RMSNorm(xp)
        self._attention = Attention(xp, config.heads)
        self._mlp = MLP(xp)
        self._cross_entropy = CrossEntropy(xp, config.z_loss)
        self._names = {}  # by layer: (own name, full name) of each parameter
        for name in self.shapes():
            scope, own = name.rsplit(".", 1)
            self._names.setdefault(scope, []).append((own, name))

    def init(self, rng: np.random.Generator, dtype=np.float32) -> dict:
        """Fresh parameters. NumPy draws them for either backend, so that both start alike."""
        c = self.config
        params = _under("embedding", Embedding.init(rng, c.symbols + 1, c.d_model))
        for i in range(c.layers):
            params |= _under(f"blocks.{i}.norm_attention", RMSNorm.init(c.d_model))
            params |= _under(f"blocks.{i}.attention", Attention.init(rng, c.d_model, c.heads))
            params |= _under(f"blocks.{i}.norm_mlp", RMSNorm.init(c.d_model))
            params |= _under(f"blocks.{i}.mlp", MLP.init(rng, c.d_model, c.d_mlp))
        params |= _under("norm", RMSNorm.init(c.d_model))
        if not c.tied:
            params |= _under("output", Linear.init(rng, c.d_model, c.symbols))
        return {name: self.xp.asarray(np.asarray(values, dtype=dtype)) for name, values in params.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, without making any."""
        c = self.config
        d, f = c.d_model, c.d_mlp
        shapes = {"embedding.table": (c.symbols + 1, d), "norm.gain": (d,)}
        for i in range(c.layers):
            square = dict.fromkeys(("query", "key", "value", "output"), (d, d))
            shapes |= _under(f"blocks.{i}.attention", square | {"bias": (BUCKETS, c.heads)})
            shapes |= _under(f"blocks.{i}.mlp", {"up": (d, f), "down": (f, d)})
            shapes |= {f"blocks.{i}.norm_attention.gain": (d,), f"blocks.{i}.norm_mlp.gain": (d,)}
        return shapes if c.tied else shapes | {"output.weight": (d, c.symbols)}

    def check_params(self, params: dict) -> None:
        """Raise `ModelError` unless these are finite floats of this network's shapes, all and no others."""
        expected = self.shapes()
        for name in sorted(expected.keys() | params.keys()):
            if name not in params or name not in expected:
                raise ModelError(f"array {name} is {'missing' if name in expected else 'of another network'}")
            if params[name].shape != expected[name] or params[name].dtype.kind != "f":
                found = f"{params[name].dtype} of shape {params[name].shape}"
                raise ModelError(f"array {name} is {found}, expected floats of shape {expected[name]}")
            if not bool(self.xp.isfinite(params[name]).all()):
                raise ModelError(f"array {name} holds numbers that are not finite")

    def not_finite(self, params: dict, ids) -> str:
        """Where the first number that is not finite comes from: a parameter or the output of a layer."""
        for name, values in params.items():
            if not bool(self.xp.isfinite(values).all()):
                return name
        x, _ = self._embedding.forward(self._below("embedding", params), ids)
        for i in range(self.config.layers):
            x, _ = self._block(f"blocks.{i}", params, x, None)
            if not bool(self.xp.isfinite(x).all()):
                return f"blocks.{i}"
        return "output"

    def forward(self, params, ids):
        """(logits (B, T, symbols), cache) of ids (B, T).

        Raises `ModelError` for ids outside the vocabulary (a GPU would wrap them silently) and for more
        positions than the context.
        """
        hidden, cache = self._hidden(params, ids)
        logits, output_cache = Linear.forward(self._output(params), hidden)  # (B, T, V)
        return logits, (cache, output_cache)

    def step(self, params, ids, past=None):
        """(logits (B, symbols) after the last of ids (B, T), past): for decoding, a position or more at a time.

        `past`: what the step before gave, a `Past` a block; it stays valid. Errors as in `forward`.

        Ids (B,) are one position of each sequence, as (B, 1) are. The two differ in speed, and in the last bits of
        floats: NumPy multiplies each sequence of (B, 1) by itself, so that its floats do not depend on its
        company, but all of (B,) at once, which is several times faster.
        """
        hidden, (_, blocks, _) = self._hidden(params, ids, past)
        last = hidden if ids.ndim == 1 else hidden[:, -1:]
        logits, _ = Linear.forward(self._output(params), last)  # (B, V) or (B, 1, V)
        return logits.reshape(len(ids), -1), [Attention.present(cache) for _, cache, _, _ in blocks]

    def backward(self, dlogits, cache):
        """The gradient of every parameter."""
        cache, output_cache = cache
        dhidden, output_grads = Linear.backward(dlogits, output_cache)
        return self._hidden_backward(dhidden, output_grads["weight"], cache)

    def loss(self, params, ids, targets):
        """(mean loss in nats, grads) of predicting targets (B, T) from ids (B, T)."""
        hidden, cache = self._hidden(params, ids)
        output = self._output(params)
        flat, wanted = hidden.reshape(-1, hidden.shape[-1]), targets.reshape(-1)  # (N, D), (N,)
        dflat, dweight, loss = self.xp.zeros_like(flat), self.xp.zeros_like(output["weight"]), 0.0
        # A few positions at a time, there and back: all logits of 65,536 ids at once would fill the memory.
        few = max(1, LOGITS_AT_ONCE // self.config.symbols)
        for at in range(0, len(flat), few):
            logits, output_cache = Linear.forward(output, flat[at : at + few])  # (n, V)
            some, loss_cache = self._cross_entropy.forward(logits, wanted[at : at + few])
            dlogits = self._cross_entropy.backward(1 / len(flat), loss_cache)
            dflat[at : at + few], output_grads = Linear.backward(dlogits, output_cache)
            dweight += output_grads["weight"]
            loss = loss + some / len(flat)
        return loss, self._hidden_backward(dflat.reshape(hidden.shape), dweight, cache)

    def nats(self, params, ids, targets):
        """-log p of each of targets (B, T) after ids (B, T), in nats, (B, T). Errors as in `forward`."""
        hidden, _ = self._hidden(params, ids)
        return output_nats(hidden, self._output(params)["weight"], targets, self.xp)

    def activations(self, params, ids) -> list[dict]:
        """What flows through for ids (B, T), (..., D or F) each: a dict a block, and one of the last norm.

        Norms are given before their gain; q, k and v as (B, T, D).
        """
        _, (_, blocks, norm_cache) = self._hidden(params, ids)
        found = []
        for norm1_cache, attention_cache, norm2_cache, mlp_cache in blocks:
            inner = {"norm_attention": norm1_cache[0], "norm_mlp": norm2_cache[0], "after": mlp_cache[2][0]}
            found.append(inner | Attention.activations(attention_cache))
        return [*found, {"norm": norm_cache[0]}]

    def _hidden(self, params, ids, past=None):
        """What the output layer sees, (B, T, D), and a cache."""
        check_ids(self.config, ids, past)
        x, embedding_cache = self._embedding.forward(self._below("embedding", params), ids)  # (B, T, D)
        blocks = []
        for i in range(self.config.layers):
            x, block_cache = self._block(f"blocks.{i}", params, x, past and past[i])
            blocks.append(block_cache)
        x, norm_cache = self._norm.forward(self._below("norm", params), x)
        return x, (embedding_cache, blocks, norm_cache)

    def _hidden_backward(self, dx, doutput, cache):
        """All gradients, from those of the output layer: of what it saw, and of its weight (D, V)."""
        embedding_cache, blocks, norm_cache = cache
        dx, norm_grads = self._norm.backward(dx, norm_cache)
        grads = _under("norm", norm_grads)
        for i in reversed(range(self.config.layers)):
            dx, block_grads = self._block_backward(dx, blocks[i])
            grads |= _under(f"blocks.{i}", block_grads)
        _, embedding_grads = self._embedding.backward(dx, embedding_cache)
        grads |= _under("embedding", embedding_grads)
        if self.config.tied:
            # One table, two uses: ids look rows up, and logits are products with them.
            grads["embedding.table"][: self.config.symbols] += doutput.T * self.config.d_model**-0.5
        else:
            grads |= _under("output", {"weight": doutput})
        return grads

    def _block(self, name, params, x, past):
        normed, norm1_cache = self._norm.forward(self._below(f"{name}.norm_attention", params), x)
        attended, attention_cache = self._attention.forward(self._below(f"{name}.attention", params), normed, past)
        x = x + attended  # (B, T, D)
        normed, norm2_cache = self._norm.forward(self._below(f"{name}.norm_mlp", params), x)
        changed, mlp_cache = self._mlp.forward(self._below(f"{name}.mlp", params), normed)
        return x + changed, (norm1_cache, attention_cache, norm2_cache, mlp_cache)

    def _block_backward(self, dout, cache):
        norm1_cache, attention_cache, norm2_cache, mlp_cache = cache
        dnormed, mlp_grads = self._mlp.backward(dout, mlp_cache)
        dx, norm2_grads = self._norm.backward(dnormed, norm2_cache)
        dx = dx + dout  # the residual passes dout on as it is
        dnormed, attention_grads = self._attention.backward(dx, attention_cache)
        dx1, norm1_grads = self._norm.backward(dnormed, norm1_cache)
        grads = _under("mlp", mlp_grads) | _under("norm_mlp", norm2_grads)
        grads |= _under("attention", attention_grads) | _under("norm_attention", norm1_grads)
        return dx + dx1, grads

    def _below(self, scope: str, params: dict) -> dict:
        """The parameters of one layer by their own names; the inverse of `_under`."""
        return {own: params[name] for own, name in self._names[scope]}

    def _output(self, params):
        if not self.config.tied:
            return self._below("output", params)
        # Rows of the embedding are of variance 1, output columns of 1 / D.
        return {"weight": params["embedding.table"][: self.config.symbols].T * self.config.d_model**-0.5}


def _under(scope: str, params: dict) -> dict:
    """The same arrays with `scope.` before their names."""
    return {f"{scope}.{name}": values for name, values in params.items()}


def check_ids(config: Config, ids, past=None) -> None:
    """Raise `ModelError` for ids (B, T) outside the vocabulary, or more positions than the context."""
    positions = (ids.shape[1] if ids.ndim == 2 else 1) + (past[0].positions if past else 0)
    if positions > config.context:
        raise ModelError(f"{positions} positions are more than the context of {config.context}")
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > config.start:
        wrong = low if low < 0 else high
        raise ModelError(f"id {wrong} is outside the vocabulary of {config.symbols} and the start")
