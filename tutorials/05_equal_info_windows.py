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
# # 05 · Equal-info windows
#
# Bits that run on mean nothing by themselves. So text is cut into *windows*, each of as many bytes as compress to
# exactly W bits, and model and coder start afresh in each. How exactly does one fill W bits? The paper's way loses
# text, as we shall see in an alphabet of three letters. Then we look at two ways that do not.
#
# **You will be able to**
# - cut a text into windows by the paper's rule, and find two texts that this rule cannot tell apart;
# - say what *delay* does about it and what it costs;
# - draw the whole tree of stop-cell windows for a small alphabet, and write its encoder and its decoder.
#
# **You need to know** arithmetic coding with exact intervals (tutorial 02) and what a model with context is
# (tutorial 04). About 40 minutes.

# %%
import math
import os
from fractions import Fraction
from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import eiwref
from eiwref import plots, show
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.predictors.ngram import NGram
from eiwref.predictors.static import Unigram
from eiwref.windows import Delay, Greedy, StopCell

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13

# %% [markdown]
# ## 1. The paper's windows, W = 4
#
# Our alphabet is a, b, c, written as the symbols 0, 1, 2. The model has no context: a has probability 7/16, b
# 4/16, c 5/16. A window takes symbols while the text's interval still holds a *cell*: one of the $2^W$ dyadic
# intervals of length $2^{-W}$. Its code is the shortest bit string whose dyadic interval lies inside, the lowest
# of these, padded with zero bits to W.
#
# ### Exercise 05.1: the code of an interval
#
# `padded_code(low, high, window_bits)` returns that code as an integer below $2^W$, or `None` if the interval
# $[low, high)$ holds no cell. `low` and `high` are `Fraction`s from 0 to 1. For [0, 7/16) and W = 4 the shortest
# code is `00`, so the answer is 0 (`0000`); for [7/16, 11/16) it is `10`, so 8 (`1000`); for [1/32, 2/32) `None`.
# Mind that several lengths must be tried, from 0 bits up.


# %%
def padded_code(low, high, window_bits):
    ### BEGIN SOLUTION
    for length in range(window_bits + 1):
        first = math.ceil(low * 2**length)  # the lowest dyadic interval of this length that begins inside
        if Fraction(first + 1, 2**length) <= high:
            return first << (window_bits - length)
    return None
    ### END SOLUTION


# %%
check("05.1", padded_code)

# %% [markdown]
# Here are the intervals of some texts over the 16 cells. Cells that lie inside are dark; where none does, the text
# does not fit into a window.

# %%
three = Unigram([2, 1, 1], precision=4)
greedy = Greedy(three, window_bits=4)


def interval(text):
    """[low, high) of a text, exactly."""
    low, high = Fraction(0), Fraction(1)
    for symbol in text:
        start, end = three.cdf(None)[symbol], three.cdf(None)[symbol + 1]
        low, high = low + (high - low) * Fraction(start, 16), low + (high - low) * Fraction(end, 16)
    return low, high


def letters(text):
    return "".join("abcd"[symbol] for symbol in text)


figure, axis = plt.subplots(figsize=(11, 4), layout="constrained")
TEXTS = [(0,), (1,), (2,), (0, 0), (0, 1), (0, 0, 0), (0, 0, 1)]
for row, text in enumerate(TEXTS):
    low, high = (float(16 * end) for end in interval(text))
    axis.barh(-row, high - low, left=low, height=0.7, color=plots.SKY)
    inside = range(math.ceil(low), math.floor(high))
    axis.barh([-row] * len(inside), 1, left=inside, height=0.7, color=plots.BLUE, edgecolor="white")
    code = f"{greedy.encode(bytes(text))[1]:04b}" if inside else "does not fit"
    axis.text(16.2, -row, code, va="center", family="monospace")
axis.set_xticks(range(17))
axis.set_xlim(0, 19.5)
axis.set_yticks([-row for row in range(len(TEXTS))], map(letters, TEXTS), family="monospace")
axis.set_xlabel("cells of a window of 4 bits")
axis.grid(axis="x", alpha=0.4)
plt.show()

