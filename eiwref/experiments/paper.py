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
