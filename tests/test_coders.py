"""`exact` against the definition in fractions, `finite` and `ans` against their bounds, all against anything."""

import random
from contextlib import suppress
from itertools import chain
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding import ans, digits, exact, finite, stream
from eiwref.coding.bits import Bits, unpad
from eiwref.coding.interval import Interval
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.base import Predictor
from eiwref.predictors.static import Unigram, uniform
from tests import oracles
from tests.predictors_for_tests import Hashed, predictors, skewed, zipf

CODERS = [exact, finite, ans]


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


@pytest.mark.parametrize("coder", CODERS)
@given(predictors_and_texts(max_size=200))
def test_round_trip(coder, case):
    predictor, text = case
    assert decode(coder, predictor, encode(coder, predictor, text)) == text


def bound(coder, predictor, text):
    """How many bits above the ideal a coder's docstring allows."""
    if coder is exact:
        return 2
    precision = predictor.precision
    if coder is ans:
        return 40 + (len(text) + 1) * log2(1 + 2.0 ** (precision - 32))
    bits, state = 2.0, predictor.start()
    for symbol in [*text, predictor.symbols - 1]:
        cumulative = predictor.cdf(state)
        bits += log2(1 + 2.0 ** (precision - 24) / (cumulative[symbol + 1] - cumulative[symbol]))
        state = predictor.advance(state, symbol)
    return bits


@pytest.mark.parametrize("coder", CODERS)
@given(predictors_and_texts(max_size=200))
def test_no_coder_costs_more_than_its_stated_bound(coder, case):
    predictor, text = case
    ideal = float(oracles.ideal_bits(predictor, text))
    assert len(encode(coder, predictor, text)) <= ideal + bound(coder, predictor, text) + 1e-9


@given(predictors_and_texts())
def test_exact_never_beats_the_ideal(case):
    predictor, text = case
    assert len(encode(exact, predictor, text)) >= float(oracles.ideal_bits(predictor, text)) - 1e-9


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("precision", [14, 16, 24])
@pytest.mark.parametrize("favourite", [0, 1, 255])
@pytest.mark.parametrize("luck", [0.0, 0.5, 1.0])
def test_the_bounds_hold_where_distributions_are_as_skewed_as_can_be(coder, precision, favourite, luck):
    """From texts that cost nothing to texts of counts of 1 only, at which a slice is the most rounded."""
    predictor = skewed(257, precision, favourite)
    rng = random.Random(precision + favourite)
    text = [favourite if rng.random() < luck else rng.randrange(256) for _ in range(300)]
    bits = encode(coder, predictor, text)
    assert decode(coder, predictor, bits) == text
    assert len(bits) <= float(oracles.ideal_bits(predictor, text)) + bound(coder, predictor, text) + 1e-9


def test_the_bounds_are_not_generous():
    """A symbol of count 1 at precision 24 loses most of a bit where the width is just under 2 * 2^24."""
    predictor = Unigram([60, 0, 40], 24)
    cumulative = predictor.cdf(None)
    text, encoder = [], finite.Encoder()
    for _ in range(6000):
        low, high = (encoder._width * cumulative[c] >> 24 for c in (1, 2))
        text.append(int(high - low == 1 and encoder._width > 1.6 * 2**24))
        encoder.encode(cumulative, text[-1])
    excess = len(encode(finite, predictor, text)) - float(oracles.ideal_bits(predictor, text))
    assert excess > 0.6 * text.count(1) > 3
    # And rANS pays its 40 bits to the last one.
    assert len(encode(ans, uniform(256, 8), [])) == 8 + 40


def test_the_bound_is_tight_enough_to_mean_something():
    """On a long ordinary text `finite` loses less than a bit in ten thousand."""
    predictor = zipf(257, 16)
    text = random.Random(1).choices(range(256), [1 / (k + 1) for k in range(256)], k=4000)
    assert 0 <= len(encode(finite, predictor, text)) - len(encode(exact, predictor, text)) <= 2


@pytest.mark.parametrize("coder", CODERS)
def test_what_a_long_text_loses_is_what_is_stated(coder):
    """At 24 bits, where rounding costs the most a symbol, and over enough symbols to outweigh the ends."""
    predictor = zipf(257, 24)
    text = random.Random(2).choices(range(256), [1 / (k + 1) for k in range(256)], k=4000)
    excess = len(encode(coder, predictor, text)) - float(oracles.ideal_bits(predictor, text))
    assert excess <= bound(coder, predictor, text)
    assert excess <= {exact: 2, finite: 4, ans: 60}[coder]


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
def test_every_code_of_two_bytes_is_some_texts_or_refused(coder, symbols, monkeypatch):
    """One code a text: what is accepted is what the encoder writes, to the last bit."""
    # Codes of rANS are longer than its state, which must be a small one here.
    monkeypatch.setattr(ans, "LOWEST", 1 << 4)
    monkeypatch.setattr(ans, "STATE_BYTES", 1)
    predictor = zipf(symbols, 4 if coder is ans else 8)
    accepted = 0
    # `exact` is slow here and has the definition beside it; every seventh will do.
    for value in range(0, 1 << 16, 7 if coder is exact else 1):
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


