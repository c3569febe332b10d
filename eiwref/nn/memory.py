"""How much memory training will take, before it takes it.

What is counted are the arrays that are alive at once. The arranged step (`parallel`) makes its own at the
start and keeps them. The readable step (`train.Steps`) has two peaks: the
backward pass, when all that the forward pass kept is still there, and the update, when old and new parameters and
optimizer state stand side by side. Left out: the text's tokens, the interpreter, and a container's own limit. The
tests hold it against what NumPy asked for: within an eighth. What a process takes from the system is more, by what
the matrix library and the heap keep for themselves: about a fifth at most where we looked, which `check` adds.
"""

import os
from dataclasses import replace
from math import prod
from pathlib import Path

from eiwref.errors import ModelError
from eiwref.nn.arranged import COLUMNS, QUERIES, ROWS, together
from eiwref.nn.optim import Adafactor
from eiwref.nn.train import SHORT
from eiwref.nn.transformer import LOGITS_AT_ONCE, Config, Transformer

WIDTH = 4  # bytes of a float32
MARGIN = 1.2  # what the system gives, over what the arrays take


def predict(config: Config, batch: int, optimizer, workers: int = 0, short: bool = False) -> int:
    """Bytes at the peak of a step with `batch` sequences.

    `workers` as in `run`: each holds gradients and the activations of its share of the batch; parameters and
    optimizer state are there once, and once more as they are read from or written to a file. `short`: batches of
    short pieces too (`Crops`), for which a worker has arrays of their own.
    """
    sizes = [prod(shape) for shape in Transformer(config).shapes().values()]
    params, state = sum(sizes), _state(config, optimizer)
    if workers:
        share = -(-batch // workers)
        arranged = _arranged(config, share)
        if short:
            arranged += _arranged(replace(config, context=SHORT), share * config.context // SHORT)
        return WIDTH * (2 * (params + state) + workers * (params + arranged))
    loss = params + state + _pass(config, batch)
    # Gradients before and after clipping, or new parameters and state beside the old: whichever is more.
    update = 2 * params + state + max(2 * params, params + state + 4 * max(sizes))
    return WIDTH * max(loss, update)


def check(config: Config, batch: int, optimizer, workers: int = 0, short: bool = False) -> None:
    """Raise `ModelError` with both figures if a step will need more than there is; where nobody knows, pass."""
    needed, there = MARGIN * predict(config, batch, optimizer, workers, short), available()
    if there is not None and needed > there:
        raise ModelError(
            f"training needs {needed / 1e9:.1f} GB of memory and {there / 1e9:.1f} GB are available; "
            "take a smaller batch, context or network"
        )


def available() -> int | None:
    """Bytes that this machine can still give without swapping, or None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _state(config: Config, optimizer) -> int:
    """Numbers that the optimizer keeps."""
    shapes = Transformer(config).shapes().values()
    if not isinstance(optimizer, Adafactor):
        return 2 * sum(map(prod, shapes))
    from_side = optimizer.factored_from
    return sum(sum(s) if len(s) == 2 and min(s) >= from_side else prod(s) for s in shapes)


def _pass(config: Config, batch: int) -> int:
    """Numbers alive in the backward pass of `batch` sequences, gradients included, parameters not."""
    c = config
    rows = batch * c.context
    scores = batch * c.heads * c.context**2  # one array (B, H, T, S)
    # A block keeps eight arrays (B, T, D), the attention weights, and in the MLP an array (B, T, F) and its signs.
    block = 8 * rows * c.d_model + scores + rows * c.d_mlp * 5 // 4
    kept = c.layers * block + 4 * rows * c.d_model
    grads = sum(map(prod, Transformer(config).shapes().values()))
    chunk = min(rows, max(1, LOGITS_AT_ONCE // c.symbols)) * c.symbols
    output = c.d_model * c.symbols
    # A chunk's logits, softmax and their gradient stay while the next one's are made, and through what follows.
    output_layer = min(4, 3 * -(-rows * c.symbols // chunk)) * chunk + 2 * output
    attention = 3 * scores + 4 * rows * c.d_model
    blocks = 3 * chunk + output + grads + max(attention, 2 * rows * c.d_mlp + rows * c.d_model)
    return kept + max(output_layer, blocks)


def _arranged(config: Config, batch: int) -> int:
    """Numbers in the arrays of an `Arranged`."""
    c = config
    rows = batch * c.context
    # A block's queries see themselves and what is before them, up to the end of their tile.
    scores = (
        batch
        * c.heads
        * sum(
            (min(at + QUERIES, c.context) - at) * min(at + QUERIES, c.context)
            for at in range(0, c.context, QUERIES)
        )
    )
    slanting = c.heads * (c.context + QUERIES - 1)
    weights = c.d_model * (3 * c.d_model + c.d_mlp)
    block = weights + slanting + rows * (6 * c.d_model + 2 + c.heads + c.d_mlp) + scores
    passing = rows * (6 * c.d_model + 1 + c.d_mlp) + 3 * c.d_model**2 + (QUERIES + 2) * slanting
    tile = together(c, batch, c.context) * c.context * (c.heads * QUERIES + c.d_model)
    few = min(rows, ROWS)
    parts = -(-c.symbols // COLUMNS)
    output = few * (c.symbols + parts) + c.d_model * (2 * c.symbols + min(COLUMNS, c.symbols))
    return c.layers * block + passing + tile + few * (2 * c.d_model + c.d_mlp) + output
