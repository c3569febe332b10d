"""`eiwref reproduce`: everything at the smallest scale, what it would cost, verdicts, pages, and bad input."""

import gzip
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiwref
from eiwref.errors import EiwrefError
from eiwref.experiments import paper
from eiwref.experiments.result import Result, environment, versions
from eiwref.nn import sizes
from eiwref.nn.transformer import Transformer
from eiwref.predictors.static import uniform
from eiwref.reproduce import cost, draw_ledger, entropy, ledger, page, registry
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement
from eiwref.reproduce.scales import SCALES
from eiwref.reproduce.tokens import Tokens
from eiwref.tokenizers.registry import vocabulary
from tests.test_cli import refused, run
from tests.toy_jobs import OnRefused, Refused, Square, Total, experiment

CHECKOUT = Path(eiwref.__file__).parent.parent
COMMITTED = sorted(path.parent for path in (CHECKOUT / "data" / "results").rglob("ledger.json"))
PNG = b"\x89PNG\r\n\x1a\n"


# All of it, at the smallest scale.


def test_all_at_scale_smoke(tmp_path, monkeypatch, capsys):
    """Every experiment gives rows and a page, every picture is one, every claim has a verdict, and all once."""
    pytest.importorskip("sentencepiece")
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "reproduce", "all", "--scale", "smoke", "--out", "out", "--json")
    assert (code, err) == (0, "")
    found, folder = json.loads(out), tmp_path / "out"
    assert found["stale"] == found["failed"] == []
    assert list(found["results"]) == [each.name for each in registry.EXPERIMENTS]
    for each in registry.EXPERIMENTS:
        rows = found["results"][each.name]
        assert rows, each.name
        shown = {name for name, _, _ in each.columns}
        assert shown <= {name for row in rows for name in row}, each.name
        assert {name for row in rows for name in row if is_figure(row[name])} <= each.units.keys(), each.name
        text = (folder / f"{each.name}.md").read_text()
        assert len(re.findall(r"^\| ", text, re.M)) == 1 + len(rows)
        pictures = [folder / name for name in re.findall(r"\]\((.*?\.png)\)", text)]
        assert len(pictures) == (each.draw is not None)
        assert all(picture.read_bytes().startswith(PNG) for picture in pictures)
    assert [claim["id"] for claim in found["claims"]] == [claim.id for claim in registry.CLAIMS]
    for claim in found["claims"]:
        assert claim["verdict"] in ledger.VERDICTS, claim["id"]
        assert claim["ours"], claim["id"]
        assert claim["trend"] or claim["verdict"] != NOT_AT_THIS_SCALE, claim["id"]
    if registry.CLAIMS:
        assert_made_of_what_is_saved(folder)
    runs = {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}
    code, again, err = run(capsys, "reproduce", "all", "--out", "out", "--json")
    assert (code, err) == (0, "")
    assert json.loads(again)["results"] == found["results"]
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()} == runs


def is_figure(value):
    """A number, or a list that holds some."""
    return isinstance(value, int | float | list) and not isinstance(value, bool)


def test_experiments_and_claims_fit_together():
    names = [name for each in registry.EXPERIMENTS for name in each.names]
    assert len(set(names)) == len(names)
    ids = [claim.id for claim in registry.CLAIMS]
    assert ids == sorted(set(ids))
    for claim in registry.CLAIMS:
        assert re.fullmatch(r"C\d\d", claim.id)
        assert set(claim.needs) <= {each.name for each in registry.EXPERIMENTS}, claim.id
        assert all((claim.needs, claim.where, claim.claim, claim.paper, claim.rule)), claim.id


# Toys in the place of tables and claims.


def largest(rows, name="figure1"):
    return max(row.get("square", 0) for row in rows[name])


def claim(id, verdict=REPRODUCED, needs=("figure1",), trend="", caution=""):
    def judge(rows):
        return Judgement(verdict, f"at most {largest(rows)}", trend, caution)

    return Claim(id, "§9", f"claim {id} of a | toy", "81", f"{id}: reproduced if 9 or more", needs, judge)


