"""In which order an M2 learns the tokens of a window: accuracy by place as training goes on.

Paper, section 6.2 and Figure 10, of EqualInfoAC[b=64, v=256]. *Trivial* is the highest accuracy within the first
hundredth of training, where no text is understood yet; the paper's greedy windows end in zeros, which raise it at
late places, ours do not.
"""

from dataclasses import asdict
from itertools import pairwise

import numpy as np

from eiwref.reproduce import draw_tasks
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.experiment import SEEN, SEEN_UNITS, Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.judging import towards
from eiwref.reproduce.places import Places
from eiwref.reproduce.scales import Scale

WINDOWS = "EqualInfoAC[b=64, v=256]"
PLACES = 8
UNLOCKED = 0.5  # points above trivial
TOGETHER = 5  # evaluations whose mean is taken


def _job(scale: Scale, size: str) -> Places:
    return Places(**asdict(scale.trained(WINDOWS, size, unit="tokens")), places=PLACES, few=4 * scale.few)


def _figure10(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for size in scale.sizes[:3]:
        found = grid.result(_job(scale, size))
        steps = np.array([row["step"] for row in found["by_place"]])
        accuracy = np.array([row["accuracy"] for row in found["by_place"]])  # (evaluations, places)
        trivial = accuracy[steps <= max(steps[0], found["steps"] / 100)].max(axis=0)
        smooth = running_mean(accuracy)
        for place in range(PLACES):
            above = smooth[:, place] - trivial[place]
            begun = unlocked(above)
            rows.append(
                {
                    "size": size,
                    "place": place + 1,
                    "accuracy": float(smooth[-1, place]),
                    "trivial": float(trivial[place]),
                    "above_trivial": float(above[-1]),
                    "unlocked": None if begun is None else float(steps[begun] / found["steps"]),
                    "curve": [
                        [int(step), round(float(each), 3)]
                        for step, each in zip(steps, smooth[:, place], strict=True)
                    ],
                    "parameters": found["parameters"],
                    **{name: found[name] for name in SEEN_UNITS},
                }
            )
    return rows


def running_mean(values: np.ndarray) -> np.ndarray:
    """Of each row with those before it, `TOGETHER` in all, fewer at the beginning."""
    return np.array([values[max(0, at - TOGETHER + 1) : at + 1].mean(axis=0) for at in range(len(values))])


def unlocked(above: np.ndarray) -> int | None:
    """From which evaluation on all are `UNLOCKED` or more, None if the last is not."""
    below = np.flatnonzero(above < UNLOCKED)
    first = int(below[-1]) + 1 if len(below) else 0
    return first if first < len(above) else None


EXPERIMENTS = (
    Experiment(
        names=("figure10",),
        title="Accuracy at each place of an 8-token window during training",
        jobs=lambda scale: [_job(scale, size) for size in scale.sizes[:3]],
        rows=_figure10,
        units={
            "parameters": "of M2's matrices, without embeddings and output",
            "place": "of a token in its window, from 1",
            "accuracy": f"% of held-out tokens at the end, the mean of the last {TOGETHER} evaluations",
            "trivial": "% at most within the first hundredth of training",
            "above_trivial": "points of accuracy above trivial",
            "unlocked": f"share of training after which accuracy stays {UNLOCKED} points or more above trivial",
            **SEEN_UNITS,
            "curve": f"(step, accuracy in %, the mean of {TOGETHER} evaluations)",
        },
        columns=(
            ("size", "M2", ""),
            ("place", "place", "d"),
            ("accuracy", "accuracy, %", ".2f"),
            ("trivial", "trivial, %", ".2f"),
            ("above_trivial", "above trivial", "+.2f"),
            ("unlocked", "unlocked at", ".0%"),
            *SEEN,
        ),
        draw=draw_tasks.figure10,
        notes=(
            "the paper shows its 403m, and gives no numbers",
            "our windows are stop-cell: nothing is padded, so that no place is easier for its zeros",
        ),
    ),
)


def _judge(rows: Rows) -> Judgement:
    by_size = {}
    for row in rows["figure10"]:
        by_size.setdefault(row["size"], []).append(row)
    counts = {size: sum(row["unlocked"] is not None for row in own) for size, own in by_size.items()}
    largest = list(by_size.values())[-1]
    begins = [1.0 if row["unlocked"] is None else row["unlocked"] for row in largest]
    above = [row["above_trivial"] for row in largest]
    value = "above trivial by place: " + ", ".join(f"{each:+.2f}" for each in above)
    in_order = all(after >= before - 0.05 for before, after in pairwise(begins))
    falls = all(after <= before + 0.3 for before, after in pairwise(above[3:]))
    enough = counts[largest[0]["size"]] >= 4
    if enough and in_order and falls and above[-1] < above[2]:
        return Judgement(REPRODUCED, value)
    if enough and any(after < before - 0.1 for before, after in pairwise(begins)):
        return Judgement(CONTRADICTED, value)
    shown = ", ".join(f"{size} {count}" for size, count in counts.items())
    trend = f"places unlocked: {shown}, {towards(counts.values())}"
    return Judgement(NOT_AT_THIS_SCALE, value, trend)


CLAIMS = (
    Claim(
        id="C17",
        where="Section 6.2, Figure 10",
        claim="Places in a window are learned in order, and accuracy falls past about 32 bits",
        paper="a figure of the 403m: places unlock one after another, 1 < 2 < 3 above trivial, then falling to 8",
        rule=f"unlocked: from there on {UNLOCKED} points or more above trivial. Reproduced if at the largest size "
        "four places or more are, none earlier than the one before it by more than a twentieth of training, and "
        "if at the end no place after the fourth is more than 0.3 points above the one before it, and the eighth "
        "is below the third; contradicted if four or more are, and one is unlocked earlier than the one before it "
        "by more than a tenth of training; else not at this scale",
        needs=("figure10",),
        judge=_judge,
    ),
)
