"""Which commit of the code is running."""

import os
import subprocess
from pathlib import Path


def git_commit() -> str | None:
    """Return GIT_COMMIT (an image is built without the repository), or what git says, or None."""
    if "GIT_COMMIT" in os.environ:
        return os.environ["GIT_COMMIT"] or None
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - constant
    except (OSError, subprocess.CalledProcessError):
        return None