def draw(result):
    return PNG + result.name.encode()


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """Two figures and a table; the first figure is also called table7."""
    monkeypatch.chdir(tmp_path)
    first = experiment("figure1", Square(1), Square(3), draw=draw)
    both = (*first.names, "table7")
    experiments = (
        type(first)(**vars(first) | {"names": both}),
        experiment("figure2", Total((1, 3, 5), seed=4)),
        experiment("table8", OnRefused(8)),
    )
    claims = (
        claim("C01", caution="nine is not much"),
        claim("C02", NOT_AT_THIS_SCALE, ("figure1", "figure2"), "rises from the smaller to the larger"),
        claim("C03", CONTRADICTED),
        claim("C04", needs=("figure1", "table8")),
    )
    monkeypatch.setattr(registry, "EXPERIMENTS", experiments)
    monkeypatch.setattr(registry, "CLAIMS", claims)
    return tmp_path


def test_a_claim_is_asked_for_by_its_id(toys, capsys):
    code, out, err = run(capsys, "reproduce", "c02", "--out", "out", "--jobs", "1")
    assert (code, err) == (0, "")
    assert "Figure 1 and Table 7: a toy" in out
    assert "Figure 2: a toy" in out
    assert re.search(r"^C02 +not at this scale +claim C02 of a \| toy +81 +at most 9$", out, re.M)
    assert out.endswith("written: out\n")
    assert "C04" not in out
    assert "these figures mean nothing" in out
    names = [path.name for path in (toys / "out").iterdir()]
    results = [f"figure{number}.{kind}" for number in (1, 2) for kind in ("json", "md")]
    assert sorted(names) == sorted(
        ["LEDGER.md", "figure1.png", "ledger.json", "ledger.png", "runs", "work", *results]
    )


def test_a_table_is_asked_for_by_either_name(toys, capsys):
    for name in ("Table 7", "figure1"):
        code, out, _ = run(capsys, "reproduce", name, "--out", "out", "--jobs", "1", "--json")
        assert code == 0
        found = json.loads(out)
        assert list(found["results"]) == ["figure1"]
        # C02 rests on more than was asked for.
        assert [each["id"] for each in found["claims"]] == ["C01", "C03"]


def test_what_fails_is_told_at_the_end_and_the_rest_is_made(toys, capsys):
    code, out, err = run(capsys, "reproduce", "all", "--out", "out", "--jobs", "1", "--json")
    assert code == 2
    assert err.splitlines()[-2:] == [
        "eiwref: refused (number=8): number 8 is refused; 1 more that need it were not run",
        "eiwref: table8: is not made, as some of its runs failed",
    ]
    found = json.loads(out)
    assert list(found["results"]) == ["figure1", "figure2"]
    assert len(found["failed"]) == 1
    assert [each["id"] for each in found["claims"]] == ["C01", "C02", "C03"]
    assert not (toys / "out" / "table8.json").exists()
    # Where nothing is left to make, there is nothing to judge either.
    code, out, _ = run(capsys, "reproduce", "table8", "--out", "other", "--jobs", "1", "--json")
    assert (code, json.loads(out)["results"], json.loads(out)["claims"]) == (2, {}, [])


def test_hardly_any_text(tmp_path, monkeypatch, capsys):
    """What cannot be made of it is told, what can be judged is, and the ledger can be drawn again."""
    pytest.importorskip("sentencepiece")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(b"so little text to learn from, really")
    (tmp_path / "b").write_bytes(b"and other text held out")
    asked = ("table8", "figure11", "figure17", "figure13")
    code, out, err = run(
        capsys, "reproduce", *asked, "--text", "a", "--held-out", "b", "--out", "out", "--jobs", "1", "--json"
    )
    assert (code, "Traceback" in err) == (2, False)
    assert "give more text" in err
    verdicts = {claim["id"]: (claim["verdict"], claim["ours"]) for claim in json.loads(out)["claims"]}
    assert verdicts["C16"] == (NOT_AT_THIS_SCALE, "no token stands at both places")
    assert run(capsys, "reproduce", "ledger", "--out", "out")[0] == 0
    with pytest.raises(EiwrefError, match="too short to count anything in it"):
        entropy.plug_in(np.zeros(4, dtype=int))


