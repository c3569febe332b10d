"""The exercises of tutorial 12, scale."""

import json

import numpy as np

from eiwref.course.core import Wrong, call, exercise, expect


@exercise("12.1", "Some of the lines")
def _(answer, rng):
    words = ["window", "zurück", "\n", "bits", "文"]
    for begin, end in ((0, 1), (0, 4), (3, 5), (int(rng.integers(1, 5)), int(rng.integers(6, 20)))):
        texts = [" ".join(words[k] for k in rng.integers(len(words), size=3)) + f" {i}" for i in range(end + 3)]
        lines = _Lines([json.dumps({"text": text, "url": "https://a.b", "n": 1}).encode() for text in texts])
        found = call(answer, lines, begin, end)
        what = f"documents {begin} to {end - 1} of {len(texts)}"
        expect(found, [text.encode("utf-8") for text in texts[begin:end]], what=what)
        if lines.taken > end:
            raise Wrong(f"{what}: expected {end} lines taken from the iterator, found {lines.taken}")


@exercise("12.2", "A piece of a sharded stream")
def _(answer, rng):
    cases = [([3, 2], 2, 4), ([5, 5, 5], 5, 10), ([4, 1, 4], 1, 9), ([6, 6], 0, 12), ([7, 3], 8, 10)]
    for _ in range(5):
        lengths = rng.integers(1, 9, size=int(rng.integers(2, 6))).tolist()
        begin, end = sorted(rng.choice(sum(lengths) + 1, size=2, replace=False).tolist())
        cases.append((lengths, begin, end))
    for lengths, begin, end in cases:
        ids = rng.integers(0, 257, size=sum(lengths)).astype(np.uint16)
        shards = [_Shard(part) for part in np.split(ids, np.cumsum(lengths)[:-1])]
        found = call(answer, shards, begin, end)
        what = f"ids {begin} to {end - 1} of shards of {lengths} ids"
        expect(found, ids[begin:end], what=what)
        read = sum(shard.read for shard in shards)
        if read > end - begin:
            raise Wrong(f"{what}: expected {end - begin} ids to be read from the shards, found {read}")


@exercise("12.3", "What does not depend on the batch")
def _(answer, rng):
    for _ in range(3):
        layers, d_model, d_mlp, symbols = (int(n) for n in rng.integers([1, 8, 8, 50], [30, 2000, 9000, 70000]))
        parts = [layers * (4 * d_model**2 + 2 * d_model * d_mlp), d_model * (symbols + 1), d_model * symbols]
        what = (
            f"bytes for L = {layers}, D = {d_model}, F = {d_mlp}, S = {symbols} (weights of layers, embedding, "
            f"output: {parts})"
        )
        expect(call(answer, layers, d_model, d_mlp, symbols), 16 * sum(parts), what=what)


@exercise("12.4", "Log-softmax on any device")
def _(answer, rng):
    device = _Device()
    for scale, shift in ((1, 0), (30, 0), (3, 1000), (3, -1000), (30, 0)):
        x = (rng.normal(size=(3, 5)) * scale + shift).astype(np.float32)
        x[1, 1] -= 4 * scale  # so far below that e to it may be 0
        shifted = x - x.max(axis=-1, keepdims=True)
        expected = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        what = f"log-softmax of numbers from {x.min():.4g} to {x.max():.4g}"
        expect(call(answer, x, np), expected, what=f"{what}, xp NumPy", tolerance=1e-4)
        held = _OnDevice(x.copy())
        found = call(answer, held, device)
        what = f"{what}, xp a module that is not NumPy"
        if not isinstance(found, _OnDevice):
            raise Wrong(f"{what}: expected an array of that module, found one of type {type(found).__name__}")
        if not np.array_equal(held.own, x):
            raise Wrong(f"{what}: the function changed its argument 1, expected it left alone")
        expect(found.own, expected, what=what, tolerance=1e-4)


@exercise("12.5", "FLOPs and days")
def _(answer, rng):
    for _ in range(4):
        weights, tokens = int(10 ** rng.uniform(5, 9.5)), int(10 ** rng.uniform(8, 12))
        speed = float(10 ** rng.uniform(9, 15))
        flops = 6.0 * weights * tokens
        what = f"(FLOPs, days) of {weights:,} weights, {tokens:,} tokens, {speed:.3g} FLOPs/s"
        found = call(answer, weights, tokens, speed)
        if isinstance(found, tuple) and found and isinstance(found[0], int):
            found = (float(found[0]), *found[1:])  # exact, and so as good
        expect(found, (flops, flops / speed / 86_400), what=what, tolerance=1e-9)


class _Lines:
    """An iterator that counts what is taken."""

    def __init__(self, lines: list[bytes]):
        self.taken, self._lines = 0, iter(lines)

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        line = next(self._lines)
        self.taken += 1
        return line


class _Shard:
    """Ids in a file, as it were: counts how many are read."""

    def __init__(self, ids: np.ndarray):
        self.read, self._ids = 0, ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, which):
        found = self._ids[which]
        self.read += found.size
        return found.copy()

    def __array__(self, dtype=None, copy=None):
        return np.array(self[:], dtype=dtype)

    def __deepcopy__(self, memo):
        return self  # one count, whoever reads


class _Device:
    """A module with NumPy's functions, for arrays of its own."""

    def __getattr__(self, name: str):
        found = getattr(np, name)
        return _on_device(found) if callable(found) and not isinstance(found, type) else found


class _OnDevice:
    """An array that NumPy's functions refuse, so that calls past `xp` show. (CuPy's would let NumPy call them.)"""

    __array_ufunc__ = None

    def __init__(self, own):
        self.own = own
        self.shape, self.dtype, self.ndim, self.size = own.shape, own.dtype, own.ndim, own.size

    def __len__(self):
        return len(self.own)

    @property
    def T(self):
        return _OnDevice(self.own.T)

    def __array__(self, *_, **__):
        raise TypeError("an array of the device cannot become one of NumPy's by itself")

    def __array_function__(self, function, *_):
        raise TypeError(f"numpy.{function.__name__} was called with an array of the device; call it through xp")

    def __getitem__(self, which):
        return _OnDevice(self.own[which])

    def __neg__(self):
        return _OnDevice(-self.own)


def _on_device(function):
    """A function of NumPy for arrays of the device, and for nothing else."""

    def run(*given, **options):
        if any(isinstance(each, np.ndarray) and each.ndim for each in given):
            raise TypeError("a NumPy array was mixed with arrays of the device")
        own = [each.own if isinstance(each, _OnDevice) else each for each in given]
        return _OnDevice(np.asarray(function(*own, **options)))

    if isinstance(function, np.ufunc):
        run.reduce = _on_device(function.reduce)
    return run


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "matmul"):
    setattr(_OnDevice, f"__{_name}__", _on_device(getattr(np.ndarray, f"__{_name}__")))
for _name in ("max", "min", "sum", "mean", "astype", "copy", "reshape", "transpose"):
    setattr(_OnDevice, _name, _on_device(getattr(np.ndarray, _name)))
