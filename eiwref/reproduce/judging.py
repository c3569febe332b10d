"""What the rules for claims about trained M2s share: when small runs may contradict, and how figures move.

A small M2, shortly trained, may fail to show what a large one does. So the opposite of a claim contradicts it only
in runs as large as the paper's: its sizes, and at least a third of its tokens. All others end "not at this scale",
with a word on where the figure goes from the smaller size to the larger and from less training to more.
"""

from collections.abc import Callable, Iterable
from functools import wraps

from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Judgement, Rows
from eiwref.reproduce.statistics import welch

PAPER_SIZES = ("25m", "113m", "403m", "2b")
PAPER_TOKENS = 200_000 * 256 * 512
LONG = PAPER_TOKENS / 3
LARGE_ONLY = (  # ends the rules that `verdict` applies
    "Contradicted only by runs of the paper's sizes with a third of its tokens or more; else not at this scale."
)
LEARNED = 0.1  # bits/byte below a unigram model
SHARE = 0.25  # of a training, at which "less" is looked at
SIGNIFICANT = 0.05
NOISE = 0.01  # bits/byte: seeds alone lie as far apart


class Missing(Exception):
    """A method whose every run went wrong, or that was not run: nothing can be said of it."""


def measured(judge: Callable[[Rows], Judgement]) -> Callable[[Rows], Judgement]:
    """`judge`, but where figures are missing the verdict says so."""

    @wraps(judge)
    def judged(rows: Rows) -> Judgement:
        try:
            return judge(rows)
        except Missing as missing:
            return Judgement(NOT_AT_THIS_SCALE, str(missing), "none can be told, as figures are missing")

    return judged


def sizes_of(rows: list[dict], tokenizer: str, **more) -> list[dict]:
    """A method's rows, sizes rising. "SentencePiece" is one of any vocabulary. Raises `Missing`."""
    found = [
        row
        for row in rows
        if tokenizer in (row["tokenizer"], row["tokenizer"].partition("[")[0])
        and all(row[name] == value for name, value in more.items())
    ]
    if not found:
        raise Missing(f"{tokenizer} was not run")
    for row in found:
        if row["bits_per_byte"] is None:
            raise Missing(f"{tokenizer}, {row['size']}: training went wrong for every seed")
    return found


def only(rows: list[dict], tokenizer: str, **more) -> dict:
    """The row of a method at the smallest size."""
    return sizes_of(rows, tokenizer, **more)[0]


def verdict(holds: bool, rows: list[dict]) -> str:
    """By the rule above; `rows`: those of which the claim speaks."""
    if holds:
        return REPRODUCED
    large = all(row["size"] in PAPER_SIZES and row["tokens_seen"] >= LONG for row in rows)
    return CONTRADICTED if large else NOT_AT_THIS_SCALE


def learned(*rows: dict) -> bool:
    """Whether each M2 is so far below its own unigram model that its bits/byte are of what it learned.

    One that learned nothing has the bits/byte of its tokenizer's ratio, and may be ahead of others by that alone.
    """
    return all(row["unigram"] - row["bits_per_byte"] > LEARNED for row in rows)


def differ(first: dict, second: dict) -> bool:
    """Whether two rows' means differ by Welch's test; not, where there are too few seeds to say."""
    test = welch(first["each"], second["each"])
    return test is not None and test.p < SIGNIFICANT


def p_of(first: dict, second: dict) -> str:
    """Its p in words."""
    test = welch(first["each"], second["each"])
    return "p unknown, for want of seeds" if test is None else f"p = {test.p:.2g}"


def at_sizes(rows: list[dict], name: str = "bits_per_byte") -> str:
    """ "1.25 (25m), 1.12 (113m)"."""
    return ", ".join(f"{row[name]:.3f} ({row['size']})" for row in rows)


def towards(values: Iterable[float], wanted: str = "higher", noise: float = 0.0) -> str:
    """Whether values, as scale rises, speak for a claim that wants them "higher" or "lower"; one says nothing."""
    values = list(values)
    rise = values[-1] - values[0]
    if abs(rise) <= noise:
        return "no trend"
    return "towards the claim" if (rise > 0) == (wanted == "higher") else "away from the claim"


def gap_trend(what: str, first: list[dict], second: list[dict], wanted: str = "lower") -> str:
    """How bits/byte of one method less another's move with size and with training; alone for one size.

    `wanted`: where the claim wants the gap to go.
    """
    pairs = list(zip(first, second, strict=True))
    parts = []
    if len(pairs) > 1:
        gaps = [a["bits_per_byte"] - b["bits_per_byte"] for a, b in pairs]
        shown = ", ".join(f"{gap:+.3f} ({a['size']})" for gap, (a, _) in zip(gaps, pairs, strict=True))
        parts.append(f"{what} by size: {shown}, {towards(gaps, wanted, NOISE)}")
    a, b = pairs[-1]
    gaps = [on_the_way(a, share) - on_the_way(b, share) for share in (SHARE, 1.0)]
    shown = ", ".join(f"{gap:+.3f}" for gap in gaps) + f" ({a['size']}), {towards(gaps, wanted, NOISE)}"
    parts.append(f"{what} after a quarter of the training and at its end: {shown}")
    return "; ".join(parts)


def own_trend(name: str, rows: list[dict]) -> str:
    """The same for a method's bits/byte less its own unigram's: whether it learns."""
    flat = [row | {"bits_per_byte": row["unigram"], "curve": [[1.0, row["unigram"]]]} for row in rows]
    return gap_trend(f"{name} less unigram", rows, flat)


def windows_trend(name: str, first: list[dict], more: list[dict]) -> str:
    """`own_trend`, and what more text makes of it."""
    gaps = ", ".join(f"{row['bits_per_byte'] - row['unigram']:+.3f} ({row['size']})" for row in more)
    return f"{own_trend(name, first)}; {given(more)} {gaps}"


def given(rows: list[dict]) -> str:
    """How much the runs of these rows saw, all as much."""
    amount = rows[0]["amount"]
    return f"given {f'{amount / 1e6:g} million' if amount >= 1e6 else f'{amount:,.0f}'} {rows[0]['unit']}"


def late(name: str, first: list[dict], more: list[dict]) -> str:
    """The caution of a claim that asks for a method to be learned, where it took more text."""
    if learned(*first) or not learned(*more):
        return ""
    sizes = ", ".join(row["size"] for row in more)
    return f"M2s over {name} have learned by the rule only where they were {given(more)} ({sizes})"


def overfitting(*rows: dict) -> str:
    """Which M2s were better on the way than at their end by more than noise: the text was read too often."""
    found = []
    for row in rows:
        share, lowest = min(row["curve"], key=lambda point: point[1])
        if row["bits_per_byte"] - lowest > NOISE:
            found.append(
                f"{row['tokenizer']} ({row['size']}) was at {lowest:.3f} after {share:.0%} of its training, "
                "better than at its end"
            )
    return "; ".join(found)


def on_the_way(row: dict, share: float) -> float:
    """Bits/byte at the evaluation closest to a share of the training."""
    return min(row["curve"], key=lambda point: abs(point[0] - share))[1]
