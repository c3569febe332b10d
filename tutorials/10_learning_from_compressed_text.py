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
# # 10 · M2: learning over compressed text
#
# A language model can be trained on any row of numbers that stands for text: on bytes, on pieces of words, on the
# output of gzip, on an arithmetic coder's bits. Which of these can it *learn* from, and how does one compare what
# is measured in different units? We train small M2s of one and the same size on several kinds of tokens of one
# text. Most of the work is in the comparing.
#
# **You will be able to**
# - put models over different tokens on one scale, bits per byte, and say what they must beat;
# - measure a language model on whole documents, their ends included;
# - count FLOPs per byte, with the output layer and without, and match runs by text, by tokens or by FLOPs.
#
# **You need to know** bits per byte (tutorial 01), windows (05) and, from outside, what a transformer does
# (tutorial 08). About 35 minutes; the longest cell trains for about a minute.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from threadpoolctl import threadpool_limits

import eiwref
from eiwref import plots
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.errors import PredictorError
from eiwref.evaluate import flops_per_byte as flops_per_byte_of
from eiwref.evaluate import model_bits, uniform_bits
from eiwref.experiments import paper
from eiwref.nn import sizes
from eiwref.nn.optim import AdamW, warm_up_and_cosine
from eiwref.nn.parallel import Parallel
from eiwref.nn.train import crops
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.subword import Subword
from eiwref.tokenizers import registry

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. One text, several kinds of tokens
#
# - **Bytes**: a token is a byte. Nothing is compressed.
# - **SentencePiece**: a *subword* tokenizer. It has learned a list of frequent pieces of text; a token is the
#   number of a piece. The usual choice today.
# - **GZip**: the bytes that zlib, gzip's compressor, makes of a document.
# - **AC**: the bits of an arithmetic coder that runs from the beginning of a document to its end, eight to a
#   token.
# - **EqualInfoAC**: windows of 16 bits, each begun afresh. As one token of 16 bits (v=65k) or as two of 8
#   (v=256).
#
# The letter V stands for how many different tokens there are, v in the names. M1, behind AC and the windows, is
# the n-gram that travels with the package. Text to learn from and text that is *held out*, for measuring only,
# are apart.

# %%
texts = builtin.documents("train")[: 4 if FAST else None]
held_out = builtin.documents("held-out")[1:4] if FAST else builtin.documents("held-out")[:5]
size = sum(map(len, held_out))

n_gram = eiwref.shipped("ngram")
tokenizers = {
    name: eiwref.tokenizer(name, n_gram)
    for name in ("Bytes", "GZip[v=256]", "AC[v=256]", "EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]")
}
try:
    pieces_of_text = Subword.fit(texts, 1_000 if FAST else 2_000)
    name = f"SentencePiece[v={pieces_of_text.vocabulary // 1000}k]"
    tokenizers[name] = eiwref.tokenizer(name, pieces_of_text)
except PredictorError as error:  # the library is an extra, and all that follows goes on without it
    print(f"No subwords today: {error}\n")

train_ids = {name: tokenizer.encode_batch(texts) for name, tokenizer in tokenizers.items()}
test_ids = {name: tokenizer.encode_batch(held_out) for name, tokenizer in tokenizers.items()}
print(f"{sum(map(len, texts)):,} bytes to learn from, {size:,} held out; of the latter:")
print(f"{'':<26}{'V':>8}{'tokens':>9}{'bytes a token':>15}")
bytes_a_token = {}
for name, tokenizer in tokenizers.items():
    tokens = sum(map(len, test_ids[name]))
    bytes_a_token[name] = size / tokens
    print(f"{name:<26}{tokenizer.vocab_size:>8,}{tokens:>9,}{bytes_a_token[name]:>15.2f}")

