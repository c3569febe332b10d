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
# # 08 · M1, a transformer over bytes
#
# An n-gram counts what followed the last few bytes, and knows nothing of what came before them. A transformer
# looks at a hundred bytes, or a thousand, and learns at which of them to look. It is the M1 of the paper. Here we
# take one apart, train a tiny one from nothing, and measure it.
#
# **You will be able to**
# - say what goes into M1 and comes out, and count its parameters;
# - write the causal mask, and the buckets of distances that its attention learns a number for;
# - read pictures of attention; measure bits per byte, by position too;
# - explain the cache that makes decoding affordable, and write attention's step with it;
# - draw text from logits, at any temperature.
#
# **You need to know** the layers of tutorial 07 (their way forward is enough), n-grams (tutorial 04) and bits per
# byte (tutorial 01). About 40 minutes; training takes about a minute of them.

# %%
import os
import time
from itertools import pairwise
from math import log

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import generate, plots, show
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.files import data_path
from eiwref.nn.attention import distance_buckets
from eiwref.nn.layers import token_nats
from eiwref.nn.optim import AdamW, warm_up_and_cosine
from eiwref.nn.train import crops, train
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.static import Unigram
from eiwref.predictors.store import load_predictor

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. Bytes in, logits out
#
# To M1 a symbol is an *id*: the bytes are 0 to 255, and 256 is the end of a text. At each position it shall say
# what comes next. For the first byte there is nothing to go by yet, so one more id, the *start* (257), is put in
# front. What goes in is thus the text shifted by one: the input at each position is the symbol before the one
# that is to be predicted.

# %%
text = b"M1 reads."
print("position    ", *(f"{position:>4}" for position in range(len(text) + 1)))
print("reads       ", *(f"{id:>4}" for id in (257, *text)), "  ", ["start", *text.decode()])
print("must predict", *(f"{id:>4}" for id in (*text, 256)), "  ", [*text.decode(), "end"])

# %% [markdown]
# How many positions M1 can see at most, the start included, is its *context*. All positions are computed at once,
# and each is a question of its own: T positions are T lessons from one pass. That holds only if no position sees
# what comes after it, or the answer would stand in the question.
#
# ## 2. The network
#
# Along the middle flows the *residual stream*: for each position a row of D numbers. It begins with the id's row
# of the *embedding*, a table to be learned. A *block* is attention, then an MLP; each reads the stream through an
# RMSNorm and adds to it what it has found. After the last block comes a norm and a linear layer, which gives the
# logits: one number for each of the 257 symbols. Everything is as in tutorial 07.

# %%
figure, axis = plt.subplots(figsize=(13, 3.5), layout="constrained")
GREY = "#eeeeee"


def box(x, y, label, colour, width=1.35):
    axis.add_patch(
        plt.Rectangle((x - width / 2, y - 0.32), width, 0.64, facecolor=colour, edgecolor="black", zorder=3)
    )
    axis.text(x, y, label, ha="center", va="center", zorder=4)


def arrow(begin, end, colour="black"):
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "mutation_scale": 16}
    axis.annotate("", end, begin, arrowprops=style, zorder=2)


arrow((0, 0), (15.5, 0), plots.BLUE)
axis.text(-0.1, 0, "ids\n(T,)", ha="right", va="center")
box(0.95, 0, "embedding", plots.YELLOW, width=1.6)
axis.text(2.25, -0.2, "(T, D)", color=plots.BLUE, ha="center", va="top")
for block in range(2):
    left = 3.1 + 5.2 * block
    axis.add_patch(
        plt.Rectangle((left - 0.3, -0.75), 4.95, 3.1, facecolor="none", edgecolor="grey", linestyle=":")
    )
    axis.text(left + 2.2, -0.7, f"block {block}", ha="center", va="bottom", color="grey")
    for part, (label, colour) in enumerate((("attention", plots.ORANGE), ("MLP", plots.SKY))):
        x = left + 2.35 * part
        axis.plot([x, x], [0, 0.65], color="black", linewidth=2, zorder=2)
        box(x + 0.35, 0.95, "norm", GREY, width=0.9)
        arrow((x + 0.35, 1.25), (x + 0.35, 1.6))
        box(x + 0.75, 1.9, label, colour)
        arrow((x + 1.6, 1.9), (x + 1.6, 0.22))
        axis.plot([x + 1.4, x + 1.6], [1.9, 1.9], color="black", linewidth=2)
        axis.text(
            x + 1.6,
            0,
            "+",
            ha="center",
            va="center",
            fontsize=18,
            zorder=5,
            bbox={"boxstyle": "circle,pad=0.1", "facecolor": "white", "edgecolor": "black"},
        )
