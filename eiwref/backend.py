"""What computes: NumPy or CuPy, the only file that knows which, and how many cores there are.

The choice is explicit and made by the caller; nothing is probed or imported before it is asked for.
Code that runs on either takes the module as an argument named `xp`.
"""

import importlib
import os
from types import ModuleType

from eiwref.errors import BackendError

NAMES = ("numpy", "cupy")


def array_module(name: str = "numpy") -> ModuleType:
    """The array library called `name`; raises `BackendError` if it is not usable on this machine."""
    if name not in NAMES:
        raise BackendError(f"backend {name!r} is not known, expected one of {', '.join(NAMES)}")
    try:
        xp = importlib.import_module(name)
    except ModuleNotFoundError:
        raise BackendError(
            "backend 'cupy' is not installed: pip install 'eiwref[gpu]' (CUDA 13) or cupy-cuda12x (CUDA 12)"
        ) from None
    except ImportError as error:  # one of its libraries is missing
        raise BackendError(f"backend 'cupy' is installed and does not load ({error})") from None
    if name == "cupy":
        try:
            devices = xp.cuda.runtime.getDeviceCount()
        except xp.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"backend 'cupy' found no usable GPU ({error})") from None
        if devices == 0:
            raise BackendError("backend 'cupy' found no GPU on this machine")
    return xp


def to_numpy(array):
    """A host copy of an array of either library."""
    return array.get() if hasattr(array, "get") else array


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
