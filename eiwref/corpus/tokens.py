"""Where tokens go: a folder of shards that need not fit into memory, with a manifest that says what they are.

The paper tokenizes C4 once and trains on what came out; so do we, for text larger than memory. The stream is what
training reads: documents end to end, each followed by the end id (the vocabulary's size, for 65,536 ids the first
that 16 bits cannot hold, so these take 32). It is cut into `.npy` files of at most `SHARD_TOKENS` ids wherever one
is full. The manifest comes last: a folder without one was not finished. One document must fit into memory.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from itertools import chain
from pathlib import Path
from tokenize import TokenError

import numpy as np

from eiwref.corpus.sources import Tally, documents
from eiwref.errors import CorpusError
from eiwref.files import make_folder, read_bytes, write_bytes, write_pieces
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.workers import at_work

FORMAT = "eiwref.tokens.2"
SHARD_TOKENS = 1 << 25  # 64 MiB of 16-bit ids
MANIFEST = "manifest.json"
MANIFEST_BYTES = 1 << 26  # far more than any has
GROUP_BYTES = 1 << 24  # of text that is tokenized together
MOST_IDS = (1 << 16) + 1  # 65,536 tokens and a delimiter
CHECKED_AT_ONCE = 1 << 20  # ids


class Tokens:
    """A stream of ids, in memory or mapped from shards: it has a length, and gives arrays for slices.

    `counts` (end + 1,): how often each id stands in it, so the last is the number of documents. `text_bytes`: of
    the text they stand for. `digest`: 64 hexadecimal digits of what it holds.
    """

    def __init__(self, parts: list[tuple[str, np.ndarray]], end: int, text_bytes: int, counts, digest: str):
        self.end = end
        self.text_bytes = text_bytes
        self.counts = counts
        self.digest = digest
        self._names = [name for name, _ in parts]
        self._parts = [part for _, part in parts]
        self._begins = np.cumsum([0, *map(len, self._parts)])

    def __len__(self) -> int:
        return int(self._begins[-1])

    def __getitem__(self, piece: slice) -> np.ndarray:
        """The ids of a slice of step 1, from as many shards as it touches."""
        begin, end, _ = piece.indices(len(self))
        first = int(np.searchsorted(self._begins, begin, side="right")) - 1
        last = int(np.searchsorted(self._begins, end, side="left"))
        offsets = self._begins[first:last].tolist()
        found = [
            part[max(0, begin - offset) : end - offset]
            for part, offset in zip(self._parts[first:last], offsets, strict=True)
        ]
        return found[0] if len(found) == 1 else np.concatenate([self._parts[0][:0], *found])

    def documents(self) -> list[np.ndarray]:
        """The ids of each document, without the end; all of them in memory."""
        whole = self[:]
        ends = np.flatnonzero(whole == self.end)
        return [part[:-1] for part in np.split(whole, ends[:-1] + 1)] if len(ends) else []

    def where(self, token: int) -> str:
        """In which file a token of the stream stands, and where."""
        shard = int(np.searchsorted(self._begins, token, side="right")) - 1
        return f"{self._names[shard]} at {token - int(self._begins[shard])}"


def in_memory(batch: list[np.ndarray], tokenizer: Tokenizer, text_bytes: int) -> Tokens:
    """The stream of documents of ids; raises `CorpusError` if there is no text."""
    if not text_bytes:
        raise CorpusError("there is no text")
    stream = _joined(batch, tokenizer)
    digest = sha256(stream.astype(stream.dtype.newbyteorder("<"))).hexdigest()
    counts = np.bincount(stream, minlength=tokenizer.vocab_size + 1)
    return Tokens([("the text", stream)], tokenizer.vocab_size, text_bytes, counts, digest)


def write(
    folder: str | Path,
    tokenizer: Tokenizer,
    sources: list[str],
    bar=iter,
    shard_tokens=SHARD_TOKENS,
    workers: int | None = 1,
) -> dict:
    """Tokenize the documents of `sources` (see `corpus/sources.py`) into a new token folder.

    Returns the manifest. `bar` is put around the documents, to show how far it is; `workers` as in
    `tokenizers.workers`. Raises `CorpusError` if there is no text, or if the folder holds tokens already.
    """
    folder = make_folder(folder)
    if (folder / MANIFEST).exists():
        raise CorpusError(f"{folder}: holds tokens already, name another folder")
    shards, tallies = [], [(name, Tally()) for name in sources]
    texts = bar(chain.from_iterable(tally.count(documents(name)) for name, tally in tallies))
    # Ids that wait for their shard to be full; `ends` are the bytes of the documents that end among them.
    waiting, tokens, ends = [], 0, []
    with at_work(tokenizer, workers) as encoder:
        for group in _groups(texts):
            for text, ids in zip(group, encoder.encode_batch(group), strict=True):
                waiting.append(_joined([ids], tokenizer))
                tokens += len(waiting[-1])
                ends.append(len(text))
                while tokens >= shard_tokens:
                    stream = np.concatenate(waiting)
                    full, rest = stream[:shard_tokens], stream[shard_tokens:]
                    # The newest document's end is the stream's last id.
                    own = ends if not len(rest) else ends[:-1]
                    shards.append(_write_shard(folder, len(shards), full, own))
                    waiting, tokens, ends = [rest], len(rest), ends[len(own) :]
    if tokens:
        shards.append(_write_shard(folder, len(shards), np.concatenate(waiting), ends))
    if not shards or not sum(tally.bytes for _, tally in tallies):
        for number in range(len(shards)):
            (folder / _shard_name(number)).unlink()
        raise CorpusError(f"{', '.join(sources)}: there is no text")
    manifest = {
        "format": FORMAT,
        "tokenizer": tokenizer.spec,
        "predictor": tokenizer.predictor_digest,
        "end": tokenizer.vocab_size,
        "texts": [{"name": name} | tally.as_dict() for name, tally in tallies],
        "shards": shards,
    }
    manifest["digest"] = _digest(manifest)
    write_bytes(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode("ascii"))
    return manifest


def read_manifest(folder: str | Path) -> dict:
    """The manifest as `write` returned it; raises `CorpusError` if it is missing, damaged or of another format."""
    path = Path(folder) / MANIFEST
    if not path.exists():
        raise CorpusError(f"{path}: is missing, the folder's tokens were not written to their end")
    try:
        manifest = json.loads(read_bytes(path, MANIFEST_BYTES))
        if manifest["format"] != FORMAT:
            raise CorpusError(f"{path}: is of format {manifest['format']!s:.40}, expected {FORMAT}")
        if manifest["digest"] != _digest(manifest):
            raise CorpusError(f"{path}: is damaged, its digest does not match")
        figures = [shard[name] for shard in manifest["shards"] for name in ("documents", "tokens", "bytes")]
        if not figures or any(type(n) is not int for n in [manifest["end"], *figures]):
            raise ValueError
        if not 2 <= manifest["end"] <= MOST_IDS:
            raise ValueError
        names = [manifest["tokenizer"], manifest["predictor"], *(shard["sha256"] for shard in manifest["shards"])]
        if not all(isinstance(name, str) for name in names):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CorpusError(f"{path}: is not a manifest of tokens, or is damaged") from None
    return manifest


def load(folder: str | Path, bar=iter) -> Tokens:
    """The stream of a token folder, mapped and not read into memory, once every shard was seen to be whole.

    `bar` is put around the shards. Raises `CorpusError` naming the shard, and what was found and expected there.
    The files must stay as they are while they are used.
    """
    manifest = read_manifest(folder)
    end = manifest["end"]
    counts, parts = np.zeros(end + 1, dtype=np.int64), []
    for number, shard in enumerate(bar(manifest["shards"])):
        part, held = _read_shard(Path(folder) / _shard_name(number), shard, end)
        parts.append((_shard_name(number), part))
        counts += held
    return Tokens(parts, end, sum(shard["bytes"] for shard in manifest["shards"]), counts, manifest["digest"])


def _read_shard(path: Path, shard: dict, end: int) -> tuple[np.ndarray, np.ndarray]:
    """(its ids, mapped; how often each stands there)"""
    try:
        ids = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror or 'it is cut off'})") from None
    except (
        ValueError,
        EOFError,
        SyntaxError,
        TokenError,
        OverflowError,
        TypeError,
    ):  # NumPy reads the header as Python
        raise CorpusError(f"{path}: is not a .npy file, or is damaged or cut off") from None
    expected = f"{shard['tokens']} ids of {_dtype(end)}"
    if ids.shape != (shard["tokens"],) or ids.dtype != _dtype(end):
        raise CorpusError(f"{path}: holds {ids.dtype} of shape {ids.shape}, expected {expected}")
    counts = np.zeros(end + 1, dtype=np.int64)
    whole = sha256(read_bytes(path, ids.offset))
    for at in range(0, len(ids), CHECKED_AT_ONCE):
        piece = ids[at : at + CHECKED_AT_ONCE]
        whole.update(piece)
        if piece.max() > end:
            first = at + int(np.argmax(piece > end))
            raise CorpusError(f"{path}: id {int(ids[first])} at {first}, expected at most {end}")
        counts += np.bincount(piece, minlength=end + 1)
    if path.stat().st_size != ids.offset + ids.nbytes or whole.hexdigest() != shard["sha256"]:
        raise CorpusError(
            f"{path}: is damaged, SHA-256 {whole.hexdigest()[:16]}, expected {shard['sha256']!s:.16}"
        )
    if counts[end] != shard["documents"]:
        raise CorpusError(f"{path}: {counts[end]} documents end there, expected {shard['documents']}")
    return ids, counts


def _write_shard(folder: Path, number: int, ids: np.ndarray, ends: list[int]) -> dict:
    """Write one shard; returns its entry in the manifest. `ends`: the bytes of each document that ends in it."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(ids))
    whole = sha256(header.getvalue())
    whole.update(ids)
    write_pieces(folder / _shard_name(number), [header.getvalue(), memoryview(ids).cast("B")])
    return {
        "documents": len(ends),
        "tokens": len(ids),
        "bytes": sum(ends),
        "sha256": whole.hexdigest(),
    }


def _shard_name(number: int) -> str:
    return f"tokens-{number:05d}.npy"


def _groups(texts) -> Iterator[list[bytes]]:
    """Documents in lists of about `GROUP_BYTES` bytes."""
    group, size = [], 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _joined(batch: list[np.ndarray], tokenizer: Tokenizer) -> np.ndarray:
    """Documents of ids end to end, each followed by the end."""
    dtype = _dtype(tokenizer.vocab_size)
    end = np.array([tokenizer.vocab_size], dtype)
    return np.concatenate([part for ids in batch for part in (ids.astype(dtype), end)])


def _dtype(end: int) -> np.dtype:
    """Little-endian on every machine: files travel."""
    return np.dtype("<u2" if end < 1 << 16 else "<u4")


def _digest(manifest: dict) -> str:
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    return sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
