"""Rank coding: ranks against a sort by hand, and damaged streams."""

import random
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding import rank
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.limits import Restarting
from eiwref.predictors.static import uniform
from tests.predictors_for_tests import Hashed, predictors, zipf


@st.composite
def predictors_and_texts(draw, max_size=60):
    predictor = draw(predictors())
    return predictor, draw(st.lists(st.integers(0, predictor.symbols - 1), max_size=max_size))


@given(predictors_and_texts())
def test_ranks_are_those_of_a_sort_by_hand(case):
    predictor, text = case
    state, expected = predictor.start(), []
    for symbol in text:
        c = predictor.cdf(state)
        falling = sorted(range(predictor.symbols), key=lambda s, c=c: (c[s] - c[s + 1], s))
        expected.append(falling.index(symbol))
        state = predictor.advance(state, symbol)
    assert list(rank.ranks(predictor, text)) == expected
    assert rank.from_ranks(predictor, bytes(expected)) == text


@given(predictors_and_texts(), st.integers(0, 3))
def test_round_trip(case, padding):
    predictor, text = case
    bits = rank.encode(predictor, text)
    assert rank.decode(predictor, bits.data + bytes(padding), len(text)) == (text, bits.length)


def test_all_bytes_go_through():
    predictor = Restarting(Hashed(256, 16, limit=100))
    for text in (b"", bytes(range(256)) * 2, bytes(1000), random.Random(3).randbytes(500)):
        bits = rank.encode(predictor, text)
        assert rank.decode(predictor, bits.data) == (list(text), bits.length)


def test_equal_counts_go_by_symbol_whatever_their_number():
    assert rank.ranks(uniform(256, 8), bytes(range(256))) == bytes(range(256))
    assert rank.ranks(zipf(256, 16), bytes(range(100))) == bytes(range(100))


@given(predictors_and_texts(max_size=30), st.data())
def test_damage_is_seen(case, data):
    """zlib checks the sum of the ranks: what is cut is refused, what is changed is refused or means the same."""
    predictor, text = case
    code = rank.encode(predictor, text).data
    cut = data.draw(st.integers(0, len(code) - 1))
    with pytest.raises(CodeError, match="zlib"):
        rank.decode(predictor, code[:cut])
    changed = bytearray(code)
    changed[cut] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(CodeError):
        # The level in zlib's header, say, or the bits between deflate's end and the next byte.
        assert rank.decode(predictor, bytes(changed))[0] == text


@given(predictors(), st.binary(max_size=30))
def test_any_bytes_are_refused(predictor, data):
    with pytest.raises(CodeError):
        rank.decode(predictor, data)


def test_no_more_is_inflated_than_was_declared():
    predictor = uniform(4, 8)
    bomb = zlib.compress(bytes(10**8), 9)
    with pytest.raises(CodeError, match="after the 1000 symbols"):
        rank.decode(predictor, bomb, max_symbols=1000)
    assert rank.decode(predictor, zlib.compress(bytes(5)), max_symbols=5)[0] == [0] * 5
    with pytest.raises(CodeError, match="after the 0 symbols"):
        rank.decode(predictor, zlib.compress(bytes(5)), max_symbols=0)


def test_ranks_below_the_lowest_and_leftovers_are_refused():
    predictor = uniform(4, 8)
    with pytest.raises(CodeError, match="symbol 2 has rank 4 among 4 symbols"):
        rank.decode(predictor, zlib.compress(b"\x03\x04"))
    with pytest.raises(CodeError, match="2 bytes follow"):
        rank.decode(predictor, zlib.compress(b"\x03") + b"\0\1")


@pytest.mark.parametrize("symbol", [-1, 4, 256])
def test_symbols_outside_the_alphabet_are_refused(symbol):
    with pytest.raises(PredictorError, match=f"symbol {symbol} is outside"):
        rank.encode(uniform(4, 8), [symbol])


def test_predictors_that_do_not_fit_are_refused():
    with pytest.raises(PredictorError, match="at most 256"):
        rank.encode(uniform(257), [0])
    broken = uniform(4, 8)
    broken._cumulative = [0, 9, 9, 10, 256]
    for call in (lambda: rank.encode(broken, [0]), lambda: rank.decode(broken, zlib.compress(b"\0"))):
        with pytest.raises(PredictorError, match="symbol 1 has a count of 0"):
            call()


@pytest.mark.slow
def test_a_million_symbols():
    predictor = zipf(256, 16)
    text = random.Random(9).choices(range(256), k=1_000_000)
    assert rank.decode(predictor, rank.encode(predictor, text).data, 1_000_000)[0] == text
