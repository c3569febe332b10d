"""The README's figures are those of the committed files. (Its example is run as a doctest.)"""

import json
import math
import re
from pathlib import Path

import eiwref
from eiwref.nn import sizes
from eiwref.reproduce import draw_ledger, ledger, registry
from eiwref.reproduce.cost import with_needs
from eiwref.reproduce.generation import Speed
from eiwref.reproduce.scales import SCALES

CHECKOUT = Path(eiwref.__file__).parent.parent
WAYS = ("", ", windows=greedy", ", windows=delay")
README = (CHECKOUT / "README.md").read_text()


def test_the_finding_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "greedy.json").read_text())["verify"]["rows"]
    found = {row["tokenizer"]: row for row in rows}
    lines = re.findall(
        r"^\| (\d+) \| ([\d.]+) % of ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| \*\*([\d.]+)\*\* \|$", README, re.M
    )
    assert [int(line[0]) for line in lines] == [16, 24, 32, 64, 128]
    for bits, share, windows, *bytes_per_window in lines:
        schemes = [f"EqualInfoAC[b={bits}, v=256{end}]" for end in (", windows=greedy", ", windows=delay", "")]
        greedy, delay, stop = (found[scheme] for scheme in schemes)
        assert share == f"{100 * greedy['failed_windows'] / greedy['windows']:.1f}"
        assert windows == f"{greedy['windows']:,}"
        assert bytes_per_window == [f"{row['bytes'] / row['windows']:.3f}" for row in (greedy, delay, stop)]
        assert delay["lossless"]
        assert stop["lossless"]
        assert stop["windows"] < greedy["windows"]  # so its tokens hold more, as under the other predictors:
    wrong = []
    for run in json.loads((CHECKOUT / "data" / "results" / "price.json").read_text())["runs"]:
        windows = {row["tokenizer"]: row["windows"] for row in run["verify"]["rows"]}
        shares = [row["failed_windows"] / row["windows"] for row in run["verify"]["rows"] if row["failed_windows"]]
        wrong.append(f"{100 * min(shares):.1f} to {100 * max(shares):.1f}")
        for bits in (16, 24, 32, 64, 128):
            name = f"EqualInfoAC[b={bits}, v=256"
            assert windows[f"{name}]"] < windows[f"{name}, windows=greedy]"]
    assert f"where greedy decodes {wrong[0]}, {wrong[1]} and {wrong[2]} % of\nwindows wrongly" in README
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "windows.json").read_text())["rows"]
    shares = [100 * row["failed_inside"] for row in rows if row["failed_inside"]]
    assert f"inside\nthe text with [{min(shares):.1f} to {max(shares):.1f} %]" in README
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "exactness.json").read_text())["rows"]
    assert all(row["stop"] > row["greedy"] for row in rows)
    rounding = json.loads((CHECKOUT / "data" / "results" / "rounding.json").read_text())
    longer = rounding["to the nearest"]["bytes_per_window"] / rounding["rounded down"]["bytes_per_window"] - 1
    assert f"makes windows of 16 bits {100 * longer:.0f} % longer" in README


def test_line_counts_are_right():
    rows = re.findall(r"^\| (`eiwref/.*?) \| (\d+) \|", README, re.M)
    assert len(rows) > 5
    for names, lines in rows:
        files = [CHECKOUT / name for name in re.findall(r"`([^`]+)`", names)]
        assert sum(len(file.read_text().splitlines()) for file in files) == int(lines), names


def test_every_link_leads_somewhere():
    for page in ("README.md", "data/README.md", "data/results/LEDGER.md"):
        for target in re.findall(r"\]\((?!http)([^)]+)\)", (CHECKOUT / page).read_text()):
            assert (CHECKOUT / page).parent.joinpath(target).exists(), (page, target)


