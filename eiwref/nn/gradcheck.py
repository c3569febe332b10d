"""Is a backward pass the derivative of its forward pass? Central differences in float64 say.

The upstream gradient is random: one of ones hides errors (a layernorm's backward wrong by a factor of 3 can still
pass). The error is relative to the gradient's size along each random direction.
"""

import numpy as np

STEP = 1e-5


def directional_errors(function, params: dict, grads: dict, rng, xp=np, directions: int = 5) -> dict:
    """{name: largest relative error} of `grads` against differences of the scalar `function(params)`.

    For each array: |(f(p + h u) - f(p - h u)) / 2h - <grad, u>| over the larger of the two, u random of length
    1. A direction that happens to lie across the gradient has next to no slope, so the error is never divided by
    less than the slope of a typical one, |grad| / sqrt(size).
    """
    errors = {}
    for name, values in params.items():
        worst = 0.0
        typical = float((grads[name] ** 2).sum() / values.size) ** 0.5
        for _ in range(directions):
            u = rng.standard_normal(values.shape)
            u = xp.asarray(u / np.linalg.norm(u))
            above = function(params | {name: values + STEP * u})
            below = function(params | {name: values - STEP * u})
            numeric, analytic = (above - below) / (2 * STEP), float((grads[name] * u).sum())
            off = abs(numeric - analytic)
            worst = max(worst, off and off / max(abs(numeric), abs(analytic), typical))
        errors[name] = worst
    return errors


def check_layer(forward, backward, params: dict, x, rng, xp=np) -> dict:
    """{name: largest relative error} for every parameter and, as "x", the input of one layer."""
    out, cache = forward(params, x)
    dout = xp.asarray(rng.standard_normal(out.shape))
    dx, grads = backward(dout, cache)

    def scalar(named):
        inner = {name: values for name, values in named.items() if name != "x"}
        return float((forward(inner, named.get("x", x))[0] * dout).sum())

    if dx is None:
        return directional_errors(scalar, params, grads, rng, xp)
    return directional_errors(scalar, params | {"x": x}, grads | {"x": dx}, rng, xp)
