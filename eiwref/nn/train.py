"""Training: batches in, parameters out. It takes any iterator of batches and so needs no corpus.

Paper, section 3.2: M1 on random pieces of text, M2 on its tokens. Left out so far: checkpoints within a run.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eiwref.errors import ModelError
from eiwref.nn.optim import clip_by_norm
from eiwref.nn.transformer import Transformer


class Step(NamedTuple):
    """What one step saw and did."""

    step: int  # from 1
    loss: float  # mean nats a symbol, z-loss included
    gradient_norm: float  # before clipping


def crops(documents: list[np.ndarray], context: int, batch: int, end: int, rng) -> Iterator[tuple]:
    """Endless batches (ids, targets), each (batch, context), of pieces that begin anywhere in the documents.

    Documents stand end to end, each followed by `end`; a piece is preceded by the start (`end + 1`), as it will be
    when a window or a document begins. Raises `ModelError` if all of them together are shorter than a piece.
    """
    stream = np.concatenate([part for document in documents for part in (document, [end])]).astype(np.int64)
    if len(stream) < context:
        raise ModelError(f"the text is {len(stream)} symbols long, shorter than one piece of {context}")
    while True:
        begins = rng.integers(0, len(stream) - context + 1, batch)
        targets = stream[begins[:, None] + np.arange(context)]  # (B, T)
        starts = np.full((batch, 1), end + 1)
        yield np.concatenate([starts, targets[:, :-1]], axis=1), targets


def train(
    network: Transformer, params: dict, batches, optimizer, learning_rate, steps: int, largest_norm: float = 1.0
) -> Iterator[tuple[Step, dict]]:
    """Take `steps` steps; after each: what it did, and the parameters so far.

    `learning_rate`: from the step number. Raises `ModelError` at a loss that is not finite, naming step and layer.
    """
    xp = network.xp
    state = optimizer.init(params)
    for step in range(1, steps + 1):
        ids, targets = (xp.asarray(array) for array in next(batches))
        with np.errstate(all="ignore"):  # the loss tells, and better
            loss, grads = network.loss(params, ids, targets)
        if not np.isfinite(float(loss)):
            where = network.not_finite(params, ids)
            raise ModelError(f"the loss is not finite at step {step}, first in {where}; try a lower learning rate")
        grads, norm = clip_by_norm(grads, largest_norm)
        params, state = optimizer.update(params, grads, state, step, learning_rate(step), xp)
        yield Step(step, float(loss), norm), params
