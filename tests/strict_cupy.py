"""A stand-in for CuPy that computes with NumPy and raises where CuPy would, or would silently differ.

Arrays of the two libraries do not mix, ufuncs take no `where=`, reductions no `initial=`, and only the names below
are there, all of which CuPy has. As in CuPy, an index out of range wraps around without a word.
"""

import types

import numpy as np


class Array(np.ndarray):
    """Lives "on the device": only the functions of this module may touch it."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if kwargs.pop("where", True) is not True:
            raise TypeError(f"{ufunc.__name__}: CuPy has no where=")
        if kwargs.pop("initial", np._NoValue) is not np._NoValue:
            raise TypeError(f"{ufunc.__name__}: CuPy has no initial=")
        out = kwargs.pop("out", None)
        result = getattr(ufunc, method)(*map(to_host, inputs), **kwargs)
        if out is None:
            return to_device(result)
        out[0].view(np.ndarray)[...] = result
        return out[0]

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} was called with a device array; call it through xp")

    def __getitem__(self, key):
        return to_device(self.view(np.ndarray)[self._key(key)])

    def __setitem__(self, key, value):
        self.view(np.ndarray)[self._key(key)] = to_host(value)

    def _key(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        parts = (
            tuple(
                to_host(part) % size if isinstance(part, Array) and part.dtype.kind in "iu" else to_host(part)
                for part, size in zip(parts, self.shape, strict=False)
            )
            + parts[self.ndim :]
        )
        return parts if isinstance(key, tuple) else parts[0]

    def get(self):
        return np.array(self.view(np.ndarray))


def to_host(value):
    """What NumPy computes with; a host array among device ones is the mistake to find."""
    if isinstance(value, Array):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("a NumPy array was mixed with device arrays")
    if isinstance(value, list | tuple):
        return type(value)(to_host(item) for item in value)
    return value


def to_device(value):
    return np.asarray(value).view(Array) if isinstance(value, np.ndarray | np.generic) else value


def _on_device(function):
    def call(*arguments, **kwargs):
        arguments = [to_host(argument) for argument in arguments]
        return to_device(function(*arguments, **{name: to_host(value) for name, value in kwargs.items()}))

    return call


NAMES = [
    "isfinite",
    "empty",
    "empty_like",
    "full",
    "zeros",
    "zeros_like",
    "arange",
    "frombuffer",
    "sqrt",
    "exp",
    "log",
    "matmul",
    "maximum",
    "minimum",
    "subtract",
    "clip",
    "floor",
    "rint",
    "where",
    "flatnonzero",
    "concatenate",
    "stack",
    "bincount",
    "take",
    "cumsum",
    "partition",
    "sort",
    "unique",
]

xp = types.SimpleNamespace(
    uint8=np.uint8,
    int64=np.int64,
    array=lambda values: to_device(np.array(values.get() if isinstance(values, Array) else values)),
    asarray=lambda values, dtype=None: to_device(
        np.asarray(values.get() if isinstance(values, Array) else values, dtype=dtype)
    ),
    add=types.SimpleNamespace(
        at=lambda array, index, values: np.add.at(
            array.view(np.ndarray), to_host(index) % len(array), to_host(values)
        )
    ),
    **{name: _on_device(getattr(np, name)) for name in NAMES},
)
