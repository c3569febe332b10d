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
# # 04 · Models that predict bytes
#
# An arithmetic coder turns probabilities into bits; it does not care where they come from. In this tutorial we
# make them: by counting single bytes, then by counting what follows the last one, two, three, and so on. Beside
# them stands Huffman's code, which knows probabilities too, and we look at what it cannot do with them.
#
# **You will be able to**
# - fit a unigram and an n-gram model, and measure both in bits per byte on text that they have not seen;
# - say why a longer context first helps and then hurts, and blend contexts so that it hurts less;
# - build Huffman's code, and name the two things that arithmetic coding gains over it.
#
# **You need to know** what entropy and bits per byte are (tutorial 01), and that an arithmetic coder spends
# $-\log_2 p$ bits on a symbol of probability $p$ (tutorials 02 and 03). About 35 minutes.

# %%
import os
from heapq import heapify, heappop, heappush

import matplotlib.pyplot as plt
import numpy as np

import eiwref
from eiwref import plots, show
from eiwref.coding.huffman import Huffman, code_lengths
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.predictors.ngram import NGram
from eiwref.predictors.static import Unigram

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13


def shown(text):
    """Text for a picture, spaces made visible."""
    return show.printable(text).replace(" ", "␣")


# %% [markdown]
# ## 1. The text
#
# We count in one text and measure on another. The text is Python's own language reference, which comes with
# Python. About a fifth of its topics are held out: no model of this tutorial has seen them.

# %%
train, held_out = (builtin.documents(split) for split in builtin.SPLITS)
train = train[:10] if FAST else train
sample = b"\n\n".join(held_out)[: 1_000 if FAST else 30_000]
print(f"{sum(map(len, train)):,} bytes to learn from; we measure on {len(sample):,} others, such as:\n")
print(sample[:240].decode())

# %% [markdown]
# ## 2. Unigram: how often is each byte?
#
# The plainest model has one distribution for every place in the text.
#
# ### Exercise 04.1: counting bytes
#
# `count_bytes(text: bytes)` returns how often each of the 256 bytes occurs: an array of shape `(256,)` and dtype
# `int64`. For `b"abba"` its entries 97 and 98 are 2 and all others 0; for `b""` all are 0.


# %%
def count_bytes(text):
    ### BEGIN SOLUTION
    return np.bincount(np.frombuffer(text, dtype=np.uint8), minlength=256).astype(np.int64)
    ### END SOLUTION


# %%
check("04.1", count_bytes)

# %% [markdown]
# The package counts in the same way (nothing below hangs on your own answers, so you may skip an exercise and
# come back to it). Here is what it finds:

# %%
unigram = Unigram.fit(train).over(256)
rank = np.argsort(-unigram.counts)
figure, axis = plt.subplots(figsize=(11, 3.4), layout="constrained")
axis.bar(range(40), unigram.counts[rank[:40]] / unigram.counts.sum(), color=plots.BLUE)
axis.set_xticks(range(40), [shown(bytes([byte])) for byte in rank[:40]], family="monospace")
axis.set_xlim(-0.7, 39.7)
axis.set_ylabel("share of all bytes")
axis.set_title("The 40 most frequent bytes")
plt.show()
print(f"{np.count_nonzero(unigram.counts == 0)} of the 256 bytes do not occur at all")

# %% [markdown]
# A byte that did not occur must not get probability 0, or a text that holds it could not be coded at all. The
# oldest remedy, Laplace's, counts each byte once more than it was seen:
#
# $$p(c) = \frac{\mathrm{count}(c) + 1}{N + 256}, \qquad N \text{ the sum of all counts.}$$
#
# ### Exercise 04.2: bits per byte
#
# `bits_per_byte(counts, text)`: the mean of $-\log_2 p(c)$ over the bytes of `text` (which is not empty), a float
# in bits, with $p$ as above. `counts` is an array as from 04.1. If all counts are 0, any text costs 8.0.


# %%
def bits_per_byte(counts, text):
    ### BEGIN SOLUTION
    p = (counts + 1) / (counts.sum() + 256)
    return float(-np.log2(p[list(text)]).mean())
    ### END SOLUTION


# %%
check("04.2", bits_per_byte)

# %% [markdown]
# A coder sees integers only: the package's models hand it 256 slices of a line of $2^{16}$, none of them empty,
# which does the same for bytes that did not occur. From here on we measure with those slices, whatever the model.


# %%
def costs(predictor, text):
    """The bits that each byte of a text costs under a predictor, shape (len(text),)."""
    bits, state = [], predictor.start()
    for byte in text:
        cumulative = predictor.cdf(state)
        bits.append(predictor.precision - np.log2(cumulative[byte + 1] - cumulative[byte]))
        state = predictor.advance(state, byte)
    return np.array(bits)


