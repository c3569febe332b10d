"""`exact` against the definition in fractions, `finite` against `exact`, both against anything at all."""

import random
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding import exact, finite, stream
from eiwref.coding.bits import Bits, unpad
from eiwref.errors import CodeError
from eiwref.predictors.static import uniform
from tests import oracles
from tests.predictors_for_tests import Hashed, predictors, skewed, zipf

CODERS = [exact, finite]


@st.composite
def predictors_and_texts(draw, max_size=40):
    predictor = draw(predictors())
    # The last symbol of the alphabet ends the text.
    return predictor, draw(st.lists(st.integers(0, predictor.symbols - 2), max_size=max_size))


def encode(coder, predictor, text):
    return stream.encode(coder.Encoder(), predictor, text)


def decode(coder, predictor, bits):
    symbols, length = stream.decode(coder.Decoder(bits.data), predictor)
    assert length == bits.length
    return symbols


@given(predictors_and_texts())
def test_exact_is_the_definition(case):
    predictor, text = case
    assert str(encode(exact, predictor, text)) == oracles.exact_code(predictor, text)


@given(predictors_and_texts())
def test_exact_spends_at_most_two_bits_above_the_ideal(case):
    predictor, text = case
    low, high = oracles.text_interval(predictor, [*text, predictor.symbols - 1])
    ideal = log2((high - low).denominator) - log2((high - low).numerator)
    assert ideal - 1e-9 <= len(encode(exact, predictor, text)) <= ideal + 2


@pytest.mark.parametrize("coder", CODERS)
@given(predictors_and_texts(max_size=200))
def test_round_trip(coder, case):
    predictor, text = case
    assert decode(coder, predictor, encode(coder, predictor, text)) == text


@given(predictors_and_texts(max_size=200))
def test_finite_costs_no_more_than_its_stated_bound(case):
    predictor, text = case
    bound, state = 0.0, predictor.start()
    for symbol in [*text, predictor.symbols - 1]:
        cumulative = predictor.cdf(state)
        share = (cumulative[symbol + 1] - cumulative[symbol]) * 2**24 / cumulative[-1]
        # A count of 1 at precision 24 may round down to anything above 0: the bound is void there.
        bound += -log2(1 - 1 / share) if share > 1 else 24
        state = predictor.advance(state, symbol)
    assert len(encode(finite, predictor, text)) <= len(encode(exact, predictor, text)) + bound + 2


def test_the_bound_is_tight_enough_to_mean_something():
    """On a long ordinary text `finite` loses less than a bit in ten thousand."""
    predictor = zipf(257, 16)
    text = random.Random(1).choices(range(256), [1 / (k + 1) for k in range(256)], k=4000)
    assert 0 <= len(encode(finite, predictor, text)) - len(encode(exact, predictor, text)) <= 2


@pytest.mark.parametrize("favourite", [0, 1, 2])
@pytest.mark.parametrize("precision", [2, 8, 14, 24])
def test_carries(favourite, precision):
    """Runs of the likeliest and the unlikeliest symbols push low against 2^32 from every side."""
    predictor = skewed(4, precision, favourite)
    rng = random.Random(precision)
    for _ in range(300):
        text = rng.choices(range(3), [1, 1, 30], k=rng.randrange(60))
        bits = encode(finite, predictor, text)
        assert decode(finite, predictor, bits) == text


def test_a_carry_runs_through_held_bytes_of_255():
    """Built by hand: low just under a byte boundary, then a symbol that lifts it over."""
    carried = 0
    for seed in range(400):
        predictor = Hashed(3, 16, seed=seed % 256)
        text = random.Random(seed).choices(range(2), k=80)
        encoder = finite.Encoder()
        state = predictor.start()
        for symbol in text:
            held = encoder._run
            before = len(encoder.output)
            encoder.encode(predictor.cdf(state), symbol)
            state = predictor.advance(state, symbol)
            if (
                held
                and len(encoder.output) > before
                and encoder.output[before + 1 : before + 1 + held] == bytes(held)
            ):
                carried += 1
        assert decode(finite, predictor, encode(finite, predictor, text)) == text
    assert carried, "the test never met a carry through a held run"


