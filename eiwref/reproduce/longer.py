"""Tokens of 256 ids once more, given more text: is AC as random as ever where windows have been learned?

Paper, section 4: its M2s saw tens of billions of tokens, and what it says cannot be learned stands beside what
was. At scale `laptop` the M2s of Figure 3 end when those over windows have hardly begun to learn. Runs of 256 ids
are cheap, as their output layer is small; so AC, StaticAC, windows of four sizes and single bits of AC are given
`Scale.longer` times as much here, at the largest size of M2. Left out: GZip, subwords and raw bytes, which are no
part of the question, and vocabularies of 65k.
"""

from eiwref.reproduce import draw_scaling
from eiwref.reproduce.experiment import SEEN, Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.learning_ac import bits_job
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.scaling import BITS, COST, KNOWN, NAMED, NOTES, PAPER, UNITS, all_seeds, summary
from eiwref.reproduce.trained import Trained

METHODS = ("AC[v=256]", "StaticAC[v=256]", *(f"EqualInfoAC[b={bits}, v=256]" for bits in (16, 32, 64, 128)))


def _runs(scale: Scale) -> list[list[Trained]]:
    """All seeds of each method, of single bits the first."""
    size, amount = scale.sizes[-1], scale.amount * scale.longer
    methods = [all_seeds(scale, tokenizer, size=size, amount=amount) for tokenizer in METHODS]
    return [*methods, [bits_job(scale, scale.sizes[:3][-1], scale.longer)]]


def _rows(scale: Scale, grid: Grid) -> list[dict]:
    return [summary(grid, runs) | {"nats": _nats(grid, runs[0])} for runs in _runs(scale)]


def _nats(grid: Grid, job: Trained) -> float | None:
    """Of a token, where it was looked at by itself: of single bits."""
    found = grid.result(job).get("by_place")
    return found[-1]["nats"][0] if found else None


EXPERIMENTS = (
    Experiment(
        names=("longer",),
        title="Tokens of 256 ids, given more text",
        jobs=lambda scale: [run for runs in _runs(scale) for run in runs],
        rows=_rows,
        units=UNITS | {"nats": "of single bits: nats a bit, ends of documents left out; ln 2 is 0.6931"},
        columns=(
            *NAMED,
            *BITS,
            PAPER,
            *KNOWN,
            ("bits_per_token", "bits/token", ".3f"),
            ("nats", "nats/bit", ".4f"),
            *COST[1:],
            *SEEN,
        ),
        draw=draw_scaling.longer,
        notes=(
            *NOTES[:1],
            "the text to learn from is small, so that it is read again and again",
            "of single bits M2 sees as many as an M2 over raw bytes would see bytes",
            *NOTES[3:],
        ),
    ),
)
