"""The whole walk on one small text: M1, windows, tokens, M2, bits per byte; the paper's Figure 3 in small.

Nothing here was trained before: an M1 and, for each of five tokenizers, an M2 of one size learn from the
built-in text's training topics, and are measured on its held-out ones. The paper's smallest M2 has 250 times the
parameters and saw 26 billion tokens: compare which method learns at all, not values. Departures besides size:
AdamW, M2's context of 128 tokens, M1's of 64 bytes (so AC restarts M1 as often), M1 and M2 trained on the same
text, and training for equally much text instead of equally many steps (v=65k for a quarter of it, since
a step costs so much).
"""

import time
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from eiwref import generate
from eiwref.backend import array_module, to_numpy
from eiwref.corpus import builtin, sources
from eiwref.evaluate import id_counts, measure, model_bits, uniform_bits
from eiwref.experiments import paper
from eiwref.experiments.result import Result, environment
from eiwref.m2 import M2, text_of
from eiwref.nn.optim import AdamW, warm_up_and_cosine
from eiwref.nn.train import crops, train
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.base import BYTES_AND_END
from eiwref.predictors.network import Network
from eiwref.predictors.static import Unigram
from eiwref.predictors.store import digest, dump, parse
from eiwref.processes import each
from eiwref.show import printable, table
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.registry import unit as unit_of

# In the order of the table; the first to be trained are those that take longest.
SPECS = ("Bytes", "StaticAC[v=256]", "AC[v=256]", "EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]")
SLOWEST_FIRST = sorted(SPECS, key=lambda spec: ("65k" not in spec, spec))

M1_CONFIG = Config(BYTES_AND_END, d_model=64, heads=2, layers=2, d_mlp=256, context=64)
M2_SIZE = {"d_model": 64, "heads": 2, "layers": 2, "d_mlp": 256, "context": 128}
PEAK, WARM_UP = 6e-3, 20  # of the learning rate, for all networks
CURVE = 40  # points
SHOWN = 100  # characters of a sample


class Plan(NamedTuple):
    """How long a network is trained."""

    batch: int  # sequences of its context's length
    bytes_seen: int  # of text, about


M1_PLAN = Plan(batch=16, bytes_seen=500_000)
M2_PLAN = Plan(batch=8, bytes_seen=800_000)
M2_65K_PLAN = Plan(batch=4, bytes_seen=200_000)  # a step costs as much for 4 sequences as others' for 32

UNITS = {
    "tokenizer": "the paper's notation; AC and EqualInfoAC under this walk's M1",
    "documents": "of held-out text",
    "bytes": "bytes of held-out text",
    "tokens": "tokens of held-out text",
    "bytes_per_step": "bytes of text a token, that is, a step of M2",
    "uniform_bits_per_byte": "if all ids are equally likely",
    "unigram_bits_per_byte": "under the training text's token frequencies, Laplace-smoothed",
    "bits_per_byte": "M2's, on held-out text, the end of each document included",
    "flops_per_byte": "2 x parameters without embeddings, M1 at every byte included (paper, section 3.6)",
    "flops_per_byte_with_softmax": "the same with the output layers counted",
    "parameters": "of M2, without embeddings and output",
    "parameters_in_all": "with them",
    "steps": "of training",
    "tokens_seen": "in training, repetitions included",
    "bytes_seen": "the text of these, about",
    "seconds": "tokenizing, training and measuring, on one core",
    "uniform_of_training_text": "bits/byte of the training text's tokens if all ids are equally likely",
    "curve": "(bytes seen, training loss in bits/byte), each the mean of a stretch of steps",
    "sample": "text that M2 made up",
    "sample_remark": "what was wrong with its tokens",
    "random_ids": "what as many ids, all equally likely, decode to: M1's share in the sample",
    "paper_*": "the paper's value for its smallest M2, 25m",
}


def train_m1(seed: int, backend: str) -> tuple[Network, dict]:
    """(an M1 trained on the training topics, how it was trained and how good it is)"""
    started = time.perf_counter()
    texts = builtin.documents("train")
    network = Transformer(M1_CONFIG, array_module(backend))
    with threadpool_limits(1):
        params, facts, _ = _train(network, _symbols(texts), sum(map(len, texts)), M1_PLAN, [seed], "M1")
        held_out = builtin.documents("held-out")
        bits = model_bits(network, params, _symbols(held_out)) / sum(map(len, held_out))
    on_host = {name: to_numpy(values) for name, values in params.items()}
    m1 = Network(Transformer(M1_CONFIG), on_host, Unigram.fit(texts).counts)
    facts |= {"bits_per_byte": bits, "digest": digest(m1), "seconds": round(time.perf_counter() - started, 1)}
    return m1, facts


