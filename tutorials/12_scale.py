# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Scale
#
# Everything so far ran on half a megabyte of text. The paper's M2s read 26 to 285 gigabytes, its M1 330. What
# changes when everything gets some hundred thousand times larger? Text no longer fits into memory, networks hardly
# do, and one wants to know what a run will cost *before* it is started. This tutorial is about counting first.
#
# **You will be able to**
# - read C4 as it is published, a document at a time, and keep its tokens in shards that are mapped, not loaded;
# - foretell the memory of a training step, and hold the forecast against what was really asked for;
# - write array code that runs on a CPU and a GPU alike;
# - say what the paper's full run takes in FLOPs, bytes and days.
#
# **You need to know** what M1 and M2 are (tutorials 08 and 10) and what a backward pass does (07). About 35
# minutes; no cell runs for longer than some seconds.

# %%
import gzip
import json
import os
import tempfile
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import plots
from eiwref.backend import NAMES, array_module
from eiwref.bench import measure
from eiwref.corpus import builtin, sources, tokens
from eiwref.course import check
from eiwref.errors import BackendError
from eiwref.nn import memory, sizes
from eiwref.nn.optim import AdamW
from eiwref.nn.parallel import Parallel, most_workers
from eiwref.nn.train import Steps
from eiwref.nn.transformer import Config, Transformer

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # what is measured below is one core
work = tempfile.TemporaryDirectory()  # gone with the notebook

# %% [markdown]
# ## 1. C4, a document at a time
#
# C4 is English text from the web, cleaned. It is published as 1,024 files for training, each a gzipped text file
# of *JSON lines*: one document a line, an object with `text`, `timestamp` and `url`. We make a small file of that
# form from the built-in text, so that no network is needed.

# %%
C4_DOCUMENTS = 364_868_892  # of the English part, for training, as published
C4_GZIPPED = 305e9  # bytes
MEAN_DOCUMENT = 2_170  # bytes of text, from the paper

path = Path(work.name, "c4-train.00000-of-01024.json.gz")
with gzip.open(path, "wt", encoding="utf-8") as file:
    for text in builtin.documents("held-out"):
        line = {"text": text.decode(), "timestamp": "2019-04-25T12:57:54Z", "url": "https://docs.python.org"}
        file.write(json.dumps(line) + "\n")
with gzip.open(path, "rb") as lines:
    print(next(lines)[:90], "...")
print(f"C4: {C4_DOCUMENTS:,} documents, {C4_DOCUMENTS * MEAN_DOCUMENT / 1e9:,.0f} GB of text,")
print(f"{C4_GZIPPED / 1e9:.0f} GB gzipped, {C4_GZIPPED / 1024 / 1e6:.0f} MB a file")

# %% [markdown]
# Eight hundred gigabytes do not fit into memory. They need not: a document is read, tokenized, and forgotten.
# Python's **iterators** do that. They give one thing after another, and nothing is read before it is asked for.
#
# ### Exercise 12.1: some of the lines
#
# `documents(lines, begin, end)` returns a list of `bytes`: the texts, as UTF-8, of the documents `begin` to `end -
# 1`, counted from 0. `lines` is an iterator of JSON lines (`bytes`). Take exactly `end` lines from it, which it
# has, and not one more. (A `for` loop that breaks after line `end` has been taken takes one too many.)
# `documents(lines, 1, 3)` is the texts of the second and the third.


# %%
def documents(lines, begin, end):
    ### BEGIN SOLUTION
    found = []
    for place in range(end):
        line = next(lines)
        if place >= begin:
            found.append(json.loads(line)["text"].encode("utf-8"))
    return found
    ### END SOLUTION


# %%
check("12.1", documents)

# %% [markdown]
# In `eiwref` a source is a name, and part of a file is named too. Every command that takes text takes these.

# %%
for name in ("builtin:train", str(path), f"{path}@2:5"):
    found = sources.describe(name)
    print(f"{Path(name).name:<40}{found['documents']:>4} documents {found['bytes']:>9,} bytes")

# %% [markdown]
# ## 2. Shards
#
# Text is tokenized once and read many times. The ids of all documents stand end to end, each document followed by
# the id "end", and this stream is cut into files of equal length, the **shards**. A *manifest* says what they are;
# it is written last, so that a folder without one was not finished. (Here a shard holds 3,000 ids, so that there
# are some; by default it is 33 million.)

