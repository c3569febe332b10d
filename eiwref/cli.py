"""The command line: subcommands only, each a thin layer over the package. Nothing imports this.

Exit codes: 0; 1 if `verify` found a broken promise, `doctor` a difference or `check` an unsolved exercise; 2 for
bad input, with one sentence; 130 if interrupted.
"""

import argparse
import io
import os
import shlex
import sys
from functools import partial

import eiwref
from eiwref import (
    backend,
    cli_bench,
    cli_codebook,
    cli_course,
    cli_files,
    cli_fit,
    cli_integer,
    cli_networks,
    cli_reproduce,
    cli_sample,
    cli_train,
)
from eiwref.cli_options import add_backend, add_seed, has_colour, predictor_of, print_json
from eiwref.errors import EiwrefError


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


def _demo(options) -> int:
    from eiwref import demo

    backend.array_module(options.backend)
    about = f"the predictor in {options.predictor}"
    if options.predictor is None:
        about = "the n-gram that comes with eiwref (counted beforehand on C4 and the built-in training text)"
    results, paths = demo.run(
        options.seed,
        predictor_of(options) or eiwref.shipped("ngram"),
        about,
        options.out,
        options.backend,
        options.command,
        has_colour(),
        say=(lambda line: None) if options.json else partial(print, flush=True),
    )
    if options.json:
        shown = {result.name: {"rows": result.rows, "settings": result.settings} for result in results}
        print_json(shown | {"files": [str(path) for path in paths]})
    return 1 if any(row["claims_lossless"] and not row["lossless"] for row in results[0].rows) else 0


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

    cli_files.add_commands(add)
    cli_fit.add_commands(add)
    command = add(
        "demo",
        _demo,
        "the whole walk on real text, in minutes: windows, every tokenizer, small M1 and M2s",
        default="ngram, which is quick",
    )
    command.add_argument("--out", default="eiwref-demo", metavar="FOLDER", help="default: eiwref-demo")
    add_seed(command)
    add_backend(command)

    texts = {"nargs": "+", "metavar": "TEXT", "help": "as for fit"}
    cli_train.add_commands(add, texts)
    cli_integer.add_commands(add, texts)
    cli_codebook.add_commands(add, texts)
    cli_reproduce.add_commands(add)
    cli_networks.add_command(add, texts)
    cli_sample.add_command(add)
    cli_bench.add_command(add)
    cli_course.add_commands(add)
    return parser
