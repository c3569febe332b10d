"""The network in integers: held against fractions, taken by every way, at its bounds, and as an M1."""

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from math import sqrt

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref import tensors, verify
from eiwref.corpus import builtin
from eiwref.errors import EiwrefError, ModelError, PredictorError
from eiwref.files import data_path
from eiwref.nn import integer
from eiwref.nn.integer import IntegerTransformer, powers, shapes
from eiwref.nn.quantise import quantise
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.integer import IntegerNetwork, bits_per_symbol, quantised
from eiwref.predictors.limits import Restarting
from eiwref.predictors.store import digest, dump, load_predictor, parse
from eiwref.tokenizers.container import pack, unpack
from eiwref.windows import lockstep
from eiwref.windows.codebook import Codebook
from eiwref.windows.stop_cell import StopCell
from tests import strict_cupy
from tests.oracles import (
    attention_shares,
    integer_levels,
    integer_norm,
    nearest,
    nearest_root,
    shares_of_octaves,
)
from tests.test_cli import here, refused, run  # noqa: F401

TEXT = builtin.documents("held-out")[0][:300]


@pytest.fixture(scope="module")
def m1():
    return load_predictor(data_path("m1-tiny.safetensors"))


@pytest.fixture(scope="module")
def floats():
    return load_predictor(data_path("m1-tiny-float.safetensors"))


SIZES = {  # of scales, so that a small network's numbers take up their range and few are cut off
    **dict.fromkeys(("norm_attention", "norm_mlp"), 80),
    **dict.fromkeys(("project_scale", "up_scale"), 6e-3),
    **dict.fromkeys(("mix_scale", "down_scale"), 0.04),
    "score": 0.1,
    "attended": 2.0**-16,
    "norm": 20_000,
    "output_scale": 1,
}


