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
# # 06 · The 16-bit codebook
#
# Windows of 16 bits begin afresh each time, so there are only 65,536 of them. Why ask the model again and again
# what they mean? We write all of them down once. What comes out is a dictionary like that of any tokenizer, but
# one that a language model and a coder have made; and text goes through it at the speed of table look-ups.
#
# **You will be able to**
# - grow the tree of all windows, store it in two bytes a code, and read it back;
# - build Tunstall's code, and say in what the stop-cell tree differs from it;
# - cut text by longest match, and walk through many texts at once with one NumPy operation a step.
#
# **You need to know** stop-cell windows (tutorial 05) and n-grams (tutorial 04). About 35 minutes.

# %%
import os
import time
from heapq import heapify, heappop, heappush

import matplotlib.pyplot as plt
import numpy as np

import eiwref
from eiwref import plots, show
from eiwref.bench import measure
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.predictors.static import Unigram
from eiwref.windows import StopCell, table_walk
from eiwref.windows.codebook import Codebook

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13


def shown(text):
    """Text for a picture, spaces made visible."""
    return show.printable(text).replace(" ", "␣")


# %% [markdown]
# ## 1. All windows, written down
#
# The tree of tutorial 05, now with 256 symbols, 16 bits and the n-gram that travels with the package. It is
# grown from the root, many nodes of a level at once; every node asks the model once.

# %%
predictor = eiwref.shipped("ngram").over(256)
scheme = StopCell(predictor, window_bits=16)
begin = time.process_time()
codebook = Codebook.grow(scheme)
print(f"grown in {time.process_time() - begin:.1f} s of the processor")
lengths = codebook.depths.astype(int)
print(f"{len(lengths):,} codes, of which {np.count_nonzero(codebook.cells > 1):,} have longer texts below them")
print(f"mean length of a text: {lengths.mean():.2f} bytes; the longest has {lengths.max()}:")
print(repr(codebook.texts[lengths.argmax()]))
print("\nsome codes:")
for code in np.random.default_rng(0).integers(0, 1 << 16, size=8):
    print(f"{code:016b} {codebook.texts[code]!r}")

# %% [markdown]
# A part of the tree: everything that begins with `th`. The wider a box, the more codes there are for what begins
# with its text; the model is behind every one of these widths.

# %%
ROOT = b"th"
(*_, (begin_cell, end_cell)) = scheme.narrow(ROOT)
figure, axis = plt.subplots(figsize=(11, 4.6), layout="constrained")
whole = end_cell - begin_cell + 1
for code in range(begin_cell, end_cell + 1):
    cells, depth = codebook.cells[code], lengths[code] - len(ROOT)
    if depth > 4 or cells < whole / 1000:
        continue
    colour = plots.ORANGE if depth == 0 else (plots.SKY, plots.YELLOW)[int(codebook.symbols[code]) % 2]
    axis.bar(code, 0.94, cells, bottom=-depth, align="edge", color=colour, edgecolor="white", linewidth=0.5)
    if cells > whole / 35:
        label = shown(codebook.texts[code][-1:] if depth else ROOT)
        axis.text(code + cells / 2, 0.47 - depth, label, ha="center", va="center", family="monospace")
axis.set_xlim(begin_cell, end_cell + 1)
axis.set_yticks([0.47 - depth for depth in range(5)], ["", "+ 1 byte", "+ 2", "+ 3", "+ 4"])
axis.set_xlabel("code")
plt.show()

# %% [markdown]
# ### How little one must keep
#
# Codes go through the tree depth first: a node comes before its children. So it is enough to know, for each
# code, how long its text is and which byte is its last. That is what a codebook's file holds. The
# next two exercises read it back. In the small tree of tutorial 05, with 0 to 3 for a to d, the first codes are
#
# | code | text | depth | last symbol | parent |
# |---:|---|---:|---:|---:|
# | 0 | a | 1 | 0 | −1 |
# | 1 | ab | 2 | 1 | 0 |
# | 2 | aba | 3 | 0 | 1 |
# | 3 | abac | 4 | 2 | 2 |
# | 4 | ac | 2 | 2 | 0 |
# | 5 | aca | 3 | 0 | 4 |
# | 6 | ad | 2 | 3 | 0 |
# | 7 | b | 1 | 1 | −1 |
#
# ### Exercise 06.1: the text of each code
#
# `texts(parents, symbols)` returns a list of `bytes`, the text of each code. Both arguments are lists of
# integers: the code of each text without its last symbol, −1 where nothing would be left, and the last symbol. A
# parent has a smaller code than its children. For `([-1, 0, 1], [0, 1, 0])` it is `[b"\x00", b"\x00\x01",
# b"\x00\x01\x00"]`.


