"""Whole files in, whole files out: nothing is ever left half-written."""

import os
import tempfile
from importlib import resources
from pathlib import Path

from eiwref.errors import EiwrefError


def read_bytes(path: str | Path) -> bytes:
    """The file's bytes, or an `EiwrefError` that says why there are none."""
    path = Path(path)
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise EiwrefError(f"{path}: is a folder, expected a file") from None
    except OSError as error:
        raise EiwrefError(f"{path}: cannot be read ({error.strerror})") from None


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write to a temporary name beside `path`, then rename, so that a reader sees all or nothing."""
    path = Path(path)
    if path.is_dir():
        raise EiwrefError(f"{path}: is a folder, expected a file name to write to")
    temporary = None
    try:
        # mkstemp makes a private file; a result should be as readable as any other new file.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
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
