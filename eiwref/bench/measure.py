"""Seconds of several ways to do the same thing, taken in turns.

A machine is not equally fast all the time, and a library measured first may meet it at its best. So every round
runs all contenders once, in one process, and each is given by the median of its rounds. What runs on one core is
timed in seconds of the processor, in which what else the machine does counts less.
"""

import importlib
import time
from collections.abc import Iterable
from importlib import metadata
from types import ModuleType

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from eiwref.experiments.result import environment


def seconds(contenders: dict, rounds: int, clock=time.process_time, blas: int | None = 1, warm=False) -> dict:
    """The median seconds of each contender, {name: function}, after one round that does not count.

    `blas`: threads of its products, None to leave them to the contenders; with more than one core, `clock` must be
    one on the wall. `warm`: in its turn a contender runs twice, and the second time counts, for what goes on for
    hours once begun.
    """
    taken: dict = {name: [] for name in contenders}
    with threadpool_limits(blas), tqdm(total=(rounds + 1) * len(contenders), desc="rounds", disable=None) as bar:
        for _ in range(rounds + 1):
            for name, run in contenders.items():
                bar.set_postfix_str(str(name))
                if warm:
                    run()
                begin = clock()
                run()
                taken[name].append(clock() - begin)
                bar.update()
    return {name: float(np.median(each[1:])) for name, each in taken.items()}


def row(case: str, unit: str, ours: float, peer: float | None = None, peer_name: str | None = None) -> dict:
    """One line of a result; `ours` and `peer` are in `unit`, more is better."""
    return {
        "case": case,
        "unit": unit,
        "ours": ours,
        "peer": peer,
        "peer_name": peer_name,
        "ratio": None if peer is None else ours / peer,
    }


def find_peers(names: Iterable[str]) -> tuple[dict[str, ModuleType], list[str]]:
    """(the libraries that are installed, a line on each that is not)"""
    found, missing = {}, []
    for name in names:
        try:
            found[name] = importlib.import_module(name)
        except ImportError:
            missing.append(f"{name} is not installed and left out: pip install {name}")
        except (RuntimeError, OSError):  # torchac compiles itself when imported
            missing.append(f"{name} is installed, but cannot be loaded, and is left out")
    return found, missing


def environment_with(peers: Iterable[str]) -> dict:
    """What a figure may depend on, the versions of peers included."""
    return environment() | {name: metadata.version(name) for name in peers}
