"""What a reproduction would take, told before anything is run: each training run's settings, FLOPs and hours.

FLOPs of training are 6 x parameters x tokens, without embeddings, as the paper counts; those with the output layer
stand beside them and make the hours. Left out: tokenizing, where M1 runs at every byte, and evaluation.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from eiwref.reproduce.grid import Job, Training
from eiwref.reproduce.page import cell
from eiwref.reproduce.trained import seen
from eiwref.run import Plan
from eiwref.show import table


class Device(NamedTuple):
    """What a plan's time is told of."""

    name: str
    flops_per_second: float  # sustained


GPU = Device("one device of the H200's class", 4e14)  # assumed: about 40 % of what it can do in 16 bits
CORE = Device("one core of a laptop", 4e10)  # runs of scale laptop did 3.2e10 to 7.2e10 on one with AVX-512

COLUMNS = (
    *(("kind", "job", ""), ("tokenizer", "tokenizer", ""), ("size", "size", ""), ("seeds", "seeds", "")),
    *(("steps", "steps", ","), ("warm_up", "warm-up", ","), ("tokens", "tokens each", ".3g")),
    *(("bytes_per_token", "bytes/token", ".2f"), ("bytes", "text each, bytes", ".3g")),
    *(("flops", "FLOPs each", ".3g"), ("flops_with_output", "with output layer", ".3g")),
    ("hours", "hours, all seeds", ".3g"),
)
SUMS = ("tokens", "bytes", "flops", "flops_with_output", "hours")


def plan(jobs: Iterable[Job], bytes_per_token: Callable[[str], float | None], device: Device) -> dict:
    """`runs`: a dict each run of training; `sum` of them; `others`: how many jobs of each kind train nothing.

    What hangs on bytes per token that are not known is None, and is missing in the sum (`unknown` says how often).
    """
    runs, others = [], Counter()
    for job in with_needs(jobs):
        if job.training(None) is None:
            others[job.describe()["kind"]] += 1
            continue
        name = getattr(job, "tokenizer", None)
        ratio = None if name is None else bytes_per_token(name)
        runs.append(_run(job, job.training(ratio), ratio, device))
    return {
        "device": device.name,
        "flops_per_second": device.flops_per_second,
        "runs": runs,
        "sum": {name: sum(run[name] or 0 for run in runs) for name in SUMS},
        "unknown": sum(any(run[name] is None for name in SUMS) for run in runs),
        "others": dict(others),
    }


def with_needs(jobs: Iterable[Job]) -> list[Job]:
    """The jobs and what they need, each once."""
    found, waiting = {}, list(jobs)
    while waiting:
        job = waiting.pop(0)
        if job not in found:
            found[job] = None
            waiting += job.needs()
    return list(found)


def _run(job: Job, training: Training, ratio: float | None, device: Device) -> dict:
    config, how, _ = training
    settings = job.describe()
    of = settings.get("m2", settings)  # whose training goes on
    made = {
        "kind": settings["kind"],
        "job": settings,
        "tokenizer": of.get("tokenizer"),
        "size": of.get("size"),
        "seed": settings.get("seed"),
        "context": config.context,
        "parameters": config.parameters,
        "output_parameters": config.d_model * config.symbols,
        "bytes_per_token": ratio,
    }
    if how is None:
        return made | dict.fromkeys(("batch", "steps", "warm_up", "schedule", *SUMS))
    amounts = seen(training, ratio)
    return made | {
        "batch": how.batch,
        "steps": how.steps,
        "warm_up": how.warm_up,
        "schedule": _schedule(how),
        "tokens": amounts["tokens_seen"],
        "bytes": amounts["bytes_seen"],
        "flops": amounts["training_flops"],
        "flops_with_output": amounts["training_flops_with_softmax"],
        "hours": amounts["training_flops_with_softmax"] / device.flops_per_second / 3600,
    }


def _schedule(how: Plan) -> str:
    """Of the learning rate, see `Plan.learning_rate_at`."""
    if how.optimizer == "adafactor":
        return "adafactor, learning rate 1/sqrt(step) after the warm-up"
    rate = f"learning rate {how.learning_rate:.3g}"
    return f"{how.optimizer}, {rate} after a linear warm-up, down to a tenth of it along half a cosine"


def show(planned: dict) -> str:
    """For people: runs that differ in their seed alone are one line, those of one shape of batch one table."""
    shapes: dict[tuple, dict] = {}
    for run in planned["runs"]:
        shape = tuple(run[name] for name in ("context", "batch", "schedule"))
        line = tuple(str(value) for name, value in run["job"].items() if name != "seed")
        shapes.setdefault(shape, {}).setdefault(line, []).append(run)
    parts = []
    for (context, batch, schedule), lines in shapes.items():
        head = f"Context {context} tokens"
        if schedule is not None:
            head += f", batch {batch} sequences, {schedule}"
        rows = [_line(runs) for runs in lines.values()]
        cells = [[cell(row[name], form) for name, _, form in COLUMNS] for row in rows]
        parts.append(f"{head}:\n\n{table([heading for _, heading, _ in COLUMNS], cells)}")
    others = ", ".join(f"{count} {kind}" for kind, count in planned["others"].items())
    if planned["runs"]:
        parts.append(_in_sum(planned))
    if others:
        parts.append(f"Runs without training: {others}.")
    return "\n\n".join(parts)


def _line(runs: list[dict]) -> dict:
    seeds = " ".join(str(run["seed"]) for run in runs if run["seed"] is not None)
    hours = None if runs[0]["hours"] is None else sum(run["hours"] for run in runs)
    return runs[0] | {"seeds": seeds or None, "hours": hours}


def _in_sum(planned: dict) -> str:
    total, unknown = planned["sum"], planned["unknown"]
    sentence = (
        f"In sum {len(planned['runs'])} runs of training, {total['tokens']:.3g} tokens, "
        f"{total['bytes']:.3g} bytes of text, {total['flops']:.3g} FLOPs "
        f"({total['flops_with_output']:.3g} with the output layer): "
        f"{total['hours']:.3g} hours ({total['hours'] / 24:.3g} days) on {planned['device']}, of which "
        f"{planned['flops_per_second']:.0e} FLOPs a second are assumed. Tokenizing and evaluation come on top."
    )
    if unknown:
        sentence += f" Not in it, or not wholly: {unknown} runs whose bytes per token are not known yet."
    return sentence
