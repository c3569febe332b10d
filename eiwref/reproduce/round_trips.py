"""Does text come back? Windows as the paper describes them, and an M1 in floats: claims C27 and C28.

Paper, section 3.3, Appendices A.5 and D.5 (windows) and section 3.7 (floats). Greedy windows are ambiguous inside
the text, see `windows.padded`; here it is counted how often. The paper decodes 99.4 % of sequences of 10,240
bytes; ours are documents cut into such, not joined before. Floats that differ, see `doctor`, are counted too, and
how much text is lost where an encoder works them out for all positions at once and a decoder one by one.
"""

from dataclasses import dataclass

from eiwref import doctor
from eiwref.errors import EiwrefError
from eiwref.experiments import paper
from eiwref.files import data_path
from eiwref.predictors.network import Network
from eiwref.predictors.store import load_predictor
from eiwref.reproduce import draw_text
from eiwref.reproduce.claims import CONTRADICTED, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.draw_pairs import Panel, pairs
from eiwref.reproduce.experiment import Experiment
from eiwref.reproduce.grid import Grid, Job, Place
from eiwref.reproduce.scales import Scale
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.base import Tokenizer
from eiwref.windows import SCHEMES, lockstep

WIDTHS = (16, 24, 32, 64, 128)
SEQUENCE = 10_240  # bytes, as in the paper
LOST = 0.006  # the share of sequences that the paper puts down to the end of the input
FLOAT_SEQUENCE = 1024  # bytes, as many as the paper's M1 sees
FLOAT_SHARE = 4  # a quarter of the text, as it is decoded one byte at a time
FLOAT_SPECS = ("AC[v=256]", "EqualInfoAC[b=32, v=256]", "EqualInfoAC[b=128, v=256]")


def spec(window_bits: int, windows: str) -> str:
    """The tokenizer's name; stop-cell windows are the default and not named."""
    return f"EqualInfoAC[b={window_bits}, v=256{'' if windows == 'stop' else f', windows={windows}'}]"


def sequences(texts: list[bytes], few: int, size: int) -> list[bytes]:
    """The first `few` bytes of the texts, in pieces of at most `size` bytes, none of which has parts of two texts.

    >>> sequences([b"abc", b"defgh"], few=7, size=2)
    [b'ab', b'c', b'de', b'fg']
    """
    found, left = [], few
    for text in texts:
        text = text[:left]
        left -= len(text)
        found += [text[at : at + size] for at in range(0, len(text), size)]
    return found


@dataclass(frozen=True)
class RoundTrip(Job):
    """Windows decoded by themselves, as the scheme has it, on the first `few` bytes of held-out text.

    A window fails if it decodes to another text than it was cut from: the last one of a sequence "at the end",
    where the input may be the cause, all others "inside".
    """

    tokenizer: str
    few: int

    def make(self, place: Place) -> dict:
        reader = place.material.tokenizer(self.tokenizer)
        texts = sequences(place.material.texts("held_out"), self.few, SEQUENCE)
        cut = reader.segment_batch(texts)
        decoded = iter(lockstep.texts(reader.scheme, [window.code for own in cut for window in own]))
        failed_inside = failed_at_end = ambiguous = lost = 0
        for text, windows in zip(texts, cut, strict=True):
            back = [next(decoded).text for _ in windows]
            pairs = zip(windows, back, strict=True)
            fails = [text[window.start : window.end] != own for window, own in pairs]
            failed_inside += sum(fails[:-1])
            failed_at_end += fails[-1]
            ambiguous += any(fails[:-1])
            lost += b"".join(back) != text
        return {
            "bytes": sum(map(len, texts)),
            "windows": sum(map(len, cut)),
            "failed_inside": failed_inside,
            "failed_at_end": failed_at_end,
            "sequences": len(texts),
            "sequences_failed_inside": ambiguous,
            "sequences_lost": lost,
        }