box(13.55, 0, "norm", GREY, width=0.9)
box(14.7, 0, "output", plots.YELLOW, width=1.0)
axis.text(15.6, 0, "logits\n(T, 257)", ha="left", va="center")
axis.set_xlim(-0.9, 17.0)
axis.set_ylim(-0.9, 2.5)
axis.axis("off")
plt.show()

# %% [markdown]
# Only attention lets positions hear of each other. How many numbers does a small one learn? D = 64, two blocks of
# two heads, an MLP of 256:

# %%
CONTEXT = 64
config = Config(symbols=257, d_model=64, heads=2, layers=2, d_mlp=256, context=CONTEXT)
network = Transformer(config)
counted: dict[str, int] = {}
for name, shape in network.shapes().items():
    part = (
        next(part for part in ("embedding", "attention", "mlp", "output", "norm") if part in name.split("."))
        if "norm_" not in name
        else "norm"
    )
    counted[part] = counted.get(part, 0) + int(np.prod(shape))
for part, size in counted.items():
    print(f"{part:<10} {size:>8,}")
print(f"in all     {sum(counted.values()):>8,}")

# %% [markdown]
# (The paper's M1 has about 3 million, without embeddings. One of that size travels with the package and is its
# default: section 7 measures it beside the small ones.)
#
# ## 3. Who may look at whom
#
# Attention gives each position t a weight for every position s up to t. What lies ahead is *masked*: its score is
# set so low that its weight is 0. When decoding, we shall want to compute the last few positions only: t of them
# look at s positions in all, the earlier ones included. So the mask is an array of shape (t, s), and its last row
# is always the last position, which may look at everything.
#
# ### Exercise 08.1: the causal mask
#
# `causal_mask(t, s)` returns an array of bool of shape (t, s): `True` where the position of the row may **not**
# look at that of the column. Rows are the last t of s positions. `causal_mask(2, 4)` is
# `[[False, False, False, True], [False, False, False, False]]`.


# %%
def causal_mask(t, s):
    ### BEGIN SOLUTION
    return np.arange(s) > np.arange(s - t, s)[:, None]
    ### END SOLUTION


# %%
check("08.1", causal_mask)

# %% [markdown]
# ## 4. How far back?
#
# To attention as it is, all earlier positions look alike, whether one byte back or fifty. So each head learns a
# number for each distance, which is added to the score. Near by, every distance counts: `qu` is not `q.u`. Far
# away 90 bytes or 91 is all the same. So distances share their number in *buckets*: 32 of them, one for each of
# the distances 0 to 15, then 16 from there to 128, each about a seventh wider than the one before (in whole
# numbers), the last of which takes all that is farther, too. This is how T5, a language model of 2019, does it,
# and the code that the paper's authors used.
#
# ### Exercise 08.2: buckets of distances
#
# `buckets(distances)` returns the bucket of each distance, an array of the same shape (any) and dtype (`int64`);
# distances are 0 or more. Below 16 the bucket is the distance d itself; from 16 on
#
# $$16 + \left\lfloor 16 \cdot \frac{\ln(d / 16)}{\ln(128 / 16)} \right\rfloor,$$
#
# but never more than 31. For `[0, 15, 16, 17, 20, 127, 5000]` it is `[0, 15, 16, 16, 17, 31, 31]`.


# %%
def buckets(distances):
    ### BEGIN SOLUTION
    far = np.maximum(distances, 16)
    wide = 16 + np.floor(16 * np.log(far / 16) / log(128 / 16)).astype(np.int64)
    return np.where(distances < 16, distances, np.minimum(wide, 31))
    ### END SOLUTION