def test_results_of_another_scale_or_text_are_left_out(toys, capsys):
    (toys / "text").write_bytes(b"text of one's own to learn from, and some more of it")
    run(capsys, "reproduce", "figure2", "--out", "out", "--jobs", "1", "--text", "text")
    code, out, _ = run(capsys, "reproduce", "C01", "--out", "out", "--jobs", "1")
    assert re.search(r"^C01 +reproduced, with a caution +claim C01", out, re.M)
    assert "C01, caution: nine is not much\n" in out
    assert code == 0
    (said,) = re.findall(r"^left out, of another version, scale, text or M1: (.*)$", out, re.M)
    assert "figure2.json" in said
    assert len(re.findall(r"square-[0-9a-f]{16}.json", said)) == 3
    found = json.loads((toys / "out" / "ledger.json").read_text())
    assert [each["id"] for each in found["claims"]] == ["C01", "C03"]
    sentence = refused(capsys, "reproduce", "ledger", "--out", "out")
    assert "figure1 and figure2 are of different scales, texts, M1s or versions" in sentence


def test_results_of_another_version_are_left_out(toys, monkeypatch, capsys):
    run(capsys, "reproduce", "figure1", "figure2", "--out", "out", "--jobs", "1")
    monkeypatch.setattr(Total, "version", 2)
    code, out, _ = run(capsys, "reproduce", "figure1", "--out", "out", "--jobs", "1", "--json")
    total = next((toys / "out" / "runs").glob("total-*")).name
    assert (code, json.loads(out)["stale"]) == (0, [total, "figure2.json"])  # which is of that total
    assert [each["id"] for each in json.loads((toys / "out" / "ledger.json").read_text())["claims"]] == [
        "C01",
        "C03",
    ]
    monkeypatch.setattr(Square, "version", 2)
    code, out, _ = run(capsys, "reproduce", "figure1", "--out", "out", "--jobs", "1", "--json")
    stale = json.loads(out)["stale"]
    assert [name[:6] for name in stale] == ["square", "square", "square", "total-", "figure"]
    assert [each["id"] for each in json.loads(out)["claims"]] == ["C01", "C03"]
    assert [each["id"] for each in json.loads((toys / "out" / "ledger.json").read_text())["claims"]] == [
        "C01",
        "C03",
    ]
    assert Result.load(toys / "out" / "figure2.json").settings["versions"] == {"square": 1, "total": 1}
    code, out, _ = run(capsys, "reproduce", "ledger", "--out", "out")
    assert (code, "left out, of another version: figure2.json" in out) == (0, True)
    monkeypatch.setattr(Square, "version", 3)
    sentence = refused(capsys, "reproduce", "ledger", "--out", "out")
    assert "holds no results but figure1, figure2, of another version" in sentence


# The ledger.


def assert_made_of_what_is_saved(folder):
    """Pages, ledger and data in a folder are what the saved results give."""
    results = ledger.saved(folder)
    found = ledger.make(results)
    assert json.loads((folder / "ledger.json").read_text()) == found
    assert (folder / "LEDGER.md").read_text() == ledger.markdown(found)
    for each in registry.EXPERIMENTS:
        if each.name in results:
            assert (folder / f"{each.name}.md").read_text() == page.markdown(each, results[each.name])
    for target in re.findall(r"\]\(([^)#]+)\)", (folder / "LEDGER.md").read_text()):
        assert (folder / target).exists(), target


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_committed_ledgers_are_made_of_committed_results(folder):
    assert_made_of_what_is_saved(folder)


@pytest.fixture
def made(toys, capsys):
    assert run(capsys, "reproduce", "figure1", "figure2", "--out", "out", "--jobs", "1")[0] == 0
    return toys / "out"


