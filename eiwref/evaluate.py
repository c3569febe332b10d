"""How well tokens can be predicted, in bits per byte of the text they stand for.

Paper, sections 3.6 and 3.7 and Table 3. bits/byte = bits to write the tokens / bytes of text, each summed over all
documents and divided once. Two models know nothing of order: *uniform* gives every id the same probability,
*unigram* its share of other text's tokens. The third is M2.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from eiwref.backend import to_numpy
from eiwref.errors import EiwrefError
from eiwref.m2 import M2, m1_config
from eiwref.nn.transformer import LOGITS_AT_ONCE, Config, Transformer
from eiwref.predictors.base import BYTES as END
from eiwref.predictors.network import Networked
from eiwref.tokenizers.registry import unit as unit_of

POSITIONS_AT_ONCE = 1 << 14  # of few symbols: then attention takes more memory than logits


def uniform_bits(tokens: int, vocab_size: int) -> float:
    """Bits of `tokens` ids, each of log2(vocab_size) bits."""
    return tokens * float(np.log2(vocab_size))


def id_counts(documents: list, vocab_size: int, xp=np) -> np.ndarray:
    """How often each id stands in documents of ids, shape (vocab_size,). `xp` is the array module that counts."""
    return to_numpy(xp.bincount(xp.asarray(np.concatenate(documents)), minlength=vocab_size))


def unigram_bits(train_counts: np.ndarray, counts: np.ndarray) -> float:
    """Bits of ids that occur `counts` times under the `train_counts` of other text, each raised by one (Laplace).

    Other text, so that a large vocabulary on a small text is not flattered by having been counted on the very
    tokens it is measured on.
    """
    smoothed = train_counts + 1
    return float(counts @ np.log2(smoothed.sum() / smoothed))


def measure(m2: M2, texts: list[bytes], bar=iter) -> dict:
    """What M2 makes of texts: bits/byte beside the uniform and the unigram model's, and what they cost.

    M2 also pays for saying where each document ends, the other two do not. FLOPs are the paper's count, in which
    M1 runs at every byte; windows of 16 bits cut by a codebook need none. `bar` as in `Tokenizer.encode_batch`.
    Raises `EiwrefError` if there is no text.
    """
    size = sum(map(len, texts))
    if not size:
        raise EiwrefError("there is no text to measure")
    tokenizer, config = m2.tokenizer, m2.network.config
    documents = tokenizer.encode_batch(texts, bar)
    tokens = sum(map(len, documents))
    counts = id_counts(documents, tokenizer.vocab_size)
    return {
        "tokenizer": tokenizer.spec,
        "documents": len(documents),
        "bytes": size,
        "tokens": tokens,
        "bytes_per_step": size / tokens,
        "uniform_bits_per_byte": uniform_bits(tokens, tokenizer.vocab_size) / size,
        "unigram_bits_per_byte": unigram_bits(m2.counts, counts) / size,
        "bits_per_byte": model_bits(m2.network, m2.params, documents, bar, unit_of(tokenizer.spec) or 1) / size,
        "flops_per_byte": flops_per_byte(config, size / tokens, m1_config(tokenizer)),
        "flops_per_byte_with_softmax": flops_per_byte(config, size / tokens, m1_config(tokenizer), softmax=True),
    }


def model_bits(network: Transformer, params: dict, documents: list, bar=iter, unit: int = 1) -> float:
    """Bits that an M2 spends on documents of ids, the end of each included; see `pieces`."""
    nats = 0.0
    for some in pieces(network, documents, bar, unit):
        nats += float((network.nats(params, some.ids, some.targets) * some.counted).sum())
    return nats / float(np.log(2))


class Pieces(NamedTuple):
    """Some pieces of documents as a network reads them: arrays of its array module, (B, T) each."""

    ids: np.ndarray
    targets: np.ndarray
    counted: np.ndarray  # False where a shorter piece was padded
    places: np.ndarray  # of the targets in their documents, from 0


def pieces(network: Transformer, documents: list, bar=iter, unit: int = 1) -> Iterator[Pieces]:
    """All ids of documents, the end of each included, once; as many at a time as there may be logits of.

    Every document is cut into pieces of the context's length, or of the multiple of `unit` below it, so that a
    piece begins where a window does. Each is begun afresh from the start, as in training: what stands before a
    piece is not seen, so a longer context would do better.
    """
    xp, config = network.xp, network.config
    end, step = config.symbols - 1, config.context - config.context % unit or config.context
    cut = []  # (ids, where in its document it begins)
    for document in documents:
        whole = np.append(document, end).astype(np.int64)
        cut += [(whole[begin : begin + step], begin) for begin in range(0, len(whole), step)]
    # Pieces of like length share a batch; what pads the shorter ones is not counted.
    cut.sort(key=lambda piece: len(piece[0]))
    batch = max(1, min(LOGITS_AT_ONCE // config.symbols, POSITIONS_AT_ONCE) // config.context)
    for at in bar(range(0, len(cut), batch)):
        group, begins = zip(*cut[at : at + batch], strict=True)
        lengths = np.array([len(piece) for piece in group])
        along = np.arange(lengths.max())
        targets = np.full((len(group), len(along)), end, dtype=np.int64)
        for row, piece in enumerate(group):
            targets[row, : len(piece)] = piece
        ids = np.concatenate([np.full((len(group), 1), config.start), targets[:, :-1]], axis=1)
        counted = along < lengths[:, None]
        yield Pieces(*map(xp.asarray, (ids, targets, counted, np.array(begins)[:, None] + along)))


def measure_m1(m1: Networked, texts: list[bytes], bar=iter) -> dict:
    """Bits/byte of an M1 by how many bytes it sees before: the paper's M1 reaches 1.457 (section 3.2).

    Texts are cut into pieces of the context's length, each begun afresh, as AC cuts them; the end of a text is a
    symbol of its last piece. "sliding" instead moves on by half a context, so that every byte has at least half a
    context before it, or all of the text. "after" gives the mean of the bytes that have so many before them in
    their piece. Raises `EiwrefError` if there is no text.
    """
    size, half = sum(map(len, texts)), m1.limit // 2
    if not size:
        raise EiwrefError("there is no text to measure")
    symbols = [np.append(np.frombuffer(text, dtype=np.uint8), END).astype(np.int64) for text in texts]
    cut = [part for text in symbols for part in np.split(text, range(m1.limit, len(text), m1.limit))]
    steps = [(text, at) for text in symbols for at in range(0, max(1, len(text) - half), m1.limit - half)]
    bits, count = _bits_by_position(m1, cut, bar)
    # Of an overlapping piece the first half was counted before, unless it is the first.
    begun = [text[at : at + m1.limit] for text, at in steps if at == 0]
    later = [text[at : at + m1.limit] for text, at in steps if at > 0]
    sliding = _bits_by_position(m1, begun, bar)[0].sum() + _bits_by_position(m1, later, bar)[0][half:].sum()
    after = [0, 1, 2, 3, 4, 5, 6, 8, *(2**k for k in range(4, m1.limit.bit_length() - 1)), m1.limit - 1]
    return {
        "documents": len(texts),
        "bytes": size,
        "bits_per_byte": float(bits.sum()) / size,
        "bits_per_byte_sliding": float(sliding) / size,
        "bits_per_symbol_after": {
            str(at): float(bits[at] / count[at]) for at in after if at < m1.limit and count[at]
        },
        "bits_per_symbol_in_the_later_half": float(bits[half:].sum() / count[half:].sum())
        if count[half:].any()
        else None,
    }


def _bits_by_position(m1: Networked, pieces: list[np.ndarray], bar) -> tuple[np.ndarray, np.ndarray]:
    """(bits, symbols) at each position of pieces, (context,) each."""
    bits, count = np.zeros(m1.limit), np.zeros(m1.limit, dtype=np.int64)
    pieces = sorted(pieces, key=len)
    few = max(1, LOGITS_AT_ONCE // (4 * m1.symbols * m1.limit))  # frequencies are of 64 bits
    for at in bar(range(0, len(pieces), few)):
        group = pieces[at : at + few]
        texts = np.zeros((len(group), len(group[-1])), dtype=np.int64)
        for row, piece in enumerate(group):
            texts[row, : len(piece)] = piece
        cumulative = m1.at_once(texts)  # (B, T, symbols + 1)
        slices = np.take_along_axis(cumulative, texts[..., None] + np.arange(2), axis=2)
        there = np.arange(texts.shape[1]) < np.array([len(piece) for piece in group])[:, None]
        spent = np.where(there, m1.precision - np.log2(np.diff(slices)[..., 0]), 0)
        bits[: texts.shape[1]] += spent.sum(axis=0)
        count[: texts.shape[1]] += there.sum(axis=0)
    return bits, count


def flops_per_byte(
    config: Config, bytes_per_token: float, m1: Config | None = None, softmax: bool = False
) -> float:
    """2 x parameters without embeddings for each token, spread over its bytes (paper, section 3.6).

    `m1`: add what running M1 costs, 2 x its parameters for each byte. `softmax`: count the output layers too,
    which the paper leaves out and which at a vocabulary of 65,536 outweighs a small network.
    """
    own = config.parameters + softmax * config.d_model * config.symbols
    teacher = 0 if m1 is None else m1.parameters + softmax * m1.d_model * m1.symbols
    return 2 * own / bytes_per_token + 2 * teacher
