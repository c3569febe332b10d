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
# # 11 · What makes tokens learnable?
#
# Over an arithmetic coder's bits M2 learned nothing, over windows something, over bytes a lot (tutorial 10). What
# is it about tokens that makes the difference? One needs no M2 to ask. We look at the tokens themselves, in three
# ways: do they mean the same each time, are they spread evenly, and where in a window do they stand? Only at the
# end do we train one, to see whether it agrees.
#
# **You will be able to**
# - see which text each token has a hand in, and measure how often equal tokens mean equal text;
# - measure how far a change at the front is felt, by edit distance;
# - estimate how far bits are from random ones, and know when the estimate deceives you;
# - measure what a model has learned by the position in the window.
#
# **You need to know** entropy and divergence (tutorial 01), windows (05), how an M2 is trained (10). About 40
# minutes; the longest cell trains for about half a minute.

# %%
import os
from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import plots, show
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.nn.optim import AdamW, warm_up_and_cosine
from eiwref.nn.parallel import Parallel
from eiwref.nn.train import crops
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.static import Unigram

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. Which text does a token touch?
#
# A token of compressed text is 8 or 16 bits out of a stream. Which bytes of text have a hand in these bits? A
# byte that the model expected takes less than a bit, so that many bytes share one token; a surprising one reaches
# over several. `spans` of a tokenizer gives, for each token, the range of bytes that touch it. Here each token is
# a bar below the text, one below the other, since neighbours may touch the same byte. Where the colour changes, a
# new window begins.

