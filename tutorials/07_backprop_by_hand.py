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
# # 07 · Backprop by hand
#
# A network has many numbers to be learned. Of each one wants to know: were it a little larger, would the loss
# rise or fall, and how fast? Backpropagation answers for all of them at once. No library does it for us here: for
# each layer of the transformer to come we find the way back by hand, and then check it.
#
# **You will be able to**
# - turn the formula of a layer into its backward pass: linear, ReLU, softmax with cross entropy, RMSNorm, causal
#   attention with a bias for each distance;
# - check a gradient by differences, choose the step, and say why a check with ones may find nothing;
# - follow a gradient through a whole network, and say where it cannot go.
#
# **You need to know** products of matrices, the chain rule, and what surprise in nats is (tutorial 01). About 40
# minutes.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

from eiwref import plots, show
from eiwref.bench import measure
from eiwref.corpus import builtin
from eiwref.course import check
from eiwref.files import data_path
from eiwref.nn.attention import Attention
from eiwref.nn.gradcheck import check_layer, directional_errors
from eiwref.nn.layers import MLP, CrossEntropy, Linear, RMSNorm
from eiwref.nn.train import crops
from eiwref.predictors.store import load_predictor

FAST = os.environ.get("EIWREF_FAST") == "1"
plt.rcParams["font.size"] = 13
rng = np.random.default_rng(0)
_ = threadpool_limits(1)  # matrices this small are multiplied soonest by one thread

# %% [markdown]
# ## 1. The slope of a loss
#
# A *network* is a function of its input and of its *parameters*, arrays of numbers that training changes. Its
# *loss* is one number that should be small: for a model of text, the mean surprise of the bytes that came, in
# nats (`eiwref` adds a very small term to it, which keeps numbers from drifting and does not matter here). The
# *gradient* of a parameter has the parameter's shape, and in each place the slope of the loss: how much it rises
# for each unit that this one number is raised.
#
# Here is a small M1 that travels with the package. What is in it is the subject of tutorial 08; for now it is a
# function with many parameters, and `loss` gives the loss and all gradients. They are computed in float64, which
# has some 16 digits, for we shall look at small differences; float32, in which networks are trained, has 7.

# %%
m1 = load_predictor(data_path("m1-tiny-float.safetensors"))
network = m1.network
params = {name: values.astype(np.float64) for name, values in sorted(m1.params.items())}
documents = [np.frombuffer(text, dtype=np.uint8) for text in builtin.documents("held-out")]
ids, targets = next(crops(documents, context=32, batch=4, end=256, rng=rng))
loss, grads = network.loss(params, ids, targets)
size = sum(values.size for values in params.values())
print(f"{len(params)} parameters, {size:,} numbers in all; the loss is {loss:.4f} nats a byte")
name = "blocks.0.mlp.up"
print(f"{name}: shape {params[name].shape}, its gradient {grads[name].shape}")

# %% [markdown]
# Take the loss along one line: from all parameters subtract s times their gradients. For a small s the loss
# should fall by s times the sum of all squared slopes: that much the gradient promises, for s near 0 and nowhere
# else.

# %%
squared = sum((values**2).sum() for values in grads.values())
moves = np.linspace(-0.02, 0.06, 17)
losses = [network.loss({name: params[name] - s * grads[name] for name in params}, ids, targets)[0] for s in moves]
figure, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
axis.plot(moves, losses, "o-", color=plots.BLUE, linewidth=2.5, label="the loss")
axis.plot(moves, loss - moves * squared, "--", color=plots.RED, linewidth=2.5, label="what the gradient promises")
axis.plot(0, loss, "o", color="black", markersize=10)
axis.set_ylim(min(losses) - 0.15, max(losses) + 0.1)
axis.set_xlabel("s: how far against the gradient")
axis.set_ylabel("nats a byte")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# Training is that, again and again: the gradient, a small step against it, another piece of text.
#
# ## 2. By differences
#
# The slope in one place x of an array can be found without any thought: raise this one number by a small h, lower
# it by h, and see by how much the loss differs,
#
# $$\frac{\partial L}{\partial x} \approx \frac{L(x + h) - L(x - h)}{2h}.$$
#
# (These are *central* differences: x lies in their middle.)
#
# ### Exercise 07.1: a gradient by differences
#
# `numeric_gradient(function, x, step)` returns the gradient of `function` at `x`, an array of x's shape (float64,
# of any shape). `function` takes an array like x and returns a float; it may be called as often as you like.
# Leave `x` itself as it is. For `lambda x: float((x**2).sum())`, x = `[3.0, 0.5]` and any step it is `[6.0, 1.0]`
# (nearly).


