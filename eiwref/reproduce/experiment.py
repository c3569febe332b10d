"""What a table or figure of the paper is to us: the jobs it asks for, and the rows it makes of what they found."""

from collections.abc import Callable
from dataclasses import dataclass, field

from eiwref.experiments.result import Result
from eiwref.reproduce.grid import Grid, Job
from eiwref.reproduce.scales import Scale

# What a network saw, and what that cost; columns and what they mean.
SEEN = (
    ("tokens_seen", "tokens seen", ","),
    ("bytes_seen", "bytes seen", ","),
    ("training_flops_with_softmax", "training FLOPs", ".2e"),
)
SEEN_UNITS = {
    "tokens_seen": "in training, of one seed",
    "bytes_seen": "the text they stand for",
    "training_flops": "6 x parameters a token seen",
    "training_flops_with_softmax": "6 x parameters and output layer a token seen; embeddings and attention's "
    "products are left out",
}


@dataclass(frozen=True)
class Experiment:
    """`names`: as asked for on the command line, "table3" or "figure11"; the first names its files.

    `rows`: plain data, a dict a row, the paper's value beside ours under a name that begins with "paper_".
    `columns`: (name in the rows, heading, format) of the page's table. `draw`: a picture (PNG) of a saved result.
    """

    names: tuple[str, ...]
    title: str
    jobs: Callable[[Scale], list[Job]]
    rows: Callable[[Scale, Grid], list[dict]]
    units: dict[str, str]
    columns: tuple[tuple[str, str, str], ...]
    draw: Callable[[Result], bytes] | None = None
    notes: tuple[str, ...] = field(default=())  # sentences below the page's table: where it departs from the paper

    @property
    def name(self) -> str:
        return self.names[0]
