"""Work done once: what a result is keyed by, that it is run once whoever runs it, and what stops in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import EiwrefError, PredictorError
from eiwref.reproduce import grid as grid_file
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.tokens import Tokens
from eiwref.reproduce.trained import Trained
from tests.toy_jobs import SLOW, Dying, OnRefused, OnThat, Refused, Slow, Square, Total, material, noted
from tests.waiting import alive, wait_until

fcntl = pytest.importorskip("fcntl")
CHECKOUT = Path(eiwref.__file__).parent.parent
TRAINED = Trained("Bytes", "tiny", 32, 2, 1000.0)
OTHERS = [
    Trained("AC[v=256]", "tiny", 32, 2, 1000.0),
    Trained("Bytes", "small", 32, 2, 1000.0),
    Trained("Bytes", "tiny", 64, 2, 1000.0),
    Trained("Bytes", "tiny", 32, 4, 1000.0),
    Trained("Bytes", "tiny", 32, 2, 2000.0),
    Trained("Bytes", "tiny", 32, 2, 1000.0, unit="tokens"),
    Trained("Bytes", "tiny", 32, 2, 1000.0, seed=1),
    Tokens("Bytes"),
]


@pytest.fixture
def made(tmp_path):
    return Grid(tmp_path / "out", material(tmp_path))


# What a result is keyed by.


def assert_keys_differ(kind, folder):
    grid = kind(folder / "out", material(folder))
    assert len({grid.key(job) for job in [TRAINED, *OTHERS]}) == 1 + len(OTHERS)


def test_every_field_is_in_the_key(tmp_path):
    assert_keys_differ(Grid, tmp_path)


def test_a_key_without_a_field_is_noticed(tmp_path):
    class Forgetful(Grid):
        def key(self, job):
            return super().key(replace(job, unit="bytes") if isinstance(job, Trained) else job)

    with pytest.raises(AssertionError):
        assert_keys_differ(Forgetful, tmp_path)


def assert_paths_do_not_matter(kind, folder):
    here = kind(folder / "out", material(folder / "a"))
    there = kind(folder / "elsewhere", replace(material(folder / "b"), work=str(folder / "c" / "work")))
    for name in ("train", "held-out", "m1"):
        (folder / "b" / name).rename(folder / "b" / f"other-{name}")
    renamed = replace(
        there.material,
        train=(str(folder / "b" / "other-train"),),
        held_out=(str(folder / "b" / "other-held-out"),),
        m1=str(folder / "b" / "other-m1"),
    )
    renamed = kind(folder / "elsewhere", renamed)
    assert here.key(TRAINED) == there.key(TRAINED) == renamed.key(TRAINED)


def test_paths_are_not_in_the_key(tmp_path):
    assert_paths_do_not_matter(Grid, tmp_path)


def test_a_key_with_a_path_is_noticed(tmp_path):
    class Local(Grid):
        def __init__(self, out, material):
            super().__init__(out, material)
            self.about = self.about | {"m1": material.m1}

    with pytest.raises(AssertionError):
        assert_paths_do_not_matter(Local, tmp_path)


def test_version_texts_m1_and_backend_are_in_the_key(tmp_path, monkeypatch):
    keys = [
        Grid(tmp_path / "out", texts).key(TRAINED)
        for texts in (
            material(tmp_path / "a"),
            material(tmp_path / "b", train=b"to learn other text from"),
            material(tmp_path / "c", held_out=b"other text held out"),
            material(tmp_path / "d", weight=2),
        )
    ]
    keys.append(Grid(tmp_path / "out", material(tmp_path / "a"), "cupy").key(TRAINED))
    for kind in (Trained, Tokens):  # which it needs
        monkeypatch.setattr(kind, "version", kind.version + 1)
        keys.append(Grid(tmp_path / "out", material(tmp_path / "a")).key(TRAINED))
        monkeypatch.undo()
    monkeypatch.setattr(grid_file, "environment", lambda: {"eiwref": "0.0.1"})
    keys.append(Grid(tmp_path / "out", material(tmp_path / "a")).key(TRAINED))
    assert len(set(keys)) == 8


def test_a_subword_model_is_of_its_text(tmp_path):
    """Though the folder for work is the same."""
    pytest.importorskip("sentencepiece")
    text = b"".join(builtin.documents("held-out"))
    (tmp_path / "work").mkdir()
    first = material(tmp_path, train=text[:40_000]).tokenizer("SentencePiece[v=1k]")
    again = material(tmp_path, train=text[:40_000]).tokenizer("SentencePiece[v=1k]")
    other = material(tmp_path, train=text[-40_000:]).tokenizer("SentencePiece[v=1k]")
    assert first.predictor_digest == again.predictor_digest != other.predictor_digest


# Once.


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_is_made_once(tmp_path, made, workers):
    jobs = [Total((1, 2, 3)), Total((2, 3, 4)), Square(3), Square(3)]
    assert made.run(jobs, workers) == []
    assert sorted(noted(tmp_path)) == ["square 1", "square 2", "square 3", "square 4", "total 3", "total 3"]
    assert [made.result(job) for job in jobs[:3]] == [{"total": 14}, {"total": 29}, {"square": 9}]
    before = noted(tmp_path)
    assert made.missing(jobs) == []
    assert made.run(jobs, workers) == []
    assert Grid(tmp_path / "out", material(tmp_path)).run(jobs, 1) == []
    assert noted(tmp_path) == before


def test_a_result_says_how_it_was_made(made):
    made.run([Square(3)], 1)
    (path,) = (made.out / "runs").iterdir()
    data = json.loads(path.read_text())
    assert data["job"] == {"kind": "square", "version": 1, "number": 3}
    assert data["key"] == made.key(Square(3))
    assert path.name == f"square-{data['key'][:16]}.json"
    assert data["about"]["m1"] == made.about["m1"]
    assert "python" in data["environment"]


def test_what_was_not_run_has_no_result(made):
    assert made.found(Square(1)) is None
    with pytest.raises(EiwrefError, match=r"square-[0-9a-f]{16}: was not run"):
        made.result(Square(1))


def begin(call, folder):
    """A process that runs `toy_jobs.CALL(FOLDER)`, with what it starts."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from tests import toy_jobs; toy_jobs.{call}({str(folder)!r})"],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def test_two_processes_share_the_work(tmp_path):
    material(tmp_path / "both")
    two = [begin("run_grid", tmp_path / "both") for _ in range(2)]
    wait_until(lambda: len(noted(tmp_path / "both")) >= 4)
    (tmp_path / "both" / "work" / "go").touch()
    assert [process.wait(30) for process in two] == [0, 0]
    counted = [line for line in noted(tmp_path / "both") if "waits" not in line]
    assert sorted(counted) == ["first half", "second half", "square 2", "square 3"]
    grid = Grid(tmp_path / "both" / "out", material(tmp_path / "both"))
    assert [grid.result(job) for job in SLOW] == [{"square": 4}, {"square": 9}, {"found": 41}]


