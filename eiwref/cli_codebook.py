"""The command that writes windows of 16 bits down: `eiwref codebook`."""

from collections.abc import Callable
from functools import partial

from tqdm import tqdm

import eiwref
from eiwref import files
from eiwref.cli_options import check_out, count, report
from eiwref.corpus import sources
from eiwref.errors import EiwrefError
from eiwref.experiments.result import environment
from eiwref.predictors.base import BYTES
from eiwref.predictors.store import digest, dump
from eiwref.windows import StopCell, likeliest, table_walk
from eiwref.windows.codebook import MAX_WINDOW_BITS, Codebook
from eiwref.windows.teach import taught


def add_commands(add: Callable, texts: dict) -> None:
    """Give the parser its `codebook`; `add` adds all others, `texts` says how a TEXT is named."""
    about = "write the windows of 16 bits of a predictor to a file, so that they need no predictor"
    command = add("codebook", _codebook, about)
    command.add_argument("texts", **texts | {"nargs": "*", "help": "with --rounds: like those to be encoded"})
    command.add_argument("-o", "--out", required=True, metavar="FILE", help="to write to")
    command.add_argument(
        "--windows",
        choices=(StopCell.name, likeliest.Likeliest.name),
        default=StopCell.name,
        help="stop: those of EqualInfoAC; likeliest: the texts that windows most likely hold (default: stop)",
    )
    command.add_argument(
        "--rounds", type=count, metavar="N", help="of windows=likeliest: so often count how the texts go on"
    )
    command.add_argument("--held-out", metavar="TEXT", help="tell how long windows are there")


def _codebook(options) -> int:
    check_out(options, *options.texts, options.held_out)
    if bool(options.texts) != bool(options.rounds) or (options.rounds and options.windows == StopCell.name):
        raise EiwrefError("codebook: texts, --rounds and --windows likeliest go together")
    m1 = eiwref.load_predictor(options.predictor) if options.predictor else eiwref.default_predictor()
    predictor = m1.over(BYTES)
    documents, tallies = sources.counted(options.texts)
    documents = list(documents)
    if options.windows == StopCell.name:
        book = Codebook.grow(StopCell(predictor, MAX_WINDOW_BITS))
    else:
        bar = partial(tqdm, desc="rounds", disable=None)
        book = taught(predictor, documents, MAX_WINDOW_BITS, options.rounds or 0, bar)
    packed = dump(book)
    files.write_bytes(options.out, packed)
    found = {
        "command": options.command,
        "file": options.out,
        "digest": digest(book),
        "file_bytes": len(packed),
        "predictor": digest(m1),
        "windows": options.windows,
        "longest_text": int(book.depths.max()),
        "texts": [{"name": name} | tally.as_dict() for name, tally in tallies],
        "environment": environment(),
    }
    if documents:
        found["bytes_per_window of these texts"] = _bytes_per_window(book, documents)
    if options.held_out is not None:
        held_out = list(sources.documents(options.held_out))
        found["held_out"] = options.held_out
        found["bytes_per_window"] = _bytes_per_window(book, held_out)
    return report(options, found)


def _bytes_per_window(book: Codebook, documents: list[bytes]) -> float:
    if not any(documents):
        raise EiwrefError("there is no text to measure")
    return sum(map(len, documents)) / sum(map(len, table_walk.segment(book, documents)))
