"""Makes data/golden.json: what the coders write, bit for bit, so that no change to it goes unnoticed.

    python -m tests.references.make_golden

Coder output is a format: files written today must be read tomorrow. Run this only to make a breaking change, and
say so. GZip and Rank are not in it, since their bits depend on the zlib at hand; nor is SentencePiece, whose do on
the library.
"""

import hashlib
import json
import random

import eiwref
from eiwref import doctor
from eiwref.coding import ans, huffman, rank, stream
from eiwref.files import data_path
from eiwref.predictors.base import BYTES, BYTES_AND_END
from eiwref.predictors.limits import Restarting
from eiwref.predictors.store import digest, load_predictor
from eiwref.tokenizers import all_specs
from eiwref.tokenizers.container import pack_pieces

MORE = [
    *(
        f"EqualInfoAC[b=16, v=256{windows}, reset={k}]"
        for windows in ("", ", windows=greedy", ", windows=delay")
        for k in ("2", "never")
    ),
    *(f"EqualInfoAC[b={b}, v=65k, reset=never]" for b in (24, 128)),
    *(
        f"EqualText[n={n}, v={v}{end}]"
        for n in (1, 16, 1024)
        for v in ("256", "65k")
        for end in ("", ", delimiters=yes")
    ),
    *("AC[v=2]", "Huffman[v=256]", "Huffman[v=65k]", "ANS[v=256]", "ANS[v=65k]"),
]  # beside `all_specs`
TEXTS = {
    "empty": b"",
    "prose": b"What is written today must be read tomorrow, bit for bit, on any machine. " * 4,
    "utf-8": "naïve café, ночь, 日本語".encode(),
    "every byte": bytes(range(256)),
    "zeros": bytes(3000),
    "random": random.Random(2024).randbytes(500),
}
IN_A_FILE = b"Two blocks of text, and no more."


def make() -> dict:
    predictor = eiwref.shipped("ngram")
    contexts = [b"", b"t", b"th", b"the ", b"zzzz", b"\x00", b"ation"]
    frequencies = {}
    for context in contexts:
        state = predictor.start()
        for symbol in context:
            state = predictor.advance(state, symbol)
        frequencies[context.decode()] = _sha256(predictor.cdf(state))
    codes = {}
    for spec in [*all_specs(), *MORE]:
        if "GZip" not in spec:
            reader = eiwref.tokenizer(spec, predictor)
            ids = {name: reader.encode(text).tolist() for name, text in TEXTS.items()}
            codes[spec] = {
                name: {"tokens": len(i), "first": i[:4], "sha256": _sha256(i)} for name, i in ids.items()
            }
    file = b"".join(
        pack_pieces(eiwref.tokenizer("EqualInfoAC[b=24, v=65k]", predictor), [IN_A_FILE], block_bytes=20)
    )
    return {
        "predictor": digest(predictor),
        "frequencies": frequencies,
        "tokens": codes,
        "coders": {
            coder: {name: {"bytes": len(code), "sha256": _sha256(code)} for name, code in found.items()}
            for coder, found in _coders(predictor).items()
        },
        "file": file.hex(),
        "m1-tiny": integer_m1(),
        "m1": shipped_m1(),
    }


def integer_m1() -> dict:
    """What `doctor` holds a machine against: the M1 in integers, by the first of its ways."""
    m1 = load_predictor(data_path(doctor.INTEGER))
    tokens = {spec: eiwref.tokenizer(spec, m1).encode(doctor.TEXT[: doctor.CODED]) for spec in doctor.SPECS}
    return {
        "digest": digest(m1),
        "frequencies": doctor.sha256_of(next(doctor.ways(m1))[1]),
        "tokens": {spec: doctor.sha256_of(ids) for spec, ids in tokens.items()},
    }


def shipped_m1() -> dict:
    """Of the M1 that travels with the package, and of its codebook."""
    m1 = eiwref.shipped("m1")
    return {
        "digest": digest(m1),
        "frequencies": doctor.sha256_of(doctor.at_once(m1)),
        "tokens": eiwref.tokenizer(doctor.SPECS[0], m1).encode(doctor.TEXT[: doctor.CODED]).tolist(),
        "codebook": eiwref.tokenizer("EqualInfoAC[b=16, v=65k]", m1).encode(doctor.TEXT).tolist(),
    }


def float_m1() -> str:
    """The same of the M1 in floats: of this machine alone, and so no format."""
    return doctor.fingerprints(next(doctor.ways(load_predictor(data_path(doctor.FLOAT))))[1])


def _coders(predictor) -> dict[str, dict[str, bytes]]:
    """What coders without a tokenizer write. Of rank coding the ranks, since zlib makes the bits."""
    model = Restarting(predictor.over(BYTES_AND_END))
    code = huffman.Huffman(predictor.static().over(BYTES_AND_END).cdf(None))
    return {
        "ans": {name: stream.encode(ans.Encoder(), model, text).data for name, text in TEXTS.items()},
        "huffman": {name: code.encode(text).data for name, text in TEXTS.items()},
        "huffman lengths": {"static": bytes(code.lengths)},
        "ranks": {name: rank.ranks(Restarting(predictor.over(BYTES)), text) for name, text in TEXTS.items()},
    }


def _sha256(integers) -> str:
    """Over 4 bytes each, big-endian."""
    return hashlib.sha256(b"".join(int(i).to_bytes(4, "big") for i in integers)).hexdigest()


if __name__ == "__main__":
    golden = make()
    golden["m1-tiny"]["float"] = float_m1()
    data_path("golden.json").write_text(json.dumps(golden, indent=1) + "\n")
