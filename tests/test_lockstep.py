"""Many texts at once against one at a time: the same codes, the same texts, bit for bit."""

import random
from functools import cache
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import CodeError
from eiwref.files import data_path
from eiwref.predictors.limits import LANES
from eiwref.predictors.store import load_predictor
from eiwref.windows import SCHEMES, StopCell, lockstep
from tests.predictors_for_tests import Hashed, predictors
from tests.test_codebook import network

TEXT = b"".join(builtin.documents("held-out"))
WIDTHS = [16, 24, 32, 64, 128]


@cache
def m1_tiny():
    return load_predictor(data_path("m1-tiny.safetensors"))


def assert_same(scheme, texts, codes=()):
    alone = [list(scheme.segment(text)) for text in texts]
    assert lockstep.segment(scheme, texts) == alone
    if scheme.reset == 1:
        flat = [window.code for own in alone for window in own] + [*codes]
        assert lockstep.texts(scheme, flat) == [scheme.decode(code) for code in flat]


@pytest.mark.parametrize("reset", [1, 2, 3, None])
@pytest.mark.parametrize("window_bits", WIDTHS)
@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=6)
@given(st.data())
def test_lockstep_is_the_scalar_windows(name, window_bits, reset, data):
    symbols = data.draw(st.sampled_from([2, 5, 256]))
    precisions = [precision for precision in (8, 14, 16, 24) if name == "stop" or precision <= window_bits]
    predictor = data.draw(predictors(symbols=symbols, precisions=precisions, limits=(1, 2, 5, 60)))
    text = st.lists(st.integers(0, symbols - 1), max_size=30).map(bytes)
    texts = data.draw(st.lists(text, max_size=6))
    codes = data.draw(st.lists(st.integers(0, 2**window_bits - 1), max_size=6))
    assert_same(SCHEMES[name](predictor, window_bits, reset), texts, codes)


@pytest.mark.parametrize("reset", [1, 2, None])
@pytest.mark.parametrize("window_bits", [16, 24, 64])
@pytest.mark.parametrize("name", SCHEMES)
def test_under_an_m1_in_integers(name, window_bits, reset):
    """Empty, one byte, every byte, past the limit of 128, and what compresses so well that windows are long."""
    scheme = SCHEMES[name](m1_tiny().over(256), window_bits, reset)
    assert_same(scheme, [b"", b"x", bytes(range(256)), TEXT[:129], TEXT[900:1100], b"-" * 140])


@pytest.mark.parametrize("reset", [1, 2, None])
@given(predictors(limits=(1, 5, 60)), st.data())
@settings(max_examples=20)
def test_no_text_is_left_out_where_all_lanes_end_at_once(reset, predictor, data):
    """So do all texts that are empty, and all windows that M1 never starts again for."""
    text = st.one_of(st.just(b""), st.lists(st.integers(0, predictor.symbols - 1), max_size=9).map(bytes))
    texts = data.draw(st.lists(text, min_size=3, max_size=12))
    with patch.object(lockstep, "LANES", 2):
        assert_same(StopCell(predictor, 16, reset), texts)


@given(predictors(limits=(1, 5)), st.integers(4, 12))
@settings(max_examples=10)
def test_every_code_of_short_windows(predictor, window_bits):
    assert_same(StopCell(predictor, window_bits), [], range(1 << window_bits))


@pytest.mark.parametrize("name", ["greedy", "delay"])
@given(predictors(precisions=(4, 8), limits=(1, 5)))
@settings(max_examples=10)
def test_every_code_that_no_text_has_too(name, predictor):
    assert_same(SCHEMES[name](predictor, 8), [], range(1 << 8))


@pytest.mark.parametrize("window_bits", WIDTHS)
def test_under_a_network(window_bits):
    """More texts than lanes, of all lengths, past the limit of 12 symbols."""
    scheme = StopCell(network().over(256), window_bits)
    texts = [b"", b"x", b"\0" * 40] + [TEXT[at * 9 : at * 9 + at % 11] for at in range(LANES + 3)]
    rng = random.Random(window_bits)
    assert_same(scheme, texts, [rng.getrandbits(window_bits) for _ in range(20)])


def test_lanes_at_one_node_share_its_state():
    """The codes of windows that begin alike: one state for each depth, however many lanes."""
    asked = []

    class Counting(Hashed):
        def cdf_many(self, states):
            asked.append(len(states))
            return super().cdf_many(states)

    scheme = StopCell(Counting(256, 16), 64)
    (windows,) = lockstep.segment(scheme, [b"the same text in every lane"])
    del asked[:]
    lockstep.texts(scheme, [window.code for window in windows] * 50)
    assert max(asked) <= len(windows)


@pytest.mark.parametrize("reset", [1, 3])
@pytest.mark.parametrize("ahead", [1, 2, 7])
def test_windows_longer_than_what_was_looked_at(ahead, reset, monkeypatch):
    scheme = StopCell(network().over(256), 64, reset)
    texts = [TEXT[at : at + 90] for at in range(0, 900, 90)]
    whole = lockstep.segment(scheme, texts)
    to_next_start = lockstep._to_next_start
    monkeypatch.setattr(lockstep, "_to_next_start", lambda scheme, lanes, _: to_next_start(scheme, lanes, ahead))
    assert lockstep.segment(scheme, texts) == whole


@pytest.mark.parametrize("code", [-1, 1 << 64])
def test_codes_of_another_width_are_refused(code):
    with pytest.raises(CodeError, match="does not fit windows of 64 bits"):
        lockstep.texts(StopCell(Hashed(256, 16), 64), [3, code, 5])


@pytest.mark.parametrize(
    "spec", ["EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=24, v=65k]", "EqualInfoAC[b=128, v=256]"]
)
def test_batches_of_a_tokenizer(spec, monkeypatch):
    """Encoded and decoded in lockstep where the predictor is batched; ids that are cut are refused as before."""
    used = []

    def noted(name, do):
        def wrapped(*arguments):
            used.append(name)
            return do(*arguments)

        return wrapped

    for name in ("segment", "texts"):
        monkeypatch.setattr(lockstep, name, noted(name, getattr(lockstep, name)))
    tokenizer = eiwref.tokenizer(spec, network())
    texts = [b"", TEXT[:50], b"y" * 30, TEXT[50:130]]
    batch = tokenizer.encode_batch(texts)
    assert [ids.tolist() for ids in batch] == [
        tokenizer.compress(text).tokens(tokenizer.token_bits).tolist() for text in texts
    ]
    assert tokenizer.decode_batch(batch) == texts
    assert used == ["segment", "texts"]
    if "b=16" not in spec:
        with pytest.raises(CodeError, match=r"takes|not zero"):
            tokenizer.decode_batch([batch[1], batch[3][:-1]])


@pytest.mark.parametrize("option", ["windows=delay", "windows=delay, reset=never", "reset=2", "reset=never"])
def test_batches_of_other_windows(option):
    """Where windows do not start afresh, only encoding is done in lanes."""
    tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=32, v=256, {option}]", network())
    texts = [b"", TEXT[:50], b"y" * 30, TEXT[50:130]]
    batch = tokenizer.encode_batch(texts)
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text).tolist() for text in texts]
    assert tokenizer.decode_batch(batch) == texts
