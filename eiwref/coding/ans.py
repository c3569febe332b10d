"""Asymmetric numeral systems (rANS): a text is one number, and each symbol multiplies it.

Paper, Appendix B.3, considered and left out there. The state x is a number that holds the text so far. To put
symbol c on it, of count f out of T, let x grow by T / f, which is -log2(f / T) bits, to

    x' = T * floor(x / f) + C[c] + x mod f.

Reading is the inverse: x' mod T lies in the slice of c and nowhere else, so it tells c, and x = f * floor(x' / T)
+ x' mod T - C[c]. Where arithmetic coding asks in which slice of an interval a number lies, this asks for a
remainder. The state is kept in [L, 256 L): before it would pass, its low byte moves out; after reading, while it
is below L, bytes move in again. Since T divides L, exactly one number of bytes will do each time, so that both
sides agree on it.

*Last in, first out.* Reading gives the symbol that was put on last. The decoder wants the first one first, so the
encoder collects the whole text and puts it on from its end; the code is the last state and the bytes in the
reverse of the order in which they moved out. The encoder began with x = L, so the decoder must arrive there.

*Why it does not suit windows* that end when W bits are full: to find where that is, text has to be added symbol
by symbol while the bits are counted, but a symbol at the end of the text is the first to be put on, so that one
more changes all of the state and every byte. Nor is a code's beginning settled by the text's beginning. Each
trial would begin anew, and it would also pay for its state again:

*Cost.* x' <= T x / f + C[c] < (T / f) x (1 + f / x), and x >= f L / T after bytes moved out, so that a symbol
costs less than log2(1 + T / L) bits more than -log2(f / T). Moving out floor(x / 256) loses nothing that was
paid for. The text begins with L in the state, 32 bits, and ends with five bytes: n symbols take at most 40 + n
log2(1 + T / 2^32) bits above the ideal. The 40 are what a short text hardly earns back.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice

from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative, slice_of
from eiwref.errors import CodeError

LOWEST = 1 << 32
"""L: the state is in [L, 256 L) between symbols; a multiple of every T, and far above it to keep the cost low."""
STATE_BYTES = 5


class Encoder:
    """Takes the symbols in the order of the text; all work is done in `finish`."""

    def __init__(self):
        self._slices: list[tuple[int, int, int]] = []

    def encode(self, cumulative: Cumulative, symbol: int) -> None:
        """The next symbol, of the alphabet whose cumulative frequencies these are; raises `PredictorError`."""
        self._slices.append(slice_of(cumulative, symbol))

    def finish(self) -> Bits:
        """The code, whole bytes."""
        state = LOWEST
        moved_out = bytearray()
        for start, end, precision in reversed(self._slices):
            count = end - start
            # Invariant: from here the step leads into [L, 256 L), as x / f is in [L / T, 256 L / T).
            while state >= (LOWEST << 8 >> precision) * count:
                moved_out.append(state & 0xFF)
                state >>= 8
            state = (state // count << precision) + start + state % count
        code = state.to_bytes(STATE_BYTES, "big") + moved_out[::-1]
        return Bits(code, 8 * len(code))


class Decoder:
    """Decode one symbol at a time from a code and whatever zero bytes pad it, drawn as they are needed."""

    def __init__(self, data: Iterable[int]):
        self._bytes = iter(data)
        first = bytes(islice(self._bytes, STATE_BYTES))
        self._state = int.from_bytes(first, "big")
        if self._state < LOWEST:
            found = first.hex(" ") or "no byte"
            raise CodeError(f"the code begins with {found}, expected a state of {STATE_BYTES} bytes")
        self.read = STATE_BYTES  # bytes
        self._symbols = 0

    def decode(self, cumulative: Cumulative) -> int:
        """The next symbol; the caller knows from it whether the text goes on."""
        remainder = self._state & (cumulative[-1] - 1)
        symbol = bisect_right(cumulative, remainder) - 1
        start, end, precision = slice_of(cumulative, symbol)
        self._symbols += 1
        self._state = (end - start) * (self._state >> precision) + remainder - start
        while self._state < LOWEST:
            byte = next(self._bytes, None)
            if byte is None:
                raise CodeError(f"the code ends after {self.read} bytes, inside symbol {self._symbols}")
            self._state = self._state << 8 | byte
            self.read += 1
        return symbol

    def finish(self) -> int:
        """The code's length in bits; raises `CodeError` unless it is the code the encoder would emit."""
        if self._state != LOWEST:
            raise CodeError(f"the state after {self._symbols} symbols is not the one that encoding begins with")
        if any(self._bytes):
            raise CodeError(f"the code goes on after its {self._symbols} symbols and {self.read} bytes")
        return 8 * self.read
