"""A training run that can be stopped at any moment, by anything, and gone on with to the same bits.

The paper trains for millions of steps; whoever does so needs this, though the paper says nothing of it. A run's
folder holds

    config.json                      what the run was started with; whoever goes on must ask for the same
    log.jsonl                        a line a step and a line an evaluation
    checkpoint-00000100.safetensors  the last two, see `eiwref/nn/checkpoint.py`
    curve.png                        drawn from the log at each evaluation and at the end

A step depends on parameters, optimizer state, the generator that draws batches, and the losses that the watch has
seen: a checkpoint holds all of it, so a run killed and gone on with computes what it would have: on one machine,
with one number of threads, and on a GPU, which may add up in any order, but for the last digits. The log is cut
back to the checkpoint, so that each step stands there once. Not guarded against: two processes in one folder.
"""

import json
import os
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from eiwref import plots
from eiwref.errors import ModelError
from eiwref.evaluate import model_bits
from eiwref.files import make_folder, read_bytes, write_bytes
from eiwref.nn import checkpoint, memory
from eiwref.nn.optim import Adafactor, AdamW, inverse_square_root, warm_up_and_cosine
from eiwref.nn.parallel import Parallel
from eiwref.nn.train import Crops, Steps, loop
from eiwref.nn.transformer import Transformer
from eiwref.nn.watch import Watch

KEPT = 2  # checkpoints: should the disk tear the newest, there is one more
OPTIMIZERS = {"adamw": AdamW(), "adafactor": Adafactor()}


@dataclass(frozen=True)
class Plan:
    """How a network is trained."""

    steps: int
    batch: int  # sequences of the context's length
    optimizer: str = "adamw"
    learning_rate: float = 3e-3  # at its highest, of adamw; adafactor has the paper's
    warm_up: int = 30  # steps
    seed: int = 0

    def learning_rate_at(self, step: int) -> float:
        if self.optimizer == "adafactor":
            return inverse_square_root(step, self.warm_up)
        return warm_up_and_cosine(step, self.steps, self.warm_up, self.learning_rate)


class HeldOut(NamedTuple):
    """Text to measure a network on: documents of ids, and the bytes they stand for; `unit` as in `pieces`."""

    documents: list[np.ndarray]
    text_bytes: float
    unit: int = 1

    def measure(self, network: Transformer, params: dict) -> dict:
        """Nats a token (the end of a document is one) and bits a byte."""
        bits = model_bits(network, params, self.documents, unit=self.unit)
        tokens = sum(map(len, self.documents)) + len(self.documents)
        return {
            "held_out_nats_per_token": bits * float(np.log(2)) / tokens,
            "held_out_bits_per_byte": bits / self.text_bytes,
        }


class Folder:
    """The files of one run. `about` (for JSON) is what makes it another run."""

    def __init__(self, path: str | Path, about: dict, resume: bool, say: Callable[[str], None] = print):
        self.path = make_folder(path)
        self._about = json.loads(json.dumps(about))  # as it will be read back
        self._say = say
        self._log = None
        config = self.path / "config.json"
        if not resume and (config.exists() or self._checkpoints()):
            raise ModelError(f"{path}: holds a run already; go on with it with --resume, or name another folder")
        if config.exists():
            try:
                found = dict(json.loads(read_bytes(config)))
            except (ValueError, TypeError, RecursionError):
                raise ModelError(f"{config}: is not the settings of a run, or is damaged") from None
            checkpoint.compare(found, self._about, f"{config}: is of another run")
        elif resume:
            say(f"{path}: there is no run to go on with yet, so one begins")

    def newest(self, network: Transformer, optimizer) -> checkpoint.Checkpoint | None:
        """The newest checkpoint that is whole, None where none was written yet.

        One that is damaged is passed over with a word if the one before is whole. Otherwise raises `ModelError`.
        """
        problems = []
        for path in reversed(self._checkpoints()):
            try:
                found = checkpoint.parse(read_bytes(path), str(path), network, optimizer, self._about)
            except ModelError as error:
                problems.append(error)
                continue
            for problem in problems:
                self._say(f"{problem}; going on from {path.name}")
            return found
        if problems:
            raise problems[0]
        return None

    def begin(self, step: int) -> list[dict]:
        """The log's rows up to `step`, from which the run goes on; what lies beyond is cut off.

        Raises `ModelError` if the log does not have every step up to there, each once.
        """
        path = self.path / "log.jsonl"
        self._drop_old()  # if the run was killed before it could
        for left in self.path.glob(".eiwref-*"):  # by a process that was killed as it wrote
            left.unlink(missing_ok=True)
        rows, kept = [], []
        for line in read_bytes(path).splitlines(keepends=True) if path.exists() else []:
            row = _row(line)
            if row is None or row["step"] > step:
                break
            rows.append(row)
            kept.append(line)
        if [row["step"] for row in rows if "loss" in row] != list(range(1, step + 1)):
            raise ModelError(f"{path}: does not hold each of the checkpoint's {step} steps once")
        write_bytes(self.path / "config.json", (json.dumps(self._about, indent=1) + "\n").encode("ascii"))
        write_bytes(path, b"".join(kept))
        self._log = open(path, "ab")  # noqa: SIM115
        return rows

    def write(self, row: dict) -> None:
        """One more line of the log, in the system's hands when this returns."""
        self._log.write(json.dumps(row).encode("ascii") + b"\n")
        self._log.flush()

    def save(self, moment: checkpoint.Checkpoint, network: Transformer) -> None:
        """Write a checkpoint, then drop all but the last `KEPT`."""
        os.fsync(self._log.fileno())  # the log must not be behind a checkpoint, power cuts included
        name = f"checkpoint-{moment.step:08d}.safetensors"
        write_bytes(self.path / name, checkpoint.dump(moment, network, self._about))
        self._drop_old()

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()

    def draw(self, losses: list[float], measured: list[tuple[int, float]]) -> None:
        """The loss curve."""
        write_bytes(self.path / "curve.png", plots.curve(losses, measured))

    def _checkpoints(self) -> list[Path]:
        return sorted(self.path.glob("checkpoint-*.safetensors"))

    def _drop_old(self) -> None:
        for path in self._checkpoints()[:-KEPT]:
            path.unlink(missing_ok=True)


