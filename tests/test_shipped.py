"""What travels with the package: the M1, its codebook, a better codebook, and what is the default."""

import json
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import PredictorError
from eiwref.evaluate import measure_m1
from eiwref.files import data_path
from eiwref.predictors import store
from eiwref.predictors.integer import IntegerNetwork
from eiwref.predictors.store import digest, dump
from eiwref.tokenizers.container import pack, unpack
from eiwref.windows import StopCell, lockstep
from tests.test_cli import here, refused, run  # noqa: F401

TEXTS = [text[:400] for text in builtin.documents("held-out")[:3]] + [b"", b"\x00\xff", "naïve, ночь".encode()]
SPEC = "EqualInfoAC[b=16, v=65k]"


@pytest.fixture(scope="module")
def m1():
    return eiwref.shipped("m1")


@pytest.mark.parametrize("name", store.SHIPPED)
def test_each_is_the_one_its_record_describes(name):
    record = json.loads(data_path(f"{name}.json").read_text())
    packed = data_path(f"{name}.safetensors").read_bytes()
    assert len(packed) == record["file_bytes"]
    assert len(packed) <= {"m1": 16_000_000}.get(name, 1_000_000)
    assert digest(eiwref.shipped(name)) == record["digest"]
    assert "/" not in record["command"]


def test_the_default_is_the_m1_in_integers():
    """In a process of its own: these tests have another default."""
    code = (
        "import eiwref; tokenizer = eiwref.tokenizer('AC[v=256]'); ids = tokenizer.encode('Text in, text out.');"
        "assert tokenizer.decode(ids) == 'Text in, text out.'; print(tokenizer.predictor_digest)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == digest(eiwref.shipped("m1")), done.stderr


def test_no_network_is_run_for_windows_of_16_bits(m1, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was run")

    fresh = IntegerNetwork(m1.network, m1.counts)
    monkeypatch.setattr(fresh.network, "step", refuse)
    for spec in (SPEC, "EqualInfoAC[b=16, v=256]"):
        tokenizer = eiwref.tokenizer(spec, fresh)
        ids = tokenizer.encode_batch(TEXTS)
        assert tokenizer.decode_batch(ids) == TEXTS
        assert all(np.array_equal(tokenizer.encode(text), own) for text, own in zip(TEXTS, ids, strict=True))
        assert [tokenizer.decode_bytes(own) for own in ids] == TEXTS
    wider = eiwref.tokenizer("EqualInfoAC[b=24, v=256]", fresh)
    with pytest.raises(AssertionError, match="the network was run"):
        wider.encode(b"a")


def test_the_codebook_gives_the_scalar_windows_of_the_m1(m1):
    scheme = StopCell(m1.over(256), 16)
    tokenizer = eiwref.tokenizer(SPEC, m1)
    for text in (*TEXTS[:2], TEXTS[-1]):
        assert tokenizer.encode(text[:120]).tolist() == [window.code for window in scheme.segment(text[:120])]
    codes = np.random.default_rng(0).integers(0, 1 << 16, 200)
    texts = [decoded.text for decoded in lockstep.texts(scheme, codes.tolist())]
    assert texts == [tokenizer.codebook.texts[code] for code in codes]


@pytest.mark.slow
def test_the_codebook_is_what_grows_from_the_m1_here(m1):
    grown = type(eiwref.tokenizer(SPEC, m1).codebook).grow(StopCell(m1.over(256), 16))
    assert digest(grown) == digest(eiwref.shipped("codebook"))


def test_the_likeliest_windows_need_no_predictor():
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k, windows=likeliest]")
    assert tokenizer.predictor_digest == digest(eiwref.shipped("likeliest"))
    ids = tokenizer.encode_batch(TEXTS)
    assert tokenizer.decode_batch(ids) == TEXTS


def test_by_name_and_only_by_name(here, capsys, m1):  # noqa: F811
    assert digest(eiwref.load_predictor("ngram")) == digest(eiwref.shipped("ngram"))
    (here / "ngram").write_bytes(dump(m1))  # a file of that name comes first
    assert digest(eiwref.load_predictor("ngram")) == digest(m1)
    with pytest.raises(PredictorError, match="no predictor called 'm2' is shipped, expected one of m1, ngram"):
        eiwref.shipped("m2")
    assert "cannot be read" in refused(capsys, "windows", "text", "--predictor", "m2")


@pytest.mark.parametrize("name", ["m1", "ngram"])
def test_a_file_is_decoded_under_whichever_shipped_one_made_it(name):
    spec = "EqualInfoAC[b=24, v=65k]"
    packed = pack(eiwref.tokenizer(spec, eiwref.shipped(name)), TEXTS[0])
    assert unpack(packed) == (TEXTS[0], spec)


def test_bits_by_position(m1):
    """Against the distributions one by one; and a longer context is worth having."""
    texts = [TEXTS[0][:300], b"short", b""]
    found = measure_m1(m1, texts)
    bits = np.zeros(256)
    for text in texts:
        symbols = [*text, 256]
        for begin, end in pairwise([*range(0, len(symbols), 256), len(symbols)]):
            state = m1.start()
            for place, symbol in enumerate(symbols[begin:end]):
                if place:
                    state = m1.advance(state, symbols[begin + place - 1])
                cumulative = m1.cdf(state)
                bits[place] += 16 - np.log2(cumulative[symbol + 1] - cumulative[symbol])
    assert found["bits_per_byte"] == pytest.approx(bits.sum() / 305)
    assert found["bits_per_symbol_after"]["255"] == pytest.approx(bits[255])
    assert found["bits_per_symbol_after"]["0"] == pytest.approx(bits[0] / 4)
    assert found["bits_per_byte_sliding"] < found["bits_per_byte"]


def test_eval_of_an_m1(here, capsys):  # noqa: F811
    (here / "text").write_bytes(TEXTS[0] + b" ")
    code, out, _ = run(capsys, "eval", str(data_path("m1-tiny.safetensors")), "text", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["bytes"] == 401
    assert found["bytes_per_token AC[v=256]"] > 1
    assert found["texts"][0]["name"] == "text"
    assert "is a predictor without a network" in refused(capsys, "eval", "ngram", "text")
