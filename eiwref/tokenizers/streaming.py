"""Text from tokens as they come, whoever wrote them.

An M2 makes up one token after another. Some of its text can be shown before the last of them is there; how much,
the scheme says:

- `Bytes` and SentencePiece: each token at once;
- equal-info windows: a window's text when its last bit is there. With b=64, v=256 that is every eighth token;
- AC, StaticAC and ANS: the text lags up to seven or eight bytes of code behind, those that the decoder may look
  ahead; Huffman: as many as its longest code fills;
- all others (GZip, rank coding, equal-text windows): nothing until the end, and nothing at all where the tokens
  are not what an encoder writes.

Ids that an M2 made up need not be any text's. Text before the fault stays, and `remark` says what was wrong.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence

from eiwref.coding.bits import check_ids, from_tokens
from eiwref.errors import CodeError, SpecError
from eiwref.tokenizers.ac import ArithmeticCoding, StreamCoding
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.tokenizers.huffman import Huffman
from eiwref.tokenizers.plain import Bytes
from eiwref.tokenizers.subword import SentencePiece
from eiwref.windows.padded import Delay


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
    if isinstance(tokenizer, StreamCoding | Huffman):
        return _Symbols(tokenizer)
    if isinstance(tokenizer, Bytes | SentencePiece):
        return _Alone(tokenizer)
    return _AtTheEnd(tokenizer)


def opening(tokenizer: Tokenizer, text: bytes | str) -> list[int]:
    """The ids that a text begins with which goes on after this one: a prompt.

    What comes next has a hand in the last bits, so they are left to it. Of equal-info windows there are all but
    the last, which might have taken more text; of AC and Huffman the tokens whose bits no later byte can change.
    So a short text may have no ids at all. SentencePiece gives all of them, as is the custom, though in a longer
    text its last word might be cut into other pieces. Raises `SpecError` for schemes whose codes are of whole
    texts alone (delay, too: any of its windows may have left text to the next only because there was no more).
    """
    if isinstance(tokenizer, ArithmeticCoding | Huffman):
        return tokenizer.settled(text).tolist()
    if isinstance(tokenizer, Bytes | SentencePiece):
        return tokenizer.encode(text).tolist()
    if not isinstance(tokenizer, EqualInfo) or isinstance(tokenizer.scheme, Delay):
        raise SpecError(f"{tokenizer.spec} cannot go on from a text, its code is that of a whole one")
    ids = tokenizer.encode(text).tolist()
    windows = len(ids) * tokenizer.token_bits // tokenizer.scheme.window_bits
    return ids[: max(0, windows - 1) * tokenizer.scheme.window_bits // tokenizer.token_bits]


class _Alone(TextStream):
    """Each id by itself."""

    def __init__(self, tokenizer: Bytes | SentencePiece):
        self._tokenizer = tokenizer

    def feed(self, ids):
        text = bytearray()
        for id in check_ids(ids, self._tokenizer.vocab_size).tolist():
            try:
                text += self._tokenizer.decode_bytes([id])
            except CodeError as error:  # SentencePiece has an id without a text
                self.remark = str(error)
        return bytes(text)

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


class _Symbols(TextStream):
    def __init__(self, tokenizer: StreamCoding | Huffman):
        self._tokenizer = tokenizer
        self._waiting: deque[int] = deque()  # bytes of packed ids that the decoder has not drawn
        self._symbols = tokenizer.symbols_of(self._packed())
        self._needed, self._each = tokenizer.draws  # bytes, to be sure that none is missed

    def _packed(self) -> Iterator[int]:
        while self._waiting:
            yield self._waiting.popleft()

    def feed(self, ids):
        checked = check_ids(ids, self._tokenizer.vocab_size)
        self._waiting.extend(from_tokens(checked, self._tokenizer.token_bits))
        return self._read(final=False)

    def finish(self):
        return self._read(final=True)

    def _read(self, final: bool) -> bytes:
        text = bytearray()
        try:
            while final or len(self._waiting) >= self._needed:
                text.append(next(self._symbols))
                self._needed = self._each
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
