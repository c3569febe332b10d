"""The job that trains an M2: what it measures, how it goes on where it was killed, what it tells of failures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eiwref.errors import Diverged
from eiwref.evaluate import model_bits
from eiwref.files import data_path
from eiwref.nn import sizes, watch
from eiwref.nn.train import Crops
from eiwref.reproduce import trained
from eiwref.reproduce.grid import Grid, Place
from eiwref.reproduce.material import Material, excerpt
from eiwref.reproduce.scales import SCALES
from eiwref.reproduce.tokens import SPLITS, Tokens, Trimmed, documents, read_by
from eiwref.reproduce.trained import Trained

JOB = Trained("EqualInfoAC[b=24, v=256]", "mini", context=16, batch=2, amount=6_000)


@pytest.fixture
def grid(tmp_path):
    names = [(excerpt(split, tmp_path, size),) for split, size in (("train", 8_000), ("held-out", 2_000))]
    return Grid(tmp_path / "out", Material(*names, str(data_path("ngram.safetensors")), str(tmp_path)))


def test_what_is_measured(grid):
    found = grid.make(JOB).result
    m2 = trained.load(Place(grid, JOB), JOB)
    texts = grid.material.texts("held_out")
    bits = model_bits(m2.network, m2.params, m2.tokenizer.encode_batch(texts), unit=3)
    assert found["bits_per_byte"] == pytest.approx(bits / sum(map(len, texts)))
    some = texts[:: trained.SOME]
    bits = model_bits(m2.network, m2.params, m2.tokenizer.encode_batch(some), unit=3)
    step, last = found["held_out_curve"][-1]
    assert step == found["steps"]
    assert last == pytest.approx(bits / sum(map(len, some)))
    assert len(found["held_out_curve"]) <= JOB.evaluations
    assert found["bits_per_token"] == pytest.approx(found["bits_per_byte"] * found["bytes_per_token"])
    assert found["bytes_seen"] == pytest.approx(JOB.amount, rel=0.05)
    assert sorted(path.name for path in grid.files(JOB).iterdir()) == ["done", trained.FILE]


@pytest.mark.parametrize("spec", ["AC[v=256]", "AC[v=2]", "StaticAC[v=65k]"])
def test_codes_that_run_on_are_read_from_their_beginnings(grid, spec):
    """All of the text once, as bytes a token of whole documents tell; no piece is longer than the context."""
    job = replace(JOB, tokenizer=spec)
    found, whole, m2 = grid.make(job).result, grid.result(Tokens(spec)), trained.load(Place(grid, job), job)
    ratio, reader = whole["bytes_per_token"], m2.tokenizer
    text, documents = b"\n".join(grid.material.texts("held_out")), []
    for at in range(0, len(text), int(15 * ratio)):
        ids = reader.encode(text[at : at + int(15 * ratio) * 3 // 2])
        documents.append(ids[:15])
    tokens = sum(map(len, documents))
    bits = model_bits(m2.network, m2.params, documents)
    assert found["bits_per_byte"] == pytest.approx(bits / (tokens * ratio))
    assert found["bits_per_token"] == pytest.approx(bits / tokens)
    assert tokens * ratio == pytest.approx(len(text), rel=0.2)  # as steps are whole bytes
    (source,) = job.needs()
    read = source.text(Place(grid, source), grid.files(source), reader)
    assert [ids.tolist() for ids in read.held_out] == [ids.tolist() for ids in documents]
    ends = np.flatnonzero(read.stream[:] == reader.vocab_size)
    assert np.diff(ends, prepend=-1).max() == 16
    batches = Crops(read.stream, 16, 8, reader.vocab_size, np.random.default_rng(0), unit=16)
    next(batches)
    assert np.isin(batches.begins, np.append(0, ends + 1)).all()
    assert grid.result(source)["uniform_bits_per_byte"] == whole["uniform_bits_per_byte"]


IN_PAIRS = [
    *("AC[v=65k]", "StaticAC[v=65k]", "GZip[v=65k]", "Huffman[v=65k]", "Rank[v=65k]"),
    *("EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=24, v=65k]", "EqualInfoAC[b=64, v=65k]"),
    *("EqualInfoAC[b=32, v=65k, windows=greedy]", "EqualInfoAC[b=32, v=65k, windows=delay]"),
    *("EqualInfoAC[b=24, v=65k, reset=2]", "EqualInfoAC[b=16, v=65k, reset=never]"),
]


@pytest.mark.parametrize("spec", IN_PAIRS)
def test_ids_of_16_bits_are_those_of_8_in_pairs(grid, spec, monkeypatch):
    """The grid asks M1 once for both; asked for them alone it gives the same."""
    job, reader = Tokens(spec), grid.material.tokenizer(spec)
    expected = {split: reader.encode_batch(grid.material.texts(split)) for split in SPLITS}
    (narrow,) = job.needs()
    grid.make(narrow)
    monkeypatch.setattr(type(reader), "encode_batch", None)  # it is not asked again
    found = grid.make(job).result
    for split, ids in expected.items():
        assert [each.tolist() for each in documents(grid.files(job), split)] == [each.tolist() for each in ids]
        assert found[split]["tokens"] == sum(map(len, ids))


def test_what_begins_afresh_again_and_again_is_read_whole():
    for spec in ("EqualInfoAC[b=64, v=256]", "Bytes", "GZip[v=256]"):
        assert read_by(spec, 128) == Tokens(spec)
    assert read_by("EqualInfoAC[b=16, v=256, reset=never]", 128) == Trimmed(
        "EqualInfoAC[b=16, v=256, reset=never]", 128
    )


def test_bytes_of_documents_without_tokens_are_not_measured(tmp_path):
    """A document without text has no bytes to spread bits over, and must not shift the others' either."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for number, text in enumerate((b"", b"one and two and three " * 9, b"", b"four")):
        (texts / f"{number}").write_bytes(text)
    (tmp_path / "train").write_bytes(b"five and six and seven " * 40)
    material = Material(
        (str(tmp_path / "train"),), (str(texts),), str(data_path("ngram.safetensors")), str(tmp_path)
    )
    found = Grid(tmp_path / "out", material).make(replace(JOB, amount=200)).result
    assert np.isfinite(found["held_out_curve"]).all()


