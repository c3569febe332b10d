"""A student's notebooks under the checkers, without running all that is in them.

Of a notebook only the statements are run that the answer's function needs: its own definition and, in turn, those
of the names in it. So other exercises may be unsolved, no picture is drawn and no network trained. Each notebook
is graded in a process of its own with a time-out, since whatever a student writes may hang where no exception
reaches it, or end the process.
"""

import ast
import contextlib
import json
import os
import re
import subprocess
import symtable
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eiwref.course import core, notebook
from eiwref.errors import CourseError, EiwrefError

NOTEBOOK_SECONDS = 120
"""For all exercises of one notebook."""

SEED = 0


class Grade(NamedTuple):
    number: str
    title: str
    remark: str | None
    """None: right. Else a sentence on what is wrong."""


def numbers() -> list[str]:
    """All exercises of the course."""
    return [number for tutorial in notebook.sources() for number in core.exercises(tutorial)]


def grade_folder(folder: str | Path, tutorials: list[str], seconds: float = NOTEBOOK_SECONDS) -> Iterator[Grade]:
    """The grades of all exercises of `tutorials`, each in a folder's notebook (or Python file) of its name.

    Raises `CourseError` if the folder is none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CourseError(f"{folder}: is no folder; `eiwref tutorials {folder}` makes one")
    for tutorial in tutorials:
        remarks: dict[str, str | None] = {}
        missing = "the check ended before this exercise: the process was ended by the code it ran"
        try:
            path = find(folder, tutorial)
            command = [sys.executable, "-m", "eiwref.course.grade", tutorial, str(path)]
            environment = os.environ | {"MPLBACKEND": "agg", "EIWREF_FAST": "1"}
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, timeout=seconds
            )
            lines = done.stdout
        except EiwrefError as error:
            lines, missing = b"", str(error)
        except subprocess.TimeoutExpired as error:
            lines = error.stdout or b""
            missing = f"not checked: the notebook's exercises took longer than {seconds} s in all"
        for line in lines.splitlines():
            remarks |= json.loads(line)
        for number, exercise in core.exercises(tutorial).items():
            yield Grade(number, exercise.title, remarks.get(number, missing))


def find(folder: Path, tutorial: str) -> Path:
    """The notebook of a tutorial in a folder, or the Python file; a `CourseError` if there is neither."""
    stem = notebook.source(tutorial).stem
    for suffix in (".ipynb", ".py"):
        if (folder / (stem + suffix)).exists():
            return folder / (stem + suffix)
    raise CourseError(f"there is no {stem}.ipynb in {folder}")


def answer(path: Path, number: str) -> Callable:
    """The function in a notebook or Python file that an exercise asks for.

    Raises `CourseError` if it is not there, or cannot be made.
    """
    tutorial = number.partition(".")[0]
    name = notebook.answer_names(notebook.source(tutorial).read_text(encoding="utf-8"))[number]
    statements, broken = [], ""
    for index, code in enumerate(notebook.code_of(path), 1):
        try:
            # Lines that are for Jupyter (%time, !ls) are no Python; a comment keeps the numbers of the others.
            statements += ast.parse(re.sub(r"^[%!?]", "# ", code, flags=re.M)).body
        except SyntaxError as error:
            broken = f" (code cell {index} is no Python: {error.msg}, line {error.lineno})"
    needed = _needed(statements, name)
    space: dict = {"__name__": "answers"}
    for statement in needed:
        try:
            exec(compile(ast.Module([statement], []), str(path), "exec"), space)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise CourseError(
                f"{name} cannot be made, since `{ast.unparse(statement)[:60]}` raised {what}"
            ) from None
    if name not in space:
        raise CourseError(f"there is no function {name} in {path.name}{broken}")
    return space[name]


def _needed(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that give `name` its value, and all that these need, in their order."""
    names = [_names(statement) for statement in statements]
    wanted, needed = {name}, set()
    while found := {i for i, (given, _) in enumerate(names) if i not in needed and given & wanted}:
        needed |= found
        for i in found:
            wanted |= names[i][1]
    return [statements[i] for i in sorted(needed)]


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The global names that a statement gives a value or changes in place, and those it uses."""
    table = symtable.symtable(ast.unparse(statement), "a statement", "exec")
    given = {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}
    used = {each.get_name() for each in table.get_symbols() if each.is_referenced()}
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):  # table[i] = 1
            inside: ast.expr = node
            while isinstance(inside, ast.Subscript | ast.Attribute):
                inside = inside.value
            given |= {inside.id} & used if isinstance(inside, ast.Name) else set()
    tables = table.get_children()
    while tables:
        table = tables.pop()
        used |= {each.get_name() for each in table.get_symbols() if each.is_global()}
        tables += table.get_children()
    return given, used


def _main(tutorial: str, path: str) -> None:
    """Grade one notebook: a line of JSON an exercise, to the standard output; what students print is lost."""
    with open(os.dup(1), "w") as out, open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 1)
        for number in core.exercises(tutorial):
            try:
                remark = core.judge(number, answer(Path(path), number), np.random.default_rng(SEED))
            except EiwrefError as error:
                remark = " ".join(str(error).split())
            print(json.dumps({number: remark}), file=out, flush=True)
    os._exit(0)  # threads of functions that ran for too long are not waited for


if __name__ == "__main__":
    _main(*sys.argv[1:])