# %%
def numeric_gradient(function, x, step):
    ### BEGIN SOLUTION
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        found[place] = (function(above) - function(below)) / (2 * step)
    return found
    ### END SOLUTION


# %%
check("07.1", numeric_gradient)

# %% [markdown]
# Which step? A large one sees that the function is not straight: the error falls with $h^2$, and if you leave out
# $L(x - h)$ and take $L(x)$ in its place, only with $h$. A small one sees rounding: two losses that agree in
# nearly all their digits are subtracted, and the few wrong ones are divided by h. Here for the function
# $\log \sum_i e^{x_i}$ of 50 numbers, along a random direction, in which we know its slope exactly:

# %%
x = rng.standard_normal(50)
u = rng.standard_normal(50)
u /= np.linalg.norm(u)  # a random direction of length 1
true = float((np.exp(x) / np.exp(x).sum() * u).sum())


def log_sum(x):
    return np.log(np.exp(x).sum())


steps = 10.0 ** np.arange(-13, 0.1, 0.5)
errors = {"central, float64": [], "one side only, float64": [], "central, float32": []}
for h in steps:
    errors["central, float64"].append((log_sum(x + h * u) - log_sum(x - h * u)) / (2 * h) - true)
    errors["one side only, float64"].append((log_sum(x + h * u) - log_sum(x)) / h - true)
    above, below = (log_sum((x + sign * h * u).astype(np.float32)) for sign in (1, -1))
    errors["central, float32"].append(float(above - below) / (2 * h) - true)
figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
for (label, found), style, colour in zip(
    errors.items(), ("o-", "s--", "^:"), (plots.BLUE, plots.ORANGE, plots.RED), strict=True
):
    axis.plot(steps, np.abs(found) / abs(true), style, color=colour, linewidth=2, label=label)
axis.axhline(1e-3, color="grey", linewidth=1.5)
axis.text(4e-10, 1.5e-3, "a gradient that is wrong by 0.1 %", va="bottom")
axis.set_xscale("log")
axis.set_yscale("log")
axis.set_ylim(1e-14, 1e3)
axis.set_xlabel("step h")
axis.set_ylabel("relative error")
axis.legend(frameon=False, loc="lower left")
plt.show()
best = steps[np.argmin(np.abs(errors["central, float64"]))]
print(f"the best step here: {best:.0e} (central, float64)")

# %% [markdown]
# So: central differences, in float64, with a step of about $10^{-5}$; ten times more or less will do. In float32
# one would hardly notice a gradient that is wrong by 0.1 %.
#
# For each number two losses: that is fine for a check, and hopeless for training.

# %%
rounds = 3 if FAST else 9
seconds = measure.seconds(
    {
        "loss": lambda: network.forward(params, ids),
        "loss and all gradients": lambda: network.loss(params, ids, targets),
    },
    rounds=rounds,
)
times = seconds["loss and all gradients"] / seconds["loss"]
print(f"the loss and all {size:,} slopes by backprop cost {times:.1f} times the loss alone,")
print(f"by differences {2 * size:,} times")

# %% [markdown]
# ## 3. Layers and the way back
#
# A network is a chain of *layers*, and its loss depends on what a layer gives out, `out`, only through the layers
# behind it. Say these have told us the gradient of the loss with respect to `out`, and call it `dout`: it has
# out's shape. Then the layer has all it needs to tell the gradients of its parameters, and `dx`, the gradient of
# its input, which is the `dout` of the layer before. Forward we go from the input to the loss, backward from the
# loss to the input, and each layer only knows its own formula. In `eiwref` a layer therefore has two functions:
#
# - `forward(params, x)` gives `(out, cache)`; the cache is what the way back will need;
# - `backward(dout, cache)` gives `(dx, grads)`.

