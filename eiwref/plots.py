"""Pictures from plain data.

Nothing but this file and those called `draw_...` imports matplotlib, and only when a picture is asked for.
Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

import io

import numpy as np

from eiwref.experiments.result import Result

BLUE, ORANGE, GREEN, RED, SKY, YELLOW = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#F0E442"
SCHEME_COLOURS = {"stop": BLUE, "greedy": RED, "delay": ORANGE}
WINDOW_COLOURS = (SKY, YELLOW)
COLOURS = ("#000000", ORANGE, GREEN, BLUE, RED)


def compression(result: Result, windows: list[tuple[str, str]]) -> bytes:
    """A PNG of the demo: one sentence in windows, ratios by window size, and what a unigram model gains.

    `windows`: (text, bits) of the sentence's windows.
    """
    figure, top, left, right = _page()
    draw_windows(top, windows)
    rows = {row["tokenizer"]: row for row in result.rows}
    _ratios(left, rows)
    _gains(right, rows)
    return png(figure)


def walk(result: Result) -> bytes:
    """A PNG of the walk: the sentence in windows under its M1, bits/byte over FLOPs/byte, and learning."""
    figure, top, left, right = _page()
    draw_windows(top, result.settings["sentence"])
    _costs(left, result.rows)
    _curves(right, result.rows)
    return png(figure)


def curve(losses: list[float], measured: list[tuple[int, float]]) -> bytes:
    """A PNG of one run: training loss in nats by step, and `measured`, (step, bits/byte on held-out text)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    # Each point the mean of a stretch of steps, as many as can be told apart.
    stretches = np.array_split(np.array(losses), min(len(losses), 300))
    axes.plot(
        np.cumsum([len(stretch) for stretch in stretches]),
        [stretch.mean() for stretch in stretches],
        color=BLUE,
        linewidth=1.5,
    )
    axes.set_xlabel("step")
    axes.set_ylabel("training loss, nats a symbol", color=BLUE)
    axes.grid(alpha=0.25)
    if measured:
        right = axes.twinx()
        right.plot(*zip(*measured, strict=True), "o-", color=RED, markersize=4, linewidth=1)
        right.set_ylabel("bits/byte on held-out text", color=RED)
    return png(figure)


def _page():
    """(figure, axes above, axes below to the left, to the right)"""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2.4])
    left, right = bottom.subplots(1, 2, width_ratios=[1, 1.15])
    return figure, top.subplots(), left, right


def png(figure) -> bytes:
    """The picture; without a date or a version, so that the same figure is the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _costs(axes, rows: list[dict]) -> None:
    """M2's bits/byte over FLOPs/byte, and on the same upright what a model without context has."""
    for row, colour in zip(rows, COLOURS, strict=True):
        x, name = row["flops_per_byte"] / 1e3, row["tokenizer"]
        uniform, unigram, m2 = (
            row[key] for key in ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte")
        )
        axes.plot([x, x], [min(uniform, unigram, m2), uniform], color=colour, linewidth=2, alpha=0.4)
        axes.plot(x, uniform, "o", color=colour, markersize=8, markerfacecolor="white")
        axes.plot(x, unigram, "_", color=colour, markersize=16, markeredgewidth=2.5)
        axes.plot(x, m2, "D", color=colour, markersize=7, label=name)
    for marker, label in (("o", "uniform"), ("_", "unigram"), ("D", "M2")):
        style = {"markersize": 11, "markeredgewidth": 2} if marker == "_" else {"markerfacecolor": "white"}
        axes.plot([], [], marker, color="grey", label=label, **(style if marker != "D" else {}))
    axes.set_xscale("log")
    ticks = [100, 150, 200, 300, 400]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("kFLOPs/byte, M1 included, without embeddings and softmax")
    axes.set_ylabel("bits/byte on held-out text (lower is better)")
    axes.set_title("What M2 knows of the tokens, and what it costs (as in Figure 3)", fontsize=11)
    axes.legend(fontsize=7.5, frameon=False, loc="lower left", ncols=2)
    axes.grid(alpha=0.25)


def _curves(axes, rows: list[dict]) -> None:
    """Training loss of each M2 over the text it has seen."""
    for row, colour in zip(rows, COLOURS, strict=True):
        seen, loss = zip(*row["curve"], strict=True)
        axes.plot([x / 1e3 for x in seen], loss, color=colour, linewidth=1.8, label=row["tokenizer"])
        axes.axhline(row["uniform_of_training_text"], color=colour, linestyle=":", linewidth=1, alpha=0.7)
    axes.plot([], [], ":", color="grey", label="uniform, on the training text")
    axes.set_xlabel("kB of text seen")
    axes.set_ylabel("training loss, bits/byte")
    axes.set_ylim(bottom=0)
    axes.set_title("Training loss of each M2", fontsize=11)
    axes.legend(fontsize=7.5, edgecolor="none", framealpha=1, loc="upper right")
    axes.grid(alpha=0.25)