unigram_bits = costs(unigram, sample).mean()
print(f"held-out text costs {unigram_bits:.3f} bits per byte under the unigram; 8 without any model")

# %% [markdown]
# ## 3. Huffman: a code of whole bits
#
# The same counts also give a code that needs no arithmetic coder: short bit strings for frequent bytes, long
# ones for rare bytes, and none the beginning of another, so that they can be told apart. Huffman's rule: **the
# two rarest symbols differ in their last bit only.** Join them to one symbol, as frequent as both together, and go
# on until a single one is left:

# %%
WORD = b"abracadabra"
nodes = [(WORD.count(letter), chr(letter)) for letter in sorted(set(WORD))]
while len(nodes) > 1:
    nodes.sort()
    (a, left), (b, right) = nodes[:2]
    print(f"join {left!r} ({a}) and {right!r} ({b}) to {left + right!r} ({a + b})")
    nodes = [(a + b, left + right), *nodes[2:]]

# %% [markdown]
# Each joining adds one bit to the codes of all symbols that take part in it. So *a*, which is joined once, has a
# code of one bit. Lengths are all one has to know; which bits they are can be settled afterwards.
#
# ### Exercise 04.3: the lengths of Huffman's code
#
# `huffman_lengths(counts: list)` returns the length in bits of each symbol's code, a list of integers; `counts`
# are two or more integers above 0. For `[5, 1, 1, 1]` it is `[1, 3, 3, 2]`, or with the last three in another
# order: where counts are equal the choice is yours. (`heapq`, a heap, finds the smallest quickly.)


# %%
def huffman_lengths(counts):
    ### BEGIN SOLUTION
    lengths = [0] * len(counts)
    heap = [(count, [symbol]) for symbol, count in enumerate(counts)]
    heapify(heap)
    while len(heap) > 1:
        (a, left), (b, right) = heappop(heap), heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heappush(heap, (a + b, left + right))
    return lengths
    ### END SOLUTION


# %%
check("04.3", huffman_lengths)

# %% [markdown]
# How far is it from the ideal? Each point is a byte: across, the bits that it is worth under the unigram; up, the
# bits that Huffman's code gives it. On the line both would be the same.

# %%
huffman = Huffman(unigram.cdf(None))
worth = unigram.precision - np.log2(np.diff(unigram.cdf(None)))
huffman_bits = np.mean([huffman.lengths[byte] for byte in sample])
figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
axis.plot([0, 16], [0, 16], color="grey", linewidth=1)
axis.plot(worth, huffman.lengths, "o", color=plots.ORANGE, alpha=0.7)
for byte in b" eq\n":
    right_and_down = (worth[byte] + 0.3, huffman.lengths[byte] - 0.3)
    axis.text(*right_and_down, f"{shown(bytes([byte]))!s}  {huffman.codes[byte]}", family="monospace", va="top")
axis.set_xlabel("bits that the byte is worth")
axis.set_ylabel("bits of its Huffman code")
plt.show()
print(f"unigram and arithmetic coder: {unigram_bits:.3f} bits per byte")
print(f"unigram and Huffman's code:   {huffman_bits:.3f} bits per byte")

# %% [markdown]
# Whole bits instead of fractions cost next to nothing here: bytes of a text are, one by one, so hard to guess that
# a fraction of a bit hardly counts. No code that gives each symbol its own bits is better than Huffman's. Keep it
# in mind as the baseline: **a static code can only know how often each byte occurs.**
#
# ## 4. N-grams: what follows what?
#
# After `q` comes `u`. So let us count, for every *context* of k bytes, which byte followed it.
#
# ### Exercise 04.4: what follows each context
#
# `successors(text: bytes, k: int)` returns a dict from each context of `k` bytes (as `bytes`) to a dict from the
# bytes that followed it (as integers) to how often they did. Only places with a whole context before them count.
# For `(b"abab", 1)` it is `{b"a": {98: 2}, b"b": {97: 1}}`; for k = 0 the one context is `b""`.


# %%
def successors(text, k):
    ### BEGIN SOLUTION
    found = {}
    for place in range(k, len(text)):
        after = found.setdefault(text[place - k : place], {})
        after[text[place]] = after.get(text[place], 0) + 1
    return found
    ### END SOLUTION


# %%
check("04.4", successors)

# %% [markdown]
# The more context, the fewer the bytes that may well come next. The package's n-gram, fitted to the text above:

