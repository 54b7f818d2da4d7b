"""A peer: what to install, and how to make a server of it."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.errors import SkippedError
from benchmarks.lineup import Setup
from benchmarks.server import ROOT, Server, last_line

VENVS = ROOT / "benchmarks" / ".venvs"
SHARED = ("joblib", "pandas", "scikit-learn")  # in our versions, or the pipeline could not be unpickled


@dataclass(frozen=True)
class Environment:
    """The virtual environment of a peer."""

    directory: Path

    @property
    def python(self) -> str:
        return str(self.directory / "bin" / "python")

    @property
    def site_packages(self) -> Path:
        return next(self.directory.glob("lib/python*/site-packages"))

    @property
    def path(self) -> str:
        """The PATH on which the peer finds its own tools first."""
        return f"{self.directory / 'bin'}{os.pathsep}{os.environ['PATH']}"


@dataclass(frozen=True)
class Peer:
    """One of the usual model servers."""

    name: str
    requirements: Sequence[str]
    server: Callable[[Setup, Environment], Server]

    def install(self, setup: Setup) -> Server:
        """Return the server; raise SkippedError with the last line of what failed."""
        environment = Environment(VENVS / self.name)
        log = setup.log(f"install-{self.name}")
        uv = (sys.executable, "-m", "uv")
        if not environment.directory.exists():
            call((*uv, "venv", "--python", sys.executable, str(environment.directory)), log)
        shared = [f"{name}=={version(name)}" for name in SHARED]
        call((*uv, "pip", "install", "--python", environment.python, *self.requirements, *shared), log)
        return self.server(setup, environment)


def call(command: Sequence[str], log: Path, **environment: str) -> None:
    """Run a command to its end; raise SkippedError with its last line if it fails."""
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=os.environ | environment,
            check=False,
        )
    if done.returncode:
        raise SkippedError(f"`{' '.join(command[:4])} …` ended with {done.returncode}: {last_line(log)}")
