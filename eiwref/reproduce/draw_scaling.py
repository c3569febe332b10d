"""Pictures of M2's runs: Figures 3 to 6, 12, 14 and 15, and the tables of matched measures and 24-bit windows.

Colour is the coding, a filled marker a vocabulary of 256 and an open one of 65,536; the paper's points are grey,
with the marker of the method. Dashed: what a model that gives all ids one probability would have.
"""

from collections.abc import Callable

from eiwref.experiments.result import Result
from eiwref.plots import BLUE, GREEN, ORANGE, RED, SKY, png
from eiwref.reproduce.judging import LEARNED

PURPLE, BLACK, GREY = "#CC79A7", "#000000", "#9A9A9A"
FAMILIES = {  # colour, marker
    "Bytes": (BLACK, "<"),
    "SentencePiece": (ORANGE, "s"),
    "AC": (RED, "v"),
    "StaticAC": (PURPLE, "^"),
    "GZip": (GREEN, "D"),
    "EqualInfoAC": (BLUE, "o"),
}
OF_WINDOWS = {"16": (BLUE, "o"), "32": (SKY, "P"), "64": (ORANGE, "X"), "128": (RED, "*")}
FLOPS = "FLOPs/byte of inference, M1 included"
OF_M2 = "FLOPs/byte of inference, M2 alone"
BITS = "bits/byte of held-out text (lower is better)"
STEPS = "bytes of text a step of M2 yields"

Style = Callable[[str], tuple[str, str]]


def figure3(result: Result) -> bytes:
    return _two_costs([row for row in result.rows if _is_main(row)], "Figure 3", _family)


def figure15(result: Result) -> bytes:
    rows = [row for row in result.rows if _is_main(row)]
    return _two_costs(rows, "Figure 15, smaller M2s stopped earlier,", _family)


def figure4(result: Result) -> bytes:
    """Bits/byte over bytes/step: right and below is better."""
    figure = _figure(10, 6)
    axes = figure.subplots()
    rows = result.rows
    for name, own in _by_method(rows):
        colour, marker = _window(name) if "EqualInfo" in name else _family(name)
        _paper(axes, own[0], marker)
        _line(axes, own, "bytes_per_token", colour, marker, _short(name), is_joined=False)
    _name_the_paper(axes)
    _axes(axes, STEPS, "Bits/byte over what one step yields (as in Figure 4)")
    _legend(figure, axes)
    return png(figure)


def figure5(result: Result) -> bytes:
    """Windows by bits/byte, with M1 counted and without, and by bits/token."""
    figure = _figure(16, 5.6)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.4, 1, 1.4])
    middle.sharey(left)
    for name, own in _by_method(result.rows):
        colour, marker = _window(name)
        _paper(left, own[0], marker)
        _paper(right, own[0], marker, "paper_token_points")
        _line(left, own, "flops_per_byte", colour, marker, _short(name))
        _line(middle, own, "flops_per_byte_of_m2", colour, marker, _short(name))
        shares = [_per_bit(row) for row in own]
        _line(right, shares, "flops_per_byte_of_m2", colour, marker, _short(name), "bits_per_token")
    for row in {row["uniform"]: row for row in result.rows}.values():
        for axes in (left, middle):
            axes.axhline(row["uniform"], color=_window(row["tokenizer"])[0], linewidth=0.9, linestyle="--")
    right.axhline(1.0, color=GREY, linewidth=0.9, linestyle="--")
    _name_the_paper(left)
    left.plot([], [], "--", color=GREY, label="uniform, in the window's colour")
    _axes(left, FLOPS, "Windows by bits/byte (as in Figure 5)", is_log=True)
    _axes(middle, OF_M2, "M1 left out", is_log=True)
    middle.set_ylabel("")
    _axes(right, OF_M2, "by bits/token, of the bits a token has", is_log=True)
    right.set_ylabel("M2's bits for each bit of a token (1: nothing is known)")
    _legend(figure, left)
    return png(figure)


