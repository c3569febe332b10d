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
# # 01 · Bits, entropy, bits per byte
#
# How much does a letter weigh? As much as it surprises. This tutorial makes that a number, in bits, and ends at
# the one figure by which models over quite different tokens can be compared: bits per byte.
#
# **You will be able to**
# - turn probabilities into bits, and say how short a code can be on average: the entropy;
# - say what it costs to believe in the wrong probabilities;
# - measure a model of text in bits per byte, over several documents, from losses in nats per token.
#
# **You need to know** what a probability and a logarithm are, and a little NumPy. About 30 minutes.

# %%
import matplotlib.pyplot as plt
import numpy as np

import eiwref
from eiwref import plots
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.evaluate import id_counts, unigram_bits
from eiwref.predictors.static import Unigram

plt.rcParams["font.size"] = 13

# %% [markdown]
# ## 1. A probability is a length
#
# Think of a letter out of 8, all equally likely. I may ask questions that you answer with yes or no. Three will
# do: each halves what is left. Out of 16 it takes four. What has the probability $p$ is one of $1/p$ equally
# likely things, and takes $\log_2 (1/p) = -\log_2 p$ questions. An answer is a *bit*.
#
# So the *surprise*, or information content, of something that had the probability $p$ is $-\log_2 p$ bits. It is
# also the length of the code that something of this probability deserves.

# %%
p = np.linspace(0.004, 1, 500)
figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
axis.plot(p, -np.log2(p), color=plots.BLUE, linewidth=2.5)
for numerator, denominator in ((1, 2), (1, 4), (1, 8), (1, 16), (1, 1)):
    bits = int(np.log2(denominator / numerator))
    axis.plot(numerator / denominator, bits, "o", color=plots.RED, markersize=8)
    axis.annotate(
        f"{numerator}/{denominator}: {bits} bit{'s' * (bits != 1)}",
        (numerator / denominator, bits),
        (7, 7),
        textcoords="offset points",
    )
axis.set_xlim(0, 1.17)
axis.set_xlabel("probability")
axis.set_ylabel("surprise in bits")
plt.show()

# %% [markdown]
# Two properties make it useful. What is certain weighs nothing. And where probabilities multiply, bits add: two
# coins that fall together have $p = 1/2 \cdot 1/2$ and 1 + 1 bits.
#
# ### Exercise 01.1: surprise
#
# Write `surprise(p)`: for an array of probabilities, float64 of any shape and all above 0, the bits of each, in
# an array of the same shape. For example `surprise(np.array([0.5, 0.25]))` is `array([1., 2.])`.


# %%
def surprise(p):
    """Bits of events of probabilities p."""
    ### BEGIN SOLUTION
    return -np.log2(p)
    ### END SOLUTION


# %%
check("01.1", surprise)

# %% [markdown]
# ## 2. Letters are not equally surprising
#
# Which probabilities do bytes of English have? Let us count: the text that comes with every Python, its language
# reference. A fifth of it is put away ("held out"), to test on text that was not counted.

# %%
train, held_out = b"".join(builtin.documents("train")), b"".join(builtin.documents("held-out"))
counts = np.bincount(np.frombuffer(train, dtype=np.uint8), minlength=256)
shares = counts / counts.sum()
print(f"{len(train):,} bytes to count, {len(held_out):,} held out, {np.count_nonzero(counts)} of 256 values occur")

letters = sorted(b" etaoinshrdlucmfwypvbgkqjxz", key=lambda byte: -counts[byte])
figure, axis = plt.subplots(figsize=(11, 3.6), layout="constrained")
bits = [-np.log2(shares[letter]) for letter in letters]
axis.bar(range(len(letters)), bits, color=plots.BLUE)
axis.axhline(8, color="grey", linestyle=":")
axis.text(0, 8.2, "8 bits: all 256 bytes alike", color="dimgrey")
axis.set_xticks(range(len(letters)), [chr(letter).replace(" ", "␣") for letter in letters], family="monospace")
axis.set_ylabel("surprise in bits")
plt.show()

# %% [markdown]
# Frequent letters get less than 8 bits and rare ones more. Is that a gain? It depends on how often each is paid
# for: the frequent ones often, the rare ones seldom.
#
# ## 3. Entropy: the surprise to be expected
#
# If symbol $c$ comes with probability $p_c$ and then costs $-\log_2 p_c$ bits, a symbol costs on average
#
# $$H(p) = \sum_c p_c \cdot (-\log_2 p_c) \quad \text{bits.}$$
#
# This is the *entropy*. Shannon showed in 1948 that no code that can be decoded does better on average. For a coin
# that falls on one side with probability $p$ it looks like this:

# %%
p = np.linspace(0.001, 0.999, 400)
figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
axis.plot(p, -p * np.log2(p) - (1 - p) * np.log2(1 - p), color=plots.BLUE, linewidth=2.5)
axis.set_xlabel("probability of heads")
axis.set_ylabel("entropy in bits")
axis.set_ylim(0, 1.05)
axis.grid(alpha=0.25)
plt.show()

# %% [markdown]
# A fair coin is worth its whole bit, a coin that always falls on one side nothing. In between a toss is worth
# *less than a bit*. (How does one write less than a bit? That is tutorial 02.)
#
# ### Exercise 01.2: entropy
#
# Write `entropy(p)`: for probabilities of shape (K,), float64 with sum 1, the entropy in bits, as a float. Some
# may be 0: what never comes costs nothing, though its surprise is infinite. `entropy(np.array([0.5, 0.5, 0]))`
# is `1.0`.


# %%
def entropy(p):
    """Entropy in bits of a distribution, shape (K,)."""
    ### BEGIN SOLUTION
    occurs = p > 0
    return float(-(p[occurs] * np.log2(p[occurs])).sum())
    ### END SOLUTION


# %%
check("01.2", entropy)

# %% [markdown]
# ## 4. The price of wrong beliefs
#
# A coder does not know the true probabilities, it has a *model* of them, $q$. It gives a symbol $-\log_2 q_c$
# bits, while the symbol comes with probability $p_c$. So it pays the *cross-entropy*
#
# $$H(p, q) = \sum_c p_c \cdot (-\log_2 q_c) = H(p) + D(p \,\|\, q).$$
#
# The difference $D(p\,\|\,q)$, the Kullback-Leibler divergence, is never negative: no belief is cheaper than the
# truth. A coin with $p = 0.8$, under all possible beliefs:

# %%
truth, q = 0.8, np.linspace(0.02, 0.98, 300)
paid = -truth * np.log2(q) - (1 - truth) * np.log2(1 - q)
least = -truth * np.log2(truth) - (1 - truth) * np.log2(1 - truth)
figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
axis.fill_between(q, least, paid, color=plots.ORANGE, alpha=0.45, label="price of the wrong belief, D(p‖q)")
axis.fill_between(q, 0, least, color=plots.SKY, alpha=0.6, label=f"entropy, {least:.3f} bits")
axis.plot(q, paid, color=plots.RED, linewidth=2.5)
axis.axvline(truth, color="dimgrey", linestyle=":")
axis.set_xlabel("believed probability of heads (true: 0.8)")
axis.set_ylabel("bits a toss")
axis.set_ylim(0, 4)
axis.legend(frameon=False)
plt.show()
print(f"believing in a fair coin costs {-truth * np.log2(0.5) - (1 - truth) * np.log2(0.5):.3f} bits a toss")

# %% [markdown]
# Toward either end the price is without bounds: a model that gives a symbol the probability 0 could not write it
# at all. That is why `eiwref` gives each symbol at least 1 of its counts. Its models do not hand out floats at
# all, but *cumulative frequencies*, integers $0 = C[0] < C[1] < \dots < C[K] = T$ with $T$ a power of two: symbol
# $c$ has the probability $(C[c+1] - C[c])/T$.

# %%
model = Unigram([5, 2, 1], precision=4)  # three symbols, out of 2^4
print(list(model.cdf(model.start())))

# %% [markdown]
# ### Exercise 01.3: bits of a text
#
# Write `text_bits(symbols, cumulative)`: the bits of a text of `symbols` (a list of integers below K), each coded
# under the `cumulative` frequencies (a list of K + 1 integers), in all, as a float. For the frequencies
# `[0, 9, 13, 16]` above and the text `[1, 1]`, whose symbol has 4 of 16 counts, it is `4.0`.


# %%
def text_bits(symbols, cumulative):
    """Bits of a text under cumulative frequencies (K + 1,), each symbol by itself."""
    ### BEGIN SOLUTION
    total = cumulative[-1]
    return float(sum(np.log2(total / (cumulative[c + 1] - cumulative[c])) for c in symbols))
    ### END SOLUTION


# %%
check("01.3", text_bits)

# %% [markdown]
# ## 5. A model that looks back
#
# So far each letter was taken by itself. But after "th" an "e" is no surprise. Three models on the same held-out
# text: all bytes alike; each by its frequency; and an *n-gram*, which has counted what follows which five bytes.


# %%
def bits_of_each(model, text):
    """The surprise of each byte, in bits, under a model that may look at all bytes before it."""
    state, found = model.start(), []
    for byte in text:
        cumulative = model.cdf(state)
        found.append(np.log2(cumulative[-1] / (cumulative[byte + 1] - cumulative[byte])))
        state = model.advance(state, byte)
    return np.array(found)