def test_the_ledger_is_made_again_from_what_is_saved(made, capsys):
    assert_made_of_what_is_saved(made)
    before = {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()}
    for name in before:
        if not re.fullmatch(r"figure\d.json", name):
            (made / name).unlink()
    code, out, err = run(capsys, "reproduce", "ledger", "--out", "out", "--json")
    assert (code, err) == (0, "")
    assert {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()} == before
    assert json.loads(out) == json.loads((made / "ledger.json").read_text()) | {"left_out": []}
    assert "drawn anew: out" in run(capsys, "reproduce", "ledger", "--out", "out")[1]


def test_a_result_or_page_that_was_changed_is_noticed(made):
    result = made / "figure1.json"
    whole = result.read_text()
    result.write_text(whole.replace('"square": 9', '"square": 8'))
    with pytest.raises(AssertionError):
        assert_made_of_what_is_saved(made)
    result.write_text(whole)
    assert_made_of_what_is_saved(made)
    (made / "LEDGER.md").write_text((made / "LEDGER.md").read_text().replace("at most 9", "at most 8"))
    with pytest.raises(AssertionError):
        assert_made_of_what_is_saved(made)


def test_what_the_ledger_says_of_a_claim(made):
    found = json.loads((made / "ledger.json").read_text())
    second = found["claims"][1]
    assert second == {
        "id": "C02",
        "where": "§9",
        "claim": "claim C02 of a | toy",
        "paper": "81",
        "ours": "at most 9",
        "verdict": NOT_AT_THIS_SCALE,
        "rule": "C02: reproduced if 9 or more",
        "trend": "rises from the smaller to the larger",
        "caution": "",
        "seeds": [4],
        "fewest_seeds": None,
        "seconds": 0.0,
        "environments": [versions(environment())],
        "command": "eiwref reproduce C02 --scale smoke",
        "rests_on": [
            {"name": "figure1", "title": "Figure 1 and Table 7: a toy"},
            {"name": "figure2", "title": "Figure 2: a toy"},
        ],
    }
    assert found["claims"][0]["seeds"] == []
    assert [each["id"] for each in found["not_judged"]] == ["C04"]
    text = (made / "LEDGER.md").read_text()
    assert "**Of 3 claims: 1 reproduced (1 with a caution), 1 not at this scale, 1 contradicted.**" in text
    assert "| [C02](#c02) | §9 | claim C02 of a \\| toy | 81 | at most 9 | not at this scale |" in text
    assert "| [C01](#c01) | §9 | claim C01 of a \\| toy | 81 | at most 9 | reproduced, with a caution |" in text
    assert text.count("- Caution: nine is not much") == text.count("- Caution: ") == 1
    assert "- C04, claim C04 of a | toy: needs figure1, table8. Rule: C04: reproduced if" in text
    assert "- Picture: [Figure 1 and Table 7: a toy](figure1.png)" in text
    assert "runs of 0 s in sum, a process each, eiwref " in text
    several = second | {"seeds": [0, 1, 2], "fewest_seeds": 1}
    assert "; seeds 0, 1, 2, some figures of one seed alone" in ledger.markdown(found | {"claims": [several]})
    assert text.count("- Trend: ") == 1
    assert "[Figure 2: a toy](figure2.md); seeds 4" in text
    assert (made / "ledger.png").read_bytes() == draw_ledger.ledger(found)
    assert (made / "ledger.png").read_bytes().startswith(PNG)


def test_a_run_that_several_results_share_is_counted_once(made):
    results = ledger.saved(made)
    for name, runs in (("figure1", {"a": 1.0, "b": 2.0}), ("figure2", {"b": 2.0, "c": 4.0})):
        results[name].settings["runs"] = runs
    found = {claim["id"]: claim["seconds"] for claim in ledger.make(results)["claims"]}
    assert (found["C01"], found["C02"]) == (3.0, 7.0)


def test_a_claim_is_judged_by_its_own_rows(made, monkeypatch):
    seen = []

    def judge(rows):
        seen.append([row["square"] for row in rows["figure1"]])
        return Judgement(REPRODUCED, "a value")

    one = Claim("C05", "", "", "", "", ("figure1",), judge, only=lambda row: row["square"] > 1)
    monkeypatch.setattr(registry, "CLAIMS", (one, replace(one, only=Claim.only)))
    ledger.make(ledger.saved(made))
    assert len(seen[0]) < len(seen[1])
    assert all(square > 1 for square in seen[0])


