"""The course: checkers that let right answers pass and no wrong ones, notebooks as their sources, grades."""

import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest

from eiwref.cli import main
from eiwref.course import core, grade, notebook
from eiwref.errors import CourseError
from eiwref.predictors import store

SOURCES = notebook.sources()
NUMBERS = grade.numbers()
WRONG = {
    number: answers
    for tutorial in SOURCES
    for number, answers in importlib.import_module(f"tests.course.wrong_{tutorial}").WRONG.items()
}
PLANTED = [(number, answer) for number, answers in WRONG.items() for answer in answers]


def rng(seed):
    return np.random.default_rng(seed)


# Every exercise


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_is_right_for_20_seeds(number):
    answer = grade.answer(SOURCES[number[:2]], number)
    assert [core.judge(number, answer, rng(seed)) for seed in range(20)] == [None] * 20


@pytest.mark.parametrize(("number", "answer"), PLANTED, ids=[f"{n}-{a.__name__}" for n, a in PLANTED])
def test_a_careless_answer_is_rejected_in_one_sentence(number, answer):
    for seed in range(5):
        remark = core.judge(number, answer, rng(seed))
        assert remark, "it was taken for right"
        assert "\n" not in remark
        assert 10 < len(remark) < 500


def test_each_exercise_has_three_wrong_answers_and_one_place_in_its_tutorial():
    assert list(WRONG) == NUMBERS
    assert min(len({answer.__name__ for answer in answers}) for answers in WRONG.values()) >= 3
    for tutorial, path in SOURCES.items():
        text = path.read_text()
        assert list(notebook.answer_names(text)) == list(core.exercises(tutorial))
        assert len(notebook.SOLUTION.findall(text)) >= len(core.exercises(tutorial))
        for number in core.exercises(tutorial):
            assert f"Exercise {number}" in text


# What a checker says


def doubled(numbers):
    return numbers * 2


def found_by(answer, *arguments, seconds=5):
    with pytest.raises(core.Wrong) as caught:
        core.call(answer, *arguments, seconds=seconds)
    return str(caught.value)


def test_a_function_that_raises():
    def inverse(x):
        return 1 / x

    line = inverse.__code__.co_firstlineno + 1
    sentence = f"for 0, the function raised ZeroDivisionError in line {line} of inverse: division by zero"
    assert found_by(inverse, 0) == sentence
    assert "raised TypeError: " in found_by(lambda: 1, 0)
    assert "raised SystemExit" in found_by(lambda x: sys.exit(3), 0)
    assert "raised RecursionError" in found_by(doubled_for_ever, 0)

    def unsolved():
        raise NotImplementedError

    assert found_by(unsolved) == "it is still to be written"


def doubled_for_ever(x):
    return doubled_for_ever(x * 2)


def test_a_function_that_loops_for_ever_is_ended():
    def loops(x):
        while True:
            x += 1

    before = threading.active_count()
    remark = found_by(loops, 7, seconds=0.05)
    assert remark == "for 7, the function was still running after 0.05 s: does its loop ever end?"
    for _ in range(200):  # it is told to stop, and does so when it next runs
        if threading.active_count() == before:
            return
        time.sleep(0.05)
    raise AssertionError("the loop goes on")


def test_a_function_that_changes_its_argument():
    def in_place(array):
        array *= 2
        return array

    array = np.arange(3)
    remark = found_by(in_place, array)
    assert array.tolist() == [0, 1, 2]  # the student has a copy
    assert "changed its argument 1 to an array of shape (3,), int64: [0, 2, 4], expected it left alone" in remark
    assert "changed its argument 2" in found_by(lambda a, b: b[1].append(4), 1, {1: [3]})
    assert "changed its argument 1" in found_by(lambda a: a[0].append(4), ([],))
    assert "changed its argument 1" in found_by(lambda a: a.add(4), set())
    assert core.call(doubled, array).tolist() == [0, 2, 4]
    assert core.call(lambda a: None, [np.array([np.nan])]) is None


