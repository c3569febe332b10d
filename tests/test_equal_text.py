"""Equal-text windows against the definition of arithmetic coding, and what their decoders refuse."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.errors import CodeError, PredictorError
from eiwref.predictors.static import uniform
from eiwref.tokenizers.container import pack, unpack
from eiwref.windows.equal_text import TextWindow, TextWindows
from tests import oracles
from tests.predictors_for_tests import Hashed, predictors
from tests.test_tokenizers import assert_round_trip

TEXT = b"As many symbols in each window, in as many bits as they take. "
SIZES = [1, 7, 1024]
SPECS = [
    f"EqualText[n={n}, v={v}{delimiters}]"
    for n in SIZES
    for v in ("256", "65k")
    for delimiters in ("", ", delimiters=yes")
]
SOME = [spec for spec in SPECS if "n=7," in spec or "n=1," in spec]


@given(predictors(max_symbols=5, limits=(5, 1024)), st.data())
def test_windows_and_codes_are_the_definition(predictor, data):
    size = data.draw(st.integers(1, 5))
    end = predictor.symbols - 1
    text = bytes(data.draw(st.lists(st.integers(0, end - 1), max_size=12))) if end else b""
    windows = TextWindows(predictor, size)
    marked = [*text, end]
    found = list(windows.cut(text))
    assert [[*window.text, *[end] * window.last] for window in found] == [
        marked[at : at + size] for at in range(0, len(marked), size)
    ]
    for window in found:
        symbols = [*window.text, *[end] * window.last]
        b, n = oracles.shortest_code(*oracles.text_interval(predictor, symbols))
        code = windows.encode(window)
        assert (code.to_int(), len(code)) == (b, n)
        # Whatever follows: the window is found, and where it ends.
        tail = data.draw(st.binary(max_size=6))
        value = b << (8 * len(tail) + -n % 8) | int.from_bytes(tail, "big")
        assert windows.decode(value.to_bytes((n + 7) // 8 + len(tail), "big")) == (window, n)


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec):
    tokenizer = eiwref.tokenizer(spec)
    assert tokenizer.spec == spec
    assert tokenizer.lossless
    rng = random.Random(3)
    for data in (b"", b"x", TEXT * 3, bytes(range(256)), bytes(1100), rng.randbytes(100), b"\xff" * 64):
        assert_round_trip(tokenizer, data)


@given(st.binary(max_size=60), st.sampled_from(SPECS))
def test_any_bytes_round_trip(data, spec):
    tokenizer = eiwref.tokenizer(spec)
    batch = tokenizer.encode_batch([data, b"", data[:9]])
    assert batch[0].tolist() == tokenizer.encode(data).tolist()
    assert tokenizer.decode_batch(batch) == [data, b"", data[:9]]


@pytest.mark.parametrize("v", ["256", "65k"])
def test_a_delimiter_closes_every_window(v):
    tokenizer = eiwref.tokenizer(f"EqualText[n=16, v={v}, delimiters=yes]")
    assert tokenizer.delimiter == tokenizer.vocab_size - 1 == {"256": 256, "65k": 65536}[v]
    ids = tokenizer.encode(TEXT)
    assert np.count_nonzero(ids == tokenizer.delimiter) == len(TEXT) // 16 + 1
    assert ids[-1] == tokenizer.delimiter
    # Between two of them stand the tokens of 16 bytes and no others.
    pieces = np.split(tokenizer.spans(ids), np.flatnonzero(ids == tokenizer.delimiter) + 1)[:-1]
    for index, piece in enumerate(pieces):
        assert piece[0, 0] == 16 * index
        assert piece[-1].tolist() == [min(16 * index + 16, len(TEXT))] * 2
    # The same codes, without: fewer tokens of the same bits.
    bare = eiwref.tokenizer(f"EqualText[n=16, v={v}]")
    assert bare.vocab_size == tokenizer.vocab_size - 1
    assert len(bare.encode(TEXT)) <= np.count_nonzero(ids != tokenizer.delimiter)


def test_a_window_starts_afresh():
    """Its tokens depend on its own text alone, which without delimiters holds only for the first."""
    tokenizer = eiwref.tokenizer("EqualText[n=4, v=256, delimiters=yes]")
    one, other = (tokenizer.encode(text).tolist() for text in (b"abcdthe end", b"wxyzthe end"))
    assert one[one.index(256) :] == other[other.index(256) :]


@pytest.mark.parametrize("spec", SPECS)
def test_cut_extended_and_changed_ids_are_refused(spec):
    """Every prefix, more at the end, every id changed: a `CodeError`, or (a change only) another text."""
    tokenizer = eiwref.tokenizer(spec)
    ids = tokenizer.encode(TEXT[:20]).tolist()
    for length in range(len(ids)):
        with pytest.raises(CodeError):
            tokenizer.decode_bytes(ids[:length])
    for more in ([0], [tokenizer.vocab_size - 1], ids):
        with pytest.raises(CodeError):
            tokenizer.decode_bytes(ids + more)
    for place in range(len(ids)):
        changed = [*ids]
        changed[place] = (changed[place] + 1) % tokenizer.vocab_size
        try:
            assert tokenizer.decode_bytes(changed) != TEXT[:20]
        except CodeError:
            continue
    for wrong in (tokenizer.vocab_size, 1 << 33, -1):
        with pytest.raises(CodeError, match="outside the vocabulary"):
            tokenizer.decode_bytes([wrong, *ids])


@given(st.lists(st.integers(0, 65536), max_size=12), st.sampled_from(SPECS))
def test_any_ids_decode_or_raise(ids, spec):
    tokenizer = eiwref.tokenizer(spec)
    ids = [i % tokenizer.vocab_size for i in ids]
    try:
        text = tokenizer.decode_bytes(ids, max_bytes=10_000)
    except CodeError:
        return
    assert tokenizer.encode(text).tolist() == ids  # only what an encoder wrote


def test_refusals_name_the_place():
    tokenizer = eiwref.tokenizer("EqualText[n=16, v=256, delimiters=yes]")
    ids = tokenizer.encode(TEXT).tolist()
    first = ids.index(256) + 1
    for wrong, sentence in (
        ([], "tokens end after token 0, before the end of the text"),
        (ids[:-1], f"tokens end after token {len(ids) - 1}, before"),
        (ids[:first], f"tokens end after token {first}, before"),
        (ids + ids, f"text ends at token {len(ids)}, but {len(ids)} more"),
        ([256, *ids], "ends after 0 bits"),
        ([*ids[: first - 1], 0, *ids[first - 1 :]], f"takes {first - 1} tokens; found {first}"),
        ([*ids[: first - 1], *[0] * 100_000, 256], "takes"),
    ):
        with pytest.raises(CodeError, match=sentence):
            tokenizer.decode_bytes(wrong)


@pytest.mark.parametrize("spec", SOME)
def test_in_a_container(spec):
    tokenizer = eiwref.tokenizer(spec)
    for data in (b"", TEXT):
        assert unpack(pack(tokenizer, data)) == (data, spec)


def test_windows_longer_than_the_predictor_sees_are_refused():
    with pytest.raises(PredictorError, match=r"n=6, .* of 1 to 5 symbols, as many as the predictor sees, found 6"):
        eiwref.tokenizer("EqualText[n=6, v=256]", uniform(257, limit=5))
    assert eiwref.tokenizer("EqualText[n=5, v=256]", uniform(257, limit=5)).encode(b"a").size
    with pytest.raises(PredictorError, match="found 0"):
        TextWindows(uniform(257), 0)
    with pytest.raises(PredictorError, match="another alphabet"):
        eiwref.tokenizer("EqualText[n=5, v=256]", uniform(256))


@pytest.mark.parametrize("last", [False, True])
def test_bit_ranges_cover_the_bytes(last):
    windows = TextWindows(Hashed(257, 16), 30)
    window = TextWindow(TEXT[: 30 - last], last)
    ranges = windows.bit_ranges(window)
    assert len(ranges) == len(window.text)
    assert ranges[0][0] == 0
    assert (ranges[-1][1] == len(windows.encode(window))) != last
    assert all(a[1] >= b[0] and a[0] <= b[0] for a, b in pairwise(ranges))
