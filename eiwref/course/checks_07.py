"""The exercises of tutorial 07, backprop by hand."""

import numpy as np

from eiwref.course.core import call, exercise, expect
from eiwref.nn.attention import MASKED
from eiwref.nn.layers import MLP, CrossEntropy, RMSNorm

TOLERANCE = 1e-9


@exercise("07.1", "A gradient by differences")
def _(answer, rng):
    for shape in ((3,), (2, 3), (2, 1, 3)):
        a, b = rng.standard_normal(shape), rng.standard_normal(shape)
        x, step = rng.standard_normal(shape), float(rng.uniform(0.02, 0.2))

        def function(x, a=a, b=b):
            return float((a * x**3 + b * x * x.sum()).sum())

        found = call(answer, function, x, step)
        # Of a cubic, central differences are known: the slope, and what the step adds to it.
        gradient = 3 * a * x**2 + b * x.sum() + (b * x).sum() + a * step**2
        expect(found, gradient, what=f"the gradient at x of shape {shape}, step {step:.3f}", tolerance=1e-7)


@exercise("07.2", "Back through an MLP")
def _(answer, rng):
    for n, d, f in ((1, 2, 3), (5, 3, 4), (4, 4, 4)):
        x, dout = rng.standard_normal((2, n, d))
        params = MLP.init(rng, d, f)
        _, cache = MLP(np).forward(params, x)
        dx, grads = MLP.backward(dout, cache)
        found = call(answer, dout, x, params["up"], params["down"])
        # From the end to the beginning, so that the first mistake on the way back is named.
        expected = {"ddown": grads["down"], "dup": grads["up"], "dx": dx}
        before = (x @ params["up"])[0].round(3).tolist()
        what = f"N = {n}, D = {d}, F = {f} (row 0 before the ReLU {before})"
        _expect_named(found, expected, ("dx", "dup", "ddown"), what)


@exercise("07.3", "Back through cross entropy")
def _(answer, rng):
    for n, v, scale in ((1, 3, 1), (4, 5, 1), (5, 5, 3), (3, 4, 1000)):
        logits = scale * rng.standard_normal((n, v)).clip(-1, 1)
        logits[0, 0] = scale  # the last one is beyond exp
        targets = rng.integers(0, v, size=n)
        layer = CrossEntropy(np)
        _, cache = layer.forward(logits, targets)
        shown = f"{logits[0].round(2).tolist()}, whose p are {cache[0][0].round(3).tolist()}"
        what = f"dlogits of targets {targets.tolist()} (row 0 of the logits {shown})"
        expect(call(answer, logits, targets), layer.backward(1 / n, cache), what=what, tolerance=TOLERANCE)


@exercise("07.4", "Back through RMSNorm")
def _(answer, rng):
    for n, d in ((1, 2), (4, 3), (3, 3)):
        x, dout = rng.standard_normal((2, n, d))
        x *= rng.uniform(0.3, 3, size=(n, 1))
        gain, epsilon = rng.uniform(0.5, 2, size=d), float(rng.uniform(0.05, 0.5))
        # The way back takes from the cache what epsilon has done; the layer's own is another one.
        inverse = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + epsilon)
        dx, grads = RMSNorm.backward(dout, (x * inverse, inverse, gain))
        found = call(answer, dout, x, gain, epsilon)
        expected = {"dgain": grads["gain"], "dx": dx}
        _expect_named(
            found, expected, ("dx", "dgain"), f"N = {n}, D = {d} (r of row 0 is {1 / inverse[0, 0]:.4f})"
        )


@exercise("07.5", "Back through causal attention")
def _(answer, rng):
    for t, width in ((1, 2), (4, 3), (6, 2), (4, 4)):
        dout, q, k, v = rng.standard_normal((4, t, width))
        bias = rng.standard_normal(t)
        back = np.arange(t)[:, None] - np.arange(t)
        scores = np.where(back < 0, MASKED, q @ k.T / np.sqrt(width) + bias[np.maximum(back, 0)])
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        dweights = dout @ v.T
        dscores = weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))
        expected = {
            "dv": weights.T @ dout,
            "dbias": np.bincount(np.maximum(back, 0).ravel(), dscores.ravel(), t),
            "dq": dscores @ k / np.sqrt(width),
            "dk": dscores.T @ q / np.sqrt(width),
        }
        found = call(answer, dout, q, k, v, bias)
        what = f"T = {t}, K = {width} (the last row of the weights {weights[-1].round(3).tolist()})"
        _expect_named(found, expected, ("dq", "dk", "dv", "dbias"), what)


def _expect_named(found, expected: dict, order: tuple[str, ...], what: str) -> None:
    """A tuple of arrays in this order; values are looked at in that of `expected`."""
    if not isinstance(found, tuple) or len(found) != len(order):
        expect(found, tuple(expected[name] for name in order), what=f"({', '.join(order)}) of {what}")
    for name, truth in expected.items():
        expect(found[order.index(name)], truth, what=f"{name} of {what}", tolerance=TOLERANCE)
