"""bits/byte, round trips counted, and the experiment that puts them together."""

import random
from collections import Counter

import numpy as np
import pytest
from mpmath import mp

import eiwref
from eiwref import evaluate, verify
from eiwref.corpus import builtin
from eiwref.errors import EiwrefError
from eiwref.evaluate import flops_per_byte, id_counts, measure, model_bits, uniform_bits, unigram_bits
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.static import uniform


def test_uniform_and_unigram_bits():
    rng = random.Random(0)
    train, ids = rng.choices(range(10), k=300), rng.choices(range(20), k=100)
    counts = Counter(train)
    with mp.workdps(30):
        ideal = -sum(mp.log((counts[i] + 1) / mp.mpf(300 + 20), 2) for i in ids)
        assert abs(unigram_bits(id_counts([train], 20), id_counts([ids[:30], ids[30:]], 20)) - ideal) < 1e-9
    assert uniform_bits(100, 65536) == 1600


def test_failed_windows_are_counted():
    """Greedy windows against decoding each by hand; the others have none."""
    text = b"".join(builtin.documents("held-out"))[:3000]
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=256, windows=greedy]")
    row = verify.round_trip(tokenizer, text)
    scheme = tokenizer.scheme
    wrong = sum(scheme.decode(w.code).text != text[w.start : w.end] for w in scheme.segment(text))
    assert row.failed_windows == wrong > 0
    assert not row.lossless
    assert not row.broken
    row = verify.round_trip(eiwref.tokenizer("EqualInfoAC[b=16, v=256]"), text)
    assert (row.lossless, row.failed_windows, row.windows) == (True, 0, row.tokens // 2)
    assert row.bits_per_byte == pytest.approx(8 / row.bytes_per_token)


def test_a_broken_promise_is_seen(monkeypatch):
    """A decoder that is off by one byte in one window."""
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
    right = tokenizer.scheme.decode
    calls = []

    def wrong(code):
        calls.append(code)
        decoded = right(code)
        return decoded._replace(text=decoded.text[:-1]) if len(calls) == 3 else decoded

    monkeypatch.setattr(tokenizer.scheme, "decode", wrong)
    row = verify.round_trip(tokenizer, b"one byte short in the third window")
    assert (row.broken, row.lossless, row.failed_windows) == (True, False, 1)


def test_an_empty_text_has_no_ratio():
    row = verify.round_trip(eiwref.tokenizer("EqualInfoAC[b=16, v=65k]"), b"")
    assert (row.lossless, row.tokens, row.bytes_per_token, row.bits_per_byte) == (True, 0, 0.0, 0.0)


def test_greedy_fails_where_the_prototype_failed():
    """Order 3, P = 14, the built-in split, W = 16: about 28 % of windows decode to another text."""
    from eiwref.predictors.ngram import NGram

    predictor = NGram.fit(builtin.documents("train"), order=3, precision=14)
    text = b"".join(builtin.documents("held-out"))[:20_000]
    row = verify.round_trip(eiwref.tokenizer("EqualInfoAC[b=16, v=65k, windows=greedy]", predictor), text)
    assert 0.24 < row.failed_windows / row.windows < 0.32


def test_a_predictor_that_knows_nothing_compresses_nothing():
    row = verify.round_trip(eiwref.tokenizer("AC[v=256]", uniform(257)), random.Random(5).randbytes(2000))
    assert 1.0 <= row.bits_per_byte / 8 < 1.01


def test_bits_of_a_model_are_those_of_its_logits_one_document_at_a_time(monkeypatch):
    rng = np.random.default_rng(4)
    config = Config(symbols=7, d_model=8, heads=2, layers=1, d_mlp=8, context=5)
    network = Transformer(config)
    params = network.init(rng, dtype=np.float64)
    documents = [rng.integers(0, 6, size) for size in (0, 3, 4, 5, 12, 1)]
    expected = 0.0
    for document in documents:
        text = [*document, 6]
        for at in range(0, len(text), 5):
            piece = text[at : at + 5]
            logits, _ = network.forward(params, np.array([[7, *piece[:-1]]]))
            p = np.exp(logits[0]) / np.exp(logits[0]).sum(axis=1, keepdims=True)
            expected -= sum(np.log2(p[i, symbol]) for i, symbol in enumerate(piece))
    for at_once in (1, 3 * 7 * 5, 1000):
        monkeypatch.setattr(evaluate, "LOGITS_AT_ONCE", at_once)
        assert model_bits(network, params, documents) == pytest.approx(expected, rel=1e-12)


def test_flops_are_the_papers():
    """Table 15's 25m rows for Bytes and EqualInfoAC[b=16, v=256], from the sizes it states."""

    class Stated:
        def __init__(self, millions, d_model=512, symbols=256):
            self.parameters, self.d_model, self.symbols = millions * 1e6, d_model, symbols

    assert flops_per_byte(Stated(25), 1.0) == pytest.approx(50.0e6)
    assert flops_per_byte(Stated(25), 2.66, m1=Stated(3)) == pytest.approx(24.80e6, rel=0.01)
    counted = flops_per_byte(Stated(25, symbols=65536), 5.31, softmax=True) - flops_per_byte(Stated(25), 5.31)
    assert counted == pytest.approx(2 * 512 * 65536 / 5.31)
    m1 = Stated(3, d_model=256, symbols=257)
    whole = flops_per_byte(Stated(25, symbols=65536), 5.31, m1, softmax=True)
    assert whole == pytest.approx(2 * (25e6 + 512 * 65536) / 5.31 + 2 * (3e6 + 256 * 257))


@pytest.mark.parametrize("texts", [[], [b""]])
def test_no_text_has_no_measure(texts):
    with pytest.raises(EiwrefError, match="no text to measure"):
        measure(None, texts)
