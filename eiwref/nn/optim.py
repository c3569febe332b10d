"""AdamW and Adafactor, the schedule the paper used, and gradient clipping.

Paper, section 3.2: Adafactor, learning rate 1 / sqrt(step) with 10,000 warm-up steps. Adafactor is as in
Shazeer and Stern (2018) without momentum, its usual form in T5X. An optimizer keeps its state in a dict of
arrays, so that a checkpoint can hold it; `update` gives new parameters and leaves the old ones alone.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019). Norm gains and biases do not decay."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    elementwise: ClassVar[bool] = True  # so that a parameter may be updated piece by piece

    def init(self, params: dict) -> dict:
        return {f"{kind}.{name}": values * 0 for name, values in params.items() for kind in ("mean", "square")}

    def update(self, params: dict, grads: dict, state: dict, step: int, learning_rate: float, xp=np):
        """(params, state) after step `step`, from 1; `grads` has the keys of `params`, `state` that of `init`."""
        new_params, new_state = {}, {}
        for name, p in params.items():
            g = grads[name]
            mean = self.beta1 * state[f"mean.{name}"] + (1 - self.beta1) * g
            square = self.beta2 * state[f"square.{name}"] + (1 - self.beta2) * g * g
            # Both averages start from zero; early on they are scaled up to make up for it.
            unbiased_mean = mean / (1 - self.beta1**step)
            unbiased_square = square / (1 - self.beta2**step)
            decay = self.weight_decay if p.ndim == 2 and not name.endswith("bias") else 0.0
            change = unbiased_mean / (xp.sqrt(unbiased_square) + self.epsilon) + decay * p
            new_params[name] = p - learning_rate * change
            new_state |= {f"mean.{name}": mean, f"square.{name}": square}
        return new_params, new_state


@dataclass(frozen=True)
class Adafactor:
    """Second moments of a matrix kept as one mean a row and one a column; steps relative to a parameter's size."""

    decay_exponent: float = 0.8
    clip: float = 1.0
    smallest_scale: float = 1e-3
    factored_from: int = 128  # matrices with a smaller side keep all their second moments
    epsilon: float = 1e-30

    elementwise: ClassVar[bool] = False

    def init(self, params: dict) -> dict:
        state = {}
        for name, p in params.items():
            if self._is_factored(p):
                state |= {f"rows.{name}": p[:, 0] * 0, f"columns.{name}": p[0] * 0}
            else:
                state[f"square.{name}"] = p * 0
        return state

    def update(self, params: dict, grads: dict, state: dict, step: int, learning_rate: float, xp=np):
        """(params, state) after step `step`, from 1; `grads` has the keys of `params`, `state` that of `init`."""
        beta = 1 - step**-self.decay_exponent  # 0 at the first step: there is no past to average with
        new_params, new_state = {}, {}
        for name, p in params.items():
            squared = grads[name] * grads[name] + self.epsilon
            if self._is_factored(p):
                rows = beta * state[f"rows.{name}"] + (1 - beta) * squared.mean(axis=1)
                columns = beta * state[f"columns.{name}"] + (1 - beta) * squared.mean(axis=0)
                square = rows[:, None] * (columns / rows.mean())[None, :]
                new_state |= {f"rows.{name}": rows, f"columns.{name}": columns}
            else:
                square = beta * state[f"square.{name}"] + (1 - beta) * squared
                new_state[f"square.{name}"] = square
            change = grads[name] / xp.sqrt(square)
            change = change / max(1.0, _rms(change) / self.clip)
            new_params[name] = p - learning_rate * max(_rms(p), self.smallest_scale) * change
        return new_params, new_state

    def _is_factored(self, p) -> bool:
        return p.ndim == 2 and min(p.shape) >= self.factored_from


def inverse_square_root(step: int, warm_up: int = 10_000, base: float = 1.0) -> float:
    """The paper's learning rate: base / sqrt(step), held at its value for `warm_up` until step `warm_up`.

    >>> [inverse_square_root(step, warm_up=100) for step in (1, 100, 400)]
    [0.1, 0.1, 0.05]
    """
    return base / max(step, warm_up) ** 0.5


def warm_up_and_cosine(step: int, steps: int, warm_up: int, peak: float) -> float:
    """Up in a straight line over `warm_up` steps, then down along half a cosine to a tenth of `peak`; ours.

    >>> [round(warm_up_and_cosine(step, steps=100, warm_up=10, peak=1.0), 3) for step in (5, 10, 55, 100)]
    [0.497, 0.978, 0.48, 0.1]
    """
    fall = 0.55 + 0.45 * cos(pi * step / steps)
    return peak * min(1.0, step / warm_up) * fall


def clip_by_norm(grads: dict, largest: float) -> tuple[dict, float]:
    """(grads scaled down together to a norm of at most `largest`, their norm before)."""
    norm = sum(float((g * g).sum()) for g in grads.values()) ** 0.5
    if norm <= largest:
        return grads, norm
    return {name: g * (largest / norm) for name, g in grads.items()}, norm


def _rms(x) -> float:
    return float((x * x).mean()) ** 0.5
