"""`eiwref reproduce`: tables, figures and claims of the paper, at a scale."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from eiwref import backend, show
from eiwref.backend import cores
from eiwref.cli_options import count
from eiwref.errors import EiwrefError
from eiwref.experiments import paper
from eiwref.experiments.result import Result
from eiwref.files import data_path, make_folder
from eiwref.predictors import store
from eiwref.reproduce import cost, ledger, page, registry
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.material import Material, excerpt
from eiwref.reproduce.scales import DEPARTURES, SCALES
from eiwref.reproduce.tokens import Tokens

LEDGER = "ledger"
EXCERPTS = {"train": 16_000, "held-out": 4_000}  # bytes of the built-in text, for smoke


def add_commands(add: Callable) -> None:
    """Give the parser its `reproduce`; `add` adds all others."""
    command = add(
        "reproduce",
        _reproduce,
        "tables, figures and claims of the paper, run and judged",
        default="m1; for smoke a tiny one",
    )
    command.add_argument(
        "what",
        nargs="*",
        default=[registry.ALL],
        metavar="WHAT",
        help="table3, figure11, C07, or all (default: all); ledger: draw pages, pictures and verdicts anew from "
        "the results in OUT",
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
    command.add_argument(
        "--backend", choices=backend.NAMES, help="array library that counts (default: cupy for gpu and paper)"
    )
    command.add_argument("--plan", action="store_true", help="print every training run and its cost, run nothing")
    command.add_argument("--start", action="store_true", help="for scale paper, which otherwise prints its plan")


def _reproduce(options) -> int:
    scale, out = SCALES[options.scale], Path(options.out or f"eiwref-{options.scale}")
    if options.what == [LEDGER]:
        return _redraw(options, out)
    options.backend = options.backend or ("cupy" if scale.name in ("gpu", "paper") else "numpy")
    experiments = registry.asked(options.what)
    if options.plan or (scale.name == "paper" and not options.start):
        return _plan(options, scale, out, experiments)
    material = _material(options, scale, out)
    backend.array_module(options.backend)
    material.check()
    grid = Grid(out, material, options.backend)
    stale = grid.stale()
    failures = grid.run(registry.jobs(experiments, scale), options.jobs or cores())
    command = _settings(options)
    made = {each.name: registry.make(each, scale, grid, command) for each in experiments}
    results = {name: result for name, result in made.items() if result is not None}
    claims, others = _judge(results, out)
    missing = [f"{name}: is not made, as some of its runs failed" for name in made if name not in results]
    for sentence in (*failures, *missing):
        print(f"eiwref: {' '.join(sentence.split())}", file=sys.stderr)
    if options.json:
        rows = {name: result.rows for name, result in results.items()}
        found = {"stale": [*stale, *others], "failed": failures, "results": rows, "claims": claims}
        print(json.dumps(found, indent=1))
    else:
        for experiment in experiments:
            if experiment.name in results:
                result = results[experiment.name]
                print(f"{result.title}\n\n{show.table(*page.table(experiment, result.rows))}\n")
        if results:
            print(f"{page.made_on(next(iter(results.values())).settings)}\n")
        _show_claims(claims)
        if stale or others:
            print(f"left out, of another version, scale, text or M1: {', '.join([*stale, *others])}")
        print(f"written: {out}")
    return 2 if failures else 0


def _judge(results: dict[str, Result], out: Path) -> tuple[list[dict], list[str]]:
    """(claims that rest on these results, files in `out` of another scale, text, M1 or version)

    The ledger in `out` is of all results there that belong together with these.
    """
    if not results:
        return [], []
    saved = ledger.saved(out)
    others = [
        name
        for name, result in saved.items()
        if not (ledger.is_current(result) and all(ledger.alike(result, made) for made in results.values()))
    ]
    found = ledger.write({name: result for name, result in saved.items() if name not in others}, out)
    claims = [entry for entry in found["claims"] if {each["name"] for each in entry["rests_on"]} <= set(results)]
    return claims, [f"{name}.json" for name in others]


def _show_claims(claims: list[dict]) -> None:
    if claims:
        columns = ("claim", "paper", "ours")
        lines = [[entry["id"], ledger.verdict_of(entry), *(entry[name] for name in columns)] for entry in claims]
        print(f"{show.table(['', 'verdict', 'the paper says', 'its value', 'ours'], lines)}\n")
        for entry in claims:
            if entry["caution"]:
                print(f"{entry['id']}, caution: {entry['caution']}\n")


def _redraw(options, out: Path) -> int:
    """The ledger, pages and pictures again, of what lies in `out`."""
    found, others = ledger.redraw(out)
    if options.json:
        print(json.dumps(found | {"left_out": others}, indent=1))
        return 0
    print(f"{page.made_on(found['settings'])}\n")
    _show_claims(found["claims"])
    if others:
        print(f"left out, of another version: {', '.join(f'{name}.json' for name in others)}")
    print(f"drawn anew: {out}")
    return 0


def _plan(options, scale, out: Path, experiments) -> int:
    """What would be run, and what it would cost; nothing is."""
    device = cost.CORE if options.backend == "numpy" else cost.GPU
    planned = cost.plan(registry.jobs(experiments, scale), _bytes_per_token(options, scale, out), device)
    departures = DEPARTURES if scale.name == "paper" else ()
    if options.json:
        print(json.dumps({"scale": scale.name, "departures": departures} | planned, indent=1))
        return 0
    print(f"Scale {scale.name}\n\n{cost.show(planned)}")
    if departures:
        print("\nWhere this is not what the paper did: " + "; ".join(departures) + ".")
    return 0


def _bytes_per_token(options, scale, out: Path) -> Callable[[str], float | None]:
    """By tokenizer: of the text to train on if `out` has it, else as the paper has it, else None."""
    grid = None
    if (out / "runs").is_dir() and (scale.name == "smoke" or (options.text and options.held_out)):
        grid = Grid(out, _material(options, scale, out), options.backend)

    def of(spec: str) -> float | None:
        found = grid and grid.found(Tokens(spec))
        if found is None:
            return paper.bytes_per_token(spec)
        return found.result["train"]["bytes"] / found.result["train"]["tokens"]

    return of


def _material(options, scale, out: Path) -> Material:
    given = options.text, options.held_out
    if scale.name != "smoke" and None in given:
        raise EiwrefError(f"reproduce: scale {scale.name} needs text, name it with --text and --held-out")
    work = str(make_folder(options.work or out / "work"))
    m1 = options.predictor or store.DEFAULT
    if scale.name == "smoke":
        excerpts = [[excerpt(split, Path(work), size)] for split, size in EXCERPTS.items()]
        given = [own or little for own, little in zip(given, excerpts, strict=True)]
        m1 = options.predictor or str(data_path("m1-tiny.safetensors"))
    return Material(*map(tuple, given), m1, work)


def _settings(options) -> str:
    """The options that make results what they are, as typed."""
    words = ["--scale", options.scale]
    for name in ("text", "held_out", "predictor"):
        given = getattr(options, name)
        if given is not None:
            words += [f"--{name.replace('_', '-')}", *([given] if isinstance(given, str) else given)]
    if options.backend != "numpy":
        words += ["--backend", options.backend]
    return shlex.join(words + ["--start"] * options.start)
