"""Pictures of what needs no M2: what windows lose and cost, Figures 8, 9, 11, 16 and 17, FLOPs."""

import numpy as np

from eiwref.experiments.result import Result
from eiwref.plots import BLUE, GREEN, ORANGE, RED, SCHEME_COLOURS, SKY, YELLOW, png

PURPLE, BLACK, GREY = "#CC79A7", "#000000", "#9A9A9A"
SCHEME_MARKERS = {"stop": ("o", 5), "greedy": ("v", 7), "delay": ("s", 10)}  # and sizes: all can be seen at 0
STREAMS = {  # colour, marker
    "random bits": (GREY, "x"),
    "AC[v=256]": (RED, "v"),
    "StaticAC[v=256]": (PURPLE, "^"),
    "GZip[v=256, wrapper=no]": (GREEN, "D"),
    "EqualInfoAC[b=16, v=256]": (BLUE, "o"),
    "EqualInfoAC[b=64, v=256]": (ORANGE, "s"),
}
KINDS = {"n-grams": "bits in an n-gram, overlapping", "tokens": "bits in a token, end to end"}
COLUMNS = 61  # characters in a line of Figure 9


def windows(result: Result) -> bytes:
    """What does not come back, by window size: windows, and sequences beside the paper's share."""
    figure = _figure(11, 4.8)
    left, right = figure.subplots(1, 2)
    for name, colour in SCHEME_COLOURS.items():
        rows = [row for row in result.rows if row["windows"] == name]
        marker, size = SCHEME_MARKERS[name]
        style = {
            "marker": marker,
            "markersize": size,
            "markerfacecolor": "none",
            "color": colour,
            "linewidth": 1.8,
        }
        sizes = [row["window_bits"] for row in rows]
        left.plot(sizes, [100 * row["failed_inside"] for row in rows], label=name, **style)
        right.plot(sizes, [100 * row["sequences_failed_inside"] for row in rows], label=name, **style)
    theirs = next(row["paper_sequences_lost"] for row in result.rows if row["windows"] == "greedy")
    right.axhline(100 * theirs, color=GREY, linestyle="--", label=f"the paper's greedy: {theirs:.1%}")
    left.set_ylabel("windows decoded to another text, %")
    right.set_ylabel("sequences with such a window, %")
    for axes, title in ((left, "Windows wrong inside the text"), (right, "Sequences that they spoil")):
        _by_width(axes, [row["window_bits"] for row in result.rows], title)
        axes.legend(fontsize=9, loc="center right")
    return png(figure)


def exactness(result: Result) -> bytes:
    """Bytes a window of the schemes that decode, over greedy's."""
    figure = _figure(7.5, 4.8)
    axes = figure.subplots()
    sizes = [row["window_bits"] for row in result.rows]
    for name in ("stop", "delay"):
        over = [100 * row[f"{name}_over_greedy"] for row in result.rows]
        axes.plot(
            sizes, over, marker=SCHEME_MARKERS[name][0], color=SCHEME_COLOURS[name], linewidth=1.8, label=name
        )
    theirs = [(row["window_bits"], 100 * row["paper_delay_over_greedy"]) for row in result.rows if _has_paper(row)]
    axes.plot(*zip(*theirs, strict=True), "s", color=GREY, markersize=9, label="delay, the paper's", zorder=0)
    axes.axhline(0, color=BLACK, linewidth=1)
    axes.set_ylabel("text in a window over greedy's, %")
    _by_width(axes, sizes, "What exact windows cost")
    axes.legend(fontsize=9)
    return png(figure)


def _has_paper(row: dict) -> bool:
    return row["paper_delay_over_greedy"] is not None


