"""An M2 trained on a tokenizer's ids, and its bits per byte on held-out text.

Paper, sections 3.5 to 3.8. Departures: AdamW and a cosine for Adafactor and its square root, contexts and networks
as the scale has them, and how long: the paper gives every M2 equally many tokens, so that one whose tokens hold
more text sees more of it. Here `unit` says what is equal: "bytes" of text, "tokens", or "flops" of training. The
last count the output layer, which the paper's FLOPs leave out: without it they would be the tokens again, and it
is what a large vocabulary costs.
"""

from dataclasses import dataclass
from shutil import rmtree
from typing import ClassVar

import numpy as np

from eiwref.errors import Diverged
from eiwref.evaluate import flops_per_byte, model_bits
from eiwref.m2 import M2, m1_config
from eiwref.nn import sizes
from eiwref.nn.transformer import Config, Transformer
from eiwref.reproduce.grid import Job, Place, Training
from eiwref.reproduce.tokens import Text, is_trimmed, read_by
from eiwref.run import Done, Folder, HeldOut, Plan, run
from eiwref.tokenizers.registry import unit, vocabulary

UNITS = ("bytes", "tokens", "flops")
CURVE = 40  # points
FILE = "m2.safetensors"
SOME = 16  # every so-manieth held-out document is measured on the way
EVALUATION = 10  # steps at least from one to the next
CHECKPOINT = 100  # steps from one to the next, or a tenth of all if that is more
LEARNING_RATE = 3e-3  # at its highest,
WIDTH = 128  # up to this width; wider networks take less in proportion


