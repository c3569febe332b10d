"""Symbols a second of arithmetic coding, when every symbol of every stream has a distribution of its own.

That is how a network gives them: rows of float32 probabilities of 256 symbols. Most of the time goes into making
integers of these, which both sides do here, our lanes and constriction's range coder; the latter gets them as one
long stream, which is how it is fastest. torchac is given tables of integers, whose making does not count as its
time, so its rows compare more work of ours with less of its own. `finite` and `exact` code a few symbols for the
record, frequencies ready.
"""

from collections.abc import Callable
from hashlib import sha256
from types import ModuleType

import numpy as np

from eiwref.bench import measure
from eiwref.coding import exact, finite, lanes
from eiwref.coding.frequencies import PRECISION, from_weight_rows, from_weights
from eiwref.coding.rows import Rows, weights
from eiwref.errors import EiwrefError

SYMBOLS = 256
PEERS = ("constriction", "torchac")
UNIT = "million symbols/s"
SCALAR = {
    "finite": (finite, 20_000),
    "exact": (exact, 500),
}  # symbols for the record; `exact` takes quadratic time

Contenders = dict[str, Callable[[], object]]


class Data:
    """Distributions and symbols drawn from them: (steps, n, 256) float32 and (steps, n) int64."""

    def __init__(self, n: int, steps: int, seed: int):
        rng = np.random.default_rng(seed)
        self.probabilities = np.empty((steps, n, SYMBOLS), dtype=np.float32)
        self.symbols = np.empty((steps, n), dtype=np.int64)
        for step in range(steps):
            rows = np.exp(3 * rng.standard_normal((n, SYMBOLS), dtype=np.float32))
            self.probabilities[step] = rows / rows.sum(axis=1, keepdims=True)
            cumulative = np.cumsum(rows, axis=1)
            drawn = rng.random((n, 1), dtype=np.float32) * cumulative[:, -1:]
            self.symbols[step] = np.minimum(np.count_nonzero(cumulative < drawn, axis=1), SYMBOLS - 1)

    def digest(self) -> str:
        return sha256(self.probabilities.tobytes() + self.symbols.tobytes()).hexdigest()

    def bits_per_symbol(self) -> float:
        """What the symbols would cost an ideal coder."""
        chosen = np.take_along_axis(self.probabilities, self.symbols[:, :, None], axis=2)
        return float(-np.log2(chosen, dtype=np.float64).mean())


def run(command: str, n: int = 4096, steps: int = 128, rounds: int = 5, seed: int = 0) -> dict:
    """Rows of symbols a second, for n streams of `steps` symbols each; what is timed is checked by round trip."""
    peers, missing = measure.find_peers(PEERS)
    data = Data(n, steps, seed)
    contenders = _lanes(data) | _scalars(data)
    if "constriction" in peers:
        contenders |= _constriction(peers["constriction"], data)
    if "torchac" in peers:
        contenders |= _torchac(peers["torchac"], data)
    sizes = {f"{name} {way}": size for name, (_, size) in SCALAR.items() for way in ("encode", "decode")}
    taken = measure.seconds(contenders, rounds)
    speed = {name: min(sizes.get(name, n * steps), n * steps) / taken[name] / 1e6 for name in taken}
    rows = []
    for way in ("encode", "decode"):
        ours = speed[f"lanes {way}"]
        rows += [
            measure.row(f"{way}, float32 probabilities", UNIT, ours, speed[f"{name} {way}"], PEERS_ARE[name])
            for name in peers
        ] or [measure.row(f"{way}, float32 probabilities", UNIT, ours)]
    for name in ("lanes alone", *SCALAR):
        rows += [
            measure.row(f"{way}, frequencies ready: {name}", UNIT, speed[f"{name} {way}"])
            for way in ("encode", "decode")
        ]
    settings = {"streams": n, "symbols_each": steps, "alphabet": SYMBOLS, "precision": PRECISION, "rounds": rounds}
    return {
        "command": command,
        "settings": settings | {"seed": seed, "sha256": data.digest(), "ideal_bits": data.bits_per_symbol()},
        "rows": rows,
        "missing": missing,
        "environment": measure.environment_with(peers),
    }