def flops(result: Result) -> bytes:
    """A bar a method and size of M2, what the output layers add in a lighter one; the paper's count as a mark."""
    figure = _figure(11, 4.2)
    sizes = list(dict.fromkeys(row["size"] for row in result.rows))
    for axes, size in zip(figure.subplots(1, len(sizes)), sizes, strict=True):
        rows = [row for row in result.rows if row["size"] == size]
        places = np.arange(len(rows))[::-1]
        without = [row["mflops"] for row in rows]
        axes.barh(places, [row["mflops_with_softmax"] for row in rows], 0.5, color=SKY, label="with output layers")
        axes.barh(places, without, 0.5, color=BLUE, label="as the paper counts")
        theirs = [(row["paper_mflops"], place) for row, place in zip(rows, places, strict=True)]
        marks = [pair for pair in theirs if pair[0] is not None]
        axes.plot(*zip(*marks, strict=True), "D", color=GREY, markeredgecolor=BLACK, label="the paper's")
        names = [f"{row['tokenizer']}\n{row['way']}".strip() for row in rows]
        axes.set_yticks(places, names, fontsize=9)
        axes.set_xlabel("millions of FLOPs a byte of text")
        axes.set_title(f"M2 of {size}", fontsize=11)
        axes.grid(alpha=0.25, axis="x")
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False
    )
    return png(figure)


def figure8(result: Result) -> bytes:
    """How many pairs of sentences are so many edits apart, the tokenizers one above the other."""
    figure = _figure(8.5, 6)
    figure.suptitle("Sentences that differ in their first word (as in Figure 8)", fontsize=11)
    all_axes = figure.subplots(len(result.rows), 1, sharex=True)
    for axes, row, colour in zip(all_axes, result.rows, (ORANGE, BLUE, SKY, RED), strict=True):
        counts = np.array(row["counts"])
        axes.bar(np.arange(len(counts)), 100 * counts / counts.sum(), width=1.0, color=colour)
        axes.axvline(row["median"], color=BLACK, linestyle=":", linewidth=1.2)
        axes.set_title(
            f"{row['tokenizer']}: {row['tokens']:.0f} tokens a sentence, median edits {row['median']:g} (dotted)",
            fontsize=9.5,
            loc="left",
        )
        axes.set_ylabel("pairs, %")
        axes.grid(alpha=0.25)
    all_axes[-1].set_xlim(-1, max(len(row["counts"]) for row in result.rows))
    all_axes[-1].set_xlabel("edits between the tokens of two sentences")
    return png(figure)


def figure9(result: Result) -> bytes:
    """Windows in reading order: tokens above, bits, and characters, each in the colour of its tokens."""
    colours = {"first": SKY, "second": YELLOW, "both": PURPLE}
    lines, x, y = [], 0.0, 0
    for row in result.rows:
        width = max(len(row["text"]), 8.0)
        if x + width > COLUMNS:
            x, y = 0.0, y + 1
        lines.append((row, x, -4.4 * y, width))
        x += width + 0.8
    figure = _figure(12, 1.25 * (y + 1) + 0.7)
    axes = figure.subplots()
    style = {"ha": "center", "va": "center", "family": "monospace"}
    for row, left, top, width in lines:
        half = width / 2
        for part, name in enumerate(("first", "second")):
            middle = left + half * (part + 0.5)
            axes.barh(top, half, left=left + half * part, height=1.0, color=colours[name], edgecolor="white")
            axes.barh(top - 1.0, half, left=left + half * part, height=0.8, color=colours[name], alpha=0.5)
            axes.text(middle, top, str(row[name]), fontsize=11, **style)
            axes.text(middle, top - 1.0, row["bits"][8 * part : 8 * part + 8], fontsize=6.5, **style)
        size, first = len(row["text"]), len(row["first_text"]) - row["both"]
        for place, character in enumerate(row["text"]):
            name = "first" if place < first else "both" if place < first + row["both"] else "second"
            begin = left + width * place / size
            axes.barh(top - 2.1, width / size, left=begin, height=1.2, color=colours[name], edgecolor="white")
            axes.text(begin + width / size / 2, top - 2.1, character.replace(" ", "␣"), fontsize=12, **style)
    for name, label in (("first", "first token"), ("second", "second token"), ("both", "bits in both")):
        axes.barh(0, 0, color=colours[name], label=label)
    axes.set_xlim(-0.3, COLUMNS + 0.8)
    axes.set_ylim(-4.4 * y - 3.0, 0.8)
    axes.axis("off")
    axes.set_title("Tokens, their bits and the characters that these hold (as in Figure 9)", fontsize=11)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False
    )
    return png(figure)


