"""M1 going on from window to window: every predictor, scheme and reset, against the rule written down again."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref import show
from eiwref.corpus import builtin
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.base import Predictor
from eiwref.predictors.static import uniform
from eiwref.windows import SCHEMES, StopCell
from eiwref.windows.codebook import Codebook
from tests import oracles
from tests.predictors_for_tests import Hashed, predictors, skewed
from tests.test_codebook import network

TEXT = b"".join(builtin.documents("held-out"))[:1200]
RESETS = [1, 2, 3, None]


class Following(Predictor):
    """The rules of `predictors.limits` written again, with the text so far for a state.

    `before`: the text since the window at which the predictor started. Its own limit is out of the way.
    """

    def __init__(self, inner, before):
        self.inner, self.before = inner, before
        self.symbols, self.precision, self.limit = inner.symbols, inner.precision, 1 << 30

    def start(self):
        return b""

    def advance(self, state, symbol):
        return state + bytes((symbol,))

    def cdf(self, state):
        if len(state) >= self.inner.limit:
            return oracles.uniform(self)
        text = self.before + state
        inner = self.inner.start()
        for symbol in text[len(text) // self.inner.limit * self.inner.limit :]:
            inner = self.inner.advance(inner, symbol)
        return self.inner.cdf(inner)

    def tensors(self):
        raise AssertionError("never saved")

    static = _over = tensors


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=8)
@given(predictors(precisions=(8,)), st.data())
def test_each_window_is_a_first_window_under_what_came_before(name, reset, predictor, data):
    text = bytes(data.draw(st.lists(st.integers(0, predictor.symbols - 1), max_size=40)))
    window_bits = data.draw(st.sampled_from([8, 12, 33]))
    before, place = b"", 0
    windows = list(SCHEMES[name](predictor, window_bits, reset).segment(text))
    for window in windows:
        alone = SCHEMES[name](Following(predictor, before), window_bits)
        assert alone.encode(text, window.start) == (window.end, window.code)
        place += 1
        before += text[window.start : window.end]
        if place == reset:
            before, place = b"", 0
    assert b"".join(text[window.start : window.end] for window in windows) == text


@pytest.mark.parametrize("window_bits", [16, 24, 32, 64, 128])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("name", ["stop", "delay"])
@settings(max_examples=4)
@given(predictors(symbols=256, precisions=(14, 16), limits=(1, 7, 1024)), st.binary(max_size=60))
def test_what_is_lossless_stays_so(name, reset, window_bits, predictor, text):
    scheme = SCHEMES[name](predictor, window_bits, reset)
    codes = [window.code for window in scheme.segment(text)]
    assert b"".join(window.text for window in scheme.texts(codes)) == text
    assert codes == [window.code for window in scheme.segment(text)]  # nothing was left behind in it


@pytest.mark.parametrize("reset", ["1", "2", "never"])
@pytest.mark.parametrize("v", ["256", "65k"])
@pytest.mark.parametrize("window_bits", [16, 24, 32, 64, 128])
@pytest.mark.parametrize("name", ["stop", "greedy", "delay"])
def test_every_name_of_the_papers_windows_is_a_tokenizer(name, window_bits, v, reset):
    """Of tokens: those of 16 bits straddle windows of 24."""
    tokenizer = eiwref.tokenizer(
        f"EqualInfoAC[windows={name}, reset={reset}, v={v}, b={window_bits}]", Hashed(257, 16, limit=40)
    )
    assert eiwref.tokenizer(tokenizer.spec, tokenizer.predictor).spec == tokenizer.spec
    text = TEXT[:200]
    ids = tokenizer.encode(text)
    found = [window.text for window in tokenizer.decode_windows(ids)]
    codes = [window.code for window in tokenizer.scheme.segment(text)]
    assert found == [window.text for window in tokenizer.scheme.texts(codes)]
    assert tokenizer.lossless == (name != "greedy")
    if tokenizer.lossless:
        assert b"".join(found) == tokenizer.decode_bytes(ids) == text


@given(st.lists(st.integers(0, 2**16 - 1), max_size=12), st.sampled_from(RESETS), st.sampled_from([*SCHEMES]))
def test_any_codes_decode(codes, reset, name):
    """A code alone is still a bijection, whatever came before; greedy and delay still say which no text has."""
    scheme = SCHEMES[name](Hashed(256, 14, limit=9), 16, reset)
    for code, window in zip(codes, scheme.texts(codes), strict=True):
        assert window.text
        assert scheme.decode(code) == window
        if name == "stop":
            assert scheme.encode(window.text) == (len(window.text), code)
        scheme = scheme.after(window.text)


def test_windows_end_soon_after_the_limit_wherever_the_predictor_stands():
    """Under a nearly certain predictor, which restarts on its way: the count of the window ends it."""
    scheme = StopCell(skewed(256, 14, 97, limit=64), 16, reset=None)
    lengths = [window.end - window.start for window in scheme.segment(bytes([97]) * 2000)]
    assert set(lengths[:-1]) <= {65, 66}


def test_reset_1_is_what_it_was_and_never_goes_on_from_the_first_window():
    predictor = eiwref.default_predictor().over(256)
    found = {reset: list(StopCell(predictor, 16, reset).segment(TEXT)) for reset in RESETS}
    assert found[1] == list(StopCell(predictor, 16).segment(TEXT))
    assert len({windows[0] for windows in found.values()}) == 1
    # The longer the memory, the fewer windows: the paper's Table 9.
    assert len(found[1]) > len(found[2]) > len(found[3]) > len(found[None])
    assert found[2][:2] == found[None][:2]
    assert StopCell(predictor, 16).encode(TEXT, found[2][2].start) == found[2][2][1:]


@pytest.mark.parametrize("reset", ["2", "never"])
@pytest.mark.parametrize("windows", ["stop", "delay", "greedy"])
def test_tokenizers_and_the_picture_go_on_too(windows, reset):
    tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=16, v=65k, windows={windows}, reset={reset}]")
    assert f"reset={reset}]" in tokenizer.spec
    ids = tokenizer.encode(TEXT)
    cut = [[window.start, window.end] for window in tokenizer.scheme.segment(TEXT)]
    decoded = [window.text for window in tokenizer.decode_windows(ids)]
    assert b"".join(decoded) == tokenizer.decode_bytes(ids)
    rows = show.describe(tokenizer, TEXT)
    assert [[row["start"], row["end"]] for row in rows] == cut
    if windows == "greedy":
        assert any(row["decodes_to"] != row["text"] for row in rows)
        return
    assert tokenizer.spans(ids).tolist() == cut
    assert decoded == [TEXT[start:end] for start, end in cut]
    assert all(row["decodes_to"] == row["text"] for row in rows)
    # v=256: the halves of a window touch its text and no other's.
    halves = eiwref.tokenizer(tokenizer.spec.replace("65k", "256"))
    spans = halves.spans(halves.encode(TEXT)).reshape(-1, 2, 2)
    assert [[first[0], second[1]] for first, second in spans.tolist()] == cut


def test_under_a_network():
    m1 = network(limit=5)
    for reset in ("2", "never"):
        tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=32, v=256, reset={reset}]", m1)
        batch = tokenizer.encode_batch([TEXT[:200], b"", TEXT[200:300]])
        assert [ids.tolist() for ids in batch] == [
            tokenizer.encode(text).tolist() for text in (TEXT[:200], b"", TEXT[200:300])
        ]
        assert tokenizer.decode_batch(batch) == [TEXT[:200], b"", TEXT[200:300]]


def test_what_needs_windows_that_start_afresh_says_so():
    scheme = StopCell(Hashed(4, 8), 8, reset=2)
    with pytest.raises(PredictorError, match="reset=1"):
        Codebook.grow(scheme)
    # Much text, and still no codebook.
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k, reset=never]", uniform(257))
    tokenizer.encode_batch([bytes(1 << 16)])
    assert "codebook" not in tokenizer.__dict__


def test_bad_resets_and_codes():
    for reset in (0, -1):
        with pytest.raises(PredictorError, match=f"at least 1 window before its reset, found {reset}"):
            StopCell(Hashed(4, 8), 8, reset)
    for name in SCHEMES:
        scheme = SCHEMES[name](Hashed(256, 14), 16, None)
        for code in (-1, 1 << 16):
            with pytest.raises(CodeError, match="does not fit windows of 16 bits"):
                list(scheme.texts([5, code]))
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=24, v=65k, reset=never]")
    ids = tokenizer.encode(TEXT[:50])
    with pytest.raises(CodeError, match="takes"):
        tokenizer.decode_bytes(ids[:1])
    with pytest.raises(CodeError, match="declared"):
        tokenizer.decode_bytes(ids, max_bytes=49)


@pytest.mark.slow
@pytest.mark.parametrize("window_bits", [16, 24, 32, 64, 128])
@pytest.mark.parametrize("name", ["stop", "delay"])
def test_a_million_random_windows_in_all(name, window_bits):
    """Each lossless scheme and W a tenth of them: real and random text, all three kinds of reset.

    Run with -rP to see how many windows they were, with --durations=0 for the seconds.
    """
    predictor = eiwref.default_predictor().over(256)
    rng = random.Random(window_bits)
    held_out = b"".join(builtin.documents("held-out"))
    windows, turn = 0, 0
    while windows < 100_000:
        turn += 1
        start = rng.randrange(len(held_out))
        text = held_out[start : start + 4000] if turn % 4 else rng.randbytes(4000)
        scheme = SCHEMES[name](predictor, window_bits, [1, 2, None][turn % 3])
        codes = [window.code for window in scheme.segment(text)]
        assert b"".join(window.text for window in scheme.texts(codes)) == text
        windows += len(codes)
    print(f"{name}, W = {window_bits}: {windows:,} windows")