# %% [markdown]
# ## 2. Two texts, one code
#
# Read the right-hand column again: `a`, `aa` and `aaa` all have the code `0000`. The shortest code of `a` is
# `00`, that of `aa` is `000`, and padding makes them one. The paper's decoder knows of it and takes the longest
# text with the code. So when the text was just `a`, followed by something that did not fit, it reads too much.
# Sometimes a clever decoder could see from what follows that `aa` cannot be meant. But look at `b`: it fits
# neither after `a` nor after `aa`.

# %%
for text in (b"\0\1", b"\0\0\1"):
    windows = list(greedy.segment(text))
    back = b"".join(greedy.decode(window.code).text for window in windows)
    codes = [f"{window.code:04b}" for window in windows]
    print(f"{letters(text):>4} has the windows {codes}, decoded to {letters(back)}")

# %% [markdown]
# No decoder whatever can be right for both. Nor is the end of the text to blame: the same `b` stands at the end of
# both, in a window of its own.
#
# ### Exercise 05.2: find such a pair
#
# `two_texts(windows, symbols)` returns a tuple of two different texts (`bytes` of symbols from 0 to `symbols -
# 1`) that have the same codes **and** the same text in their last windows. `windows(text: bytes)` cuts a text
# and returns a list of `(text of the window, code)`: for the model above, `windows(b"\0\1")` is `[(b"\0", 0),
# (b"\1", 8)]`. There is such a pair among the texts of up to 4 symbols, and trying them all is quick.


# %%
def two_texts(windows, symbols):
    ### BEGIN SOLUTION
    found = {}
    for length in range(2, 5):
        for text in map(bytes, product(range(symbols), repeat=length)):
            cut = windows(text)
            key = (tuple(code for _, code in cut), cut[-1])
            if key in found:
                return found[key], text
            found[key] = text
    return None
    ### END SOLUTION


# %%
check("05.2", two_texts)

# %% [markdown]
# ## 3. Delay
#
# The paper has a remedy (Appendix A.5), which it does not use by default: symbols at the end of a window that
# only add zero bits are left to the next one. The window's text is the *shortest* with its code, and that is
# what the decoder takes. It is lossless, and it gives away what the padding would have held:

# %%
delay = Delay(three, window_bits=4)
for text in (b"\0\1", b"\0\0\1"):
    windows = list(delay.segment(text))
    back = b"".join(delay.decode(window.code).text for window in windows)
    codes = [f"{window.code:04b}" for window in windows]
    print(f"{letters(text):>4} has the windows {codes}, decoded to {letters(back)}")

# %% [markdown]
# There is another waste, common to both: many codes belong to no text at all.

# %%
for scheme in (greedy, delay):
    used = [f"{code:04b}" for code in range(16) if scheme.decode(code).valid]
    print(f"{scheme.name}: {len(used)} of 16 codes are in use: {' '.join(used)}")

# %% [markdown]
# ## 4. Stop cells: every code means one text
#
# Let us begin again from the cells. There are $2^W$ of them; each shall mean one text, and every text that we need
# must have one. Think of a tree whose nodes are texts. A node *owns* a run of cells, and shares them with its
# children.
#
# - **The root** (the empty text) owns all cells. Any symbol must be able to start a window: so each of the K
#   symbols gets one cell, and the other $R = 2^W - K$ are shared out by the model: symbol c gets $1 +
#   \mathrm{round}(R\,C[c+1] / T) - \mathrm{round}(R\,C[c] / T)$, with $C$ the cumulative counts, $T$ their
#   total.
# - **Any other node** of n cells keeps its first cell for itself. This is its *stop cell*: "the window ends here".
#   Symbol c gets $\mathrm{round}((n-1)\,C[c+1] / T) - \mathrm{round}((n-1)\,C[c] / T)$ of the others, in order.
# - A symbol that gets no cell does not fit. The window ends, and its code is the stop cell of where it has come
#   to.
#
# We round to the nearest integer, halves up: $\mathrm{round}(x) = \lfloor x + 1/2 \rfloor$.
#
# No dyadic intervals, no padding. Here is a whole tree: K = 4 letters, W = 4 bits, and a model with context,
# which has read *abacabadabacabad...* and so knows that after b, c and d comes a.

