"""Answers to the exercises of tutorial 05 as careless students write them."""

import math
from fractions import Fraction
from itertools import product


def code_without_padding(low, high, window_bits):
    for length in range(window_bits + 1):
        first = math.ceil(low * 2**length)
        if Fraction(first + 1, 2**length) <= high:
            return first
    return None


def code_not_the_shortest(low, high, window_bits):
    first = math.ceil(low * 2**window_bits)
    return first if Fraction(first + 1, 2**window_bits) <= high else None


def code_rounded_down(low, high, window_bits):
    for length in range(window_bits + 1):
        first = math.floor(low * 2**length)
        if first >= low * 2**length - 1 and Fraction(first + 1, 2**length) <= high:
            return first << (window_bits - length)
    return None


def only_the_begin_must_lie_inside(low, high, window_bits):
    for length in range(window_bits + 1):
        first = math.ceil(low * 2**length)
        if Fraction(first, 2**length) < high:
            return first << (window_bits - length)
    return None


def longer_than_the_window(low, high, window_bits):
    length = 0
    while Fraction(math.ceil(low * 2**length) + 1, 2**length) > high:
        length += 1
    first = math.ceil(low * 2**length)
    return first << (window_bits - length) if length <= window_bits else first >> (length - window_bits)


def same_text_twice(windows, symbols):
    return bytes([0, 1]), bytes([0, 1])


def ends_that_differ(windows, symbols):
    """The text that ends inside a window, and the same text padded."""
    texts = [bytes(text) for n in range(1, 5) for text in product(range(symbols), repeat=n)]
    for one in texts:
        for other in texts:
            cut, also = windows(one), windows(other)
            same = [code for _, code in cut] == [code for _, code in also]
            if same and cut[-1][0] != also[-1][0]:
                return one, other
    return None


def codes_as_sets(windows, symbols):
    found = {}
    for n in range(2, 6):
        for text in map(bytes, product(range(symbols), repeat=n)):
            cut = windows(text)
            key = (frozenset(code for _, code in cut), cut[-1])
            if key in found and [code for _, code in windows(found[key])] != [code for _, code in cut]:
                return found[key], text
            found[key] = text
    return None


def symbols_in_lists(windows, symbols):
    return [0, 1], [0, 0, 1]


def _nearest(above, below):
    return (2 * above + below) // (2 * below)


def _down(above, below):
    return above // below


def _even(above, below):
    return round(above / below)


def _shares(cumulative, each, spare, rounded=_nearest):
    """Right if each and spare are."""
    edges = [rounded(spare * c, cumulative[-1]) for c in cumulative]
    return [each + edges[c + 1] - edges[c] for c in range(len(cumulative) - 1)]


def shares_of_sums_rounded_down(cumulative, cells, root):
    symbols = len(cumulative) - 1
    return _shares(cumulative, *((1, cells - symbols) if root else (0, cells - 1)), rounded=_down)


def shares_of_halves_rounded_to_even(cumulative, cells, root):
    symbols = len(cumulative) - 1
    return _shares(cumulative, *((1, cells - symbols) if root else (0, cells - 1)), rounded=_even)


def shares_in_floats(cumulative, cells, root):
    symbols = len(cumulative) - 1
    rounded = lambda above, below: int(above / below + 0.5)  # noqa: E731
    return _shares(cumulative, *((1, cells - symbols) if root else (0, cells - 1)), rounded=rounded)


def shares_rounded_one_by_one(cumulative, cells, root):
    symbols, total = len(cumulative) - 1, cumulative[-1]
    each, spare = (1, cells - symbols) if root else (0, cells - 1)
    return [each + _nearest(spare * (cumulative[c + 1] - cumulative[c]), total) for c in range(symbols)]


def nothing_kept_for_the_stop_cell(cumulative, cells, root):
    return _shares(cumulative, *((1, cells - (len(cumulative) - 1)) if root else (0, cells)))


def root_like_any_node(cumulative, cells, root):
    return _shares(cumulative, 0, cells - 1)


def one_for_each_at_every_node(cumulative, cells, root):
    return _shares(cumulative, 1, max(0, cells - (len(cumulative) - 1)))


def shares_as_fractions_of_cells(cumulative, cells, root):
    symbols, total = len(cumulative) - 1, cumulative[-1]
    each, spare = (1, cells - symbols) if root else (0, cells - 1)
    return [each + spare * (cumulative[c + 1] - cumulative[c]) / total for c in range(symbols)]


