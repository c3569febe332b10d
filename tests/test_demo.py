"""The demo, whole, on little text and with networks hardly trained: what it measures, shows and writes."""

import contextlib
import io
import json
from collections import Counter

import numpy as np
import pytest

import eiwref
from eiwref import cli, demo, plots, show
from eiwref.corpus import builtin, sources
from eiwref.errors import EiwrefError
from eiwref.evaluate import model_bits
from eiwref.experiments import compression, walk
from eiwref.experiments.result import Result
from eiwref.files import data_path
from eiwref.predictors.store import dump

TEXTS = {split: [text[:1500] for text in builtin.documents(split)[:2]] for split in builtin.SPLITS}
TEXTS["train"] = [text.upper() for text in TEXTS["train"]]  # so that it shows which split was used
SENTENCE = b"Windows of a sentence."


PLANS = {
    "M1_PLAN": walk.Plan(batch=2, bytes_seen=4000),
    "M2_PLAN": walk.Plan(batch=2, bytes_seen=9000),
    "M2_65K_PLAN": walk.Plan(batch=1, bytes_seen=600),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(the demo's JSON, the folder it wrote, its results by name)"""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "documents", lambda split: TEXTS[split])
        for module in (compression, walk):  # in this process, so that the short texts are seen
            patch.setattr(module, "each", lambda function, items, desc: map(function, items))
        patch.setattr(demo, "sentence", lambda seed: SENTENCE)
        for name, plan in PLANS.items():
            patch.setattr(walk, name, plan)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert cli.main(["demo", "--json", "--seed", "1", "--out", str(folder)]) == 0
    results = {name: Result.load(folder / f"{name}.json") for name in ("compression", "walk")}
    return json.loads(out.getvalue()), folder, results


def test_the_json_is_what_the_files_hold(ran):
    shown, folder, results = ran
    for name, result in results.items():
        assert shown[name] == {"rows": result.rows, "settings": result.settings}
        assert result.command == f"eiwref demo --json --seed 1 --out {folder}"
        assert result.settings["seed"] == 1
    assert sorted(shown["files"]) == sorted(str(path) for path in folder.iterdir())
    assert len(shown["files"]) == 6


def test_pages_and_pictures_are_made_from_the_saved_files(ran):
    _, folder, results = ran
    for name, module in (("compression", compression), ("walk", walk)):
        page = (folder / f"{name}.md").read_text()
        assert page == module.markdown(results[name])
        assert all(f"`{row['tokenizer']}`" in page for row in results[name].rows)
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "walk.png").read_bytes() == plots.walk(results["walk"])
    assert "| 1.00 | 1.00 | 8.000 | 8.000 |" in (folder / "compression.md").read_text()


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "not.json").write_text("[]")
    with pytest.raises(EiwrefError, match="not a saved result"):
        Result.load(tmp_path / "not.json")


def test_the_compression_of_every_tokenizer(ran):
    rows = {row["tokenizer"]: row for row in ran[2]["compression"].rows}
    assert list(rows) == compression.all_specs()
    for spec, row in rows.items():
        ids = [eiwref.tokenizer(spec).encode(text) for text in TEXTS["held-out"]]
        assert row["tokens"] == sum(map(len, ids))
        assert row["lossless"] == (row["failed_windows"] == 0)
        assert row["lossless"] or "greedy" in spec
        token_bits = 16 if "65k" in spec else 8
        assert row["uniform"] == pytest.approx(row["tokens"] * token_bits / row["bytes"])
    # The unigram model is of the training text, and raised by one: counted here by hand.
    train, held_out = (b"".join(TEXTS[split]) for split in builtin.SPLITS)
    counts = Counter(train)
    bits = -sum(np.log2((counts[byte] + 1) / (len(train) + 256)) for byte in held_out)
    assert rows["Bytes"]["unigram"] == pytest.approx(bits / len(held_out))


def test_the_walk_measures_each_method_and_says_how_long_it_learned(ran):
    result = ran[2]["walk"]
    rows = {row["tokenizer"]: row for row in result.rows}
    assert tuple(rows) == walk.SPECS
    for row in rows.values():
        assert row["bytes"] == sum(map(len, TEXTS["held-out"]))
        assert row["uniform_bits_per_byte"] == pytest.approx(
            row["tokens"] * (16 if "65k" in row["tokenizer"] else 8) / row["bytes"]
        )
        assert 0 < row["bits_per_byte"] < 20
        assert row["parameters"] == 98_304 < row["parameters_in_all"]
        assert row["curve"][-1][0] == pytest.approx(row["bytes_seen"], abs=2)
        assert row["tokens_seen"] == row["steps"] * (128 if "65k" in row["tokenizer"] else 256)
    assert rows["Bytes"]["bytes_seen"] == rows["Bytes"]["tokens_seen"] == 35 * 256
    assert rows["Bytes"]["curve"][-1][1] < 7 < rows["Bytes"]["curve"][0][1]
    # M1 runs for every byte behind AC and windows, not behind the others.
    for spec, m1 in (("Bytes", 0), ("StaticAC[v=256]", 0), ("AC[v=256]", 98_304), (walk.SPECS[4], 98_304)):
        row = rows[spec]
        assert row["flops_per_byte"] == pytest.approx(2 * 98_304 / row["bytes_per_step"] + 2 * m1)


