"""A tokenizer at work on several cores: texts go to whichever process is free.

Worth it where a network stands behind the tokenizer. Its step is many short NumPy calls, at each of which threads
of one process would wait for each other; so these are processes, begun afresh, of one BLAS thread each. Under an
M1 in integers they give what one process gives; under one in floats, see `predictors.network`. Not in the paper.

A script that uses them guards its own work by `if __name__ == "__main__":`, since they import it.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from eiwref.backend import cores
from eiwref.errors import EiwrefError
from eiwref.files import write_bytes
from eiwref.predictors.limits import LANES
from eiwref.predictors.store import dump, load_predictor
from eiwref.processes import processes
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.equal_info import EqualInfo
from eiwref.tokenizers.registry import tokenizer as named


class Workers:
    """`encode_batch` and `decode_batch` of a tokenizer by `workers` processes, as many as cores unless given.

    Use it in a `with` statement, which lets go of them.
    """

    def __init__(self, tokenizer: Tokenizer, workers: int | None = None):
        if workers is not None and workers < 1:
            raise EiwrefError(f"there must be 1 worker at least, found {workers}")
        self.tokenizer = tokenizer
        self._workers = workers or cores()
        self._open = ExitStack()
        # In a file: through a pipe, a process that ends as it begins would leave this one waiting for a reader.
        folder = self._open.enter_context(TemporaryDirectory(prefix="eiwref-"))
        path = None if tokenizer.predictor is None else Path(folder) / "predictor"
        if path is not None:
            write_bytes(path, dump(tokenizer.predictor))
        self._pool = self._open.enter_context(processes(self._workers, _prepare, (tokenizer.spec, path)))

    def encode_batch(self, texts: Sequence[bytes | str], bar=iter) -> list[np.ndarray]:
        """As `Tokenizer.encode_batch`."""
        return self._share(_encode, texts, bar)

    def decode_batch(self, batch: Sequence, bar=iter) -> list[bytes]:
        """As `Tokenizer.decode_batch`."""
        return self._share(_decode, batch, bar)

    def _share(self, work: Callable, items: Sequence, bar) -> list:
        # Those of a size together, so that no lane waits for a longer one; the longest first, for no core to idle
        # at the end.
        order = sorted(range(len(items)), key=lambda place: -len(items[place]))
        each = max(1, min(LANES, -(-len(items) // self._workers)))
        shares = [order[at : at + each] for at in range(0, len(order), each)]
        found = [None] * len(items)
        waiting = [self._pool.submit(work, [items[place] for place in share]) for share in shares]
        try:
            for share, future in zip(shares, bar(waiting), strict=True):
                for place, one in zip(share, future.result(), strict=True):
                    found[place] = one
        except BrokenProcessPool:
            raise EiwrefError(
                f"a process of {self.tokenizer.spec} ended early; if it ran out of memory, use fewer workers"
            ) from None
        finally:
            for future in waiting:
                future.cancel()
        return found

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error) -> None:
        self._open.__exit__(*error)  # after an error without waiting for what is under way


@contextmanager
def at_work(tokenizer: Tokenizer, workers: int | None = None) -> Iterator[Tokenizer | Workers]:
    """What encodes and decodes batches fastest: `Workers` if each byte takes a network, else the tokenizer."""
    by_table = isinstance(tokenizer, EqualInfo) and tokenizer.has_codebook
    if getattr(tokenizer.model, "batched", False) and not by_table and (workers or cores()) > 1:
        with Workers(tokenizer, workers) as many:
            yield many
    else:
        yield tokenizer


_own: list[Tokenizer] = []  # that of this process


def _prepare(spec: str, predictor: Path | None) -> None:
    _own.append(named(spec, None if predictor is None else load_predictor(predictor)))


def _encode(texts: list) -> list[np.ndarray]:
    return _own[0].encode_batch(texts)


def _decode(batch: list) -> list[bytes]:
    return _own[0].decode_batch(batch)
