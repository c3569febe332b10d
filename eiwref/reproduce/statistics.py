"""How far runs that differ in their seed alone lie apart, and whether two methods differ by more than that.

Paper, Appendix D.1 (mean and standard deviation over seeds) and Table 6 (differences said to be significant; by
which test it does not say). Ours is Welch's: two samples of normal variables whose variances need not be equal.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from eiwref.errors import EiwrefError


def mean(values: Sequence[float]) -> float:
    """Raises `EiwrefError` where there are none.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    if not values:
        raise EiwrefError("there are no values to take the mean of")
    return sum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of a sample, n - 1 below; 0.0 for a single value, of which nothing can be said.

    >>> deviation([1.0, 3.0, 5.0])
    2.0
    """
    middle = mean(values)
    return sqrt(sum((value - middle) ** 2 for value in values) / max(1, len(values) - 1))


class Welch(NamedTuple):
    """`t` has the sign of first mean less second; `p`: two-sided."""

    t: float
    freedom: float
    p: float


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Welch's test of equal means; None where either side has fewer than two values.

    Samples without any spread differ for certain (p = 0) or are equal (p = 1).

    >>> test = welch([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    >>> f"t = {test.t:.4f} with {test.freedom:.4f} degrees of freedom, p = {test.p:.4f}"
    't = -1.7321 with 4.4118 degrees of freedom, p = 0.1516'
    """
    if min(len(first), len(second)) < 2:
        return None
    errors = [deviation(values) ** 2 / len(values) for values in (first, second)]
    difference, error = mean(first) - mean(second), sum(errors)
    if not error:
        same = difference == 0
        return Welch(0.0 if same else difference * float("inf"), float("inf"), 1.0 if same else 0.0)
    t = difference / sqrt(error)
    below = sum(own**2 / (len(values) - 1) for own, values in zip(errors, (first, second), strict=True))
    freedom = error**2 / below
    return Welch(t, freedom, two_sided(t, freedom))


def two_sided(t: float, freedom: float) -> float:
    """The probability of a value of Student's t as far from 0 as `t`, or farther.

    P(|T| >= |t|) = I(freedom / (freedom + t^2); freedom / 2, 1 / 2), the regularised incomplete beta function.

    >>> round(two_sided(1.0, 1), 12)  # of Cauchy's distribution: a half
    0.5
    """
    from mpmath import betainc  # here, as it takes long to import

    return float(betainc(freedom / 2, 0.5, 0, freedom / (freedom + t * t), regularized=True))
