"""How large a reproduction is: what the tables and figures ask for, at a given scale.

    smoke    minutes: that everything runs; its figures mean nothing
    laptop   hours on four cores, in parts that resume
    gpu      the paper's smallest M2 and one below it, through CuPy
    paper    what the paper did; printed with its cost, and started by whoever has the machines

The paper gives every M2 equally many tokens. A laptop cannot: at 65,536 ids one token costs as much as fifty at
256 do, in the output layer alone. So there the default is equally much text; what is equal is named everywhere.
"""

from dataclasses import dataclass

from eiwref.reproduce.trained import Trained


@dataclass(frozen=True)
class Scale:
    """Numbers only; which methods are compared stands with the tables."""

    name: str
    sizes: tuple[str, ...]  # of M2, by name, rising
    seeds: tuple[int, ...]
    fewer_seeds: int  # of larger M2s over methods that the main comparison is not between
    context: int  # tokens
    batch: int  # sequences
    unit: str  # what is equal for all methods, see `trained`
    amount: float  # of it
    longer: float  # times that for methods of 256 ids, once more at the largest size
    subword: str  # the SentencePiece that is compared with
    few: int  # bytes of held-out text for what looks at each window by itself
    pairs: int  # sentences of the edit distances
    partitions: int  # of text for percentiles of entropies
    task_bytes: int  # of text in an example of compressing and decompressing
    task_examples: int  # seen in training on those
    words: int  # to learn spelling from
    lanes: int  # texts written side by side

    def trained(self, tokenizer: str, size: str | None = None, seed: int | None = None, **more) -> Trained:
        """An M2 of this scale, its smallest size and first seed unless said otherwise."""
        given = {"unit": self.unit, "amount": self.amount, "context": self.context, "batch": self.batch} | more
        return Trained(tokenizer, size or self.sizes[0], seed=self.seeds[0] if seed is None else seed, **given)


DEPARTURES = (  # of scale paper
    "windows are stop-cell, where the paper's are greedy, though their bytes/token are told as the paper has them",
    "AdamW and half a cosine, where the paper has Adafactor and 1/sqrt(step)",
    "variants of windows and of gzip (Tables 9, 10 and 17, 24 bits) run at the smallest size only, the paper's at "
    "up to 2b",
    "M1 is the one that is named, and is not trained anew; the one that travels with eiwref has a context of 256 "
    "bytes, the paper's 1,024",
)

SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            name="smoke",
            sizes=("mini",),
            seeds=(0, 1),
            fewer_seeds=1,
            context=32,
            batch=2,
            unit="bytes",
            amount=4_000,
            longer=2,
            subword="SentencePiece[v=1k]",
            few=2_000,
            pairs=6,
            partitions=3,
            task_bytes=16,
            task_examples=8,
            words=40,
            lanes=4,
        ),
        Scale(
            name="laptop",
            sizes=("tiny", "small"),
            seeds=(0, 1, 2),
            fewer_seeds=3,
            context=128,
            batch=16,
            unit="bytes",
            amount=6e6,
            longer=4,
            subword="SentencePiece[v=8k]",
            few=100_000,
            pairs=500,
            partitions=20,
            task_bytes=64,
            task_examples=80_000,
            words=10_000,
            lanes=64,
        ),
        Scale(
            name="gpu",
            sizes=("3m", "25m"),
            seeds=(0, 1, 2),
            fewer_seeds=1,
            context=512,
            batch=64,
            unit="tokens",
            amount=3e8,
            longer=1,
            subword="SentencePiece[v=32k]",
            few=1_000_000,
            pairs=500,
            partitions=100,
            task_bytes=256,
            task_examples=1_000_000,
            words=40_000,
            lanes=64,
        ),
        Scale(
            name="paper",
            sizes=("25m", "113m", "403m", "2b"),
            seeds=(0, 1, 2, 3, 4),
            fewer_seeds=1,
            context=512,
            batch=256,
            unit="tokens",
            amount=200_000 * 256 * 512,
            longer=1,
            subword="SentencePiece[v=32k]",
            few=10_000_000,
            pairs=500,
            partitions=100,
            task_bytes=1024,
            task_examples=10_000_000,
            words=40_000,
            lanes=64,
        ),
    )
}
