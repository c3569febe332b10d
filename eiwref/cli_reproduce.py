"""`eiwref reproduce`: tables, figures and claims of the paper, at a scale."""

import json
from collections.abc import Callable
from pathlib import Path

from eiwref import backend, show
from eiwref.backend import cores
from eiwref.cli_options import count
from eiwref.errors import EiwrefError
from eiwref.files import data_path, make_folder
from eiwref.predictors import store
from eiwref.reproduce import page, registry
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.material import Material, excerpt
from eiwref.reproduce.scales import SCALES

ALL = "all"
EXCERPTS = {"train": 16_000, "held-out": 4_000}  # bytes of the built-in text, for smoke


def add_commands(add: Callable) -> None:
    """Give the parser its `reproduce`; `add` adds all others."""
    command = add("reproduce", _reproduce, "tables, figures and claims of the paper, run and judged")
    command.add_argument(
        "what", nargs="*", default=[ALL], metavar="WHAT", help="table3, figure11, C07, or all (default: all)"
    )
    command.add_argument("--scale", choices=tuple(SCALES), default="smoke", help="default: smoke, in minutes")
    command.add_argument(
        "--text", nargs="+", metavar="TEXT", help="for M2 to learn from, none of it M1's (smoke: builtin:train)"
    )
    command.add_argument(
        "--held-out", nargs="+", metavar="TEXT", help="to be measured on (smoke: builtin:held-out)"
    )
    command.add_argument(
        "--out", metavar="FOLDER", help="for results; what is there is not run again (default: eiwref-SCALE)"
    )
    command.add_argument("--work", metavar="FOLDER", help="for tokens and weights, large (default: OUT/work)")
    command.add_argument("--jobs", type=count, metavar="N", help="runs side by side (default: one a core)")
    command.add_argument("--backend", choices=backend.NAMES, default="numpy", help="default: numpy")
    command.add_argument(
        "--start", action="store_true", help="for scale paper, which otherwise prints what it would cost"
    )


def _reproduce(options) -> int:
    scale, out = SCALES[options.scale], Path(options.out or f"eiwref-{options.scale}")
    experiments = _named(options.what)
    if scale.name == "paper" and not options.start:
        return _plan(options, scale, experiments)
    backend.array_module(options.backend)
    material = _material(options, scale, out)
    material.check()
    grid = Grid(out, material, options.backend)
    stale = grid.stale()
    results = [registry.make(each, scale, grid, options.command, options.jobs or cores()) for each in experiments]
    if options.json:
        print(json.dumps({"stale": stale, "results": {result.name: result.rows for result in results}}, indent=1))
        return 0
    for experiment, result in zip(experiments, results, strict=True):
        print(f"{result.title}\n\n{show.table(*page.table(experiment, result.rows))}\n")
    if stale:
        print(f"left out, of another version, text or M1: {', '.join(stale)}")
    print(f"written: {out}")
    return 0


def _named(what: list[str]) -> list:
    if ALL in what:
        return list(registry.EXPERIMENTS)
    return list({found.name: found for found in map(registry.named, what)}.values())


def _material(options, scale, out: Path) -> Material:
    work, given = str(make_folder(options.work or out / "work")), (options.text, options.held_out)
    m1 = options.predictor or str(data_path(store.DEFAULT))
    if scale.name == "smoke":
        excerpts = [[excerpt(split, Path(work), size)] for split, size in EXCERPTS.items()]
        given = [own or little for own, little in zip(given, excerpts, strict=True)]
        m1 = options.predictor or str(data_path("m1-tiny.safetensors"))
    if None in given:
        raise EiwrefError(f"reproduce: scale {scale.name} needs text, name it with --text and --held-out")
    return Material(*map(tuple, given), m1, work)


def _plan(options, scale, experiments) -> int:
    """What it would take, by the paper's own count."""
    raise NotImplementedError