def drawn(config, seed, loud=1.0):
    """Arrays of such a network by chance; the louder, the more is cut off."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, (shape, kind) in shapes(config).items():
        if kind == "int8":
            arrays[name] = rng.integers(-127, 128, shape, dtype=np.int8)
        elif kind == "int32":
            arrays[name] = (rng.standard_normal(shape) * 1000 * loud).clip(-(2**20), 2**20).astype(np.int32)
        else:
            arrays[name] = (
                (rng.uniform(0.5, 1, shape) * SIZES[name.split(".")[-1]] * loud).clip(0, 999_999).astype(kind)
            )
    return arrays


@st.composite
def networks(draw):
    """(config, arrays) of small networks, quiet ones and such as run into every bound."""
    heads = draw(st.integers(1, 3))
    config = Config(
        symbols=draw(st.integers(1, 6)),
        d_model=heads * draw(st.integers(1, 3)),
        heads=heads,
        layers=draw(st.integers(1, 2)),
        d_mlp=draw(st.integers(1, 7)),
        context=draw(st.integers(1, 6)),
    )
    loud = draw(st.sampled_from([0, 1e-3, 0.1, 1, 1, 1, 2, 10, 1e6]))
    arrays = drawn(config, draw(st.integers(0, 2**32)), loud)
    if draw(st.booleans()):
        arrays["blocks.0.score"] = np.full(heads, 9e5, dtype=np.float32)  # attention to one position, or few
    return config, arrays


def ids_for(config, seed, batch=1, length=None):
    return np.random.default_rng(seed).integers(0, config.symbols + 1, (batch, length or config.context))


@given(st.integers(-(2**24), 2**24), st.integers(1, 2**24))
def test_the_oracle_rounds_as_floats_do(numerator, denominator):
    x = Fraction(numerator, denominator)
    assert nearest(x, 24) == Fraction(float(np.float32(numerator) / np.float32(denominator)))
    assert nearest(x, 53) == Fraction(numerator / denominator)
    assert nearest_root(Fraction(abs(numerator / denominator)), 53) == Fraction(sqrt(abs(numerator / denominator)))


@settings(max_examples=40)
@given(networks(), st.integers(0, 99))
def test_levels_are_those_of_whole_numbers_and_fractions(network, seed):
    config, arrays = network
    ids = ids_for(config, seed)
    levels, _ = IntegerTransformer(config, arrays).step(ids)
    assert levels[0].tolist() == integer_levels(config, arrays, ids[0].tolist())


def test_the_norm_rounds_where_it_says():
    """In steps so fine that one rounding more or less moves a few of these numbers."""
    config = Config(symbols=2, d_model=6, heads=1, layers=1, d_mlp=1, context=1)
    network, rng = IntegerTransformer(config, drawn(config, 0)), np.random.default_rng(8)
    x = np.rint(rng.standard_normal((800, 6)) * 2.0 ** rng.integers(0, 18, (800, 1))).astype(np.float32)
    scale = rng.uniform(5_000, 20_000, 6).astype(np.float32)
    found = network._norm(x, scale, integer.FINE)
    assert found.tolist() == [
        integer_norm([int(v) for v in row], scale.tolist(), integer.FINE) for row in x.tolist()
    ]


def test_the_norm_sums_squares_exactly():
    config = Config(symbols=2, d_model=64, heads=1, layers=1, d_mlp=1, context=1)
    network, rng = IntegerTransformer(config, drawn(config, 0)), np.random.default_rng(8)
    x = rng.integers(-(2**20), 2**20 + 1, (20_000, 64))
    mean = (x * x).sum(axis=1, keepdims=True) / 64 + 1e-6 * 2**20
    normed = x.astype(np.float32) * (1 / np.sqrt(mean)).astype(np.float32)
    found = network._norm(x.astype(np.float32), np.float32(16_000), integer.FINE)
    np.testing.assert_array_equal(found, np.rint(normed * np.float32(16_000)).clip(-32767, 32767))


def test_weights_are_powers_of_two_by_the_table():
    levels = np.array([[5, 5 - 256, 5 - 1, 5 - 7679, 5 - 7680, -(2**60)]])
    config = Config(symbols=6, d_model=1, heads=1, layers=1, d_mlp=1, context=1)
    weights = IntegerTransformer(config, drawn(config, 0)).weights(levels)
    assert weights.tolist() == [[1 << 30, 1 << 29, round(2 ** (30 - 1 / 256)), 1, 0, 0]]


@given(networks(), st.integers(0, 99), st.integers(1, 5), st.data())
def test_every_way_gives_the_same(network, seed, batch, data):
    """At once; in stretches of any length; in any company and order; on the stand-in for CuPy."""
    config, arrays = network
    network = IntegerTransformer(config, arrays)
    ids = ids_for(config, seed, batch)
    whole, _ = network.step(ids)
    past, found = None, []
    order = np.arange(batch)
    at = 0
    while at < config.context:
        length = data.draw(st.integers(1, config.context - at))
        levels, past = network.step(ids[order, at : at + length], past)
        np.testing.assert_array_equal(levels, whole[order, at : at + length])
        at += length
        which = np.array(data.draw(st.lists(st.integers(0, len(order) - 1), min_size=1, max_size=6)))
        past, order = [each.select(np, which) for each in past], order[which]
        found.append(levels)
    xp = strict_cupy.xp
    theirs, _ = IntegerTransformer(config, arrays, xp).step(xp.asarray(ids))
    np.testing.assert_array_equal(theirs.get(), whole)


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("scores", [1, 100, 1 << 30])
@pytest.mark.parametrize("queries", [1, 2, 1000])
def test_pieces_change_nothing(monkeypatch, rows, scores, queries):
    """All at once, and behind a past."""
    config = Config(symbols=5, d_model=6, heads=2, layers=2, d_mlp=8, context=9)
    network, ids = IntegerTransformer(config, drawn(config, 1)), ids_for(config, 2, batch=4)
    expected, _ = network.step(ids)
    monkeypatch.setattr(integer, "ROWS", rows)
    monkeypatch.setattr(integer, "SCORES", scores)
    monkeypatch.setattr(integer, "QUERIES", queries)
    np.testing.assert_array_equal(network.step(ids)[0], expected)
    _, past = network.step(ids[:, :2])
    np.testing.assert_array_equal(network.step(ids[:, 2:], past)[0], expected[:, 2:])


def test_a_past_stays_valid_when_its_text_goes_on_by_several_ways():
    config = Config(symbols=5, d_model=6, heads=2, layers=2, d_mlp=8, context=9)
    network = IntegerTransformer(config, drawn(config, 1))
    ids = ids_for(config, 3, batch=3)
    ids[:, :4] = ids[0, :4]
    _, past = network.step(ids[:1, :4])
    for text in ids:
        np.testing.assert_array_equal(network.step(text[None, 4:], past)[0], network.step(text[None])[0][:, 4:])


def test_powers_are_the_nearest_integers():
    with mpmath.workdps(60):
        expected = [int(mpmath.nint(2 ** (30 - mpmath.mpf(i) / 256))) for i in range(7680)]
    assert powers().tolist() == [*expected, 0]
    assert (
        hashlib.sha256(powers().astype("<i8").tobytes()).hexdigest()
        == "0b5e9dc5871cba5fa852951fe465d27bef5276db09056e1a557b08bdae60ac30"
    )


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (-1, -1)])
def test_the_largest_sums_are_exact_and_one_term_more_is_not(signs):
    x = np.full((3, integer.TERMS), signs[0] * 127)
    w = np.full((integer.TERMS, 5), signs[1] * 127)
    w[::2, 1], w[0, 2], w[:520, 3] = 127, 126, -127
    np.testing.assert_array_equal(x.astype(np.float32) @ w.astype(np.float32), x @ w)
    more = np.full(integer.TERMS + 1, 127)
    assert int(more.astype(np.float32) @ more.astype(np.float32)) != int(more @ more)
    fine = np.full((1, integer.TERMS), integer.FINE)
    assert int((fine.astype(np.float64) @ w.astype(np.float64))[0, 0]) == int((fine @ w)[0, 0])
    stream = np.full(integer.TERMS, float(integer.LARGEST))
    assert int((stream * stream).sum()) == integer.TERMS * integer.LARGEST**2 < 2**53


@settings(max_examples=25)
@given(st.integers(1, 1500), st.integers(0, 2**32), st.sampled_from([0, 1, 100, 2000, 1e6]))
def test_shares_of_attention_never_sum_to_more_than_they_may(positions, seed, spread):
    config = Config(symbols=2, d_model=1, heads=1, layers=1, d_mlp=1, context=1)
    network = IntegerTransformer(config, drawn(config, 0))
    scores = (np.random.default_rng(seed).standard_normal((1, 1, 4, positions)) * spread).astype(np.float32)
    scores = np.rint(scores)
    levels = [int(level) for level in scores[0, 0, 0].tolist()]
    shares = network._shares_of(scores, np.zeros((1, 4, positions), dtype=np.float32))
    assert shares[0, 0, 0].tolist() == attention_shares(levels)
    sums = shares.astype(np.int64).sum(axis=-1)
    assert (sums <= 1 << 16).all()
    assert (sums > (1 << 16) - positions - 1).all()


def test_long_sums_of_shares_are_exact():
    """Beyond 2^24 not every sum is a float32, and a ratio off by its last digit moves a few shares."""
    config = Config(symbols=2, d_model=1, heads=1, layers=1, d_mlp=1, context=1)
    network = IntegerTransformer(config, drawn(config, 0))
    levels = np.random.default_rng(9).integers(-40, 1, (1, 1, 4000, 320))
    table = np.array(shares_of_octaves())
    shares = table[levels.max(axis=-1, keepdims=True) - levels]
    ratio = (65536 / shares.sum(axis=-1, keepdims=True)).astype(np.float32)
    found = network._shares_of(levels.astype(np.float32), np.float32(np.zeros((1, 4000, 320))))
    np.testing.assert_array_equal(found, np.floor(shares.astype(np.float32) * ratio))


def test_numbers_at_every_bound_are_still_those_of_the_oracle():
    config = Config(symbols=4, d_model=6, heads=2, layers=2, d_mlp=5, context=4)
    largest = {
        "int8": 127,
        "int32": integer.LARGEST,
        "float32": np.nextafter(np.float32(1e6), 0),
        "float64": 999_999,
    }
    arrays = drawn(config, 5)
    for name, values in arrays.items():
        sign = 1 if values.dtype.kind == "f" else np.where(values < 0, -1, 1)
        arrays[name] = np.full(values.shape, largest[values.dtype.name] * sign).astype(values.dtype)
    ids = ids_for(config, 6)
    levels, _ = IntegerTransformer(config, arrays).step(ids)
    assert levels[0].tolist() == integer_levels(config, arrays, ids[0].tolist())


def refusal(config, **changes):
    arrays = drawn(config, 1) | {name.replace("_OF_", ".0."): values for name, values in changes.items()}
    with pytest.raises(ModelError) as error:
        IntegerTransformer(config, {name: values for name, values in arrays.items() if values is not None})
    return str(error.value)


def test_arrays_that_would_not_be_exact_are_refused():
    config = Config(symbols=5, d_model=4, heads=2, layers=1, d_mlp=8, context=3)
    scale = np.ones(4, dtype=np.float32)
    assert "norm is missing" in refusal(config, norm=None)
    assert "extra is of another network" in refusal(config, extra=scale)
    assert "norm is float64 of (4,), expected float32 of (4,)" in refusal(config, norm=scale.astype(np.float64))
    assert "norm is float32 of (5,)" in refusal(config, norm=np.ones(5, dtype=np.float32))
    for wrong in (np.nan, np.inf, -1.0, 1e6):
        for name in ("norm", "blocks_OF_up_scale", "blocks_OF_score", "output_scale"):
            old = drawn(config, 1)[name.replace("_OF_", ".0.")]
            changed = old.copy()
            changed[-1] = wrong
            assert "holds scales that are not from 0 to 1000000" in refusal(config, **{name: changed}), (
                name,
                wrong,
            )
    assert "holds -128, expected weights from -127 to 127" in refusal(
        config, output=np.full((4, 5), -128, dtype=np.int8)
    )
    for size in (-(2**20) - 1, 2**20 + 1, -(2**31)):
        wrong = np.full((6, 4), size, dtype=np.int32)
        assert "embedding holds numbers beyond 1048576 in size" in refusal(config, embedding=wrong)
    for wide in (replace(config, d_mlp=1041), replace(config, d_model=1042)):
        with pytest.raises(ModelError, match=r"sums over 104[12] terms of 8 bits would not stay exact"):
            shapes(wide)
    shapes(replace(config, d_mlp=1040, d_model=1040))
    shapes(replace(config, symbols=2047))  # 2 x 2048^2 is 2^23
    with pytest.raises(ModelError, match="2 heads have 8,396,802 scores of pairs of ids, expected 8,388,608 at"):
        shapes(replace(config, symbols=2048))


def test_no_part_of_the_work_is_large():
    """Of the first layer's sums by symbol too, which are more than scores where few keys are seen."""
    for texts, t, s, least in ((1024, 1, 1, 258), (1024, 1, 200, 258), (3, 256, 256, 258), (1024, 1, 200, 0)):
        covered = np.zeros((texts, t), dtype=int)
        for some, queries, upto in integer._parts(texts, 4, t, s, least):
            covered[some, queries] += 1
            assert upto == s - t + queries.stop
            one = 4 * (queries.stop - queries.start) * max(upto, least)
            assert (some.stop - some.start) * one <= max(integer.SCORES, one)
        assert (covered == 1).all()


