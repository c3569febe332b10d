"""Answers to the exercises of tutorial 07 as careless students write them."""

import numpy as np


def from_one_side(function, x, step):
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        above = x.copy()
        above[place] += step
        found[place] = (function(above) - function(x)) / step
    return found


def divided_by_one_step(function, x, step):
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        found[place] = (function(x + nudge) - function(x - nudge)) / step
    return found


def never_put_back(function, x, step):
    x, found = x.copy(), np.empty(x.shape)
    for place in np.ndindex(x.shape):
        x[place] += step
        above = function(x)
        x[place] -= 2 * step
        found[place] = (above - function(x)) / (2 * step)
    return found


def rows_at_a_time(function, x, step):
    found = np.empty(x.shape)
    for row in range(len(x)):
        nudge = np.zeros(x.shape)
        nudge[row] = step
        found[row] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    return found


def flat_gradient(function, x, step):
    found = []
    for place in np.ndindex(x.shape):
        nudge = np.zeros(x.shape)
        nudge[place] = step
        found.append((function(x + nudge) - function(x - nudge)) / (2 * step))
    return np.array(found)


def nudged_in_the_argument(function, x, step):
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        x[place] += step
        above = function(x)
        x[place] -= 2 * step
        found[place] = (above - function(x)) / (2 * step)
        x[place] += 2 * step
    return found


