"""Token folders: what goes in comes out, from any number of shards, and damage is named."""

import json
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref.corpus import sources, tokens
from eiwref.errors import CorpusError
from eiwref.nn.train import Crops
from tests.test_cli import here, refused, run  # noqa: F401

BYTES = eiwref.tokenizer("Bytes")


def texts_in(folder, texts):
    """Files in the order of `texts`."""
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number:04}").write_bytes(text)
    return [str(folder)]


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=9), min_size=1, max_size=6).filter(any), st.integers(1, 30), st.data())
def test_shards_are_the_stream(tmp_path_factory, texts, shard_tokens, data):
    path = tmp_path_factory.mktemp("tokens")
    manifest = tokens.write(path / "t", BYTES, texts_in(path / "texts", texts), shard_tokens=shard_tokens)
    expected = [id for text in texts for id in (*text, 256)]
    found = tokens.load(path / "t")
    assert len(found) == len(expected)
    assert found[0 : len(found)].tolist() == expected
    assert found.text_bytes == sum(map(len, texts))
    assert found.counts.tolist() == [expected.count(id) for id in range(257)]
    for name, total in (("tokens", len(expected)), ("documents", len(texts)), ("bytes", found.text_bytes)):
        assert sum(shard[name] for shard in manifest["shards"]) == total
    assert {shard["tokens"] for shard in manifest["shards"][:-1]} <= {shard_tokens}
    begin = data.draw(st.integers(0, len(expected)))
    end = data.draw(st.integers(begin, len(expected)))
    assert found[begin:end].tolist() == expected[begin:end]
    whole = tokens.in_memory([np.frombuffer(text, np.uint8) for text in texts], BYTES, found.text_bytes)
    assert whole[begin:end].tolist() == expected[begin:end]
    assert (whole.counts == found.counts).all()
    if begin < len(expected):
        shard, at = found.where(begin).split(" at ")
        assert np.load(path / "t" / shard)[int(at)] == expected[begin]


def test_batches_from_shards_are_those_from_memory(tmp_path):
    reader = eiwref.tokenizer("GZip[v=65k]")
    source = ["builtin:held-out"]
    tokens.write(tmp_path / "t", reader, source, shard_tokens=1000)
    shards = tokens.load(tmp_path / "t")
    texts = list(tokens.documents(source[0]))
    whole = tokens.in_memory(reader.encode_batch(texts), reader, sum(map(len, texts)))
    assert shards[0:9].dtype == np.dtype("<u4")  # 65,536 ids and an end
    one, other = (Crops(stream, 50, 8, 65536, np.random.default_rng(4)) for stream in (shards, whole))
    for _ in range(20):
        assert all((a == b).all() for a, b in zip(next(one), next(other), strict=True))
        assert (one.begins == other.begins).all()


def test_a_generators_state_is_where_batches_go_on():
    stream = np.arange(1000)
    rng = np.random.default_rng(0)
    batches = Crops(stream, 5, 3, 1000, rng)
    next(batches)
    state = json.loads(json.dumps(rng.bit_generator.state))
    expected = [next(batches) for _ in range(3)]
    later = np.random.default_rng(9)
    again = Crops(stream, 5, 3, 1000, later)
    later.bit_generator.state = state
    for ids, targets in expected:
        found = next(again)
        assert (found[0] == ids).all()
        assert (found[1] == targets).all()
        assert (targets[:, 0] == again.begins).all()


@pytest.fixture
def folder(tmp_path):
    tokens.write(tmp_path / "t", BYTES, texts_in(tmp_path / "texts", [b"some text", b"more"]), shard_tokens=9)
    return tmp_path / "t"


def test_a_flipped_bit_anywhere_is_found(folder):
    for path in sorted(folder.iterdir()):
        packed = path.read_bytes()
        for at in range(len(packed)):
            path.write_bytes(packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :])
            if path.suffix == ".json" and json.loads(packed) == _parsed(path):
                continue  # white space
            with pytest.raises(CorpusError, match=path.name):
                tokens.load(folder)
        path.write_bytes(packed)
    assert len(tokens.load(folder)) == 15


