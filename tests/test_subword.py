"""The subword baseline: nothing is lost, a missing library is one sentence, and the model is named by digest."""

import io
import json
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref import tensors
from eiwref.cli import main
from eiwref.corpus import builtin
from eiwref.errors import CodeError, ContainerError, ModelError, PredictorError
from eiwref.m2 import M2, m1_config, text_of
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.static import uniform
from eiwref.predictors.store import FORMAT, digest, dump, load_predictor, parse, save_predictor
from eiwref.predictors.subword import Subword
from eiwref.tokenizers import load, streaming
from eiwref.tokenizers.container import pack, unpack
from tests.test_tokenizers import AWKWARD, assert_round_trip

SPEC = "SentencePiece[v=1k]"


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("sentencepiece")
    return Subword.fit(builtin.documents("held-out")[:12], 1000)


@pytest.fixture(scope="module")
def subword(model):
    return eiwref.tokenizer(SPEC, model)


@pytest.mark.parametrize("name", AWKWARD)
def test_round_trip(subword, name):
    assert_round_trip(subword, AWKWARD[name])


def test_any_text_and_any_bytes_round_trip(subword):
    characters = st.characters() | st.sampled_from("\u2581\u2585\ufffd\0\n\r\t ")

    @given(st.text(characters, max_size=40))
    def texts(text):
        assert subword.decode(subword.encode(text), errors="strict") == text

    @given(
        st.lists(st.sampled_from([b"the ", b"\xe2\x96\x81", b"\xe2\x96", b"\xff", b"\xed\xa0\x80", b" ", b"a"]))
    )
    def fragments(parts):
        data = b"".join(parts)
        assert subword.decode_bytes(subword.encode(data)) == data

    @given(st.binary(max_size=60))
    def bytes_(data):
        assert subword.decode_bytes(subword.encode(data)) == data

    texts()
    fragments()
    bytes_()


def test_names_of_pieces_in_a_text_are_text(subword):
    for text in ("<unk>", "<0x41>", "<s></s>", "\u2581", "a \u2581 b"):
        assert subword.decode(subword.encode(text)) == text
        assert 0 not in subword.encode(text)


def test_what_the_library_alone_loses(model):
    """The reason for pieces of bytes: the sign for a space, and what is not UTF-8."""
    alone = model.processor
    assert alone.decode(alone.encode("a\u2581b")) == "a b"
    assert alone.decode(alone.encode(b"\xff".decode("utf-8", "replace"))) == "\ufffd"
    assert alone.decode(alone.encode(" a  b ")) == " a  b "


@pytest.mark.slow
def test_every_character_round_trips(subword):
    text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    assert subword.decode(subword.encode(text), errors="strict") == text


def test_pieces_are_the_librarys(subword, model):
    text = builtin.documents("held-out")[-1].decode()
    assert subword.encode(text).tolist() == model.processor.encode(text)
    pieces = [subword.decode_bytes([id]) for id in subword.encode(text)]
    assert b"".join(pieces) == text.encode()
    ends = np.cumsum([len(piece) for piece in pieces])
    assert subword.spans(subword.encode(text))[:, 1].tolist() == ends.tolist()
    assert 1.5 < len(text) / len(pieces) < 5


def test_any_ids_decode_or_raise(subword):
    @given(st.lists(st.integers(0, 999), max_size=12))
    def ids_of_no_text(ids):
        text, remark = text_of(subword, ids)
        assert bool(remark) == (0 in ids)
        if 0 in ids:
            with pytest.raises(CodeError, match="id 0 stands for what is unknown"):
                subword.decode_bytes(ids)
        else:
            assert subword.decode_bytes(ids) == text

    ids_of_no_text()
    for wrong in (1000, 1 << 33, -1):
        for use in (subword.decode_bytes, subword.spans, lambda ids: text_of(subword, ids)):
            with pytest.raises(CodeError, match="outside the vocabulary"):
                use([wrong])


def test_each_token_is_shown_at_once(subword):
    text = "A prompt to go on from, naïvely."
    ids = streaming.opening(subword, text)
    reader = streaming.stream(subword)
    assert b"".join(piece for piece in (reader.feed([id]) for id in ids) if piece) == text.encode()
    assert reader.finish() == b""


def test_the_same_text_gives_the_same_model(model):
    assert Subword.fit(builtin.documents("held-out")[:12], 1000).model == model.model


def test_save_and_load(subword, model, tmp_path):
    subword.save(tmp_path / "t")
    loaded = load(tmp_path / "t")
    assert loaded.spec == SPEC
    assert loaded.encode("a text").tolist() == subword.encode("a text").tolist()
    assert save_predictor(model, tmp_path / "m") == digest(model) == subword.predictor_digest
    assert digest(load_predictor(tmp_path / "m")) == digest(model)


def test_containers_and_m2s_name_the_model(subword, model, tmp_path):
    other = Subword.fit(builtin.documents("held-out")[1:], 1000)
    for data in (b"", b"in a file", AWKWARD["random"]):
        packed = pack(subword, data)
        assert unpack(packed, model) == (data, SPEC)
        with pytest.raises(ContainerError, match="made with predictor"):
            unpack(packed, other)
        with pytest.raises(ContainerError, match="needs a subword model"):
            unpack(packed)
        with pytest.raises(ContainerError, match="needs a subword model"):
            unpack(packed, uniform(257))
    config = Config(1001, d_model=8, heads=2, layers=1, d_mlp=16, context=8)
    params = Transformer(config).init(np.random.default_rng(0))
    M2(subword, Transformer(config), params, np.zeros(1000, dtype=np.int64)).save(tmp_path / "m2")
    assert m1_config(M2.load(tmp_path / "m2", model).tokenizer) is None
    for wrong, sentence in ((other, "trained on tokens of predictor"), (None, "needs a subword model")):
        with pytest.raises(ModelError, match=sentence):
            M2.load(tmp_path / "m2", wrong)


