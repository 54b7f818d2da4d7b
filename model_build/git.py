"""The commit of the running code."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

DIRTY = "-dirty"
"""Suffix of a commit if the running code has changes that are not committed."""


def git_commit(code: Sequence[Path]) -> str | None:
    """Return the commit of the paths `code`, or None outside of a repository.

    GIT_COMMIT, if it is set, is the answer: an image is built without the repository.
    """
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
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - a constant command
