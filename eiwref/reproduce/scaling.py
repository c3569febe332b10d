"""M2 on every tokenizer, over sizes and seeds: Figures 3 to 6 and 15, Tables 6, 11, 13, 15 and 16.

Paper, sections 4 and 5.3, Appendix D.1 and D.3. All seeds are run at the smallest size; at larger ones the scale
may have fewer, except for the methods that the paper's main comparison is between. What every M2 is given equally
much of is the scale's `unit`; the table of matched measures shows what becomes of five methods under each unit.
"""

from eiwref.experiments import paper
from eiwref.nn import sizes
from eiwref.reproduce import draw_scaling
from eiwref.reproduce.draw_pairs import Panel, pairs
from eiwref.reproduce.experiment import SEEN, SEEN_UNITS, Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.judging import PAPER_SIZES
from eiwref.reproduce.ratios import main_methods
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.statistics import deviation, mean, welch
from eiwref.reproduce.tokens import read_by
from eiwref.reproduce.trained import UNITS as MEASURES
from eiwref.reproduce.trained import Trained, training_flops

BYTES, AC, GZIP, GZIP_65K = "Bytes", "AC[v=256]", "GZip[v=256]", "GZip[v=65k]"
WINDOW, WINDOW_65K = "EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]"
MAIN = "Tables 15 and 16"
PAPER_M1 = 6e6  # FLOPs/byte of the paper's M1, by its count of 3 million parameters
OF_A_RUN = (  # the same for all seeds
    *("bytes_per_token", "flops_per_byte", "flops_per_byte_of_m2", "flops_per_byte_with_softmax", "parameters"),
    *("parameters_in_all", "steps", "tokens_seen", "bytes_seen", "training_flops", "training_flops_with_softmax"),
)

UNITS = {
    "tokenizer": "the paper's notation; our windows are stop-cell, the paper's greedy, unless a name says so",
    "size": "of M2, by its name in `eiwref train --size`",
    "unit": "what all runs of a column are given equally much of; FLOPs count the output layer",
    "amount": "how much of it",
    "seeds": "runs that the figures are means of",
    "stopped": "runs left out, as their training went wrong",
    "bits_per_byte": "of held-out text, by M2, documents' ends included; the mean over seeds",
    "std": "standard deviation of a sample of seeds",
    "each": "bits/byte of each seed",
    "bits_per_token": "the same bits over tokens",
    "bytes_per_token": "bytes of held-out text a token, or a step of M2",
    "uniform": "bits/byte if all ids are equally likely",
    "unigram": "bits/byte under the ids' frequencies in the training text, each raised by one",
    "flops_per_byte": "2 x parameters without embeddings and output a token, M1's a byte added where it is run",
    "flops_per_byte_of_m2": "the same without M1, which 16-bit windows do not run: they are looked up",
    "flops_per_byte_with_softmax": "with M1 and both output layers",
    "flops_per_byte_of_m2_with_softmax": "of M2 with its output layer, without M1",
    "parameters": "of M2's matrices, without embeddings and output",
    "parameters_in_all": "with these, and with everything else that is trained",
    "steps": "of training, a batch each",
    **SEEN_UNITS,
    "curve": "(share of the training, bits/byte) on part of the held-out text, scaled to end at bits_per_byte",
    "fraction": "share of the training after which it was measured, the learning rate still high",
    "paper_bits_per_byte": "the paper's, of its smallest M2 (25m)",
    "paper_std": "the paper's, of five seeds",
    "paper_points": "the paper's, of its four sizes: (x of the figure, bits/byte)",
    "paper_token_points": "the paper's sizes: (M2's FLOPs/byte, its bits for each bit of a token)",
    "p_to_256": "Welch's two-sided p that the mean is that of v=256",
    "p_to_bytes": "Welch's two-sided p that the mean is that of the byte-matched runs",
}


def main_runs(scale: Scale, tokenizer: str, size: str) -> list[Trained]:
    """One a seed, at the scale's unit and amount."""
    thorough = size == scale.sizes[0] or tokenizer in (BYTES, scale.subword, WINDOW, WINDOW_65K)
    return all_seeds(scale, tokenizer, size=size)[: None if thorough else scale.fewer_seeds]


def all_seeds(scale: Scale, tokenizer: str, **more) -> list[Trained]:
    return [scale.trained(tokenizer, seed=seed, **more) for seed in scale.seeds]