# %%
figure, axis = plt.subplots(figsize=(12, 2.7), layout="constrained")
boxes = ["linear", "ReLU", "linear", "cross\nentropy"]
between = ["x", "before", "after", "logits", "L"]
for place, label in enumerate(boxes):
    axis.add_patch(plt.Rectangle((3 * place + 1, -0.5), 1.3, 1, facecolor="#eeeeee", edgecolor="black"))
    axis.text(3 * place + 1.65, 0, label, ha="center", va="center", fontsize=14)
for place, label in enumerate(between):
    left, right = 3 * place - 0.6, 3 * place + 0.9
    arrow = {"arrowstyle": "-|>", "linewidth": 2.5, "mutation_scale": 18}
    axis.annotate("", (right, 0.25), (left, 0.25), arrowprops=arrow | {"color": plots.BLUE})
    axis.annotate("", (left, -0.25), (right, -0.25), arrowprops=arrow | {"color": plots.RED})
    middle = (left + right) / 2
    axis.text(middle, 0.4, label, ha="center", va="bottom", color=plots.BLUE, fontsize=14)
    axis.text(
        middle, -0.45, "1" if label == "L" else f"d{label}", ha="center", va="top", color=plots.RED, fontsize=14
    )
for place, label in ((0, "up"), (2, "down")):
    axis.text(3 * place + 1.65, 0.95, label, ha="center", color=plots.BLUE, fontsize=14)
    axis.text(3 * place + 1.65, -0.95, f"d{label}", ha="center", va="top", color=plots.RED, fontsize=14)
    axis.plot([3 * place + 1.65] * 2, [0.55, 0.85], color=plots.BLUE, linewidth=2)
    axis.plot([3 * place + 1.65] * 2, [-0.55, -0.85], color=plots.RED, linewidth=2)
axis.set_xlim(-1, 13.2)
axis.set_ylim(-1.5, 1.5)
axis.axis("off")
plt.show()

# %% [markdown]
# **Linear.** `out = x @ weight`, with x of shape (N, D), one row for each of N positions, and weight (D, F).
# Written out,
#
# $$out_{nf} = \sum_d x_{nd}\, w_{df}.$$
#
# Which of the outputs does $w_{df}$ touch? Those in column f, one in each row n, and with slope $x_{nd}$. By the
# chain rule its gradient is the sum over all that it touches: $\sum_n x_{nd}\, dout_{nf}$. And $x_{nd}$ touches
# the row n of outputs, so that its gradient is $\sum_f dout_{nf}\, w_{df}$. As products of matrices:
#
# $$dx = dout \cdot w^T, \qquad dw = x^T \cdot dout.$$
#
# Two things to remember: **who is used in many places gathers from all of them**, and the shapes leave hardly any
# choice.
#
# **ReLU.** `after = maximum(before, 0)`, number by number: the slope is 1 where `before` is above 0, and 0 where
# it is not.
#
# ### Exercise 07.2: back through an MLP
#
# An MLP ("multi-layer perceptron") is two linear layers with a ReLU between them:
# `out = maximum(x @ up, 0) @ down`. Write `mlp_backward(dout, x, up, down)`, which returns the tuple
# `(dx, dup, ddown)`. Shapes: x and dout (N, D), up (D, F), down (F, D), all float64; each gradient has the shape
# of what it is the gradient of. For x = `[[1.0]]`, up = `[[2.0]]`, down = `[[3.0]]` and dout = `[[1.0]]` it is
# `([[6.0]], [[3.0]], [[2.0]])`.


# %%
def mlp_backward(dout, x, up, down):
    ### BEGIN SOLUTION
    before = x @ up
    after = np.maximum(before, 0)
    ddown = after.T @ dout
    dbefore = (dout @ down.T) * (before > 0)
    return dbefore @ up.T, x.T @ dbefore, ddown
    ### END SOLUTION


