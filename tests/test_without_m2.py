"""What `reproduce` finds without an M2: round trips, stability, uniformity, prices; and the claims on them."""

import math
from collections import Counter
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref import doctor, verify
from eiwref.corpus import builtin
from eiwref.reproduce import edits, entropy, price, ratios, round_trips, stability, stability_claims, uniformity
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED
from eiwref.reproduce.scales import SCALES
from eiwref.tokenizers import tokenizer

TEXT = builtin.documents("held-out")[0]
CLAIMS = {
    claim.id: claim for module in (ratios, round_trips, stability_claims, uniformity) for claim in module.CLAIMS
}


def place(held_out, train=(), predictor=None):
    """What a job sees of a grid, with no files."""
    texts = {"held_out": list(held_out), "train": list(train)}
    return SimpleNamespace(
        material=SimpleNamespace(texts=texts.__getitem__, tokenizer=lambda spec: tokenizer(spec, predictor))
    )


# --- entropy and edits ---


@given(st.lists(st.integers(0, 50), min_size=1).filter(any))
def test_entropy_is_its_definition(counts):
    total = sum(counts)
    bits = -sum(count / total * math.log2(count / total) for count in counts if count)
    assert entropy.plug_in(np.array(counts)) == pytest.approx(bits, abs=1e-12)
    raised = bits + (len(counts) - 1) / (2 * total) / math.log(2)
    assert entropy.miller_madow(np.array(counts)) == pytest.approx(raised, abs=1e-12)


def test_miller_and_madow_take_the_bias_off():
    rng = np.random.default_rng(0)
    samples = [np.bincount(rng.integers(0, 64, 640), minlength=64) for _ in range(200)]
    plug_in, corrected = (np.mean([f(each) for each in samples]) for f in (entropy.plug_in, entropy.miller_madow))
    assert 6 - plug_in > 0.06
    assert abs(6 - corrected) < 0.004


