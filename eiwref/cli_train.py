"""The commands that train: `eiwref train m1|m2`, and `eiwref shards`, which tokenizes text once and for all."""

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from itertools import chain

import numpy as np
from tqdm import tqdm

import eiwref
from eiwref import backend, files
from eiwref.cli_options import check_out, count, positive, predictor_of, report, seed
from eiwref.corpus import sources, tokens
from eiwref.errors import EiwrefError, ModelError
from eiwref.experiments.result import environment
from eiwref.m2 import M2
from eiwref.nn import parallel, sizes
from eiwref.nn.train import SHORT
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.book import Book
from eiwref.predictors.network import Network
from eiwref.predictors.store import digest, save_predictor
from eiwref.run import OPTIMIZERS, Done, Folder, HeldOut, Plan, run
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.registry import unit
from eiwref.tokenizers.workers import at_work
from eiwref.windows import teach
from eiwref.windows.codebook import Codebook

BAR = partial(tqdm, desc="texts", unit="", disable=None)
DEFAULT_SPEC = "EqualInfoAC[b=16, v=65k]"
LEARNING_RATE = 3e-3

OWN_SIZE = (
    ("d-model", "width of the network; the MLP's is four times that"),
    ("heads", "heads of attention"),
    ("layers", "blocks"),
)
NUMBERS = (
    ("context", 128, "positions"),
    ("batch", 16, "sequences a step"),
    ("steps", 300, "steps"),
)
WARM_UP = 30


def add_commands(add: Callable, texts: dict) -> None:
    """Give the parser its `shards` and `train`; `add` adds all others, `texts` says how a TEXT is named."""
    command = add("shards", _shards, "tokenize text, more than fits into memory, into a folder for eiwref train")
    command.add_argument("texts", **texts)
    command.add_argument("-o", "--out", required=True, metavar="FOLDER", help="for the tokens, a new one")
    _add_tokenizer(command, "default: EqualInfoAC[b=16, v=65k]; for an M1 give Bytes", DEFAULT_SPEC)
    command.add_argument(
        "--threads", type=count, metavar="N", help="cores for tokenizers that take a network (default: all)"
    )

    command = add("train", _train, "train a byte model M1 (a predictor), or an M2 on a tokenizer's ids")
    command.add_argument("kind", choices=("m1", "m2"))
    command.add_argument("texts", **texts | {"help": "as for fit, or one folder made by eiwref shards"})
    command.add_argument("-o", "--out", required=True, metavar="FILE", help="for the trained network")
    _add_tokenizer(command, "of an M2, default: the folder's, or EqualInfoAC[b=16, v=65k]", None)
    command.add_argument(
        "--size", choices=tuple(sizes.SIZES), default="small", help="3m and larger: the paper's (default: small)"
    )
    for name, text in OWN_SIZE:
        command.add_argument(f"--{name}", type=count, help=f"{text} (default: as --size has it)")
    for name, default, text in NUMBERS:
        command.add_argument(f"--{name}", type=count, default=default, help=f"{text} (default: {default})")
    command.add_argument(
        "--warm-up",
        type=count,
        help=f"steps until the learning rate is whole; the paper has 10000 (default: a tenth, {WARM_UP} at most)",
    )
    command.add_argument("--from", dest="initial", metavar="FILE", help="of an M1: begin with the weights of FILE")
    command.add_argument(
        "--starts",
        metavar="CODEBOOK",
        help=f"of an M1: half of the batches are of pieces of {SHORT} that begin where its windows do",
    )
    command.add_argument("--optimizer", choices=tuple(OPTIMIZERS), default="adamw", help="default: adamw")
    command.add_argument("--learning-rate", type=positive, help=f"of adamw (default: {LEARNING_RATE})")
    command.add_argument("--seed", type=seed, default=0, help="of all that is random (default: 0)")
    command.add_argument("--backend", choices=backend.NAMES, default="numpy", help="default: numpy")
    command.add_argument(
        "--threads",
        type=count,
        metavar="N",
        help="cores to use, a divisor of the batch (default: the most there are)",
    )
    command.add_argument("--run", dest="folder", metavar="FOLDER", help="keep log, checkpoints and curve there")
    command.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in FOLDER: the same command as began it, and as many threads",
    )
    command.add_argument(
        "--checkpoint-every", type=count, default=100, metavar="STEPS", help="default: 100; the last two are kept"
    )
    command.add_argument("--held-out", metavar="TEXT", help="measure bits/byte of this text as training goes on")
    command.add_argument("--evaluate-every", type=count, default=100, metavar="STEPS", help="default: 100")


