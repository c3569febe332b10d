"""Huffman's code against every prefix code there is, and its bits against anything at all."""

import itertools
import random
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding import frequencies
from eiwref.coding.bits import Bits, unpad
from eiwref.coding.huffman import Huffman, code_lengths
from eiwref.errors import CodeError, PredictorError
from tests import oracles

weights = st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 40, 1000]), min_size=2, max_size=7).filter(any)


def counts(cumulative):
    return [b - a for a, b in itertools.pairwise(cumulative)]


@given(weights, st.sampled_from([3, 4, 8, 16]))
def test_no_prefix_code_is_shorter(weights, precision):
    cumulative = frequencies.from_weights(weights, precision)
    lengths = code_lengths(cumulative)
    total = sum(n * f for n, f in zip(lengths, counts(cumulative), strict=True))
    assert (total, max(lengths)) == oracles.best_prefix_code(counts(cumulative))


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=300).filter(any), st.integers(9, 24))
def test_lengths_fill_krafts_sum_and_come_within_a_bit_of_the_entropy(weights, precision):
    cumulative = frequencies.from_weights(weights, precision)
    lengths = code_lengths(cumulative)
    assert sum(Fraction(1, 2**n) for n in lengths) == 1
    shares = [mpmath.mpf(f) / cumulative[-1] for f in counts(cumulative)]
    entropy = -sum(p * mpmath.log(p, 2) for p in shares)
    average = sum(n * p for n, p in zip(lengths, shares, strict=True))
    assert entropy - 1e-9 <= average < entropy + 1


def test_codes_are_as_long_as_they_can_be():
    """Counts that grow as Fibonacci's numbers make a tree of one long branch."""
    fibonacci = [1, 1]
    while len(fibonacci) < 32:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    total = 1 << 24
    fibonacci = [f for f in itertools.accumulate(fibonacci) if f < total]
    cumulative = [0, *fibonacci, total]
    assert max(code_lengths(cumulative)) == len(cumulative) - 2
    code = Huffman(cumulative)
    text = list(range(len(cumulative) - 2)) * 2
    bits = code.encode(text)
    assert code.decode(bits.data) == (text, bits.length)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=40).filter(any))
def test_the_code_is_canonical(weights):
    """Shorter codes first, equal ones by symbol, each the next binary number; so no code begins another."""
    code = Huffman(frequencies.from_weights(weights, 16))
    ordered = sorted(range(len(weights)), key=lambda c: (code.lengths[c], c))
    assert [len(c) for c in code.codes] == code.lengths
    assert code.codes[ordered[0]] == "0" * code.lengths[ordered[0]]
    for a, b in itertools.pairwise(code.codes[c] for c in ordered):
        assert int(b, 2) == (int(a, 2) + 1) << (len(b) - len(a))
        assert not b.startswith(a)


@given(st.data(), weights)
def test_round_trip(data, weights):
    text = data.draw(st.lists(st.integers(0, len(weights) - 2), max_size=60)) if len(weights) > 2 else []
    code = Huffman(frequencies.from_weights(weights, 8))
    bits = code.encode(text)
    assert str(bits) == "".join(code.codes[c] for c in [*text, len(weights) - 1])
    symbols, length = code.decode(bits.data + bytes(3))
    assert (symbols, length) == (text, bits.length)


@given(weights, st.binary(max_size=20))
def test_any_bits_decode_or_raise(weights, data):
    code = Huffman(frequencies.from_weights(weights, 8))
    try:
        symbols, length = code.decode(data)
        bits = unpad(data, length, 8)
    except CodeError:
        return
    assert code.encode(symbols) == bits


def test_a_code_cut_at_any_bit_is_refused():
    code = Huffman(frequencies.uniform(257))
    bits = code.encode(b"cut me anywhere")
    for length in range(bits.length):
        cut = Bits.from_int(bits.to_int() >> bits.length - length, length)
        if cut.data == bits.data:
            continue  # zeros cut from the end of the last byte are its padding, still there
        with pytest.raises(CodeError, match=f"ends after {8 * len(cut.data)} bits, inside symbol"):
            code.decode(cut.data)


def test_an_end_made_of_padding_alone_is_refused():
    """Zeros may follow a code, but where the end mark's own code is all zeros they are no end mark."""
    code = Huffman([0, 1, 2, 8])
    assert code.codes == ["10", "11", "0"]
    assert code.decode(b"\0") == ([], 1)
    for data in (b"", b"\xff"):
        with pytest.raises(CodeError, match=f"ends after {8 * len(data)} bits, inside symbol {4 * len(data) + 1}"):
            code.decode(data)


def test_a_text_longer_than_declared_is_refused():
    code = Huffman(frequencies.uniform(257))
    data = code.encode(b"abcdef").data
    assert code.decode(data, max_symbols=6)[0] == list(b"abcdef")
    with pytest.raises(CodeError, match="after the 5 symbols"):
        code.decode(data, max_symbols=5)


@pytest.mark.parametrize("symbol", [-1, 2, 3, 99])
def test_symbols_that_are_no_text_are_refused(symbol):
    with pytest.raises(PredictorError, match=f"symbol {symbol} cannot"):
        Huffman([0, 5, 7, 8]).encode([0, symbol])


@pytest.mark.parametrize("cumulative", [[], [0, 8], [0, 3, 3, 8], [0, 5, 3, 8], [0, 3, 7], [0, 1 << 23, 1 << 25]])
def test_what_is_no_distribution_is_refused(cumulative):
    with pytest.raises(PredictorError):
        Huffman(cumulative)


@pytest.mark.slow
def test_a_million_symbols():
    code = Huffman(frequencies.from_weights([1_000_000 // (k + 1) for k in range(257)]))
    text = random.Random(9).choices(range(256), k=1_000_000)
    bits = code.encode(text)
    assert code.decode(bits.data) == (text, bits.length)
