"""An M2 trained on a tokenizer's ids, and its bits per byte on held-out text.

Paper, sections 3.5 to 3.8. Departures: AdamW and a cosine for Adafactor and its square root, contexts and networks
as the scale has them, and how long: the paper gives every M2 equally many tokens, so that one whose tokens hold
more text sees more of it. Here `unit` says what is equal: "bytes" of text, "tokens", or "flops" of training, the
output layer not counted, as in the paper's FLOPs.
"""

from dataclasses import dataclass
from shutil import rmtree

import numpy as np

from eiwref.corpus import tokens
from eiwref.evaluate import flops_per_byte, model_bits
from eiwref.m2 import M2, m1_config
from eiwref.nn import sizes
from eiwref.nn.transformer import Config, Transformer
from eiwref.reproduce.grid import Job, Place, Training
from eiwref.reproduce.tokens import Tokens, documents
from eiwref.run import Folder, HeldOut, Plan, run
from eiwref.tokenizers.registry import vocabulary

UNITS = ("bytes", "tokens", "flops")
CURVE = 40  # points
FILE = "m2.safetensors"
EARLIER = 4  # evaluations, the last one at the end, on every so-manieth document
LEARNING_RATE = 3e-3


@dataclass(frozen=True)
class Trained(Job):
    """Leaves the M2 as a file. `amount`: how much of the `unit` it sees; `batch` is in sequences of `context`."""

    tokenizer: str
    size: str
    context: int
    batch: int
    amount: float
    unit: str = "bytes"
    seed: int = 0

    def needs(self):
        return (Tokens(self.tokenizer),)

    def cost(self):
        return self.amount * (20 if "65k" in self.tokenizer else 1)

    def make(self, place: Place) -> dict:
        text, folder = place.result(self.needs()[0]), place.files(self.needs()[0])
        reader = place.material.tokenizer(self.tokenizer)
        stream = tokens.load(folder / "train")
        config = sizes.config(self.size, reader.vocab_size + 1, self.context)
        network = Transformer(config, place.xp)
        bytes_per_token = text["train"]["bytes"] / text["train"]["tokens"]
        plan = self.plan(config, bytes_per_token)
        held_out = documents(folder, "held_out")
        done = self._train(place, network, stream, plan, held_out)
        M2(reader, network, done.params, stream.counts[:-1]).save(place.folder / FILE)
        rmtree(place.folder / "run")  # checkpoints are larger than the M2
        size, count = text["held_out"]["bytes"], text["held_out"]["tokens"]
        bits = model_bits(network, done.params, held_out)
        seen = plan.steps * self.batch * self.context
        ratio, m1 = text["bytes_per_token"], m1_config(reader)
        return {
            "bits_per_byte": bits / size,
            "bits_per_token": bits / count,
            "bytes_per_token": ratio,
            "parameters": config.parameters,
            "parameters_in_all": sum(int(np.prod(shape)) for shape in network.shapes().values()),
            "steps": plan.steps,
            "tokens_seen": seen,
            "bytes_seen": round(seen * bytes_per_token),
            "training_flops": 6 * config.parameters * seen,
            "training_flops_with_softmax": 6 * (config.parameters + config.d_model * config.symbols) * seen,
            "flops_per_byte": flops_per_byte(config, ratio, m1),
            "flops_per_byte_with_softmax": flops_per_byte(config, ratio, m1, softmax=True),
            "training_curve": _curve(done.losses, self.batch * self.context),  # (tokens seen, nats a token)
            "held_out_curve": [[row["step"], row["held_out_bits_per_byte"]] for row in done.measured],
        }

    def steps(self, config: Config, bytes_per_token: float) -> int:
        """How many steps the amount is, one at least."""
        each = {"bytes": bytes_per_token, "tokens": 1.0, "flops": 6.0 * config.parameters}
        return max(1, round(self.amount / (each[self.unit] * self.batch * self.context)))

    def plan(self, config: Config, bytes_per_token: float) -> Plan:
        """Half a cosine after a warm-up of a twentieth of the steps."""
        steps = self.steps(config, bytes_per_token)
        return Plan(steps, self.batch, "adamw", LEARNING_RATE, max(1, steps // 20), self.seed)

    def training(self, bytes_per_token):
        config = sizes.config(self.size, vocabulary(self.tokenizer) + 1, self.context)
        known = bytes_per_token is not None or self.unit != "bytes"
        return Training(config, self.plan(config, bytes_per_token or 1.0) if known else None)

    def _train(self, place: Place, network: Transformer, stream, plan: Plan, held_out: list):
        """Train, from the last checkpoint if there is one."""
        some = held_out[::EARLIER]
        measured = HeldOut(some, self._bytes(place, len(held_out)))
        folder = Folder(place.folder / "run", self.describe(), resume=True, say=lambda _: None)
        workers = 1 if network.xp is np else 0
        checkpoint_every = max(1, plan.steps // 10)
        evaluate_every = max(1, plan.steps // EARLIER)
        return run(network, stream, plan, folder, measured, checkpoint_every, evaluate_every, workers, quiet=True)

    def _bytes(self, place: Place, count: int) -> int:
        return sum(map(len, place.material.texts("held_out")[::EARLIER]))


def load(place: Place, job: Trained) -> M2:
    """The M2 that a job left."""
    reader = place.material.tokenizer(job.tokenizer)
    return M2.load(place.files(job) / FILE, reader.predictor, place.xp)


def _curve(losses: list[float], tokens_a_step: int) -> list[list[float]]:
    """Means of stretches of steps."""
    stretches = np.array_split(np.arange(len(losses)), min(CURVE, len(losses)))
    return [
        [int(stretch[-1] + 1) * tokens_a_step, round(float(np.mean([losses[i] for i in stretch])), 4)]
        for stretch in stretches
    ]
