"""Tokenizers beside the paper's main ones: single bits, Huffman, ANS, rank coding, gzip without its wrapper."""

import json
import random
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.cli import main
from eiwref.coding import ans, huffman, rank, stream
from eiwref.coding.bits import from_tokens
from eiwref.corpus import tokens
from eiwref.errors import CodeError, ContainerError, CorpusError, PredictorError, SpecError
from eiwref.m2 import M2, text_of
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.limits import Restarting
from eiwref.predictors.network import Network
from eiwref.predictors.static import Unigram, uniform
from eiwref.tokenizers import load, streaming
from eiwref.tokenizers.container import pack, pack_pieces, unpack
from tests.predictors_for_tests import Hashed, skewed
from tests.test_tokenizers import AWKWARD, assert_round_trip

CANONICAL = ["AC[v=2]", "Huffman[v=256]", "Huffman[v=65k]", "ANS[v=256]", "ANS[v=65k]"]  # one code for each text
DEFLATED = ["Rank[v=256]", "Rank[v=65k]", "GZip[v=256, wrapper=no]", "GZip[v=65k, wrapper=no]"]
SPECS = [*CANONICAL, *DEFLATED]
GOING_ON = [spec for spec in CANONICAL if "ANS" not in spec]
TEXT = b"Any scheme that has a name can be asked for by it. "
OWN = Unigram.fit([TEXT, b"the text that was counted"])
PREDICTOR = Hashed(257, 16, limit=40)
NETWORK_CONFIG = Config(257, d_model=8, heads=2, layers=1, d_mlp=16, context=16)


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("spec", SPECS)
def test_round_trip(spec, name):
    tokenizer = eiwref.tokenizer(spec)
    assert tokenizer.spec == spec
    assert tokenizer.lossless
    assert_round_trip(tokenizer, AWKWARD[name])


@given(st.binary(max_size=60), st.sampled_from(SPECS), st.sampled_from([OWN, PREDICTOR, skewed(257, 24), None]))
def test_any_bytes_round_trip(data, spec, predictor):
    tokenizer = eiwref.tokenizer(spec, predictor)
    batch = tokenizer.encode_batch([data, b"", data[:9]])
    assert [ids.tolist() for ids in batch] == [tokenizer.encode(text).tolist() for text in (data, b"", data[:9])]
    assert tokenizer.decode_batch(batch) == [data, b"", data[:9]]


def network():
    params = Transformer(NETWORK_CONFIG).init(np.random.default_rng(0))
    return Network(Transformer(NETWORK_CONFIG), params, np.ones(257, dtype=np.int64))


@pytest.mark.parametrize("spec", CANONICAL)
def test_batches_share_a_networks_work(spec):
    tokenizer, texts = eiwref.tokenizer(spec, network()), [TEXT, b"", b"\xff" * 20, TEXT[:17]]
    batch = tokenizer.encode_batch(texts)
    alone = eiwref.tokenizer(spec, network())
    assert tokenizer.decode_batch(batch) == texts
    assert [ids.size for ids in batch] == [alone.encode(text).size for text in texts]
    for wrong in ([*batch[0].tolist(), 0], batch[0].tolist()[:-1]):
        with pytest.raises(CodeError):
            tokenizer.decode_batch([batch[1], wrong])


# What the ids are.


@given(st.binary(max_size=60))
def test_single_bits_are_those_of_ac(data):
    ids = eiwref.tokenizer("AC[v=2]", PREDICTOR).encode(data)
    assert "".join(map(str, ids.tolist())) == str(eiwref.tokenizer("AC[v=256]", PREDICTOR).compress(data))


@given(st.binary(max_size=60), st.sampled_from(["256", "65k"]))
def test_huffman_is_the_code_of_static_acs_distribution(data, v):
    counts = np.diff(OWN.cdf(None))
    code = huffman.Huffman([0, *np.cumsum(counts).tolist()])
    bits = "".join(code.codes[symbol] for symbol in [*data, 256])
    width = {"256": 8, "65k": 16}[v]
    bits += "0" * (-len(bits) % width)
    ids = eiwref.tokenizer(f"Huffman[v={v}]", OWN).encode(data)
    assert ids.tolist() == [int(bits[at : at + width], 2) for at in range(0, len(bits), width)]


