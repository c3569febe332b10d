"""All tables, figures and claims by name, and how a result is made of what the jobs found."""

import re
from pathlib import Path

from eiwref.errors import EiwrefError
from eiwref.experiments.result import Result, environment
from eiwref.files import make_folder, write_bytes
from eiwref.reproduce import (
    cost,
    generation,
    learning_ac,
    longer,
    page,
    perplexity,
    positions,
    price,
    ratios,
    round_trips,
    scaling,
    scaling_claims,
    spelling,
    stability,
    stability_claims,
    uniformity,
    variants,
    windows_m1,
)
from eiwref.reproduce.claims import Claim
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid, Job
from eiwref.reproduce.scales import Scale

EXPERIMENTS: tuple[Experiment, ...] = (
    *ratios.EXPERIMENTS,
    *round_trips.EXPERIMENTS,
    *stability.EXPERIMENTS,
    *uniformity.EXPERIMENTS,
    *price.EXPERIMENTS,
    *scaling.EXPERIMENTS,
    *variants.EXPERIMENTS,
    *learning_ac.EXPERIMENTS,
    *longer.EXPERIMENTS,
    *positions.EXPERIMENTS,
    *spelling.EXPERIMENTS,
    *generation.EXPERIMENTS,
    *perplexity.EXPERIMENTS,
    *windows_m1.EXPERIMENTS,
)
CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            *ratios.CLAIMS,
            *round_trips.CLAIMS,
            *stability_claims.CLAIMS,
            *uniformity.CLAIMS,
            *scaling_claims.CLAIMS,
            *variants.CLAIMS,
            *learning_ac.CLAIMS,
            *positions.CLAIMS,
            *spelling.CLAIMS,
            *generation.CLAIMS,
            *perplexity.CLAIMS,
        ),
        key=lambda claim: claim.id,
    )
)

ALL = "all"


def asked(what: list[str]) -> list[Experiment]:
    """The tables and figures that are named, by themselves or by a claim that rests on them.

    Raises `EiwrefError` for what is neither.
    """
    found = {}
    for name in what:
        plain = name.lower().replace(" ", "")
        claims = [claim for claim in CLAIMS if claim.id.lower() == plain]
        names = [plain, *(need for claim in claims for need in claim.needs)]
        chosen = [each for each in EXPERIMENTS if plain == ALL or set(names) & set(each.names)]
        if not chosen:
            known = [*(name for each in EXPERIMENTS for name in each.names), *(claim.id for claim in CLAIMS)]
            raise EiwrefError(
                f"{name!r} is no table, figure or claim of ours, expected one of {', '.join(known)}, or all"
            )
        found |= {each.name: each for each in chosen}
    return list(found.values())


def jobs(experiments: list[Experiment], scale: Scale) -> list[Job]:
    """What they ask for together, each once."""
    return list(dict.fromkeys(job for each in experiments for job in each.jobs(scale)))


def make(experiment: Experiment, scale: Scale, grid: Grid, options: str) -> Result | None:
    """The result of jobs that have been run, None if one has no result.

    Data, page and picture go to the grid's folder. `options`: of the command that makes it.
    """
    asked = jobs([experiment], scale)
    runs = [grid.found(job) for job in asked]
    if None in runs:
        return None
    everything = [run for job in cost.with_needs(asked) if (run := grid.found(job)) is not None]
    versions = {kind: version for job in asked for kind, version in job.versions().items()}
    result = Result(
        name=experiment.name,
        title=f"{' and '.join(map(_readable, experiment.names))}: {experiment.title}",
        command=f"eiwref reproduce {experiment.name} {options}",
        settings={"scale": scale.name, "seeds": sorted({run.job["seed"] for run in runs if "seed" in run.job})}
        | grid.about
        | {"versions": versions, "runs": {run.key: run.seconds for run in everything}},
        units=experiment.units,
        rows=experiment.rows(scale, grid),
        seconds=round(sum(run.seconds for run in everything), 1),
        environment=_together([run.environment for run in everything]),
    )
    result.save(make_folder(grid.out) / f"{result.name}.json")
    draw(experiment, result, grid.out)
    return result


def _together(environments: list[dict]) -> dict:
    """Of all machines that the runs were made on, what is known of them: values that differ side by side."""
    names = dict.fromkeys(name for each in (*environments, environment()) for name in each)
    return {name: _values([each.get(name) for each in environments]) for name in names}


def _values(each: list):
    """The one that all have, or all there are in words, and of how many runs there is none."""
    values = list(dict.fromkeys(value for value in each if value))
    silent = sum(not value for value in each)
    if len(values) == 1 and not silent:
        return values[0]
    known = " and ".join(map(str, values))
    if not silent:
        return known
    return f"{known} (not recorded of {silent} of {len(each)} runs)" if known else "not recorded"


def draw(experiment: Experiment, result: Result, out: Path) -> None:
    """Page and picture of a saved result."""
    write_bytes(out / f"{result.name}.md", page.markdown(experiment, result).encode("utf-8"))
    if experiment.draw is not None:
        write_bytes(out / f"{result.name}.png", experiment.draw(result))


def _readable(name: str) -> str:
    """ "Table 3" of "table3", "Short m1" of "short_m1"."""
    return re.sub(r"^(table|figure)(?=\d)", r"\1 ", name).replace("_", " ").capitalize()
