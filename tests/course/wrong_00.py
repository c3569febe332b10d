"""Answers to the exercise of tutorial 00 as careless students write them."""

from pathlib import Path

import eiwref

SPEC = "EqualInfoAC[b=16, v=65k]"


def tokens_a_byte(path, spec=SPEC):
    data, tokenizer = Path(path).read_bytes(), eiwref.tokenizer(spec)
    ids = tokenizer.encode(data)
    return tokenizer.decode_bytes(ids) == data, len(ids) / len(data)


def spec_ignored(path, spec=SPEC):
    data, tokenizer = Path(path).read_bytes(), eiwref.tokenizer(SPEC)
    ids = tokenizer.encode(data)
    return tokenizer.decode_bytes(ids) == data, len(data) / len(ids)


def compared_with_itself(path, spec=SPEC):
    data, tokenizer = Path(path).read_bytes(), eiwref.tokenizer(spec)
    ids = tokenizer.encode(data)
    return tokenizer.encode(data).tolist() == ids.tolist(), len(data) / len(ids)


def whole_division(path, spec=SPEC):
    data, tokenizer = Path(path).read_bytes(), eiwref.tokenizer(spec)
    ids = tokenizer.encode(data)
    return tokenizer.decode_bytes(ids) == data, len(data) // len(ids)


def read_as_text(path, spec=SPEC):
    data, tokenizer = Path(path).read_text(encoding="ascii"), eiwref.tokenizer(spec)
    ids = tokenizer.encode(data)
    return tokenizer.decode(ids) == data, len(data) / len(ids)


WRONG = {"00.1": [tokens_a_byte, spec_ignored, compared_with_itself, whole_division, read_as_text]}