def test_the_three_seeds_are_the_committed_results():
    seeds = [
        {row["tokenizer"]: row for row in json.loads(path.read_text())["rows"]}
        for path in sorted((CHECKOUT / "data" / "results" / "walk").glob("seed-*.json"))
    ]
    pattern = r"^\| `(.*?)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([−+][\d., −+]+) \| (\d+) \| ([\d.]+) \|$"
    lines = re.findall(pattern, README, re.M)
    assert [line[0] for line in lines] == list(seeds[0])
    for spec, uniform, unigram, m2, gains, seen, paper in lines:
        names = ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte")
        assert (uniform, unigram, m2) == tuple(f"{seeds[0][spec][name]:.3f}" for name in names)
        found = [rows[spec]["bits_per_byte"] - rows[spec]["unigram_bits_per_byte"] for rows in seeds]
        assert gains == ", ".join(f"{gain:+.3f}".replace("-", "−") for gain in found)
        assert seen == f"{seeds[0][spec]['bytes_seen'] / 1e3:.0f}"
        assert paper == f"{seeds[0][spec]['paper_bits_per_byte']:.2f}"
    assert len(seeds) == 3
    assert f"{seeds[0]['EqualInfoAC[b=16, v=65k]']['tokens_seen']:,} tokens" in README
    # What is to be seen in them.
    for rows in seeds:
        windows = rows["EqualInfoAC[b=16, v=256]"]
        assert windows["bits_per_byte"] < windows["unigram_bits_per_byte"] - 0.05
        assert abs(rows["AC[v=256]"]["bits_per_byte"] - rows["AC[v=256]"]["uniform_bits_per_byte"]) < 0.02


def test_the_longer_run_is_the_committed_result():
    runs = json.loads((CHECKOUT / "data" / "results" / "c4.json").read_text())["runs"]
    trained = {run["file"]: run for run in runs if "file" in run}
    measured = {run["tokenizer"]: run for run in runs if "tokenizer" in run}
    lines = re.findall(
        r"^\| `(.*?)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) MB \| ([\d,]+) \|$", README, re.M
    )
    assert [line[0] for line in lines] == list(measured)
    for spec, uniform, unigram, m2, seen, parameters in lines:
        names = ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte")
        assert (uniform, unigram, m2) == tuple(f"{measured[spec][name]:.3f}" for name in names)
        assert float(m2) < float(unigram)
        made = trained[measured[spec]["command"].split()[2]]
        assert (seen, parameters) == (
            f"{made['bytes_seen'] / 1e6:.1f}",
            f"{made['parameters_without_embeddings']:,}",
        )


def test_the_settings_are_those_of_the_committed_result():
    found = json.loads((CHECKOUT / "data" / "results" / "determinism.json").read_text())
    assert f"{found['mismatches']} of {found['cells']} differing" in README
    assert f"differed in {found['float_cells_that_differ']} of {found['float_cells']}" in README
    assert f"up to {100 * found['float_largest_share']:.1f} % of all positions" in README


def test_speeds_are_the_committed_result():
    runs = json.loads((CHECKOUT / "data" / "results" / "bench.json").read_text())["runs"]
    known = {
        f"{row['ours']:.1f} {row['unit']} | {row['peer']:.1f} ({row['peer_name']}) | {row['ratio']:.2f}"
        for run in runs
        for row in run["rows"]
        if row["peer"]
    }
    lines = re.findall(r"^\| [^|]+ \| ([\d.]+ (?:MB/s|million symbols/s|tokens/s) \| .*) \|$", README, re.M)
    assert len(lines) == 17
    assert set(lines) <= known
    for case in ("encode, many documents", "encode, one document", "decode, many documents"):
        rows = [row for row in runs[0]["rows"] if row["case"] == case and not row["peer_name"].startswith("zlib")]
        assert max(rows, key=lambda row: row["peer"])["peer_name"] == "tiktoken"


def test_the_newer_speeds_of_training_are_the_committed_results():
    runs = json.loads((CHECKOUT / "data" / "results" / "bench-train.json").read_text())["runs"]
    ratios = {}
    for run in runs:
        for row in run["rows"]:
            ratios.setdefault((*row["case"].split(", "), row["peer_name"]), []).append(row["ratio"])
    peers = {
        "eager": "PyTorch, eager",
        "compiled": "PyTorch, compiled",
        "a shard a Python thread": "PyTorch, a shard a Python thread",
        "matrix product": "NumPy's matrix product, float32",
    }
    lines = re.findall(r"^\| (?!training)(.+), (1 core|2 cores) \| (.+) \| (.+) \| (.+) \|$", README, re.M)
    assert len(lines) == 7
    for peer, cores, *shown in lines:
        told = [", ".join(f"{ratio:.2f}" for ratio in ratios[name, cores, peers[peer]]) for name in "ABS"]
        assert shown == told, (peer, cores)
    assert {run["settings"]["cores"] for run in runs} == {2}


