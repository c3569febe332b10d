"""A range coder: arithmetic coding in 32-bit integers, O(n), one byte out at a time.

Paper, section 3.3 ("range coder at precision 14 bits"). The interval [low, low + width) is kept to 32 bits:
whenever width falls below 2^24 the top byte of low is final but for a carry, so it moves out and both are
scaled by 256. Slices are rounded to integers, floor(width * C / T), and still tile the interval, so that
nothing is lost but a little width.

*How little.* A symbol of count f ought to keep b = width * f / T and keeps at least floor(b). Since width >=
2^24, b is at least g = f * 2^24 / T, an integer from 1 up, so that b / floor(b) < 1 + 1 / g. The symbol costs
less than log2(1 + T / (f * 2^24)) bits more than its -log2(f / T): never a whole bit, and with the paper's T =
2^14 less than 0.0015. (On average it is far less, for the rest of a rounded slice goes to a neighbour.) The end
costs at most 2 bits, as in `exact`.

*Carry.* low may pass 2^32 after bytes have moved out; then the last byte that moved out grows by one, and
if it was 255 the one before it too. So the last byte and the run of 255s behind it are held back
until it is known. Carryless coders give width away instead; this one does not.
"""

from bisect import bisect_right
from collections.abc import Iterable

from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative, refuse
from eiwref.coding.interval import Interval
from eiwref.errors import CodeError

REGISTER_BITS = 32
FULL = 1 << REGISTER_BITS
REFILL = 1 << (REGISTER_BITS - 8)
"""width is at least this before every symbol; it bounds the precision, see MAX_PRECISION."""


class Encoder:
    """Encode one symbol at a time; of a long text, bytes can be taken as soon as they are final."""

    def __init__(self):
        self.output = bytearray()  # what is final and not taken
        self._taken = 0  # bytes
        self._low = 0  # bit 32 is a carry not yet passed on
        self._width = FULL
        self._held: int | None = None  # the last byte moved out that a carry may still raise
        self._run = 0  # how many bytes of 255 moved out behind it

    def encode(self, cumulative: Cumulative, symbol: int) -> None:
        """The next symbol, of the alphabet whose cumulative frequencies these are; raises `PredictorError`."""
        # `frequencies.slice_of`, written out since this is the loop of all others.
        try:
            shift = cumulative[-1].bit_length() - 1
            start = self._width * cumulative[symbol] >> shift
            end = self._width * cumulative[symbol + 1] >> shift
        except IndexError:
            refuse(cumulative, symbol)
        if symbol < 0 or start >= end:
            refuse(cumulative, symbol)
        # Invariant: low + width <= 2^33, and low - 2^32 + width <= 2^32 once low carries: a byte is raised
        # once at most. Both hold because an interval only ever shrinks inside the one before.
        self._low += start
        self._width = end - start
        while self._width < REFILL:
            self._move_out()
            self._width <<= 8

    def _move_out(self) -> None:
        byte, carry = (self._low >> 24) & 0xFF, self._low >> REGISTER_BITS
        if byte == 0xFF and not carry:
            self._run += 1
        else:
            self.output += self._released(carry)
            self._held, self._run = byte, 0
        self._low = (self._low << 8) & (FULL - 1)

    def _released(self, carry: int) -> bytes:
        """The held bytes, which no later carry can reach."""
        held = b"" if self._held is None else bytes((self._held + carry,))
        return held + bytes(((0xFF + carry) & 0xFF,)) * self._run

    @property
    def settled_bits(self) -> int:
        """How many leading bits of the code no later symbol can change."""
        low, high = self._low, self._low + self._width - 1
        final = self._taken + len(self.output)
        if low >> REGISTER_BITS == high >> REGISTER_BITS:
            moved = final + (self._held is not None) + self._run
            return 8 * moved + REGISTER_BITS - (low ^ high).bit_length()
        # A carry is still open: it would turn the held byte h and its run of 255s into h + 1 and zeros.
        return 8 * final + 8 - (self._held ^ (self._held + 1)).bit_length()

    def take(self) -> bytes:
        """The bytes that became final since the last time; memory is needed for the others alone."""
        taken = bytes(self.output)
        self._taken += len(taken)
        self.output.clear()
        return taken

    def finish(self) -> Bits:
        """All bits that were not taken, ended by the shortest ones that stay inside the interval."""
        code, length = Interval(self._low, self._width, REGISTER_BITS).shortest_code()
        whole = bytes(self.output) + self._released(code >> length)
        tail = Bits.from_int(code & ((1 << length) - 1), length)
        return Bits(whole + tail.data, 8 * len(whole) + length)


class Decoder:
    """Decode one symbol at a time from a code and whatever zero bits pad it.

    A code that comes in pieces is `itertools.chain.from_iterable(pieces)`: bytes are drawn as they are needed, at
    most four ahead of the symbol they belong to.
    """

    def __init__(self, data: Iterable[int]):
        self._bytes = iter(data)
        self._missing = 0  # zeros that were put in for bytes after the last
        self._moved = 0  # bytes that have left the register at its top, as in the encoder
        self._low = 0
        self._width = FULL
        self._place = 0  # code - low, in [0, width)
        for _ in range(REGISTER_BITS // 8):
            self._place = self._place << 8 | self._next_byte()
        self._symbols = 0

    def decode(self, cumulative: Cumulative) -> int:
        """The next symbol; the caller knows from it whether the text goes on."""
        total, width = cumulative[-1], self._width
        shift = total.bit_length() - 1
        # floor(width * C / T) <= place  <=>  width * C < (place + 1) * T
        symbol = bisect_right(cumulative, ((self._place + 1) * total - 1) // width) - 1
        start = width * cumulative[symbol] >> shift
        width = (width * cumulative[symbol + 1] >> shift) - start
        if width <= 0:
            refuse(cumulative, symbol)
        self._low += start
        self._place -= start
        self._symbols += 1
        while width < REFILL:
            self._low = (self._low << 8) & (FULL - 1)
            self._place = self._place << 8 | self._next_byte()
            self._moved += 1
            width <<= 8
        self._width = width
        if self._missing > REGISTER_BITS // 8:
            length = self._moved + REGISTER_BITS // 8 - self._missing
            raise CodeError(f"the code ends after {length} bytes, inside symbol {self._symbols}")
        return symbol

    def _next_byte(self) -> int:
        byte = next(self._bytes, None)
        if byte is None:
            self._missing += 1
            return 0
        return byte

    def finish(self) -> int:
        """The code's length in bits; raises `CodeError` unless it is the code the encoder would emit."""
        code, length = Interval(self._low, self._width, REGISTER_BITS).shortest_code()
        if self._low + self._place != code << (REGISTER_BITS - length):
            raise CodeError(f"the code is not the shortest one of its {self._symbols} symbols")
        return 8 * self._moved + length
