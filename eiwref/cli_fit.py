"""The commands that count texts: `eiwref fit`, `eiwref overlap`."""

from collections.abc import Callable

from tqdm import tqdm

from eiwref import backend, files
from eiwref.cli_options import add_backend, check_out, count, print_json
from eiwref.corpus import overlap, sources
from eiwref.errors import EiwrefError
from eiwref.experiments.result import environment
from eiwref.predictors.base import Predictor

# What `fit` takes for each kind, and what it is unless given.
OPTIONS = {
    "unigram": {"precision": 16},
    "ngram": {"order": 3, "min_count": 1, "precision": 16},
    "subword": {"vocabulary": 32_000},
}


def add_commands(add: Callable) -> None:
    """Give the parser its `fit` and `overlap`; `add` adds all others."""
    command = add("fit", _fit, "count a text and write a predictor or a subword model", predictor=False)
    command.add_argument(
        "kind",
        choices=tuple(OPTIONS),
        help="unigram: frequencies alone; ngram: what follows the last few bytes; subword: SentencePiece's pieces",
    )
    command.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="files, folders, C4's *.json.gz, builtin:train or builtin:held-out; named twice it counts twice",
    )
    command.add_argument("-o", "--out", required=True, metavar="FILE", help="to write to, for --predictor FILE")
    command.add_argument("--order", type=int, help="bytes of context of an n-gram (default: 3)")
    command.add_argument("--precision", type=int, help="bits of its frequencies (default: 16)")
    command.add_argument(
        "--min-count",
        type=count,
        help="leave out what was seen less often after 2 bytes or more (default: 1)",
    )
    command.add_argument(
        "--vocabulary",
        type=count,
        help="of a subword model, a multiple of 1000 (default: 32000)",
    )
    add_backend(command)

    command = add("overlap", _overlap, "how much of a text stands in others word for word", predictor=False)
    command.add_argument("texts", nargs="+", metavar="TEXT", help="such as those held out; as for fit")
    command.add_argument("--others", nargs="+", required=True, metavar="TEXT", help="such as those trained on")
    command.add_argument(
        "--length",
        type=count,
        default=overlap.LENGTH,
        help=f"bytes of the shortest stretch that counts (default: {overlap.LENGTH})",
    )


def _fit(options) -> int:
    from eiwref.predictors.ngram import NGram
    from eiwref.predictors.static import Unigram
    from eiwref.predictors.store import digest, dump
    from eiwref.predictors.subword import Subword

    xp = backend.array_module(options.backend)
    settings = _settings(options)
    check_out(options, *options.texts)
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
        print_json(
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


def _overlap(options) -> int:
    documents, tallies = sources.counted(options.texts)
    others, more = sources.counted(options.others)
    texts = list(documents)
    bar = tqdm(others, desc="documents of the others", unit="", disable=None)
    shared = overlap.shared_bytes(texts, bar, options.length)
    found = {
        "length": options.length,
        "documents": len(texts),
        "bytes": sum(map(len, texts)),
        "documents_with_a_shared_stretch": sum(map(bool, shared)),
        "documents_shared_by_half": sum(2 * own >= len(text) > 0 for own, text in zip(shared, texts, strict=True)),
        "shared_bytes": sum(shared),
    }
    if options.json:
        names = {"texts": tallies, "others": more}
        named = {key: [{"name": name} | tally.as_dict() for name, tally in own] for key, own in names.items()}
        print_json({"command": options.command} | found | named | {"environment": environment()})
        return 0
    print(
        f"{found['documents_with_a_shared_stretch']:,} of {len(texts):,} documents share {options.length} bytes "
        f"or more with the others, {found['documents_shared_by_half']:,} half of themselves or more; "
        f"{found['shared_bytes']:,} of {found['bytes']:,} bytes"
    )
    return 0


def _settings(options) -> dict:
    """What the kind takes, as given or by default; what it does not take is refused."""
    allowed = OPTIONS[options.kind]
    for name in sorted(set().union(*OPTIONS.values()) - set(allowed)):
        if getattr(options, name) is not None:
            raise EiwrefError(f"fit: --{name.replace('_', '-')} is not for {options.kind}, leave it out")
    return {
        name: default if getattr(options, name) is None else getattr(options, name)
        for name, default in allowed.items()
    }
