"""Training: batches in, parameters out. It takes batches from any stream of ids and so needs no corpus.

Paper, section 3.2: M1 on random pieces of text, M2 on its tokens. What makes a run one that can be stopped and
gone on with (checkpoints, a log, evaluation) is in `eiwref/run.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from eiwref.errors import ModelError
from eiwref.nn.optim import clip_by_norm
from eiwref.nn.transformer import Transformer
from eiwref.nn.watch import Watch, check

SHORT = 16  # symbols of a short piece
LOOKED_AT_ONCE = 1 << 20  # ids of a stream


class Step(NamedTuple):
    """What one step saw and did."""

    step: int  # from 1
    loss: float  # mean nats a symbol, z-loss included
    gradient_norm: float  # before clipping


class Crops:
    """Endless batches (ids, targets), each (batch, context), of pieces that begin anywhere in a stream.

    `stream`: ids of documents end to end, each followed by `end`; an array, or anything else with a length that
    gives arrays for slices. A piece is preceded by the start (`end + 1`), as it will be when a window or a
    document begins. `begins` (batch,) is where the pieces of the newest batch begin. All that the next batch
    depends on is the state of `rng`. Raises `ModelError` if the stream is shorter than a piece.

    `unit`: pieces begin a multiple of so many ids after the beginning of their document, since ids of a code can
    be read only from where the code begins afresh.

    `starts` (N,): places of the stream, such as where windows begin. With them a batch is by lot one as above or
    one of short pieces: `SHORT` symbols that begin at one of these places, and as many more pieces. For a text of
    n symbols has one beginning, and a network that learns from few of them says little there. Raises `ModelError`
    if the context is no multiple of `SHORT`, or no start has so much text after it.
    """

    def __init__(
        self, stream, context: int, batch: int, end: int, rng: np.random.Generator, starts=None, unit: int = 1
    ):
        if len(stream) < context:
            found = f"the text is {len(stream)} symbols long, shorter than one piece of {context}"
            raise ModelError(f"{found}; give more text or a smaller context")
        if starts is not None and context % SHORT:
            raise ModelError(f"pieces of {context} symbols are not cut evenly into short ones of {SHORT}")
        self.begins = np.zeros(0, dtype=np.int64)
        self._stream = stream
        self._context = context
        self._batch = batch
        self._end = end
        self._rng = rng
        self._unit = unit
        self._documents = None if unit == 1 else _documents(stream, end)
        self._starts = None if starts is None else starts[starts <= len(stream) - SHORT]
        if starts is not None and not len(self._starts):
            raise ModelError(f"none of the starts has {SHORT} symbols after it")

    def __iter__(self) -> "Crops":
        return self

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        length = self._context
        if self._starts is not None and self._rng.integers(2):
            length = SHORT
            self.begins = self._rng.choice(self._starts, self._batch * self._context // SHORT)
        else:
            self.begins = self._back(self._rng.integers(0, len(self._stream) - self._context + 1, self._batch))
        pieces = [self._stream[begin : begin + length] for begin in self.begins.tolist()]
        targets = np.stack(pieces).astype(np.int64)  # (B, T)
        starts = np.full((len(targets), 1), self._end + 1)
        return np.concatenate([starts, targets[:, :-1]], axis=1), targets

    def _back(self, places: np.ndarray) -> np.ndarray:
        """From anywhere to the nearest place at or before it where a piece may begin."""
        if self._unit == 1:
            return places
        first = self._documents[np.searchsorted(self._documents, places, side="right") - 1]
        return places - (places - first) % self._unit


def _documents(stream, end: int) -> np.ndarray:
    """Where documents begin in a stream, which need not fit into memory."""
    looked = range(0, len(stream), LOOKED_AT_ONCE)
    ends = [at + np.flatnonzero(stream[at : at + LOOKED_AT_ONCE] == end) for at in looked]
    return np.append(0, np.concatenate(ends) + 1)


def crops(documents: list[np.ndarray], context: int, batch: int, end: int, rng, unit: int = 1) -> Crops:
    """`Crops` of documents that are in memory."""
    stream = np.concatenate([part for document in documents for part in (document, [end])])
    return Crops(stream, context, batch, end, rng, unit=unit)


class Steps:
    """The readable step: network, parameters, optimizer and its state, updated step by step."""

    def __init__(self, network: Transformer, params: dict, optimizer, state=None, largest_norm: float = 1.0):
        self.params = params
        self.state = optimizer.init(params) if state is None else state
        self._network = network
        self._optimizer = optimizer
        self._largest_norm = largest_norm

    def step(self, ids, targets, number: int, learning_rate: float) -> tuple[float, float]:
        """(loss in nats, gradient norm before clipping) of step `number`, counted from 1.

        Where either is not finite nothing is updated, so that one can look for the layer it comes from.
        """
        with np.errstate(all="ignore"):  # the loss tells, and better
            loss, grads = self._network.loss(self.params, ids, targets)
            grads, norm = clip_by_norm(grads, self._largest_norm)
        if np.isfinite(float(loss)) and np.isfinite(norm):
            self.params, self.state = self._optimizer.update(
                self.params, grads, self.state, number, learning_rate, self._network.xp
            )
        return float(loss), norm

    def close(self) -> None:
        """Nothing is held, unlike by `Parallel`."""


def loop(
    steps: Steps,
    network: Transformer,
    batches: Crops,
    learning_rate: Callable[[int], float],
    numbers: Iterable[int],
    watch: Watch,
) -> Iterator[tuple[Step, Watch]]:
    """Take the steps of these `numbers`; after each: what it did, and the losses so far as the watch sees them.

    `steps`: a `Steps`, or a `Parallel`. `learning_rate`: from the step number. Raises
    `ModelError` with step, layer and batch at a loss or gradient that is not finite and at a spike of the loss.
    """
    for number in numbers:
        batch = tuple(network.xp.asarray(array) for array in next(batches))
        loss, norm = steps.step(*batch, number, learning_rate(number))
        check(watch, loss, norm, number, network, steps, batch, batches.begins)
        watch = watch.after(loss)
        yield Step(number, loss, norm), watch


def train(
    network: Transformer, params: dict, batches: Crops, optimizer, learning_rate, steps: int
) -> Iterator[tuple[Step, dict]]:
    """Take `steps` steps from the first on; after each: what it did, and the parameters so far.

    Raises as `loop`.
    """
    taken = Steps(network, params, optimizer)
    for step, _ in loop(taken, network, batches, learning_rate, range(1, steps + 1), Watch()):
        yield step, taken.params