# %%
n_gram = eiwref.shipped("ngram")
tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=256]", n_gram)
folder = Path(work.name, "tokens")
name, shard_tokens = (f"{path}@1:4", 500) if FAST else (str(path), 3_000)
manifest = tokens.write(folder, tokenizer, [name], shard_tokens=shard_tokens)
stream = tokens.load(folder)
ends = np.flatnonzero(stream[:] == stream.end) + 1
shard_ends = np.cumsum([0, *(shard["tokens"] for shard in manifest["shards"])])

figure, axis = plt.subplots(figsize=(12, 3), layout="constrained")
for document, (begin, end) in enumerate(pairwise([0, *ends])):
    axis.barh(1, end - begin, left=begin, height=0.7, color=plots.WINDOW_COLOURS[document % 2], edgecolor="white")
for shard, (begin, end) in enumerate(pairwise(shard_ends)):
    axis.barh(0, end - begin, left=begin, height=0.7, color="#dddddd", edgecolor="black")
    axis.text((begin + end) / 2, 0, str(shard), ha="center", va="center")
axis.set_yticks([0, 1], ["shards", "documents"])
axis.set_xlabel("tokens")
axis.set_xlim(0, len(stream))
plt.show()
print(*(f"{each.name}: {each.stat().st_size:,} bytes\n" for each in sorted(folder.iterdir())[:3]), sep="")

# %% [markdown]
# The stream looks like one array, but nothing of it is in memory: the files are *mapped*. The operating system
# reads a few kB of a file when one of its bytes is touched, and may forget them again. Training takes pieces that
# begin anywhere in the stream; such a piece may lie in two shards, or in more.
#
# ### Exercise 12.2: a piece of a sharded stream
#
# `piece(shards, begin, end)` returns the ids `begin` to `end - 1` of the stream, an array of their dtype. `shards`
# is a list of objects that behave like one-dimensional arrays: they have a length, and `shard[2:7]` reads these
# ids. **Read no id that is not asked for**: a shard may be larger than memory. `0 <= begin < end`, and the stream
# is long enough. For shards `[1, 2, 3]` and `[4, 5]`, ids 2 to 3 are `[3, 4]`.


# %%
def piece(shards, begin, end):
    ### BEGIN SOLUTION
    found, offset = [], 0
    for shard in shards:
        first, after = max(begin - offset, 0), min(end - offset, len(shard))
        if first < after:
            found.append(shard[first:after])
        offset += len(shard)
    return np.concatenate(found)
    ### END SOLUTION


# %%
check("12.2", piece)

# %% [markdown]
# How much will that be? The paper's M2s train on 200,000 steps of 256 sequences of 512 tokens. An id of v=256 fits
# into 2 bytes (one byte would do, but for the end). At v=65k the end is id 65,536, and so it takes 4.

# %%
M2_TOKENS = 200_000 * 256 * 512
RATIO = {"v=256": 2.66, "v=65k": 5.31}  # bytes of text a token of EqualInfoAC[b=16], from the paper
for vocabulary, id_bytes in (("v=256", 2), ("v=65k", 4)):
    print(
        f"{vocabulary}: {M2_TOKENS / 1e9:.1f} billion tokens, {id_bytes * M2_TOKENS / 1e9:.0f} GB of shards, "
        f"for {RATIO[vocabulary] * M2_TOKENS / 1e9:.0f} GB of text"
    )

# %% [markdown]
# ## 3. Memory, foretold
#
# A run that stops after three hours for want of memory has cost three hours. What is there at once, in float32,
# 4 bytes a number?
#
# - The **weights**, and as many numbers of **gradient**.
# - What the **optimizer** keeps. AdamW has two averages for each weight.
# - The **activations**: what the forward pass keeps for the backward pass. They grow with the batch.
#
# The first two do not depend on the batch: four arrays of all weights. Weights are those of the layers, $L\,(4 D^2
# + 2 D F)$, of the embedding, $D \times (S + 1)$ for S symbols and the start, and of the output, $D \times S$.
# (Some small ones more, for norms and positions: leave them out.)
#
# ### Exercise 12.3: what does not depend on the batch
#
# `fixed_bytes(layers, d_model, d_mlp, symbols)` returns the bytes of weights, gradient and AdamW's two averages,
# an integer. For `(1, 2, 3, 10)`: 28 + 22 + 20 = 70 weights, 1,120 bytes.


# %%
def fixed_bytes(layers, d_model, d_mlp, symbols):
    ### BEGIN SOLUTION
    weights = layers * (4 * d_model**2 + 2 * d_model * d_mlp) + d_model * (2 * symbols + 1)
    return 4 * 4 * weights
    ### END SOLUTION