def edit_distance(a, b):
    """By its definition."""

    @cache
    def least(i, j):
        if not i or not j:
            return i + j
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, least(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return least(len(a), len(b))


@given(st.lists(st.lists(st.integers(0, 3), max_size=7), max_size=5))
def test_edits_are_the_fewest(lists):
    found = edits.distances([np.array(each, dtype=np.uint32) for each in lists]).tolist()
    assert found == [edit_distance(a, b) for i, a in enumerate(lists) for b in lists[i + 1 :]]


# --- uniformity ---


@given(st.binary(max_size=40))
def test_strings_of_bits_are_counted(data):
    written = "".join(f"{byte:08b}" for byte in data)
    found = {
        (kind, n): counts for kind, n, counts in uniformity._counts(np.unpackbits(np.frombuffer(data, np.uint8)))
    }
    assert len(found) == 16 + 5
    for (kind, n), counts in found.items():
        step = 1 if kind == uniformity.GRAMS else n
        expected = Counter(written[at : at + n] for at in range(0, len(written) - n + 1, step))
        assert len(counts) == 1 << n
        assert {f"{value:0{n}b}": int(counts[value]) for value in np.flatnonzero(counts)} == expected


def test_windows_of_16_bits_stay_in_one_piece():
    assert [len(uniformity._trimmed(np.arange(n))) for n in range(6)] == [0, 0, 0, 2, 2, 4]


# --- round trips ---


@pytest.mark.parametrize("windows", ["stop", "greedy", "delay"])
def test_round_trips_count_what_verify_counts(windows):
    spec = round_trips.spec(24, windows)
    found = round_trips.RoundTrip(spec, 3000).make(place([TEXT[:1000], b"", TEXT[1000:4000]]))
    alone = [verify.round_trip(eiwref.tokenizer(spec), text) for text in (TEXT[:1000], TEXT[1000:3000])]
    assert found["windows"] == sum(row.windows for row in alone)
    assert found["failed_inside"] + found["failed_at_end"] == sum(row.failed_windows for row in alone)
    assert (found["bytes"], found["sequences"]) == (3000, 2)
    assert found["sequences_lost"] == sum(not row.lossless for row in alone) == 2 * (windows == "greedy")
    assert (found["failed_inside"] > 0) == (windows == "greedy")


def test_a_window_that_fails_at_the_end_alone_is_told_apart():
    """One that the end of the text closes, so that what its padding points to is read as more of it."""
    spec = "EqualInfoAC[b=16, v=256, windows=greedy]"
    scheme = eiwref.tokenizer(spec).scheme
    texts = (TEXT[at : at + size] for at in range(100) for size in (1, 2, 3))
    text = next(
        text
        for text in texts
        for windows in [list(scheme.segment(text))]
        if len(windows) == 1 and scheme.decode(windows[0].code).text != text
    )
    found = round_trips.RoundTrip(spec, 10).make(place([text]))
    assert (found["failed_inside"], found["failed_at_end"]) == (0, 1)
    assert (found["sequences_failed_inside"], found["sequences_lost"]) == (0, 1)


def test_an_encoder_that_works_floats_out_at_once(monkeypatch):
    monkeypatch.setattr(doctor, "BATCHES", (7,))
    monkeypatch.setattr(doctor, "THREADS", ())
    found = round_trips.Floats(300).make(place([TEXT]))
    assert found["sequences"] == 1
    assert set(found["lost"]) == set(round_trips.FLOAT_SPECS)
    assert max(row["share"] for row in found["shares"]) > 0
    # Whoever works them out in the same way reads what was written.
    monkeypatch.setattr(round_trips._AtOnce, "slices_along", eiwref.predictors.base.Predictor.slices_along)
    assert set(round_trips.Floats(100).make(place([TEXT]))["lost"].values()) == {0}


# --- stability ---


def test_what_follows_a_changed_word():
    job = stability.EditDistances(stability.WINDOWS, 4)
    found = job.make(place([], [b"the of and to in", b"the of and to the of and the of the"]))
    reader = eiwref.tokenizer(stability.WINDOWS)
    drawn = np.random.default_rng(0).permutation(5)[:4].tolist()
    words = [(b"the", b"of", b"and", b"to", b"in")[number] for number in drawn]
    ids = [tuple(reader.encode(word + b" " + stability.SENTENCE)) for word in words]
    expected = Counter(edit_distance(a, b) for i, a in enumerate(ids) for b in ids[i + 1 :])
    assert {distance: count for distance, count in enumerate(found["counts"]) if count} == expected
    assert found["sentences"] == 4


def test_the_sentence_comes_to_pieces_and_whole_again():
    found = stability.Sentence(stability.WINDOWS_65K).make(place([]))
    assert "".join(token["text"] for token in found["tokens"]).encode() == stability.SENTENCE
    halves = stability.Sentence(stability.WINDOWS).make(place([]))["windows"]
    assert [window["text"] for window in halves] == [token["text"] for token in found["tokens"]]


def test_first_tokens_mean_more_than_second_ones():
    found = stability.Meanings(stability.WINDOWS, 3, 1024).make(place(builtin.documents("held-out")))
    first, second = found["shared"]
    assert first > 4 * second
    assert [row["place"] for row in found["tokens"]] == [1, 2, 1, 2]
    token = found["tokens"][0]
    reader = eiwref.tokenizer(stability.WINDOWS)
    codes = [code for text in builtin.documents("held-out")[:3] for code in reader.scheme.segment(text[:1024])]
    assert len(token["texts"]) == sum(window.code >> 8 == token["token"] for window in codes)


# --- claims ---


def ratio_rows(values):
    return [{"tokenizer": name, "bytes_per_token": value} for name, value in values.items()]


def verdict(id, rows):
    found = CLAIMS[id].judge(rows)
    assert found.value
    assert found.trend or found.verdict != NOT_AT_THIS_SCALE
    return found.verdict


def test_rules_about_ratios():
    own = {"SentencePiece[v=8k]": 4.0, "EqualInfoAC[b=16, v=65k]": 5.0, "AC[v=256]": 5.0}
    assert verdict("C06", {"table12": ratio_rows(own)}) == REPRODUCED
    assert (
        "fewer ids than the paper's subwords, which hold 4.28"
        in CLAIMS["C06"].judge({"table12": ratio_rows(own)}).caution
    )
    own["EqualInfoAC[b=16, v=65k]"] = 3.9
    assert verdict("C06", {"table12": ratio_rows(own)}) == NOT_AT_THIS_SCALE
    own["AC[v=256]"] = 5.6
    assert verdict("C06", {"table12": ratio_rows(own)}) == CONTRADICTED
    order = dict(zip(ratios.BY_RATIO, (5.49, 4.61, 4.16, 3.49, 2.66, 1.73), strict=True))
    assert verdict("C20", {"table2": ratio_rows(order)}) == REPRODUCED
    order["EqualInfoAC[b=32, v=256]"] = 2.66
    assert verdict("C20", {"table2": ratio_rows(order)}) == CONTRADICTED
    gains = [{"tokenizer": name, "gain": 0.05} for name in ratios.BY_RATIO] + [
        {"tokenizer": "GZip[v=256]", "gain": 1}
    ]
    assert verdict("C19", {"table3": gains}) == REPRODUCED
    gains[2]["gain"] = 0.051
    assert verdict("C19", {"table3": gains}) == CONTRADICTED


def test_rules_about_round_trips():
    rows = [
        {
            "windows": name,
            "window_bits": b,
            "failed_inside": 0.0,
            "sequences_failed_inside": 0.0,
            "sequences_lost": 0.1 if name == "greedy" else 0.0,
        }
        for name in ("stop", "greedy", "delay")
        for b in (16, 32)
    ]
    assert verdict("C27", {"windows": rows}) == REPRODUCED
    rows[2]["sequences_failed_inside"] = 0.007
    assert verdict("C27", {"windows": rows}) == CONTRADICTED
    rows[2]["sequences_failed_inside"], rows[5]["sequences_lost"] = 0.006, 0.001
    assert verdict("C27", {"windows": rows}) == CONTRADICTED
    floats = [{"setting": f"way {i}", "of": "positions", "share": 0.0} for i in range(3)]
    floats.append({"setting": "AC: at once", "of": "sequences lost", "share": 0.5})
    assert verdict("C28", {"floats": floats}) == CONTRADICTED
    floats[1]["share"] = 0.001
    assert verdict("C28", {"floats": floats}) == REPRODUCED


def test_rules_about_stability():
    names = ("SentencePiece[v=8k]", stability.WINDOWS, stability.WINDOWS_65K, stability.AC)

    def judged(medians, tokens):
        rows = [
            {"tokenizer": name, "median": median, "mean": median, "share": median / count}
            for name, median, count in zip(names, medians, tokens, strict=True)
        ]
        return verdict("C15", {"figure8": rows})

    assert judged((2, 9, 5, 20), (27, 50, 25, 24)) == REPRODUCED
    assert judged((2, 21, 5, 20), (27, 50, 25, 24)) == NOT_AT_THIS_SCALE
    assert judged((2, 48, 5, 20), (27, 50, 25, 24)) == CONTRADICTED
    for shares, expected in (
        ((1.3, 0.1), REPRODUCED),
        ((1.2, 0.1), NOT_AT_THIS_SCALE),
        ((0.1, 0.1), CONTRADICTED),
    ):
        rows = [{"place": place, "shared": share} for place, share in enumerate(shares, 1)]
        assert verdict("C16", {"table8": rows}) == expected


def test_rules_about_uniformity():
    def judged(**medians):
        kl = dict.fromkeys(uniformity.STREAMS, 1e-5) | {
            uniformity.GZIP: medians["gzip"],
            uniformity.SHORT: medians["short"],
            uniformity.AC: medians["ac"],
        }
        rows = [
            {"tokenizer": name, "kind": uniformity.TOKENS, "n": n}
            | {f"miller_madow_{percentile}": k + shift for percentile, shift in ((5, -1e-5), (50, 0), (95, 1e-5))}
            for name, k in kl.items()
            for n in (4, 8)
        ]
        return verdict("C18", {"figure17": rows})

    assert judged(gzip=0.1, short=0.01, ac=2e-5) == REPRODUCED
    assert judged(gzip=0.1, short=0.01, ac=1e-3) == NOT_AT_THIS_SCALE
    assert judged(gzip=0.1, short=1e-5, ac=2e-5) == CONTRADICTED


def test_prices_are_the_papers_count():
    """Under the paper's own ratios and parameters its FLOPs come out, but for what its gated MLPs add."""
    found = {
        "bytes_per_token": 5.31,
        "vocabulary": 65536,
        "m1_parameters": 2_359_296,
        "m1_output_parameters": 256 * 257,
    }
    rows = price._flops_rows(SCALES["smoke"], SimpleNamespace(result=lambda job: found))
    by = {(row["size"], row["tokenizer"], row["way"]): row for row in rows}
    with_m1, without = (by["25m", price.WINDOWS, way] for way in (price.WITH_M1, price.BY_CODEBOOK))
    assert with_m1["mflops"] - without["mflops"] == pytest.approx(2 * 2.359296)
    assert without["mflops"] == pytest.approx(2 * 18_874_368 / 5.31 / 1e6)
    assert without["mflops_with_softmax"] == pytest.approx(2 * (18_874_368 + 512 * 65537) / 5.31 / 1e6)
    assert (with_m1["paper_mflops"], without["paper_mflops"]) == (15.42, None)
