"""The pages of the project as tests read them: code blocks, code spans, tables, commands, anchors."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for directory in (".", ".github", "benchmarks", "data", "docs", "docs/examples", "examples", "infra")
    for page in (ROOT / directory).glob("*.md")
)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
OPERATORS = {"&&", "||", "|"}


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    language: str
    text: str


def read(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(text: str) -> list[Block]:
    return [Block(*match) for match in FENCED.findall(text)]


def prose(text: str) -> str:
    return FENCED.sub("", text)


def spans(text: str) -> list[str]:
    """Return what stands between backticks outside of the blocks."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this heading."""
    lines = text.split(f"| {heading} |", 1)[1].splitlines()[2:]
    rows = [line.strip() for line in lines[: lines.index("")]] if "" in lines else lines
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]


def commands(text: str) -> list[list[str]]:
    """Return the words of every command in the shell blocks and between backticks."""
    lines = [shlex.split(line, comments=True) for line in shell_lines(text)]
    lines += [span.split() for span in spans(text)]
    return [command for line in lines for command in _simple_commands(line)]


def shell_lines(text: str) -> list[str]:
    """Return the command lines of the shell blocks; a line that ends in a quote or a backslash goes on."""
    shell = [block.text for block in blocks(text) if block.language == "sh"]
    return [line for block in shell for line in _whole_lines(block)]


def _whole_lines(text: str) -> Iterator[str]:
    line = ""
    for physical_line in text.splitlines():
        if physical_line.endswith("\\"):
            line += physical_line[:-1]
            continue
        line += physical_line
        try:
            shlex.split(line, comments=True)
        except ValueError:  # an open quote
            line += "\n"
        else:
            yield line
            line = ""
    if line:
        raise ValueError(f"This command does not end: {line}")


def _simple_commands(words: list[str]) -> Iterator[list[str]]:
    """Split a line at its operators; variables set before a command are left out."""
    command: list[str] = []
    for word in [*words, "|"]:
        if word not in OPERATORS:
            command.append(word)
            continue
        while command and ASSIGNMENT.fullmatch(command[0]):
            del command[0]
        if command:
            yield command
        command = []
