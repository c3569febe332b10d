"""How well tokens can be predicted, in bits per byte of the text they stand for.

Paper, sections 3.6 and 3.7 and Table 3. bits/byte = bits to write the tokens / bytes of text, each summed over all
documents and divided once. The two models here know nothing of order: *uniform* gives every id the
same probability, *unigram* its share of other text's tokens.
"""

import numpy as np

from eiwref.backend import to_numpy


def uniform_bits(tokens: int, vocab_size: int) -> float:
    """Bits of `tokens` ids, each of log2(vocab_size) bits."""
    return tokens * float(np.log2(vocab_size))


def unigram_bits(train_ids, ids, vocab_size: int, xp=np) -> float:
    """Bits of `ids` under the unigram counts of `train_ids`, each count raised by one (Laplace).

    The counts come from other text, so that a large vocabulary on a small text is not flattered by having been
    counted on the very tokens it is measured on. `xp` is the array module that counts.
    """
    counts = to_numpy(xp.bincount(xp.asarray(train_ids), minlength=vocab_size)) + 1
    seen = to_numpy(xp.bincount(xp.asarray(ids), minlength=vocab_size))
    return float(seen @ np.log2(counts.sum() / counts))
