"""A check of an exercise: a student's function on random inputs, and one sentence on what is wrong with it.

A checker is a function `(answer, rng)` that draws inputs, has `call` run the student's function on them and holds
what comes back against the truth with `expect`. Whatever is wrong leaves it as `Wrong`, one sentence for the
student. Nothing here keeps anyone from cheating: who can read the checker can also please it.
"""

import ctypes
import importlib
import threading
from array import array
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import NamedTuple

import numpy as np

from eiwref.errors import CourseError

SECONDS = 10
"""What a student's function may take for one input; the reference solutions take milliseconds."""

MUTABLE = (np.ndarray, list, tuple, dict, set, bytearray, array)
"""What is handed to the student as a copy. Predictors and the like are shared: their caches may change."""


class Wrong(Exception):
    """`str(wrong)` is one sentence: where, what was expected, what was found."""


class Exercise(NamedTuple):
    title: str
    checker: Callable[[Callable, np.random.Generator], None]


_exercises: dict[str, Exercise] = {}


def exercise(number: str, title: str) -> Callable:
    """Make the decorated checker that of the exercise `number`, "04.1" say."""

    def keep(checker):
        _exercises[number] = Exercise(title, checker)
        return checker

    return keep


def exercises(tutorial: str) -> dict[str, Exercise]:
    """The exercises of a tutorial, "04" say, in order; none if it has none."""
    name = f"eiwref.course.checks_{tutorial}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    return {number: _exercises[number] for number in sorted(_exercises) if number.startswith(f"{tutorial}.")}


def check(number: str, answer: Callable) -> bool:
    """Print whether the function `answer` solves the exercise, and return it; inputs are others each time."""
    remark = judge(number, answer, np.random.default_rng())
    print(f"{number}: right" if remark is None else f"{number}: not yet: {remark}")
    return remark is None


def judge(number: str, answer: Callable, rng: np.random.Generator) -> str | None:
    """None if `answer` solves the exercise, else a sentence; a `CourseError` if there is no such exercise."""
    known = exercises(str(number).partition(".")[0])
    if number not in known:
        raise CourseError(f"there is no exercise {number!r}, the tutorial has: {', '.join(known) or 'none'}")
    if not callable(answer):
        return f"the answer is {_shown(answer)}, expected a function"
    try:
        known[number].checker(answer, rng)
    except Wrong as wrong:
        return " ".join(str(wrong).split())
    return None


def call(answer: Callable, *arguments, seconds: float = SECONDS):
    """What the student's function returns; `Wrong` if it raises, changes an argument, or goes on for too long.

    It is given copies. It runs on a thread of its own, which a time-out ends at its next line of Python.
    """
    given = [deepcopy(each) if isinstance(each, MUTABLE) else each for each in arguments]
    outcome: dict = {}

    def run():
        try:
            outcome["found"] = answer(*given)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    where = f"for {', '.join(map(_shown, arguments))}" if arguments else "without arguments"
    if thread.is_alive():
        _stop(thread)
        raise Wrong(f"{where}, the function was still running after {seconds} s: does its loop ever end?")
    if "error" in outcome:
        raise Wrong(_raised(outcome["error"], where))
    for place, (before, after) in enumerate(zip(arguments, given, strict=True), 1):
        if not _same(before, after):
            raise Wrong(
                f"{where}, the function changed its argument {place} to {_shown(after)}, expected it left alone"
            )
    return outcome["found"]


def _stop(thread: threading.Thread) -> None:
    """End a thread that is in a loop, so that the notebook does not go on at half its speed."""
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))


def _raised(error: BaseException, where: str) -> str:
    if isinstance(error, NotImplementedError):  # the student's cell as it came, see `notebook.TO_DO`
        return "it is still to be written"
    # The first frame is our own; an error without another one came from the call itself, its arguments say.
    trace = error.__traceback__ and error.__traceback__.tb_next
    line = "" if trace is None else f" in line {trace.tb_lineno} of {trace.tb_frame.f_code.co_name}"
    return f"{where}, the function raised {type(error).__name__}{line}: {_cut(str(error)) or 'no message'}"


