"""Gradients by hand against differences in float64, and the checker against wrong backward passes."""

from pathlib import Path

import numpy as np
import pytest

from eiwref.errors import ModelError
from eiwref.nn.attention import Attention
from eiwref.nn.gradcheck import check_layer, directional_errors
from eiwref.nn.layers import MLP, CrossEntropy, Embedding, Linear, RMSNorm
from eiwref.nn.optim import Adafactor, AdamW, clip_by_norm
from eiwref.nn.transformer import Config, Transformer

TOLERANCE = 1e-6
SMALL = Config(symbols=11, d_model=12, heads=3, layers=2, d_mlp=20, context=24)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def away(params, rng):
    """Parameters in float64, none near 0 or 1, where errors hide."""
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in params.items()}
    return {
        name: values * 0.5 + rng.uniform(0.3, 0.9, values.shape) * rng.choice([-1, 1], values.shape)
        for name, values in arrays.items()
    }


def layers(rng):
    """{name: (forward, backward, params, x)}"""
    x = rng.standard_normal((2, 9, 12))
    norm, mlp, attention = RMSNorm(np), MLP(np), Attention(np, heads=3)
    embedding = Embedding(np)
    ids = rng.integers(0, 5, (2, 9))  # some occur more than once
    return {
        "linear": (Linear.forward, Linear.backward, Linear.init(rng, 12, 7), x),
        "rmsnorm": (norm.forward, norm.backward, RMSNorm.init(12), x),
        "mlp": (mlp.forward, mlp.backward, MLP.init(rng, 12, 20), x),
        "attention": (attention.forward, attention.backward, Attention.init(rng, 12, 3), x),
        "embedding": (embedding.forward, embedding.backward, Embedding.init(rng, 6, 12), ids),
    }


NAMES = ["linear", "rmsnorm", "mlp", "attention", "embedding"]


def params_of(name, params, rng):
    params = {"gain": np.asarray(params["gain"])} if name == "rmsnorm" else params
    return away(params, rng)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_each_layer(name, rng):
    forward, backward, params, x = layers(rng)[name]
    errors = check_layer(forward, backward, params_of(name, params, rng), x, rng)
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("name", NAMES)
def test_the_checker_rejects_a_backward_wrong_by_a_thousandth(name, rng):
    """Each gradient of each layer in turn, scaled by 1.001."""
    forward, backward, params, x = layers(rng)[name]
    params = params_of(name, params, rng)
    for wrong in [*params, "x"] if name != "embedding" else params:

        def off(dout, cache, wrong=wrong):
            dx, grads = backward(dout, cache)
            if wrong == "x":
                return dx * 1.001, grads
            return dx, grads | {wrong: grads[wrong] * 1.001}

        errors = check_layer(forward, off, params, x, rng)
        assert errors[wrong] > 5e-4
        assert all(error < TOLERANCE for other, error in errors.items() if other != wrong)


@pytest.mark.parametrize("z_loss", [0.0, 0.3])
def test_gradient_of_cross_entropy(z_loss, rng):
    layer = CrossEntropy(np, z_loss)
    logits, targets = rng.standard_normal((3, 5, 8)) * 3, rng.integers(0, 8, (3, 5))
    _, cache = layer.forward(logits, targets)
    grads = {"logits": layer.backward(cache)}
    errors = directional_errors(
        lambda p: float(layer.forward(p["logits"], targets)[0]), {"logits": logits}, grads, rng
    )
    assert errors["logits"] < TOLERANCE


def test_cross_entropy_is_its_definition(rng):
    logits, targets = rng.standard_normal((4, 6)) * 5, np.array([0, 5, 2, 2])
    log_z = np.log(np.exp(logits).sum(axis=1))
    expected = np.mean(log_z - logits[range(4), targets] + 0.1 * log_z**2)
    assert CrossEntropy(np, 0.1).forward(logits, targets)[0] == pytest.approx(expected, rel=1e-12)
    # Logits of any size give a finite loss.
    assert np.isfinite(CrossEntropy(np).forward(logits * 1e4, targets)[0])