# %%
ruler = bytes("abcd".index(letter) for letter in "abacabad" * 8)
four = NGram.fit([ruler], order=2, symbols=4, precision=8)
tree = StopCell(four, window_bits=4)
texts = [tree.decode(code).text for code in range(16)]

figure, axis = plt.subplots(figsize=(11, 5), layout="constrained")
axis.bar(8, 0.9, 15.96, color="#dddddd")
axis.text(8, 0.45, "the empty text, all 16 cells", ha="center", va="center")
for text in texts:
    *_, (first, last) = tree.narrow(text)
    y = -len(text)
    axis.bar(first, 0.9, last - first + 0.96, bottom=y, align="edge", color=plots.SKY)
    axis.bar(first, 0.9, 0.96, bottom=y, align="edge", color=plots.ORANGE)
    axis.text(first + 0.48, y + 0.45, letters(text), ha="center", va="center", family="monospace", fontsize=15)
for code, text in enumerate(texts):
    axis.plot([code + 0.48] * 2, [-len(text), -4.2], color="grey", linewidth=1, linestyle=":")
    axis.text(code + 0.48, -4.3, f"{code:04b}", ha="center", va="top", family="monospace", fontsize=12)
axis.set_xlim(-0.1, 16.1)
axis.set_ylim(-4.8, 1)
axis.set_yticks([0.45, -0.55, -1.55, -2.55, -3.55], ["root", "1 symbol", "2 symbols", "3 symbols", "4 symbols"])
axis.set_xticks([])
axis.set_title("The tree of all windows of 4 bits: stop cells in orange, cells for longer texts in blue")
plt.show()

# %% [markdown]
# Below each cell stands its code. Each has one text, each text of the tree one code, and it cannot be otherwise:
# the shares of a node's children and its stop cell add up to what it owns, so that going down no cell is lost
# and none is given twice. And a walk towards a cell must end, since every step down leaves fewer cells.
#
# Why round to the nearest integer and not down, as in tutorial 03? Down would be as lossless, but a cell would go
# to the symbol in whose slice its *end* lies. The last cell ends at T: so every node would give it to the last
# symbol, however unlikely, and among bytes that is 255, which text does not have. A node of two cells, as `c` is,
# has only this one to give: it would go to `cd`, though after c the model expects a. To the nearest it is the
# *middle* of a cell that counts, and this one goes to `ca`.
#
# The exercises need this rounding. It is done in integers, since floats are not exact for windows of 64 bits; and
# Python's own `round` takes halves to the even number: `round(4.5)` is 4.


# %%
def nearest(above, below):
    """above / below, two integers, rounded to the nearest integer, halves up."""
    return (2 * above + below) // (2 * below)


# %% [markdown]
# ### Exercise 05.3: sharing out a node's cells
#
# `shares(cumulative, cells, root)` returns a list of K integers, the number of cells that each symbol gets.
# `cumulative` is the list of the K + 1 integers C, `cells` what the node owns, `root` is `True` or `False`. For
# `[0, 2, 3, 4]`: 9 cells of the root give `[4, 3, 2]`, 10 cells of another node `[5, 2, 2]`.


# %%
def shares(cumulative, cells, root):
    ### BEGIN SOLUTION
    symbols, total = len(cumulative) - 1, cumulative[-1]
    each, spare = (1, cells - symbols) if root else (0, cells - 1)
    edges = [nearest(spare * c, total) for c in cumulative]
    return [each + edges[symbol + 1] - edges[symbol] for symbol in range(symbols)]
    ### END SOLUTION


# %%
check("05.3", shares)

