"""The codebook against the scalar windows, and many states at once against one at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiwref
from eiwref.corpus import builtin
from eiwref.errors import CodeError, PredictorError
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.limits import LANES, Restarting, UniformAfter
from eiwref.predictors.network import Network
from eiwref.predictors.static import uniform
from eiwref.predictors.store import digest, save_predictor
from eiwref.tokenizers.equal_info import CODEBOOK_PAYS
from eiwref.windows import StopCell, table_walk
from eiwref.windows.codebook import Codebook
from tests.predictors_for_tests import predictors

TEXTS = builtin.documents("held-out")
DEFAULT = Codebook.grow(eiwref.tokenizer("EqualInfoAC[b=16, v=65k]").scheme)


def network(limit=12):
    """An M1 with random weights large enough to give it opinions."""
    net = Transformer(Config(symbols=257, d_model=32, heads=2, layers=2, d_mlp=64, context=limit))
    params = {name: 2 * values for name, values in net.init(np.random.default_rng(0)).items()}
    counts = np.bincount(np.frombuffer(TEXTS[0], dtype=np.uint8), minlength=257) + 1
    return Network(net, params, counts)


@given(predictors(), st.integers(4, 12), st.lists(st.integers(0, 1), max_size=60).map(bytes))
def test_codebook_is_the_scalar_windows(predictor, window_bits, data):
    scheme = StopCell(predictor, window_bits)
    codebook = Codebook.grow(scheme)
    assert codebook.texts == [scheme.decode(code).text for code in range(1 << window_bits)]
    (codes,) = table_walk.segment(codebook, [data])
    assert codes.tolist() == [window.code for window in scheme.segment(data)]
    assert codebook.decode(codes) == data
    assert codebook.decode_batch([codes, codes[:0], codes]) == [data, b"", data]
    assert codebook.decode_batch([]) == []


@settings(max_examples=60)
@given(
    predictors(symbols=4),
    st.lists(st.lists(st.integers(0, 3), max_size=90).map(bytes), max_size=12),
    st.integers(1, 16),
    st.integers(1, 7),
    st.sampled_from([0, 3, 64]),
)
def test_stretches_lanes_and_documents_change_nothing(predictor, documents, stretch, lanes, few):
    """Stretches of 1 to 16 bytes, so that walks seldom meet in time and many are finished alone."""
    scheme = StopCell(predictor, 8)
    codebook = Codebook.grow(scheme)
    expected = [[window.code for window in scheme.segment(data)] for data in documents]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_walk, "STRETCH", stretch)
        patch.setattr(table_walk, "LANES_AT_LEAST", 1)
        patch.setattr(table_walk, "PATIENCE", 4 * stretch)
        patch.setattr(table_walk, "LANES", lanes)
        patch.setattr(table_walk, "SMALL", 0)
        patch.setattr(table_walk, "FEW", few)
        assert [codes.tolist() for codes in table_walk.segment(codebook, documents)] == expected


LAST = DEFAULT.texts[DEFAULT.code_of[-1]]  # of the node with the highest number, and full: it ends every window


@pytest.mark.parametrize(
    "text", [b"a" * 40_000, b"ab" * 20_000, bytes(range(256)) * 100, b"the " * 9_000, LAST * 9_000]
)
def test_texts_in_which_walks_never_meet(text):
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
    (codes,) = table_walk.segment(DEFAULT, [text])
    assert (codes == tokenizer.encode(text)).all()
    assert DEFAULT.decode(codes) == text


def test_the_table_by_its_definition():
    """Every node's text, walked by the table from the root, leads to that node."""
    assert DEFAULT.table.shape == (256, DEFAULT.root + 1)
    assert DEFAULT.table.nbytes < 12_000_000
    for node, code in enumerate(DEFAULT.code_of):
        row = DEFAULT.root
        for byte in DEFAULT.texts[code]:
            row = DEFAULT.table[byte, min(row, DEFAULT.root)]
        assert row == node
    children = np.zeros((DEFAULT.root + 1, 256), dtype=bool)
    number = np.argsort(DEFAULT.code_of)
    index = {text: number[code] for code, text in enumerate(DEFAULT.texts)} | {b"": DEFAULT.root}
    for text in DEFAULT.texts:
        children[index[text[:-1]], text[-1]] = True
    begins = np.broadcast_to(DEFAULT.table[:, [DEFAULT.root]], DEFAULT.table.shape)
    assert (DEFAULT.table == begins)[~children.T].all()


