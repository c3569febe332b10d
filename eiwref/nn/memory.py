"""How much memory training will take, before it takes it.

What is counted are the arrays of the readable step (`train.Steps`) that are alive at once, at its two peaks: the
backward pass, when all that the forward pass kept is still there, and the update, when old and new parameters and
optimizer state stand side by side. Left out: the text's tokens, the interpreter, and a container's own limit. The
tests hold it against what NumPy asked for: within an eighth. What a process takes from the system is more, by what
the matrix library and the heap keep for themselves: about a fifth at most where we looked, which `check` adds.
"""

import os
from math import prod
from pathlib import Path

from eiwref.errors import ModelError
from eiwref.nn.optim import Adafactor
from eiwref.nn.transformer import LOGITS_AT_ONCE, Config, Transformer

WIDTH = 4  # bytes of a float32
MARGIN = 1.2  # what the system gives, over what the arrays take


def predict(config: Config, batch: int, optimizer, workers: int = 1) -> int:
    """Bytes at the peak of a step with `batch` sequences.

    `workers`: each holds gradients and the activations of its share of the batch; parameters and optimizer state
    are there once.
    """
    sizes = [prod(shape) for shape in Transformer(config).shapes().values()]
    params = sum(sizes)
    state = _state(config, optimizer)
    loss = params + state + workers * _pass(config, -(-batch // workers))
    # Gradients before and after clipping, or new parameters and state beside the old: whichever is more.
    update = 2 * params + state + max((1 + workers) * params, params + state + 4 * max(sizes))
    return WIDTH * max(loss, update)


def check(config: Config, batch: int, optimizer, workers: int = 1) -> None:
    """Raise `ModelError` with both figures if a step will need more than there is; where nobody knows, pass."""
    needed, there = MARGIN * predict(config, batch, optimizer, workers), available()
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
