import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiwref
from eiwref.errors import ContainerError
from eiwref.predictors.static import Unigram
from eiwref.tokenizers import all_specs
from eiwref.tokenizers.container import MAGIC, pack, unpack

TEXT = b"A container refuses what does not match. "
SPECS = [spec for spec in all_specs() if "b=16" in spec or "b=" not in spec]
OWN = Unigram.fit([TEXT])


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "greedy" not in spec])
@pytest.mark.parametrize("data", [b"", b"x", TEXT * 9, bytes(range(256))])
def test_round_trip(spec, data):
    assert unpack(pack(eiwref.tokenizer(spec), data)) == (data, spec)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "greedy" not in spec])
def test_every_flipped_bit_is_found(spec):
    packed = pack(eiwref.tokenizer(spec, OWN), TEXT)
    for place in range(len(packed)):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[place] ^= 1 << bit
            with pytest.raises(ContainerError, match="at byte"):
                unpack(bytes(damaged), OWN)


@pytest.mark.parametrize("spec", ["Bytes", "AC[v=65k]", "GZip[v=256]", "EqualInfoAC[b=24, v=65k]"])
def test_every_cut_and_extension_is_found(spec):
    packed = pack(eiwref.tokenizer(spec, OWN), TEXT)
    for length in range(len(packed)):
        with pytest.raises(ContainerError):
            unpack(packed[:length], OWN)
    for more in (b"\0", b"\0\0\0\0", packed):
        with pytest.raises(ContainerError):
            unpack(packed + more, OWN)


@given(st.binary(max_size=200))
def test_garbage_is_refused(data):
    for damaged in (data, MAGIC + data, MAGIC + b"\x01" + data):
        with pytest.raises(ContainerError):
            unpack(damaged)


def forge(packed, offset, value):
    """Change a field and mend the checksum, as someone with ill intent would."""
    body = packed[:offset] + value + packed[offset + len(value) : -4]
    return body + struct.pack(">I", zlib.crc32(body))


def test_forged_fields_are_found_behind_a_valid_checksum():
    spec = "EqualInfoAC[b=16, v=256]"
    packed = pack(eiwref.tokenizer(spec, OWN), TEXT)
    at = 7 + len(spec)
    huge = struct.pack(">Q", 2**63)
    for offset, value, sentence in (
        (4, b"\x02", "version 2"),
        (7, b"EqualInfoAC[v=256,b=16 ]", "expected 'EqualInfoAC[b=16, v=256]'"),
        (7, b"EqualInfoAC[b=17, v=256]", "is not allowed there"),
        (7, b"\xffqualInfoAC[b=16, v=256]", "is not known"),
        (at, bytes(32), "made with predictor"),
        (at + 32, huge, "expected 9223372036854775808"),
        (at + 32, b"\xff" * 8, "expected 18446744073709551615"),
        (at + 32, struct.pack(">Q", len(TEXT) - 1), "goes on after the"),
        (at + 40, bytes(32), "another SHA-256"),
        (at + 72, huge, "bytes of tokens, expected"),
    ):
        with pytest.raises(ContainerError) as error:
            unpack(forge(packed, offset, value), OWN)
        assert sentence in str(error.value)


def test_another_predictor_is_refused():
    packed = pack(eiwref.tokenizer("AC[v=256]", OWN), TEXT)
    with pytest.raises(ContainerError, match=r"made with predictor .* name the right one with --predictor"):
        unpack(packed)
    with pytest.raises(ContainerError, match="made with predictor"):
        unpack(packed, Unigram(OWN.counts, precision=14))


def test_a_gzip_bomb_is_not_unpacked():
    """The declared length bounds what is made, whatever the stream would give."""
    packed = pack(eiwref.tokenizer("GZip[v=256]"), bytes(50_000_000))
    with pytest.raises(ContainerError, match="after the 10 bytes"):
        unpack(forge(packed, 7 + len("GZip[v=256]") + 32, struct.pack(">Q", 10)))


def test_a_gzip_file_of_any_declared_length_is_refused():
    packed = pack(eiwref.tokenizer("GZip[v=256]"), TEXT)
    for length in (2**63 - 1, 2**64 - 1):
        with pytest.raises(ContainerError, match=f"expected {length}"):
            unpack(forge(packed, 7 + len("GZip[v=256]") + 32, struct.pack(">Q", length)))


def test_greedy_is_refused_where_it_loses_text():
    tokenizer = eiwref.tokenizer("EqualInfoAC[b=16, v=256, windows=greedy]")
    rng = random.Random(0)
    words = [b"the ", b"of ", b"windows ", b"and ", b"text ", b"bits "]
    lost = 0
    for _ in range(20):
        data = b"".join(rng.choices(words, k=12))
        try:
            assert unpack(pack(tokenizer, data))[0] == data
        except ContainerError as error:
            assert "loses this text" in str(error)
            lost += 1
    assert lost
