"""The commands for a class: `eiwref tutorials` and `eiwref check`."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable

from eiwref import show

FOLDER = "eiwref-tutorials"


def add_commands(add: Callable) -> None:
    """Give the parser its two; `add` is the one that adds all the others."""
    command = add(
        "tutorials", _tutorials, "copy the course's notebooks to a folder and open Jupyter", predictor=False
    )
    command.add_argument("folder", nargs="?", default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")
    command.add_argument("--no-open", action="store_true", help="only copy them")
    command.add_argument("--solutions", action="store_true", help="with the exercises solved")

    text = "grade the exercises in a folder of notebooks; exit code 1 while one is unsolved"
    command = add("check", _check, text, predictor=False)
    command.add_argument("tutorial", nargs="?", metavar="NN", help="only this tutorial, such as 02 (default: all)")
    command.add_argument("--dir", default=FOLDER, metavar="DIR", help=f"where they are (default: {FOLDER})")


def _tutorials(options) -> int:
    from eiwref.course import notebook
    from eiwref.errors import CourseError

    new, kept = notebook.copy(options.folder, options.solutions)
    if options.json:
        print(json.dumps({"written": [str(path) for path in new], "kept": [str(path) for path in kept]}, indent=1))
    else:
        for path in new:
            print(path)
        for path in kept:
            print(f"{path}: was there already and stays as it is")
    if options.no_open:
        return 0
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(
            f"the notebooks are in {options.folder}, but Jupyter is not installed: pip install 'eiwref[tutorials]'"
        )
    return subprocess.run([sys.executable, "-m", "jupyterlab", options.folder]).returncode


def _check(options) -> int:
    from eiwref.course import grade, notebook

    if options.tutorial is None:
        tutorials = list(notebook.sources())
    else:
        tutorials = [options.tutorial.zfill(2)]
        notebook.source(tutorials[0])
    grades = list(grade.grade_folder(options.dir, tutorials))
    solved = sum(each.remark is None for each in grades)
    if options.json:
        rows = [
            {"exercise": each.number, "title": each.title, "right": each.remark is None, "remark": each.remark}
            for each in grades
        ]
        found = {"command": options.command, "folder": options.dir, "solved": solved, "rows": rows}
        print(json.dumps(found, indent=1))
    else:
        rows = [[each.number, each.title, show.escaped(each.remark or "right")] for each in grades]
        print(show.table(["exercise", "title", "outcome"], rows))
        print(f"\n{solved} of {len(grades)} solved")
    return 0 if solved == len(grades) else 1
