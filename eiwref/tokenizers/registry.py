"""Tokenizers by their name in the paper's notation, and as files."""

import re
from math import lcm
from pathlib import Path

from eiwref.errors import PredictorError, SpecError
from eiwref.files import read_bytes
from eiwref.predictors.base import LIMIT, Predictor
from eiwref.predictors.book import Book
from eiwref.predictors.store import Stored, default_predictor, parse, shipped
from eiwref.predictors.subword import VOCABULARIES as PIECES
from eiwref.predictors.subword import Subword
from eiwref.tokenizers.ac import ArithmeticCoding, SingleBits
from eiwref.tokenizers.ans import AsymmetricNumerals
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.tokenizers.equal_text import Delimited, EqualText
from eiwref.tokenizers.huffman import Huffman
from eiwref.tokenizers.plain import BARE, WRAPPED, Bytes, GZip
from eiwref.tokenizers.rank import Rank
from eiwref.tokenizers.subword import SentencePiece
from eiwref.windows import SCHEMES
from eiwref.windows.likeliest import Likeliest

VOCABULARIES = {"256": 8, "65k": 16}  # v: bits a token
WINDOW_BITS = range(16, 129, 8)
MAX_RESET = 999

_ALLOWED = {
    "Bytes": "Bytes",
    "SentencePiece": "SentencePiece[v=Nk] with N from 1 to 64",
    "AC": "AC[v=2|256|65k]",
    "StaticAC": "StaticAC[v=256|65k]",
    "GZip": "GZip[v=256|65k, wrapper=yes|no]",
    "Huffman": "Huffman[v=256|65k]",
    "ANS": "ANS[v=256|65k]",
    "Rank": "Rank[v=256|65k]",
    "EqualInfoAC": "EqualInfoAC[b=W, v=256|65k, windows=stop|greedy|delay|likeliest, reset=K|never] with W a "
    f"multiple of 8 from 16 to 128 (16 for likeliest) and K from 1 to {MAX_RESET}",
    "EqualText": f"EqualText[n=N, v=256|65k, delimiters=yes|no] with N from 1 to {LIMIT}",
}

_OPTIONS = {
    "Bytes": {},
    "SentencePiece": {"v": {f"{pieces // 1000}k": pieces for pieces in PIECES}},
    "AC": {"v": {"2": 1} | VOCABULARIES},
    "StaticAC": {"v": VOCABULARIES},
    "GZip": {"v": VOCABULARIES, "wrapper": {"yes": WRAPPED, "no": BARE}},
    "Huffman": {"v": VOCABULARIES},
    "ANS": {"v": VOCABULARIES},
    "Rank": {"v": VOCABULARIES},
    "EqualInfoAC": {
        "b": {str(bits): bits for bits in WINDOW_BITS},
        "v": VOCABULARIES,
        "windows": SCHEMES | {Likeliest.name: Likeliest},
        "reset": {str(windows): windows for windows in range(1, MAX_RESET + 1)} | {"never": None},
    },
    "EqualText": {
        "n": {str(symbols): symbols for symbols in range(1, LIMIT + 1)},
        "v": VOCABULARIES,
        "delimiters": {"yes": Delimited, "no": EqualText},
    },
}
_DEFAULTS = {"windows": "stop", "reset": "1", "delimiters": "no", "wrapper": "yes"}  # left out of a canonical name
_STREAMS = {"Huffman": Huffman, "ANS": AsymmetricNumerals, "Rank": Rank}


def all_specs() -> list[str]:
    """The tokenizers that `eiwref verify` and `eiwref demo` run: the paper's main ones, five window sizes."""
    streams = [f"{name}[v={v}]" for name in ("AC", "StaticAC", "GZip") for v in VOCABULARIES]
    windows = [
        _canonical("EqualInfoAC", {"b": b, "v": v, "windows": scheme, "reset": "1"})
        for scheme in SCHEMES
        for v in VOCABULARIES
        for b in ("16", "24", "32", "64", "128")
    ]
    return ["Bytes", *streams, *windows]