def test_results_without_the_seconds_of_their_runs_are_left_out(made):
    path = made / "figure2.json"
    data = json.loads(path.read_text())
    data["settings"]["runs"] = list(data["settings"]["runs"])
    path.write_text(json.dumps(data))
    assert ledger.redraw(made)[1] == ["figure2"]


def test_a_result_names_all_machines_of_its_runs(made, capsys):
    """Whoever puts it together need not be where the runs were made; what runs did not record is told."""
    here = environment()
    first = min((made / "runs").glob("square-*.json"))
    data = json.loads(first.read_text())
    data["environment"] = {"eiwref": here["eiwref"], "numpy": "2.0.0", "processor": "", "cores": 64}
    first.write_text(json.dumps(data))
    assert run(capsys, "reproduce", "figure2", "--out", "out", "--jobs", "1")[0] == 0
    found = Result.load(made / "figure2.json").environment
    assert found["eiwref"] == here["eiwref"]
    assert set(found["numpy"].split(" and ")) == {"2.0.0", here["numpy"]}
    assert found["python"].startswith(here["python"])
    assert found["python"].endswith("(not recorded of 1 of 4 runs)")
    assert registry._together([{"blas": ""}, {}]) == dict.fromkeys(("blas", *here), "not recorded")
    assert versions({"numpy": "2.0.0", "processor": "", "cores": 64}) == "numpy 2.0.0, cores 64"


def test_commands_name_what_the_results_hang_on(toys, capsys):
    (toys / "a text").write_bytes(b"text of one's own to learn from, and some more of it")
    options = ("--text", "a text", "--out", "out", "--jobs", "1")
    assert run(capsys, "reproduce", "figure1", *options)[0] == 0
    (first, *_) = json.loads((toys / "out" / "ledger.json").read_text())["claims"]
    assert first["command"] == "eiwref reproduce C01 --scale smoke --text 'a text'"
    assert Result.load(toys / "out" / "figure1.json").command == first["command"].replace("C01", "figure1")


def test_a_ledger_of_nothing(toys, capsys):
    assert "out: holds no results of eiwref reproduce" in refused(capsys, "reproduce", "ledger", "--out", "out")
    assert not (toys / "out").exists()
    with pytest.raises(EiwrefError, match="no results"):
        ledger.make({})


@pytest.mark.parametrize("content", ["", "[1]", '{"name": "figure1"}'])
def test_a_damaged_result_is_a_sentence(made, capsys, content):
    (made / "figure1.json").write_text(content)
    assert "figure1.json: is not a saved result" in refused(capsys, "reproduce", "ledger", "--out", "out")


# What it would cost.


def by_hand(size, symbols, context, batch, steps):
    """(FLOPs, with the output layer), by counting the parameters of a network that is there."""
    shapes = Transformer(sizes.config(size, symbols, context)).shapes()
    counts = {name: int(np.prod(shape)) for name, shape in shapes.items() if not name.endswith(("gain", "bias"))}
    output = counts.pop("output.weight")
    inner = sum(counts.values()) - counts["embedding.table"]
    tokens = steps * batch * context
    return 6 * inner * tokens, 6 * (inner + output) * tokens


def test_the_cost_of_a_run_counted_otherwise():
    job = SCALES["paper"].trained("EqualInfoAC[b=16, v=65k]", "25m", seed=3)
    planned = cost.plan([job, Tokens("Bytes")], paper.bytes_per_token, cost.GPU)
    (found,) = planned["runs"]
    assert planned["others"] == {"tokens": 3}  # of 16 bits the run needs them, and they those of 8
    assert (found["steps"], found["warm_up"], found["batch"], found["seed"]) == (200_000, 10_000, 256, 3)
    assert found["tokens"] == 26_214_400_000
    assert found["bytes"] == pytest.approx(5.31 * 26_214_400_000)
    flops, with_output = by_hand("25m", 65_537, 512, 256, 200_000)
    assert (found["flops"], found["flops_with_output"]) == (flops, with_output)
    assert found["hours"] == pytest.approx(with_output / 4e14 / 3600)
    assert planned["sum"]["hours"] == found["hours"]
    assert "after a linear warm-up, down to a tenth of it along half a cosine" in found["schedule"]


