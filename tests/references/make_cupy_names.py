"""Writes cupy_names.txt: what CuPy offers, as far as this package could come to use it.

    pip install 'cupy-cuda13x>=14' && python tests/references/make_cupy_names.py

CuPy can be imported without a GPU or its driver, but its wheels are too large to be installed for every run of the
tests.
A line is a name, with the parameters of a function that tells them, or with `ufunc` behind it.
"""

import inspect
from pathlib import Path

import cupy

SCOPES = {
    "": cupy,
    "ndarray.": cupy.ndarray,
    "ufunc.": cupy.ufunc,
    "cuda.runtime.": cupy.cuda.runtime,
}


def line(scope: str, name: str, value) -> str:
    if isinstance(value, cupy.ufunc):
        return f"{scope}{name} ufunc"
    if inspect.isfunction(value):
        parameters = inspect.signature(value).parameters
        if not any(each.kind == each.VAR_KEYWORD for each in parameters.values()):
            return f"{scope}{name}({', '.join(parameters)})"
    return f"{scope}{name}"


def whole() -> str:
    """The file's text."""
    found = [f"# CuPy {cupy.__version__}, by make_cupy_names.py"]
    for scope, holder in SCOPES.items():
        names = [name for name in sorted(dir(holder)) if not name.startswith("_")]
        found += [line(scope, name, getattr(holder, name)) for name in names]
    return "\n".join(found) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "cupy_names.txt").write_text(whole())
