"""The arranged step and its workers against the readable step, which they must not differ from."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiwref.errors import ModelError
from eiwref.nn import arranged
from eiwref.nn.arranged import Arranged
from eiwref.nn.optim import Adafactor, AdamW, clip_by_norm
from eiwref.nn.parallel import Parallel, most_workers
from eiwref.nn.transformer import Config, Transformer

CONFIG = Config(symbols=30, d_model=16, heads=2, layers=2, d_mlp=24, context=80)
OPTIMIZERS = [AdamW(), Adafactor(factored_from=8)]


def problem(config, batch, positions, seed=0, dtype=np.float64):
    """(network, params with gains and biases away from 1 and 0, ids, targets)"""
    rng = np.random.default_rng(seed)
    network = Transformer(config)
    params = {
        name: (values + 0.2 * rng.standard_normal(values.shape)).astype(dtype)
        for name, values in network.init(rng, np.float64).items()
    }
    ids = rng.integers(0, config.symbols + 1, (batch, positions))
    return network, params, ids, rng.integers(0, config.symbols, (batch, positions))


@settings(max_examples=40)
@given(
    symbols=st.sampled_from([2, 17, 257, 700]),
    width=st.integers(1, 9),
    heads=st.integers(1, 4),
    layers=st.integers(1, 3),
    d_mlp=st.sampled_from([1, 20, 33]),
    batch=st.integers(1, 4),
    positions=st.sampled_from([1, 2, 63, 64, 65, 100, 130, 200]),
    tied=st.booleans(),
    z_loss=st.sampled_from([0.0, 1e-4, 0.1]),
    columns=st.sampled_from([1, 3, 512]),
    rows=st.sampled_from([1, 50, 512]),
    scores=st.sampled_from([1, 5000, 1 << 16]),
)
def test_the_arranged_step_is_the_readable_one(
    symbols, width, heads, layers, d_mlp, batch, positions, tied, z_loss, columns, rows, scores
):
    config = Config(symbols, width * heads, heads, layers, d_mlp, positions, tied, z_loss)
    network, params, ids, targets = problem(config, batch, positions, symbols + positions)
    expected, expected_grads = network.loss(params, ids, targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arranged, "COLUMNS", columns)
        patch.setattr(arranged, "ROWS", rows)
        patch.setattr(arranged, "SCORES", scores)
        step = Arranged(config, batch, positions, np.float64)
        grads = {name: np.full_like(values, np.nan) for name, values in params.items()}
        for _ in range(2):  # buffers of the first time are no matter the second time
            loss = step.loss(params, grads, ids, targets, ids.size)
            assert loss == pytest.approx(expected, rel=1e-10)
            for name, grad in grads.items():
                error = np.abs(grad - expected_grads[name]).max()
                assert error <= 1e-10 * max(np.abs(expected_grads[name]).max(), 1e-3), name


@pytest.mark.parametrize("times", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("where", ["scores", "logits", "both"])
def test_exponentials_that_floats_do_not_hold_are_made_again(times, where):
    """Where queries or the output's weights are so large, e to the power of what they give is infinite or 0."""
    config = Config(symbols=40, d_model=16, heads=2, layers=2, d_mlp=24, context=80)
    network, params, ids, targets = problem(config, 3, 80)
    names = [name for name in params if name.endswith("attention.query")] if where != "logits" else []
    for name in [*names, *(["output.weight"] if where != "scores" else [])]:
        params[name] *= times
    expected, expected_grads = network.loss(params, ids, targets)
    held, hold = [], arranged._hold
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arranged, "COLUMNS", 7)
        patch.setattr(arranged, "_hold", lambda sums: held.append(hold(sums)) or held[-1])
        step = Arranged(config, 3, 80, np.float64)
        grads = {name: np.full_like(values, np.nan) for name, values in params.items()}
        assert step.loss(params, grads, ids, targets, ids.size) == pytest.approx(expected, rel=1e-10)
    assert all(held) == (times == 1)
    for name, grad in grads.items():
        assert np.abs(grad - expected_grads[name]).max() <= 1e-10 * np.abs(expected_grads[name]).max(), name


def test_a_softmax_without_pull_is_no_division_by_zero():
    """Where all logits are 0, log Z is log V, and this z-loss pulls as hard the other way as the softmax does."""
    z_losses = {symbols: -0.5 / float(np.log(symbols)) for symbols in range(30, 40)}
    assert 0 in [1 + 2 * z_loss * np.log(symbols) for symbols, z_loss in z_losses.items()]
    for symbols, z_loss in z_losses.items():
        config = Config(symbols, d_model=16, heads=2, layers=1, d_mlp=24, context=8, z_loss=z_loss)
        network, params, ids, targets = problem(config, 3, 8)
        params["output.weight"][...] = 0
        expected, expected_grads = network.loss(params, ids, targets)
        grads = {name: np.full_like(values, np.nan) for name, values in params.items()}
        found = Arranged(config, 3, 8, np.float64).loss(params, grads, ids, targets, ids.size)
        assert found == pytest.approx(expected, rel=1e-10)
        for name, grad in grads.items():
            assert np.abs(grad - expected_grads[name]).max() <= 1e-10, name


def readable(network, params, optimizer, batches):
    """(loss and norm of each step, params, state) of the readable step."""
    state, seen = optimizer.init(params), []
    for number, (ids, targets) in enumerate(batches, 1):
        loss, grads = network.loss(params, ids, targets)
        grads, norm = clip_by_norm(grads, 1.0)
        params, state = optimizer.update(params, grads, state, number, 1e-3)
        seen.append((float(loss), norm))
    return np.array(seen), params, state


