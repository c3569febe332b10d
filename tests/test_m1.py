"""A transformer as a predictor: trained a little, saved, loaded, and driving every coder."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest

import eiwref
from eiwref import verify
from eiwref.corpus import builtin
from eiwref.errors import CodeError, ModelError, PredictorError
from eiwref.evaluate import measure_m1
from eiwref.nn.optim import Adafactor, AdamW
from eiwref.nn.train import SHORT, Crops, crops, train
from eiwref.nn.train import _documents as beginnings
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.integer import quantised
from eiwref.predictors.network import Network
from eiwref.predictors.store import digest, dump, parse

CONFIG = Config(symbols=257, d_model=32, heads=2, layers=2, d_mlp=64, context=48)
TEXTS = [np.frombuffer(text, dtype=np.uint8) for text in builtin.documents("train")[:12]]


@pytest.fixture(scope="module")
def m1():
    rng = np.random.default_rng(3)
    network = Transformer(CONFIG)
    batches = crops(TEXTS, CONFIG.context, batch=16, end=256, rng=rng)
    run = train(network, network.init(rng), batches, AdamW(), lambda step: 3e-3, steps=60)
    steps, params = zip(*run, strict=True)
    assert steps[0].loss > 5.5
    assert steps[-1].loss < 3.2
    assert [step.step for step in steps] == list(range(1, 61))
    counts = np.bincount(np.concatenate(TEXTS), minlength=257) + 1
    return Network(network, params[-1], counts)


def test_cached_steps_are_the_whole_at_once(m1):
    text = builtin.documents("held-out")[0][:40]
    whole, _ = m1.network.forward(m1.params, np.array([[257, *text]]))
    state = m1.start()
    for position, symbol in enumerate(text):
        np.testing.assert_allclose(state.many.logits[0], whole[0, position], rtol=1e-3, atol=1e-4)
        state = m1.advance(state, symbol)


def test_in_integers_all_positions_at_once_are_one_by_one(m1):
    texts = [text[:130].tobytes() for text in TEXTS[:3]] + [b"", b"a", b"b" * 47, b"c" * 48, b"d" * 49]
    tokenizer = eiwref.tokenizer("AC[v=256]", quantised(m1, [text.tobytes() for text in TEXTS]))
    at_once = tokenizer.encode_batch(texts)
    assert all(np.array_equal(tokenizer.encode(text), ids) for text, ids in zip(texts, at_once, strict=True))
    assert tokenizer.decode_batch(at_once) == texts
    assert [tokenizer.decode_bytes(ids) for ids in at_once[3:]] == texts[3:]
    for cut in range(0, len(at_once[2]), 9):
        with pytest.raises(CodeError):
            tokenizer.decode_batch([at_once[0], at_once[2][:cut]])
    with pytest.raises(CodeError, match="takes"):
        tokenizer.decode_batch([np.append(at_once[2], 0)])


def test_states_stay_valid(m1):
    """A tree is grown breadth first: one state is advanced by many symbols, in any order."""
    start = m1.start()
    before = list(m1.cdf(start))
    children = {symbol: list(m1.cdf(m1.advance(start, symbol))) for symbol in (97, 98, 99)}
    deep = start
    for symbol in b"abcdef":
        deep = m1.advance(deep, symbol)
    assert list(m1.cdf(start)) == before
    for symbol in (99, 97, 98):
        assert list(m1.cdf(m1.advance(start, symbol))) == children[symbol]


@pytest.mark.parametrize(
    "spec", ["AC[v=256]", "StaticAC[v=65k]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=128, v=256]"]
)
def test_round_trips_past_the_context(m1, spec):
    text = builtin.documents("held-out")[0][:300]
    row = verify.round_trip(eiwref.tokenizer(spec, m1), text)
    assert row.lossless
    assert row.failed_windows == 0


def test_a_trained_m1_compresses_better_than_its_unigram(m1):
    text = builtin.documents("held-out")[1][:600]
    ac, static = (verify.round_trip(eiwref.tokenizer(spec, m1), text) for spec in ("AC[v=256]", "StaticAC[v=256]"))
    assert ac.tokens < static.tokens


def test_save_and_load(m1):
    loaded, _ = parse(dump(m1), "m1")
    assert digest(loaded) == digest(m1)
    assert list(loaded.cdf(loaded.advance(loaded.start(), 65))) == list(m1.cdf(m1.advance(m1.start(), 65)))


@pytest.mark.parametrize("context", [1, 2, 3, 8])
def test_an_m1_that_sees_little_is_measured(context):
    config = Config(symbols=257, d_model=8, heads=1, layers=1, d_mlp=8, context=context)
    m1 = Network(Transformer(config), Transformer(config).init(np.random.default_rng(0)), np.ones(257, dtype=int))
    found = measure_m1(m1, [b"some text"])
    symbols, stride, bits = np.array([*b"some text", 256]), context - context // 2, 0.0
    for place, symbol in enumerate(symbols):  # from the piece that shows it first
        begin = max(0, -(-(place + 1 - context) // stride) * stride)
        cumulative = m1.at_once(symbols[None, begin : place + 1])[0, -1]
        bits += 16 - np.log2(cumulative[symbol + 1] - cumulative[symbol])
    assert found["bits_per_byte_sliding"] == pytest.approx(bits / 9)
    after = found["bits_per_symbol_after"]
    assert list(map(int, after)) == [at for at in range(9) if (at < context and at != 7) or at == context - 1]


def test_weights_of_another_shape_are_refused(m1):
    def changed(config=None, **arrays):
        params = {name: values for name, values in (m1.params | arrays).items() if values is not None}
        other = Network(Transformer(config or CONFIG), params, m1.counts)
        with pytest.raises(PredictorError) as error:
            parse(dump(other), "m1")
        return str(error.value)

    gain = m1.params["norm.gain"]
    assert "norm.gain is float32 of shape (33,), expected floats of shape (32,)" in changed(
        **{"norm.gain": np.ones(33, np.float32)}
    )
    assert "norm.gain is missing" in changed(**{"norm.gain": None})
    assert "extra is of another network" in changed(extra=gain)
    assert "not finite" in changed(**{"norm.gain": gain * np.float32("nan")})
    assert "blocks.2" in changed(Config(**{**asdict(CONFIG), "layers": 3}))
    packed = dump(m1)
    with pytest.raises(PredictorError, match="damaged"):
        parse(packed[:-100], "m1")
    with pytest.raises(PredictorError, match="its digest is"):
        parse(packed[:-100] + b"\x01" * 100, "m1")


def test_an_m1_over_another_alphabet_is_refused():
    with pytest.raises(PredictorError, match="an M1 predicts 257 symbols"):
        Network(Transformer(Config(5, 8, 2, 1, 8, 8)), {}, [])


def test_crops_begin_with_the_start_and_know_where_documents_end():
    rng = np.random.default_rng(0)
    documents = [np.array([1, 2, 3]), np.array([4, 5])]
    ids, targets = next(crops(documents, context=7, batch=3, end=9, rng=rng))
    assert targets.tolist() == [[1, 2, 3, 9, 4, 5, 9]] * 3
    assert ids.tolist() == [[10, 1, 2, 3, 9, 4, 5]] * 3
    with pytest.raises(ModelError, match="7 symbols long, shorter than one piece of 8"):
        next(crops(documents, context=8, batch=1, end=9, rng=rng))


@pytest.mark.parametrize("unit", [2, 3, 7])
def test_crops_begin_where_a_code_begins(unit):
    """A multiple of the unit after a document's beginning; a unit as long as documents: there alone."""
    rng = np.random.default_rng(unit)
    documents = [np.arange(10 * i, 10 * i + length) for i, length in enumerate((6, 0, 3, 6, 6, 5))]
    begins = np.cumsum([0, *(len(document) + 1 for document in documents)])
    batches = crops(documents, context=4, batch=50, end=99, rng=rng, unit=unit)
    seen = set(np.concatenate([next(batches) and batches.begins for _ in range(20)]).tolist())
    last = begins[-1] - 4
    allowed = [range(at, after, unit) for at, after in pairwise(begins)]
    assert seen == {place for places in allowed for place in places if place <= last}


