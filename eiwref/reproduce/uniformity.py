"""How far bitstreams are from random bits: Figures 11, 16 and 17, claim C18.

Paper, section 6.3 and Appendix D.6. Where all bits are equally likely and know nothing of each other, all strings
of n bits are equally likely. Strings that overlap ("n-grams") and strings end to end ("tokens") are counted, and
the entropy of the counts is held against n. The bits are those of the ids of the text to train on; as the paper
cuts its sequences to 512 tokens, the last bits of each document, which are padding, are left out; so is what gzip
puts around each, as 10 bytes that are always the same weigh more in our short documents than in the paper's 10,240
bytes. Our random bits are a seeded generator's, where the paper takes the operating system's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from eiwref.reproduce import draw_text
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.entropy import miller_madow, plug_in
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid, Job, Place
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.tokens import Tokens, documents

RANDOM = "random bits"
AC, GZIP, SHORT = "AC[v=256]", "GZip[v=256, wrapper=no]", "EqualInfoAC[b=16, v=256]"
STREAMS = (RANDOM, AC, "StaticAC[v=256]", GZIP, SHORT, "EqualInfoAC[b=64, v=256]")
MOST_BITS = 16
GRAMS, TOKENS = "n-grams", "tokens"
TOKEN_BITS = (1, 2, 4, 8, 16)  # those that divide a window
PERCENTILES = (5, 50, 95)
ESTIMATES = {"plug_in": plug_in, "miller_madow": miller_madow}
JUDGED = 8  # bits a token


@dataclass(frozen=True)
class Uniformity(Job):
    """Entropies of a tokenizer's bits in `partitions` parts; "random bits" are as many as those of AC."""

    tokenizer: str
    partitions: int

    def needs(self):
        return (Tokens(AC if self.tokenizer == RANDOM else self.tokenizer),)

    def make(self, place: Place) -> dict:
        streams = [_trimmed(ids) for ids in documents(place.files(self.needs()[0]), "train")]
        data = np.concatenate([np.zeros(0, dtype=np.uint8), *streams])
        if self.tokenizer == RANDOM:
            data = np.frombuffer(np.random.default_rng(0).bytes(len(data)), dtype=np.uint8)
        found: dict[tuple[str, int], list[dict]] = {}
        for part in np.array_split(data.reshape(-1, 2), self.partitions):
            for kind, n, counts in _counts(np.unpackbits(part)):
                entropies = {name: estimate(counts) for name, estimate in ESTIMATES.items()}
                found.setdefault((kind, n), []).append({"count": int(counts.sum())} | entropies)
        return {
            "bits": 8 * len(data),
            "entropies": [
                {
                    "kind": kind,
                    "n": n,
                    "count": min(each["count"] for each in parts),
                    "mean": float(np.mean([each["plug_in"] for each in parts])),
                }
                | {name: _percentiles([each[name] for each in parts]) for name in ESTIMATES}
                for (kind, n), parts in found.items()
            ],
        }