# %%
check("07.2", mlp_backward)

# %% [markdown]
# `eiwref`'s own layers are held against differences by `check_layer`. It draws a random `dout`, makes a loss of
# the layer's output, $L = \sum out \cdot dout$, and goes along random directions: one number each time instead of
# one for each parameter.

# %%
x = rng.standard_normal((6, 8))
mlp = MLP(np)
weights = MLP.init(rng, 8, 16)
for name, error in check_layer(mlp.forward, mlp.backward, weights, x, rng).items():
    print(f"d{name:<5} largest relative error {error:.0e}")

# %% [markdown]
# ## 4. Softmax and cross entropy
#
# The last layer gives a number for each symbol that could come, its *logit*; any numbers will do, below 0 too.
# *Softmax* makes probabilities of them,
#
# $$p_v = \frac{e^{l_v}}{Z}, \qquad Z = \sum_u e^{l_u},$$
#
# and *cross entropy* is the surprise of the symbol t that came: $-\ln p_t = \ln Z - l_t$. Its slopes are as
# simple as can be. That of $\ln Z$ with respect to $l_v$ is $e^{l_v} / Z = p_v$. So
#
# $$\frac{\partial(-\ln p_t)}{\partial l_v} = p_v - [v = t]:$$
#
# what the model said, less what was the case. Below, a model of six letters, and what is told to its logits when
# a `c` comes. (Against the gradient we go: a red bar upwards lowers the logit.)

# %%
logits = np.array([0.5, 2.0, 1.2, -1.0, 0.2, 1.5])
p = np.exp(logits) / np.exp(logits).sum()
came = 2
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
left.bar(list("abcdef"), p, color=plots.BLUE)
left.set_title("p, what the model expects", fontsize=13)
left.set_ylabel("probability")
right.bar(list("abcdef"), p - (np.arange(6) == came), color=plots.RED)
right.axhline(0, color="black", linewidth=1)
right.set_title("gradient of the logits when c comes", fontsize=13)
right.set_ylabel("nats for each unit")
plt.show()
print(f"the gradient's sum: {(p - (np.arange(6) == came)).sum():.1g}")

# %% [markdown]
# ### Exercise 07.3: back through cross entropy
#
# `cross_entropy_backward(logits, targets)` returns the gradient of the *mean* surprise of N symbols with respect
# to the logits: an array of shape (N, V), float64, for logits (N, V) and the N symbols that came, `targets`,
# integers from 0 to V − 1. Logits may be as large as 1,000, and $e^{1000}$ is no float64: but p stays the same
# when all logits of a row are lowered by their largest. For `([[0.0, 0.0]], [1])` it is `[[0.5, -0.5]]`.


# %%
def cross_entropy_backward(logits, targets):
    ### BEGIN SOLUTION
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(targets)), targets] -= 1
    return p / len(targets)
    ### END SOLUTION


# %%
check("07.3", cross_entropy_backward)

# %% [markdown]
# ## 5. A check that finds nothing
#
# Softmax will be needed once more by itself, inside of attention: there its output has a `dp` of its own. A logit
# touches its own probability and, through Z, all others:
#
# $$dl_v = p_v \Big(dp_v - \sum_u dp_u\, p_u\Big).$$
#
# Suppose someone forgot something and it came out three times as large. Surely a check would find this. Some take
# for `dout` an array of ones, so that the loss to be differentiated is the sum of all outputs:


# %%
def softmax(logits):
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def softmax_backward(dp, p):
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


logits = rng.standard_normal((4, 7))
for name, dp in (("ones", np.ones((4, 7))), ("random", rng.standard_normal((4, 7)))):
    numeric = np.zeros((4, 7))
    for place in np.ndindex(4, 7):
        nudge = np.zeros((4, 7))
        nudge[place] = 1e-5
        numeric[place] = ((softmax(logits + nudge) - softmax(logits - nudge)) * dp).sum() / 2e-5
    dlogits = softmax_backward(dp, softmax(logits))
    print(f"dout of {name}:")
    print(f"    right:           off by {np.abs(dlogits - numeric).max():.0e} at most")
    print(f"    three times it:  off by {np.abs(3 * dlogits - numeric).max():.0e} at most")

