"""The same network in PyTorch, as one writes it there: what `bench train` and `bench compress` hold ours against.

Parameters carry our names and values, so that both sides can be seen to compute one loss. Attention with a
position bias can be written in several ways, and which is the quickest differs from size to size: two are here.
"""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import torch
from torch.nn import functional

from eiwref.nn.attention import distance_buckets
from eiwref.nn.layers import NORM_EPSILON
from eiwref.nn.transformer import Config

ATTENTIONS = ("scaled_dot_product_attention", "matmul and softmax")


class Network(torch.nn.Module):
    """`Transformer` with an untied output; `forward` is its loss."""

    def __init__(self, config: Config, params: dict, attention: str):
        super().__init__()
        self._config, self._attention = config, attention
        self._weights = torch.nn.ParameterDict(
            {name.replace(".", "/"): torch.from_numpy(values.copy()) for name, values in params.items()}
        )
        distances = np.arange(config.context)[:, None] - np.arange(config.context)
        self._buckets = torch.from_numpy(distance_buckets(np.maximum(distances, 0)))
        self._masked = torch.full((config.context - 1, config.heads), float("-inf"))

    @torch.inference_mode()
    def probabilities(self, ids) -> np.ndarray:
        """Those after each of ids (B, T) and all before it, (B, T, symbols)."""
        return self._logits(torch.from_numpy(ids)).softmax(-1).numpy()

    def forward(self, ids, targets):
        logits = self._logits(ids).flatten(0, 1)
        log_z = torch.logsumexp(logits, dim=-1)
        return functional.cross_entropy(logits, targets.flatten()) + self._config.z_loss * (log_z * log_z).mean()

    def _logits(self, ids):
        x = functional.embedding(ids, self._weights["embedding/table"])
        for i in range(self._config.layers):
            x = self._block(x, lambda name, i=i: self._weights[f"blocks/{i}/{name}"])
        return self._norm(x, self._weights["norm/gain"]) @ self._weights["output/weight"]

    def _norm(self, x, gain):
        return functional.rms_norm(x, (self._config.d_model,), gain, NORM_EPSILON)

    def _block(self, x, own):
        b, t, d = x.shape
        normed = self._norm(x, own("norm_attention/gain"))
        q, k, v = (
            (normed @ own(f"attention/{name}")).view(b, t, self._config.heads, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        if self._attention == ATTENTIONS[0]:
            ahead = torch.ones(t, t, dtype=torch.bool).triu(1)
            bias = own("attention/bias")[self._buckets].permute(2, 0, 1).masked_fill(ahead, float("-inf"))
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        else:
            by_distance = torch.cat([own("attention/bias")[self._buckets[-1]], self._masked]).t()  # (H, 2T - 1)
            bias = by_distance.unfold(1, t, 1).flip(1)  # (H, T, T)
            mixed = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(-1) @ v
        x = x + mixed.transpose(1, 2).reshape(b, t, d) @ own("attention/output")
        hidden = torch.relu(self._norm(x, own("norm_mlp/gain")) @ own("mlp/up"))
        return x + hidden @ own("mlp/down")


class Eager:
    """The step as PyTorch is installed, on so many threads."""

    def __init__(self, network: Network, threads: int, compiled: bool = False):
        self._network = torch.compile(network) if compiled else network
        self._threads = threads
        self._optimizer = torch.optim.AdamW(network.parameters(), fused=compiled)

    def step(self, ids, targets) -> float:
        torch.set_num_threads(self._threads)
        self._optimizer.zero_grad()
        loss = self._network(ids, targets)
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())


class Sharded:
    """The batch over Python threads of one PyTorch thread each, on replicas that share their parameters."""

    def __init__(self, network: Network, threads: int):
        self._replicas = [network] + [deepcopy(network) for _ in range(threads - 1)]
        for replica in self._replicas[1:]:
            for mine, shared in zip(replica.parameters(), network.parameters(), strict=True):
                mine.data = shared.data
        self._optimizer = torch.optim.AdamW(network.parameters(), fused=True)
        self._pool = ThreadPoolExecutor(threads)

    def step(self, ids, targets) -> float:
        torch.set_num_threads(1)
        n = len(self._replicas)
        losses = list(self._pool.map(self._shard, self._replicas, ids.chunk(n), targets.chunk(n)))
        own = [p.grad for p in self._replicas[0].parameters()]
        for replica in self._replicas[1:]:
            torch._foreach_add_(own, [p.grad for p in replica.parameters()])
        torch._foreach_div_(own, n)
        self._optimizer.step()
        return sum(losses) / n

    @staticmethod
    def _shard(replica, ids, targets) -> float:
        torch.set_num_threads(1)
        replica.zero_grad()
        loss = replica(ids, targets)
        loss.backward()
        return float(loss.detach())


class Cached:
    """The network taken forward a symbol at a time, keys and values kept, as one decodes with it."""

    def __init__(self, config: Config, params: dict, attention: str):
        self._config, self._attention = config, attention
        self._weights = {name: torch.from_numpy(values.copy()) for name, values in params.items()}
        buckets = torch.from_numpy(distance_buckets(np.arange(config.context)[::-1].copy()))
        self._project, self._bias = [], []
        for i in range(config.layers):
            names = (f"blocks.{i}.attention.{name}" for name in ("query", "key", "value"))
            self._project.append(torch.cat([self._weights[name] for name in names], dim=1))  # (D, 3 D)
            self._bias.append(
                self._weights[f"blocks.{i}.attention.bias"][buckets].t().contiguous()
            )  # (H, context)

    @torch.inference_mode()
    def logits(self, ids) -> np.ndarray:
        """Those after the last of ids (B, T), shape (B, symbols); on the way the probabilities after each."""
        config = self._config
        b, t = ids.shape
        rooms = torch.empty(2, config.layers, b, config.heads, t, config.d_model // config.heads)
        for place, symbols in enumerate(torch.from_numpy(ids).t()):
            x = self._weights["embedding.table"][symbols]
            for i in range(config.layers):
                x = self._block(x, i, rooms[:, i], place)
            logits = self._norm(x, "norm.gain") @ self._weights["output.weight"]
            logits.softmax(-1)
        return logits.numpy()

    def _norm(self, x, name):
        return functional.rms_norm(x, (self._config.d_model,), self._weights[name], NORM_EPSILON)

    def _block(self, x, i, rooms, place):
        b, d = x.shape
        normed = self._norm(x, f"blocks.{i}.norm_attention.gain")
        q, k, v = (normed @ self._project[i]).view(b, 3, self._config.heads, 1, -1).unbind(1)
        rooms[0, :, :, place], rooms[1, :, :, place] = k[:, :, 0], v[:, :, 0]
        keys, values = rooms[:, :, :, : place + 1]
        bias = self._bias[i][None, :, None, -place - 1 :]  # (1, H, 1, S)
        if self._attention == ATTENTIONS[0]:
            mixed = functional.scaled_dot_product_attention(q, keys, values, attn_mask=bias)
        else:
            mixed = (q @ keys.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(-1) @ values
        x = x + mixed.reshape(b, d) @ self._weights[f"blocks.{i}.attention.output"]
        hidden = torch.relu(self._norm(x, f"blocks.{i}.norm_mlp.gain") @ self._weights[f"blocks.{i}.mlp.up"])
        return x + hidden @ self._weights[f"blocks.{i}.mlp.down"]


def in_shards(network: Cached, ids, threads: int) -> None:
    """`logits` of each shard of ids on a Python thread of its own, of one PyTorch thread each."""

    def shard(some):
        torch.set_num_threads(1)
        network.logits(some)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(shard, np.array_split(ids, threads)))
    torch.set_num_threads(threads)