def _trimmed(ids: np.ndarray) -> np.ndarray:
    """A document's bytes but the last one or two, so that pairs of them, windows of 16 bits, stay together."""
    return ids[: max(0, (len(ids) - 1) // 2 * 2)].astype(np.uint8)


def _counts(bits: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
    """(kind, n, how often each string of n bits stands in `bits`)"""
    grams = np.zeros(len(bits) + 1, dtype=np.uint16)  # the n bits from each place on, to begin with none
    for n in range(1, MOST_BITS + 1):
        grams = grams[:-1] << 1 | bits[n - 1 :]
        yield GRAMS, n, np.bincount(grams, minlength=1 << n)
        if n in TOKEN_BITS:
            yield TOKENS, n, np.bincount(grams[::n], minlength=1 << n)


def _percentiles(values: list[float]) -> list[float]:
    return [float(value) for value in np.percentile(values, PERCENTILES)]


def _rows(scale: Scale, grid: Grid) -> list[dict]:
    """KL to uniform is n less the entropy, so that its percentiles are the entropy's in falling order."""
    rows = []
    for name in STREAMS:
        found = grid.result(Uniformity(name, scale.partitions))
        for own in found["entropies"]:
            kl = {
                f"{estimate}_{percentile}": own["n"] - entropy
                for estimate in ESTIMATES
                for percentile, entropy in zip(PERCENTILES, reversed(own[estimate]), strict=True)
            }
            spread = {
                f"spread_{percentile}": entropy / own["mean"] - 1
                for percentile, entropy in zip(PERCENTILES, own["plug_in"], strict=True)
            }
            rows.append(
                {"tokenizer": name, "kind": own["kind"], "n": own["n"], "count": own["count"]} | kl | spread
            )
    return rows


def _c18(rows: Rows) -> Judgement:
    at = {row["tokenizer"]: row for row in rows["figure17"] if (row["kind"], row["n"]) == (TOKENS, JUDGED)}
    low, median, high = (
        {name: row[f"miller_madow_{percentile}"] for name, row in at.items()} for percentile in PERCENTILES
    )
    value = f"KL of {JUDGED}-bit tokens, bits: " + ", ".join(f"{name} {median[name]:.2g}" for name in STREAMS)
    value += f" (random bits from {low[RANDOM]:.2g} to {high[RANDOM]:.2g})"
    others = (GZIP, SHORT)
    if low[AC] <= high[RANDOM] and all(low[name] > high[AC] for name in others):
        return Judgement(REPRODUCED, value)
    finer = {row["tokenizer"]: row for row in rows["figure17"] if (row["kind"], row["n"]) == (TOKENS, JUDGED // 2)}
    trend = f"from tokens of {JUDGED // 2} bits to {JUDGED} the KL goes " + ", ".join(
        f"from {finer[name]['miller_madow_50']:.2g} to {median[name]:.2g} ({name})" for name in (*others, AC)
    )
    wrong = any(median[name] <= median[AC] for name in others)
    return Judgement(CONTRADICTED if wrong else NOT_AT_THIS_SCALE, value, trend)


MEANINGS = {  # of percentiles over parts
    "plug_in": "bits of KL to uniform, from the plug-in entropy: a percentile over parts",
    "spread": "entropy of a part over the mean of all parts, less 1: a percentile over parts",
    "miller_madow": "bits of KL to uniform, from Miller and Madow's entropy, likewise; below 0 by chance",
}


def _figure(number: int, title: str, estimate: str, form: str, draw: Callable) -> Experiment:
    return Experiment(
        names=(f"figure{number}",),
        title=title,
        jobs=lambda scale: [Uniformity(name, scale.partitions) for name in STREAMS],
        rows=_rows,
        units={
            "tokenizer": "whose ids' bits these are; of gzip without header and checksum",
            "kind": "n-grams overlap, tokens stand end to end",
            "n": "bits in each",
            "count": "how many are counted in the least of the parts",
            **{f"{other}_{percentile}": MEANINGS[other] for other in MEANINGS for percentile in PERCENTILES},
        },
        columns=(
            ("tokenizer", "bits of", ""),
            ("kind", "kind", ""),
            ("n", "n", ""),
            ("count", "counted a part", ","),
            *((f"{estimate}_{percentile}", f"{percentile} %", form) for percentile in PERCENTILES),
        ),
        draw=draw,
        notes=(
            "The last byte or two of each document are left out, and gzip's header and checksum. Random bits are "
            "NumPy's, from a seed, as many as AC has. Miller and Madow's term overshoots where a part holds few "
            "strings for the 2^n there are.",
        ),
    )


EXPERIMENTS = (
    _figure(
        11,
        "How far bitstreams are from uniform",
        "plug_in",
        ".2e",
        draw_text.figure11,
    ),
    _figure(
        16,
        "How much entropies differ from part to part",
        "spread",
        "+.2e",
        draw_text.figure16,
    ),
    _figure(
        17,
        "How far bitstreams are from uniform, bias taken off",
        "miller_madow",
        ".2e",
        draw_text.figure17,
    ),
)

CLAIMS = (
    Claim(
        id="C18",
        where="Section 6.3, Figure 11",
        claim="Bitstreams that can be learned are further from uniform",
        paper="figure",
        rule=(
            f"Of {JUDGED}-bit tokens, after Miller and Madow, over parts of the text: reproduced if the 5th "
            f"percentile of KL to uniform of {GZIP} and of {SHORT} is above the 95th of {AC}, and the 5th of {AC} "
            f"is not above the 95th of random bits. Contradicted if either's median is not above that of {AC}; "
            "otherwise not at this scale."
        ),
        needs=("figure17",),
        judge=_c18,
    ),
)