# %% [markdown]
# With ones the wrong one is as good as the right one! The probabilities of a row add up to 1 whatever the logits
# are, so that a sum of all outputs does not change at all: all slopes are 0, and three times 0 is 0. The same
# happens behind every layer that fixes a sum. A random `dout` has no such blind spot. For the same reason
# parameters are drawn at random for a check, and are not zeros and ones.
#
# ## 6. RMSNorm
#
# From layer to layer numbers would grow or shrink. *RMSNorm* divides each row by its root mean square, and gives
# each column a factor to be learned, its *gain* ($\varepsilon$ is small, and there so that r is never 0):
#
# $$r = \sqrt{\tfrac{1}{D} \sum_i x_i^2 + \varepsilon}, \qquad n_i = \frac{x_i}{r}, \qquad out_i = g_i\, n_i.$$
#
# The gain is easy: $dg_i = \sum dout_i\, n_i$ over all rows, and $dn_i = g_i\, dout_i$. Now n to x. Each $x_i$
# does two things: it is divided by r, and it changes r, by $\partial r / \partial x_i = x_i / (D r)$. Together:
#
# $$dx_i = \frac{1}{r} \Big( dn_i - n_i \cdot \frac{1}{D} \sum_j dn_j\, n_j \Big).$$
#
# There is a picture to it. With D = 2 all n lie on a circle. Moving x away from the centre does not move n; so
# the part of `dn` that points along n must be taken away, and what is left is as much smaller as x is larger than
# n.

# %%
x = np.array([2.3, 1.1])
r = np.sqrt((x**2).mean())
n, dn = x / r, np.array([-0.2, 1.0])
along = n * (dn * n).mean()
dx = (dn - along) / r
figure, axis = plt.subplots(figsize=(7.5, 5.4), layout="constrained")
axis.add_patch(plt.Circle((0, 0), np.sqrt(2), fill=False, color="grey", linewidth=2))
axis.plot([0, 1.25 * x[0]], [0, 1.25 * x[1]], ":", color="grey", linewidth=2)
for (begin, arrow), colour, label, (right, up) in (
    ((n, dn), plots.RED, "dn", (-0.1, 0.12)),
    ((n, along), plots.ORANGE, "its part along n", (0.1, -0.2)),
    ((n, dn - along), plots.GREEN, "what is left", (-0.75, 0.08)),
    ((x, dx), plots.BLUE, "dx", (0.05, 0.05)),
):
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 3, "mutation_scale": 20}
    axis.annotate("", begin + arrow, begin, arrowprops=style)
    axis.text(*(begin + arrow + (right, up)), label, color=colour, fontsize=14)
for label, place in (("n", n), ("x", x)):
    axis.plot(*place, "o", color="black", markersize=8)
    axis.text(place[0], place[1] - 0.2, label, fontsize=15)
axis.set_xlim(-0.1, 2.95)
axis.set_ylim(-0.1, 2.2)
axis.set_aspect("equal")
axis.axis("off")
plt.show()

# %% [markdown]
# ### Exercise 07.4: back through RMSNorm
#
# `rmsnorm_backward(dout, x, gain, epsilon)` returns `(dx, dgain)`: x, dout and dx of shape (N, D), gain and dgain
# (D,), float64. `epsilon` is a float that stands where $\varepsilon$ does. For dout = `[[1.0, 0.0]]`, x =
# `[[1.0, 1.0]]`, a gain of ones and epsilon 0 it is `([[0.5, -0.5]], [1.0, 0.0])`.


# %%
def rmsnorm_backward(dout, x, gain, epsilon):
    ### BEGIN SOLUTION
    r = np.sqrt((x * x).mean(axis=1, keepdims=True) + epsilon)
    normed = x / r
    dnormed = dout * gain
    along = normed * (dnormed * normed).mean(axis=1, keepdims=True)
    return (dnormed - along) / r, (dout * normed).sum(axis=0)
    ### END SOLUTION


