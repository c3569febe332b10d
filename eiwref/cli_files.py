"""The commands for files and texts as they stand: `eiwref windows`, `encode`, `decode` and `verify`.

`.eiw` files are written and read a piece at a time.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import sha256

from tqdm import tqdm

import eiwref
from eiwref import files, show
from eiwref.cli_options import add_tokenizer, count, has_colour, predictor_of, print_json
from eiwref.corpus import sources
from eiwref.errors import EiwrefError, SpecError
from eiwref.experiments.result import environment
from eiwref.tokenizers import container

DEFAULT_SPEC = "EqualInfoAC[b=16, v=65k]"
BLOCK_BAR = partial(tqdm, desc="block", unit="", unit_scale=True, leave=False, disable=None, delay=1)


def add_commands(add: Callable) -> None:
    """Give the parser its four; `add` adds all others."""
    command = add("windows", _windows, "show a text cut into equal-info windows")
    command.add_argument("text", nargs="?", metavar="TEXT", help="the text itself")
    command.add_argument("--file", metavar="FILE", help="take the text from a file")
    add_tokenizer(command, default=DEFAULT_SPEC)

    command = add("encode", _encode, "compress a file to an .eiw file of tokens")
    command.add_argument("file", metavar="FILE", help="of any bytes")
    command.add_argument("-o", "--out", required=True, metavar="F.eiw", help="to write to")
    add_tokenizer(command, default=DEFAULT_SPEC)

    command = add("decode", _decode, "get the file back from an .eiw file")
    command.add_argument("file", metavar="F.eiw", help="made by eiwref encode")
    command.add_argument("-o", "--out", required=True, metavar="FILE", help="to write to")

    command = add(
        "verify",
        _verify,
        "round-trip files through the paper's tokenizers; exit code 1 if a promise is broken. Speeds are of "
        "following text byte by byte; eiwref bench measures the quick ways",
        default="ngram, which is quick",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="or builtin:held-out")
    add_tokenizer(command, action="append", shown="several may be named; default: all of the paper's")
    command.add_argument("--limit", type=count, metavar="BYTES", help="only the first BYTES of each file")


def _windows(options) -> int:
    from eiwref.tokenizers.equal_info import EqualInfo

    if (options.text is None) == (options.file is None):
        raise EiwrefError("windows: give either a TEXT or --file FILE")
    data = os.fsencode(options.text) if options.file is None else files.read_bytes(options.file)
    tokenizer = eiwref.tokenizer(options.tokenizer, predictor_of(options))
    if not isinstance(tokenizer, EqualInfo):
        raise SpecError(f"{tokenizer.spec} has no windows to show, name an EqualInfoAC with --tokenizer")
    rows = show.describe(tokenizer, data)
    if options.json:
        print_json({"tokenizer": tokenizer.spec, "bytes": len(data), "windows": rows})
        return 0
    if rows:
        print(show.render(rows, has_colour()))
    tokens = -(-len(rows) * tokenizer.scheme.window_bits // tokenizer.token_bits)
    print(f"\n{tokenizer.spec}: {len(data)} bytes, {len(rows)} windows, {tokens} tokens")
    return 0


def _encode(options) -> int:
    files.check_writable(options.out)
    tokenizer = eiwref.tokenizer(options.tokenizer, predictor_of(options))
    with _Source(options.file, "encode") as source:
        written = files.write_pieces(
            options.out, source.done(container.pack_pieces(tokenizer, source, bar=BLOCK_BAR))
        )
    return _written(options, tokenizer.spec, source.bytes, written)


def _decode(options) -> int:
    """The text has its name only once its SHA-256 was right."""
    files.check_writable(options.out)
    with _Source(options.file, "decode") as source:
        tokenizer, texts = container.unpack_pieces(source, predictor_of(options), options.file, BLOCK_BAR)
        written = files.write_pieces(options.out, source.done(texts))
    return _written(options, tokenizer.spec, source.bytes, written)


class _Source:
    """A file's pieces, counted, with a bar of what is done (not of what was read) after a second."""

    def __init__(self, path: str, what: str):
        self.path = path
        self.bytes = 0
        size = os.path.getsize(path) if os.path.isfile(path) else None
        self.bar = tqdm(total=size, desc=what, unit="B", unit_scale=True, disable=None, delay=1)

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *_):
        self.bar.close()

    def __iter__(self) -> Iterator[bytes]:
        for piece in files.read_pieces(self.path):
            self.bytes += len(piece)
            yield piece

    def done(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """What is made of the pieces; when a part has come, all that was read for it is done."""
        for part in parts:
            self.bar.update(self.bytes - self.bar.n)
            yield part


def _written(options, spec: str, read: int, written: int) -> int:
    if options.json:
        print_json({"file": options.out, "tokenizer": spec, "bytes_read": read, "bytes_written": written})
    else:
        # What a pipe gets is the file alone.
        out = sys.stdout if os.path.isfile(options.out) else sys.stderr
        print(f"{options.out}: {written:,} bytes from {read:,}, {spec}", file=out)
    return 0


def _verify(options) -> int:
    from eiwref import verify
    from eiwref.predictors.store import digest
    from eiwref.tokenizers import all_specs

    predictor = predictor_of(options) or eiwref.shipped("ngram")
    tokenizers = [eiwref.tokenizer(spec, predictor) for spec in options.tokenizer or all_specs()]
    texts = {name: _whole(name, options.limit) for name in options.files}
    rows = []
    with tqdm(total=len(texts) * len(tokenizers), desc="round trips", disable=None) as bar:
        for name, data in texts.items():
            for tokenizer in tokenizers:
                bar.set_postfix_str(tokenizer.spec)
                rows.append((name, verify.round_trip(tokenizer, data)))
                bar.update()
    broken = sum(row.broken for _, row in rows)
    if options.json:
        print_json(
            {
                "command": options.command,
                "limit": options.limit,
                "predictor": digest(predictor),
                "texts": [{"file": name, "sha256": sha256(data).hexdigest()} for name, data in texts.items()],
                "rows": [{"file": name} | row.as_dict() for name, row in rows],
                "environment": environment(),
            }
        )
        return 1 if broken else 0
    if options.limit is not None:
        print(f"the first {options.limit:,} bytes of each file\n")
    header = ["tokenizer", "bytes", "tokens", "bytes/token", "bits/byte", "MB/s", "decode MB/s", "round trip"]
    for name in texts:
        print(name)
        lines = [
            [
                row.tokenizer,
                f"{row.bytes:,}",
                f"{row.tokens:,}",
                f"{row.bytes_per_token:.3f}",
                f"{row.bits_per_byte:.3f}",
                f"{row.mb_per_s:.3f}",
                f"{row.decode_mb_per_s:.3f}",
                show.verdict(row.as_dict()),
            ]
            for file, row in rows
            if file == name
        ]
        print(show.table(header, lines) + "\n")
    print(f"{len(rows)} round trips, {broken} broken promises")
    return 1 if broken else 0


def _whole(name: str, limit: int | None) -> bytes:
    """A file as it is, or the built-in text's documents end to end."""
    if name.startswith(sources.BUILTIN):
        return b"".join(sources.documents(name))[:limit]
    return files.read_bytes(name, limit)
