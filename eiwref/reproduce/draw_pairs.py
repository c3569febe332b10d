"""Pictures of tables: a line a row, our figure and behind it, in grey, the paper's."""

from collections.abc import Callable
from typing import NamedTuple

from eiwref.experiments.result import Result
from eiwref.plots import BLUE, RED, png
from eiwref.reproduce.page import cell

GREY = "#9A9A9A"
LINE, HEAD = 0.3, 1.5  # inches


class Panel(NamedTuple):
    """A column of the table, beside it another one that it is held against."""

    value: str
    axis: str  # what it is, with its unit
    other: str | None = None
    other_is: str = "the paper's"
    spread: str | None = None  # its standard deviation
    known: str | None = None  # what is known without an M2: who is no better has learned nothing
    form: str = ".2f"  # of the figures beside the points
    scale: str = "linear"  # as matplotlib calls it
    least: float = 0.0  # of the axis from end to end, so that what hardly differs looks so
    own_is: str = "ours"


def pairs(title: str, labels: tuple[str, ...], *panels: Panel) -> Callable[[Result], bytes]:
    """What draws it: rows are told apart by the columns `labels`; of those told alike the first is drawn."""

    def draw(result: Result) -> bytes:
        from matplotlib.figure import Figure

        rows = {}
        for row in result.rows:
            rows.setdefault(", ".join(str(row[name]) for name in labels if row[name] is not None), row)
        width = 4.4 * len(panels) + 0.075 * max(map(len, rows), default=0)
        figure = Figure(figsize=(width, HEAD + LINE * len(rows)), layout="constrained")
        figure.suptitle(title, fontsize=11)
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, panel in zip(grid, panels, strict=True):
            _panel(axes, list(rows.values()), panel)
        grid[0].set_yticks(range(len(rows)), rows, fontsize=9)
        grid[0].set_ylim(max(1, len(rows)) - 0.5, -0.5)
        grid[0].set_ylabel(", ".join(labels), color=GREY)
        return png(figure)

    return draw


def _panel(axes, rows: list[dict], panel: Panel) -> None:
    for column, style in ((panel.other, ("s", GREY, panel.other_is)), (panel.value, ("o", BLUE, panel.own_is))):
        points = [
            (row[column], place, row) for place, row in enumerate(rows) if column and row[column] is not None
        ]
        if points:
            values, places, drawn = zip(*points, strict=True)
            spread = [row[panel.spread] or 0 for row in drawn] if panel.spread and column == panel.value else None
            marker, colour, label = style
            size = 8 if column == panel.other else 6
            axes.errorbar(values, places, xerr=spread, fmt=marker, color=colour, markersize=size, label=label)
    if panel.known:
        known = [row[panel.known] for row in rows]
        axes.plot(known, range(len(rows)), "|", color=RED, markersize=14, label=panel.known.replace("_", " "))
    for place, row in enumerate(rows):
        if (value := row[panel.value]) is not None:
            style = {"textcoords": "offset points", "ha": "center", "fontsize": 7.5}
            axes.annotate(cell(value, panel.form), (value, place), (0, 5), **style)
    axes.set_xscale(panel.scale, **({"linthresh": 0.01} if panel.scale == "symlog" else {}))
    axes.margins(x=0.12)
    low, high = axes.get_xlim()
    if high - low < panel.least:
        axes.set_xlim((low + high - panel.least) / 2, (low + high + panel.least) / 2)
    if panel.form.endswith("%"):
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(panel.axis)
    axes.grid(alpha=0.25)
    if panel.other or panel.known:
        axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
