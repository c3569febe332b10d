"""Tokens a second of training, forward, backward and AdamW: ours, PyTorch's, and what the processor can multiply.

FLOPs are 6 for each parameter in a matrix (the output's included) and token, and of attention's products those of
the causal half. The peak is that of float32 matrix products of 2048 x 2048 in the same rounds. Both sides get one
network with its values, learned position bias included, and before anything is timed their losses must agree.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import numpy as np
from threadpoolctl import threadpool_limits

from eiwref.bench import measure
from eiwref.errors import EiwrefError
from eiwref.nn.optim import AdamW
from eiwref.nn.parallel import Parallel, most_workers
from eiwref.nn.train import Steps
from eiwref.nn.transformer import Config, Transformer

SHAPES = {  # (config, sequences in a batch)
    "A": (Config(256, 256, 4, 3, 1024, 256), 16),
    "B": (Config(256, 256, 4, 3, 1024, 1024), 8),
    "S": (Config(256, 128, 4, 2, 512, 128), 32),
}
PEERS = ("torch",)
PEAK = 2048  # rows and columns of the matrices whose product gives the peak
LEARNING_RATE = 1e-3

Contenders = dict[str, Callable[[], object]]


def run(command: str, shapes=tuple(SHAPES), rounds: int = 5, seed: int = 0, compile: bool = True) -> dict:
    """Rows of tokens/s and GFLOP/s for each shape, on one core and on all."""
    peers, missing = measure.find_peers(PEERS)
    rows = []
    for name in shapes:
        found, unable = _shape(name, *SHAPES[name], bool(peers), rounds, seed, compile)
        rows += found
        missing += unable
    settings = {
        name: f"d {c.d_model}, heads {c.heads}, layers {c.layers}, MLP {c.d_mlp}, batch {batch} x {c.context}"
        for name, (c, batch) in SHAPES.items()
        if name in shapes
    }
    return {
        "command": command,
        "settings": settings | {"cores": os.cpu_count(), "rounds": rounds, "seed": seed},
        "rows": rows,
        "missing": missing,
        "environment": measure.environment_with(peers),
    }


def flops_per_token(config: Config) -> int:
    """Of forward and backward: products with weights, and scores and values of the causal half."""
    weights = config.parameters + config.symbols * config.d_model
    return 6 * weights + 6 * config.layers * config.context * config.d_model


def _shape(name, config, batch, with_torch, rounds, seed, compile):
    rng = np.random.default_rng(seed)
    network = Transformer(config)
    params = network.init(rng)
    ids, targets = rng.integers(0, config.symbols, (2, batch, config.context))
    cores = most_workers(batch)
    contenders, missing = peaks((1, cores)), []
    with ExitStack() as stack:
        contenders |= _ours(network, params, ids, targets, sorted({1, cores}), stack)
        loss = float(network.loss(params, ids, targets)[0])
        if with_torch:
            theirs, missing = _torch(config, params, ids, targets, sorted({1, cores}), loss, compile)
            contenders |= theirs
        taken = measure.seconds(contenders, rounds, clock=time.perf_counter, blas=None, warm=True)
    tokens = {key: ids.size / seconds for key, seconds in taken.items() if key[0] != "peak"}
    peak = {n: 2 * PEAK**3 / taken["peak", n] / 1e9 for n in (1, cores)}
    rows = []
    for n in sorted({1, cores}):
        case = f"{name}, {n} core{'s' * (n > 1)}"
        ours = tokens["ours", n]
        rows += [
            measure.row(case, "tokens/s", ours, speed, who)
            for (who, on), speed in tokens.items()
            if on == n and who != "ours"
        ]
        gigaflops = ours * flops_per_token(config) / 1e9
        rows.append(measure.row(case, "GFLOP/s", gigaflops, peak[n], "NumPy's matrix product, float32"))
    return rows, missing


def peaks(counts) -> Contenders:
    """Products of two matrices of PEAK rows and columns, by name ("peak", threads)."""
    left, right = np.random.default_rng(0).standard_normal((2, PEAK, PEAK), dtype=np.float32)
    out = np.empty_like(left)

    def product(threads):
        with threadpool_limits(threads):
            np.matmul(left, right, out=out)

    return {("peak", n): lambda n=n: product(n) for n in counts}


def _ours(network, params, ids, targets, counts, stack) -> Contenders:
    contenders = {}
    for n in counts:
        arranged = stack.enter_context(Parallel(network, params, AdamW(), workers=n))
        contenders["ours", n] = _step(arranged, ids, targets, None)
        contenders["our readable layers", n] = _step(Steps(network, params, AdamW()), ids, targets, n)
    return contenders


def _step(steps, ids, targets, blas) -> Callable[[], object]:
    numbers = count(1)

    def step():
        with threadpool_limits(blas):
            loss, _ = steps.step(ids, targets, next(numbers), LEARNING_RATE)
        if not np.isfinite(loss):
            raise EiwrefError("the loss is not finite: nothing was measured")

    return step


def _torch(config, params, ids, targets, counts, loss, compile) -> tuple[Contenders, list[str]]:
    import torch

    from eiwref.bench.torch_peer import ATTENTIONS, Eager, Network, Sharded

    ids, targets = torch.from_numpy(ids), torch.from_numpy(targets)
    contenders, missing = {}, []

    def ready(make):
        """The quicker of the two ways to write attention, after a first step that must give our loss."""
        best = None
        for attention in ATTENTIONS:
            step = make(Network(config, params, attention)).step
            found = step(ids, targets)
            if abs(found - loss) > 1e-4 * loss:
                raise EiwrefError(f"PyTorch's loss is {found}, ours {loss}: nothing was measured")
            begin = time.perf_counter()
            step(ids, targets)
            taken = time.perf_counter() - begin
            if best is None or taken < best[0]:
                best = taken, step
        return lambda: best[1](ids, targets)

    for n in counts:
        contenders["PyTorch, eager", n] = ready(lambda network, n=n: Eager(network, n))
        if n > 1:
            contenders["PyTorch, a shard a Python thread", n] = ready(lambda network, n=n: Sharded(network, n))
        if compile:
            try:
                contenders["PyTorch, compiled", n] = ready(lambda network, n=n: Eager(network, n, compiled=True))
            except EiwrefError:
                raise
            except Exception as error:  # it needs a C++ compiler, and says so in many ways
                why = str(error).strip().splitlines()[0][:100]
                missing.append(f"torch.compile does not work here and is left out ({why})")
    return contenders, missing
