"""Commands that are run before make has installed anything end in a sentence that names make."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python without site-packages."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("command", [["./run.sh"], ["python", "-m", "model_build", "bake"]], ids=" ".join)
def test_a_command_names_make(command: list[str], bare_python: Path) -> None:
    environment = {"PATH": f"{bare_python.parent}:{os.environ['PATH']}"}
    if command[0] == "python":
        command = [str(bare_python), *command[1:]]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "is not installed here. `make serve` installs it" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_machine_without_python_on_the_path_gets_the_sentence_too() -> None:
    result = subprocess.run(
        ["/bin/sh", "run.sh"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHON": "no-such-python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "`make serve` installs it" in result.stderr