# %%
check("08.2", buckets)

# %% [markdown]
# What does a network make of it? With the package travels an M1 of this very small size too, one that was trained
# for longer, and on pieces of 128 bytes. On the right are the numbers its four heads have learned, by distance.

# %%
m1 = load_predictor(data_path("m1-tiny-float.safetensors"))
distances = np.arange(m1.config.context)
figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 4), layout="constrained")
left.step(range(200), distance_buckets(np.arange(200)), color=plots.BLUE, linewidth=2.5, where="mid")
left.set_xlabel("distance in bytes")
left.set_ylabel("bucket")
lines = iter(zip((plots.BLUE, plots.ORANGE, plots.GREEN, plots.RED), ("-", "--", "-.", ":"), strict=True))
for block in range(m1.config.layers):
    learned = m1.params[f"blocks.{block}.attention.bias"][distance_buckets(distances)]  # (T, H)
    for head in range(m1.config.heads):
        colour, style = next(lines)
        label, look = f"block {block}, head {head}", {"color": colour, "linestyle": style, "linewidth": 2.5}
        right.step(distances + 1, learned[:, head], where="mid", label=label, **look)
right.set_xscale("log")
right.set_xticks([1, 2, 3, 5, 9, 17, 33, 65, 128], ["0", "1", "2", "4", "8", "16", "32", "64", "127"])
right.minorticks_off()
right.set_xlabel("distance in bytes")
right.set_ylabel("added to the score")
right.legend(frameon=False, fontsize=12)
plt.show()

# %% [markdown]
# A score that is higher by 1 makes the weight $e$ times as large. So you can see which heads look at the last few
# bytes whatever these are, and which leave it to query and key.
#
# ## 5. What it looks at
#
# The weights themselves, on a line of text: each row is a position, and shows how its attention is spread over
# the positions before it. Each row adds up to 1. A position's label is the symbol that it reads; what it is busy
# with is the prediction of the *next* one.

# %%
LINE = b"for item in items: print(item)"


