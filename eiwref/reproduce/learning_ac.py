"""What a network learns of arithmetic coding itself: single bits of it, and the coder as a task.

Paper, sections 5.1 and 5.2 and Table 5. An M2 over the bits of AC one by one, so that no token hides where a
symbol's bits end; and networks that compress and decompress, see `coder_tasks`.
"""

from dataclasses import asdict
from math import log

import numpy as np

from eiwref.experiments import paper
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.coder_tasks import AC, ALONE, BYTES, COMPRESS, DECOMPRESS, EARLY, WINDOWS, Task
from eiwref.reproduce.draw_pairs import Panel, pairs
from eiwref.reproduce.experiment import SEEN, SEEN_UNITS, Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.judging import (
    LEARNED,
    Missing,
    at_sizes,
    given,
    late,
    learned,
    measured,
    on_the_way,
    sizes_of,
    towards,
    windows_trend,
)
from eiwref.reproduce.places import Places
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.statistics import deviation, welch
from eiwref.reproduce.trained import seen

BITS = "AC[v=2]"
NOTHING = 0.003  # nats a bit
TASKS = ((AC, DECOMPRESS), (BYTES, ALONE), (WINDOWS, DECOMPRESS), (AC, COMPRESS), (WINDOWS, COMPRESS))


def _task(scale: Scale, tokenizer: str, task: str, size: str, seed: int) -> Task:
    return Task(task, tokenizer, size, scale.task_bytes, scale.task_examples, scale.batch, seed)


def _table5_jobs(scale: Scale) -> list[Task]:
    return [
        _task(scale, tokenizer, task, size, seed)
        for size in scale.sizes[:2]
        for tokenizer, task in TASKS
        for seed in scale.seeds
    ]


