"""Work done once: each job is keyed by the digest of all that made its result, and the result is kept as a file.

A job names its kind, its settings and, through the material, the texts and the M1 behind it; from these alone
follows what it finds. So a run that was interrupted, or killed, does again only the jobs that were under way (and
training goes on from its last checkpoint), results may be carried from machine to machine, and tables that share a
run share its result. Several processes, or several users of one folder, may work side by side: a job under way is
locked, and whoever comes second waits and takes its result.

    OUT/runs/trained-0f3a9c....json   what a job found, with key, settings, seconds and machine
    WORK/0f3a9c.../                   what it left for others: tokens, weights, checkpoints; may be deleted

A result of another version of the same work (`Job.version`, or the package's) is never used, only reported.
"""

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple

from tqdm import tqdm

from eiwref.backend import array_module
from eiwref.errors import EiwrefError
from eiwref.experiments.pool import prepare
from eiwref.experiments.result import environment
from eiwref.files import make_folder, read_bytes, write_bytes
from eiwref.reproduce.material import Material

FORMAT = "eiwref.run.1"
DIGITS = 16  # of a key, in names of files: 64 bits

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@dataclass(frozen=True)
class Job:
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

    def make(self, place: "Place") -> dict:
        raise NotImplementedError

    def describe(self) -> dict:
        return {"kind": type(self).__name__.lower(), "version": self.version} | asdict(self)


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
        made_of = {"job": job.describe(), "about": self.about}
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
        """The names of results in `out` that are of another version, other text or another M1."""
        names = []
        for path in sorted(self._runs.glob("*.json")):
            try:
                data = json.loads(read_bytes(path))
                about = data["about"]
            except (ValueError, KeyError, TypeError, RecursionError):
                about = None
            if about != self.about or data["job"]["version"] != _versions().get(data["job"]["kind"]):
                names.append(path.name)
        return names

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

    def run(self, jobs: Iterable[Job], workers: int) -> None:
        """Run what has no result yet, `workers` jobs at a time, each in a process with one thread for BLAS.

        On a GPU one after another, in this process.
        """
        missing = self.missing(jobs)
        with tqdm(total=len(missing), desc="runs", disable=None) as bar:
            if workers < 2 or self.backend != "numpy":
                for job in missing:
                    bar.set_postfix_str(self._name(job))
                    self.make(job)
                    bar.update()
                return
            self._run_many(missing, workers, bar)

    def _run_many(self, missing: list[Job], workers: int, bar) -> None:
        left, under_way = dict.fromkeys(missing), {}
        material = replace(self.material)  # without what this process has read by it
        # Begun afresh and not forked, as threads of BLAS are not copied.
        with ProcessPoolExecutor(workers, get_context("spawn"), prepare) as pool:
            try:
                while left or under_way:
                    open_ones = left.keys() | set(under_way.values())
                    ready = [job for job in left if not open_ones & set(job.needs())]
                    for job in sorted(ready, key=lambda job: -job.cost())[: workers - len(under_way)]:
                        del left[job]
                        under_way[pool.submit(_make, self.out, material, job)] = job
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                        bar.set_postfix_str(self._name(under_way.pop(future)))
                        bar.update()
            except BrokenProcessPool:
                raise EiwrefError(
                    "a process ended early; if it ran out of memory, take fewer jobs at a time; what is done stays"
                ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def make(self, job: Job) -> Found:
        """The job's result, by waiting for another process that is at it, or by running it here."""
        with _locked(Path(self.material.work) / f"{self.key(job)[:DIGITS]}.lock"):
            found = self.found(job)
            if found is not None:
                return found
            started = time.perf_counter()
            result = job.make(Place(self, job))
            (self._folder(job) / "done").touch()
            seconds = round(time.perf_counter() - started, 1)
            found = Found(job.describe(), self.key(job), result, seconds, environment())
            data = {"format": FORMAT} | found._asdict() | {"about": self.about}
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
        return f"{type(job).__name__.lower()}-{self.key(job)[:DIGITS]}"

    def _path(self, job: Job) -> Path:
        return self._runs / f"{self._name(job)}.json"


class Place:
    """Where a job is at work: what it may ask for."""

    def __init__(self, grid: Grid, job: Job):
        self._grid = grid
        self.material: Material = grid.material
        self.folder: Path = grid._folder(job)

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


def _versions() -> dict[str, int]:
    """{kind: version} of all kinds of jobs that are known here."""
    kinds, waiting = {}, [Job]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            kinds[kind.__name__.lower()] = kind.version
            waiting.append(kind)
    return kinds


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends; wait while another process holds it."""
    with open(path, "ab") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
