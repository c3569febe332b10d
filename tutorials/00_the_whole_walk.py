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
# # 00 · The whole walk
#
# One sentence goes from bytes to bits, from bits to windows, from windows to tokens, through a small language
# model and back to the very same bytes. Every later tutorial takes one of these steps apart; here we walk them
# once.
#
# **After this you can**
# - say why compressed text is hard for a language model to learn from, and what equal-info windows change;
# - cut any text into windows, read their bits, and turn them back;
# - train a small M2 on compressed text, measure it in bits per byte, and say what to hold it against.
#
# **You need** Python and a little probability (what $-\log_2 p$ has to do with bits comes in the next
# tutorial). About 30 minutes; the longest cell runs for some 20 seconds.
#
# The method is that of *Training LLMs over Neurally Compressed Text* (arXiv 2404.03626): a byte model **M1**
# drives an arithmetic coder, and a larger model **M2** is trained on the coder's output.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import demo, generate, plots, show
from eiwref.coding import exact
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.evaluate import id_counts, measure, model_bits
from eiwref.m2 import M2, text_of
from eiwref.nn.optim import AdamW, warm_up_and_cosine
from eiwref.nn.train import crops, train
from eiwref.nn.transformer import Config, Transformer

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. Bytes
#
# To the machine our sentence is a row of numbers from 0 to 255. Put one of your own in its place, if you like, of
# 60 to 100 ASCII letters, so that the pictures fit: all that follows is computed from it.

# %%
sentence = b"The words of this sentence become numbers, the numbers become text again, and nothing is lost."
print(sentence.decode())
print(list(sentence[:12]), "...", len(sentence), "bytes,", 8 * len(sentence), "bits")

# %% [markdown]
# ## 2. M1: what comes next?
#
# Anything that gives a probability to each possible next byte can be M1. Here it is an *n-gram*: counts of
# which byte followed which five bytes, in some megabytes of text. (It is quick. The package's default is a
# transformer, to which later tutorials come.) To a coder it hands integers: 256 slices of a line of length
# $2^{16}$, none of them empty.


# %%
n_gram = eiwref.shipped("ngram")
predictor = n_gram.over(256)  # 256 symbols: bytes only


def state_after(text):
    state = predictor.start()
    for byte in text:
        state = predictor.advance(state, byte)
    return state


def likeliest(text, n=8):
    """The likeliest next bytes, at most n, and their probabilities."""
    counts = np.diff(predictor.cdf(state_after(text)))
    assert counts.sum() == 1 << predictor.precision
    best = np.argsort(-counts)[:n]
    best = best[counts[best] > counts.sum() / 200]
    return [show.printable(bytes([byte])).replace(" ", "␣") for byte in best], counts[best] / counts.sum()


figure, axes = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained")
for axis, length in zip(axes, (0, 3, 30), strict=True):
    names, p = likeliest(sentence[:length])
    axis.bar(range(len(p)), p, color=plots.BLUE)
    axis.set_xticks(range(len(p)), names, family="monospace", fontsize=15)
    axis.set_title(f"after {sentence[:length].decode()[-12:]!r}", fontsize=13)
    axis.set_ylim(0, 1)
axes[0].set_ylabel("probability")
plt.show()

# %% [markdown]
# A byte that M1 gives probability $p$ is worth $-\log_2 p$ bits: little where M1 was sure and right. The sum
# over the sentence is what an ideal coder needs for it.

# %%
bits = []
state = predictor.start()
for byte in sentence:
    cumulative = predictor.cdf(state)
    bits.append(-np.log2((cumulative[byte + 1] - cumulative[byte]) / cumulative[-1]))
    state = predictor.advance(state, byte)

figure, axis = plt.subplots(figsize=(13, 3), layout="constrained")
axis.bar(range(len(bits)), bits, color=plots.BLUE)
axis.axhline(8, color="grey", linestyle=":")
axis.text(len(bits) - 0.5, 8.2, "8 bits: no model at all", ha="right", color="dimgrey")
axis.set_xticks(range(len(bits)), sentence.decode().replace(" ", "␣"), family="monospace", fontsize=12)
axis.set_ylabel("bits")
axis.set_ylim(0, max(9.5, *bits))
axis.set_xlim(-1, len(bits))
plt.show()
print(f"{sum(bits):.1f} bits, {sum(bits) / len(sentence):.2f} bits per byte")

# %% [markdown]
# Look where the tall bars stand: at the beginning of words. Inside a word M1 is seldom surprised.
#
# ## 3. The arithmetic coder: a text is an interval
#
# How does one write 0.3 of a bit? By never writing single bytes. The coder starts from the interval $[0, 1)$
# and, for each byte, keeps the slice that M1 gives it. A text is the interval that is left, and any number
# inside says which text it was. A likely text has a wide interval and so a short number.