def test_units():
    config = sizes.config("mini", 257, 16)
    assert JOB.steps(config, 2.0) == round(6_000 / 2.0 / 32)
    assert replace(JOB, unit="tokens").steps(config, 2.0) == round(6_000 / 32)
    flops = 6 * (config.parameters + 257 * 16)
    assert replace(JOB, unit="flops", amount=flops * 320.0).steps(config, 2.0) == 10
    assert replace(JOB, amount=1.0).steps(config, 2.0) == 1
    large = replace(JOB, tokenizer="EqualInfoAC[b=16, v=65k]")
    assert large.cost() > 10 * JOB.cost()


class Killed(Exception):
    pass


def test_goes_on_where_it_was_killed(grid, tmp_path, monkeypatch):
    """Once between checkpoints, once after the last step: the result is that of a run nobody disturbed."""
    monkeypatch.setattr(trained, "CHECKPOINT", 10)
    undisturbed = Grid(tmp_path / "other", replace(grid.material, work=str(tmp_path / "work"))).make(JOB)
    measure, calls = trained.HeldOut.measure, []

    def kill_at_the_fifth(*given):
        calls.append(given)
        if len(calls) == 5:
            raise Killed
        return measure(*given)

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(trained.HeldOut, "measure", kill_at_the_fifth)
        with pytest.raises(Killed):
            grid.make(JOB)
    with monkeypatch.context() as patch:
        patch.setattr(trained, "model_bits", kill)
        with pytest.raises(Killed):
            grid.make(JOB)
    (log,) = Path(grid.material.work).glob("*/run/log.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps(row | {"seconds": 1000.0}) + "\n" for row in rows))
    with monkeypatch.context() as patch:
        patch.setattr(trained.HeldOut, "measure", kill)  # all was done by the run before
        found = grid.make(JOB)
    assert found.result == undisturbed.result
    assert found.seconds >= 1000.0 > undisturbed.seconds  # what it took before it was killed counts too
    assert not (grid.files(JOB) / "run").exists()


def test_training_that_goes_wrong_is_a_result_and_stops_no_other(grid, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(watch.Watch, "limit", 5.0)  # nats, below those of the first step
        grid.run([JOB], workers=1)
    found = grid.result(JOB)
    assert "make it a spike" in found["stopped"]
    assert "bits_per_byte" not in found
    assert found["tokens_seen"]
    assert not (grid.files(JOB) / "run").exists()
    with pytest.raises(Diverged, match=r"EqualInfoAC\[b=24, v=256\], mini: there is no M2: the loss is"):
        trained.load(Place(grid, JOB), JOB)
    other = replace(JOB, seed=1)
    grid.run([JOB, other], workers=1)
    assert "stopped" not in grid.result(other)


def test_an_amount_is_one_number_however_written(grid):
    assert grid.key(replace(JOB, amount=6_000)) == grid.key(replace(JOB, amount=6_000.0))


def test_scales_train_what_they_say():
    for scale in SCALES.values():
        job = scale.trained("Bytes", seed=2, amount=10)
        assert (job.size, job.seed, job.unit, job.amount) == (scale.sizes[0], 2, scale.unit, 10)
