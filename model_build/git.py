"""Which commit of the code is running."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

DIRTY = "-dirty"
"""Stands behind a commit when the code that trained had changes that it has not."""


def git_commit(code: Sequence[Path]) -> str | None:
    """Return GIT_COMMIT (an image is built without the repository), or what git says of `code`, or None."""
    if "GIT_COMMIT" in os.environ:
        return os.environ["GIT_COMMIT"] or None
    try:
        commit = _git(code[0].parent, "rev-parse", "HEAD")
        changes = _git(code[0].parent, "status", "--porcelain", "--", *map(str, code))
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}{DIRTY}" if changes else commit


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - ours
