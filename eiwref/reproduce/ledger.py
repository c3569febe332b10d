"""The ledger: every claim that saved results can judge, with its verdict, as a page, as data and as a picture.

Made of saved results alone, so that whoever has them can make it again. Results of different scales, texts, M1s or
versions are not put together.
"""

import json
import shlex
from itertools import combinations
from pathlib import Path

from eiwref.errors import EiwrefError
from eiwref.experiments.result import Result, versions
from eiwref.files import write_bytes
from eiwref.reproduce import draw_ledger, grid, page, registry
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim

VERDICTS = (REPRODUCED, NOT_AT_THIS_SCALE, CONTRADICTED)
NAME = "LEDGER"


def saved(folder: Path) -> dict[str, Result]:
    """The results that lie in a folder, by name."""
    paths = [folder / f"{experiment.name}.json" for experiment in registry.EXPERIMENTS]
    return {path.stem: Result.load(path) for path in paths if path.exists()}


def alike(one: Result, other: Result) -> bool:
    """Whether they may be judged together: one scale, texts, M1, backend, and one version of each kind of job."""
    versions, others = one.settings["versions"], other.settings["versions"]
    return _common(one) == _common(other) and all(
        others.get(kind, version) == version for kind, version in versions.items()
    )


def is_current(result: Result) -> bool:
    """Whether its jobs are of the versions that would be run now, and it is saved as it would be now."""
    (experiment,) = (each for each in registry.EXPERIMENTS if each.name == result.name)
    saved_alike = result.units == experiment.units and isinstance(result.settings["runs"], dict)
    return saved_alike and result.settings["versions"].items() <= grid.versions().items()


def _common(result: Result) -> dict:
    own = ("seeds", "runs", "versions")
    return {name: value for name, value in result.settings.items() if name not in own}


def make(results: dict[str, Result]) -> dict:
    """The ledger as plain data; raises `EiwrefError` for results that do not belong together, or for none."""
    if not results:
        raise EiwrefError("there are no results to judge claims by")
    for one, other in combinations(results.values(), 2):
        if not alike(one, other):
            raise EiwrefError(
                f"{one.name} and {other.name} are of different scales, texts, M1s or versions; keep them in "
                "folders of their own"
            )
    judged = [claim for claim in registry.CLAIMS if set(claim.needs) <= set(results)]
    return {
        "settings": _common(next(iter(results.values()))),
        "claims": [_entry(claim, [results[name] for name in claim.needs]) for claim in judged],
        "not_judged": [
            {"id": claim.id, "claim": claim.claim, "rule": claim.rule, "needs": list(claim.needs)}
            for claim in registry.CLAIMS
            if claim not in judged
        ],
    }


def _entry(claim: Claim, results: list[Result]) -> dict:
    rows = {result.name: list(filter(claim.only, result.rows)) for result in results}
    judgement = claim.judge(rows)
    spent = {key: seconds for result in results for key, seconds in result.settings["runs"].items()}
    options = shlex.split(results[0].command)[3:]  # after "eiwref reproduce NAME"
    return {
        "id": claim.id,
        "where": claim.where,
        "claim": claim.claim,
        "paper": claim.paper,
        "ours": judgement.value,
        "verdict": judgement.verdict,
        "rule": claim.rule,
        "trend": judgement.trend,
        "caution": judgement.caution,
        "seeds": sorted({seed for result in results for seed in result.settings["seeds"]}),
        "fewest_seeds": min(
            (row["seeds"] for own in rows.values() for row in own if "seeds" in row), default=None
        ),
        "command": shlex.join(["eiwref", "reproduce", claim.id, *options]),
        "seconds": round(sum(spent.values()), 1),  # of runs that several results share, once
        "environments": list(dict.fromkeys(versions(result.environment) for result in results)),
        "rests_on": [{"name": result.name, "title": result.title} for result in results],
    }


