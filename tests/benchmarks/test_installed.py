from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from benchmarks.installed import closure, size


class Pretended(Distribution):
    """A distribution that is installed nowhere."""

    def __init__(self, *requirements: str) -> None:
        self._requirements = requirements

    @property
    def metadata(self) -> Any:
        message = Message()
        for each in self._requirements:
            message["Requires-Dist"] = each
        return message

    def read_text(self, filename: str) -> str | None:  # noqa: ARG002 - importlib calls it so
        return None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


KNOWN: dict[str, Distribution] = {
    "service": Pretended("web[fast]>=1", "windows-only; sys_platform == 'win32'", "absent"),
    "web": Pretended("socket", "loop; extra == 'fast'", "docs; extra == 'docs'"),
    "socket": Pretended("web"),
    "loop": Pretended(),
    "docs": Pretended(),
    "windows-only": Pretended(),
}


def test_what_is_needed_here_counts_with_its_extras() -> None:
    assert closure(["Service"], KNOWN) == {"service", "web", "socket", "loop"}


def test_a_package_without_requirements_stands_alone() -> None:
    assert closure(["loop"], KNOWN) == {"loop"}


def test_a_package_is_not_larger_than_what_needs_it() -> None:
    assert 0 < size(["starlette"]) < size(["fastapi"])