# %% [markdown]
# ## 2. One unit for all
#
# The loss of a network is in nats **a token**. But a byte and a window are not the same amount of text, so that
# losses a token cannot be compared. What can be compared is how many bits it takes to write down the same text:
# bits a byte of *text* (tutorial 01).
#
# ### Exercise 10.1: as good a loss
#
# One M2 has a mean loss of `loss` nats a token, over tokens that hold `bytes_a_token` bytes on the average.
# `as_good(loss, bytes_a_token, other_bytes_a_token)` returns the loss in nats a token, a float, that an M2 over
# *other* tokens must have to be equally good in bits per byte. For `(2.0, 1.0, 4.0)` it is 8.0: a loss of 8 over
# tokens of four bytes is no worse than one of 2 over bytes.


# %%
def as_good(loss, bytes_a_token, other_bytes_a_token):
    ### BEGIN SOLUTION
    return loss / bytes_a_token * other_bytes_a_token
    ### END SOLUTION


# %%
check("10.1", as_good)

# %% [markdown]
# Which average does one take, if documents differ in length? **Sum over sum**: sum the bits over all documents,
# sum the bytes, and divide once. If one takes each document's bits per byte and averages those, a document of 200
# bytes counts as much as one of 20,000. Does it matter? Here is what each document of the held-out text takes in
# gzip. A short one gives gzip little to repeat, and its header weighs more.

# %%
bits = [8 * len(ids) for ids in test_ids["GZip[v=256]"]]
each = [b / len(text) for b, text in zip(bits, held_out, strict=True)]
for text, value in zip(held_out, each, strict=True):
    print(f"{len(text):>7,} bytes: {value:.2f} bits/byte")
print(f"mean of these means: {np.mean(each):.3f}; sum over sum: {sum(bits) / size:.3f}")

# %% [markdown]
# ## 3. What is to be beaten
#
# A model that gives all V tokens the same probability pays $\log_2 V$ bits for each. This *uniform* model knows
# nothing; what it pays says how well the text was **compressed**, and nothing about learning. The *unigram* model
# knows how frequent each token is, and nothing of their order. Only what is below both was found in sequences.
#
# ### Exercise 10.2: the unigram model
#
# `unigram_bits(train, test, vocab_size)` returns the bits, a float, that the tokens `test` take in all under the
# frequencies of `train`; both are arrays of ids, integers from 0 to `vocab_size - 1`. Raise each count by one
# before you divide, so that no token has probability 0; the V probabilities must add up to 1. For
# `(np.array([0, 0]), np.array([0, 1]), 2)` they are 3/4 and 1/4, and the answer is $\log_2(4/3) + 2 = 2.415$.


# %%
def unigram_bits(train, test, vocab_size):
    ### BEGIN SOLUTION
    counts = np.bincount(train, minlength=vocab_size) + 1
    return float(-np.log2(counts[test] / counts.sum()).sum())
    ### END SOLUTION


# %%
unigram_is_right = check("10.2", unigram_bits)

# %%
uniform = {
    name: uniform_bits(sum(map(len, test_ids[name])), tokenizers[name].vocab_size) / size for name in tokenizers
}
unigram = {}
for name in tokenizers if unigram_is_right else ():
    train, test = np.concatenate(train_ids[name]), np.concatenate(test_ids[name])
    unigram[name] = unigram_bits(train, test, tokenizers[name].vocab_size) / size
print(f"{'bits/byte':<26}{'uniform':>9}{'unigram':>9}")
for name in tokenizers:
    print(f"{name:<26}{uniform[name]:>9.3f}" + (f"{unigram[name]:>9.3f}" if unigram else ""))

