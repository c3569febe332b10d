"""Gradients by hand against differences in float64, and the checker against wrong backward passes."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from eiwref.backend import array_module, to_numpy
from eiwref.errors import BackendError, ModelError
from eiwref.nn import layers, transformer
from eiwref.nn.attention import Attention
from eiwref.nn.gradcheck import check_layer, directional_errors
from eiwref.nn.layers import MLP, CrossEntropy, Embedding, Linear, RMSNorm
from eiwref.nn.optim import Adafactor, AdamW, clip_by_norm
from eiwref.nn.transformer import Config, Transformer
from tests import strict_cupy

TOLERANCE = 1e-6
SMALL = Config(symbols=11, d_model=12, heads=3, layers=2, d_mlp=20, context=24)


def usable(name):
    """The array libraries to test: NumPy, a stand-in with CuPy's limits, and CuPy itself where there is a GPU."""
    if name == "strict":
        return strict_cupy.xp
    try:
        return array_module(name)
    except BackendError:
        return None


@pytest.fixture(params=["numpy", "strict", "cupy"])
def xp(request):
    return usable(request.param) or pytest.skip("no GPU here")


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def host(array):
    return np.asarray(to_numpy(array))


def away(params, rng, xp):
    """Parameters in float64, none near 0 or 1, where errors hide."""
    arrays = {name: host(values).astype(np.float64) for name, values in params.items()}
    return {
        name: xp.asarray(v * 0.5 + rng.uniform(0.3, 0.9, v.shape) * rng.choice([-1, 1], v.shape))
        for name, v in arrays.items()
    }


NAMES = ["linear", "rmsnorm", "mlp", "attention", "embedding"]


def layer_of(name, rng, xp):
    """(forward, backward, params, x)"""
    x = rng.standard_normal((2, 9, 12))
    if name == "linear":
        layer, params = Linear, Linear.init(rng, 12, 7)
    elif name == "rmsnorm":
        layer, params = RMSNorm(xp), RMSNorm.init(12)
    elif name == "mlp":
        layer, params = MLP(xp), MLP.init(rng, 12, 20)
    elif name == "attention":
        layer, params = Attention(xp, heads=3), Attention.init(rng, 12, 3)
    else:
        x = rng.integers(0, 5, (2, 9))  # some ids occur more than once
        layer, params = Embedding(xp), Embedding.init(rng, 6, 12)
    return layer.forward, layer.backward, away(params, rng, xp), xp.asarray(x)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_each_layer(name, rng, xp):
    errors = check_layer(*layer_of(name, rng, xp), rng, xp)
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("name", NAMES)
def test_the_checker_rejects_a_backward_wrong_by_a_thousandth(name, rng, xp):
    """Each gradient of each layer in turn, scaled by 1.001."""
    forward, backward, params, x = layer_of(name, rng, xp)
    for wrong in [*params, "x"] if name != "embedding" else params:

        def off(dout, cache, wrong=wrong):
            dx, grads = backward(dout, cache)
            if wrong == "x":
                return dx * 1.001, grads
            return dx, grads | {wrong: grads[wrong] * 1.001}

        errors = check_layer(forward, off, params, x, rng, xp)
        assert errors[wrong] > 5e-4
        assert all(error < TOLERANCE for other, error in errors.items() if other != wrong)


@pytest.mark.parametrize("z_loss", [0.0, 0.3])
def test_gradient_of_cross_entropy(z_loss, rng, xp):
    layer = CrossEntropy(xp, z_loss)
    logits, targets = xp.asarray(rng.standard_normal((15, 8)) * 3), xp.asarray(rng.integers(0, 8, 15))
    _, cache = layer.forward(logits, targets)
    grads = {"logits": layer.backward(0.7, cache)}
    errors = directional_errors(
        lambda p: 0.7 * float(layer.forward(p["logits"], targets)[0]), {"logits": logits}, grads, rng, xp
    )
    assert errors["logits"] < TOLERANCE


def test_cross_entropy_is_its_definition(rng, xp):
    logits, targets = rng.standard_normal((4, 6)) * 5, np.array([0, 5, 2, 2])
    log_z = np.log(np.exp(logits).sum(axis=1))
    expected = np.sum(log_z - logits[range(4), targets] + 0.1 * log_z**2)
    logits, targets = xp.asarray(logits), xp.asarray(targets)
    assert float(CrossEntropy(xp, 0.1).forward(logits, targets)[0]) == pytest.approx(expected, rel=1e-12)
    # Logits of any size give a finite loss.
    assert np.isfinite(float(CrossEntropy(xp).forward(logits * 1e4, targets)[0]))