@dataclass(frozen=True)
class Floats(Job):
    """The tiny M1 in floats that travels with the package: where it differs from itself, and what that costs."""

    few: int

    def make(self, place: Place) -> dict:
        m1 = load_predictor(data_path(doctor.FLOAT))
        at_once = _AtOnce(m1.network, m1.params, m1.counts)
        texts = sequences(place.material.texts("held_out"), self.few, FLOAT_SEQUENCE)
        lost = {}
        for name in FLOAT_SPECS:
            ids = tokenizer(name, at_once).encode_batch(texts)
            reader = tokenizer(name, m1)
            lost[name] = sum(not _comes_back(reader, *pair) for pair in zip(ids, texts, strict=True))
        return {"shares": doctor.shares_of_floats(), "sequences": len(texts), "lost": lost}


class _AtOnce(Network):
    """An M1 in floats that an encoder asks as fast as it goes: one pass over all positions of a known text."""

    def slices_along(self, symbols, lengths):
        return self.slices_at_once(symbols)

    def _over(self, symbols):
        return _AtOnce(self.network, self.params, self.counts, symbols, self.precision)


def _comes_back(reader: Tokenizer, ids, text: bytes) -> bool:
    try:
        return reader.decode_bytes(ids, max_bytes=len(text)) == text
    except EiwrefError:
        return False


def jobs(scale: Scale) -> list[Job]:
    return [RoundTrip(spec(b, name), scale.few) for name in SCHEMES for b in WIDTHS]


def rows(scale: Scale, grid: Grid) -> list[dict]:
    found = []
    for name in SCHEMES:
        for b in WIDTHS:
            own = grid.result(RoundTrip(spec(b, name), scale.few))
            found.append(
                {
                    "tokenizer": spec(b, name),
                    "windows": name,
                    "window_bits": b,
                    "bytes": own["bytes"],
                    "count": own["windows"],
                    "bytes_per_window": own["bytes"] / own["windows"],
                    "paper_bytes_per_window": _paper(b, name),
                    "failed_inside": own["failed_inside"] / own["windows"],
                    "failed_at_end": own["failed_at_end"] / own["windows"],
                    "sequences": own["sequences"],
                    "sequences_failed_inside": own["sequences_failed_inside"] / own["sequences"],
                    "sequences_lost": own["sequences_lost"] / own["sequences"],
                    "paper_sequences_lost": LOST if name == "greedy" else None,
                }
            )
    return found


def _paper(window_bits: int, windows: str) -> float | None:
    """Bytes a window, from the paper's bytes a token of 8 bits; it gives none for stop cells, which are ours."""
    ratio = None
    if windows == "greedy":
        ratio = paper.value("Table 2", spec(window_bits, "stop"), "bytes_per_token")
    elif windows == "delay":
        ratio = paper.value("Table 17", spec(window_bits, "delay"), "bytes_per_token", "25m")
    return None if ratio is None else ratio * window_bits / 8