# %%
ngrams = [NGram.fit(train, order=k).over(256) for k in range(6)]
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained", sharey=True)
CONTEXT = b"stat"
for length, axis in zip((0, 1, 2, 4), axes, strict=True):
    context = CONTEXT[len(CONTEXT) - length :]
    p = np.diff(ngrams[length].cdf(context)) / 2**16
    best = np.argsort(-p)[:7]
    best = best[p[best] > 0.005]
    axis.bar(range(len(best)), p[best], color=plots.BLUE)
    axis.set_xticks(range(len(best)), [shown(bytes([byte])) for byte in best], family="monospace")
    axis.set_xlim(-0.7, 6.7)
    axis.set_title(f"after {shown(context)!r}")
    entropy = -(p * np.log2(p)).sum()
    axis.text(0.97, 0.93, f"entropy\n{entropy:.2f} bits", ha="right", va="top", transform=axis.transAxes)
axes[0].set_ylabel("probability")
axes[0].set_ylim(0, 1)
plt.show()

# %% [markdown]
# Why not take ten bytes of context, then? Look at how many contexts of the held-out text the model has ever seen:

# %%
learned = b"".join(train)
print("bytes of context   different ones in training   seen before, of the held-out text's")
for k in range(0, 11, 2):
    known = {learned[place : place + k] for place in range(len(learned) - k)}
    places = range(len(sample) - k)
    seen = np.mean([sample[place : place + k] in known for place in places])
    print(f"{k:>16} {len(known):>28,} {seen:>37.1%}")

# %% [markdown]
# ## 5. Long contexts know much, short ones are always there
#
# A context seen twice is no good ground for probabilities, and one never seen is none at all. So we **blend**: the
# counts of the long context, and for the rest the opinion of the context one byte shorter. How much is "the rest"?
# Witten and Bell's answer: a context occurred N times, and D different bytes followed it. Each of these was new
# once, so that D of the N times the context alone would have been surprised. So with weight D ask the shorter one:
#
# $$p(c \mid h) = \frac{\mathrm{count}(c) + D \cdot p(c \mid h')}{N + D}$$
#
# where $h'$ is $h$ without its first byte. The shortest, empty context is blended with the uniform distribution.
#
# ### Exercise 04.5: blending
#
# `blend(counts, shorter)`: the formula. `counts`: what followed the context, integers of shape `(K,)`; `shorter`:
# $p(\cdot \mid h')$, floats of shape `(K,)` that sum to 1. Returns floats of shape `(K,)` that sum to 1. Where the
# context was never seen all counts are 0, and the answer is `shorter`. For `[3, 1, 0, 0]` and
# `[0.25, 0.25, 0.25, 0.25]` it is `[3.5, 1.5, 0.5, 0.5]` divided by 6.


# %%
def blend(counts, shorter):
    ### BEGIN SOLUTION
    distinct = np.count_nonzero(counts)
    if distinct == 0:
        return shorter.copy()
    return (counts + distinct * shorter) / (counts.sum() + distinct)
    ### END SOLUTION


# %%
check("04.5", blend)

# %% [markdown]
# That is all there is to `eiwref/predictors/ngram.py`, but that it computes in integers, so that every machine
# finds the same. Now the measurement: more and more context, blended, and beside it each context by itself, one
# added to every count as Laplace has it. To the right the same blended models, fitted to a part of the text
# only.

# %%
ORDERS = range(6)
blended = [costs(ngram, sample).mean() for ngram in ngrams]
alone = []
for k in ORDERS:
    table, bits = ngrams[k].tables[k], 0.0
    for place in range(k, len(sample)):
        found = table.get(sample[place - k : place])
        count = found.counts[found.symbols == sample[place]].sum() if found else 0
        bits -= np.log2((count + 1) / ((found.total if found else 0) + 256))
    alone.append(bits / (len(sample) - k))

SHARES = (2,) if FAST else (16, 8, 4, 2)  # one document in so many
sizes = [sum(map(len, train[::share])) for share in (*SHARES, 1)]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", sharey=True)
left.plot(ORDERS, alone, "s--", color=plots.RED, label="each context by itself")
left.plot(ORDERS, blended, "o-", color=plots.BLUE, label="blended with shorter ones")
left.axhline(huffman_bits, color="black", linestyle=":", label="Huffman, static")
left.set_xlabel("bytes of context")
left.set_ylabel("bits per byte, held-out text")
for k, colour, marker in ((0, plots.ORANGE, "v"), (2, plots.GREEN, "^"), (5, plots.BLUE, "o")):
    curve = [costs(NGram.fit(train[::share], order=k).over(256), sample[:5000]).mean() for share in SHARES]
    curve.append(costs(ngrams[k], sample[:5000]).mean())
    right.plot(sizes, curve, marker + "-", color=colour, label=f"{k} bytes of context")
