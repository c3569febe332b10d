"""Work done once: each job is keyed by the digest of all that made its result, and the result is kept as a file.

A job names its kind, its settings and, through the material, the texts and the M1 behind it; from these alone
follows what it finds. So a run that was interrupted, or killed, does again only the jobs that were under way (and
training goes on from its last checkpoint), results may be carried from machine to machine, and tables that share a
run share its result. Several processes, or several users of one folder, may work side by side: a job under way is
locked, and whoever comes second waits and takes its result.

    OUT/runs/trained-0f3a9c....json   what a job found, with key, settings, seconds and machine
    WORK/0f3a9c.../                   what it left for others: tokens, weights, checkpoints; may be deleted

A result of another version of the same work (`version` of the job or of one it needs, or the package's) is never
used, only reported. A job that fails (with an `EiwrefError`) stops those that need it and no others.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from eiwref.backend import array_module
from eiwref.errors import EiwrefError
from eiwref.experiments.result import environment
from eiwref.files import make_folder, read_bytes, write_bytes
from eiwref.nn.transformer import Config
from eiwref.predictors import subword
from eiwref.processes import processes
from eiwref.reproduce.material import SUBWORD, Material
from eiwref.run import Plan

FORMAT = "eiwref.run.1"
DIGITS = 16  # of a key, in names of files: 64 bits

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class Training(NamedTuple):
    """The network that a job trains, and how; no plan where that hangs on bytes per token, which are not known.

    `text`: bytes that it sees, if they are not those of all its tokens.
    """

    config: Config
    plan: Plan | None
    text: int | None = None


@dataclass(frozen=True)
class Job(ABC):
    """A piece of work; a subclass's fields are its settings, plain values all.

    `make` returns a dict for JSON, and may leave files in `place.folder`. `version` is raised whenever it would
    find something else for the same settings.
    """

    version: ClassVar[int] = 1

    def needs(self) -> tuple["Job", ...]:
        """Jobs that `make` asks for the results or files of."""
        return ()

    def cost(self) -> float:
        """How long it takes beside others, in any unit: the longest begin first."""
        return 1.0

    def training(self, bytes_per_token: float | None) -> Training | None:
        """What it trains, so that its cost can be told before it is run; None where it trains nothing."""
        return None

    @abstractmethod
    def make(self, place: "Place") -> dict:
        """Do the work; what it returns is kept."""

    def describe(self) -> dict:
        return {"kind": _kind(type(self)), "version": self.version} | asdict(self)

    def versions(self) -> dict[str, int]:
        """{kind: version} of it and of all that it needs."""
        found = {_kind(type(self)): self.version}
        for need in self.needs():
            found |= need.versions()
        return found

    def __str__(self) -> str:
        settings = (f"{field.name}={getattr(self, field.name)}" for field in fields(self))
        return f"{_kind(type(self))} ({', '.join(settings)})"


class Found(NamedTuple):
    """What a job found, and how long that took."""

    job: dict
    key: str
    result: dict
    seconds: float
    environment: dict


class Grid:
    """Results in `out`, files in `material.work`. `xp`: what trains networks."""

    def __init__(self, out: str | Path, material: Material, backend: str = "numpy"):
        self.out, self.material, self.backend = Path(out), material, backend
        self._runs = make_folder(self.out / "runs")
        make_folder(material.work)
        self.about = material.about | {"backend": backend} | {"eiwref": environment()["eiwref"]}

    def key(self, job: Job) -> str:
        """64 hexadecimal digits of what makes the job's result."""
        made_of = {"job": job.describe(), "versions": job.versions(), "about": self.about}
        return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def found(self, job: Job) -> Found | None:
        """What the job found when it was run, None where it was not yet."""
        path = self._path(job)
        if not path.exists():
            return None
        try:
            data = json.loads(read_bytes(path))
            found = Found(**{name: data[name] for name in Found._fields})
            if data["format"] != FORMAT or found.key != self.key(job):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise EiwrefError(f"{path}: is not the result it is named for, or is damaged; delete it") from None
        return found

    def result(self, job: Job) -> dict:
        """The result of a job that has been run."""
        found = self.found(job)
        if found is None:
            raise EiwrefError(f"{self._name(job)}: was not run")
        return found.result

    def stale(self) -> list[str]:
        """The names of results in `out` that are of another version, other text or another M1, or damaged."""
        known = versions().items()
        return [path.name for path in sorted(self._runs.glob("*.json")) if not self._is_current(path, known)]

    def _is_current(self, path: Path, known) -> bool:
        try:
            data = json.loads(read_bytes(path))
            return data["about"] == self.about and data["versions"].items() <= known
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs, and of what they need, that have no result yet: what is needed stands first."""
        ordered: dict[Job, None] = {}

        def visit(job: Job) -> None:
            if job not in ordered and self.found(job) is None:
                for need in job.needs():
                    visit(need)
                ordered[job] = None

        for job in jobs:
            visit(job)
        return list(ordered)

    def run(self, jobs: Iterable[Job], workers: int) -> list[str]:
        """Run what has no result yet, `workers` jobs at a time, each in a process with one thread for BLAS.

        One worker is this process, as it is on a GPU. Returns a sentence for each job that failed; all that do not
        need it are run. Raises `PredictorError` before the first if one needs a library that is not installed.
        """
        left = dict.fromkeys(self.missing(jobs))
        if any(SUBWORD in str(job) for job in left):
            subword.library()
        failures = []
        with tqdm(total=len(left), desc="runs", disable=None) as bar:
            if workers < 2 or self.backend != "numpy":
                ended = self._one_by_one(left, bar.set_postfix_str)
            else:
                ended = self._side_by_side(left, workers, bar.set_postfix_str)
            with closing(ended):
                for job, error in ended:
                    bar.update()
                    if error is not None:
                        dropped = _drop(left, job)
                        bar.update(dropped)
                        without = f"; {dropped} more that need it were not run" if dropped else ""
                        failures.append(f"{job}: {error}{without}")
        return failures

    def _one_by_one(self, left: dict[Job, None], say: Callable[[str], None]) -> Iterator[tuple]:
        """(job, its error or None) as they end; takes them out of `left`, where what is needed stands first."""
        while left:
            job = next(iter(left))
            del left[job]
            say(self._name(job))
            try:
                with threadpool_limits(1 if self.backend == "numpy" else None):
                    self.make(job)
            except EiwrefError as error:
                yield job, error
            else:
                yield job, None

    def _side_by_side(self, left: dict[Job, None], workers: int, say: Callable[[str], None]) -> Iterator[tuple]:
        """The same in processes."""
        material = replace(self.material)  # without what this process has read by it
        under_way: dict[Future, Job] = {}
        with processes(workers) as pool:
            while left or under_way:
                open_ones = left.keys() | set(under_way.values())
                ready = [job for job in left if not open_ones & set(job.needs())]
                for job in sorted(ready, key=lambda job: -job.cost())[: workers - len(under_way)]:
                    del left[job]
                    under_way[pool.submit(_make, self.out, material, job)] = job
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    job, error = under_way.pop(future), future.exception()
                    if error is not None and not isinstance(error, EiwrefError):
                        raise error
                    say(self._name(job))
                    yield job, error

    def make(self, job: Job) -> Found:
        """The job's result, by waiting for another process that is at it, or by running it here."""
        with _locked(Path(self.material.work) / f"{self.key(job)[:DIGITS]}.lock"):
            found = self.found(job)
            if found is not None:
                return found
            started, place = time.perf_counter(), Place(self, job)
            result = job.make(place)
            (self._folder(job) / "done").touch()
            seconds = round(time.perf_counter() - started + place.spent_before, 1)
            found = Found(job.describe(), self.key(job), result, seconds, environment())
            data = {"format": FORMAT} | found._asdict() | {"versions": job.versions(), "about": self.about}
            write_bytes(self._path(job), (json.dumps(data, indent=1) + "\n").encode("ascii"))
        return found

    def files(self, job: Job) -> Path:
        """The folder of what the job left, which is made again where it is no longer there."""
        folder = self._folder(job)
        with _locked(Path(self.material.work) / f"{self.key(job)[:DIGITS]}.lock"):
            if not (folder / "done").exists():
                job.make(Place(self, job))
                (folder / "done").touch()
        return folder

    def _folder(self, job: Job) -> Path:
        return make_folder(Path(self.material.work) / self.key(job)[:DIGITS])

    def _name(self, job: Job) -> str:
        return f"{_kind(type(job))}-{self.key(job)[:DIGITS]}"

    def _path(self, job: Job) -> Path:
        return self._runs / f"{self._name(job)}.json"