def test_a_huffman_byte_stands_where_its_own_bits_do():
    tokenizer, at = eiwref.tokenizer("Huffman[v=256]", OWN), 0
    code = huffman.Huffman(OWN.cdf(None))
    for byte, (begin, end) in zip(TEXT, tokenizer.byte_ranges(tokenizer.compress(TEXT).data), strict=True):
        assert (begin, end) == (at, at + code.lengths[byte])
        at = end


def test_whole_bits_cost_more_than_shares_of_them():
    """On the text that was counted; on another, Huffman's rounding may happen to suit it better."""
    text = TEXT * 40
    found = {
        name: eiwref.tokenizer(f"{name}[v=256]", Unigram.fit([text])) for name in ("StaticAC", "Huffman", "ANS")
    }
    bits = {name: tokenizer.compress(text).length for name, tokenizer in found.items()}
    assert bits["StaticAC"] < bits["Huffman"] < bits["StaticAC"] + len(text)
    assert bits["StaticAC"] < bits["ANS"] < bits["StaticAC"] + 40


@given(st.binary(max_size=60))
def test_ans_and_ranks_are_those_of_the_coders(data):
    code = stream.encode(ans.Encoder(), Restarting(PREDICTOR), data).data
    assert bytes(eiwref.tokenizer("ANS[v=256]", PREDICTOR).encode(data).tolist()) == code
    packed = bytes(eiwref.tokenizer("Rank[v=256]", PREDICTOR).encode(data).tolist())
    assert zlib.decompress(packed) == rank.ranks(Restarting(PREDICTOR.over(256)), data)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_bare_gzip_is_a_wrapped_one_without_header_and_footer(name):
    wrapped, bare = (eiwref.tokenizer(f"GZip[v=256{end}]").encode(AWKWARD[name]) for end in ("", ", wrapper=no"))
    assert bare.tolist() == wrapped.tolist()[10:-8]
    assert eiwref.tokenizer("GZip[v=256, wrapper=yes]").spec == "GZip[v=256]"


def test_what_costs_flops_is_what_is_asked_at_every_byte():
    """Huffman and StaticAC ask no network, the others do."""
    m1 = network()
    for spec in ("AC[v=2]", "ANS[v=256]", "Rank[v=256]"):
        assert isinstance(eiwref.tokenizer(spec, m1).model, Network), spec
    for spec in ("Huffman[v=256]", "StaticAC[v=256]"):
        assert not isinstance(eiwref.tokenizer(spec, m1).model, Network), spec


# What is refused.


@given(st.lists(st.integers(0, 65535), max_size=24), st.sampled_from(SPECS))
def test_any_ids_decode_or_raise(ids, spec):
    tokenizer = eiwref.tokenizer(spec, OWN)
    ids = [i % tokenizer.vocab_size for i in ids]
    with suppress(CodeError):
        text = tokenizer.decode_bytes(ids, max_bytes=10_000)
        assert spec not in CANONICAL or tokenizer.encode(text).tolist() == ids


@pytest.mark.parametrize("spec", SPECS)
def test_cut_extended_and_changed_ids_are_refused(spec):
    tokenizer = eiwref.tokenizer(spec, OWN)
    ids = tokenizer.encode(TEXT[:20]).tolist()
    for length in range(len(ids)):
        with pytest.raises(CodeError):
            tokenizer.decode_bytes(ids[:length])
    for more in ([0], [0] * 7, [tokenizer.vocab_size - 1], ids):
        with pytest.raises(CodeError):
            tokenizer.decode_bytes(ids + more)
    for place in range(len(ids) if spec in CANONICAL else 0):
        changed = [*ids]
        changed[place] = (changed[place] + 1) % tokenizer.vocab_size
        with suppress(CodeError):
            assert tokenizer.decode_bytes(changed) != TEXT[:20]
    for wrong in (tokenizer.vocab_size, 1 << 33, -1):
        for use in (tokenizer.decode_bytes, tokenizer.spans, lambda ids: text_of(tokenizer, ids)):
            with pytest.raises(CodeError, match="outside the vocabulary"):
                use([wrong, *ids])


