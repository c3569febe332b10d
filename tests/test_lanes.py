"""`lanes` and `rows` against `finite` and `frequencies`: the same bits, lane by lane, whatever the company."""

import math
import random
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eiwref.coding import finite, frequencies, lanes, rows
from eiwref.coding.bits import Bits, unpad
from eiwref.coding.rows import Rows
from eiwref.errors import CodeError, PredictorError
from tests.predictors_for_tests import predictors

PRECISIONS = (14, 16, 24)


def slices_and_code(predictor, text):
    """The slices of a text's symbols, and what `finite` writes for them."""
    encoder, state, slices = finite.Encoder(), predictor.start(), []
    for symbol in text:
        cumulative = predictor.cdf(state)
        encoder.encode(cumulative, symbol)
        slices.append((cumulative[symbol], cumulative[symbol + 1]))
        state = predictor.advance(state, symbol)
    return np.array(slices, dtype=np.int64).reshape(-1, 2), encoder.finish()


def encode_slices(slices, precision):
    """The codes of texts in any order, given as the slices of their symbols, (length, 2) int64 each."""
    order = sorted(range(len(slices)), key=lambda i: -len(slices[i]))
    encoder = lanes.Encoder(len(slices), precision)
    for step in range(max(map(len, slices), default=0)):
        encoder.encode(*np.array([slices[i][step] for i in order if len(slices[i]) > step]).T)
    return [code for _, code in sorted(zip(order, encoder.finish(), strict=True), key=lambda pair: pair[0])]


def decode_slices(codes, slices, precision):
    """Decode what `encode_slices` wrote, the slices known; checks that each target points into its slice."""
    order = sorted(range(len(slices)), key=lambda i: -len(slices[i]))
    decoder = lanes.Decoder([codes[i].data for i in order], precision)
    for step in range(max(map(len, slices), default=0)):
        starts, ends = np.array([slices[i][step] for i in order if len(slices[i]) > step]).T
        targets = decoder.targets(len(starts))
        assert ((starts <= targets) & (targets < ends)).all()
        decoder.decode(starts, ends)
    return [int(length) for _, length in sorted(zip(order, decoder.finish(), strict=True))]


@given(st.data(), st.sampled_from(PRECISIONS))
def test_every_lane_is_finite_bit_for_bit(data, precision):
    """Any predictors side by side, texts of any length, empty ones too."""
    cases = []
    for predictor in data.draw(st.lists(predictors(precisions=(precision,)), max_size=6)):
        text = data.draw(st.lists(st.integers(0, predictor.symbols - 1), max_size=60))
        cases.append(slices_and_code(predictor, text))
    slices, expected = [case[0] for case in cases], [case[1] for case in cases]
    codes = encode_slices(slices, precision)
    assert codes == expected
    assert decode_slices(codes, slices, precision) == [len(code) for code in expected]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_thousands_of_lanes_with_carries(precision):
    """Slices at the very top of the interval push low against 2^32, so that carries run through bytes of 255."""
    rng = np.random.default_rng(precision)
    total, slices = 1 << precision, []
    for lane in range(3000):
        length = int(rng.integers(0, 25))
        ends = total - rng.integers(0, 3, length) * rng.integers(0, total // 4, length)
        widths = np.minimum(ends, np.exp(rng.uniform(0, np.log(total), length)).astype(np.int64))
        slices.append(
            np.stack([ends - widths, ends], axis=1) if lane % 7 else np.array([[total - 1, total]] * length)
        )
    slices = [each.reshape(-1, 2).astype(np.int64) for each in slices]
    expected, carried = [], 0
    for each in slices:
        encoder = finite.Encoder()
        for start, end in each.tolist():
            run = encoder._run
            before = len(encoder.output)
            encoder.encode((0, start, end, total), 1)
            carried += bool(run and encoder.output[before + 1 : before + 1 + run] == bytes(run))
        expected.append(encoder.finish())
    assert carried > 5
    codes = encode_slices(slices, precision)
    assert codes == expected
    assert decode_slices(codes, slices, precision) == [len(code) for code in expected]


def steep(rng, n, symbols):
    """Rows from nearly flat to all but certain, some with zeros in them."""
    logits = rng.standard_normal((n, symbols)) * rng.choice([0.1, 2, 8, 40], (n, 1))
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def slow_slices(probabilities, precision):
    return frequencies.from_weight_rows(rows.weights(probabilities).astype(np.int64), precision)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 3, 15, 16, 17, 256, 257, 300]),
    st.sampled_from(PRECISIONS),
    st.sampled_from([1, 5, 2500]),
)
@settings(max_examples=25)
def test_slices_are_those_of_all_frequencies(seed, symbols, precision, n):
    """Of more rows than a slab, too; and both ends of every slice are found again."""
    rng = np.random.default_rng(seed)
    given_rows = steep(rng, n, symbols)
    cumulative = slow_slices(given_rows, precision)
    wanted = rng.choice([0, symbols - 1, *rng.integers(0, symbols, 3)], n)
    lane, tool = np.arange(n), Rows(symbols, precision)
    starts, ends = tool.slices(given_rows, wanted)
    assert (starts == cumulative[lane, wanted]).all()
    assert (ends == cumulative[lane, wanted + 1]).all()
    for target in (starts, ends - 1):
        found = tool.find(given_rows, target)
        assert all((a == b).all() for a, b in zip(found, (wanted, starts, ends), strict=True))