def test_the_cost_of_equal_text_needs_bytes_a_token():
    scale = SCALES["laptop"]
    jobs = [scale.trained("Bytes"), scale.trained("EqualInfoAC[b=40, v=256]")]
    planned = cost.plan(jobs, paper.bytes_per_token, cost.GPU)
    known, unknown = planned["runs"]
    assert known["steps"] == round(scale.amount / (128 * 16))
    assert [unknown[name] for name in ("steps", *cost.SUMS)] == [None] * 6
    assert (planned["unknown"], planned["sum"]["tokens"]) == (1, known["tokens"])
    shown = cost.show(planned)
    assert "1 runs whose bytes per token are not known yet" in shown
    assert re.search(r"EqualInfoAC\[b=40, v=256\] +tiny +0 +–( +–)+$", shown, re.M)


def test_all_that_trains_is_in_the_plan():
    """Each kind of job whose cost is in FLOPs of training says what it trains."""
    asked = registry.jobs(registry.EXPERIMENTS, SCALES["smoke"])
    planned = cost.plan(asked, lambda spec: 2.0 if vocabulary(spec) else None, cost.CORE)  # of tokenizers alone
    kinds = {run["kind"] for run in planned["runs"]}
    assert kinds == {"trained", "places", "task", "spelling", "windowsm1"}
    without = "tokens trimmed pairs roundtrip floats editdistances sentence meanings uniformity joined speed"
    assert planned["others"].keys() == set(without.split())  # a new kind is to be put here or there
    assert planned["unknown"] == 0


def test_seeds_of_one_run_are_one_line():
    scale = SCALES["paper"]
    jobs = [scale.trained("Bytes", size, seed) for size in scale.sizes for seed in scale.seeds]
    shown = cost.show(cost.plan(jobs, lambda spec: 1.0, cost.GPU))
    assert len(re.findall(r"^trained +Bytes +\w+ +0 1 2 3 4 +200,000 +10,000 ", shown, re.M)) == 4
    assert "In sum 20 runs of training" in shown
    assert "of which 4e+14 FLOPs a second are assumed" in shown
    assert "Context 512 tokens, batch 256 sequences, adamw, learning rate 0.00" in shown


def test_vocabularies_are_told_by_names():
    specs = ["Bytes", "AC[v=2]", "AC[v=65k]", "GZip[v=256]", "Huffman[v=65k]", "EqualInfoAC[b=24, v=256]"]
    specs += ["EqualText[n=4, v=256]", "EqualText[n=4, v=65k, delimiters=yes]"]
    for spec in specs:
        assert vocabulary(spec) == eiwref.tokenizer(spec, uniform(257)).vocab_size, spec
    assert vocabulary("SentencePiece[v=32k]") == 32_000


@pytest.fixture
def planned_toys(toys, monkeypatch):
    scale = SCALES["paper"]
    jobs = [scale.trained("Bytes", seed=seed) for seed in (0, 1)]
    monkeypatch.setattr(registry, "EXPERIMENTS", (experiment("figure1", *jobs), experiment("figure2", Square(1))))
    monkeypatch.setattr(registry, "CLAIMS", ())
    return toys


@pytest.mark.parametrize("options", [("--scale", "paper"), ("--scale", "laptop", "--plan"), ("--plan",)])
def test_a_plan_is_printed_and_nothing_is_run(planned_toys, capsys, options):
    code, out, err = run(capsys, "reproduce", *options)
    assert (code, err) == (0, "")
    assert "In sum 2 runs of training" in out
    assert "Runs without training: 1 square, 1 tokens." in out
    assert list(planned_toys.iterdir()) == []
    code, out, _ = run(capsys, "reproduce", *options, "--json")
    found = json.loads(out)
    assert [each["seed"] for each in found["runs"]] == [0, 1]
    assert found["flops_per_second"] == (4e14 if "paper" in options else 4e10)
    assert found["sum"]["hours"] == sum(each["hours"] for each in found["runs"])
    assert bool(found["departures"]) == ("paper" in options)
    assert list(planned_toys.iterdir()) == []