def figure6(result: Result) -> bytes:
    """Vocabularies, for what is equal at this scale and for equal tokens."""
    rows = [row for row in result.rows if "b=64" not in row["tokenizer"] and "b=128" not in row["tokenizer"]]
    figure = _figure(13.5, 6)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.7, 1])
    unit = rows[0]["unit"]
    for name, own in _by_method(row for row in rows if row["matched"] == row["unit"]):
        colour, marker = _window(name) if "EqualInfo" in name else _family(name)
        _paper(left, own[0], marker)
        _line(left, own, "flops_per_byte", colour, marker, _short(name))
        _line(right, own, "flops_per_byte_of_m2", colour, marker, _short(name))
    for row in rows:
        if row["matched"] != row["unit"] and row["bits_per_byte"] is not None:
            colour, _ = _window(row["tokenizer"]) if "EqualInfo" in row["tokenizer"] else _family(row["tokenizer"])
            label = f"{_short(row['tokenizer'])}, for as many tokens as v=256"
            for axes, x in ((left, "flops_per_byte"), (right, "flops_per_byte_of_m2")):
                axes.plot(row[x], row["bits_per_byte"], "*", color=colour, markersize=13, label=label)
    _name_the_paper(left)
    _axes(left, FLOPS, f"Vocabularies of 256 and 65k for equal {unit}, M1 counted (as in Figure 6)", is_log=True)
    _axes(right, OF_M2, "M1 left out", is_log=True)
    right.set_ylabel("")
    _legend(figure, left)
    return png(figure)


def matched(result: Result) -> bytes:
    """A group of bars a unit."""
    figure = _figure(10, 5.2)
    axes = figure.subplots()
    names = list(dict.fromkeys(row["tokenizer"] for row in result.rows))
    units = list(dict.fromkeys(row["matched"] for row in result.rows))
    wide = 0.8 / len(names)
    for place, name in enumerate(names):
        colour, _ = _family(name)
        own = {row["matched"]: row for row in result.rows if row["tokenizer"] == name}
        at = [unit + (place - (len(names) - 1) / 2) * wide for unit in range(len(units))]
        heights = [own[unit]["bits_per_byte"] or 0 for unit in units]
        spread = [own[unit]["std"] or 0 for unit in units]
        is_open = "65k" in name
        bars = axes.bar(at, heights, wide * 0.92, yerr=spread, color="white" if is_open else colour, label=name)
        for bar in bars:
            bar.set_edgecolor(colour)
            bar.set_linewidth(1.6)
        axes.bar_label(bars, [f"{height:.2f}" if height else "–" for height in heights], fontsize=8, padding=2)
    axes.set_xticks(range(len(units)), [f"equal {'training FLOPs' if u == 'flops' else u}" for u in units])
    axes.set_ylabel(BITS)
    axes.margins(y=0.12)
    axes.set_title("What is equal decides what is best", fontsize=11)
    axes.grid(alpha=0.25, axis="y")
    _legend(figure, axes)
    return png(figure)


