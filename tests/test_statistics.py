"""Welch's test against the t distribution integrated from its density, and against printed values."""

import math
import statistics as standard

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiwref.errors import EiwrefError
from eiwref.reproduce.statistics import deviation, mean, two_sided, welch

SAMPLES = st.lists(st.integers(-1000, 1000).map(lambda n: n / 64), min_size=2, max_size=6)


def integrated(t, freedom):
    """P(|T| >= |t|) as twice the area below the density's right tail."""
    half = mpmath.mpf(freedom + 1) / 2
    scale = mpmath.gamma(half) / (mpmath.sqrt(freedom * mpmath.pi) * mpmath.gamma(mpmath.mpf(freedom) / 2))
    return float(
        2 * scale * mpmath.quad(lambda x: (1 + x * x / freedom) ** -half, [abs(t), abs(t) + 10, mpmath.inf])
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 30), st.floats(1, 40))
def test_p_is_the_area_of_both_tails(t, freedom):
    assert two_sided(t, freedom) == pytest.approx(integrated(t, freedom), rel=1e-6, abs=1e-12)
    assert two_sided(-t, freedom) == two_sided(t, freedom)


@pytest.mark.parametrize(
    ("t", "freedom", "p"),  # from any printed table of Student's t
    [
        (12.706, 1, 0.05),
        (4.303, 2, 0.05),
        (2.776, 4, 0.05),
        (2.228, 10, 0.05),
        (3.169, 10, 0.01),
        (1.812, 10, 0.10),
    ],
)
def test_p_is_as_printed(t, freedom, p):
    assert two_sided(t, freedom) == pytest.approx(p, rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(SAMPLES, SAMPLES)
def test_welch_is_its_definition(first, second):
    assert mean(first) == pytest.approx(standard.fmean(first))
    assert deviation(first) == pytest.approx(standard.stdev(first))
    a, b = standard.variance(first) / len(first), standard.variance(second) / len(second)
    found = welch(first, second)
    if a + b == 0:
        assert found.p == (1.0 if first[0] == second[0] else 0.0)
        return
    assert found.t == pytest.approx((standard.fmean(first) - standard.fmean(second)) / math.sqrt(a + b))
    freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    assert found.freedom == pytest.approx(freedom)
    assert found.p == pytest.approx(integrated(found.t, freedom), rel=1e-6, abs=1e-12)
    swapped = welch(second, first)
    assert (swapped.t, swapped.p) == pytest.approx((-found.t, found.p))


def test_equal_and_different_samples():
    assert welch([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p == pytest.approx(1.0)
    assert welch([1.0, 1.01, 0.99], [2.0, 2.01, 1.99]).p < 1e-4


def test_too_few_values():
    assert welch([1.0], [1.0, 2.0]) is None
    assert deviation([4.0]) == 0.0
    with pytest.raises(EiwrefError, match="no values"):
        mean([])
