"""Windows against their definitions, and the bijection by trying every code."""

import random
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.static import Unigram, uniform
from eiwref.windows import SCHEMES, Delay, Greedy, StopCell
from tests import oracles
from tests.predictors_for_tests import Hashed, predictors, skewed, zipf

BYTE_PREDICTORS = {
    "uniform": lambda precision: uniform(256, precision),
    "zipf": lambda precision: zipf(256, precision),
    "skewed": lambda precision: skewed(256, precision, 97, limit=64),
}


def assert_bijection(scheme):
    """Every code has a text, no two have the same, and the encoder takes each text back to its code."""
    seen = set()
    for code in range(1 << scheme.window_bits):
        text, valid = scheme.decode(code)
        assert valid
        assert text
        seen.add(text)
        assert scheme.encode(text) == (len(text), code)
    assert len(seen) == 1 << scheme.window_bits
    return max(map(len, seen))


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int64])
def test_codes_may_be_numpys(name, dtype):
    """Whose products would overflow."""
    for window_bits in (16, 8 * np.dtype(dtype).itemsize - (dtype is np.int64)):
        scheme = SCHEMES[name](zipf(256, 16), window_bits)
        for code in random.Random(0).sample(range(min(1 << window_bits, 1 << 62)), 50):
            assert scheme.decode(dtype(code)) == scheme.decode(code)


@pytest.mark.parametrize("name", SCHEMES)
def test_symbols_of_another_alphabet_are_refused(name):
    scheme = SCHEMES[name](Unigram([2, 1, 1], 4), 4)
    with pytest.raises(PredictorError, match="symbol 3 is outside the alphabet of 3 symbols"):
        list(scheme.segment(b"\0\3"))
    with pytest.raises(PredictorError, match="symbol 3 is outside the alphabet of 3 symbols"):
        list(scheme.narrow(b"\0\3"))


@pytest.mark.parametrize("window_bits", range(9, 17))
@pytest.mark.parametrize("name", BYTE_PREDICTORS)
def test_stop_cell_is_a_bijection_over_bytes(name, window_bits):
    assert_bijection(StopCell(BYTE_PREDICTORS[name](14), window_bits))


@pytest.mark.parametrize("name", ["zipf", "skewed"])
@pytest.mark.parametrize("precision", [16, 24])
def test_stop_cell_is_a_bijection_at_other_precisions(name, precision):
    assert_bijection(StopCell(BYTE_PREDICTORS[name](precision), 12))


@pytest.mark.slow
@pytest.mark.parametrize("favourite", [0, 255])
@pytest.mark.parametrize("window_bits", range(9, 17))
def test_stop_cell_is_a_bijection_where_windows_are_long(favourite, window_bits):
    """The default limit of 1,024 under a predictor that is all but certain: texts of a thousand symbols."""
    assert_bijection(StopCell(skewed(256, 14, favourite), window_bits))


def test_windows_under_a_nearly_certain_predictor_end_soon_after_the_limit():
    """The uniform rule past the limit: without it this window would run on for hundreds of symbols."""
    likeliest = bytes([97]) * 2000
    assert StopCell(skewed(256, 14, 97, limit=64), 16).encode(likeliest)[0] in (65, 66)
    assert StopCell(skewed(256, 14, 97, limit=1024), 16).encode(likeliest)[0] > 400


SMALL = [(symbols, bits) for symbols in range(2, 10) for bits in range(1, 11) if 1 << bits > symbols]


@pytest.mark.parametrize(("symbols", "window_bits"), SMALL)
def test_stop_cell_is_the_tree_of_its_definition(symbols, window_bits):
    """Every small alphabet and every W that fits: the whole tree, drawn another way."""
    for predictor in (
        uniform(symbols, 8),
        zipf(symbols, 14),
        skewed(symbols, 8, symbols - 1, limit=3),
        Hashed(symbols, 16, seed=symbols),
        Hashed(symbols, 8, seed=window_bits, limit=2),
    ):
        scheme = StopCell(predictor, window_bits)
        tree = oracles.stop_cell_tree(predictor, window_bits)
        assert {code: scheme.decode(code).text for code in range(1 << window_bits)} == tree
        assert_bijection(scheme)


