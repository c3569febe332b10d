"""An interpolated n-gram over bytes, exact once fitted: the stand-in for M1 until one is trained.

A context's distribution is its own counts blended with that of the context one symbol shorter (Witten and
Bell's method C). Of N occurrences with D distinct successors,

    p_k(c | h) = (count(c) + D * p_{k-1}(c | h')) / (N + D)

down to order 0, which is blended with the uniform distribution. Rare successors may have been left
out to keep the table small; their occurrences still count in N, and are shared among the successors that are
not listed, in proportion to p_{k-1}. Probabilities are integers in units of 2^-30, and every quotient is rounded
down, so that each machine computes the same.

Counts of shorter contexts are plain counts, not Kneser-Ney's: each window starts without context, and there
the short contexts must be right by themselves. The paper has a 3m-parameter transformer in this place
(section 3.2).
"""

from array import array
from collections.abc import Iterable, Iterator
from copy import copy
from typing import NamedTuple

import numpy as np

from eiwref.backend import to_numpy
from eiwref.coding import frequencies
from eiwref.errors import PredictorError
from eiwref.predictors.base import BYTES_AND_END, LIMIT, Predictor
from eiwref.predictors.static import Unigram

MAX_ORDER = 6  # symbols of context that fit a 64-bit key beside the successor
SYMBOL_BITS = 9
FRACTION_BITS = 30  # keeps count << 30 inside int64 up to 2^32 occurrences
ROOM = 1 << 14  # distributions remembered at most, of each kind: 50 MB in all
CHUNK = 1 << 22  # symbols counted at a time; memory grows with the n-grams that differ, not with the text
_UNIFORM = np.full(BYTES_AND_END, (1 << FRACTION_BITS) // BYTES_AND_END)


class Successors(NamedTuple):
    """What followed one context."""

    symbols: np.ndarray  # rising, int64, shape (D,)
    counts: np.ndarray  # int64, shape (D,)
    total: int  # occurrences of the context, listed successors or not


Table = dict[bytes, Successors]


class NGram(Predictor):
    """`tables[k]` maps contexts of k symbols, as bytes, to what followed them."""

    def __init__(
        self,
        tables: list[Table],
        symbols: int = BYTES_AND_END,
        precision: int = frequencies.PRECISION,
        limit: int = LIMIT,
    ):
        frequencies.check_precision(precision, symbols)
        self.tables = tables
        self.order = len(tables) - 1
        self.symbols = symbols
        self.precision = precision
        self.limit = limit
        self._known = {context for table in tables for context in table}
        self._cumulative: dict[bytes, array] = {}
        self._weights: dict[bytes, np.ndarray] = {}

    @classmethod
    def fit(
        cls,
        documents: Iterable[bytes],
        order: int = 3,
        symbols: int = BYTES_AND_END,
        precision: int = frequencies.PRECISION,
        limit: int = LIMIT,
        min_count: int = 1,
        xp=np,
    ) -> "NGram":
        """Count what follows every context of 0 to `order` symbols.

        Over 257 symbols, each document is bytes and ends with symbol 256; over a smaller alphabet documents are
        bytes below it and have no end. After contexts of 2 symbols or more, successors seen fewer than
        `min_count` times are left out. `xp` is the array module that counts.
        """
        frequencies.check_precision(precision, symbols)
        if symbols > BYTES_AND_END:
            raise PredictorError(f"an n-gram is over at most {BYTES_AND_END} symbols, found {symbols}")
        if not 0 <= order <= MAX_ORDER:
            raise PredictorError(f"order is {order}, expected 0 to {MAX_ORDER}")
        end = np.array([symbols - 1] if symbols == BYTES_AND_END else [], dtype=np.int64)
        totals = [(np.zeros(0, np.int64), np.zeros(0, np.int64)) for _ in range(order + 1)]
        for text, lengths in _chunks(documents, end):
            for k in range(order + 1):
                totals[k] = _merge(*totals[k], *_count(text, lengths, k, xp))
        if len(totals[0][0]) and (totals[0][0].max() >= symbols or totals[0][1].sum() >= 1 << 32):
            raise PredictorError(f"the text must be fewer than 2^32 symbols below {symbols}")
        # Documents that are all empty leave nothing but their ends.
        if not len(totals[0][0]) or totals[0][0].tolist() == end.tolist():
            raise PredictorError("there is no text to count")
        totals = [pairs for pairs in totals if len(pairs[0])]  # a short text has no long contexts
        tables = [_group(keys, counts, k, min_count if k >= 2 else 1) for k, (keys, counts) in enumerate(totals)]
        tables = [table for table in tables if table]
        return cls(tables, symbols, precision, limit)

    def start(self):
        return b""

    def advance(self, state, symbol):
        """The longest counted context that the text now ends with."""
        context = state + bytes((symbol,))
        if len(context) > self.order:
            context = context[1:]
        while context not in self._known:
            context = context[1:]
        return context

    def cdf(self, state):
        cumulative = self._cumulative.get(state)
        if cumulative is None:
            cumulative = frequencies.from_weights(self.weights(state)[: self.symbols], self.precision)
            _keep(self._cumulative, state, cumulative)
        return cumulative

    def weights(self, context: bytes) -> np.ndarray:
        """Probabilities after `context` in units of 2^-30, shape (257,), int64."""
        known = self._weights.get(context)
        if known is not None:
            return known
        p = self.weights(context[1:]) if context else _UNIFORM
        found = self.tables[len(context)].get(context)
        if found is not None:
            symbols, counts, total = found
            unlisted = p.copy()
            unlisted[symbols] = 0
            unlisted = (unlisted << FRACTION_BITS) // max(1, int(unlisted.sum()))
            p = len(symbols) * p + (total - int(counts.sum())) * unlisted
            p[symbols] += counts << FRACTION_BITS
            p //= total + len(symbols)
        if len(context) < self.order:  # the longest contexts are nobody's shorter one
            _keep(self._weights, context, p)
        return p

    def tensors(self):
        arrays = {}
        for k, table in enumerate(self.tables):
            rows = [table[context] for context in sorted(table)]
            arrays |= {
                f"contexts.{k}": np.frombuffer(b"".join(sorted(table)), dtype=np.uint8),
                f"totals.{k}": _smallest(np.array([row.total for row in rows])),
                f"sizes.{k}": np.array([len(row.symbols) for row in rows], dtype=np.uint16),
                f"symbols.{k}": np.concatenate([row.symbols for row in rows]).astype(np.uint16),
                f"counts.{k}": _smallest(np.concatenate([row.counts for row in rows])),
            }
        return {"kind": "ngram", "order": str(self.order)}, arrays

    @classmethod
    def from_tensors(cls, order: int, arrays: dict, symbols: int, precision: int, limit: int) -> "NGram":
        """The inverse of `tensors`; raises `PredictorError` if the arrays do not belong together."""
        tables: list[Table] = []
        for k in range(order + 1):
            contexts, totals, sizes, successors, counts = (
                arrays[f"{name}.{k}"].astype(np.int64)
                for name in ("contexts", "totals", "sizes", "symbols", "counts")
            )
            ends = np.cumsum(sizes)
            packed = contexts.astype(np.uint8).tobytes()
            consistent = (
                len(contexts) == k * len(totals)
                and len(totals) == len(sizes) > 0
                and len(successors) == len(counts) == ends[-1]
                and 0 <= successors.min() <= successors.max() < BYTES_AND_END
                and 0 < counts.min() <= counts.max() <= totals.max() < 1 << 32
                and (np.add.reduceat(counts, ends - sizes) <= totals).all()
            )
            if not consistent:
                raise PredictorError(f"the tables of order {k} do not belong together")
            table = {}
            for row, (end, size, total) in enumerate(
                zip(ends.tolist(), sizes.tolist(), totals.tolist(), strict=True)
            ):
                here = slice(end - size, end)
                table[packed[row * k : (row + 1) * k]] = Successors(successors[here], counts[here], total)
            tables.append(table)
        return cls(tables, symbols, precision, limit)

    def static(self):
        found = self.tables[0][b""]
        counts = np.zeros(self.symbols, dtype=np.int64)
        listed = found.symbols < self.symbols
        counts[found.symbols[listed]] = found.counts[listed]
        return Unigram(counts, self.precision, self.limit)

    def _over(self, symbols):
        view = copy(self)  # shares tables and weights
        view.symbols = symbols
        view._cumulative = {}
        return view


def _chunks(documents: Iterable[bytes], end: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(symbols of whole documents end to end, the length of each), about CHUNK symbols at a time."""
    parts: list[np.ndarray] = []
    size = 0
    for document in documents:
        parts.append(np.concatenate([np.frombuffer(document, dtype=np.uint8), end], dtype=np.int64))
        size += len(parts[-1])
        if size >= CHUNK:
            yield np.concatenate(parts), np.array([len(part) for part in parts])
            parts, size = [], 0
    if size:
        yield np.concatenate(parts), np.array([len(part) for part in parts])


def _count(text: np.ndarray, lengths: np.ndarray, k: int, xp) -> tuple[np.ndarray, np.ndarray]:
    """(keys rising, counts) of all (context of k, successor) pairs that lie within one document.

    A key is the context's symbols, 8 bits each, then the successor in 9 bits. Only the successor can be
    the end of text, symbol 256.
    """
    inside = np.arange(len(text)) - np.repeat(np.cumsum(lengths) - lengths, lengths) >= k
    positions = xp.asarray(np.flatnonzero(inside))
    symbols = xp.asarray(text)
    keys = xp.zeros(len(positions), dtype=xp.int64)
    for back in range(k, 0, -1):
        keys = keys << 8 | symbols[positions - back]
    keys, counts = xp.unique(keys << SYMBOL_BITS | symbols[positions], return_counts=True)
    return to_numpy(keys), to_numpy(counts).astype(np.int64)


def _merge(keys, counts, more_keys, more_counts) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both, keys rising."""
    merged, place = np.unique(np.concatenate([keys, more_keys]), return_inverse=True)
    sums = np.zeros(len(merged), dtype=np.int64)
    np.add.at(sums, place, np.concatenate([counts, more_counts]))
    return merged, sums


def _group(keys: np.ndarray, counts: np.ndarray, k: int, min_count: int) -> Table:
    """One entry a context, from rising keys; contexts with no successor left are dropped."""
    contexts, starts = np.unique(keys >> SYMBOL_BITS, return_index=True)
    successors = keys & ((1 << SYMBOL_BITS) - 1)
    table = {}
    for context, start, end in zip(contexts.tolist(), starts, np.append(starts, len(keys))[1:], strict=True):
        here = counts[start:end]
        kept = here >= min_count
        if kept.any():
            table[context.to_bytes(k, "big")] = Successors(
                successors[start:end][kept], here[kept], int(here.sum())
            )
    return table


def _keep(known: dict, context: bytes, distribution) -> None:
    """Remember it, and of a full memory nothing else."""
    if len(known) >= ROOM:
        known.clear()
    known[context] = distribution


def _smallest(values: np.ndarray) -> np.ndarray:
    """The same values in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(values.max()))
