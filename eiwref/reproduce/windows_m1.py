"""An M1 that learns from pieces as short as windows are, against one that learns from long ones.

Not in the paper, whose M1 is trained on 1,024 bytes at a time and then begun afresh at every window, where it
sees a few. Two M1s of one size see equally many bytes of the same text, one in pieces of 16 symbols, one of 128,
all begun from the start as a window is. Both are then put into integers and given windows of up to 128 symbols
before these go uniform. What the one trained on 16 says past its 16th symbol is beyond what it learned from;
nothing is done about it, and bits by place show it.

M1's training text is M2's here; what is measured is held out from both.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from eiwref.backend import to_numpy
from eiwref.corpus import tokens
from eiwref.nn import sizes
from eiwref.nn.train import crops
from eiwref.nn.transformer import Transformer
from eiwref.predictors.base import BYTES_AND_END
from eiwref.predictors.integer import IntegerNetwork, quantised
from eiwref.predictors.network import Network
from eiwref.reproduce import draw_tasks
from eiwref.reproduce.experiment import SEEN, SEEN_UNITS, Experiment
from eiwref.reproduce.grid import Grid, Job, Place, Training
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.tokens import Tokens, documents
from eiwref.reproduce.trained import learning_rate, seen, training_flops
from eiwref.run import Plan, run
from eiwref.tokenizers import tokenizer

SIZE = "tiny"
SHORT, LONG = 16, 128  # symbols
WINDOWS = (16, 32, 64, 128)  # bits
PIECES, AT_ONCE = 512, 32  # of held-out text whose bits are counted by place
GROUPS = (1, 2, 3, 5, 9, 17, 33, 65, LONG + 1)  # places from each up to the next


@dataclass(frozen=True)
class WindowsM1(Job):
    """An M1 trained on pieces of `piece` symbols, of `amount` bytes in all; `few` bytes are cut into windows."""

    piece: int
    amount: float
    batch: int  # in pieces of `LONG`
    few: int
    seed: int

    def needs(self):
        return (Tokens("Bytes"),)

    def cost(self):
        return self.amount * training_flops(sizes.config(SIZE, BYTES_AND_END, self.piece))

    def training(self, bytes_per_token):
        """Of bytes, so that it hangs on no ratio."""
        batch, config = self.batch * LONG // self.piece, sizes.config(SIZE, BYTES_AND_END, self.piece)
        steps = max(1, round(self.amount / (batch * self.piece)))
        plan = Plan(steps, batch, "adamw", learning_rate(config), max(1, steps // 20), self.seed)
        return Training(config, plan, steps * batch * self.piece)

    def make(self, place: Place) -> dict:
        folder = place.files(self.needs()[0])
        stream, held_out = tokens.load(folder / "train"), documents(folder, "held_out")
        config, plan, _ = self.training(None)
        learner = Transformer(config, place.xp)
        done = run(learner, stream, plan, workers=1 if place.xp is np else 0, quiet=True)
        network = Transformer(sizes.config(SIZE, BYTES_AND_END, LONG))  # of the same parameters
        params = {name: to_numpy(values) for name, values in done.params.items()}
        m1 = quantised(Network(network, params, stream.counts), place.material.texts("train"))
        bits = bits_by_place(m1, held_out)
        some = _first(place.material.texts("held_out"), self.few)
        found = {}
        for window_bits in WINDOWS:
            ids = tokenizer(f"EqualInfoAC[b={window_bits}, v=65k]", m1).encode_batch(some)
            windows = sum(map(len, ids)) * 16 // window_bits
            found[str(window_bits)] = sum(map(len, some)) / windows
        return {
            "bytes_per_window": found,
            "bits_by_place": bits.tolist(),
            "bits_by_group": [float(bits[a - 1 : b - 1].mean()) for a, b in pairwise(GROUPS)],
            "steps": plan.steps,
            "loss": float(np.mean(done.losses[-max(1, plan.steps // 10) :])),
        }


def bits_by_place(m1: IntegerNetwork, held_out: list[np.ndarray]) -> np.ndarray:
    """Bits of a symbol at each place after the start, (LONG,), the mean over pieces from anywhere in a text."""
    _, targets = next(crops(held_out, LONG, PIECES, BYTES_AND_END - 1, np.random.default_rng(0)))
    bits = np.zeros(LONG)
    for at in range(0, PIECES, AT_ONCE):
        some = targets[at : at + AT_ONCE]
        counts = np.take_along_axis(np.diff(m1.at_once(some)), some[..., None], axis=-1)[..., 0]
        bits += (m1.precision - np.log2(counts)).sum(axis=0)
    return bits / PIECES


def _first(texts: list[bytes], size: int) -> list[bytes]:
    """Whole texts from the first on, until there are so many bytes."""
    sizes = np.cumsum([len(text) for text in texts])
    return texts[: 1 + int(np.searchsorted(sizes[:-1], size))]


def _jobs(scale: Scale) -> list[WindowsM1]:
    return [
        WindowsM1(piece, scale.amount, scale.batch, scale.few, seed)
        for seed in scale.seeds
        for piece in (SHORT, LONG)
    ]


def _rows(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for job in _jobs(scale):
        found = grid.result(job)
        rows.append(
            {
                "piece": job.piece,
                "seed": job.seed,
                **{f"window_{bits}": size for bits, size in found["bytes_per_window"].items()},
                "first": float(np.mean(found["bits_by_place"][:SHORT])),
                "rest": float(np.mean(found["bits_by_place"][SHORT:])),
                **seen(job.training(None)),
                "groups": [list(group) for group in zip(GROUPS, found["bits_by_group"], strict=False)],
            }
        )
    return rows


EXPERIMENTS = (
    Experiment(
        names=("short_m1",),
        title="An M1 trained on pieces as short as windows",
        jobs=_jobs,
        rows=_rows,
        units={
            "piece": "symbols of each piece that M1 learned from",
            "seed": "of its weights at the start and of the pieces' order",
            **{f"window_{bits}": f"bytes of held-out text a window of {bits} bits" for bits in WINDOWS},
            "first": f"bits/byte at the first {SHORT} places after a start, on held-out text",
            "rest": f"bits/byte at the places from there to {LONG}",
            **SEEN_UNITS,
            "groups": "(first place of a group, bits/byte in it)",
        },
        columns=(
            ("piece", "piece", "d"),
            ("seed", "seed", "d"),
            *((f"window_{bits}", f"bytes/window, b={bits}", ".3f") for bits in WINDOWS),
            ("first", f"bits/byte, places 1 to {SHORT}", ".3f"),
            ("rest", "places after", ".3f"),
            *SEEN,
        ),
        draw=draw_tasks.short_m1,
        notes=(
            "not in the paper; both M1s learn from M2's training text, and are measured on held-out text alone",
            f"past {SHORT} symbols the short one speaks of what it never saw, and windows take it as it is",
        ),
    ),
)
