"""How fast an M2 writes: tokens and bytes of text a second, by vocabulary and by how many texts at once.

The network is of the paper's smallest size, 3m, and fresh: what it writes means nothing, and takes as long. Text
is decoded as it comes, by equal-info windows of 16 bits under the M1 that travels with the package. No peer
stands beside it. Not in the paper.
"""

import numpy as np

from eiwref import generate
from eiwref.bench import measure
from eiwref.m2 import M2
from eiwref.nn import sizes
from eiwref.nn.transformer import Transformer
from eiwref.tokenizers import tokenizer

SPECS = ("EqualInfoAC[b=16, v=256]", "EqualInfoAC[b=16, v=65k]")


def run(
    command: str, size: str = "3m", context: int = 512, tokens: int = 128, batches=(1, 16, 128), rounds: int = 3
) -> dict:
    """Rows of `tokens` ids in each text of a batch; `context`: positions, `tokens` at least to be one context."""
    made: dict[str, tuple[int, int]] = {}

    def contender(name: str, m2: M2, batch: int):
        def write():
            *_, written = generate.texts(m2, np.random.default_rng(0).spawn(batch), tokens)
            made[name] = sum(len(one.ids) for one in written), sum(len(one.text) for one in written)

        return write

    contenders = {}
    for spec in SPECS:
        reader = tokenizer(spec)
        network = Transformer(sizes.config(size, reader.vocab_size + 1, context))
        params = network.init(np.random.default_rng(0))
        m2 = M2(reader, network, params, np.zeros(reader.vocab_size, dtype=np.int64))
        for batch in batches:
            name = f"{spec}, {batch} at once"
            contenders[name] = contender(name, m2, batch)
    seconds = measure.seconds(contenders, rounds)
    return {
        "command": command,
        "rows": [
            measure.row(name, unit, count / seconds[name])
            for name in contenders
            for count, unit in zip(made[name], ("tokens/s", "bytes/s"), strict=True)
        ],
        "missing": [],
        "settings": {"size": size, "context": context, "tokens of each text": tokens, "rounds": rounds},
        "environment": measure.environment_with(()),
    }