def _float_rows(scale: Scale, grid: Grid) -> list[dict]:
    found = grid.result(Floats(scale.few // FLOAT_SHARE))
    shares = [
        {"setting": row["setting"], "of": "positions whose frequencies differ", "share": row["share"]}
        for row in found["shares"]
    ]
    return shares + [
        {
            "setting": f"{name}: encoded at once, decoded step by step",
            "of": "sequences lost",
            "share": lost / found["sequences"],
        }
        for name, lost in found["lost"].items()
    ]


def _c27(rows: Rows) -> Judgement:
    greedy = [row for row in rows["windows"] if row["windows"] == "greedy"]
    others = [row for row in rows["windows"] if row["windows"] != "greedy"]
    worst = max(row["sequences_failed_inside"] for row in greedy)
    spoiled = sum(row["sequences_lost"] > 0 for row in others)
    shares = ", ".join(f"{row['failed_inside']:.1%} (b={row['window_bits']})" for row in greedy)
    value = (
        f"greedy: windows wrong inside the text: {shares}, in up to {worst:.1%} of sequences; "
        f"stop and delay: {'some' if spoiled else 'none'} of {len(others)} settings lose text"
    )
    return Judgement(CONTRADICTED if worst > LOST or spoiled else REPRODUCED, value)


def _c28(rows: Rows) -> Judgement:
    floats = [row for row in rows["floats"] if "positions" in row["of"]]
    differing = [row for row in floats if row["share"] > 0]
    lost = [
        f"{row['share']:.0%} ({row['setting'].partition(':')[0]})" for row in rows["floats"] if row not in floats
    ]
    ways = dict.fromkeys(row["setting"].partition(" against ")[0].partition(" in batches")[0] for row in differing)
    where = f" ({', '.join(ways)})" if ways else ""
    value = (
        f"in {len(differing)} of {len(floats)} settings{where} frequencies differ, at up to "
        f"{max(row['share'] for row in floats):.1%} of positions; sequences lost: {', '.join(lost)}"
    )
    same = [row["setting"] for row in floats if row["share"] == 0]
    caution = f"nothing differed here in: {'; '.join(same)}" if same else ""
    return Judgement(REPRODUCED if differing else CONTRADICTED, value, caution=caution)


EXPERIMENTS = (
    Experiment(
        names=("windows",),
        title="Windows that do not come back, and how ambiguous greedy ones are",
        jobs=jobs,
        rows=rows,
        units={
            "tokenizer": "the paper's windows are greedy, its variant delay; stop cells are ours",
            "window_bits": "bits of a window",
            "bytes": "of text, cut into windows",
            "count": "windows cut from the text",
            "bytes_per_window": "bytes of text in a window of so many bits",
            "paper_bytes_per_window": "the paper's, of two tokens of 8 bits, or as many as a window has",
            "failed_inside": "share of windows that decode to another text though more text follows",
            "failed_at_end": "share that do at the end of a sequence, where the input may be the cause",
            "sequences": f"pieces of documents, at most {SEQUENCE:,} bytes each",
            "sequences_failed_inside": "share of sequences with a window that fails inside",
            "sequences_lost": "share of sequences that do not come back, for either cause",
            "paper_sequences_lost": "the paper's",
        },
        columns=(
            ("tokenizer", "tokenizer", ""),
            ("count", "windows", ","),
            ("bytes_per_window", "bytes/window", ".3f"),
            ("paper_bytes_per_window", "the paper's", ".2f"),
            ("failed_inside", "wrong inside the text", ".2%"),
            ("failed_at_end", "wrong at its end", ".2%"),
            ("sequences", "sequences", ","),
            ("sequences_failed_inside", "of these, wrong inside", ".1%"),
            ("sequences_lost", "lost in all", ".1%"),
            ("paper_sequences_lost", "the paper's", ".1%"),
        ),
        draw=draw_text.windows,
        notes=(
            "Sequences are documents cut to size, where the paper joins 128 documents first.",
            "The paper's range coder may differ from its description in detail; what is counted is the scheme as "
            "described, in exact arithmetic.",
        ),
    ),
    Experiment(
        names=("floats",),
        title="What becomes of an M1 in floats in another setting",
        jobs=lambda scale: [Floats(scale.few // FLOAT_SHARE)],
        rows=_float_rows,
        units={
            "setting": "two ways to compute the same on this machine, or this machine and another",
            "share": "0 %: nothing is lost there",
        },
        columns=(("setting", "setting", ""), ("share", "share", ".1%"), ("of", "of", "")),
        draw=pairs("An M1 in floats, in two settings", ("setting", "of"), Panel("share", "share", form=".1%")),
        notes=(f"A tiny M1 of 98,304 parameters; sequences of at most {FLOAT_SEQUENCE:,} bytes.",),
    ),
)

CLAIMS = (
    Claim(
        id="C27",
        where="Section 3.3, Appendix D.5",
        claim="Windowed compression is lossless except at the end of the input",
        paper="99.4 % of sequences decodable",
        rule=(
            f"Contradicted if at any window size greedy windows, as described, decode wrongly inside the text in "
            f"more than {LOST:.1%} of sequences, or if stop-cell or delay windows lose a sequence; otherwise "
            "reproduced."
        ),
        needs=("windows",),
        judge=_c27,
    ),
    Claim(
        id="C28",
        where="Section 3.7",
        claim="Lossless decoding breaks where batch size, device or caching change the floats",
        paper="no figure",
        rule=(
            "Reproduced if one frequency or more differs in any setting (batch size, threads, padding, cached "
            "steps or all positions at once, another machine), as one is enough to lose what follows; otherwise "
            "contradicted."
        ),
        needs=("floats",),
        judge=_c28,
    ),
)