n_gram = eiwref.shipped("ngram")
sample = held_out[2000:5000]
models = {
    "uniform": Unigram(np.ones(256)),
    "unigram": Unigram(counts),
    "n-gram": n_gram.over(256),
}
found = {name: bits_of_each(model, sample) for name, model in models.items()}
for name, bits in found.items():
    print(f"{name:>8}: {bits.mean():.3f} bits per byte")

figure, axis = plt.subplots(figsize=(12, 3.8), layout="constrained")
shown = sample[500:560]
for name, colour in (("unigram", plots.ORANGE), ("n-gram", plots.BLUE)):
    axis.step(range(60), found[name][500:560], where="mid", color=colour, linewidth=2.2, label=name)
axis.axhline(8, color="dimgrey", linestyle=":", label="uniform")
axis.set_xticks(range(60), shown.decode().replace(" ", "␣").replace("\n", "↵"), family="monospace", fontsize=12)
axis.set_ylabel("surprise in bits")
axis.set_ylim(0, 14)
axis.legend(frameon=False, ncols=3, loc="upper left")
plt.show()

# %% [markdown]
# The text is the same; what has changed is the belief. A better model is a better compressor, and the other way
# round: that is the ground on which the whole paper stands.
#
# ## 6. Why per byte?
#
# Language models read *tokens*, and are trained on the loss per token, in nats (natural logarithms, 1 nat is
# $1/\ln 2$ bits). Such losses cannot be compared between tokenizers: a token that holds more text may well
# surprise more. Two tokenizers of this course, under the model that knows how often each token occurs:

# %%
documents = builtin.documents("train")
test = builtin.documents("held-out")
size = sum(map(len, test))
print(f"{'':>26} {'bits a token':>12} {'bytes a token':>14} {'bits per byte':>14}")
for spec in ("Bytes", "EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]"):
    tokenizer = eiwref.tokenizer(spec, n_gram)
    before = id_counts(tokenizer.encode_batch(documents), tokenizer.vocab_size)
    ids = tokenizer.encode_batch(test)
    tokens = sum(map(len, ids))
    bits = unigram_bits(before, id_counts(ids, tokenizer.vocab_size))
    print(f"{spec:>26} {bits / tokens:>12.3f} {size / tokens:>14.3f} {bits / size:>14.3f}")

# %% [markdown]
# By bits a token the last would be the worst; by what matters, bits to write the *text*, it is the best of them.
# The paper's measure (its section 3.6) is
#
# $$\text{bits per byte} = \frac{\text{tokens} \cdot \text{loss in nats per token}}{\text{bytes} \cdot \ln 2}.$$
#
# One trap is left. Documents are not equally long. The mean of their bits per byte would let a note of ten words
# count as much as a book, so: **sum the bits, sum the bytes, divide once.**
#
# ### Exercise 01.4: bits per byte
#
# Write `bits_per_byte(losses, tokens, sizes)`: for each document its mean loss in nats per token (float64), its
# number of tokens and its bytes of text (int64), all of shape (N,); the bits per byte of all documents together,
# as a float. One document with a loss of $\ln 4$, 10 tokens and 40 bytes gives `0.5`.


# %%
def bits_per_byte(losses, tokens, sizes):
    """Bits per byte of N documents: mean losses in nats a token, numbers of tokens and of bytes, (N,) each."""
    ### BEGIN SOLUTION
    bits = (losses * tokens).sum() / np.log(2)
    return float(bits / sizes.sum())
    ### END SOLUTION


# %%
check("01.4", bits_per_byte)

# %% [markdown]
# ## In short
#
# - What has the probability $p$ deserves $-\log_2 p$ bits; on average that is the entropy.
# - A model $q$ pays the cross-entropy: the entropy and a price for being wrong, which is never negative.
# - Better models are better compressors. How to write fractions of a bit comes next.
# - Over different tokens only bits per byte compare; sum bits, sum bytes, divide once.
#
# **Questions.** Random bytes have 8 bits per byte under the uniform model; can any model do better? A model has
# 2 bits per byte on one text and 8 on another of the same length: how many on both together? Why is a model with
# a loss of 0 on its training text no proof of anything?
#
# **Sources.** C. E. Shannon, *A Mathematical Theory of Communication*, 1948. T. M. Cover and J. A. Thomas,
# *Elements of Information Theory*, chapters 2 and 5. *Training LLMs over Neurally Compressed Text*,
# arXiv 2404.03626, section 3.6 and Table 3. Here: `eiwref/coding/frequencies.py`, `eiwref/evaluate.py`.
