import random
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.coding.bits import Bits
from eiwref.errors import CodeError, EiwrefError, PredictorError, SpecError
from eiwref.files import data_path
from eiwref.predictors.ngram import NGram
from eiwref.predictors.static import Unigram, uniform
from eiwref.tokenizers import all_specs, equal_info, load
from eiwref.windows import lockstep

SPECS = all_specs()
KINDS = ("AC", "Bytes", "EqualInfoAC", "EqualText", "Huffman")
LOSSLESS = [spec for spec in SPECS if "greedy" not in spec]
AWKWARD = {
    "empty": b"",
    "one byte": b"\x00",
    "every value": bytes(range(256)),
    "random": random.Random(1).randbytes(3000),
    "not UTF-8": b"\xff\xfe caf\xe9 \xc3\x28 \xed\xa0\x80",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "languages": "Zażółć gęślą jaźń. Съешь же ещё этих мягких булок. 我能吞下玻璃而不伤身体。".encode(),
    "prose": b"Everything hangs on one straight walk through the house. " * 20,
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec, name):
    assert_round_trip(eiwref.tokenizer(spec), AWKWARD[name])


def assert_round_trip(tokenizer, data):
    """The text comes back where that is promised, within the bytes declared, and every byte has its tokens."""
    ids = tokenizer.encode(data)
    assert ids.dtype == np.uint32
    assert ids.size == 0 or ids.max() < tokenizer.vocab_size
    if tokenizer.lossless:
        assert tokenizer.decode_bytes(ids) == data
        assert tokenizer.decode_bytes(ids.tolist(), max_bytes=len(data)) == data
        if data:
            with pytest.raises(CodeError, match="declared"):
                tokenizer.decode_bytes(ids, max_bytes=len(data) - 1)
    spans = tokenizer.spans(ids)
    assert spans.shape == (len(ids), 2)
    assert (spans[:, 0] <= spans[:, 1]).all()
    if data and tokenizer.lossless:
        # Every byte has a hand in some token, and neighbours leave no gap.
        assert spans[0, 0] == 0
        assert spans[:, 1].max() == len(data)
        assert (spans[1:, 0] <= spans[:-1, 1]).all()


def test_only_greedy_says_that_it_loses():
    assert [spec for spec in SPECS if not eiwref.tokenizer(spec).lossless] == [s for s in SPECS if "greedy" in s]


@given(st.binary(max_size=60), st.sampled_from(LOSSLESS))
def test_any_bytes_round_trip(data, spec):
    tokenizer = eiwref.tokenizer(spec)
    assert tokenizer.decode_bytes(tokenizer.encode(data)) == data


@given(st.text(max_size=30), st.sampled_from(LOSSLESS))
def test_strings_are_utf8(text, spec):
    tokenizer = eiwref.tokenizer(spec)
    assert tokenizer.encode(text).tolist() == tokenizer.encode(text.encode()).tolist()
    assert tokenizer.decode(tokenizer.encode(text), errors="strict") == text


def test_batches_are_texts_one_by_one():
    tokenizer = eiwref.tokenizer("AC[v=65k]")
    batch = tokenizer.encode_batch([b"one", "two", b""])
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text).tolist() for text in ("one", "two", "")]


@given(st.lists(st.integers(0, 65535), max_size=12), st.sampled_from(SPECS))
def test_any_ids_decode_or_raise(ids, spec):
    """An M2 may emit anything: a text, or a `CodeError`, never another exception and never a hang."""
    tokenizer = eiwref.tokenizer(spec)
    try:
        tokenizer.decode_bytes([i % tokenizer.vocab_size for i in ids], max_bytes=10_000)
    except CodeError:
        pass
    else:
        return
    assert not (
        spec.startswith("EqualInfo") and len(ids) * tokenizer.token_bits % tokenizer.scheme.window_bits == 0
    )


def test_both_vocabularies_read_the_same_bits():
    text = AWKWARD["prose"]
    for spec in SPECS:
        if "v=256" in spec:
            narrow, wide = eiwref.tokenizer(spec), eiwref.tokenizer(spec.replace("v=256", "v=65k"))
            pairs = Bits(*_bits(narrow.encode(text))).tokens(16)
            assert pairs.tolist() == wide.encode(text).tolist()


def _bits(ids):
    return bytes(ids.tolist()), 8 * len(ids)


