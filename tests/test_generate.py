"""What a network writes: the choice of an id against a slow one, batches, prompts, contexts, and the command."""

import json
from fractions import Fraction
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref import generate
from eiwref.backend import to_numpy
from eiwref.errors import ModelError
from eiwref.generate import Choice
from eiwref.m2 import M2, text_of
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.network import Network
from eiwref.predictors.store import save_predictor
from eiwref.tokenizers import streaming
from tests import strict_cupy
from tests.test_cli import here, refused, run  # noqa: F401

CONFIG = Config(symbols=11, d_model=16, heads=2, layers=2, d_mlp=32, context=12)


@pytest.fixture(params=["numpy", "strict"])
def xp(request):
    return np if request.param == "numpy" else strict_cupy.xp


def network_of(config=CONFIG, seed=0, xp=np, sharpness=2.0):
    """(network, params) whose next id depends strongly on those before it."""
    network = Transformer(config, xp)
    params = network.init(np.random.default_rng(seed), dtype=np.float64)
    return network, params | {"output.weight": params["output.weight"] * sharpness}


def rngs_of(n, seed=1):
    return np.random.default_rng(seed).spawn(n)


def slow_choice(weights, uniform, choice):
    """The definition, in fractions, one id at a time."""
    ranked = sorted(weights, reverse=True)[: choice.top_k]
    share, last = Fraction(choice.top_p) * sum(ranked), 0
    while sum(ranked[: last + 1]) < share:
        last += 1
    left = [weight if weight >= ranked[last] else Fraction(0) for weight in weights]
    so_far = Fraction(0)
    for id, weight in enumerate(left):
        so_far += weight
        if so_far > Fraction(uniform) * sum(left):
            return id
    raise AssertionError


HALVES = SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if name != "exp"}, exp=np.exp2)


@given(
    st.lists(st.sampled_from([0, 0, 1, 1, 2, 3, 5, 7, 8]), min_size=1, max_size=9),
    st.integers(0, 255),
    st.none() | st.integers(1, 10),
    st.integers(1, 16),
)
def test_an_id_is_drawn_by_the_definition(halvings, place, top_k, share):
    """With 2 for e weights are powers of two, so that floats are exact and ties are ties."""
    choice = Choice(1.0, top_k, share / 16)
    found = choice.draw(-np.array([halvings], dtype=float), np.array([place / 256]), HALVES)
    assert found[0] == slow_choice([Fraction(1, 1 << n) for n in halvings], place / 256, choice)


def test_the_frequencies_of_draws_are_the_probabilities():
    logits = np.log(np.array([[0.5, 0.125, 0.25, 0.125]]))
    uniforms = (np.arange(4096) + 0.5) / 4096
    for choice, expected in [
        (Choice(), [0.5, 0.125, 0.25, 0.125]),
        (Choice(temperature=0.5), [0.25 / 0.34375, 0.015625 / 0.34375, 0.0625 / 0.34375, 0.015625 / 0.34375]),
        (Choice(temperature=1e6), [0.25] * 4),
        (Choice(top_k=2), [2 / 3, 0, 1 / 3, 0]),
        (Choice(top_k=3), [0.5, 0.125, 0.25, 0.125]),  # a tie for the third place
        (Choice(top_p=0.5), [1, 0, 0, 0]),
        (Choice(top_p=0.51), [2 / 3, 0, 1 / 3, 0]),
        (Choice(top_k=2, top_p=0.7), [2 / 3, 0, 1 / 3, 0]),
        (Choice(top_k=2, top_p=0.6), [1, 0, 0, 0]),  # of what top_k left, not of all
        (Choice(temperature=1e-6), [1, 0, 0, 0]),
        (Choice(temperature=0), [1, 0, 0, 0]),
    ]:
        drawn = choice.draw(np.tile(logits, (4096, 1)), uniforms)
        np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 4096, expected, atol=1e-3)