def test_what_became_of_the_laptops_runs_is_told():
    """How long they took, and what some of them give again by the step as it is now."""
    results = CHECKOUT / "data" / "results"
    runs = {}
    for folder in ("laptop", "laptop-again"):
        found = [json.loads(path.read_text()) for path in sorted((results / folder / "runs").glob("*.json"))]
        runs[folder] = {run["key"]: run for run in found}
    first, again = runs["laptop"], runs["laptop-again"]
    spent = sum(run["seconds"] for run in first.values())
    assert f"The {len(first)} runs took {spent / 3600:.1f} core-hours" in README
    assert f"{spent / 3600 / 4:.1f} hours on four of them" in README
    timed = {
        json.dumps(job.describe(), sort_keys=True)
        for job in with_needs(registry.jobs(registry.asked(["table10", "table17", "speed"]), SCALES["laptop"]))
        if not isinstance(job, Speed)
    }
    timed = {key for key, run in first.items() if json.dumps(run["job"], sort_keys=True) in timed}
    assert timed <= again.keys()
    kinds = {}  # seconds of all runs, and of those that were timed again, then and now
    for key, run in first.items():
        job = run["job"]
        own = kinds.setdefault((job["kind"], "65k" in json.dumps(job), job.get("size")), [0.0, 0.0, 0.0])
        own[0] += run["seconds"]
        if key in timed:
            own[1] += run["seconds"]
            own[2] += again[key]["seconds"]
    then, now = (sum(own[i] for own in kinds.values()) / 3600 for i in (1, 2))
    at_this_rate = sum(whole * (now / then if then else 1) for whole, then, now in kinds.values()) / 3600
    assert f"{len(timed)} runs that took {then:.1f} core-hours took {now:.1f}" in README
    assert f"{at_this_rate:.1f} core-hours, {at_this_rate / 4:.1f} hours on four such cores" in README
    trained = {
        key: run["result"]["bits_per_byte"] for key, run in again.items() if "bits_per_byte" in run["result"]
    }
    apart = sorted(abs(bits / first[key]["result"]["bits_per_byte"] - 1) for key, bits in trained.items())
    told = f"of {len(apart)} M2s trained again {len(apart) - 1} come within {100 * apart[-2]:.2f} % of their"
    assert told in README
    assert f"one that learned nothing of single bits within {100 * apart[-1]:.1f} %" in README
    others = [key for key, run in again.items() if run["job"]["kind"] in ("tokens", "trimmed")]
    assert all(again[key]["result"] == first[key]["result"] for key in others)
    steps = json.loads((results / "step-65k.json").read_text())["rows"]
    step, held_out = (
        [row["now_over_before"] for row in steps if row["case"] == case] for case in ("step", "held-out text")
    )
    assert "a step under 65k ids takes {:.2f} and {:.2f} times as long as before".format(*step) in README
    assert "held-out text {:.2f} and {:.2f} times".format(*held_out) in README


def test_the_m1s_figures_are_the_committed_results():
    data = {
        name: json.loads((CHECKOUT / "data" / f"{name}.json").read_text())
        for name in ("m1", "likeliest", "results/m1", "results/m1-float", "results/determinism-documents")
    }
    integers, floats = data["results/m1"], data["results/m1-float"]
    assert integers["m1"] == data["m1"]["digest"]
    assert floats["m1"] == data["m1"]["float"]["digest"]
    assert abs(integers["bits_per_byte"] / floats["bits_per_byte"] - 1) < 0.01
    for row, name in (("pieces of 256 bytes", ""), ("at least 128 bytes before each", "_sliding")):
        shown = f"{floats['bits_per_byte' + name]:.3f} | {integers['bits_per_byte' + name]:.3f}"
        assert f"| bits/byte, {row} | {shown} |" in README
    held = {bits: integers[f"bytes_per_token EqualInfoAC[b={bits}, v=65k]"] for bits in (16, 32, 64, 128)}
    for bits, size in held.items():
        assert f"| {bits}-bit windows, bytes for each 16 bits | | {size:.2f} |" in README
    assert f"| AC, bytes a token of 8 bits | | {integers['bytes_per_token AC[v=256]']:.2f} | 5.49 |" in README
    assert f"| 16-bit windows, *likeliest* | | {data['likeliest']['bytes_per_window']:.2f} |" in README
    seen = sum(part["bytes_seen"] for part in data["m1"]["training"])
    assert f"[this project's own code](data/m1.json) on {seen / 1e6:.0f} MB" in README
    theirs = 2_500_000 * 128 * 1024  # steps, batch and context (section 3.2)
    assert f"saw some {round(theirs / seen, -2):,.0f} times as many bytes" in README
    texts = data["m1"]["training"][0]["texts"]
    once = sum(text["bytes"] for text in texts)
    assert f"({once / 1e6:.0f} MB of text; in the mix C4 stands four times, web text two or three times)" in README
    assert [text["times"] for text in texts] == [4, 2, 3, 1]
    settings = data["results/determinism-documents"]
    assert settings["all_equal"]
    assert settings["m1"] == data["m1"]["digest"]
    assert f"encoded under each of {settings['settings']} settings" in README


