"""How far each method compresses, and what a model without context gains: the paper's Tables 2 and 3.

Text is the built-in one, a topic a document. Ratios and bits/byte are of the held-out topics; the unigram
model counts the training topics' tokens. Every held-out document is decoded again and compared. The paper's
figures are on C4 with a transformer for M1 that saw tens of thousands of times our text: compare
orders and gaps, not values.
"""

import time
from functools import cache, partial
from itertools import groupby

from eiwref import show, verify
from eiwref.backend import array_module
from eiwref.coding.bits import Bits
from eiwref.corpus import builtin, sources
from eiwref.evaluate import id_counts, uniform_bits, unigram_bits
from eiwref.experiments import paper
from eiwref.experiments.result import Result, environment
from eiwref.predictors.base import Predictor
from eiwref.predictors.store import digest, dump, parse
from eiwref.processes import each
from eiwref.tokenizers import all_specs, tokenizer
from eiwref.tokenizers.base import Tokenizer

UNITS = {
    "tokenizer": "the paper's notation; windows are stop-cell unless it says greedy or delay",
    "bytes": "bytes of held-out text",
    "tokens": "tokens of held-out text",
    "bytes_per_token": "token compression ratio (Table 2)",
    "uniform": "bits/byte of the tokens if all ids are equally likely (Table 3)",
    "unigram": "bits/byte under the training text's token frequencies, Laplace-smoothed (Table 3)",
    "lossless": "every held-out document came back",
    "windows": "windows of held-out text, 0 for schemes without windows",
    "failed_windows": "of these, decoded to another text",
    "claims_lossless": "the scheme says that it gives every text back",
    "paper_*": "the paper's value; its windows are greedy",
}

COLUMNS = [("bytes_per_token", 2), ("uniform", 3), ("unigram", 3)]


def check(predictor: Predictor) -> None:
    """Raise `PredictorError` if some tokenizer cannot use it, before any work is done."""
    for spec in all_specs():
        tokenizer(spec, predictor)


def run(seed: int, predictor: Predictor, backend: str, command: str) -> Result:
    """All tokenizers on the built-in text, several at a time on as many processes as there are cores."""
    started = time.perf_counter()
    array_module(backend)
    specs = all_specs()
    methods = [list(group) for _, group in groupby(sorted(specs, key=_method), key=_method)]
    rows = {}
    packed = dump(predictor)
    # The slow ones first, so that no core is left with a long one at the end.
    methods.sort(key=lambda group: ("windows=" not in group[0], "EqualInfo" not in group[0]))
    for some in each(partial(_measure, packed=packed, backend=backend), methods, "methods"):
        rows |= some
    return Result(
        name="compression",
        title="Compression ratios and what a unigram model gains (Tables 2 and 3)",
        command=command,
        settings={
            "seed": seed,
            "predictor": digest(predictor),
            "backend": backend,
            "builtin:train": sources.describe("builtin:train"),
            "builtin:held-out": sources.describe("builtin:held-out"),
        },
        units=UNITS,
        rows=[rows[spec] for spec in specs],
        seconds=round(time.perf_counter() - started, 1),
        environment=environment(),
    )


def _method(spec: str) -> str:
    """The spec without its vocabulary: one compressor, whose bits are read at both token widths."""
    return spec.replace("v=65k", "v=256")


@cache
def _predictor(packed: bytes) -> Predictor:
    """One predictor a process, with the distributions it has worked out, for all methods measured there."""
    return parse(packed, "the predictor")[0]


def _measure(specs: list[str], packed: bytes, backend: str) -> dict[str, dict]:
    """The rows of tokenizers that share one compressor."""
    tokenizers = [tokenizer(spec, _predictor(packed)) for spec in specs]
    train = [tokenizers[0].compress(text) for text in builtin.documents("train")]
    texts = builtin.documents("held-out")
    held_out = [verify.encode(tokenizers[0], text) for text in texts]
    return {each.spec: _row(each, train, held_out, texts, array_module(backend)) for each in tokenizers}


def _row(tokenizer: Tokenizer, train: list[Bits], held_out: list[verify.Encoded], texts: list[bytes], xp) -> dict:
    train_ids = [bits.tokens(tokenizer.token_bits) for bits in train]
    ids = [encoded.bits.tokens(tokenizer.token_bits) for encoded in held_out]
    decoded = [verify.decode(tokenizer, *document) for document in zip(ids, held_out, texts, strict=True)]
    size, tokens = sum(map(len, texts)), sum(map(len, ids))
    counts = [id_counts(each, tokenizer.vocab_size, xp) for each in (train_ids, ids)]
    theirs = paper_value(tokenizer.spec)
    return {
        "tokenizer": tokenizer.spec,
        "bytes": size,
        "tokens": tokens,
        "bytes_per_token": size / tokens,
        "uniform": uniform_bits(tokens, tokenizer.vocab_size) / size,
        "unigram": unigram_bits(*counts) / size,
        "claims_lossless": tokenizer.lossless,
        "lossless": all(text == right for (text, _), right in zip(decoded, texts, strict=True)),
        "windows": sum(len(encoded.windows) for encoded in held_out),
        "failed_windows": sum(failed for _, failed in decoded),
        "paper_bytes_per_token": theirs.get("bytes_per_token"),
        "paper_uniform": theirs.get("uniform"),
        "paper_unigram": theirs.get("unigram"),
    }


def paper_value(spec: str) -> dict[str, float]:
    """The paper's figures for a tokenizer; beside stop-cell windows stand those of its own, greedy ones."""
    found = paper.table("compression")
    return found.get(spec) or found.get(spec.replace("]", ", windows=greedy]"), {})


def markdown(result: Result) -> str:
    """The result as one page: how it was made, then Tables 2 and 3 side by side with the paper's values."""
    held_out, train = result.settings["builtin:held-out"], result.settings["builtin:train"]
    lines = [
        *result.heading(),
        f"Text: the built-in one, {held_out['documents']} topics held out ({held_out['bytes']:,} bytes, SHA-256 "
        f"{held_out['sha256'][:16]}), {train['documents']} for the unigram counts ({train['bytes']:,} bytes, "
        f"SHA-256 {train['sha256'][:16]}). Predictor {result.settings['predictor'][:16]}. The paper's values are "
        "on C4 with its transformer M1 and greedy windows: compare orders and gaps.",
        "",
        "| tokenizer | bytes/token | paper | uniform bits/byte | paper | unigram bits/byte | paper "
        "| gain | round trip |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in result.rows:
        gain = _number(row["uniform"] - row["unigram"], 3)
        lines.append(f"| `{row['tokenizer']}` | {' | '.join(_cells(row))} | {gain} | {show.verdict(row)} |")
    return "\n".join([*lines, ""])


def terminal_table(result: Result) -> str:
    """The same figures, aligned for a terminal."""
    header = ["tokenizer", "bytes/token", "paper", "uniform", "paper", "unigram", "paper", "round trip"]
    lines = []
    for row in result.rows:
        lines.append([row["tokenizer"], *_cells(row), show.verdict(row)])
    return show.table(header, lines)


def _cells(row: dict) -> list[str]:
    """Our value and the paper's, column by column."""
    return [_number(row[prefix + name], digits) for name, digits in COLUMNS for prefix in ("", "paper_")]


def _number(value: float | None, digits: int) -> str:
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"
