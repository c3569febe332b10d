"""Text that a network makes up: ids drawn one after another, for many sequences at once.

How much text a step yields is what the paper compresses for (bytes a step, section 3.6): an M2 over windows writes
several bytes with each token. Left out: beam search, and prompts that end inside a window.

*Context.* A network sees so many positions and no more. Where they are used up a sequence goes on from the start
and the later half of its context, as if it began there: from where a window begins, as pieces of training text do
(see `tokenizers.registry.unit`). So a text may be of any length.

*Chance.* Each sequence has a generator of random numbers of its own, NumPy's on either backend, and takes one a
step. What it writes does not depend on how many others are written, save where floats differ in their last bits
between batches and a random number falls right between two ids.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf

import numpy as np

from eiwref.backend import to_numpy
from eiwref.errors import ModelError
from eiwref.m2 import M2
from eiwref.nn.transformer import Transformer
from eiwref.predictors.base import BYTES
from eiwref.predictors.network import Network
from eiwref.tokenizers import streaming, tokenizer
from eiwref.tokenizers.registry import unit

IN_CACHE = 1 << 18  # logits that are drawn from at once: what is made of more has to go to memory and back
AT_ONCE = 64  # positions of a text that is read; attention's scores are as many times the context


@dataclass(frozen=True)
class Choice:
    """Which id comes next, from p = softmax(logits / temperature). Raises `ModelError` for what makes no sense.

    - `temperature`: 0 takes the likeliest id, of equals the first;
    - `top_k`: only the k likeliest ids stay;
    - `top_p`: of these only the fewest likeliest stay whose p add up to at least this share of the p of all these.

    Ids as likely as the last that stays stay too. Those left are drawn in proportion to p.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self):
        # Below it, logits a float32 apart would overflow.
        if self.temperature != 0 and not 1e-6 <= self.temperature < inf:
            raise ModelError(f"temperature must be 0 or from 1e-6 on, found {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ModelError(f"top_k must be at least 1, found {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ModelError(f"top_p must be above 0 and at most 1, found {self.top_p}")

    def draw(self, logits, uniforms: np.ndarray, xp=np) -> np.ndarray:
        """An id (B,) for each row of logits (B, V), on the host.

        `uniforms` (B,) from [0, 1): in id order, the first id up to which the p of those left add up to more than
        this share. Raises `ModelError` for logits that are not finite.
        """
        few = max(1, IN_CACHE // logits.shape[1])
        return np.concatenate(
            [
                to_numpy(self._draw(logits[at : at + few], xp.asarray(uniforms[at : at + few]), xp))
                for at in range(0, len(logits), few)
            ]
        )

    def _draw(self, logits, uniforms, xp):
        highest = logits.max(axis=1, keepdims=True)
        if not bool(xp.isfinite(highest).all()):
            raise ModelError("the network's logits are not finite")
        if self.temperature == 0:
            return logits.argmax(axis=1)
        weights = xp.exp((logits - highest) / self.temperature)  # (B, V), in proportion to p
        if self.top_k is not None or self.top_p < 1:
            weights = weights * (weights >= self.least(weights, xp))
        sums = xp.cumsum(weights, axis=1, dtype="float64")
        return (sums <= uniforms[:, None] * sums[:, -1:]).sum(axis=1)

    def least(self, weights, xp=np):
        """The least weight that stays in each row of (B, V), (B, 1)."""
        rows, v = weights.shape
        k = v if self.top_k is None else min(self.top_k, v)
        likeliest = xp.sort(xp.partition(weights, v - k, axis=1)[:, v - k :], axis=1)[:, ::-1]  # (B, k), falling
        sums = xp.cumsum(likeliest, axis=1, dtype="float64")
        few = (sums < self.top_p * sums[:, -1:]).sum(axis=1)  # the place of the last that is needed
        return likeliest[xp.arange(rows), few][:, None]


AS_LIKELY = Choice()


def ids(
    network: Transformer,
    params: dict,
    rngs: Sequence[np.random.Generator],
    prompt: Sequence[int] = (),
    choice: Choice = AS_LIKELY,
    unit: int = 1,
) -> Iterator[np.ndarray]:
    """The next id of every sequence, (B,), int64, again and again until all have ended; B = len(rngs).

    An M1's ids are bytes. All sequences go on from the ids `prompt`; each ends with the id `symbols - 1`, and has
    no others from there on. `unit`: ids from one place where reading may begin to the next. Raises `ModelError` if
    the prompt is outside the vocabulary, or `rngs` empty.
    """
    if not rngs:
        raise ModelError("there must be a generator of random numbers, for one sequence at least")
    xp, context, end = network.xp, network.config.context, network.config.symbols - 1
    rows = np.arange(len(rngs))  # the sequences in the batch
    history = deque((np.full(len(rngs), id) for id in prompt), maxlen=context)
    count = len(prompt)
    # All have the prompt in common, so it is read once.
    logits, past = _read(network, params, np.array([prompt], dtype=np.int64), count, unit)
    many = xp.zeros(len(rngs), dtype="int64")
    logits, past = logits[many], [each.select(xp, many) for each in past]
    ended = np.zeros(len(rngs), dtype=bool)
    while True:
        uniforms = np.array([rngs[row].random() for row in rows])
        column = np.full(len(rngs), end)
        column[rows] = np.where(ended[rows], end, choice.draw(logits, uniforms, xp))
        yield column
        ended = column == end
        if ended.all():
            return
        history.append(column)
        count += 1
        going = np.flatnonzero(~ended[rows])
        # In a batch what has ended costs as much as what goes on; to be rid of it costs a copy of the past.
        if 2 * len(going) <= len(rows):
            rows, past = rows[going], [each.select(xp, xp.asarray(going)) for each in past]
        if past[0].positions == context:
            logits, past = _read(network, params, np.stack(history, axis=1)[rows], count, unit)
        else:
            logits, past = network.step(params, xp.asarray(column[rows]), past)


def _read(network: Transformer, params: dict, before: np.ndarray, count: int, unit: int):
    """(logits, past) after the start and ids (B, T), the last of `count`; see `kept` for what is too much."""
    xp, context = network.xp, network.config.context
    if before.shape[1] >= context:
        before = before[:, before.shape[1] - kept(count, context, unit) :]
    whole = np.concatenate([np.full((len(before), 1), network.config.start), before], axis=1)
    past = None
    for at in range(0, whole.shape[1], AT_ONCE):
        logits, past = network.step(params, xp.asarray(whole[:, at : at + AT_ONCE]), past)
    return logits, past


def kept(count: int, context: int, unit: int) -> int:
    """How many of `count` ids stay in sight: at most half of a context, from where a unit begins if one does.

    >>> kept(128, 128, 3), kept(128, 128, 100), kept(128, 128, 1000)
    (62, 28, 64)
    """
    begin = -(-(count - context // 2) // unit) * unit
    return count - begin if begin < count else context // 2


@dataclass
class Written:
    """One sequence so far."""

    ids: list[int] = field(default_factory=list)  # made up: without those of the prompt, and without the end
    text: bytearray = field(default_factory=bytearray)  # of the prompt's ids and these, as far as they settle it
    new: bytes = b""  # what the last step added to the text
    remark: str = ""  # in the end: what was wrong with the ids, or ""

    def add(self, text: bytes) -> None:
        self.text += text
        self.new = text


def texts(
    m2: M2,
    rngs: Sequence[np.random.Generator],
    tokens: int,
    prompt: Sequence[int] = (),
    choice: Choice = AS_LIKELY,
) -> Iterator[list[Written]]:
    """What an M2 writes, the same objects after each step, one a sequence: of `tokens` ids each, or fewer.

    First with the text of the prompt's ids (see `streaming.opening`) alone, last with what the tokenizer
    had held back. Arguments and errors as in `ids`, but for `CodeError` where the prompt's ids are no ids.
    """
    end = m2.network.config.symbols - 1
    streams = [streaming.stream(m2.tokenizer) for _ in rngs]
    written = [Written() for _ in rngs]
    for one, stream in zip(written, streams, strict=True):
        one.add(stream.feed(prompt))
    yield written
    begins = unit(m2.tokenizer.spec) or 1
    for column in islice(ids(m2.network, m2.params, rngs, prompt, choice, begins), tokens):
        for one, stream, id in zip(written, streams, column.tolist(), strict=True):
            made = [] if id == end else [id]
            one.ids += made
            one.add(stream.feed(made))
        yield written
    for one, stream in zip(written, streams, strict=True):
        one.add(stream.finish())
        one.remark = stream.remark
    yield written


def over_bytes(m1: Network, xp=np) -> M2:
    """An M1 as what it also is: a model over the tokens of `Bytes`, one a byte, and the end of a text."""
    params = {name: xp.asarray(values) for name, values in m1.params.items()}
    return M2(tokenizer("Bytes"), Transformer(m1.network.config, xp), params, m1.counts[:BYTES])