class Place:
    """Where a job is at work: what it may ask for."""

    def __init__(self, grid: Grid, job: Job):
        self._grid = grid
        self.material: Material = grid.material
        self.folder: Path = grid._folder(job)
        self.spent_before = 0.0  # seconds, by a process that was killed, on what is gone on from

    @property
    def xp(self) -> ModuleType:
        """What trains networks: NumPy or CuPy."""
        return array_module(self._grid.backend)

    def result(self, job: Job) -> dict:
        """What a job it needs found."""
        return self._grid.make(job).result

    def files(self, job: Job) -> Path:
        """The folder in which a job it needs left files."""
        return self._grid.files(job)


def _make(out: Path, material: Material, job: Job) -> None:
    _grid(out, material).make(job)


@cache
def _grid(out: Path, material: Material) -> Grid:
    """One a process, with the predictor it has read."""
    return Grid(out, material)


def versions() -> dict[str, int]:
    """{kind: version} of all kinds of jobs that are known here."""
    kinds, waiting = {}, [Job]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            kinds[_kind(kind)] = kind.version
            waiting.append(kind)
    return kinds


def _kind(job: type[Job]) -> str:
    return job.__name__.lower()


def _drop(left: dict[Job, None], failed: Job) -> int:
    """Take out of `left` whatever needs the failed job, by others too; returns how many."""
    lost = {failed}
    for job in list(left):  # what is needed stands first
        if lost & set(job.needs()):
            lost.add(job)
            del left[job]
    return len(lost) - 1


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends; wait while another process holds it."""
    make_folder(path.parent)
    with open(path, "ab") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
