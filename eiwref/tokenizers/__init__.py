"""Every method of the paper as a tokenizer: text in, token ids out, and back.

Read in this order: `base`, `plain`, `subword`, `ac`, `huffman`, `ans`, `rank`, `equal_info`, `equal_text`,
`streaming`, `registry`, `container`; then `workers`, for several cores, and `huggingface`, another interface.
"""

from eiwref.tokenizers.registry import all_specs, load, tokenizer

__all__ = ["all_specs", "load", "tokenizer"]
