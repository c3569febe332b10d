"""Claims about M2 over sizes, seeds, windows and vocabularies: C01 to C05, C07 to C10, C14 and C26.

Paper, sections 4 and 5.3 and Appendix D.1. What counts as learned, and what as nothing, is set once for all here.
"""

from itertools import pairwise

from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.judging import (
    LARGE_ONLY,
    at_sizes,
    differ,
    gap_trend,
    given,
    late,
    learned,
    measured,
    only,
    overfitting,
    own_trend,
    p_of,
    sizes_of,
    towards,
    verdict,
    windows_trend,
)
from eiwref.reproduce.scaling import AC, BYTES, GZIP, GZIP_65K, WINDOW, WINDOW_65K
from eiwref.reproduce.statistics import mean

NOTHING = 0.01  # of uniform bits/byte: who gains less than this has learned nothing
SOMETHING = 0.03  # who gains more has learned
LOST = 0.10  # above uniform by more than this share: training itself failed
TIE = 0.01  # bits/token
CLEAR = 0.1  # bits/byte, or a token: a clear difference
SEEDS = 0.02  # bits/byte: the largest deviation that is "very little",
MANY = 0.1  # and the least that is much


def _learns_nothing(rows: Rows, coder: str) -> Judgement:
    methods = [sizes_of(rows["figure3"], f"{coder}[v={v}]") for v in ("256", "65k")]
    more = sizes_of(rows["longer"], f"{coder}[v=256]")
    control, longer = _controls(rows)
    every = [row for own in (*methods, more) for row in own]
    shares = [1 - bits / row["uniform"] for row in every for bits in row["each"]]
    means = [1 - row["bits_per_byte"] / row["uniform"] for row in every]
    nothing = max(shares) <= NOTHING and min(shares) >= -LOST
    found = CONTRADICTED if max(means) > SOMETHING else NOT_AT_THIS_SCALE
    if nothing and (learned(*control) or learned(*longer)):
        found = REPRODUCED
    value = "; ".join(f"v={v} {at_sizes(own)} vs uniform {own[0]['uniform']:.3f}" for v, own in _named(methods))
    value += f"; meanwhile {WINDOW} {at_sizes(control)} vs unigram {control[0]['unigram']:.3f}; {given(more)}, "
    value += f"v=256 {at_sizes(more)}, meanwhile {at_sizes(longer)}"
    trend = windows_trend(WINDOW, control, longer)  # what is wanting, where nothing is learned
    return Judgement(found, value, trend, late(WINDOW, control, longer) if found == REPRODUCED else "")


def _controls(rows: Rows) -> list[list[dict]]:
    """Windows that are to be learned while AC is not, in Figure 3 and given more text."""
    return [sizes_of(rows[name], WINDOW) for name in ("figure3", "longer")]


def _named(methods: list) -> list:
    return list(zip(("256", "65k"), methods, strict=True))


@measured
def _c01(rows: Rows) -> Judgement:
    return _learns_nothing(rows, "AC")


@measured
def _c02(rows: Rows) -> Judgement:
    return _learns_nothing(rows, "StaticAC")


@measured
def _c03(rows: Rows) -> Judgement:
    windows, longer = _controls(rows)
    large = sizes_of(rows["figure3"], WINDOW_65K)
    gains = [[_gains(only(rows[name], each)) for each in (WINDOW, AC)] for name in ("figure3", "longer")]
    holds = any(
        learned(*own) and mean(window["each"]) > mean(ac["each"]) and differ(window, ac)
        for own, (window, ac) in zip((windows, longer), gains, strict=True)
    )
    value = (
        f"v=256 {at_sizes(windows)} vs uniform {windows[0]['uniform']:.3f}, unigram {windows[0]['unigram']:.3f}; "
        f"v=65k {at_sizes(large)} vs unigram {large[0]['unigram']:.3f}; gain over uniform beside AC's: "
        f"{p_of(*gains[0])}; {given(longer)}, v=256 {at_sizes(longer)}, {p_of(*gains[1])}"
    )
    found = verdict(holds, windows)
    caution = late(WINDOW, windows, longer) if found == REPRODUCED else ""
    return Judgement(found, value, windows_trend("v=256", windows, longer), caution)


