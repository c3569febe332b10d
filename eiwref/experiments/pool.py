"""Independent pieces of an experiment, as many at a time as there are cores."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context, parent_process
from threading import Thread

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from eiwref.experiments.result import cores


def each(function: Callable, items: Iterable, desc: str) -> Iterator:
    """`function` of each item as they become ready, with a bar; each in a process with one thread for BLAS."""
    items = list(items)
    # Begun afresh and not forked: a GPU that this process has opened cannot be used by its copies.
    with get_context("spawn").Pool(cores(), prepare) as pool:
        yield from tqdm(pool.imap_unordered(function, items), total=len(items), desc=desc, disable=None)
        # Left to end by themselves: killed, they would leave locks behind, and Python would complain of them.
        pool.close()
        pool.join()


def prepare() -> None:
    """What a process does before its first piece."""
    # Interrupts are for the process that started these: it ends them when it leaves the block.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Networks this small gain nothing from more threads, and the cores are taken.
    threadpool_limits(1)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A process that is killed cannot end those it started."""
    parent_process().join()
    os._exit(1)