# %%
n_gram = eiwref.shipped("ngram")
SENTENCE = b"The next window begins where the last one was full."
ROWS = {  # tokens a window; AC has one that never ends
    "Bytes": 1,
    "EqualInfoAC[b=16, v=65k]": 1,
    "EqualInfoAC[b=16, v=256]": 2,
    "EqualInfoAC[b=64, v=256]": 8,
    "AC[v=256]": 10**9,
}
figure, axes = plt.subplots(len(ROWS), 1, figsize=(12, 7.5), layout="constrained")
for axis, (name, tokens) in zip(axes, ROWS.items(), strict=True):
    tokenizer = eiwref.tokenizer(name, n_gram)
    spans = tokenizer.spans(tokenizer.encode(SENTENCE))
    for place, letter in enumerate(show.printable(SENTENCE).replace(" ", "␣")):
        axis.text(place, 0.75, letter, ha="center", va="center", family="monospace", fontsize=15)
    for index, (start, end) in enumerate(spans):
        style = {"height": 0.34, "color": plots.WINDOW_COLOURS[index // tokens % 2], "edgecolor": "black"}
        if start < end:  # the end of AC's text touches no byte
            axis.barh(-0.38 * (index % 3), end - start - 0.1, left=start - 0.45, **style)
    axis.set_title(f"{name}: {len(spans)} tokens", fontsize=13, loc="left")
    axis.set_xlim(-0.7, len(SENTENCE) - 0.3)
    axis.set_ylim(-1, 1.3)
    axis.axis("off")
plt.show()

# %% [markdown]
# Windows of 16 bits as one token are pieces of text with clean edges, as subwords are. As two tokens of 8, both
# may have a hand in the byte between them. In AC there are no edges at all.
#
# ## 2. Does a token mean the same each time?
#
# That is what a learner needs first. Take all the places where a token stands, and look which text it touches
# there.


# %%
def meanings(tokenizer, text, period=1, position=0):
    """{id: [the text of each occurrence]} of the tokens number position, position + period, ..."""
    ids, found = tokenizer.encode(text), defaultdict(list)
    for id, (start, end) in list(zip(ids.tolist(), tokenizer.spans(ids).tolist(), strict=True))[position::period]:
        found[id].append(text[start:end])
    return found


sample = b"\n\n".join(builtin.documents("held-out"))[: 3_000 if FAST else 30_000]
for name in ("EqualInfoAC[b=16, v=65k]", "AC[v=256]"):
    found = meanings(eiwref.tokenizer(name, n_gram), sample)
    id = max(found, key=lambda id: len(found[id]))
    texts = Counter(found[id]).most_common(6)
    print(f"{name}: token {id} stands {len(found[id])} times, for {len(set(found[id]))} texts: {texts}")

# %% [markdown]
# One number for this: pick a token, and another place where the same id stands, both at random. How likely is it
# that both stand for the same text? Call it the **agreement**: 1 if every id has one meaning.
#
# ### Exercise 11.1: agreement
#
# `agreement(found)` returns that probability, a float. `found` is a dict as above, from ids to lists of `bytes`.
# All *pairs of places with the same id* count alike: the answer is how many of these pairs have the same text,
# over how many there are. For `{3: [b"a", b"a", b"b"], 5: [b"c"]}` there are three pairs, all of id 3, and one of
# them agrees: 1/3. There is at least one pair.


# %%
def agreement(found):
    ### BEGIN SOLUTION
    def pairs(n):
        return n * (n - 1) // 2

    same = sum(pairs(times) for texts in found.values() for times in Counter(texts).values())
    return same / sum(pairs(len(texts)) for texts in found.values())
    ### END SOLUTION


# %%
agreement_is_right = check("11.1", agreement)

# %% [markdown]
# Now token by token of a window of 64 bits, which are eight tokens of 8 bits. Beside them bytes, whole windows of
# 16 bits, AC, and how often two places agree by *chance*, whatever their ids.

# %%
wide = eiwref.tokenizer("EqualInfoAC[b=64, v=256]", n_gram)
cases = {"bytes": meanings(eiwref.tokenizer("Bytes"), sample)}
cases["W = 16, whole"] = meanings(eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", n_gram), sample)
cases |= {f"W = 64, bits {8 * k} to {8 * k + 7}": meanings(wide, sample, 8, k) for k in range(8)}
cases["AC"] = meanings(eiwref.tokenizer("AC[v=256]", n_gram), sample)
cases["chance"] = {0: [text for texts in meanings(wide, sample).values() for text in texts]}
if agreement_is_right:
    shares = {name: agreement(found) for name, found in cases.items()}
    figure, axis = plt.subplots(figsize=(11, 4.6), layout="constrained")
    colours = [*[plots.GREEN] * 2, *[plots.BLUE] * 8, plots.RED, "grey"]
    bars = axis.barh(list(shares), list(shares.values()), color=colours)
    axis.bar_label(bars, [f"{share:.1%}" for share in shares.values()], padding=4)
    axis.set_xlim(0, 1.1)
    axis.set_xlabel("agreement: equal ids that mean equal text")
    axis.invert_yaxis()
    plt.show()

# %% [markdown]
# A whole window always means the same. The first 8 bits of a longer one depend on nothing that came before: equal
# bits are the same slice of the same tree, though the bytes that touch them may go on differently. From there on a
# token means something only after those before it *in the same window*, and soon equal ids say next to nothing. A
# token of AC depends on the whole text before it: there it is chance.
#
# ## 3. A change at the front
#
# The second measure (paper, section 6.1): put other words before the same passage. How many tokens change? As
# tokens may also shift, one counts by **edit distance**: the least number of tokens that must be inserted, deleted
# or replaced to turn one row into the other.
#
# Let $d(i, j)$ be the distance between the first i tokens of one and the first j of the other. Then $d(i, 0) = i$,
# $d(0, j) = j$, and
#
# $$d(i, j) = \min\{\,d(i-1, j) + 1,\; d(i, j-1) + 1,\; d(i-1, j-1) + [a_i \ne b_j]\,\}.$$
#
# ### Exercise 11.2: edit distance
#
# `edit_distance(a, b)` returns it as an integer; `a` and `b` are lists of integers, perhaps empty. For
# `([1, 2, 3, 4], [2, 3, 5, 4])` it is 2: 1 is deleted, and 5 inserted. Keep one row of the table at a time.


# %%
def edit_distance(a, b):
    ### BEGIN SOLUTION
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y)))
    return row[-1]
    ### END SOLUTION


