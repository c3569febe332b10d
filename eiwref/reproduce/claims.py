"""A claim of the paper, the rule by which our runs judge it, and the verdict.

Rule and threshold are written down in words, beside the code that applies them, before the runs that they judge
are made; `ledger` prints both. A claim that our runs do not show need not be wrong: they are small. So there are
three verdicts, and "not at this scale" must say which trend with scale speaks for the claim, or that what trends
there are do not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

REPRODUCED, NOT_AT_THIS_SCALE, CONTRADICTED = "reproduced", "not at this scale", "contradicted"

Rows = dict[str, list[dict]]  # of experiments, by their first name


class Judgement(NamedTuple):
    """`value`: our figures in a few words. `trend`: how they move with scale; needed if not at this scale.

    `caution`: what a verdict that the rule gives does not show.
    """

    verdict: str
    value: str
    trend: str = ""
    caution: str = ""


@dataclass(frozen=True)
class Claim:
    """`id`: C01 to C30. `needs`: the experiments (first names) whose rows `judge` is given, if `only` is true."""

    id: str
    where: str  # in the paper
    claim: str
    paper: str  # its value
    rule: str  # what must hold for which verdict, with thresholds
    needs: tuple[str, ...]
    judge: Callable[[Rows], Judgement]
    only: Callable[[dict], bool] = lambda row: True