# %% [markdown]
# Bytes and subwords have very uneven frequencies. Over gzip and AC all tokens are about equally frequent, over
# windows as two tokens nearly so. Over whole windows (v=65k) frequencies are worth a third of a bit a byte.
# Whatever else M2 is to find must be in the order of tokens.
#
# ## 4. How an M2 is measured
#
# M2 sees at most T tokens at once, its *context*. So a document is cut into pieces of T tokens, the last of which
# may be shorter, and each piece is begun afresh. What M2 is asked at each place is the next token (the *targets*);
# what it is given are those before it in the piece (the *inputs*): the targets moved one to the right, with the
# special id "start" in front. The end of the document is a target too, with the id V, and must be paid for. The
# start has the id V + 1.
#
# ### Exercise 10.3: pieces of a document
#
# `pieces(document, context, end)` returns a list of pairs `(inputs, targets)`, arrays of `int64` of equal length.
# `document` is an array of ids below `end`, maybe empty; `end` is V, and `end + 1` the start. For
# `(np.array([5, 6, 7]), 2, 9)` the pairs are `[10, 5], [5, 6]` and `[10, 7], [7, 9]`.


# %%
def pieces(document, context, end):
    ### BEGIN SOLUTION
    whole = np.append(document, end).astype(np.int64)
    found = []
    for at in range(0, len(whole), context):
        targets = whole[at : at + context]
        found.append((np.append(end + 1, targets[:-1]), targets))
    return found
    ### END SOLUTION


# %%
check("10.3", pieces)

# %% [markdown]
# `eiwref.evaluate.model_bits` does this, many pieces at a time.
#
# ## 5. Training, all alike
#
# One network for all: 2 layers, width 64, a context of 128 tokens. Only the number of ids differs. Equally many
# steps, equally many tokens a step, the same learning rates. (v=65k is left out here: a step of it costs many
# times as much, as section 6 will count.) As they learn, their bits per byte on the held-out text are measured
# now and then.

# %%
CONTEXT, BATCH, STEPS = 128, 8, 4 if FAST else 400
MEASURED = np.unique(np.round(np.geomspace(2 if FAST else 12, STEPS, 3 if FAST else 6)).astype(int)).tolist()
configs = {
    name: Config(tokenizer.vocab_size + 1, d_model=64, heads=2, layers=2, d_mlp=256, context=CONTEXT)
    for name, tokenizer in tokenizers.items()
}
trained = [name for name in tokenizers if "65k" not in name]
curves = {}  # by tokenizer: bits/byte after MEASURED steps
for name in trained:
    network, end = Transformer(configs[name]), tokenizers[name].vocab_size
    rng = np.random.default_rng(0)
    batches = crops(train_ids[name], CONTEXT, BATCH, end, rng, unit=registry.unit(name) or 1)
    curves[name] = []
    with Parallel(network, network.init(rng), AdamW()) as steps:
        for step in range(1, STEPS + 1):
            steps.step(*next(batches), step, warm_up_and_cosine(step, STEPS, 20, 6e-3))
            if step in MEASURED:
                curves[name].append(model_bits(network, steps.params, test_ids[name]) / size)
    print(f"{name:<26}uniform {uniform[name]:.3f}, M2 {curves[name][-1]:.3f}")

# %%
COLOURS = {"Bytes": "black", "GZip": plots.ORANGE, "AC": plots.RED, "EqualInfoAC": plots.BLUE}
MARKERS = {"Bytes": "s", "GZip": "v", "AC": "^", "EqualInfoAC": "o", "SentencePiece": "D"}


def look(name):
    """Colour, marker and label of a tokenizer in all pictures."""
    kind = name.split("[")[0]
    return {"color": COLOURS.get(kind, plots.GREEN), "marker": MARKERS[kind], "label": name}


figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained", width_ratios=(1.25, 1))
for row, name in enumerate(trained):
    colour = look(name)["color"]
    left.plot([curves[name][-1], uniform[name]], [row, row], color=colour, linewidth=2, alpha=0.4)
    left.plot(uniform[name], row, "o", color=colour, markersize=11, markerfacecolor="white")
    if unigram:
        left.plot(unigram[name], row, "|", color=colour, markersize=24, markeredgewidth=3)
    left.plot(curves[name][-1], row, "D", color=colour, markersize=8)
    lowest = min(uniform[name], unigram.get(name, np.inf))
    right.plot(MEASURED, np.array(curves[name]) - lowest, linewidth=2.5, markersize=7, **look(name))