def _encode(cdf, window_bits, text, stop=1, begin=1, context=True, bonus=1, last=False, rounded=_nearest):
    """A right encoder if nothing is changed."""
    first, cells = 0, 1 << window_bits
    for place, symbol in enumerate(text):
        cumulative = cdf(text[:place] if context else b"")
        symbols, total = len(cumulative) - 1, cumulative[-1]
        each, spare, at = (bonus, cells - bonus * symbols, 0) if place == 0 else (0, cells - stop, begin)
        low, high = (each * (symbol + i) + rounded(spare * cumulative[symbol + i], total) for i in (0, 1))
        if low == high:
            return place, first + cells - 1 if last else first
        first, cells = first + at + low, high - low
    return len(text), first + cells - 1 if last else first


def no_stop_cell_in_encoding(cdf, window_bits, text):
    return _encode(cdf, window_bits, text[:60], stop=0, begin=0)


def children_on_top_of_the_stop_cell(cdf, window_bits, text):
    return _encode(cdf, window_bits, text, begin=0)


def context_forgotten_in_encoding(cdf, window_bits, text):
    return _encode(cdf, window_bits, text, context=False)


def last_cell_as_the_code(cdf, window_bits, text):
    return _encode(cdf, window_bits, text, last=True)


def sums_rounded_down_in_encoding(cdf, window_bits, text):
    return _encode(cdf, window_bits, text, rounded=_down)


def code_and_length_swapped(cdf, window_bits, text):
    return _encode(cdf, window_bits, text)[::-1]


def code_as_bits(cdf, window_bits, text):
    length, code = _encode(cdf, window_bits, text)
    return length, format(code, f"0{window_bits}b")


def _decode(
    cdf, window_bits, code, at_root=False, stop=True, context=True, bonus=1, inclusive=False, rounded=_nearest
):
    """A right decoder if nothing is changed."""
    text, first, cells = b"", 0, 1 << window_bits
    while cells > 1 if not stop else code != first or not (text or at_root):
        cumulative = cdf(text if context else b"")
        symbols, total = len(cumulative) - 1, cumulative[-1]
        each, spare, at = (bonus, cells - bonus * symbols, first) if not text else (0, cells - 1, first + 1)
        edges = [rounded(spare * c, total) for c in cumulative]
        for symbol in range(symbols):
            share = each + edges[symbol + 1] - edges[symbol]
            if code <= at + share if inclusive else code < at + share:
                break
            at += share
        text, first, cells = text + bytes([symbol]), at, share
        if len(text) > 1 << window_bits:
            return text
    return text


def empty_text_for_code_0(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, at_root=True)


def goes_on_to_a_single_cell(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, stop=False)


def context_forgotten_in_decoding(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, context=False)


def root_without_a_cell_for_each(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, bonus=0)


def off_by_one_cell(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, inclusive=True)


def sums_rounded_down_in_decoding(cdf, window_bits, code):
    return _decode(cdf, window_bits, code, rounded=_down)


def symbols_as_a_list(cdf, window_bits, code):
    return list(_decode(cdf, window_bits, code))


WRONG = {
    "05.1": [
        *(code_without_padding, code_not_the_shortest, code_rounded_down, only_the_begin_must_lie_inside),
        longer_than_the_window,
    ],
    "05.2": [same_text_twice, ends_that_differ, codes_as_sets, symbols_in_lists],
    "05.3": [
        *(shares_of_sums_rounded_down, shares_of_halves_rounded_to_even, shares_rounded_one_by_one),
        *(nothing_kept_for_the_stop_cell, root_like_any_node, one_for_each_at_every_node),
        *(shares_as_fractions_of_cells, shares_in_floats),
    ],
    "05.4": [
        *(no_stop_cell_in_encoding, children_on_top_of_the_stop_cell, context_forgotten_in_encoding),
        *(last_cell_as_the_code, sums_rounded_down_in_encoding, code_and_length_swapped, code_as_bits),
    ],
    "05.5": [
        *(empty_text_for_code_0, goes_on_to_a_single_cell, context_forgotten_in_decoding),
        *(root_without_a_cell_for_each, off_by_one_cell, sums_rounded_down_in_decoding, symbols_as_a_list),
    ],
}