def test_the_speed_of_neural_compression_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "compress.json").read_text())["rows"]
    found = {row["case"].split()[0]: row for row in rows if row["peer_name"] == "PyTorch, 1024 at once"}
    assert f"{found['encode']['ours']:,.0f} bytes/s, {found['encode']['ratio']:.2f} times what PyTorch" in README
    assert f"back {found['decode']['ours']:,.0f} bytes/s, {found['decode']['ratio']:.2f} times" in README
    sharded = {row["case"].split()[0]: row["ratio"] for row in rows if "shard" in row["peer_name"]}
    assert f"({sharded['encode']:.2f} times, if it shards the texts over Python threads)" in README
    assert f"({sharded['decode']:.2f} times) ([data]" in README
    (at_once,) = (row["ratio"] for row in rows if "all positions at once" in row["peer_name"])
    assert f"is ahead: ours is {at_once:.2f} times as fast" in README
    earlier = json.loads((CHECKOUT / "data" / "results" / "compress-earlier.json").read_text())["rows"]
    peers = [
        next(row["peer"] for row in earlier if row["peer_name"] == name)
        for name in ("PyTorch, 1024 at once", "PyTorch, 1024 at once, a shard a Python thread")
    ]
    told = "{:,.0f} and {:,.0f} bytes/s in these two ways, against which it would be {:.2f} and {:.2f} times"
    assert told.format(*peers, *(found["decode"]["ours"] / peer for peer in peers)) in README


def test_what_a_byte_costs_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "flops.json").read_text())["rows"]
    for size in ("25m", "2b"):
        shown = [f"{row['mflops']:.1f} ({row['mflops_with_softmax']:.1f})" for row in rows if row["size"] == size]
        assert f"| {size} | {' | '.join(shown)} |" in README


def test_what_delay_costs_is_the_committed_result():
    table = json.loads((CHECKOUT / "data" / "results" / "laptop" / "table17.json").read_text())
    bits, unigram = (
        {row["tokenizer"]: row[name] for row in table["rows"]} for name in ("bits_per_byte", "unigram")
    )
    sentences = {
        "256": "reach {:.2f} bits/byte on stop-cell windows, {:.2f} on greedy ones\nand {:.2f} with delay (v=256;",
        "65k": "; {:.2f}, {:.2f} and {:.2f} at v=65k)",
    }
    counts = {
        "256": "where a unigram model has {:.2f}, {:.2f} and {:.2f} (",
        "65k": "({:.2f}, {:.2f} and\n{:.2f}; [data]",
    }
    for vocabulary in sentences:
        greedy, delay = (bits[f"EqualInfoAC[b=16, v={vocabulary}, windows={way}]"] for way in ("greedy", "delay"))
        assert f"from {greedy:.2f} to {delay:.2f} (v={vocabulary})" in README
        stop = bits[f"EqualInfoAC[b=16, v={vocabulary}]"]
        assert sentences[vocabulary].format(stop, greedy, delay) in README
        counted = [unigram[f"EqualInfoAC[b=16, v={vocabulary}{way}]"] for way in WAYS]
        assert counts[vocabulary].format(*counted) in README
        assert greedy < stop < delay
    held = {row["tokenizer"]: row["unigram"] * row["bytes_per_token"] for row in table["rows"]}
    held = [f"{held[f'EqualInfoAC[b=16, v=65k{way}]']:.1f}" for way in WAYS]
    assert held[1] == held[2]
    assert "is worth {} bits to a unigram\nmodel, where greedy's and delay's are worth {},".format(*held) in README