@pytest.mark.parametrize("name", SCHEMES)
@given(predictors(precisions=(4, 8), limits=(1024,)), st.data())
def test_first_window_is_the_definition(name, predictor, data):
    window_bits = data.draw(st.integers(max(4, predictor.precision), 12))
    text = bytes(data.draw(st.lists(st.integers(0, predictor.symbols - 1), min_size=1, max_size=30)))
    scheme = SCHEMES[name](predictor, window_bits)
    if name == "stop":
        tree = oracles.stop_cell_tree(predictor, window_bits)
        code_of = {string: code for code, string in tree.items()}
        longest = max(n for n in range(1, len(text) + 1) if text[:n] in code_of)
        assert scheme.encode(text) == (longest, code_of[text[:longest]])
    else:
        definition = {"greedy": oracles.greedy_window, "delay": oracles.delay_window}[name]
        assert scheme.encode(text) == definition(predictor, text, window_bits)


@pytest.mark.parametrize("name", ["greedy", "delay"])
@pytest.mark.parametrize(("symbols", "precision", "window_bits"), [(3, 4, 4), (3, 4, 7), (4, 5, 8), (2, 3, 6)])
def test_padded_decoders_match_every_text(name, symbols, precision, window_bits):
    """Each code, against all texts there are: the longest match (greedy) or the shortest (delay)."""
    predictor = Hashed(symbols, precision, seed=window_bits)
    scheme = SCHEMES[name](predictor, window_bits)
    holding: dict[int, list[bytes]] = {code: [] for code in range(1 << window_bits)}
    matching: dict[int, list[bytes]] = {code: [] for code in range(1 << window_bits)}
    texts = [bytes((symbol,)) for symbol in range(symbols)]
    while texts:
        going_on = []
        for text in texts:
            low, high = oracles.text_interval(predictor, text)
            if not oracles.fits(low, high, window_bits):
                continue
            matching[oracles.padded_code(predictor, text, window_bits)].append(text)
            for code in range(1 << window_bits):
                if low <= oracles.Fraction(code, 2**window_bits) and high >= oracles.Fraction(
                    code + 1, 2**window_bits
                ):
                    holding[code].append(text)
            going_on += [text + bytes((symbol,)) for symbol in range(symbols)]
        texts = going_on
    pick = max if name == "greedy" else min
    for code in range(1 << window_bits):
        decoded, valid = scheme.decode(code)
        assert valid == bool(matching[code])
        expected = pick(matching[code], key=len) if valid else max(holding[code], key=len)
        assert decoded == expected
    assert any(not found for found in matching.values())


@pytest.mark.parametrize("name", ["stop", "delay"])
@pytest.mark.parametrize("window_bits", [16, 24, 32, 64, 128])
@given(st.data())
def test_lossless_schemes_round_trip(name, window_bits, data):
    predictor = data.draw(predictors(symbols=data.draw(st.sampled_from([2, 4, 256])), precisions=(8, 14, 16)))
    text = bytes(data.draw(st.lists(st.integers(0, predictor.symbols - 1), max_size=80)))
    scheme = SCHEMES[name](predictor, window_bits)
    assert b"".join(scheme.decode(window.code).text for window in scheme.segment(text)) == text


@pytest.mark.parametrize("window_bits", [24, 32, 64, 128])
@given(st.data())
def test_any_wide_code_decodes_and_comes_back(window_bits, data):
    """The bijection where there are too many codes to try."""
    predictor = data.draw(predictors(symbols=256, precisions=(14, 16, 24), limits=(5, 1024)))
    code = data.draw(st.integers(0, 2**window_bits - 1))
    scheme = StopCell(predictor, window_bits)
    text, valid = scheme.decode(code)
    assert valid
    assert scheme.encode(text) == (len(text), code)


def test_greedy_is_not_injective_inside_a_text():
    """Two texts, the same windows: no decoder can be right about both. Neither ends in the window at fault."""
    scheme = Greedy(Unigram([2, 1, 1], precision=4), 4)
    one, other = bytes([0, 1]), bytes([0, 0, 1])
    assert [w.code for w in scheme.segment(one)] == [w.code for w in scheme.segment(other)]
    # The lossless schemes tell them apart.
    for lossless in (Delay, StopCell):
        scheme = lossless(Unigram([2, 1, 1], precision=4), 4)
        assert [w.code for w in scheme.segment(one)] != [w.code for w in scheme.segment(other)]


