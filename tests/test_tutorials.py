"""Every tutorial runs from top to bottom, with its exercises solved and without."""

import re
import subprocess
import sys

import jupytext
import matplotlib
import pytest

from eiwref.course import notebook

TUTORIALS = list(notebook.sources().values())


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setenv("EIWREF_FAST", "1")


def run(notebook, folder):
    """The notebook's outcome under nbmake, as a finished process."""
    jupytext.write(notebook, folder / "tutorial.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "none.ini", "--rootdir", "."]
    (folder / "none.ini").write_text("[pytest]\n")
    command += ["--nbmake", "--nbmake-timeout=240", "tutorial.ipynb"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(path, tmp_path):
    done = run(jupytext.read(path), tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed" in done.stdout


def test_a_tutorial_that_fails_is_found(tmp_path):
    notebook = jupytext.reads("# %%\nassert 1 + 1 == 3\n", fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    assert "1 failed" in run(notebook, tmp_path).stdout


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_unsolved_it_runs_too(path, tmp_path, monkeypatch, capsys):
    """Whoever runs all cells before writing any answer is told which are missing, and meets no error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    space = {"__name__": "__main__"}
    codes = [
        cell.text for cell in notebook.cells(notebook.without_solutions(path.read_text())) if cell.kind == "code"
    ]
    with matplotlib.rc_context():
        for code in codes:
            exec(compile(code, path.name, "exec"), space)
            space["plt"].close("all")
    said = re.findall(r"^(\d\d\.\d): not yet: it is still to be written$", capsys.readouterr().out, re.M)
    assert said == list(notebook.answer_names(path.read_text()))


def test_there_are_tutorials():
    names = [path.stem for path in TUTORIALS]
    assert names[:2] == ["00_the_whole_walk", "01_bits"]
    assert [name[:2] for name in names] == [f"{number:02}" for number in range(13)]