def attention_weights(m1, text):
    """(layers, heads, T, T): the weights of every head on the start and a text but for its last byte."""
    ids = np.array([[m1.config.start, *text[:-1]]])
    t, heads = ids.shape[1], m1.config.heads
    back = np.arange(t)[:, None] - np.arange(t)
    found = []
    for block, values in enumerate(m1.network.activations(m1.params, ids)[:-1]):
        q, k = (values[name].reshape(t, heads, -1).transpose(1, 0, 2) for name in ("query", "key"))  # (H, T, K)
        bias = m1.params[f"blocks.{block}.attention.bias"][distance_buckets(np.maximum(back, 0))]  # (T, T, H)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]) + bias.transpose(2, 0, 1)
        scores = np.where(back >= 0, scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        found.append(weights / weights.sum(axis=-1, keepdims=True))
    return np.array(found)


weights = attention_weights(m1, LINE)
letters = ["⊢", *show.printable(LINE[:-1]).replace(" ", "␣")]  # ⊢ is the start
figure, axes = plt.subplots(2, 2, figsize=(13, 13.6), layout="constrained")
for block in range(2):
    for head in range(2):
        axis = axes[block, head]
        shown = np.where(np.tri(len(LINE)) > 0, weights[block, head], np.nan)
        picture = axis.imshow(shown, cmap="Blues", vmin=0, vmax=1)
        axis.set_facecolor("#dddddd")  # what lies ahead
        for ticks in (axis.set_xticks, axis.set_yticks):
            ticks(range(len(letters)), letters, family="monospace", fontsize=12)
        axis.set_title(f"block {block}, head {head}")
figure.colorbar(picture, ax=axes, label="weight", shrink=0.5, location="bottom")
plt.show()
for block in range(2):
    for head in range(2):
        here = weights[block, head]
        rows = np.arange(4, len(LINE))  # those that have some choice
        near = np.mean([here[t, t - 3 : t + 1].sum() for t in rows])
        print(f"block {block}, head {head}: {near:.0%} of the weight is on the position and the three before it")

# %% [markdown]
# All heads look mostly at the last few bytes, as an n-gram does; the last one reaches back farthest. Few look at
# their own position: what it has read is in the stream already. To copy the second `item` from the first, a head
# would have to look from each letter to what followed that letter before. Larger networks learn that; this one is
# too small or has seen too little, as section 7 will show.
#
# ## 6. Training one
#
# The network of section 2, from random numbers: 16 pieces of 64 bytes a step, from anywhere in the text; loss,
# gradient, a small move against it (AdamW, which gives every parameter a step size of its own, from the sizes of
# its gradients so far). Before the first step the network is worse than knowing nothing, which would cost
# log2(257) bits.

# %%
STEPS = 40 if FAST else 800
documents = {
    split: [np.frombuffer(text, dtype=np.uint8) for text in builtin.documents(split)] for split in builtin.SPLITS
}
held_ids, held_targets = next(
    crops(documents["held-out"], CONTEXT, 16 if FAST else 64, 256, np.random.default_rng(1))
)


def held_out_bits(params):
    """Bits per byte of some held-out pieces."""
    logits, _ = network.forward(params, held_ids)
    return token_nats(logits, held_targets, np).mean() / log(2)


rng = np.random.default_rng(0)
params = network.init(rng)
kept = {0: params}  # parameters of some steps, to look at later
learned, measured = [], [(0, held_out_bits(params))]
begin = time.perf_counter()
pieces = crops(documents["train"], CONTEXT, 16, 256, rng)
for step, trained in train(
    network, params, pieces, AdamW(), lambda n: warm_up_and_cosine(n, STEPS, 20, 5e-3), STEPS
):
    learned.append(step.loss / log(2))
    if step.step % (STEPS // 10) == 0:
        measured.append((step.step, held_out_bits(trained)))
        kept[step.step] = trained
params = trained
print(f"{STEPS} steps, {STEPS * 16 * CONTEXT:,} bytes seen, in {time.perf_counter() - begin:.0f} s")

# %%
unigram = Unigram.fit(builtin.documents("train"))
unigram_bits = 16 - np.log2(np.diff(unigram.cdf(None))[held_targets]).mean()
figure, axis = plt.subplots(figsize=(9.5, 4.2), layout="constrained")
axis.plot(range(1, STEPS + 1), learned, color=plots.SKY, linewidth=1.5, label="loss of each step, training text")
axis.plot(*zip(*measured, strict=True), "o-", color=plots.BLUE, linewidth=2.5, label="held-out text")
for bits, label in ((np.log2(257), "every symbol alike"), (unigram_bits, "unigram")):
    axis.axhline(bits, color="grey", linestyle="--")
    axis.text(STEPS * 1.01, bits + 0.08, f"{label}: {bits:.2f}", va="bottom", ha="right")
axis.set_ylim(1.5, 9.5)
axis.set_xlabel("step")
axis.set_ylabel("bits per byte")
axis.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.56))
plt.show()
print(f"held out: {measured[0][1]:.2f} bits per byte before, {measured[-1][1]:.2f} after")

# %% [markdown]
# First it learns how frequent each byte is, and is soon as good as a unigram; then it begins to look back.
#
# ## 7. By position
#
# At the first position M1 knows nothing; at the tenth it has seen nine bytes. How many bits does that save?
#
# ### Exercise 08.3: bits per byte, by position
#
# `bits_by_position(logits, targets)` returns the mean surprise in bits at each of T positions: an array of shape
# (T,), float64. `logits` has the shape (B, T, V), float64, for B pieces of text; `targets` (B, T) are the ids
# that came. Mind that logits may be in the hundreds. Where all V = 4 logits are alike it is 2 bits at each
# position.


# %%
def bits_by_position(logits, targets):
    ### BEGIN SOLUTION
    lowered = logits - logits.max(axis=-1, keepdims=True)
    log_z = np.log(np.exp(lowered).sum(axis=-1))
    came = np.take_along_axis(lowered, targets[..., None], axis=-1)[..., 0]
    return (log_z - came).mean(axis=0) / log(2)
    ### END SOLUTION


