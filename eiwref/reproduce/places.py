"""An M2 whose tokens are looked at by their place in a window, again and again as it learns.

Paper, section 6.2: accuracy at each of the places in 8-token windows. With one place it is that of all tokens.
Ends of documents, which have no place in a window, are left out, and their probability with them.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from eiwref.backend import to_numpy
from eiwref.errors import Diverged
from eiwref.evaluate import pieces
from eiwref.nn.layers import token_nats
from eiwref.nn.transformer import Transformer
from eiwref.reproduce.trained import Trained


class ByPlace(NamedTuple):
    """Text to measure a network on, as `run.HeldOut` is; windows are of so many `places`, in tokens."""

    documents: list[np.ndarray]
    text_bytes: float
    places: int

    def measure(self, network: Transformer, params: dict) -> dict:
        """Bits a byte, ends of documents included; of each place accuracy in % and nats a token."""
        whole = 0.0
        nats, right, seen = np.zeros((3, self.places))
        for some in pieces(network, self.documents):
            logits, _ = network.forward(params, some.ids)
            targets, counted, places = map(to_numpy, (some.targets, some.counted, some.places))
            whole += float((to_numpy(token_nats(logits, some.targets, network.xp)) * counted).sum())
            end = network.config.symbols - 1
            tokens = counted & (targets != end)
            # What M2 holds back for the end of a document is no matter of the tokens.
            among = network.xp.minimum(some.targets, end - 1)
            each = to_numpy(token_nats(logits[..., :-1], among, network.xp))
            place = places[tokens] % self.places
            nats += np.bincount(place, each[tokens], self.places)
            right += np.bincount(
                place, to_numpy(logits[..., :-1].argmax(axis=-1) == some.targets)[tokens], self.places
            )
            seen += np.bincount(place, minlength=self.places)
        return {
            "held_out_bits_per_byte": whole / float(np.log(2)) / self.text_bytes,
            "accuracy": (100 * right / seen).tolist(),
            "nats": (nats / seen).tolist(),
        }


@dataclass(frozen=True)
class Places(Trained):
    """`few`: about how many bytes of held-out text are looked at each time. Raises `Diverged` if it went wrong."""

    places: int = 1  # a window, in tokens
    few: int = 100_000

    evaluations: ClassVar[int] = 100

    def watched(self, text):
        sizes = np.cumsum(text.sizes)
        first = 1 + int(np.searchsorted(sizes[:-1], self.few))
        return ByPlace(text.held_out[:first], float(sizes[first - 1]), self.places)

    def more(self, measured):
        return {"by_place": [{name: row[name] for name in ("step", "accuracy", "nats")} for row in measured]}

    def make(self, place):
        found = super().make(place)
        if "stopped" in found:
            raise Diverged(f"{self.tokenizer}, {self.size}: {found['stopped']}")
        return found
