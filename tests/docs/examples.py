"""The requests on a page and their answers."""

import csv
import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from tests.docs.markdown import FENCED, ROOT
from tests.support.keys import KEY

ADDRESS = "http://127.0.0.1:8001"
TOLERANCE = 0.05  # the pages show probabilities of a model trained on real data, tests have synthetic data


def requests(text: str) -> dict[str, str | None]:
    """Return every shell block that asks the service, with the block that shows its answer, if any."""
    fences = list(FENCED.finditer(text))
    examples: dict[str, str | None] = {}
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        language, command = fence.groups()
        if language == "sh" and ADDRESS in command and "make" not in command:
            adjoins = following is not None and following.start() == fence.end() + 1
            examples[command] = following[2] if following and adjoins else None
    return examples


def answer(command: str, address: str, key: str = KEY) -> str:
    """Return what a command prints, run in the root of the repository against the service at `address`."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command.replace(ADDRESS, address)],
        cwd=ROOT,
        env=os.environ | {"PATH": path, "API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def parse(text: str) -> Any:
    """Return JSON, or the rows of CSV with their numbers."""
    try:
        return json.loads(text)
    except ValueError:
        return [[_number(cell) for cell in row] for row in csv.reader(StringIO(text))]


def _number(cell: str) -> str | float:
    return float(cell) if re.fullmatch(r"[\d.]+(e-\d+)?", cell) else cell


def expected(shown: Any) -> Any:
    """Return what equals an answer that was shown: all but the time and the last digits of a probability."""
    if isinstance(shown, dict):
        return {name: ANY if name == "timestamp" else expected(value) for name, value in shown.items()}
    if isinstance(shown, list):
        return [expected(value) for value in shown]
    return pytest.approx(shown, abs=TOLERANCE) if isinstance(shown, float) else shown
