"""Does this machine decode what others encoded? A tiny M1 computes here what its golden values say, in many ways.

Paper, section 3.7: where the decoder's numbers are not the encoder's, text is lost. `data/m1-tiny.json` says how
the two networks here were made, one in exact integers, one in floats; `data/golden.json` holds what they gave on
the machine that it was made on. Of the integers every way must give that to the last bit; the M1 that travels with
the package is looked at, too, one way. The floats are for comparison: how often frequencies move by one or more,
after which a decoder reads another text.

Left out: processors and libraries other than those at hand. Run it there.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from zlib import crc32

import numpy as np
from threadpoolctl import threadpool_limits

from eiwref.errors import EiwrefError
from eiwref.files import data_path, read_bytes
from eiwref.predictors.network import Networked
from eiwref.predictors.store import digest, load_predictor, shipped
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.registry import tokenizer

INTEGER, FLOAT = "m1-tiny.safetensors", "m1-tiny-float.safetensors"
SPECS = ("AC[v=256]", "EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=64, v=65k]")
BATCHES = (1, 2, 7, 64)
THREADS = (1, 4)
CODED = 300  # bytes of the text that are encoded and decoded
TEXT = (
    "The built-in function range() returns an object that gives the integers of an arithmetic progression, one by "
    "one, when it is iterated over; it does not make a list, and so takes little memory, however long it is.\n"
    "\n"
    "   >>> for number in range(3):\n"
    "   ...     print(number, 2 ** number)\n"
    "\n"
    "Changed in version 3.2: slices, negative indices and a test for membership that takes the same time for all. "
    "Names may be of any letters: naïve, ночь, 日本語.\n"
).encode()
TEXT += bytes(range(256)) + bytes(256 - len(TEXT) % 256)  # every byte, and what no network has seen


def examine() -> dict:
    """{"agrees", "checks": [{"check", "agrees"}], "float": [{"setting", "share"}]}; `share` is of positions."""
    golden = _golden("m1-tiny")
    integer = load_predictor(data_path(INTEGER))
    checks = {"the network is the one of the golden values": digest(integer) == golden["digest"]}
    for way, rows in ways(integer):
        checks[f"frequencies, {way}"] = sha256_of(rows) == golden["frequencies"]
    for spec in SPECS:
        reader = tokenizer(spec, integer)
        ids = reader.encode(TEXT[:CODED])
        checks[f"{spec}, encoded"] = sha256_of(ids) == golden["tokens"][spec]
        checks[f"{spec}, decoded"] = _decodes(reader, ids)
    golden_m1, m1 = _golden("m1"), shipped("m1")
    checks["the shipped M1 is the one of the golden values"] = digest(m1) == golden_m1["digest"]
    checks["frequencies of the shipped M1"] = sha256_of(at_once(m1)) == golden_m1["frequencies"]
    checks[f"{SPECS[0]}, decoded under the shipped M1"] = _decodes(tokenizer(SPECS[0], m1), golden_m1["tokens"])
    return {
        "agrees": all(checks.values()),
        "checks": [{"check": name, "agrees": agrees} for name, agrees in checks.items()],
        "float": shares_of_floats(),
    }


def shares_of_floats() -> list[dict]:
    """{"setting", "share"} of the M1 in floats: at which share of positions each way gives other frequencies."""
    found = {way: fingerprints(rows) for way, rows in ways(load_predictor(data_path(FLOAT)))}
    first = next(iter(found))
    others = {f"{way} against {first}": (found[first], prints) for way, prints in found.items() if way != first}
    others["here against the machine of the golden values"] = found[first], _golden("m1-tiny")["float"]
    return [{"setting": name, "share": differing(*pair)} for name, pair in others.items()]


def lines(found: dict) -> list[str]:
    """What `examine` found, to be read: the verdict first."""
    wrong = [row["check"] for row in found["checks"] if not row["agrees"]]
    verdict = f"this machine decodes what others encoded: all {len(found['checks'])} checks agree"
    if wrong:
        verdict = f"this machine does NOT decode what others encoded: {'; '.join(wrong)}"
    shown = [f"  {row['share']:6.1%}  {row['setting']}" for row in found["float"]]
    return [verdict, "", "an M1 in floats gives other frequencies at this share of positions:", *shown]


def ways(m1: Networked) -> Iterator[tuple[str, np.ndarray]]:
    """(how, the cumulative frequencies (pieces, T, 257) before each byte of the text's pieces) by many ways."""
    pieces = _pieces(m1)
    m1 = m1.over(256)
    yield "at once", m1.at_once(pieces)
    for batch in BATCHES:
        yield f"at once in batches of {batch}", _in_batches(m1.at_once, pieces, batch)
    half = m1.limit // 2
    padded = m1.at_once(np.where(np.arange(m1.limit) < half, pieces, 0))
    yield "at once, padded", np.concatenate([padded[:, :half], m1.at_once(pieces)[:, half:]], axis=1)
    for batch in BATCHES:
        yield (
            f"step by step in batches of {batch}",
            _in_batches(lambda some: _step_by_step(m1, some), pieces, batch),
        )
    for threads in THREADS:
        with threadpool_limits(threads):
            yield f"at once on {threads} threads", m1.at_once(pieces)


def at_once(m1: Networked) -> np.ndarray:
    """The first of `ways`."""
    return m1.over(256).at_once(_pieces(m1))


def _pieces(m1: Networked) -> np.ndarray:
    """The text, (pieces, T) of the context's length T, int64; what is less than a piece is left out."""
    whole = len(TEXT) // m1.limit * m1.limit
    return np.frombuffer(TEXT[:whole], dtype=np.uint8).reshape(-1, m1.limit).astype(np.int64)


def sha256_of(integers) -> str:
    """Over 4 bytes each, big-endian."""
    return sha256(np.ascontiguousarray(integers, dtype=">u4").tobytes()).hexdigest()


def fingerprints(rows: np.ndarray) -> str:
    """8 hexadecimal digits a position."""
    return "".join(f"{crc32(row.astype('>u4').tobytes()):08x}" for row in rows.reshape(-1, rows.shape[-1]))


def differing(some: str, others: str) -> float:
    """The share of positions whose fingerprints differ."""
    pairs = [(some[at : at + 8], others[at : at + 8]) for at in range(0, len(some), 8)]
    return sum(one != other for one, other in pairs) / len(pairs)


def _golden(name: str) -> dict:
    return json.loads(read_bytes(data_path("golden.json")))[name]


def _decodes(reader: Tokenizer, ids) -> bool:
    try:
        return reader.decode_bytes(ids) == TEXT[:CODED]
    except EiwrefError:
        return False


def _in_batches(function, pieces, batch):
    """Of all pieces, `batch` at a time, over and over until a batch is full."""
    again = np.resize(pieces, (-(-len(pieces) // batch) * batch, pieces.shape[1]))
    return np.concatenate([function(again[at : at + batch]) for at in range(0, len(again), batch)])[: len(pieces)]


def _step_by_step(m1, pieces):
    states = m1.start_many(len(pieces))
    rows = [m1.cdf_many(states)]
    for column in pieces.T[:-1]:
        states = m1.advance_many(states, np.arange(len(pieces)), column)
        rows.append(m1.cdf_many(states))
    return np.stack(rows, axis=1)