def test_windows_of_24_bits_straddle_tokens_of_16():
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=24, v=65k]")
    for text in (b"a", b"abcdefgh", AWKWARD["prose"]):
        windows = len(list(tokenizer.scheme.segment(text)))
        ids = tokenizer.encode(text)
        assert len(ids) == -(-windows * 24 // 16)
    # Half a window is missing: refused, and so is padding that is not zero.
    with pytest.raises(CodeError, match="takes 0 tokens; found 1"):
        tokenizer.decode_bytes(tokenizer.encode(b"a")[:1])
    ids = tokenizer.encode(b"a").tolist()
    assert len(ids) == 2
    with pytest.raises(CodeError, match="not zero"):
        tokenizer.decode_bytes([ids[0], ids[1] + 1])


def test_gzip_is_zlib_at_its_default_level_with_gzips_wrapper():
    text = AWKWARD["prose"] * 5
    packed = bytes(eiwref.tokenizer("GZip[v=256]").encode(text).tolist())
    assert packed[:2] == b"\x1f\x8b"
    assert zlib.decompress(packed, 31) == text
    compressor = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 31)
    assert packed == compressor.compress(text) + compressor.flush()
    for more in (b"\0", b"x", packed):
        with pytest.raises(CodeError, match="follow the end"):
            eiwref.tokenizer("GZip[v=256]").decode_bytes(list(packed + more))


def test_static_ac_forgets_and_ac_does_not():
    tokenizer = eiwref.tokenizer("StaticAC[v=256]")
    assert abs(len(tokenizer.encode(b"the " * 100)) - len(tokenizer.encode(b"eht " * 100))) <= 1
    tokenizer = eiwref.tokenizer("AC[v=256]")
    assert len(tokenizer.encode(b"the " * 100)) < len(tokenizer.encode(b"eht " * 100))