def test_what_is_learned_of_decompressing_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "table5.json").read_text())["rows"]
    own, ac, alone = (
        next(row for row in rows if (row["tokenizer"], row["task"], row["size"]) == (*which, "small"))
        for which in (
            ("EqualInfoAC[b=16, v=256]", "decompress"),
            ("AC[v=256]", "decompress"),
            ("Bytes", "bytes alone"),
        )
    )
    early = "({:.0f} % against {:.0f} %; of AC {:.0f} %)"
    assert early.format(*(row["early_accuracy"] for row in (own, alone, ac))) in README
    gain = own["late_accuracy"] - alone["late_accuracy"]
    assert f"({gain:+.1f} points, p = {own['late_p']:.2f};" in README


def test_what_was_not_shown_is_told():
    claims = json.loads((CHECKOUT / "data" / "results" / "laptop" / "ledger.json").read_text())["claims"]
    found = [claim["id"] for claim in claims if claim["verdict"] == "not at this scale"]
    assert f"Not at this scale: {', '.join(found)}. " in README
    trends = {claim["id"]: claim["trend"] for claim in claims if claim["id"] in found}
    away = [name for name, trend in trends.items() if "towards the claim" not in trend]
    assert f"at all in {', '.join(away[:-1])} and {away[-1]}: these three" in README
    partly = [name for name, trend in trends.items() if "towards" in trend and "away from" in trend]
    assert f"in a part of {' and '.join(partly)}, and not" in README
    others = [name for name in found if name not in (*away, *partly)]
    assert f"towards the claim in {', '.join(others[:-1])} and {others[-1]}, in a part" in README
    assert [claim["id"] for claim in claims if claim["verdict"] == "contradicted"] == ["C27"]
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "figure3.json").read_text())["rows"]
    larger = {row["tokenizer"]: row for row in rows if row["size"] == "small"}
    windows = larger["EqualInfoAC[b=16, v=256]"]
    assert f"{windows['bits_per_byte']:.3f} bits/byte where a unigram model has {windows['unigram']:.3f}" in README


def test_what_short_pieces_are_worth_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "short_m1.json").read_text())["rows"]
    held = {
        (piece, bits): sum(row[f"window_{bits}"] for row in rows if row["piece"] == piece)
        for piece in (16, 128)
        for bits in (16, 32, 64, 128)
    }
    gains = [f"{100 * (held[16, bits] / held[128, bits] - 1):+.1f}" for bits in (16, 32, 64, 128)]
    assert "hold {}, {}, {} and {} % more text".format(*gains) in README


def test_what_more_text_shows_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "longer.json").read_text())["rows"]
    found = {row["tokenizer"]: row for row in rows}
    windows, ac, static = (found[name] for name in ("EqualInfoAC[b=16, v=256]", "AC[v=256]", "StaticAC[v=256]"))
    assert {row["amount"] for row in rows} == {24e6}
    told = f"come to {windows['bits_per_byte']:.3f} bits/byte on 16-bit windows, where a unigram model has "
    assert f"{told}{windows['unigram']:.3f}." in README
    assert (
        f"On AC they come to {ac['bits_per_byte']:.3f} and\non StaticAC to {static['bits_per_byte']:.3f}" in README
    )
    assert f"above uniform ({ac['uniform']:.3f} and {static['uniform']:.3f})" in README
    bits = found["AC[v=2]"]
    seen = f"{bits['tokens_seen'] / 1e6:.0f} million of them, which are {bits['bytes_seen'] / 1e6:.0f} MB of text"
    assert f"Single bits of AC, {seen}, cost them {bits['nats']:.4f} nats, and ln 2 is 0.6931" in README
    wider = [found[f"EqualInfoAC[b={bits}, v=256]"] for bits in (32, 64, 128)]
    assert all(min(row["each"]) > row["uniform"] for row in [ac, static, *wider])
    folder, of_the_text_seen = CHECKOUT / "data" / "results" / "laptop" / "runs", []
    for path in folder.glob("trained-*.json"):
        run = json.loads(path.read_text())
        if run["job"]["amount"] == 24e6 and run["job"]["tokenizer"] in ("AC[v=256]", "StaticAC[v=256]"):
            of_the_text_seen.append(run["result"]["training_curve"][-1][1])
    assert len(of_the_text_seen) == 6
    assert max(of_the_text_seen) < math.log(256)  # nats of a token: "partly memorise"


