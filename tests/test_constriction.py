"""Our lengths against another library's for the same frequencies; skipped where it is not installed."""

import itertools
import random

import numpy as np
import pytest

from eiwref.coding import ans, exact, finite, stream
from eiwref.coding.huffman import Huffman
from tests.predictors_for_tests import skewed, zipf

constriction = pytest.importorskip("constriction")

WORD = 32  # it ends at a whole word


def drawn(predictor, n):
    shares = np.diff(np.array(predictor.cdf(None), dtype=np.int64)) / (1 << predictor.precision)
    text = random.Random(n).choices(range(predictor.symbols - 1), shares[:-1], k=n)
    return text, shares


@pytest.mark.parametrize("predictor", [zipf(257, 16), zipf(9, 14), skewed(257, 16)])
@pytest.mark.parametrize("n", [0, 1, 100, 10_000])
def test_arithmetic_codes_are_as_long_as_theirs(predictor, n):
    text, shares = drawn(predictor, n)
    symbols = np.array([*text, predictor.symbols - 1], dtype=np.int32)
    # Its fixed-point precision is 24 bits, so that shares of 2^16 are exact in it.
    model = constriction.stream.model.Categorical(shares, perfect=True)
    queue = constriction.stream.queue.RangeEncoder()
    queue.encode(symbols, model)
    stack = constriction.stream.stack.AnsCoder()
    stack.encode_reverse(symbols, model)
    theirs = {exact: queue, finite: queue, ans: stack}
    for coder, other in theirs.items():
        ours = len(stream.encode(coder.Encoder(), predictor, text))
        assert abs(ours - WORD * len(other.get_compressed())) <= 2 * WORD


@pytest.mark.parametrize("predictor", [zipf(257, 16), zipf(9, 14), skewed(20, 16)])
def test_huffman_codes_are_as_long_as_theirs(predictor):
    """Which of equal counts gets the longer code is free; the average is not."""
    cumulative = predictor.cdf(None)
    counts = [b - a for a, b in itertools.pairwise(cumulative)]
    tree = constriction.symbol.huffman.EncoderHuffmanTree(np.array(counts, dtype=np.float64))
    theirs = 0
    for symbol, count in enumerate(counts):
        queue = constriction.symbol.QueueEncoder()
        queue.encode_symbol(symbol, tree)
        theirs += count * queue.get_compressed()[1]
    code = Huffman(cumulative)
    assert theirs == sum(n * f for n, f in zip(code.lengths, counts, strict=True))