@given(st.integers((1 << 22) + 1, 1 << 24), st.sampled_from([-1, 0, 1]), st.sampled_from(PRECISIONS))
def test_quotients_next_to_an_integer_are_rounded_down(total, beside, precision):
    """before * spare / total misses an integer by the least that it can, 1 / total, or not at all."""
    spare = (1 << precision) - 3
    while math.gcd(spare, total) > 1:
        total -= 1
    first = beside * pow(spare, -1, total) % total
    parts = [first // 2, first - first // 2]  # either alone may be more than a probability of 1 stands for
    weights = [*parts, total - first]
    assume(max(weights) <= rows.UNIT)
    probabilities = np.array([weights], dtype=np.float32) / np.float32(rows.UNIT)
    starts, ends = Rows(3, precision).slices(probabilities, np.array([1]))
    assert first * spare % total == beside % total
    assert starts[0] == parts[0] * spare // total + 1
    assert ends[0] == first * spare // total + 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_guess_that_is_wrong_is_put_right(precision, monkeypatch):
    """Zero weights at precision 24 put boundaries closer together than float32 can tell."""
    corrected = []
    monkeypatch.setattr(rows, "from_weight_rows", lambda w, p: corrected.append(len(w)) or slow(w, p))
    slow = frequencies.from_weight_rows
    given_rows = np.zeros((256, 256), dtype=np.float32)
    given_rows[:, 7] = 0.7
    given_rows[:, 200] = 0.3
    starts, ends = Rows(256, precision).slices(given_rows, np.arange(256))
    for target in (starts, ends - 1):
        assert (Rows(256, precision).find(given_rows, target)[0] == np.arange(256)).all()
    assert corrected or precision < 24


def test_a_guess_is_hardly_ever_wrong(monkeypatch):
    """It would be put right, but not soon."""
    corrected = []
    slow = frequencies.from_weight_rows
    monkeypatch.setattr(rows, "from_weight_rows", lambda w, p: corrected.append(len(w)) or slow(w, p))
    rng = np.random.default_rng(0)
    for symbols in (17, 256):
        Rows(symbols).find(steep(rng, 5000, symbols), rng.integers(0, 1 << 16, 5000))
    assert sum(corrected) < 100


def network(symbols, seed):
    """A predictor of float rows that depend on the symbol before alone."""
    table = steep(np.random.default_rng(seed), symbols + 1, symbols)
    return table, lambda step, before: table[before]  # at step 0 the last row


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 17, 256]),
    st.sampled_from(PRECISIONS),
    st.lists(st.integers(0, 30), max_size=8),
)
@settings(max_examples=30)
def test_texts_through_a_network(seed, symbols, precision, lengths):
    table, predict = network(symbols, seed)
    rng = np.random.default_rng(seed)
    texts = [rng.integers(0, symbols, length) for length in sorted(lengths, reverse=True)]
    codes = lanes.encode(texts, predict, Rows(symbols, precision))
    for text, code in zip(texts, codes, strict=True):
        encoder, before = finite.Encoder(), -1
        for symbol in text.tolist():
            weights = rows.weights(table[[before]])[0].astype(np.int64)
            encoder.encode(frequencies.from_weights(weights, precision), symbol)
            before = symbol
        assert encoder.finish() == code
    data, lengths = [code.data for code in codes], [len(text) for text in texts]
    back, bits = lanes.decode(data, lengths, predict, Rows(symbols, precision))
    assert [text.tolist() for text in back] == [text.tolist() for text in texts]
    assert bits.tolist() == [len(code) for code in codes]


def test_a_code_cut_anywhere_is_refused_or_is_the_code_of_another_text():
    _, predict = network(256, 1)
    rng, tool = np.random.default_rng(1), Rows(256)
    texts = [rng.integers(0, 256, 12) for _ in range(3)]
    codes = lanes.encode(texts, predict, tool)
    refused = 0
    for length in range(len(codes[1])):
        cut = Bits.from_int(codes[1].to_int() >> len(codes[1]) - length, length).data
        try:
            back, bits = lanes.decode([codes[0].data, cut, codes[2].data], [12] * 3, predict, tool)
            found = unpad(cut, int(bits[1]), 8)
        except CodeError as error:
            assert re.match(r"text 1: the code |the code ends at bit", str(error))
            refused += 1
            continue
        assert [back[0].tolist(), back[2].tolist()] == [texts[0].tolist(), texts[2].tolist()]
        assert lanes.encode(back, predict, tool)[1] == found
    assert refused > len(codes[1]) - 24


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=4), st.integers(0, 20), st.sampled_from(PRECISIONS))
def test_any_bytes_decode_as_finite_decodes_them(codes, length, precision):
    """The same symbols or a refusal where `finite` refuses, with its words."""
    table, predict = network(17, 3)
    cumulative = slow_slices(table, precision).tolist()
    texts, refusals = [], []
    for number, code in enumerate(codes):
        decoder, text = finite.Decoder(code), [-1]
        try:
            for _ in range(length):
                text.append(decoder.decode(cumulative[text[-1]]))
            decoder.finish()
        except CodeError as error:
            refusals.append(re.sub(r"its \d+ symbols", "its symbols", f"text {number}: {error}"))
        texts.append(text[1:])
    try:
        back, _ = lanes.decode(codes, [length] * len(codes), predict, Rows(17, precision))
    except CodeError as error:
        assert str(error) in refusals
    else:
        assert not refusals
        assert [text.tolist() for text in back] == texts


