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
# # 09 · Neural compression, and why floats break it
#
# A transformer that predicts well compresses well, if an arithmetic coder writes down what it did not expect. All
# that is needed is that encoder and decoder see the same predictions. It sounds like nothing: the same network,
# the same text, the same machine even. We shall watch it fail, find the digit that is to blame, and then build a
# network that has no such digits.
#
# **You will be able to**
# - compress text with M1, and decode it again in the setting that it was encoded in;
# - find where two runs of one network part, and say why they must sooner or later;
# - make integers of a matrix of weights, and prove that a product of them is exact in float32;
# - say what else must go for a network to give the same bits everywhere, and what that costs.
#
# **You need to know** M1 (tutorial 08) and arithmetic coding in 32 bits (tutorial 03). About 40 minutes.

# %%
import gzip
import json
import os
from itertools import islice
from math import isqrt

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import doctor, plots
from eiwref.bench import measure
from eiwref.coding import finite, frequencies, stream
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.errors import EiwrefError
from eiwref.files import data_path
from eiwref.nn import integer
from eiwref.predictors.network import Network
from eiwref.predictors.store import load_predictor

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. A neural compressor
#
# The M1 of tutorial 08 gives logits; softmax makes probabilities of them, in floats; and these are rounded to
# integers, the cumulative frequencies that coders see: 258 of them, rising from 0 to $2^{16}$, for 256 bytes and
# the end of the text. From there on everything is exact (tutorial 03).
#
# The encoder has the whole text before it, so it may ask the network for all positions at once.

# %%
m1 = load_predictor(data_path("m1-tiny-float.safetensors"))
LENGTH = 120  # bytes of a text: M1 sees no more than 128
texts = [
    document[begin : begin + LENGTH]
    for document in builtin.documents("held-out")
    for begin in range(0, len(document) - LENGTH, 1400)
]
texts = texts[:12] if FAST else texts
print(f"{len(texts)} texts of {LENGTH} bytes")


def at_once(m1, text):
    """The cumulative frequencies before each byte and before the end, (T + 1, 258): one pass of the network."""
    return m1.at_once(np.array([[*text, 256]]))[0]


def encode(rows, text):
    """The code of a text and its end, under these frequencies."""
    encoder = finite.Encoder()
    for row, symbol in zip(rows.tolist(), [*text, 256], strict=True):
        encoder.encode(row, symbol)
    return encoder.finish()


codes = [encode(at_once(m1, text), text) for text in texts]
n_gram = eiwref.shipped("ngram")
sizes = {
    "gzip": sum(8 * len(gzip.compress(text)) for text in texts),
    "unigram": sum(len(stream.encode(finite.Encoder(), m1.static(), text)) for text in texts),
    "n-gram": sum(len(stream.encode(finite.Encoder(), n_gram, text)) for text in texts),
    "M1, 0.1 million parameters": sum(map(len, codes)),
}
each = [bits / (LENGTH * len(texts)) for bits in sizes.values()]
figure, axis = plt.subplots(figsize=(9, 2.8), layout="constrained")
bars = axis.barh(list(sizes), each, color=[plots.RED, plots.ORANGE, plots.GREEN, plots.BLUE])
axis.bar_label(bars, [f"{bits:.2f}" for bits in each], padding=4)
axis.axvline(8, color="grey", linestyle="--", label="no model at all")
axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(0.92, 0))
axis.set_xlim(0, 8.6)
axis.set_xlabel("bits per byte, each text by itself")
axis.invert_yaxis()
plt.show()

# %% [markdown]
# (gzip has its header to pay, and on so short a text nothing to look back at. The n-gram has learned from far
# more text than M1.)
#
# ## 2. And back?
#
# A decoder does not have the text. It asks for the first byte's frequencies, decodes a byte, tells the network,
# and so on: one position at a time, with a cache, as in tutorial 08. The same network, the same positions, the
# same machine.


# %%
def decoded(m1, code):
    """What a decoder reads from a code, one byte at a time; at most LENGTH bytes."""
    found = []
    try:
        for symbol in islice(stream.until_end(finite.Decoder(code.data), m1), LENGTH):
            found.append(symbol)
    except EiwrefError:  # the code makes no sense any more
        pass
    return bytes(found)


back = [decoded(m1, code) for code in codes]
wrong = [i for i in range(len(texts)) if back[i] != texts[i]]
print(f"{len(wrong)} of {len(texts)} texts are decoded wrongly")