for marker, label, face in (("o", "uniform", "white"), ("|", "unigram", "grey"), ("D", "M2 at the end", "grey")):
    style = {"color": "grey", "markerfacecolor": face, "markersize": 11, "markeredgewidth": 2}
    left.plot([], [], marker, label=label, **style)
left.set_yticks(range(len(trained)), trained)
left.set_ylim(len(trained) - 0.5, -0.5)
left.set_xlim(0, 8.5)
left.set_xlabel("bits/byte, held-out text")
left.legend(frameon=False, loc="lower right")
right.axhline(0, color="grey", linestyle=":", linewidth=2)
right.set_ylim(-1.6, 0.6)
right.set_xlabel("step")
right.set_ylabel("bits/byte, M2 less the better of the two")
figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
for axis in (left, right):
    axis.grid(alpha=0.25)
plt.show()

# %% [markdown]
# The right-hand picture first: how far does M2 come below what knows no order? Over **bytes** far, and over
# subwords too, if you have them. Over **gzip** and **AC** M2 stays at 0; a little above even, for it must pay for
# the ends of documents and for what it wrongly believes. Over **windows** there is something to find. The paper
# saw the same over AC and over windows, with networks 250 times larger and far more text. Over gzip such
# networks do find something, though not enough to compete.
#
# Was it a fair trial? M2 saw windows from where one begins, but AC and gzip from anywhere in a code, and from its
# middle nobody can decode a code that runs on. The paper shows M2 codes from their beginnings. `eiwref reproduce`
# does so too, with more text, and M2 still finds nothing in AC.
#
# Now read the left-hand one: in bits per byte AC is far below bytes. That is M1's merit and the coder's: its
# *uniform* mark is there already. Low bits per byte is not the same as having learned much.
#
# ## 6. What it costs
#
# A weight takes part in one product and one sum for each token: 2 FLOPs (floating-point operations). A network of
# width D carries D numbers at each position. A layer has four matrices of $D \times D$ in its attention and two of
# $D \times F$ in its MLP, which is F wide inside. So, for L layers,
#
# $$\text{FLOPs a token} = 2 L\,(4 D^2 + 2 D F).$$
#
# That is how the paper counts. It leaves out the embedding, a look-up that costs nothing, and the output layer
# ("softmax"), a matrix of $D \times S$ for the S symbols that can come next. In a large network with few ids this
# is little. In ours with 65,536 it is nearly all.
#
# ### Exercise 10.4: FLOPs per byte
#
# `flops_per_byte(layers, d_model, d_mlp, symbols, bytes_per_token)` returns a tuple of two floats: FLOPs a byte of
# text without the output layer, and with it. `symbols` are the ids that can come next. For `(1, 2, 3, 10, 4.0)`:
# 28 weights in the layer, 20 in the output, so `(14.0, 24.0)`.


# %%
def flops_per_byte(layers, d_model, d_mlp, symbols, bytes_per_token):
    ### BEGIN SOLUTION
    inner = layers * (4 * d_model**2 + 2 * d_model * d_mlp)
    return 2 * inner / bytes_per_token, 2 * (inner + d_model * symbols) / bytes_per_token
    ### END SOLUTION


# %%
check("10.4", flops_per_byte)

# %% [markdown]
# One thing more: whoever uses M2 on text must first compress it. If M1 is a network, it runs at every byte, and
# the paper adds its $2 \times$ parameters. (Our n-gram is a table: it costs none.) Below are our networks, and
# what the paper's smallest M2, 25m, costs with its M1, 3m.