# %%
check("07.4", rmsnorm_backward)

# %% [markdown]
# ## 7. Attention
#
# So far each position was on its own. *Attention* is the one layer through which positions hear of each other:
# every position t asks a question, the *query* $q_t$; every position s offers a *key* $k_s$, to be found by, and
# a *value* $v_s$, to be taken along. All three are rows of length K. How well question and key fit, plus a
# learned number for how far s lies back, is the *score*. Softmax over all s up to t makes weights of the scores,
# and the output is the mean of the values by these weights:
#
# $$score_{ts} = \frac{q_t \cdot k_s}{\sqrt K} + b_{t - s}, \qquad w_{ts} = \mathrm{softmax}_s(score_{ts}), \qquad
# out_t = \sum_{s \le t} w_{ts}\, v_s.$$
#
# *Causal* means the $s \le t$: no position sees what comes after it, or predicting the next byte would be no art.
# All that is needed for the way back we have: two products of matrices and a softmax. Let us draw the three
# arrays in the middle.

# %%
T, K = 9, 4
q, k, v, dout = (rng.standard_normal((T, K)) for _ in range(4))
bias = rng.standard_normal(T)
back = np.arange(T)[:, None] - np.arange(T)  # (T, T): how far s lies behind t
scores = q @ k.T / np.sqrt(K) + bias[np.maximum(back, 0)]
weights = softmax(np.where(back >= 0, scores, -1e30))  # what lies ahead weighs nothing
dweights = np.where(back >= 0, dout @ v.T, 0)
dscores = softmax_backward(dweights, weights)

figure, axes = plt.subplots(1, 4, figsize=(13, 3.7), layout="constrained", width_ratios=(1, 1, 1, 1.05))
for axis, (label, values) in zip(
    axes, {"weights": weights, "dweights": dweights, "dscores": dscores}.items(), strict=False
):
    largest = np.abs(values).max()
    shown = np.where(back >= 0, values, np.nan)
    picture = axis.imshow(shown, cmap="PuOr", vmin=-largest, vmax=largest)
    axis.set_title(label, fontsize=14)
    axis.set_xlabel("s, looked at")
    axis.set_xticks(range(0, T, 2))
    axis.set_yticks(range(0, T, 2))
    figure.colorbar(picture, ax=axis, shrink=0.6, location="bottom", ticks=(-largest, 0, largest), format="%.1f")
axes[0].set_ylabel("t, looking")
axes[3].bar(range(T), [dscores[back == distance].sum() for distance in range(T)], color=plots.GREEN)
axes[3].axhline(0, color="black", linewidth=1)
axes[3].set_title("dbias", fontsize=14)
axes[3].set_xlabel("distance t − s")
axes[3].set_xticks(range(0, T, 2))
plt.show()
print(f"rows of dscores add up to 0: the largest sum is {np.abs(dscores.sum(axis=1)).max():.0e}")

# %% [markdown]
# Back from the output: `dweights` says how the loss would rise with more weight here, $dout_t \cdot v_s$. Softmax
# makes `dscores` of it, as in section 5, row by row. From there it goes three ways: to the queries, to the keys,
# and to the bias, where all pairs (t, s) of one distance, a diagonal of the picture, share one number, which
# gathers from all of them.
#
# ### Exercise 07.5: back through causal attention
#
# `attention_backward(dout, q, k, v, bias)` returns `(dq, dk, dv, dbias)`. dout, q, k, v and their gradients are
# of shape (T, K), bias and dbias (T,), where `bias[d]` is for distance d; float64. With T = 1 the one weight is 1
# whatever the score: so `dv` is `dout`, and all others are 0.


# %%
def attention_backward(dout, q, k, v, bias):
    ### BEGIN SOLUTION
    t, width = q.shape
    back = np.arange(t)[:, None] - np.arange(t)
    scores = q @ k.T / np.sqrt(width) + bias[np.maximum(back, 0)]
    weights = np.exp(np.where(back >= 0, scores - scores.max(axis=1, keepdims=True), -np.inf))
    weights /= weights.sum(axis=1, keepdims=True)
    dv = weights.T @ dout
    dweights = dout @ v.T
    dscores = weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))  # 0 where the weight is
    dbias = np.array([dscores[back == distance].sum() for distance in range(t)])
    return dscores @ k / np.sqrt(width), dscores.T @ q / np.sqrt(width), dv, dbias
    ### END SOLUTION