# %%
edit_distance_is_right = check("11.2", edit_distance)

# %% [markdown]
# Passages of 250 bytes, each with one of two beginnings of 1 to 12 bytes in front. The distance is divided by the
# length of the longer row. The beginnings differ under every tokenizer; over bytes nothing else does.
# The hollow marks are *unrelated* passages: as far apart as two texts are anyway.

# %%
if edit_distance_is_right:
    rng = np.random.default_rng(0)
    text = b"\n\n".join(builtin.documents("held-out"))

    def piece(length):
        start = int(rng.integers(len(text) - length))
        return text[start : start + length]

    trials = []
    for _ in range(3 if FAST else 16):
        passage, first, second = piece(250), piece(int(rng.integers(1, 13))), piece(int(rng.integers(1, 13)))
        trials.append((first + passage, second + passage, second + piece(250)))
    KINDS = ["Bytes", *(f"EqualInfoAC[b={b}, v=256]" for b in (16, 32, 64, 128)), "AC[v=256]", "GZip[v=256]"]
    figure, axis = plt.subplots(figsize=(11, 4.4), layout="constrained")
    for row, name in enumerate(KINDS):
        tokenizer, related, unrelated = eiwref.tokenizer(name, n_gram), [], []
        for texts in trials:
            one, other, third = (tokenizer.encode(each).tolist() for each in texts)
            related.append(edit_distance(one, other) / max(len(one), len(other)))
            unrelated.append(edit_distance(one, third) / max(len(one), len(third)))
        axis.plot(related, [row] * len(trials), "o", color=plots.BLUE, alpha=0.45, markersize=8)
        axis.plot(np.mean(related), row, "|", color="black", markersize=26, markeredgewidth=3)
        axis.plot(np.mean(unrelated), row, "D", color=plots.RED, markersize=10, markerfacecolor="white")
        print(f"{name:<26} same passage {np.mean(related):.2f}, unrelated {np.mean(unrelated):.2f}")
    axis.set_yticks(range(len(KINDS)), KINDS, family="monospace")
    axis.set_xlim(0, 1.02)
    axis.set_ylim(len(KINDS) - 0.4, -0.6)
    axis.set_xlabel("edit distance over length (bar: mean; hollow: unrelated passages)")
    axis.grid(axis="x", alpha=0.3)
    plt.show()

# %% [markdown]
# In windows of 16 bits a cut soon falls where it fell before, by chance; from there on all tokens are the same
# again. Longer windows have fewer cuts that could coincide. In AC nothing ever comes back: to a learner, the
# passage is as foreign as any other.
#
# ## 4. Even, or not?
#
# If all tokens were equally likely, *independent of all before*, there would be nothing to learn. So look how
# far bits are from that. Take all runs of n bits, $2^n$ kinds of them, and the share $p_k$ of each. Their
# distance from the uniform distribution is the **Kullback-Leibler divergence** (KL) of tutorial 01, in bits
#
# $$D = \sum_k p_k \log_2 \frac{p_k}{2^{-n}} = n - H(p),$$
#
# where H is the entropy. It is 0 only if all are equally frequent. Runs of bits may overlap: the run that begins
# at bit 0, that at bit 1, and so on.
#
# ### Exercise 11.3: runs of bits
#
# `bit_ngrams(bits, n)` returns how often each run of n bits stands in `bits`, an array of `int64` of shape
# `(2**n,)`; index 5 with n = 3 is the run 101. `bits` is an array of 0 and 1 (`uint8`, at least n of them). For
# `[1, 0, 1, 1]` and 2 the runs are 10, 01, 11, so `[0, 1, 1, 1]`. Mind that `uint8` ends at 255.


