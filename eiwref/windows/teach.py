"""A list of likeliest texts taught by much text: where windows begin depends on the list, and the list on that.

So the two are found in turns: windows are cut by the list at hand, what follows each beginning is counted, and the
list is made anew from the counts. A few rounds change little more. Not in the paper.
"""

import numpy as np

from eiwref.predictors.base import Predictor
from eiwref.predictors.starts import Starts, sorted_pieces
from eiwref.windows import likeliest, table_walk
from eiwref.windows.codebook import Codebook


def taught(predictor: Predictor, documents: list[bytes], window_bits: int, rounds: int, bar=iter) -> Codebook:
    """The list that `predictor` and the text give after so many rounds. `bar` as in `Tokenizer.encode_batch`.

    Documents stand end to end: what follows a window near the end of one may be the beginning of the next.
    """
    book = likeliest.grow(predictor, window_bits)
    text = b"".join(documents)
    for _ in bar(range(rounds)):
        pieces = sorted_pieces(text, starts(book, documents))
        book = likeliest.grow(Starts(predictor, pieces), window_bits)
    return book


def starts(book: Codebook, documents: list[bytes]) -> np.ndarray:
    """Where windows begin in the documents, laid end to end, shape (N,), int64."""
    codes = np.concatenate([np.zeros(0, dtype=np.uint16), *table_walk.segment(book, documents)])
    lengths = book.depths[codes].astype(np.int64)
    return np.cumsum(lengths) - lengths


def starts_in_stream(book: Codebook, stream) -> np.ndarray:
    """Where windows begin in a `corpus.tokens.Tokens` of bytes, whose documents are each followed by their end."""
    documents = [ids.astype(np.uint8).tobytes() for ids in stream.documents()]
    begins = starts(book, documents)
    ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    return begins + np.searchsorted(ends, begins, side="right")  # an id more for each document before