# %%
check("07.5", attention_backward)

# %% [markdown]
# That is all of `eiwref/nn/attention.py`, but for three things: there are several *heads*, each with queries,
# keys and values of its own; these come from the layer's input by three linear layers, and go out by a fourth;
# and far distances share a bias, in *buckets* (tutorial 08). Its check:

# %%
attention = Attention(np, heads=2)
weights = Attention.init(rng, 8, heads=2)
for name, error in check_layer(
    attention.forward, attention.backward, weights, rng.standard_normal((2, 20, 8)), rng
).items():
    print(f"d{name:<7} largest relative error {error:.0e}")

# %% [markdown]
# ## 8. A whole network
#
# A transformer does not send its numbers *through* layers, one after the other. They flow past them, along the
# *residual stream*, and each layer adds something: `x = x + layer(norm(x))`. Here x is used twice, so its
# gradient gathers from both: `dx = dout + back through the layer`. The stream itself lets every gradient pass as
# it is.
#
# The stream begins with the *embedding*, a table that has a row of D numbers for each symbol. We go back through
# the M1 of section 1 with nothing but its layers. The loss is the surprise of **one** byte, the last `r` of a
# sentence. How large is the gradient of the stream, at each position and after each layer?

# %%
TEXT = b"The statement is executed by the interpreter"
norm, attention, mlp = RMSNorm(np), Attention(np, network.config.heads), MLP(np)
cross_entropy = CrossEntropy(np)


def below(scope):
    """The parameters of one layer."""
    return {name.removeprefix(scope): values for name, values in params.items() if name.startswith(scope)}


def gradients_of_the_stream(place):
    """Of the surprise of byte `place` of the text: [(after which layer, (T, D)), ...], the last layer first."""
    inputs = np.array([[network.config.start, *TEXT[:-1]]])
    x, caches = params["embedding.table"][inputs], []
    for i in range(network.config.layers):
        for layer, own in ((attention, "attention"), (mlp, "mlp")):
            normed, norm_cache = norm.forward(below(f"blocks.{i}.norm_{own}."), x)
            change, cache = layer.forward(below(f"blocks.{i}.{own}."), normed)
            x = x + change
            caches.append((f"block {i}, {own.replace('mlp', 'MLP')}", layer, norm_cache, cache))
    x, norm_cache = norm.forward(below("norm."), x)
    logits, cache = Linear.forward(below("output."), x)
    _, loss_cache = cross_entropy.forward(logits[0, place : place + 1], np.array([TEXT[place]]))

    dlogits = np.zeros_like(logits)
    dlogits[0, place] = cross_entropy.backward(1.0, loss_cache)
    dx, _ = norm.backward(Linear.backward(dlogits, cache)[0], norm_cache)
    found = []
    for label, layer, norm_cache, cache in reversed(caches):
        found.append((label, dx[0]))
        dx = dx + norm.backward(layer.backward(dx, cache)[0], norm_cache)[0]
    return [*found, ("embedding", dx[0])]


place = len(TEXT) - 1
flow = gradients_of_the_stream(place)
sizes = np.array([np.linalg.norm(gradient, axis=1) for _, gradient in flow])
figure, axis = plt.subplots(figsize=(13, 3.4), layout="constrained")
with np.errstate(divide="ignore"):
    picture = axis.imshow(np.log10(sizes), cmap="cividis", aspect="auto", vmin=-4, vmax=0)
axis.set_facecolor("#cccccc")
axis.set_yticks(range(len(flow)), [label for label, _ in flow])
letters = ["start", *show.printable(TEXT[:-1]).replace(" ", "␣")]
axis.set_xticks(range(len(TEXT)), letters, family="monospace")
axis.get_xticklabels()[0].set_rotation(90)
axis.set_xlabel("what stands at the position; the byte after the last is to be predicted")
axis.set_title("gradient of one byte's surprise, by layer and position (grey: none at all)", fontsize=13)
figure.colorbar(picture, label="size, power of 10", ticks=range(-4, 1))
plt.show()

