"""The bench at tiny sizes: what it reports, what it checks first, and what it does without its peers."""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import eiwref
from eiwref.bench import code, compress, generate, measure, tokenize, train
from eiwref.cli import main
from eiwref.corpus import builtin
from eiwref.errors import EiwrefError
from eiwref.files import data_path
from eiwref.nn.transformer import Config, Transformer

TINY = {"n": 3, "steps": 4, "rounds": 1}


@pytest.fixture
def no_peers(monkeypatch):
    for name in code.PEERS:
        monkeypatch.setitem(sys.modules, name, None)


def fake_constriction(wrong=0):
    """Codes symbols as themselves, which is fast."""

    class Encoder:
        def encode(self, symbols, family, rows):
            assert rows.shape == (len(symbols), 256)
            self.symbols = symbols

        def get_compressed(self):
            return self.symbols

    queue = SimpleNamespace(
        RangeEncoder=Encoder,
        RangeDecoder=lambda symbols: SimpleNamespace(decode=lambda family, rows: symbols + wrong),
    )
    module = ModuleType("constriction")
    module.stream = SimpleNamespace(
        queue=queue, model=SimpleNamespace(Categorical=lambda perfect: f"perfect={perfect}")
    )
    return module


def test_without_peers_ours_is_measured_and_what_is_missing_is_said(no_peers):
    found = code.run("a command", **TINY)
    assert found["command"] == "a command"
    assert [line.split()[-1] for line in found["missing"]] == ["constriction", "torchac"]
    assert [row["case"] for row in found["rows"][:2]] == [
        "encode, float32 probabilities",
        "decode, float32 probabilities",
    ]
    assert len(found["rows"]) == 8
    assert all(row["ours"] > 0 and row["peer"] is None and row["ratio"] is None for row in found["rows"])
    assert len(found["settings"]["sha256"]) == 64
    assert "numpy" in found["environment"]