def test_models_and_predictors_do_not_stand_in_for_each_other(model):
    for spec in ("AC[v=256]", "AC[v=2]", "EqualInfoAC[b=16, v=65k]", "Huffman[v=256]"):
        with pytest.raises(PredictorError, match="not a subword model"):
            eiwref.tokenizer(spec, model)
    with pytest.raises(PredictorError, match="has 1000 pieces, expected 2000"):
        eiwref.tokenizer("SentencePiece[v=2k]", model)


def test_a_model_that_changes_text_is_refused_before_anything_is_lost():
    sentencepiece = pytest.importorskip("sentencepiece")
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(  # the library's own normalisation
        sentence_iterator=iter(b"\n".join(builtin.documents("held-out")[:12]).decode().splitlines()),
        model_writer=out,
        vocab_size=1000,
        byte_fallback=True,
        hard_vocab_limit=True,
        minloglevel=2,
    )
    subword = eiwref.tokenizer(SPEC, Subword(out.getvalue(), 1000))
    for text in ("window", "  window", "\ufb01ne"):
        with pytest.raises(PredictorError, match="the subword model changes text"):
            subword.encode(text)


def test_damaged_models_are_refused(model):
    packed = dump(model)
    for at in range(0, len(packed), len(packed) // 60):
        damaged = bytearray(packed)
        damaged[at] ^= 1
        with suppress(PredictorError):
            # A flipped bit of safetensors' own header may be of no account.
            assert parse(bytes(damaged), "m")[0].model == model.model
    with pytest.raises(PredictorError, match="sentencepiece cannot read it"):
        eiwref.tokenizer(SPEC, Subword(b"no model", 1000))
    with pytest.raises(PredictorError, match="has 1000 pieces, expected 2000"):
        eiwref.tokenizer("SentencePiece[v=2k]", Subword(model.model, 2000))
    for settings, array in (
        ({"vocabulary": "1001"}, np.zeros(3, dtype=np.uint8)),
        ({"vocabulary": "many"}, np.zeros(3, dtype=np.uint8)),
        ({"vocabulary": "1000"}, np.zeros(3)),
        ({}, np.zeros(3, dtype=np.uint8)),
    ):
        forged = tensors.dump({"kind": "subword", "format": FORMAT} | settings, {"model": array})
        with pytest.raises(PredictorError, match="m: is damaged"):
            parse(forged, "m")


@pytest.mark.parametrize(
    ("documents", "vocabulary", "sentence"),
    [
        ([], 1000, "no text to count"),
        ([b"", b"\n\n", b"\xff\xfe"], 1000, "no text to count"),
        ([b"too short a text"], 1000, "vocabulary of 2.., asked for 1000"),
        (["".join(map(chr, range(0x4E00, 0x5800))).encode()], 1000, "characters and bytes take a vocabulary of "),
        ([b"a text"], 1500, "vocabulary is 1500, expected a multiple of 1000"),
        ([b"a text"], 0, "vocabulary is 0"),
        ([b"a text"], 65_000, "vocabulary is 65000"),
    ],
)
def test_texts_that_give_no_model(documents, vocabulary, sentence):
    pytest.importorskip("sentencepiece")
    with pytest.raises(PredictorError, match=sentence):
        Subword.fit(documents, vocabulary)


def test_a_missing_library_is_one_sentence_that_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    (tmp_path / "text").write_bytes(b"some text")
    save_predictor(Subword(b"a model", 1000), tmp_path / "m")
    with pytest.raises(PredictorError, match=r"eiwref\[subword\]"):
        eiwref.tokenizer(SPEC, load_predictor(tmp_path / "m"))
    for command in (
        ["fit", "subword", str(tmp_path / "text"), "-o", str(tmp_path / "out")],
        ["verify", str(tmp_path / "text"), "--predictor", str(tmp_path / "m"), "--tokenizer", SPEC],
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert "pip install 'eiwref[subword]'" in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_fit_and_use(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sentencepiece")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(b"".join(builtin.documents("held-out")[:12]))
    assert main(["fit", "subword", "text", "-o", "m", "--vocabulary", "1000", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"] == {"kind": "subword", "vocabulary": 1000}
    assert report["digest"] == digest(load_predictor("m"))
    named = ["--predictor", "m", "--tokenizer", SPEC]
    assert main(["verify", "text", *named]) == 0
    assert main(["encode", "text", "-o", "t.eiw", *named]) == 0
    assert main(["decode", "t.eiw", "-o", "back", "--predictor", "m"]) == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "text").read_bytes()
    assert main(["shards", "text", "-o", "folder", *named]) == 0
    capsys.readouterr()
    for command, sentence in (
        (["decode", "t.eiw", "-o", "back2"], "needs a subword model, made by eiwref fit subword"),
        (["encode", "text", "-o", "t2.eiw", "--tokenizer", SPEC], "needs a subword model"),
        (["verify", "text", "--predictor", "m"], "needs a predictor of bytes, not a subword model"),
        (["windows", "x", "--predictor", "m"], "needs a predictor of bytes"),
        (["sample", "m"], "without a network"),
        (["fit", "subword", "text", "-o", "n", "--vocabulary", "999"], "expected a multiple of 1000"),
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
