"""The exercises of tutorial 10, M2 over compressed text."""

import numpy as np

from eiwref.course.core import Wrong, call, exercise, expect
from eiwref.evaluate import flops_per_byte, unigram_bits
from eiwref.nn.transformer import Config


@exercise("10.1", "As good a loss")
def _(answer, rng):
    for _ in range(4):
        loss, one, other = (float(x) for x in rng.uniform([0.5, 1, 3], [8, 2.5, 6]))
        for own, theirs in ((one, other), (other, one)):
            bits = loss / float(np.log(2)) / own
            what = (
                f"the loss at {theirs:.3f} bytes a token that is as good as {loss:.4f} nats a token at {own:.3f} "
                f"bytes a token ({bits:.4f} bits/byte)"
            )
            expect(call(answer, loss, own, theirs), loss / own * theirs, what=what, tolerance=1e-9)


@exercise("10.2", "The unigram model")
def _(answer, rng):
    for vocab_size in (4, 30, 300):
        p = rng.dirichlet(np.full(vocab_size, 0.5))
        train = rng.choice(vocab_size - 1, size=50, p=p[:-1] / p[:-1].sum())
        test = np.append(rng.choice(vocab_size, size=20, p=p), vocab_size - 1)  # with one that training lacks
        counts = [np.bincount(ids, minlength=vocab_size) for ids in (train, test)]
        id = int(test[0])
        what = f"bits of {len(test)} tokens (V = {vocab_size}; id {id} stands {counts[0][id]} times in train)"
        expect(call(answer, train, test, vocab_size), unigram_bits(*counts), what=what, tolerance=1e-9)


@exercise("10.3", "Pieces of a document")
def _(answer, rng):
    end = int(rng.integers(5, 300))
    for context, length in ((4, 0), (4, 3), (4, 4), (5, int(rng.integers(11, 14))), (7, 30)):
        document = rng.integers(0, end, size=length)
        whole = [*document.tolist(), end]
        targets = [np.array(whole[at : at + context]) for at in range(0, len(whole), context)]
        found = call(answer, document, context, end)
        what = f"the pieces of {whole[:-1][:10]}, {length} ids in all, context {context}, end {end}"
        expect(found, [(np.array([end + 1, *piece[:-1].tolist()]), piece) for piece in targets], what=what)


@exercise("10.4", "FLOPs per byte")
def _(answer, rng):
    for _ in range(4):
        layers, heads, d_mlp, symbols = (int(n) for n in rng.integers([1, 2, 10, 20], [30, 9, 2000, 70000]))
        config = Config(symbols, d_model=8 * heads, heads=heads, layers=layers, d_mlp=d_mlp, context=1)
        bytes_per_token = float(rng.uniform(1.5, 6))
        expected = tuple(flops_per_byte(config, bytes_per_token, softmax=softmax) for softmax in (False, True))
        found = call(answer, layers, config.d_model, d_mlp, symbols, bytes_per_token)
        what = (
            f"FLOPs/byte, without and with softmax, for L = {layers}, D = {config.d_model}, F = {d_mlp}, "
            f"{symbols} ids, {bytes_per_token:.4f} bytes a token ({config.parameters} weights in the layers)"
        )
        expect(found, expected, what=what, tolerance=1e-9)


@exercise("10.5", "How many steps?")
def _(answer, rng):
    for unit in ("tokens", "bytes", "FLOPs", "tokens"):
        tokens, flops = int(rng.integers(100, 5000)), float(rng.integers(10**5, 10**7))
        bytes_a_token, steps = float(rng.uniform(2, 6)), int(rng.integers(5, 500))
        each = {"tokens": 1, "bytes": bytes_a_token, "FLOPs": 3 * flops}[unit]
        # Far enough from whole steps that no rounding of floats decides.
        budget = tokens * each * (steps + rng.uniform(0.6, 0.9))
        budget = int(budget) if unit == "tokens" else float(budget)
        found = call(answer, budget, unit, tokens, bytes_a_token, flops)
        what = (
            f"steps within {budget:.6g} {unit}, at {tokens} tokens a step, {bytes_a_token:.3f} bytes and "
            f"{flops:.4g} forward FLOPs a token (a step costs {tokens * each:.6g} {unit})"
        )
        if isinstance(found, float):
            raise Wrong(f"{what}: expected an integer, found {found}, which is of type float")
        expect(found, steps, what=what)