@pytest.mark.parametrize(
    ("found", "expected", "sentence"),
    [
        (None, 1.5, "x: expected a float, found None, which is of type NoneType"),
        (1, 1.5, "x: expected a float, found 1, which is of type int"),
        (1.0, 1, "x: expected an integer, found 1.0, which is of type float"),
        (True, 1, "x: expected an integer, found True, which is of type bool"),
        (1, True, "x: expected True or False, found 1, which is of type int"),
        (5, 3, "x: expected 3, found 5, off by 2"),
        (1.75, 1.5, "x: expected 1.5, found 1.75, off by 0.25"),
        (float("nan"), 1.5, "x: expected 1.5, found nan, off by nan"),
        (0.5, Fraction(1, 3), "x: expected a Fraction, found 0.5, which is of type float"),
        (Fraction(1, 2), Fraction(1, 3), "x: expected 1/3, found 1/2"),
        ("01", "10", "x: expected '10', found '01'"),
        (b"01", "01", "x: expected a str, found b'01', which is of type bytes"),
        ((1, 2), [1, 2], "x: expected a list, found (1, 2), which is of type tuple"),
        ([1], [1, 2], "x: expected 2 items, found 1: [1]"),
        ([1, 4], [1, 2], "x, item 1: expected 2, found 4, off by 2"),
        ({1: 2}, {1: 3}, "x, key 1: expected 3, found 2, off by -1"),
        ({}, {1: 3}, "x: the key 1 is missing"),
        ({1: 3, 2: 3}, {1: 3}, "x: found the key 2, which should not be there"),
        ([1.0], np.zeros(1), "x: expected a NumPy array, found [1.0], which is of type list"),
        (np.zeros((2, 1)), np.zeros(2), "x: expected shape (2,), found (2, 1)"),
        (np.zeros(2, "f4"), np.zeros(2), "x: expected dtype float64, found float32"),
        (
            np.array([0.0, 2, 0]),
            np.zeros(3),
            "x, at [1]: expected 0, found 2, off by 2 (1 of 3 values are wrong)",
        ),
        (
            np.array([[0, 0], [0, 1]], dtype=np.uint8),
            np.array([[0, 0], [0, 2]], dtype=np.uint8),
            "x, at [1, 1]: expected 2, found 1, off by -1 (1 of 4 values are wrong)",
        ),
    ],
)
def test_what_is_off_and_by_how_much(found, expected, sentence):
    with pytest.raises(core.Wrong) as caught:
        core.expect(found, expected, what="x", tolerance=1e-9)
    assert str(caught.value) == sentence


def test_what_is_as_good():
    for found, expected in [
        (np.float64(1.5), 1.5),
        (1.5, np.float64(1.5)),
        (1.5 + 1e-12, 1.5),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (0, Fraction(0)),
        ([(1, 2.0)], [(1, 2.0)]),
        (np.array([1e9 + 1e-3]), np.array([1e9])),
        (np.array([], dtype=bool), np.array([], dtype=bool)),
    ]:
        core.expect(found, expected, what="x", tolerance=1e-9)


def test_check_prints_one_line(capsys):
    assert not core.check("00.1", lambda path, spec: None)
    assert not core.check("00.1", 5)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:15] for line in lines] == ["00.1: not yet: "] * 2
    assert lines[1].endswith("the answer is 5, expected a function")
    assert core.check("00.1", grade.answer(SOURCES["00"], "00.1"))
    assert capsys.readouterr().out == "00.1: right\n"
    with pytest.raises(CourseError, match=r"there is no exercise '00.9', the tutorial has: 00.1"):
        core.check("00.9", print)
    with pytest.raises(CourseError, match="the tutorial has: none"):
        core.check("77.1", print)


# Notebooks


@pytest.mark.parametrize("path", SOURCES.values(), ids=lambda path: path.stem)
def test_a_notebook_is_its_source(path):
    """Cell for cell as jupytext, which others use for this, reads the source; and back to the same source."""
    text = path.read_text()
    made = nbformat.reads(notebook.notebook(text), as_version=4)
    nbformat.validate(made)
    read = jupytext.read(path)
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [
        (cell.cell_type, cell.source) for cell in read.cells
    ]
    made.metadata = read.metadata
    back = jupytext.writes(made, fmt="py:percent")
    body, same = (re.sub(r"\n+# %%", "\n# %%", each[each.index("# %%") :]) for each in (back, text))
    assert body == same


@pytest.mark.parametrize("path", SOURCES.values(), ids=lambda path: path.stem)
def test_a_students_notebook_has_no_solution(path):
    solved, unsolved = path.read_text(), notebook.without_solutions(path.read_text())
    assert "SOLUTION" not in unsolved
    assert (
        unsolved.count(notebook.TO_DO) == len(notebook.SOLUTION.findall(solved)) == solved.count("BEGIN SOLUTION")
    )
    pairs = zip(notebook.cells(solved), notebook.cells(unsolved), strict=True)
    assert all(a == b for a, b in pairs if "SOLUTION" not in a.text)
    compile("\n".join(cell.text for cell in notebook.cells(unsolved) if cell.kind == "code"), path, "exec")


