"""Whole files in, whole files out: nothing is ever left half-written."""

import os
import tempfile
from importlib import resources
from pathlib import Path

from eiwref.errors import EiwrefError


def read_bytes(path: str | Path, limit: int | None = None) -> bytes:
    """The file's bytes, or its first `limit`; an `EiwrefError` that says why where there are none."""
    try:
        with open(path, "rb") as stream:
            return stream.read(-1 if limit is None else limit)
    except IsADirectoryError:
        raise EiwrefError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be read ({error.strerror})") from None


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write to a temporary name beside `path`, then rename, so that a reader sees all or nothing.

    A link is followed to its file; a pipe or a device is written to as it is.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise EiwrefError(f"{path}: is a folder, expected a file name to write to")
    temporary = None
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:
                stream.write(data)
            return
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".eiwref-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        # mkstemp makes a private file; a result should be as readable as any other new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise what `write_bytes` would, before the long work whose result is to be written."""
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise EiwrefError(f"{path}: is a folder, expected a file name to write to")
    if os.path.exists(target) and not os.path.isfile(target):
        return
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(target)):
            pass
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