# %% [markdown]
# Read it from the top, as the gradient goes. After the last layers only the last position has any. The attention
# of block 1 spreads it to the positions that were looked at, that of block 0 once more. Where does it arrive, and
# where does it never? Take a byte in the middle: what lies ahead of it gets nothing, at no layer.

# %%
middle = len(TEXT) // 2
sizes = np.array([np.linalg.norm(gradient, axis=1) for _, gradient in gradients_of_the_stream(middle)])
print(f"byte {middle}, {chr(TEXT[middle])!r}: the largest gradient ahead of it is {sizes[:, middle + 1 :].max()};")
print(f"of the {middle + 1} positions that it can see, {np.count_nonzero(sizes[-1])} have one in the embedding")

# %% [markdown]
# Last, the whole network's check, as it is among the tests of `eiwref`: all parameters, by differences along
# random directions. And the same check once more for gradients that are wrong by 0.1 %: it must find them.

# %%
few = slice(0, 1 if FAST else 4)


def loss_of(params):
    return float(network.loss(params, ids[few], targets[few])[0])


_, grads = network.loss(params, ids[few], targets[few])
wrong = {name: values * 1.001 for name, values in grads.items()}
directions = 1 if FAST else 3
errors, found = (
    directional_errors(loss_of, params, each, np.random.default_rng(1), directions=directions)
    for each in (grads, wrong)
)
figure, axis = plt.subplots(figsize=(10, 6.6), layout="constrained")
names = sorted(errors, reverse=True)
axis.plot([errors[name] for name in names], range(len(names)), "o", color=plots.BLUE, label="the gradients")
axis.plot([found[name] for name in names], range(len(names)), "s", color=plots.RED, label="wrong by 0.1 %")
axis.axvline(1e-6, color="grey", linestyle="--")
axis.text(8e-7, 9, "passes  ", ha="right", va="center")
axis.text(1.2e-6, 9, "  does not", va="center")
axis.set_xscale("log")
axis.set_yticks(range(len(names)), names, fontsize=12, family="monospace")
axis.set_xlabel("relative error against differences")
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.6, 0.95))
axis.grid(alpha=0.3)
plt.show()
print(f"the largest error: {max(errors.values()):.0e}; of the wrong ones the smallest: {min(found.values()):.0e}")

# %% [markdown]
# ## In short
#
# - A gradient has the shape of what it is the gradient of, and is the slope of one number, the loss.
# - Each layer turns `dout` into `dx` and the gradients of its parameters; what is used in many places gathers
#   from all of them.
# - Cross entropy: probabilities less what came. RMSNorm: what points along the row is taken away. Attention: two
#   products, a softmax, and diagonals for the bias.
# - Check by central differences, in float64, with a step of about $10^{-5}$ and a random `dout`; and see that the
#   check finds a gradient that is wrong by 0.1 %.
#
# **Questions.** What is the gradient of an embedding, a table of which rows are looked up? What happens to the
# check if a number before a ReLU lies within h of 0? Why is `dscores` 0 wherever a weight is 0, and what would a
# network learn that could look ahead? In which layer is most of the cache, for long texts?
#
# **Sources.** D. E. Rumelhart, G. E. Hinton and R. J. Williams, *Learning representations by back-propagating
# errors*, 1986. B. Zhang and R. Sennrich, *Root Mean Square Layer Normalization*, 2019. A. Vaswani and others,
# *Attention Is All You Need*, 2017. C. Raffel and others, *Exploring the Limits of Transfer Learning with a
# Unified Text-to-Text Transformer*, 2020 (the relative bias). *Training LLMs over Neurally Compressed Text*,
# arXiv 2404.03626, section 3.2. Here: `eiwref/nn/layers.py`, `eiwref/nn/attention.py`, `eiwref/nn/gradcheck.py`.
