"""A result as a page: how it was made, its table, what its columns mean, where it departs from the paper."""

from eiwref.experiments.result import Result
from eiwref.reproduce.experiment import Experiment


def cell(value, form: str) -> str:
    """A figure for people; what is not there is a dash."""
    if value is None:
        return "–"
    return format(value, form) if form else str(value)


def table(experiment: Experiment, rows: list[dict]) -> tuple[list[str], list[list[str]]]:
    """(headings, cells)"""
    shown = [[cell(row.get(name), form) for name, _, form in experiment.columns] for row in rows]
    return [heading for _, heading, _ in experiment.columns], shown


def markdown(experiment: Experiment, result: Result) -> str:
    """The page of one saved result."""
    headings, cells = table(experiment, result.rows)
    made = result.settings
    texts = [
        f"{part['bytes']:,} bytes in {part['documents']:,} documents (SHA-256 {part['sha256'][:16]})"
        for part in (*made["train"], *made["held_out"])
    ]
    rule = ["---" if not form else "---:" for _, _, form in experiment.columns]
    lines = [
        *result.heading(),
        f"Scale *{made['scale']}*. M2 learns from {'; '.join(texts[: len(made['train'])])}; held out: "
        f"{'; '.join(texts[len(made['train']) :])}. M1: {made['m1'][:16]}.",
        "",
        "| " + " | ".join(headings) + " |",
        "|" + "|".join(rule) + "|",
        *("| " + " | ".join(_code(cell) for cell in line) + " |" for line in cells),
        "",
        *(
            f"- {heading}: {experiment.units[name]}"
            for name, heading, _ in experiment.columns
            if name in experiment.units
        ),
        "",
    ]
    if experiment.notes:
        lines += ["Departures:", "", *(f"- {note}" for note in experiment.notes), ""]
    if experiment.draw is not None:
        lines += [f"![{result.title}]({result.name}.png)", ""]
    return "\n".join(lines)


def _code(text: str) -> str:
    """Tokenizers as code, bars escaped."""
    text = text.replace("|", "\\|").replace("\n", " ")
    return f"`{text}`" if "[" in text and "`" not in text else text