def composed(config, rng):
    network = Transformer(config)
    params = away(network.init(rng), rng)
    # Weights that large would saturate the softmax: keep the structure, not the size.
    params = {name: values * (0.4 if values.ndim == 2 else 1) for name, values in params.items()}
    ids = rng.integers(0, config.symbols + 1, (2, 20))
    targets = rng.integers(0, config.symbols, (2, 20))
    return network, params, ids, targets


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_of_the_network(tied, rng):
    config = Config(**{**SMALL.__dict__, "tied": tied, "z_loss": 0.05})
    network, params, ids, targets = composed(config, rng)
    loss, grads = network.loss(params, ids, targets)
    assert set(grads) == set(params)
    assert loss > 0
    errors = directional_errors(lambda p: float(network.loss(p, ids, targets)[0]), params, grads, rng)
    assert max(errors.values()) < TOLERANCE, errors


def test_backward_twice_gives_the_same_and_changes_nothing(rng):
    network, params, ids, _ = composed(SMALL, rng)
    logits, cache = network.forward(params, ids)
    before = {name: values.copy() for name, values in params.items()}
    dlogits = rng.standard_normal(logits.shape)
    first = network.backward(dlogits, cache)
    kept = {name: values.copy() for name, values in first.items()}
    second = network.backward(dlogits, cache)
    for name in params:
        assert (first[name] == kept[name]).all()
        assert (first[name] == second[name]).all()
        assert first[name] is not second[name]
        assert (params[name] == before[name]).all()


def test_no_position_sees_the_future(rng):
    network, params, ids, _ = composed(SMALL, rng)
    logits, _ = network.forward(params, ids)
    changed = ids.copy()
    changed[:, 13:] = (changed[:, 13:] + 1) % 11
    again, _ = network.forward(params, changed)
    assert (logits[:, :13] == again[:, :13]).all()
    assert not np.allclose(logits[:, 13:], again[:, 13:])


@pytest.mark.parametrize("steps", [[1] * 20, [7, 1, 12]])
def test_decoding_step_by_step_is_the_whole_at_once(steps, rng):
    network, params, ids, _ = composed(SMALL, rng)
    whole, _ = network.forward(params, ids)
    past, parts, at = None, [], 0
    for size in steps:
        logits, cache = network.forward(params, ids[:, at : at + size], past)
        past = network.present(cache)
        parts.append(logits)
        at += size
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-10)


def test_distance_is_what_the_bias_sees(rng):
    """With all else equal, attention depends on how far back a position is and not on where it stands."""
    layer = Attention(np, heads=2)
    params = {name: np.asarray(values) for name, values in Attention.init(rng, 8, 2).items()}
    params["bias"] = rng.standard_normal(params["bias"].shape)
    out, _ = layer.forward(params, np.tile(rng.standard_normal(8), (1, 6, 1)))
    assert np.allclose(out, out[:, :1])  # the same value everywhere: any weights give it back
    _, cache = layer.forward(params, rng.standard_normal((1, 40, 8)) * 1e-9)
    weights = cache[3][0, 0]  # scores are all but the bias alone
    ratio = weights[30, 25] / weights[30, 30], weights[20, 15] / weights[20, 20]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-6)


def test_bad_input_is_refused(rng):
    network, params, ids, _ = composed(SMALL, rng)
    for wrong in (-1, 12, 99):
        bad = ids.copy()
        bad[1, 3] = wrong
        with pytest.raises(ModelError, match=f"id {wrong} is outside the vocabulary of 11"):
            network.forward(params, bad)
    with pytest.raises(ModelError, match="25 positions are more than the context of 24"):
        network.forward(params, np.zeros((1, 25), dtype=int))
    _, cache = network.forward(params, ids)
    with pytest.raises(ModelError, match="more than the context"):
        network.forward(params, ids[:, :5], network.present(cache))
    with pytest.raises(ModelError, match="heads divide d_model"):
        Config(symbols=5, d_model=10, heads=3, layers=1, d_mlp=4, context=8)


