"""A whole text through one coder: predict, code, advance.

The last symbol of the predictor's alphabet marks the end of the text, so that a code needs no length beside
it; its bits are part of the code. (The paper puts an end mark into the bytes instead, section 3.2.)
"""

from collections.abc import Iterable, Iterator
from operator import index

from eiwref.coding import frequencies
from eiwref.coding.bits import Bits
from eiwref.coding.frequencies import Cumulative
from eiwref.errors import CodeError, PredictorError


def encode(encoder, predictor, symbols: Iterable[int]) -> Bits:
    """The code of `symbols` and the end mark, by a fresh encoder of `exact`, `finite` or `ans`.

    Raises `PredictorError` for symbols that are no text under this predictor, and for frequencies that are none.
    """
    state = predictor.start()
    end = predictor.symbols - 1
    cumulative = _first(predictor, state)
    for symbol in map(index, symbols):  # of NumPy's, 255 + 1 may be 0
        if symbol == end:
            raise PredictorError(f"symbol {end} is the end mark, which cannot stand inside a text")
        encoder.encode(cumulative, symbol)
        state = predictor.advance(state, symbol)
        cumulative = predictor.cdf(state)
    encoder.encode(cumulative, end)
    return encoder.finish()


def decode(decoder, predictor, max_symbols: int | None = None) -> tuple[list[int], int]:
    """(symbols before the end mark, length of their code in bits), by a fresh decoder of the same kind.

    Raises `CodeError` when no encoder could have written the code, or past `max_symbols` symbols.
    """
    symbols: list[int] = []
    for symbol in until_end(decoder, predictor):
        if len(symbols) == max_symbols:
            raise CodeError(f"the code goes on after the {max_symbols} symbols that were declared")
        symbols.append(symbol)
    return symbols, decoder.finish()


def until_end(decoder, predictor) -> Iterator[int]:
    """The symbols before the end mark, one by one; raises `CodeError` where the bits run out before it."""
    state = predictor.start()
    end = predictor.symbols - 1
    cumulative = _first(predictor, state)
    while (symbol := decoder.decode(cumulative)) != end:
        yield symbol
        state = predictor.advance(state, symbol)
        cumulative = predictor.cdf(state)


def _first(predictor, state) -> Cumulative:
    """The first distribution, checked whole: a predictor that is wrong throughout is told by it."""
    cumulative = predictor.cdf(state)
    frequencies.check(cumulative)
    if len(cumulative) != predictor.symbols + 1:
        raise PredictorError(
            f"found frequencies of {len(cumulative) - 1} symbols, expected the predictor's {predictor.symbols}"
        )
    return cumulative