def relu_forgotten(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dafter = dout @ down.T
    return dafter @ up.T, x.T @ dafter, after.T @ dout


def relu_of_the_gradient(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dbefore = np.maximum(dout @ down.T, 0)
    return dbefore @ up.T, x.T @ dbefore, after.T @ dout


def ddown_from_before_the_relu(dout, x, up, down):
    before = x @ up
    dbefore = (dout @ down.T) * (before > 0)
    return dbefore @ up.T, x.T @ dbefore, before.T @ dout


def mean_over_the_rows(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dbefore = (dout @ down.T) * (after > 0)
    return dbefore @ up.T, x.T @ dbefore / len(x), after.T @ dout / len(x)


def weights_transposed(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dbefore = (dout @ down.T) * (after > 0)
    return dbefore @ up.T, dbefore.T @ x, dout.T @ after


def gradients_in_another_order(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dbefore = (dout @ down.T) * (after > 0)
    return x.T @ dbefore, after.T @ dout, dbefore @ up.T


def gradients_in_a_list(dout, x, up, down):
    after = np.maximum(x @ up, 0)
    dbefore = (dout @ down.T) * (after > 0)
    return [dbefore @ up.T, x.T @ dbefore, after.T @ dout]


def _cross_entropy(logits, targets, sign=1, lowered=True, one=1):
    p = np.exp(logits - (logits.max(axis=1, keepdims=True) if lowered else 0))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(targets)), targets] -= one
    return sign * p / len(targets)


def not_the_mean(logits, targets):
    return _cross_entropy(logits, targets) * len(targets)


def sign_turned(logits, targets):
    return _cross_entropy(logits, targets, sign=-1)


def what_came_forgotten(logits, targets):
    return _cross_entropy(logits, targets, one=0)


def overflow(logits, targets):
    with np.errstate(all="ignore"):
        return _cross_entropy(logits, targets, lowered=False)


def softmax_over_the_rows(logits, targets):
    p = np.exp(logits - logits.max())
    p /= p.sum(axis=0)
    p[np.arange(len(targets)), targets] -= 1
    return p / len(targets)


def columns_of_all_targets(logits, targets):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[:, targets] -= 1
    return p / len(targets)


def _rmsnorm(dout, x, gain, epsilon, inside=True, along=True, mean=True):
    r = np.sqrt((x * x).mean(axis=1, keepdims=True) + (epsilon if inside else 0))
    normed, dnormed = x / r, dout * gain
    shares = dnormed * normed
    taken = shares.mean(axis=1, keepdims=True) if mean else shares.sum(axis=1, keepdims=True)
    return (dnormed - (normed * taken if along else 0)) / r, (dout * normed).sum(axis=0)


def rms_as_a_constant(dout, x, gain, epsilon):
    return _rmsnorm(dout, x, gain, epsilon, along=False)


def sum_for_the_mean(dout, x, gain, epsilon):
    return _rmsnorm(dout, x, gain, epsilon, mean=False)


def epsilon_forgotten(dout, x, gain, epsilon):
    return _rmsnorm(dout, x, gain, epsilon, inside=False)


def gain_forgotten(dout, x, gain, epsilon):
    return _rmsnorm(dout, x, np.ones_like(gain), epsilon)


def gain_after_all(dout, x, gain, epsilon):
    dx, dgain = _rmsnorm(dout, x, np.ones_like(gain), epsilon)
    return dx * gain, dgain


def gain_of_each_row(dout, x, gain, epsilon):
    r = np.sqrt((x * x).mean(axis=1, keepdims=True) + epsilon)
    return _rmsnorm(dout, x, gain, epsilon)[0], dout * x / r


def gain_from_x(dout, x, gain, epsilon):
    return _rmsnorm(dout, x, gain, epsilon)[0], (dout * x).sum(axis=0)


def _attention(dout, q, k, v, bias, scale=True, mask=True, softmax=True, sign=1, scale_back=True):
    t, width = q.shape
    back = np.arange(t)[:, None] - np.arange(t)
    root = np.sqrt(width) if scale else 1
    scores = q @ k.T / root + bias[np.maximum(sign * back, 0)]
    weights = np.exp(np.where((back >= 0) | (not mask), scores, -np.inf))
    weights /= weights.sum(axis=1, keepdims=True)
    dweights = dout @ v.T
    taken = (dweights * weights).sum(axis=1, keepdims=True) if softmax else 0
    dscores = weights * (dweights - taken)
    root = root if scale_back else 1
    dbias = np.array([dscores[back == distance].sum() for distance in range(t)])
    return dscores @ k / root, dscores.T @ q / root, weights.T @ dout, dbias


def not_divided_by_the_root(dout, q, k, v, bias):
    return _attention(dout, q, k, v, bias, scale=False)


def divided_only_on_the_way_there(dout, q, k, v, bias):
    return _attention(dout, q, k, v, bias, scale_back=False)


def looks_ahead(dout, q, k, v, bias):
    return _attention(dout, q, k, v, bias, mask=False)


def softmax_as_a_product(dout, q, k, v, bias):
    return _attention(dout, q, k, v, bias, softmax=False)


def queries_and_keys_swapped(dout, q, k, v, bias):
    dq, dk, dv, dbias = _attention(dout, q, k, v, bias)
    return dk, dq, dv, dbias


def bias_by_position(dout, q, k, v, bias):
    dq, dk, dv, _ = _attention(dout, q, k, v, bias)
    t = len(q)
    back = np.arange(t)[:, None] - np.arange(t)
    scores = np.where(back >= 0, q @ k.T / np.sqrt(q.shape[1]) + bias[np.maximum(back, 0)], -np.inf)
    weights = np.exp(scores)
    weights /= weights.sum(axis=1, keepdims=True)
    dweights = dout @ v.T
    return dq, dk, dv, (weights * (dweights - (dweights * weights).sum(axis=1, keepdims=True))).sum(axis=0)


def mean_of_a_diagonal(dout, q, k, v, bias):
    dq, dk, dv, dbias = _attention(dout, q, k, v, bias)
    pairs = len(q) - np.arange(len(q))
    return dq, dk, dv, dbias / pairs


def values_by_rows(dout, q, k, v, bias):
    dq, dk, _, dbias = _attention(dout, q, k, v, bias)
    t = len(q)
    back = np.arange(t)[:, None] - np.arange(t)
    weights = np.exp(np.where(back >= 0, q @ k.T / np.sqrt(q.shape[1]) + bias[np.maximum(back, 0)], -np.inf))
    weights /= weights.sum(axis=1, keepdims=True)
    return dq, dk, weights @ dout, dbias


WRONG = {
    "07.1": [
        *(from_one_side, divided_by_one_step, never_put_back, rows_at_a_time, flat_gradient),
        nudged_in_the_argument,
    ],
    "07.2": [
        *(relu_forgotten, relu_of_the_gradient, ddown_from_before_the_relu, mean_over_the_rows),
        *(weights_transposed, gradients_in_another_order, gradients_in_a_list),
    ],
    "07.3": [
        *(not_the_mean, sign_turned, what_came_forgotten, overflow, softmax_over_the_rows),
        columns_of_all_targets,
    ],
    "07.4": [
        *(rms_as_a_constant, sum_for_the_mean, epsilon_forgotten, gain_forgotten, gain_after_all),
        *(gain_of_each_row, gain_from_x),
    ],
    "07.5": [
        *(not_divided_by_the_root, divided_only_on_the_way_there, looks_ahead, softmax_as_a_product),
        *(queries_and_keys_swapped, bias_by_position, mean_of_a_diagonal, values_by_rows),
    ],
}