# %%
figure, axes = plt.subplots(4, 1, figsize=(12, 5.2), layout="constrained")
low, width = 0.0, 1.0
steps = list(exact.trace(predictor, sentence[:4]))
for axis, (position, step) in zip(axes, enumerate(steps), strict=True):
    cumulative = predictor.cdf(state_after(sentence[:position]))
    edges = np.array(cumulative) / cumulative[-1]
    colours = ["#d9eefa", plots.SKY] * 128
    colours[step.symbol] = plots.ORANGE
    axis.broken_barh(list(zip(edges[:-1], np.diff(edges), strict=True)), (-0.5, 1), facecolors=colours)
    for byte, share in enumerate(np.diff(edges)):
        if share > 0.02 or byte == step.symbol:
            name = show.printable(bytes([byte])).replace(" ", "␣")
            axis.text(edges[byte] + share / 2, 0, name, ha="center", va="center")
    axis.set_xlim(0, 1)
    axis.set_yticks([])
    axis.set_ylabel(f"byte {position}", rotation=0, ha="right", va="center")
    ends = [step.interval.low / 2**step.interval.scale, step.interval.width / 2**step.interval.scale]
    axis.set_xticks([0, 1], [f"{low:.9f}", f"+ {width:.2e}"])
    low, width = ends
axes[-1].set_xlabel("below each row: where its interval begins, and its width")
plt.show()

coder = exact.Encoder()
state = predictor.start()
for byte in sentence:
    coder.encode(predictor.cdf(state), byte)
    state = predictor.advance(state, byte)
code = coder.finish()
print(f"{str(code)[:70]}...")
print(f"{code.length} bits; M1's ideal was {sum(bits):.1f}")

# %% [markdown]
# Each row is the orange slice of the row above, blown up to the whole width. The coder comes within two bits of
# the ideal.
#
# ## 4. The trouble: these bits mean nothing by themselves
#
# Now let a language model read such bits. What is the meaning of the third byte of the code? It depends on all
# the text before it. Change one letter at the front and see what happens to all that follows.


# %%
def tokens_that_stay(tokenizer, before, after):
    """For each token of `before`: does it stand in `after` too, as far from the front or from the end?"""
    a, b = list(tokenizer.encode(before)), list(tokenizer.encode(after))
    same = {i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x == y}
    same |= {len(a) - 1 - i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x == y}
    return [i in same for i in range(len(a))]


def with_a_change_at(place):
    return sentence[:place] + (b"x" if sentence[place] != ord("x") else b"y") + sentence[place + 1 :]


print(with_a_change_at(0).decode())
figure, axis = plt.subplots(figsize=(12, 2.4), layout="constrained")
SPECS = ["AC[v=256]", "EqualInfoAC[b=16, v=256]"]
for row, spec in enumerate(SPECS):
    tokenizer = eiwref.tokenizer(spec, n_gram)
    stays = tokens_that_stay(tokenizer, sentence, with_a_change_at(0))
    for same, colour, hatch in ((True, plots.BLUE, ""), (False, plots.YELLOW, "//")):
        lefts = np.flatnonzero(np.array(stays) == same)
        axis.barh([row] * len(lefts), 0.85, left=lefts, color=colour, hatch=hatch, edgecolor="black")
    print(f"{spec}: {sum(stays)} of {len(stays)} tokens stay as they were")
    places = range(len(sentence))
    shares = [np.mean(tokens_that_stay(tokenizer, sentence, with_a_change_at(place))) for place in places]
    print(f"    and if the change may be anywhere: {np.mean(shares):.0%} on the average")
axis.set_yticks(range(len(SPECS)), SPECS, family="monospace")
axis.set_xlabel("token of 8 bits (plain blue: the same after the change; hatched: another)")
plt.show()

# %% [markdown]
# With AC all that comes before the change stays, and nothing that comes after it. With windows the change moves
# the cuts for a while, until by chance one falls where it was before; from there on all is as it was.
#
# ## 5. Equal-info windows: start afresh every 16 bits
#
# The remedy: cut the text into windows, each holding as many bytes as compress to exactly W bits, and let coder
# and M1 forget everything at each cut. A window's bits then mean the same text wherever they stand.

# %%
tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", n_gram)  # W = 16, one token of 16 bits a window
rows = show.describe(tokenizer, sentence)
figure, axis = plt.subplots(figsize=(12, 4.2), layout="constrained")
plots.draw_windows(axis, demo.boxes(rows), columns=56)
plt.show()
ids = tokenizer.encode(sentence)
print(ids.tolist())

# %% [markdown]
# Windows do not hold equally many letters: the ones that M1 found easy hold more. Each token can be decoded
# alone:

# %%
print([tokenizer.decode([token]) for token in ids])
assert tokenizer.decode_bytes(ids) == sentence

# %% [markdown]
# ### How a window fills up
#
# All $2^{16}$ codes are cells on a line. Each byte narrows the range of cells, by M1's slices as before; when a
# byte no longer gets any cell, the window is full. A node keeps one cell for itself, the *stop cell*, which
# means "the window ends here". So every code means exactly one text. (The proof is in the docstring of
# `eiwref/windows/stop_cell.py`, and in `padded.py` why it does not hold for the paper's own windows.) Here is
# the window that holds the most text:

# %%
tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", n_gram)
text = max((tokenizer.decode_bytes([token]) for token in ids), key=len)
figure, axis = plt.subplots(figsize=(11, 0.5 * len(text)), layout="constrained")
ranges = list(tokenizer.scheme.narrow(text))
for depth, (first, last) in enumerate(ranges):
    cells = last - first + 1
    axis.barh(-depth, cells, left=0.5, color=plots.SKY if depth % 2 else plots.BLUE, height=0.8)
    label = f"{show.printable(text[: depth + 1]).replace(' ', '␣')!r}: {cells:,} cell{'s' * (cells > 1)}"
    axis.text((cells + 0.5) * 1.2, -depth, label, va="center", family="monospace", fontsize=13)
axis.set_xscale("log", base=2)
axis.set_xlim(0.5, 2**21)
axis.set_xticks([2**k for k in range(0, 17, 4)], [f"$2^{{{k}}}$" for k in range(0, 17, 4)])
axis.set_yticks([])
axis.set_xlabel("cells left")
plt.show()
code = int(tokenizer.encode(text)[0])
print(f"its code is the first of the cells left: {ranges[-1][0]} = {code:016b} -> {tokenizer.decode([code])!r}")

# %% [markdown]
# ## 6. M2: learning from compressed text
#
# M2 is a transformer over token ids. This one is small and reads the windows as two tokens of 8 bits each. It
# is trained now, on the built-in text, for about as long as it takes to read the next paragraph.
#
# What should its loss be held against? *Uniform*: a model that knows nothing pays 8 bits for each token of 8
# bits. *Unigram*: one that knows how often each token occurs. The first is a statement about the compressor
# alone; a model has learned something about **sequences** only below the second.

# %%
reader = eiwref.tokenizer("EqualInfoAC[b=16, v=256]", n_gram)
texts = builtin.documents("train")[: 5 if FAST else None]
documents = reader.encode_batch(texts)
network = Transformer(Config(symbols=257, d_model=64, heads=2, layers=2, d_mlp=256, context=128))
rng = np.random.default_rng(0)
params = network.init(rng)
batches = crops(documents, context=128, batch=8, end=256, rng=rng, unit=2)  # begins with a window
held_out = builtin.documents("held-out")[: 3 if FAST else None]
held_out_ids, size = reader.encode_batch(held_out), sum(map(len, held_out))
STEPS = 10 if FAST else 300
curve = []  # (step, bits per byte on text that M2 has not seen)
run = train(network, params, batches, AdamW(), lambda step: warm_up_and_cosine(step, STEPS, 20, 6e-3), STEPS)
for step, newest in run:
    params = newest
    if step.step % 50 == 0 or step.step == 1:
        curve.append((step.step, model_bits(network, params, held_out_ids) / size))
m2 = M2(reader, network, params, id_counts(documents, reader.vocab_size))
found = measure(m2, held_out)

figure, axis = plt.subplots(figsize=(9, 3.8), layout="constrained")
axis.axhline(found["uniform_bits_per_byte"], color="grey", linestyle=":", label="uniform")
axis.axhline(found["unigram_bits_per_byte"], color="grey", linestyle="--", label="unigram")
axis.plot(*zip(*curve, strict=True), "o-", color=plots.RED, label="M2")
axis.set_xlabel("step")
axis.set_ylabel("bits per byte of held-out text")
axis.legend(frameon=False)
plt.show()
for name in ("uniform_bits_per_byte", "unigram_bits_per_byte", "bits_per_byte"):
    print(f"{name:>22}: {found[name]:.3f}")

# %% [markdown]
# The gap between the dashed line and the red one is what M2 has found out about *sequences* of compressed tokens.
# Run the same on `AC[v=256]`, whose bits run on without windows, and the gap stays closed: that is the paper's
# main observation, and `eiwref demo` shows it for five kinds of tokens. (The demo cuts its pieces of AC from
# anywhere in a code, where nobody could decode it. `eiwref reproduce` takes each code from its beginning, as the
# paper does, and even so the gap stays closed.)
#
# ## 7. Our sentence through M2
#
# How surprised is M2 by each token of the sentence? Two tokens make a window; the window's text stands below
# them.

