"""Text from tokens as they come: joined it is the text of all, and each piece comes as early as it can."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.coding import finite, stream
from eiwref.coding.bits import from_tokens
from eiwref.errors import CodeError, SpecError
from eiwref.m2 import text_of
from eiwref.predictors.limits import Restarting
from eiwref.tokenizers import streaming
from tests.predictors_for_tests import Hashed

PREDICTOR = Hashed(257, 16, limit=40)
WINDOWS = [
    "EqualInfoAC[b=16, v=256]",
    "EqualInfoAC[b=16, v=65k, reset=3]",
    "EqualInfoAC[b=24, v=65k]",
    "EqualInfoAC[b=32, v=256, windows=delay]",
    "EqualInfoAC[b=64, v=65k, reset=never]",
    "EqualInfoAC[b=40, v=65k, windows=greedy]",
]
STREAMS = ["AC[v=256]", "AC[v=65k]", "StaticAC[v=256]"]
WHOLE = ["GZip[v=256]", "GZip[v=65k]", "EqualText[n=4, v=256]", "EqualText[n=4, v=256, delimiters=yes]"]
TOKENIZERS = {spec: eiwref.tokenizer(spec, PREDICTOR) for spec in ["Bytes", *WINDOWS, *STREAMS, *WHOLE]}

specs = st.sampled_from([*TOKENIZERS])


def slow_text_of(tokenizer, ids):
    """The text of made-up ids, by the scalar coders and without a stream."""
    packed = from_tokens(ids, tokenizer.token_bits)
    if tokenizer.spec in WINDOWS:
        size, scheme, text = tokenizer.scheme.window_bits // 8, tokenizer.scheme, b""
        for at in range(0, len(packed) - size + 1, size):
            window = scheme.decode(int.from_bytes(packed[at : at + size], "big")).text
            text, scheme = text + window, scheme.after(window)
        return text
    if tokenizer.spec in STREAMS:
        text = bytearray()
        model = PREDICTOR.static() if "Static" in tokenizer.spec else PREDICTOR
        try:
            for symbol in stream.until_end(finite.Decoder(packed), Restarting(model)):
                text.append(symbol)
        except CodeError:
            pass
        return bytes(text)
    try:
        return tokenizer.decode_bytes(ids)
    except CodeError:
        return b""


@given(specs, st.data())
def test_pieces_joined_are_the_text_of_all_ids(spec, data):
    tokenizer = TOKENIZERS[spec]
    if data.draw(st.booleans()):
        ids = tokenizer.encode(data.draw(st.binary(max_size=60))).tolist()
    else:
        ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30))
    ids = ids[: data.draw(st.integers(0, len(ids)))] if data.draw(st.booleans()) else ids
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=9)))
    parts = [ids[a:b] for a, b in zip([0, *cuts], [*cuts, len(ids)], strict=True)]
    reader = streaming.stream(tokenizer)
    text = b"".join([reader.feed(part) for part in parts] + [reader.finish()])
    assert text == slow_text_of(tokenizer, ids)
    assert (text, reader.remark) == text_of(tokenizer, ids)


@given(specs, st.binary(max_size=60))
def test_what_an_encoder_wrote_comes_back_without_a_remark(spec, text):
    tokenizer = TOKENIZERS[spec]
    if tokenizer.lossless:
        assert text_of(tokenizer, tokenizer.encode(text)) == (text, "")


@pytest.mark.parametrize("spec", WINDOWS)
def test_a_windows_text_comes_with_its_last_bit(spec):
    tokenizer = TOKENIZERS[spec]
    reader, scheme = streaming.stream(tokenizer), tokenizer.scheme
    ids = np.random.default_rng(0).integers(0, tokenizer.vocab_size, 40)
    bits = 0
    for id in ids.tolist():
        whole = bits // scheme.window_bits
        bits += tokenizer.token_bits
        assert bool(reader.feed([id])) == (bits // scheme.window_bits > whole)


@pytest.mark.parametrize(
    ("spec", "ids", "remark"),
    [
        ("EqualInfoAC[b=64, v=65k, reset=never]", [0], "the last 16 bits are no whole window"),
        ("EqualInfoAC[b=32, v=256, windows=delay]", [9] * 7, "the last 24 bits are no whole window"),
        ("EqualInfoAC[b=24, v=65k]", [9, 256], ""),  # padding
        ("EqualInfoAC[b=24, v=65k]", [9, 257], "the last 8 bits are no whole window"),
        (
            "EqualInfoAC[b=40, v=65k, windows=greedy]",
            [65535] * 6,
            "2 of 2 windows are codes of no text, the last 16",
        ),
        ("AC[v=256]", [1, 2, 3], "the code ends after 3 bytes"),
        ("GZip[v=256]", [1, 2, 3], "gzip"),
    ],
)
def test_what_was_wrong_is_said(spec, ids, remark):
    found = text_of(TOKENIZERS[spec], ids)[1]
    assert remark in found
    assert bool(found) == bool(remark)


@pytest.mark.parametrize("spec", STREAMS)
def test_ac_lags_seven_bytes_of_code_at_most(spec):
    tokenizer = TOKENIZERS[spec]
    text = bytes(np.random.default_rng(0).integers(0, 256, 300).tolist())
    ids = tokenizer.encode(text).tolist()
    ends = [end for _, end in tokenizer.byte_ranges(from_tokens(ids, tokenizer.token_bits))]
    reader, shown = streaming.stream(tokenizer), b""
    for n, id in enumerate(ids, 1):
        shown += reader.feed([id])
        known = sum(end <= n * tokenizer.token_bits - 56 for end in ends)
        assert known <= len(shown)
        assert text.startswith(shown)
    assert len(shown) < len(text) == len(shown + reader.finish())


@pytest.mark.parametrize("spec", [*WHOLE, "EqualInfoAC[b=32, v=256, windows=delay]"])
def test_codes_of_whole_texts_cannot_be_gone_on_from(spec):
    with pytest.raises(SpecError, match="cannot go on from a text"):
        streaming.opening(TOKENIZERS[spec], b"a text")


@given(
    st.sampled_from([spec for spec in TOKENIZERS if spec not in WHOLE and "delay" not in spec]),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_a_prompts_ids_are_those_of_every_text_that_goes_on(spec, prompt, more):
    tokenizer = TOKENIZERS[spec]
    opening = streaming.opening(tokenizer, prompt)
    assert tokenizer.encode(prompt + more).tolist()[: len(opening)] == opening
    assert not tokenizer.lossless or prompt.startswith(streaming.stream(tokenizer).feed(opening))


@pytest.mark.parametrize(
    ("spec", "most_bits"),
    [("Bytes", 0), ("AC[v=256]", 40), ("AC[v=65k]", 48), ("EqualInfoAC[b=24, v=65k]", 24 + 16 + 8)],
)
def test_a_prompt_loses_what_is_open_and_little_more(spec, most_bits):
    tokenizer, prompt = TOKENIZERS[spec], b"The windows of a prompt, all but the last of them."
    lost = len(tokenizer.encode(prompt)) - len(streaming.opening(tokenizer, prompt))
    assert lost * tokenizer.token_bits <= most_bits
    assert streaming.opening(tokenizer, b"") == []


@pytest.mark.parametrize("spec", TOKENIZERS)
def test_ids_outside_the_vocabulary_are_refused(spec):
    with pytest.raises(CodeError, match="outside the vocabulary"):
        text_of(TOKENIZERS[spec], [70_000])