def run(seed: int, m1: Network, m1_facts: dict, sentence: list, backend: str, command: str) -> Result:
    """An M2 for each tokenizer, several at a time on as many processes as there are cores.

    `sentence`: (text, bits) of the windows of a sentence under this M1, for the picture.
    """
    started = time.perf_counter()
    rows = {}
    for row in each(partial(_walk, packed=dump(m1), seed=seed, backend=backend), SLOWEST_FIRST, "M2s"):
        rows[row["tokenizer"]] = row
    return Result(
        name="walk",
        title="Small M2s on compressed text: bits per byte over FLOPs per byte (Figure 3 in small)",
        command=command,
        settings={
            "seed": seed,
            "backend": backend,
            "m1": m1_facts,
            "sentence": sentence,
            "optimizer": f"AdamW, learning rate up to {PEAK} in {WARM_UP} steps, then half a cosine to a tenth",
            "builtin:train": sources.describe("builtin:train"),
            "builtin:held-out": sources.describe("builtin:held-out"),
        },
        units=UNITS,
        rows=[rows[spec] for spec in SPECS],
        seconds=round(time.perf_counter() - started + m1_facts["seconds"], 1),
        environment=environment(),
    )


@cache
def _m1(packed: bytes) -> Network:
    """One a process, with the states it remembers."""
    return parse(packed, "M1")[0]


def _walk(spec: str, packed: bytes, seed: int, backend: str) -> dict:
    """The row of one tokenizer: text to tokens, M2, bits/byte, text made up."""
    started = time.perf_counter()
    reader = tokenizer(spec, _m1(packed))
    texts = builtin.documents("train")
    documents = reader.encode_batch(texts)
    network = Transformer(Config(reader.vocab_size + 1, **M2_SIZE), array_module(backend))
    plan = M2_65K_PLAN if reader.token_bits == 16 else M2_PLAN
    seeds = [seed, 1 + SPECS.index(spec)]
    size = sum(map(len, texts))
    params, facts, curve = _train(network, documents, size, plan, seeds, None, unit_of(spec) or 1)
    m2 = M2(reader, network, params, id_counts(documents, reader.vocab_size))
    rng = np.random.default_rng(seeds)
    *_, [written] = generate.texts(m2, [rng], M2_SIZE["context"])
    noise, _ = text_of(reader, rng.integers(0, reader.vocab_size, M2_SIZE["context"]).tolist())
    theirs = paper_value(spec)
    return (
        measure(m2, builtin.documents("held-out"))
        | facts
        | {
            "seconds": round(time.perf_counter() - started, 1),
            "uniform_of_training_text": uniform_bits(sum(map(len, documents)), reader.vocab_size) / size,
            "curve": curve,
            "sample": printable(written.text),
            "sample_remark": written.remark,
            "random_ids": printable(noise),
            "paper_bits_per_byte": theirs["bits_per_byte"],
            "paper_flops_per_byte": theirs["mflops_per_byte"] * 1e6,
        }
    )


def _train(
    network: Transformer, documents: list, size: int, plan: Plan, seeds: list[int], desc: str | None, unit: int = 1
):
    """(parameters, how they were trained, loss curve) of a fresh network; `size`: bytes of the documents.

    `unit` as in `Crops`.
    """
    config, rng = network.config, np.random.default_rng(seeds)
    tokens = plan.batch * config.context  # a step
    bytes_per_step = tokens * size / sum(map(len, documents))
    steps = round(plan.bytes_seen / bytes_per_step)
    batches = crops(documents, config.context, plan.batch, config.symbols - 1, rng, unit)
    params, losses = network.init(rng), []
    taken = train(
        network, params, batches, AdamW(), lambda step: warm_up_and_cosine(step, steps, WARM_UP, PEAK), steps
    )
    for step, newest in tqdm(taken, total=steps, desc=desc, disable=None if desc else True):
        params = newest
        losses.append(step.loss)
    facts = {
        "parameters": config.parameters,
        "parameters_in_all": sum(values.size for values in params.values()),
        "steps": steps,
        "tokens_seen": steps * tokens,
        "bytes_seen": round(steps * bytes_per_step),
    }
    bits_per_byte = np.array(losses) / np.log(2) * tokens / bytes_per_step
    stretches = np.array_split(np.arange(steps), min(CURVE, steps))
    curve = [
        [round((stretch[-1] + 1) * bytes_per_step), round(float(bits_per_byte[stretch].mean()), 3)]
        for stretch in stretches
    ]
    return params, facts, curve