def _gains(row: dict) -> dict:
    return {"each": [row["uniform"] - bits for bits in row["each"]]}


@measured
def _c04(rows: Rows) -> Judgement:
    rows = rows["figure3"]
    window, raw = sizes_of(rows, WINDOW_65K), sizes_of(rows, BYTES)
    better = all(
        own["bits_per_byte"] < other["bits_per_byte"]
        and own["flops_per_byte_of_m2"] < other["flops_per_byte_of_m2"]
        and own["flops_per_byte_of_m2_with_softmax"] < other["flops_per_byte_of_m2_with_softmax"]
        for own, other in zip(window, raw, strict=True)
    )
    costs, with_output = (
        " and ".join(f"{own[0][name]:,.0f}" for own in (window, raw))
        for name in ("flops_per_byte_of_m2", "flops_per_byte_of_m2_with_softmax")
    )
    value = (
        f"{at_sizes(window)} vs Bytes {at_sizes(raw)}, at {costs} FLOPs/byte of M2 ({window[0]['size']}), "
        f"{with_output} with the output layer; with M1 run at every byte {window[0]['flops_per_byte']:,.0f}"
    )
    trend = gap_trend("EqualInfoAC less Bytes", window, raw)
    return Judgement(verdict(better and learned(*window, *raw), window), value, trend, overfitting(*window))


@measured
def _c05(rows: Rows) -> Judgement:
    rows = rows["figure3"]
    pieces = sizes_of(rows, "SentencePiece")
    others = [name for name in {row["tokenizer"]: None for row in rows} if name != pieces[0]["tokenizer"]]
    by_name = {name: sizes_of(rows, name) for name in others}
    best = min(others, key=lambda name: by_name[name][-1]["bits_per_byte"])
    lowest = all(
        own["bits_per_byte"] < other["bits_per_byte"]
        for name in others
        for own, other in zip(pieces, by_name[name], strict=True)
    )
    value = f"{at_sizes(pieces)}; the next at the largest size, {best}: {at_sizes(by_name[best])}"
    return Judgement(
        verdict(lowest and learned(*pieces), pieces),
        value,
        gap_trend(f"SentencePiece less {best}", pieces, by_name[best]),
    )


@measured
def _c07(rows: Rows) -> Judgement:
    rows = rows["figure3"]
    zipped, raw = sizes_of(rows, GZIP), sizes_of(rows, BYTES)
    is_learned = learned(*zipped)
    trails = all(
        own["bits_per_byte"] - other["bits_per_byte"] > CLEAR for own, other in zip(zipped, raw, strict=True)
    )
    value = f"{at_sizes(zipped)} vs unigram {zipped[0]['unigram']:.3f} and Bytes {at_sizes(raw)}"
    trend = own_trend("GZip", zipped)
    return Judgement(verdict(is_learned and trails, zipped), value, trend)


def _by_window(rows: list[dict], v: str = "256") -> dict[int, list[dict]]:
    return {bits: sizes_of(rows, f"EqualInfoAC[b={bits}, v={v}]") for bits in (16, 32, 64, 128)}


@measured
def _c08(rows: Rows) -> Judgement:
    windows = _by_window(rows["figure5"])
    first = [own[0] for own in windows.values()]
    order = sorted(windows, key=lambda bits: windows[bits][0]["bits_per_byte"])
    value = "; ".join(f"b={bits} {at_sizes(own)}" for bits, own in windows.items())
    trend = gap_trend("b=16 less b=128", windows[16], windows[128])
    return Judgement(verdict(order[:2] == [16, 128], first), value, trend)