# %%
check("08.3", bits_by_position)

# %% [markdown]
# The M1 that we just trained, the one that was trained for longer, and for comparison the n-gram of tutorial 04,
# which looks at five bytes and no more (and has read far more text than these two, other text too). The fourth is
# the package's own M1, larger and in integers (tutorial 09 tells why), which has read more again. Pieces of
# held-out text that begin anywhere:

# %%
LENGTH = m1.config.context
ids, targets = next(crops(documents["held-out"], LENGTH, 24 if FAST else 400, 256, np.random.default_rng(2)))
inside = (targets < 256).all(axis=1)  # pieces in which no text ends
ids, targets = ids[inside], targets[inside]
curves = {
    "just trained": (token_nats(network.forward(params, ids[:, :CONTEXT])[0], targets[:, :CONTEXT], np) / log(2)),
    "trained for longer": token_nats(m1.network.forward(m1.params, ids)[0], targets, np) / log(2),
}
n_gram = eiwref.shipped("ngram")
slices = n_gram.slices_along(targets, np.full(len(targets), LENGTH))  # (B, T, 2)
curves["n-gram"] = n_gram.precision - np.log2(slices[..., 1] - slices[..., 0])
large, costs = eiwref.shipped("m1"), []
for some in np.array_split(targets[:96], 8):  # fewer pieces, a few at a time
    ends = np.take_along_axis(large.at_once(some), some[..., None] + np.arange(2), axis=2)
    costs.append(large.precision - np.log2(ends[..., 1] - ends[..., 0]))
curves["the package's M1"] = np.concatenate(costs)
print(f"the package's M1 has {large.config.parameters / m1.config.parameters:.0f} times the small one's weights\n")
figure, axis = plt.subplots(figsize=(9.5, 4.2), layout="constrained")
edges = np.array([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128])
STYLES = {
    "just trained": ("s--", plots.ORANGE),
    "trained for longer": ("o-", plots.BLUE),
    "n-gram": ("^:", plots.GREEN),
    "the package's M1": ("D-.", "black"),
}
print("bits per byte of    byte 1   bytes 5-6     9-16    from 17       all")
for label, bits in curves.items():
    ends = edges[edges <= bits.shape[1]]
    means = [bits[:, low:high].mean() for low, high in pairwise(ends.tolist())]
    style, colour = STYLES[label]
    axis.plot(np.sqrt((ends[:-1] + 1) * ends[1:]), means, style, color=colour, linewidth=2, label=label)
    parts = (bits[:, low:high].mean() for low, high in ((0, 1), (4, 6), (8, 16), (16, None)))
    print(f"{label:<19}", *(f"{part:>9.2f}" for part in parts), f"{bits.mean():>9.2f}")
axis.set_xscale("log", base=2)
axis.set_xticks(2 ** np.arange(8), [str(2**k) for k in range(8)])
axis.set_xlabel("position in the piece, from 1")
axis.set_ylabel("bits per byte")
axis.set_ylim(bottom=1)
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# What comes first is dear for all of them: this is the price of windows that begin afresh, since the bytes of a
# short window are all near its beginning. The n-gram is at its best once it has seen five bytes. The small M1 that
# was trained for longer gains a little more from the next ten, and then it is at its end, too: see the numbers of
# section 4, by which each byte that is 32 or more away weighs next to nothing. A context is only worth what has
# been learned about it, and this M1 has learned from a few hundred kilobytes of text. But that text is of the very
# manual on which we measure, and it counts: a larger M1 that has read much else need not be better *here*. Does
# the package's make more of what is far back? Compare its bytes 9 to 16 with those from 17 on.
#
# And where in a line do the bits go? The surprise of each byte, in the line of section 5 (red: more than 4 bits):

