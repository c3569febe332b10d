"""The bench at tiny sizes: what it reports, what it checks first, and what it does without its peers."""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from eiwref.bench import code, measure, tokenize
from eiwref.cli import main
from eiwref.errors import EiwrefError

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


def test_contenders_take_turns(monkeypatch):
    clock, order = [0.0], []
    monkeypatch.setattr(measure.time, "process_time", lambda: clock[0])

    def contender(name, durations):
        def run():
            order.append(name)
            clock[0] += durations[order.count(name) - 1]

        return run

    taken = measure.seconds({"a": contender("a", [9, 1, 2, 6]), "b": contender("b", [9, 4, 4, 4])}, rounds=3)
    assert "".join(order) == "abababab"
    assert taken == {"a": 2, "b": 4}  # the median, without the first round


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


def test_windows_under_a_network_are_checked_before_they_are_measured(monkeypatch):
    texts = [b"some text", b"", b"other text"]
    contenders = tokenize._under_a_network(texts)
    in_lockstep, back, one_by_one, back_one_by_one = (run() for run in contenders.values())
    assert in_lockstep == one_by_one
    assert b"".join(back) == b"".join(window.text for window in back_one_by_one) == b"".join(texts)
    monkeypatch.setattr(tokenize.lockstep, "encode", lambda scheme, texts: [[] for _ in texts])
    with pytest.raises(EiwrefError, match="nothing was measured"):
        tokenize._under_a_network(texts)
