"""The likeliest texts as windows, against a list made by trying all texts in exact fractions."""

import heapq
import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref.cli import main
from eiwref.coding import frequencies
from eiwref.corpus import builtin, tokens
from eiwref.errors import PredictorError
from eiwref.files import data_path
from eiwref.predictors.starts import FOURTHS, PRIOR, REACH, Starts, sorted_pieces
from eiwref.predictors.store import save_predictor
from eiwref.windows import StopCell, table_walk, teach
from eiwref.windows.codebook import Codebook
from eiwref.windows.likeliest import Likeliest, grow
from tests.predictors_for_tests import Hashed, predictors, zipf

HELD_OUT = builtin.documents("held-out")
M1 = eiwref.load_predictor(data_path("m1-tiny.safetensors"))


def likelihood(predictor, text):
    found, state = Fraction(1), predictor.start()
    for symbol in text:
        cumulative = predictor.cdf(state)
        found *= Fraction(cumulative[symbol + 1] - cumulative[symbol], cumulative[-1])
        state = predictor.advance(state, symbol)
    return found


def best_mean(predictor, size):
    """The sum over the best list, taken text by text, of how likely each is."""
    heap = [(Fraction(-2), bytes((c,))) for c in range(predictor.symbols)]
    found = Fraction(0)
    for _ in range(size):
        _, text = heapq.heappop(heap)
        found += likelihood(predictor, text)
        for c in range(predictor.symbols):
            longer = text + bytes((c,))
            heapq.heappush(heap, (-likelihood(predictor, longer), longer))
    return found


@given(predictors(max_symbols=5, precisions=(8, 14)), st.integers(3, 6))
@settings(max_examples=15)
def test_no_list_has_longer_windows(predictor, window_bits):
    """Where texts are alike but for rounding, any of them will do."""
    if 1 << window_bits > predictor.symbols and predictor.limit > 1 << window_bits:
        texts = grow(predictor, window_bits).texts
        assert texts == sorted(set(texts))
        assert len(texts) == 1 << window_bits
        assert all(text[:-1] in texts for text in texts if len(text) > 1)
        mean = sum(likelihood(predictor, text) for text in texts)
        assert float(mean) == pytest.approx(float(best_mean(predictor, len(texts))), rel=1e-12)


@given(predictors(max_symbols=5, precisions=(8,), limits=(2, 60)), st.data())
@settings(max_examples=30)
def test_windows_are_lossless_and_the_walk_is_the_tables(predictor, data):
    scheme = Likeliest(predictor, 6)
    text = bytes(data.draw(st.lists(st.integers(0, predictor.symbols - 1), max_size=80)))
    windows = list(scheme.segment(text))
    assert b"".join(scheme.decode(window.code).text for window in windows) == text
    for window in windows:  # the longest that the text goes on with
        rest = text[window.start :]
        own = max((each for each in scheme.codebook.texts if rest.startswith(each)), key=len)
        assert scheme.decode(window.code).text == own
    (codes,) = table_walk.segment(scheme.codebook, [text])
    assert codes.tolist() == [window.code for window in windows]
    assert [scheme.encode(own)[1] for own in scheme.codebook.texts] == list(range(64))


def test_what_is_still_possible_narrows_to_the_code():
    scheme = Likeliest(Hashed(3, 14), 6)
    for code, text in enumerate(scheme.codebook.texts):
        ranges = list(scheme.narrow(text))
        for length, (first, last) in enumerate(ranges, 1):
            begin_so = [c for c, each in enumerate(scheme.codebook.texts) if each.startswith(text[:length])]
            assert [first, last] == [begin_so[0], begin_so[-1]]
        assert ranges[-1][0] == code


def test_windows_are_longer_than_stop_cells():
    predictor = M1.over(256)
    mean = {}
    for book in (Codebook.grow(StopCell(predictor, 12)), grow(predictor, 12)):
        mean[book] = sum(map(len, HELD_OUT)) / sum(map(len, table_walk.segment(book, HELD_OUT)))
    stop, likeliest = mean.values()
    assert likeliest > 1.02 * stop