def summary(grid: Grid, runs: list[Trained]) -> dict:
    """A row of runs that differ in their seed alone. Those whose training went wrong are counted and left out."""
    job, text = runs[0], grid.result(read_by(runs[0].tokenizer, runs[0].context))
    found = [grid.result(run) for run in runs]
    whole = [result for result in found if "stopped" not in result]
    each = [result["bits_per_byte"] for result in whole]
    return {
        "tokenizer": job.tokenizer,
        "size": job.size,
        "unit": job.unit,
        "amount": job.amount,
        "seeds": len(whole),
        "stopped": len(found) - len(whole),
        "bits_per_byte": mean(each) if whole else None,
        "std": deviation(each) if len(whole) > 1 else None,
        "each": each,
        "bits_per_token": mean([result["bits_per_token"] for result in whole]) if whole else None,
        "uniform": text["uniform_bits_per_byte"],
        "unigram": text["unigram_bits_per_byte"],
        "flops_per_byte_of_m2_with_softmax": _with_output(found[0]),
        "curve": _curve(whole),
        "paper_bits_per_byte": paper.value(MAIN, job.tokenizer, "bits_per_byte", PAPER_SIZES[0]),
    } | {name: found[0][name] for name in OF_A_RUN}


def _with_output(result: dict) -> float:
    """FLOPs/byte of M2's inference, a third of training's a token."""
    return result["training_flops_with_softmax"] / result["tokens_seen"] / 3 / result["bytes_per_token"]


def _curve(results: list[dict]) -> list[list[float]]:
    """Each result's evaluations on the way are of a part of the text: scaled by what the last of them is off."""
    curves = []
    for result in results:
        scaled = result["bits_per_byte"] / result["held_out_curve"][-1][1]
        curves.append([(step / result["steps"], bits * scaled) for step, bits in result["held_out_curve"]])
    return [[points[0][0], mean([bits for _, bits in points])] for points in zip(*curves, strict=True)]


def _paper_points(tokenizer: str, table: str = MAIN, over: str = "flops") -> list[list[float]]:
    """(FLOPs/byte or bytes/step, bits/byte) of the paper's sizes."""
    points = []
    for size in PAPER_SIZES:
        bits = paper.value(table, tokenizer, "bits_per_byte", size)
        x = paper.value("Table 12", tokenizer, "bytes_per_token")
        if over == "flops":
            x = 1e6 * (paper.value(MAIN, tokenizer, "mflops_per_byte", size) or 0)
        if bits is not None:
            points.append([x, bits])
    return points


def _paper_token_points(tokenizer: str) -> list[list[float]]:
    """(M2's FLOPs/byte, its bits for each bit of a token) of the paper's sizes, from its FLOPs/byte less M1's."""
    ratio = paper.value("Table 12", tokenizer, "bytes_per_token")
    token_bits = 16 if "65k" in tokenizer else 8
    return [[flops - PAPER_M1, bits * ratio / token_bits] for flops, bits in _paper_points(tokenizer)]


def _every(scale: Scale) -> list[tuple[str, str]]:
    return [(tokenizer, size) for tokenizer in main_methods(scale) for size in scale.sizes]


def _windows(scale: Scale) -> list[tuple[str, str]]:
    return [pair for pair in _every(scale) if pair[0].startswith("EqualInfo")]


def _vocabularies(scale: Scale) -> list[tuple[str, str]]:
    return [pair for pair in _every(scale) if pair[0].startswith(("EqualInfo", "GZip"))]


def _jobs(pairs):
    return lambda scale: [run for pair in pairs(scale) for run in main_runs(scale, *pair)]


def _rows(pairs, over: str = "flops"):
    def rows(scale: Scale, grid: Grid) -> list[dict]:
        return [
            summary(grid, main_runs(scale, *pair)) | {"paper_points": _paper_points(pair[0], over=over)}
            for pair in pairs(scale)
        ]

    return rows


def _proportional_rows(scale: Scale, grid: Grid) -> list[dict]:
    """Figure 15: each size measured after the share of the training that its parameters are of the largest's."""
    largest, rows = sizes.config(scale.sizes[-1], 1, 1).parameters, []
    for row in _rows(_every)(scale, grid):
        share = row["parameters"] / largest
        fraction, bits = min(row["curve"], key=lambda point: abs(point[0] - share), default=(None, None))
        rows.append(
            row
            | {
                "fraction": fraction,
                "bits_per_byte": bits,
                **dict.fromkeys(("std", "bits_per_token")),  # of the end
                "each": [],
                **{name: fraction and round(fraction * row[name]) for name in SEEN_UNITS},
                "paper_bits_per_byte": paper.value("Table 13", row["tokenizer"], "bits_per_byte", PAPER_SIZES[0]),
                "paper_points": _paper_points(row["tokenizer"], "Table 13"),
            }
        )
    return rows


