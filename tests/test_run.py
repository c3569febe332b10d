"""Runs that are killed, damaged, gone on with; the watch over the loss; memory foretold."""

import json
import os
import random
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

import eiwref
from eiwref import files
from eiwref import run as runs
from eiwref.corpus import tokens
from eiwref.errors import EiwrefError, ModelError
from eiwref.files import data_path
from eiwref.nn import checkpoint, memory
from eiwref.nn.arranged import Arranged
from eiwref.nn.optim import Adafactor, AdamW, clip_by_norm
from eiwref.nn.train import SHORT, Steps, crops, train
from eiwref.nn.transformer import Config, Transformer
from eiwref.nn.watch import DEVIATIONS, NATS, QUIET, Watch
from eiwref.run import Folder, HeldOut, Plan, run
from tests.test_cli import here, refused  # noqa: F401
from tests.test_cli import run as command

CONFIG = Config(symbols=257, d_model=8, heads=2, layers=2, d_mlp=16, context=12)
TEXT = b"To be killed, or not to be killed, that is the question. " * 9
IDS = np.frombuffer(TEXT, np.uint8)
STREAM = tokens.in_memory([IDS], eiwref.tokenizer("Bytes"), len(TEXT))
HELD_OUT = HeldOut([IDS[:60], IDS[7:30]], 83)
PLAN = Plan(steps=12, batch=4, warm_up=3, seed=5)


def trained(folder=None, plan=PLAN, arrange=Steps, **every):
    """`arrange`: what stands for `Steps`."""
    every = {"checkpoint_every": 5, "evaluate_every": 5} | every
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "Steps", arrange)
        return run(Transformer(CONFIG), STREAM, plan, folder, HELD_OUT, **every)


def log(path):
    """The rows without their seconds, which no two runs share."""
    rows = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def arrays(path):
    """All arrays of the newest checkpoint."""
    found = checkpoint.tensors.parse(
        max(path.glob("*.safetensors")).read_bytes(), "", checkpoint.FORMAT, ModelError
    )
    return {name: values.tobytes() for name, values in found[1].items()}


