"""`finite` over thousands of independent streams in lockstep: one NumPy operation does a step of all of them.

Not in the paper, whose coder takes one stream at a time. Each stream (a *lane*) gets the very bits that `finite`
writes for it. Lanes stand longest first, so that those still running are always the first n. A step is some sixty
NumPy calls however many lanes there are: it takes a hundred or so to overtake `finite`, and thousands to be fast.

`Encoder` and `Decoder` are the coder. They take slices [C[c], C[c+1]) as integers, whoever worked them out.
`encode` and `decode` take whole texts through them, with slices of a network's probabilities (`rows`). Left out:
end marks (how long a text is must be known here), and `settled_bits`.

n is the number of lanes still running, K that of symbols.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from eiwref.coding.bits import Bits
from eiwref.coding.finite import FULL, REFILL, REGISTER_BITS
from eiwref.coding.frequencies import PRECISION
from eiwref.coding.rows import Rows
from eiwref.errors import CodeError

Predict = Callable[[int, np.ndarray], np.ndarray]
"""(step, symbols) -> the probabilities of the n lanes that still run, (n, K) float32; `symbols`, (n,), are theirs
of the step before, and -1 at step 0."""


def encode(texts: Sequence[np.ndarray], predict: Predict, rows: Rows) -> list[Bits]:
    """The codes of texts of symbols; they must stand longest first."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    flat = np.concatenate([*texts, np.zeros(0, dtype=np.int64)]).astype(np.int64, copy=False)
    first = np.cumsum(lengths) - lengths
    encoder, before = Encoder(len(texts), rows.precision), np.full(len(texts), -1)
    for step, n in enumerate(_running(lengths)):
        symbols = flat[first[:n] + step]
        encoder.encode(*rows.slices(predict(step, before[:n]), symbols))
        before = symbols
    return encoder.finish()


def decode(
    codes: Sequence[bytes], lengths: Sequence[int], predict: Predict, rows: Rows
) -> tuple[list[np.ndarray], np.ndarray]:
    """(texts of so many symbols, longest first; how many bits each code has without its padding).

    Raises `CodeError` when no encoder could have written one of the codes.
    """
    lengths = np.array(lengths, dtype=np.int64)
    if len(lengths) != len(codes) or lengths.min(initial=0) < 0:
        raise CodeError(f"{len(codes)} codes need as many lengths, none below 0, found {lengths.tolist()[:8]}")
    decoder, before = Decoder(codes, rows.precision), np.full(len(codes), -1)
    steps = []
    for step, n in enumerate(_running(lengths)):
        before, starts, ends = rows.find(predict(step, before[:n]), decoder.targets(n))
        decoder.decode(starts, ends)
        steps.append(before)
    flat = _by_lane(steps, len(codes))
    return np.split(flat, np.cumsum(lengths[:-1], dtype=np.int64)) if len(codes) else [], decoder.finish()


def _running(lengths: np.ndarray) -> Iterator[int]:
    """How many lanes run at each step."""
    if (lengths[1:] > lengths[:-1]).any():
        raise CodeError("texts in lanes must stand longest first")
    for step in range(lengths.max(initial=0)):
        yield int(np.searchsorted(-lengths, -step))


def _by_lane(steps: list[np.ndarray], lanes: int) -> np.ndarray:
    """What came step by step, one lane after the other."""
    lengths = np.zeros(lanes, dtype=np.int64)
    for step in steps:
        lengths[: len(step)] += 1
    first = np.cumsum(lengths) - lengths
    flat = np.empty(lengths.sum(), dtype=steps[0].dtype if steps else np.uint8)
    for at, step in enumerate(steps):
        flat[first[: len(step)] + at] = step
    return flat


_FIRST_OF_4 = np.tri(4, k=-1, dtype=bool).view(np.uint32).ravel()  # [count]: 4 bytes, so many of them true