# %%
def bit_ngrams(bits, n):
    ### BEGIN SOLUTION
    runs = len(bits) - n + 1
    values = np.zeros(runs, dtype=np.int64)
    for place in range(n):
        values = 2 * values + bits[place : place + runs]
    return np.bincount(values, minlength=2**n)
    ### END SOLUTION


# %%
ngrams_are_right = check("11.3", bit_ngrams)

# %% [markdown]
# **A trap.** We do not know the probabilities, only shares of a finite sample. Toss a fair coin ten times: seldom
# are there five heads. Shares are always a little more uneven than the probabilities behind them, and so the
# entropy of the shares (the *plug-in* estimate: shares put in for probabilities) is too small, and D too large.
# By how much? With N runs and m kinds, about $(m-1)/(2N)$ nats. **Miller and Madow's** estimate adds this to the
# entropy, with the number of kinds that were *seen* as m.
#
# ### Exercise 11.4: KL from uniform, twice
#
# `kl_from_uniform(counts)` returns a tuple of two floats, in bits: the plug-in estimate of D, and Miller and
# Madow's. `counts` is an array of integers, one for each of `len(counts)` kinds; a kind that was seen 0 times adds
# nothing to the entropy. For `[3, 1, 0, 0]` the entropy is 0.811, D is 1.189, and corrected by 1/8 nat 1.008.
# The corrected value may come out below 0; leave it so.


# %%
def kl_from_uniform(counts):
    ### BEGIN SOLUTION
    seen = counts[counts > 0]
    p = seen / seen.sum()
    plug_in = float(np.log2(len(counts)) + (p * np.log2(p)).sum())
    return plug_in, plug_in - (len(seen) - 1) / (2 * int(seen.sum())) / float(np.log(2))
    ### END SOLUTION


# %%
kl_is_right = check("11.4", kl_from_uniform)

# %% [markdown]
# Now on our tokens' bits, and on truly random ones, whose D is 0 by construction. (The scale is logarithmic; what
# is below its lower end, 0 and less, is drawn at the end.)

# %%
sources = {"Bytes": "Bytes", "GZip": "GZip[v=256]", "StaticAC": "StaticAC[v=256]"}
sources |= {f"windows, W = {w}": f"EqualInfoAC[b={w}, v=256]" for w in (16, 64)} | {"AC": "AC[v=256]"}
texts = builtin.documents("held-out")[: 3 if FAST else None]
streams = {
    label: np.unpackbits(np.concatenate(eiwref.tokenizer(name, n_gram).encode_batch(texts)).astype(np.uint8))
    for label, name in sources.items()
}
streams["random bits"] = np.random.default_rng(0).integers(0, 2, len(streams["AC"]), dtype=np.uint8)
LOOKS = [("black", "s-"), (plots.ORANGE, "v-"), (plots.GREEN, "D-"), (plots.BLUE, "o-"), (plots.SKY, "o--")]
STYLES = dict(zip(streams, [*LOOKS, (plots.RED, "^-"), ("grey", "x:")], strict=True))
FLOOR = 1e-5
if ngrams_are_right and kl_is_right:
    figure, axes = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained", sharey=True)
    orders = range(1, 13)
    for label, bits in streams.items():
        both = np.array([kl_from_uniform(bit_ngrams(bits, n)) for n in orders])
        colour, style = STYLES[label]
        for axis, values in zip(axes, both.T, strict=True):
            axis.plot(orders, np.maximum(values, FLOOR), style, color=colour, linewidth=2, label=label)
        print(f"{label:<16} n = 12: plug-in {both[-1, 0]:.5f}, corrected {both[-1, 1]:+.5f}")
    for axis, title in zip(axes, ("plug-in", "Miller and Madow"), strict=True):
        axis.set_yscale("log")
        axis.set_ylim(FLOOR * 0.8, 10)
        axis.set_title(title)
        axis.set_xlabel("n, bits in a run")
        axis.set_xticks(range(2, 13, 2))
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("KL from uniform, bits")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    plt.show()