def test_ids_and_positions_are_checked(m1):
    for ids, sentence in ((np.full((1, 1), 258), "id 258"), (np.zeros((1, 129), dtype=int), "129 positions")):
        with pytest.raises(ModelError, match=sentence):
            m1.network.step(ids)
    narrow = np.frombuffer(TEXT[:128], dtype=np.uint8)[None]  # whose products with 258 are no numbers of 8 bits
    np.testing.assert_array_equal(m1.network.step(narrow)[0], m1.network.step(narrow.astype(int))[0])
    first, past = m1.network.step(narrow[:, 0])
    second, _ = m1.network.step(narrow[:, 1], past)
    np.testing.assert_array_equal(np.stack([first, second], axis=1), m1.network.step(narrow[:, :2])[0])
    _, past = m1.network.step(np.zeros((1, 128), dtype=int))
    with pytest.raises(ModelError, match="129 positions"):
        m1.network.step(np.zeros((1, 1), dtype=int), past)


@pytest.mark.parametrize("tied", [False, True])
def test_integers_stay_near_the_floats_they_are_made_of(tied):
    config = Config(symbols=9, d_model=32, heads=4, layers=2, d_mlp=64, context=40, tied=tied)
    network = Transformer(config)
    params = network.init(np.random.default_rng(4))
    params |= {name: v * np.float32(1.3) for name, v in params.items() if "gain" in name}
    ids = ids_for(config, 7, batch=8)
    expected, _ = network.forward(params, ids)
    levels, _ = IntegerTransformer(config, quantise(network, params, ids)).step(ids)
    off = levels / (integer.OCTAVE / np.log(2)) - expected
    assert float(np.sqrt((off**2).mean())) < 0.05 * float(expected.std())