def test_where_documents_begin_is_looked_for_in_parts(monkeypatch):
    stream = np.array([1, 9, 9, 2, 3, 9, 4, 9])
    for at_once in (1, 3, 100):
        monkeypatch.setattr("eiwref.nn.train.LOOKED_AT_ONCE", at_once)
        assert beginnings(stream, 9).tolist() == [0, 2, 3, 6, 8]


def test_by_lot_a_batch_is_of_short_pieces_that_begin_where_they_are_told_to():
    stream, starts = np.arange(300), np.array([3, 50, 284, 285])  # after the last, 15 symbols
    batches = Crops(stream, 64, 2, 400, np.random.default_rng(0), starts)
    shapes = []
    for _ in range(200):
        ids, targets = next(batches)
        shapes.append(ids.shape)
        assert (ids[:, 0] == 401).all()
        assert (ids[:, 1:] == targets[:, :-1]).all()
        assert (targets == batches.begins[:, None] + np.arange(ids.shape[1])).all()
        if ids.shape == (8, SHORT):
            assert set(batches.begins) <= {3, 50, 284}
    assert set(shapes) == {(2, 64), (8, SHORT)}
    assert 70 < shapes.count((2, 64)) < 130
    with pytest.raises(ModelError, match="pieces of 24 symbols are not cut evenly into short ones of 16"):
        Crops(stream, 24, 2, 400, np.random.default_rng(0), starts)
    with pytest.raises(ModelError, match="none of the starts has 16 symbols after it"):
        Crops(stream, 64, 2, 400, np.random.default_rng(0), starts[3:])