REFERENCE = Path(__file__).parent / "references" / "transformer.npz"


@pytest.fixture(scope="module")
def reference():
    """The same network in PyTorch, made by references/make_transformer.py."""
    return dict(np.load(REFERENCE, allow_pickle=False))


def reference_network(reference):
    params = {name[6:]: values for name, values in reference.items() if name.startswith("param.")}
    config = Config(symbols=13, d_model=8, heads=2, layers=2, d_mlp=16, context=40, z_loss=0.01)
    return Transformer(config), params


def test_logits_loss_and_every_gradient_are_pytorchs(reference):
    network, params = reference_network(reference)
    assert set(network.init(np.random.default_rng(0))) == set(params)
    logits, _ = network.forward(params, reference["ids"][0])
    np.testing.assert_allclose(logits, reference["logits"], rtol=1e-10, atol=1e-12)
    loss, grads = network.loss(params, reference["ids"][0], reference["targets"][0])
    assert loss == pytest.approx(float(reference["loss"]), rel=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, reference[f"grad.{name}"], rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("name", "optimizer", "learning_rate"),
    [("adamw", AdamW(weight_decay=0.1), 0.01), ("adafactor", Adafactor(factored_from=1), 0.05)],
)
def test_ten_steps_of_training_are_pytorchs(reference, name, optimizer, learning_rate):
    network, params = reference_network(reference)
    state = optimizer.init(params)
    losses = []
    for step, (ids, targets) in enumerate(zip(reference["ids"], reference["targets"], strict=True), 1):
        loss, grads = network.loss(params, ids, targets)
        losses.append(loss)
        params, state = optimizer.update(params, grads, state, step, learning_rate)
    np.testing.assert_allclose(losses, reference[name], rtol=1e-9)


def test_adafactor_keeps_small_matrices_whole():
    params = {"wide": np.ones((128, 200)), "narrow": np.ones((200, 127)), "gain": np.ones(300)}
    shapes = {name: values.shape for name, values in Adafactor().init(params).items()}
    assert shapes == {
        "rows.wide": (128,),
        "columns.wide": (200,),
        "square.narrow": (200, 127),
        "square.gain": (300,),
    }


def test_clipping_keeps_the_direction(rng):
    grads = {"a": rng.standard_normal((3, 4)), "b": rng.standard_normal(5)}
    clipped, norm = clip_by_norm(grads, 0.5)
    assert norm == pytest.approx(np.sqrt(sum((g**2).sum() for g in grads.values())))
    assert clip_by_norm(clipped, 9.0)[1] == pytest.approx(0.5)
    for name in grads:
        np.testing.assert_allclose(clipped[name] / grads[name], 0.5 / norm)
    assert clip_by_norm(grads, norm + 1)[0] is grads


def test_a_small_network_learns_a_rule(rng):
    """Each id repeats the one three before it, which takes attention to a distance."""
    network = Transformer(Config(symbols=11, d_model=32, heads=2, layers=2, d_mlp=64, context=12))
    params = network.init(rng)
    optimizer, losses = AdamW(), []
    state = optimizer.init(params)
    for step in range(1, 301):
        text = np.tile(rng.integers(0, 11, (32, 3)), (1, 5))[:, :13]
        loss, grads = network.loss(params, text[:, :-1], text[:, 1:])
        grads, _ = clip_by_norm(grads, 1.0)
        params, state = optimizer.update(params, grads, state, step, 1e-2)
        losses.append(float(loss))
    # Of the 12 targets the first two are free, and cost log(11) nats at best.
    assert losses[0] > np.log(11)
    assert np.mean(losses[-10:]) == pytest.approx(np.log(11) * 2 / 12, abs=0.15)
    assert all(values.dtype == np.float32 for values in params.values())