def test_delay_looks_from_the_front():
    """Codes along a walk can leave a value and come back to it, so the last change is not the first match."""
    met = 0
    for seed in range(60):
        predictor = Hashed(3, 4, seed=seed)
        for text in product(range(3), repeat=6):
            longest, code = oracles.greedy_window(predictor, bytes(text), 6)
            codes = [oracles.padded_code(predictor, text[:n], 6) for n in range(1, longest + 1)]
            met += any(a == code != b for a, b in pairwise(codes))
            assert Delay(predictor, 6).encode(bytes(text)) == oracles.delay_window(predictor, bytes(text), 6)
        if met:
            return
    pytest.fail("the case never came up")


@pytest.mark.parametrize("name", SCHEMES)
def test_bit_ranges_cover_the_window(name):
    scheme = SCHEMES[name](Hashed(256, 16), 32)
    text = bytes(random.Random(0).choices(range(97, 123), k=400))
    for window in scheme.segment(text):
        ranges = scheme.bit_ranges(text[window.start : window.end])
        assert len(ranges) == window.end - window.start
        assert ranges[0][0] == 0
        assert ranges[-1][1] == 32
        assert all(begin < end for begin, end in ranges)
        assert all(a[1] >= b[0] for a, b in pairwise(ranges))


@pytest.mark.parametrize("window_bits", [4, 7])
def test_narrow_is_the_range_of_codes_below_a_node(window_bits):
    """Stop cell: the codes of all texts that begin alike. Padded: the cells that the interval overlaps."""
    predictor = Hashed(3, 4, seed=window_bits)
    tree = oracles.stop_cell_tree(predictor, window_bits)
    for text in tree.values():
        for n, found in enumerate(StopCell(predictor, window_bits).narrow(text), 1):
            below = [code for code, other in tree.items() if other[:n] == text[:n]]
            assert found == (min(below), max(below))
        for n, (first, last) in enumerate(Greedy(predictor, window_bits).narrow(text), 1):
            low, high = (end * 2**window_bits for end in oracles.text_interval(predictor, text[:n]))
            assert first <= low < first + 1
            assert last < high <= last + 1


@pytest.mark.parametrize("name", ["greedy", "delay"])
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_padded_windows_go_uniform_past_the_limit_too(name, limit):
    predictor = Hashed(3, 4, limit=limit, seed=limit)

    class Oracle(Hashed):
        """The same rule, written into the predictor: the state is the whole text."""

        def advance(self, state, symbol):
            return state + symbol.to_bytes(2, "big")

        def cdf(self, state):
            return oracles.uniform(self) if len(state) // 2 >= limit else super().cdf(state[-6:])

    definition = {"greedy": oracles.greedy_window, "delay": oracles.delay_window}[name]
    scheme, oracle = SCHEMES[name](predictor, 12), Oracle(3, 4, limit=limit, seed=limit)
    for text in product(range(3), repeat=6):
        assert scheme.encode(bytes(text)) == definition(oracle, bytes(text), 12)


@pytest.mark.parametrize("name", ["greedy", "delay"])
def test_windows_smaller_than_the_precision_are_refused(name):
    with pytest.raises(PredictorError, match="16 bits need a predictor of precision at most 16, found 24"):
        SCHEMES[name](uniform(256, 24), 16)


def test_windows_too_small_for_the_alphabet_are_refused():
    with pytest.raises(PredictorError, match="too small for 256 symbols"):
        StopCell(uniform(256), 8)
    with pytest.raises(PredictorError, match="another alphabet: 257"):
        StopCell(uniform(257), 16)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("code", [-1, 1 << 16])
def test_codes_of_another_width_are_refused(name, code):
    with pytest.raises(CodeError, match="does not fit"):
        SCHEMES[name](uniform(256), 16).decode(code)


@pytest.mark.slow
@pytest.mark.parametrize("window_bits", [16, 24, 32, 64, 128])
def test_a_hundred_thousand_random_windows(window_bits):
    """Random codes decode and come back; random and real texts, cut into windows, come back."""
    import eiwref
    from eiwref.corpus import builtin

    scheme = StopCell(eiwref.default_predictor().over(256), window_bits)
    rng = random.Random(window_bits)
    for _ in range(50_000):
        code = rng.getrandbits(window_bits)
        text = scheme.decode(code).text
        assert scheme.encode(text) == (len(text), code)
    held_out = b"".join(builtin.documents("held-out"))
    windows = 0
    while windows < 50_000:
        start = rng.randrange(len(held_out))
        text = held_out[start : start + 2000] if windows % 2 else rng.randbytes(2000)
        cut = list(scheme.segment(text))
        assert b"".join(scheme.decode(window.code).text for window in cut) == text
        windows += len(cut)
