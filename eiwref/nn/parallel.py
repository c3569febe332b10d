"""A training step by several workers: each takes its shard of the batch, and then its share of the parameters.

Not in the paper. The gradient of a batch is the sum over its sequences, so that workers meet only to add up. They
are processes of one BLAS thread each, with all vectors in memory they share: threads of one process would wait for
each other at every short NumPy call, and BLAS threads at every product. A step has three phases:

    loss     the shard's loss, and its gradient into a vector of its own
    reduce   of the worker's pieces: the sum over all shards, always in their order
    update   of the same pieces: what the optimizer makes of it

One number of workers gives the same bits every time; another number adds up otherwise, in the last digits.
Where memory cannot be shared by name of a file descriptor (macOS, Windows) the workers are threads.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from mmap import mmap
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits

from eiwref.backend import cores
from eiwref.errors import ModelError
from eiwref.nn.arranged import Arranged
from eiwref.nn.transformer import Transformer, check_ids
from eiwref.processes import interrupts_kept_off

PIECE = 1 << 15  # numbers of a parameter updated at a time, where the optimizer allows: they fit a core's cache


class Parallel:
    """Parameters and the optimizer's state in shared memory, taken on step by step. For NumPy; see `train.Steps`.

    `workers` must divide the batch. Close it, or use it in a `with` statement, to let go of the workers.
    """

    def __init__(self, network: Transformer, params, optimizer, state=None, largest_norm=1.0, workers=1):
        self.network, self._largest_norm, self._blas = network, largest_norm, ThreadpoolController()
        state = optimizer.init(params) if state is None else state
        self.kind = kind(workers)
        plan = _Plan(network.config, optimizer, params, state, workers)
        self._workers = []
        if self.kind == "processes":
            shared = os.memfd_create("eiwref")
            try:
                os.ftruncate(shared, plan.bytes)
                self._memory = _Memory(plan, mmap(shared, plan.bytes))
                for index in range(workers):
                    self._workers.append(_Process(plan, index, shared))
            finally:
                os.close(shared)
        else:
            self._memory = _Memory(plan, bytearray(plan.bytes))
            pool = ThreadPoolExecutor(workers)
            self._workers = [_Thread(plan, index, self._memory, pool) for index in range(workers)]
        for mine, given in ((self._memory.params, params), (self._memory.state, state)):
            for name, values in given.items():
                mine[name][...] = values

    @property
    def params(self) -> dict:
        return {name: values.copy() for name, values in self._memory.params.items()}

    @property
    def state(self) -> dict:
        return {name: values.copy() for name, values in self._memory.state.items()}

    def step(self, ids, targets, number: int, learning_rate: float) -> tuple[float, float]:
        """(loss, norm of the gradient before clipping) of step `number`, counted from 1."""
        check_ids(self.network.config, ids)
        if len(ids) % len(self._workers):
            raise ModelError(f"a batch of {len(ids)} cannot be split evenly over {len(self._workers)} workers")
        # By this thread: what another one asks for is passed over while this one holds a limit.
        with self._blas.limit(limits=1):
            return self._step(ids, targets, number, learning_rate)

    def _step(self, ids, targets, number, learning_rate):
        shards = zip(*(np.split(array, len(self._workers)) for array in (ids, targets)), strict=True)
        loss = sum(self._all("loss", [(*shard, ids.size) for shard in shards]))
        norm = sum(self._all("reduce")) ** 0.5
        if np.isfinite(loss) and np.isfinite(norm):
            scale = 1.0 if norm <= self._largest_norm else self._largest_norm / norm
            self._all("update", [(number, learning_rate, scale)] * len(self._workers))
        return loss, norm

    def _all(self, phase: str, arguments: list[tuple] | None = None) -> list[float]:
        for worker, given in zip(self._workers, arguments or [()] * len(self._workers), strict=True):
            worker.begin(phase, *given)
        return [worker.end() for worker in self._workers]

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []

    def __enter__(self) -> "Parallel":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def kind(workers: int) -> str:
    """ "processes", or "threads" where there is but one worker or memory cannot be shared."""
    return "processes" if workers > 1 and hasattr(os, "memfd_create") and sys.executable else "threads"


def most_workers(batch: int) -> int:
    """As many as there are cores for this process, and as divide the batch."""
    return max(workers for workers in range(1, cores() + 1) if batch % workers == 0)


class _Plan:
    """Where everything lies in the shared memory, and which pieces of the parameters are whose."""

    def __init__(self, config, optimizer, params, state, workers):
        self.config, self.optimizer, self.workers = config, optimizer, workers
        self.dtype = next(iter(params.values())).dtype
        self.params = {name: values.shape for name, values in params.items()}
        self.state = {name: values.shape for name, values in state.items()}
        numbers = sum(v.size for v in params.values()) * (1 + workers) + sum(v.size for v in state.values())
        self.bytes = numbers * self.dtype.itemsize
        self.pieces = [[] for _ in range(workers)]  # (name, rows) each
        load = [0] * workers
        for size, piece in sorted(self._cut(), key=lambda cut: -cut[0]):
            least = load.index(min(load))
            load[least] += size
            self.pieces[least].append(piece)

    def _cut(self):
        for name, shape in self.params.items():
            row = int(np.prod(shape[1:]))
            rows = max(1, PIECE // row) if self.optimizer.elementwise else shape[0]
            for at in range(0, shape[0], rows):
                upto = min(at + rows, shape[0])
                yield (upto - at) * row, (name, slice(at, upto))


class _Memory:
    """Views of one buffer: parameters, a gradient of each worker, and the optimizer's state, by name."""

    def __init__(self, plan: _Plan, buffer):
        flat, at = np.frombuffer(buffer, dtype=plan.dtype), 0

        def views(shapes):
            nonlocal at
            found = {}
            for name, shape in shapes.items():
                size = int(np.prod(shape))
                found[name] = flat[at : at + size].reshape(shape)
                at += size
            return found

        self.params = views(plan.params)
        self.grads = [views(plan.params) for _ in range(plan.workers)]
        self.state = views(plan.state)


