"""Processes that work for this one and end with it: at once on an interrupt or an error, and if it is killed."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import RLock, Thread

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from eiwref.backend import cores
from eiwref.errors import EiwrefError


@contextmanager
def processes(workers: int, begin: Callable | None = None, given: tuple = ()) -> Iterator[ProcessPoolExecutor]:
    """A pool of `workers` processes with one thread for BLAS, each of which calls `begin(*given)` first.

    Raises `EiwrefError` if one of them ends early.
    """
    context = _Context()
    with ProcessPoolExecutor(workers, context, _begin, (begin, given)) as pool:
        try:
            yield pool
        except BrokenProcessPool:
            raise EiwrefError("a process ended early; if it ran out of memory, take fewer at a time") from None
        except BaseException:
            # The pool's thread sees them end, and is waited for: left to itself it may close the pipe through
            # which the interpreter, when it ends, is about to wake it.
            for process in context.begun:
                if process.is_alive():
                    process.terminate()
            raise


@contextmanager
def interrupts_kept_off() -> Iterator[None]:
    """A process begun in this block gets no interrupts, as they are for the one that began it, and can end it.

    Where it cannot be done, which is Windows, nothing is done.
    """
    if hasattr(signal, "pthread_sigmask"):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


class _Process(SpawnProcess):
    def start(self) -> None:
        with interrupts_kept_off():
            super().start()


class _Context(SpawnContext):
    """Begins processes afresh, not forked: threads of BLAS are not copied, nor can copies use a GPU."""

    def __init__(self):
        self.begun: list[_Process] = []

    def Process(self, *args, **kwargs) -> _Process:
        self.begun.append(_Process(*args, **kwargs))
        return self.begun[-1]


def each(function: Callable, items: Iterable, desc: str) -> Iterator:
    """`function` of each item as they become ready, with a bar, in as many processes as there are cores."""
    items = list(items)
    with processes(cores()) as pool:
        ready = as_completed([pool.submit(function, item) for item in items])
        for future in tqdm(ready, total=len(items), desc=desc, disable=None):
            yield future.result()


def _begin(begin: Callable | None, given: tuple) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows
    # What is handed out is as much as there are cores.
    threadpool_limits(1)
    # Bars would share a lock with other processes, and Python complains of such locks where one is ended.
    tqdm.set_lock(RLock())
    Thread(target=_end_with_parent, daemon=True).start()
    if begin:
        begin(*given)


def _end_with_parent() -> None:
    """A process that is killed cannot end those it started."""
    parent_process().join()
    os._exit(1)