def composed(config, rng, xp):
    """(network, params, ids, targets)"""
    network = Transformer(config, xp)
    params = away(network.init(rng), rng, xp)
    # Weights that large would saturate the softmax: keep the structure, not the size.
    params = {name: values * (0.4 if values.ndim == 2 else 1) for name, values in params.items()}
    ids = rng.integers(0, config.symbols + 1, (2, 20))
    targets = rng.integers(0, config.symbols, (2, 20))
    return network, params, xp.asarray(ids), xp.asarray(targets)


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_of_the_network(tied, rng, xp):
    config = replace(SMALL, tied=tied, z_loss=0.05)
    network, params, ids, targets = composed(config, rng, xp)
    loss, grads = network.loss(params, ids, targets)
    assert set(grads) == set(params)
    assert float(loss) > 0
    errors = directional_errors(lambda p: float(network.loss(p, ids, targets)[0]), params, grads, rng, xp)
    assert max(errors.values()) < TOLERANCE, errors


@pytest.mark.parametrize("at_once", [1, 11 * 5, 11 * 1000])
def test_the_loss_a_few_positions_at_a_time_is_that_of_all(at_once, rng, xp, monkeypatch):
    network, params, ids, targets = composed(SMALL, rng, xp)
    monkeypatch.setattr(transformer, "LOGITS_AT_ONCE", at_once)
    loss, grads = network.loss(params, ids, targets)
    logits, cache = network.forward(params, ids)
    layer = CrossEntropy(xp, SMALL.z_loss)
    whole, loss_cache = layer.forward(logits.reshape(-1, SMALL.symbols), targets.reshape(-1))
    dlogits = layer.backward(1 / targets.size, loss_cache).reshape(logits.shape)
    assert float(loss) == pytest.approx(float(whole) / targets.size, rel=1e-12)
    for name, expected in network.backward(dlogits, cache).items():
        np.testing.assert_allclose(host(grads[name]), host(expected), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("least", "stretch"), [(1, 1), (2, 30), (1 << 10, 1 << 18)])
def test_nats_a_few_symbols_at_a_time_are_those_of_all_logits(least, stretch, rng, xp, monkeypatch):
    monkeypatch.setattr(layers, "LEAST", least)
    monkeypatch.setattr(layers, "STRETCH", stretch)
    config = Config(symbols=11, d_model=8, heads=2, layers=1, d_mlp=8, context=6)
    network = Transformer(config, xp)
    params = {name: xp.asarray(values) for name, values in network.init(rng, np.float64).items()}
    params["output.weight"] *= 300.0  # exponentials of such logits overflow
    ids, targets = xp.asarray(rng.integers(0, 11, (2, 3, 6)))
    logits, _ = network.forward(params, ids)
    expected = layers.token_nats(logits, targets, xp)
    assert np.abs(to_numpy(logits)).max() > 710
    found = network.nats(params, ids, targets)
    assert found.shape == (3, 6)
    np.testing.assert_allclose(to_numpy(found), to_numpy(expected), rtol=1e-12, atol=1e-12)


def test_backward_twice_gives_the_same_and_changes_nothing(rng, xp):
    network, params, ids, _ = composed(SMALL, rng, xp)
    logits, cache = network.forward(params, ids)
    before = {name: values.copy() for name, values in params.items()}
    dlogits = xp.asarray(rng.standard_normal(logits.shape))
    first = network.backward(dlogits, cache)
    kept = {name: values.copy() for name, values in first.items()}
    second = network.backward(dlogits, cache)
    for name in params:
        # Atomic additions on a GPU come in any order.
        np.testing.assert_allclose(host(first[name]), host(second[name]), rtol=1e-12, atol=1e-14)
        assert (host(first[name]) == host(kept[name])).all()
        assert first[name] is not second[name]
        assert (host(params[name]) == host(before[name])).all()


def test_no_position_sees_the_future(rng, xp):
    network, params, ids, _ = composed(SMALL, rng, xp)
    logits = host(network.forward(params, ids)[0])
    changed = host(ids).copy()
    changed[:, 13:] = (changed[:, 13:] + 1) % 11
    again = host(network.forward(params, xp.asarray(changed))[0])
    np.testing.assert_allclose(logits[:, :13], again[:, :13], rtol=1e-12)
    assert not np.allclose(logits[:, 13:], again[:, 13:])


