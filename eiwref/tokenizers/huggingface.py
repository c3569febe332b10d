"""The codebook as a tokenizer of Hugging Face's `tokenizers` library.

The texts of a codebook are 2^W byte strings, and with each of them stand all its beginnings (a window's parent
holds one byte less). So to walk the tree until a byte finds no child is to take the longest text of the vocabulary
that comes next, and that is what the library's WordPiece model does. But it tries every length, the longest
first, in time that grows faster than the square of the text. So it is given pieces of 256 characters, and
**its segmentation is ours of each such piece as a document of its own**: equal on texts of up to 256
characters, different from ours for a few windows after each later cut. Decoding is the same everywhere.

Bytes are spelled in the library's byte-level alphabet. An id by itself may hold half a UTF-8 character and then
decodes to a replacement character; the ids of a text decode to the text.
"""

import json

from eiwref.errors import SpecError
from eiwref.tokenizers.equal_info import EqualInfo

PIECE = 256  # characters


def byte_alphabet() -> list[str]:
    """The character that stands for each byte: itself if it can be seen, else one from 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) if byte in seen else chr(256 + unseen.index(byte)) for byte in range(256)]


def to_json(tokenizer: EqualInfo) -> str:
    """`tokenizer.json`, the library's file: what `tokenizers.Tokenizer.from_str` and `from_file` read.

    `tokenizer`: EqualInfoAC[b=16, v=65k], one window a token; raises `SpecError` for others.
    """
    if (
        not isinstance(tokenizer, EqualInfo)
        or not tokenizer.has_codebook
        or tokenizer.token_bits != tokenizer.scheme.window_bits
    ):
        raise SpecError(f"{tokenizer.spec} has no codebook of tokens, expected EqualInfoAC[b=16, v=65k]")
    spelled = byte_alphabet()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    pattern = {"Regex": f"[\\s\\S]{{1,{PIECE}}}"}
    pieces = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [pieces, byte_level]},
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",  # never met, as each byte has a text
                "continuing_subword_prefix": "",
                "max_input_chars_per_word": 4 * PIECE,  # bytes of them in UTF-8
                "vocab": {
                    "".join(spelled[byte] for byte in text): code
                    for code, text in enumerate(tokenizer.codebook.texts)
                },
            },
        },
        ensure_ascii=False,
    )