# %%
def texts(parents, symbols):
    ### BEGIN SOLUTION
    found = []
    for parent, symbol in zip(parents, symbols, strict=True):
        before = found[parent] if parent >= 0 else b""
        found.append(before + bytes([symbol]))
    return found
    ### END SOLUTION


# %%
check("06.1", texts)

# %% [markdown]
# ### Exercise 06.2: parents from depths
#
# `parents(depths)` returns the parent of each code, an array of the same shape and of dtype `int64`; `depths` is
# an array of `int64`. For `[1, 2, 3, 4, 2, 3, 2, 1]` it is `[-1, 0, 1, 2, 0, 4, 0, -1]`, as in the table.


# %%
def parents(depths):
    ### BEGIN SOLUTION
    newest = {0: -1}  # by depth: the last code seen
    found = np.empty(len(depths), dtype=np.int64)
    for code, depth in enumerate(depths.tolist()):
        found[code] = newest[depth - 1]
        newest[depth] = code
    return found
    ### END SOLUTION


# %%
check("06.2", parents)

# %% [markdown]
# ## 2. A neural Tunstall code
#
# Huffman gives every symbol a code of *its own length*. Tunstall (1967) turned it round: codes of *equal length*
# for texts of various lengths. Such a code is a tree of texts. Begin with the K texts of one symbol; take the
# **likeliest** text of the tree's leaves and replace it by its K children; go on as long as no more than $2^W$
# leaves come out. Each leaf gets a code. The likelier a text, the sooner it is split. So in the end all leaves are
# about equally likely, and each code carries about W bits. That is the idea of equal-info windows, without a
# language model.
#
# ### Exercise 06.3: Tunstall's code
#
# `tunstall(p, room)` returns the leaves as a list of `bytes`, in any order. `p` is an array of K probabilities,
# all above 0, of symbols that do not depend on each other; `room`, at least K, is how many leaves there may be.
# Split as long as one more split still fits. For `([0.7, 0.3], 3)` it is `[b"\0\0", b"\0\1", b"\1"]`. The
# probability of a text is the product of its symbols'.


# %%
def tunstall(p, room):
    ### BEGIN SOLUTION
    chances = p.tolist()
    heap = [(-chance, bytes([symbol])) for symbol, chance in enumerate(chances)]  # the likeliest one on top
    heapify(heap)
    while len(heap) + len(p) - 1 <= room:
        chance, text = heappop(heap)
        for symbol, each in enumerate(chances):
            heappush(heap, (chance * each, text + bytes([symbol])))
    return [text for _, text in heap]
    ### END SOLUTION


# %%
tunstall_is_right = check("06.3", tunstall)

# %% [markdown]
# Two things are different in our tree. Our model has context: which bytes are likely differs from node to node,
# where in Tunstall's tree it is the same at each. And *every* node has a code, not the leaves alone: so a child
# that is too unlikely can be left out (its text is written in two windows), where Tunstall must give a code to
# each of the 256 children, or some text would have none.
#
# What is it worth? Three dictionaries of 65,536 codes: Tunstall's for the unigram (by your own function, as soon
# as it is right), the stop-cell tree of the unigram, and that of the n-gram. First, how long are their texts?

# %%
unigram = Unigram.fit(builtin.documents("train")).over(256)
dictionaries = {
    "stop cells, n-gram": codebook.texts,
    "stop cells, unigram": Codebook.grow(StopCell(unigram, 16)).texts,
}
if tunstall_is_right:
    dictionaries["Tunstall, unigram"] = tunstall(np.diff(unigram.cdf(None)) / 2**unigram.precision, 1 << 16)
STYLES = dict(zip(dictionaries, ((plots.BLUE, "-"), (plots.ORANGE, "--"), (plots.GREEN, ":")), strict=False))
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
for name, words in dictionaries.items():
    colour, style = STYLES[name]
    by_length = sorted(map(len, words), reverse=True)
    axis.step(range(1, len(words) + 1), by_length, color=colour, linestyle=style, linewidth=2.5, label=name)
axis.set_xscale("log")
axis.set_xlabel("rank of the text, the longest first")
axis.set_ylabel("length in bytes")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 3. Cutting text is longest match
#
# A window takes bytes as long as there is a node for them. In a dictionary in which, with each text, all its
# beginnings stand too, that is: take the longest text of the dictionary that matches, and go on after it.
#
# ### Exercise 06.4: the longest match
#
# `tokenize(codes, text)` returns the codes of a text's windows as a list of integers. `codes` is a dict from texts
# (`bytes`) to codes, and has every single symbol of the text, and with each text all its beginnings. For
# `{b"a": 0, b"ab": 1, b"b": 2}` and `b"aabab"` it is `[0, 1, 1]`; for `b""` it is `[]`.


