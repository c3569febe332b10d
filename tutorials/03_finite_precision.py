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
# # 03 · Finite precision: what rounding costs, and carries
#
# Exact fractions grow with the text. Of all their digits only a few matter at any moment: those that can still
# change. Keep these in a register of 32 bits, round what does not fit, and arithmetic coding takes time in
# proportion to the text. Two questions remain: what does rounding cost, and can a digit that has been written
# still change? It can.
#
# **You will be able to**
# - split an integer interval among symbols so that nothing is lost but a little width;
# - say how many bits that costs, and why it is next to nothing;
# - find a symbol in rounded slices, without being off by one;
# - say when a digit is final, and pass on a carry when it was not.
#
# **You need to know** arithmetic coding as in tutorial 02. About 40 minutes.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np

from eiwref import plots
from eiwref.coding import exact, finite, stream
from eiwref.coding.interval import Interval
from eiwref.course import check
from eiwref.predictors.static import Unigram

plt.rcParams["font.size"] = 13
FAST = os.environ.get("EIWREF_FAST") == "1"

# %% [markdown]
# ## 1. The price of all digits
#
# Three encoders on the same texts: one that narrows a fraction symbol by symbol, as we did by hand; `eiwref`'s
# exact coder, which joins intervals in a tree so that few large numbers are multiplied; and its coder in 32
# bits.


# %%
def by_hand(model, text):
    interval = Interval()
    for symbol in [*text, model.symbols - 1]:
        interval = interval.split(model.cdf(None), symbol)
    return interval.shortest_code()


CODERS = {
    "exact, symbol by symbol": (by_hand, plots.RED, "s--"),
    "exact, joined in a tree": (
        lambda model, text: stream.encode(exact.Encoder(), model, text),
        plots.ORANGE,
        "^-.",
    ),
    "32 bits": (lambda model, text: stream.encode(finite.Encoder(), model, text), plots.BLUE, "o-"),
}
rng = np.random.default_rng(0)
model = Unigram([600, 300, 80, 20], precision=16)
sizes = [2**k for k in range(8, 13 if FAST else 16)]
figure, axis = plt.subplots(figsize=(9, 3.8), layout="constrained")
for name, (encode, colour, style) in CODERS.items():
    seconds = []
    for size in sizes:
        text = rng.integers(3, size=size).tolist()
        begin = time.process_time()  # of this process alone, whatever else the machine does
        encode(model, text)
        seconds.append(time.process_time() - begin)
    axis.plot(sizes, seconds, style, color=colour, linewidth=2, label=name)
    growth = np.log2(seconds[-1] / seconds[-3]) / 2
    print(f"{name}: {seconds[-1]:.3f} s for {size:,} symbols; twice the text takes {2**growth:.1f} times as long")
axis.set_xscale("log", base=2)
axis.set_yscale("log")
axis.set_xlabel("symbols")
axis.set_ylabel("seconds to encode")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 2. Slices in whole numbers
#
# From here on the interval is $[low, low + width)$ in whole numbers, on a line of $2^{32}$ places. Symbol $c$
# shall get the part from $C[c]/T$ to $C[c+1]/T$ of it, and that is seldom whole. So we round down both *ends*:
#
# $$start = \left\lfloor \frac{width \cdot C[c]}{T} \right\rfloor, \qquad
#   end = \left\lfloor \frac{width \cdot C[c+1]}{T} \right\rfloor.$$
#
# The end of one slice is the start of the next, whatever is rounded: the slices *tile* the interval. Had we
# rounded each slice's width by itself, there would be gaps, or, where rounding goes up, overlaps: two texts with
# one code.