# %%
fixed_is_right = check("12.3", fixed_bytes)

# %% [markdown]
# `eiwref.nn.memory` counts all of it, activations included, for a step of ours. Is the forecast any good? Here is
# a small network, and what NumPy really asked for at its peak, as Python's `tracemalloc` saw it.

# %%
for batch in (2, 8):
    config = Config(257, d_model=64, heads=2, layers=2, d_mlp=256, context=128)
    network, rng = Transformer(config), np.random.default_rng(0)
    ids = rng.integers(0, 257, (batch, config.context))
    tracemalloc.start()
    steps = Steps(network, network.init(rng), AdamW())
    for number in (1, 2):
        steps.step(ids, ids, number, 1e-3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    foretold = memory.predict(config, batch, AdamW())
    off = peak / foretold - 1
    print(f"batch {batch}: foretold {foretold / 1e6:.1f} MB, asked for {peak / 1e6:.1f} MB ({off:+.0%})")

# %% [markdown]
# Now the paper's networks, which nobody need train to know this: v=65k, context 512, and batches from one sequence
# to the paper's 256.

# %%
NAMES_OF_M2 = ("25m", "113m", "403m", "2b")
if fixed_is_right:
    figure, axis = plt.subplots(figsize=(11, 4.6), layout="constrained")
    for place, name in enumerate(NAMES_OF_M2):
        size = sizes.SIZES[name]
        fixed = fixed_bytes(size.layers, size.d_model, size.d_mlp, 65_537) / 1e9
        config = sizes.config(name, symbols=65_537, context=512)
        needs = [memory.predict(config, batch, AdamW()) / 1e9 for batch in (1, 16, 256)]
        label = {"label": "weights, gradient, AdamW"} if place == 0 else {}
        axis.bar(place - 0.3, fixed, 0.2, color="grey", **label)
        for offset, need, batch, colour in zip(
            (-0.1, 0.1, 0.3), needs, (1, 16, 256), (plots.SKY, plots.BLUE, plots.ORANGE), strict=True
        ):
            label = {"label": f"all of it, batch {batch}"} if place == 0 else {}
            axis.bar(place + offset, need, 0.2, color=colour, **label)
        shown = "".join(f"{need:8.1f}" for need in needs)
        print(f"{name:>5}: fixed {fixed:6.1f} GB; in all {shown} GB at batch 1, 16, 256")
    for limit, what in ((16, "a laptop, 16 GB"), (80, "an H100, 80 GB")):
        axis.axhline(limit, color="black", linestyle="--", linewidth=1.5)
        axis.text(-0.55, limit * 1.1, what, fontsize=12)
    axis.set_yscale("log")
    axis.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axis.set_ylabel("GB")
    axis.set_ylim(0.9, 9e3)
    axis.set_xlim(-0.6, 3.6)
    axis.set_xticks(range(len(NAMES_OF_M2)), NAMES_OF_M2)
    axis.legend(frameon=False, ncols=2, fontsize=12, loc="upper left")
    plt.show()

# %% [markdown]
# From 113m on, the paper's batch of 256 does not fit one H100. What helps: spread the batch over many; compute
# activations again in the backward pass instead of keeping them; an optimizer that keeps less, as the paper's
# Adafactor does (it has one average a *row* and one a *column* of a matrix); shorter numbers than float32.
#
# ## 4. Many cores
#
# The gradient of a batch is the sum over its sequences. So a batch can be shared out: each **worker**, a process
# of its own, takes some sequences and computes their part; the parts are added up, and each worker updates some
# of the weights. `Parallel` does so for the cores of one machine. The largest clusters do the same over a network.

# %%
config = Config(257, d_model=128, heads=4, layers=2, d_mlp=512, context=64 if FAST else 128)
network, rng = Transformer(config), np.random.default_rng(0)
params, ids = network.init(rng), rng.integers(0, 257, (8, config.context))
COUNTS = [count for count in (1, 2, 4)[: 2 if FAST else None] if count <= most_workers(8)]
losses, taken = {}, {}
for workers in COUNTS:
    with Parallel(network, params, AdamW(), workers=workers) as steps:
        losses[workers] = [steps.step(ids, ids, number, 1e-3)[0] for number in range(1, 11)]
        run = {workers: lambda steps=steps: steps.step(ids, ids, 11, 1e-3)}
        taken |= measure.seconds(run, rounds=2 if FAST else 9, clock=time.perf_counter, blas=None)
for workers in COUNTS:
    ms, faster = taken[workers] * 1e3, taken[1] / taken[workers]
    name = f"{workers} worker{'s' * (workers > 1)}"
    print(f"{name}: {ms:.0f} ms a step, {faster:.2f} times one's speed; loss {losses[workers][-1]:.9f}")

# %% [markdown]
# Why is it less than twice as fast with two? Adding up and waiting for each other takes time, and so does
# whatever else the machine does now. And look at the last digits of the loss: another number of workers adds up
# the same numbers in another order, which floats do not forgive (tutorial 09).
#
# ## 5. A GPU, by another array module
#
# CuPy is a library that has NumPy's functions and computes on a GPU. So code need not be written twice: take the
# module as an argument, by custom named `xp`, and call `xp.exp` where you would call `np.exp`. All networks in
# `eiwref` are written so. The rules are few:
#
# - what comes in as an array of the GPU stays there: never hand it to a function of `np`;
# - methods and operators of the array itself (`x.max()`, `x - y`) are always right;
# - copying to and from the GPU is slow, so do it seldom.
#
# ### Exercise 12.4: log-softmax on any device
#
# `log_softmax(x, xp)` returns $\log\left(e^{x_i} / \sum_j e^{x_j}\right)$ along the last axis, an array of the
# same kind, shape and dtype as `x`, which has two axes. `xp` is NumPy or a module with the same functions.
# Subtract the maximum first, or $e^{1000}$ is infinite; and take no logarithm of a share, which may be 0.


# %%
def log_softmax(x, xp):
    ### BEGIN SOLUTION
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
    ### END SOLUTION


# %%
check("12.4", log_softmax)

# %% [markdown]
# Which device have we here, and how many FLOPs a second does a training step of ours do on it? A step costs $6$
# FLOPs a weight and token, as the next section counts; the output layer is included.

# %%
config = Config(257, d_model=128 if FAST else 512, heads=8, layers=2, d_mlp=512 if FAST else 2048, context=128)
speeds = {}  # FLOPs a second, by device
for name in NAMES:
    try:
        xp = array_module(name)
    except BackendError as error:
        print(f"no {name} here: {error}")
        continue
    network = Transformer(config, xp)
    params = network.init(np.random.default_rng(0))
    ids = xp.asarray(np.random.default_rng(0).integers(0, 257, (4, config.context)))

    def step(network=network, params=params, ids=ids):
        float(network.loss(params, ids, ids)[0])  # a number on the host: waits for the device

    weights = config.parameters + config.d_model * config.symbols
    seconds = measure.seconds({name: step}, rounds=3, clock=time.perf_counter)[name]
    speeds[name] = 6 * weights * ids.size / seconds
    print(f"{name}: {speeds[name] / 1e9:,.1f} GFLOPs a second")

# %% [markdown]
# ## 6. What the full run would cost
#
# The forward pass takes 2 FLOPs for each weight and token. The backward pass takes twice that: for each weight,
# one product for its own gradient and one to pass the gradient on. So training takes
#
# $$6 \times \text{weights} \times \text{tokens}$$
#
# FLOPs. As the paper does we leave out embeddings and the output layer, and the products of attention between
# positions, which matter for long contexts.
#
# ### Exercise 12.5: FLOPs and days
#
# `cost(weights, training_tokens, flops_a_second)` returns a tuple of two floats: the FLOPs of training, and how
# many days they take at that speed. For `(10**6, 10**9, 1e12)` it is `(6e15, 0.0694...)`: 6,000 seconds.


# %%
def cost(weights, training_tokens, flops_a_second):
    ### BEGIN SOLUTION
    flops = 6.0 * weights * training_tokens
    return flops, flops / flops_a_second / 86_400
    ### END SOLUTION


# %%
cost_is_right = check("12.5", cost)

# %% [markdown]
# Now the paper's runs. M1 (3m) takes 2.5 million steps of 128 sequences of 1,024 bytes; the M2s as above. Beside
# this machine, one core of it, stands one H100. NVIDIA states 989 TFLOPs a second for its 16-bit floats; we
# *assume* that a good program gets 40 % of it.

# %%
M1_TOKENS = 2_500_000 * 128 * 1024
H100 = 0.4 * 989e12
RUNS = {"M1, 3m": ("3m", M1_TOKENS)} | {f"M2, {name}": (name, M2_TOKENS) for name in NAMES_OF_M2}
if cost_is_right:
    found = {}  # by run: days on this core, days on an H100
    print(f"{'':<10}{'weights':>15}{'FLOPs':>10}{'days, this core':>18}{'days, one H100':>16}")
    for label, (name, n) in RUNS.items():
        weights = sizes.config(name, symbols=1, context=1).parameters
        (flops, here), (_, there) = cost(weights, n, speeds["numpy"]), cost(weights, n, H100)
        found[label] = here, there
        print(f"{label:<10}{weights:>15,}{flops:>10.1e}{here:>18,.0f}{there:>16,.2f}")
    figure, axis = plt.subplots(figsize=(11, 4.2), layout="constrained")
    rows = np.arange(len(found))
    for offset, place, colour, label in ((-0.2, 0, plots.BLUE, "this core"), (0.2, 1, plots.ORANGE, "one H100")):
        days = [each[place] for each in found.values()]
        bars = axis.barh(rows + offset, days, 0.38, color=colour, label=label)
        axis.bar_label(bars, [f"{d:,.0f}" if d >= 10 else f"{d:.2g}" for d in days], padding=4, fontsize=12)
    for days, name in ((1, "a day"), (365, "a year"), (36_525, "a century")):
        axis.axvline(days, color="grey", linestyle=":", linewidth=2, zorder=0)
        axis.text(days * 1.1, -0.95, name, fontsize=12, va="center")
    axis.set_xscale("log")
    axis.set_xlim(1e-3, 3e6)
    axis.set_ylim(len(found) - 0.5, -1.3)
    axis.set_yticks(rows, found)
    axis.set_xlabel("days of training")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    plt.show()

# %% [markdown]
# (Our networks have a quarter fewer weights than their names say, 2b two fifths, as `eiwref/nn/sizes.py` tells:
# with two billion weights the last bars would be two thirds longer.) One more cost is easily forgotten: M2's text
# must be compressed first. With M1 that is 2 FLOPs a weight of M1 for each byte. With the codebook of tutorial 06
# it is table look-ups, whose speed we can measure.

# %%
reader = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", n_gram)
codebook = reader.codebook  # grown before the clock is started
many = builtin.documents("held-out") * (5 if FAST else 50)
begin = time.process_time()
reader.encode_batch(many)
speed = sum(map(len, many)) / (time.process_time() - begin)  # bytes a second

text_bytes = RATIO["v=65k"] * M2_TOKENS
m1_weights = sizes.config("3m", symbols=257, context=1024).parameters
flops = 2 * m1_weights * text_bytes
print(f"{text_bytes / 1e9:.0f} GB of text through M1: {flops:.1e} FLOPs,")
print(f"    {flops / H100 / 3600:.1f} hours of an H100, {flops / speeds['numpy'] / 86_400:,.0f} days of this core")
print(f"through the codebook: {speed / 1e6:.0f} MB/s, {text_bytes / speed / 3600:.1f} hours of this core")

# %% [markdown]
# ## In short
#
# - Text and tokens at scale are streams: read in passing, written in shards, mapped and not loaded.
# - Memory is four numbers a weight, and activations that grow with the batch. Both can be counted beforehand.
# - A batch is shared out by adding up gradients; array code goes to a GPU by taking the module as an argument.
# - Training costs 6 FLOPs a weight and token. The paper's largest run is days on one GPU and far beyond a
#   laptop's lifetime; its smallest is hours on a GPU.
#
# **Questions.** With how many H100s would 2b take a day, and what of section 3 and 4 would get in the way? Which
# of your figures would change with v=65k if the output layer were counted? A shard was damaged on disk: how would
# you find out before a week of training was spent on it (see `eiwref/corpus/tokens.py`)? What of the paper could
# you reproduce with one core and one month?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: section 3.1 (data), 3.2 (M1), 3.5
# and 3.6 (M2, FLOPs), Tables 4 and 12. C. Raffel and others, *Exploring the Limits of Transfer Learning with a
# Unified Text-to-Text Transformer*, 2020, arXiv 1910.10683, for C4, and its page at
# huggingface.co/datasets/allenai/c4 for the counts. J. Kaplan and others, *Scaling Laws for Neural Language
# Models*, 2020, arXiv 2001.08361, for the six FLOPs. NVIDIA's data sheet of the H100. What ran above:
# `eiwref/corpus/`, `eiwref/nn/memory.py`, `eiwref/nn/parallel.py`, `eiwref/backend.py`.

# %%
work.cleanup()
