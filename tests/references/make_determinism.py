"""Makes data/results/determinism.json: the tiny M1s by every way, in processes of other settings and versions.

    python -m tests.references.make_determinism [PYTHON...]
    python -m tests.references.make_determinism --documents TEXT [PYTHON...]

Each PYTHON is another interpreter, with another NumPy say, that has the package's dependencies. A cell is one way
of `eiwref.doctor` in one process; a setting that the processor at hand cannot run is left out by name. Of the M1
in integers a cell that differs from the golden values is a mismatch; of the M1 in floats it is the share of
positions whose frequencies differ from the reference, the first way in the first process.

With --documents, the M1 that travels with the package encodes and decodes the first `DOCUMENTS` of TEXT that are
not long in each setting: data/results/determinism-documents.json. A process has the codes of the first one to
decode, compares its own with them, and grows the codebook of 16 bits anew.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import eiwref
from eiwref import doctor
from eiwref.backend import cores
from eiwref.corpus import sources
from eiwref.experiments.result import environment
from eiwref.files import data_path
from eiwref.predictors.base import BYTES
from eiwref.predictors.store import digest, load_predictor
from eiwref.windows import StopCell
from eiwref.windows.codebook import MAX_WINDOW_BITS, Codebook

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
DOCUMENTS, LONGEST = 100, 3000  # as many, and bytes of each: one byte is decoded after another
SPECS = ("AC[v=256]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=64, v=65k]")


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


def make_documents(source: str, pythons: list[str]) -> dict:
    cells = [(python, setting) for python in pythons for setting in SETTINGS]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores()) as pool:
        arguments = "--documents-cell", source, str(Path(folder, "codes.json"))
        found = [_process(*cells[0], *arguments)]  # whose codes the others decode
        found += pool.map(lambda cell: _process(*cell, *arguments), cells[1:])
    settings = [setting for _, setting in cells]
    rows = [{"setting": s} | f for s, f in zip(settings, found, strict=True) if isinstance(f, dict)]
    left_out = [{"setting": s, "why": f} for s, f in zip(settings, found, strict=True) if isinstance(f, str)]
    return {
        "what": f"The first {DOCUMENTS} documents of at most {LONGEST} bytes under the shipped M1: encoded under "
        "each setting, the first setting's codes decoded, and the codebook of 16 bits grown anew.",
        "command": "python -m tests.references.make_determinism --documents TEXT [PYTHON...]",
        "text": sources.describe(source),
        "m1": digest(eiwref.default_predictor()),
        "documents": DOCUMENTS,
        "settings": len(rows),
        "all_equal": all(all(row[part].values()) for row in rows for part in ("encoded", "decoded", "codebook")),
        "rows": rows,
        "left_out": left_out,
        "environment": environment(),
    }


def documents_cell(source: str, codes: str) -> dict:
    """In this process: are codes and codebook those of the first process, and do those decode to the text?"""
    short = (text for text in sources.documents(source) if len(text) <= LONGEST)
    m1, texts = eiwref.default_predictor(), list(islice(short, DOCUMENTS))
    readers = {spec: eiwref.tokenizer(spec, m1) for spec in SPECS}
    own = {spec: [ids.tolist() for ids in reader.encode_batch(texts)] for spec, reader in readers.items()}
    if not Path(codes).exists():
        Path(codes).write_text(json.dumps(own))
    first = json.loads(Path(codes).read_text())
    grown = digest(Codebook.grow(StopCell(m1.over(BYTES), MAX_WINDOW_BITS)))
    return about() | {
        "encoded": {spec: own[spec] == first[spec] for spec in SPECS},
        "decoded": {spec: reader.decode_batch(first[spec]) == texts for spec, reader in readers.items()},
        "codebook": {"equal to the shipped one": grown == digest(eiwref.shipped("codebook"))},
    }


def _process(python: str, setting: dict, *arguments: str) -> dict | str:
    """What a cell finds there, or why it was not run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS", "NPY_"))}
    done = subprocess.run(
        [python, "-W", "error", "-m", "tests.references.make_determinism", *(arguments or ("--cell",))],
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
    integer, floats = (load_predictor(data_path(name)) for name in (doctor.INTEGER, doctor.FLOAT))
    return about() | {
        "integer": {way: doctor.sha256_of(rows) for way, rows in doctor.ways(integer)},
        "tokens": {
            spec: doctor.sha256_of(doctor.tokenizer(spec, integer).encode(doctor.TEXT[: doctor.CODED]))
            for spec in doctor.SPECS
        },
        "float": {way: doctor.fingerprints(rows) for way, rows in doctor.ways(floats)},
    }


def about() -> dict:
    """What this process computes with."""
    import numpy as np
    from threadpoolctl import threadpool_info

    blas = [
        f"{each['version']} {each['architecture']}" for each in threadpool_info() if each["user_api"] == "blas"
    ]
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return {"numpy": np.__version__, "blas": blas, "features": simd.get("found", [])}


if __name__ == "__main__":
    kind, *rest = sys.argv[1:] or [""]
    if kind == "--cell":
        print(json.dumps(cell()))
    elif kind == "--documents-cell":
        print(json.dumps(documents_cell(*rest)))
    elif kind == "--documents":
        found = make_documents(rest[0], [sys.executable, *rest[1:]])
        data_path("results/determinism-documents.json").write_text(json.dumps(found, indent=1) + "\n")
    else:
        found = make([sys.executable, *sys.argv[1:]])
        data_path("results/determinism.json").write_text(json.dumps(found, indent=1) + "\n")
