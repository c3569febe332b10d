"""Makes data/results/determinism.json: the tiny M1s by every way, in processes of other settings and versions.

    python -m tests.references.make_determinism [PYTHON...]

Each PYTHON is another interpreter, with another NumPy say, that has the package's dependencies. A cell is one way
of `eiwref.doctor` in one process; a setting that the processor at hand cannot run is left out by name. Of the M1
in integers a cell that differs from the golden values is a mismatch; of the M1 in floats it is the share of
positions whose frequencies differ from the reference, the first way in the first process.
"""

import json
import os
import subprocess
import sys

from eiwref import doctor
from eiwref.experiments.result import environment
from eiwref.files import data_path
from eiwref.predictors.store import load_predictor

CORES = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")
FEATURES = ("X86_V3", "X86_V4", "X86_V3 X86_V4", "AVX2 FMA3", "AVX512F")
REFERENCE = {"OPENBLAS_NUM_THREADS": "1"}
SETTINGS = [
    REFERENCE,
    {"OPENBLAS_NUM_THREADS": "4"},
    *({"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": core} for core in CORES),
    *({"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": names} for names in FEATURES),
    {"OPENBLAS_NUM_THREADS": "4", "OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "X86_V3"},
]


def make(pythons: list[str]) -> dict:
    golden = json.loads(data_path("golden.json").read_text())["m1-tiny"]
    processes, left_out = [], []
    for python in pythons:
        for setting in SETTINGS:
            found = _process(python, setting)
            (left_out if isinstance(found, str) else processes).append((setting, found))
    reference = next(iter(processes[0][1]["float"].values()))
    rows = []
    for setting, found in processes:
        checks = {way: sha == golden["frequencies"] for way, sha in found["integer"].items()}
        checks |= {spec: sha == golden["tokens"][spec] for spec, sha in found["tokens"].items()}
        rows.append(
            {
                "setting": setting,
                **{name: found[name] for name in ("numpy", "blas", "features")},
                "cells": len(checks),
                "mismatches": [name for name, agrees in checks.items() if not agrees],
                "float": {way: doctor.differing(prints, reference) for way, prints in found["float"].items()},
            }
        )
    return {
        "what": "Frequencies of the tiny M1s by every way of eiwref.doctor, and codes, in many settings.",
        "command": "python -m tests.references.make_determinism [PYTHON...]",
        "golden": golden["frequencies"],
        "cells": sum(row["cells"] for row in rows),
        "mismatches": sum(len(row["mismatches"]) for row in rows),
        "float_cells": sum(len(row["float"]) for row in rows),
        "float_cells_that_differ": sum(share > 0 for row in rows for share in row["float"].values()),
        "float_largest_share": max(share for row in rows for share in row["float"].values()),
        "rows": rows,
        "left_out": [{"setting": setting, "why": why} for setting, why in left_out],
        "environment": environment(),
    }


def _process(python: str, setting: dict) -> dict | str:
    """What `cell` finds there, or why it was not run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "NPY_"))}
    done = subprocess.run(
        [python, "-W", "error", "-m", "tests.references.make_determinism", "--cell"],
        env=own | setting,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return json.loads(done.stdout)
    lines = done.stderr.strip().splitlines() or [""]
    return f"exit code {done.returncode} {lines[-1]}".strip()


def cell() -> dict:
    """The ways of both networks in this process, and what they run on."""
    import numpy as np
    from threadpoolctl import threadpool_info

    integer, floats = (load_predictor(data_path(name)) for name in (doctor.INTEGER, doctor.FLOAT))
    blas = [
        f"{each['version']} {each['architecture']}" for each in threadpool_info() if each["user_api"] == "blas"
    ]
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return {
        "numpy": np.__version__,
        "blas": blas,
        "features": simd.get("found", []),
        "integer": {way: doctor.sha256_of(rows) for way, rows in doctor.ways(integer)},
        "tokens": {
            spec: doctor.sha256_of(doctor.tokenizer(spec, integer).encode(doctor.TEXT[: doctor.CODED]))
            for spec in doctor.SPECS
        },
        "float": {way: doctor.fingerprints(rows) for way, rows in doctor.ways(floats)},
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--cell"]:
        print(json.dumps(cell()))
    else:
        found = make([sys.executable, *sys.argv[1:]])
        data_path("results/determinism.json").write_text(json.dumps(found, indent=1) + "\n")