# %%
def tokenize(codes, text):
    ### BEGIN SOLUTION
    found, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start : end + 1] in codes:
            end += 1
        found.append(codes[text[start:end]])
        start = end
    return found
    ### END SOLUTION


# %%
tokenize_is_right = check("06.4", tokenize)

# %% [markdown]
# How much text does a token hold, on text that was held out? (In Tunstall's dictionary no text begins another,
# so that there is only one match.)

# %%
held_out = builtin.documents("held-out")
sample = b"\n\n".join(held_out)[: 2_000 if FAST else 50_000]


def cut(words, text):
    """The texts of the windows, by going back from the longest text that could match."""
    known, longest = set(words), max(map(len, words))
    pieces, start = [], 0
    while start < len(text):
        ends = range(min(len(text), start + longest), start, -1)
        # At the very end of a text Tunstall's tree may have no leaf that matches; then the rest is one piece.
        end = next((end for end in ends if text[start:end] in known), len(text))
        pieces.append(text[start:end])
        start = end
    return pieces


figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
for name, words in dictionaries.items():
    pieces = cut(words, sample)
    colour, style = STYLES[name]
    share = np.bincount([min(len(piece), 12) for piece in pieces], minlength=13) / len(pieces)
    axis.plot(range(1, 13), share[1:], "o", color=colour, linestyle=style, linewidth=2, label=name)
    held = len(sample) / len(pieces)
    print(f"{name:<20} {held:.3f} bytes a token, {16 / held:.3f} bits a byte")
axis.set_xticks(range(1, 13), [*map(str, range(1, 12)), "12+"])
axis.set_xlabel("bytes in a token")
axis.set_ylabel("share of the tokens")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4. At table speed
#
# Longest match by a dict is still slow: Python works byte for byte. So the tree becomes a table. It has a row
# for each node that has children, one column a byte (stored the other way round, `table[byte, row]`), and its
# entry is the node to which the byte leads. Nodes are numbered anew: first the 256 texts of one byte, then the
# other nodes with children, then those without, from `root` on. Three rules are all there is:
#
# - begin with the entry `root`;
# - the next entry is `table[byte, min(entry, root)]`: a node without children is a full window, and all of these
#   share the root's row;
# - where a byte has no node, the table has the root's entry for it: a new window begins. So **an entry below 256
#   says that a window begins here**, and the entry before tells which window has ended.

# %%
symbols, rows = codebook.table.shape
print(f"the table: {symbols} x {rows:,} entries, {codebook.table.nbytes / 1e6:.1f} MB")
entry, word = codebook.root, b""
for byte in b"the window is":
    before, entry = entry, int(codebook.table[byte, min(entry, codebook.root)])
    if entry < codebook.alphabet and word:
        print(f"    the window {word!r} has ended: code {codebook.code_of[before]}")
        word = b""
    word += bytes([byte])
    print(f"{chr(byte)!r} leads to node {entry}")

# %% [markdown]
# One text is one walk, and every step waits for the one before. But *many* texts can be walked through side by
# side: one step of all of them is one operation of NumPy.
#
# ### Exercise 06.5: many texts in lockstep
#
# `walk(table, root, texts)` returns the entries of n texts of T bytes each: an array of shape `(n, T)` and of
# the table's dtype, where `[i, t]` is the entry that byte t of text i has led to. `table` has the shape
# (symbols, `root` + 1), `texts` is `uint8` of shape `(n, T)`. Loop over the T steps only, not over the texts: it
# is counted how often you look into the table.


# %%
def walk(table, root, texts):
    ### BEGIN SOLUTION
    found = np.empty(texts.shape, dtype=table.dtype)
    entry = np.full(len(texts), root)
    for step, symbols in enumerate(texts.T):
        entry = table[symbols, np.minimum(entry, root)]
        found[:, step] = entry
    return found
    ### END SOLUTION


# %%
check("06.5", walk)

# %% [markdown]
# One long document can be walked in lockstep too: cut it into stretches, walk all of them as if a window began
# at each, and mend the beginnings afterwards, for walks that begin in different places soon meet
# (`eiwref/windows/table_walk.py`). What has all this brought? Measured here and now, in seconds of the
# processor, median of some rounds taken in turns:

# %%
documents = [*builtin.documents("train"), *held_out]
documents = documents[:12] if FAST else documents
short = documents[0][: 2_000 if FAST else 20_000]
encoded = table_walk.segment(codebook, documents)
assert codebook.decode_batch(encoded) == documents
joined = b"".join(documents)
WAYS = {  # name: (bytes, what is done with them)
    "the model, byte by byte": (len(short), lambda: list(scheme.segment(short))),
    "table, one document": (len(joined), lambda: table_walk.segment(codebook, [joined])),
    "table, all documents": (len(joined), lambda: table_walk.segment(codebook, documents)),
    "and back, all documents": (len(joined), lambda: codebook.decode_batch(encoded)),
}
if tokenize_is_right:
    codes_of = {text: code for code, text in enumerate(codebook.texts)}
    WAYS["longest match, your 06.4"] = (len(short), lambda: tokenize(codes_of, short))
seconds = measure.seconds({name: run for name, (_, run) in WAYS.items()}, rounds=3 if FAST else 7)
speeds = [size / 1e6 / seconds[name] for name, (size, _) in WAYS.items()]

figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
bars = axis.barh(
    list(WAYS), speeds, color=[plots.RED, plots.BLUE, plots.BLUE, plots.GREEN, plots.ORANGE][: len(WAYS)]
)
axis.bar_label(bars, [f"{speed:,.2f}" for speed in speeds], padding=4)
axis.set_xscale("log")
axis.set_xlim(right=max(speeds) * 5)
axis.set_xlabel("MB/s on one core")
axis.invert_yaxis()
plt.show()
print(f"the table, all documents: {speeds[2] / speeds[0]:,.0f} times as fast as asking the model at each byte")

# %% [markdown]
# (And our model is only a table of counts: a transformer is slower by far, and the codebook under it no slower
# than this one. That of the package's M1 travels along, `eiwref.shipped("codebook")`.) The codes are the same:

# %%
by_model = [window.code for window in scheme.segment(short)]
print(by_model == table_walk.segment(codebook, [short])[0].tolist())

# %% [markdown]
# ## 5. What does M2 see?
#
# A good M1 makes windows that are all about equally likely, so that how often each occurs tells M2 next to
# nothing. How far are we from that?

# %%
tokens = np.concatenate(encoded)
times = np.sort(np.bincount(tokens, minlength=1 << 16))[::-1]
expected = np.sort(np.random.default_rng(0).poisson(len(tokens) / 65536, 65536))[::-1]
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
ranks = np.arange(1, 65537)
axis.step(ranks[times > 0], times[times > 0], color=plots.BLUE, linewidth=2.5, label="tokens of this text")
drawn = expected > 0
axis.step(
    ranks[drawn], expected[drawn], color="grey", linestyle="--", linewidth=2, label="as many drawn at random"
)
axis.set_xscale("log")
axis.set_yscale("log")
axis.set_xlabel("rank of the token")
axis.set_ylabel("times it occurs")
axis.legend(frameon=False)
plt.show()
print(f"{len(tokens):,} tokens; {np.count_nonzero(times):,} different ones of 65,536")
share = times[:100].sum() / len(tokens)
print(f"the 100 most frequent make up {share:.1%} of all; if all were alike, it would be {100 / 65536:.2%}")
print("the most frequent:", [codebook.texts[code] for code in np.argsort(-np.bincount(tokens))[:8]])

# %% [markdown]
# Not all alike by far. The n-gram does not know all that there is to know; windows begin at unusual places, where
# the last one had no room left, and not where running text would; and M1 begins every window without context, so
# that it cannot tell what is likely *after* what came before. That much is left for M2 to learn.
#
# ## In short
#
# - Windows that begin afresh are a finite dictionary: with 16 bits, 65,536 texts. Grown once, it needs no model
#   any more.
# - It is a Tunstall-like code: texts of various lengths, codes of equal length. The model gives it context, and a
#   code for every node lets it leave out what is unlikely.
# - Cutting text is longest match; as a table, in lockstep, it runs far faster than the model.
# - To M2 it is a tokenizer like others, of which each token carries about equally much information.
#
# **Questions.** Why is there no such codebook for 32 bits? Longest match is greedy: could looking ahead save
# tokens, and is the text still sure to come back if an encoder does so? Every window starts without context:
# what does that cost in bits a byte, against arithmetic coding of the whole text (tutorial 04)? A subword
# tokenizer is a dictionary too: in what does the way it was made differ from this one?
#
# **Sources.** B. Tunstall, *Synthesis of Noiseless Compression Codes*, 1967. *Training LLMs over Neurally
# Compressed Text*, arXiv 2404.03626, section 3.3, for the windows; the codebook is ours. The files
# `eiwref/windows/codebook.py` and `eiwref/windows/table_walk.py` are what ran above.