class _Registers:
    """`finite`'s low and width of every lane. int64 holds all products: they stay below 2^(32 + 24)."""

    def __init__(self, lanes: int, precision: int):
        self.precision = precision
        self._low = np.zeros(lanes, dtype=np.int64)
        self._width = np.full(lanes, FULL)
        self._moved = np.zeros(lanes, dtype=np.int64)  # bits that have left the register at its top
        self._running = lanes

    def _narrow(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keep a slice of each of the first n lanes: (by how much low rose, how many bits are to move out)."""
        n, total = len(starts), 1 << self.precision
        if n > self._running:
            raise CodeError(f"{n} lanes cannot go on where {self._running} did: texts must stand longest first")
        if starts.min(initial=0) < 0 or ends.max(initial=0) > total or (starts >= ends).any():
            raise CodeError(f"a slice must hold 1 count at least, and lie between 0 and {total}")
        self._running = n
        width = self._width[:n]
        rise = width * starts
        rise >>= self.precision
        width *= ends
        width >>= self.precision
        width -= rise
        self._low[:n] += rise
        # 3 bytes at most: width was 2^24 or more and shares are 2^-24 or more, so that 1 at least is left of it.
        short = (width < REFILL).astype(np.int64)
        short += width < REFILL >> 8
        short += width < REFILL >> 16
        short <<= 3
        return rise, short

    def _refill(self, bits: np.ndarray) -> None:
        n = len(bits)
        self._moved[:n] += bits
        self._low[:n] <<= bits
        self._low[:n] &= FULL - 1
        self._width[:n] <<= bits

    def _shortest_codes(self) -> tuple[np.ndarray, np.ndarray]:
        """`Interval.shortest_code` of every lane: 9 bits at most, as width >= 2^24."""
        bit_length = np.frexp(self._width.astype(np.float64))[1].astype(np.int64)  # width = f * 2^it, 1/2 <= f < 1
        drop = bit_length - 1
        fits = (-(-self._low >> drop) + 1 << drop) <= self._low + self._width
        drop -= ~fits
        return -(-self._low >> drop), REGISTER_BITS - drop


class Encoder(_Registers):
    """Encode one symbol of each of the first n lanes at a time; n may fall from step to step, but not rise."""

    def __init__(self, lanes: int, precision: int = PRECISION):
        super().__init__(lanes, precision)
        # What moves out is kept as it came, each step's low and how many of its bytes; `finish` puts it in order.
        self._lows: list[np.ndarray] = []
        self._counts: list[np.ndarray] = []
        self._carries: list[tuple[np.ndarray, np.ndarray]] = []  # (lanes, the byte of each that a carry raises)

    def encode(self, starts: np.ndarray, ends: np.ndarray) -> None:
        """The next symbols' slices [start, end) out of 2^precision, two of shape (n,), int64."""
        _, short = self._narrow(starts, ends)
        low = self._low[: len(starts)]
        self._carry(np.flatnonzero(low >= FULL))
        self._lows.append(low.astype(">u4"))
        self._counts.append((short >> 3).astype(np.uint8))
        self._refill(short)

    def _carry(self, lanes: np.ndarray) -> None:
        self._carries.append((lanes, (self._moved[lanes] >> 3) - 1))

    def finish(self) -> list[Bits]:
        """All bits of every lane, ended as `finite` ends them."""
        code, length = self._shortest_codes()
        self._carry(np.flatnonzero(code >> length))
        kept = _FIRST_OF_4.take(_by_lane(self._counts, len(code))).view(bool)
        body = np.compress(kept, _by_lane(self._lows, len(code)).view(np.uint8))
        ends = np.cumsum(self._moved >> 3)
        begins = ends - (self._moved >> 3)
        # No byte is raised twice (see `finite`), so that all carries can go at once.
        lanes, bytes_raised = np.concatenate(self._carries, axis=1)
        at = begins[lanes] + bytes_raised
        while len(at):
            body[at] += 1
            at = at[body[at] == 0] - 1  # a byte that was 255 passes the carry on
        data, tails = body.tobytes(), (code << 16 - length).astype(">u2").tobytes()
        spans = enumerate(zip(begins.tolist(), ends.tolist(), length.tolist(), strict=True))
        return [
            Bits(data[begin:end] + tails[2 * lane : 2 * lane + (bits + 7) // 8], 8 * (end - begin) + bits)
            for lane, (begin, end, bits) in spans
        ]


class Decoder(_Registers):
    """Decode one symbol of each of the first n lanes at a time: ask for `targets`, find their slices, `decode`."""

    def __init__(self, codes: Sequence[bytes], precision: int = PRECISION):
        super().__init__(len(codes), precision)
        self._bytes = np.array([len(code) for code in codes], dtype=np.int64)
        # 8 zero bytes after each: a step that runs past the end has read no further when it is stopped.
        data = np.frombuffer(b"".join(code + bytes(8) for code in codes), dtype=np.uint8)
        self._words = data.astype(np.int64)  # the 4 bytes from each place on, as one number
        for i in range(1, 4):
            self._words <<= 8
            self._words[:-i] |= data[i:]
        self._next = np.cumsum(self._bytes + 8) - self._bytes - 8
        self._place = self._words[self._next]  # code - low, in [0, width)
        self._next += 4
        self._ends = self._next + self._bytes
        self._symbols = 0

    def targets(self, n: int) -> np.ndarray:
        """The count out of 2^precision that each of the first n lanes points at: in its next symbol's slice."""
        # floor(width * C / T) <= place  <=>  C <= target
        target = self._place[:n] + 1
        target <<= self.precision
        target -= 1
        target //= self._width[:n]
        return target

    def decode(self, starts: np.ndarray, ends: np.ndarray) -> None:
        """The slices that hold the targets; raises `CodeError` where a code ends before its symbol does."""
        n = len(starts)
        rise, short = self._narrow(starts, ends)
        place, following = self._place[:n], self._next[:n]
        place -= rise
        place <<= short
        place |= self._words.take(following) >> REGISTER_BITS - short
        following += short >> 3
        self._symbols += 1
        self._refill(short)
        beyond = np.flatnonzero(following > self._ends[:n])
        if len(beyond):
            found = f"the code ends after {self._bytes[beyond[0]]} bytes, inside symbol {self._symbols}"
            raise CodeError(f"text {beyond[0]}: {found}")

    def finish(self) -> np.ndarray:
        """The length of each code in bits; raises `CodeError` unless they are what the encoder would emit."""
        code, length = self._shortest_codes()
        other = np.flatnonzero(self._low + self._place != code << REGISTER_BITS - length)
        if len(other):
            raise CodeError(f"text {other[0]}: the code is not the shortest one of its symbols")
        return self._moved + length
