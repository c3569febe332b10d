"""Megabytes a second of tokenizing and back: the 16-bit codebook against subword tokenizers and zlib.

Ours are EqualInfoAC[b=16, v=65k] under the M1 that travels with the package, by its codebook. The subword
tokenizers are trained here on the first half of the documents, and all are measured on the second half, the
same bytes for each: as many documents, and end to end as one. tiktoken gets the vocabulary of the byte-level BPE
that `tokenizers` has learned. Growing the codebook and training the others does not count; nothing runs on
several threads.

Beside them, for the record, stand 64-bit windows under a small network, in lockstep and one by one. Its weights
are random, so that its windows hold some 6 bytes; those of a trained one hold more.
"""

import io
import os
from collections.abc import Callable
from hashlib import sha256
from types import ModuleType

import numpy as np

from eiwref.bench import measure
from eiwref.errors import EiwrefError
from eiwref.nn.transformer import Config, Transformer
from eiwref.predictors.base import BYTES, BYTES_AND_END
from eiwref.predictors.limits import LANES
from eiwref.predictors.network import Network
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.huggingface import byte_alphabet
from eiwref.windows import StopCell, lockstep, table_walk
from eiwref.windows.codebook import Codebook

PEERS = ("tiktoken", "tokenizers", "sentencepiece", "zlib")
UNIT = "MB/s"
BYTES_A_WORD = 100  # of training text for each word of a peer's vocabulary, 32,000 at most

PIECE = 32  # bytes; so long are the LANES pieces of text that go through the network
M1 = Config(BYTES_AND_END, d_model=64, heads=4, layers=2, d_mlp=256, context=64)

WORDS = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"  # a space belongs to the word after it

Way = tuple[Callable, Callable]
"""(documents to something, that back to documents)"""