def test_solutions_are_cut_to_their_indentation():
    text = "def f():\n    ### BEGIN SOLUTION\n    x = 1\n\n    return x\n    ### END SOLUTION\n\n\n# %%\ng()\n"
    assert notebook.without_solutions(text) == f"def f():\n    {notebook.TO_DO}\n\n\n# %%\ng()\n"


# Pages


PAGES = {name: (notebook.folder() / name).read_text() for name in notebook.PAGES}
SCHEDULES = ("One lecture", "One week", "Four weeks")


def section(page, title):
    """What stands below a heading of the syllabus, up to the next one."""
    return re.search(rf"^## {title}.*?$(.*?)(?=^## |\Z)", page, re.M | re.S)[1]


def test_the_syllabus_names_every_exercise_once_and_no_other():
    named = re.findall(r"\b\d\d\.\d\b", PAGES["SYLLABUS.md"])
    assert sorted(number for number in named if number[:2] in SOURCES) == NUMBERS
    assert len(named) == len(set(named))


def test_the_syllabus_gives_titles_and_minutes_as_the_tutorials_do():
    rows = re.findall(r"^\| \*\*(\d\d)\*\* (.+?) \| (\d+) \|", PAGES["SYLLABUS.md"], re.M)
    assert [number for number, *_ in rows if number in SOURCES] == list(SOURCES)
    for number, title, minutes in rows:
        if number in SOURCES:
            text = plain(SOURCES[number].read_text())
            assert f"# {number} · {title}" in text
            assert f"About {minutes} minutes" in text


def test_every_tutorial_is_in_the_four_weeks_and_every_schedule_names_tutorials():
    named = {title: re.findall(r"\*\*(\d\d)\*\*", section(PAGES["SYLLABUS.md"], title)) for title in SCHEDULES}
    assert named["Four weeks"] == [f"{tutorial:02}" for tutorial in range(13)]
    assert set(SOURCES) <= set(named["Four weeks"])
    for tutorials in named.values():
        assert tutorials
        assert set(tutorials) <= set(named["Four weeks"])


def plain(text):
    """A source's text in one line, without what marks comments and emphasis."""
    return " ".join(re.sub(r"^# ?|\*", "", text, flags=re.M).split())


def test_a_term_of_the_glossary_stands_in_the_tutorial_it_names():
    terms = re.findall(r"^- \*\*(.+?)\*\* \((\d\d)\): ", PAGES["GLOSSARY.md"], re.M)
    assert len(terms) == PAGES["GLOSSARY.md"].count("\n- ")
    assert [term for term, _ in terms] == sorted((term for term, _ in terms), key=str.lower)
    for term, tutorial in terms:
        assert tutorial not in SOURCES or term.lower() in plain(SOURCES[tutorial].read_text()).lower(), term


def test_pages_link_to_each_other():
    for page in PAGES.values():
        assert set(re.findall(r"\]\((.+?)\)", page)) <= set(notebook.PAGES)


# Grades


def write_notebook(path, *codes):
    cells = [{"cell_type": "code", "source": code, "metadata": {}, "outputs": []} for code in codes]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_only_what_an_answer_needs_is_run(tmp_path):
    path = write_notebook(
        tmp_path / "x.ipynb",
        "%matplotlib inline\nimport math\nfrom pathlib import Path\nSCALE = {}",
        "!rm nothing\nraise ValueError('never run')",
        "SCALE['of'] = 2\nunused = 1 / 0\nhelper = lambda size: size * SCALE['of']",
        "class Reader:\n    def size(self, path):\n        return helper(len(Path(path).read_bytes()))",
        "def round_trip(path, spec=math.pi):\n    return Reader().size(path), [unused for unused in (1,)]",
        "this is no Python",
    )
    function = grade.answer(path, "00.1")
    assert function(path) == (2 * path.stat().st_size, [1])


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def other(): pass", "there is no function round_trip in x.py"),
        ("def round_trip(:", "there is no function round_trip in x.py (code cell 1 is no Python: invalid syntax"),
        ("size = 1 / 0\nround_trip = lambda: size", "round_trip cannot be made, since `size = 1 / 0` raised Zero"),
    ],
)
def test_an_answer_that_is_not_there(tmp_path, code, sentence):
    (tmp_path / "x.py").write_text(code)
    with pytest.raises(CourseError) as caught:
        grade.answer(tmp_path / "x.py", "00.1")
    assert str(caught.value).startswith(sentence)