def tokenizer(spec: str, predictor: Stored | None = None) -> Tokenizer:
    """The tokenizer called `spec`, such as "EqualInfoAC[b=16, v=65k]".

    `predictor`: what drives the coder, the M1 that travels with the package unless given, or for
    `windows=likeliest` the codebook that does. `Bytes` and `GZip` need none; `SentencePiece` needs a subword model
    in its place, and none travels. Raises `SpecError` for a name that is not one, `PredictorError` for a predictor
    that does not fit.

    >>> tokenizer("EqualInfoAC[v=256,b=16]").spec
    'EqualInfoAC[b=16, v=256]'
    """
    name, values = _parse(spec)
    canonical = _canonical(name, values)
    chosen = {key: _OPTIONS[name][key][value] for key, value in values.items()}
    token_bits = chosen.get("v", 8)
    if name == "Bytes":
        return Bytes(canonical, token_bits)
    if name == "GZip":
        return GZip(canonical, token_bits, chosen["wrapper"])
    listed = chosen.get("windows") is Likeliest
    if predictor is None and name != "SentencePiece":
        predictor = shipped("likeliest") if listed else default_predictor()
    if isinstance(predictor, str | Path):
        raise PredictorError(
            f"{canonical}: {str(predictor)!r} is a name, pass what eiwref.load_predictor makes of it"
        )
    if not isinstance(predictor, Predictor | Subword | Book | None):
        raise PredictorError(f"{canonical}: needs a predictor, found {type(predictor).__name__}")
    if isinstance(predictor, Subword) != (name == "SentencePiece") or (isinstance(predictor, Book) and not listed):
        needed = "a predictor of bytes, not a subword model or a codebook"
        if name == "SentencePiece":
            needed = "a subword model, made by eiwref fit subword"
        raise PredictorError(f"{canonical}: needs {needed}")
    try:
        if name == "SentencePiece":
            return SentencePiece(canonical, predictor, chosen["v"])
        if name in _STREAMS:
            return _STREAMS[name](canonical, token_bits, predictor)
        if name == "EqualInfoAC":
            return EqualInfo(canonical, token_bits, predictor, chosen["b"], chosen["windows"], chosen["reset"])
        if name == "EqualText":
            return chosen["delimiters"](canonical, token_bits, predictor, chosen["n"])
        if token_bits == 1:
            return SingleBits(canonical, predictor)
        return ArithmeticCoding(canonical, token_bits, predictor, static=name == "StaticAC")
    except PredictorError as error:
        raise PredictorError(f"{canonical}: {error}") from None


def in_bytes(spec: str) -> str | None:
    """The tokenizer whose ids of 8 bits spell the codes that `spec` spells in ids of 16, None where none does.

    >>> in_bytes("EqualInfoAC[b=24, v=65k]")
    'EqualInfoAC[b=24, v=256]'
    """
    name, values = _parse(spec)
    return _canonical(name, values | {"v": "256"}) if values.get("v") == "65k" else None


def vocabulary(spec: str) -> int:
    """How many ids the tokenizer called `spec` has, told by its name; raises `SpecError` as `tokenizer` does.

    >>> vocabulary("EqualInfoAC[b=16, v=65k]")
    65536
    """
    name, values = _parse(spec)
    if name == "Bytes":
        return 256
    chosen = _OPTIONS[name]["v"][values["v"]]
    if name == "SentencePiece":
        return chosen
    return (1 << chosen) + (values.get("delimiters") == "yes")


def unit(spec: str) -> int:
    """After how many tokens, again and again, the tokenizer called `spec` has everything begin afresh.

    Whoever reads on from there misses nothing that is needed to decode: any token of `Bytes` and `SentencePiece`,
    windows of equal information where M1 begins afresh too. 0 for codes that run on to the end of a text, or whose
    windows do not begin at known tokens. Raises `SpecError` as `tokenizer` does.

    >>> unit("EqualInfoAC[b=64, v=256]"), unit("EqualInfoAC[b=24, v=65k]"), unit("Bytes"), unit("AC[v=256]")
    (8, 3, 1, 0)
    """
    name, values = _parse(spec)
    if name in ("Bytes", "SentencePiece"):
        return 1
    if name != "EqualInfoAC" or values["reset"] == "never":
        return 0
    token_bits = VOCABULARIES[values["v"]]
    return lcm(int(values["b"]) * int(values["reset"]), token_bits) // token_bits


def load(path: str | Path) -> Tokenizer:
    """The tokenizer that `Tokenizer.save` wrote."""
    predictor, settings = parse(read_bytes(path), str(path))
    if "tokenizer" not in settings:
        raise SpecError(f"{path}: is a predictor, not a tokenizer; pass it as tokenizer(spec, predictor=...)")
    return tokenizer(settings["tokenizer"], predictor)


def _parse(spec: str) -> tuple[str, dict[str, str]]:
    """(name, every option's value)."""
    if not isinstance(spec, str):
        raise SpecError(f"a tokenizer is asked for by name, found {type(spec).__name__}")
    if len(spec) > 100:
        raise SpecError(
            f"tokenizer {spec[:30]!r}... is not known, expected one of: {', '.join(_ALLOWED.values())}"
        )
    match = re.fullmatch(r"\s*(\w+)\s*(?:\[(.*)\])?\s*", spec, flags=re.ASCII)
    if not match or match[1] not in _OPTIONS:
        raise SpecError(f"tokenizer {spec!r} is not known, expected one of: {', '.join(_ALLOWED.values())}")
    name, options = match[1], _OPTIONS[match[1]]
    values = {}
    for item in filter(None, (part.strip() for part in (match[2] or "").split(","))):
        key, _, value = (part.strip() for part in item.partition("="))
        if key not in options or key in values or value not in options[key]:
            raise SpecError(f"tokenizer {spec!r}: {item!r} is not allowed there, expected {_ALLOWED[name]}")
        values[key] = value
    values |= {key: _DEFAULTS[key] for key in options if key in _DEFAULTS and key not in values}
    missing = [key for key in options if key not in values]
    if missing:
        raise SpecError(f"tokenizer {spec!r}: {missing[0]}= is missing, expected {_ALLOWED[name]}")
    return name, values


def _canonical(name: str, values: dict[str, str]) -> str:
    shown = [f"{key}={values[key]}" for key in _OPTIONS[name] if values[key] != _DEFAULTS.get(key)]
    return f"{name}[{', '.join(shown)}]" if shown else name
