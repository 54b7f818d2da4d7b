"""What editors and Git hooks run is what `make check` and the Makefile run."""

import json
import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_hooks_are_the_commands_of_make_check() -> None:
    document = YAML(typ="safe").load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in document["repos"] for hook in repository["hooks"]]
    check = re.search(r"^check:[^\n]*\n((?:\t[^\n]+\n)+)", MAKEFILE, re.MULTILINE)
    assert check is not None
    assert [hook["entry"] for hook in hooks] == [
        f".venv/bin/{line.strip()}" for line in check[1].splitlines()
    ]
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)


def test_the_container_for_editors_makes_the_environment_of_the_tests() -> None:
    text = (ROOT / ".devcontainer/devcontainer.json").read_text()
    document = json.loads(re.sub(r"^//.*$", "", text, flags=re.MULTILINE))
    assert document["postCreateCommand"] == "make .venv/.test"
    assert re.search(r"^\$\(VENV\)/\.test\b", MAKEFILE, re.MULTILINE)
    image = re.search(
        r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)-", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert image is not None
    assert f"python:{image[1]}-" in document["image"]
    assert document["forwardPorts"] == [8001]