def _at_65k(scale: Scale, tokenizer: str, matched: str) -> list[Trained]:
    """Runs of a v=65k tokenizer beside those of the same with v=256, which needs twice as many tokens."""
    twice = {"bytes": {"bytes": 1.0, "tokens": 2.0}, "tokens": {"bytes": 0.5, "tokens": 1.0}}
    return all_seeds(scale, tokenizer, amount=scale.amount * twice[scale.unit][matched])


def _matched_vocabularies(scale: Scale) -> list[tuple[str, list[Trained]]]:
    """(what is equal, runs) of 65k vocabularies given as many tokens as v=256, where all others are not."""
    if scale.unit == "tokens":
        return []
    return [
        ("tokens", _at_65k(scale, WINDOW_65K, "tokens")),
        ("tokens", _at_65k(scale, GZIP_65K, "tokens")),
    ]


def _figure5_rows(scale: Scale, grid: Grid) -> list[dict]:
    return [
        row | {"paper_token_points": _paper_token_points(row["tokenizer"])} for row in _rows(_windows)(scale, grid)
    ]


def _figure6_rows(scale: Scale, grid: Grid) -> list[dict]:
    rows = [row | {"matched": scale.unit} for row in _rows(_vocabularies)(scale, grid)]
    return rows + [summary(grid, runs) | {"matched": matched} for matched, runs in _matched_vocabularies(scale)]


def _table6_runs(scale: Scale) -> list[tuple[str, list[Trained]]]:
    return [
        ("", all_seeds(scale, WINDOW)),
        ("bytes", _at_65k(scale, WINDOW_65K, "bytes")),
        ("tokens", _at_65k(scale, WINDOW_65K, "tokens")),
    ]


