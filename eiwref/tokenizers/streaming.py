"""Text from tokens as they come, whoever wrote them.

An M2 makes up one token after another. Some of its text can be shown before the last of them is there; how much,
the scheme says:

- `Bytes`: each token at once;
- equal-info windows: a window's text when its last bit is there. With b=64, v=256 that is every eighth token;
- AC and StaticAC: the text lags up to seven bytes of code behind, those that the decoder may look ahead;
- all others: nothing until the end, and nothing at all where the tokens are not what an encoder writes.

Ids that an M2 made up need not be any text's. Text before the fault stays, and `remark` says what was wrong.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence

from eiwref.coding import finite
from eiwref.coding.bits import check_ids, from_tokens
from eiwref.errors import CodeError, SpecError
from eiwref.tokenizers.ac import ArithmeticCoding
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.tokenizers.equal_text import EqualText
from eiwref.tokenizers.plain import Bytes, GZip
from eiwref.windows.padded import Delay

MOST_BYTES_A_SYMBOL = 3  # that a decoder draws: a symbol narrows 2^24 or more to 1 or more, and refills to 2^24


class TextStream(ABC):
    """Ids go in by `feed`, which returns the text that they settle; `finish` gives what is left.

    All pieces joined are the text of all ids, however these were parted. `remark`: what was wrong with the ids
    so far, or "".
    """

    remark = ""

    @abstractmethod
    def feed(self, ids: Sequence[int]) -> bytes:
        """The text that is settled by these ids and was not before; raises `CodeError` outside the vocabulary."""

    @abstractmethod
    def finish(self) -> bytes:
        """The rest of the text; there is nothing to feed after it."""


def stream(tokenizer: Tokenizer) -> TextStream:
    """A stream of the scheme's own kind, before the first id."""
    if isinstance(tokenizer, EqualInfo):
        return _Windows(tokenizer)
    if isinstance(tokenizer, ArithmeticCoding):
        return _Arithmetic(tokenizer)
    if isinstance(tokenizer, Bytes):
        return _Bytes()
    return _AtTheEnd(tokenizer)


def opening(tokenizer: Tokenizer, text: bytes | str) -> list[int]:
    """The ids that a text begins with which goes on after this one: a prompt.

    What comes next has a hand in the last bits, so they are left to it. Of equal-info windows there are all but
    the last, which might have taken more text; of AC the tokens whose bits no later byte can change. So a short
    text may have no ids at all. Raises `SpecError` for schemes whose codes are of whole texts alone (delay, too:
    any of its windows may have left text to the next only because there was no more).
    """
    delays = isinstance(tokenizer, EqualInfo) and isinstance(tokenizer.scheme, Delay)
    if delays or isinstance(tokenizer, GZip | EqualText):
        raise SpecError(f"{tokenizer.spec} cannot go on from a text, its code is that of a whole one")
    if isinstance(tokenizer, ArithmeticCoding):
        return tokenizer.settled(text).tolist()
    ids = tokenizer.encode(text).tolist()
    if isinstance(tokenizer, EqualInfo) and ids:
        windows = len(ids) * tokenizer.token_bits // tokenizer.scheme.window_bits
        return ids[: (windows - 1) * tokenizer.scheme.window_bits // tokenizer.token_bits]
    return ids


class _Bytes(TextStream):
    def feed(self, ids):
        return from_tokens(ids, 8)

    def finish(self):
        return b""


class _Windows(TextStream):
    def __init__(self, tokenizer: EqualInfo):
        self._scheme = tokenizer.scheme
        self._token_bits = tokenizer.token_bits
        self._size = tokenizer.window_bytes
        self._packed = b""  # of a window that is not whole yet
        self._windows = self._invalid = 0

    def feed(self, ids):
        packed, text = self._packed + from_tokens(ids, self._token_bits), bytearray()
        whole = len(packed) // self._size * self._size
        for at in range(0, whole, self._size):
            decoded = self._scheme.decode(int.from_bytes(packed[at : at + self._size], "big"))
            text += decoded.text
            self._scheme = self._scheme.after(decoded.text)
            self._windows += 1
            self._invalid += not decoded.valid
        self._packed = packed[whole:]
        if self._invalid:
            self.remark = f"{self._invalid} of {self._windows} windows are codes of no text"
        return bytes(text)

    def finish(self):
        # Where windows straddle tokens, zeros may pad the last one.
        if len(self._packed) >= self._token_bits // 8 or any(self._packed):
            rest = f"the last {8 * len(self._packed)} bits are no whole window"
            self.remark = f"{self.remark}, {rest}" if self.remark else rest
        return b""


class _Arithmetic(TextStream):
    def __init__(self, tokenizer: ArithmeticCoding):
        self._token_bits = tokenizer.token_bits
        self._waiting: deque[int] = deque()  # bytes of code that the decoder has not drawn
        self._symbols = tokenizer.symbols_of(self._code())
        self._needed = finite.REGISTER_BITS // 8 + MOST_BYTES_A_SYMBOL  # bytes, to be sure that none is missed

    def _code(self) -> Iterator[int]:
        while self._waiting:
            yield self._waiting.popleft()

    def feed(self, ids):
        self._waiting.extend(from_tokens(ids, self._token_bits))
        return self._read(final=False)

    def finish(self):
        return self._read(final=True)

    def _read(self, final: bool) -> bytes:
        text = bytearray()
        try:
            while final or len(self._waiting) >= self._needed:
                text.append(next(self._symbols))
                self._needed = MOST_BYTES_A_SYMBOL
        except StopIteration:  # at the end mark, or once more after an error
            pass
        except CodeError as error:
            self.remark = str(error)
        return bytes(text)


class _AtTheEnd(TextStream):
    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._ids: list[int] = []

    def feed(self, ids):
        self._ids += check_ids(ids, self._tokenizer.vocab_size).tolist()
        return b""

    def finish(self):
        try:
            return self._tokenizer.decode_bytes(self._ids)
        except CodeError as error:
            self.remark = str(error)
            return b""
