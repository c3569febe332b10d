"""The command line: subcommands only, each a thin layer over the package. Nothing imports this.

Exit codes: 0; 1 if `verify` found a broken promise, `doctor` a difference or `check` an unsolved exercise; 2 for
bad input, with one sentence; 130 if interrupted.
"""

import argparse
import io
import json
import os
import shlex
import sys
from functools import partial
from hashlib import sha256

from tqdm import tqdm

import eiwref
from eiwref import (
    backend,
    cli_bench,
    cli_codebook,
    cli_course,
    cli_integer,
    cli_networks,
    cli_reproduce,
    cli_train,
    files,
    show,
)
from eiwref.cli_options import count as _count
from eiwref.cli_options import seed as _seed
from eiwref.corpus import sources
from eiwref.errors import EiwrefError, SpecError
from eiwref.experiments.result import environment
from eiwref.predictors.base import Predictor

# What `fit` takes for each kind, and what it is unless given.
FIT_OPTIONS = {
    "unigram": {"precision": 16},
    "ngram": {"order": 3, "min_count": 1, "precision": 16},
    "subword": {"vocabulary": 32_000},
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    if sys.stdout is None:  # closed by the shell
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever the terminal cannot show
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(arguments)
    options.command = shlex.join(["eiwref", *arguments])
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except EiwrefError as error:
        return _refuse(error)
    except MemoryError:
        return _refuse("there is not enough memory for this input")
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, say) has had enough; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _refuse(f"the system refused to write or to go on ({error.strerror})")


def _refuse(what) -> int:
    """One sentence, whatever stands in a file's name."""
    print(f"eiwref: {' '.join(str(what).splitlines())}", file=sys.stderr)
    return 2


def _windows(options) -> int:
    from eiwref.tokenizers.equal_info import EqualInfo

    if (options.text is None) == (options.file is None):
        raise EiwrefError("windows: give either a TEXT or --file FILE")
    data = os.fsencode(options.text) if options.file is None else files.read_bytes(options.file)
    tokenizer = eiwref.tokenizer(options.tokenizer, cli_networks.predictor(options))
    if not isinstance(tokenizer, EqualInfo):
        raise SpecError(f"{tokenizer.spec} has no windows to show, name an EqualInfoAC with --tokenizer")
    rows = show.describe(tokenizer, data)
    if options.json:
        _print_json({"tokenizer": tokenizer.spec, "bytes": len(data), "windows": rows})
        return 0
    if rows:
        print(show.render(rows, _colour()))
    tokens = len(tokenizer.encode(data))
    print(f"\n{tokenizer.spec}: {len(data)} bytes, {len(rows)} windows, {tokens} tokens")
    return 0


def _file(options) -> int:
    """encode and decode."""
    from eiwref import cli_files

    commands = {"encode": cli_files.encode_command, "decode": cli_files.decode_command}
    found = commands[options.name](options, cli_networks.predictor(options))
    if options.json:
        _print_json(found)
    else:
        sizes = f"{found['bytes_written']:,} bytes from {found['bytes_read']:,}"
        print(f"{options.out}: {sizes}, {found['tokenizer']}")
    return 0


