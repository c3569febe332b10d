"""A result as a page: how it was made, its picture and table, what its columns mean, where it departs."""

import re

from eiwref.experiments.result import Result
from eiwref.reproduce.experiment import Experiment

TIME = "runs of {seconds:,.0f} s in sum, a process each"
TOKENIZER = re.compile(r"\w+\[[^\]]*\]")


def cell(value, form: str) -> str:
    """A figure for people; what is not there is a dash, what is below zero has a minus and no hyphen."""
    if value is None:
        return "–"
    if not form:
        return str(value)
    shown = format(value, form)
    # What is rounded to zero is neither above nor below it.
    if shown.startswith("-"):
        return f"−{shown[1:]}" if shown.strip("-0.,%") else shown[1:]
    return shown


def table(experiment: Experiment, rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    """(headings, cells)"""
    shown = [[cell(row.get(name), form) for name, _, form in experiment.columns] for row in rows]
    return [heading for _, heading, _ in experiment.columns], shown


def markdown(experiment: Experiment, result: Result) -> str:
    """The page of one saved result."""
    headings, cells = table(experiment, result.rows)
    rule = ["---" if not form else "---:" for _, _, form in experiment.columns]
    seeds = ", ".join(map(str, result.settings["seeds"]))
    lines = [
        *result.heading(TIME),
        made_on(result.settings) + (f" Seeds {seeds}." if seeds else ""),
        "",
        *([f"![{result.title}]({result.name}.png)", ""] if experiment.draw is not None else []),
        f"| {' | '.join(headings)} |",
        f"|{'|'.join(rule)}|",
        *(f"| {' | '.join(map(plain, line))} |" for line in cells),
        "",
    ]
    meanings = [
        f"- *{heading}*: {experiment.units[name]}"
        for name, heading, _ in experiment.columns
        if name in experiment.units
    ]
    if meanings:
        lines += ["Columns; a dash stands where there is no figure:", "", *meanings, ""]
    if experiment.notes:
        lines += ["Departures from the paper:", "", *(f"- {note}" for note in experiment.notes), ""]
    return "\n".join(lines)


def made_on(settings: dict) -> str:
    """Scale, texts and M1 in sentences."""
    scale = f"Scale *{settings['scale']}*"
    if settings["scale"] == "smoke":
        scale += ", which shows that everything runs: these figures mean nothing, and its M1 has read M2's text"
    train, held_out = ("; ".join(map(_text, settings[split])) for split in ("train", "held_out"))
    return (
        f"{scale}. Text to learn from: {train}. Held out: {held_out}. M1: {settings['m1'][:16]}. "
        f"Networks by {settings['backend']}."
    )


def _text(part: dict) -> str:
    return f"{part['bytes']:,} bytes in {part['documents']:,} documents (SHA-256 {part['sha256'][:16]})"


def plain(text: str) -> str:
    """A cell of a table, in one line: tokenizers as code, bars escaped."""
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if "`" in text else TOKENIZER.sub(r"`\g<0>`", text)