def test_a_plan_takes_what_was_found(toys, monkeypatch, capsys):
    """Bytes a token of the text at hand go before the paper's."""
    found = experiment("table1", Tokens("EqualInfoAC[b=16, v=256]"))
    planned = experiment("figure1", SCALES["smoke"].trained("EqualInfoAC[b=16, v=256]"))
    monkeypatch.setattr(registry, "EXPERIMENTS", (found, planned))
    monkeypatch.setattr(registry, "CLAIMS", ())

    def ratio():
        out = run(capsys, "reproduce", "figure1", "--plan", "--json", "--out", "out")[1]
        return json.loads(out)["runs"][0]["bytes_per_token"]

    assert ratio() == 2.66
    out = run(capsys, "reproduce", "table1", "--out", "out", "--jobs", "1", "--json")[1]
    train = json.loads(out)["results"]["table1"][0]["train"]
    assert ratio() == train["bytes"] / train["tokens"] != 2.66


def test_scale_paper_starts_when_told_to(planned_toys, capsys):
    assert "scale paper needs text" in refused(capsys, "reproduce", "--scale", "paper", "--start")


# Pages.


def test_cells():
    shown = [(None, ".3f", "–"), (None, "", "–"), (-0.0004, ".3f", "0.000"), (-0.5, ".3f", "−0.500")]
    shown += [(1234567, ",", "1,234,567"), (-1234, ",", "−1,234"), (0.5, ".1%", "50.0%"), ("a-b", "", "a-b")]
    for value, form, text in shown:
        assert page.cell(value, form) == text


def test_a_page(tmp_path):
    columns = (("tokenizer", "tokenizer", ""), ("gain", "gain", ".2f"), ("paper_gain", "the paper's", ".2f"))
    each = experiment("table9", columns=columns, units={"gain": "bits/byte"}, notes=("shorter",), draw=draw)
    about = {"documents": 1, "bytes": 1000, "sha256": "ab" * 32}
    settings = {"scale": "smoke", "seeds": [0, 1], "train": [about], "held_out": [about], "m1": "cd" * 32}
    rows = [
        {"tokenizer": "AC[v=256] of a|b", "gain": -0.5, "paper_gain": None},
        {"tokenizer": "Bytes", "gain": 1.0, "paper_gain": 2.0},
    ]
    environment = {"eiwref": "0", "cores": 2}
    made = Result(
        "table9", "Table 9: a toy", "eiwref", settings | {"backend": "numpy"}, {}, rows, 1.0, environment
    )
    text = page.markdown(each, made)
    assert "| tokenizer | gain | the paper's |\n|---|---:|---:|\n" in text
    assert "| `AC[v=256]` of a\\|b | −0.50 | – |\n| Bytes | 1.00 | 2.00 |\n" in text
    assert "Departures from the paper:\n\n- shorter\n" in text
    assert "- *gain*: bits/byte\n" in text
    assert "![Table 9: a toy](table9.png)" in text
    assert "these figures mean nothing" in text
    assert "Seeds 0, 1." in text
    assert "mean nothing" not in page.made_on(made.settings | {"scale": "laptop"})


# Bad input.


def test_what_is_not_known_is_a_sentence(toys, capsys):
    expected = "no table, figure or claim of ours, expected one of figure1, table7, figure2, table8, C01"
    for name in ("table99", "C31", "", "figure"):
        assert expected in refused(capsys, "reproduce", "figure1", name)
    assert refused(capsys, "reproduce", "figure1", "--scale", "huge")
    assert list(toys.iterdir()) == []


def documents(path, *texts):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    path.write_bytes(gzip.compress(lines.encode()))