def draw_windows(axes, windows: list[tuple[str, str]], columns: int = 92) -> None:
    """Windows, (text, bits) each, as boxes in reading order, as in the paper's Figure 2.

    `columns`: letters in a line. The fewer they are, the larger they are set, and the higher the picture must be.
    """
    size = 1012 / columns  # points
    axes.set_title("Windows of the same number of bits each, and the text they hold", fontsize=max(11, 0.8 * size))
    x = y = 0
    for index, (text, bits) in enumerate(windows):
        # The bits are set in half-size letters: 16 of them are as wide as 8 letters of text.
        width = max(len(text), 8) + 1
        if x + width > columns:
            x, y = 0, y - 3
        box = axes.barh(y, width - 0.25, left=x, height=1.9, color=WINDOW_COLOURS[index % 2], alpha=0.75)[0]
        middle = box.get_x() + box.get_width() / 2
        style = {"ha": "center", "family": "monospace"}
        axes.text(middle, y + 0.35, text.replace(" ", "·"), va="center", fontsize=size, **style)
        axes.text(middle, y - 0.5, bits, va="center", fontsize=0.51 * size, color="#333333", **style)
        x += width
    axes.set_xlim(-0.5, columns)
    axes.set_ylim(y - 1.5, 1.5)
    axes.axis("off")


def _ratios(axes, rows: dict[str, dict]) -> None:
    """Bytes a token (v=256) by window size, the paper's values beside ours."""
    sizes = [16, 24, 32, 64, 128]
    for scheme, colour in SCHEME_COLOURS.items():
        suffix = "" if scheme == "stop" else f", windows={scheme}"
        ratios = [rows[f"EqualInfoAC[b={b}, v=256{suffix}]"]["bytes_per_token"] for b in sizes]
        axes.plot(sizes, ratios, "o-", color=colour, label=f"{scheme}, ours", markersize=5)
    paper = [(b, rows[f"EqualInfoAC[b={b}, v=256]"]["paper_bytes_per_token"]) for b in sizes]
    paper = [(b, ratio) for b, ratio in paper if ratio is not None]
    axes.plot(
        *zip(*paper, strict=True), "s--", color="grey", label="greedy, the paper (C4, larger M1)", markersize=5
    )
    for name, style in (("AC[v=256]", "-"), ("GZip[v=256]", ":"), ("StaticAC[v=256]", "-.")):
        axes.axhline(
            rows[name]["bytes_per_token"], color=GREEN, linestyle=style, linewidth=1, label=f"{name}, ours"
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(b) for b in sizes])
    axes.set_ylim(bottom=1)
    axes.set_xlabel("bits a window")
    axes.set_ylabel("bytes of text a token (v=256)")
    axes.set_title("Longer windows compress better (Table 2)", fontsize=11)
    axes.legend(fontsize=7.5, frameon=False, loc="upper left")
    axes.grid(alpha=0.25)


def _gains(axes, rows: dict[str, dict]) -> None:
    """Uniform and unigram bits/byte of the v=256 methods, ours above the paper's."""
    shown = [row for name, row in rows.items() if ("v=256" in name or name == "Bytes") and "windows=" not in name]
    for place, row in enumerate(reversed(shown)):
        for offset, prefix, colour in ((0.16, "", BLUE), (-0.16, "paper_", "grey")):
            uniform, unigram = row[prefix + "uniform"], row[prefix + "unigram"]
            if uniform is None:
                continue
            y = place + offset
            axes.plot([unigram, uniform], [y, y], color=colour, linewidth=2, alpha=0.6)
            axes.plot(uniform, y, "o", color=colour, markersize=6, markerfacecolor="white")
            axes.plot(unigram, y, "|", color=colour, markersize=11, markeredgewidth=2)
    for colour, label in ((BLUE, "ours"), ("grey", "the paper")):
        axes.plot(
            [], [], "o-", color=colour, markerfacecolor="white", label=f"{label}: uniform (o) to unigram (|)"
        )
    axes.set_yticks(
        range(len(shown)), [row["tokenizer"] for row in reversed(shown)], fontsize=8, family="monospace"
    )
    axes.set_xlabel("bits/byte (lower is better)")
    axes.set_xlim(left=0)
    axes.set_title("Single tokens of compressed text look random (Table 3)", fontsize=11)
    axes.legend(fontsize=7.5, frameon=False, loc="lower right")
    axes.grid(alpha=0.25, axis="x")
