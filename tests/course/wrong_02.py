"""Answers to the exercises of tutorial 02 as careless students write them."""

from fractions import Fraction
from itertools import count, pairwise
from math import ceil, log2


def slice_not_scaled(low, width, cumulative, symbol):
    total = cumulative[-1]
    return low + Fraction(cumulative[symbol], total), width * Fraction(
        cumulative[symbol + 1] - cumulative[symbol], total
    )


def end_for_width(low, width, cumulative, symbol):
    total = cumulative[-1]
    return low + width * Fraction(cumulative[symbol], total), low + width * Fraction(cumulative[symbol + 1], total)


def next_symbol(low, width, cumulative, symbol):
    total, (start, end) = cumulative[-1], cumulative[symbol : symbol + 2]
    return low + width * Fraction(end, total), width * Fraction(end - start, total)


def in_floating_point(low, width, cumulative, symbol):
    total, (start, end) = cumulative[-1], cumulative[symbol : symbol + 2]
    return float(low + width * start / total), float(width * (end - start) / total)


def total_by_symbols(low, width, cumulative, symbol):
    total, (start, end) = len(cumulative) - 1, cumulative[symbol : symbol + 2]
    return low + width * Fraction(start, total), width * Fraction(end - start, total)


def _find(x, cumulative, is_in):
    total = cumulative[-1]
    pairs = pairwise(cumulative)
    return next(
        c for c, (start, end) in enumerate(pairs) if is_in(Fraction(start, total), x, Fraction(end, total))
    )


def _decoded(x, cumulative, n, is_in=lambda low, x, high: low <= x < high, zoom=True):
    found = []
    for _ in range(n):
        symbol = _find(x, cumulative, is_in)
        found.append(symbol)
        if zoom:
            width = cumulative[symbol + 1] - cumulative[symbol]
            x = (x * cumulative[-1] - cumulative[symbol]) / width
    return found


def left_end_outside(x, cumulative, n):
    return _decoded(x, cumulative, n, lambda low, x, high: low < x <= high or (x == 0 == low))


def never_blown_up(x, cumulative, n):
    return _decoded(x, cumulative, n, zoom=False)


def one_too_few(x, cumulative, n):
    return _decoded(x, cumulative, n - 1)


def as_a_tuple(x, cumulative, n):
    return tuple(_decoded(x, cumulative, n))


def in_floats(x, cumulative, n):
    x, found = float(x), []
    for _ in range(n):
        symbol = max(c for c in range(len(cumulative) - 1) if cumulative[c] / cumulative[-1] <= x)
        found.append(symbol)
        x = (x * cumulative[-1] - cumulative[symbol]) / (cumulative[symbol + 1] - cumulative[symbol])
    return found


def ends_at_the_last_symbol(x, cumulative, n):
    found = _decoded(x, cumulative, n)
    return found[: found.index(len(cumulative) - 2)] if len(cumulative) - 2 in found else found


def _first_inside(low, width, start, fits, shown=lambda b, n: format(b, f"0{n}b") if n else ""):
    for n in count(start):
        b = -(-low.numerator * 2**n // low.denominator)
        if fits(Fraction(b, 2**n), Fraction(b + 1, 2**n), low + width):
            return shown(b, n)
    return None


def only_the_left_end_inside(low, width):
    return _first_inside(low, width, 0, lambda left, right, high: left < high)


def right_end_forbidden(low, width):
    return _first_inside(low, width, 0, lambda left, right, high: right < high)


def leading_zeros_lost(low, width):
    return _first_inside(low, width, 0, lambda left, right, high: right <= high, lambda b, n: f"{b:b}" * bool(n))


def never_empty(low, width):
    return _first_inside(low, width, 1, lambda left, right, high: right <= high)


def always_the_bound(low, width):
    n = ceil(-log2(width)) + 1
    return format(-(-low.numerator * 2**n // low.denominator), f"0{n}b")


def highest_instead_of_lowest(low, width):
    high = low + width
    for n in count():
        b = high.numerator * 2**n // high.denominator - 1
        if Fraction(b, 2**n) >= low:
            return format(b, f"0{n}b") if n else ""
    return None


def code_in_floats(low, width):
    low, width = float(low), float(width)
    for n in range(200):
        b = ceil(low * 2.0**n)
        if (b + 1) / 2.0**n <= low + width:
            return format(b, f"0{n}b") if n else ""
    return ""


def _until_end(code, cumulative, scale):
    x, found, end = Fraction(int("0" + code, 2), scale), [], len(cumulative) - 2
    while len(found) < 1000:
        symbol = max(c for c in range(end + 1) if Fraction(cumulative[c], cumulative[-1]) <= x)
        if symbol == end:
            return found
        found.append(symbol)
        x = (x * cumulative[-1] - cumulative[symbol]) / (cumulative[symbol + 1] - cumulative[symbol])
    return found


def with_the_end_mark(code, cumulative):
    return [*_until_end(code, cumulative, 2 ** len(code)), len(cumulative) - 2]


def one_bit_too_many(code, cumulative):
    return _until_end(code, cumulative, 2 ** (len(code) + 1))


def without_leading_zeros(code, cumulative):
    return _until_end(code, cumulative, 2 ** max(1, int("0" + code, 2).bit_length()))


def ones_after_the_code(code, cumulative):
    return _until_end(code + "1" * 80 if code else "", cumulative, 2 ** (len(code) + 80 * bool(code)))[:-1]


def decoded_in_floats(code, cumulative):
    x, found = int("0" + code, 2) / 2 ** len(code), []
    while len(found) < 1000:
        symbol = max(c for c in range(len(cumulative) - 1) if cumulative[c] / cumulative[-1] <= x)
        if symbol == len(cumulative) - 2:
            return found
        found.append(symbol)
        x = (x * cumulative[-1] - cumulative[symbol]) / (cumulative[symbol + 1] - cumulative[symbol])
    return found


def as_many_symbols_as_bits(code, cumulative):
    return _decoded(Fraction(int("0" + code, 2), 2 ** len(code)), cumulative, len(code))


WRONG = {
    "02.1": [slice_not_scaled, end_for_width, next_symbol, in_floating_point, total_by_symbols],
    "02.2": [left_end_outside, never_blown_up, one_too_few, as_a_tuple, in_floats, ends_at_the_last_symbol],
    "02.3": [
        *(only_the_left_end_inside, right_end_forbidden, leading_zeros_lost, never_empty, always_the_bound),
        *(highest_instead_of_lowest, code_in_floats),
    ],
    "02.4": [
        with_the_end_mark,
        one_bit_too_many,
        without_leading_zeros,
        ones_after_the_code,
        as_many_symbols_as_bits,
        decoded_in_floats,
    ],
}