@pytest.mark.parametrize("coder", CODERS)
@given(predictors(), st.binary(max_size=12))
def test_any_bytes_decode_or_raise(coder, predictor, data):
    """No hang, and what is accepted is canonical: the encoder writes the same bits."""
    try:
        symbols, length = stream.decode(coder.Decoder(data), predictor, max_symbols=500)
        code = unpad(data, length, 8)
    except CodeError:
        return
    assert encode(coder, predictor, symbols) == code


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("symbols", [3, 6, 9])
def test_every_code_of_two_bytes_is_some_texts_or_refused(coder, symbols):
    """One code a text: what is accepted is what the encoder writes, to the last bit."""
    predictor = zipf(symbols, 8)
    accepted = 0
    for value in range(1 << 16):
        data = value.to_bytes(2, "big")
        try:
            text, length = stream.decode(coder.Decoder(data), predictor)
            code = unpad(data, length, 8)
        except CodeError:
            continue
        accepted += 1
        assert encode(coder, predictor, text) == code
    assert accepted > 10


@pytest.mark.parametrize("coder", CODERS)
def test_a_code_cut_at_any_bit_is_refused(coder):
    predictor = zipf(257, 16)
    text = list(b"cut me anywhere")
    bits = encode(coder, predictor, text)
    for length in range(len(bits)):
        cut = Bits.from_int(bits.to_int() >> len(bits) - length, length)
        try:
            decoded, found = stream.decode(coder.Decoder(cut.data), predictor)
        except CodeError:
            continue
        # Zeros cut from the end of the last byte are its padding, still there.
        assert decoded == text
        assert found == len(bits)
        assert cut.data == bits.data


@pytest.mark.parametrize("coder", CODERS)
def test_a_text_longer_than_declared_is_refused(coder):
    predictor = zipf(257, 16)
    data = encode(coder, predictor, list(b"abcdef")).data
    assert stream.decode(coder.Decoder(data), predictor, max_symbols=6)[0] == list(b"abcdef")
    with pytest.raises(CodeError, match="after the 5 symbols"):
        stream.decode(coder.Decoder(data), predictor, max_symbols=5)


def test_trace_is_the_walk_of_the_encoder():
    predictor = Hashed(5, 8)
    text = [0, 3, 2, 2, 1]
    steps = list(exact.trace(predictor, text))
    assert [step.symbol for step in steps] == text
    for n, step in enumerate(steps, 1):
        low, high = oracles.text_interval(predictor, text[:n])
        denominator = 1 << step.interval.scale
        assert low * denominator == step.interval.low
        assert high * denominator == step.interval.low + step.interval.width


def test_settled_bits_are_as_many_as_the_text_fixes():
    """Four symbols alike: two bits each, no more and no less."""
    encoder, predictor = finite.Encoder(), uniform(4, 8)
    for n, symbol in enumerate([3, 1, 0, 2, 3, 3, 3, 3, 0, 0, 1] * 4, 1):
        encoder.encode(predictor.cdf(None), symbol)
        assert encoder.settled_bits == 2 * n


@given(predictors_and_texts(max_size=60))
def test_settled_bits_never_change_and_never_shrink(case):
    predictor, text = case
    final = str(encode(finite, predictor, text))
    encoder, state, settled = finite.Encoder(), predictor.start(), []
    for symbol in text:
        encoder.encode(predictor.cdf(state), symbol)
        settled.append(encoder.settled_bits)
        state = predictor.advance(state, symbol)
    assert settled == sorted(settled)
    # A text that goes on otherwise shares the settled bits.
    for n in range(len(text)):
        other = str(encode(finite, predictor, text[: n + 1]))
        assert other.ljust(settled[n], "0")[: settled[n]] == final.ljust(settled[n], "0")[: settled[n]]