def _parsed(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def test_what_is_cut_off_missing_or_too_long_is_refused(folder):
    first = folder / "tokens-00000.npy"
    packed = first.read_bytes()
    for damaged in [packed[:length] for length in range(0, len(packed), 7)] + [packed + b"\0", b"text" * 40]:
        first.write_bytes(damaged)
        with pytest.raises(CorpusError, match=r"tokens-00000\.npy: "):
            tokens.load(folder)
    first.unlink()
    with pytest.raises(CorpusError, match=r"tokens-00000\.npy: cannot be read \(No such file"):
        tokens.load(folder)
    np.save(first, np.full(9, 300, np.uint16))
    with pytest.raises(CorpusError, match=r"tokens-00000\.npy: id 300 at 0, expected at most 256"):
        tokens.load(folder)
    np.save(first, np.zeros(9, np.int64))
    with pytest.raises(CorpusError, match=r"holds int64 of shape \(9,\), expected 9 ids of uint16"):
        tokens.load(folder)


@pytest.mark.parametrize("shape", ["(1 << 62,)", str((2**70,)), "(True,)", "(-1,)"])
def test_headers_that_no_array_has(folder, shape):
    first = folder / "tokens-00000.npy"
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    first.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(18))
    with pytest.raises(CorpusError, match=r"tokens-00000\.npy: "):
        tokens.load(folder)


def test_tokens_are_not_taken_for_text(folder):
    for _ in range(2):
        with pytest.raises(CorpusError, match="holds tokens, made by eiwref shards, where text is expected"):
            list(sources.documents(folder))
        (folder / "tokens-00000.npy").unlink(missing_ok=True)  # some are left


def test_manifests_that_were_never_written_here(folder):
    path = folder / "manifest.json"
    good = json.loads(path.read_bytes())
    for change in (
        {"end": 1},
        {"end": (1 << 16) + 2},
        {"end": 256.0},
        {"shards": []},
        {"shards": [{}]},
        {"shards": [{name: value for name, value in good["shards"][0].items() if name != "sha256"}]},
        {"tokenizer": None},
        {"format": "eiwref.tokens.9"},
    ):
        changed = {key: value for key, value in (good | change).items() if key != "digest"}
        changed["digest"] = sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()
        path.write_text(json.dumps(changed))
        with pytest.raises(CorpusError, match=r"manifest\.json: is (not a manifest|of format)"):
            tokens.load(folder)
    for text in ("", "[]", "{}", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(CorpusError, match=r"manifest\.json: is not a manifest"):
            tokens.load(folder)


def test_no_text_and_unfinished_and_used_folders(folder, tmp_path):
    with pytest.raises(CorpusError, match="there is no text"):
        tokens.write(tmp_path / "none", BYTES, texts_in(tmp_path / "empty", [b"", b""]))
    with pytest.raises(CorpusError, match="there is no text"):
        tokens.in_memory([np.zeros(0, int)] * 9, BYTES, 0)
    with pytest.raises(CorpusError, match="holds tokens already"):
        tokens.write(folder, BYTES, [str(tmp_path / "texts")])
    (folder / "manifest.json").unlink()
    with pytest.raises(CorpusError, match="were not written to their end"):
        tokens.load(folder)
    tokens.write(folder, BYTES, [str(tmp_path / "texts")])
    assert len(tokens.load(folder)) == 15


def test_the_commands(here, capsys):  # noqa: F811
    small = ["--d-model", "16", "--heads", "2", "--layers", "1", "--context", "24", "--steps", "3"]
    spec = ["--tokenizer", "EqualInfoAC[b=16, v=256]"]
    code, out, _ = run(capsys, "shards", "text", "-o", "m2-tokens", *spec, "--json")
    assert code == 0
    assert json.loads(out)["bytes"] == 2000
    assert run(capsys, "shards", "text", "-o", "m1-tokens", "--tokenizer", "Bytes")[0] == 0
    for kind, options in (("m1", []), ("m2", spec)):
        for name, source in (("texts", "text"), ("shards", f"{kind}-tokens")):
            assert run(capsys, "train", kind, source, "-o", name, *small, *options)[0] == 0
        assert (here / "texts").read_bytes() == (here / "shards").read_bytes()
    assert run(capsys, "train", "m2", "m2-tokens", "-o", "again", *small)[0] == 0  # the tokenizer is the folder's
    assert (here / "again").read_bytes() == (here / "shards").read_bytes()
    m2 = ["train", "m2", "m2-tokens", "-o", "m2", *small]
    assert "name no other TEXT" in refused(capsys, "train", "m2", "m2-tokens", "text", *m2[3:])
    assert "holds tokens of EqualInfoAC[b=16, v=256], expected AC[v=256]" in refused(
        capsys, *m2, "--tokenizer", "AC[v=256]"
    )
    assert "expected Bytes" in refused(capsys, "train", "m1", "m2-tokens", "-o", "m1", *small)
    run(capsys, "fit", "unigram", "text", "-o", "uni")
    assert "holds tokens of predictor" in refused(capsys, *m2, "--predictor", "uni")
    (here / "empty").write_bytes(b"")
    assert "there is no text" in refused(capsys, "shards", "empty", "-o", "e")
    assert "there is no text" in refused(capsys, "train", "m1", "empty", "-o", "m1")
    assert "shorter than one piece" in refused(capsys, "train", "m1", "m1-tokens", "-o", "m1", "--context", "2002")
