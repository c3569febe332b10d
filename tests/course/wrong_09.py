"""Answers to the exercises of tutorial 09 as careless students write them."""

import numpy as np


def first_by_columns(rows, others):
    places = np.argwhere((rows != others).T)
    return (int(places[0, 1]), int(places[0, 0])) if len(places) else None


def column_before_row(rows, others):
    places = np.argwhere(rows != others)
    return (int(places[0, 1]), int(places[0, 0])) if len(places) else None


def always_finds_one(rows, others):
    place = int((rows != others).argmax())
    return place // rows.shape[1], place % rows.shape[1]


def last_difference(rows, others):
    places = np.argwhere(rows != others)
    return (int(places[-1, 0]), int(places[-1, 1])) if len(places) else None


def only_where_it_is_larger(rows, others):
    places = np.argwhere(rows > others)
    return (int(places[0, 0]), int(places[0, 1])) if len(places) else None


def place_in_the_flat_array(rows, others):
    return int((rows != others).argmax()) if (rows != others).any() else None


def place_as_an_array(rows, others):
    places = np.argwhere(rows != others)
    return places[0] if len(places) else None


def one_digit_for_the_sign(largest_x, largest_weight, digits):
    return 2 ** (digits - 1) // (largest_x * largest_weight)


def one_term_too_many(largest_x, largest_weight, digits):
    return 2**digits // (largest_x * largest_weight) + 1


def as_a_float(largest_x, largest_weight, digits):
    return 2**digits / (largest_x * largest_weight)


def rounded_up_or_down(largest_x, largest_weight, digits):
    return round(2**digits / (largest_x * largest_weight))


def sums_in_place_of_products(largest_x, largest_weight, digits):
    return 2**digits // (largest_x + largest_weight)


def below_and_not_at(largest_x, largest_weight, digits):
    return (2**digits - 1) // (largest_x * largest_weight)


def _quantise(weight, axis=0, levels=127, rounded=np.rint, size=np.abs):
    steps = size(weight).max(axis=axis, keepdims=True) / levels
    with np.errstate(invalid="ignore"):
        return rounded(weight / steps).astype(np.int8), steps[0] if axis == 0 else steps


def one_step_for_all(weight):
    integers, _ = _quantise(weight, axis=None)
    return integers, np.full(weight.shape[1], np.abs(weight).max() / 127)


def a_step_for_each_row(weight):
    integers, steps = _quantise(weight, axis=1)
    return integers, steps.ravel()


def cut_off_not_rounded(weight):
    return _quantise(weight, rounded=np.trunc)


def size_forgotten(weight):
    return _quantise(weight, size=np.asarray)


def wraps_at_128(weight):
    steps = np.abs(weight).max(axis=0) / 128
    return np.rint(weight / steps).astype(np.int64).astype(np.int8), steps


def integers_as_floats(weight):
    steps = np.abs(weight).max(axis=0) / 127
    return np.rint(weight / steps), steps


def scales_for_steps(weight):
    steps = np.abs(weight).max(axis=0) / 127
    return np.rint(weight / steps).astype(np.int8), 1 / steps


def steps_before_integers(weight):
    return _quantise(weight)[::-1]


def added_in_int8(x, weight, scale):
    return np.clip(np.rint((x @ weight) * scale), -127, 127).astype(np.int8)


def never_cut_off(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.rint(sums * scale).astype(np.int64).astype(np.int8)


def halves_always_up(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(np.floor(sums * scale + 0.5), -127, 127).astype(np.int8)


def fractions_dropped(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(sums * scale, -127, 127).astype(np.int8)


def down_to_minus_128(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(np.rint(sums * scale), -128, 127).astype(np.int8)


def wide_result(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(np.rint(sums * scale), -127, 127)


def scaled_in_float32(x, weight, scale):
    sums = (x.astype(np.int64) @ weight.astype(np.int64)).astype(np.float32)
    return np.clip(np.rint(sums * scale.astype(np.float32)), -127, 127).astype(np.int8)


def added_in_int16(x, weight, scale):
    sums = x.astype(np.int16) @ weight.astype(np.int16)
    return np.clip(np.rint(sums * scale), -127, 127).astype(np.int8)


def rounded_before_scaling(x, weight, scale):
    sums = x.astype(np.int64) @ weight.astype(np.int64)
    return np.clip(np.rint(np.clip(sums, -127, 127) * scale), -127, 127).astype(np.int8)


def highest_of_all_rows(levels, table):
    return table[np.minimum(levels.max() - levels, len(table) - 1)]


def counted_from_the_lowest(levels, table):
    return table[np.minimum(levels - levels.min(axis=1, keepdims=True), len(table) - 1)]


def beyond_the_table(levels, table):
    return table[levels.max(axis=1, keepdims=True) - levels]


def round_and_round_the_table(levels, table):
    return table[(levels.max(axis=1, keepdims=True) - levels) % len(table)]


def levels_as_places(levels, table):
    return table[np.clip(levels, 0, len(table) - 1)]


def powers_of_e(levels, table):
    return np.rint(table[0] * np.exp((levels - levels.max(axis=1, keepdims=True)) / 256)).astype(np.int64)


def last_entry_never_used(levels, table):
    return table[np.minimum(levels.max(axis=1, keepdims=True) - levels, len(table) - 2)]


WRONG = {
    "09.1": [
        *(first_by_columns, column_before_row, always_finds_one, last_difference, only_where_it_is_larger),
        *(place_in_the_flat_array, place_as_an_array),
    ],
    "09.2": [
        *(one_digit_for_the_sign, one_term_too_many, as_a_float, rounded_up_or_down),
        *(sums_in_place_of_products, below_and_not_at),
    ],
    "09.3": [
        *(one_step_for_all, a_step_for_each_row, cut_off_not_rounded, size_forgotten, wraps_at_128),
        *(integers_as_floats, scales_for_steps, steps_before_integers),
    ],
    "09.4": [
        *(added_in_int8, never_cut_off, halves_always_up, fractions_dropped, down_to_minus_128),
        *(wide_result, added_in_int16, rounded_before_scaling, scaled_in_float32),
    ],
    "09.5": [
        *(highest_of_all_rows, counted_from_the_lowest, beyond_the_table, round_and_round_the_table),
        *(levels_as_places, powers_of_e, last_entry_never_used),
    ],
}