def test_quantising_costs_less_than_one_part_in_a_hundred(m1, floats):
    texts = builtin.documents("held-out")[:8]
    ratio = bits_per_symbol(m1, texts) / bits_per_symbol(floats, texts)
    assert 0.99 < ratio < 1.01


def test_the_tiny_m1_is_made_by_the_commands_of_its_record(m1, floats, here, capsys):  # noqa: F811
    record = json.loads(data_path("m1-tiny.json").read_text())
    assert {name: digest(load_predictor(data_path(name))) for name in record["files"]} == {
        name: file["digest"] for name, file in record["files"].items()
    }
    code, out, _ = run(
        capsys, "quantise", str(data_path("m1-tiny-float.safetensors")), "builtin:train", "-o", "m1", "--json"
    )
    found = json.loads(out)
    assert code == 0
    assert found["quantised"] == digest(floats)
    assert digest(load_predictor("m1")) == found["digest"]
    if found["texts"] == record["texts"]:  # the built-in text grows with Python
        # Floats are at work in quantising, and end in other digits on another processor: a step apart at most.
        again = load_predictor("m1").network.arrays
        for name, values in m1.network.arrays.items():
            if values.dtype.kind == "i":
                assert np.abs(again[name].astype(np.int64) - values).max() <= 1
            else:
                np.testing.assert_allclose(again[name], values, rtol=1e-5)