# %%
ids = np.array([[m1.config.start, *LINE[:-1]]])
bits = token_nats(m1.network.forward(m1.params, ids)[0], np.array([[*LINE]]), np)[0] / log(2)
figure, axis = plt.subplots(figsize=(11, 3.2), layout="constrained")
axis.bar(range(len(LINE)), bits, color=np.where(bits > 4, plots.RED, plots.BLUE))
axis.set_xticks(range(len(LINE)), list(show.printable(LINE).replace(" ", "␣")), family="monospace", fontsize=15)
axis.set_xlim(-0.7, len(LINE) - 0.3)
axis.set_ylabel("bits")
plt.show()
print(f"{bits.sum():.0f} bits in all, {bits.mean():.2f} a byte")
for place in (place for place in range(len(LINE)) if LINE[place:].startswith(b"item")):
    print(f"the `item` at byte {place}: {bits[place : place + 4].sum():.1f} bits")

# %% [markdown]
# No `item` is much cheaper for having been there before.
#
# ## 8. One byte at a time
#
# A decoder cannot compute all positions at once: the next byte is known only when the one before is decoded. To
# run the network over the whole text again for each byte would make a text of T bytes cost T passes of up to T
# positions. But nothing that was computed for earlier positions changes, for they cannot see the new one; and
# what a new position needs from them is their keys and values. So these are kept: that is the *cache* (another
# one than that of a layer's way back), and a step computes one position only.
#
# ### Exercise 08.4: attention's next step
#
# `attend_next(q, k, v, keys, values, bias)` returns `(out, keys, values)` of one head. q, k and v, of shape (K,),
# are those of the new position. `keys` and `values`, (S, K), are those of the S positions before it, the oldest
# first; S may be 0. `bias`, (S + 1,), has the number for each distance, 0 first. `out`, (K,), is what the new
# position takes from all S + 1; the keys and values that are returned are of shape (S + 1, K), for the next step.
# All float64. The formula is that of tutorial 07: scores $q \cdot k_s / \sqrt K$ + bias, softmax, mean of the
# values. For S = 0 `out` is v.


# %%
def attend_next(q, k, v, keys, values, bias):
    ### BEGIN SOLUTION
    keys, values = np.concatenate([keys, [k]]), np.concatenate([values, [v]])
    scores = keys @ q / np.sqrt(len(q)) + bias[::-1]  # the oldest is the farthest
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values, keys, values
    ### END SOLUTION


# %%
check("08.4", attend_next)

# %% [markdown]
# In `eiwref`, `network.forward` computes all positions at once, `network.step` one more with a cache. Are they
# the same? We take some text both ways, and measure the time.

# %%
text = np.array([[m1.config.start, *builtin.documents("held-out")[0][: m1.config.context - 1]]])
whole, _ = m1.network.forward(m1.params, text)
stepwise, past = [], None
begin = time.perf_counter()
for position in range(text.shape[1]):
    logits, past = m1.network.step(m1.params, text[:, position : position + 1], past)
    stepwise.append(logits)
cached = time.perf_counter() - begin
begin = time.perf_counter()
for position in range(text.shape[1]):
    again, _ = m1.network.forward(m1.params, text[:, : position + 1])
without = time.perf_counter() - begin
print(f"{text.shape[1]} bytes, one at a time: {cached:.2f} s with a cache, {without:.2f} s without")

difference = np.abs(np.stack(stepwise, axis=1) - whole)[0]  # (T, 257)
figure, axis = plt.subplots(figsize=(9.5, 3.6), layout="constrained")
axis.plot(difference.max(axis=1), "o", color=plots.RED, label="largest of the 257 logits' differences")
axis.plot(np.abs(whole[0]).max(axis=1), "-", color=plots.BLUE, linewidth=2, label="the largest logit itself")
axis.set_yscale("log")
axis.set_ylim(1e-8, 1e3)
axis.set_xlabel("position")
axis.set_ylabel("size")
axis.legend(frameon=False, loc="upper right", ncols=2, fontsize=12)
plt.show()
same = np.mean(difference == 0)
print(f"{same:.1%} of all logits are the same to the last bit; the largest difference is {difference.max():.1e}")

