import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding import frequencies
from eiwref.errors import PredictorError


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=300).filter(any), st.integers(9, 24))
def test_every_symbol_keeps_a_count_and_the_total_is_exact(weights, precision):
    cumulative = frequencies.from_weights(weights, precision)
    assert cumulative[0] == 0
    assert cumulative[-1] == 1 << precision
    assert all(a < b for a, b in itertools.pairwise(cumulative))
    # Within 1 of the share of what is left once each symbol has one count.
    spare = (1 << precision) - len(weights)
    for i, weight in enumerate(weights):
        share = 1 + weight * spare / sum(weights)
        assert abs(cumulative[i + 1] - cumulative[i] - share) <= 1


@pytest.mark.parametrize(
    ("weights", "precision"),
    [
        ([1, -1, 5], 8),
        ([0, 0], 8),
        ([1] * 257, 8),
        ([1], 8),
        ([1, 1], 25),
        ([1, 1], 0),
        ([2**60, 2**60], 8),
        ([2**62] * 4 + [100], 16),
    ],
)
def test_impossible_weights_are_refused(weights, precision):
    with pytest.raises(PredictorError, match=r"expected|must be"):
        frequencies.from_weights(weights, precision)


def test_counts_are_python_integers_that_cannot_overflow():
    cumulative = frequencies.from_weights(np.ones(4, dtype=np.int32), 16)
    assert type(cumulative[2]) is int
    assert cumulative[2] << 200 == 2 * (1 << 214)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=300).filter(any), st.integers(9, 24))
def test_what_is_made_here_passes_the_check(weights, precision):
    cumulative = frequencies.from_weights(weights, precision)
    frequencies.check(cumulative)
    frequencies.check(list(cumulative))


@pytest.mark.parametrize(
    ("cumulative", "why"),
    [
        ([], "end at 0"),
        ([0], "end at 0"),
        ([0, 8], "alphabet of 1"),
        ([0, 3, 3, 8], "symbol 1 has a count of 0"),
        ([0, 5, 3, 8], "symbol 1 has a count of -2"),
        ([0, 3, 8, 8], "symbol 2 has a count of 0"),
        ([0, 9, 8], "symbol 1 has a count of -1"),
        ([1, 3, 8], "begin at 1"),
        ([-1, 3, 8], "begin at -1"),
        ([0, 3, 7], "end at 7"),
        ([0, 3, -8], "end at -8"),
        ([0, 1, 2, 3, 2], "alphabet of 4 symbols does not fit precision 1"),
        ([0, 3, 1 << 25], "precision is 25"),
        ([0, 3.0, 8], "found float"),
        (np.array([0, 3, 8]), "found int64"),
    ],
)
def test_what_is_no_distribution_is_refused(cumulative, why):
    with pytest.raises(PredictorError, match=why):
        frequencies.check(cumulative)


@pytest.mark.parametrize("symbol", [-4, -3, -2, -1, 3, 4])
def test_slices_are_of_the_alphabet(symbol):
    assert frequencies.slice_of([0, 3, 5, 8], 1) == (3, 5, 3)
    with pytest.raises(PredictorError, match=f"symbol {symbol} is outside the alphabet of 3 symbols"):
        frequencies.slice_of([0, 3, 5, 8], symbol)


@pytest.mark.parametrize("weights", [[1.9, 1.1], [2**70, 1], ["a"], [[1, 2]]])
def test_weights_are_integers(weights):
    with pytest.raises(PredictorError, match="weights must be a list of integers below 2\\^63"):
        frequencies.from_weights(weights)