def test_quantise_refuses_in_a_sentence(capsys, here, m1):  # noqa: F811
    floats = str(data_path("m1-tiny-float.safetensors"))
    for name in ("m1-tiny.safetensors", "ngram.safetensors"):
        assert "is no M1 in floats" in refused(capsys, "quantise", str(data_path(name)), "text", "-o", "m1")
    (here / "short").write_bytes(b"too short")
    assert "shorter than one piece of 128" in refused(capsys, "quantise", floats, "short", "-o", "m1")
    (here / "cut").write_bytes(data_path("m1-tiny-float.safetensors").read_bytes()[:-9])
    assert "damaged" in refused(capsys, "quantise", "cut", "text", "-o", "m1")
    assert not (here / "m1").exists()


def test_save_and_load_keep_every_number(m1):
    loaded, _ = parse(dump(m1), "m1")
    assert digest(loaded) == digest(m1)
    text = np.frombuffer(TEXT[:128], dtype=np.uint8)[None]
    np.testing.assert_array_equal(loaded.at_once(text), m1.at_once(text))
    fortran = {"a": np.arange(6.0).reshape(2, 3).T}
    settings, arrays = tensors.parse(
        tensors.dump({"format": "eiwref.x.1"}, fortran), "x", "eiwref.x.1", EiwrefError
    )
    np.testing.assert_array_equal(arrays["a"], fortran["a"])
    assert settings["digest"] == tensors.digest({"format": "eiwref.x.1"}, arrays)


def test_a_file_that_was_tampered_with_is_refused(m1):
    packed = dump(m1)
    for wrong in (packed[:-1], packed[:1000], packed[:-5000] + bytes(5000), b""):
        with pytest.raises(PredictorError, match="damaged"):
            parse(wrong, "m1")
    for name, values in (("norm", m1.network.arrays["norm"] * -1), ("output_scale", np.ones(3))):

        class Wrong(IntegerNetwork):
            def tensors(self, name=name, values=values):
                settings, arrays = super().tensors()
                return settings, arrays | {name: values}

        with pytest.raises(PredictorError, match=f"m1: is damaged, array {name} "):
            parse(dump(Wrong(m1.network, m1.counts)), "m1")
    longer = IntegerNetwork(m1.network, m1.counts)
    longer.limit = 1024
    for other in (longer, IntegerNetwork(m1.network, m1.counts[:9])):
        with pytest.raises(PredictorError, match="do not fit together"):
            parse(dump(other), "m1")


