"""Files in and out, whole or in pieces: nothing is ever left half-written."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from eiwref.errors import EiwrefError

PIECE_BYTES = 1 << 20


@contextmanager
def _reading(path: str | Path) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as stream:
            yield stream
    except IsADirectoryError:
        raise EiwrefError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be read ({error.strerror})") from None


def read_bytes(path: str | Path, limit: int | None = None) -> bytes:
    """The file's bytes, or its first `limit`; an `EiwrefError` that says why where there are none."""
    with _reading(path) as stream:
        if limit is None:
            return stream.read()
        pieces = []
        while limit > 0 and (piece := stream.read(min(limit, PIECE_BYTES))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)


def read_pieces(path: str | Path) -> Iterator[bytes]:
    """The file from front to end, a piece of `PIECE_BYTES` bytes at a time; errors as in `read_bytes`."""
    with _reading(path) as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def write_bytes(path: str | Path, data: bytes) -> None:
    """A file of one piece, see `write_pieces`."""
    write_pieces(path, [data])


def write_pieces(path: str | Path, pieces: Iterable[bytes]) -> int:
    """Write to a temporary name beside `path`, then rename, so that a reader sees all or nothing.

    Returns how many bytes it wrote. An `EiwrefError` or interrupt in `pieces` goes through, and nothing is left
    behind. A link is followed to its file; a pipe or a device gets its bytes once the last piece has come.
    """
    target, is_device = _target(path)
    temporary, written = None, 0
    try:
        handle, temporary = tempfile.mkstemp(dir=None if is_device else os.path.dirname(target), prefix=".eiwref-")
        with os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
                written += len(piece)
        if is_device:
            with open(temporary, "rb") as source, open(target, "wb") as stream:
                shutil.copyfileobj(source, stream)
            return written
        # mkstemp makes a private file; a result should be as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
        temporary = None
        return written
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _target(path: str | Path) -> tuple[str, bool]:
    """(where the bytes go, links followed; whether that is a pipe or a device, which may have no name but this)"""
    if os.path.isdir(path):
        raise EiwrefError(f"{path}: is a folder, expected a file name to write to")
    is_device = os.path.exists(path) and not os.path.isfile(path)
    return (str(path) if is_device else os.path.realpath(path)), is_device


def check_writable(path: str | Path) -> None:
    """Raise what `write_pieces` would, before the long work whose result is to be written."""
    target, is_device = _target(path)
    if is_device:
        return
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(target)):
            pass
        with suppress(FileNotFoundError):  # whatever else is wrong with the name is wrong
            os.stat(target)
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be written ({error.strerror})") from None


def make_folder(path: str | Path) -> Path:
    """The folder, made if need be and shown to be writable, before any long work is begun."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise EiwrefError(f"{path}: is not a folder, expected one to write to") from None
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be written to ({error.strerror})") from None
    return path


def data_path(name: str) -> Path:
    """A file of `data/`: inside the package when installed, beside it in a checkout."""
    package = Path(str(resources.files("eiwref")))
    installed = package / "data" / name
    return installed if installed.exists() else package.parent / "data" / name
