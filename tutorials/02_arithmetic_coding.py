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
# # 02 · Arithmetic coding by hand, exactly
#
# A symbol of probability 0.9 deserves 0.15 bits. How does one write that? By never writing single symbols: the
# whole text becomes one interval, and its code one number in it. Here this is done with fractions, by hand, and
# nothing is rounded.
#
# **You will be able to**
# - narrow an interval by a symbol, and find the symbols again from any number inside;
# - find the shortest bit string that stands for an interval, whatever bits come after it;
# - encode and decode a text, and say why that takes at most 2 bits more than the ideal.
#
# **You need to know** what $-\log_2 p$ has to do with bits (tutorial 01). About 35 minutes.

# %%
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np

from eiwref import plots
from eiwref.coding import exact, huffman, stream
from eiwref.coding.interval import Interval
from eiwref.course import check
from eiwref.predictors.static import Unigram

plt.rcParams["font.size"] = 13

# %% [markdown]
# ## 1. Whole bits waste
#
# Give each symbol a bit string of its own, short ones to the frequent: that is Huffman's code, the best of its
# kind. Yet no symbol can have less than one bit. See what that costs where one of two symbols has nearly all the
# probability:

# %%
shares = np.linspace(0.5, 0.995, 100)
entropy = -shares * np.log2(shares) - (1 - shares) * np.log2(1 - shares)
whole = []
for share in shares:
    likelier, other = huffman.code_lengths([0, round(share * 2**12), 2**12])
    whole.append(share * likelier + (1 - share) * other)
figure, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
axis.plot(shares, whole, color=plots.RED, linewidth=2.5, label="Huffman's code")
axis.plot(shares, entropy, color=plots.BLUE, linewidth=2.5, label="entropy")
axis.fill_between(shares, entropy, whole, color=plots.ORANGE, alpha=0.35, label="waste")
axis.set_xlabel("probability of the likelier of two symbols")
axis.set_ylabel("bits a symbol")
axis.set_ylim(0, 1.1)
axis.legend(frameon=False, loc="lower left")
plt.show()

# %% [markdown]
# A good model of text is nearly sure of most bytes. It is just there that whole bits waste the most.
#
# ## 2. A text is an interval
#
# Our alphabet has three symbols: `a`, `b`, and `.`, which ends a text. A symbol's probability is its slice of the
# line from 0 to 1, given by cumulative frequencies out of $T = 8$:

# %%
NAMES = "ab."
cumulative = [0, 4, 7, 8]
for symbol, name in enumerate(NAMES):
    low, high = Fraction(cumulative[symbol], 8), Fraction(cumulative[symbol + 1], 8)
    print(f"{name}: [{low}, {high}), probability {high - low}, {-np.log2(float(high - low)):.3f} bits")

# %% [markdown]
# Now cut each slice in the same proportions, and each of these again. Whoever says `a` and then `b` takes the
# slice `b` of the slice `a`. Probabilities multiply, and so do widths: **the width of a text's interval is its
# probability**.

# %%
COLOURS = {"a": plots.SKY, "b": plots.YELLOW, ".": plots.ORANGE}


def draw(axis, text, low, width, depth):
    """The slices of all texts that begin with `text`, `depth` rows of them."""
    for symbol, name in enumerate(NAMES):
        begin = low + width * cumulative[symbol] / 8
        share = width * (cumulative[symbol + 1] - cumulative[symbol]) / 8
        axis.barh(-len(text), share, left=begin, height=0.9, color=COLOURS[name], edgecolor="black", linewidth=0.8)
        if share > 0.013 * (len(text) + 1):
            axis.text(begin + share / 2, -len(text), text + name, ha="center", va="center", family="monospace")
        if depth > 1 and name != ".":
            draw(axis, text + name, begin, share, depth - 1)


figure, axis = plt.subplots(figsize=(12, 3.8), layout="constrained")
draw(axis, "", 0.0, 1.0, 4)
axis.set_xlim(0, 1)
axis.set_yticks([0, -1, -2, -3], ["1 symbol", "2", "3", "4"])
axis.set_xticks(np.arange(9) / 8, ["0", *(f"{k}/8" for k in range(1, 8)), "1"])
axis.set_xlabel("the line from 0 to 1")
plt.show()