@dataclass(frozen=True)
class Trained(Job):
    """Leaves the M2 as a file. `amount`: how much of the `unit` it sees; `batch` is in sequences of `context`.

    Training that goes wrong is a result too: it holds `stopped`, a sentence, in place of figures, and no M2.
    """

    version = 3
    evaluations: ClassVar[int] = 8  # on the way, the last one at the end

    tokenizer: str
    size: str
    context: int
    batch: int
    amount: float
    unit: str = "bytes"
    seed: int = 0

    def __post_init__(self):
        # 4000 and 4000.0 are one job, but would be two texts under the digest.
        object.__setattr__(self, "amount", float(self.amount))

    def needs(self):
        return (read_by(self.tokenizer, self.context),)

    def cost(self):
        """FLOPs, if a token of 8 bits holds 2 bytes and one of 16 bits 5."""
        token_bits, ratio = (16, 5) if "65k" in self.tokenizer else (8, 2)
        config = sizes.config(self.size, (1 << token_bits) + 1, self.context)
        return self.steps(config, ratio) * self.batch * self.context * training_flops(config)

    def make(self, place: Place) -> dict:
        (source,), reader = self.needs(), place.material.tokenizer(self.tokenizer)
        text = place.result(source)
        read = source.text(place, place.files(source), reader)
        config = sizes.config(self.size, reader.vocab_size + 1, self.context)
        network = Transformer(config, place.xp)
        train_ratio = text["train"]["bytes"] / text["train"]["tokens"]
        plan = self.plan(config, train_ratio)
        ratio, m1 = text["bytes_per_token"], m1_config(reader)
        found = {
            "bytes_per_token": ratio,
            "parameters": config.parameters,
            "parameters_in_all": sum(int(np.prod(shape)) for shape in network.shapes().values()),
            "steps": plan.steps,
            **seen(Training(config, plan), train_ratio),
            "flops_per_byte": flops_per_byte(config, ratio, m1),
            "flops_per_byte_with_softmax": flops_per_byte(config, ratio, m1, softmax=True),
            "flops_per_byte_of_m2": flops_per_byte(config, ratio),
        }
        try:
            done = self._train(place, network, plan, read)
        except Diverged as error:
            found["stopped"] = str(error)
        else:
            M2(reader, network, done.params, read.stream.counts[:-1]).save(place.folder / FILE)
            bits = model_bits(network, done.params, read.held_out, unit=self._unit())
            found |= {
                "bits_per_byte": bits / text["held_out"]["bytes"],
                "bits_per_token": bits / text["held_out"]["tokens"],
                "training_curve": _curve(done.losses, self.batch * self.context),  # (tokens seen, nats a token)
                "held_out_curve": [[row["step"], row["held_out_bits_per_byte"]] for row in done.measured],
            } | self.more(done.measured)
        # Checkpoints are larger than the M2. Last of all, so that one who is killed before goes on from them; and
        # before their log, which would not be whole without.
        for path in (place.folder / "run").glob("checkpoint-*"):
            path.unlink()
        rmtree(place.folder / "run")
        return found

    def steps(self, config: Config, bytes_per_token: float) -> int:
        """How many steps the amount is, one at least."""
        each = {"bytes": bytes_per_token, "tokens": 1.0, "flops": training_flops(config)}
        return max(1, round(self.amount / (each[self.unit] * self.batch * self.context)))

    def plan(self, config: Config, bytes_per_token: float) -> Plan:
        """Half a cosine after a warm-up of a twentieth of the steps."""
        steps = self.steps(config, bytes_per_token)
        return Plan(steps, self.batch, "adamw", learning_rate(config), max(1, steps // 20), self.seed)

    def training(self, bytes_per_token):
        config = sizes.config(self.size, vocabulary(self.tokenizer) + 1, self.context)
        known = bytes_per_token is not None or self.unit != "bytes"
        return Training(config, self.plan(config, bytes_per_token or 1.0) if known else None)

    def watched(self, text: Text) -> HeldOut:
        """What is measured on the way."""
        some = [pair for pair in zip(text.held_out, text.sizes, strict=True) if pair[1]][::SOME]
        return HeldOut([ids for ids, _ in some], sum(size for _, size in some), self._unit())

    def more(self, measured: list[dict]) -> dict:
        """What else is found, from the rows of evaluations on the way: nothing here."""
        return {}

    def _unit(self) -> int:
        """Ids from one place where reading may begin to the next; a trimmed code is no longer than the context."""
        return self.context if is_trimmed(self.tokenizer) else unit(self.tokenizer) or 1

    def _train(self, place: Place, network: Transformer, plan: Plan, text: Text) -> Done:
        """Train, from the last checkpoint if there is one."""
        folder = _Run(place, self.describe())
        workers = 1 if network.xp is np else 0
        checkpoint_every = max(CHECKPOINT, plan.steps // 10)
        evaluate_every = max(EVALUATION, -(-plan.steps // self.evaluations))
        return run(
            network,
            text.stream,
            plan,
            folder,
            self.watched(text),
            checkpoint_every,
            evaluate_every,
            workers,
            quiet=True,
            unit=self._unit(),
        )


class _Run(Folder):
    """A run's folder, soon deleted: no one looks at a curve in it. Tells the place what was spent before."""

    def __init__(self, place: Place, about: dict):
        super().__init__(place.folder / "run", about, resume=True, say=lambda _: None)
        self._place = place

    def begin(self, step):
        rows = super().begin(step)
        self._place.spent_before = rows[-1]["seconds"] if rows else 0.0
        return rows

    def draw(self, losses, measured):
        pass


def load(place: Place, job: Trained) -> M2:
    """The M2 that a job left; raises `Diverged` if its training went wrong."""
    stopped = place.result(job).get("stopped")
    if stopped:
        raise Diverged(f"{job.tokenizer}, {job.size}: there is no M2: {stopped}")
    reader = place.material.tokenizer(job.tokenizer)
    return M2.load(place.files(job) / FILE, reader.predictor, place.xp)


def learning_rate(config: Config) -> float:
    """At its highest."""
    return LEARNING_RATE * min(1.0, WIDTH / config.d_model)


def training_flops(config: Config) -> int:
    """Of training on one token, the output layer counted."""
    return 6 * (config.parameters + config.d_model * config.symbols)


def seen(training: Training, bytes_per_token: float | None = None) -> dict:
    """What a plan amounts to; the text it does not name is that of all its tokens, None where none is known."""
    config, plan, text = training
    tokens = plan.steps * plan.batch * config.context
    if text is None and bytes_per_token is not None:
        text = round(tokens * bytes_per_token)
    return {
        "tokens_seen": tokens,
        "bytes_seen": text,
        "training_flops": 6 * config.parameters * tokens,
        "training_flops_with_softmax": training_flops(config) * tokens,
    }


def _curve(losses: list[float], tokens_a_step: int) -> list[list[float]]:
    """Means of stretches of steps."""
    stretches = np.array_split(np.arange(len(losses)), min(CURVE, len(losses)))
    return [
        [int(stretch[-1] + 1) * tokens_a_step, round(float(np.mean([losses[i] for i in stretch])), 4)]
        for stretch in stretches
    ]