# %% [markdown]
# ### Exercise 05.4: the encoder
#
# `encode_window(cdf, window_bits, text)` returns `(length, code)`: how many symbols of `text` (`bytes`, at least
# one) the first window holds, and its code, an integer. The model is a function: `cdf(text: bytes)` is the list
# C after that text, `cdf(b"")` the one at the start. For the tree above `encode_window(cdf, 4, b"\0\1\0\0")` is
# `(3, 2)`: `aba`, whose code is `0010`.
#
# Keep two numbers: the first cell that is owned, and how many there are. Where do the children's cells begin? At
# the root with the first cell; at any other node after the stop cell.


# %%
def encode_window(cdf, window_bits, text):
    ### BEGIN SOLUTION
    first, cells = 0, 1 << window_bits
    for place, symbol in enumerate(text):
        cumulative = cdf(text[:place])
        symbols, total = len(cumulative) - 1, cumulative[-1]
        # The root gives each symbol a cell and shares the others; another node keeps its first one.
        each, spare, begin = (1, cells - symbols, first) if place == 0 else (0, cells - 1, first + 1)
        low = each * symbol + nearest(spare * cumulative[symbol], total)
        high = each * (symbol + 1) + nearest(spare * cumulative[symbol + 1], total)
        if low == high:
            return place, first
        first, cells = begin + low, high - low
    return len(text), first
    ### END SOLUTION


# %%
check("05.4", encode_window)

# %% [markdown]
# ### Exercise 05.5: the stop-cell decoder
#
# `decode_window(cdf, window_bits, code)` returns the text of a code, as `bytes`; `cdf` and `window_bits` as
# before. It must answer for *every* code from 0 to $2^W - 1$: in the tree above, 5 (`0101`) gives `b"\0\2\0"`,
# which is `aca`.
#
# Walk down towards the code: at each node find the child among whose cells it lies, until it is the node's stop
# cell. Mind the root, which has no stop cell: code 0 is not the empty text.


# %%
def decode_window(cdf, window_bits, code):
    ### BEGIN SOLUTION
    text, first, cells = b"", 0, 1 << window_bits
    while not text or code != first:
        cumulative = cdf(text)
        symbols, total = len(cumulative) - 1, cumulative[-1]
        each, spare, begin = (1, cells - symbols, first) if not text else (0, cells - 1, first + 1)
        edges = [begin + each * c + nearest(spare * cumulative[c], total) for c in range(symbols + 1)]
        symbol = max(symbol for symbol in range(symbols) if edges[symbol] <= code)
        text, first, cells = text + bytes([symbol]), edges[symbol], edges[symbol + 1] - edges[symbol]
    return text
    ### END SOLUTION


# %%
check("05.5", decode_window)

# %% [markdown]
# ## 5. On real text
#
# Now with bytes for symbols, W = 16, and the n-gram that travels with the package. The same sentence, cut in
# three ways; what the decoder would get wrong is red, in white letters.

# %%
predictor = eiwref.shipped("ngram").over(256)
schemes = [scheme(predictor, 16) for scheme in (Greedy, Delay, StopCell)]
SENTENCE = b"When a window is full, coder and model forget everything and start afresh."
figure, axis = plt.subplots(figsize=(12, 2.6), layout="constrained")
letters_of = show.printable(SENTENCE)
for row, scheme in enumerate(schemes):
    for index, (start, end, code) in enumerate(scheme.segment(SENTENCE)):
        right = scheme.decode(code).text == SENTENCE[start:end]
        colour = plots.WINDOW_COLOURS[index % 2] if right else plots.RED
        axis.barh(-row, end - start - 0.1, left=start - 0.45, height=0.8, color=colour)
        style = {"ha": "center", "va": "center", "family": "monospace", "color": "black" if right else "white"}
        for place in range(start, end):
            axis.text(place, -row, letters_of[place], fontsize=14, **style)
axis.set_yticks([0, -1, -2], [scheme.name for scheme in schemes])
axis.set_xticks([])
axis.set_xlim(-0.6, len(SENTENCE) - 0.4)
axis.spines[:].set_visible(False)
plt.show()
for start, end, code in schemes[0].segment(SENTENCE):
    read = schemes[0].decode(code).text
    if read != SENTENCE[start:end]:
        print(f"greedy: {SENTENCE[start:end]!r} is decoded to {read!r}")