def longer(result: Result) -> bytes:
    """What M2 knows beyond its unigram model, on the way."""
    figure = _figure(10, 5.4)
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=0.9, label="unigram")
    # AC's own red is that of windows of 128 bits.
    streams = {"AC[v=2]": (BLACK, "."), "AC[v=256]": (GREEN, "v"), "StaticAC[v=256]": _family("StaticAC")}
    axes.axhline(-LEARNED, color=GREY, linestyle="--", linewidth=0.9, label="below: learned, by the rules")
    for row in result.rows:
        name, seen = row["tokenizer"], row["bytes_seen"] or row["tokens_seen"]
        colour, marker = _window(name) if "EqualInfo" in name else streams[name]
        points = [(share * seen, bits - row["unigram"]) for share, bits in row["curve"]]
        if points:
            every = max(1, len(points) // 8)
            axes.plot(
                *zip(*points, strict=True),
                marker=marker,
                color=colour,
                markersize=6.5,
                markevery=every,
                label=_short(name),
            )
    _axes(axes, "bytes of text seen, again and again", "Given more text: windows, and AC beside them")
    axes.xaxis.set_major_formatter(_si())
    axes.set_ylabel("bits/byte less the unigram model's (lower is better)")
    _legend(figure, axes)
    return png(figure)


def resets(result: Result) -> bytes:
    """Figure 12: M1 begun afresh at each window, at every other, never."""
    figure = _figure(10, 5.6)
    axes = figure.subplots()
    _variants(axes, result, "reset", "M1 begun afresh less often (as in Figure 12)", (BLUE, ORANGE, RED))
    axes.set_ylim(bottom=0)
    _legend(figure, axes)
    return png(figure)


def delay(result: Result) -> bytes:
    """Figure 14: what becomes of a byte that adds only zeros; the paper's sizes over what they cost."""
    figure = _figure(13.5, 5.8)
    left, right = figure.subplots(1, 2, sharey=True)
    colours = (BLUE, RED, ORANGE)
    _variants(left, result, "windows", "Three ways to end a window", colours)
    for row, (colour, marker) in zip(result.rows, _styles(result, "windows", colours), strict=True):
        _paper(right, row, marker)
        _line(right, [row], "flops_per_byte", colour, marker, None)
    _axes(right, FLOPS, "over what they cost (as in Figure 14)", is_log=True)
    right.set_ylabel("")
    left.set_ylim(bottom=0)
    _legend(figure, left)
    return png(figure)


def window24(result: Result) -> bytes:
    """24-bit windows between 16 and 32."""
    figure = _figure(9, 5)
    axes = figure.subplots()
    for v in ("256", "65k"):
        own = [row for row in result.rows if f"v={v}" in row["tokenizer"]]
        whole = [row for row in own if row["bits_per_byte"] is not None]
        style = {"color": BLUE, "markerfacecolor": BLUE if v == "256" else "white", "markersize": 8}
        axes.plot(
            [int(row["bits"]) for row in whole],
            [row["bits_per_byte"] for row in whole],
            "o-",
            label=f"v={v}",
            **style,
        )
        paper = [(int(row["bits"]), row["paper_bits_per_byte"]) for row in own]
        face = GREY if v == "256" else "white"
        axes.plot(
            *zip(*paper, strict=True), "o:", color=GREY, markerfacecolor=face, label=f"v={v}, the paper, 403m"
        )
    own = {int(row["bits"]): row["uniform"] for row in result.rows}
    axes.plot(list(own), list(own.values()), "--", color=BLACK, linewidth=1, label="uniform")
    axes.set_xticks(sorted(own))
    _axes(axes, "bits a window", "24-bit windows (Appendix A.1)")
    _legend(figure, axes)
    return png(figure)


def _two_costs(rows: list[dict], title: str, style: Style) -> bytes:
    """Bits/byte over FLOPs/byte, M1 counted as the paper does, and left out."""
    figure = _figure(13.5, 6.4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.7, 1])
    for name, own in _by_method(rows):
        colour, marker = style(name)
        _paper(left, own[0], marker)
        _line(left, own, "flops_per_byte", colour, marker, name)
        _line(right, own, "flops_per_byte_of_m2", colour, marker, name)
        if "v=65k" not in name and name != "Bytes":
            for axes in (left, right):
                axes.axhline(own[0]["uniform"], color=colour, linewidth=0.9, linestyle="--", alpha=0.8)
    _name_the_paper(left)
    left.plot([], [], "--", color=GREY, label="uniform, in the method's colour")
    _axes(left, FLOPS, f"M1 counted (as in {title.removesuffix(',')})", is_log=True)
    _axes(right, OF_M2, "M1 left out", is_log=True)
    right.set_ylabel("")
    for axes in (left, right):
        axes.set_yscale("log")
        ticks = [0.9, 1, 1.5, 2, 3, 4, 5, 6]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.yaxis.set_minor_formatter(lambda *_: "")
    _legend(figure, left)
    return png(figure)


def _styles(result: Result, option: str, colours: tuple[str, ...]) -> list[tuple[str, str]]:
    """(colour, marker) of each row, by its value of the option."""
    names = list(dict.fromkeys(row[option] for row in result.rows))
    styles = dict(zip(names, zip(colours, "osv", strict=False), strict=False))
    return [styles[row[option]] for row in result.rows]