# %%
big, m1 = (sizes.config(size_name, symbols=257, context=512) for size_name in ("25m", "3m"))
print(f"{'FLOPs/byte':<26}{'ours':>10}{'+ softmax':>12}{'25m':>14}{'+ softmax':>14}")
for name, config in configs.items():
    ours = [flops_per_byte_of(config, bytes_a_token[name], softmax=softmax) for softmax in (False, True)]
    theirs = sizes.config("25m", symbols=config.symbols, context=512)
    run_m1 = m1 if "AC" in name else None
    paid = [flops_per_byte_of(theirs, bytes_a_token[name], run_m1, softmax) for softmax in (False, True)]
    print(f"{name:<26}{ours[0]:>10,.0f}{ours[1]:>12,.0f}{paid[0]:>14,.0f}{paid[1]:>14,.0f}")

# %% [markdown]
# (Our 25m has fewer weights than the paper's: `eiwref/nn/sizes.py` says why.) At v=65k our small network spends
# nearly everything on its output layer, and 25m still half of all. A comparison "at equal FLOPs" must say which
# it means.
#
# ## 7. Matched, but in what?
#
# All runs took equally many steps. Was that fair? A token of AC holds more text than a byte does, so the M2 over
# AC has *seen more text*, at the same number of FLOPs. One can match runs
#
# - by **tokens**: what the paper does for its main results (every M2 saw 26 billion tokens);
# - by **bytes** of text: then the kinds that compress well get fewer steps;
# - by **FLOPs**: what a training costs. The backward pass costs twice the forward pass, as each weight takes part
#   in two products there: one for its own gradient, one that passes the gradient on. So a token costs three times
#   what section 6 counted.
#
# ### Exercise 10.5: how many steps?
#
# `steps_for(budget, unit, tokens_a_step, bytes_a_token, flops_a_token)` returns the greatest whole number of
# training steps that stays within the budget, an integer. `unit` is `"tokens"`, `"bytes"` or `"FLOPs"`, and
# `budget` is in this unit; `flops_a_token` is of the forward pass. For `(10_000, "bytes", 1024, 2.0, 1e6)` it is
# 4: a step sees 2,048 bytes.


