"""Levenshtein's distance: how many ids must be put in, taken out or changed to make one list of ids of another."""

import numpy as np


def distances(lists: list[np.ndarray]) -> np.ndarray:
    """The distance of every pair of lists, shape (n (n - 1) / 2,), int64: of 0 and 1, 0 and 2, ..., 1 and 2, ...

    >>> distances([np.array([1, 2, 3]), np.array([2, 3, 4]), np.array([1, 2])]).tolist()
    [2, 1, 3]
    """
    lengths = np.array([len(each) for each in lists], dtype=np.int64)
    padded = np.full((len(lists), int(lengths.max(initial=0))), -1, dtype=np.int64)
    for row, each in enumerate(lists):
        padded[row, : len(each)] = each
    found = [
        _to_all(lists[first], padded[first + 1 :])[np.arange(len(lists) - first - 1), lengths[first + 1 :]]
        for first in range(len(lists) - 1)
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def _to_all(ids: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distances of `ids` to the first 0, 1, 2, ... ids of each of the others (n, T), shape (n, T + 1)."""
    places = np.arange(others.shape[1] + 1)
    row = np.tile(places, (len(others), 1))  # to no ids at all
    for done, wanted in enumerate(ids.tolist(), 1):
        # The id is changed into the other's, or taken out ...
        changed = row[:, :-1] + (others != wanted)
        row = np.concatenate([np.full((len(others), 1), done), np.minimum(changed, row[:, 1:] + 1)], axis=1)
        # ... and then any number of the other's ids is put in, at 1 each.
        row = np.minimum.accumulate(row - places, axis=1) + places
    return row
