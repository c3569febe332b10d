"""Makes transformer.npz: the same network, loss and optimizers in PyTorch, for tests that need no torch.

    pip install torch && python tests/references/make_transformer.py

Everything is float64. The network is written here from the paper's description, not from `eiwref.nn`: heads by
einsum, softmax and cross entropy by torch, gradients by autograd, T5's buckets by T5's own formula.
"""

import math
from pathlib import Path

import numpy as np
import torch

SYMBOLS, D, H, LAYERS, F, T, B, STEPS = 13, 8, 2, 2, 16, 40, 2, 10
Z_LOSS = 0.01


def bucket(distance):
    """T5's `_relative_position_bucket` for a decoder, one distance at a time."""
    if distance < 16:
        return distance
    return min(31, 16 + int(math.log(distance / 16) / math.log(128 / 16) * 16))


def rms_norm(x, gain):
    return torch.nn.functional.rms_norm(x, (D,), gain, eps=1e-6)


def logits(p, ids):
    x = torch.nn.functional.embedding(ids, p["embedding.table"])
    t = ids.shape[1]
    look_up = torch.tensor([[bucket(max(i - j, 0)) for j in range(t)] for i in range(t)])
    ahead = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    for n in range(LAYERS):
        a = f"blocks.{n}.attention."
        y = rms_norm(x, p[f"blocks.{n}.norm_attention.gain"])
        weights = (p[a + name].view(D, H, D // H) for name in ("query", "key", "value"))
        q, k, v = (torch.einsum("btd,dhk->bhtk", y, weight) for weight in weights)
        scores = torch.einsum("bhik,bhjk->bhij", q, k) / math.sqrt(D // H)
        scores = scores + p[a + "bias"][look_up].permute(2, 0, 1)
        weights = torch.softmax(scores.masked_fill(ahead, -math.inf), dim=-1)
        x = x + torch.einsum("bhij,bhjk,hkd->bid", weights, v, p[a + "output"].view(H, D // H, D))
        y = rms_norm(x, p[f"blocks.{n}.norm_mlp.gain"])
        x = x + torch.relu(y @ p[f"blocks.{n}.mlp.up"]) @ p[f"blocks.{n}.mlp.down"]
    return rms_norm(x, p["norm.gain"]) @ p["output.weight"]


def loss_of(p, ids, targets):
    out = logits(p, ids).view(-1, SYMBOLS)
    log_z = torch.logsumexp(out, dim=-1)
    return torch.nn.functional.cross_entropy(out, targets.view(-1)) + Z_LOSS * (log_z**2).mean()


def train(p, batches, optimizer):
    losses = []
    for ids, targets in batches:
        optimizer.zero_grad()
        loss = loss_of(p, ids, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def made():
    """All arrays of the file."""
    rng = np.random.default_rng(2024)
    shapes = {"embedding.table": (SYMBOLS + 1, D), "norm.gain": (D,), "output.weight": (D, SYMBOLS)}
    for n in range(LAYERS):
        for name, shape in {
            "norm_attention.gain": (D,),
            "attention.query": (D, D),
            "attention.key": (D, D),
            "attention.value": (D, D),
            "attention.output": (D, D),
            "attention.bias": (32, H),
            "norm_mlp.gain": (D,),
            "mlp.up": (D, F),
            "mlp.down": (F, D),
        }.items():
            shapes[f"blocks.{n}.{name}"] = shape
    start = {name: rng.uniform(0.2, 0.6, shape) * rng.choice([-1, 1], shape) for name, shape in shapes.items()}
    ids = rng.integers(0, SYMBOLS + 1, (STEPS, B, T))
    targets = rng.integers(0, SYMBOLS, (STEPS, B, T))
    batches = list(zip(torch.tensor(ids), torch.tensor(targets), strict=True))

    def fresh():
        return {name: torch.tensor(values, requires_grad=True) for name, values in start.items()}

    p = fresh()
    first = loss_of(p, *batches[0])
    first.backward()
    arrays = {"ids": ids, "targets": targets, "loss": first.item()}
    arrays["logits"] = logits(p, batches[0][0]).detach().numpy()
    arrays |= {f"param.{name}": values for name, values in start.items()}
    arrays |= {f"grad.{name}": values.grad.numpy() for name, values in p.items()}

    p = fresh()
    decays = [v for n, v in p.items() if v.ndim == 2 and not n.endswith("bias")]
    others = [v for n, v in p.items() if v.ndim != 2 or n.endswith("bias")]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    arrays["adamw"] = train(p, batches, torch.optim.AdamW(groups, lr=0.01))
    p = fresh()
    optimizer = torch.optim.Adafactor(p.values(), lr=0.05, eps=(1e-15, 1e-3), weight_decay=0.0)
    arrays["adafactor"] = train(p, batches, optimizer)
    return arrays


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("transformer.npz"), **made())