# %% [markdown]
# How a window fills up: the cells that are left after each byte, one line for each window of the sentence. A
# byte that surprises the model takes many bits at once, an expected one hardly any.

# %%
figure, axis = plt.subplots(figsize=(11, 4.4), layout="constrained")
stop = schemes[2]
for index, (start, end, _) in enumerate(stop.segment(SENTENCE)):
    text = SENTENCE[start:end]
    bits = [16, *(np.log2(last - first + 1) for first, last in stop.narrow(text))]
    colour = (plots.BLUE, plots.RED)[index % 2]
    axis.plot(np.arange(start, end + 1) - 0.5, bits, "o-", color=colour, markersize=4)
    axis.axvspan(start - 0.5, end - 0.5, color=plots.WINDOW_COLOURS[index % 2], alpha=0.3, linewidth=0)
axis.set_xticks(range(len(SENTENCE)), list(show.printable(SENTENCE)), family="monospace", fontsize=12)
axis.set_xlim(-1, len(SENTENCE))
axis.set_yticks(range(0, 17, 4))
axis.set_ylabel("cells left, as a power of 2")
plt.show()

# %% [markdown]
# And many windows at once, of text that was held out when the n-gram was fitted:

# %%
sample = b"\n\n".join(builtin.documents("held-out"))[: 1_000 if FAST else 20_000]
figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
print("scheme   bits   windows   bytes/window   decoded wrongly")
for window_bits in (16, 32, 64):
    for kind in (Greedy, Delay, StopCell):
        scheme = kind(predictor, window_bits)
        windows = list(scheme.segment(sample))
        wrong = np.mean([scheme.decode(code).text != sample[start:end] for start, end, code in windows])
        lengths = np.array([end - start for start, end, _ in windows])
        print(f"{kind.name:<8} {window_bits:>4} {len(windows):>9,} {lengths.mean():>14.3f} {wrong:>17.1%}")
        if window_bits == 16:
            longest = range(1, 16)
            share = [np.mean(lengths == length) for length in longest]
            style = {"greedy": "s--", "delay": "^:", "stop": "o-"}[kind.name]
            axis.plot(longest, share, style, color=plots.SCHEME_COLOURS[kind.name], label=kind.name)
axis.set_xlabel("bytes in a window of 16 bits")
axis.set_ylabel("share of windows")
axis.set_xticks(range(1, 16, 2))
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# Greedy windows hold much, but of one in three or four you cannot get your text back. Delay is exact and pays for
# it, the more the shorter the window. Stop cells are exact and hold even a little more than greedy ones, since no
# code is left without a text.
#
# The paper reports that 99.4 % of its sequences could be decoded, and puts the rest down to the end of the
# input. As the scheme is described, what we saw is another cause and a more frequent one. The authors' own coder
# may differ from its description in detail.
#
# ## In short
#
# - A window takes bytes while W bits can still hold them; then all starts afresh, so that equal bits mean equal
#   text.
# - *Greedy*, as described, pads with zeros, and padding can spell another symbol: two texts, one code.
# - *Delay* leaves such symbols to the next window: exact, but shorter windows.
# - *Stop cells* number the nodes of a tree: a bijection between codes and texts, with an encoder and a decoder
#   that take the same walk.
#
# **Questions.** What happens to the tree where the model is nearly certain, $p = 0.999$, say? (Look at what
# `eiwref/predictors/limits.py` does after `limit` symbols, and why it does not simply cut.)
# `decode(encode(text))` is always the text; when is `encode(decode(codes))` not the codes? The one cell that a
# node of two can give goes to the symbol in whose slice $T/2$ lies. When is that not the likeliest one? How would
# you give it to the likeliest, and what would you have to change in the decoder? Why does delay lose less at
# W = 64 than at W = 16?
#
# **Sources.** *Training LLMs over Neurally Compressed Text*, arXiv 2404.03626: section 3.3, Figure 2, Appendices
# A.5 (delay) and D.5 (decoding). The stop cell is ours. The files `eiwref/windows/padded.py` and
# `eiwref/windows/stop_cell.py`, with its proof, are what ran above.