@measured
def _c09(rows: Rows) -> Judgement:
    windows, longer = _by_window(rows["figure5"]), _by_window(rows["longer"])
    first, last = windows[16], windows[128]
    whole = _bits_above(last, first)
    found = CONTRADICTED if max(whole) < -CLEAR else NOT_AT_THIS_SCALE
    if _are_in_order(windows) or _are_in_order(longer):
        found = REPRODUCED
    value, more = (
        "; ".join(f"b={bits} {at_sizes(own, 'bits_per_token')}" for bits, own in each.items())
        for each in (windows, longer)
    )
    value = f"{value} bits/token; {given(longer[16])}: {more}"
    shown = ", ".join(f"{gap:+.3f} ({row['size']})" for gap, row in zip(whole, first, strict=True))
    trend = f"b=128 less b=16, bits/token, by size: {shown}, {towards(whole)}"
    caution = ""
    if found == REPRODUCED:
        judged = windows if _are_in_order(windows) else longer
        blank = [str(bits) for bits, own in judged.items() if all(_knows_nothing(row) for row in own)]
        nothing = f"M2s have learned nothing of windows of {', '.join(blank)} bits, which so come to the same"
        caution = "; ".join(filter(None, (late("16-bit windows", first, longer[16]), nothing if blank else "")))
    return Judgement(found, value, f"{trend}; {windows_trend('b=16', first, longer[16])}", caution)


def _are_in_order(windows: dict[int, list[dict]]) -> bool:
    """Whether M2s have learned windows of 16 bits, and the longer windows are the more bits a token takes."""
    ordered = list(windows.values())
    steps = [gap for own, wider in pairwise(ordered) for gap in _bits_above(wider, own)]
    return min(steps) >= -TIE and min(_bits_above(ordered[-1], ordered[0])) > CLEAR and learned(*ordered[0])


def _knows_nothing(row: dict) -> bool:
    return row["bits_per_byte"] >= row["uniform"]


def _bits_above(rows: list[dict], others: list[dict]) -> list[float]:
    """Bits/token of each size over those of others."""
    return [row["bits_per_token"] - other["bits_per_token"] for row, other in zip(rows, others, strict=True)]


@measured
def _c10(rows: Rows) -> Judgement:
    rows = rows["figure6"]
    small, large = only(rows, WINDOW), only(rows, WINDOW_65K, matched="tokens")
    zipped, zipped_65k = only(rows, GZIP), only(rows, GZIP_65K, matched="tokens")
    helps = large["bits_per_byte"] < small["bits_per_byte"] and differ(large, small)
    hurts = zipped_65k["bits_per_byte"] - zipped["bits_per_byte"] > CLEAR
    value = (
        f"for equal tokens {WINDOW} {small['bits_per_byte']:.3f}, v=65k {large['bits_per_byte']:.3f} "
        f"({p_of(large, small)}); GZip[v=256] {zipped['bits_per_byte']:.3f}, v=65k "
        f"{zipped_65k['bits_per_byte']:.3f}"
    )
    trend = "; ".join(
        (
            gap_trend("EqualInfoAC, v=65k less v=256, equal tokens,", [large], [small]),
            gap_trend("GZip, the same,", [zipped_65k], [zipped], "higher"),
            own_trend("EqualInfoAC, v=256", [small]),
        )
    )
    used = [small, large, zipped, zipped_65k]
    return Judgement(verdict(helps and hurts and learned(small, zipped), used), value, trend, overfitting(*used))


@measured
def _c14(rows: Rows) -> Judgement:
    rows = rows["table6"]
    small = only(rows, WINDOW)
    by_bytes, by_tokens = (only(rows, WINDOW_65K, matched=matched) for matched in ("bytes", "tokens"))
    whole, kept = (small["bits_per_byte"] - row["bits_per_byte"] for row in (by_tokens, by_bytes))
    gains = whole > 0 and differ(small, by_tokens)
    share = f"{kept / whole:.0%} of the gain" if whole > 0 else "there is no gain to keep"
    value = (
        f"{small['bits_per_byte']:.3f} to {by_bytes['bits_per_byte']:.3f} for equal bytes and "
        f"{by_tokens['bits_per_byte']:.3f} for equal tokens ({p_of(small, by_tokens)}): {share}"
    )
    holds = learned(small) and gains and kept > whole / 2
    trend = gap_trend("v=65k less v=256, equal tokens,", [by_tokens], [small])
    trend += "; " + own_trend("v=256", [small])
    return Judgement(verdict(holds, [small, by_bytes, by_tokens]), value, trend, overfitting(by_bytes, by_tokens))


