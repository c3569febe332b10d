"""A tree of texts, one for each code of W bits: all that is left of a predictor once its windows are written down.

Nodes are numbered so that a text comes before those it begins, and these in the order of their next symbols:
counting codes upwards goes through the tree depth first. So the length and last symbol of each code's text, in the
order of the codes, are the whole tree. It predicts nothing, and is stored and named by digest as predictors are;
`windows.codebook` grows it and works with it. Not in the paper.
"""

import numpy as np

from eiwref.errors import PredictorError

MAX_WINDOW_BITS = 16
MAX_TEXT = 1 << 27  # bytes that all texts together may have: a thousand for each of 16 bits'


class Book:
    """`depths` and `symbols` of each code's text, shape (2^W,); `predictor`: digest of the one that grew the tree.

    Raises `PredictorError` if this is no such tree.
    """

    def __init__(self, depths: np.ndarray, symbols: np.ndarray, predictor: str):
        self.depths = np.asarray(depths, dtype=np.uint16)
        self.symbols = np.asarray(symbols, dtype=np.uint8)
        self.predictor = predictor
        self.window_bits = max(len(self.depths), 2).bit_length() - 1
        self._check()

    def tensors(self) -> tuple[dict[str, str], dict]:
        """(settings, arrays) that make it again, see `predictors.store`: 2 or 3 bytes a code."""
        narrow = np.uint8 if self.depths.max() < 256 else np.uint16
        settings = {"kind": "codebook", "predictor": self.predictor}
        return settings, {"depths": self.depths.astype(narrow), "symbols": self.symbols}

    @property
    def alphabet(self) -> int:
        """Bytes that may occur are those below this."""
        return int(self.symbols[self.depths == 1][-1]) + 1

    def _check(self) -> None:
        """Depth first, children in symbol order, and a text of one byte for each symbol of the alphabet."""
        depths, symbols = self.depths.astype(np.int64), self.symbols
        whole = len(depths) == len(symbols) == 1 << self.window_bits and self.window_bits <= MAX_WINDOW_BITS
        if not (whole and depths[0] == 1 and depths.min() == 1 and (np.diff(depths) <= 1).all()):
            raise PredictorError("it is no tree of windows")
        if depths.sum() > MAX_TEXT:
            raise PredictorError(f"its texts have {depths.sum():,} bytes together, expected at most {MAX_TEXT:,}")
        one_byte = symbols[depths == 1]
        if not np.array_equal(one_byte, np.arange(len(one_byte))):
            raise PredictorError("it is no tree of windows: each symbol must have a text of one byte, in order")
        last = {}  # by depth: the symbol of the sibling before
        for depth, symbol, before in zip(depths.tolist(), symbols.tolist(), [0, *depths.tolist()], strict=False):
            if depth <= before and symbol <= last[depth]:
                raise PredictorError("it is no tree of windows: siblings must be in the order of their symbols")
            last[depth] = symbol
