"""Answers to the exercises of tutorial 04 as careless students write them."""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush

import numpy as np


def only_bytes_that_occur(text):
    return np.bincount(np.frombuffer(text, dtype=np.uint8))


def shares_instead_of_counts(text):
    return np.bincount(np.frombuffer(text, dtype=np.uint8), minlength=256) / max(1, len(text))


def counts_as_a_list(text):
    return [text.count(bytes([byte])) for byte in range(256)]


def counts_in_bytes_that_overflow(text):
    counts = np.zeros(256, dtype=np.uint8)
    np.add.at(counts, list(text), 1)
    return counts


def nats(counts, text):
    p = (counts + 1) / (counts.sum() + 256)
    return float(-np.log(p[list(text)]).mean())


def sum_of_the_text(counts, text):
    p = (counts + 1) / (counts.sum() + 256)
    return float(-np.log2(p[list(text)]).sum())


def unseen_bytes_are_impossible(counts, text):
    with np.errstate(divide="ignore"):
        return float(-np.log2((counts / counts.sum())[list(text)]).mean())


def entropy_of_the_model(counts, text):
    p = (counts + 1) / (counts.sum() + 256)
    return float(-(p * np.log2(p)).sum())


def one_added_to_the_total(counts, text):
    p = (counts + 1) / (counts.sum() + 1)
    return float(-np.log2(p[list(text)]).mean())


def shannons_lengths(counts):
    return [max(1, int(np.ceil(np.log2(sum(counts) / count)))) for count in counts]


def all_the_same_length(counts):
    return [max(1, int(np.ceil(np.log2(len(counts))))) for _ in counts]


def _joined(counts, key):
    heap = [(key(count), [symbol]) for symbol, count in enumerate(counts)]
    heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        (a, left), (b, right) = heappop(heap), heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heappush(heap, (a + b, left + right))
    return lengths


def most_frequent_joined_first(counts):
    return _joined(counts, key=lambda count: -count)


def longest_for_the_most_frequent(counts):
    lengths = sorted(_joined(counts, key=lambda count: count))
    places = np.argsort(counts, kind="stable")
    return [lengths[np.flatnonzero(places == symbol)[0]] for symbol in range(len(counts))]


def depths_from_zero(counts):
    return [length - 1 for length in _joined(counts, key=lambda count: count)]


def last_byte_forgotten(text, k):
    after = defaultdict(Counter)
    for place in range(k, len(text) - 1):
        after[text[place - k : place]][text[place]] += 1
    return dict(after)


def slices_from_the_end(text, k):
    after = defaultdict(Counter)
    for place in range(k, len(text)):
        after[text[:place][-k:]][text[place]] += 1
    return dict(after)


def sets_of_successors(text, k):
    after = defaultdict(set)
    for place in range(k, len(text)):
        after[text[place - k : place]].add(text[place])
    return {context: dict.fromkeys(found, 1) for context, found in after.items()}


def successors_as_bytes(text, k):
    after = defaultdict(Counter)
    for place in range(k, len(text)):
        after[text[place - k : place]][text[place : place + 1]] += 1
    return dict(after)


def contexts_that_do_not_overlap(text, k):
    after = defaultdict(Counter)
    for place in range(k, len(text), k + 1):
        after[text[place - k : place]][text[place]] += 1
    return dict(after)


def all_occurrences_for_distinct(counts, shorter):
    total = counts.sum()
    return (counts + total * shorter) / (2 * total) if total else shorter


def not_normalised(counts, shorter):
    distinct = np.count_nonzero(counts)
    return (counts + distinct * shorter) / max(1, counts.sum())


def unseen_contexts_divide_by_zero(counts, shorter):
    distinct = np.count_nonzero(counts)
    with np.errstate(invalid="ignore"):
        return (counts + distinct * shorter) / (counts.sum() + distinct)


def blended_in_place(counts, shorter):
    distinct = np.count_nonzero(counts)
    if distinct:
        shorter *= distinct
        shorter += counts
        shorter /= counts.sum() + distinct
    return shorter


WRONG = {
    "04.1": [
        *(only_bytes_that_occur, shares_instead_of_counts, counts_as_a_list),
        counts_in_bytes_that_overflow,
    ],
    "04.2": [
        *(nats, sum_of_the_text, unseen_bytes_are_impossible, entropy_of_the_model),
        one_added_to_the_total,
    ],
    "04.3": [
        *(shannons_lengths, all_the_same_length, most_frequent_joined_first, longest_for_the_most_frequent),
        depths_from_zero,
    ],
    "04.4": [
        *(last_byte_forgotten, slices_from_the_end, sets_of_successors, successors_as_bytes),
        contexts_that_do_not_overlap,
    ],
    "04.5": [
        *(all_occurrences_for_distinct, not_normalised, unseen_contexts_divide_by_zero),
        blended_in_place,
    ],
}