def _table6_rows(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for matched, runs in _table6_runs(scale):
        row = summary(grid, runs) | {"matched": matched or None}
        case = matched.removesuffix("s")
        row["paper_bits_per_byte"] = paper.value("Table 6", row["tokenizer"], "bits_per_byte", case)
        for name, other in zip(("p_to_256", "p_to_bytes"), rows, strict=False):
            test = welch(row["each"], other["each"])
            row[name] = test and test.p
        rows.append(row)
    return rows


def _table11_runs(scale: Scale) -> list[list[Trained]]:
    return [all_seeds(scale, tokenizer) for tokenizer in main_methods(scale) if "65k" not in tokenizer]


def _table11_rows(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for runs in _table11_runs(scale):
        row = summary(grid, runs)
        for name, quantity in (("paper_bits_per_byte", "bits_per_byte"), ("paper_std", "std")):
            row[name] = paper.value("Table 11", row["tokenizer"], quantity, PAPER_SIZES[0])
        rows.append(row)
    return rows


def _matched_runs(scale: Scale) -> list[tuple[str, list[Trained]]]:
    """(what is equal, runs) of five methods; raw bytes are the common point, and the same runs under each unit."""
    # Of raw bytes a token is a byte, so that the amount is the same number in either.
    each = {"bytes": 1.0, "tokens": 1.0, "flops": training_flops(sizes.config(scale.sizes[0], 257, scale.context))}
    found = []
    for tokenizer in (BYTES, scale.subword, AC, WINDOW, WINDOW_65K):
        for measure in MEASURES:
            more = {} if tokenizer == BYTES else {"unit": measure, "amount": scale.amount * each[measure]}
            runs = all_seeds(scale, tokenizer, **more)
            # Other amounts than the scale's may take many times as long: one seed then.
            found.append((measure, runs if tokenizer == BYTES or measure == scale.unit else runs[:1]))
    return found


def _flat(pairs: list[tuple[str, list[Trained]]]) -> list[Trained]:
    return [run for _, runs in pairs for run in runs]


BARS = Panel("bits_per_byte", draw_scaling.BITS, "paper_bits_per_byte", "the paper's, 25m", "std", known="unigram")
BITS = (("bits_per_byte", "bits/byte", ".3f"), ("std", "std", ".4f"), ("seeds", "seeds", "d"))
PAPER = ("paper_bits_per_byte", "the paper's, 25m", ".3f")
NAMED = (("tokenizer", "tokenizer", ""), ("size", "size", ""))
COST = (
    ("flops_per_byte", "FLOPs/byte", ",.0f"),
    ("flops_per_byte_of_m2", "of M2 alone", ",.0f"),
    ("bytes_per_token", "bytes/step", ".3f"),
)
KNOWN = (("uniform", "uniform", ".3f"), ("unigram", "unigram", ".3f"))
NOTES = (
    "M2s far smaller than the paper's, trained on far less text, with AdamW and a cosine",
    "equally much of the scale's unit for all methods, where the paper gives each as many tokens",
    "M1 is run at every byte in the paper's count of FLOPs; where M2 is this small, that outweighs M2",
    "M2 pays for saying where each document ends, which the uniform and the unigram model do not",
    "windows are ours; of the paper's greedy ones an M2 as small as this learns more (Table 17)",
)

EXPERIMENTS = (
    Experiment(
        names=("figure3", "table15", "table16"),
        title="Bits/byte of every method over what it costs to run",
        jobs=_jobs(_every),
        rows=_rows(_every),
        units=UNITS,
        columns=(*NAMED, *BITS, PAPER, *KNOWN, *COST, *SEEN),
        draw=draw_scaling.figure3,
        notes=NOTES,
    ),
    Experiment(
        names=("figure4",),
        title="Bits/byte over the text that one step of M2 yields",
        jobs=_jobs(_every),
        rows=_rows(_every, over="steps"),
        units=UNITS,
        columns=(*NAMED, ("bytes_per_token", "bytes/step", ".3f"), *BITS, PAPER, *SEEN),
        draw=draw_scaling.figure4,
        notes=NOTES[:2],
    ),
    Experiment(
        names=("figure5",),
        title="Windows of 16 to 128 bits, by bytes and by tokens",
        jobs=_jobs(_windows),
        rows=_figure5_rows,
        units=UNITS,
        columns=(*NAMED, *BITS, PAPER, ("bits_per_token", "bits/token", ".3f"), *KNOWN, *COST, *SEEN),
        draw=draw_scaling.figure5,
        notes=NOTES,
    ),
    Experiment(
        names=("figure6",),
        title="Vocabularies of 256 and of 65,536",
        jobs=lambda scale: [*_jobs(_vocabularies)(scale), *_flat(_matched_vocabularies(scale))],
        rows=_figure6_rows,
        units=UNITS | {"matched": "what the v=65k and the v=256 runs are given equally much of"},
        columns=(*NAMED, ("matched", "equal", ""), *BITS, PAPER, *KNOWN, *COST, *SEEN),
        draw=draw_scaling.figure6,
        notes=NOTES,
    ),
    Experiment(
        names=("figure15", "table13"),
        title="The same with text in proportion to size",
        jobs=_jobs(_every),
        rows=_proportional_rows,
        units=UNITS,
        columns=(*NAMED, ("fraction", "share of training", ".3f"), *BITS[:1], PAPER, *KNOWN[:1], *COST, *SEEN),
        draw=draw_scaling.figure15,
        notes=(*NOTES, "taken from one run's evaluations on the way, on a part of the held-out text"),
    ),
    Experiment(
        names=("table6",),
        title="What a larger vocabulary gains for equal text and for equal tokens",
        jobs=lambda scale: _flat(_table6_runs(scale)),
        rows=_table6_rows,
        units=UNITS | {"matched": "what v=65k is given as much of as v=256"},
        columns=(
            *NAMED,
            ("matched", "matched", ""),
            *BITS,
            PAPER,
            ("p_to_256", "p to v=256", ".2g"),
            ("p_to_bytes", "p to byte-matched", ".2g"),
            *KNOWN,
            *SEEN,
        ),
        draw=pairs("65k and 256 ids, bytes or tokens matched (as in Table 6)", ("tokenizer", "matched"), BARS),
        notes=(
            *NOTES[:1],
            "the byte-matched runs have half the steps, the paper's half the context",
            "the text is far smaller than the paper's and is read more than once: with 65k ids, for equal tokens, "
            "twice as often as with 256",
        ),
    ),
    Experiment(
        names=("table11",),
        title="How far seeds lie apart",
        jobs=lambda scale: [run for runs in _table11_runs(scale) for run in runs],
        rows=_table11_rows,
        units=UNITS,
        columns=(*NAMED, *BITS, PAPER, ("paper_std", "the paper's", ".4f"), *KNOWN, *SEEN),
        draw=pairs(
            "How far seeds lie apart (as in Table 11)",
            ("tokenizer",),
            Panel("std", "standard deviation over seeds, bits/byte", "paper_std", form=".4f"),
            BARS,
        ),
        notes=(*NOTES[:2], "the seed changes initial values and order of the text; the held-out text is the same"),
    ),
    Experiment(
        names=("matched",),
        title="Five methods for equal text, equal tokens and equal training FLOPs",
        jobs=lambda scale: _flat(_matched_runs(scale)),
        rows=lambda scale, grid: [
            summary(grid, runs) | {"matched": measure} for measure, runs in _matched_runs(scale)
        ],
        units=UNITS
        | {"matched": "what is as much as raw bytes are given; FLOPs of training, output layer included"},
        columns=(
            *NAMED,
            ("matched", "equal", ""),
            *BITS,
            *KNOWN[:1],
            *SEEN,
        ),
        draw=draw_scaling.matched,
        notes=NOTES[:1],
    ),
)