@pytest.mark.parametrize("coder", CODERS)
@given(predictors_and_texts(), st.randoms(use_true_random=False))
def test_a_code_with_one_bit_flipped_is_another_texts_or_refused(coder, case, rng):
    predictor, text = case
    bits = encode(coder, predictor, text)
    if not bits.length:
        return
    flipped = Bits.from_int(bits.to_int() ^ 1 << rng.randrange(bits.length), bits.length)
    try:
        other, length = stream.decode(coder.Decoder(flipped.data), predictor, max_symbols=500)
        code = unpad(flipped.data, length, 8)
    except CodeError:
        return
    assert other != text
    assert encode(coder, predictor, other) == code


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("symbols", [-258, -2, -1, 257, 10**9])
def test_symbols_outside_the_alphabet_are_refused(coder, symbols):
    predictor = zipf(257, 16)
    with pytest.raises(PredictorError, match=f"symbol {symbols} is outside the alphabet of 257"):
        encode(coder, predictor, [1, symbols])
    with pytest.raises(PredictorError, match="the end mark"):
        encode(coder, predictor, [1, 256])


class Malformed(Predictor):
    """Says what it is told to."""

    def __init__(self, *told):
        self.told, self.symbols, self.precision = told, 3, 8

    def start(self):
        return 0

    def cdf(self, state):
        return self.told[min(state, len(self.told) - 1)]

    def advance(self, state, symbol):
        return state + 1

    def static(self):
        raise NotImplementedError

    tensors = _over = static


GOOD = [0, 100, 200, 256]


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize(
    "told", [[0, 0, 9, 256], [0, 9, 8, 256], [0, 9, 200, 255], [1, 9, 200, 256], [0, 9, 256], []]
)
def test_frequencies_that_are_none_are_refused_at_the_first_symbol(coder, told):
    with pytest.raises(PredictorError, match="expected"):
        encode(coder, Malformed(told), [0, 1])
    data = encode(coder, Malformed(GOOD), [0, 1]).data
    with pytest.raises(PredictorError, match="expected"):
        stream.decode(coder.Decoder(data), Malformed(told))


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("told", [[0, 100, 100, 256], [0, 200, 100, 256], [0, 0, 0, 256]])
def test_a_slice_without_width_is_refused_anywhere(coder, told):
    """It would keep an encoder and a decoder busy for ever."""
    with pytest.raises(PredictorError, match="symbol 1 has a count of"):
        encode(coder, Malformed(GOOD, told), [0, 1])
    for text in ([0, 0, 0], [1, 1, 1], [0, 1, 0]):
        data = encode(coder, Malformed(GOOD), text).data
        decoder = coder.Decoder(data)
        with suppress(CodeError, PredictorError):
            stream.decode(decoder, Malformed(GOOD, told), max_symbols=100)


@pytest.mark.parametrize("coder", CODERS)
def test_a_decoder_below_the_first_slice_is_refused(coder):
    """The code lies where no symbol is; a decoder that went on would never end."""
    data = encode(coder, Malformed(GOOD), [0, 0, 0, 0]).data
    with pytest.raises(PredictorError, match="symbol -1 is outside"):
        stream.decode(coder.Decoder(data), Malformed(GOOD, [253, 254, 255, 256]), max_symbols=9)


def test_rans_leaves_nothing_over():
    data = encode(ans, Malformed(GOOD), [0, 1]).data
    assert stream.decode(ans.Decoder(data + b"\0"), Malformed(GOOD)) == ([0, 1], 8 * len(data))
    with pytest.raises(CodeError, match="goes on after its 3 symbols"):
        stream.decode(ans.Decoder(data + b"\1"), Malformed(GOOD))


@pytest.mark.parametrize(("coder", "length"), [(exact, "24 bits"), (finite, "3 bytes")])
def test_where_a_code_ends_is_told(coder, length):
    decoder, cumulative = coder.Decoder(b"abc"), uniform(256, 8).cdf(None)
    # What is sure to be inside the code; `finite` looks no closer than at its bytes.
    readable = b"abc" + bytes(coder is finite)
    assert bytes(decoder.decode(cumulative) for _ in readable) == readable
    for again in (1, 2):
        with pytest.raises(CodeError, match=f"ends after {length}, inside symbol {len(readable) + again}"):
            decoder.decode(cumulative)


@pytest.mark.parametrize("coder", CODERS)
def test_no_symbols_at_all(coder):
    """A text is never empty for a coder, since its end is coded; but whoever asks gets a code for nothing."""
    bits = coder.Encoder().finish()
    assert coder.Decoder(bits.data).finish() == bits.length == (40 if coder is ans else 0)


@pytest.mark.slow
@pytest.mark.parametrize("coder", CODERS)
def test_a_million_symbols(coder):
    predictor = zipf(5, 8)
    text = random.Random(6).choices(range(4), [4, 3, 2, 1], k=1_000_000)
    assert decode(coder, predictor, encode(coder, predictor, text)) == text


# exact: large numbers taken apart


