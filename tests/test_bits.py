import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiwref.coding.bits import Bits, bit_ranges, check_ids, from_tokens, unpad
from eiwref.errors import CodeError


@given(st.text(alphabet="01", max_size=70), st.sampled_from([8, 16]))
def test_bits_through_tokens_and_back(text, token_bits):
    bits = Bits.from_int(int(text or "0", 2), len(text))
    assert str(bits) == text
    assert bits.to_int() == int(text or "0", 2)
    ids = bits.tokens(token_bits)
    # Most significant bit first, zeros behind.
    padded = text + "0" * (-len(text) % token_bits)
    assert ids.tolist() == [int(padded[i : i + token_bits], 2) for i in range(0, len(padded), token_bits)]
    assert unpad(from_tokens(ids, token_bits), len(text), token_bits) == bits


@pytest.mark.parametrize(
    ("data", "length", "token_bits"),
    [
        (b"\x80\x01", 1, 16),  # padding that is not zero, in another byte
        (b"\x81", 1, 8),  # and in the same
        (b"\x80\x00", 1, 8),  # a token too many
        (b"\x80", 9, 8),  # a token too few
    ],
)
def test_padding_is_checked(data, length, token_bits):
    with pytest.raises(CodeError):
        unpad(data, length, token_bits)


@pytest.mark.parametrize("ids", [[256], [-1], [1.5], [[1]], ["a"]])
def test_ids_outside_the_vocabulary_are_refused(ids):
    with pytest.raises(CodeError):
        check_ids(ids, 256)


def test_no_ids_are_fine():
    assert check_ids([], 256).dtype == np.uint32


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9))
def test_bit_ranges_cover_every_bit_in_order(increments):
    settled = np.cumsum(increments).tolist()
    ranges = bit_ranges(settled)
    assert ranges[0][0] == 0
    assert ranges[-1][1] >= settled[-1]
    assert all(a[1] >= b[0] and a[0] <= b[0] for a, b in itertools.pairwise(ranges))


@pytest.mark.parametrize(("value", "length"), [(9, 3), (-1, 8), (1, 0)])
def test_what_has_more_bits_is_refused(value, length):
    with pytest.raises(CodeError, match=f"{value} does not fit {length} bits"):
        Bits.from_int(value, length)