def test_a_document_on_both_sides(toys, capsys):
    documents(toys / "a.json.gz", "one text", "another", "a third")
    documents(toys / "b.json.gz", "something else", "another")
    sentence = refused(
        *(capsys, "reproduce", "figure1", "--text", "a.json.gz", "--held-out", "b.json.gz", "--out", "out")
    )
    assert "1 documents stand both in the training and in the held-out text" in sentence
    documents(toys / "b.json.gz", "something else", "")
    options = ("--text", "a.json.gz", "--held-out", "b.json.gz", "--out", "out", "--jobs", "1")
    assert run(capsys, "reproduce", "figure1", *options)[0] == 0


def test_no_text(toys, capsys):
    documents(toys / "empty.json.gz", "", "")
    documents(toys / "a.json.gz", "one text")
    for train, held_out in (("empty", "a"), ("a", "empty")):
        options = ("--text", f"{train}.json.gz", "--held-out", f"{held_out}.json.gz", "--out", "out")
        assert "empty.json.gz: there is no text" in refused(capsys, "reproduce", "figure1", *options)
    assert "missing: cannot be read" in refused(capsys, "reproduce", "figure1", "--text", "missing")
    for scale in ("laptop", "gpu"):
        sentence = refused(capsys, "reproduce", "figure1", "--scale", scale, "--text", "a.json.gz")
        assert f"scale {scale} needs text, name it with --text and --held-out" in sentence


def test_too_little_text(toys, monkeypatch, capsys):
    """It says how much there is and how much is needed, and what has enough is run."""
    context = SCALES["smoke"].context
    job = SCALES["smoke"].trained("Bytes", amount=200)
    monkeypatch.setattr(registry, "EXPERIMENTS", (experiment("figure1", job), experiment("figure2", Square(2))))
    monkeypatch.setattr(registry, "CLAIMS", ())
    (toys / "text").write_bytes(b"x" * (context - 2))
    code, _, err = run(capsys, "reproduce", "--text", "text", "--out", "out", "--jobs", "1")
    assert code == 2
    failed, missing = err.splitlines()[-2:]
    assert failed.startswith("eiwref: trained (tokenizer=Bytes, size=mini, ")
    assert f"the text is {context - 1} symbols long, shorter than one piece of {context}; give more" in failed
    assert missing == "eiwref: figure1: is not made, as some of its runs failed"
    assert (toys / "out" / "figure2.json").exists()
    (toys / "text").write_bytes(b"x" * (context - 1))
    assert run(capsys, "reproduce", "--text", "text", "--out", "out", "--jobs", "1")[0] == 0
    # What is told before the run is what the run then takes.
    (found,) = Result.load(toys / "out" / "figure1.json").rows
    out = run(capsys, "reproduce", "--plan", "--json", "--text", "text", "--out", "out")[1]
    (told,) = json.loads(out)["runs"]
    names = {"steps": "steps", "tokens": "tokens_seen", "bytes": "bytes_seen", "flops": "training_flops"}
    for name, of_run in (names | {"flops_with_output": "training_flops_with_softmax"}).items():
        assert told[name] == found[of_run], name


def test_an_output_folder_that_is_none(toys, capsys):
    (toys / "out").write_text("a file")
    assert "is not a folder, expected one to write to" in refused(capsys, "reproduce", "figure1", "--out", "out")
    assert "cannot be written to" in refused(capsys, "reproduce", "figure1", "--out", "/proc/eiwref")


def test_a_damaged_run_is_a_sentence(made, capsys):
    path = next((made / "runs").glob("square-*.json"))
    path.write_text("{")
    sentence = refused(capsys, "reproduce", "figure1", "figure2", "--out", "out", "--jobs", "1")
    assert sentence.endswith(f"{path.name}: is not the result it is named for, or is damaged; delete it")
    path.unlink()
    assert run(capsys, "reproduce", "figure1", "figure2", "--out", "out", "--jobs", "1")[0] == 0


def test_a_missing_library_is_told_before_anything_is_run(toys, monkeypatch, capsys):
    monkeypatch.setattr(
        registry, "EXPERIMENTS", (experiment("figure1", Square(1), Refused(1), Tokens("SentencePiece[v=1k]")),)
    )
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    assert "pip install 'eiwref[subword]'" in refused(capsys, "reproduce", "all", "--out", "out")
    assert list((toys / "out" / "runs").iterdir()) == []