# %% [markdown]
# No two texts overlap, unless one begins with the other. So any number inside a text's interval says which text it
# is.
#
# ### Exercise 02.1: narrowing
#
# Write `narrow(low, width, cumulative, symbol)`: the part of the interval $[low, low + width)$ that belongs to
# `symbol` (an integer from 0), as a pair `(low, width)`. Both are `Fraction`s, and nothing is rounded.
# `narrow(Fraction(0), Fraction(1, 2), [0, 4, 7, 8], 1)` is `(Fraction(1, 4), Fraction(3, 16))`.


# %%
def narrow(low, width, cumulative, symbol):
    """(low, width) of the slice that belongs to a symbol, exactly."""
    ### BEGIN SOLUTION
    total = cumulative[-1]
    start, end = cumulative[symbol], cumulative[symbol + 1]
    return low + width * Fraction(start, total), width * Fraction(end - start, total)
    ### END SOLUTION


# %%
check("02.1", narrow)

# %% [markdown]
# `eiwref` does the same, with integers over a power of two in the place of fractions: an `Interval` is
# $[low, low + width)/2^{scale}$. The text `aba.`, step by step:

# %%
model = Unigram([3, 2, 0], precision=3)  # a count of 1 for each symbol, and of the other 5 these shares
assert list(model.cdf(model.start())) == cumulative
text = [NAMES.index(name) for name in "aba."]
for step in exact.trace(model, text):
    low, width, scale = step.interval
    begin, size = Fraction(low, 2**scale), Fraction(width, 2**scale)
    print(f"{NAMES[step.symbol]}: from {begin!s:>20}, width {size!s:>18}, {-np.log2(float(size)):6.3f} bits")

# %% [markdown]
# ## 3. Back again
#
# Given a number $x$ in $[0, 1)$, which text is it? It lies in exactly one of the three slices: that is the first
# symbol. Blow that slice up to the whole line, see where $x$ has come to lie, and go on.
#
# ### Exercise 02.2: symbols from a number
#
# Write `symbols_of(x, cumulative, n)`: the first `n` symbols of the number `x`, a `Fraction` in $[0, 1)$, as a
# list of integers. A slice holds its left end and not its right one. No symbol ends anything here, not the last
# one either: there are n, always. `symbols_of(Fraction(1, 2), [0, 4, 7, 8], 2)` is `[1, 0]`: 1/2 is where the
# slice of `b` begins, and in there the slice of `ba`.


# %%
def symbols_of(x, cumulative, n):
    """The first n symbols of the texts that a number stands for."""
    ### BEGIN SOLUTION
    total, found = cumulative[-1], []
    for _ in range(n):
        symbol = max(c for c in range(len(cumulative) - 1) if Fraction(cumulative[c], total) <= x)
        found.append(symbol)
        x = (x * total - cumulative[symbol]) / (cumulative[symbol + 1] - cumulative[symbol])
    return found
    ### END SOLUTION


# %%
check("02.2", symbols_of)

# %% [markdown]
# A number goes on for ever: 1/2 is `ba`, and `baa`, and `baaa`. A decoder must be told where to stop. In `eiwref`
# that is the symbol `.`, the end mark, which is a symbol like any other and has to be paid for.
#
# ## 4. The shortest code
#
# Which number shall we write? One with few binary digits. But more bits may follow ours, those of a next text,
# say. With bits $b$ written, $n$ of them, a decoder knows only that its number lies in
#
# $$\left[\frac{b}{2^n}, \frac{b + 1}{2^n}\right),$$
#
# the *dyadic* interval of these bits. So that whole interval must lie inside the text's. The shortest such bits,
# and the lowest of them if there are several, are the code. Here for the text `ba.`:

# %%
interval = Interval()
for name in "ba.":
    interval = interval.split(cumulative, NAMES.index(name))
low, high = interval.low / 2**interval.scale, (interval.low + interval.width) / 2**interval.scale
code, length = interval.shortest_code()

