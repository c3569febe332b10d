"""What holds for the house as a whole: which way imports go, what import costs, what the wheel carries."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import eiwref

ROOT = Path(eiwref.__file__).parent
CHECKOUT = ROOT.parent

# A file imports from rooms above its own, and within its room from files that stand above it there.
ROOMS = [
    "errors",
    "files",
    "backend",
    "processes",
    "tensors",
    "coding",
    "nn",
    "predictors",
    "windows",
    "tokenizers",
    "corpus",
    "m2",
    "generate",
    "evaluate",
    "verify",
    "doctor",
    "show",
    "experiments",
    "plots",
    "run",
    "reproduce",
    "bench",
    "demo",
    "",  # eiwref itself: the names for users
    "course",
    "cli_options",
    "cli_files",
    "cli_fit",
    "cli_networks",
    "cli_train",
    "cli_integer",
    "cli_codebook",
    "cli_reproduce",
    "cli_sample",
    "cli_bench",
    "cli_course",
    "cli",
    "__main__",
]
FILES = {
    "coding": [
        *("frequencies", "bits", "interval", "digits", "exact", "finite", "rows", "lanes", "stream"),
        *("ans", "huffman", "deflate", "rank"),
    ],
    "nn": [
        *("layers", "attention", "transformer", "sizes", "gradcheck", "optim", "watch", "train", "checkpoint"),
        *("arranged", "parallel", "memory", "integer", "quantise", ""),
    ],
    "predictors": [
        "base",
        "static",
        "ngram",
        "network",
        "integer",
        "limits",
        "subword",
        "book",
        "store",
        "starts",
    ],
    "windows": [
        "scheme",
        "stop_cell",
        "codebook",
        "table_walk",
        "likeliest",
        "teach",
        "lockstep",
        "padded",
        "equal_text",
        "",
    ],
    "tokenizers": [
        *("base", "plain", "subword", "ac", "huffman", "ans", "rank", "equal_info", "equal_text"),
        *("streaming", "registry", "workers", "container", "huggingface", ""),
    ],
    "corpus": ["builtin", "sources", "tokens", "overlap", ""],
    "experiments": ["result", "paper", "compression", "walk", ""],
    "reproduce": [
        *("material", "grid", "tokens", "trained", "places", "examples", "scales", "experiment", "statistics"),
        *("page", "claims", "judging", "entropy", "edits"),
        *("draw_pairs", "draw_scaling", "draw_tasks", "draw_text"),
        *(
            "ratios",
            "round_trips",
            "stability",
            "stability_claims",
            "uniformity",
            "price",
            "scaling",
            "scaling_claims",
            "variants",
        ),
        *(
            "coder_tasks",
            "learning_ac",
            "longer",
            "positions",
            "spelling",
            "generation",
            "perplexity",
            "windows_m1",
        ),
        *("cost", "registry", "draw_ledger", "ledger", ""),
    ],
    "bench": ["measure", "code", "generate", "tokenize", "torch_peer", "train", "compress", ""],
    "course": ["core", *(f"checks_{tutorial:02}" for tutorial in range(13)), "notebook", "grade", ""],
}


def rank(module):
    """(room, file) as places in the lists above."""
    parts = [*module.split(".")[1:], "", ""]
    return ROOMS.index(parts[0]), FILES[parts[0]].index(parts[1]) if parts[1] else 99


def imported(path):
    """Every module of ours that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "eiwref")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "eiwref":
            assert node.level == 0
            for alias in node.names:
                below = ROOT.joinpath(*node.module.split(".")[1:], alias.name)
                is_module = below.is_dir() or below.with_suffix(".py").exists()
                yield f"{node.module}.{alias.name}" if is_module else node.module


SOURCES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    module = ".".join(part for part in parts if part != "__init__")
    for name in imported(path):
        assert rank(name) < rank(module), f"{module} imports {name}"


def test_the_direction_test_can_fail(tmp_path):
    assert rank("eiwref.windows.padded") > rank("eiwref.predictors.base")
    assert rank("eiwref.coding.exact") < rank("eiwref.coding.finite") < rank("eiwref.predictors")
    assert rank("eiwref.cli") > rank("eiwref")


def test_only_the_backend_knows_cupy_and_only_plots_know_matplotlib():
    for word, owner in (("cupy", "backend.py"), ("matplotlib", "plots.py")):
        for path in SOURCES:
            tree = ast.parse(path.read_text())
            names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
            names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            if any(name.split(".")[0] == word for name in names):
                assert path.name == owner or (word == "matplotlib" and path.name.startswith("draw_"))


def test_import_is_quick_and_light():
    """The time itself is for a person to look at (README); here, that nothing heavy is behind it."""
    code = "import eiwref, sys; print([m for m in ('matplotlib', 'cupy', 'tqdm', 'mpmath') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_says_what_it_is():
    for path in SOURCES:
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_ci_runs_the_readme_command():
    script = (CHECKOUT / ".ci" / "run").read_text()
    assert "README.md" in script
    commands = [line[2:] for line in (CHECKOUT / "README.md").read_text().splitlines() if line.startswith("$ ")]
    assert len(commands) == 2
    assert "eiwref demo" in commands[0]
    assert "pytest" in commands[1]


def test_the_wheel_works_outside_the_checkout(tmp_path):
    """Built here, unpacked elsewhere, run with no sight of `data/`."""
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "eiwref/data/ngram.safetensors" in names
    assert "eiwref/tutorials/00_the_whole_walk.py" in names
    assert "eiwref/tutorials/SYLLABUS.md" in names
    assert not [name for name in names if name.startswith("tests")]
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import eiwref, eiwref.experiments.compression as c; assert 'site' in eiwref.__file__;"
        "print(c.paper_value('Bytes')['uniform']);"
        "t = eiwref.tokenizer('EqualInfoAC[b=16, v=65k]'); print(t.decode(t.encode('out of the box')));"
        "from eiwref.course import notebook as n; print(n.copy('made')[0][0].name, 'site' in str(n.folder()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["8.0", "out of the box"]
    assert done.stdout.split("\n")[2] == "00_the_whole_walk.ipynb True"