def test_who_comes_second_waits_and_takes_the_result(tmp_path, made):
    other = Grid(tmp_path / "out", made.material)
    lock = open(tmp_path / "work" / f"{made.key(Square(5))[:16]}.lock", "ab")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)
    found = []
    thread = threading.Thread(target=lambda: found.append(other.make(Square(5))))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    aside = Grid(tmp_path / "out", replace(made.material, work=str(tmp_path / "aside")))
    aside.make(Square(5))  # writes the result as the holder of the lock would
    lock.close()
    thread.join(10)
    assert found[0].result == {"square": 25}
    assert noted(tmp_path) == []


# Stopped in the middle.


def test_killed_and_begun_again(tmp_path):
    """The same as if it had not been killed, and nothing twice; the processes that were at it end too."""
    folder = tmp_path / "killed"
    material(folder)
    process = begin("run_grid", folder)
    wait_until(lambda: len(noted(folder)) == 4)
    (worker,) = [int(line.split()[-1]) for line in noted(folder) if line.startswith("waits in")]
    grid = Grid(folder / "out", material(folder))
    wait_until(lambda: grid.missing(SLOW) == [SLOW[2]])
    process.kill()
    process.wait()
    wait_until(lambda: not alive(worker))
    (folder / "work" / "go").touch()
    assert grid.run(SLOW, 1) == []
    counted = [line for line in noted(folder) if "waits" not in line]
    assert sorted(counted) == ["first half", "second half", "square 2", "square 3"]
    whole = Grid(tmp_path / "whole" / "out", material(tmp_path / "whole"))
    (tmp_path / "whole" / "work" / "go").touch()
    whole.run(SLOW, 1)
    assert [grid.result(job) for job in SLOW] == [whole.result(job) for job in SLOW]


def test_an_interrupt_ends_the_command_and_keeps_what_is_done(tmp_path):
    process = begin("run_command", tmp_path)
    wait_until(lambda: len(noted(tmp_path)) == 4 and len(list((tmp_path / "runs").iterdir())) == 2)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(30) == 130
    assert time.monotonic() - begun < 5
    assert "Traceback" not in process.stderr.read()
    assert sorted(path.name[:6] for path in (tmp_path / "runs").iterdir()) == ["square", "square"]
    assert not (tmp_path / "figure1.json").exists()


def test_a_process_that_dies_is_a_sentence(made):
    made.run([Square(1)], 1)
    with pytest.raises(EiwrefError, match="a process ended early; if it ran out of memory, take fewer at a time"):
        made.run([Dying()], 2)
    assert made.result(Square(1)) == {"square": 1}