def _variants(axes, result: Result, option: str, title: str, colours: tuple[str, ...]) -> None:
    """Bits/byte of variants over bytes/step, with what uniform ids would have, and the paper's."""
    for row, (colour, marker) in zip(result.rows, _styles(result, option, colours), strict=True):
        face = "white" if "v=65k" in row["tokenizer"] else colour
        x, bits, label = (
            row["bytes_per_token"],
            row["bits_per_byte"],
            f"{_vocabulary(row)}, {option}={row[option]}",
        )
        if bits is not None:
            axes.plot([x, x], [bits, row["uniform"]], color=colour, linewidth=1.2, alpha=0.5)
            axes.errorbar(
                x, bits, row["std"], fmt=marker, color=colour, markerfacecolor=face, markersize=9, label=label
            )
            axes.plot(x, row["uniform"], "_", color=colour, markersize=16, markeredgewidth=2)
        own = (row["paper_bytes_per_token"], row["paper_bits_per_byte"])
        if None not in own:
            axes.plot(*own, marker, color=GREY, markerfacecolor="white" if face == "white" else GREY, markersize=7)
    axes.plot([], [], "_", color=GREY, markersize=14, markeredgewidth=2, label="uniform")
    axes.plot([], [], "o", color=GREY, label=f"the paper, {result.rows[0]['paper_size']}, same markers")
    _axes(axes, STEPS, title)


def _line(axes, rows, x, colour, marker, label, y="bits_per_byte", is_joined=True) -> None:
    """Our sizes of one method, with the deviation over seeds where there is one."""
    shown = [row for row in rows if row[y] is not None]
    if not shown:
        return
    axes.errorbar(
        [row[x] for row in shown],
        [row[y] for row in shown],
        [row["std"] or 0 if y == "bits_per_byte" else 0 for row in shown],
        fmt=marker + ("-" if is_joined else ""),
        color=colour,
        markerfacecolor="white" if "v=65k" in rows[0]["tokenizer"] else colour,
        markeredgewidth=1.6,
        markersize=7,
        linewidth=1.5,
        label=label,
    )


def _paper(axes, row: dict, marker: str, points: str = "paper_points") -> None:
    """The paper's points of the method, behind ours."""
    if row[points]:
        face = "white" if "v=65k" in row["tokenizer"] else GREY
        style = {"color": GREY, "markerfacecolor": face, "markersize": 5, "linewidth": 1}
        axes.plot(*zip(*row[points], strict=True), marker + "-", zorder=1, **style)


def _name_the_paper(axes) -> None:
    axes.plot([], [], "o-", color=GREY, label="the paper, same markers")


def _per_bit(row: dict) -> dict:
    """Bits/token over the bits a token has, so that both vocabularies share an axis."""
    bits = row["bits_per_token"]
    return row | {"bits_per_token": bits and bits / (16 if "v=65k" in row["tokenizer"] else 8)}


def _is_main(row: dict) -> bool:
    return "EqualInfo" not in row["tokenizer"] or "b=16" in row["tokenizer"]


def _by_method(rows) -> list[tuple[str, list[dict]]]:
    methods: dict[str, list[dict]] = {}
    for row in rows:
        methods.setdefault(row["tokenizer"], []).append(row)
    return list(methods.items())


def _family(name: str) -> tuple[str, str]:
    return FAMILIES[name.partition("[")[0]]


def _window(name: str) -> tuple[str, str]:
    return OF_WINDOWS[name.partition("b=")[2].partition(",")[0]]


def _short(name: str) -> str:
    return name.replace("EqualInfoAC", "EI")


def _vocabulary(row: dict) -> str:
    return "v=65k" if "v=65k" in row["tokenizer"] else "v=256"


def _figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _axes(axes, x: str, title: str, is_log: bool = False) -> None:
    if is_log:
        from matplotlib.ticker import LogLocator

        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 500 else (1, 2, 5)))
        axes.xaxis.set_major_formatter(_si())
        axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel(x)
    axes.set_ylabel(BITS)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.25)


def _si():
    """Numbers as 6M, 250k."""
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep="")


def _legend(figure, axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8.5, frameon=False)
