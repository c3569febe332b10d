"""Arrays with settings in one safetensors file, and a digest that says whether it is whole.

The digest is a SHA-256 over settings and arrays in a fixed order and byte order, not over the file, so that
it names what the file holds. Safetensors because it holds arrays and nothing that could run.
"""

import hashlib
import json

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from eiwref.errors import EiwrefError


def dump(settings: dict[str, str], arrays: dict[str, np.ndarray], extra: dict[str, str] | None = None) -> bytes:
    """The file's bytes; `extra` settings travel with it without being part of the digest."""
    metadata = settings | {"digest": digest(settings, arrays)} | (extra or {})
    metadata["checksum"] = digest(metadata, {})
    in_order = {
        name: np.asarray(values, order="C") for name, values in arrays.items()
    }  # it writes memory as it lies
    # One setting only, since safetensors keeps several in no fixed order.
    return save(in_order, metadata={"eiwref": json.dumps(metadata, sort_keys=True)})


def parse(
    data: bytes, name: str, file_format: str, error: type[EiwrefError]
) -> tuple[dict, dict[str, np.ndarray]]:
    """(settings, arrays) of `dump`'s bytes, the digest among the settings and not yet checked.

    Raises `error` if they are none, or of another format; `name` is what the sentence calls them.
    """
    kind = file_format.split(".")[1]
    try:
        arrays, settings = load(data), _settings(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        raise error(f"{name}: is not an eiwref {kind} file, or is damaged") from None
    if not isinstance(settings, dict) or settings.get("format") != file_format:
        raise error(f"{name}: is not an eiwref {kind} file of format {file_format}")
    checksum = settings.pop("checksum", None)
    if not all(isinstance(value, str) for value in settings.values()) or checksum != digest(settings, {}):
        raise error(f"{name}: is damaged, its settings are not as they were written")
    return settings, arrays


def format_of(data: bytes) -> str | None:
    """What `parse` would have to be told, None if it is no such file."""
    try:
        found = _settings(data)["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _settings(data: bytes):
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"]["eiwref"])


def digest(settings: dict[str, str], arrays: dict[str, np.ndarray]) -> str:
    """64 hexadecimal digits that two files share only if they hold the same."""
    whole = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name in sorted(arrays):
        values = arrays[name]
        whole.update(f"{name} {' '.join(map(str, values.shape))}\n".encode())
        # Little-endian, and integers of 64 bits whatever type the file uses.
        little_endian = values.dtype.newbyteorder("<") if values.dtype.kind == "f" else np.dtype("<i8")
        if values.dtype.kind == "f":
            whole.update(little_endian.str.encode())  # the same numbers in another width compute otherwise
        whole.update(values.astype(little_endian).tobytes())
    return whole.hexdigest()
