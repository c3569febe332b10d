"""A text's windows for the eye: on a terminal in colour, elsewhere in plain columns.

The paper's Figures 2 (windows) and 9 (which text each token has a hand in).
"""

from tqdm import tqdm

from eiwref.coding.bits import Bits
from eiwref.tokenizers.equal_info import EqualInfo

BACKGROUNDS = ("\x1b[30;46m", "\x1b[30;43m")  # black on cyan, black on yellow
PLAIN = "\x1b[0m"


def describe(tokenizer: EqualInfo, data: bytes) -> list[dict]:
    """One dict a window: where it is, its text, its bits, and its tokens with the text each touches."""
    rows, scheme = [], tokenizer.by_table(len(data))
    windows = list(scheme.segment(data))
    ids = tokenizer.join(windows).tokens(tokenizer.token_bits)
    window_bits, token_bits = scheme.window_bits, tokenizer.token_bits
    for index, window in enumerate(tqdm(windows, desc="windows", unit="", disable=None, delay=1)):
        text = data[window.start : window.end]
        ranges = scheme.bit_ranges(text)
        tokens = []
        # The tokens that hold bits of this window; where they straddle, neighbours share one.
        begin, end = index * window_bits, (index + 1) * window_bits
        for place in range(begin // token_bits, -(-end // token_bits)):
            first, after = place * token_bits - begin, (place + 1) * token_bits - begin
            touched = [i for i, (low, high) in enumerate(ranges) if low < after and high > first]
            tokens.append({"id": int(ids[place]), "text": printable(text[touched[0] : touched[-1] + 1])})
        rows.append(
            {
                "start": window.start,
                "end": window.end,
                "text": printable(text),
                "bits": str(Bits.from_int(window.code, window_bits)),
                "tokens": tokens,
                "decodes_to": printable(scheme.decode(window.code).text),
            }
        )
        scheme = scheme.after(text)
    return rows


def printable(text: bytes) -> str:
    """UTF-8 as it is; control characters and bytes that are not UTF-8 as escapes."""
    return escaped(text.decode("utf-8", "backslashreplace"))


def escaped(text: str, keep: str = "") -> str:
    """Control characters, but for those to `keep`, as escapes."""
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def render(rows: list[dict], colour: bool) -> str:
    """The text with its windows marked, then a line a window."""
    if colour:
        running = "".join(f"{BACKGROUNDS[i % 2]}{row['text']}{PLAIN}" for i, row in enumerate(rows))
    else:
        running = "|".join(row["text"] for row in rows)
    width = max([len(row["text"]) for row in rows], default=0)
    lines = [running, ""]
    for index, row in enumerate(rows):
        text = row["text"].ljust(width)
        if colour:
            text = f"{BACKGROUNDS[index % 2]}{row['text']}{PLAIN}" + " " * (width - len(row["text"]))
        tokens = "  ".join(f"{token['id']}={token['text']!r}" for token in row["tokens"])
        wrong = "" if row["decodes_to"] == row["text"] else f"  DECODES TO {row['decodes_to']!r}"
        lines.append(f"{text}  {row['bits']}  {tokens}{wrong}")
    return "\n".join(lines)


def verdict(row: dict) -> str:
    """Lossless, or how many windows were not; `row` has the keys of `verify.RoundTrip`."""
    if row["lossless"]:
        return "lossless"
    if not row["windows"]:
        return "NOT lossless"
    share = row["failed_windows"] / row["windows"]
    return f"{row['failed_windows']:,} of {row['windows']:,} windows wrong ({share:.1%})"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns aligned for a terminal: the first to the left, numbers to the right."""
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    numeric = [all(row[i].lstrip("+−")[:1].isdigit() or row[i] in "–" for row in rows) for i in range(len(header))]
    lines = []
    for line in [header, *rows]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
