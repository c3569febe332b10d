"""Megabytes a second of tokenizing and back: the 16-bit codebook against subword tokenizers and zlib.

Ours are EqualInfoAC[b=16, v=65k] under the n-gram that travels with the package, by its codebook. The subword
tokenizers are trained here on the first half of the documents, and all are measured on the second half, the
same bytes for each: as many documents, and end to end as one. tiktoken gets the vocabulary of the byte-level BPE
that `tokenizers` has learned. Growing the codebook and training the others does not count; nothing runs on
several threads.
"""

import io
import os
from collections.abc import Callable
from hashlib import sha256
from types import ModuleType

from eiwref.bench import measure
from eiwref.errors import EiwrefError
from eiwref.tokenizers import tokenizer
from eiwref.tokenizers.huggingface import byte_alphabet
from eiwref.windows import table_walk
from eiwref.windows.codebook import Codebook

PEERS = ("tiktoken", "tokenizers", "sentencepiece", "zlib")
UNIT = "MB/s"
BYTES_A_WORD = 100  # of training text for each word of a peer's vocabulary, 32,000 at most

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
    taken = measure.seconds(contenders, rounds)
    rows = []
    for shape in shapes:
        for direction in ("encode", "decode"):
            case = f"{direction}, {shape}"
            speed = {name: size / 1e6 / taken[f"{name} {case}"] for name in ways}
            rows += [measure.row(case, UNIT, speed["ours"], speed[name], name) for name in ways if name != "ours"]
    whole = sha256(b"".join(len(text).to_bytes(8, "big") + text for text in texts))
    settings = {"documents": len(texts), "bytes": size, "sha256": whole.hexdigest(), "rounds": rounds}
    return {
        "command": command,
        "settings": settings | {"vocabulary_of_peers": vocabulary, "table_bytes": codebook.table.nbytes},
        "rows": rows,
        "missing": missing,
        "environment": measure.environment_with(name for name in peers if name != "zlib"),
    }


def _ours(codebook: Codebook) -> Way:
    return lambda texts: table_walk.segment(codebook, texts), codebook.decode_batch


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