def wrong_from(text, found):
    """The first byte that is not right; the length if all are."""
    return next((i for i, byte in enumerate(text) if found[i : i + 1] != bytes([byte])), len(text))


# One to look at: no table, and the decoder goes wrong near its middle.
case = min(wrong or [0], key=lambda i: (b"  " in texts[i], abs(wrong_from(texts[i], back[i]) - LENGTH // 2)))
text, found = texts[case], back[case]
begins = wrong_from(text, found)


def letter(byte):
    """One byte for a picture: spaces made visible, and a dot for what is no letter."""
    return "␣" if byte == 32 else chr(byte) if 32 < byte < 127 else "·"


PER_LINE = 60
figure, axis = plt.subplots(figsize=(13, 3), layout="constrained")
for index, (label, shown) in enumerate((("encoded", text), ("decoded", found))):
    for place, byte in enumerate(shown):
        x, y = place % PER_LINE, -3 * (place // PER_LINE) - 1.1 * index
        is_wrong = label == "decoded" and place >= begins
        axis.barh(y, 1, left=x - 0.5, height=1, color=plots.RED if is_wrong else "white")
        colour = "white" if is_wrong else "black"
        axis.text(x, y, letter(byte), family="monospace", fontsize=15, ha="center", va="center", color=colour)
    for line in range(LENGTH // PER_LINE):
        axis.text(-1.2, -3 * line - 1.1 * index, label, ha="right", va="center", color="grey")
axis.set_xlim(-6, PER_LINE)
axis.set_ylim(-4.9, 0.7)
axis.axis("off")
plt.show()
print(f"the first wrong byte is number {begins} of {LENGTH}, counted from 0")

# %% [markdown]
# From one byte to the next the decoder reads other text, and never finds back: its interval is not the encoder's
# any more, and every later byte is read from the wrong place. What comes out may even look like text, since M1
# makes the best of any bits.
#
# ## 3. Where they part
#
# Somewhere a frequency must have been another one. Let us have the encoder's and the decoder's for the true text.
#
# ### Exercise 09.1: the first difference
#
# `first_difference(rows, others)` compares two arrays of integers of the same shape (T, K + 1), the cumulative
# frequencies of T positions in two runs. It returns the tuple `(position, index)` of the first place in which
# they differ, row by row and in each row from the left, as two integers; `None` if there is none. For
# `[[0, 3, 4], [0, 2, 4]]` and `[[0, 3, 4], [0, 1, 4]]` it is `(1, 1)`.


# %%
def first_difference(rows, others):
    ### BEGIN SOLUTION
    places = np.argwhere(rows != others)
    return (int(places[0, 0]), int(places[0, 1])) if len(places) else None
    ### END SOLUTION


# %%
check("09.1", first_difference)


# %%
def one_by_one(m1, text):
    """As `at_once`, by one step after the other, with a cache."""
    rows, state = [], m1.start()
    for byte in text:
        rows.append(m1.cdf(state))
        state = m1.advance(state, byte)
    return np.array([*rows, m1.cdf(state)], dtype=np.int64)


rows, others = at_once(m1, text), one_by_one(m1, text)
differing = (rows != others).sum(axis=1)  # of each position's frequencies
places, symbols = np.arange(LENGTH), np.frombuffer(text, dtype=np.uint8).astype(int)
# What the coder uses of a position: both ends of the slice of the byte that came.
parted = sum(np.abs(rows[places, symbols + end] - others[places, symbols + end]) for end in (0, 1)) > 0
marks = {
    "first difference": (
        int((differing > 0).argmax()),
        plots.ORANGE,
    ),
    "first in the slice of a byte that came": (int(parted.argmax()), plots.BLUE),
    "first byte decoded wrongly": (begins, plots.RED),
}
figure, axis = plt.subplots(figsize=(11, 3.8), layout="constrained")
axis.bar(range(len(differing)), differing, color="grey", width=0.8)
for (label, (place, colour)), style in zip(marks.items(), ("-", "--", ":"), strict=True):
    axis.axvline(place, color=colour, linestyle=style, linewidth=3, label=f"{label}: {place}")
axis.set_xlabel("position in the text")
axis.set_ylabel("frequencies\nthat differ, of 258")
axis.set_ylim(0, max(differing) * 1.9 + 1)
axis.legend(frameon=False, loc="upper right")
plt.show()
print(
    f"{np.count_nonzero(differing)} of {len(differing)} positions differ, by {np.abs(rows - others).max()} at most"
)

# %% [markdown]
# Differences are many, and each is of 1 out of 65,536. Most do no harm: the coder looks at two frequencies of a
# position only, both ends of the slice of the byte that came. But before long one of these is hit, and then it
# takes a few more bytes until the code's number lies on the wrong side of a border.
#
# How can a frequency differ by one if the logits agree in six digits? A frequency is a share of $2^{16}$, rounded
# down. If the number before rounding is 741.998 in one run and 742.001 in the other, that is enough. Here are the
# two numbers behind the first difference:


# %%
def unrounded(logits):
    """Cumulative frequencies before they are rounded down, from logits (257,): see `coding/frequencies`."""
    p = np.exp(logits.astype(np.float64) - logits.max())
    weights = np.floor(p / p.sum() * 2**30)
    return np.append(0, np.cumsum(weights)) * (2**16 - 257) / weights.sum() + np.arange(258)


def both_ways(text):
    """The logits before each byte and before the end, (T + 1, 257): by one pass, and step by step."""
    ids = np.array([[m1.config.start, *text]])
    whole, _ = m1.network.forward(m1.params, ids)
    past, steps = None, []
    for position in range(ids.shape[1]):
        logits, past = m1.network.step(m1.params, ids[:, position : position + 1], past)
        steps.append(logits)
    return whole[0], np.concatenate(steps)


position = marks["first difference"][0]
index = int((rows[position] != others[position]).argmax())
whole, steps = both_ways(text)
off = np.abs(whole[position] - steps[position]).max()
print(f"position {position}, frequency {index}; no logit there differs by more than {off:.1e}")
for label, logits in (("all at once", whole), ("step by step", steps)):
    number = unrounded(logits[position])[index]
    print(f"{label:<13} {number:.6f}, rounded down {int(number)}")

# %% [markdown]
# ## 4. Why floats differ
#
# A float32 has 24 binary digits, and every sum is rounded to them. So it matters in which order one adds:
# $(a + b) + c$ and $a + (b + c)$ are rounded in other places. A logit is a sum of 64 products. Here are 64
# products of this very network, added up in many orders:

# %%
before = np.array([[m1.config.start, *text[:position]]])
x = m1.network.activations(m1.params, before)[-1]["norm"][0, -1] * m1.params["norm.gain"]  # (D,)
products = x * m1.params["output.weight"][:, text[position]]  # (D,): their sum is the logit of the byte that came
rng = np.random.default_rng(0)
orders = [rng.permutation(len(products)) for _ in range(200 if FAST else 2_000)]
sums = np.array([np.cumsum(products[order])[-1] for order in orders])  # cumsum adds from left to right
exact = float(products.astype(np.float64).sum())
values, times = np.unique(sums, return_counts=True)
figure, axis = plt.subplots(figsize=(9.5, 3.6), layout="constrained")
axis.vlines((values.astype(np.float64) - exact) * 1e6, 0, times, color=plots.RED, linewidth=5)
axis.axvline(0, color="black", linestyle="--", label="the exact sum")
axis.set_xlabel("sum less the exact one, in millionths")
axis.set_ylabel("orders")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
plt.show()
print(f"{len(values)} different sums of the same {len(products)} numbers in {len(orders):,} orders")

# %% [markdown]
# In which order a product of matrices adds is for the library to choose, so as to be fast. It depends on the
# processor and its vector instructions, on the number of threads, and on the shapes: one row at a time is added
# up otherwise than a hundred. (And $e^x$ differs in its last digit between processors.) Here are five ways to
# have the frequencies of the same texts from the same network, all on this machine:


# %%
def look(m1, ids, past=None):
    """(frequencies after the last of ids (B, T) or (B,), the cache), for a float M1 and the one to come."""
    if isinstance(m1, Network):
        logits, past = m1.network.step(m1.params, ids, past)
        p = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        weights = (p / p.sum(axis=1, keepdims=True) * 2**30).astype(np.int64)
    else:
        levels, past = m1.network.step(ids, past)
        weights = m1.network.weights(levels.reshape(len(ids), -1, 257)[:, -1])
    return frequencies.from_weight_rows(weights, m1.precision), past


def with_cache(m1, columns):
    """One position after the other: `columns` are the ids of each, (B, 1) or (B,)."""
    past, rows = None, []
    for column in columns:
        row, past = look(m1, column, past)
        rows.append(row)
    return np.stack(rows, axis=1)


def ways(m1, some):
    """{way: frequencies (B, T, 258)} of texts (B, T)."""
    ids = np.concatenate([np.full((len(some), 1), m1.config.start), some[:, :-1]], axis=1)
    found = {"all at once": m1.at_once(some)}
    with threadpool_limits(4):
        found["all at once, 4 threads"] = m1.at_once(some)
    found["anew for each byte"] = np.stack([look(m1, ids[:, : end + 1])[0] for end in range(ids.shape[1])], axis=1)
    found["with a cache"] = with_cache(m1, ids.T[:, :, None])
    found["with a cache, texts together"] = with_cache(m1, ids.T)
    return found


def draw_agreement(axis, found):
    """The share of positions at which two ways differ, for all pairs."""
    share = np.array([[(a != b).any(axis=-1).mean() for b in found.values()] for a in found.values()])
    axis.imshow(share, cmap="Oranges", vmin=0, vmax=0.6)
    for (row, column), value in np.ndenumerate(share):
        axis.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=14)
    axis.set_yticks(range(len(found)), [f"{label} ({i})" for i, label in enumerate(found, 1)])
    axis.set_xticks(range(len(found)), [f"({i})" for i in range(1, len(found) + 1)])


some = np.array([list(text) for text in texts[: 2 if FAST else 8]])
floats = ways(m1, some)
figure, axis = plt.subplots(figsize=(9.5, 4.2), layout="constrained")
draw_agreement(axis, floats)
axis.set_title("positions whose frequencies differ, floats", fontsize=13)
plt.show()

# %% [markdown]
# (Where (1) and (2) agree, the matrices were too small for a second thread.) A compressor can take steps of the
# same shapes on both sides. In one setting this works, and it is how the float M1 of `eiwref` codes. On another
# machine, or with the next version of a library, it is over.
#
# ## 5. Could one not round more coarsely?
#
# The logits differ by some millionths. So round them to a thousandth, say, before anything else is done with
# them. Does that not take the difference away? Mostly. But wherever one puts the borders between what is rounded
# up and what is rounded down, some logits lie close to one. Steps ten times as large have a tenth of the borders,
# and so about a tenth of the accidents; but the coarser the steps the worse the predictions.

# %%
pairs = [(*both_ways(text), np.array([*text, 256])) for text in texts[: 4 if FAST else 40]]
widths = 2.0 ** np.arange(-12, 3, 2)
accidents, bits = [], []
for width in widths:
    rounded = [(np.rint(a / width), np.rint(b / width), came) for a, b, came in pairs]
    accidents.append(sum(np.count_nonzero(a != b) for a, b, _ in rounded))
    nats = [np.log(np.exp(width * a).sum(axis=1)) - width * a[np.arange(len(a)), came] for a, _, came in rounded]
    bits.append(np.concatenate(nats).mean() / np.log(2))
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.8), layout="constrained")
left.plot(widths, np.where(accidents, accidents, np.nan), "o-", color=plots.RED, linewidth=2)
left.set_yscale("log")
left.set_ylabel("logits that still differ")
right.plot(widths, bits, "s-", color=plots.BLUE, linewidth=2)
right.set_ylabel("bits per byte")
for axis in (left, right):
    axis.set_xscale("log", base=2)
    axis.set_xlabel("logits rounded to multiples of")
plt.show()
print(f"{sum(a.size for a, _, _ in pairs):,} logits in all; of these differ, rounded to multiples of")
for width, count in zip(widths, accidents, strict=True):
    print(f"{width:>12g}: {count:,}")

# %% [markdown]
# Rarer is not never, and a 0 in this sample would promise nothing for the next one. One accident is enough to
# lose the rest of a text, and nobody knows beforehand in which. (Inside the network it is worse: one number that
# is rounded otherwise changes all that are computed from it.)
#
# ## 6. Sums that cannot go wrong
#
# Integers have no last digits to lose: $a + b + c$ is the same in any order. And a float32 holds every integer up
# to $2^{24}$ in size exactly. So if inputs and weights are small integers, and no sum of their products, whole or
# in part, can get beyond $2^{24}$, then the fast product of float matrices rounds nothing at all, and its order
# does not matter.
#
# ### Exercise 09.2: how many terms
#
# `most_terms(largest_x, largest_weight, digits)` returns how many products may be added up so that no sum of them
# can exceed $2^{digits}$ in size. Inputs are integers from `-largest_x` to `largest_x`, weights from
# `-largest_weight` to `largest_weight`; all arguments and the answer are integers. `most_terms(3, 5, 6)` is 4,
# for 4 · 15 = 60 and $2^6$ = 64.


# %%
def most_terms(largest_x, largest_weight, digits):
    ### BEGIN SOLUTION
    return 2**digits // (largest_x * largest_weight)
    ### END SOLUTION


# %%
check("09.2", most_terms)

# %% [markdown]
# For numbers of 8 bits, from −127 to 127, `eiwref` takes sums of up to 1,040 terms, and refuses a network that is
# wider. Is the bound real? Large integers of 8 bits, their products added up in float32 from left to right:

# %%
factors = rng.integers(120, 128, size=(2, 20, 2_000))
products = factors[0] * factors[1]  # (20, 2000), int64
off = np.abs(np.cumsum(products.astype(np.float32), axis=1, dtype=np.float32) - np.cumsum(products, axis=1))
off = off.max(axis=0)
figure, axis = plt.subplots(figsize=(9.5, 3.4), layout="constrained")
axis.plot(range(1, 2_001), off, color=plots.RED, linewidth=2.5)
axis.axvline(integer.TERMS, color=plots.BLUE, linestyle="--", linewidth=2.5)
axis.text(
    integer.TERMS - 20, off.max() * 0.8, f"{integer.TERMS:,} terms of 127 · 127", ha="right", color=plots.BLUE
)
axis.set_xlabel("terms")
axis.set_ylabel("largest error of 20 sums")
plt.show()
print(f"the first sum that is wrong has {int((off > 0).argmax()) + 1:,} terms")

# %% [markdown]
# ## 7. Weights of 8 bits
#
# The weights of a trained network are no integers. Counted in small steps, they nearly are: for a weight the
# nearest multiple of a step is taken, and how many steps it is, is stored. With at most 127 steps up or down, a
# step can be no smaller than a 127th of the largest weight. But each *column* may have a step of its own, for
# each column makes a sum of its own, and that can be multiplied by the step afterwards. To make integers of
# weights in this way is to *quantise* them.
#
# ### Exercise 09.3: quantising a matrix
#
# `quantise(weight)` returns the tuple `(integers, steps)` for a float64 matrix of shape (D, F) in which no column
# is all zeros. `steps`, float64 of shape (F,), are each column's largest size divided by 127; `integers`, int8 of
# shape (D, F), say how many steps are nearest to each weight. For `[[0.5, -2.54], [-1.27, 0.0]]` the steps are
# `[0.01, 0.02]`, the integers `[[50, -127], [-127, 0]]`.


# %%
def quantise(weight):
    ### BEGIN SOLUTION
    steps = np.abs(weight).max(axis=0) / 127
    return np.rint(weight / steps).astype(np.int8), steps
    ### END SOLUTION


# %%
check("09.3", quantise)

# %% [markdown]
# How much is lost? The error of each column of M1's output layer, against the size of its weights (both as root
# mean squares): with one step for the whole matrix, and with a step for each column.

# %%
weight = m1.params["output.weight"].astype(np.float64)
largest, size = np.abs(weight).max(axis=0), np.sqrt((weight**2).mean(axis=0))
figure, axis = plt.subplots(figsize=(9.5, 3.8), layout="constrained")
for steps, style, colour, label in (
    (np.full_like(largest, largest.max() / 127), "s", plots.ORANGE, "one step for all"),
    (largest / 127, "o", plots.BLUE, "a step for each column"),
):
    error = np.sqrt(((np.rint(weight / steps) * steps - weight) ** 2).mean(axis=0)) / size
    axis.plot(largest, 100 * error, style, color=colour, markersize=5, label=label)
    print(f"{label:<22} error {error.mean():.2%} on average, {error.max():.2%} at most")
axis.set_xlabel("largest weight of the column")
axis.set_ylabel("error in %")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# What flows through the network is counted in steps in the same way. After each product the sums are multiplied
# by constants that turn steps of one kind into those of the next, rounded to the nearest integer, and cut off at
# ±127. A multiplication is a single operation, and so are a division and a square root, which the norm needs.
# These the standard for floats, IEEE 754, requires to be rounded correctly on every machine. Only what is added
# up has to be integers.
#
# ### Exercise 09.4: a linear layer in integers
#
# `integer_linear(x, weight, scale)` returns `x @ weight` times `scale`, rounded to the nearest integer and cut
# off at −127 and 127: int8, of shape (N, F). x is int8 (N, D), weight int8 (D, F), scale float64 (F,), a number
# for each column; D is at most 1,040. Halves go to the even neighbour, as `np.rint` does it. Mind the type in
# which you add.


# %%
def integer_linear(x, weight, scale):
    ### BEGIN SOLUTION
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(np.rint(sums * scale), -127, 127).astype(np.int8)
    ### END SOLUTION


# %%
check("09.4", integer_linear)

# %% [markdown]
# ## 8. Softmax without e
#
# There remains $e^x$, which the standard does not require to be rounded correctly. But softmax only needs ratios:
# a symbol whose logit is 1 lower is $e$ times less likely. Count logits in *levels* instead, of which 256 make a
# factor of 2 (one more constant for the scale of the output layer). Then all powers that can occur stand in one
# table: in place i $2^{30} \cdot 2^{-i/256}$, rounded. It is made by square roots of integers, without any float:

# %%
table = integer.powers()
root = 2**200 // 2  # one half, in fixed point: 2^200 stands for 1
for _ in range(8):
    root = isqrt(root << 200)  # its square root; after 8 of them 2^(-1/256)
print(f"2^(-1/256) = {root / 2**200:.12f}; times 2^30 that is {root * 2**30 / 2**200:,.3f}")
print("the table begins", table[:3].tolist())
figure, axis = plt.subplots(figsize=(9.5, 3.4), layout="constrained")
axis.step(range(len(table) - 1), table[:-1], color=plots.BLUE, linewidth=2.5)
axis.set_yscale("log", base=2)
axis.set_yticks([2.0**k for k in range(0, 31, 10)], ["1", "$2^{10}$", "$2^{20}$", "$2^{30}$"])
axis.set_xticks(range(0, len(table), 5 * 256))
axis.set_xlabel("levels below the highest")
axis.set_ylabel("weight")
plt.show()
print(f"{len(table):,} entries; what lies {len(table) - 1:,} levels below the highest or more weighs {table[-1]}")

# %% [markdown]
# ### Exercise 09.5: weights from levels
#
# `weights_of(levels, table)` returns the weight of each symbol, an int64 array of the shape of `levels`, (T, V),
# which is int64 too. In each row the symbol of the highest level has the weight `table[0]`, a symbol i levels
# below it `table[i]`; the last entry of `table` is for all that lies as far below or farther. For levels
# `[[5, 3, -90]]` and the table `[8, 4, 2, 0]` it is `[[8, 2, 0]]`.


# %%
def weights_of(levels, table):
    ### BEGIN SOLUTION
    below = levels.max(axis=1, keepdims=True) - levels
    return table[np.minimum(below, len(table) - 1)]
    ### END SOLUTION


# %%
check("09.5", weights_of)

# %% [markdown]
# From weights to cumulative frequencies it is integers all the way, as with counts of bytes (tutorial 04). The
# softmax inside attention goes the same way.
#
# ## 9. The integer M1
#
# These are the parts; `eiwref/nn/integer.py` puts them together, and `eiwref/nn/quantise.py` makes the integers
# from a trained network. One made from our M1 travels with the package. The five ways once more:

# %%
exact_m1 = load_predictor(data_path("m1-tiny.safetensors"))
integers = ways(exact_m1, some)
figure, axis = plt.subplots(figsize=(9.5, 4.2), layout="constrained")
draw_agreement(axis, integers)
axis.set_title("positions whose frequencies differ, integers", fontsize=13)
plt.show()

# %% [markdown]
# Not one frequency differs. Nor is it this machine alone: with the package travels a fingerprint (SHA-256) of the
# frequencies that this network gave for a text on the machine where it was made.

# %%
golden = json.loads(data_path("golden.json").read_text())["m1-tiny"]["frequencies"]
pieces = np.frombuffer(doctor.TEXT, dtype=np.uint8).reshape(-1, exact_m1.limit).astype(np.int64)
here = doctor.sha256_of(exact_m1.over(256).at_once(pieces))
print(f"here {here[:16]}..., there {golden[:16]}...: {'the same' if here == golden else 'NOT the same'}")

# %% [markdown]
# Now the texts of section 2 again: encoded all at once, decoded step by step. How many are still right after so
# many bytes?

# %%
exact_codes = [encode(at_once(exact_m1, text), text) for text in texts]
exact_back = [decoded(exact_m1, code) for code in exact_codes]
figure, axis = plt.subplots(figsize=(9.5, 3.6), layout="constrained")
for label, found, colour, style in (
    ("integers", exact_back, plots.BLUE, "-"),
    ("floats", back, plots.RED, "--"),
):
    until = np.array([wrong_from(*pair) for pair in zip(texts, found, strict=True)])
    share = [(until >= place).mean() for place in range(LENGTH + 1)]
    axis.step(range(LENGTH + 1), share, color=colour, linestyle=style, linewidth=3, label=label)
    print(f"{label:<9} {np.count_nonzero(until == LENGTH)} of {len(texts)} texts are decoded")
axis.set_ylim(0, 1.05)
axis.set_xlabel("bytes decoded")
axis.set_ylabel("share of texts still right")
axis.legend(frameon=False, loc="lower left")
plt.show()

# %% [markdown]
# And the price?

# %%
rounds = 3 if FAST else 7
seconds = measure.seconds({"floats": lambda: m1.at_once(some), "integers": lambda: exact_m1.at_once(some)}, rounds)
for label, found, name in (
    ("floats", codes, "m1-tiny-float.safetensors"),
    ("integers", exact_codes, "m1-tiny.safetensors"),
):
    rate = sum(map(len, found)) / (LENGTH * len(texts))
    speed = some.size / seconds[label] / 1e3
    print(
        f"{label:<9} {rate:.4f} bits per byte, {data_path(name).stat().st_size:,} bytes of file, {speed:.0f} kB/s"
    )

# %% [markdown]
# ## 10. The M1 of the package
#
# The package's own M1, `eiwref.shipped("m1")`, is such a network in exact integers, of the size that the paper
# calls 3m. Whoever names no other predictor gets it. (The tutorials name the n-gram, a table, since it is quick.)
# Here is a sentence under either, encoded with an arithmetic coder and decoded again, byte by byte:

# %%
SENTENCE = b"Whoever wants to read this again must expect the very same bytes."
for label, predictor in (("n-gram", n_gram), ("the package's M1", eiwref.shipped("m1"))):
    tokenizer = eiwref.tokenizer("AC[v=256]", predictor)
    ids = tokenizer.encode(SENTENCE)
    assert tokenizer.decode_bytes(ids) == SENTENCE
    print(f"{label:<17} {8 * len(ids) / len(SENTENCE):.2f} bits per byte, and back again")

# %% [markdown]
# Try sentences of your own: which of the two is ahead depends on the text as well. What one machine has written
# under either, every other can read.
#
# ## In short
#
# - M1 and an arithmetic coder compress text; the decoder must see the encoder's frequencies, to the last one.
# - Floats depend on the order of sums, hence on shapes, threads, libraries and machines. One frequency that moves
#   by 1 is enough, and coarser rounding only makes it rarer.
# - Products of small integers whose sums stay below $2^{24}$ are exact in float32, in any order. With a table for
#   the powers, and nothing else but operations that the standard makes exact, a network gives the same bits
#   everywhere.
# - It costs little: weights of 8 bits, with a step for each column, predict nearly as well.
#
# **Questions.** Equal-info windows are decoded from frequencies as well: what would a wrong one do to the text of
# one window, and of the next? Would it help to compute in float64? Why does a checksum of the text not make
# floats harmless? Where in the network would you need more than 8 bits, and why is it the output layer that
# `eiwref` gives 16?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626, section 3.7, which names the
# trouble. D. Goldberg, *What Every Computer Scientist Should Know About Floating-Point Arithmetic*, 1991. J.
# Ballé, N. Johnston and D. Minnen, *Integer Networks for Data Compression with Latent-Variable Models*, 2019. B.
# Jacob and others, *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
# Inference*, 2018. IEEE 754-2019. Here: `eiwref/nn/integer.py`, `eiwref/nn/quantise.py`,
# `eiwref/predictors/integer.py`, and `eiwref doctor`, which asks whether your machine agrees.