# %% [markdown]
# By the plug-in estimate even random bits seem to have structure, the more the longer the runs. Corrected, what is
# left of it is chance, and one sees what is there: the kinds of tokens that M2 learns from most easily, bytes and
# short windows, are furthest from uniform (paper, section 6.3). (In the left picture StaticAC lies below AC only
# because it has more bits, and so a smaller error.) gzip's bits are uneven too, and M2 made little of them: it
# takes more than that. Nor would a perfect zero prove that nothing can be learned: bits may be even in all short
# runs and still follow from each other by a rule, as those of a random number generator do.
#
# Where in a window does the unevenness sit? Now not overlapping runs but whole tokens of 8 bits, by their
# position:

# %%
for label, tokens in (("windows, W = 16", 2), ("windows, W = 64", 8)) if kl_is_right else ():
    ids = np.packbits(streams[label])
    each = [kl_from_uniform(np.bincount(ids[k::tokens], minlength=256))[1] for k in range(tokens)]
    print(f"{label}: " + "  ".join(f"{value:.3f}" for value in each))

# %% [markdown]
# Most of it is in the first token. Not because M1 knows little there: StaticAC knows less, and its bits are even.
# But windows do not begin just anywhere. They begin with the byte that did not fit, so seldom with a space, while
# M1's start has the frequencies of running text. Where a model believes in other frequencies than there are, bits
# come out uneven (tutorial 01, section 4).
#
# ## 5. What a model learns, by position
#
# Finally, train an M2 and ask where in the window its guesses are right. To see clearly, M1 is the simplest there
# is: the *unigram*, which gives every byte the same probability wherever it stands. Then all there is in the text
# beyond the frequencies of letters is left to M2, and the bits are those of one fixed arithmetic coder. Windows of
# 64 bits, eight tokens of 8.
#
# ### Exercise 11.5: accuracy by position
#
# `accuracy_by_position(predicted, truth, tokens_a_window)` returns an array of floats of shape
# `(tokens_a_window,)`: of all tokens at each position, the share that was predicted rightly. `predicted` and
# `truth` are arrays of N ids; token 0 is at position 0 of a window, and N need not be a whole number of windows,
# but there is a token at each position. For `([1, 2, 3, 4], [1, 0, 3, 0], 2)` it is `[1.0, 0.0]`.


# %%
def accuracy_by_position(predicted, truth, tokens_a_window):
    ### BEGIN SOLUTION
    right = predicted == truth
    return np.array([right[position::tokens_a_window].mean() for position in range(tokens_a_window)])
    ### END SOLUTION


# %%
accuracy_is_right = check("11.5", accuracy_by_position)

# %%
train_texts = builtin.documents("train")[: 4 if FAST else None]
reader = eiwref.tokenizer("EqualInfoAC[b=64, v=256]", Unigram.fit(train_texts))
ids = reader.encode_batch(train_texts)
CONTEXT, BATCH, STEPS = 128, 8, 6 if FAST else 1200
MEASURED = [2, 6] if FAST else [150, 300, 600, 1200]
network = Transformer(Config(257, d_model=64, heads=2, layers=2, d_mlp=256, context=CONTEXT))
# The held-out text in pieces of the context's length, whole windows: so every piece begins at position 0.
stream = np.concatenate(reader.encode_batch(builtin.documents("held-out")[: 2 if FAST else None])).astype(np.int64)
truth = stream[: len(stream) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)  # (pieces, T)
inputs = np.concatenate([np.full((len(truth), 1), network.config.start), truth[:, :-1]], axis=1)


