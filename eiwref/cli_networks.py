"""The commands for networks: train an M1 or M2, measure an M2."""

import sys
from functools import partial
from itertools import chain

import numpy as np
from tqdm import tqdm

import eiwref
from eiwref import backend, files
from eiwref.corpus import sources
from eiwref.evaluate import id_counts, measure
from eiwref.experiments.result import environment
from eiwref.m2 import M2
from eiwref.nn.optim import Adafactor, AdamW, inverse_square_root, warm_up_and_cosine
from eiwref.nn.train import crops, train
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.base import BYTES_AND_END, Predictor
from eiwref.predictors.network import Network
from eiwref.predictors.store import save_predictor

BAR = partial(tqdm, unit="", disable=None)


def train_command(options, predictor: Predictor | None) -> dict:
    """`eiwref train m1|m2`: returns what is to be reported."""
    xp = backend.array_module(options.backend)
    files.check_writable(options.out)
    texts = list(chain.from_iterable(sources.documents(name) for name in options.texts))
    if options.kind == "m1":
        symbols = BYTES_AND_END
        documents = [np.frombuffer(text, dtype=np.uint8) for text in texts]
    else:
        tokenizer = eiwref.tokenizer(options.tokenizer, predictor)
        symbols = tokenizer.vocab_size + 1
        documents = tokenizer.encode_batch(texts, BAR)
    config = Config(symbols, options.d_model, options.heads, options.layers, 4 * options.d_model, options.context)
    network, rng = Transformer(config, xp), np.random.default_rng(options.seed)
    params, losses = _train(network, documents, rng, options)
    if options.kind == "m1":
        counts = np.bincount(np.concatenate(documents), minlength=BYTES_AND_END)
        counts[-1] = len(documents)
        host = {name: backend.to_numpy(values) for name, values in params.items()}
        save_predictor(Network(Transformer(config), host, counts), options.out)
    else:
        M2(tokenizer, network, params, id_counts(documents, tokenizer.vocab_size, xp)).save(options.out)
    tokens = sum(map(len, documents))
    return {
        "command": options.command,
        "file": options.out,
        "parameters_without_embeddings": config.parameters,
        "steps": options.steps,
        "symbols_seen": options.steps * options.batch * options.context,
        "bytes_seen": round(options.steps * options.batch * options.context * sum(map(len, texts)) / tokens),
        "loss_first": round(losses[0], 4),
        "loss_last_tenth": round(float(np.mean(losses[-max(1, len(losses) // 10) :])), 4),
        "environment": environment(),
    }


def _train(network, documents, rng, options) -> tuple[dict, list[float]]:
    """(parameters, the loss of every step in nats)"""
    batches = crops(documents, options.context, options.batch, network.config.symbols - 1, rng)
    if options.optimizer == "adafactor":
        optimizer = Adafactor()

        def learning_rate(step):
            return inverse_square_root(step, options.warm_up)
    else:
        optimizer = AdamW()

        def learning_rate(step):
            return warm_up_and_cosine(step, options.steps, options.warm_up, options.learning_rate)

    losses = []
    run = train(network, network.init(rng), batches, optimizer, learning_rate, options.steps)
    bar = tqdm(run, total=options.steps, desc="steps", disable=None)
    for step, newest in bar:
        params = newest
        losses.append(step.loss)
        bar.set_postfix(loss=f"{step.loss:.3f}")
    return params, losses


def eval_command(options, predictor: Predictor | None) -> dict:
    """`eiwref eval`: bits/byte and what they cost."""
    m2 = M2.load(options.model, predictor, backend.array_module(options.backend))
    texts = list(chain.from_iterable(sources.documents(name) for name in options.texts))
    return {"command": options.command} | measure(m2, texts, BAR) | {"environment": environment()}


def report(found: dict) -> None:
    """A line a figure; texts have been shown."""
    for name, value in found.items():
        if name not in ("samples", "environment"):
            print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    sys.stdout.flush()