figure, axis = plt.subplots(figsize=(12, 4), layout="constrained")
axis.barh(-2, high - low, left=low, height=0.8, color=plots.ORANGE, edgecolor="black")
axis.text((low + high) / 2, -2, "ba.", family="monospace", ha="center", va="center")
for end in (low, high):
    axis.axvline(end, color=plots.RED, linestyle="--", linewidth=2, zorder=3)
left, right = low - 0.06, high + 0.06
for n in range(3, length + 1):
    for b in range(int(left * 2**n), int(right * 2**n) + 1):
        chosen = (b, n) == (code, length)
        begin, end = max(b / 2**n, left), min((b + 1) / 2**n, right)
        colour = plots.GREEN if chosen else ("#eeeeee" if b % 2 else "#d0d0d0")
        axis.barh(-n, end - begin, left=begin, height=0.8, color=colour, edgecolor="black", linewidth=0.6)
        if end - begin > 0.013:
            style = {"family": "monospace", "fontsize": 12, "ha": "center", "va": "center", "zorder": 4}
            style["bbox"] = {"facecolor": colour, "edgecolor": "none", "pad": 1}  # the dashed lines pass behind
            axis.text((begin + end) / 2, -n, f"{b:0{n}b}", color="white" if chosen else "black", **style)
axis.set_xlim(left, right)
axis.set_xlabel("the line from 0 to 1, in part")
axis.set_yticks(range(-length, -1), [*(f"{n} bits" for n in range(length, 2, -1)), "the text"])
plt.show()
print(f"ideal {-np.log2(high - low):.3f} bits; code {code:0{length}b}, {length} bits")

# %% [markdown]
# How long can it get? Let $w$ be the width, and $n$ the first whole number with $2^{-n} \le w/2$. Between two
# multiples of $2^{-n}$ that lie next to each other there is not more room than half of $w$; so one of them is in
# the first half of the interval, and the dyadic interval that begins there ends inside. And $n < -\log_2 w + 2$.
# **The code of a whole text, however long, is less than 2 bits longer than its ideal.**
#
# ### Exercise 02.3: the shortest code
#
# Write `shortest_code(low, width)` for the interval $[low, low + width)$ of two `Fraction`s: the bits as a string.
# `shortest_code(Fraction(3, 8), Fraction(1, 2))` is `"10"`, since $[1/2, 3/4)$ lies in $[3/8, 7/8)$ and no half of
# the line does. The whole line has the code `""`.