def guesses(params):
    """What M2 holds for the likeliest token at each place of the held-out text, (pieces * T,)."""
    parts = np.array_split(inputs, -(-len(inputs) // 64))
    return np.concatenate([network.forward(params, part)[0].argmax(axis=-1) for part in parts]).ravel()


rng = np.random.default_rng(0)
batches = crops(ids, CONTEXT, BATCH, 256, rng, unit=8)  # pieces begin with a window, as in `truth`
after = {}  # by step: the guesses
with Parallel(network, network.init(rng), AdamW()) as steps:
    for step in range(1, STEPS + 1):
        loss, _ = steps.step(*next(batches), step, warm_up_and_cosine(step, STEPS, 20, 6e-3))
        if step in MEASURED:
            after[step] = guesses(steps.params)
            print(f"step {step}: {np.mean(after[step] == truth.ravel()):.1%} of all tokens guessed")

# %%
if accuracy_is_right:
    figure, axis = plt.subplots(figsize=(10, 4.6), layout="constrained")
    shades = dict(zip(MEASURED, (plots.SKY, plots.ORANGE, plots.GREEN, plots.BLUE), strict=False))
    styles = dict(zip(MEASURED, ("v:", "D-.", "s--", "o-"), strict=False))
    for step in MEASURED:
        shown = accuracy_by_position(after[step], truth.ravel(), 8)
        style = {"color": shades[step], "linewidth": 2.5, "markersize": 8, "label": f"M2 after {step} steps"}
        axis.plot(range(1, 9), shown, styles[step], **style)
        print(f"after {step:>4} steps: " + "  ".join(f"{value:.3f}" for value in shown))
    frequent = [np.bincount(np.concatenate([each[k::8] for each in ids])).argmax() for k in range(8)]
    blind = accuracy_by_position(np.resize(frequent, truth.size), truth.ravel(), 8)
    axis.plot(range(1, 9), blind, color="black", linestyle=(0, (1, 3)), linewidth=2, label="most frequent token")
    axis.set_xlabel("position in the window of 64 bits (tokens of 8 bits)")
    axis.set_ylabel("share guessed rightly")
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
    plt.show()

# %% [markdown]
# What has been learned was learned from the front: the early positions first, and after some 32 bits hardly
# anything. To read token k of a window M2 must do the coder's arithmetic on all k tokens before it, and an error
# early on spoils all that follows. The very first position is a case of its own: its meaning is the plainest of
# all, but to *guess* it one must know where the last window ended, and so have decoded it. From the second on, the
# token before tells which letter the window begins with.
#
# The paper finds the same shape with larger networks (section 6.2, Figure 10). So short windows are easier for two
# reasons: more of their tokens are early ones, and more cuts give more places at which all starts afresh.
#
# ## In short
#
# - Learnable tokens mean the same each time: in a window the early ones do, in AC none.
# - After a change at the front, windows find back to the same tokens; the shorter, the sooner.
# - Learnable bits are uneven. Plug-in estimates see unevenness in pure chance; correct them, and compare with
#   random bits.
# - A model learns a window from the front.
#
# **Questions.** Why is a token of 16 bits that is a whole window easier than two of 8 bits? Could one shuffle the
# 65,536 ids of whole windows without harm to M2, and those of 8-bit tokens? Agreement compares texts letter by
# letter: how would you give credit for "nearly the same"? What would position 1 look like if M1 went on from
# window to window without reset?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: sections 6.1 (Figure 8, Table 8,
# and Figure 9 for the spans), 6.2 (Figure 10) and 6.3 (Figure 11). G. A. Miller, *Note on the Bias of Information
# Estimates*, 1955. V. I. Levenshtein, *Binary Codes Capable of Correcting Deletions, Insertions, and Reversals*,
# 1966. R. A. Wagner and M. J. Fischer, *The String-to-String Correction Problem*, 1974. What ran above:
# `eiwref/tokenizers/base.py` (`spans`) and `eiwref/windows/stop_cell.py`.
