"""Golden values of the M1 in integers, reproduced here by every way, and in processes of other settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eiwref import doctor
from eiwref.files import data_path
from eiwref.nn.integer import IntegerTransformer
from eiwref.predictors.store import load_predictor
from tests.references import make_determinism
from tests.test_cli import run

GOLDEN = json.loads(data_path("golden.json").read_text())["m1-tiny"]
CHECKOUT = Path(__file__).parent.parent


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "BATCHES", (7,))
    monkeypatch.setattr(doctor, "THREADS", ())
    monkeypatch.setattr(doctor, "SPECS", doctor.SPECS[:1])


def test_many_ways_give_the_golden_frequencies(monkeypatch):
    monkeypatch.setattr(doctor, "BATCHES", (2, 7))
    found = {way: doctor.sha256_of(rows) for way, rows in doctor.ways(load_predictor(data_path(doctor.INTEGER)))}
    assert len(found) == 8
    assert set(found.values()) == {GOLDEN["frequencies"]}


def test_this_machine_decodes_what_others_encoded(capsys, quick):
    code, out, _ = run(capsys, "doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["agrees"]
    assert [row["agrees"] for row in found["checks"]] == [True] * 10
    assert len(found["float"]) == 4
    assert all(0 <= row["share"] <= 1 for row in found["float"])
    assert doctor.lines(found)[0] == "this machine decodes what others encoded: all 10 checks agree"


def test_a_machine_that_computes_otherwise_is_found_out(capsys, quick, monkeypatch):
    """One that leaves digits out of a division, now and then."""
    sound = IntegerTransformer._shares_of

    def wrong(self, scores, bias):
        shares = sound(self, scores, bias)
        return shares - (shares % 7 == 6).astype(np.float32)

    monkeypatch.setattr(IntegerTransformer, "_shares_of", wrong)
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    assert out.startswith("this machine does NOT decode what others encoded: frequencies, at once; ")
    assert "the network is" not in out


def test_a_decoder_that_goes_astray_is_a_check_that_fails(monkeypatch):
    class Astray:
        def decode_bytes(self, ids):
            raise doctor.EiwrefError("no such code")

    assert not doctor._decodes(Astray(), [])


def test_a_damaged_network_is_refused(capsys, monkeypatch, tmp_path):
    packed = data_path(doctor.INTEGER).read_bytes()
    (tmp_path / "m1").write_bytes(packed[:-8] + bytes(8))
    monkeypatch.setattr(doctor, "INTEGER", tmp_path / "m1")
    code, out, err = run(capsys, "doctor")
    assert (code, out) == (2, "")
    assert "is damaged, its digest" in err


def test_fingerprints_tell_positions_apart():
    rows = np.arange(24).reshape(2, 3, 4)
    changed = rows.copy()
    changed[1, 2, 3] += 1
    assert doctor.differing(doctor.fingerprints(rows), doctor.fingerprints(rows)) == 0
    assert doctor.differing(doctor.fingerprints(rows), doctor.fingerprints(changed)) == 1 / 6


@pytest.mark.parametrize(
    "setting",
    [
        {"OPENBLAS_NUM_THREADS": "4", "OPENBLAS_CORETYPE": "Nehalem"},
        {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": "X86_V3 AVX2 FMA3"},
    ],
    ids=str,
)
def test_other_kernels_give_the_golden_frequencies(setting):
    """A name that this NumPy or processor does not know is passed over with a warning."""
    code = (
        "from eiwref import doctor; from eiwref.predictors.store import load_predictor;"
        "m1 = load_predictor(doctor.data_path(doctor.INTEGER)); print(doctor.sha256_of(next(doctor.ways(m1))[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | setting, cwd=CHECKOUT, capture_output=True, text=True
    )
    if done.returncode < 0:
        pytest.skip("this processor has no such instructions")
    assert done.stdout.strip() == GOLDEN["frequencies"], done.stderr


def test_the_matrix_of_record_has_no_mismatch():
    found = json.loads(data_path("results/determinism.json").read_text())
    assert found["golden"] == GOLDEN["frequencies"]
    assert found["mismatches"] == 0
    assert found["cells"] >= 200
    assert len({row["numpy"] for row in found["rows"]}) >= 2
    assert found["float_cells_that_differ"] > 0


@pytest.mark.slow
def test_the_whole_matrix():
    assert make_determinism.make([sys.executable])["mismatches"] == 0
