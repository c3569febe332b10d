"""Answers to the exercises of tutorial 03 as careless students write them."""

from math import ceil, log2


def _ends(width, cumulative, symbol):
    return [width * c // cumulative[-1] for c in cumulative[symbol : symbol + 2]]


def widths_rounded(low, width, cumulative, symbol):
    count = cumulative[symbol + 1] - cumulative[symbol]
    return low + width * cumulative[symbol] // cumulative[-1], width * count // cumulative[-1]


def by_true_division(low, width, cumulative, symbol):
    start, end = (int(width * c / cumulative[-1]) for c in cumulative[symbol : symbol + 2])
    return low + start, end - start


def divided_first(low, width, cumulative, symbol):
    unit = width // cumulative[-1]
    return low + unit * cumulative[symbol], unit * (cumulative[symbol + 1] - cumulative[symbol])


def end_for_width(low, width, cumulative, symbol):
    start, end = _ends(width, cumulative, symbol)
    return low + start, low + end


def low_is_split_too(low, width, cumulative, symbol):
    start, end = ((low + width) * c // cumulative[-1] for c in cumulative[symbol : symbol + 2])
    return start, end - start


def cost_of_the_whole_symbol(width, cumulative, symbol):
    start, end = _ends(width, cumulative, symbol)
    return log2(width / (end - start))


def cost_with_the_wrong_sign(width, cumulative, symbol):
    start, end = _ends(width, cumulative, symbol)
    return log2((end - start) * cumulative[-1] / width / (cumulative[symbol + 1] - cumulative[symbol]))


def cost_never_below_zero(width, cumulative, symbol):
    return max(0.0, -cost_with_the_wrong_sign(width, cumulative, symbol))


def cost_in_places(width, cumulative, symbol):
    start, end = _ends(width, cumulative, symbol)
    return width * (cumulative[symbol + 1] - cumulative[symbol]) / cumulative[-1] - (end - start)


def cost_of_a_rounded_width(width, cumulative, symbol):
    count = cumulative[symbol + 1] - cumulative[symbol]
    return log2(width * count / cumulative[-1] / (width * count // cumulative[-1]))


def _first_above(place, cumulative):
    return next((c for c in range(len(cumulative) - 1) if place < cumulative[c + 1]), len(cumulative) - 2)


def as_with_fractions(place, width, cumulative):
    return _first_above(place * cumulative[-1] // width, cumulative)


def ends_rounded_up(place, width, cumulative):
    return _first_above(place, [ceil(width * c / cumulative[-1]) for c in cumulative])


def end_inside(place, width, cumulative):
    ends = [width * c // cumulative[-1] for c in cumulative]
    return next(c for c in range(len(cumulative) - 1) if place <= ends[c + 1])


def one_symbol_on(place, width, cumulative):
    return sum(width * c // cumulative[-1] <= place for c in cumulative)


def slice_in_floats(place, width, cumulative):
    return _first_above(place / width * cumulative[-1], cumulative)


def digits_of_width(low, width):
    return 32 - (width - 1).bit_length()


def end_included(low, width):
    return 32 - (low ^ (low + width)).bit_length()


def without_leading_zeros(low, width):
    first, last = f"{low:b}", f"{low + width - 1:b}"
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(last))


def common_digits_anywhere(low, width):
    return sum(a == b for a, b in zip(f"{low:032b}", f"{low + width - 1:032b}", strict=True))


def whole_bytes_only(low, width):
    return (32 - (low ^ (low + width - 1)).bit_length()) // 8 * 8


def last_byte_only(moved):
    return moved[:-1] + bytes([(moved[-1] + 1) % 256])


def one_byte_back(moved):
    if moved[-1] < 255:
        return moved[:-1] + bytes([moved[-1] + 1])
    return moved[:-2] + bytes([(moved[-2] + 1) % 256, 0])


def carry_without_zeros(moved):
    kept = moved.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) + moved[len(kept) :]


def run_dropped(moved):
    kept = moved.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1])


def as_a_list(moved):
    return list((int.from_bytes(moved, "big") + 1).to_bytes(len(moved), "big"))


def other_end_first(moved):
    return (int.from_bytes(moved, "little") + 1).to_bytes(len(moved) + 1, "little")[: len(moved)]


WRONG = {
    "03.1": [widths_rounded, by_true_division, divided_first, end_for_width, low_is_split_too],
    "03.2": [
        *(cost_of_the_whole_symbol, cost_with_the_wrong_sign, cost_never_below_zero, cost_in_places),
        cost_of_a_rounded_width,
    ],
    "03.3": [as_with_fractions, ends_rounded_up, end_inside, one_symbol_on, slice_in_floats],
    "03.4": [digits_of_width, end_included, without_leading_zeros, common_digits_anywhere, whole_bytes_only],
    "03.5": [last_byte_only, one_byte_back, carry_without_zeros, run_dropped, as_a_list, other_end_first],
}
