"""Networks by the names of their sizes: the paper's, and some for a laptop.

Paper, Table 4. Its names count parameters without embeddings. They fit three MLP matrices a layer, as a gated MLP
has them (but for 2b, which would be 1.6b so); the paper's text describes a ReLU MLP, which has two and is what
stands here. So ours hold a fifth to a quarter less than their names say, 2b two fifths: `table` shows how many.
"""

from typing import NamedTuple

from eiwref.errors import ModelError
from eiwref.nn.transformer import Config


class Size(NamedTuple):
    """What a name stands for; vocabulary and context are the user's to choose."""

    d_model: int
    heads: int
    layers: int
    d_mlp: int


SIZES = {
    "mini": Size(16, 2, 1, 64),  # a test's: to see that everything runs
    "tiny": Size(64, 2, 2, 256),  # the demo's: seconds to train
    "small": Size(128, 4, 2, 512),  # minutes
    "3m": Size(256, 4, 3, 1024),  # the paper's M1
    "25m": Size(512, 8, 6, 2048),  # and its M2s
    "113m": Size(768, 12, 12, 3072),
    "403m": Size(1024, 16, 24, 4096),
    "2b": Size(2048, 32, 24, 8192),
}


def config(name: str, symbols: int, context: int) -> Config:
    """A network of the size called `name`; raises `ModelError` if none is.

    >>> config("3m", symbols=257, context=1024).parameters
    2359296
    """
    if name not in SIZES:
        raise ModelError(f"size {name!r} is not known, expected one of {', '.join(SIZES)}")
    return Config(symbols, **SIZES[name]._asdict(), context=context)


def table() -> str:
    """All sizes, a line each; parameters are of matrices, without embeddings and output.

    >>> print("\\n".join(table().splitlines()[:4]))
    size   d_model  heads  layers  d_mlp     parameters
    mini        16      2       1     64          3,072
    tiny        64      2       2    256         98,304
    small      128      4       2    512        393,216
    """
    lines = [f"{'size':5}  d_model  heads  layers  d_mlp  {'parameters':>13}"]
    for name, size in SIZES.items():
        parameters = config(name, symbols=1, context=1).parameters
        lines.append(
            f"{name:5}  {size.d_model:7}  {size.heads:5}  {size.layers:6}  {size.d_mlp:5}  {parameters:13,}"
        )
    return "\n".join(lines)
