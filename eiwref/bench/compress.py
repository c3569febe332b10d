"""Bytes a second of compressing under the integer M1, and back: full AC, and windows of 64 bits.

The text is cut into pieces of one context's length, so many at once, and what is timed is checked by round trip.
Ours run on all cores, a process each, network and frequencies and coder all counted. Beside them stand

    one text at a time   ours on one core: what a program does that follows one text
    PyTorch              a float32 network of the same shape with cached keys and values takes as many texts
                         forward, a byte each step, on all cores; it gives probabilities, and nothing is coded.
                         Beside encoding, which knows the text, also all positions of a text at once, as ours does
    matrix products      what the cores can multiply, beside the FLOPs of all products of ours

FLOPs of a byte are 2 for each weight (the output's included), and of attention 4 D for each position seen; but in
the first layer, which looks queries, keys and scores up, 2 D for each symbol's values.
"""

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from eiwref.backend import cores
from eiwref.bench import measure
from eiwref.bench.train import PEAK, peaks
from eiwref.errors import EiwrefError
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.integer import IntegerNetwork
from eiwref.predictors.store import digest
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.workers import Workers

SPECS = ("AC[v=256]", "EqualInfoAC[b=64, v=65k]")
PEERS = ("torch",)
FEW = 64  # texts at once, beside the many
AT_ONCE = "all positions at once"
UNIT = "bytes/s"


def run(command: str, texts: list[bytes], m1: IntegerNetwork, many: int = 1024, rounds: int = 3) -> dict:
    """Rows of bytes/s; raises `EiwrefError` if the text is too short for `many` pieces, or `m1` is in floats."""
    if not isinstance(m1, IntegerNetwork):
        raise EiwrefError("bench compress needs an M1 in integers, made by eiwref quantise")
    pieces = _pieces(texts, m1.limit - 1, many)
    size = sum(map(len, pieces))
    peers, missing = measure.find_peers(PEERS)
    contenders: dict[str, Callable[[], object]] = {}
    sizes = {}

    def enter(name: str, function: Callable, given: list, text_bytes: int) -> None:
        contenders[name] = lambda: function(given)
        sizes[name] = text_bytes

    with Workers(tokenizer(SPECS[0], m1)) as stream, Workers(tokenizer(SPECS[1], m1)) as windows:
        for workers in (stream, windows):
            spec, encoded = workers.tokenizer.spec, workers.encode_batch(pieces)
            if workers.decode_batch(encoded) != pieces:
                raise EiwrefError(f"{spec} does not give back what was encoded: nothing was measured")
            enter(f"encode {spec}, {many} at once", workers.encode_batch, pieces, size)
            enter(f"decode {spec}, {many} at once", workers.decode_batch, encoded, size)
            alone = workers.tokenizer
            enter(f"encode {spec}, one at a time", _each(alone.encode), pieces[:1], len(pieces[0]))
            enter(f"decode {spec}, one at a time", _each(alone.decode_bytes), encoded[:1], len(pieces[0]))
        ours = list(contenders)
        if peers:
            for name, batch, decode in _torch(m1.config, many):
                contenders[name], sizes[name] = decode, batch * m1.config.context
        taken = measure.seconds(contenders | peaks([cores()]), rounds, clock=time.perf_counter, blas=None)
    speed = {name: sizes[name] / taken[name] for name in contenders}
    return {
        "command": command,
        "settings": {
            "m1": digest(m1),
            "parameters_without_embeddings": m1.config.parameters,
            "context": m1.config.context,
            "pieces": many,
            "bytes": size,
            "cores": cores(),
            "rounds": rounds,
        },
        "rows": _rows(m1.config, speed, ours, many, taken),
        "missing": missing,
        "environment": measure.environment_with(peers),
    }


def flops_per_byte(config: Config) -> int:
    """Of all products, at the mean of the positions."""
    d, later = config.d_model, config.layers - 1
    weights = config.parameters + config.symbols * d - 3 * d * d  # the first layer's projections
    return 2 * (weights + (config.symbols + 1) * d) + 4 * later * d * (config.context // 2)


def _rows(config, speed, ours, many, taken) -> list[dict]:
    rows = []
    for name in ours:
        one_by_one = name.replace(f"{many} at once", "one at a time")
        if name == one_by_one:
            continue
        rows.append(measure.row(name, UNIT, speed[name], speed[one_by_one], "ours, one at a time on one core"))
        if name.endswith(f"{SPECS[0]}, {many} at once"):
            theirs = [peer for peer in speed if peer not in ours and (AT_ONCE not in peer or "encode" in name)]
            rows += [measure.row(name, UNIT, speed[name], speed[peer], peer) for peer in theirs]
            done = speed[name] * flops_per_byte(config) / 1e9
            peak = 2 * PEAK**3 / taken["peak", cores()] / 1e9
            rows.append(measure.row(name, "GFLOP/s", done, peak, "NumPy's matrix product, float32"))
    return rows


def _pieces(texts: list[bytes], size: int, many: int) -> list[bytes]:
    whole = b"".join(texts)
    if len(whole) < size * many:
        raise EiwrefError(f"bench compress needs {size * many:,} bytes of text, found {len(whole):,}")
    return [whole[at : at + size] for at in range(0, size * many, size)]


def shares(logits: np.ndarray) -> np.ndarray:
    """Probabilities (B, V), by softmax."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _each(function: Callable) -> Callable:
    """One item after the other, on one core."""

    def run(items):
        with threadpool_limits(1):
            return [function(item) for item in items]

    return run


def _torch(config: Config, many: int) -> list[tuple[str, int, Callable[[], object]]]:
    """(name, texts at once, what to time) for the peer; its probabilities must be those of our layers."""
    from eiwref.bench.torch_peer import ATTENTIONS, Cached, Network, in_shards

    rng = np.random.default_rng(0)
    network = Transformer(config)
    params = network.init(rng)
    ids = rng.integers(0, config.symbols, (many, config.context))
    expected, _ = network.forward(params, ids[:2])
    best, whole = None, None
    for attention in ATTENTIONS:
        cached = Cached(config, params, attention)
        if not np.allclose(cached.logits(ids[:2]), expected[:, -1], atol=1e-3):
            raise EiwrefError("PyTorch's network does not give our logits: nothing was measured")
        begin = time.perf_counter()
        cached.logits(ids[:FEW])
        taken = time.perf_counter() - begin
        if best is None or taken < best[0]:
            best = taken, cached
        forward = Network(config, params, attention)
        begin = time.perf_counter()
        found = forward.probabilities(ids[:FEW])[:2]
        taken = time.perf_counter() - begin
        if not np.allclose(found[:, -1], shares(expected[:, -1]), atol=1e-3):
            raise EiwrefError("PyTorch's network does not give our probabilities: nothing was measured")
        if whole is None or taken < whole[0]:
            whole = taken, forward
    (_, cached), (_, forward) = best, whole
    few = min(FEW, many)
    return [
        (f"PyTorch, {few} at once", few, lambda: cached.logits(ids[:few])),
        (f"PyTorch, {many} at once", many, lambda: cached.logits(ids)),
        (f"PyTorch, {many} at once, a shard a Python thread", many, lambda: in_shards(cached, ids, cores())),
        (f"PyTorch, {few} at once, {AT_ONCE}", few, lambda: forward.probabilities(ids[:few])),
    ]
