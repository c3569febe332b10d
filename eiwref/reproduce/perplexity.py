"""Perplexity at equal cost: how much better M2s over windows predict, a claim made of the paper in the press.

Perplexity a byte, 2^(bits/byte), at equal FLOPs of training (the output layer counted), and at equal FLOPs/byte
of inference, which the paper's own Tables 15 and 16 give too. The claim is judged only by M2s that
predict better than their tokens' frequencies.
"""

import numpy as np

from eiwref.nn import sizes
from eiwref.reproduce.claims import NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.draw_pairs import Panel, pairs
from eiwref.reproduce.experiment import SEEN, SEEN_UNITS, Experiment
from eiwref.reproduce.generation import BYTES, WINDOWS, arrow
from eiwref.reproduce.grid import Grid
from eiwref.reproduce.judging import LARGE_ONLY, towards, verdict
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.tokens import Tokens
from eiwref.reproduce.trained import Trained, training_flops

LOWER = -10.0  # % of perplexity, by which the claim is judged


def _matched(scale: Scale, spec: str, size: str) -> Trained:
    """Trained for the FLOPs that an M2 of this size over bytes takes for the scale's amount of text."""
    config = sizes.config(size, 257, scale.context)
    return scale.trained(spec, size, unit="flops", amount=training_flops(config) * scale.amount)


def _perplexity_jobs(scale: Scale) -> list[Trained]:
    used = scale.sizes[:3]
    equal = [scale.trained(spec, size) for size in used for spec in (BYTES, *WINDOWS)]
    return equal + [_matched(scale, spec, size) for size in used for spec in WINDOWS]


def _perplexity(scale: Scale, grid: Grid) -> list[dict]:
    used = scale.sizes[:3]
    over_bytes = {size: grid.result(scale.trained(BYTES, size)) for size in used}
    points = [(run["flops_per_byte_of_m2"], run["bits_per_byte"]) for run in over_bytes.values() if _ended(run)]
    unigram = {spec: grid.result(Tokens(spec))["unigram_bits_per_byte"] for spec in (BYTES, *WINDOWS)}
    rows = []
    for size, base in over_bytes.items():
        for spec in WINDOWS:
            found = grid.result(_matched(scale, spec, size))
            if _ended(found) and _ended(base):
                rows.append(_compared("training", spec, size, found, base["bits_per_byte"], unigram))
            found = grid.result(scale.trained(spec, size))
            theirs = at_flops(points, found["flops_per_byte_of_m2"])
            if _ended(found) and theirs is not None:
                rows.append(_compared("inference", spec, size, found, theirs, unigram))
    return rows


def _ended(run: dict) -> bool:
    """Not so if its training went wrong; it is left out then."""
    return "bits_per_byte" in run


def _compared(equal: str, spec: str, size: str, found: dict, over_bytes: float, unigram: dict) -> dict:
    return {
        "equal": equal,
        "tokenizer": spec,
        "size": size,
        "bits_per_byte": found["bits_per_byte"],
        "bits_per_byte_of_bytes": over_bytes,
        "perplexity": 2 ** found["bits_per_byte"],
        "perplexity_of_bytes": 2**over_bytes,
        "change": lower(found["bits_per_byte"], over_bytes),
        "both_learned": found["bits_per_byte"] < unigram[spec] and over_bytes < unigram[BYTES],
        "flops_per_byte": found["flops_per_byte_of_m2"],
        "flops_per_byte_with_m1": found["flops_per_byte"],
        **{name: found[name] for name in SEEN_UNITS},
    }


def at_flops(points: list[tuple[float, float]], flops: float) -> float | None:
    """Bits/byte at so many FLOPs/byte, from points (FLOPs/byte, bits/byte), in straight lines over the logarithm.

    Below the least FLOPs those of the least, which cost more; above the most nothing is known, None.
    """
    if not points or flops > max(points)[0]:
        return None
    x, y = zip(*sorted(points), strict=True)
    return float(np.interp(np.log(flops), np.log(x), y))


