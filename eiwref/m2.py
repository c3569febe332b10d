"""M2: a transformer over a tokenizer's ids, with the tokenizer it belongs to, as one thing and as a file.

Paper, section 3.5. One id above the vocabulary ends a document, for all methods alike (the paper puts an end
mark into the text instead). The file names the predictor behind the tokenizer by digest and does not hold it;
it holds how often each id stood in the training text, so that M2 can be held against a model that knows only that.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eiwref import tensors
from eiwref.backend import to_numpy
from eiwref.errors import EiwrefError, ModelError
from eiwref.files import read_bytes, write_bytes
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.base import Predictor
from eiwref.predictors.network import Networked
from eiwref.tokenizers import streaming
from eiwref.tokenizers.base import Tokenizer
from eiwref.tokenizers.registry import tokenizer

FORMAT = "eiwref.m2.3"
MOST = 1 << 47  # of one id: the sum of 2^16 counts fits


@dataclass(frozen=True)
class M2:
    """A network with its parameters, the tokenizer whose ids it predicts, and their training `counts` (V,)."""

    tokenizer: Tokenizer
    network: Transformer
    params: dict
    counts: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write network, parameters, the tokenizer's name and its predictor's digest."""
        settings = {
            "format": FORMAT,
            "config": json.dumps(asdict(self.network.config), sort_keys=True),
            "tokenizer": self.tokenizer.spec,
            "predictor": self.tokenizer.predictor_digest,
        }
        arrays = {name: to_numpy(values) for name, values in self.params.items()} | {"counts": self.counts}
        write_bytes(path, tensors.dump(settings, arrays))

    @classmethod
    def load(cls, path: str | Path, predictor: Predictor | None = None, xp=np) -> "M2":
        """Raises `ModelError` if the file is damaged or was trained with another predictor than `predictor`."""
        settings, arrays = tensors.parse(read_bytes(path), str(path), FORMAT, ModelError)
        try:
            own = {name: settings[name] for name in ("format", "config", "tokenizer", "predictor")}
            network = Transformer(Config(**json.loads(settings["config"])), xp)
            counts = arrays["counts"]
            params = {name: xp.asarray(values) for name, values in arrays.items() if name != "counts"}
            network.check_params(params)
            reader = tokenizer(settings["tokenizer"], predictor)
            if (
                counts.shape != (reader.vocab_size,)
                or counts.dtype.kind not in "iu"
                or not 0 <= counts.min() <= counts.max() < MOST
            ):
                raise ModelError("array counts is not how often each id stood in the training text")
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{path}: is damaged ({error})") from None
        except EiwrefError as error:
            raise ModelError(f"{path}: {error}") from None
        if tensors.digest(own, arrays) != settings.get("digest"):
            raise ModelError(f"{path}: is damaged, its digest does not match")
        if network.config.symbols != reader.vocab_size + 1:
            raise ModelError(f"{path}: predicts {network.config.symbols} ids, expected {reader.vocab_size + 1}")
        if settings["predictor"] != reader.predictor_digest:
            raise ModelError(
                f"{path}: was trained on tokens of predictor {settings['predictor'][:16]}, but the one at hand is "
                f"{reader.predictor_digest[:16]}; name the right one with --predictor"
            )
        return cls(reader, network, params, counts)


def m1_config(tokenizer: Tokenizer) -> Config | None:
    """The network behind a tokenizer that asks one at every byte, as FLOPs are counted (paper, section 3.6)."""
    return tokenizer.model.config if isinstance(tokenizer.model, Networked) else None


def text_of(tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[bytes, str]:
    """(text, what was wrong with the ids or "") of ids that an M2 made up; see `tokenizers.streaming`.

    What comes after the last whole window is dropped; a code that no text has gives the longest text whose
    interval holds it. AC gives the text up to where its bits run out. Other schemes give nothing where the ids are
    malformed. Raises `CodeError` for ids outside the vocabulary.
    """
    stream = streaming.stream(tokenizer)
    text = stream.feed(ids) + stream.finish()
    return text, stream.remark
