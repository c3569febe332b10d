"""Real English text that every CPython carries: its language reference, `pydoc_data.topics`.

79 topics, 466 to 512 kB by version of Python. A topic is held out if the first byte of the SHA-256 of its
name leaves 1 when divided by 5: about a fifth of the text, and the same topics in every version. Topics quote
each other, so a paragraph that also stands in a held-out topic is dropped from the training text.
"""

import hashlib

from eiwref.errors import CorpusError

SPLITS = ("train", "held-out")


def documents(split: str) -> list[bytes]:
    """The topics of one split as UTF-8, in the order of their names."""
    if split not in SPLITS:
        raise CorpusError(f"the built-in text has no split {split!r}, expected one of {', '.join(SPLITS)}")
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise CorpusError(
            "this Python comes without its language reference (module pydoc_data.topics): install your "
            "system's full Python, or name a text file instead of builtin"
        ) from None
    texts = {name: topics[name].encode("utf-8") for name in sorted(topics)}
    held_out = [texts[name] for name in texts if _is_held_out(name)]
    if split == "held-out":
        return held_out
    quoted = {paragraph for text in held_out for paragraph in text.split(b"\n\n")}
    return [
        b"\n\n".join(paragraph for paragraph in text.split(b"\n\n") if paragraph not in quoted)
        for name, text in texts.items()
        if not _is_held_out(name)
    ]


def _is_held_out(topic: str) -> bool:
    return hashlib.sha256(topic.encode("utf-8")).digest()[0] % 5 == 1
