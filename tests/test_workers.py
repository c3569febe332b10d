"""Several processes give what one gives, in order, and say so when they cannot."""

import os
import subprocess
import sys

import numpy as np
import pytest

import eiwref
from eiwref.corpus import builtin, tokens
from eiwref.errors import CodeError, EiwrefError
from eiwref.files import data_path
from eiwref.predictors.limits import LANES
from eiwref.tokenizers.ac import ArithmeticCoding
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.tokenizers.plain import GZip
from eiwref.tokenizers.workers import Workers, at_work

TEXTS = [b"", b"x", *(text[:150] for text in builtin.documents("held-out")), b"\xff\0" * 20]


@pytest.fixture(scope="module", params=["AC[v=256]", "EqualInfoAC[b=64, v=65k]"])
def pair(request):
    tokenizer = eiwref.tokenizer(request.param, eiwref.load_predictor(data_path("m1-tiny.safetensors")))
    with Workers(tokenizer, 2) as workers:
        yield tokenizer, workers


def test_they_give_what_one_process_gives(pair):
    tokenizer, workers = pair
    alone, shared = tokenizer.encode_batch(TEXTS), workers.encode_batch(TEXTS)
    assert all(map(np.array_equal, alone, shared))
    assert workers.decode_batch(shared) == TEXTS


def test_nothing_to_do(pair):
    assert pair[1].encode_batch([]) == pair[1].decode_batch([]) == []


def test_the_bar_counts_shares(pair):
    seen = []
    pair[1].encode_batch(
        [b"a"] * (2 * LANES + 1), lambda shares: (seen.append(share) or share for share in shares)
    )
    assert len(seen) == 3


def test_a_malformed_code_is_refused_as_ever(pair):
    tokenizer, workers = pair
    ids = tokenizer.encode(b"some text")
    with pytest.raises(CodeError) as alone:
        tokenizer.decode_batch([ids, [1 << 30]])
    with pytest.raises(CodeError) as shared:
        workers.decode_batch([ids, [1 << 30]])
    assert str(shared.value) == str(alone.value)


def test_one_that_ends_early_is_told():
    message = "a process of Bytes ended early; if it ran out of memory"
    with Workers(eiwref.tokenizer("Bytes"), 1) as workers, pytest.raises(EiwrefError, match=message):
        workers._share(_end, [b"a", b"b"], iter)


def test_a_script_without_a_guard_does_not_wait_for_ever(tmp_path):
    """Its processes end as they import it; a large predictor on its way to them must not keep it."""
    script = "import eiwref\nfrom eiwref.tokenizers.workers import Workers\n"
    script += "Workers(eiwref.tokenizer('AC[v=256]'), 1).encode_batch([b'text'])\n"
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"ended early" in done.stderr


def _end(texts):
    os._exit(9)


def test_processes_only_where_a_network_runs():
    m1 = eiwref.load_predictor(data_path("m1-tiny.safetensors"))
    for spec, predictor, kind in [
        ("AC[v=256]", m1, Workers),
        ("EqualInfoAC[b=24, v=256]", m1, Workers),
        ("EqualInfoAC[b=16, v=256]", m1, EqualInfo),  # by its codebook
        ("AC[v=256]", None, ArithmeticCoding),
        ("StaticAC[v=256]", m1, ArithmeticCoding),
        ("GZip[v=256]", None, GZip),
    ]:
        with at_work(eiwref.tokenizer(spec, predictor), 2) as found:
            assert type(found) is kind, spec


def test_shards_by_workers_are_the_same(tmp_path):
    tokenizer = eiwref.tokenizer("AC[v=65k]", eiwref.load_predictor(data_path("m1-tiny.safetensors")))
    path = tmp_path / "text.txt"
    path.write_bytes(b"some text, not very long " * 9)
    digests = {tokens.write(tmp_path / str(n), tokenizer, [str(path)], workers=n)["digest"] for n in (1, 2)}
    assert len(digests) == 1


@pytest.mark.parametrize("workers", [0, -1])
def test_at_least_one_worker(workers):
    with pytest.raises(EiwrefError, match=f"there must be 1 worker at least, found {workers}"):
        Workers(eiwref.tokenizer("Bytes"), workers)
