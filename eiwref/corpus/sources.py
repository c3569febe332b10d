"""Where text comes from, by name: the built-in text, files, folders, C4's own format.

Paper, section 3.1: C4, here in the form it is published in, gzipped JSON lines with `text`, `timestamp` and
`url`. A source yields one document after another and is never held in memory as a whole.
"""

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from eiwref.corpus import builtin
from eiwref.errors import CorpusError
from eiwref.files import read_bytes

BUILTIN = "builtin:"
JSON_LINES = ".json.gz"
SHARDS = "tokens-*.npy"
PART = re.compile(r"(.*\.json\.gz)@(\d*):(\d*)$", re.DOTALL)


def documents(source: str | Path) -> Iterator[bytes]:
    """The documents of one source, as UTF-8 or whatever bytes a file holds.

    `source`: "builtin:train" or "builtin:held-out"; a `*.json.gz` file, a document a line; any other file, a
    document as it is; or a folder, all files below it, those of a folder before those of the folders in it, each
    by name, hidden ones left out. What cannot be read there, links to folders among it, is refused.
    `FILE.json.gz@A:B` is the file's documents A to B - 1, counted from 0; without A from the
    first, without B to the last.
    """
    if str(source).startswith(BUILTIN):
        yield from builtin.documents(str(source)[len(BUILTIN) :])
        return
    part = PART.match(str(source))
    if part:
        yield from _part(Path(part[1]), int(part[2] or 0), int(part[3]) if part[3] else None)
        return
    if not str(source):
        raise CorpusError("a text without a name")
    path = Path(source)
    if holds_tokens(path):
        raise CorpusError(f"{path}: holds tokens, made by eiwref shards, where text is expected")
    if (path / "log.jsonl").exists() and (path / "config.json").exists():
        raise CorpusError(f"{path}: is the folder of a training run, where text is expected")
    if os.path.isdir(path):
        files = list(_files_below(path))
        if not files:
            raise CorpusError(f"{path}: the folder holds no files")
        for file in files:
            yield from documents(file)
    elif path.name.endswith(JSON_LINES):
        yield from _json_lines(path)
    else:
        yield read_bytes(path)


class Tally:
    """Counts documents as they stream by, and their SHA-256: of each document's length, then the document."""

    def __init__(self):
        self.documents = 0
        self.bytes = 0
        self._hash = hashlib.sha256()

    def count(self, texts: Iterable[bytes]) -> Iterator[bytes]:
        """The same documents, counted."""
        for text in texts:
            self.documents += 1
            self.bytes += len(text)
            self._hash.update(len(text).to_bytes(8, "big") + text)
            yield text

    def as_dict(self) -> dict:
        """Counts and digest over all documents so far."""
        return {"documents": self.documents, "bytes": self.bytes, "sha256": self._hash.hexdigest()}


def counted(names: Iterable[str]) -> tuple[Iterator[bytes], list[tuple[str, Tally]]]:
    """(the documents of all these sources, a count of each source, which is whole once they have been read)"""
    tallies = [(name, Tally()) for name in names]
    return chain.from_iterable(tally.count(documents(name)) for name, tally in tallies), tallies


def describe(source: str | Path) -> dict:
    """How much text a source has, and its SHA-256."""
    seen = Tally()
    for _ in seen.count(documents(source)):
        pass
    return seen.as_dict()


def reads(source: str, path: str) -> bool:
    """Whether the file at `path` is one that `source` names."""
    part = PART.match(source)
    named = Path(part[1] if part else source)
    if source.startswith(BUILTIN) or not (named.exists() and os.path.isfile(path)):
        return False
    return (
        Path(path).resolve().is_relative_to(named.resolve()) if named.is_dir() else os.path.samefile(named, path)
    )


def holds_tokens(path: str | Path) -> bool:
    """Whether shards of tokens stand there (see `tokens`), and no text."""
    return next(Path(path).glob(SHARDS), None) is not None


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError):
        raise CorpusError(f"{error.filename}: cannot be read ({error.strerror})")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(Path(parent) / name):
                raise CorpusError(f"{Path(parent) / name}: is a link to a folder, name that folder itself")
        for name in sorted(files):
            path = Path(parent) / name
            if name.startswith("."):
                continue
            if not path.is_file():
                raise CorpusError(f"{path}: is no file that can be read")
            yield path


def _part(path: Path, begin: int, end: int | None) -> Iterator[bytes]:
    """Lines `begin` to `end` - 1, all of which must be there."""
    read = 0
    if end is not None and end <= begin:
        raise CorpusError(f"{path}: of {begin}:{end} the end must be above the beginning")
    for text in _json_lines(path):
        if end is not None and read >= end:
            return
        if read >= begin:
            yield text
        read += 1
    if read <= begin or (end is not None and read < end):
        raise CorpusError(f"{path}: has {read} documents, too few for {begin}:{'' if end is None else end}")


def _json_lines(path: Path) -> Iterator[bytes]:
    read = 0
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                yield _text_of(line)
                read += 1
    except UnicodeEncodeError:
        raise CorpusError(f"{path}: line {read + 1} holds half a surrogate pair, which UTF-8 lacks") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CorpusError(f"{path}: line {read + 1} is not a JSON object with a string called text") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise CorpusError(f"{path}: the gzip stream is damaged or cut off after line {read}") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None
    if read == 0:
        raise CorpusError(f"{path}: holds no documents")


def _text_of(line: bytes) -> bytes:
    text = json.loads(line)["text"]
    if not isinstance(text, str):
        raise TypeError
    return text.encode("utf-8")
