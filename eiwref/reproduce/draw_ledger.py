"""The picture of the ledger: a line a claim, with the paper's figure, ours and the verdict.

Verdicts differ in colour, in mark and in words, so that no one of these is needed to tell them apart.
"""

import io
from textwrap import wrap

from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED

# Of Okabe and Ito's colours, the three that differ in brightness too.
STYLES = {REPRODUCED: ("#0072B2", "o"), NOT_AT_THIS_SCALE: ("#E69F00", "D"), CONTRADICTED: ("#D55E00", "X")}
# (name in the data, heading, left edge in inches, letters a line)
COLUMNS = (("claim", "the paper says", 1.0, 66), ("paper", "its value", 6.0, 38), ("ours", "ours", 8.9, 46))
VERDICT = 12.85
WIDTH, LINE, HEAD = 14.75, 0.2, 1.25  # inches


def ledger(data: dict) -> bytes:
    """A PNG of the ledger's data as saved."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [{name: wrap(entry[name], letters) for name, _, _, letters in COLUMNS} for entry in data["claims"]]
    heights = [(max(2, *map(len, row.values())) + 0.7) * LINE for row in rows]
    height = HEAD + sum(heights) + 0.1
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)
    axes.axis("off")
    _head(axes, data)
    top = HEAD
    for number, (entry, row, tall) in enumerate(zip(data["claims"], rows, heights, strict=True)):
        colour, marker = STYLES[entry["verdict"]]
        if number % 2 == 0:
            axes.axhspan(top, top + tall, color="#F2F2F2", linewidth=0)
        middle = top + tall / 2
        axes.barh(middle, 0.12, tall, color=colour)
        axes.plot(VERDICT, middle, marker, color=colour, markersize=9)
        axes.text(VERDICT + 0.18, middle, entry["verdict"], va="center", fontsize=10.5, weight="bold")
        if entry["caution"]:
            axes.text(VERDICT + 0.18, middle + LINE, "with a caution", va="center", fontsize=9)
        axes.text(0.28, middle, entry["id"], va="center", fontsize=11, weight="bold")
        for name, _, left, _ in COLUMNS:
            axes.text(left, middle, "\n".join(row[name]), va="center", fontsize=10, linespacing=1.15)
        top += tall
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def counted(claims: list[dict], verdict: str) -> str:
    """ "17 reproduced (12 with a caution)"."""
    cautions = [bool(entry["caution"]) for entry in claims if entry["verdict"] == verdict]
    return f"{len(cautions)} {verdict}" + (f" ({sum(cautions)} with a caution)" if any(cautions) else "")


def _head(axes, data: dict) -> None:
    """How many claims ended how, as a bar, and the columns' headings."""
    ends = [entry["verdict"] for entry in data["claims"]]
    left, unit = 0.28, (WIDTH - 0.56) / len(ends)
    title = f"{len(ends)} claims of the paper, run and judged at scale {data['settings']['scale']}"
    axes.text(0.28, 0.24, title, va="center", fontsize=13, weight="bold")
    for verdict, (colour, _) in STYLES.items():
        count = ends.count(verdict)
        if not count:
            continue
        axes.barh(0.63, count * unit, 0.36, left=left, color=colour, edgecolor="white", linewidth=2)
        words = counted(data["claims"], verdict) if count * unit > 3.6 else str(count)
        axes.text(
            left + count * unit / 2,
            0.63,
            words,
            ha="center",
            va="center",
            color="black",
            fontsize=11,
            weight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
        left += count * unit
    for text, x in (*((heading, left) for _, heading, left, _ in COLUMNS), ("verdict", VERDICT - 0.07)):
        axes.text(x, 1.05, text, va="center", fontsize=10, color="#555555")