PEERS_ARE = {
    "constriction": "constriction's range coder",
    "torchac": "torchac, its integer tables ready",
}


def _same(name: str, found, expected) -> None:
    if not np.array_equal(found, expected):
        raise EiwrefError(f"{name} does not give back what was encoded: nothing was measured")


def _lanes(data: Data) -> Contenders:
    steps, n = data.symbols.shape
    rows = Rows(SYMBOLS)
    texts, lengths = list(data.symbols.T.copy()), [steps] * n

    def encode():
        return lanes.encode(texts, lambda step, before: data.probabilities[step], rows)

    codes = [code.data for code in encode()]

    def decode():
        return lanes.decode(codes, lengths, lambda step, before: data.probabilities[step], rows)[0]

    _same("lanes", np.array(decode()), data.symbols.T)
    ready = [rows.slices(data.probabilities[step], data.symbols[step]) for step in range(steps)]

    def encode_alone():
        encoder = lanes.Encoder(n)
        for starts, ends in ready:
            encoder.encode(starts, ends)
        return encoder.finish()

    def decode_alone():
        decoder = lanes.Decoder(codes)
        for starts, ends in ready:
            decoder.targets(n)
            decoder.decode(starts, ends)
        return decoder.finish()

    return {
        "lanes encode": encode,
        "lanes decode": decode,
        "lanes alone encode": encode_alone,
        "lanes alone decode": decode_alone,
    }


def _scalars(data: Data) -> Contenders:
    contenders = {}
    for name, (coder, size) in SCALAR.items():
        rows = data.probabilities.reshape(-1, SYMBOLS)[:size]
        symbols = data.symbols.ravel()[:size].tolist()
        ready = [from_weights(row) for row in weights(rows)]

        def encode(coder=coder, ready=ready, symbols=symbols):
            encoder = coder.Encoder()
            for cumulative, symbol in zip(ready, symbols, strict=True):
                encoder.encode(cumulative, symbol)
            return encoder.finish().data

        code = encode()

        def decode(coder=coder, ready=ready, code=code):
            decoder = coder.Decoder(code)
            return [decoder.decode(cumulative) for cumulative in ready]

        _same(name, decode(), symbols)
        contenders |= {f"{name} encode": encode, f"{name} decode": decode}
    return contenders


def _constriction(constriction: ModuleType, data: Data) -> Contenders:
    family = constriction.stream.model.Categorical(perfect=False)
    queue = constriction.stream.queue
    rows, symbols = data.probabilities.reshape(-1, SYMBOLS), data.symbols.ravel().astype(np.int32)

    def encode():
        encoder = queue.RangeEncoder()
        encoder.encode(symbols, family, rows)
        return encoder.get_compressed()

    code = encode()

    def decode():
        return queue.RangeDecoder(code).decode(family, rows)

    _same("constriction", decode(), symbols)
    return {"constriction encode": encode, "constriction decode": decode}


def _torchac(torchac: ModuleType, data: Data) -> Contenders:
    import torch  # torchac is made for it

    steps, n = data.symbols.shape
    tables = np.empty((steps, n, SYMBOLS + 1), dtype=np.int16)
    for step in range(steps):
        # Its tables are 16 bits wide, and their last entry, 2^16, is a 0 to it.
        tables[step] = from_weight_rows(weights(data.probabilities[step]).astype(np.int64), 16).astype(np.int16)
    table, symbols = torch.from_numpy(tables), torch.from_numpy(data.symbols.astype(np.int16))
    code = torchac.encode_int16_normalized_cdf(table, symbols)
    _same("torchac", torchac.decode_int16_normalized_cdf(table, code).numpy(), data.symbols)
    return {
        "torchac encode": lambda: torchac.encode_int16_normalized_cdf(table, symbols),
        "torchac decode": lambda: torchac.decode_int16_normalized_cdf(table, code),
    }
