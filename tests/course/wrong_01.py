"""Answers to the exercises of tutorial 01 as careless students write them."""

import math

import numpy as np


def surprise_in_nats(p):
    return -np.log(p)


def surprise_below_zero(p):
    return np.log2(p)


def surprise_in_whole_bits(p):
    return np.ceil(-np.log2(p))


def surprise_of_all(p):
    return float(-np.log2(p).sum())


def surprise_of_a_list(p):
    return [-math.log2(each) for each in p.ravel()]


def surprise_in_half_precision(p):
    return -np.log2(p.astype(np.float32))


def entropy_of_nan(p):
    with np.errstate(all="ignore"):
        return float(-(p * np.log2(p)).sum())


def entropy_in_nats(p):
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def entropy_unweighted(p):
    return float(-np.log2(p[p > 0]).mean())


def entropy_a_little_off(p):
    return float(-(p * np.log2(p + 1e-6)).sum())


def entropy_as_a_share(p):
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum() / np.log2(len(p)))


def entropy_that_changes_its_input(p):
    p[p == 0] = 1
    return float(-(p * np.log2(p)).sum())


def slice_before(symbols, cumulative):
    return float(sum(np.log2(cumulative[-1] / max(1, cumulative[c] - cumulative[c - 1])) for c in symbols))


def mean_of_bits(symbols, cumulative):
    bits = [np.log2(cumulative[-1] / (cumulative[c + 1] - cumulative[c])) for c in symbols]
    return float(np.mean(bits)) if bits else 0.0


def each_rounded_up(symbols, cumulative):
    return float(sum(math.ceil(np.log2(cumulative[-1] / (cumulative[c + 1] - cumulative[c]))) for c in symbols))


def position_instead_of_slice(symbols, cumulative):
    return float(sum(np.log2(cumulative[-1] / max(1, cumulative[c])) for c in symbols))


def one_symbol_forgotten(symbols, cumulative):
    return float(sum(np.log2(cumulative[-1] / (cumulative[c + 1] - cumulative[c])) for c in symbols[1:]))


def mean_of_means(losses, tokens, sizes):
    return float((losses * tokens / sizes).mean() / np.log(2))


def still_in_nats(losses, tokens, sizes):
    return float((losses * tokens).sum() / sizes.sum())


def bits_per_token(losses, tokens, sizes):
    return float((losses * tokens).sum() / np.log(2) / tokens.sum())


def mean_loss_of_documents(losses, tokens, sizes):
    return float(losses.mean() * tokens.sum() / np.log(2) / sizes.sum())


def multiplied_by_ln_2(losses, tokens, sizes):
    return float((losses * tokens).sum() * np.log(2) / sizes.sum())


WRONG = {
    "01.1": [
        *(surprise_in_nats, surprise_below_zero, surprise_in_whole_bits, surprise_of_all, surprise_of_a_list),
        surprise_in_half_precision,
    ],
    "01.2": [
        *(entropy_of_nan, entropy_in_nats, entropy_unweighted, entropy_a_little_off, entropy_as_a_share),
        entropy_that_changes_its_input,
    ],
    "01.3": [slice_before, mean_of_bits, each_rounded_up, position_instead_of_slice, one_symbol_forgotten],
    "01.4": [mean_of_means, still_in_nats, bits_per_token, mean_loss_of_documents, multiplied_by_ln_2],
}
