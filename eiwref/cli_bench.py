"""The command that measures speed: `eiwref bench`."""

import json
from collections.abc import Callable
from itertools import chain

import eiwref
from eiwref import show
from eiwref.corpus import sources
from eiwref.errors import EiwrefError


def _code(options) -> dict:
    from eiwref.bench import code

    return code.run(options.command)


def _compress(options) -> dict:
    from eiwref.bench import compress

    m1 = eiwref.load_predictor(options.predictor) if options.predictor else eiwref.default_predictor()
    return compress.run(options.command, _texts(options), m1)


def _generate(options) -> dict:
    from eiwref.bench import generate

    return generate.run(options.command)


def _tokenize(options) -> dict:
    from eiwref.bench import tokenize

    return tokenize.run(options.command, _texts(options))


def _train(options) -> dict:
    from eiwref.bench import train

    return train.run(options.command)


def _texts(options) -> list[bytes]:
    texts = options.texts or [sources.BUILTIN + split for split in ("train", "held-out")]
    return list(chain.from_iterable(sources.documents(name) for name in texts))


SUBJECTS: dict[str, Callable] = {
    "code": _code,
    "compress": _compress,
    "generate": _generate,
    "tokenize": _tokenize,
    "train": _train,
}


def add_command(add: Callable) -> None:
    """Give the parser its `bench`; `add` is the one that adds all the others."""
    text = "measure ours beside the libraries that are installed, in one run"
    command = add("bench", _bench, text, predictor=False)
    command.add_argument(
        "subject",
        choices=tuple(SUBJECTS),
        help="code: arithmetic coding, symbols/s; compress: under the integer M1, bytes/s; "
        "generate: what an M2 writes, tokens/s; tokenize: 16-bit windows against subword tokenizers, MB/s; "
        "train: a step of the network, tokens/s",
    )
    command.add_argument(
        "texts", nargs="*", metavar="TEXT", help="for compress and tokenize, as for fit (default: builtin)"
    )
    command.add_argument(
        "--predictor", metavar="FILE", help="for compress: an M1 in integers (default: the one shipped)"
    )


def _bench(options) -> int:
    for given, name, takers in (
        (options.texts, "TEXT", ("compress", "tokenize")),
        (options.predictor, "--predictor", ("compress",)),
    ):
        if given and options.subject not in takers:
            raise EiwrefError(f"bench {options.subject} takes no {name}; that is for bench {' and '.join(takers)}")
    found = SUBJECTS[options.subject](options)
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    lines = [
        [row["case"], row["unit"], f"{row['ours']:.3f}"]
        + (
            ["", "", ""]
            if row["peer"] is None
            else [f"{row['peer']:.3f}", f"{row['ratio']:.2f}", row["peer_name"]]
        )
        for row in found["rows"]
    ]
    print(show.table(["case", "unit", "ours", "peer", "ours/peer", "peer is"], lines))
    print("\n" + "\n".join(found["missing"] + [f"{name}: {value}" for name, value in found["settings"].items()]))
    return 0
