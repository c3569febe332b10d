import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.errors import EiwrefError, PredictorError
from eiwref.evaluate import id_counts
from eiwref.predictors import ngram
from eiwref.predictors.limits import Restarting, UniformAfter
from eiwref.predictors.ngram import FRACTION_BITS, NGram
from eiwref.predictors.static import Unigram, uniform
from eiwref.predictors.store import digest, dump, load_predictor, parse, save_predictor
from tests import oracles, strict_cupy
from tests.predictors_for_tests import Hashed

TEXTS = [b"abracadabra", b"", b"banana bandana", b"\x00\xff\x00\xff"]


def follow(predictor, text):
    """(state, cumulative frequencies) after `text`, the contract checked on the way."""
    state = predictor.start()
    for symbol in text:
        before = list(predictor.cdf(state))
        state, old = predictor.advance(state, symbol), state
        assert list(predictor.cdf(old)) == before, "advance changed the state it was given"
    cumulative = list(predictor.cdf(state))
    assert len(cumulative) == predictor.symbols + 1
    assert cumulative[0] == 0
    assert cumulative[-1] == 1 << predictor.precision
    assert all(a < b for a, b in itertools.pairwise(cumulative))
    return state, cumulative


@pytest.mark.parametrize("order", [0, 1, 3, 6])
@pytest.mark.parametrize("precision", [14, 16, 24])
def test_every_predictor_keeps_the_contract(order, precision):
    fitted = NGram.fit(TEXTS, order, precision=precision)
    for predictor in (
        fitted,
        fitted.over(256),
        fitted.static(),
        Unigram.fit(TEXTS, precision),
        uniform(257, precision),
    ):
        for text in (b"", b"a", b"abra", b"bandana", b"zzz", bytes(range(256))):
            follow(predictor, text)


@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_ngram_is_witten_bell(order):
    """Against the same formula in fractions, counted by scanning the text."""
    predictor = NGram.fit(TEXTS, order)
    documents = [[*text, 256] for text in TEXTS]
    for text in (b"", b"a", b"abr", b"bana", b"zzz", b"ana b"):
        state, _ = follow(predictor, text)
        weights = predictor.weights(state)
        for symbol in [*b"abnrdz\x00", 256]:
            ideal = oracles.witten_bell(documents, order, text, symbol)
            assert abs(weights[symbol] / 2**FRACTION_BITS - ideal) < 1e-8


def test_rare_successors_share_what_was_left_out():
    """Their mass stays, and goes to the symbols that are not listed."""
    text = b"th" * 50 + b"thx" + b"thy" * 2
    whole = NGram.fit([text], 2)
    pruned = NGram.fit([text], 2, min_count=5)
    listed = pruned.tables[2][b"th"]
    assert listed.symbols.tolist() == [ord("t")]
    assert listed.total == whole.tables[2][b"th"].counts.sum()
    weights = pruned.weights(b"th") / 2**FRACTION_BITS
    assert weights[ord("x")] > 10 * weights[ord("q")]
    assert 0.99 < weights.sum() <= 1


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.integers(0, 4))
def test_counts_do_not_depend_on_how_documents_are_batched(documents, order):
    if not any(documents):
        documents.append(b"x")
    together = NGram.fit(documents, order)
    from eiwref.predictors import ngram

    chunk, ngram.CHUNK = ngram.CHUNK, 3
    try:
        assert digest(NGram.fit(documents, order)) == digest(together)
    finally:
        ngram.CHUNK = chunk


def test_small_alphabets():
    predictor = NGram.fit([bytes([0, 1, 2, 0, 1, 2, 0])], order=1, symbols=3)
    _, cumulative = follow(predictor, bytes([0]))
    counts = np.diff(cumulative)
    assert counts.argmax() == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: NGram.fit(TEXTS, 3),
        lambda: NGram.fit(TEXTS, 0, precision=14),
        lambda: NGram.fit([bytes([0, 1, 1])], 2, symbols=4, precision=8),
        lambda: Unigram.fit(TEXTS),
        lambda: uniform(5, precision=24, limit=7),
    ],
)
def test_save_and_load(make, tmp_path):
    predictor = make()
    path = tmp_path / "p.safetensors"
    assert save_predictor(predictor, path) == digest(predictor)
    loaded = load_predictor(path)
    assert digest(loaded) == digest(predictor)
    assert (loaded.symbols, loaded.precision, loaded.limit) == (
        predictor.symbols,
        predictor.precision,
        predictor.limit,
    )
    rng = random.Random(0)
    for _ in range(20):
        text = bytes(rng.choices(range(min(predictor.symbols, 256)), k=rng.randrange(6)))
        assert follow(loaded, text)[1] == follow(predictor, text)[1]


def test_a_restricted_view_can_be_saved():
    view = NGram.fit(TEXTS, 2).over(256)
    loaded, _ = parse(dump(view), "view")
    assert follow(loaded, b"ab")[1] == follow(view, b"ab")[1]


def test_what_is_saved_beside_a_predictor_is_checked_too():
    packed = dump(uniform(257), tokenizer="EqualInfoAC[b=32, v=256]")
    with pytest.raises(PredictorError, match="settings are not as they were written"):
        parse(packed.replace(b"b=32", b"b=72"), "it")


def test_text_outside_the_alphabet_is_refused():
    with pytest.raises(PredictorError, match="symbols below 4"):
        NGram.fit([b"\x00\x04"], 1, symbols=4)
    with pytest.raises(PredictorError, match="at most 257"):
        NGram.fit([b"x"], 1, symbols=300)


