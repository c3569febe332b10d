"""Notebooks from the tutorials' sources: one for students, one with the solutions.

A source, `tutorials/NN_name.py`, is Python in cells ("py:percent": a line `# %%` begins a cell, `# %% [markdown]`
one of text in comments) and has the solutions in it, between the marks that nbgrader uses. A notebook is JSON
(nbformat 4.5). Only what our sources need is read here: no other kinds of cells, no tags.
"""

import ast
import json
import re
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from eiwref import files
from eiwref.errors import CourseError

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION\n?", re.M | re.S)
TO_DO = "raise NotImplementedError  # your answer"
"""What a student finds where the solution was, as nbgrader has it. Nothing of this package is left to be done."""

ADAPTER = "test_exercises.py"
"""Travels with the notebooks: the same checks under pytest."""

PAGES = ("SYLLABUS.md", "GLOSSARY.md", "NOTATION.md")
"""Shared by all tutorials; they travel, too."""


class Cell(NamedTuple):
    kind: str  # "code" or "markdown"
    text: str


def sources() -> dict[str, Path]:
    """The sources of all tutorials, {"00": path, ...}."""
    return {path.name[:2]: path for path in sorted(folder().glob("[0-9][0-9]_*.py"))}


def folder() -> Path:
    """Where they are: inside the package when installed, beside it in a checkout."""
    package = Path(str(resources.files("eiwref")))
    installed = package / "tutorials"
    return installed if installed.exists() else package.parent / "tutorials"


def source(tutorial: str) -> Path:
    """The source of one; a `CourseError` if there is none."""
    known = sources()
    if tutorial not in known:
        raise CourseError(f"there is no tutorial {tutorial!r}, expected one of {', '.join(known)}")
    return known[tutorial]


def cells(text: str) -> list[Cell]:
    """The cells of a source, the header before the first left out."""
    found = []
    for part in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        kind = "markdown" if head.strip() == "[markdown]" else "code"
        if kind == "markdown":
            body = re.sub(r"^# ?", "", body, flags=re.M)
        found.append(Cell(kind, body.strip("\n")))
    return found


def without_solutions(text: str) -> str:
    """The student's version: what stands between the marks is theirs to write."""
    return SOLUTION.sub(rf"\1{TO_DO}\n", text)


def notebook(text: str) -> bytes:
    """A source as a notebook without outputs; the same bytes each time."""
    shown = []
    for index, cell in enumerate(cells(text)):
        content = {
            "cell_type": cell.kind,
            "id": f"cell-{index:03}",
            "metadata": {},
            "source": cell.text.splitlines(keepends=True),
        }
        shown.append(content | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": shown, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def copy(target: str | Path, solutions: bool = False) -> tuple[list[Path], list[Path]]:
    """Write notebooks, adapter and pages to a folder: (files written, files that were there already).

    What is there stays as it is, since it may be a student's work.
    """
    target = files.make_folder(target)
    contents = {name: (folder() / name).read_bytes() for name in (ADAPTER, *PAGES)}
    for path in sources().values():
        text = path.read_text(encoding="utf-8")
        contents[f"{path.stem}.ipynb"] = notebook(text if solutions else without_solutions(text))
    new = [target / name for name in sorted(contents) if not (target / name).exists()]
    for path in new:
        files.write_bytes(path, contents[path.name])
    return new, [target / name for name in sorted(contents) if target / name not in new]


def code_of(path: Path) -> list[str]:
    """The code cells of a student's notebook or Python file; a `CourseError` if it is neither."""
    data = files.read_bytes(path)
    try:
        text = data.decode("utf-8")
        if path.suffix != ".ipynb":
            return [cell.text for cell in cells("# %%\n" + text) if cell.kind == "code"]
        found = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return ["".join(cell["source"]) for cell in found]
    except (ValueError, KeyError, TypeError):
        raise CourseError(f"{path}: is no notebook that can be read, expected one that Jupyter saved") from None


def answer_names(text: str) -> dict[str, str]:
    """{"04.1": "entropy", ...}: which function each exercise of a source asks for, as `check` is called there."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            number, function = node.args
            found[ast.literal_eval(number)] = ast.unparse(function)
    return found
