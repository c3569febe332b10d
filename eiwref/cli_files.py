"""The commands for `.eiw` files: encode and decode, a piece at a time."""

import os
from collections.abc import Iterator

from tqdm import tqdm

import eiwref
from eiwref import files
from eiwref.predictors.base import Predictor
from eiwref.tokenizers import container


def encode_command(options, predictor: Predictor | None) -> dict:
    """`eiwref encode`: returns what is to be reported."""
    files.check_writable(options.out)
    tokenizer = eiwref.tokenizer(options.tokenizer, predictor)
    with _Source(options.file, "encode") as source:
        written = files.write_pieces(options.out, container.pack_pieces(tokenizer, source))
    return _report(options, tokenizer.spec, source.bytes, written)


def decode_command(options, predictor: Predictor | None) -> dict:
    """`eiwref decode`: the text has its name only once its SHA-256 was right."""
    files.check_writable(options.out)
    with _Source(options.file, "decode") as source:
        tokenizer, texts = container.unpack_pieces(source, predictor, options.file)
        written = files.write_pieces(options.out, texts)
    return _report(options, tokenizer.spec, source.bytes, written)


class _Source:
    """A file's pieces, counted, with a bar for those who have waited a second."""

    def __init__(self, path: str, what: str):
        self.path = path
        self.bytes = 0
        size = os.path.getsize(path) if os.path.isfile(path) else None
        self.bar = tqdm(total=size, desc=what, unit="B", unit_scale=True, disable=None, delay=1)

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *_):
        self.bar.close()

    def __iter__(self) -> Iterator[bytes]:
        for piece in files.read_pieces(self.path):
            yield piece
            self.bytes += len(piece)
            self.bar.update(len(piece))


def _report(options, spec: str, read: int, written: int) -> dict:
    return {"file": options.out, "tokenizer": spec, "bytes_read": read, "bytes_written": written}
