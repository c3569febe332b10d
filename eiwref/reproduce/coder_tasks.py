"""The coder as a task: an M2 that reads the compressed tokens of a text and writes its bytes, or the other way.

Paper, section 5.2. Sequence to sequence: ids of the output stand above those of the input. A network that sees the
bytes alone says how much of decompressing is no more than modelling text. `learning_ac` makes Table 5 of these.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from eiwref.errors import Diverged, EiwrefError
from eiwref.files import read_bytes, write_bytes
from eiwref.nn import sizes
from eiwref.nn.transformer import Config, Transformer
from eiwref.reproduce.examples import Examples, fit, score
from eiwref.reproduce.grid import Job, Place, Training
from eiwref.reproduce.trained import learning_rate, training_flops
from eiwref.run import Plan

AC, WINDOWS, BYTES = "AC[v=256]", "EqualInfoAC[b=16, v=256]", "Bytes"
DECOMPRESS, COMPRESS, ALONE = "decompress", "compress", "bytes alone"
IDS = 256  # of bytes, and of tokens in all that is compared here
HELD_OUT = 1_000  # examples
MOMENTS = 5  # at which they are looked at
EARLY = 8  # outputs that a network may get from the first few bytes of a text
FILE = "pairs.npz"


@dataclass(frozen=True)
class Pairs(Job):
    """Texts of `text_bytes` bytes and their tokens, at most so many `examples`: leaves them as arrays."""

    tokenizer: str
    text_bytes: int
    examples: int

    def make(self, place: Place) -> dict:
        reader, found, arrays = place.material.tokenizer(self.tokenizer), {}, {}
        for split, most in (("train", self.examples), ("held_out", HELD_OUT)):
            texts = cut(place.material.texts(split), self.text_bytes, most)
            if not texts:
                raise EiwrefError(f"no document of the {split} text has {self.text_bytes} bytes")
            ids = reader.encode_batch(texts)
            arrays[f"{split}_texts"] = np.frombuffer(b"".join(texts), dtype=np.uint8).reshape(len(texts), -1)
            arrays[f"{split}_ids"] = np.concatenate(ids)
            arrays[f"{split}_ends"] = np.cumsum([len(each) for each in ids])
            found[split] = {"examples": len(texts), "tokens": sum(map(len, ids))}
        packed = BytesIO()
        np.savez(packed, **arrays)
        write_bytes(place.folder / FILE, packed.getvalue())
        return found


def cut(documents: list[bytes], size: int, most: int) -> list[bytes]:
    """Texts of `size` bytes, end to end in the documents; of more than `most`, as many from all over them."""
    texts = [text[at : at + size] for text in documents for at in range(0, len(text) - size + 1, size)]
    return [texts[i] for i in np.linspace(0, len(texts), min(most, len(texts)), endpoint=False, dtype=int)]


@dataclass(frozen=True)
class Task(Job):
    """A network trained on a `task`, for so many examples `seen`, `batch` at a time.

    Training that goes wrong is a result too: `stopped`, a sentence, in place of figures.
    """

    version = 2

    task: str
    tokenizer: str
    size: str
    text_bytes: int
    seen: int
    batch: int
    seed: int

    def needs(self):
        return (Pairs(self.tokenizer, self.text_bytes, self.seen),)

    def cost(self):
        """FLOPs, if a token holds 2 bytes."""
        config = sizes.config(self.size, 2 * IDS + 1, 1)
        return 1.5 * self.seen * self.text_bytes * training_flops(config)

    def make(self, place: Place) -> dict:
        with np.load(BytesIO(read_bytes(place.files(self.needs()[0]) / FILE))) as arrays:
            train, held_out = (self.examples(arrays, split) for split in ("train", "held_out"))
        # What the longest of a hundred examples has beyond the others is cut off.
        context = int(np.percentile(train.lengths(), 99))
        train, held_out = train.cut(context), held_out.cut(context)
        network = Transformer(sizes.config(self.size, 2 * IDS + 1, context), place.xp)
        plan = self.plan(network.config)
        params, curve = network.init(np.random.default_rng(self.seed)), []
        try:
            for step, newest in fit(network, params, train, plan, MOMENTS):
                nats, right = score(network, newest, held_out)
                curve.append([step, 100 * float(right[held_out.wanted].mean())])
        except Diverged as error:
            return {"stopped": str(error), "different_examples": len(train.rows)}
        number = np.cumsum(held_out.wanted, axis=1)  # of an output, from 1
        late = held_out.wanted & (number > EARLY)
        return {
            "accuracy": curve[-1][1],
            "late_accuracy": 100 * float(right[late].mean()) if late.any() else None,
            "nats": float(nats[held_out.wanted].mean()),
            "outputs": int(held_out.wanted.sum()),
            "curve": curve,  # (step, accuracy)
            "steps": plan.steps,
            "different_examples": len(train.rows),
            "parameters": network.config.parameters,
        }

    def plan(self, config: Config) -> Plan:
        """Every example once or more."""
        steps = max(1, self.seen // self.batch)
        return Plan(steps, self.batch, "adamw", learning_rate(config), max(1, steps // 20), self.seed)

    def training(self, bytes_per_token):
        """As if each text had as many tokens as the mean; a code of so little text has more."""
        if bytes_per_token is None:
            return Training(sizes.config(self.size, 2 * IDS + 1, self.text_bytes), None)
        tokens = 0 if self.task == ALONE else round(self.text_bytes / bytes_per_token)
        config = sizes.config(self.size, 2 * IDS + 1, self.text_bytes + tokens)
        return Training(config, self.plan(config), self.seen * self.text_bytes)

    def examples(self, arrays, split: str) -> Examples:
        """The rows of this task."""
        texts = list(arrays[f"{split}_texts"].astype(np.int64))
        ids = np.split(arrays[f"{split}_ids"].astype(np.int64), arrays[f"{split}_ends"][:-1])
        nothing = [np.zeros(0, dtype=np.int64)] * len(texts)
        known, sought = {DECOMPRESS: (ids, texts), COMPRESS: (texts, ids), ALONE: (nothing, texts)}[self.task]
        return Examples.of(known, [each + IDS for each in sought], end=2 * IDS)
