"""Examples of an input and its output for a decoder-only network: batches to learn from, and what it gets right.

Paper, section 5.2 and appendix A.3. A row is the input, the end of a document that parts the two, the output, and
ends that fill it up. Departures: the paper has nothing between input and output, and computes losses on outputs
alone; our networks' loss is over all positions, as in all other training, and only what is measured here is of
outputs alone.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import numpy as np

from eiwref.backend import to_numpy
from eiwref.nn.layers import token_nats
from eiwref.nn.parallel import Parallel
from eiwref.nn.train import Steps, loop
from eiwref.nn.transformer import LOGITS_AT_ONCE, Transformer
from eiwref.nn.watch import Watch
from eiwref.run import OPTIMIZERS, Plan


class Examples(NamedTuple):
    """Rows of equal length."""

    rows: np.ndarray  # (N, T), ids
    wanted: np.ndarray  # (N, T), True at outputs

    @classmethod
    def of(cls, inputs: list[np.ndarray], outputs: list[np.ndarray], end: int) -> "Examples":
        """As long as the longest needs to be."""
        begins = np.array([len(ids) + 1 for ids in inputs])
        ends = begins + np.array([len(ids) for ids in outputs])
        rows = np.full((len(inputs), ends.max()), end, dtype=np.int64)
        for row, begin, upto, known, sought in zip(rows, begins, ends, inputs, outputs, strict=True):
            row[: begin - 1] = known
            row[begin:upto] = sought
        along = np.arange(rows.shape[1])
        return cls(rows, (along >= begins[:, None]) & (along < ends[:, None]))

    def lengths(self) -> np.ndarray:
        """Of each row, without the ends that fill it up."""
        return self.rows.shape[1] - np.argmax(self.wanted[:, ::-1], axis=1)

    def cut(self, length: int) -> "Examples":
        """No more of each row."""
        return Examples(self.rows[:, :length], self.wanted[:, :length])


class Shuffled:
    """Endless batches (ids, targets), (batch, T) each: all examples again and again, each time in another order.

    `begins` (batch,): the numbers of the newest batch's examples.
    """

    def __init__(self, rows: np.ndarray, batch: int, start: int, rng: np.random.Generator):
        self.begins = np.zeros(0, dtype=np.int64)
        self._rows, self._batch, self._start, self._rng = rows, batch, start, rng
        self._waiting = self.begins

    def __iter__(self) -> "Shuffled":
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        while len(self._waiting) < self._batch:
            self._waiting = np.append(self._waiting, self._rng.permutation(len(self._rows)))
        self.begins, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
        targets = self._rows[self.begins]
        return _behind_start(targets, self._start), targets


def fit(network: Transformer, params: dict, examples: Examples, plan: Plan, moments: int) -> Iterator:
    """Train on from `params`; (step, parameters) at so many moments, evenly spaced, the last one at the end."""
    batches = Shuffled(examples.rows, plan.batch, network.config.start, np.random.default_rng(plan.seed))
    arrange = Parallel if network.xp is np else Steps
    stops = {round(plan.steps * moment / moments) for moment in range(1, moments + 1)}
    numbers = range(1, plan.steps + 1)
    with closing(arrange(network, params, OPTIMIZERS[plan.optimizer])) as steps:
        for step, _ in loop(steps, network, batches, plan.learning_rate_at, numbers, Watch()):
            if step.step in stops:
                yield step.step, steps.params


def score(network: Transformer, params: dict, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """(nats, whether the likeliest id is right), (N, T) each, of all positions; each sees the true ones before."""
    xp, config = network.xp, network.config
    batch = max(1, LOGITS_AT_ONCE // (config.symbols * examples.rows.shape[1]))
    nats, right = [], []
    for at in range(0, len(examples.rows), batch):
        targets = examples.rows[at : at + batch]
        logits, _ = network.forward(params, xp.asarray(_behind_start(targets, config.start)))
        nats.append(to_numpy(token_nats(logits, xp.asarray(targets), xp)))
        right.append(to_numpy(logits.argmax(axis=-1)) == targets)
    return np.concatenate(nats), np.concatenate(right)


def _behind_start(targets: np.ndarray, start: int) -> np.ndarray:
    """What is known before each target."""
    return np.concatenate([np.full((len(targets), 1), start), targets[:, :-1]], axis=1)