def _add_tokenizer(command, about: str, default: str | None) -> None:
    command.add_argument("--tokenizer", metavar="SPEC", default=default, help=about)


def _shards(options) -> int:
    tokenizer = eiwref.tokenizer(options.tokenizer, predictor_of(options))
    bar = partial(BAR, desc="documents")
    manifest = tokens.write(options.out, tokenizer, options.texts, bar, workers=options.threads)
    shards = manifest["shards"]
    return report(
        options,
        {
            "command": options.command,
            "folder": options.out,
            "tokenizer": tokenizer.spec,
            "shards": len(shards),
            **{name: sum(shard[name] for shard in shards) for name in ("documents", "bytes", "tokens")},
            "digest": manifest["digest"],
        },
    )


def _train(options) -> int:
    if options.resume and options.folder is None:
        raise EiwrefError("train: --resume goes on with a run, name its folder with --run")
    if options.kind == "m1" and options.tokenizer is not None:
        raise EiwrefError("train: an M1 reads bytes, leave --tokenizer out")
    if options.optimizer != "adamw" and options.learning_rate is not None:
        raise EiwrefError(f"train: --learning-rate is of adamw, {options.optimizer} has a schedule of its own")
    xp = backend.array_module(options.backend)
    check_out(options, *options.texts, options.held_out)
    if options.folder is not None:
        files.make_folder(options.folder)
    tokenizer, stream = _tokens(options)
    config = _config(options, tokenizer.vocab_size + 1)
    rate = options.learning_rate or LEARNING_RATE
    warm_up = options.warm_up or min(WARM_UP, max(1, options.steps // 10))
    plan = Plan(options.steps, options.batch, options.optimizer, rate, warm_up, options.seed)
    workers = _workers(options)
    network, (held_out, measured_on) = Transformer(config, xp), _held_out(options, tokenizer)
    initial, book = _initial(options, config), _book(options)
    starts = None if book is None else teach.starts_in_stream(book, stream)
    folder = None
    if options.folder is not None:
        about = {"kind": options.kind, "backend": options.backend} | asdict(config) | asdict(plan)
        about |= {"tokenizer": tokenizer.spec, "predictor": tokenizer.predictor_digest, "tokens": stream.digest}
        about |= {"held_out": measured_on, "evaluate_every": options.evaluate_every, "threads": workers}
        about |= {"from": initial and digest(initial), "starts": book and digest(book)}
        folder = Folder(options.folder, about, options.resume, _warn)
    every = options.checkpoint_every, options.evaluate_every
    params = initial and initial.params
    begins = {"starts": starts, "unit": unit(tokenizer.spec) or 1}
    done = run(network, stream, plan, folder, held_out, *every, workers, params=params, **begins)
    _save(options, tokenizer, network, stream, done)
    symbols = options.steps * options.batch * options.context
    return report(
        options,
        {
            "command": options.command,
            "file": options.out,
            "parameters_without_embeddings": config.parameters,
            "threads": workers,
            "steps": options.steps,
            "symbols_seen": symbols,
            "bytes_seen": round(symbols * stream.text_bytes / len(stream)),
            "loss_first": round(done.losses[0], 4),
            "loss_last_tenth": round(float(np.mean(done.losses[-max(1, len(done.losses) // 10) :])), 4),
            **{name: round(value, 4) for name, value in (done.measured or [{}])[-1].items() if "held" in name},
            "environment": environment(),
        },
    )


def _tokens(options) -> tuple[Tokenizer, tokens.Tokens]:
    """What the texts are read with, and the stream of their ids, which is mapped if they are tokens already."""
    spec = "Bytes" if options.kind == "m1" else options.tokenizer
    if any(map(sources.holds_tokens, options.texts)):
        if len(options.texts) > 1:
            raise EiwrefError("train: a folder of tokens is trained on alone, name no other TEXT")
        (folder,) = options.texts
        manifest = tokens.read_manifest(folder)
        tokenizer = eiwref.tokenizer(spec or manifest["tokenizer"], predictor_of(options))
        if tokenizer.spec != manifest["tokenizer"]:
            found = f"{folder}: holds tokens of {manifest['tokenizer']}, expected {tokenizer.spec}"
            raise ModelError(f"{found}; make them with eiwref shards --tokenizer '{tokenizer.spec}'")
        if tokenizer.predictor_digest != manifest["predictor"]:
            raise ModelError(
                f"{folder}: holds tokens of predictor {manifest['predictor'][:16]}, but the one at hand is "
                f"{tokenizer.predictor_digest[:16]}; name the right one with --predictor"
            )
        return tokenizer, tokens.load(folder, partial(BAR, desc="shards"))
    tokenizer = eiwref.tokenizer(spec or DEFAULT_SPEC, predictor_of(options))
    texts = list(chain.from_iterable(sources.documents(name) for name in options.texts))
    return tokenizer, tokens.in_memory(_encoded(options, tokenizer, texts), tokenizer, sum(map(len, texts)))


def _encoded(options, tokenizer: Tokenizer, texts: list[bytes]) -> list[np.ndarray]:
    with at_work(tokenizer, options.threads) as encoder:
        return encoder.encode_batch(texts, BAR)


def _config(options, symbols: int) -> Config:
    """The size by name, and what was asked to differ from it."""
    config = sizes.config(options.size, symbols, options.context)
    own = {name: getattr(options, name) for name in ("d_model", "heads", "layers") if getattr(options, name)}
    if "d_model" in own:
        own["d_mlp"] = 4 * own["d_model"]
    return replace(config, **own)


def _workers(options) -> int:
    """Processes for NumPy; a GPU takes the readable steps, in one."""
    if options.backend != "numpy":
        if options.threads is not None:
            raise ModelError(f"--threads is for --backend numpy, this is {options.backend}")
        return 0
    workers = options.threads or parallel.most_workers(options.batch)
    if options.batch % workers:
        raise ModelError(f"a batch of {options.batch} cannot be split evenly over {workers} threads")
    if workers > 1 and parallel.kind(workers) == "threads":
        _warn("processes cannot share memory on this system, so threads do the work, which is slower")
    return workers


def _held_out(options, tokenizer: Tokenizer) -> tuple[HeldOut | None, str | None]:
    """(what is measured, its SHA-256)"""
    if options.held_out is None:
        return None, None
    documents, ((_, tally),) = sources.counted([options.held_out])
    texts = list(documents)
    if not any(texts):
        raise EiwrefError(f"{options.held_out}: there is no text to measure")
    found = HeldOut(_encoded(options, tokenizer, texts), tally.bytes, unit(tokenizer.spec) or 1)
    return found, tally.as_dict()["sha256"]


def _initial(options, config: Config) -> Network | None:
    """The M1 to begin with."""
    if options.initial is None:
        return None
    found = eiwref.load_predictor(options.initial)
    if options.kind != "m1" or not isinstance(found, Network):
        raise ModelError(f"--from {options.initial}: goes with m1, and names one made by eiwref train m1")
    if found.config != config:
        raise ModelError(f"--from {options.initial}: is of {found.config}, expected {config}")
    return found


def _book(options) -> Codebook | None:
    """The codebook whose windows are learned from."""
    if options.starts is None:
        return None
    found = eiwref.load_predictor(options.starts)
    if options.kind != "m1" or not isinstance(found, Book):
        raise ModelError(f"--starts {options.starts}: goes with m1, and names one made by eiwref codebook")
    return Codebook.of(found)


def _save(options, tokenizer: Tokenizer, network: Transformer, stream: tokens.Tokens, done: Done) -> None:
    """The finished model: an M1 is a predictor, an M2 goes with its tokenizer."""
    if options.kind == "m1":
        host = {name: backend.to_numpy(values) for name, values in done.params.items()}
        save_predictor(Network(Transformer(network.config), host, stream.counts), options.out)
    else:
        M2(tokenizer, network, done.params, stream.counts[:-1]).save(options.out)


def _warn(sentence: str) -> None:
    print(f"eiwref: {sentence}", file=sys.stderr)