right.set_xscale("log")
right.set_xlabel("bytes of text to learn from")
for axis in (left, right):
    axis.set_ylim(0, 6)
    axis.legend(frameon=False, loc="lower left")
    axis.grid(alpha=0.25)
plt.show()
for k in ORDERS:
    print(f"{k} bytes of context: {blended[k]:.3f} blended, {alone[k]:.3f} alone")

# %% [markdown]
# By itself a long context soon does harm: its counts are too thin. Blending moves the turn to longer contexts, and
# more text moves it further. A unigram has learned all it can from the first few kilobytes; long contexts never
# have enough. The n-gram that travels with the package is one of 5 bytes, fitted to this text and some megabytes
# of web pages (and thinned out, to be small). We take it from here on.
#
# ## 6. What a sentence costs
#
# Byte by byte, under a static code and under a model with context:

# %%
shipped = eiwref.shipped("ngram").over(256)
SENTENCE = b"The statement is executed before the function returns."
figure, axis = plt.subplots(figsize=(11, 3.6), layout="constrained")
bits = costs(shipped, SENTENCE)
lengths = np.array([huffman.lengths[byte] for byte in SENTENCE])
axis.bar(range(len(SENTENCE)), bits, color=plots.BLUE, label=f"n-gram: {bits.sum():.0f} bits")
axis.step(
    np.arange(len(SENTENCE) + 1) - 0.5,
    [*lengths, lengths[-1]],
    where="post",
    color=plots.ORANGE,
    linewidth=2,
    label=f"Huffman: {lengths.sum()} bits",
)
axis.set_xticks(range(len(SENTENCE)), list(shown(SENTENCE)), family="monospace")
axis.set_xlim(-1, len(SENTENCE))
axis.set_ylabel("bits")
axis.legend(frameon=False, ncols=2)
plt.show()
print(f"{np.mean(bits < 1):.0%} of these bytes cost the n-gram less than one bit")

# %% [markdown]
# There lies the second thing that Huffman's code cannot do. Suppose we built a new code at every byte, from the
# n-gram's own distribution. Still it would pay one bit at least, however sure the model is:

# %%
state, rebuilt = shipped.start(), []
few = sample[: 50 if FAST else 3_000]
for byte in few:
    rebuilt.append(code_lengths(shipped.cdf(state))[byte])
    state = shipped.advance(state, byte)
ideal = costs(shipped, few).mean()
print(f"the n-gram's distributions, by arithmetic coding: {ideal:.3f} bits per byte")
print(f"the same, by a Huffman code rebuilt at each byte: {np.mean(rebuilt):.3f} bits per byte")

p = np.linspace(0.5, 0.999, 200)
entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
axis.plot(p, np.ones_like(p), color=plots.ORANGE, linewidth=2.5, label="Huffman: one bit")
axis.plot(p, entropy, color=plots.BLUE, linewidth=2.5, label="arithmetic coder: the entropy")
axis.fill_between(p, entropy, 1, color=plots.ORANGE, alpha=0.15)
axis.set_xlabel("probability of the likelier of two symbols")
axis.set_ylabel("bits a symbol")
axis.set_ylim(0, 1.1)
axis.legend(frameon=False, loc="lower left")
plt.show()

# %% [markdown]
# The better the model, the larger that gap: most bytes of a text are nearly certain once a good model has seen
# what comes before. That is why the paper has an arithmetic coder behind M1 and not Huffman's code.
#
# ## In short
#
# - A model is a distribution for the next byte. The coder behind it can be the same for all of them.
# - Unigram and Huffman know how often each byte occurs, and no more; whole bits cost little there.
# - Context is worth far more than that, as long as counts are not too thin; blending with shorter contexts mends
#   much of it, more text the rest.
# - Where a model is nearly sure, whole bits are the price: arithmetic coding goes below one bit a byte.
#
# **Questions.** Why do we measure on text that was not counted, and what would the curves of section 5 look like
# otherwise? Would an n-gram over 257 symbols, the last of them "end of text", cost more per byte? Huffman's code
# over *pairs* of bytes can spend half a bit on a byte: why not go on to triples and so on? A transformer is
# asked in place of the n-gram in tutorial 08: what of this page stays as it is?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: section 3.3 (StaticAC is the
# unigram with an arithmetic coder), Appendix B.2 (Huffman). D. Huffman, *A Method for the Construction of
# Minimum-Redundancy Codes*, 1952. I. Witten, T. Bell, *The Zero-Frequency Problem*, 1991 (method C). The files
# `eiwref/predictors/static.py`, `eiwref/predictors/ngram.py` and `eiwref/coding/huffman.py` are what ran above.
