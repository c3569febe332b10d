"""Pictures of what is learned of coding, of places in windows, of spelling, and by an M1 of short pieces.

Axes are the paper's; where it gives no numbers there are no points of its own. Colours are Okabe and Ito's, or
rise in brightness, and lines are told apart by style or mark too.
"""

import io

from eiwref.experiments.result import Result
from eiwref.plots import BLUE, GREEN, ORANGE, RED

DARKEST, BRIGHTEST = 0.05, 0.85  # of the map that places take their colours from
STYLES = ("-", "--", "-.", ":")


def figure10(result: Result) -> bytes:
    """Accuracy at each place over steps, and above trivial: a line of pictures for each size of M2."""
    by_size = _grouped(result.rows, "size")
    figure = _figure(11, 3.9 * len(by_size))
    grid = figure.subplots(len(by_size), 2, squeeze=False)
    for (size, rows), (left, right) in zip(by_size.items(), grid, strict=True):
        for number, row in enumerate(rows):
            steps, accuracy = zip(*row["curve"], strict=True)
            style = {
                "color": _shade(number / max(1, len(rows) - 1)),
                "linestyle": STYLES[number % len(STYLES)],
                "linewidth": 1.8,
                "label": f"{row['place']}",
            }
            left.plot(steps, accuracy, **style)
            right.plot(steps, [each - row["trivial"] for each in accuracy], **style)
        left.set_ylabel(f"accuracy, % (M2 {size})")
        left.set_ylim(bottom=0)
        right.set_ylabel("points above trivial")
        left.axhline(100 / 256, color="grey", linewidth=0.8, label="by guessing")
        right.axhline(0, color="grey", linewidth=0.8)
        for axes in (left, right):
            axes.set_xlabel("step")
            axes.grid(alpha=0.25)
    style = {"title": "token of\nthe window", "fontsize": 9, "title_fontsize": 9, "frameon": False}
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside right upper", **style)
    grid[0][0].set_title("Accuracy by place in the window (Figure 10a)", fontsize=11)
    grid[0][1].set_title("The same above trivial accuracy (Figure 10b)", fontsize=11)
    return _png(figure)


def figure13(result: Result) -> bytes:
    """% of words spelled right over steps, held out and trained on: a line of pictures for each size of M2."""
    by_size = _grouped(result.rows, "size")
    highest = max(share for row in result.rows for _, *shares in row["curve"] for share in shares)
    top = min(100.0, max(1.0, 1.5 * highest))
    figure = _figure(11, 3.9 * len(by_size))
    grid = figure.subplots(len(by_size), 2, squeeze=False)
    for (size, rows), (left, right) in zip(by_size.items(), grid, strict=True):
        for row, colour, mark in zip(rows, (BLUE, RED, GREEN), ("o-", "s--", "D-."), strict=True):
            steps, held_out, training = zip(*row["curve"], strict=True)
            style = {"color": colour, "linewidth": 1.8, "markersize": 5}
            label = f"{row['tokenizer']}, {row['letters']}"
            left.plot(steps, held_out, mark, label=label, **style)
            right.plot(steps, training, mark, label=label, **style)
        for axes in (left, right):
            axes.set_xlabel("step")
            axes.set_ylim(-0.02 * top, 1.02 * top)
            axes.grid(alpha=0.25)
        left.set_ylabel(f"words right, % (M2 {size})")
        left.legend(fontsize=8.5, edgecolor="none", loc="best")
    grid[0][0].set_title("Held-out words (Figure 13a)", fontsize=11)
    grid[0][1].set_title("Words trained on (Figure 13b)", fontsize=11)
    return _png(figure)


def short_m1(result: Result) -> bytes:
    """Bits/byte by place after a start of M1s trained on short and long pieces, and bytes a window of each."""
    figure = _figure(11, 4.3)
    left, right = figure.subplots(1, 2)
    windows = [int(name.removeprefix("window_")) for name in result.rows[0] if name.startswith("window_")]
    for (piece, rows), colour, mark in zip(
        sorted(_grouped(result.rows, "piece").items()), (ORANGE, BLUE), ("o-", "s--"), strict=True
    ):
        for row in rows:
            label = f"M1 trained on {piece} symbols" if row is rows[0] else None
            style = {"color": colour, "linewidth": 1.5, "markersize": 5, "alpha": 0.8, "label": label}
            left.plot(*zip(*row["groups"], strict=True), mark, **style)
            right.plot(windows, [16 * row[f"window_{bits}"] / bits for bits in windows], mark, **style)
    firsts = [first for first, _ in result.rows[0]["groups"]]
    for axes, ticks in ((left, firsts), (right, windows)):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.legend(fontsize=9, frameon=False)
    left.set_xlabel("first place of a group of places after a start")
    left.set_ylabel("bits/byte on held-out text (lower is better)")
    left.set_title("What each M1 knows at each place; a line a seed", fontsize=11)
    right.set_xlabel("bits a window")
    right.set_ylabel("bytes of text for each 16 bits (higher is better)")
    right.set_title("What windows hold under each M1", fontsize=11)
    return _png(figure)


def _grouped(rows: list[dict], name: str) -> dict:
    groups = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _shade(share: float):
    """From dark to bright, for what has an order."""
    from matplotlib import colormaps

    return colormaps["viridis"](DARKEST + (BRIGHTEST - DARKEST) * share)


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()
