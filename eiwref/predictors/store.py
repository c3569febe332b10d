"""Predictors as files, and subword models and codebooks, which take their place: safetensors, and a digest of it.

The digest is a SHA-256 over settings and arrays in a fixed order and byte order. It names the predictor in `.eiw`
files and results, and tells whether a file is whole.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

from eiwref import tensors
from eiwref.coding.frequencies import MAX_PRECISION
from eiwref.errors import EiwrefError, PredictorError
from eiwref.files import data_path, read_bytes, write_bytes
from eiwref.predictors.base import BYTES_AND_END, MAX_LIMIT, Predictor
from eiwref.predictors.book import Book
from eiwref.predictors.integer import IntegerNetwork
from eiwref.predictors.network import Network
from eiwref.predictors.ngram import MAX_ORDER, NGram
from eiwref.predictors.static import Unigram
from eiwref.predictors.subword import VOCABULARIES, Subword

FORMAT = "eiwref.predictor.1"
SHIPPED = ("m1", "ngram", "codebook", "likeliest")  # in data/, each with a .json that says how it was made
DEFAULT = "m1"

Stored = Predictor | Subword | Book


def digest(predictor: Stored) -> str:
    """64 hexadecimal digits that two predictors share only if they predict the same."""
    return tensors.digest(*_pack(predictor))


def dump(predictor: Stored, **settings: str) -> bytes:
    """The predictor as the bytes of a safetensors file; more `settings` may travel with it."""
    return tensors.dump(*_pack(predictor), settings)


def parse(data: bytes, name: str) -> tuple[Stored, dict[str, str]]:
    """(predictor, settings) from `dump`'s bytes; `name` is what errors call them."""
    settings, arrays = tensors.parse(data, name, FORMAT, PredictorError)
    try:
        predictor = _unpack(settings, arrays)
    except (KeyError, ValueError, TypeError, OverflowError, IndexError, RecursionError):
        raise PredictorError(f"{name}: is damaged, its settings and arrays do not fit together") from None
    except EiwrefError as error:
        raise PredictorError(f"{name}: is damaged, {error}") from None
    found = digest(predictor)
    if found != settings.get("digest"):
        raise PredictorError(
            f"{name}: is damaged, its digest is {found[:16]}, expected {settings.get('digest')!s:.16}"
        )
    return predictor, settings


def save_predictor(predictor: Stored, path: str | Path) -> str:
    """Write the predictor to a file; returns its digest."""
    write_bytes(path, dump(predictor))
    return digest(predictor)


def load_predictor(path: str | Path) -> Stored:
    """The predictor in a file made by `save_predictor` or a command, or the shipped one of that name."""
    if str(path) in SHIPPED and not Path(path).exists():
        return shipped(str(path))
    return parse(read_bytes(path), str(path))[0]


@cache
def shipped(name: str) -> Stored:
    """What travels with the package; `data/NAME.json` says how it was made. Raises `PredictorError` if none is.

    - "m1": the paper's 3m transformer over bytes, in exact integers; the default
    - "ngram": an order-5 n-gram, worse, and many times as fast where text is followed byte by byte
    - "codebook": the 16-bit stop-cell windows of "m1"
    - "likeliest": 16-bit windows of the likeliest texts, for `windows=likeliest`
    """
    if name not in SHIPPED:
        raise PredictorError(f"no predictor called {name!r} is shipped, expected one of {', '.join(SHIPPED)}")
    path = data_path(f"{name}.safetensors")
    return parse(read_bytes(path), str(path))[0]


def shipped_as(wanted: str) -> Stored | None:
    """The shipped one of this digest, None if it is none of them."""
    return next((each for each in map(shipped, SHIPPED) if digest(each) == wanted), None)


def default_predictor() -> Predictor:
    """The M1 that travels with the package, see `shipped`."""
    return shipped(DEFAULT)


def _pack(predictor: Stored) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    settings, arrays = predictor.tensors()
    settings |= {"format": FORMAT}
    if isinstance(predictor, Subword | Book):
        return settings, arrays
    settings |= {
        "symbols": str(predictor.symbols),
        "precision": str(predictor.precision),
        "limit": str(predictor.limit),
    }
    return settings, arrays


def _unpack(settings: dict, arrays: dict) -> Stored:
    if settings["kind"] == "subword":
        if int(settings["vocabulary"]) not in VOCABULARIES or arrays["model"].dtype != np.uint8:
            raise ValueError("settings out of range, or arrays that are no bytes")
        return Subword(arrays["model"].tobytes(), int(settings["vocabulary"]))
    if settings["kind"] == "codebook":
        return Book(arrays["depths"], arrays["symbols"], settings["predictor"])
    symbols, precision, limit = (int(settings[name]) for name in ("symbols", "precision", "limit"))
    if not (2 <= symbols <= BYTES_AND_END and 1 <= precision <= MAX_PRECISION and 1 <= limit <= MAX_LIMIT):
        raise ValueError("settings out of range")
    if settings["kind"] == "network":
        return Network.from_tensors(json.loads(settings["config"]), arrays, symbols, precision, limit)
    if settings["kind"] == "integer-network":
        return IntegerNetwork.from_tensors(json.loads(settings["config"]), arrays, symbols, precision, limit)
    if any(values.ndim != 1 or values.dtype.kind not in "iu" for values in arrays.values()):
        raise ValueError("arrays that are no lists of integers")
    if settings["kind"] == "unigram":
        if len(arrays["counts"]) != symbols:
            raise ValueError("counts of another alphabet")
        return Unigram(arrays["counts"], precision, limit)
    if settings["kind"] == "ngram" and 0 <= int(settings["order"]) <= MAX_ORDER:
        return NGram.from_tensors(int(settings["order"]), arrays, symbols, precision, limit)
    raise ValueError("unknown kind")