# %%
cumulative, width = [0, 3, 5, 7, 11, 16], 21
figure, axis = plt.subplots(figsize=(12, 2.6), layout="constrained")
for symbol in range(5):
    fractions = [width * cumulative[symbol + k] / 16 for k in (0, 1)]
    places = [width * cumulative[symbol + k] // 16 for k in (0, 1)]
    for row, (begin, end) in enumerate((fractions, places)):
        colour = plots.SKY if symbol % 2 else plots.YELLOW
        axis.barh(-row, end - begin, left=begin, height=0.8, color=colour, edgecolor="black")
        label = f"{end - begin:.2f}" if row == 0 else str(end - begin)
        axis.text((begin + end) / 2, -row, label, ha="center", va="center")
axis.set_xticks(range(width + 1))
axis.set_yticks([0, -1], ["exact", "rounded"])
axis.set_xlabel("places of the interval")
plt.show()

# %% [markdown]
# ### Exercise 03.1: splitting whole numbers
#
# Write `split(low, width, cumulative, symbol)`: the pair `(low, width)` of the symbol's slice, in integers and
# rounded as above. `split(100, 21, [0, 3, 5, 7, 11, 16], 1)` is `(103, 3)`. Numbers may have hundreds of bits
# here, so no float may come near them.


# %%
def split(low, width, cumulative, symbol):
    """(low, width) of a symbol's slice of an interval of whole numbers."""
    ### BEGIN SOLUTION
    total = cumulative[-1]
    start, end = width * cumulative[symbol] // total, width * cumulative[symbol + 1] // total
    return low + start, end - start
    ### END SOLUTION


# %%
check("03.1", split)

# %% [markdown]
# ## 3. What it costs
#
# A symbol with count $f = C[c+1] - C[c]$ ought to keep the width $width \cdot f/T$ and keeps a little less or
# more. The bits that it costs beyond $-\log_2(f/T)$ are
#
# $$\log_2 \frac{width \cdot f / T}{end - start}.$$
#
# ### Exercise 03.2: the cost of rounding
#
# Write `rounding_cost(width, cumulative, symbol)`: these bits, as a float; below zero where rounding was to the
# symbol's advantage. `rounding_cost(21, [0, 3, 5, 7, 11, 16], 1)` is `-0.19264507794239588`: 3 places for 2.625.


# %%
def rounding_cost(width, cumulative, symbol):
    """Bits that a symbol costs beyond its ideal, since its slice is rounded."""
    ### BEGIN SOLUTION
    total = cumulative[-1]
    start, end = width * cumulative[symbol] // total, width * cumulative[symbol + 1] // total
    return float(np.log2(width * (cumulative[symbol + 1] - cumulative[symbol]) / total / (end - start)))
    ### END SOLUTION


# %%
check("03.2", rounding_cost)

# %% [markdown]
# How much is that, on average over symbols as they come? Here for a distribution over 256 symbols out of
# $2^{16}$, over widths of a growing number of bits. A coder in 32 bits keeps its width at $2^{24}$ or above.

# %%
weights = rng.pareto(0.8, size=256) * 100 + 1
model = Unigram(weights.astype(np.int64), precision=16)
edges = np.array(model.cdf(None), dtype=np.int64)
p = np.diff(edges) / 2**16
bits, mean, worst = range(17, 33), [], []
for b in bits:
    costs = []
    for width in rng.integers(2 ** (b - 1), 2**b, size=20 if FAST else 200).tolist():
        kept = np.diff(width * edges >> 16)
        costs.append(np.log2(width * p / kept))
    mean.append(np.mean([p @ cost for cost in costs]))
    worst.append(np.max(costs))
figure, axis = plt.subplots(figsize=(9, 3.8), layout="constrained")
axis.plot(bits, worst, "s--", color=plots.RED, label="worst symbol seen")
axis.plot(bits, mean, "o-", color=plots.BLUE, label="average symbol")
axis.axvspan(24.5, 32.5, color=plots.SKY, alpha=0.3, label="widths of the 32-bit coder")
axis.set_yscale("log")
axis.set_xlabel("bits of width")
axis.set_ylabel("bits lost a symbol")
axis.legend(frameon=False)
plt.show()
lost = mean[list(bits).index(25)]
print(f"widths of 25 bits: an average symbol loses {lost:.1e} bits, that is one bit in {1 / lost:,.0f} symbols")

# %% [markdown]
# The bound is in `eiwref/coding/finite.py`: a symbol of count $f$ loses less than $\log_2(1 + T/(f \cdot
# 2^{24}))$ bits. Rounding is no reason to want floating point, then. Floats would round as well, and not in the
# same way on every machine: an encoder and a decoder that disagree in one place of one slice part for ever.
#
# ## 4. The decoder's trap
#
# The decoder knows $place = code - low$, from 0 to $width - 1$, and looks for the symbol whose *rounded* slice
# holds it. With exact fractions that was the symbol at $place \cdot T / width$. With rounded ends, that may be
# the neighbour:

# %%
cumulative, width = [0, 3, 5, 7, 11, 16], 21
for place in range(width):
    truth = next(c for c in range(5) if place < width * cumulative[c + 1] // 16)
    naive = next(c for c in range(5) if place * 16 // width < cumulative[c + 1])
    if truth != naive:
        print(
            f"place {place}: in the slice of symbol {truth}, but {place} * 16 // {width} points to symbol {naive}"
        )

# %% [markdown]
# One wrong symbol, and all that follows is lost. Ask instead for the largest $c$ with
# $\lfloor width \cdot C[c] / T \rfloor \le place$. Since $place$ is whole, that is the same as
# $width \cdot C[c] < (place + 1) \cdot T$: no slice need be rounded to find it, and with
# `bisect` the search among 256 symbols takes 8 steps.
#
# ### Exercise 03.3: the symbol at a place
#
# Write `symbol_at(place, width, cumulative)`: the symbol, an integer, in whose rounded slice `place` lies.
# `symbol_at(3, 21, [0, 3, 5, 7, 11, 16])` is `1`.


# %%
def symbol_at(place, width, cumulative):
    """The symbol whose rounded slice of an interval of this width holds a place, 0 <= place < width."""
    ### BEGIN SOLUTION
    total = cumulative[-1]
    return max(c for c in range(len(cumulative) - 1) if width * cumulative[c] // total <= place)
    ### END SOLUTION


# %%
check("03.3", symbol_at)

# %% [markdown]
# ## 5. When is a digit final?
#
# The code will lie somewhere from $low$ to $low + width - 1$. The leading digits in which these two agree can be
# written and forgotten, for whatever comes, the interval stays inside. That is how 32 bits are enough: what is
# final goes out on the left, and zeros come in on the right, which multiplies $low$ and $width$ by two for each.
#
# ### Exercise 03.4: settled digits
#
# Write `settled(low, width)`: how many of the leading digits of a line of $2^{32}$ places are final for the
# interval $[low, low + width)$, an integer from 0 to 32. `settled(0, 2**32)` is 0, `settled(0, 2**31)` is 1 and
# `settled(2**31 - 1, 2)` is 0, though this interval is as narrow as two places.


# %%
def settled(low, width):
    """How many leading digits, of 32, all numbers of an interval have in common."""
    ### BEGIN SOLUTION
    return 32 - (low ^ (low + width - 1)).bit_length()
    ### END SOLUTION


# %%
check("03.4", settled)

# %% [markdown]
# The last example is the trouble. An interval may narrow down on the middle of the line, and still not one
# digit is final: 0111111... and 1000000... have none in common. Let us provoke it. The middle one of three
# symbols has a slice that is centred on the line; however often it comes, the interval stays around the middle.

# %%
model = Unigram([4, 5, 4], precision=4)
cumulative = model.cdf(None)
print(f"cumulative frequencies: {list(cumulative)}")
text = [1] * 24 + [0] + rng.integers(0, 3, size=15).tolist()
encoder, ideal, final = finite.Encoder(), [0.0], [0]
for symbol in text:
    encoder.encode(cumulative, symbol)
    ideal.append(ideal[-1] - np.log2((cumulative[symbol + 1] - cumulative[symbol]) / 16))
    final.append(encoder.settled_bits)
figure, axis = plt.subplots(figsize=(10, 3.8), layout="constrained")
axis.step(
    range(len(final)), ideal, where="post", color=plots.ORANGE, linewidth=2.2, label="bits that the text is worth"
)
axis.step(range(len(final)), final, where="post", color=plots.BLUE, linewidth=2.2, label="bits that are final")
axis.axvspan(0, 25, color="grey", alpha=0.12)
axis.text(19, 8, "a carry is open", ha="center")
axis.set_xlabel("symbols encoded")
axis.set_ylabel("bits")
axis.legend(frameon=False, loc="upper left")
plt.show()
for n in (24, 25):
    print(f"after {n} symbols: worth {ideal[n]:.1f} bits, of which {final[n]} are final")

# %% [markdown]
# As long as the middle symbol comes nothing is final; the first other one decides it, for all digits at once. A
# register that waited for settled digits would have run out of places.
#
# ## 6. Carries
#
# `eiwref`'s coder does not wait. Whenever $width$ falls below $2^{24}$ it moves the top byte of $low$ out,
# final or not. If $low$ then grows past $2^{32}$, that byte was too small by one: the *carry* is added to it
# afterwards. And if the byte is 255, it becomes 0, and the one before it is raised, as with 1999 + 1.
#
# ### Exercise 03.5: passing on a carry
#
# Write `with_carry(moved)`: the bytes `moved` that have moved out, with 1 added to the number that they write,
# as new `bytes` of the same length. `with_carry(bytes([7, 255, 255]))` is `bytes([8, 0, 0])`. There is always a
# byte below 255, since the code stays below 1.


# %%
def with_carry(moved):
    """The bytes that have moved out, raised by one."""
    ### BEGIN SOLUTION
    return (int.from_bytes(moved, "big") + 1).to_bytes(len(moved), "big")
    ### END SOLUTION


# %%
check("03.5", with_carry)

# %% [markdown]
# To look at all bytes again would cost time in proportion to the text. But a carry can only reach as far back
# as the run of 255s and the byte before it, so the coder holds just these back: one byte and a count. How long
# do such runs get? With random symbols every further byte makes them 256 times rarer:

# %%
size = 20_000 if FAST else 200_000
model = Unigram(weights.astype(np.int64), precision=16)
text = rng.choice(255, size=size, p=p[:255] / p[:255].sum()).tolist()
code = stream.encode(finite.Encoder(), model, text)
assert stream.decode(finite.Decoder(code.data), model)[0] == text
runs, longest = {}, 0
for byte in [*code.data, 0]:
    if byte == 255:
        longest += 1
    elif longest:
        runs[longest], longest = runs.get(longest, 0) + 1, 0
print(f"{len(code.data):,} bytes of code; runs of 255 by length: {dict(sorted(runs.items()))}")
excess = len(code) - sum(
    -np.log2(np.diff(edges)[c] / 2**16) for c in stream.decode(finite.Decoder(code.data), model)[0]
)
print(f"{len(code):,} bits; beyond the ideal, with the end mark's {-np.log2(p[-1]):.1f} bits: {excess:.2f} bits")

# %% [markdown]
# But the text above, around the middle, made one as long as it pleased. A coder has to be right about that too,
# and tests have to provoke it: random ones never would. (Coders without carries exist. One can count the digits
# that are open and write them once they are decided, as Witten, Neal and Cleary do, or give up the smaller part of
# an interval that narrows down on such a boundary, which costs a little.)
#
# ## In short
#
# - Round the ends of slices and not their widths: then they tile, and no two texts share a code.
# - With at least $2^{24}$ places, rounding costs an average symbol next to nothing.
# - The decoder must look for a symbol in the very slices that the encoder used.
# - Digits in which both ends agree are final; others may be moved out if a carry can still raise them.
#
# **Questions.** Why does the coder need $T \le 2^{24}$? What would happen at a symbol of count 1 with fewer
# places than $T$? Which text makes the run of 255s longest, if the symbols are bytes and all alike?
#
# **Sources.** G. N. N. Martin, *Range Encoding: an Algorithm for Removing Redundancy from a Digitised Message*,
# 1979. A. Moffat, R. M. Neal and I. H. Witten, *Arithmetic Coding Revisited*, 1998. *Training LLMs over
# Neurally Compressed Text*, arXiv 2404.03626, section 3.3. Here: `eiwref/coding/finite.py`, which is what ran
# above.
