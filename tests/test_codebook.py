"""The codebook against the scalar windows, and many states at once against one at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import CodeError, PredictorError
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.limits import LANES, Restarting, UniformAfter
from eiwref.predictors.network import Network
from eiwref.windows import StopCell
from eiwref.windows.codebook import Codebook
from tests.predictors_for_tests import predictors

TEXTS = builtin.documents("held-out")


def network(limit=12):
    """An M1 with random weights large enough to give it opinions."""
    net = Transformer(Config(symbols=257, d_model=32, heads=2, layers=2, d_mlp=64, context=limit))
    params = {name: 2 * values for name, values in net.init(np.random.default_rng(0)).items()}
    counts = np.bincount(np.frombuffer(TEXTS[0], dtype=np.uint8), minlength=257) + 1
    return Network(net, params, counts)


@given(predictors(), st.integers(4, 12), st.lists(st.integers(0, 1), max_size=60).map(bytes))
def test_codebook_is_the_scalar_windows(predictor, window_bits, data):
    scheme = StopCell(predictor, window_bits)
    codebook = Codebook(scheme)
    assert codebook.texts == [scheme.decode(code).text for code in range(1 << window_bits)]
    codes = codebook.encode(data)
    assert codes.tolist() == [window.code for window in scheme.segment(data)]
    assert codebook.decode(codes) == data


def test_codebooks_are_for_short_windows():
    with pytest.raises(PredictorError, match="a codebook of 24 bits is too large, expected at most 16"):
        Codebook(eiwref.tokenizer("EqualInfoAC[b=24, v=256]").scheme)
    codebook = Codebook(StopCell(eiwref.default_predictor().over(256), 9))
    for code in (-1, 512):
        with pytest.raises(CodeError, match=f"code {code} does not fit a codebook of 512 codes"):
            codebook.decode([0, code])


@pytest.mark.parametrize("v", ["256", "65k"])
def test_a_batch_of_much_text_goes_by_the_codebook(v):
    tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=16, v={v}]")
    ids = tokenizer.encode_batch(TEXTS)
    assert "codebook" in tokenizer.__dict__
    for text, each in zip(TEXTS, ids, strict=True):
        assert (each == tokenizer.encode(text)).all()
    assert tokenizer.decode_batch(ids * 4) == TEXTS * 4


def test_a_batch_under_a_network():
    """Texts around the limit of 12, more of them than lanes, more text than the tree has nodes."""
    m1 = network()
    texts = [b"", b"x"] + [TEXTS[0][at : at + at % 41] for at in range(LANES + 10)]
    for spec in ("AC[v=256]", "StaticAC[v=65k]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=32, v=65k]"):
        tokenizer = eiwref.tokenizer(spec, m1)
        more = [b"".join(TEXTS)] * spec.startswith("EqualInfoAC[b=16")
        ids = tokenizer.encode_batch(texts + more)
        assert all((each == tokenizer.encode(text)).all() for each, text in zip(ids, texts, strict=False))
        assert all(
            tokenizer.codebook.decode(each) == text for each, text in zip(ids[len(texts) :], more, strict=True)
        )


@pytest.mark.parametrize("lanes", [1, 2, 7, 64, 257])
@pytest.mark.parametrize("rule", [UniformAfter, Restarting])
def test_a_state_does_not_depend_on_its_company(rule, lanes):
    """Under a network floats are at stake: this holds where it was measured, and says so where it does not."""
    model = rule(network(limit=5))
    rng = np.random.default_rng(lanes)
    if rule is Restarting:
        texts = [rng.integers(0, 257, rng.integers(0, 14)) for _ in range(lanes)]
        for text, slices in zip(texts, model.slices(texts), strict=True):
            state = model.start()
            for symbol, (low, high) in zip(text, slices, strict=True):
                assert (low, high) == tuple(model.cdf(state)[symbol : symbol + 2])
                state = model.advance(state, int(symbol))
        return
    many, alone = model.start_many(lanes), [model.start()] * lanes
    for _ in range(8):
        assert (model.cdf_many(many) == [list(model.cdf(state)) for state in alone]).all()
        which, symbols = rng.integers(0, lanes, lanes), rng.integers(0, 256, lanes)
        many = model.advance_many(many, which, symbols)
        alone = [model.advance(alone[i], int(symbol)) for i, symbol in zip(which, symbols, strict=True)]