@pytest.mark.parametrize("optimizer", [AdamW(), Adafactor(factored_from=16)])
def test_training_again_gives_the_same_bits(optimizer):
    def run():
        rng = np.random.default_rng(1)
        network = Transformer(CONFIG)
        batches = crops(TEXTS, CONFIG.context, batch=4, end=256, rng=rng)
        *_, (step, params) = train(network, network.init(rng), batches, optimizer, lambda step: 1e-2, steps=5)
        return step, params

    (one, first), (other, second) = run(), run()
    assert one == other
    assert all((first[name] == second[name]).all() for name in first)


def test_a_loss_that_is_not_finite_stops_with_step_and_layer():
    rng = np.random.default_rng(1)
    network = Transformer(CONFIG)
    params = network.init(rng)
    batches = crops(TEXTS, CONFIG.context, batch=2, end=256, rng=rng)
    broken = params | {"blocks.1.mlp.up": np.full_like(params["blocks.1.mlp.up"], 3e38)}
    with (
        np.errstate(all="ignore"),
        pytest.raises(ModelError, match=r"not finite at step 1, first in blocks.1[;.]"),
    ):
        list(train(network, broken, batches, AdamW(), lambda step: 1e-3, steps=3))
    with np.errstate(all="ignore"), pytest.raises(ModelError, match="not finite at step"):
        list(train(network, params, batches, AdamW(), lambda step: 1e38, steps=9))


def test_shapes_are_those_of_fresh_parameters():
    for config in (CONFIG, Config(**{**asdict(CONFIG), "tied": True})):
        network = Transformer(config)
        fresh = network.init(np.random.default_rng(0))
        assert network.shapes() == {name: values.shape for name, values in fresh.items()}
        network.check_params(fresh)
        counted = sum(
            v.size for n, v in fresh.items() if n.startswith("blocks") and "bias" not in n and "gain" not in n
        )
        assert config.parameters == counted