@pytest.mark.parametrize("steps", [[1] * 20, [0] * 20, [7, 1, 0, 10, 0]])
def test_decoding_step_by_step_is_the_whole_at_once(steps, rng, xp):
    network, params, ids, _ = composed(SMALL, rng, xp)
    whole, _ = network.forward(params, ids)
    past, at = None, 0
    for size in steps:
        some = ids[:, at : at + size] if size else ids[:, at]
        at += size or 1
        logits, past = network.step(params, some, past)
        assert past[0].positions == at
        np.testing.assert_allclose(host(logits), host(whole)[:, at - 1], rtol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_a_past_that_several_go_on_from_serves_each(seed, rng, xp):
    """A tree of texts that grows anywhere, again and again; each node gives what its text gives alone."""
    network, params, _, _ = composed(SMALL, rng, xp)
    draw = np.random.default_rng(seed)
    nodes = [(np.empty((2, 0), dtype=int), None)]
    for _ in range(40):
        text, past = nodes[draw.integers(max(0, len(nodes) - 6), len(nodes))]
        if past is not None and draw.random() < 0.2:
            which = draw.integers(0, 2, 2)
            text, past = text[which], [each.select(xp, xp.asarray(which)) for each in past]
        more = draw.integers(0, SMALL.symbols, (2, draw.integers(1, 4)))
        whole = np.concatenate([text, more], axis=1)
        if whole.shape[1] <= SMALL.context:
            logits, after = network.step(params, xp.asarray(more), past)
            alone, _ = network.forward(params, xp.asarray(whole))
            np.testing.assert_allclose(host(logits), host(alone)[:, -1], rtol=1e-9, atol=1e-12)
            nodes.append((whole, after))
    assert len(nodes) > 20


def test_going_on_step_by_step_copies_only_to_grow(rng, xp):
    network, params, ids, _ = composed(SMALL, rng, xp)
    past, owners = None, []
    for at in range(20):
        _, past = network.step(params, ids[:, at], past)
        owners.append(past[0].arrays[0].base)
    if xp is np:
        assert sum(one is not other for one, other in pairwise(owners[1:])) == 4  # to 4, 8, 16, 32


def test_distance_is_what_the_bias_sees(rng, xp):
    """With all else equal, attention depends on how far back a position is and not on where it stands."""
    layer = Attention(xp, heads=2)
    params = Attention.init(rng, 8, 2) | {"bias": rng.standard_normal((32, 2))}
    params = {name: xp.asarray(values) for name, values in params.items()}
    out = host(layer.forward(params, xp.asarray(np.tile(rng.standard_normal(8), (1, 6, 1))))[0])
    assert np.allclose(out, out[:, :1])  # the same value everywhere: any weights give it back
    _, cache = layer.forward(params, xp.asarray(rng.standard_normal((1, 40, 8)) * 1e-9))
    weights = host(cache[2])[0, 0]  # scores are all but the bias alone
    ratio = weights[30, 25] / weights[30, 30], weights[20, 15] / weights[20, 20]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-6)


def test_bad_input_is_refused(rng, xp):
    network, params, ids, _ = composed(SMALL, rng, xp)
    for wrong in (-1, 12, 99):
        bad = host(ids).copy()
        bad[1, 3] = wrong
        with pytest.raises(ModelError, match=f"id {wrong} is outside the vocabulary of 11"):
            network.forward(params, xp.asarray(bad))
    with pytest.raises(ModelError, match="25 positions are more than the context of 24"):
        network.forward(params, xp.asarray(np.zeros((1, 25), dtype=int)))
    _, past = network.step(params, ids)
    with pytest.raises(ModelError, match="25 positions are more than the context"):
        network.step(params, ids[:, :5], past)
    with pytest.raises(ModelError, match="heads must divide d_model"):
        Config(symbols=5, d_model=10, heads=3, layers=1, d_mlp=4, context=8)


REFERENCE = Path(__file__).parent / "references" / "transformer.npz"


@pytest.fixture(scope="module")
def reference():
    """The same network in PyTorch, made by references/make_transformer.py."""
    return dict(np.load(REFERENCE, allow_pickle=False))


