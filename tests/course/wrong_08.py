"""Answers to the exercises of tutorial 08 as careless students write them."""

import numpy as np


def true_where_it_may_look(t, s):
    return np.arange(s) <= np.arange(s - t, s)[:, None]


def not_even_itself(t, s):
    return np.arange(s) >= np.arange(s - t, s)[:, None]


def rows_from_the_first_on(t, s):
    return np.arange(s) > np.arange(t)[:, None]


def numbers_for_bools(t, s):
    return np.triu(np.ones((t, s)), k=s - t + 1)


def looks_ahead_only(t, s):
    return (np.arange(s)[:, None] > np.arange(s - t, s)).T[::-1]


def _buckets(distances, rounding=np.floor, most=31, base=128 / 16, exact=16):
    far = np.maximum(distances, 16)
    wide = 16 + rounding(16 * np.log(far / 16) / np.log(base)).astype(np.int64)
    return np.where(distances < exact, distances, np.minimum(wide, most))


def never_the_last(distances):
    return _buckets(distances, most=10**6)


def one_bucket_too_many(distances):
    return _buckets(distances, most=32)


def rounded_to_nearest(distances):
    return _buckets(distances, rounding=np.rint)


def logarithm_to_another_base(distances):
    return _buckets(distances, base=128)


def exact_up_to_32(distances):
    return np.minimum(_buckets(distances, exact=32), 31)


def buckets_as_floats(distances):
    return _buckets(distances).astype(np.float64)


def cut_at_31(distances):
    return np.minimum(distances, 31)


def _bits(logits, targets, lowered=True, base=2.0, axis=0):
    lowered = logits - (logits.max(axis=-1, keepdims=True) if lowered else 0)
    log_z = np.log(np.exp(lowered).sum(axis=-1))
    came = np.take_along_axis(lowered, targets[..., None], axis=-1)[..., 0]
    return (log_z - came).mean(axis=axis) / np.log(base)


def nats_for_bits(logits, targets):
    return _bits(logits, targets, base=np.e)


def by_piece(logits, targets):
    return _bits(logits, targets, axis=1)


def one_number_for_all(logits, targets):
    return _bits(logits, targets, axis=None)


def too_large_for_exp(logits, targets):
    with np.errstate(all="ignore"):
        return _bits(logits, targets, lowered=False)


def bits_of_the_mean_probability(logits, targets):
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        return -np.log2(np.take_along_axis(p, targets[..., None], axis=-1)[..., 0].mean(axis=0))


def sum_over_the_pieces(logits, targets):
    return _bits(logits, targets) * len(logits)


def _attend(q, k, v, keys, values, bias, root=True, flip=True, itself=True, softmax=True):
    keys, values = np.concatenate([keys, [k]]), np.concatenate([values, [v]])
    scores = keys @ q / (np.sqrt(len(q)) if root else 1) + (bias[::-1] if flip else bias)
    if not itself and len(scores) > 1:
        scores[-1] = -np.inf
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum() if softmax else weights) @ values, keys, values


def bias_the_wrong_way_round(q, k, v, keys, values, bias):
    return _attend(q, k, v, keys, values, bias, flip=False)


def scores_not_scaled(q, k, v, keys, values, bias):
    return _attend(q, k, v, keys, values, bias, root=False)


def blind_to_itself(q, k, v, keys, values, bias):
    return _attend(q, k, v, keys, values, bias, itself=False)


def weights_that_do_not_add_up(q, k, v, keys, values, bias):
    return _attend(q, k, v, keys, values, bias, softmax=False)


def cache_as_it_was(q, k, v, keys, values, bias):
    return _attend(q, k, v, keys, values, bias)[0], keys, values


def newest_first(q, k, v, keys, values, bias):
    keys, values = np.concatenate([[k], keys]), np.concatenate([[v], values])
    weights = np.exp(keys @ q / np.sqrt(len(q)) + bias)
    return weights / weights.sum() @ values, keys, values


def nothing_before_it(q, k, v, keys, values, bias):
    old = np.exp(keys @ q / np.sqrt(len(q)) + bias[:0:-1])
    new = np.exp(k @ q / np.sqrt(len(q)) + bias[0])
    mean = old / old.sum() @ values
    share = new / (new + old.sum())
    out = share * v + (1 - share) * mean if len(keys) > 1 else mean
    return out, np.concatenate([keys, [k]]), np.concatenate([values, [v]])


def _draw(logits, temperature, u, low=True, left=False):
    if temperature == 0:
        return int(logits.argmax())
    weights = np.exp((logits - (logits.max() if low else 0)) / temperature)
    sums = np.cumsum(weights)
    return int((sums < u * sums[-1]).sum() if left else (sums <= u * sums[-1]).sum())


def temperature_forgotten(logits, temperature, u):
    return _draw(logits, 1.0 if temperature else 0, u)


def divided_by_zero(logits, temperature, u):
    with np.errstate(all="ignore"):
        weights = np.exp((logits - logits.max()) / np.float64(temperature))
    sums = np.cumsum(weights)
    return int((sums <= u * sums[-1]).sum())


def times_the_temperature(logits, temperature, u):
    return _draw(logits, 1 / temperature if temperature else 0, u)


def always_the_likeliest(logits, temperature, u):
    return int(logits.argmax())


def right_end_held(logits, temperature, u):
    return _draw(logits, temperature, u, left=True)


def too_large_to_draw(logits, temperature, u):
    with np.errstate(all="ignore"):
        return _draw(logits, temperature, u, low=False)


def likeliest_first(logits, temperature, u):
    order = np.argsort(-logits, kind="stable")
    return int(order[_draw(logits[order], temperature, u)])


def last_of_the_largest(logits, temperature, u):
    return int(np.flatnonzero(logits == logits.max())[-1]) if temperature == 0 else _draw(logits, temperature, u)


WRONG = {
    "08.1": [
        *(true_where_it_may_look, not_even_itself, rows_from_the_first_on, numbers_for_bools),
        looks_ahead_only,
    ],
    "08.2": [
        *(never_the_last, one_bucket_too_many, rounded_to_nearest, logarithm_to_another_base),
        *(exact_up_to_32, buckets_as_floats, cut_at_31),
    ],
    "08.3": [
        *(nats_for_bits, by_piece, one_number_for_all, too_large_for_exp, bits_of_the_mean_probability),
        sum_over_the_pieces,
    ],
    "08.4": [
        *(bias_the_wrong_way_round, scores_not_scaled, blind_to_itself, weights_that_do_not_add_up),
        *(cache_as_it_was, newest_first, nothing_before_it),
    ],
    "08.5": [
        *(temperature_forgotten, divided_by_zero, times_the_temperature, always_the_likeliest),
        *(right_end_held, too_large_to_draw, likeliest_first, last_of_the_largest),
    ],
}