class Done(NamedTuple):
    """What a run leaves."""

    params: dict
    losses: list[float]  # of every step, in nats
    measured: list[dict]  # a row an evaluation, as in the log


def run(
    network: Transformer,
    tokens,
    plan: Plan,
    folder: Folder | None = None,
    held_out: HeldOut | None = None,
    checkpoint_every: int = 100,
    evaluate_every: int = 100,
    workers: int = 0,
    quiet: bool = False,
    params: dict | None = None,
    starts: np.ndarray | None = None,
    unit: int = 1,
) -> Done:
    """Train, from the folder's newest checkpoint or from the beginning, and keep everything in the folder.

    `tokens`: a stream of ids (`corpus/tokens.py`). `workers`: processes that share each batch (`nn/parallel.py`);
    with none the readable layers take the steps, as they must on a GPU. Both `..._every` count steps; the last
    step has checkpoint and evaluation too. `quiet`: no progress bar. `params`: to begin with, in place of fresh
    ones. `starts`, `unit`: as in `Crops`. Raises `ModelError` where `loop` does, and before the first step if
    memory will not do.
    """
    optimizer, config = OPTIMIZERS[plan.optimizer], network.config
    if network.xp is np:
        memory.check(config, plan.batch, optimizer, workers, short=starts is not None)
    rng = np.random.default_rng(plan.seed)
    batches = Crops(tokens, config.context, plan.batch, config.symbols - 1, rng, starts, unit)
    arrange = partial(Parallel, workers=workers) if workers else Steps
    rows, past, begun = [], Watch(), 0
    moment = folder and folder.newest(network, optimizer)
    if folder is not None:
        rows = folder.begin(moment.step if moment else 0)  # before workers, whom no one would let go of
    if moment is None:
        first = network.init(rng) if params is None else params
        steps = arrange(network, {name: network.xp.asarray(values) for name, values in first.items()}, optimizer)
    else:
        steps = arrange(network, moment.params, optimizer, moment.state)
        rng.bit_generator.state = moment.generator
        past, begun = moment.watch, moment.step
        moment = None  # or its arrays would stay beside those of every step
    started = time.perf_counter() - (rows[-1]["seconds"] if rows else 0.0)
    losses = [row["loss"] for row in rows if "loss" in row]
    measured = [row for row in rows if "loss" not in row]

    def note(row: dict) -> None:
        (losses.append(row["loss"]) if "loss" in row else measured.append(row))
        if folder is not None:
            folder.write(row | {"seconds": round(time.perf_counter() - started, 3)})

    bar = tqdm(total=plan.steps, initial=begun, desc="steps", disable=quiet or None)
    numbers = range(begun + 1, plan.steps + 1)
    with closing(steps), bar, _stop_written(folder, tokens, batches, losses):
        for step, watch in loop(steps, network, batches, plan.learning_rate_at, numbers, past):
            number, is_last = step.step, step.step == plan.steps
            seen = number * plan.batch * config.context
            rate = plan.learning_rate_at(number)
            note(step._asdict() | {"learning_rate": rate, "symbols_seen": seen})
            bar.update()
            bar.set_postfix(loss=f"{step.loss:.3f}", refresh=False)
            measures = held_out is not None and (number % evaluate_every == 0 or is_last)
            if measures:
                note({"step": number} | held_out.measure(network, steps.params))
            if folder is not None and (measures or is_last):
                folder.draw(losses, [(row["step"], row["held_out_bits_per_byte"]) for row in measured])
            # Last of all: what a checkpoint's log and picture need is there once it is.
            if folder is not None and (number % checkpoint_every == 0 or is_last):
                state = rng.bit_generator.state
                folder.save(checkpoint.Checkpoint(number, steps.params, steps.state, state, watch), network)
        return Done(steps.params, losses, measured)


@contextmanager
def _stop_written(folder: Folder | None, tokens, batches: Crops, losses: list[float]):
    """Whatever stops training is the log's last line, with the files and places where its batch's pieces begin."""
    try:
        yield
    except ModelError as error:
        if folder is not None:
            begins = [tokens.where(begin) for begin in batches.begins.tolist()]
            folder.write({"step": len(losses) + 1, "stopped": str(error), "batch": begins})
        raise
    finally:
        if folder is not None:
            folder.close()


def _row(line: bytes) -> dict | None:
    """A line of the log, None if it is not a whole one."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not line.endswith(b"\n"):
        return None
    figures = [
        row.get(name) for name in ("step", "seconds", "loss" if "loss" in row else "held_out_bits_per_byte")
    ]
    return row if all(isinstance(figure, int | float) for figure in figures) else None