# %%
def shortest_code(low, width):
    """The shortest bit string, and the lowest of these, whose dyadic interval lies inside."""
    ### BEGIN SOLUTION
    n = 0
    while True:
        b = -(-low.numerator * 2**n // low.denominator)  # the first multiple of 2^-n that is not below low
        if Fraction(b + 1, 2**n) <= low + width:
            return format(b, f"0{n}b") if n else ""
        n += 1
    ### END SOLUTION


# %%
check("02.3", shortest_code)

# %% [markdown]
# ## 5. A decoder
#
# Now all parts are there: narrow, symbol by symbol; end with the end mark; write the shortest code. `eiwref`'s
# exact coder does it:


# %%
def encoded(model, text):
    """The code of a text, given by its symbols without the end mark, as a string of 0 and 1."""
    return str(stream.encode(exact.Encoder(), model, text))


for letters in ("", "a", "aaaaaaaa", "abba", "bbbbbbbb"):
    text = [NAMES.index(name) for name in letters]
    ideal = sum(-np.log2((cumulative[c + 1] - cumulative[c]) / 8) for c in [*text, 2])
    code = encoded(model, text)
    print(f"{letters + '.':>9}  {code:<16} {len(code):2} bits, ideal {ideal:6.3f}")

# %% [markdown]
# Each is within 2 bits of its ideal, and the likely text of eight `a` no longer than the bits it deserves.
#
# ### Exercise 02.4: the decoder
#
# Write `decode(code, cumulative)`: the symbols of the text whose code is the bit string `code`, as a list, without
# the end mark, which is the last symbol of the alphabet. After the bits of the code come zeros, as many as you
# like. Keep exact fractions: a code may have hundreds of bits. For `[0, 4, 7, 8]`,
# `decode("111", [0, 4, 7, 8])` is `[]`: 7/8 is in the slice of the end mark.


# %%
def decode(code, cumulative):
    """The symbols before the end mark, from the bits of an arithmetic code."""
    ### BEGIN SOLUTION
    x, total, found = Fraction(int("0" + code, 2), 2 ** len(code)), cumulative[-1], []
    while True:
        symbol = max(c for c in range(len(cumulative) - 1) if Fraction(cumulative[c], total) <= x)
        if symbol == len(cumulative) - 2:
            return found
        found.append(symbol)
        x = (x * total - cumulative[symbol]) / (cumulative[symbol + 1] - cumulative[symbol])
    ### END SOLUTION


# %%
check("02.4", decode)

# %% [markdown]
# ## 6. What is left of the waste?
#
# The likelier of two symbols at 0.95, an end mark, and texts of growing length. At most 2 bits are lost in all, so
# the more symbols share them, the less there is to see. (Short texts are dear under this model for another
# reason: it expects one end in a thousand symbols, so that an early end is a surprise of 10 bits.)

# %%
model = Unigram([9500, 490, 10], precision=16)
rng = np.random.default_rng(0)
counts = np.diff(model.cdf(None))
huffman_lengths = huffman.code_lengths(model.cdf(None))
sizes, ideal, arithmetic, whole = [2**k for k in range(1, 11)], [], [], []
for size in sizes:
    text = rng.choice(2, size=size, p=[0.95, 0.05]).tolist()
    ideal.append(sum(np.log2(2**16 / counts[c]) for c in [*text, 2]) / size)
    arithmetic.append(len(encoded(model, text)) / size)
    whole.append(sum(huffman_lengths[c] for c in [*text, 2]) / size)
figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
axis.plot(sizes, whole, "s--", color=plots.RED, label="Huffman's code")
axis.plot(sizes, arithmetic, "o-", color=plots.BLUE, label="arithmetic code")
axis.plot(sizes, ideal, ":", color="black", linewidth=2, label="ideal")
axis.set_xscale("log", base=2)
axis.set_xlabel("symbols in the text")
axis.set_ylabel("bits a symbol, end mark included")
axis.set_ylim(bottom=0)
axis.legend(frameon=False)
plt.show()
print(f"{sizes[-1]} symbols: ideal {ideal[-1]:.4f}, arithmetic {arithmetic[-1]:.4f}, whole bits {whole[-1]:.4f}")

# %% [markdown]
# ## 7. And the price: digits
#
# Nothing was rounded, so the numbers grow: every symbol makes them longer by the bits of its frequencies.

# %%
interval = Interval()
for symbol in text:
    interval = interval.split(model.cdf(None), symbol)
print(f"after {len(text)} symbols the ends of the interval have {interval.scale} binary digits;")
print(f"the code of these symbols takes {interval.shortest_code()[1]} bits")

# %% [markdown]
# Work on numbers that grow with the text is more than proportional to its length. Does one need all these digits?
# That is the next tutorial.
#
# ## In short
#
# - A text is an interval whose width is its probability; symbol by symbol it is narrowed.
# - Any number inside gives the text back; the end is a symbol too.
# - The code is the shortest dyadic interval inside: less than 2 bits above the ideal, for the whole text.
# - Exactly done, numbers grow with the text.
#
# **Questions.** Why must the whole dyadic interval lie inside and not only its left end? Would a code get longer
# if the symbols were ordered otherwise? The model of the second symbol may be another than that of the first:
# what must encoder and decoder agree on?
#
# **Sources.** J. Rissanen, *Generalized Kraft Inequality and Arithmetic Coding*, 1976. I. H. Witten, R. M. Neal
# and J. G. Cleary, *Arithmetic Coding for Data Compression*, 1987. *Training LLMs over Neurally Compressed Text*,
# arXiv 2404.03626, section 2.1 and Figure 1. Here: `eiwref/coding/interval.py`, `eiwref/coding/exact.py`.