def test_whatever_predicts_otherwise_has_another_digest():
    made = [
        NGram.fit(TEXTS, 3),
        NGram.fit(TEXTS, 2),
        NGram.fit(TEXTS[1:], 3),
        NGram.fit(TEXTS, 3, precision=14),
        NGram.fit(TEXTS, 3, limit=99),
        NGram.fit(TEXTS, 3, min_count=2),
        Unigram.fit(TEXTS),
        uniform(257),
    ]
    assert len({digest(predictor) for predictor in made}) == len(made)


def test_a_file_whose_windows_would_take_for_ever_is_refused():
    with pytest.raises(PredictorError, match="do not fit together"):
        parse(dump(Unigram([1, 1000], 24, limit=(1 << 14) + 1)), "f")
    assert parse(dump(Unigram([1, 1000], 24, limit=1 << 14)), "f")[0].limit == 1 << 14


def test_an_ngram_remembers_so_much(monkeypatch):
    monkeypatch.setattr(ngram, "ROOM", 8)
    model = NGram.fit([bytes(range(64)) * 3], order=2)
    other = NGram.fit([bytes(range(64)) * 3], order=2)
    for context in [bytes((i, i + 1)) for i in range(40)] * 2:
        assert model.cdf(context) == other.cdf(context)
        assert max(len(model._cumulative), len(model._weights)) <= 8


def test_a_damaged_file_is_refused(tmp_path):
    """Cut anywhere or one bit flipped anywhere: refused, or (in the header's spaces) the same predictor."""
    predictor = NGram.fit(TEXTS, 2)
    packed = dump(predictor)
    rng = random.Random(3)
    for place in sorted(rng.sample(range(len(packed)), 150)) + list(range(0, 60, 7)):
        for damaged in (
            packed[:place],
            packed[:place] + bytes([packed[place] ^ 1 << rng.randrange(8)]) + packed[place + 1 :],
        ):
            try:
                found, _ = parse(damaged, "it")
            except PredictorError as error:
                assert str(error).startswith("it: ")
                continue
            assert digest(found) == digest(predictor)
    with pytest.raises(EiwrefError, match="cannot be read"):
        load_predictor(tmp_path / "none")


def test_a_forged_file_is_refused():
    """Settings that do not fit the arrays, under a digest made to match."""
    from safetensors.numpy import load, save

    packed = dump(NGram.fit(TEXTS, 1))
    arrays = load(packed)
    header = json.loads(packed[8 : 8 + int.from_bytes(packed[:8], "little")])
    settings = json.loads(header["__metadata__"]["eiwref"])
    for change in (
        {"order": "6"},
        {"order": "x"},
        {"symbols": "100000"},
        {"precision": "99"},
        {"kind": "rnn"},
        {"limit": "0"},
        {"symbols": None},
        {"order": []},
    ):
        forged = save(arrays, metadata={"eiwref": json.dumps(settings | change)})
        with pytest.raises(PredictorError):
            parse(forged, "it")
    for name, values in (
        ("sizes.1", arrays["sizes.1"][:-1]),
        ("symbols.1", arrays["symbols.1"] + 300),
        ("counts.1", arrays["counts.1"] * 0),
        ("contexts.1", arrays["contexts.1"][:0]),
        ("counts.1", arrays["counts.1"].reshape(1, -1)),
        ("totals.1", arrays["totals.1"] * 0 + 1),
        ("totals.0", arrays["totals.0"].astype(np.float64) * np.nan),
        ("counts.0", arrays["counts.0"].astype(np.uint64) + 2**62),
    ):
        forged = save(arrays | {name: values}, metadata={"eiwref": json.dumps(settings)})
        with pytest.raises(PredictorError):
            parse(forged, "it")


def test_no_text_and_impossible_orders_are_refused():
    with pytest.raises(PredictorError, match="no text"):
        NGram.fit([], 3)
    with pytest.raises(PredictorError, match="order is 7"):
        NGram.fit(TEXTS, 7)
    with pytest.raises(PredictorError, match="another alphabet"):
        NGram.fit([b"\x00\x01"], 1, symbols=4).over(256)


def test_restricted_views_share_their_work():
    predictor = NGram.fit(TEXTS, 2)
    assert predictor.over(256) is predictor.over(256)
    assert predictor.over(257) is predictor


def test_the_limit_rules():
    predictor = Hashed(5, 8, limit=3)
    text = bytes([4, 3, 2, 1, 0, 1, 2, 3])
    flat, again = UniformAfter(predictor), Restarting(predictor)
    for n in range(len(text)):
        state = flat.start()
        for symbol in text[:n]:
            state = flat.advance(state, symbol)
        own = follow(predictor, text[:n])[1]
        assert list(flat.cdf(state)) == (own if n < 3 else oracles.uniform(predictor))
        state = again.start()
        for symbol in text[:n]:
            state = again.advance(state, symbol)
        assert list(again.cdf(state)) == follow(predictor, text[n - n % 3 : n])[1]


def test_the_n_gram_is_the_one_its_record_describes():
    from eiwref.files import data_path, read_bytes

    packed = read_bytes(data_path("ngram.safetensors"))
    record = json.loads(read_bytes(data_path("ngram.json")))
    assert len(packed) == record["file_bytes"] <= 1_000_000
    assert digest(eiwref.shipped("ngram")) == record["digest"]


def test_another_array_module_counts_the_same():
    for fit in (lambda xp: Unigram.fit(TEXTS, xp=xp), lambda xp: NGram.fit(TEXTS, 3, min_count=2, xp=xp)):
        assert digest(fit(strict_cupy.xp)) == digest(fit(np))
    ids = [np.array([5, 1, 5]), np.array([0, 5])]
    assert id_counts(ids, 7, strict_cupy.xp).tolist() == id_counts(ids, 7).tolist() == [1, 1, 0, 0, 0, 3, 0]