def expect(found, expected, what: str, tolerance: float = 0) -> None:
    """Raise `Wrong` unless `found` is `expected`: the type first, then shape, dtype and values.

    A number may be Python's or NumPy's; integers do for fractions, and for nothing else. `tolerance` is absolute
    below 1 and relative above, and is for numbers that are not integers. `what` begins the sentence.
    """
    if isinstance(expected, np.ndarray):
        _expect_array(found, expected, what, tolerance)
    elif isinstance(expected, bool | np.bool_):
        _expect_kind(found, bool | np.bool_, "True or False", what)
        _expect_equal(found, expected, what)
    elif isinstance(expected, Integral):
        _expect_kind(found, Integral, "an integer", what)
        if found != expected:
            raise Wrong(f"{what}: expected {expected}, found {found}, off by {int(found) - int(expected)}")
    elif isinstance(expected, Fraction):
        _expect_kind(found, Rational, "a Fraction", what)
        _expect_equal(found, expected, what)
    elif isinstance(expected, Real):
        _expect_kind(found, float | np.floating, "a float", what)
        if not _close(found, expected, tolerance):
            raise Wrong(
                f"{what}: expected {_number(expected)}, found {_number(found)}, off by {_number(found - expected)}"
            )
    elif isinstance(expected, list | tuple):
        kind = "a list" if isinstance(expected, list) else "a tuple"
        _expect_kind(found, list if isinstance(expected, list) else tuple, kind, what)
        if len(found) != len(expected):
            raise Wrong(f"{what}: expected {len(expected)} items, found {len(found)}: {_shown(found)}")
        for place, (item, truth) in enumerate(zip(found, expected, strict=True)):
            expect(item, truth, f"{what}, item {place}", tolerance)
    elif isinstance(expected, dict):
        _expect_kind(found, dict, "a dict", what)
        for key, truth in expected.items():
            if key not in found:
                raise Wrong(f"{what}: the key {_shown(key)} is missing")
            expect(found[key], truth, f"{what}, key {_shown(key)}", tolerance)
        for key in found.keys() - expected.keys():
            raise Wrong(f"{what}: found the key {_shown(key)}, which should not be there")
    else:
        _expect_kind(found, type(expected), f"a {type(expected).__name__}", what)
        _expect_equal(found, expected, what)


def _expect_array(found, expected: np.ndarray, what: str, tolerance: float) -> None:
    _expect_kind(found, np.ndarray, "a NumPy array", what)
    for name in ("shape", "dtype"):
        if getattr(found, name) != getattr(expected, name):
            raise Wrong(f"{what}: expected {name} {getattr(expected, name)}, found {getattr(found, name)}")
    off = ~_close(found, expected, tolerance) if expected.dtype.kind == "f" else found != expected
    if off.any():
        where = tuple(np.argwhere(off)[0].tolist())
        place = f"[{', '.join(map(str, where))}]"
        value, truth = found[where].item(), expected[where].item()
        raise Wrong(
            f"{what}, at {place}: expected {_number(truth)}, found {_number(value)}, off by "
            f"{_number(value - truth)} ({np.count_nonzero(off)} of {off.size} values are wrong)"
        )


def _expect_kind(found, kind, name: str, what: str) -> None:
    if not isinstance(found, kind) or (isinstance(found, bool) and kind in (Integral, Rational)):
        raise Wrong(f"{what}: expected {name}, found {_shown(found)}, which is of type {type(found).__name__}")


def _expect_equal(found, expected, what: str) -> None:
    if found != expected:
        raise Wrong(f"{what}: expected {_shown(expected)}, found {_shown(found)}")


def _close(found, expected, tolerance: float):
    return np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


def _same(before, after) -> bool:
    """Whether an argument is as it was; what was not copied is."""
    if not isinstance(before, MUTABLE):
        return before is after or before == after
    if isinstance(before, np.ndarray):
        return before.dtype == after.dtype and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
    if len(before) != len(after):
        return False
    if isinstance(before, dict):
        return list(before) == list(after) and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return all(map(_same, before, after))
    return before == after


def _number(value) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _shown(value) -> str:
    """A value in few letters; an object that is no plain data by the name of its type."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, {value.dtype}: {_cut(str(value.ravel()[:8].tolist()))}"
    if isinstance(value, str | bytes | bool | Real | Fraction | list | tuple | dict | set | bytearray | array):
        return _cut(str(value) if isinstance(value, Fraction) else repr(value))
    return "None" if value is None else f"a {type(value).__name__}"


def _cut(text: str, longest: int = 80) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