class PlainEncoder:
    """One symbol after the other, as the definition has it."""

    def __init__(self):
        self.interval = Interval()

    def encode(self, cumulative, symbol):
        self.interval = self.interval.split(cumulative, symbol)

    finish = exact.Encoder.finish


@given(predictors_and_texts(max_size=300))
def test_joined_runs_are_the_same_interval(case):
    predictor, text = case
    plain, joined, state = PlainEncoder(), exact.Encoder(), predictor.start()
    for symbol in text:
        cumulative = predictor.cdf(state)
        plain.encode(cumulative, symbol)
        joined.encode(cumulative, symbol)
        assert joined.interval == plain.interval
        state = predictor.advance(state, symbol)


@pytest.mark.parametrize(("leaf", "guard"), [(digits.LEAF, digits.GUARD), (16, 8), (1, 1), (1, 0)])
def test_exact_decoding_is_the_definition_with_few_digits_too(leaf, guard, monkeypatch):
    """With leaves so small that every level is asked, and guards so thin that they often do not tell."""
    monkeypatch.setattr(digits, "LEAF", leaf)
    monkeypatch.setattr(digits, "GUARD", guard)

    edges = [b"\xff" * 9, b"\x7f" + b"\xff" * 8, b"\x80" + bytes(8), bytes(8) + b"\x01", b"\xaa" * 9, bytes(9)]

    @given(predictors(), st.one_of(st.binary(max_size=12), st.sampled_from(edges)))
    def check(predictor, data):
        symbols, ended = oracles.decoded(predictor, data, max_symbols=60)
        decoder, state = exact.Decoder(data), predictor.start()
        for symbol in symbols:
            assert decoder.decode(predictor.cdf(state)) == symbol
            state = predictor.advance(state, symbol)
        if ended:
            with pytest.raises(CodeError, match=f"inside symbol {len(symbols) + 1}"):
                decoder.decode(predictor.cdf(state))

    check()


def test_a_place_known_too_badly_tells_nothing():
    """Above the last slice there is nothing; but whether the code goes on is not known where slack is all."""
    assert digits.Place(255, 256).next([0, 1, 2])[0] == 1
    assert digits.Place(255, 256, slack=600).next([0, 1, 2]) is None


def test_exact_on_a_long_text_is_the_plain_coder():
    predictor = Hashed(9, 16)
    text = random.Random(7).choices(range(8), k=3000)
    bits = encode(exact, predictor, text)
    assert bits == stream.encode(PlainEncoder(), predictor, text)
    assert decode(exact, predictor, bits) == text


# finite: bytes as they come


@given(predictors_and_texts(max_size=200), st.integers(1, 9))
def test_finite_in_pieces_is_finite(case, size):
    """Bytes are taken whenever there are some, and given to a decoder a few at a time."""
    predictor, text = case
    encoder, state, pieces = finite.Encoder(), predictor.start(), []
    whole, settled = finite.Encoder(), []
    for symbol in [*text, predictor.symbols - 1]:
        for each in (encoder, whole):
            each.encode(predictor.cdf(state), symbol)
        pieces.append(encoder.take())
        settled.append(encoder.settled_bits == whole.settled_bits)
        state = predictor.advance(state, symbol)
    assert all(settled)
    rest = encoder.finish()
    data = b"".join(pieces) + rest.data
    assert Bits(data, 8 * len(b"".join(pieces)) + rest.length) == whole.finish()
    arriving = iter([data[i : i + size] for i in range(0, len(data), size)])
    symbols, length = stream.decode(finite.Decoder(chain.from_iterable(arriving)), predictor)
    assert symbols == text
    assert unpad(data, length, 8) == Bits(data, length)


def test_finite_needs_bytes_only_when_it_needs_them():
    """A symbol is known once four bytes beyond those it has used up are there."""
    predictor = uniform(256, 8)
    drawn = []
    decoder = finite.Decoder(drawn.append(byte) or byte for byte in bytes(range(100)))
    for n in range(50):
        assert decoder.decode(predictor.cdf(None)) == n
        assert len(drawn) <= n + 5


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


def test_what_finite_takes_is_final_and_most_of_what_there_is():
    predictor = zipf(257, 16)
    encoder = finite.Encoder()
    text = random.Random(8).choices(range(256), k=2000)
    for symbol in text:
        encoder.encode(predictor.cdf(None), symbol)
        encoder.take()
        assert not encoder.output
    assert encoder.finish().length < 100


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


@pytest.mark.parametrize("coder", [exact, finite, ans])
def test_finishing_twice_gives_the_same_code(coder):
    encoder, cumulative = coder.Encoder(), zipf(257, 16).cdf(None)
    for symbol in b"a text\xff\xff\xff":
        encoder.encode(cumulative, symbol)
    assert encoder.finish() == encoder.finish()


def test_symbols_may_be_numpys():
    """Of which 255 + 1 is 0."""
    text = np.frombuffer(b"a\xffb", dtype=np.uint8)
    assert stream.encode(finite.Encoder(), zipf(257, 16), text) == stream.encode(
        finite.Encoder(), zipf(257, 16), b"a\xffb"
    )
    assert [step.symbol for step in exact.trace(zipf(257, 16), text)] == [97, 255, 98]
