"""The exercise of tutorial 00, the whole walk."""

import tempfile
from pathlib import Path

from eiwref.course.core import call, exercise, expect
from eiwref.tokenizers import registry


@exercise("00.1", "A file of your own")
def _(answer, rng):
    words = [b"window", b"token", b"bits ", b"text ", b", ", b"\xff\x00", rng.bytes(3)]
    data = b"".join(words[i] for i in rng.integers(len(words), size=int(rng.integers(50, 150))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(data)
        for spec in ("EqualInfoAC[b=16, v=65k]", "EqualInfoAC[b=16, v=256, windows=greedy]", "Bytes"):
            tokenizer = registry.tokenizer(spec)
            ids = tokenizer.encode(data)
            expected = (tokenizer.decode_bytes(ids) == data, len(data) / len(ids))
            what = f"(came back, bytes a token) of {len(data)} bytes such as {data[:16]} by {spec}"
            expect(call(answer, path, spec), expected, what=what, tolerance=1e-9)