# %%
def steps_for(budget, unit, tokens_a_step, bytes_a_token, flops_a_token):
    ### BEGIN SOLUTION
    each = {"tokens": 1, "bytes": bytes_a_token, "FLOPs": 3 * flops_a_token}[unit]
    return int(budget // (tokens_a_step * each))
    ### END SOLUTION


# %%
steps_are_right = check("10.5", steps_for)

# %% [markdown]
# The same runs over three different axes (FLOPs with the output layer):

# %%
forward = {
    name: 2 * (configs[name].parameters + configs[name].d_model * configs[name].symbols) for name in trained
}
train_bytes = {name: sum(map(len, texts)) / sum(map(len, train_ids[name])) for name in trained}  # a token
a_token = {
    "tokens": dict.fromkeys(trained, 1),
    "bytes": train_bytes,
    "FLOPs": {name: 3 * forward[name] for name in trained},
}


def logarithmic(axis):
    """A logarithmic axis with few, short numbers: 30 k, 100 k, ..."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter(EngFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())


figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained", sharey=True)
for axis, (unit, each) in zip(axes, a_token.items(), strict=True):
    for name in trained:
        x = np.array(MEASURED) * BATCH * CONTEXT * each[name]
        axis.plot(x, curves[name], linewidth=2.5, markersize=7, **look(name))
    logarithmic(axis)
    axis.set_xlabel({"tokens": "tokens seen", "bytes": "bytes of text seen", "FLOPs": "FLOPs of training"}[unit])
    axis.grid(alpha=0.25)
axes[0].set_ylabel("bits/byte, held-out text")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
plt.show()

# %% [markdown]
# And as numbers: what would each have reached with the budget that the most frugal run has spent? (Between the
# measured points we draw a straight line over the logarithm of the steps. That is a reading aid: a run that is
# planned to be shorter would also lower its learning rate sooner.)

# %%
for unit, each in a_token.items() if steps_are_right else ():
    budget = min(STEPS * BATCH * CONTEXT * each[name] for name in trained)
    print(f"{budget:,.0f} {unit} for each:")
    for name in trained:
        steps = steps_for(budget, unit, BATCH * CONTEXT, train_bytes[name], forward[name])
        reached = np.interp(np.log(max(steps, 1)), np.log(MEASURED), curves[name])
        print(f"    {name:<26}{steps:>5} steps, {reached:.3f} bits/byte")

# %% [markdown]
# ## 8. The picture to take home
#
# Quality beside cost: bits per byte over FLOPs per byte of *using* the model. To the left our M2s, with what a
# uniform model has as a hollow mark above them; to the right the paper's smallest, 25m, which has had enough text
# to learn, with its M1's FLOPs counted.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for name in trained:
    cost = flops_per_byte_of(configs[name], bytes_a_token[name])
    style = look(name)
    left.plot([cost] * 2, [curves[name][-1], uniform[name]], color=style["color"], alpha=0.4, linewidth=2)
    left.plot(cost, uniform[name], style["marker"], color=style["color"], markersize=10, markerfacecolor="white")
    left.plot(cost, curves[name][-1], linestyle="none", markersize=10, **style)
left.set_title("ours: hollow uniform, full M2")
left.set_xlabel("FLOPs/byte (no M1, no softmax)")
PLACES = {  # of the labels, in points from the mark
    "Bytes": (0, 12, "center"),
    "SentencePiece": (0, -24, "center"),
    "GZip[v=256]": (0, 12, "center"),
    "AC[v=256]": (-12, 4, "right"),
    "EqualInfoAC[b=16, v=256]": (0, 12, "center"),
    "EqualInfoAC[b=16, v=65k]": (0, -24, "left"),
}
for name, (x, y, side) in PLACES.items():
    row = paper.table("scaling")[name]
    point = row["mflops_per_byte"] * 1e6, row["bits_per_byte"]
    right.plot(*point, linestyle="none", markersize=10, **look(name))
    right.annotate(name, point, textcoords="offset points", xytext=(x, y), ha=side, fontsize=12)
right.set_title("the paper's 25m on C4")
right.set_xlabel("FLOPs/byte (M1 included, no softmax)")
for axis in (left, right):
    logarithmic(axis)
    axis.set_ylabel("bits/byte")
    axis.grid(alpha=0.25)
left.set_xlim(3e4, 3e5)
left.set_ylim(bottom=0)
left.legend(frameon=False, fontsize=12, loc="upper left")
right.set_xlim(7e6, 9e7)
right.set_ylim(0.8, 2.8)
plt.show()

# %% [markdown]
# Down and to the left is better. In the paper, windows of 16 bits as one token are below bytes at a third of the
# cost. Subwords are better than both. What windows have instead: they hold more text a token (5.3 bytes, against
# 4.3), so that writing takes fewer steps.
#
# ## In short
#
# - Bits per byte, sum over sum, puts models over different tokens on one scale.
# - Uniform says how well the text was compressed, unigram what frequencies are worth; what M2 has learned is the
#   gap below both.
# - Over AC there is no such gap, over windows there is: what M2 can learn depends on how the text was compressed.
# - A comparison has to say what was matched, and whether M1 and the output layer were counted.
#
# **Questions.** Which of the three matches would you choose if text is scarce? If computing is? The M2 over AC
# sees more text a step than that over bytes: is it a handicap or an advantage, and can you tell from the picture?
# M1 was fitted to the very text that M2 learns from, not to the held-out one: what may that do to M2? At v=65k
# our text has hardly more tokens than there are ids: what would become of an M2 over them?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: sections 3.3 (tokenizers), 3.6
# (measures), Table 3 (uniform and unigram), Table 6 (matched by bytes and by tokens), Figure 3 and Tables 15
# and 16. T. Kudo, *Subword Regularization*, 2018, arXiv 1804.10959, for the subwords. What ran above:
# `eiwref/evaluate.py`, `eiwref/nn/parallel.py`; more methods, sizes and seeds: `eiwref reproduce figure3`.
