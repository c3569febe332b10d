"""A range coder: arithmetic coding in 32-bit integers, O(n), one byte out at a time.

Paper, section 3.3 ("range coder at precision 14 bits"). The interval [low, low + width) is kept to 32 bits:
whenever width falls below 2^24 the top byte of low is final but for a carry, so it moves out and both are
scaled by 256. Slices are rounded to integers, floor(width * C / T), and still tile the interval, so that
nothing is lost but a little width: a symbol of count f keeps more than width * f / T - 1, and since width >=
2^24 its code grows by less than -log2(1 - T / (f * 2^24)) bits over `exact`.

*Carry.* low may pass 2^32 after bytes have moved out; then the last byte that moved out grows by one, and
if it was 255 the one before it too. So the last byte and the run of 255s behind it are held back
until it is known. Carryless coders give width away instead; this one does not.
"""

from bisect import bisect_right

from eiwref.coding.bits import Bits
from eiwref.coding.exact import Interval
from eiwref.coding.frequencies import Cumulative
from eiwref.errors import CodeError

REGISTER_BITS = 32
FULL = 1 << REGISTER_BITS
REFILL = 1 << (REGISTER_BITS - 8)
"""width is at least this before every symbol; it bounds the precision, see MAX_PRECISION."""


class Encoder:
    """Encode one symbol at a time; bytes that are final can be taken from `output` as they come."""

    def __init__(self):
        self.output = bytearray()
        self._low = 0  # bit 32 is a carry not yet passed on
        self._width = FULL
        self._held: int | None = None  # the last byte moved out that a carry may still raise
        self._run = 0  # how many bytes of 255 moved out behind it

    def encode(self, cumulative: Cumulative, symbol: int) -> None:
        shift = cumulative[-1].bit_length() - 1
        start = self._width * cumulative[symbol] >> shift
        end = self._width * cumulative[symbol + 1] >> shift
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
            self._settle(carry)
            self._held = byte
        self._low = (self._low << 8) & (FULL - 1)

    def _settle(self, carry: int) -> None:
        """Release the held bytes: no later carry can reach them."""
        if self._held is not None:
            self.output.append(self._held + carry)
        self.output += bytes([(0xFF + carry) & 0xFF]) * self._run
        self._run = 0

    @property
    def settled_bits(self) -> int:
        """How many leading bits of the code no later symbol can change."""
        low, high = self._low, self._low + self._width - 1
        if low >> REGISTER_BITS == high >> REGISTER_BITS:
            moved = len(self.output) + (self._held is not None) + self._run
            return 8 * moved + REGISTER_BITS - (low ^ high).bit_length()
        # A carry is still open: it would turn the held byte h and its run of 255s into h + 1 and zeros.
        return 8 * len(self.output) + 8 - (self._held ^ (self._held + 1)).bit_length()

    def finish(self) -> Bits:
        """All bits, ended by the shortest ones that stay inside the interval."""
        code, length = Interval(self._low, self._width, REGISTER_BITS).shortest_code()
        self._settle(code >> length)
        tail = Bits.from_int(code & ((1 << length) - 1), length)
        return Bits(bytes(self.output) + tail.data, 8 * len(self.output) + length)


class Decoder:
    """Decode one symbol at a time from a code and whatever zero bits pad it."""

    def __init__(self, data: bytes):
        self._data = data
        self._moved = 0  # bytes that have left the register at its top, as in the encoder
        self._low = 0
        self._width = FULL
        self._place = int.from_bytes(data[:4].ljust(4, b"\0"), "big")  # code - low, in [0, width)
        self._symbols = 0

    def decode(self, cumulative: Cumulative) -> int:
        """The next symbol; the caller knows from it whether the text goes on."""
        total, width = cumulative[-1], self._width
        shift = total.bit_length() - 1
        # floor(width * C / T) <= place  <=>  width * C < (place + 1) * T
        symbol = bisect_right(cumulative, ((self._place + 1) * total - 1) // width) - 1
        start = width * cumulative[symbol] >> shift
        width = (width * cumulative[symbol + 1] >> shift) - start
        self._low += start
        self._place -= start
        self._symbols += 1
        while width < REFILL:
            self._low = (self._low << 8) & (FULL - 1)
            self._place = self._place << 8 | self._byte(self._moved + 4)
            self._moved += 1
            width <<= 8
        self._width = width
        if self._moved > len(self._data):
            raise CodeError(f"the code ends after {len(self._data)} bytes, inside symbol {self._symbols}")
        return symbol

    def _byte(self, index: int) -> int:
        return self._data[index] if index < len(self._data) else 0

    def finish(self) -> int:
        """The code's length in bits; raises `CodeError` unless it is the code the encoder would emit."""
        code, length = Interval(self._low, self._width, REGISTER_BITS).shortest_code()
        if self._low + self._place != code << (REGISTER_BITS - length):
            raise CodeError(f"the code is not the shortest one of its {self._symbols} symbols")
        return 8 * self._moved + length