def test_decoding_any_codes_in_any_order(monkeypatch):
    """Long texts before short ones and behind; pieces that end in a document, with it, and beside empty ones."""
    rng = np.random.default_rng(0)
    by_depth = np.argsort(DEFAULT.depths, kind="stable").astype(np.uint16)
    long_and_short = np.stack([by_depth[::-1], by_depth], axis=1)[:4000].ravel()
    orders = [by_depth, by_depth[::-1], long_and_short, rng.integers(0, 1 << 16, 100_000)]
    for codes in orders:
        assert DEFAULT.decode(codes) == b"".join([DEFAULT.texts[code] for code in codes])
    for piece in (1, 7, 100):
        monkeypatch.setattr("eiwref.windows.codebook.PIECE", piece)
        codes = np.split(long_and_short[:700], np.sort(rng.integers(0, 100, 30) * 7))
        assert min(map(len, codes)) == 0
        assert DEFAULT.decode_batch(codes) == [b"".join([DEFAULT.texts[code] for code in each]) for each in codes]


def test_a_codebook_is_small_as_a_file(tmp_path):
    save_predictor(DEFAULT, tmp_path / "codebook")
    assert (tmp_path / "codebook").stat().st_size < 140_000
    loaded = Codebook.of(eiwref.load_predictor(tmp_path / "codebook"))
    assert loaded.predictor == digest(eiwref.default_predictor().over(256))
    assert loaded.texts == DEFAULT.texts
    assert (loaded.table == DEFAULT.table).all()


def test_damaged_codebooks_are_refused(tmp_path):
    path = tmp_path / "codebook"
    small = Codebook.grow(StopCell(uniform(256), 9))
    save_predictor(small, path)
    packed = path.read_bytes()
    for at in range(0, len(packed), 7):
        path.write_bytes(packed[:at])
        with pytest.raises(PredictorError):
            eiwref.load_predictor(path)
        path.write_bytes(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :])
        with pytest.raises(PredictorError):
            eiwref.load_predictor(path)
    depths, symbols = small.depths.astype(int), small.symbols
    wrong = [
        (depths[:-1], symbols[:-1]),
        (depths + 1, symbols),
        (depths, symbols[::-1]),
        (np.append(depths[:-1], 9), symbols),
        (np.ones(512), np.zeros(512)),
        (depths, np.where(np.arange(512) == np.flatnonzero(depths == 1)[1], 3, symbols)),
        ([1, 2, 2, 1], [0, 1, 0, 1]),
        (np.zeros(0), np.zeros(0)),
    ]
    for arrays in wrong:
        with pytest.raises(PredictorError, match="no tree of windows"):
            Codebook(*arrays, "")


def test_a_tree_of_long_texts_is_refused_before_they_are_made():
    """One chain: a file of 200 kB, texts of 2 GB."""
    chain = (1 << 16) - 255
    depths = np.concatenate([np.arange(1, chain + 1), np.ones(255)])
    symbols = np.concatenate([np.zeros(chain), np.arange(1, 256)])
    with pytest.raises(
        PredictorError, match=r"its texts have 2,13\d,\d{3},\d{3} bytes together, expected at most 134,217,728"
    ):
        Codebook(depths, symbols, "")


