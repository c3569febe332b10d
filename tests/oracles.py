"""The same definitions written again, slowly and in another way, to hold the code against.

Rational numbers are `fractions.Fraction`, windows are found by trying everything. Nothing here is shared with
the package but the predictors' interface.
"""

from fractions import Fraction
from functools import cache
from itertools import count
from math import isqrt

import mpmath


def text_interval(predictor, symbols):
    """[low, high) of a text, by the definition of arithmetic coding."""
    low, high = Fraction(0), Fraction(1)
    state = predictor.start()
    for symbol in symbols:
        cumulative = predictor.cdf(state)
        width = high - low
        low, high = (
            low + width * Fraction(cumulative[symbol], cumulative[-1]),
            low + width * Fraction(cumulative[symbol + 1], cumulative[-1]),
        )
        state = predictor.advance(state, symbol)
    return low, high


def shortest_code(low, high):
    """(b, n): the lowest of the shortest dyadic intervals [b, b + 1) / 2^n inside [low, high)."""
    lowest = ((-(-low.numerator * 2**n // low.denominator), n) for n in count())
    return next((b, n) for b, n in lowest if Fraction(b + 1, 2**n) <= high)


def exact_code(predictor, symbols):
    """The code of a text and its end mark as a string of 0 and 1."""
    b, n = shortest_code(*text_interval(predictor, [*symbols, predictor.symbols - 1]))
    return format(b, f"0{n}b") if n else ""


def decoded(predictor, data, max_symbols):
    """(symbols, ended): what arithmetic decoding gives by its definition, up to an end mark or to `max_symbols`.

    `ended`: the code is wider than the interval of any text that goes on.
    """
    x, code_width = Fraction(int.from_bytes(data, "big"), 256 ** len(data)), Fraction(1, 256 ** len(data))
    low, width, state, symbols = Fraction(0), Fraction(1), predictor.start(), []
    while len(symbols) < max_symbols and (not symbols or symbols[-1] != predictor.symbols - 1):
        cumulative = predictor.cdf(state)
        edges = [low + width * Fraction(c, cumulative[-1]) for c in cumulative]
        symbol = next(c for c in range(predictor.symbols) if edges[c] <= x < edges[c + 1])
        low, width = edges[symbol], edges[symbol + 1] - edges[symbol]
        if width < code_width:
            return symbols, True
        symbols.append(symbol)
        state = predictor.advance(state, symbol)
    return symbols, False


def ideal_bits(predictor, symbols):
    """-log2 of the probability of a text and its end mark, to 50 digits."""
    with mpmath.workdps(50):
        bits, state = mpmath.mpf(0), predictor.start()
        for symbol in [*symbols, predictor.symbols - 1]:
            cumulative = predictor.cdf(state)
            bits += mpmath.log(mpmath.mpf(cumulative[-1]) / (cumulative[symbol + 1] - cumulative[symbol]), 2)
            state = predictor.advance(state, symbol)
        return bits


def best_prefix_code(counts):
    """(total bits, longest code) of the best prefix code: every set of lengths that Kraft allows is tried.

    The best in total; of these, the one whose longest code is shortest.
    """

    def fill(left, room):
        """Lengths of `left` more symbols, falling counts and so rising lengths, that use up `room` exactly."""
        if not left:
            if room == 0:
                yield []
            return
        for length in range(1, len(counts)):
            share = Fraction(1, 2**length)
            if share <= room and left * share >= room:
                yield from ([length, *rest] for rest in fill(left - 1, room - share))

    falling = sorted(counts, reverse=True)
    return min(
        (sum(n * f for n, f in zip(lengths, falling, strict=True)), max(lengths))
        for lengths in fill(len(counts), Fraction(1))
        if lengths == sorted(lengths)
    )


def fits(low, high, window_bits):
    """Does [low, high) hold a dyadic interval of length 2^-W?"""
    b = -(-low.numerator * 2**window_bits // low.denominator)
    return Fraction(b + 1, 2**window_bits) <= high


def padded_code(predictor, text, window_bits):
    b, n = shortest_code(*text_interval(predictor, text))
    return b << window_bits - n


def greedy_window(predictor, data, window_bits):
    """(length, code) of the paper's first window of `data`."""
    length = max(n for n in range(1, len(data) + 1) if fits(*text_interval(predictor, data[:n]), window_bits))
    return length, padded_code(predictor, data[:length], window_bits)


def delay_window(predictor, data, window_bits):
    longest, code = greedy_window(predictor, data, window_bits)
    return next((n, code) for n in range(1, longest + 1) if padded_code(predictor, data[:n], window_bits) == code)


def stop_cell_tree(predictor, window_bits):
    """{code: text} of the whole tree, grown from the root by its definition."""
    texts = {}

    def grow(text, state, first, cells):
        assert first not in texts, "a cell belongs to two nodes"
        texts[first] = bytes(text)
        shares(text, state, first + 1, cells - 1, extra=0)

    def shares(text, state, at, cells, extra):
        uniform_from_here = len(text) >= predictor.limit
        cumulative = uniform(predictor) if uniform_from_here else predictor.cdf(state)
        for symbol in range(predictor.symbols):
            high = Fraction(cells * cumulative[symbol + 1], cumulative[-1])
            low = Fraction(cells * cumulative[symbol], cumulative[-1])
            share = extra + (high + Fraction(1, 2)).__floor__() - (low + Fraction(1, 2)).__floor__()
            if share:
                grow([*text, symbol], predictor.advance(state, symbol), at, share)
                at += share

    shares([], predictor.start(), 0, 2**window_bits - predictor.symbols, extra=1)
    return texts


def uniform(predictor):
    """C[i] = i + floor(i (T - K) / K): one for each, the rest shared by rounding down the running sum."""
    total, symbols = 2**predictor.precision, predictor.symbols
    return [i + i * (total - symbols) // symbols for i in range(symbols + 1)]


def witten_bell(documents, order, context, symbol, symbols=257):
    """p(symbol | context) of an unpruned n-gram, in exact fractions."""
    p = Fraction(1, symbols)
    for k in range(min(order, len(context)) + 1):
        ending = tuple(context[len(context) - k :])
        followers = [
            text[i + k] for text in documents for i in range(len(text) - k) if tuple(text[i : i + k]) == ending
        ]
        if followers:
            distinct = len(set(followers))
            p = (followers.count(symbol) + distinct * p) / (len(followers) + distinct)
    return p


def nearest(x, bits):
    """The fraction x as a float of so many bits, ties to even; what IEEE 754 asks of every single operation."""
    if not x:
        return Fraction(0)
    exponent = x.numerator.bit_length() - x.denominator.bit_length() if x > 0 else 0
    if x < 0:
        return -nearest(-x, bits)
    scale = Fraction(2) ** (bits - exponent)  # x * scale is from 2^(bits - 1) to 2^(bits + 1)
    if x * scale >= 2**bits:
        scale /= 2
    return round(x * scale) / scale


def nearest_root(x, bits):
    """The square root of x in the same way: one digit more than enough, and a last one if there are others."""
    shift = 2 * bits + max(0, x.denominator.bit_length() - x.numerator.bit_length())
    square = x * 4**shift
    root = isqrt(square.__floor__())
    return nearest(Fraction(2 * root + (root * root != square), 2 ** (shift + 1)), bits)


@cache
def shares_of_octaves():
    """2^(-i / 256) in 2^16ths, rounded to 2^30ths first and then down, for 30 octaves; and 0."""
    with mpmath.workdps(50):
        return [int(mpmath.nint(mpmath.mpf(2) ** (30 - mpmath.mpf(i) / 256))) >> 14 for i in range(30 * 256)] + [0]


def single(x):
    return nearest(Fraction(x), 24)


def double(x):
    return nearest(Fraction(x), 53)


def steps(row, scales, low, high, rounding=single):
    return [max(low, min(high, round(rounding(x * Fraction(s))))) for x, s in zip(row, scales, strict=True)]


def integer_norm(row, scales, largest):
    mean = double(double(Fraction(sum(x * x for x in row), len(row))) + Fraction(1e-6) * 2**20)
    inverse = single(double(1 / nearest_root(mean, 53)))
    return steps([single(x * inverse) for x in row], scales, -largest, largest)


def attention_shares(levels):
    """Integers in proportion to 2^(level / 256), of 2^16 at most in sum."""
    shares = [shares_of_octaves()[min(int(single(max(levels) - level)), 30 * 256)] for level in levels]
    ratio = single(double(Fraction(2**16, sum(shares))))
    return [single(share * ratio).__floor__() for share in shares]


def integer_levels(config, arrays, ids):
    """What `nn/integer` gives at each of a text's ids (T,), in whole numbers and fractions, without a cache."""

    def get(name):
        return arrays[name].tolist()

    def product(row, matrix):
        return [sum(x * w for x, w in zip(row, column, strict=True)) for column in zip(*matrix, strict=True)]

    def add(row, change, scales):
        moved = [x + round(single(c * Fraction(s))) for x, c, s in zip(row, change, scales, strict=True)]
        return [max(-(2**20), min(2**20, single(x))) for x in moved]

    width = config.d_model // config.heads
    rows = [get("embedding")[i] for i in ids]
    for i in range(config.layers):
        own = {name.split(".")[2]: get(name) for name in arrays if name.startswith(f"blocks.{i}.")}
        projected = [
            steps(
                product(integer_norm(row, own["norm_attention"], 127), own["project"]),
                own["project_scale"],
                -127,
                127,
            )
            for row in rows
        ]
        after = []
        for here, row in enumerate(rows):
            attended = []
            for head in range(config.heads):
                q, k, v = (slice(at * config.d_model + head * width, None) for at in range(3))
                levels = []
                for there in range(here + 1):
                    score = sum(
                        x * y for x, y in zip(projected[here][q][:width], projected[there][k][:width], strict=True)
                    )
                    score = round(single(score * Fraction(own["score"][head])))
                    levels.append(single(score + own["bias"][head][here - there]))
                shares = attention_shares(levels)
                values = [projected[there][v][:width] for there in range(here + 1)]
                attended += product(shares, values)
            attended = steps(attended, own["attended"], -127, 127)
            row = add(row, product(attended, own["mix"]), own["mix_scale"])
            hidden = steps(product(integer_norm(row, own["norm_mlp"], 127), own["up"]), own["up_scale"], 0, 127)
            after.append(add(row, product(hidden, own["down"]), own["down_scale"]))
        rows = after
    found = []
    for row in rows:
        logits = product(integer_norm(row, get("norm"), 32767), get("output"))
        found.append(steps(logits, get("output_scale"), -(2**63), 2**63, double))
    return found
