"""zlib's streams, read with care: cut ones are refused, and no more is inflated than was asked for."""

import sys
import zlib

from eiwref.errors import CodeError


def inflate(data: bytes, wbits: int, kind: str, most: int | None) -> tuple[bytes, bytes]:
    """(the text of the stream of `kind` that `data` begins with, what follows it).

    One byte more than `most` says that the text goes on. Raises `CodeError` for other damage.
    """
    stream = zlib.decompressobj(wbits)
    # zlib takes a limit of 0 as none, and no limit above sys.maxsize.
    limit = 0 if most is None else min(most + 1, sys.maxsize)
    try:
        text = stream.decompress(data, limit)
    except zlib.error as error:
        raise CodeError(f"not a {kind} stream ({error})") from None
    if not stream.eof and (most is None or len(text) <= most):
        raise CodeError(f"the {kind} stream is cut off after {len(data)} bytes")
    return text, stream.unused_data


def byte_ranges(data: bytes, wbits: int) -> list[tuple[int, int]]:
    """For each byte of the text of a sound stream, the half-open range of the stream's bits it has a hand in.

    zlib does not tell its bits, so the grain is the compressed byte that completes a text byte.
    """
    stream = zlib.decompressobj(wbits)
    ranges, begin = [], 0
    for index in range(len(data)):
        completed = len(stream.decompress(data[index : index + 1]))
        if completed:
            ranges += [(begin, 8 * index + 8)] * completed
            begin = 8 * index  # the next text byte may begin within this one
    return ranges
