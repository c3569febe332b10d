"""What an experiment leaves behind: plain data that says how it was made.

Tables and figures are drawn from a saved `Result` and never from live objects, so that a figure shown anywhere
can be made again from the committed file.
"""

import json
import platform
import zlib
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

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

    def heading(self) -> list[str]:
        """How a page about it begins: title, command, time, machine and versions."""
        versions = ", ".join(f"{name} {value}" for name, value in self.environment.items() if name != "cores")
        made = f"`{self.command}`, {self.seconds:.0f} s on {self.environment['cores']} cores, {versions}."
        return [f"# {self.title}", "", made, ""]

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        try:
            return cls(**json.loads(read_bytes(path)))
        except (ValueError, TypeError):
            raise EiwrefError(f"{path}: is not a saved result") from None


def environment() -> dict:
    """The versions and the machine that a figure may depend on."""
    return {
        "eiwref": metadata.version("eiwref"),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": cores(),
    }