@pytest.mark.parametrize("v", ["256", "65k"])
def test_as_a_tokenizer(tmp_path, v):
    spec = f"EqualInfoAC[b=16, v={v}, windows=likeliest]"
    tokenizer = eiwref.tokenizer(spec, zipf(256, 16))
    texts = [b"", b"\xff" * 9, HELD_OUT[0][:500], "é".encode()]
    ids = tokenizer.encode_batch(texts)
    assert tokenizer.decode_batch(ids) == texts
    assert all(np.array_equal(tokenizer.encode(text), own) for text, own in zip(texts, ids, strict=True))
    assert tokenizer.spans(ids[2])[-1][1] == 500
    # By the list alone.
    save_predictor(tokenizer.codebook, tmp_path / "book")
    again = eiwref.tokenizer(spec, eiwref.load_predictor(tmp_path / "book"))
    assert all(map(np.array_equal, again.encode_batch(texts), ids))
    again.save(tmp_path / "tokenizer")
    assert eiwref.tokenizers.load(tmp_path / "tokenizer").decode_bytes(ids[2]) == texts[2]


def test_what_does_not_fit_is_refused():
    book = grow(Hashed(5, 14), 6)
    for spec in ("EqualInfoAC[b=16, v=65k]", "AC[v=256]", "SentencePiece[v=1k]"):
        with pytest.raises(PredictorError, match="needs a"):
            eiwref.tokenizer(spec, book)
    with pytest.raises(PredictorError, match="one of 6 bits, expected 16"):
        eiwref.tokenizer("EqualInfoAC[b=16, v=65k, windows=likeliest]", book)
    for options in ("b=24, v=65k", "b=16, v=65k, reset=2"):
        with pytest.raises(PredictorError, match="windows of 16 bits at most that all start afresh"):
            eiwref.tokenizer(f"EqualInfoAC[{options}, windows=likeliest]", Hashed(256, 16))
    with pytest.raises(PredictorError, match="too small for 5 symbols"):
        grow(Hashed(5, 14), 2)


texts_of_five = st.lists(st.binary(max_size=60).map(lambda b: bytes(c % 5 for c in b)), min_size=1, max_size=4)


@given(texts_of_five, st.integers(1, 3), st.lists(st.integers(0, 4), max_size=4))
def test_counts_are_mixed_as_written(documents, every, context):
    """By counting substrings, in fractions."""
    text, inner = b"".join(documents), Hashed(5, 14)
    places = np.arange(0, len(text), every)
    teacher = Starts(inner, sorted_pieces(text, places))
    state, prior = teacher.start(), inner.start()
    for symbol in context:
        state, prior = teacher.advance(state, symbol), inner.advance(prior, symbol)
    after = [(text + bytes(REACH))[at : at + REACH] for at in places.tolist()]
    begun = bytes(context)
    n = [sum(piece.startswith(begun + bytes((c,))) for piece in after) for c in range(5)]
    n = [0] * 5 if len(context) >= REACH else n
    f = np.diff(np.array(inner.cdf(prior))).tolist()
    d = Fraction(3, FOURTHS)
    seen = sum(map(bool, n))
    weights = [max(own - d, 0) * 2**14 + (PRIOR + d * seen) * share for own, share in zip(n, f, strict=True)]
    assert sum(weights) == (sum(n) + PRIOR) * 2**14
    spare, expected = 2**14 - 5, [0]
    for c in range(5):
        expected.append(c + 1 + int(spare * sum(weights[: c + 1]) / sum(weights)))
    assert list(teacher.cdf(state)) == expected


