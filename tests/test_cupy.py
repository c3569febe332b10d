"""What this package asks of CuPy, without a GPU: every name is there, and every command runs under its limits."""

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import eiwref
from eiwref import backend
from eiwref.corpus import builtin
from eiwref.files import data_path
from tests import strict_cupy
from tests.test_cli import here, refused, run  # noqa: F401

SOURCES = sorted(Path(eiwref.__file__).parent.rglob("*.py"))
LIST = Path(__file__).parent / "references" / "cupy_names.txt"  # by references/make_cupy_names.py
SMALL = ["--d-model", "16", "--heads", "2", "--layers", "2", "--context", "24", "--steps", "3", "--batch", "2"]


def listed():
    """{name: its parameters, None where they are not known, "ufunc" for a ufunc}"""
    names = {}
    for line in LIST.read_text().splitlines()[1:]:
        name, _, rest = line.partition("(")
        name, *ufunc = name.split()
        names[name] = "ufunc" if ufunc else set(rest[:-1].split(", ")) if rest else None
    return names


def asked(source):
    """(dotted name, the keywords it is called with, line) of everything that is taken from a module `xp`."""
    tree = ast.parse(source)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        names, at = [], node
        while isinstance(at, ast.Attribute) and at.attr != "xp":
            names.insert(0, at.attr)
            at = at.value
        if names and getattr(at, "id", getattr(at, "attr", "")) == "xp":
            keywords = [keyword.arg for keyword in calls[id(node)].keywords] if id(node) in calls else []
            yield ".".join(names), keywords, node.lineno


def missing(source, names):
    """What `source` asks for that is not among the names."""
    found = []
    for name, keywords, line in asked(source):
        head, _, method = name.partition(".")
        if names.get(head) == "ufunc" and method:
            name = f"ufunc.{method}"
        parameters = {"out", "dtype", "casting"} if names.get(name) == "ufunc" else names.get(name)
        if name not in names or (parameters is not None and not parameters.issuperset(keywords)):
            found.append(f"{line}: {name} {keywords}")
    return found


def test_every_name_that_is_used_is_one_of_cupys():
    names = listed()
    for path in SOURCES:
        assert missing(path.read_text(), names) == [], path
    used = {name for path in SOURCES for name, _, _ in asked(path.read_text())}
    assert {"add.at", "cumsum", "cuda.runtime.getDeviceCount"} <= used
    assert used - {"cuda.runtime.getDeviceCount", "cuda.runtime.CUDARuntimeError"} <= dotted(strict_cupy.xp)


def test_the_check_finds_what_is_missing():
    names = listed()
    for wrong in ("xp.busday_count(x)", "self.xp.add.nowhere(x)", "xp.exp(x, where=y)", "a.b.xp.sort(x, order=0)"):
        assert len(missing(wrong, names)) == 1, wrong
    for right in (
        "xp.add.at(a, b, c)",
        "xp.exp(x, out=x)",
        "network.xp.sort(x, axis=1)",
        "xpert.nothing(x)",
        "xp",
    ):
        assert missing(right, names) == [], right


def test_the_list_is_cupys():
    cupy = pytest.importorskip("cupy")
    if LIST.read_text().startswith(f"# CuPy {cupy.__version__},"):
        from tests.references import make_cupy_names

        assert LIST.read_text() == make_cupy_names.whole()


def dotted(module):
    """The names of a namespace, those of namespaces inside with a dot."""
    names = set()
    for name, value in vars(module).items():
        names.add(name)
        if isinstance(value, SimpleNamespace):
            names |= {f"{name}.{inner}" for inner in vars(value)}
    return names


def test_the_stand_in_has_only_what_cupy_has():
    names = listed()
    for name in dotted(strict_cupy.xp):
        head, _, method = name.partition(".")
        assert head in names
        assert not method or f"ufunc.{method}" in names


@pytest.fixture
def stand_in(monkeypatch):
    """`--backend cupy` gets the stand-in, by the same way as CuPy itself."""
    runtime = SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError)
    module = SimpleNamespace(**vars(strict_cupy.xp), cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", module)
    assert backend.array_module("cupy") is module


@pytest.mark.parametrize("spec", ["Bytes", "EqualInfoAC[b=16, v=256]"])
def test_train_eval_and_sample_run_as_on_numpy(here, capsys, stand_in, spec):  # noqa: F811
    """The same figures and the same text; the stand-in's floats are NumPy's."""
    (here / "train").write_bytes(b"\n\n".join(builtin.documents("train"))[:3000])
    found = {}
    for name in backend.NAMES:
        last = ["--backend", name, "--json"]
        code, out, _ = run(capsys, "train", "m2", "train", "-o", name, "--tokenizer", spec, *SMALL, *last)
        assert code == 0
        found[name] = [json.loads(out)[key] for key in ("loss_first", "loss_last_tenth")]
        code, out, _ = run(capsys, "eval", name, "text", *last)
        assert code == 0
        found[name] += [json.loads(out)[key] for key in ("bits_per_byte", "unigram_bits_per_byte")]
        for more in ([], ["--top-k", "9", "--top-p", "0.9", "--prompt", "The text"], ["--temperature", "0"]):
            code, out, _ = run(capsys, "sample", name, "--tokens", "40", "--samples", "3", *more, *last)
            assert code == 0
            found[name] += json.loads(out)["samples"]
    assert found["cupy"][:4] == pytest.approx(found["numpy"][:4])
    assert found["cupy"][4:] == found["numpy"][4:]


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_an_m1_is_trained_and_writes(here, capsys, stand_in, optimizer):  # noqa: F811
    last = ["--backend", "cupy", "--json"]
    train = ["train", "m1", "text", "-o", "m1", *SMALL, "--context", "32", "--optimizer", optimizer, *last]
    assert run(capsys, *train)[0] == 0
    assert "an M1 is measured by numpy, leave --backend cupy out" in refused(
        capsys, "eval", "m1", "text", "--backend", "cupy"
    )
    code, out, _ = run(capsys, "sample", "m1", "--prompt", "so ", "--tokens", "30", *last)
    assert code == 0
    assert json.loads(out)["samples"][0]["text"].startswith("so ")
    further = ["--from", "m1", "--starts", str(data_path("codebook.safetensors"))]
    assert run(capsys, *train, *further)[0] == 0


def test_the_whole_demo_runs_its_networks_on_it(stand_in, monkeypatch):
    from eiwref.experiments import walk

    texts = {split: [text[:300] for text in builtin.documents(split)[:1]] for split in builtin.SPLITS}
    monkeypatch.setattr(builtin, "documents", lambda split: texts[split])
    for plan in ("M1_PLAN", "M2_PLAN"):
        monkeypatch.setattr(walk, plan, walk.Plan(batch=2, bytes_seen=300))
    packed = walk.dump(walk.train_m1(0, "cupy")[0])
    rows = [walk._walk("EqualInfoAC[b=16, v=256]", packed, 0, name) for name in backend.NAMES]
    assert rows[0]["sample"] == rows[1]["sample"]
    assert rows[0]["bits_per_byte"] == pytest.approx(rows[1]["bits_per_byte"])
    assert np.isfinite(rows[0]["bits_per_byte"])


@pytest.mark.parametrize("what", ["short_m1", "table5", "table14", "figure13", "perplexity", "speed"])
def test_what_trains_is_reproduced(here, capsys, stand_in, what):  # noqa: F811
    """A kind of job each; what a job hands on to NumPy's side is brought there."""
    pytest.importorskip("sentencepiece")
    code, out, err = run(capsys, "reproduce", what, "--backend", "cupy", "--out", "out", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["results"]