def run(command: str, documents: list[bytes], rounds: int = 5) -> dict:
    """Rows of MB/s; what is timed is checked by round trip. Documents that are not UTF-8 are left out."""
    texts = [text for text in documents if text and _is_utf8(text)]
    train, texts = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    if not train:
        raise EiwrefError("bench tokenize needs two documents of UTF-8 at least")
    peers, missing = measure.find_peers(PEERS)
    size = sum(map(len, texts))
    codebook = tokenizer("EqualInfoAC[b=16, v=65k]").codebook
    vocabulary = min(32_000, 512 + sum(map(len, train)) // BYTES_A_WORD)
    ways = {"ours": _ours(codebook)} | _peers(peers, train, vocabulary)
    contenders, shapes = {}, {"many documents": texts, "one document": [b"".join(texts)]}
    for name, (encode, decode) in ways.items():
        for shape, data in shapes.items():
            encoded = encode(data)
            if decode(encoded) != data:
                if name == "ours":
                    raise EiwrefError("ours does not give back what was encoded: nothing was measured")
                missing.append(f"{name} does not give back all it encodes ({shape})")
            contenders[f"{name} encode, {shape}"] = lambda encode=encode, data=data: encode(data)
            contenders[f"{name} decode, {shape}"] = lambda decode=decode, encoded=encoded: decode(encoded)
    joined = b"".join(texts)[: LANES * PIECE]
    by_network = _under_a_network([joined[at : at + PIECE] for at in range(0, len(joined), PIECE)])
    taken = measure.seconds(contenders | by_network, rounds)
    rows = []
    for shape in shapes:
        for direction in ("encode", "decode"):
            case = f"{direction}, {shape}"
            speed = {name: size / 1e6 / taken[f"{name} {case}"] for name in ways}
            rows += [measure.row(case, UNIT, speed["ours"], speed[name], name) for name in ways if name != "ours"]
    rows += [measure.row(case, "kB/s", len(joined) / 1e3 / taken[case]) for case in by_network]
    whole = sha256(b"".join(len(text).to_bytes(8, "big") + text for text in texts))
    settings = {"documents": len(texts), "bytes": size, "sha256": whole.hexdigest(), "rounds": rounds}
    settings |= {"bytes_under_a_network": len(joined), "parameters_of_the_network": M1.parameters}
    return {
        "command": command,
        "settings": settings | {"vocabulary_of_peers": vocabulary, "table_bytes": codebook.table.nbytes},
        "rows": rows,
        "missing": missing,
        "environment": measure.environment_with(name for name in peers if name != "zlib"),
    }


def _ours(codebook: Codebook) -> Way:
    return lambda texts: table_walk.segment(codebook, texts), codebook.decode_batch


def _under_a_network(texts: list[bytes]) -> dict[str, Callable[[], object]]:
    params = Transformer(M1).init(np.random.default_rng(0))

    def scheme():  # fresh, since a network remembers how windows begin
        return StopCell(Network(Transformer(M1), params, np.ones(BYTES_AND_END)).over(BYTES), 64)

    def encode_one_by_one():
        alone = scheme()
        return [list(alone.segment(text)) for text in texts]

    windows = lockstep.segment(scheme(), texts)
    flat = [window.code for own in windows for window in own]
    back = b"".join(window.text for window in lockstep.texts(scheme(), flat))
    if windows != encode_one_by_one() or back != b"".join(texts):
        raise EiwrefError("windows in lockstep are not those made one by one: nothing was measured")
    return {
        "encode, 64-bit windows under a network: in lockstep": lambda: lockstep.segment(scheme(), texts),
        "decode, 64-bit windows under a network: in lockstep": lambda: lockstep.texts(scheme(), flat),
        "encode, 64-bit windows under a network: one by one": encode_one_by_one,
        "decode, 64-bit windows under a network: one by one": lambda: list(map(scheme().decode, flat)),
    }


def _peers(peers: dict[str, ModuleType], train: list[bytes], vocabulary: int) -> dict[str, Way]:
    ways = {}
    if "tokenizers" in peers:
        bpe = _bpe(peers["tokenizers"], train, vocabulary)
        ways["tokenizers' byte-level BPE"] = (
            lambda texts: bpe.encode_batch_fast([text.decode() for text in texts]),
            lambda found: [text.encode() for text in bpe.decode_batch([each.ids for each in found])],
        )
        if "tiktoken" in peers:
            ways["tiktoken"] = _tiktoken(peers["tiktoken"], bpe.get_vocab())
    if "sentencepiece" in peers:
        ways["sentencepiece's Unigram"] = _sentencepiece(peers["sentencepiece"], train, vocabulary)
    zlib = peers["zlib"]
    ways["zlib -6"] = (
        lambda texts: [zlib.compress(text, 6) for text in texts],
        lambda found: [zlib.decompress(each) for each in found],
    )
    return ways


def _bpe(tokenizers: ModuleType, train: list[bytes], vocabulary: int):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORDS), "isolated")
    byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, byte_level])
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=byte_alphabet(), show_progress=False
    )
    bpe.train_from_iterator((text.decode() for text in train), trainer)
    return bpe


def _tiktoken(tiktoken: ModuleType, vocabulary: dict[str, int]) -> Way:
    byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
    ranks = {bytes(byte_of[character] for character in word): rank for word, rank in vocabulary.items()}
    encoding = tiktoken.Encoding("ours", pat_str=WORDS, mergeable_ranks=ranks, special_tokens={})
    return (
        lambda texts: [encoding.encode_ordinary(text.decode()) for text in texts],
        lambda found: [encoding.decode_bytes(ids) for ids in found],
    )


def _sentencepiece(sentencepiece: ModuleType, train: list[bytes], vocabulary: int) -> Way:
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in train for line in text.decode().split("\n") if line),
        model_writer=made,
        model_type="unigram",
        vocab_size=vocabulary,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        max_sentence_length=1 << 20,
        num_threads=1,
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    return (
        lambda texts: model.encode([text.decode() for text in texts], num_threads=1),
        lambda found: [text.encode() for text in model.decode(found, num_threads=1)],
    )


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
