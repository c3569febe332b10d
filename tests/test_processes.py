"""Processes that work for another one end with it, however it ends, and nothing is left of them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eiwref.errors import EiwrefError
from eiwref.processes import each, processes
from tests.waiting import alive, wait_until

PROGRAM = """
import os, signal, sys, time
from pathlib import Path

import eiwref
from eiwref.processes import each
from eiwref.tokenizers.workers import Workers
from tqdm import tqdm

def piece(n):
    total = sum(tqdm(range(n), disable=True)) + sum(tqdm(range(n), mininterval=99))
    Path(f"pid-{os.getpid()}").touch()
    time.sleep(60 if n == 99 else 0)
    return total

def pieces(texts):
    return [piece(99) for _ in texts]

def quick():
    print(sorted(each(piece, [3, 1, 2], "numbers")))

def slow():
    list(each(piece, [99] * 9, "numbers"))

def workers():
    with Workers(eiwref.tokenizer("Bytes"), 2) as workers:
        workers._share(pieces, [b"a"] * 9, iter)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # passed over by what is run in the background
    try:
        globals()[sys.argv[1]]()
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def begin(tmp_path):
    """Begins the program and, of its processes, waits for one to be at work."""
    (tmp_path / "program.py").write_text(PROGRAM)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    begun = []

    def begin(what):
        begun.append(
            subprocess.Popen([sys.executable, "program.py", what], cwd=tmp_path, start_new_session=True, **pipes)
        )
        wait_until(lambda: pids(tmp_path) or begun[0].poll() is not None)
        return begun[0]

    yield begin
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def pids(folder):
    return [int(path.name.removeprefix("pid-")) for path in folder.glob("pid-*")]


def test_pieces_run_in_processes_of_their_own_and_end_quietly(tmp_path, begin):
    process = begin("quick")
    out, errors = process.communicate(timeout=60)
    assert out == "[0, 2, 6]\n"
    assert process.pid not in pids(tmp_path)
    assert "leaked" not in errors


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who is alive")
@pytest.mark.parametrize("what", ["slow", "workers"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_they_end_with_the_process_they_work_for(tmp_path, begin, what, by):
    process = begin(what)
    ended = time.monotonic()
    (os.killpg if by == signal.SIGINT else os.kill)(process.pid, by)  # a terminal interrupts all of them
    _, errors = process.communicate(timeout=30)
    assert process.returncode == (130 if by == signal.SIGINT else -by)
    assert "Traceback" not in errors
    assert "leaked" not in errors or by == signal.SIGKILL
    wait_until(lambda: not any(map(alive, pids(tmp_path))))
    assert time.monotonic() - ended < 20  # not the minutes it works on


def interrupted():
    with processes(2) as pool:
        for _ in range(2):
            pool.submit(time.sleep, 60)
        raise KeyboardInterrupt


def test_an_interrupt_leaves_neither_processes_nor_threads():
    """A thread left behind may fail beside the end of the interpreter, which it would tell by a traceback."""
    before = set(threading.enumerate())
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begun < 20
    assert set(threading.enumerate()) == before
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be blocked")
def test_interrupts_are_kept_off_from_the_start():
    with processes(1) as pool:
        assert pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, []).result() == {signal.SIGINT}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_one_that_ends_early_is_a_sentence():
    with pytest.raises(EiwrefError, match="a process ended early; if it ran out of memory, take fewer at a time"):
        list(each(os._exit, [9], "numbers"))


def test_an_error_of_theirs_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        list(each(divmod_of, [(1, 1), (1, 0)], "numbers"))


def divmod_of(pair):
    return divmod(*pair)