def write(results: dict[str, Result], folder: Path) -> dict:
    """Make it and write page, data and picture; nothing where no claim can be judged. Returns the data."""
    ledger = make(results)
    if ledger["claims"]:
        write_bytes(folder / "ledger.json", (json.dumps(ledger, indent=1) + "\n").encode("ascii"))
        write_bytes(folder / f"{NAME}.md", markdown(ledger).encode("utf-8"))
        write_bytes(folder / "ledger.png", draw_ledger.ledger(ledger))
    return ledger


def redraw(folder: Path) -> tuple[dict, list[str]]:
    """Page and picture of every result that lies in a folder, and the ledger, all made anew; nothing is run.

    Returns the ledger, and the names of results that were left out, as they are of another version.
    """
    everything = saved(folder)
    results = {name: result for name, result in everything.items() if is_current(result)}
    others = [name for name in everything if name not in results]
    if not results:
        of = f"but {', '.join(others)}, of another version" if others else "of eiwref reproduce"
        raise EiwrefError(f"{folder}: holds no results {of}")
    for experiment in registry.EXPERIMENTS:
        if experiment.name in results:
            registry.draw(experiment, results[experiment.name], folder)
    return write(results, folder), others


def markdown(ledger: dict) -> str:
    """The page: how many ended how, a table of all claims, then each with its rule."""
    claims, others = ledger["claims"], ledger["not_judged"]
    pictures = {experiment.name for experiment in registry.EXPERIMENTS if experiment.draw is not None}
    summary = ", ".join(draw_ledger.counted(claims, verdict) for verdict in VERDICTS)
    lines = [
        "# The paper's claims, each with its verdict",
        "",
        f"**Of {len(claims)} claims: {summary}.**",
        "",
        "![Every claim with its verdict](ledger.png)",
        "",
        page.made_on(ledger["settings"]),
        "",
        "A verdict is what a claim's rule gives. A *caution*, below with the rule, says what it does not show.",
        "",
        "| | where | the paper says | its value | ours | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for entry in claims:
        link = f"[{entry['id']}](#{entry['id'].lower()})"
        cells = [link, *(page.plain(entry[name]) for name in ("where", "claim", "paper", "ours"))]
        cells.append(verdict_of(entry))
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    if others:
        lines += ["Not judged, for want of results:", ""]
        for each in others:
            lines.append(
                f"- {each['id']}, {each['claim']}: needs {', '.join(each['needs'])}. Rule: {each['rule']}"
            )
        lines.append("")
    for entry in claims:
        links = ", ".join(f"[{each['title']}]({each['name']}.md)" for each in entry["rests_on"])
        drawn = [each for each in entry["rests_on"] if each["name"] in pictures]
        shown = ", ".join(f"[{each['title']}]({each['name']}.png)" for each in drawn)
        lines += [
            f"## {entry['id']}",
            "",
            f"{entry['where']}: {entry['claim']}. **{entry['verdict'].capitalize()}.**",
            "",
            f"- The paper: {entry['paper']}",
            f"- Ours: {entry['ours']}",
            f"- Rule: {entry['rule']}",
            *([f"- Trend: {entry['trend']}"] if entry["trend"] else []),
            *([f"- Caution: {entry['caution']}"] if entry["caution"] else []),
            f"- Rests on: {links}{_seeds(entry)}",
            *([f"- Picture: {shown}"] if shown else []),
            f"- Made by `{entry['command']}`: {page.TIME.format(seconds=entry['seconds'])}, "
            f"{' and '.join(entry['environments'])}",
            "",
        ]
    return "\n".join(lines)


def verdict_of(entry: dict) -> str:
    """A claim's verdict, and whether a caution belongs to it."""
    return f"{entry['verdict']}, with a caution" if entry["caution"] else entry["verdict"]


def _seeds(entry: dict) -> str:
    """Which there are, and of how many the figures with the fewest are."""
    if not entry["seeds"]:
        return ""
    fewest = entry["fewest_seeds"]
    few = "one seed" if fewest == 1 else f"{fewest} seeds"
    some = "" if fewest in (None, len(entry["seeds"])) else f", some figures of {few} alone"
    return f"; seeds {', '.join(map(str, entry['seeds']))}{some}"
