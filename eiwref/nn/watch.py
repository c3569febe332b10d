"""When has training gone wrong? A loss or gradient that is not finite, a loss far above those before; and where.

The paper says nothing of it. The rule for a spike is ours: from step 101 on, a loss above the running mean by
more than 6 running deviations and by at least 1 nat. Both run with a memory of about 50 steps, so that they
follow a falling loss; a loss that climbs step by step, as with too high a learning rate, is followed too and is no
spike.
"""

from typing import NamedTuple

import numpy as np

from eiwref.errors import Diverged
from eiwref.nn.transformer import Transformer

QUIET = 100  # steps at first in which no loss is a spike
MEMORY = 50  # steps
DEVIATIONS = 6.0
NATS = 1.0
NAMED = 8  # beginnings of pieces in a sentence


class Watch(NamedTuple):
    """Running mean and variance of the losses seen so far, in nats: three numbers that a checkpoint can hold."""

    mean: float = 0.0
    variance: float = 0.0
    seen: int = 0

    @property
    def limit(self) -> float:
        """The next loss is a spike if it is above this."""
        if self.seen < QUIET:
            return float("inf")
        return self.mean + max(NATS, DEVIATIONS * self.variance**0.5)

    def after(self, loss: float) -> "Watch":
        """Once one more loss is seen: a plain mean over the first steps, then one that forgets."""
        share = 1 / min(self.seen + 1, MEMORY)
        change = loss - self.mean
        variance = (1 - share) * (self.variance + share * change * change)
        return Watch(self.mean + share * change, variance, self.seen + 1)


def check(watch: Watch, loss: float, norm: float, number: int, network: Transformer, steps, batch, begins) -> None:
    """Raise `Diverged` with step, layer and batch if this loss or gradient norm is one to stop at.

    `steps.params`: those that gave the loss if it is not finite (such a step changes nothing); after a spike they
    are one clipped step on, and it is there that the layer with the largest gradient is looked for. `batch`: (ids,
    targets), whose pieces begin at tokens `begins` of the text.
    """
    if np.isfinite(loss) and np.isfinite(norm) and loss <= watch.limit:
        return
    params = steps.params
    with np.errstate(all="ignore"):
        if not np.isfinite(loss):
            what = f"the loss is not finite at step {number}, first in {network.not_finite(params, batch[0])}"
        else:
            layer = _steepest(network, params, *batch)
            if not np.isfinite(norm):
                what = f"the gradient is not finite at step {number}, largest in {layer}"
            else:
                above = f"above {watch.limit:.3f}, where the losses before make it a spike"
                what = f"the loss is {loss:.3f} at step {number}, {above}; its gradient is largest in {layer}"
    more = f" and {len(begins) - NAMED} more" if len(begins) > NAMED else ""
    named = ", ".join(map(str, begins[:NAMED])) + more
    raise Diverged(f"{what}; the pieces of its batch begin at tokens {named}; try a lower learning rate")


def _steepest(network: Transformer, params: dict, ids, targets) -> str:
    """The layer with the largest gradient; a sequence at a time, since memory was weighed for other ways."""
    grads: dict = {}
    for row in range(len(ids)):
        _, own = network.loss(params, ids[row : row + 1], targets[row : row + 1])
        grads = {name: grads[name] + values if grads else values for name, values in own.items()}
    return max(grads, key=lambda name: _largest(grads[name]))


def _largest(grad) -> float:
    """The largest number in size; one that is none counts as the largest of all."""
    value = float(abs(grad).max())
    return value if value == value else float("inf")