class _Worker:
    """The three phases of one worker."""

    def __init__(self, plan: _Plan, index: int, memory: _Memory):
        self._plan, self._index, self._memory = plan, index, memory
        self._arranged = {}  # by shape of ids
        self._own_state = {name: [] for name in plan.params}
        for kind in plan.state:
            self._own_state[kind.split(".", 1)[1]].append(kind)

    def run(self, phase: str, *given) -> float:
        with np.errstate(all="ignore"):
            return getattr(self, phase)(*given)

    def loss(self, ids, targets, total) -> float:
        if ids.shape not in self._arranged:
            self._arranged[ids.shape] = Arranged(self._plan.config, *ids.shape, self._plan.dtype)
        arranged = self._arranged[ids.shape]
        return arranged.loss(self._memory.params, self._memory.grads[self._index], ids, targets, total)

    def reduce(self) -> float:
        """The sum of squares of the pieces' gradients, which the first worker's vector holds from here on."""
        squares = 0.0
        for name, rows in self._plan.pieces[self._index]:
            first, *others = (grads[name][rows] for grads in self._memory.grads)
            for other in others:
                first += other
            squares += float(np.vdot(first, first))
        return squares

    def update(self, number, learning_rate, scale) -> float:
        params, state, optimizer = self._memory.params, self._memory.state, self._plan.optimizer
        for name, rows in self._plan.pieces[self._index]:
            grad = {name: self._memory.grads[0][name][rows] * self._plan.dtype.type(scale)}
            # A piece is all of the parameter, or the optimizer treats each number by itself.
            kinds = self._own_state[name]
            views = {kind: state[kind][rows] if optimizer.elementwise else state[kind] for kind in kinds}
            changed, kept = optimizer.update({name: params[name][rows]}, grad, views, number, learning_rate)
            params[name][rows] = changed[name]
            for kind, values in kept.items():
                views[kind][...] = values
        return 0.0


class _Thread:
    """A worker in this process."""

    def __init__(self, plan, index, memory, pool):
        self._worker, self._pool = _Worker(plan, index, memory), pool

    def begin(self, phase, *given):
        self._answer = self._pool.submit(self._worker.run, phase, *given)

    def end(self) -> float:
        return self._answer.result()

    def close(self):
        self._pool.shutdown()


class _Process:
    """A worker in a process of its own: a fresh interpreter, so that nothing of this one's threads is copied."""

    def __init__(self, plan, index, shared):
        self._pipe, theirs = Pipe()
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        with theirs, interrupts_kept_off():
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",  # no module from the folder at hand
                    "-c",
                    f"from eiwref.nn import parallel; parallel.serve({theirs.fileno()}, {shared})",
                ],
                env=os.environ
                | {"PYTHONPATH": path.rstrip(os.pathsep), "OPENBLAS_NUM_THREADS": "1"},  # or it would start more
                pass_fds=(theirs.fileno(), shared),
            )
        self._pipe.send((plan, index))

    def begin(self, phase, *given):
        try:
            self._pipe.send((phase, *given))
        except OSError:
            self._has_ended()

    def end(self) -> float:
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError):
            self._has_ended()
        if isinstance(answer, str):
            raise ModelError(f"a worker failed: {answer}")
        return answer

    def _has_ended(self):
        code = self._process.wait()
        raise ModelError(
            f"a worker ended with exit code {code}; if it ran out of memory, use fewer or a smaller batch"
        )

    def close(self):
        self._pipe.close()  # at which it ends
        self._process.wait()


def serve(pipe: int, shared: int) -> None:
    """What a worker process does until the other end of its pipe is closed, or killed."""
    connection = Connection(pipe)
    try:
        threadpool_limits(1)
        plan, index = connection.recv()
        worker = _Worker(plan, index, _Memory(plan, mmap(shared, plan.bytes)))
        while True:
            phase, *given = connection.recv()
            try:
                connection.send(worker.run(phase, *given))
            except MemoryError as error:
                connection.send(f"out of memory ({error})")
    except (EOFError, OSError):
        return
