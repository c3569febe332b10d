"""All tables and figures by name, and how one is made."""

import re
import time
from pathlib import Path

from eiwref.errors import EiwrefError
from eiwref.experiments.result import Result, environment
from eiwref.files import make_folder, write_bytes
from eiwref.reproduce import page, price, ratios, round_trips, stability, uniformity
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.scales import Scale

EXPERIMENTS: tuple[Experiment, ...] = (
    *ratios.EXPERIMENTS,
    *round_trips.EXPERIMENTS,
    *stability.EXPERIMENTS,
    *uniformity.EXPERIMENTS,
    *price.EXPERIMENTS,
)
BY_NAME = {name: experiment for experiment in EXPERIMENTS for name in experiment.names}


def named(name: str) -> Experiment:
    """Raises `EiwrefError` for a table or figure that is not one."""
    plain = name.lower().replace(" ", "")
    if plain not in BY_NAME:
        raise EiwrefError(f"{name!r} is no table or figure of ours, expected one of {', '.join(BY_NAME)}, or all")
    return BY_NAME[plain]


def make(experiment: Experiment, scale: Scale, grid: Grid, command: str, workers: int) -> Result:
    """The result, its jobs run first if need be; data, page and picture go to the grid's folder."""
    started = time.perf_counter()
    grid.run(experiment.jobs(scale), workers)
    runs = [grid.found(job) for job in dict.fromkeys(experiment.jobs(scale))]
    result = Result(
        name=experiment.name,
        title=f"{' and '.join(map(_readable, experiment.names))}: {experiment.title}",
        command=command,
        settings={"scale": scale.name, "seeds": list(scale.seeds)}
        | grid.about
        | {"runs": [run.key for run in runs]},
        units=experiment.units,
        rows=experiment.rows(scale, grid),
        seconds=round(sum(run.seconds for run in runs) + time.perf_counter() - started, 1),
        environment=environment(),
    )
    write(experiment, result, grid.out)
    return result


def write(experiment: Experiment, result: Result, out: Path) -> None:
    """Data, page and picture of a result."""
    folder = make_folder(out)
    result.save(folder / f"{result.name}.json")
    write_bytes(folder / f"{result.name}.md", page.markdown(experiment, result).encode("utf-8"))
    if experiment.draw is not None:
        write_bytes(folder / f"{result.name}.png", experiment.draw(result))


def _readable(name: str) -> str:
    """ "Table 3" of "table3"."""
    return re.sub(r"(?<=[a-z])(?=\d)", " ", name).capitalize()