def test_the_terminal_says_size_steps_and_bytes_seen(ran):
    result = ran[2]["walk"]
    m1 = result.settings["m1"]
    said = walk.describe_m1(m1)
    assert all(f"{m1[name]:,}" in said for name in ("parameters", "steps", "bytes_seen"))
    said = walk.describe_m2(result) + walk.terminal_table(result)
    for row in result.rows:
        assert all(f"{row[name]:,}" in said for name in ("parameters", "steps", "bytes_seen"))
        assert f"{row['bits_per_byte']:.3f}" in said


def test_the_committed_walk_is_of_this_page_and_these_plans():
    saved = Result.load(data_path("results/walk/seed-0.json"))
    assert data_path("results/walk/seed-0.md").read_text() == walk.markdown(saved)
    assert saved.command == "eiwref demo --seed 0"
    assert {row["parameters"] for row in saved.rows} == {98_304}
    assert saved.units == walk.UNITS
    for row in saved.rows:
        plan = walk.M2_65K_PLAN if "65k" in row["tokenizer"] else walk.M2_PLAN
        assert row["bytes_seen"] == pytest.approx(plan.bytes_seen, rel=0.01)


@pytest.fixture(scope="module")
def m1():
    """(the M1 that the demo trained, its facts), trained again"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "documents", lambda split: TEXTS[split])
        patch.setattr(walk, "M1_PLAN", PLANS["M1_PLAN"])
        return walk.train_m1(1, "numpy")


def test_m1_learns_from_the_training_text_and_is_measured_on_the_other(ran, m1):
    network, facts = m1
    assert facts["digest"] == ran[2]["walk"].settings["m1"]["digest"]
    assert network.counts[:256].tolist() == np.bincount(list(b"".join(TEXTS["train"])), minlength=256).tolist()
    held_out = [np.frombuffer(text, dtype=np.uint8) for text in TEXTS["held-out"]]
    bits = model_bits(network.network, network.params, held_out)
    assert facts["bits_per_byte"] == pytest.approx(bits / sum(map(len, held_out)))


def test_the_second_half_is_under_the_new_m1(ran, m1):
    windows = show.describe(eiwref.tokenizer(demo.SPEC, m1[0]), SENTENCE)
    assert ran[2]["walk"].settings["sentence"] == demo.boxes(windows)
    for row in ran[2]["walk"].rows:
        reader = eiwref.tokenizer(row["tokenizer"], m1[0])
        train, held_out = (np.concatenate(reader.encode_batch(TEXTS[split])) for split in builtin.SPLITS)
        assert row["tokens"] == len(held_out)
        counts = np.bincount(train, minlength=reader.vocab_size) + 1
        assert row["unigram_bits_per_byte"] == pytest.approx(
            -np.log2(counts[held_out] / counts.sum()).sum() / row["bytes"]
        )
        size = sum(map(len, TEXTS["train"]))
        assert row["uniform_of_training_text"] == pytest.approx(len(train) * reader.token_bits / size)
        assert row["random_ids"]
        assert row["sample"] or row["tokenizer"] != "Bytes"


def test_seeds_are_of_all_that_is_random(m1):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "documents", lambda split: TEXTS[split])
        patch.setattr(walk, "M2_PLAN", walk.Plan(batch=2, bytes_seen=600))
        patch.setattr(walk, "M1_PLAN", walk.Plan(batch=2, bytes_seen=300))
        packed = dump(m1[0])
        first, same, other = (walk._walk("Bytes", packed, seed, "numpy") for seed in (0, 0, 1))
        assert first["bits_per_byte"] == same["bits_per_byte"] != other["bits_per_byte"]
        assert first["random_ids"] == same["random_ids"] != other["random_ids"]
        digests = [walk.train_m1(seed, "numpy")[1]["digest"] for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_the_picture_has_each_figure_in_its_place(ran):
    rows = ran[2]["walk"].rows
    _, _, axes, _ = plots._page()
    plots._costs(axes, rows)
    drawn = [line.get_ydata() for line in axes.lines]
    names = ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte")
    for row, (_, *points) in zip(rows, (drawn[at : at + 4] for at in range(0, 20, 4)), strict=True):
        assert [point[0] for point in points] == [row[name] for name in names]


def test_the_papers_m2_stands_beside_ours():
    assert walk.paper_value("AC[v=256]") == {"bits_per_byte": 1.46, "mflops_per_byte": 15.11}
    assert all(walk.paper_value(spec) for spec in walk.SPECS)


def test_the_seed_draws_the_sentence():
    assert demo.sentence(0) == demo.sentence(0)
    assert len({demo.sentence(seed) for seed in range(20)}) > 5


def test_the_committed_result_is_of_this_code_and_page():
    """The README's figures come from this file: the page beside it is drawn from it, letter for letter."""
    saved = Result.load(data_path("results/compression.json"))
    assert data_path("results/compression.md").read_text() == compression.markdown(saved)
    from eiwref.predictors.store import digest

    assert saved.settings["predictor"] == digest(eiwref.default_predictor())
    texts = builtin.documents("held-out")
    if sources.describe("builtin:held-out") == saved.settings["builtin:held-out"]:  # the same version of Python
        spec = "EqualInfoAC[b=64, v=256]"
        (row,) = (row for row in saved.rows if row["tokenizer"] == spec)
        assert row["tokens"] == sum(len(eiwref.tokenizer(spec).encode(text)) for text in texts)