@measured
def _c26(rows: Rows) -> Judgement:
    several = [row for row in rows["table11"] if row["std"] is not None]
    if not several:
        return Judgement(NOT_AT_THIS_SCALE, "one seed alone", "none can be told from one seed")
    widest, trend = max(several, key=lambda row: row["std"]), "one size alone; the paper's, 25m, at most 0.0061"
    speaking = [row for row in several if learned(row)]
    value = (
        f"std at most {widest['std']:.4f} ({widest['tokenizer']}, {widest['seeds']} seeds, {widest['size']}); "
        f"of {len(several)} methods {len(speaking)} have learned something"
    )
    if widest["std"] > MANY:
        return Judgement(CONTRADICTED, value, trend)
    if widest["std"] > SEEDS or not speaking:
        return Judgement(NOT_AT_THIS_SCALE, value, trend)
    others = [row["tokenizer"] for row in several if row not in speaking]
    return Judgement(
        REPRODUCED,
        value,
        trend,
        f"M2s that have learned hardly anything cannot differ: {', '.join(others)}" if others else "",
    )


NOTHING_RULE = (
    "Reproduced if no M2, of either vocabulary, any size and any seed, nor one with 256 ids given more text, is "
    f"below uniform by more than 1 % or above it by more than 10 %, while {WINDOW} trained alike is below its "
    "unigram model by more than 0.1 bits/byte, at every size or given more text. Contradicted if the mean over "
    "seeds is below uniform by more than 3 % anywhere. Else not at this scale."
)
# Claims that may hold given more text; of single bits of AC they say nothing.
TWICE = {"needs": ("figure3", "longer"), "only": lambda row: row["tokenizer"] != "AC[v=2]"}
CLAIMS = (
    Claim(
        id="C01",
        where="Section 4, Figure 3",
        claim="M2 over text compressed by AC learns nothing beyond the uniform distribution",
        paper="1.46 bits/byte, uniform 1.46",
        rule=NOTHING_RULE,
        **TWICE,
        judge=_c01,
    ),
    Claim(
        id="C02",
        where="Section 4, Figure 3",
        claim="M2 over StaticAC learns nothing either, so that it is the coding and not M1 that is hard",
        paper="4.61 bits/byte, uniform 4.62",
        rule=NOTHING_RULE,
        **TWICE,
        judge=_c02,
    ),
    Claim(
        id="C03",
        where="Section 4, Figure 3",
        claim="Equal-info windows make AC text learnable",
        paper="0.94 bits/byte (2b, v=65k), uniform 3.01",
        rule=f"Reproduced if M2 over {WINDOW} is below its unigram model by more than 0.1 bits/byte at every "
        "size, and at the smallest gains more over uniform than M2 over AC[v=256] does, p < 0.05 over seeds "
        "(Welch); or if both are so given more text. " + LARGE_ONLY,
        **TWICE,
        judge=_c03,
    ),
    Claim(
        id="C04",
        where="Section 4, Figure 3",
        claim="EqualInfoAC[b=16, v=65k] beats raw bytes at every size at far fewer FLOPs/byte",
        paper="25m: 1.25 at 15.4 MFLOPs/byte against 1.29 at 50",
        rule="Reproduced if at every size its bits/byte and its FLOPs/byte, without the output layer and with it, "
        "are below those of Bytes, and both M2s are below their unigram models by more than 0.1 bits/byte. FLOPs "
        "are M2's, as windows of 16 bits are looked up and run no M1; with M1 run at every byte, as the paper "
        "counts, they are told beside. " + LARGE_ONLY,
        needs=("figure3",),
        judge=_c04,
    ),
    Claim(
        id="C05",
        where="Section 4, Figure 3",
        claim="SentencePiece beats every other method at equal parameters",
        paper="25m: 1.12 bits/byte, the next 1.25",
        rule="Reproduced if its bits/byte is the lowest of all methods at every size, and below its unigram "
        "model by more than 0.1. " + LARGE_ONLY,
        needs=("figure3",),
        judge=_c05,
    ),
    Claim(
        id="C07",
        where="Section 4, Figure 3",
        claim="GZip text is learnable but not competitive",
        paper="25m: 2.34 bits/byte, uniform 3.59, Bytes 1.29",
        rule="Reproduced if at every size M2 over GZip[v=256] is below its unigram model by more than 0.1 "
        "bits/byte, and above M2 over Bytes by more than 0.1. " + LARGE_ONLY,
        needs=("figure3",),
        judge=_c07,
    ),
    Claim(
        id="C08",
        where="Section 4, Figure 5",
        claim="In bits/byte 16-bit windows are best and 128-bit windows second",
        paper="25m: 1.47, 2.05, 1.85, 1.71 for b=16, 32, 64, 128",
        rule="Reproduced if, at v=256 and the smallest size, b=16 is lowest and b=128 second of the four (at 2b "
        "the paper's own order is another: b=32 overtakes b=128). " + LARGE_ONLY,
        needs=("figure5",),
        judge=_c08,
    ),
    Claim(
        id="C09",
        where="Section 4, Figure 5",
        claim="In bits/token the order is monotone: shorter windows are easier",
        paper="25m: 3.91, 7.15, 7.70, 7.88 of 8 bits/token (from Tables 12 and 15)",
        rule="Reproduced if, at v=256 and at every size, no longer window is below the next shorter by more than "
        "0.01 bits/token, b=128 is above b=16 by more than 0.1, and b=16 is below its unigram model by more than "
        "0.1 bits/byte; or if all this is so given more text. Contradicted if b=128 is below b=16 by more than "
        "0.1 bits/token at every size of Figure 5. Else not at this scale.",
        **TWICE | {"needs": ("figure5", "longer")},
        judge=_c09,
    ),
    Claim(
        id="C10",
        where="Section 4, Figure 6",
        claim="A vocabulary of 65k helps EqualInfoAC and hurts GZip",
        paper="25m: 1.47 to 1.25, and 2.34 to 2.92",
        rule="Reproduced if, for equally many tokens at the smallest size, EqualInfoAC[b=16] has fewer bits/byte "
        "with 65k than with 256, p < 0.05 over seeds (Welch), and GZip more, by more than 0.1, while with 256 "
        "both are below their unigram models by more than 0.1. " + LARGE_ONLY,
        needs=("figure6",),
        judge=_c10,
    ),
    Claim(
        id="C14",
        where="Section 5.3, Table 6",
        claim="Most of the gain of 65k remains when the bytes seen are matched",
        paper="1.472 to 1.287 of 1.251: 84 %",
        rule="Reproduced if EqualInfoAC[b=16] gains by 65k for equal tokens, p < 0.05 over seeds (Welch), and "
        "more than half of that for equal bytes, while with 256 it is below its unigram model by more than 0.1 "
        "bits/byte. " + LARGE_ONLY,
        needs=("table6",),
        judge=_c14,
    ),
    Claim(
        id="C26",
        where="Appendix D.1, Table 11",
        claim="Seeds change bits/byte very little",
        paper="standard deviation at most 0.0061 over 5 seeds",
        rule="Reproduced if the standard deviation over seeds is at most 0.02 bits/byte for every method of "
        "Table 11 at the smallest size, and one method or more is below its unigram model by more than 0.1. "
        "Contradicted if it is above 0.1 for one. Else not at this scale.",
        needs=("table11",),
        judge=_c26,
    ),
)
