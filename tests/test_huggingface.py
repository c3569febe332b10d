"""The codebook in Hugging Face's library: what the docstring says of its segmentation, and exact decoding."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import SpecError
from eiwref.tokenizers.huggingface import PIECE, byte_alphabet, to_json

OURS = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
THEIRS = Tokenizer.from_str(to_json(OURS))


def test_every_id_is_the_text_of_its_code():
    assert THEIRS.get_vocab_size() == 65536
    byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
    assert len(byte_of) == 256
    for code, text in enumerate(OURS.codebook.texts):
        assert bytes(byte_of[character] for character in THEIRS.id_to_token(code)) == text


@settings(max_examples=60)
@given(st.text(max_size=3 * PIECE))
def test_any_text_comes_back_and_short_ones_have_our_ids(text):
    ids = THEIRS.encode(text).ids
    assert THEIRS.decode(ids) == text
    if len(text) <= PIECE:
        assert ids == OURS.encode(text).tolist()


def test_segmentation_is_ours_piece_by_piece():
    texts = [text.decode() for text in builtin.documents("held-out")] + ["Zeichen: äöü € 😀\n\0" * 60]
    whole = 0
    for text in texts:
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        ids = THEIRS.encode(text).ids
        assert ids == [token for piece in pieces for token in OURS.encode(piece).tolist()]
        assert THEIRS.decode(ids) == text
        whole += ids == OURS.encode(text).tolist()
    assert whole < len(texts), "the docstring says that long texts differ"


def test_files_of_the_library(tmp_path):
    THEIRS.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert again.encode("Text in, text out.").ids == OURS.encode("Text in, text out.").tolist()


@pytest.mark.parametrize("spec", ["EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=32, v=65k]", "AC[v=256]", "Bytes"])
def test_only_whole_windows_can_be_words(spec):
    with pytest.raises(SpecError, match=r"expected EqualInfoAC\[b=16, v=65k\]"):
        to_json(eiwref.tokenizer(spec))