def test_beyond_its_reach_the_predictor_is_left_alone():
    inner = Hashed(5, 14)
    teacher = Starts(inner, sorted_pieces(bytes(100), np.arange(100)))
    state, prior = teacher.start(), inner.start()
    for _ in range(REACH + 2):
        state, prior = teacher.advance(state, 0), inner.advance(prior, 0)
    alone = frequencies.from_weights(np.diff(np.array(inner.cdf(prior))), 14)
    assert np.array_equal(teacher.cdf(state), alone)


def test_a_taught_list_has_longer_windows():
    inner = zipf(256, 16)
    train = builtin.documents("train")[:8]
    rates = []
    for rounds in (0, 1, 2):
        book = teach.taught(inner, train, 12, rounds)
        rates.append(sum(map(len, HELD_OUT)) / sum(map(len, table_walk.segment(book, HELD_OUT))))
    assert rates[0] < 1.5
    assert min(rates[1:]) > 2


def test_starts_are_those_of_the_windows():
    book = grow(zipf(256, 16), 10)
    documents = [b"some text", b"", b"other text"]
    codes = [code for own in table_walk.segment(book, documents) for code in own.tolist()]
    expected = np.cumsum([0] + [len(book.texts[code]) for code in codes])[:-1]
    assert np.array_equal(teach.starts(book, documents), expected)


def test_starts_in_a_stream_leave_the_ends_out():
    """And what begins there is the text of a window."""
    book, tokenizer = grow(zipf(256, 16), 10), eiwref.tokenizer("Bytes")
    documents = [b"some text", b"", b"other text"]
    stream = tokens.in_memory(tokenizer.encode_batch(documents), tokenizer, 19)
    found = teach.starts_in_stream(book, stream)
    ends = np.array([0, 1, 2])  # before each document
    whole = teach.starts(book, documents)
    assert np.array_equal(found, whole + ends[np.searchsorted([0, 9, 9], whole, side="right") - 1])
    texts = [bytes(stream[begin:end].tolist()) for begin, end in pairwise([*found[:3].tolist(), 9])]
    assert all(text in book.texts for text in texts[:2])
    ends_of_windows = [*found[1:].tolist(), len(stream)]
    for begin, end in zip(found.tolist(), ends_of_windows, strict=True):
        assert bytes(id for id in stream[begin:end].tolist() if id != stream.end) in book.texts
    empty = tokens.in_memory(tokenizer.encode_batch([b"", b"x"]), tokenizer, 1)
    assert teach.starts_in_stream(book, empty).tolist() == [1]


def test_the_command(tmp_path, capsys):
    book = tmp_path / "book"
    m1 = str(data_path("m1-tiny.safetensors"))
    assert main(["codebook", "-o", str(book), "--predictor", m1, "--held-out", "builtin:held-out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert book.stat().st_size == found["file_bytes"] < 140_000
    ids = table_walk.segment(Codebook.of(eiwref.load_predictor(book)), HELD_OUT)
    assert found["bytes_per_window"] == sum(map(len, HELD_OUT)) / sum(map(len, ids))
    assert main(["codebook", "builtin:held-out", "-o", str(book), "--predictor", m1]) == 2
    assert "texts, --rounds and --windows likeliest go together" in capsys.readouterr().err


def test_what_is_too_large_or_of_another_alphabet_is_refused():
    with pytest.raises(PredictorError, match="a list for 17 bits is too long, expected at most 16"):
        grow(zipf(4, 14), 17)
    scheme = Likeliest(grow(zipf(4, 14), 6), 6)
    for work in (lambda: scheme.encode(b"\0a"), lambda: list(scheme.narrow(b"\0a"))):
        with pytest.raises(PredictorError, match="symbol 97 is outside the alphabet of 4 symbols"):
            work()
    with pytest.raises(PredictorError, match="at precision 24 at most 7,736 starts count, found 7,737"):
        Starts(zipf(4, 24), np.zeros((7737, REACH), dtype=np.uint8))
    pieces = np.zeros((7736, REACH), dtype=np.uint8)
    assert Starts(zipf(256, 24), pieces).cdf(Starts(zipf(256, 24), pieces).start())[-1] == 1 << 24
