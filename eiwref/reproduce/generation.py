"""How fast M2s write, a claim made of the paper in the press.

The paper has no such figures: it counts bytes a step (section 3.6) and FLOPs/byte. M2s of one size write
equally many tokens over bytes, SentencePiece and 16-bit windows, and their ids become text; windows by a codebook,
which is grown before, and once more by M1 at every byte, as the paper has it. Seconds are of one processor, which
other work on the machine does not stretch (on a GPU, of the clock); rounds of all go in turn, and the least of
each count. What a token holds is taken from held-out text, as it is a matter of chance in texts this short.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from threadpoolctl import threadpool_limits

from eiwref import generate
from eiwref.coding.bits import from_tokens
from eiwref.m2 import M2, text_of
from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.draw_pairs import Panel, pairs
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid, Job, Place
from eiwref.reproduce.judging import towards
from eiwref.reproduce.scales import Scale
from eiwref.reproduce.trained import Trained, load
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.windows.codebook import Codebook

BYTES = "Bytes"
WINDOWS = ("EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]")
ROUNDS = 3
FASTER = 1.4  # times as fast, by which the claim is judged


@dataclass(frozen=True)
class Speed(Job):
    """`m2s` write `tokens` tokens each, alone and `lanes` texts side by side. Figures are of this machine."""

    version = 2
    m2s: tuple[Trained, ...]
    tokens: int
    lanes: int

    def needs(self):
        return self.m2s

    def describe(self):
        return super().describe() | {"m2s": [m2.describe() for m2 in self.m2s]}

    def make(self, place: Place) -> dict:
        m2s = [load(place, job) for job in self.m2s]
        windows = [m2.tokenizer for m2 in m2s if isinstance(m2.tokenizer, EqualInfo)]
        book = windows[0].codebook  # of all of them: their windows are the same
        book.decode([0])  # makes the tables that it decodes by
        clock = time.process_time if place.xp is np else time.perf_counter
        runs = []
        with threadpool_limits(1):
            for lanes in (1, self.lanes):
                found_of_each = _rounds(m2s, book, lanes, self.tokens, clock)
                for m2, found in zip(m2s, found_of_each, strict=True):
                    runs.append({"tokenizer": m2.tokenizer.spec, "texts": lanes} | found)
        return {"runs": runs}


def _rounds(m2s: list[M2], book: Codebook, lanes: int, tokens: int, clock: Callable[[], float]) -> list[dict]:
    """For each M2 what it wrote in its rounds, which go in turn, and the least seconds."""
    found = [[] for _ in m2s]
    for number in range(ROUNDS):
        for own, m2 in zip(found, m2s, strict=True):
            own.append(_write(m2, book, lanes, tokens, clock, number))
    return [
        {name: (sum if name in ("tokens", "bytes") else min)(each[name] for each in own) for name in own[0]}
        for own in found
    ]


def _write(m2: M2, book: Codebook, lanes: int, tokens: int, clock: Callable[[], float], number: int) -> dict:
    """Texts until there are `lanes` times as many tokens, then what they say; the codebook is for windows.

    Seconds are of a token where M2 writes it, and of a byte where it is decoded.
    """
    end, made, texts = m2.network.config.symbols - 1, 0, []
    started = clock()
    while made < lanes * tokens:  # a text may end early, then another is begun
        rngs = [np.random.default_rng([number, len(texts), lane]) for lane in range(lanes)]
        texts.append(np.stack(list(islice(generate.ids(m2.network, m2.params, rngs), tokens)), axis=1))
        made += int((texts[-1] != end).sum())
    stepped = clock()
    ids = [row[row != end] for batch in texts for row in batch]
    if isinstance(m2.tokenizer, EqualInfo):
        size = sum(map(len, book.decode_batch([codes(m2.tokenizer, row) for row in ids])))
    else:
        size = sum(map(len, m2.tokenizer.decode_batch(ids)))
    decoded = clock()
    found = {
        "tokens": made,
        "bytes": size,
        "writing_seconds": (stepped - started) / made,
        "decoding_seconds": (decoded - stepped) / size,
    }
    if isinstance(m2.tokenizer, EqualInfo):
        by_m1 = clock()
        for row in ids:
            text_of(m2.tokenizer, row)
        found["decoding_seconds_by_m1"] = (clock() - by_m1) / size
    return found


def codes(reader: EqualInfo, ids: np.ndarray) -> np.ndarray:
    """The codes of 16-bit windows; half a window at the end is left out."""
    packed = from_tokens(ids, reader.token_bits)
    return np.frombuffer(packed[: len(packed) // 2 * 2], dtype=">u2")


def _speed_job(scale: Scale, size: str) -> Speed:
    m2s = tuple(scale.trained(spec, size) for spec in (BYTES, scale.subword, *WINDOWS))
    return Speed(m2s, scale.context, scale.lanes)


def _speed(scale: Scale, grid: Grid) -> list[dict]:
    rows = []
    for size in scale.sizes[:3]:
        base = {}  # by how many texts: bytes/s of the M2 over bytes, which comes first
        for run in grid.result(_speed_job(scale, size))["runs"]:
            trained = grid.result(scale.trained(run["tokenizer"], size))
            writing = run["writing_seconds"] / trained["bytes_per_token"]  # seconds a byte
            by_codebook, by_m1 = (
                None if name not in run else 1 / (writing + run[name])
                for name in ("decoding_seconds", "decoding_seconds_by_m1")
            )
            base.setdefault(run["texts"], by_codebook)
            rows.append(
                {
                    "tokenizer": run["tokenizer"],
                    "size": size,
                    "texts": run["texts"],
                    "tokens_per_second": 1 / run["writing_seconds"],
                    "bytes_per_token": run["bytes"] / run["tokens"],
                    "held_out_bytes_per_token": trained["bytes_per_token"],
                    "bytes_per_second": by_codebook,
                    "times_bytes": by_codebook / base[run["texts"]],
                    "times_bytes_by_m1": None if by_m1 is None else by_m1 / base[run["texts"]],
                    "decoding_seconds": run["decoding_seconds"],
                    "decoding_seconds_by_m1": run.get("decoding_seconds_by_m1"),
                    "parameters": trained["parameters"],
                    "parameters_in_all": trained["parameters_in_all"],
                }
            )
    return rows


EXPERIMENTS = (
    Experiment(
        names=("speed",),
        title="How fast M2s write",
        jobs=lambda scale: [
            job for size in scale.sizes[:3] for job in (*_speed_job(scale, size).m2s, _speed_job(scale, size))
        ],
        rows=_speed,
        units={
            "texts": "written side by side",
            "tokens_per_second": "of all texts together, by M2 alone, a second of one processor",
            "bytes_per_token": "of the text written, which is short",
            "held_out_bytes_per_token": "bytes/token of held-out text",
            "bytes_per_second": "where tokens hold as much as those of held-out text; decoding included, that of "
            "windows by codebook",
            "times_bytes": "bytes/s over those of the M2 over bytes",
            "times_bytes_by_m1": "the same if windows are decoded by M1 at every byte",
            "decoding_seconds": "a byte, by codebook or table",
            "decoding_seconds_by_m1": "a byte",
            "parameters": "of M2's matrices, without embeddings and output",
            "parameters_in_all": "with these, and with everything else that is trained",
        },
        columns=(
            ("tokenizer", "M2 over", ""),
            ("size", "M2", ""),
            ("texts", "texts", "d"),
            ("tokens_per_second", "tokens/s", ",.0f"),
            ("bytes_per_token", "bytes/token", ".2f"),
            ("held_out_bytes_per_token", "on held-out text", ".2f"),
            ("bytes_per_second", "bytes/s", ",.0f"),
            ("times_bytes", "times bytes'", ".2f"),
            ("times_bytes_by_m1", "by M1", ".2f"),
        ),
        draw=pairs(
            "How fast M2s write, texts side by side",
            ("tokenizer", "size", "texts"),
            Panel("bytes_per_second", "bytes/s", form=",.0f", scale="log"),
            Panel(
                "times_bytes",
                "times the bytes/s of an M2 over bytes",
                "times_bytes_by_m1",
                "by M1",
                own_is="by codebook",
            ),
        ),
        notes=(
            "times are of one machine, and of small M2s, whose steps cost more in Python than in products",
            "the codebook is grown before the clock starts, once for an M1",
        ),
    ),
)


def _judge_speed(rows: Rows) -> Judgement:
    alone = [row for row in rows["speed"] if row["texts"] == 1 and row["tokenizer"] != BYTES]
    by_size = {}
    for row in alone:
        by_size.setdefault(row["size"], []).append(f"{row['tokenizer']} {row['times_bytes']:.2f}")
    value = "times the bytes/s of bytes: " + "; ".join(
        f"{size}: {', '.join(own)}" for size, own in by_size.items()
    )
    windows = [row["times_bytes"] for row in alone if row["tokenizer"] in WINDOWS]
    if max(windows) >= FASTER:
        return Judgement(REPRODUCED, value, caution=_held_against_others(alone))
    if max(windows) <= 1:
        return Judgement(CONTRADICTED, value)
    best = [
        max(row["times_bytes"] for row in alone if row["size"] == size and row["tokenizer"] in WINDOWS)
        for size in by_size
    ]
    return Judgement(
        NOT_AT_THIS_SCALE, value, f"from the smaller M2 to the larger: {arrow(best)}, {towards(best)}"
    )


def _held_against_others(alone: list[dict]) -> str:
    """What else than bytes windows may be held against, and what is not in the comparison."""
    subword = {row["size"]: row["bytes_per_second"] for row in alone if row["tokenizer"] not in WINDOWS}
    against, by_m1 = [], []
    for row in (row for row in alone if row["tokenizer"] in WINDOWS):
        name = f"{row['tokenizer']} {row['size']}"
        against.append(f"{name} {row['bytes_per_second'] / subword[row['size']]:.2f}")
        by_m1.append(f"{row['times_bytes_by_m1']:.2f}")
    return (
        f"times the bytes/s of subwords: {', '.join(against)}; with windows decoded by M1 at every byte, times "
        f"those of bytes: {', '.join(by_m1)}; how well the M2s predict is not compared"
    )


def arrow(values) -> str:
    return " -> ".join(f"{value:.2f}" for value in values)


CLAIMS = (
    Claim(
        id="C30",
        where="press summary",
        claim="Inference is up to 40 % faster than conventional set-ups",
        paper="40 %",
        rule="bytes of text a second, one text at a time, tokens holding as much as those of held-out text, of an "
        "M2 over 16-bit windows (by codebook) over those "
        f"of one of its size over bytes: reproduced from {FASTER} on at any size, contradicted if nowhere above "
        "1, else not at this scale",
        needs=("speed",),
        judge=_judge_speed,
    ),
)