def reference_network(reference, xp):
    params = {name[6:]: xp.asarray(values) for name, values in reference.items() if name.startswith("param.")}
    config = Config(symbols=13, d_model=8, heads=2, layers=2, d_mlp=16, context=40, z_loss=0.01)
    return Transformer(config, xp), params


def test_logits_loss_and_every_gradient_are_pytorchs(reference, xp):
    network, params = reference_network(reference, xp)
    assert set(network.init(np.random.default_rng(0))) == set(params)
    ids, targets = xp.asarray(reference["ids"][0]), xp.asarray(reference["targets"][0])
    logits, _ = network.forward(params, ids)
    np.testing.assert_allclose(host(logits), reference["logits"], rtol=1e-10, atol=1e-12)
    loss, grads = network.loss(params, ids, targets)
    assert float(loss) == pytest.approx(float(reference["loss"]), rel=1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(host(grad), reference[f"grad.{name}"], rtol=1e-8, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("name", "optimizer", "learning_rate"),
    [("adamw", AdamW(weight_decay=0.1), 0.01), ("adafactor", Adafactor(factored_from=1), 0.05)],
)
def test_ten_steps_of_training_are_pytorchs(reference, name, optimizer, learning_rate, xp):
    network, params = reference_network(reference, xp)
    state = optimizer.init(params)
    losses = []
    for step, (ids, targets) in enumerate(zip(reference["ids"], reference["targets"], strict=True), 1):
        loss, grads = network.loss(params, xp.asarray(ids), xp.asarray(targets))
        losses.append(float(loss))
        params, state = optimizer.update(params, grads, state, step, learning_rate, xp)
    np.testing.assert_allclose(losses, reference[name], rtol=1e-9)


def test_the_references_are_what_pytorch_gives(reference):
    pytest.importorskip("torch")
    from tests.references.make_transformer import made

    again = made()
    assert again.keys() == reference.keys()
    for name, values in reference.items():
        np.testing.assert_allclose(again[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_adafactor_keeps_small_matrices_whole():
    params = {"wide": np.ones((128, 200)), "narrow": np.ones((200, 127)), "gain": np.ones(300)}
    shapes = {name: values.shape for name, values in Adafactor().init(params).items()}
    assert shapes == {
        "rows.wide": (128,),
        "columns.wide": (200,),
        "square.narrow": (200, 127),
        "square.gain": (300,),
    }


def test_clipping_keeps_the_direction(rng, xp):
    grads = {"a": xp.asarray(rng.standard_normal((3, 4))), "b": xp.asarray(rng.standard_normal(5))}
    clipped, norm = clip_by_norm(grads, 0.5)
    assert norm == pytest.approx(np.sqrt(sum((host(g) ** 2).sum() for g in grads.values())))
    assert clip_by_norm(clipped, 9.0)[1] == pytest.approx(0.5)
    for name in grads:
        np.testing.assert_allclose(host(clipped[name] / grads[name]), 0.5 / norm)
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


def test_the_stand_in_refuses_what_cupy_lacks():
    """Each of CuPy's differences is met by an error, or by CuPy's own silence about it."""
    device = strict_cupy.xp.asarray(np.arange(6.0).reshape(2, 3))
    for wrong in (
        lambda: device + np.ones((2, 3)),
        lambda: np.add(device, device, where=np.array([True, False, True])),
        lambda: np.sum(device),
        lambda: device.sum(initial=1.0),
        lambda: device[np.array([0])],
        lambda: strict_cupy.xp.where(np.array([True]), device, device),
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(AttributeError):
        strict_cupy.xp.einsum  # noqa: B018
    assert host(device[strict_cupy.xp.asarray([5])]).tolist() == [[3.0, 4.0, 5.0]]  # 5 wraps to row 1


def test_positions_of_many_lengths_are_not_kept(rng):
    """At 9 T^2 bytes each."""
    network = Transformer(Config(symbols=11, d_model=8, heads=2, layers=2, d_mlp=8, context=40))
    params = network.init(rng)
    for length in range(2, 40):
        network.forward(params, np.zeros((1, length), dtype=np.int64))
    assert list(network._attention._known_positions) == [(39, 39)]


def test_a_gradient_of_zero_has_no_error(rng):
    assert directional_errors(lambda params: 1.0, {"a": np.ones(3)}, {"a": np.zeros(3)}, rng) == {"a": 0.0}