# Jobs that fail.


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_fails_does_not_stop_the_others(tmp_path, made, workers):
    jobs = [OnThat(7), OnRefused(7), Square(1), Refused(8), Total((1, 2))]
    failures = made.run(jobs, workers)
    assert sorted(failures) == [
        "refused (number=7): number 7 is refused; 2 more that need it were not run",
        "refused (number=8): number 8 is refused",
    ]
    assert sorted(noted(tmp_path)) == ["refused 7", "refused 8", "square 1", "square 2", "total 2"]
    assert made.result(Total((1, 2))) == {"total": 5}
    assert made.missing(jobs) == [Refused(7), OnRefused(7), OnThat(7), Refused(8)]


def test_a_fault_of_ours_is_not_hidden(made, monkeypatch):
    monkeypatch.setattr(Slow, "make", lambda self, place: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made.run([Square(1), Slow(1)], 1)
    assert made.result(Square(1)) == {"square": 1}


def test_a_missing_library_is_told_before_anything_is_run(tmp_path, made, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(PredictorError, match=r"not installed: pip install 'eiwref\[subword\]'"):
        made.run([Square(1), Tokens("SentencePiece[v=1k]")], 1)
    assert noted(tmp_path) == []


# Files.


def test_files_are_made_again_where_they_are_gone(tmp_path, made):
    made.run([Square(6)], 1)
    assert (made.files(Square(6)) / "number").read_text() == "6"
    assert noted(tmp_path) == ["square 6"]
    shutil.rmtree(tmp_path / "work")
    assert (made.files(Square(6)) / "number").read_text() == "6"
    assert noted(tmp_path) == ["square 6"]  # of a new log
    shutil.rmtree(tmp_path / "work")
    assert made.run([Total((5, 6))], 1) == []
    assert noted(tmp_path) == ["square 5", "total 2", "square 6"]


DAMAGE = {
    "cut off": lambda data: data[:-20],
    "empty": lambda data: b"",
    "not JSON": lambda data: b"\xff" + data,
    "a list": lambda data: b"[]",
    "deep": lambda data: b"[" * 100_000,
    "another format": lambda data: data.replace(b"eiwref.run.1", b"eiwref.run.0"),
    "another key": lambda data: data.replace(b'"key": "', b'"key": "0'),
    "no result": lambda data: data.replace(b'"result"', b'"answer"'),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_result_is_a_sentence(made, how):
    made.run([Square(3), Square(4)], 1)
    path = made._path(Square(3))
    path.write_bytes(DAMAGE[how](path.read_bytes()))
    for use in (made.found, made.result, made.make, lambda job: made.run([job], 1)):
        with pytest.raises(EiwrefError, match=rf"{path.name}: is not the result .* or is damaged; delete it"):
            use(Square(3))
    assert made.result(Square(4)) == {"square": 16}
    path.unlink()
    assert made.run([Square(3)], 1) == []
    assert made.result(Square(3)) == {"square": 9}


def test_a_result_under_another_name_is_refused(made):
    made.run([Square(3)], 1)
    shutil.copy(made._path(Square(3)), made._path(Square(4)))
    with pytest.raises(EiwrefError, match="is not the result it is named for"):
        made.found(Square(4))


def test_another_versions_results_are_reported_and_not_used(tmp_path, made, monkeypatch):
    (tmp_path / "work" / "go").touch()
    made.run([Square(3), Total((3,)), Slow(1)], 1)
    old = [made._path(job).name for job in (Square(3), Total((3,)))]
    assert made.stale() == []
    monkeypatch.setattr(Square, "version", 2)
    assert made.missing([Total((3,)), Slow(1)]) == [Square(3), Total((3,))]  # which needs it
    assert made.stale() == old
    made.run([Total((3,))], 1)
    assert noted(tmp_path).count("square 3") == noted(tmp_path).count("total 1") == 2
    assert made.stale() == old  # and left where they are


def test_results_of_other_text_or_damaged_ones_are_reported(tmp_path, made):
    made.run([Square(3)], 1)
    other = Grid(tmp_path / "out", material(tmp_path / "b", train=b"another text to learn from"))
    assert other.found(Square(3)) is None
    assert other.stale() == [made._path(Square(3)).name]
    for name, content in {"a": "{", "b": "[1]", "c": json.dumps({"about": made.about}), "d": "null"}.items():
        (tmp_path / "out" / "runs" / f"{name}.json").write_text(content)
    assert made.stale() == ["a.json", "b.json", "c.json", "d.json"]


def test_what_cannot_be_written_to_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EiwrefError, match="is not a folder, expected one to write to"):
        Grid(tmp_path / "file", material(tmp_path))
    with pytest.raises(EiwrefError, match="is not a folder, expected one to write to"):
        Grid(tmp_path / "out", replace(material(tmp_path), work=str(tmp_path / "file" / "below")))
