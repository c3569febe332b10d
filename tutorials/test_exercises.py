"""The exercises' checks under pytest: run `pytest` in this folder.

The functions are those in the notebooks here, unless you name your own below, from a module say:

    import my_coder

    ANSWERS = {"02.2": my_coder.encode}
"""

from pathlib import Path

import numpy as np
import pytest

from eiwref.course import core, grade

ANSWERS: dict = {}


@pytest.mark.parametrize("number", grade.numbers())
def test_exercise(number):
    path = grade.find(Path(__file__).parent, number[:2])
    answer = ANSWERS.get(number) or grade.answer(path, number)
    remark = core.judge(number, answer, np.random.default_rng())
    assert remark is None, remark