def _verify(options) -> int:
    from eiwref import verify
    from eiwref.predictors.store import digest
    from eiwref.tokenizers import all_specs

    predictor = cli_networks.predictor(options) or eiwref.shipped("ngram")
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
        _print_json(
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


def _fit(options) -> int:
    from eiwref.predictors.ngram import NGram
    from eiwref.predictors.static import Unigram
    from eiwref.predictors.store import digest, dump
    from eiwref.predictors.subword import Subword

    xp = backend.array_module(options.backend)
    settings = _fit_settings(options)
    files.check_writable(options.out)
    documents, tallies = sources.counted(options.texts)
    texts = tqdm(documents, desc="documents", unit="", disable=None)
    if options.kind == "unigram":
        predictor: Predictor | Subword = Unigram.fit(texts, **settings, xp=xp)
    elif options.kind == "subword":
        predictor = Subword.fit(texts, **settings)
    else:
        predictor = NGram.fit(texts, **settings, xp=xp)
    packed = dump(predictor)
    files.write_bytes(options.out, packed)
    texts = [{"name": name} | tally.as_dict() for name, tally in tallies]
    if options.json:
        _print_json(
            {
                "command": options.command,
                "file": options.out,
                "digest": digest(predictor),
                "file_bytes": len(packed),
                "settings": {"kind": options.kind} | settings,
                "texts": texts,
                "environment": environment(),
            }
        )
        return 0
    for text in texts:
        size = f"{text['documents']:,} documents, {text['bytes']:,} bytes"
        print(f"{text['name']}: {size}, SHA-256 {text['sha256'][:16]}")
    print(f"{options.out}: {options.kind}, {len(packed):,} bytes, digest {digest(predictor)[:16]}")
    return 0


def _fit_settings(options) -> dict:
    """What the kind takes, as given or by default; what it does not take is refused."""
    allowed = FIT_OPTIONS[options.kind]
    for name in sorted(set().union(*FIT_OPTIONS.values()) - set(allowed)):
        if getattr(options, name) is not None:
            raise EiwrefError(f"fit: --{name.replace('_', '-')} is not for {options.kind}, leave it out")
    return {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in allowed.items()
    }


def _demo(options) -> int:
    from eiwref import demo

    backend.array_module(options.backend)
    about = f"the predictor in {options.predictor}"
    if options.predictor is None:
        about = "the n-gram that comes with eiwref (counted beforehand on C4 and the built-in training text)"
    results, paths = demo.run(
        options.seed,
        cli_networks.predictor(options) or eiwref.shipped("ngram"),
        about,
        options.out,
        options.backend,
        options.command,
        _colour(),
        say=(lambda line: None) if options.json else partial(print, flush=True),
    )
    if options.json:
        shown = {result.name: {"rows": result.rows, "settings": result.settings} for result in results}
        _print_json(shown | {"files": [str(path) for path in paths]})
    return 1 if any(row["claims_lossless"] and not row["lossless"] for row in results[0].rows) else 0


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _network(options) -> int:
    """eval and sample."""
    from eiwref import cli_sample

    commands = {"eval": cli_networks.eval_command, "sample": cli_sample.sample_command}
    return cli_networks.report(options, commands[options.name](options, cli_networks.predictor(options)))


def _print_json(data: dict) -> None:
    print(json.dumps(data, indent=1))


class _Parser(argparse.ArgumentParser):
    """Refuses in one sentence, without the usage before it."""

    def error(self, message):
        self.exit(_refuse(f"{message}; see {self.prog} --help"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="eiwref",
        description="Training LLMs over Neurally Compressed Text, in NumPy: text, windows, tokens, and back.",
    )
    parser.add_argument("--version", action="version", version=eiwref.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    default_spec = "EqualInfoAC[b=16, v=65k]"

    def add(name: str, run, text: str, predictor: bool = True, default: str = "m1") -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run, name=name)
        command.add_argument("--json", action="store_true", help="print figures as JSON")
        if predictor:
            command.add_argument(
                "--predictor",
                metavar="FILE",
                help="made by eiwref fit, quantise or train m1, or m1 or ngram, which travel with eiwref "
                f"(default: {default})",
            )
        return command

    def add_tokenizer(command, **more) -> None:
        command.add_argument("--tokenizer", metavar="SPEC", help="such as 'EqualInfoAC[b=32, v=256]'", **more)

    def add_backend(command) -> None:
        command.add_argument(
            "--backend", choices=backend.NAMES, default="numpy", help="array library that counts (default: numpy)"
        )

    command = add("windows", _windows, "show a text cut into equal-info windows")
    command.add_argument("text", nargs="?", metavar="TEXT")
    command.add_argument("--file", metavar="FILE", help="take the text from a file")
    add_tokenizer(command, default=default_spec)

    command = add("encode", _file, "compress a file to an .eiw file of tokens")
    command.add_argument("file", metavar="FILE")
    command.add_argument("-o", "--out", required=True, metavar="F.eiw")
    add_tokenizer(command, default=default_spec)

    command = add("decode", _file, "get the file back from an .eiw file")
    command.add_argument("file", metavar="F.eiw")
    command.add_argument("-o", "--out", required=True, metavar="FILE")

    command = add(
        "verify",
        _verify,
        "round-trip files through every tokenizer; exit code 1 if a promise is broken",
        default="ngram, which is quick",
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="or builtin:held-out")
    add_tokenizer(command, action="append")
    command.add_argument("--limit", type=_count, metavar="BYTES", help="only the first BYTES of each file")

    command = add("fit", _fit, "count a text and write a predictor or a subword model", predictor=False)
    command.add_argument("kind", choices=tuple(FIT_OPTIONS))
    command.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="files, folders, C4's *.json.gz, builtin:train or builtin:held-out; named twice it counts twice",
    )
    command.add_argument("-o", "--out", required=True, metavar="FILE")
    command.add_argument("--order", type=int, help="bytes of context of an n-gram (default: 3)")
    command.add_argument("--precision", type=int, help="bits of its frequencies (default: 16)")
    command.add_argument(
        "--min-count",
        type=_count,
        help="leave out what was seen less often after 2 bytes or more (default: 1)",
    )
    command.add_argument(
        "--vocabulary",
        type=_count,
        help="of a subword model, a multiple of 1000 (default: 32000)",
    )
    add_backend(command)

    command = add(
        "demo",
        _demo,
        "the whole walk on real text, in minutes: windows, every tokenizer, small M1 and M2s",
        default="ngram, which is quick",
    )
    command.add_argument("--out", default="eiwref-demo", metavar="FOLDER", help="default: eiwref-demo")
    command.add_argument("--seed", type=_seed, default=0, help="of all that is random (default: 0)")
    add_backend(command)

    def add_seed(command) -> None:
        command.add_argument("--seed", type=_seed, default=0, help="of all that is random (default: 0)")

    texts = {"nargs": "+", "metavar": "TEXT", "help": "as for fit"}
    model = "made by eiwref train; an M1 too"
    cli_train.add_commands(add, texts)
    cli_integer.add_commands(add, texts)
    cli_codebook.add_commands(add, texts)
    cli_reproduce.add_commands(add)

    command = add("eval", _network, "bits/byte of an M2 (or a byte model M1) on a text, and what they cost")
    command.add_argument("model", metavar="M2", help=model)
    command.add_argument("texts", **texts)
    add_backend(command)

    command = add("sample", _network, "text that an M2 (or a byte model M1) makes up")
    command.add_argument("model", metavar="M2", help=model)
    command.add_argument("--tokens", type=_count, default=100, help="of each text, at most (default: 100)")
    command.add_argument("--samples", type=_count, default=1, help="texts at once, in one batch (default: 1)")
    command.add_argument(
        "--prompt", default="", metavar="TEXT", help="to go on from, as far as its tokens are whole"
    )
    command.add_argument("--temperature", type=float, default=1.0, help="0: the likeliest token (default: 1.0)")
    command.add_argument("--top-k", type=_count, metavar="K", help="only the K likeliest tokens")
    command.add_argument(
        "--top-p", type=float, default=1.0, help="only the likeliest of this share (default: 1.0)"
    )
    add_seed(command)
    add_backend(command)
    cli_bench.add_command(add)
    cli_course.add_commands(add)
    return parser