def batches(count, batch=4, positions=70):
    rng = np.random.default_rng(3)
    return [
        (
            rng.integers(0, CONFIG.symbols + 1, (batch, positions)),
            rng.integers(0, CONFIG.symbols, (batch, positions)),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_number_of_workers_takes_the_readable_steps(optimizer, workers, kind, monkeypatch):
    if kind == "threads":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif workers == 1 or not hasattr(os, "memfd_create"):
        pytest.skip("one worker needs no process, and not every system can share memory")
    network, params, _, _ = problem(CONFIG, 4, 70)
    expected, expected_params, expected_state = readable(network, params, optimizer, batches(4))
    with Parallel(network, params, optimizer, workers=workers) as parallel:
        assert parallel.kind == kind
        found = np.array([parallel.step(*batch, number, 1e-3) for number, batch in enumerate(batches(4), 1)])
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        for mine, other in ((parallel.params, expected_params), (parallel.state, expected_state)):
            assert mine.keys() == other.keys()
            for name in mine:
                np.testing.assert_allclose(mine[name], other[name], rtol=1e-7, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_the_same_bits_again_and_after_a_stop(optimizer):
    """In float32, stopped after two steps and taken up from parameters and state."""
    network, params, _, _ = problem(CONFIG, 4, 70, dtype=np.float32)
    ends = []
    for stops in ([4], [2, 4]):
        now, state, done = params, None, 0
        for stop in stops:
            with Parallel(network, now, optimizer, state, workers=2) as parallel:
                for number in range(done + 1, stop + 1):
                    parallel.step(*batches(4)[number - 1], number, 1e-3)
                now, state, done = parallel.params, parallel.state, stop
        ends.append(now | state)
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize(
    ("name", "optimizer", "learning_rate"),
    [("adamw", AdamW(weight_decay=0.1), 0.01), ("adafactor", Adafactor(factored_from=1), 0.05)],
)
def test_gradients_and_ten_steps_are_pytorchs(name, optimizer, learning_rate):
    reference = dict(np.load(Path(__file__).parent / "references" / "transformer.npz", allow_pickle=False))
    params = {key[6:]: values for key, values in reference.items() if key.startswith("param.")}
    config = Config(symbols=13, d_model=8, heads=2, layers=2, d_mlp=16, context=40, z_loss=0.01)
    grads = {key: np.empty_like(values) for key, values in params.items()}
    ids, targets = reference["ids"], reference["targets"]
    loss = Arranged(config, *ids[0].shape, np.float64).loss(params, grads, ids[0], targets[0], ids[0].size)
    assert loss == pytest.approx(float(reference["loss"]), rel=1e-12)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, reference[f"grad.{key}"], rtol=1e-8, atol=1e-12, err_msg=key)
    with Parallel(Transformer(config), params, optimizer, largest_norm=np.inf) as parallel:
        losses = [
            parallel.step(*batch, n, learning_rate)[0] for n, batch in enumerate(zip(ids, targets, strict=True), 1)
        ]
    np.testing.assert_allclose(losses, reference[name], rtol=1e-9)


def test_a_loss_that_is_not_finite_changes_nothing():
    network, params, ids, targets = problem(CONFIG, 2, 20)
    params["blocks.1.mlp.up"][0, 0] = 1e300
    params["blocks.1.mlp.down"] *= 1e300
    with Parallel(network, params, AdamW()) as parallel:
        loss, _ = parallel.step(ids, targets, 1, 1e-3)
        assert not np.isfinite(loss)
        assert np.array_equal(parallel.params["norm.gain"], params["norm.gain"])


def test_bad_input_is_refused():
    network, params, ids, targets = problem(CONFIG, 3, 20)
    with Parallel(network, params, AdamW(), workers=2) as parallel:
        with pytest.raises(ModelError, match="a batch of 3 cannot be split evenly over 2 workers"):
            parallel.step(ids, targets, 1, 1e-3)
        with pytest.raises(ModelError, match="id 31 is outside the vocabulary of 30"):
            parallel.step(ids[:2] * 0 + 31, targets[:2], 1, 1e-3)
        with pytest.raises(ModelError, match="81 positions are more than the context of 80"):
            parallel.step(np.zeros((2, 81), dtype=int), np.zeros((2, 81), dtype=int), 1, 1e-3)
        assert np.isfinite(parallel.step(ids[:2], targets[:2], 1, 1e-3)[0])


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="workers are threads here")
def test_a_worker_that_is_killed_ends_the_step_with_a_sentence():
    network, params, ids, targets = problem(CONFIG, 2, 20)
    with Parallel(network, params, AdamW(), workers=2) as parallel:
        os.kill(parallel._workers[1]._process.pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="a worker ended with exit code -9; if it ran out of memory"):
            parallel.step(ids, targets, 1, 1e-3)


def test_workers_divide_the_batch():
    assert all(batch % most_workers(batch) == 0 for batch in range(1, 40))
    assert most_workers(1) == 1
    assert most_workers(840) >= 1


def test_workers_take_no_module_from_the_folder_at_hand(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    network, params, ids, targets = problem(CONFIG, 2, 20)
    with Parallel(network, params, AdamW(), workers=2) as steps:
        assert np.isfinite(steps.step(ids, targets, 1, 1e-3)[0])
