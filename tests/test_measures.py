"""bits/byte, round trips counted, and the experiment that puts them together."""

import random
from collections import Counter

import numpy as np
import pytest
from mpmath import mp

import eiwref
from eiwref import demo, verify
from eiwref.corpus import builtin
from eiwref.errors import EiwrefError
from eiwref.evaluate import flops_per_byte, id_counts, model_bits, uniform_bits, unigram_bits
from eiwref.experiments import compression
from eiwref.experiments.result import Result
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


@pytest.fixture(scope="module")
def result():
    """The demo's experiment on two short topics a split."""
    texts = {split: builtin.documents(split)[:2] for split in builtin.SPLITS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "documents", lambda split: [text[:1500] for text in texts[split]])
        # In this process, so that the short texts are seen.
        patch.setattr(compression, "Pool", _SameProcess)
        return compression.run(0, eiwref.default_predictor(), "numpy", "a test")


class _SameProcess:
    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    imap_unordered = staticmethod(map)


def test_the_experiment_measures_every_tokenizer(result):
    rows = {row["tokenizer"]: row for row in result.rows}
    assert list(rows) == compression.all_specs()
    for spec, row in rows.items():
        ids = [eiwref.tokenizer(spec).encode(text[:1500]) for text in builtin.documents("held-out")[:2]]
        assert row["tokens"] == sum(map(len, ids))
        assert row["lossless"] == (row["failed_windows"] == 0)
        assert row["lossless"] or "greedy" in spec
        token_bits = 16 if "65k" in spec else 8
        assert row["uniform"] == pytest.approx(row["tokens"] * token_bits / row["bytes"])
    # The unigram model is of the training text, and raised by one: counted here by hand.
    train, held_out = (b"".join(text[:1500] for text in builtin.documents(split)[:2]) for split in builtin.SPLITS)
    counts = Counter(train)
    bits = -sum(np.log2((counts[byte] + 1) / (len(train) + 256)) for byte in held_out)
    assert rows["Bytes"]["unigram"] == pytest.approx(bits / len(held_out))
    assert rows["Bytes"]["unigram"] < rows["Bytes"]["uniform"]


def test_results_pages_and_pictures_are_made_from_the_saved_file(result, tmp_path):
    windows = demo.windows_of(demo.sentence(0), eiwref.default_predictor())
    paths = demo.write(result, windows, tmp_path)
    loaded = Result.load(paths[0])
    assert loaded == result
    page = paths[1].read_text()
    assert page == compression.markdown(loaded)
    assert all(f"`{row['tokenizer']}`" in page for row in result.rows)
    assert "| 1.00 | 1.00 | 8.000 | 8.000 |" in page
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    (tmp_path / "not.json").write_text("[]")
    with pytest.raises(EiwrefError, match="not a saved result"):
        Result.load(tmp_path / "not.json")


def test_the_papers_values_stand_beside_ours():
    assert compression.paper_value("AC[v=256]") == {"bytes_per_token": 5.49, "uniform": 1.457, "unigram": 1.457}
    assert compression.paper_value("EqualInfoAC[b=16, v=65k]")["bytes_per_token"] == 5.31
    assert compression.paper_value("EqualInfoAC[b=16, v=65k, windows=delay]")["bytes_per_token"] == 4.40
    assert compression.paper_value("EqualInfoAC[b=24, v=256]") == {}


def test_the_seed_draws_the_sentence():
    assert demo.sentence(0) == demo.sentence(0)
    assert len({demo.sentence(seed) for seed in range(20)}) > 5


def test_the_committed_result_is_of_this_code_and_page():
    """The README's figures come from this file: the page beside it is drawn from it, letter for letter."""
    from eiwref.files import data_path

    saved = Result.load(data_path("results/compression.json"))
    assert data_path("results/compression.md").read_text() == compression.markdown(saved)
    from eiwref.predictors.store import digest

    assert saved.settings["predictor"] == digest(eiwref.default_predictor())
    texts = builtin.documents("held-out")
    if compression._describe("held-out") == saved.settings["builtin:held-out"]:  # the same version of Python
        spec = "EqualInfoAC[b=64, v=256]"
        (row,) = (row for row in saved.rows if row["tokenizer"] == spec)
        assert row["tokens"] == sum(len(eiwref.tokenizer(spec).encode(text)) for text in texts)


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


def test_bits_of_a_model_are_those_of_its_logits_one_document_at_a_time():
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
    for batch in (1, 3, 16):
        assert model_bits(network, params, documents, batch) == pytest.approx(expected, rel=1e-12)


def test_flops_are_the_papers():
    """Table 15's 25m rows for Bytes and EqualInfoAC[b=16, v=256], from the sizes it states."""

    class Stated:
        def __init__(self, millions, d_model=512, symbols=256):
            self.parameters, self.d_model, self.symbols = millions * 1e6, d_model, symbols

    assert flops_per_byte(Stated(25), 1.0) == pytest.approx(50.0e6)
    assert flops_per_byte(Stated(25), 2.66, m1=Stated(3)) == pytest.approx(24.80e6, rel=0.01)
    counted = flops_per_byte(Stated(25, symbols=65536), 5.31, softmax=True) - flops_per_byte(Stated(25), 5.31)
    assert counted == pytest.approx(2 * 512 * 65536 / 5.31)