# %% [markdown]
# They are the same up to rounding: float32 has about seven digits, and sums that are taken in another order
# differ in the last of them. To a reader of text this is nothing. To a decoder it is the end, as the next
# tutorial shows.
#
# ## 9. Writing
#
# Draw a byte from the probabilities, take it as the next input, and so on: M1 writes. Before softmax, logits can
# be divided by a *temperature*: below 1 the likely becomes still likelier, above 1 the choice is bolder, and at 0
# the likeliest is always taken.
#
# ### Exercise 08.5: drawing an id
#
# `draw(logits, temperature, u)` returns an id, an integer from 0 to V − 1. `logits` is an array (V,), float64;
# `u` a random number from $[0, 1)$. Lay the probabilities of softmax(logits / temperature) side by side, id 0
# first: the id in whose slice u lies is drawn, where a slice holds its left end. At temperature 0 it is the id of
# the largest logit, the first if there are several. For `([0.0, 0.0], 1.0, 0.7)` it is 1.


# %%
def draw(logits, temperature, u):
    ### BEGIN SOLUTION
    if temperature == 0:
        return int(logits.argmax())
    weights = np.exp((logits - logits.max()) / temperature)
    sums = np.cumsum(weights)
    return int((sums <= u * sums[-1]).sum())
    ### END SOLUTION


# %%
draw_is_right = check("08.5", draw)

# %% [markdown]
# The longer trained M1 goes on from a prompt, with your own function as soon as it is right (until then with
# `eiwref`'s):


# %%
def write(m1, prompt, length, temperature, seed):
    """A prompt and how M1 goes on from it, until it ends the text or its context is full."""
    rng = np.random.default_rng(seed)
    written = bytearray(prompt)
    logits, past = m1.network.step(m1.params, np.array([[m1.config.start, *prompt]]))
    for _ in range(length):
        if draw_is_right:
            id = draw(logits[0].astype(np.float64), temperature, rng.random())
        else:
            id = int(generate.Choice(temperature).draw(logits, rng.random(1))[0])
        if id == 256:
            break
        written.append(id)
        logits, past = m1.network.step(m1.params, np.array([[id]]), past)
    return show.printable(bytes(written))


for temperature in (0, 0.5, 1.0, 1.5):
    print(f"temperature {temperature}: {write(m1, b'The ', 30 if FAST else 100, temperature, seed=1)}\n")

# %% [markdown]
# And what our own would have written while it was being trained, at temperature 0.7:

# %%
for step in (0, *[STEPS // 10 * tenths for tenths in (1, 3, 10)]):
    choice = generate.Choice(0.7)
    written = b"The "
    for (id,) in generate.ids(network, kept[step], [np.random.default_rng(2)], list(written), choice):
        if id == 256 or len(written) >= CONTEXT:
            break
        written += bytes([id])
    print(f"after {step:>4} steps: {show.printable(written)}")

# %% [markdown]
# ## In short
#
# - M1 reads the start and the text, and gives at each position 257 logits for the next symbol.
# - Positions meet in attention only: query, key, value; a mask for what lies ahead; and a learned number for each
#   bucket of distances.
# - It is soon better than a unigram. Its bits per byte fall with the position in the text, as long as it has
#   learned to look that far back.
# - A step with a cache gives what a whole pass gives, up to rounding.
#
# **Questions.** Where would a mask that is off by one show in the loss? Why is the start needed, and could the
# end of a text take its part? Attention's cost grows with the square of the context: at which context does it
# outweigh the MLP's? Why do windows of 16 bits gain less from a better M1 than a stream of text does?
#
# **Sources.** A. Vaswani and others, *Attention Is All You Need*, 2017. C. Raffel and others, *Exploring the
# Limits of Transfer Learning with a Unified Text-to-Text Transformer*, 2020 (the buckets). I. Loshchilov and F.
# Hutter, *Decoupled Weight Decay Regularization*, 2019. L. Xue and others, *ByT5: Towards a token-free future
# with pre-trained byte-to-byte models*, 2022. *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626,
# section 3.2. Here: `eiwref/nn/attention.py`, `eiwref/nn/transformer.py`, `eiwref/nn/train.py`,
# `eiwref/generate.py`.
