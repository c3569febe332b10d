"""Claims about how stable tokens are: C15 and C16. Paper, section 6.1 and Appendix C; see `stability`."""

from itertools import pairwise

from eiwref.reproduce.claims import CONTRADICTED, NOT_AT_THIS_SCALE, REPRODUCED, Claim, Judgement, Rows
from eiwref.reproduce.stability import AC, WINDOWS, WINDOWS_65K

STABLE_BYTES, STABLE_TIMES = 1.25, 4.0


def _c15(rows: Rows) -> Judgement:
    medians, shares = (
        {row["tokenizer"].partition("[")[0]: row[name] for row in rows["figure8"] if "65k" not in row["tokenizer"]}
        for name in ("median", "share")
    )
    order = ("SentencePiece", "EqualInfoAC", "AC")
    value = "median edits " + " < ".join(f"{name} {medians[name]:g}" for name in order)
    trend = "as shares of a sentence's tokens: " + ", ".join(f"{name} {shares[name]:.2f}" for name in order)
    if _rises(medians, order):
        pieces, large = (
            row for row in rows["figure8"] if "Piece" in row["tokenizer"] or "65k" in row["tokenizer"]
        )
        caution = (
            f"{WINDOWS_65K} has a median of {large['median']:g} and a mean of {large['mean']:.2f}, SentencePiece "
            f"of {pieces['median']:g} and {pieces['mean']:.2f}"
        )
        return Judgement(REPRODUCED, value, caution=caution)
    value = value.replace("<", "|")
    return Judgement(NOT_AT_THIS_SCALE if _rises(shares, order) else CONTRADICTED, value, trend)


def _rises(values: dict[str, float], order: tuple[str, ...]) -> bool:
    return all(values[first] < values[second] for first, second in pairwise(order))


def _c16(rows: Rows) -> Judgement:
    shared = {row["place"]: row["shared"] for row in rows["table8"]}
    if not {1, 2} <= shared.keys():
        return Judgement(
            NOT_AT_THIS_SCALE, "no token stands at both places", "none can be told from so little text"
        )
    first, second = shared[1], shared[2]
    value = (
        f"windows that share a token begin alike in {first:.2f} bytes if it stands first, {second:.2f} if second"
    )
    if first >= STABLE_BYTES and first >= STABLE_TIMES * second:
        return Judgement(REPRODUCED, value)
    trend = f"first over second: {first / max(second, 1e-9):.1f} times"
    return Judgement(CONTRADICTED if first <= second else NOT_AT_THIS_SCALE, value, trend)


CLAIMS = (
    Claim(
        id="C15",
        where="Section 6.1, Figure 8",
        claim="After a changed prefix few tokens differ for SentencePiece, many for AC, EqualInfoAC is in between",
        paper="figure",
        rule=(
            f"Reproduced if the median distances in tokens rise from SentencePiece to {WINDOWS} to {AC}. Not at "
            "this scale if they do so only as shares of the sentence's tokens; otherwise contradicted."
        ),
        needs=("figure8",),
        judge=_c15,
    ),
    Claim(
        id="C16",
        where="Section 6.1, Table 8",
        claim="Tokens at a window's start map stably to text, later ones do not",
        paper="examples",
        rule=(
            f"Of the texts of two unlike windows that share a token, let the mean number of bytes that they begin "
            "with in common be f if the token stands first and s if second; under an M1 to which all bytes are "
            f"equally likely they are 1 and 0. Reproduced if f is at least {STABLE_BYTES:g} bytes and at least "
            f"{STABLE_TIMES:g} times s; contradicted if f is at most s; otherwise not at this scale."
        ),
        needs=("table8",),
        judge=_c16,
    ),
)