def test_codebooks_are_for_short_windows_of_one_kind():
    with pytest.raises(PredictorError, match="a codebook of 24 bits is too large, expected at most 16"):
        Codebook.grow(eiwref.tokenizer("EqualInfoAC[b=24, v=256]").scheme)
    for spec in ("EqualInfoAC[b=24, v=256]", "EqualInfoAC[b=16, v=256, windows=greedy]"):
        with pytest.raises(PredictorError, match="has no codebook"):
            _ = eiwref.tokenizer(spec).codebook
    codebook = Codebook.grow(StopCell(uniform(5), 9))
    for code in (-1, 512):
        with pytest.raises(CodeError, match=f"id {code} is outside the vocabulary of 512"):
            codebook.decode([0, code])
        with pytest.raises(CodeError, match=f"code {code} does not fit windows of 9 bits"):
            codebook.decode_batch([np.array([0, code])])
    for codes in ([1.5], [True], ["5"], [[1, 2]]):
        with pytest.raises(CodeError, match="a flat list of integers"):
            codebook.decode(codes)
    with pytest.raises(CodeError, match="byte 7 is not among the 5 symbols"):
        table_walk.segment(codebook, [b"\0\1", b"\7"])


@pytest.mark.parametrize("v", ["256", "65k"])
def test_a_batch_of_much_text_goes_by_the_codebook(v):
    tokenizer = eiwref.tokenizer(f"EqualInfoAC[b=16, v={v}]")
    texts = [*TEXTS * 4, b"", b"\0", b"\0" * 50, bytes(range(256))]
    assert sum(map(len, texts)) > CODEBOOK_PAYS << 16
    ids = tokenizer.encode_batch(texts)
    assert "codebook" in tokenizer.__dict__
    for text, each in zip(texts[3 * len(TEXTS) :], ids[3 * len(TEXTS) :], strict=True):
        assert each.dtype == np.uint32
        assert (each == tokenizer.encode(text)).all()
    assert tokenizer.decode_batch(ids) == texts


def test_a_batch_under_a_network():
    """Texts around the limit of 12, more of them than lanes, more text than the tree has nodes."""
    m1 = network()
    texts = [b"", b"x"] + [TEXTS[0][at : at + at % 41] for at in range(LANES + 10)]
    for spec in ("AC[v=256]", "StaticAC[v=65k]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=32, v=65k]"):
        tokenizer = eiwref.tokenizer(spec, m1)
        more = [b"".join(TEXTS) * 4] * spec.startswith("EqualInfoAC[b=16")
        ids = tokenizer.encode_batch(texts + more)
        assert all((each == tokenizer.encode(text)).all() for each, text in zip(ids, texts, strict=False))
        assert all(
            tokenizer.codebook.decode(each) == text for each, text in zip(ids[len(texts) :], more, strict=True)
        )


@pytest.mark.parametrize("lanes", [1, 2, 7, 64, 257])
@pytest.mark.parametrize("rule", [UniformAfter, Restarting])
def test_a_state_does_not_depend_on_its_company(rule, lanes):
    """Under a network floats are at stake: this holds where it was measured, and says so where it does not."""
    model = rule(network(limit=5))
    rng = np.random.default_rng(lanes)
    if rule is Restarting:
        texts = [rng.integers(0, 257, rng.integers(0, 14)) for _ in range(lanes)]
        for text, slices in zip(texts, model.slices(texts), strict=True):
            state = model.start()
            for symbol, (low, high) in zip(text, slices, strict=True):
                assert (low, high) == tuple(model.cdf(state)[symbol : symbol + 2])
                state = model.advance(state, int(symbol))
        return
    many, alone = model.start_many(lanes), [model.start()] * lanes
    for _ in range(8):
        assert (model.cdf_many(many) == [list(model.cdf(state)) for state in alone]).all()
        which, symbols = rng.integers(0, lanes, lanes), rng.integers(0, 256, lanes)
        many = model.advance_many(many, which, symbols)
        alone = [model.advance(alone[i], int(symbol)) for i, symbol in zip(which, symbols, strict=True)]


def test_a_codebook_once_grown_is_used_for_little_text_too(monkeypatch):
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=65k]")
    assert tokenizer.codebook
    expected = tokenizer.encode(TEXTS[0])
    monkeypatch.setattr(tokenizer.scheme, "encode", None)
    monkeypatch.setattr(tokenizer.scheme, "decode", None)
    assert (tokenizer.encode_batch(TEXTS[:1])[0] == expected).all()
    assert tokenizer.decode_batch([expected]) == TEXTS[:1]
