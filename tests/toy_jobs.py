"""Jobs that take no time and count how often they are made, where other processes can import them."""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from eiwref import cli
from eiwref.errors import EiwrefError
from eiwref.predictors.static import Unigram
from eiwref.predictors.store import save_predictor
from eiwref.reproduce import registry
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid, Job, Place
from eiwref.reproduce.material import Material


def note(place: Place, line: str) -> None:
    """A line of the log, whole whoever else writes there."""
    with open(Path(place.material.work) / "log", "ab", buffering=0) as log:
        log.write(f"{line}\n".encode())


def noted(folder: Path) -> list[str]:
    log = folder / "work" / "log"
    return log.read_text().split("\n")[:-1] if log.exists() else []


@dataclass(frozen=True)
class Square(Job):
    """Leaves its number in a file."""

    number: int

    def make(self, place):
        note(place, f"square {self.number}")
        (place.folder / "number").write_text(str(self.number))
        return {"square": self.number**2}


@dataclass(frozen=True)
class Total(Job):
    """Of squares, some by their results and some by their files."""

    numbers: tuple[int, ...]
    seed: int = 0

    def needs(self):
        return tuple(map(Square, self.numbers))

    def make(self, place):
        note(place, f"total {len(self.numbers)}")
        squares = [place.result(need)["square"] for need in self.needs()]
        files = [int((place.files(need) / "number").read_text()) for need in self.needs()]
        assert squares == [number**2 for number in files]
        return {"total": sum(squares)}


@dataclass(frozen=True)
class Refused(Job):
    """Fails as bad input does."""

    number: int

    def make(self, place):
        note(place, f"refused {self.number}")
        raise EiwrefError(f"number {self.number} is refused")


@dataclass(frozen=True)
class OnRefused(Job):
    """Needs what fails."""

    number: int

    def needs(self):
        return (Refused(self.number),)

    def make(self, place):
        note(place, "on refused")
        return {}


@dataclass(frozen=True)
class OnThat(Job):
    """Needs what needs what fails."""

    number: int

    def needs(self):
        return (OnRefused(self.number),)

    def make(self, place):
        note(place, "on that")
        return {}


@dataclass(frozen=True)
class Dying(Job):
    """Takes its process with it."""

    def make(self, place):
        os._exit(1)


@dataclass(frozen=True)
class Slow(Job):
    """Goes on from a step it has kept; until the file "go" lies in the work folder it waits in the middle."""

    number: int

    def cost(self):
        return 0.5  # after the others

    def make(self, place):
        kept = place.folder / "kept"
        if not kept.exists():
            note(place, "first half")
            kept.write_text(str(self.number * 10))
        note(place, f"waits in {os.getpid()}")
        while not (Path(place.material.work) / "go").exists():
            time.sleep(0.01)
        note(place, "second half")
        return {"found": int(kept.read_text()) + 1}


def material(folder: Path, train: bytes = b"to learn from", held_out: bytes = b"held out", weight=1) -> Material:
    """Little text under an M1 that is hardly one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train").write_bytes(train)
    (folder / "held-out").write_bytes(held_out)
    if not (folder / "m1").exists():
        save_predictor(Unigram([weight, *[1] * 255], 14, 64), folder / "m1")
    texts = ((str(folder / "train"),), (str(folder / "held-out"),))
    return Material(*texts, str(folder / "m1"), str(folder / "work"))


def experiment(name: str, *jobs: Job, **more) -> Experiment:
    """A row a job, of what it found."""

    def rows(scale, grid):
        return [{"job": str(job)} | grid.result(job) for job in jobs]

    given = {"title": "a toy", "units": {"job": "what was run"}, "columns": (("job", "job", ""),)} | more
    return Experiment(names=(name,), jobs=lambda scale: list(jobs), rows=rows, **given)


SLOW = (Square(2), Square(3), Slow(4))


def run_grid(folder: str) -> None:
    """What the tests run in a process of its own."""
    Grid(Path(folder) / "out", material(Path(folder))).run(SLOW, workers=2)


def run_command(folder: str) -> None:
    """The same by the command."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is run in the background would pass it over
    registry.EXPERIMENTS = (experiment("figure1", *SLOW),)
    sys.exit(cli.main(["reproduce", "--out", folder, "--jobs", "2"]))