def test_bad_input_gets_one_sentence():
    _, predict = network(4, 0)
    tool = Rows(4)
    with pytest.raises(CodeError, match="longest first"):
        lanes.encode([np.zeros(1, int), np.zeros(2, int)], predict, tool)
    with pytest.raises(CodeError, match="longest first"):
        lanes.decode([b"", b""], [1, 2], predict, tool)
    with pytest.raises(CodeError, match="from 0 to 3, found 0 to 4"):
        lanes.encode([np.array([0]), np.array([4])], predict, tool)
    with pytest.raises(PredictorError, match=r"shape \(1, 4\) in float32, found shape \(1, 4\) in float64"):
        lanes.encode([np.array([0])], lambda step, before: np.full((1, 4), 0.25), tool)
    with pytest.raises(PredictorError, match="too large"):
        Rows(512)
    encoder = lanes.Encoder(2)
    for starts, ends in (([3], [3]), ([-1], [3]), ([3], [65537])):
        with pytest.raises(CodeError, match="at least"):
            encoder.encode(np.array(starts), np.array(ends))
    encoder.encode(np.array([0]), np.array([9]))
    with pytest.raises(CodeError, match="longest first"):
        encoder.encode(np.array([0, 0]), np.array([9, 9]))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ([0.5, 0.5, -0.1], "no probability"),
        ([0.5, 0.5, -1e-30], "no probability"),
        ([0.5, -0.0, 1.0000001], "no probability"),
        ([0.5, 0.5, np.nan], "no probability"),
        ([0.5, -0.0, np.nan], "no probability"),
        ([np.nan] * 3, "no probability"),
        ([0.5, 0.5, np.inf], "no probability|must sum"),
        ([0, 0, 0], "must sum"),
        ([1e-30, 0, 0], "must sum"),
        ([1, 1, 0.5], "must sum"),
        ([-3e38, 3e38, 1], "no probability"),
    ],
)
def test_what_is_no_distribution_is_refused(row, sentence):
    probabilities = np.array([[0.2, 0.3, 0.5], row], dtype=np.float32)
    with pytest.raises(PredictorError, match=sentence):
        Rows(3).slices(probabilities, np.array([1, 1]))
    # A decoder that is given what no encoder takes may find something in it, but never an empty slice.
    try:
        _, starts, ends = Rows(3).find(probabilities, np.array([20000, 20000]))
    except PredictorError:
        return
    assert (starts <= 20000).all()
    assert (ends > 20000).all()


def test_a_zero_may_have_a_sign():
    zeros = np.array([[0.75, 0, 0.25], [0.75, -0.0, 0.25]], dtype=np.float32)
    starts, ends = Rows(3).slices(zeros, np.array([1, 1]))
    assert (starts[0], ends[0]) == (starts[1], ends[1])
    assert Rows(3).find(zeros, starts)[0].tolist() == [1, 1]


def test_no_lane_knows_its_company():
    """The same bits alone, in twos, and among others in another order."""
    _, predict = network(256, 5)
    texts = [np.array(random.Random(i).choices(range(256), k=20)) for i in range(9)]
    together = lanes.encode(texts, predict, Rows(256))
    assert [lanes.encode([text], predict, Rows(256))[0] for text in texts] == together
    assert lanes.encode(texts[::-1], predict, Rows(256)) == together[::-1]


def test_lanes_and_lengths_must_be_as_many():
    predict = lambda step, symbols: np.full((len(symbols), 4), 0.25, dtype=np.float32)  # noqa: E731
    codes = [bits.data for bits in lanes.encode([np.array([1, 2, 3]), np.array([0, 1])], predict, Rows(4))]
    for lengths in ([3], [3, 2, 1], [3, -1]):
        with pytest.raises(
            CodeError, match=re.escape(f"2 codes need as many lengths, none below 0, found {lengths}")
        ):
            lanes.decode(codes, lengths, predict, Rows(4))


def test_rows_where_every_count_is_1():
    found = Rows(4, 2).find(np.full((4, 4), 0.25, dtype=np.float32), np.arange(4))
    assert [each.tolist() for each in found] == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3, 4]]