def _symbols(texts: list[bytes]) -> list[np.ndarray]:
    return [np.frombuffer(text, dtype=np.uint8) for text in texts]


def paper_value(spec: str) -> dict[str, float]:
    """The paper's bits/byte and MFLOPs/byte for its smallest M2, 25m, on tokens of `spec` (greedy windows)."""
    return paper.table("scaling")[spec]


def describe_m1(facts: dict) -> str:
    """M1 in a sentence: its size, what it saw, how good it is."""
    return (
        f"M1, trained just now: {facts['parameters']:,} parameters ({M1_CONFIG.layers} layers, width "
        f"{M1_CONFIG.d_model}, context {M1_CONFIG.context} bytes), {facts['steps']:,} steps, "
        f"{facts['bytes_seen']:,} bytes seen, {facts['bits_per_byte']:.3f} bits/byte on held-out text."
    )


def describe_m2(result: Result) -> str:
    """What the M2s have in common, in a sentence."""
    return (
        f"M2s, trained just now: {result.rows[0]['parameters']:,} parameters each without embeddings and output "
        f"({M2_SIZE['layers']} layers, width {M2_SIZE['d_model']}, context {M2_SIZE['context']} tokens)."
    )


def _cells(row: dict) -> list[str]:
    gain = row["bits_per_byte"] - row["unigram_bits_per_byte"]
    return [
        row["tokenizer"],
        f"{row['bytes_per_step']:.2f}",
        *(f"{row[name]:.3f}" for name in ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte")),
        f"{gain:+.3f}",
        f"{row['paper_bits_per_byte']:.2f}",
        *(f"{row[name] / 1e3:,.0f}" for name in ("flops_per_byte", "flops_per_byte_with_softmax")),
        f"{row['parameters_in_all']:,}",
        f"{row['steps']:,}",
        f"{row['bytes_seen']:,}",
    ]


def terminal_table(result: Result) -> str:
    """The figures and what each M2 makes up, aligned for a terminal."""
    header = ["tokenizer", "bytes/token", "uniform", "unigram", "M2", "M2-unigram", "paper", "kFLOPs/byte"]
    header += ["+softmax", "parameters", "steps", "bytes seen"]
    samples = [
        line
        for row in result.rows
        for line in ([row["tokenizer"], row["sample"][:SHOWN]], ["  random ids", row["random_ids"][:SHOWN]])
    ]
    return "\n".join(
        [
            "bits/byte on held-out text, lower is better; the paper's value is of its smallest M2, 25m",
            table(header, [_cells(row) for row in result.rows]),
            "",
            "what each M2 makes up, from nothing; below it what random ids decode to: that much is M1's doing",
            table(["tokenizer", "text"], samples),
        ]
    )


def markdown(result: Result) -> str:
    """The result as one page: how it was made, the figures, samples."""
    made = result.settings
    lines = [
        *result.heading(),
        f"Text: the built-in one, {made['builtin:train']['bytes']:,} bytes to train on (SHA-256 "
        f"{made['builtin:train']['sha256'][:16]}), {made['builtin:held-out']['bytes']:,} held out (SHA-256 "
        f"{made['builtin:held-out']['sha256'][:16]}). Seed {made['seed']}. {made['optimizer']}.",
        "",
        describe_m1(made["m1"]),
        describe_m2(result),
        "",
        "The paper's values are of its smallest M2 (25m), on C4 with a larger M1 and greedy windows.",
        "",
        "| tokenizer | bytes/token | uniform bits/byte | unigram | M2 | M2 - unigram | the paper's M2 "
        "| kFLOPs/byte | with softmax | parameters, embeddings included | steps | bytes seen |",
        "|---|" + "---:|" * 11,
        *(_markdown_row(_cells(row)) for row in result.rows),
        "",
        "What each M2 makes up, from nothing, and what random ids decode to: that much is M1's doing.",
        "",
        *(
            f"- `{row['tokenizer']}`: {_quoted(row['sample'])}; random ids: {_quoted(row['random_ids'])}"
            for row in result.rows
        ),
        "",
    ]
    return "\n".join(lines)


def _markdown_row(cells: list[str]) -> str:
    return f"| `{cells[0]}` | " + " | ".join(cells[1:]) + " |"


def _quoted(text: str) -> str:
    """As code in Markdown, whatever backticks it holds."""
    return f"`` {text[:SHOWN]} ``" if text else "(nothing)"
