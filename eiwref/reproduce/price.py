"""What exact windows cost, and what they save: findings beside the paper's own.

Paper, sections 3.3 and 3.6, Appendix A.5. Windows that always decode hold less text or, as stop cells do, as much.
And as each begins afresh, 16-bit windows can be cut and read by a list of 65,536 texts (`windows.codebook`): then
M1 is not run at all where the paper counts it at every byte. What exactness costs M1 itself, integers for floats,
`eiwref quantise` says.
"""

from eiwref.evaluate import flops_per_byte
from eiwref.experiments import paper
from eiwref.nn import sizes
from eiwref.reproduce import draw_text, round_trips
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.tokens import Tokens

WINDOWS = "EqualInfoAC[b=16, v=65k]"
SIZES = ("25m", "2b")  # of M2: the paper's smallest and largest
CONTEXT = 512  # tokens, as in the paper
WITH_M1, BY_CODEBOOK = "M1 at every byte", "by codebook"


def _exactness_rows(scale: Scale, grid: Grid) -> list[dict]:
    by_width: dict[int, dict[str, dict]] = {}
    for row in round_trips.rows(scale, grid):
        by_width.setdefault(row["window_bits"], {})[row["windows"]] = row
    rows = []
    for window_bits, own in by_width.items():
        ours = {name: row["bytes_per_window"] for name, row in own.items()}
        theirs = {name: row["paper_bytes_per_window"] for name, row in own.items()}
        rows.append(
            {
                "window_bits": window_bits,
                **ours,
                "stop_over_greedy": ours["stop"] / ours["greedy"] - 1,
                "delay_over_greedy": ours["delay"] / ours["greedy"] - 1,
                "paper_delay_over_greedy": None
                if theirs["delay"] is None
                else theirs["delay"] / theirs["greedy"] - 1,
            }
        )
    return rows


def _flops_rows(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for size in SIZES:
        for name, way in ((scale.subword, ""), (WINDOWS, WITH_M1), (WINDOWS, BY_CODEBOOK)):
            found = grid.result(Tokens(name))
            ratio = found["bytes_per_token"]
            config = sizes.config(size, found["vocabulary"] + 1, CONTEXT)
            m1 = 2 * found["m1_parameters"] if way == WITH_M1 else 0
            m1_softmax = 2 * found["m1_output_parameters"] if way == WITH_M1 else 0
            theirs = paper.value("Tables 15 and 16", name, "mflops_per_byte", size)
            rows.append(
                {
                    "size": size,
                    "tokenizer": name,
                    "way": way,
                    "parameters": config.parameters,
                    "bytes_per_token": ratio,
                    "mflops": (flops_per_byte(config, ratio) + m1) / 1e6,
                    "paper_mflops": None if way == BY_CODEBOOK else theirs,
                    "mflops_with_softmax": (flops_per_byte(config, ratio, softmax=True) + m1 + m1_softmax) / 1e6,
                }
            )
    return rows


EXPERIMENTS = (
    Experiment(
        names=("exactness",),
        title="What windows that always decode cost",
        jobs=round_trips.jobs,
        rows=_exactness_rows,
        units={
            "window_bits": "bits of a window",
            "greedy": "bytes of text a window, the paper's scheme",
            "stop": "bytes of text a window, stop cells",
            "delay": "bytes of text a window, the paper's variant that decodes",
            "stop_over_greedy": "how much more text a window holds; less, if negative",
            "delay_over_greedy": "how much more text a window holds; less, if negative",
            "paper_delay_over_greedy": "the paper's",
        },
        columns=(
            ("window_bits", "bits a window", ""),
            ("greedy", "greedy", ".3f"),
            ("stop", "stop", ".3f"),
            ("delay", "delay", ".3f"),
            ("stop_over_greedy", "stop over greedy", "+.1%"),
            ("delay_over_greedy", "delay over greedy", "+.1%"),
            ("paper_delay_over_greedy", "the paper's", "+.1%"),
        ),
        draw=draw_text.exactness,
    ),
    Experiment(
        names=("flops",),
        title="What a byte of text costs an M2 with and without M1 at its side",
        jobs=lambda scale: [Tokens(scale.subword), Tokens(WINDOWS)],
        rows=_flops_rows,
        units={
            "size": "M2's, by the paper's name; our networks of these names hold a quarter less, 2b two fifths",
            "way": "how windows are cut and read",
            "parameters": "of M2's matrices, without embeddings and output",
            "bytes_per_token": "found on the held-out text of this scale",
            "mflops": "millions of FLOPs a byte of text, embeddings and output layer left out, as in the paper",
            "paper_mflops": "the paper's, by its own sizes",
            "mflops_with_softmax": "the output layers counted",
        },
        columns=(
            ("size", "M2", ""),
            ("tokenizer", "tokenizer", ""),
            ("way", "windows", ""),
            ("bytes_per_token", "bytes/token", ".3f"),
            ("mflops", "MFLOPs/byte", ",.2f"),
            ("paper_mflops", "the paper's", ",.2f"),
            ("mflops_with_softmax", "with output layers", ",.2f"),
        ),
        draw=draw_text.flops,
        notes=(
            "No M2 of these sizes is run. M1 and the subword vocabulary are those at hand and may be smaller than "
            "the paper's.",
        ),
    ),
)