def test_bytes_can_be_coded_even_where_the_end_is_all_but_sure(floats):
    """Windows have no end symbol; what is left weighs nothing beside it."""
    params = floats.params | {"output.weight": floats.params["output.weight"].copy()}
    params["output.weight"][:, 256] = 100 * np.sign(
        floats.network.activations(params, np.array([[257]]))[-1]["norm"]
    )
    m1 = quantised(type(floats)(floats.network, params, floats.counts), [TEXT])
    cumulative = m1.start_many(1)
    assert int(np.diff(m1.cdf_many(cumulative)[0])[256]) > 65_000
    for each in (m1, type(floats)(floats.network, params, floats.counts)):
        over = each.over(256)
        counts = np.diff(over.cdf_many(over.start_many(1))[0])
        assert counts.sum() == 1 << 16
        assert counts.max() > 300


@pytest.mark.parametrize(
    "spec", ["AC[v=256]", "StaticAC[v=65k]", "EqualInfoAC[b=24, v=256]", "EqualInfoAC[b=64, v=65k, reset=2]"]
)
def test_round_trips_past_the_context(m1, spec):
    for text in (TEXT[:140], b"", bytes(140), b"\xff\x00" * 9):
        row = verify.round_trip(eiwref.tokenizer(spec, m1), text)
        assert row.lossless
        assert row.failed_windows == 0


def test_a_stream_restarts_after_the_context_and_a_window_goes_uniform(m1):
    text = np.frombuffer(TEXT, dtype=np.uint8).astype(np.int64)
    first, second, third, *_ = Restarting(m1).slices([text, text[128:256], text[256:]])
    np.testing.assert_array_equal(first[128:256], second)
    np.testing.assert_array_equal(first[256:], third)
    starts = np.diff(m1.cdf_many(m1.start_many(1))[0])
    assert first[128].tolist() == [starts[: text[128]].sum(), starts[: text[128] + 1].sum()]
    scheme = StopCell(m1.over(256), 128)
    state = scheme.predictor.start()
    for symbol in TEXT[:128]:
        state = scheme.predictor.advance(state, symbol)
    assert set(np.diff(scheme.predictor.cdf(state))) == {256}


def test_every_user_of_states_sees_the_same_m1(m1):
    """One by one, in lockstep, by codebook: the same windows; streams at once, the same slices."""
    texts = [TEXT[:90], b"", TEXT[90:160], b"a", TEXT[:90]]
    scheme = StopCell(m1.over(256), 32)
    windows = [list(scheme.segment(text)) for text in texts]
    assert lockstep.segment(scheme, texts) == windows
    assert b"".join(each.text for each in lockstep.texts(scheme, [each.code for each in windows[0]])) == texts[0]
    small = StopCell(m1.over(256), 10)
    book = Codebook.grow(small)
    assert book.predictor == digest(m1.over(256))
    whole = np.arange(1 << 10)
    assert lockstep.texts(small, whole.tolist()) == [small.decode(code) for code in whole.tolist()]
    assert book.texts == [each.text for each in lockstep.texts(small, whole.tolist())]
    rows = m1.at_once(np.frombuffer(TEXT[:128], dtype=np.uint8)[None])[0]
    slices = Restarting(m1).slices([np.frombuffer(TEXT[:128], dtype=np.uint8)])[0]
    np.testing.assert_array_equal(slices[:, 0], rows[np.arange(128), list(TEXT[:128])])


def test_a_file_made_under_another_m1_is_refused(m1, floats):
    packed = pack(eiwref.tokenizer("EqualInfoAC[b=64, v=65k]", m1), TEXT)
    assert unpack(packed, m1)[0] == TEXT
    for other in (floats, None, quantised(floats, [TEXT])):  # None: no shipped one made it
        with pytest.raises(EiwrefError, match="predictor"):
            unpack(packed, other)