def lower(bits_per_byte: float, than: float) -> float:
    """The change of perplexity a byte in %, below 0 if lower.

    >>> round(lower(1.0, than=1.5), 1)
    -29.3
    """
    return 100 * (2 ** (bits_per_byte - than) - 1)


EXPERIMENTS = (
    Experiment(
        names=("perplexity",),
        title="Perplexity a byte at equal cost",
        jobs=_perplexity_jobs,
        rows=_perplexity,
        units={
            "equal": "FLOPs of training with the output layer, or FLOPs/byte of inference without",
            "bits_per_byte_of_bytes": "of the M2 over bytes that costs as much; of inference, between two sizes",
            "perplexity": "2^(bits/byte)",
            "bits_per_byte": "of held-out text",
            "perplexity_of_bytes": "of that M2 over bytes",
            "change": "of perplexity, in %; below 0 is better than bytes",
            "both_learned": "whether both M2s predict better than the frequencies of their tokens do",
            "flops_per_byte": "of M2 in inference, without the output layer; a codebook decodes without M1",
            "flops_per_byte_with_m1": "the paper's count, M1 at every byte if it is a network",
            **SEEN_UNITS,
        },
        columns=(
            ("equal", "equal FLOPs of", ""),
            ("tokenizer", "M2 over", ""),
            ("size", "M2", ""),
            ("bits_per_byte", "bits/byte", ".3f"),
            ("bits_per_byte_of_bytes", "of bytes", ".3f"),
            ("perplexity", "perplexity a byte", ".3f"),
            ("perplexity_of_bytes", "of bytes", ".3f"),
            ("change", "change, %", "+.1f"),
            ("both_learned", "both learned", ""),
            ("flops_per_byte", "FLOPs/byte", ",.0f"),
            ("flops_per_byte_with_m1", "with M1", ",.0f"),
            *SEEN,
        ),
        draw=pairs(
            "Perplexity at equal cost",
            ("tokenizer", "size", "equal"),
            Panel(
                "perplexity",
                "perplexity a byte (lower is better)",
                "perplexity_of_bytes",
                "M2 over bytes",
                own_is="M2 over windows",
            ),
        ),
        notes=(
            "where windows cost fewer FLOPs/byte than the smallest M2 over bytes, they are held against that one",
        ),
    ),
)


def _judge_perplexity(rows: Rows) -> Judgement:
    best = {}  # by size
    compared = [row for row in rows["perplexity"] if row["both_learned"]]
    for row in compared:
        best[row["size"]] = min(row["change"], best.get(row["size"], row["change"]))
    value = "least change in perplexity a byte: " + ", ".join(f"{size} {own:+.1f} %" for size, own in best.items())
    changes = list(best.values())
    if not changes:
        return Judgement(NOT_AT_THIS_SCALE, "no two M2s to compare", "none can be told")
    if min(changes) <= LOWER:
        return Judgement(REPRODUCED, value)
    opposite = changes[-1] >= -LOWER and changes[-1] >= changes[0] and len(changes) > 1
    end = verdict(False, compared) if opposite else NOT_AT_THIS_SCALE
    trend = f"change in % from the smaller M2 to the larger: {arrow(changes)}, {towards(changes, 'lower')}"
    return Judgement(end, value, trend)


CLAIMS = (
    Claim(
        id="C29",
        where="press summary",
        claim="Perplexity is up to 30 % lower than that of byte-level baselines",
        paper="30 %; the paper's own Tables 15 and 16 come to 11 % at equal FLOPs/byte",
        rule="perplexity a byte of 16-bit windows against bytes, at equal FLOPs of training or FLOPs/byte, where "
        "both M2s predict better than the frequencies of their tokens do: "
        f"reproduced if anywhere {-LOWER:.0f} % or more lower; contradicted if at the largest size it is "
        f"{-LOWER:.0f} % or more higher throughout and no nearer than at the smallest; else not at this scale. "
        + LARGE_ONLY,
        needs=("perplexity",),
        judge=_judge_perplexity,
    ),
)
