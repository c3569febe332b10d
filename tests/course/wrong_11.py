"""Answers to the exercises of tutorial 11 as careless students write them."""

from collections import Counter
from itertools import pairwise

import numpy as np


def ids_alike(found):
    shares = []
    for texts in found.values():
        pairs = len(texts) * (len(texts) - 1) // 2
        if pairs:
            shares.append(sum(n * (n - 1) // 2 for n in Counter(texts).values()) / pairs)
    return float(np.mean(shares))


def share_of_the_commonest(found):
    commonest = sum(max(Counter(texts).values()) for texts in found.values())
    return commonest / sum(len(texts) for texts in found.values())


def paired_with_itself(found):
    same = sum(n * n for texts in found.values() for n in Counter(texts).values())
    return same / sum(len(texts) ** 2 for texts in found.values())


def pairs_across_ids(found):
    texts = [text for each in found.values() for text in each]
    same = sum(n * (n - 1) for n in Counter(texts).values())
    return same / (len(texts) * (len(texts) - 1))


def ids_with_one_text(found):
    return sum(len(set(texts)) == 1 for texts in found.values()) / len(found)


def neighbours_only(found):
    pairs = [(x, y) for texts in found.values() for x, y in pairwise(texts)]
    return sum(x == y for x, y in pairs) / len(pairs)


def _distance(a, b, replace=1, empty=True):
    """Right if nothing is changed."""
    row = [j if empty else 0 for j in range(len(b) + 1)]
    for i, x in enumerate(a, 1):
        before, row = row, [i if empty else 0]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + replace * (x != y)))
    return row[-1]


def replacing_costs_two(a, b):
    return _distance(a, b, replace=2)


def beginning_is_free(a, b):
    return _distance(a, b, empty=False)


def places_that_differ(a, b):
    return sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))


def no_insertions(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, before[j - 1] + (x != y)))
    return row[-1]


def over_the_length(a, b):
    return _distance(a, b) / max(1, len(a), len(b))


def other_tokens_as_sets(a, b):
    return sum(((Counter(a) - Counter(b)) + (Counter(b) - Counter(a))).values())


def _ngrams(bits, n, step=1, reverse=False, dtype=np.int64):
    runs = len(bits) - n + 1
    values = np.zeros(runs, dtype=dtype)
    for place in range(n):
        at = n - 1 - place if reverse else place
        values = (2 * values + bits[at : at + runs]).astype(dtype)
    return np.bincount(values[::step], minlength=2**n)


def runs_that_do_not_overlap(bits, n):
    return _ngrams(bits, n, step=n)


def last_bit_first(bits, n):
    return _ngrams(bits, n, reverse=True)


def uint8_overflows(bits, n):
    return _ngrams(bits, n, dtype=np.uint8)


def last_run_forgotten(bits, n):
    return _ngrams(bits[:-1], n) if len(bits) > n else np.zeros(2**n, dtype=np.int64)


def only_up_to_the_greatest(bits, n):
    counts = _ngrams(bits, n)
    return counts[: np.flatnonzero(counts)[-1] + 1]


def shares_instead_of_counts(bits, n):
    counts = _ngrams(bits, n)
    return counts / counts.sum()


def _kl(counts, kinds=None, sign=-1, seen=None, unit=2.0):
    """Right if nothing is changed."""
    there = counts[counts > 0]
    p = there / there.sum()
    plug_in = float((np.log(kinds or len(counts)) + (p * np.log(p)).sum()) / np.log(unit))
    m = len(there) if seen is None else seen
    return plug_in, plug_in + sign * (m - 1) / (2 * int(there.sum())) / float(np.log(unit))


def correction_of_the_wrong_sign(counts):
    return _kl(counts, sign=1)


def all_kinds_and_not_those_seen(counts):
    return _kl(counts, seen=len(counts))


def uniform_over_those_seen(counts):
    return _kl(counts, kinds=np.count_nonzero(counts))


def kl_in_nats(counts):
    return _kl(counts, unit=np.e)


def correction_in_nats(counts):
    plug_in, corrected = _kl(counts)
    return plug_in, plug_in - (plug_in - corrected) * float(np.log(2))


def zero_times_log_zero(counts):
    p = counts / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        plug_in = float(np.log2(len(counts)) + (p * np.log2(p)).sum())
    return plug_in, plug_in - (np.count_nonzero(counts) - 1) / (2 * int(counts.sum())) / float(np.log(2))


def one_number_for_all(predicted, truth, tokens_a_window):
    return np.full(tokens_a_window, np.mean(predicted == truth))


def contiguous_parts(predicted, truth, tokens_a_window):
    return np.array([part.mean() for part in np.array_split(predicted == truth, tokens_a_window)])


def whole_windows_only(predicted, truth, tokens_a_window):
    whole = len(truth) // tokens_a_window * tokens_a_window
    return (predicted == truth)[:whole].reshape(-1, tokens_a_window).mean(axis=0)


def counts_of_right_ones(predicted, truth, tokens_a_window):
    right = predicted == truth
    return np.array([float(right[k::tokens_a_window].sum()) for k in range(tokens_a_window)])


def one_position_late(predicted, truth, tokens_a_window):
    right = predicted == truth
    found = [right[(k + 1) % tokens_a_window :: tokens_a_window].mean() for k in range(tokens_a_window)]
    return np.array(found)


def errors_instead(predicted, truth, tokens_a_window):
    wrong = predicted != truth
    return np.array([wrong[k::tokens_a_window].mean() for k in range(tokens_a_window)])


WRONG = {
    "11.1": [
        *(ids_alike, share_of_the_commonest, paired_with_itself, pairs_across_ids, ids_with_one_text),
        neighbours_only,
    ],
    "11.2": [
        *(replacing_costs_two, beginning_is_free, places_that_differ, no_insertions, over_the_length),
        other_tokens_as_sets,
    ],
    "11.3": [
        *(runs_that_do_not_overlap, last_bit_first, uint8_overflows, last_run_forgotten),
        *(only_up_to_the_greatest, shares_instead_of_counts),
    ],
    "11.4": [
        *(correction_of_the_wrong_sign, all_kinds_and_not_those_seen, uniform_over_those_seen, kl_in_nats),
        *(correction_in_nats, zero_times_log_zero),
    ],
    "11.5": [
        *(one_number_for_all, contiguous_parts, whole_windows_only, counts_of_right_ones, one_position_late),
        errors_instead,
    ],
}
