"""Every tutorial runs from top to bottom, with its exercises solved."""

import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

import eiwref

TUTORIALS = sorted((Path(eiwref.__file__).parent.parent / "tutorials").glob("*.py"))


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


def test_there_are_tutorials():
    assert [path.stem for path in TUTORIALS] == ["00_the_whole_walk"]