HANGS = "import os\ndef round_trip(path, spec=''):\n    "


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (HANGS + "os._exit(0)", "the process was ended by the code it ran"),
        (HANGS + "import time\n    time.sleep(99)", "took longer than 2 s in all"),
        (HANGS + "os.write(1, b'{x')\n    return 1", "expected a tuple, found 1"),
        (None, "is no notebook that can be read"),
    ],
)
def test_what_ends_the_grader_or_stays_away(tmp_path, code, sentence):
    path = write_notebook(tmp_path / "00_the_whole_walk.ipynb", code or "")
    if code is None:
        path.write_text('{"cells": 5}')
    # Only what is to be stopped gets little time: on a busy machine a process may take long to begin.
    (graded,) = grade.grade_folder(tmp_path, ["00"], seconds=2 if "2 s" in sentence else 60)
    assert sentence in graded.remark


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "DEFAULT", "m1")  # as in the process that grades
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # other tests run beside it, and its answers have ten seconds

    def run(*arguments):
        code = main(list(arguments))
        return code, *capsys.readouterr()

    assert run("tutorials", "--no-open")[0] == 0
    folder = tmp_path / "eiwref-tutorials"
    notebooks = [f"{path.stem}.ipynb" for path in SOURCES.values()]
    expected = sorted([*notebooks, "test_exercises.py", "SYLLABUS.md", "GLOSSARY.md", "NOTATION.md"])
    assert sorted(os.listdir(folder)) == expected
    code, out, _ = run("check", "0")
    assert code == 1
    assert "00.1  A file of your own  it is still to be written" in out
    assert "0 of 1 solved" in out

    mine = folder / "00_the_whole_walk.ipynb"
    mine.write_bytes(notebook.notebook(SOURCES["00"].read_text()))
    code, out, _ = run("tutorials", "--no-open", "--json")
    assert (json.loads(out)["written"], len(json.loads(out)["kept"])) == ([], len(expected))
    assert "BEGIN SOLUTION" in mine.read_text()  # a student's work is not written over
    code, out, _ = run("check", "00", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["solved"] == 1
    assert shown["rows"] == [{"exercise": "00.1", "title": "A file of your own", "right": True, "remark": None}]

    assert run("tutorials", "solved", "--solutions", "--no-open")[0] == 0
    assert "BEGIN SOLUTION" in Path("solved/00_the_whole_walk.ipynb").read_text()
    assert run("check", "99") == (
        2,
        "",
        f"eiwref: there is no tutorial '99', expected one of {', '.join(SOURCES)}\n",
    )
    assert run("check", "--dir", "none")[2] == "eiwref: none: is no folder; `eiwref tutorials none` makes one\n"
    mine.unlink()
    assert "there is no 00_the_whole_walk.ipynb in eiwref-tutorials" in run("check", "00")[1]


def test_jupyter_is_opened_or_missed(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "jupyterlab")
    monkeypatch.setattr(
        "subprocess.run", lambda command: opened.append(command) or subprocess.CompletedProcess([], 0)
    )
    assert main(["tutorials", str(tmp_path)]) == 0
    assert opened == [[sys.executable, "-m", "jupyterlab", str(tmp_path)]]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["tutorials", str(tmp_path)]) == 2
    assert "pip install 'eiwref[tutorials]'" in capsys.readouterr().err


def test_the_adapter_runs_the_same_checks_under_pytest(tmp_path):
    """Solved and unsolved notebooks side by side, and an answer from a module."""
    notebook.copy(tmp_path, solutions=True)
    (tmp_path / "00_the_whole_walk.ipynb").unlink()
    adapter = tmp_path / notebook.ADAPTER
    adapter.write_text(adapter.read_text().replace("ANSWERS: dict = {}", 'ANSWERS = {"01.1": lambda p: None}'))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", adapter.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert f"2 failed, {len(NUMBERS) - 2} passed" in done.stdout
    assert "there is no 00_the_whole_walk.ipynb" in done.stdout
    assert "expected a NumPy array, found None" in done.stdout