@pytest.mark.parametrize("spec", DEFLATED)
def test_no_more_is_inflated_than_was_declared(spec):
    wbits = 15 if "Rank" in spec else -15
    bomb = zlib.compressobj(9, wbits=wbits)
    packed = bomb.compress(bytes(10**7)) + bomb.flush()
    tokenizer = eiwref.tokenizer(spec, OWN)
    packed += bytes(len(packed) % (tokenizer.token_bits // 8))
    ids = np.frombuffer(packed, dtype=f">u{tokenizer.token_bits // 8}")
    with pytest.raises(CodeError, match=r"after the 1000 (symbols|bytes)"):
        tokenizer.decode_bytes(ids.astype(int), max_bytes=1000)


@pytest.mark.parametrize(
    "spec",
    [
        *(
            "AC[v=4]",
            "AC[v=16]",
            "StaticAC[v=2]",
            "Huffman[v=2]",
            "ANS",
            "Rank[v=1]",
            "GZip[v=256, wrapper=maybe]",
        ),
        *("SentencePiece", "SentencePiece[v=32000]", "SentencePiece[v=65k]", "SentencePiece[v=0k]"),
    ],
)
def test_wrong_specs_get_one_sentence(spec):
    with pytest.raises(SpecError) as error:
        eiwref.tokenizer(spec)
    assert f"expected {spec.partition('[')[0]}[" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "GZip" not in spec])
def test_predictors_that_do_not_fit_are_refused(spec):
    with pytest.raises(PredictorError, match="another alphabet"):
        eiwref.tokenizer(spec, uniform(200))


# Where they go: files, folders, networks.


@pytest.mark.parametrize("spec", SPECS)
def test_in_a_container(spec):
    tokenizer = eiwref.tokenizer(spec, OWN)
    for data in (b"", b"x", TEXT, AWKWARD["random"]):
        assert unpack(pack(tokenizer, data), OWN) == (data, spec)
    packed = b"".join(pack_pieces(tokenizer, [TEXT], 17))
    assert unpack(packed, OWN)[0] == TEXT
    for at in range(0, len(packed), 3):
        damaged = bytearray(packed)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(ContainerError):
            unpack(bytes(damaged), OWN)
    if tokenizer.predictor is not None:
        with pytest.raises(ContainerError, match="made with predictor"):
            unpack(packed)


def test_a_container_has_room_for_the_bits_of_the_least_likely_text():
    """At a precision of 24 bits a byte may take as many tokens of v=2."""
    tokenizer = eiwref.tokenizer("AC[v=2]", skewed(257, 24))
    text = b"\xff" * 200
    assert len(tokenizer.encode(text)) > 23 * 200
    assert unpack(pack(tokenizer, text), skewed(257, 24))[0] == text


@pytest.mark.parametrize("spec", SPECS)
def test_save_and_load(spec, tmp_path):
    tokenizer = eiwref.tokenizer(spec, OWN)
    if "GZip" in spec:
        with pytest.raises(SpecError, match="nothing to save"):
            tokenizer.save(tmp_path / "t")
        return
    tokenizer.save(tmp_path / "t")
    loaded = load(tmp_path / "t")
    assert loaded.spec == spec
    assert loaded.encode(TEXT).tolist() == tokenizer.encode(TEXT).tolist()


@pytest.mark.parametrize(
    "spec",
    ["AC[v=2]", "ANS[v=65k]", "EqualText[n=8, v=256, delimiters=yes]", "EqualText[n=8, v=65k, delimiters=yes]"],
)
def test_token_folders_of_any_vocabulary(spec, tmp_path):
    (tmp_path / "text").write_bytes(TEXT)
    tokenizer = eiwref.tokenizer(spec, OWN)
    tokens.write(tmp_path / "folder", tokenizer, [str(tmp_path / "text")])
    found = tokens.load(tmp_path / "folder")
    assert found.end == tokenizer.vocab_size
    assert tokenizer.decode_bytes(found[: len(found) - 1]) == TEXT
    (tmp_path / "folder" / "tokens-00000.npy").unlink()
    with pytest.raises(CorpusError):
        tokens.load(tmp_path / "folder")


@pytest.mark.parametrize("spec", ["AC[v=2]", "Huffman[v=256]", "Rank[v=256]"])
def test_an_m2_over_them(spec, tmp_path):
    tokenizer = eiwref.tokenizer(spec, OWN)
    config = Config(tokenizer.vocab_size + 1, d_model=8, heads=2, layers=1, d_mlp=16, context=8)
    params = Transformer(config).init(np.random.default_rng(0))
    m2 = M2(tokenizer, Transformer(config), params, np.zeros(tokenizer.vocab_size, dtype=np.int64))
    m2.save(tmp_path / "m2")
    assert M2.load(tmp_path / "m2", OWN).tokenizer.spec == spec