# %%
ids = reader.encode(sentence)
logits, _ = m2.network.forward(m2.params, np.array([[network.config.start, *ids[:-1]]]))
logits = logits[0].astype(np.float64)  # (T, V)
log_z = np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)) + logits.max(axis=1)
token_bits = (log_z - logits[np.arange(len(ids)), ids]) / np.log(2)  # (T,)

figure, axis = plt.subplots(figsize=(12, 3.6), layout="constrained")
axis.bar(range(len(ids)), token_bits, color=[plots.BLUE, plots.SKY] * (len(ids) // 2))
axis.axhline(8, color="grey", linestyle=":", linewidth=2, label="uniform")
axis.legend(frameon=False, loc="upper right")
axis.set_ylim(0, 1.25 * max(8, *token_bits))
texts_of_windows = [window.text.decode().replace(" ", "␣") for window in reader.decode_windows(ids)]
axis.set_xticks(np.arange(0, len(ids), 2) + 0.5, texts_of_windows, family="monospace", rotation=45, fontsize=12)
axis.set_ylabel("bits a token")
axis.set_xlim(-1, len(ids))
plt.show()
print(f"{token_bits.sum():.1f} bits for {len(ids)} tokens: {token_bits.sum() / len(sentence):.3f} bits per byte;")
print(f"uniform: {8 * len(ids) / len(sentence):.3f} bits per byte")
with_end = model_bits(network, params, [ids])
print(f"(and {with_end - token_bits.sum():.1f} bits more to say that the document ends here)")

# %% [markdown]
# Some tokens cost less than the 8 bits of a uniform model and some cost more. On one sentence with nothing
# before it M2 gains next to nothing, or loses. It was trained on pieces of long documents; on such text it gains,
# as the curve of section 6 shows.
#
# ## 8. And back
#
# Tokens become text by the walk in reverse: ids to codes, codes to windows, windows to bytes. That holds for
# the sentence's own tokens, bit for bit, and for tokens that M2 makes up as well, since every code means some
# text.

# %%
assert reader.decode_bytes(ids) == sentence
*_, [made_up] = generate.texts(m2, [np.random.default_rng(1)], tokens=120)
print(show.printable(made_up.text), made_up.remark)

# %% [markdown]
# Careful: how much of this is M2's doing? *Any* tokens decode to text that looks a little like English, for M1
# has a hand in what they mean. Here is what random ones give:

# %%
print(show.printable(text_of(reader, rng.integers(0, 256, 120).tolist())[0]))

# %% [markdown]
# ## Exercise 00.1: a file of your own
#
# Write `round_trip`. It shall read a file, encode and decode it, and return whether nothing was lost (a `bool`)
# and how many bytes of text a token holds (a `float`). Then run it on files of yours: a letter, source code in
# your favourite language, a text in another language, a picture. Which hold the most bytes a token? Which fewer
# than two, and why is that still lossless? (Where `eiwref.tokenizer` is given no M1, it takes the package's own, a
# transformer. Its windows of 16 bits are a table that travels along, so that it need not be run.)


# %%
def round_trip(path, spec="EqualInfoAC[b=16, v=65k]"):
    """(came back unchanged, bytes a token) of a file."""
    ### BEGIN SOLUTION
    data = Path(path).read_bytes()
    tokenizer = eiwref.tokenizer(spec)
    ids = tokenizer.encode(data)
    return tokenizer.decode_bytes(ids) == data, len(data) / len(ids)
    ### END SOLUTION


# %%
round_trip_is_right = check("00.1", round_trip)

# %%
samples = {
    "English": b" ".join(builtin.documents("held-out"))[:5000],
    "one letter": b"a" * 5000,
    "random bytes": np.random.default_rng(0).bytes(5000),
}
with tempfile.TemporaryDirectory() as folder:
    for name, data in samples.items() if round_trip_is_right else ():
        Path(folder, name).write_bytes(data)
        print(f"{name}: {round_trip(Path(folder, name))[1]:.2f} bytes a token")

# %% [markdown]
# ## In short
#
# - M1 gives probabilities; the arithmetic coder turns them into bits, close to the ideal.
# - Bits that run on mean nothing without all that came before; windows of W bits that start afresh do.
# - With stop-cell windows every code of W bits means exactly one text, so tokens can always be decoded.
# - Bits per byte compare models over different tokens; uniform and unigram are what to beat.
#
# **Questions.** Why can window tokens not all hold equally many bytes? Where would you expect M2 to gain more:
# with W = 16 or W = 64? If M1 were perfect, what would be left for M2 to learn?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: sections 2.2, 3.2 to 3.6, Figure
# 2, Table 3. The files `eiwref/coding/exact.py`, `eiwref/windows/stop_cell.py` and `eiwref/m2.py` are what ran
# above.