def test_how_fast_m2s_write_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "speed.json").read_text())["rows"]
    assert [sizes.config(name, 257, 128).parameters for name in ("tiny", "small")] == [98_304, 393_216]
    times = {(row["tokenizer"], row["size"]): row["times_bytes"] for row in rows if row["texts"] == 1}
    for name, sentence in (
        (
            "EqualInfoAC[b=16, v=256]",
            "writes {:.1f} times the bytes/s of one over bytes at 98,304 parameters, {:.1f} times at 393,216;",
        ),
        ("SentencePiece[v=8k]", "subwords {:.1f} and {:.1f} times"),
        ("EqualInfoAC[b=16, v=65k]", "windows with 65k ids {:.1f} and {:.1f} times"),
    ):
        assert sentence.format(times[name, "tiny"], times[name, "small"]) in README
    windows = [times["EqualInfoAC[b=16, v=256]", size] for size in ("tiny", "small")]
    over = [own / times["SentencePiece[v=8k]", size] for own, size in zip(windows, ("tiny", "small"), strict=True)]
    assert "windows are {:.2f} and {:.2f} times as fast as those".format(*over) in README
    by_m1 = {
        row["size"]: row["times_bytes_by_m1"] for row in rows if row["texts"] == 1 and "v=256" in row["tokenizer"]
    }
    assert (
        "decoded by M1 at every byte, as the paper does, {:.2f} and {:.2f} times".format(*by_m1.values()) in README
    )


def test_the_verdicts_are_those_of_the_ledger():
    claims = json.loads((CHECKOUT / "data" / "results" / "laptop" / "ledger.json").read_text())["claims"]
    counted = ", ".join(draw_ledger.counted(claims, verdict) for verdict in ledger.VERDICTS)
    assert f"Scale `laptop` has judged all {len(claims)}: {counted}." in README


def test_texts_are_those_of_the_committed_results():
    """What M1, n-gram, codebook and the laptop runs were made of stands in the list, if it is not built in."""
    listed = (CHECKOUT / "data" / "README.md").read_text()
    settings = json.loads((CHECKOUT / "data" / "results" / "laptop" / "table2.json").read_text())["settings"]
    texts = [*settings["train"], *settings["held_out"]]
    for name in ("m1", "ngram", "likeliest"):
        made = json.loads((CHECKOUT / "data" / f"{name}.json").read_text())
        texts += [*made.get("texts", []), *(text for part in made.get("training", []) for text in part["texts"])]
    for text in texts:
        if not text.get("name", "").startswith("builtin:"):
            assert f"{text['documents']:,} | {text['bytes']:,} |" in listed
            assert f"`{text['sha256']}`" in listed
    for name in re.findall(r"`([\w.-]+\.(?:safetensors|json))`", listed):
        assert (CHECKOUT / "data" / name).exists(), name


def test_perplexity_at_equal_cost_is_the_committed_result():
    rows = json.loads((CHECKOUT / "data" / "results" / "laptop" / "perplexity.json").read_text())["rows"]
    few, many = (
        [row["change"] for row in rows if row["tokenizer"] == f"EqualInfoAC[b=16, v={v}]"] for v in ("256", "65k")
    )
    assert f"with 256 ids have a perplexity a byte {min(few):.0f} to {max(few):.0f} % higher than M2s" in README
    assert f"with 65k ids, which learned nothing, {min(many):.0f} to {max(many):.0f} %" in README
    assert [row["both_learned"] for row in rows] == ["256" in row["tokenizer"] for row in rows]
    assert {row["equal"] for row in rows} == {"training", "inference"}


def test_what_texts_share_is_the_committed_result():
    runs = json.loads((CHECKOUT / "data" / "results" / "overlap.json").read_text())["runs"]
    learned, held_out, from_m2 = (run["shared_bytes"] for run in runs)
    told = f"{held_out} bytes of the 1.1 MB held out stand in what M1 learned from and {from_m2} in what M2s did"
    assert f"{told}; of the text that M2s learned from, {learned:,} bytes stand in M1's" in README
    files = {text["name"]: text["sha256"] for run in runs for name in ("texts", "others") for text in run[name]}
    listed = (CHECKOUT / "data" / "README.md").read_text()
    assert all(f"| `{name}` |" in listed and digest in listed for name, digest in files.items())
