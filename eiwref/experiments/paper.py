"""The paper's figures as committed in `data/paper/`, to stand beside ours."""

import csv
from functools import cache

from eiwref.files import data_path, read_bytes


@cache
def table(name: str) -> dict[str, dict[str, float]]:
    """By tokenizer, the columns of `data/paper/NAME.csv` that are numbers; cells without a value are left out."""
    lines = csv.DictReader(read_bytes(data_path(f"paper/{name}.csv")).decode().splitlines())
    return {
        line["tokenizer"]: {
            column: float(cell)
            for column, cell in line.items()
            if cell and column not in ("tokenizer", "size", "source")
        }
        for line in lines
    }


@cache
def values() -> dict[tuple[str, str, str, str], float]:
    """Every figure of the paper's tables, {(table, tokenizer, size or case, quantity): value}.

    Windows are the paper's, that is, greedy ones, whatever ours of the same name are.
    """
    lines = csv.DictReader(read_bytes(data_path("paper/values.csv")).decode().splitlines())
    return {
        (line["table"], line["tokenizer"], line["size"], line["quantity"]): float(line["value"]) for line in lines
    }


def bytes_per_token(tokenizer: str) -> float | None:
    """From whichever table has it, of any size, as it hangs on none; the paper's plain windows are greedy."""
    named = _named(tokenizer.replace(", windows=greedy", ""))
    found = (
        each for (_, name, _, quantity), each in values().items() if (name, quantity) == (named, "bytes_per_token")
    )
    return next(found, None)


def value(table: str, tokenizer: str, quantity: str, size: str = "") -> float | None:
    """One figure, None where the paper gives none; a `SentencePiece` of any vocabulary stands for the paper's."""
    return values().get((table, _named(tokenizer), size, quantity))


def _named(tokenizer: str) -> str:
    """As the paper's tables have it, which know one SentencePiece alone."""
    return tokenizer.partition("[")[0] if "Piece" in tokenizer else tokenizer