def test_a_peer_stands_beside_ours(no_peers, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", fake_constriction())
    monkeypatch.setattr(measure.metadata, "version", lambda name: "1.2")
    found = code.run("a command", **TINY)
    encode, decode = found["rows"][:2]
    for row in (encode, decode):
        assert row["peer_name"] == "constriction's range coder"
        assert row["ratio"] == row["ours"] / row["peer"]
    assert found["environment"]["constriction"] == "1.2"
    assert len(found["missing"]) == 1


def test_a_peer_that_loses_symbols_is_not_measured(no_peers, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", fake_constriction(wrong=1))
    with pytest.raises(EiwrefError, match="constriction does not give back"):
        code.run("a command", **TINY)


def test_the_same_seed_gives_the_same_data_and_no_row_twice():
    data = code.Data(5, 6, seed=1)
    assert data.digest() == code.Data(5, 6, seed=1).digest() != code.Data(5, 6, seed=2).digest()
    assert np.allclose(data.probabilities.sum(axis=2), 1)
    assert len(np.unique(data.probabilities.reshape(-1, 256), axis=0)) == 30


def test_contenders_take_turns():
    clock, order = [0.0], []

    def contender(name, durations):
        def run():
            order.append(name)
            clock[0] += durations[order.count(name) - 1]

        return run

    taken = measure.seconds(
        {"a": contender("a", [9, 1, 2, 6]), "b": contender("b", [9, 4, 4, 4])}, 3, lambda: clock[0]
    )
    assert "".join(order) == "abababab"
    assert taken == {"a": 2, "b": 4}  # the median, without the first round


SHAPE = {"tiny": (Config(20, 8, 2, 1, 16, 8), 2)}


def test_training_is_measured_with_and_without_its_peer(monkeypatch):
    monkeypatch.setattr(train, "SHAPES", SHAPE)
    monkeypatch.setattr(train, "PEAK", 16)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = train.run("a command", ["tiny"], rounds=1)
    assert found["missing"] == ["torch is not installed and left out: pip install torch"]
    assert {row["case"] for row in found["rows"]} <= {"tiny, 1 core", "tiny, 2 cores"}
    assert [row["peer_name"] for row in found["rows"][:2]] == [
        "our readable layers",
        "NumPy's matrix product, float32",
    ]
    assert all(row["ours"] > 0 and row["ratio"] > 0 for row in found["rows"])


def test_compressing_is_measured_against_one_at_a_time(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(train, "PEAK", 16)
    monkeypatch.setattr(compress, "PEAK", 16)
    m1 = eiwref.load_predictor(data_path("m1-tiny.safetensors"))
    found = compress.run("a command", builtin.documents("held-out"), m1, many=3, rounds=1)
    assert found["missing"] == ["torch is not installed and left out: pip install torch"]
    assert {row["case"].partition(" ")[0] for row in found["rows"]} == {"encode", "decode"}
    assert [row["peer_name"] for row in found["rows"]].count("ours, one at a time on one core") == 4
    assert all(row["ours"] > 0 and row["ratio"] > 0 for row in found["rows"])
    assert found["settings"]["bytes"] == 3 * 127


def test_compressing_needs_text_and_integers():
    m1 = eiwref.load_predictor(data_path("m1-tiny.safetensors"))
    with pytest.raises(EiwrefError, match="needs 381 bytes of text, found 380"):
        compress.run("a command", [b"x" * 380], m1, many=3)
    with pytest.raises(EiwrefError, match="needs an M1 in integers"):
        compress.run("a command", [b"x" * 999], eiwref.load_predictor(data_path("ngram.safetensors")))


def test_a_coder_that_loses_text_is_not_measured(monkeypatch):
    monkeypatch.setattr(compress.Workers, "decode_batch", lambda self, batch, bar=iter: [b"" for _ in batch])
    m1 = eiwref.load_predictor(data_path("m1-tiny.safetensors"))
    with pytest.raises(EiwrefError, match="does not give back what was encoded: nothing was measured"):
        compress.run("a command", [b"x" * 999], m1, many=2)


def test_the_peer_that_decodes_has_the_same_logits():
    pytest.importorskip("torch")
    from eiwref.bench import torch_peer

    config = Config(257, 8, 2, 2, 16, 8)
    rng = np.random.default_rng(0)
    network = Transformer(config)
    params = {
        name: v + 0.3 * rng.standard_normal(v.shape, dtype=np.float32) for name, v in network.init(rng).items()
    }
    ids = rng.integers(0, 257, (3, 8))
    expected = network.forward(params, ids)[0][:, -1]
    for attention in torch_peer.ATTENTIONS:
        found = torch_peer.Cached(config, params, attention).logits(ids)
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)
        whole = torch_peer.Network(config, params, attention).probabilities(ids)
        assert np.allclose(whole[:, -1], compress.shares(expected), rtol=1e-4, atol=1e-4)
    names = [name for name, _, _ in compress._torch(config, 3)]
    assert [compress.AT_ONCE in name for name in names] == [False, False, False, True]
    speed = {
        f"{way} AC[v=256], {many}": 9.0 for way in ("encode", "decode") for many in ("3 at once", "one at a time")
    }
    ours, taken = list(speed), {("peak", compress.cores()): 1.0}
    rows = compress._rows(config, speed | dict.fromkeys(names, 3.0), ours, 3, taken)
    peers = {
        way: [row["peer_name"] for row in rows if row["case"].startswith(way)] for way in ("encode", "decode")
    }
    assert [name for name in names if name in peers["encode"]] == names
    assert [name for name in names if name in peers["decode"]] == names[:3]


def test_the_flops_of_a_byte():
    config = Config(5, 8, 2, 2, 32, 16)
    # Weights, scores and values of 8 positions; but values of 6 symbols, and no more, in the first layer.
    products = (4 * 8 * 8 + 2 * 8 * 32) + 2 * 8 * 8 + (8 * 8 + 2 * 8 * 32) + 6 * 8 + 5 * 8
    assert compress.flops_per_byte(config) == 2 * products


def test_the_flops_of_a_token():
    # 2 layers: 4 + 2 * 4 squares of the width each, and 5 symbols; 3 products of each weight, 2 FLOPs a product.
    weights = 2 * (4 * 8 * 8 + 2 * 8 * 32) + 5 * 8
    attention = 2 * 2 * 3 * 2 * 8 * (16 // 2)  # 2 layers, scores and values, 3 products each; half the keys
    assert train.flops_per_token(Config(5, 8, 2, 2, 32, 16)) == 6 * weights + attention


def test_the_peer_has_the_same_loss(monkeypatch):
    torch = pytest.importorskip("torch")
    from eiwref.bench import torch_peer

    config = SHAPE["tiny"][0]
    rng = np.random.default_rng(0)
    network = Transformer(config)
    params = {
        name: v + 0.3 * rng.standard_normal(v.shape, dtype=np.float32) for name, v in network.init(rng).items()
    }
    ids, targets = rng.integers(0, 20, (2, 2, 8))
    expected = float(network.loss(params, ids, targets)[0])
    for attention in torch_peer.ATTENTIONS:
        for make in (lambda net: torch_peer.Eager(net, 1), lambda net: torch_peer.Sharded(net, 2)):
            step = make(torch_peer.Network(config, params, attention)).step
            assert step(torch.from_numpy(ids), torch.from_numpy(targets)) == pytest.approx(expected, rel=1e-5)


def test_the_command(no_peers, monkeypatch, capsys):
    run = code.run
    monkeypatch.setattr(code, "run", lambda command: run(command, **TINY))
    assert main(["bench", "code", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["command"] == "eiwref bench code --json"
    assert main(["bench", "code"]) == 0
    out = capsys.readouterr().out
    assert "encode, float32 probabilities" in out
    assert "constriction is not installed and left out: pip install constriction" in out
    with pytest.raises(SystemExit):
        main(["bench", "nothing"])
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (["train", "some.txt"], "bench train takes no TEXT; that is for bench compress and tokenize"),
        (["generate", "--predictor", "m1"], "bench generate takes no --predictor; that is for bench compress"),
        (["tokenize", "--predictor", "m1"], "bench tokenize takes no --predictor; that is for bench compress"),
    ],
)
def test_what_would_be_passed_over_is_refused(given, refused, capsys):
    assert main(["bench", *given]) == 2
    assert refused in capsys.readouterr().err


def test_what_an_m2_writes_is_counted():
    found = generate.run("a command", size="tiny", context=8, tokens=4, batches=(1, 2), rounds=1)
    assert [row["unit"] for row in found["rows"]] == ["tokens/s", "bytes/s"] * 4
    assert all(row["ours"] > 0 for row in found["rows"])
    assert "2 at once" in found["rows"][2]["case"]
    assert found["settings"]["size"] == "tiny"


def test_windows_under_a_network_are_checked_before_they_are_measured(monkeypatch):
    texts = [b"some text", b"", b"other text"]
    contenders = tokenize._under_a_network(texts)
    in_lockstep, back, one_by_one, back_one_by_one = (run() for run in contenders.values())
    assert in_lockstep == one_by_one
    assert back == back_one_by_one
    assert b"".join(window.text for window in back) == b"".join(texts)
    monkeypatch.setattr(tokenize.lockstep, "segment", lambda scheme, texts: [[] for _ in texts])
    with pytest.raises(EiwrefError, match="nothing was measured"):
        tokenize._under_a_network(texts)