def _table5(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for size in scale.sizes[:2]:
        found = {
            (tokenizer, task): [grid.result(_task(scale, tokenizer, task, size, seed)) for seed in scale.seeds]
            for tokenizer, task in TASKS
        }
        alone = [run for run in found[BYTES, ALONE] if "stopped" not in run]
        for (tokenizer, task), each in found.items():
            runs = [run for run in each if "stopped" not in run]
            accuracies = [run["accuracy"] for run in runs]
            is_late = bool(runs) and all(run["late_accuracy"] is not None for run in runs)
            job = _task(scale, tokenizer, task, size, scale.seeds[0])
            early = [] if task == COMPRESS or not is_late else [_early(grid, job, run) for run in runs]
            p, late_p = (
                _p(runs, alone, name) if task == DECOMPRESS and is_late else None
                for name in ("accuracy", "late_accuracy")
            )
            theirs = AC if task == ALONE else tokenizer
            rows.append(
                {
                    "tokenizer": tokenizer,
                    "task": task,
                    "size": size,
                    "seeds": len(runs),
                    "stopped": len(each) - len(runs),
                    "accuracy": float(np.mean(accuracies)) if runs else None,
                    "nats": float(np.mean([run["nats"] for run in runs])) if runs else None,
                    "early_accuracy": float(np.mean(early)) if early else None,
                    "late_accuracy": float(np.mean([run["late_accuracy"] for run in runs])) if is_late else None,
                    "accuracies": accuracies,
                    "std": deviation(accuracies) if len(accuracies) > 1 else None,
                    **_seen(grid, job),
                    "p": p,
                    "late_p": late_p,
                    "nats_by_seed": [run["nats"] for run in runs],
                    "different_examples": each[0]["different_examples"],
                    "paper_accuracy": paper.value("Table 5", theirs, "accuracy_percent", task),
                    "paper_nats": paper.value("Table 5", theirs, "nats", task),
                }
            )
    return rows


def _early(grid: Grid, job: Task, run: dict) -> float:
    """% of the first outputs of the texts, which all have as many."""
    early = EARLY * grid.result(job.needs()[0])["held_out"]["examples"]
    right = run["accuracy"] * run["outputs"] - run["late_accuracy"] * (run["outputs"] - early)
    return right / early


def _p(runs: list[dict], others: list[dict], name: str) -> float | None:
    test = welch([run[name] for run in runs], [run[name] for run in others])
    return None if test is None else test.p


def _seen(grid: Grid, job: Task) -> dict:
    """Of one task, its tokens counted at the mean of its examples."""
    (pairs_job,) = job.needs()
    train = grid.result(pairs_job)["train"]
    return seen(job.training(job.text_bytes * train["examples"] / train["tokens"]))


def bits_job(scale: Scale, size: str, times: float = 1.0) -> Places:
    """An M2 over single bits of AC, so many times as many as an M2 over raw bytes sees bytes."""
    trained = scale.trained(BITS, size, unit="tokens", amount=scale.amount * times)
    return Places(**asdict(trained), few=scale.few // 4)


def _bits(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for size in scale.sizes[:3]:
        found = grid.result(bits_job(scale, size))
        last = found["by_place"][-1]
        rows.append(
            {
                "size": size,
                "parameters": found["parameters"],
                "bits_seen": found["tokens_seen"],
                **{name: found[name] for name in SEEN_UNITS},
                "accuracy": last["accuracy"][0],
                "nats": last["nats"][0],
                "uniform_nats": log(2),
                "paper_nats": paper.value("Section 5.1", BITS, "nats", "25m"),
            }
        )
    return rows


EXPERIMENTS = (
    Experiment(
        names=("bits",),
        title="An M2 over single bits of AC",
        jobs=lambda scale: [bits_job(scale, size) for size in scale.sizes[:3]],
        rows=_bits,
        units={
            "bits_seen": "tokens seen in training, a bit each",
            "accuracy": "% of held-out bits, ends of documents left out",
            **SEEN_UNITS,
            "nats": "nats a bit, on the same",
            "uniform_nats": "the natural logarithm of 2",
            "parameters": "of M2's matrices, without embeddings and output",
            "paper_nats": "the paper's, of its 25m",
        },
        columns=(
            ("size", "M2", ""),
            ("parameters", "parameters", ","),
            ("bits_seen", "bits seen", ","),
            ("accuracy", "accuracy, %", ".2f"),
            ("nats", "nats/bit", ".4f"),
            ("uniform_nats", "uniform", ".4f"),
            ("paper_nats", "the paper's, 25m", ".4f"),
            *SEEN[1:],
        ),
        draw=pairs(
            "Single bits of AC (section 5.1)",
            ("size",),
            Panel(
                "nats",
                "nats a bit",
                "paper_nats",
                "the paper's, 25m",
                form=".5f",
                known="uniform_nats",
                least=0.01,
            ),
            Panel("accuracy", "accuracy, % (half by guessing)", least=10),
        ),
        notes=("the paper trains its 25m and 403m to convergence, ours see as many tokens as an M2 over bytes",),
    ),
    Experiment(
        names=("table5",),
        title="Compressing and decompressing as a task to learn",
        jobs=_table5_jobs,
        rows=_table5,
        units={
            "seeds": "runs that the figures are means of",
            "stopped": "runs left out, as their training went wrong",
            "accuracy": "% of outputs on held-out examples, each seeing the true ones before; mean over seeds",
            "nats": "nats an output, on the same; mean over seeds",
            "early_accuracy": f"% of the first {EARLY} bytes of a text; mean over seeds",
            "late_accuracy": f"% of outputs after the first {EARLY} of an example; mean over seeds",
            "accuracies": "by seed",
            "p": "of Welch's test against the accuracies of bytes alone, two-sided",
            "late_p": "the same of later outputs",
            "nats_by_seed": "by seed",
            "std": "standard deviation of the accuracy over seeds, points",
            **SEEN_UNITS,
            "tokens_seen": "in training, of one seed: about, as if every example had the mean's tokens",
            "paper_accuracy": "the paper's, %",
            "paper_nats": "the paper's, nats an output",
            "different_examples": "in the training text; if fewer than are seen, they come again",
        },
        columns=(
            ("tokenizer", "tokenizer", ""),
            ("task", "task", ""),
            ("size", "network", ""),
            ("accuracy", "accuracy, %", ".2f"),
            ("paper_accuracy", "the paper's", ".2f"),
            ("nats", "nats", ".3f"),
            ("paper_nats", "the paper's", ".3f"),
            ("early_accuracy", f"first {EARLY} bytes, %", ".2f"),
            ("late_accuracy", "later outputs, %", ".2f"),
            ("p", "p against bytes alone", ".2g"),
            ("late_p", "p of later outputs", ".2g"),
            ("seeds", "seeds", "d"),
            ("std", "std of accuracy", ".2f"),
            *SEEN,
        ),
        draw=pairs(
            "The coder as a task (as in Table 5)",
            ("tokenizer", "task", "size"),
            Panel("accuracy", "accuracy, %", "paper_accuracy", spread="std"),
            Panel("early_accuracy", f"of the first {EARLY} bytes, %"),
            Panel("late_accuracy", f"past the first {EARLY} outputs, %"),
        ),
        notes=(
            "texts are shorter than the paper's 1,024 bytes, so that the first few tokens, which hang on a few "
            "bytes, weigh more; later outputs have a column of their own",
            "losses are of inputs too, and the end of a document parts input from output",
            "both tokenizers' texts are the same, so that one network over bytes alone stands for both",
        ),
    ),
)


@measured
def _judge_bits(rows: Rows) -> Judgement:
    nats = {row["size"]: row["nats"] for row in rows["bits"]}
    control = [row for row in sizes_of(rows["figure3"], WINDOWS) if row["size"] in nats]
    more, longer = sizes_of(rows["longer"], BITS), sizes_of(rows["longer"], WINDOWS)
    value = ", ".join(f"{size} {each:.4f}" for size, each in nats.items()) + f" nats/bit (ln 2 = {log(2):.4f})"
    value += f"; meanwhile {WINDOWS} {at_sizes(control)} bits/byte, unigram {control[0]['unigram']:.3f}; "
    value += f"{given(more)}, {more[0]['nats']:.4f} nats/bit, {WINDOWS} {given(longer)} {at_sizes(longer)}"
    every = [*nats.values(), more[0]["nats"]]
    if min(every) < log(2) - NOTHING:
        return Judgement(CONTRADICTED, value)
    if max(every) <= log(2) + NOTHING and (learned(*control) or learned(*longer)):
        caution = "; ".join(filter(None, (late(WINDOWS, control, longer), _less_text(more[0], longer[0]))))
        return Judgement(REPRODUCED, value, caution=caution)
    return Judgement(NOT_AT_THIS_SCALE, value, windows_trend(WINDOWS, control, longer))


def _less_text(bits: dict, windows: dict) -> str:
    """How far windows had come when they had seen as much text as single bits in all; nothing if that was more."""
    share = bits["bytes_seen"] / windows["bytes_seen"]
    if share >= 1:
        return ""
    gap = on_the_way(windows, share) - windows["unigram"]
    return (
        f"single bits stood for {bits['bytes_seen'] / 1e6:.1f} MB of text, windows for "
        f"{windows['bytes_seen'] / 1e6:.1f} MB; after as much as the bits they were {abs(gap):.3f} bits/byte "
        f"{'below' if gap < 0 else 'above'} their unigram model"
    )


@measured
def _judge_decompress(rows: Rows) -> Judgement:
    gains = {}  # by size: points over bytes alone, of AC and of windows
    for size, accuracy in _by_size(rows["table5"], "late_accuracy").items():
        alone = accuracy[BYTES, ALONE]
        gains[size] = accuracy[AC, DECOMPRESS] - alone, accuracy[WINDOWS, DECOMPRESS] - alone
    value = "; ".join(f"{size}: AC {ac:+.2f}, windows {own:+.2f} points" for size, (ac, own) in gains.items())
    value += _early_gains(rows["table5"])
    ac, windows = list(gains.values())[-1]
    if windows >= 5 and ac < windows / 5:
        return Judgement(REPRODUCED, value)
    if ac >= 5 and ac >= windows:
        return Judgement(CONTRADICTED, value)
    gained = [own for _, own in gains.values()]
    trend = f"the gain of windows from the smaller network to the larger: {_arrow(gained)}, {towards(gained)}"
    return Judgement(NOT_AT_THIS_SCALE, value, trend)


def _early_gains(rows: list[dict]) -> str:
    """What is learned first, and not judged, as much of it is of a few bytes: how texts begin."""
    shown = [
        f"{size}: AC {own[AC, DECOMPRESS] - own[BYTES, ALONE]:+.1f}, windows "
        f"{own[WINDOWS, DECOMPRESS] - own[BYTES, ALONE]:+.1f}"
        for size, own in _by_size(rows, "early_accuracy").items()
        if own[BYTES, ALONE] is not None
    ]
    return f" (of the first {EARLY} bytes, which are not judged, {'; '.join(shown)})" if shown else ""


@measured
def _judge_compress(rows: Rows) -> Judgement:
    late, whole = (
        {size: each[AC, COMPRESS] for size, each in _by_size(rows["table5"], name).items()}
        for name in ("late_accuracy", "accuracy")
    )
    value = "; ".join(f"{size}: {whole[size]:.2f} %" + _later(late[size]) for size in whole)
    last = list(late.values())[-1]
    alone, windows = (
        list(_by_size(rows["table5"], "accuracy").values())[-1][which]
        for which in ((BYTES, ALONE), (WINDOWS, COMPRESS))
    )
    if last is not None and last < 5 and alone >= 30:
        caution = (
            f"networks as small learn to compress by windows hardly better ({windows:.2f} % of tokens), so that "
            "this does not tell AC from them; the paper has no such row"
        )
        return Judgement(REPRODUCED, value, caution=caution if windows < 5 else "")
    if last is not None and last >= 20:
        return Judgement(CONTRADICTED, value)
    known = [each for each in late.values() if each is not None]
    trend = f"after the first {EARLY} tokens, from the smaller network to the larger: {_arrow(known)}"
    trend += f", {towards(known, 'lower')}" if known else "none can be told"
    return Judgement(NOT_AT_THIS_SCALE, value, trend)


def _later(late: float | None) -> str:
    return "" if late is None else f", {late:.2f} % after the first {EARLY} tokens"


def _by_size(rows: list[dict], name: str) -> dict[str, dict]:
    """{size: {(tokenizer, task): value}}; raises `Missing` where every run went wrong."""
    found = {}
    for row in rows:
        if not row["seeds"]:
            raise Missing(f"{row['tokenizer']}, {row['task']}, {row['size']}: training went wrong for every seed")
        found.setdefault(row["size"], {})[row["tokenizer"], row["task"]] = row[name]
    return found


def _arrow(values) -> str:
    return " -> ".join(f"{value:.3f}" for value in values)


CLAIMS = (
    Claim(
        id="C11",
        where="Section 5.1",
        claim="An M2 over single bits of AC learns nothing",
        paper="0.693 nats a bit at 25m, 0.6928 at 403m; ln 2 is 0.6931",
        rule=f"Reproduced if nats a bit are within {NOTHING} of ln 2 at every size and given more of them, while "
        f"{WINDOWS} given as much text as bytes are, or as much more, is below its unigram model by more than "
        f"{LEARNED} bits/byte at each of them. Contradicted if they are lower than ln 2 by more than {NOTHING} at "
        "one. Else not at this scale.",
        needs=("bits", "figure3", "longer"),
        judge=_judge_bits,
    ),
    Claim(
        id="C12",
        where="Section 5.2, Table 5",
        claim="Decompressing AC is not learned, decompressing equal-info windows is",
        paper="AC 76.98 % to 76.86 % of bytes alone; windows 95.30 % to 76.83 %",
        rule=f"gain: points of accuracy, on outputs after the first {EARLY} of a text, over the network that sees "
        "bytes alone, at the largest size. Reproduced if "
        "that of windows is 5 or more and that of AC less than a fifth of it; contradicted if that of AC is 5 or "
        "more and no less than that of windows; else not at this scale",
        needs=("table5",),
        judge=_judge_decompress,
    ),
    Claim(
        id="C13",
        where="Section 5.2, Table 5",
        claim="Compressing by AC is barely learned",
        paper="1.7 % of tokens, of texts of 1,024 bytes",
        rule=f"accuracy on tokens after the first {EARLY} of a text, at the largest size: reproduced below 5 % if "
        "the network over bytes alone, trained as long, is right in 30 % or more; contradicted from 20 % on; "
        "else, or where texts have no more tokens, not at this scale",
        needs=("table5",),
        judge=_judge_compress,
    ),
)