def test_rows_are_drawn_each_by_its_own_number(xp, monkeypatch):
    monkeypatch.setattr(generate, "IN_CACHE", 14)  # two rows
    rng = np.random.default_rng(0)
    logits, uniforms = rng.standard_normal((5, 7)).astype(np.float32), rng.random(5)
    for choice in (Choice(), Choice(top_k=3), Choice(top_p=0.8), Choice(0.3, 4, 0.9), Choice(0)):
        whole = choice.draw(xp.asarray(logits), uniforms, xp)
        alone = [choice.draw(logits[i : i + 1], uniforms[i : i + 1])[0] for i in range(5)]
        assert whole.tolist() == alone
    assert Choice(0).draw(np.zeros((2, 5)), uniforms[:2]).tolist() == [0, 0]  # of equals the first


def test_numpys_own_choice_draws_the_same():
    logits = np.random.default_rng(0).standard_normal((1, 50)) * 2
    p = np.exp(logits[0] - logits.max())
    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(200):
        assert Choice().draw(logits, np.array([ours.random()]))[0] == theirs.choice(50, p=p / p.sum())


def test_choices_that_make_no_sense_are_refused():
    for wrong in (-1, 1e-9, float("nan"), float("inf")):
        with pytest.raises(ModelError, match="temperature must be 0 or from 1e-6 on"):
            Choice(temperature=wrong)
    for wrong in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ModelError, match="top_p must be"):
            Choice(top_p=wrong)
    with pytest.raises(ModelError, match="top_k must be at least 1, found 0"):
        Choice(top_k=0)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ModelError, match="logits are not finite"):
            Choice().draw(np.array([[0.0, wrong]]), np.array([0.5]))


