"""A whole text through one coder: predict, code, advance.

The last symbol of the predictor's alphabet marks the end of the text, so that a code needs no length beside
it; its bits are part of the code. (The paper puts an end mark into the bytes instead, section 3.2.)
"""

from collections.abc import Iterable, Iterator

from eiwref.coding.bits import Bits
from eiwref.errors import CodeError


def encode(encoder, predictor, symbols: Iterable[int]) -> Bits:
    """The code of `symbols` and the end mark, by a fresh `exact.Encoder` or `finite.Encoder`."""
    state = predictor.start()
    for symbol in symbols:
        encoder.encode(predictor.cdf(state), symbol)
        state = predictor.advance(state, symbol)
    encoder.encode(predictor.cdf(state), predictor.symbols - 1)
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
    while (symbol := decoder.decode(predictor.cdf(state))) != end:
        yield symbol
        state = predictor.advance(state, symbol)