def test_predictor_drives_the_code():
    flat = uniform(257)
    assert len(eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", flat).encode(b"x" * 99)) == 50  # 8 bits each
    text = b"the quick brown fox"
    assert len(eiwref.tokenizer("AC[v=256]", flat).encode(text)) > len(eiwref.tokenizer("AC[v=256]").encode(text))


@pytest.mark.parametrize(
    "spec",
    [
        "EqualInfoAC[b=17, v=256]",
        "EqualInfoAC[b=8, v=65k]",
        "EqualInfoAC[b=136, v=256]",
        "EqualInfoAC[b=16]",
        "EqualInfoAC[v=256]",
        "EqualInfoAC[b=16, v=256, windows=best]",
        "EqualInfoAC[b=16, b=16, v=256]",
        "EqualInfoAC[b=16, v=256, reset=0]",
        "EqualInfoAC[b=16, v=256, reset=-1]",
        "EqualInfoAC[b=16, v=256, reset=02]",
        "EqualInfoAC[b=16, v=256, reset=1000]",
        "EqualInfoAC[b=16, v=256, reset=always]",
        "EqualInfoAC[b=16, v=256, reset=]",
        "EqualInfoAC[b=16, v=256, delimiters=no]",
        "EqualText[n=0, v=256]",
        "EqualText[n=-1, v=256]",
        "EqualText[n=1025, v=256]",
        "EqualText[v=256]",
        "EqualText[n=16]",
        "EqualText[b=16, v=256]",
        "EqualText[n=16, v=256, delimiters=maybe]",
        "EqualText[n=16, v=256, reset=2]",
        "AC",
        "AC[v=512]",
        "AC[b=16, v=256]",
        "Bytes[v=256]",
        "Huffman",
        "AC[v=256",
        "",
        "a" + " " * 60_000 + "!",
    ],
)
def test_wrong_specs_get_one_sentence_that_shows_what_is_allowed(spec):
    with pytest.raises(SpecError) as error:
        eiwref.tokenizer(spec)
    name = spec.partition("[")[0].strip()
    closed = spec.endswith("]") or "[" not in spec
    assert ("expected " + (name if closed and name in KINDS else "one of: Bytes, Sent")) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_is_no_predictor():
    with pytest.raises(PredictorError, match=r"'ngram' is a name, pass what eiwref\.load_predictor makes of it"):
        eiwref.tokenizer("AC[v=256]", "ngram")


def test_specs_are_written_in_one_way():
    for spec in SPECS:
        assert eiwref.tokenizer(spec).spec == spec
    assert eiwref.tokenizer(" EqualInfoAC[ windows=stop,v=65k , b=16 ] ").spec == "EqualInfoAC[b=16, v=65k]"
    for given_, spec in (
        ("EqualInfoAC[b=24, v=256, reset=1]", "EqualInfoAC[b=24, v=256]"),
        ("EqualInfoAC[reset=never, v=65k, b=24]", "EqualInfoAC[b=24, v=65k, reset=never]"),
        ("EqualInfoAC[b=16,v=256,reset=2,windows=delay]", "EqualInfoAC[b=16, v=256, windows=delay, reset=2]"),
        ("EqualText[v=256, n=16, delimiters=no]", "EqualText[n=16, v=256]"),
        ("EqualText[delimiters=yes, v=65k, n=9]", "EqualText[n=9, v=65k, delimiters=yes]"),
    ):
        assert eiwref.tokenizer(given_).spec == spec


def test_predictors_that_do_not_fit_are_refused():
    small = NGram.fit([b"\x00\x01"], 1, symbols=4)
    for spec in ("AC[v=256]", "StaticAC[v=256]", "EqualInfoAC[b=16, v=256]"):
        with pytest.raises(PredictorError, match="another alphabet"):
            eiwref.tokenizer(spec, small)
    no_end = uniform(256)
    with pytest.raises(PredictorError, match="another alphabet: 256 symbols, expected at least 257"):
        eiwref.tokenizer("AC[v=256]", no_end)
    for windows in ("greedy", "delay"):
        with pytest.raises(PredictorError, match="precision at most 16, found 24"):
            eiwref.tokenizer(f"EqualInfoAC[b=16, v=256, windows={windows}]", uniform(257, precision=24))


@pytest.mark.parametrize("text", [5, None, np.array([1, 2]), "half \ud800"])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(CodeError, match=r"must be str or bytes|half a surrogate"):
        eiwref.tokenizer("Bytes").encode(text)


@pytest.mark.parametrize("spec", SPECS)
def test_spans_of_garbage_raise_or_are_spans(spec):
    tokenizer = eiwref.tokenizer(spec)
    for ids in ([7] * 9, [[1], [2, 3]], [-1], b"\x00\x01"):
        try:
            spans = tokenizer.spans(ids)
        except CodeError:
            continue
        assert spans.shape == (len(ids), 2)


def test_save_and_load(tmp_path):
    predictor = Unigram.fit([b"saved with its predictor"])
    path = tmp_path / "t.safetensors"
    for spec in ("EqualInfoAC[b=24, v=65k, windows=delay]", "StaticAC[v=65k]"):
        tokenizer = eiwref.tokenizer(spec, predictor)
        tokenizer.save(path)
        loaded = load(path)
        assert loaded.spec == spec
        assert loaded.encode(b"text").tolist() == tokenizer.encode(b"text").tolist()
    with pytest.raises(SpecError, match="nothing to save"):
        eiwref.tokenizer("Bytes").save(path)


def test_a_predictor_is_not_a_tokenizer(tmp_path):
    from eiwref.predictors.store import save_predictor

    save_predictor(uniform(257), tmp_path / "p")
    with pytest.raises(EiwrefError, match="not a tokenizer"):
        load(tmp_path / "p")


def test_spans_of_a_window_name_the_bytes_in_it():
    """v=65k, b=16: a token is a window, so its span is the window's text."""
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
    text = AWKWARD["prose"]
    windows = list(tokenizer.scheme.segment(text))
    assert tokenizer.spans(tokenizer.encode(text)).tolist() == [[w.start, w.end] for w in windows]
    # v=256: two tokens share it, and a byte may have a hand in both.
    halves = eiwref.tokenizer("EqualInfoAC[b=16, v=256]")
    spans = halves.spans(halves.encode(text)).reshape(-1, 2, 2)
    for window, (first, second) in zip(windows, spans.tolist(), strict=True):
        assert first[0] == window.start
        assert second[1] == window.end
        assert second[0] <= first[1]


@pytest.mark.parametrize("spec", [5, None, b"AC[v=256]"])
def test_names_are_strings(spec):
    with pytest.raises(SpecError, match=f"a tokenizer is asked for by name, found {type(spec).__name__}"):
        eiwref.tokenizer(spec)


def test_decoding_stops_where_more_is_found_than_was_declared(monkeypatch):
    """Under an M1 whose windows are decoded side by side, too."""
    tokenizer = eiwref.tokenizer(
        "EqualInfoAC[b=32, v=256]", eiwref.load_predictor(data_path("m1-tiny.safetensors"))
    )
    ids = tokenizer.encode(b"windows of some words " * 500)
    looked_at = []
    texts = lockstep.texts
    monkeypatch.setattr(lockstep, "texts", lambda scheme, codes: looked_at.append(codes) or texts(scheme, codes))
    monkeypatch.setattr(equal_info, "GROUP", 10)
    assert tokenizer.decode_bytes(ids) == b"windows of some words " * 500
    assert sum(map(len, looked_at)) == len(ids) // 4
    assert max(map(len, looked_at)) == 10
    looked_at.clear()
    with pytest.raises(CodeError, match="the text goes on after the 20 bytes that were declared"):
        tokenizer.decode_bytes(ids, 20)
    assert len(looked_at) == 1
