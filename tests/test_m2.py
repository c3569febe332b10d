"""M2 as a file and as a measure; and the commands that train and measure."""

import json
from dataclasses import replace

import numpy as np
import pytest

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import ModelError
from eiwref.files import data_path
from eiwref.m2 import M2, text_of
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.static import uniform
from tests.test_cli import here, refused, run  # noqa: F401

SPEC = "EqualInfoAC[b=16, v=256]"


def fresh(spec=SPEC, predictor=None, seed=0):
    tokenizer = eiwref.tokenizer(spec, predictor)
    network = Transformer(Config(tokenizer.vocab_size + 1, 16, 2, 1, 32, 24))
    return M2(tokenizer, network, network.init(np.random.default_rng(seed)), np.arange(tokenizer.vocab_size))


def test_save_and_load(tmp_path):
    m2 = fresh()
    m2.save(tmp_path / "m2")
    loaded = M2.load(tmp_path / "m2")
    assert loaded.tokenizer.spec == SPEC
    assert loaded.network.config == m2.network.config
    assert all((loaded.params[name] == values).all() for name, values in m2.params.items())
    assert (loaded.counts == m2.counts).all()


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "m2"
    fresh().save(path)
    with pytest.raises(ModelError, match="was trained on tokens of predictor"):
        M2.load(path, uniform(257))
    packed = path.read_bytes()
    for damaged in (packed[:-50], packed[:-50] + b"\1" * 50, b"", packed[:100]):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"damaged|not a m2"):
            M2.load(path)
    network = Transformer(Config(99, 16, 2, 1, 32, 24))
    M2(eiwref.tokenizer(SPEC), network, network.init(np.random.default_rng(0)), np.zeros(256, int)).save(path)
    with pytest.raises(ModelError, match="predicts 99 ids, expected 257"):
        M2.load(path)
    for counts in (np.zeros(255, int), np.full(256, -1), np.full(256, 1 << 60), np.zeros(256)):
        replace(fresh(), counts=counts).save(path)
        with pytest.raises(ModelError, match="array counts is not how often"):
            M2.load(path)


@pytest.mark.parametrize("windows", ["", ", windows=greedy", ", windows=delay"])
def test_any_ids_become_text(windows):
    tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=24, v=65k{windows}]")
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 65536, 31).tolist()
    text, remark = text_of(tokenizer, ids)
    assert text
    assert "the last 16 bits are no whole window" in remark
    assert ("codes of no text" in remark) == bool(windows)
    exact = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
    assert text_of(exact, exact.encode(b"an encoder's text").tolist()) == (b"an encoder's text", "")
    assert text_of(eiwref.tokenizer("AC[v=256]"), [1, 2, 3])[1]
    assert text_of(eiwref.tokenizer("Bytes"), [97, 98]) == (b"ab", "")


def test_train_and_eval(here, capsys):  # noqa: F811
    (here / "train").write_bytes(b"\n\n".join(builtin.documents("train"))[:30_000])
    small = ["--d-model", "16", "--heads", "2", "--layers", "1", "--context", "24", "--steps", "12", "--json"]
    code, out, _ = run(capsys, "train", "m1", "train", "-o", "m1", *small)
    assert code == 0
    report = json.loads(out)
    assert report["symbols_seen"] == 12 * 16 * 24
    assert report["loss_last_tenth"] < report["loss_first"]
    assert run(capsys, "verify", "text", "--limit", "200", "--predictor", "m1", "--tokenizer", "AC[v=256]")[0] == 0
    for extra in ([], ["--optimizer", "adafactor"]):
        command = ["train", "m2", "train", "-o", "m2", "--tokenizer", SPEC, *small, *extra]
        assert run(capsys, *command)[0] == 0
    counted = np.bincount(eiwref.tokenizer(SPEC).encode((here / "train").read_bytes()), minlength=256)
    assert (M2.load("m2").counts == counted).all()
    code, out, _ = run(capsys, "eval", "m2", "text", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["tokens"] == len(eiwref.tokenizer(SPEC).encode((here / "text").read_bytes()))
    assert found["uniform_bits_per_byte"] == pytest.approx(8 / found["bytes_per_step"])
    assert 1 < found["bits_per_byte"] < 2 * found["uniform_bits_per_byte"]
    assert found["flops_per_byte"] < found["flops_per_byte_with_softmax"]


def test_m1_behind_the_tokens_counts_in_flops(here, capsys):  # noqa: F811
    small = ["--d-model", "16", "--heads", "2", "--layers", "1", "--context", "24", "--steps", "2", "--json"]
    run(capsys, "train", "m1", "text", "-o", "m1", *small)
    (here / "short").write_bytes(b"short and sweet " * 12)
    costs = {}
    for spec in ("AC[v=256]", "StaticAC[v=256]"):
        command = ["train", "m2", "short", "-o", "m2", "--tokenizer", spec, "--predictor", "m1", *small]
        assert run(capsys, *command)[0] == 0
        found = json.loads(run(capsys, "eval", "m2", "short", "--predictor", "m1", "--json")[1])
        costs[spec] = found["flops_per_byte"] - 2 * 3072 / found["bytes_per_step"]
    assert costs["AC[v=256]"] == pytest.approx(2 * 3072)
    assert costs["StaticAC[v=256]"] == pytest.approx(0)


def test_bad_input_gets_one_sentence(here, capsys):  # noqa: F811
    (here / "short").write_bytes(b"short")
    assert "shorter than one piece of 128; give more text or a smaller context" in refused(
        capsys, "train", "m1", "short", "-o", "m1"
    )
    train = ["train", "m1", "text", "-o", "m1"]
    assert "heads must divide d_model, found 3 heads and a d_model of 10" in refused(
        capsys, *train, "--d-model", "10", "--heads", "3"
    )
    assert "positive number" in refused(capsys, *train, "--learning-rate", "nan")
    assert "an M1 reads bytes" in refused(capsys, *train, "--tokenizer", "Bytes")
    assert "is of adamw" in refused(capsys, *train, "--optimizer", "adafactor", "--learning-rate", "0.1")
    tiny = ["--context", "16", "--d-model", "8", "--heads", "1", "--warm-up", "1"]
    assert "not finite at step" in refused(capsys, *train, *tiny, "--learning-rate", "1e38")
    assert "not an eiwref m2 file" in refused(capsys, "eval", "text", "text")
    m1 = data_path("m1-tiny.safetensors").read_bytes()
    (here / "bad").write_bytes(m1[:-1] + bytes([m1[-1] ^ 1]))
    assert "bad: is damaged, its digest is" in refused(capsys, "eval", "bad", "text")
    assert "is not known" in refused(capsys, "train", "m2", "text", "-o", "m2", "--tokenizer", "BPE")
    assert not (here / "m1").exists()