def test_verify_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(TEXT * 3)
    assert main(["verify", "text", "--json", *(word for spec in SPECS for word in ("--tokenizer", spec))]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["tokenizer"] for row in rows] == SPECS
    for row in rows:
        width = 1 if "v=2]" in row["tokenizer"] else 16 if "65k" in row["tokenizer"] else 8
        assert row["lossless"]
        assert row["bits_per_byte"] == pytest.approx(row["tokens"] * width / row["bytes"])
    assert main(["encode", "text", "-o", "t.eiw", "--tokenizer", "ANS[v=65k]"]) == 0
    assert main(["decode", "t.eiw", "-o", "back"]) == 0
    assert (tmp_path / "back").read_bytes() == TEXT * 3


# As they come.


def slow_text_of(tokenizer, ids):
    """As far as a code can be read from its front, without a stream."""
    if tokenizer.spec in DEFLATED:
        with suppress(CodeError):
            return tokenizer.decode_bytes(ids)
        return b""
    text = bytearray()
    with suppress(CodeError):
        for symbol in tokenizer.symbols_of(from_tokens(ids, tokenizer.token_bits)):
            text.append(symbol)
    return bytes(text)


@given(st.sampled_from(SPECS), st.sampled_from([OWN, PREDICTOR, skewed(257, 24)]), st.data())
def test_pieces_joined_are_the_text_of_all_ids(spec, predictor, data):
    tokenizer = eiwref.tokenizer(spec, predictor)
    whole = data.draw(st.binary(max_size=40))
    ids = tokenizer.encode(whole).tolist()
    if data.draw(st.booleans()):
        ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=70))
    elif data.draw(st.booleans()):
        ids = ids[: data.draw(st.integers(0, len(ids)))]
    else:
        assert text_of(tokenizer, ids) == (whole, "")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=9)))
    reader = streaming.stream(tokenizer)
    text = b"".join(reader.feed(ids[a:b]) for a, b in zip([0, *cuts], [*cuts, len(ids)], strict=True))
    text += reader.finish()
    assert text == slow_text_of(tokenizer, ids)


@pytest.mark.parametrize("spec", CANONICAL)
def test_text_comes_a_few_bytes_of_code_behind(spec):
    tokenizer, text = eiwref.tokenizer(spec, PREDICTOR), AWKWARD["random"][:300]
    ids = tokenizer.encode(text).tolist()
    ends = [end for _, end in tokenizer.byte_ranges(from_tokens(ids, tokenizer.token_bits))]
    reader, shown = streaming.stream(tokenizer), b""
    for n, id in enumerate(ids, 1):
        shown += reader.feed([id])
        known = sum(end <= tokenizer.token_bits * n - 8 * max(tokenizer.draws) for end in ends)
        assert known <= len(shown)
        assert text.startswith(shown)
    assert shown + reader.finish() == text


@given(st.sampled_from(GOING_ON), st.binary(max_size=40), st.binary(max_size=40))
def test_a_prompts_ids_are_those_of_every_text_that_goes_on(spec, prompt, more):
    tokenizer = eiwref.tokenizer(spec, PREDICTOR)
    opening = streaming.opening(tokenizer, prompt)
    assert tokenizer.encode(prompt + more).tolist()[: len(opening)] == opening
    lost = len(tokenizer.encode(prompt)) - len(opening)
    assert lost * (1 if "v=2]" in spec else tokenizer.token_bits) <= 48


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec not in GOING_ON])
def test_codes_of_whole_texts_cannot_be_gone_on_from(spec):
    with pytest.raises(SpecError, match="cannot go on from a text"):
        streaming.opening(eiwref.tokenizer(spec), b"a text")


@pytest.mark.parametrize("spec", [spec for spec in CANONICAL if "AC" not in spec])
def test_a_token_has_no_hand_in_text_before_its_span(spec):
    """Whatever becomes of a token, the text up to where its span begins stays. (AC's last bits may move it.)"""
    tokenizer, rng = eiwref.tokenizer(spec, PREDICTOR), random.Random(5)
    ids = tokenizer.encode(TEXT).tolist()
    moved = 0
    for token, (begin, end) in enumerate(tokenizer.spans(ids).tolist()):
        changed = [*ids]
        changed[token] = (changed[token] + rng.randrange(1, tokenizer.vocab_size)) % tokenizer.vocab_size
        text = slow_text_of(tokenizer, changed)
        assert text[:begin] == TEXT[:begin]
        moved += text[begin:end] != TEXT[begin:end]
    assert moved > len(ids) // 2