@pytest.fixture
def no_pictures(monkeypatch):
    """They take longer than these runs."""
    monkeypatch.setattr(runs.plots, "curve", lambda losses, measured: b"a picture")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder, outcome) of the run that nothing stopped."""
    path = tmp_path_factory.mktemp("whole")
    return path, trained(Folder(path, {"a": 1}, resume=False))


def test_a_runs_folder(whole):
    path, done = whole
    names = [f"checkpoint-{step:08d}.safetensors" for step in (10, 12)]
    assert sorted(file.name for file in path.iterdir()) == [*names, "config.json", "curve.png", "log.jsonl"]
    rows = log(path)
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 13))
    assert [row["loss"] for row in steps] == done.losses
    assert [row["symbols_seen"] for row in steps] == [48 * step for step in range(1, 13)]
    assert [row["step"] for row in rows if "loss" not in row] == [5, 10, 12]
    assert rows[-1]["held_out_bits_per_byte"] * 83 * np.log(2) == pytest.approx(
        rows[-1]["held_out_nats_per_token"] * 85
    )
    assert (path / "curve.png").read_bytes().startswith(b"\x89PNG")
    seconds = [json.loads(line)["seconds"] for line in (path / "log.jsonl").read_text().splitlines()]
    assert seconds == sorted(seconds)


def test_a_run_computes_what_train_does(whole):
    """The folder, evaluation and checkpoints change nothing about the steps."""
    rng = np.random.default_rng(PLAN.seed)
    network = Transformer(CONFIG)
    params = network.init(rng)
    batches = crops([IDS], CONFIG.context, PLAN.batch, 256, rng)
    *_, (step, last) = train(network, params, batches, AdamW(), PLAN.learning_rate_at, PLAN.steps)
    assert step.loss == whole[1].losses[-1]
    for done in (whole[1], trained()):
        assert all((done.params[name] == values).all() for name, values in last.items())


def test_steps_are_what_they_say():
    """Spelled out: gradient, clipping, update with the number of the step."""
    network, optimizer = Transformer(CONFIG), AdamW()
    rng = np.random.default_rng(1)
    params = network.init(rng)
    steps, state = Steps(network, params, optimizer, largest_norm=0.5), optimizer.init(params)
    batches = crops([IDS], CONFIG.context, 2, 256, rng)
    for number in (1, 2, 3):
        ids, targets = next(batches)
        loss, grads = network.loss(params, ids, targets)
        clipped, norm = clip_by_norm(grads, 0.5)
        params, state = optimizer.update(params, clipped, state, number, 0.01)
        assert steps.step(ids, targets, number, 0.01) == (float(loss), norm)
        for one, other in ((steps.params, params), (steps.state, state)):
            assert all((one[name] == values).all() for name, values in other.items())
    assert norm > 0.5


class Killed(BaseException):
    """What no one catches."""


@pytest.mark.usefixtures("no_pictures")
def test_killed_at_every_write(whole, tmp_path, monkeypatch):
    """At every line of the log, and before and after every file that gets its name or loses it."""
    expected, steps = log(whole[0]), 0
    operations = {"left": None}

    def counted(do):
        def operation(*arguments, **more):
            if operations["left"] is not None:
                operations["left"] -= 1
                if operations["left"] == 0:
                    raise Killed
            return do(*arguments, **more)

        return operation

    monkeypatch.setattr(files.os, "replace", counted(os.replace))
    monkeypatch.setattr(runs.Path, "unlink", counted(runs.Path.unlink))
    monkeypatch.setattr(Folder, "write", counted(Folder.write))
    for at in range(1, 60):
        path = tmp_path / str(at)
        operations["left"] = at
        try:
            trained(Folder(path, {}, resume=True))
            break
        except Killed:
            steps += 1
        operations["left"] = None
        trained(Folder(path, {}, resume=True))
        assert log(path) == expected
        assert arrays(path) == arrays(whole[0])
        assert len(list(path.glob("*.safetensors"))) == runs.KEPT
    assert steps > 20


@pytest.mark.usefixtures("no_pictures")
def test_killed_between_two_steps_again_and_again(whole, tmp_path):
    """A checkpoint further each time."""

    class Mortal(Steps):
        lives = 7

        def step(self, *arguments):
            self.lives -= 1
            if not self.lives:
                raise Killed
            return super().step(*arguments)

    for _ in range(2):
        with pytest.raises(Killed):
            trained(Folder(tmp_path, {}, resume=True), arrange=Mortal)
    trained(Folder(tmp_path, {}, resume=True))
    assert log(tmp_path) == log(whole[0])
    assert arrays(tmp_path) == arrays(whole[0])


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_checkpoints_give_back_every_bit(optimizer):
    network = Transformer(CONFIG)
    rng = np.random.default_rng(2)
    steps = Steps(network, network.init(rng), runs.OPTIMIZERS[optimizer])
    batches = crops([IDS], CONFIG.context, 2, 256, rng)
    steps.step(*next(batches), 1, 1e-2)
    moment = checkpoint.Checkpoint(1, steps.params, steps.state, rng.bit_generator.state, Watch(0.1, 1 / 3, 1))
    packed = checkpoint.dump(moment, network, {})
    found = checkpoint.parse(packed, "c", network, runs.OPTIMIZERS[optimizer], {})
    assert (found.step, found.generator, found.watch) == (1, moment.generator, moment.watch)
    for one, other in ((found.params, moment.params), (found.state, moment.state)):
        assert list(one) == list(other)
        assert all(
            (one[name] == values).all() and one[name].dtype == values.dtype for name, values in other.items()
        )
    for change in ({"watch": ("a", "b", 3)}, {"watch": (0.1, np.inf, 3)}, {"watch": (0, 0, 0.5)}, {"step": -3}):
        other = checkpoint.dump(moment._replace(**change), network, {})
        with pytest.raises(ModelError, match="c: is damaged"):
            checkpoint.parse(other, "c", network, runs.OPTIMIZERS[optimizer], {})
    other = "adamw" if optimizer == "adafactor" else "adafactor"
    with pytest.raises(ModelError, match=r"c: array state.* is not this optimizer's"):
        checkpoint.parse(packed, "c", network, runs.OPTIMIZERS[other], {})
    with pytest.raises(ModelError, match="c: is of another run, with seed 1 and not 2"):
        checkpoint.parse(checkpoint.dump(moment, network, {"seed": 1}), "c", network, AdamW(), {"seed": 2})
    wider = Transformer(Config(257, 16, 2, 2, 16, 12))
    with pytest.raises(ModelError, match="c: is of another network, with d_model 8 and not 16"):
        checkpoint.parse(packed, "c", wider, runs.OPTIMIZERS[optimizer], {})
    for at in range(0, len(packed), len(packed) // 50):
        for damaged in (packed[:at], packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :]):
            with pytest.raises(ModelError, match="c: "):
                checkpoint.parse(damaged, "c", network, runs.OPTIMIZERS[optimizer], {})


@pytest.mark.usefixtures("no_pictures")
def test_a_torn_checkpoint_leaves_one(whole, tmp_path):
    said = []
    trained(Folder(tmp_path, {}, resume=False))
    older, newest = sorted(tmp_path.glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-9])
    trained(Folder(tmp_path, {}, True, said.append))
    assert len(said) == 1
    assert (
        "00000012.safetensors: is not an eiwref checkpoint file, or is damaged; going on from checkpoint-00000010"
        in said[0]
    )
    assert log(tmp_path) == log(whole[0])
    assert arrays(tmp_path) == arrays(whole[0])
    for path in (older, newest):
        path.write_bytes(b"")
    with pytest.raises(
        ModelError, match=r"00000012\.safetensors: is not an eiwref checkpoint file, or is damaged$"
    ):
        trained(Folder(tmp_path, {}, True, said.append))


@pytest.mark.usefixtures("no_pictures")
def test_a_log_that_lacks_steps_is_refused(tmp_path):
    trained(Folder(tmp_path, {}, resume=False))
    path = tmp_path / "log.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (lines[:3] + lines[4:], lines[:3] + lines[2:], lines[:9], [b"{}\n"], [b"[" * 9999], []):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(ModelError, match="does not hold each of the checkpoint's 12 steps once"):
            trained(Folder(tmp_path, {}, resume=True))
    path.unlink()
    with pytest.raises(ModelError, match="does not hold each"):
        trained(Folder(tmp_path, {}, resume=True))


@pytest.mark.usefixtures("no_pictures")
def test_folders_of_other_runs_are_refused(tmp_path):
    trained(Folder(tmp_path / "r", {"seed": 1}, resume=False))
    with pytest.raises(ModelError, match="holds a run already"):
        Folder(tmp_path / "r", {"seed": 1}, resume=False)
    with pytest.raises(ModelError, match=r"config\.json: is of another run, with seed 1 and not 2"):
        Folder(tmp_path / "r", {"seed": 2}, resume=True)
    (tmp_path / "r" / "config.json").write_text("[1")
    with pytest.raises(ModelError, match="is not the settings of a run"):
        Folder(tmp_path / "r", {}, resume=True)
    (tmp_path / "r" / "config.json").unlink()
    with pytest.raises(ModelError, match="is of another run, with seed 1 and not 2"):
        trained(Folder(tmp_path / "r", {"seed": 2}, resume=True))
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", "/proc/none"):
        with pytest.raises(EiwrefError, match=r"is not a folder|cannot be written to"):
            Folder(path, {}, resume=False)


def test_what_a_killed_write_left_is_cleared_away(tmp_path):
    """Not before it is sure that this run goes on: another one may be writing."""
    (tmp_path / ".eiwref-half").write_bytes(b"half a checkpoint")
    folder = Folder(tmp_path, {}, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == [".eiwref-half"]
    folder.begin(0)
    folder.close()
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "log.jsonl"}


def test_no_workers_are_begun_where_the_log_is_refused(tmp_path, monkeypatch):
    trained(Folder(tmp_path, {}, resume=False))
    (tmp_path / "log.jsonl").write_bytes(b"")
    begun = []
    monkeypatch.setattr(runs, "Parallel", lambda *_, **__: begun.append(1))
    with pytest.raises(ModelError, match="does not hold each of the checkpoint's"):
        trained(Folder(tmp_path, {}, resume=True), workers=1)
    assert not begun


def test_the_rule_for_spikes():
    watch, losses = Watch(), []
    rng = np.random.default_rng(0)
    for number in range(400):
        loss = 3 + 3 * np.exp(-number / 50) + 0.05 * rng.standard_normal()
        assert loss <= watch.limit
        losses.append(loss)
        watch = watch.after(loss)
        if number == 30:  # still a plain mean
            assert watch.mean == pytest.approx(np.mean(losses))
            assert watch.variance == pytest.approx(np.var(losses))
        assert (watch.limit < np.inf) == (number + 1 >= QUIET)
    assert watch.limit == pytest.approx(watch.mean + NATS)
    noisy = watch._replace(variance=1.0)
    assert noisy.limit == pytest.approx(watch.mean + DEVIATIONS)


class Spoiled(Steps):
    """Parameters go wrong after step 120."""

    factor, last = 1e3, None

    def step(self, ids, targets, number, learning_rate):
        Spoiled.last = self, (ids, targets)
        if number == 121:
            self.params = self.params | {"output.weight": self.params["output.weight"] * np.float32(self.factor)}
        return super().step(ids, targets, number, learning_rate)


@pytest.mark.usefixtures("no_pictures")
def test_a_spike_stops_the_run_and_names_step_layer_and_batch(tmp_path):
    long = PLAN.__class__(steps=200, batch=12, warm_up=3, seed=5)
    with pytest.raises(ModelError) as stopped:
        trained(Folder(tmp_path, {}, resume=False), long, Spoiled, checkpoint_every=50)
    sentence = str(stopped.value)
    assert "at step 121, above" in sentence
    steps, batch = Spoiled.last
    _, grads = Transformer(CONFIG).loss(steps.params, *batch)
    layer = sorted(grads, key=lambda name: np.abs(grads[name]).max())[-1]
    assert f"its gradient is largest in {layer}; the pieces of its batch begin at tokens" in sentence
    assert "and 4 more" in sentence
    last = log(tmp_path)[-1]
    assert (last["step"], last["stopped"], len(last["batch"])) == (121, sentence, 12)
    rng = np.random.default_rng(5)
    Transformer(CONFIG).init(rng)
    batches = crops([IDS], CONFIG.context, 12, 256, rng)
    for _ in range(121):
        next(batches)
    assert last["batch"] == [f"the text at {begin}" for begin in batches.begins]
    with pytest.raises(ModelError) as again:  # with what the watch had seen before step 100
        trained(Folder(tmp_path, {}, resume=True), long, Spoiled, checkpoint_every=50)
    assert str(again.value) == sentence
    trained(Folder(tmp_path, {}, resume=True), long, checkpoint_every=50)  # nothing spoils it now
    assert [row["step"] for row in log(tmp_path) if "loss" in row] == list(range(1, 201))


def test_infinite_numbers_stop_the_run_before_they_spread():
    Spoiled.factor, before = np.inf, Spoiled.factor
    try:
        with pytest.raises(ModelError, match=r"not finite at step 121, first in output\.weight; the pieces of"):
            trained(plan=PLAN.__class__(steps=130, batch=2, warm_up=3), arrange=Spoiled)
    finally:
        Spoiled.factor = before
    network = Transformer(CONFIG)
    steps = Steps(network, network.init(np.random.default_rng(0)), AdamW())
    params, state = steps.params, steps.state
    params["norm.gain"] = params["norm.gain"] * np.float32(np.nan)
    loss, _ = steps.step(*next(crops([IDS], 12, 2, 256, np.random.default_rng(0))), 1, 1e-3)
    assert not np.isfinite(loss)
    assert steps.params is params
    assert steps.state is state


def test_a_gradient_that_is_not_finite_is_named(monkeypatch):
    network = Transformer(CONFIG)
    loss = network.loss

    def broken(params, ids, targets):
        value, grads = loss(params, ids, targets)
        return value, grads | {"blocks.1.mlp.up": grads["blocks.1.mlp.up"] * np.float32(np.nan)}

    monkeypatch.setattr(network, "loss", broken)
    rng = np.random.default_rng(0)
    batches = crops([IDS], CONFIG.context, 2, 256, rng)
    with pytest.raises(ModelError, match=r"the gradient is not finite at step 1, largest in blocks\.1\.mlp\.up;"):
        list(train(network, network.init(rng), batches, AdamW(), lambda step: 1e-3, 3))


@pytest.mark.parametrize("optimizer", [AdamW(), Adafactor()])
@pytest.mark.parametrize(
    ("config", "batch"),
    [
        (Config(257, 64, 2, 2, 256, 64), 16),  # text
        (Config(257, 64, 8, 1, 256, 192), 4),  # attention
        (Config(257, 256, 4, 2, 1024, 32), 2),  # parameters
        (Config(20_001, 32, 2, 1, 128, 64), 8),  # output layer
        (Config(257, 32, 1, 1, 1024, 64), 16),  # MLP
    ],
)
def test_memory_is_foretold_within_an_eighth(config, batch, optimizer):
    network, rng = Transformer(config), np.random.default_rng(0)
    ids = rng.integers(0, config.symbols, (batch, config.context))
    tracemalloc.start()
    try:
        steps = Steps(network, network.init(rng), optimizer)
        tracemalloc.reset_peak()
        for number in (1, 2):
            steps.step(ids, ids, number, 1e-3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert memory.predict(config, batch, optimizer) == pytest.approx(peak, rel=1 / 8)
    tracemalloc.start()
    try:
        kept = Arranged(config, batch, config.context)
        made = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    del kept
    assert memory._arranged(config, batch) * memory.WIDTH == pytest.approx(made, rel=1 / 8)
    tracemalloc.start()
    try:
        kept = [Arranged(config, batch, config.context), Arranged(config, batch * config.context // SHORT, SHORT)]
        made = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    del kept
    others = memory.predict(config, batch, optimizer, 1) - memory._arranged(config, batch) * memory.WIDTH
    both = memory.predict(config, batch, optimizer, 1, short=True) - others
    assert both == pytest.approx(made, rel=1 / 8)


@pytest.mark.usefixtures("no_pictures")
def test_too_little_memory_is_refused_with_both_figures(monkeypatch, tmp_path):
    assert memory.available() is None or memory.available() > 1e6
    assert memory.predict(CONFIG, 64, AdamW(), workers=1) < memory.predict(CONFIG, 64, AdamW(), workers=4)
    alone, short = (memory.predict(CONFIG, 64, AdamW(), 1, short) for short in (False, True))
    assert alone < short < 2 * alone
    monkeypatch.setattr(memory, "available", lambda: 12_000)
    with pytest.raises(ModelError, match=r"training needs 0\.0 GB of memory and 0\.0 GB are available; take"):
        trained(Folder(tmp_path, {}, resume=False))
    monkeypatch.setattr(memory, "available", lambda: None)
    trained(Folder(tmp_path, {}, resume=False))  # the refusal left no run behind


def arguments(folder, *more):
    """Of a run that takes about a second."""
    small = ["--d-model", "16", "--heads", "2", "--layers", "1", "--context", "16", "--batch", "4"]
    every = ["--steps", "150", "--checkpoint-every", "7", "--evaluate-every", "120", "--held-out", "short"]
    return ["train", "m1", "text", "-o", f"{folder}.m1", "--run", folder, *small, *every, *more]


def kill_and_go_on(here, capsys, kills):  # noqa: F811
    """Killed that often, at random moments once it has begun to write; then as if nothing had been."""
    (here / "short").write_bytes(TEXT[:200])
    assert command(capsys, *arguments("whole"))[0] == 0
    checkout = os.path.dirname(os.path.dirname(eiwref.__file__))
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": checkout}
    path, rng, killed = here / "killed" / "log.jsonl", random.Random(kills), 0
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-m", "eiwref", *arguments("killed", "--resume")],
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        # Going on makes a new file of the log; from then on, after any number of bytes.
        old = path.stat().st_ino if path.exists() else None
        while process.poll() is None and (not path.exists() or path.stat().st_ino == old):
            time.sleep(0.001)
        begun, further = path.stat().st_size, rng.randrange(30_000 // kills)
        while process.poll() is None and path.stat().st_size < begun + further:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.01)
        process.kill()
        killed += process.wait() == -9
    assert command(capsys, *arguments("killed", "--resume"))[0] == 0
    assert killed >= kills / 2
    assert log(here / "killed") == log(here / "whole")
    assert arrays(here / "killed") == arrays(here / "whole")
    assert (here / "killed.m1").read_bytes() == (here / "whole.m1").read_bytes()
    assert (here / "killed" / "curve.png").read_bytes() == (here / "whole" / "curve.png").read_bytes()


def test_killed_four_times(here, capsys):  # noqa: F811
    kill_and_go_on(here, capsys, 4)


@pytest.mark.slow
def test_killed_twenty_times(here, capsys):  # noqa: F811
    kill_and_go_on(here, capsys, 20)


def test_the_command(here, capsys):  # noqa: F811
    small = ["--d-model", "8", "--heads", "1", "--layers", "1", "--context", "16", "--batch", "2", "--steps", "6"]
    train_m1 = ["train", "m1", "text", "-o", "m1", *small, "--threads", "1"]
    begun = command(capsys, *train_m1, "--run", "new", "--resume")
    assert begun[0] == 0
    assert "new: there is no run to go on with yet, so one begins" in begun[2]
    assert json.loads((here / "new" / "config.json").read_text())["warm_up"] == 1  # a tenth of 6 steps
    assert "name its folder with --run" in refused(capsys, *train_m1, "--resume")
    code, out, _ = command(
        capsys, *train_m1, "--run", "r", "--held-out", "text", "--evaluate-every", "4", "--json"
    )
    assert code == 0
    measured = [row for row in log(here / "r") if "loss" not in row]
    assert [row["step"] for row in measured] == [4, 6]
    assert json.loads(out)["held_out_bits_per_byte"] == pytest.approx(
        measured[-1]["held_out_bits_per_byte"], abs=1e-4
    )
    assert "holds a run already" in refused(capsys, *train_m1, "--run", "r")
    same = [*train_m1, "--run", "r", "--held-out", "text", "--evaluate-every", "4", "--resume"]
    before = (here / "m1").read_bytes()
    assert command(capsys, *same)[0] == 0
    assert (here / "m1").read_bytes() == before
    assert "is of another run, with seed 0 and not 1" in refused(capsys, *same, "--seed", "1")
    assert "is of another run, with threads 1 and not 2" in refused(capsys, *same, "--threads", "2")
    (here / "kept").write_bytes((here / "text").read_bytes())
    (here / "text").write_bytes(TEXT)
    assert "is of another run, with held_out" in refused(capsys, *same)
    assert "is of another run, with tokens" in refused(capsys, *same, "--held-out", "kept")
    assert "is not a folder" in refused(capsys, *train_m1, "--run", "m1")
    assert "there is no text to measure" in refused(capsys, *train_m1, "--held-out", os.devnull)
    huge = [*small[:6], "--context", "999999", "--batch", "9999", "--steps", "1"]
    (here / "text").write_bytes(b"x" * 1_000_000)
    if memory.available():
        assert "GB are available" in refused(capsys, "train", "m1", "text", "-o", "m1", *huge)


def test_an_m1_goes_on_from_another_at_the_starts_of_windows(here, capsys):  # noqa: F811
    """Stopped and gone on with too, to the same bits; what is named must fit."""
    small = ["--d-model", "16", "--heads", "2", "--layers", "1", "--context", "32", "--batch", "4"]
    small += ["--warm-up", "30"]
    train, book = ["train", "m1", "text", *small, "--threads", "1"], str(data_path("codebook.safetensors"))
    assert command(capsys, *train, "-o", "first", "--steps", "80", "--learning-rate", "0.02")[0] == 0
    further = [*train, "--from", "first", "--starts", book, "--steps", "12", "--checkpoint-every", "5"]
    assert command(capsys, *further, "-o", "second", "--run", "r")[0] == 0
    first, second = (log(here / "r")[i]["loss"] for i in (0, -1))
    assert first < 5.0  # fresh weights give log 257 = 5.5
    assert second < first
    whole = [*train, "--from", "first", "--steps", "12"]  # no short pieces: other batches, but the same beginning
    assert command(capsys, *whole, "-o", "third", "--run", "w")[0] == 0
    assert log(here / "w")[-1]["loss"] != second
    assert log(here / "w")[0]["loss"] < 5.0
    (here / "r" / "checkpoint-00000012.safetensors").unlink()
    assert command(capsys, *further, "-o", "again", "--run", "r", "--resume")[0] == 0
    assert (here / "again").read_bytes() == (here / "second").read_bytes()
    other = [*further, "-o", "x", "--run", "r", "--resume", "--starts", str(data_path("likeliest.safetensors"))]
    assert "is of another run, with starts" in refused(capsys, *other)
    last = ["-o", "x", "--steps", "1"]
    for option, file in (("--from", book), ("--starts", "first"), ("--from", str(data_path("m1.safetensors")))):
        assert f"{option} {file}: goes with m1, and names" in refused(capsys, *train, *last, option, file)
    assert "is of Config(" in refused(capsys, *train, *last, "--from", "first", "--layers", "2")
    m2 = ["train", "m2", "text", *small, *last, "--predictor", "first"]
    assert "--from first: goes with m1" in refused(capsys, *m2, "--from", "first")
    uneven = [*train, *last, "--context", "24", "--starts", book]
    assert "pieces of 24 symbols are not cut evenly" in refused(capsys, *uneven)


def test_threads_and_sizes_are_the_users_to_choose(here, capsys, monkeypatch):  # noqa: F811
    small = [
        "train",
        "m1",
        "text",
        "-o",
        "m1",
        "--size",
        "tiny",
        "--context",
        "16",
        "--batch",
        "4",
        "--steps",
        "2",
    ]
    code, out, _ = command(capsys, *small, "--threads", "2", "--json")
    found = json.loads(out)
    assert (code, found["threads"], found["parameters_without_embeddings"]) == (0, 2, 98_304)
    assert "a batch of 4 cannot be split evenly over 3 threads" in refused(capsys, *small, "--threads", "3")
    assert "invalid choice: '3gb'" in refused(capsys, *small, "--size", "3gb")
    with monkeypatch.context() as patch:
        patch.setattr("eiwref.backend.array_module", lambda name: np)  # as if there were a GPU
        assert "--threads is for --backend numpy" in refused(capsys, *small, "--threads", "2", "--backend", "cupy")
    monkeypatch.delattr(os, "memfd_create", raising=False)
    code, _, err = command(capsys, *small, "--threads", "2")
    assert code == 0
    assert "processes cannot share memory on this system, so threads do the work" in err