def slow_ids(network, params, rng, tokens, prompt=(), choice=generate.AS_LIKELY, unit=1):
    """One sequence, each id from a forward pass over all it may see."""
    context, end = network.config.context, network.config.symbols - 1
    seen, made = list(prompt), []

    def begun():
        """How many are seen where a context is used up: from the first unit that begins in its later half."""
        return next(k for k in range(context // 2, -1, -1) if (len(seen) - k) % unit == 0)

    shown = len(seen) if len(seen) < context else begun()  # how many of them it sees
    while len(made) < tokens:
        ids = network.xp.asarray(np.array([[network.config.start, *seen[len(seen) - shown :]]]))
        logits = to_numpy(network.forward(params, ids)[0][:, -1])
        made += choice.draw(logits, np.array([rng.random()])).tolist()
        if made[-1] == end:
            break
        seen.append(made[-1])
        shown = shown + 1 if shown + 1 < context else begun()
    return made


def drawn(network, params, rngs, tokens, *more):
    """The ids of each sequence, its end included."""
    end = network.config.symbols - 1
    rows = np.stack(list(islice(generate.ids(network, params, rngs, *more), tokens)), axis=1).tolist()
    for row in rows:  # what has ended stays ended
        assert end not in row or set(row[row.index(end) :]) == {end}
    return [row[: row.index(end) + 1] if end in row else row for row in rows]


@pytest.mark.parametrize("unit", [1, 2, 3, 5])
@pytest.mark.parametrize("prompt", [[], [3], [1, 2, 3, 4, 5], list(range(10)), [9, 8, 7, 6] * 3, [1, 2, 3] * 9])
def test_sequences_are_those_of_a_slow_writer(prompt, unit, xp):
    """Through caches, prompts longer and shorter than the context, past its end, and with ends in between."""
    network, params = network_of(xp=xp)
    host = {name: to_numpy(values) for name, values in params.items()}
    choice = Choice(1.5, 10, 0.99)
    found = drawn(network, params, rngs_of(9), 40, prompt, choice, unit)
    expected = [slow_ids(Transformer(CONFIG), host, rng, 40, prompt, choice, unit) for rng in rngs_of(9)]
    assert found == expected
    assert min(len(row) for row in found) < 12  # some end early, and the others go on without them
    assert max(len(row) for row in found) > 24


def test_windows_are_read_from_where_one_begins(monkeypatch):
    """Of 24 bits in tokens of 16: every third one."""
    m2, kept, seen = m2_of("EqualInfoAC[b=24, v=65k]"), generate.kept, []
    monkeypatch.setattr(generate, "kept", lambda *given: seen.append(given) or kept(*given))
    list(generate.texts(m2, rngs_of(1), 60, choice=Choice(temperature=0)))
    assert seen
    assert {unit for _, _, unit in seen} == {3}
    assert all((count - kept(count, context, unit)) % 3 == 0 for count, context, unit in seen)


def test_a_context_of_one_sees_only_the_start():
    config = Config(symbols=11, d_model=16, heads=2, layers=1, d_mlp=32, context=1)
    network, params = network_of(config, sharpness=1)
    (row,) = drawn(network, params, rngs_of(1), 30)
    assert row == slow_ids(network, params, rngs_of(1)[0], 30)


def test_a_sequence_does_not_depend_on_its_company():
    network, params = network_of()
    eight = drawn(network, params, rngs_of(8), 50)
    for n in (1, 3):
        assert drawn(network, params, rngs_of(8)[:n], 50) == eight[:n]
    assert drawn(network, params, rngs_of(8)[5:6], 50) == eight[5:6]
    assert drawn(network, params, rngs_of(8, seed=2), 50) != eight


def test_what_has_ended_leaves_the_batch(monkeypatch):
    network, params = network_of()
    sizes, step = [], network.step
    monkeypatch.setattr(
        network, "step", lambda params, ids, past: sizes.append(len(ids)) or step(params, ids, past)
    )
    lengths = [len(row) for row in drawn(network, params, rngs_of(16), 60)]
    assert sizes[:2] == [1, 16]
    assert sizes[-1] < 16
    for place, size in enumerate(sizes[1:], 1):
        assert size < 2 * sum(length > place for length in lengths)


def test_a_long_prompt_is_read_in_pieces(monkeypatch):
    network, params = network_of()
    prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    whole = drawn(network, params, rngs_of(2), 30, prompt)
    monkeypatch.setattr(generate, "AT_ONCE", 2)
    assert drawn(network, params, rngs_of(2), 30, prompt) == whole


def test_greedy_is_the_likeliest_of_each_step():
    network, params = network_of()
    one, two = (drawn(network, params, rngs_of(1, seed), 30, [1], Choice(0)) for seed in (0, 1))
    assert one == two == [slow_ids(network, params, rngs_of(1)[0], 30, [1], Choice(0))]


def test_a_prompt_outside_the_vocabulary_is_refused():
    network, params = network_of()
    with pytest.raises(ModelError, match="for one sequence at least"):
        next(generate.ids(network, params, []))
    for wrong in (-1, 12):
        with pytest.raises(ModelError, match=f"id {wrong} is outside the vocabulary"):
            next(generate.ids(network, params, rngs_of(1), [wrong]))


def m2_of(spec, context=24, sharpness=1.0):
    tokenizer = eiwref.tokenizer(spec)
    network, params = network_of(Config(tokenizer.vocab_size + 1, 16, 2, 1, 32, context), sharpness=sharpness)
    return M2(tokenizer, network, params, np.ones(tokenizer.vocab_size, dtype=np.int64))


@pytest.mark.parametrize(
    "spec", ["Bytes", "AC[v=256]", "EqualInfoAC[b=64, v=256]", "EqualInfoAC[b=24, v=65k]", "GZip[v=256]"]
)
def test_texts_are_those_of_their_ids(spec):
    m2 = m2_of(spec)
    prompt = [] if "GZip" in spec else streaming.opening(m2.tokenizer, b"The text that all go on from.")
    pieces = [[], [], []]
    for steps, written in enumerate(generate.texts(m2, rngs_of(3), 30, prompt)):
        for own, one in zip(pieces, written, strict=True):
            own.append(one.new)
        if steps == 0:
            assert [one.ids for one in written] == [[], [], []]
    assert steps == 31
    for own, one in zip(pieces, written, strict=True):
        assert b"".join(own) == one.text
        assert (bytes(one.text), one.remark) == text_of(m2.tokenizer, [*prompt, *one.ids])
        assert len(one.ids) == 30
    assert len({tuple(one.ids) for one in written}) == 3


def test_an_m1_writes_bytes():
    network, params = network_of(Config(257, 16, 2, 1, 32, 12), sharpness=1)
    m2 = generate.over_bytes(Network(network, params, np.ones(257)))
    *_, (one,) = generate.texts(m2, rngs_of(1), 20)
    assert list(one.text) == one.ids == drawn(network, params, rngs_of(1), 20)[0]


def test_the_command_writes_from_m1_and_m2(here, capsys):  # noqa: F811
    m2_of("EqualInfoAC[b=16, v=256]").save("m2")
    code, out, _ = run(capsys, "sample", "m2", "--tokens", "20", "--seed", "3", "--samples", "3", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["tokens"] == sum(one["tokens"] for one in found["samples"]) <= 60
    assert found["bytes_per_token"] == pytest.approx(found["bytes"] / found["tokens"])
    assert found["tokens_per_s"] > 0
    assert len({one["text"] for one in found["samples"]}) == 3
    shown = run(capsys, "sample", "m2", "--tokens", "20", "--seed", "3", "--samples", "3")[1]
    assert all(one["text"] in shown for one in found["samples"])
    # The first of several is the one alone, and comes as the pieces of a stream.
    assert found["samples"][0]["text"] in run(capsys, "sample", "m2", "--tokens", "20", "--seed", "3")[1]
    narrow = ["sample", "m2", "--json", "--prompt", "The text", "--temperature", "0", "--tokens", "9"]
    found = json.loads(run(capsys, *narrow)[1])
    assert found["prompt_tokens"] > 0
    code, out, err = run(
        capsys, "sample", "m2", "--prompt", "The tex", "--tokens", "2", "--temperature", "0", "--json"
    )
    made = text_of(
        m2_of("EqualInfoAC[b=16, v=256]").tokenizer, streaming.opening(M2.load("m2").tokenizer, b"The tex")
    )
    assert code == 0
    assert f"the last {7 - len(made[0])} bytes of the prompt fill no token and are left out" in err
    assert json.loads(out)["samples"][0]["text"].startswith(made[0].decode())
    assert "GB are available: ask for fewer" in refused(capsys, "sample", "m2", "--samples", "1000000000")
    stream = ["sample", "ac", "--json", "--prompt", "The text of a prompt", "--tokens", "1"]
    m2_of("AC[v=256]").save("ac")
    # What the prompt's own tokens say was not made up, though the last of it is settled later.
    assert json.loads(run(capsys, *stream)[1])["bytes"] < 8
    assert "The text".startswith(found["samples"][0]["text"][:3])
    network, params = network_of(Config(257, 16, 2, 1, 32, 12), sharpness=1)
    save_predictor(Network(network, params, np.ones(257)), "m1")
    found = json.loads(run(capsys, "sample", "m1", "--json", "--prompt", "é", "--top-k", "5", "--top-p", "0.9")[1])
    assert found["tokenizer"] == "Bytes"
    assert found["samples"][0]["text"].startswith("é")


def test_characters_wait_for_their_last_byte(here, capsys, monkeypatch):  # noqa: F811
    text = "é – 世\n\x07".encode() + b"\xff"
    network, params = network_of(Config(257, 16, 2, 1, 32, 12), sharpness=1)
    save_predictor(Network(network, params, np.ones(257)), "m1")
    monkeypatch.setattr(generate, "ids", lambda *_: (np.array([byte]) for byte in text))
    assert run(capsys, "sample", "m1")[1].startswith("é – 世\n\\x07\\xff\n\n")


def test_bad_input_gets_one_sentence(here, capsys):  # noqa: F811
    m2_of("GZip[v=256]").save("m2")
    assert "cannot go on from a text" in refused(capsys, "sample", "m2", "--prompt", "a text")
    assert "top_p must be above 0" in refused(capsys, "sample", "m2", "--top-p", "2")
    assert "temperature must be 0" in refused(capsys, "sample", "m2", "--temperature", "-1")
    assert "positive integer" in refused(capsys, "sample", "m2", "--top-k", "0")
    assert "text: is not an eiwref m2 file" in refused(capsys, "sample", "text")
    run(capsys, "fit", "unigram", "text", "-o", "p")
    assert "predictor without a network" in refused(capsys, "sample", "p")
