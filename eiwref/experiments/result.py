"""What an experiment leaves behind: plain data that says how it was made.

Tables and figures are drawn from a saved `Result` and never from live objects, so that a figure shown anywhere
can be made again from the committed file.
"""

import json
import platform
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from threadpoolctl import threadpool_info

from eiwref.backend import cores
from eiwref.errors import EiwrefError
from eiwref.files import read_bytes, write_bytes


@dataclass(frozen=True)
class Result:
    """Rows of one experiment with everything needed to run it again."""

    name: str
    title: str
    command: str
    settings: dict  # seed, texts and predictor with their digests
    units: dict[str, str]  # what each column means
    rows: list[dict]
    seconds: float
    environment: dict

    def save(self, path: str | Path) -> None:
        write_bytes(path, (json.dumps(asdict(self), indent=1) + "\n").encode("ascii"))

    def heading(self, time: str = "{seconds:.0f} s") -> list[str]:
        """How a page about it begins: title, command, time, machine and versions."""
        took = time.format(seconds=self.seconds)
        return [f"# {self.title}", "", f"`{self.command}`, {took}, {versions(self.environment)}.", ""]

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        try:
            return cls(**json.loads(read_bytes(path)))
        except (ValueError, TypeError):
            raise EiwrefError(f"{path}: is not a saved result") from None


def versions(environment: dict) -> str:
    """The machine and the versions, in words."""
    return ", ".join(f"{name} {value}" for name, value in environment.items() if value)


def environment() -> dict:
    """The versions and the machine that a figure may depend on."""
    return {
        "eiwref": metadata.version("eiwref"),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "blas": _blas(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": cores(),
    }


def _blas() -> str:
    """What multiplies matrices, and by the kernels of which processor."""
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    parts = (
        [each[part] for part in ("internal_api", "version", "architecture") if part in each] for each in libraries
    )
    return ", ".join(sorted({" ".join(map(str, each)) for each in parts}))


@cache
def _processor() -> str:
    """Its name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