def figure11(result: Result) -> bytes:
    return _divergences(result, "plug_in", "KL to uniform from the plug-in entropy (as in Figure 11)")


def figure17(result: Result) -> bytes:
    return _divergences(
        result, "miller_madow", "KL to uniform, bias taken off (as in Figure 17; what is 0 or below is left out)"
    )


def _divergences(result: Result, estimate: str, title: str) -> bytes:
    """On a logarithmic scale, with a band from the 5th to the 95th percentile."""
    figure = _figure(12, 5.4)
    for axes, (kind, label) in zip(figure.subplots(1, 2, sharey=True), KINDS.items(), strict=True):
        for name, (colour, marker) in STREAMS.items():
            rows = [row for row in result.rows if (row["tokenizer"], row["kind"]) == (name, kind)]
            low, median, high = (_positive(rows, f"{estimate}_{percentile}") for percentile in (5, 50, 95))
            n = [row["n"] for row in rows]
            axes.plot(n, median, marker=marker, color=colour, linewidth=1.6, markersize=5.5, label=name)
            axes.fill_between(n, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.set_yscale("log")
        _by_bits(axes, label)
        axes.set_ylabel("KL to uniform, bits, log scale")
    figure.suptitle(title, fontsize=11)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9, frameon=False
    )
    return png(figure)


def _positive(rows: list[dict], name: str) -> np.ndarray:
    """The values that a logarithmic scale can show."""
    values = np.array([row[name] for row in rows])
    return np.where(values > 0, values, np.nan)


def figure16(result: Result) -> bytes:
    """How far parts differ in entropy: bars from the 5th to the 95th percentile, streams side by side."""
    figure = _figure(12, 5.4)
    for axes, (kind, label) in zip(figure.subplots(1, 2, sharey=True), KINDS.items(), strict=True):
        for offset, (name, (colour, marker)) in zip(
            np.linspace(-0.3, 0.3, len(STREAMS)), STREAMS.items(), strict=True
        ):
            rows = [row for row in result.rows if (row["tokenizer"], row["kind"]) == (name, kind)]
            low, median, high = (np.array([row[f"spread_{p}"] for row in rows]) for p in (5, 50, 95))
            n = np.array([row["n"] for row in rows]) + offset
            errors = np.maximum(0, [median - low, high - median])
            axes.errorbar(n, median, errors, fmt=marker, color=colour, markersize=4, linewidth=1.4, label=name)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        axes.set_yscale("symlog", linthresh=1e-5)
        _by_bits(axes, label)
        axes.set_ylabel("entropy of a part over the mean, less 1")
    figure.suptitle("Entropy from part to part, 5th to 95th percentile (as in Figure 16)", fontsize=11)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9, frameon=False
    )
    return png(figure)


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _by_width(axes, sizes: list[int], title: str) -> None:
    """Window sizes along the bottom."""
    axes.set_xscale("log", base=2)
    ticks = sorted(set(sizes))
    axes.set_xticks(ticks, [str(size) for size in ticks])
    axes.minorticks_off()
    axes.set_xlabel("bits a window")
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.25)


def _by_bits(axes, label: str) -> None:
    """Bits of an n-gram or token along the bottom."""
    axes.set_xticks(range(2, 17, 2))
    axes.set_xlabel(label)
    axes.grid(alpha=0.25)
