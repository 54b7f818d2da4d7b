"""Words that the project dropped stay out of it: old names, private jargon, and names that say nothing."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TREES = (".ci", ".github", "benchmarks", "data", "docs", "examples", "infra", "notebooks")
HOUSES = ("app", "model_build", "tests")
"""Directories of rooms."""
ROOMS = sorted(
    f"{house}/{room.name}" for house in HOUSES for room in (ROOT / house).iterdir() if room.is_dir()
)
SUFFIXES = {".cfg", ".html", ".ipynb", ".js", ".md", ".py", ".sh", ".toml", ".yaml", ".yml", ""}
LEFT_OUT = {"__pycache__", ".venvs", "node_modules", "results", "swagger-ui-bundle.js", Path(__file__).name}


@dataclass(frozen=True)
class BannedWord:
    pattern: str
    reason: str
    example: str


WORDS = (
    BannedWord(
        r"(?i)\bfigures\b|(?-i:\bFIGURE\b)"
        r"|\b(?:a|an|any|each|every|its|no|one|only|that|the|this|whole) figure\b",
        "a number is a metric, a drawing a plot",
        "the figures of the card",
    ),
    BannedWord("(?i)mistake", "a broken rule of a request is an error", "the first mistake"),
    BannedWord("(?i)misfit", "a broken rule of the data is a violation", "describe_misfits"),
    BannedWord(r"(?i)\bfindings?\b", "of the data a violation, of the report an alert", "a finding"),
    BannedWord("(?i)verdict", "a check has a severity, a gate a result", "the verdict"),
    BannedWord(r"\bin[ _]parts\b|of_a_part\b", "a large body is read in chunks", "rows_of_a_part"),
    BannedWord(
        r"(?i)\bgates?(?: and checks)? (?:are |is |not )?(?:kept|broken)\b|\bbroken (?:are|gates?)\b",
        "a gate passes or fails",
        "all gates kept",
    ),
    BannedWord(r"\blet be\b", "a shift is ignored", "a shift is let be"),
    BannedWord(
        r"\b(?:assembly|deployed|documents|findings|misfits|shifts|stages|weighted)\.py\b|\bdirectory\.replace\b",
        "the module has another name",
        "see stages.py",
    ),
)
NAMES = {
    "asked": "name the request: media_type, source_mode",
    "each": "name the element: feature, row, gate",
    "found": "name the result: violations, errors, contract",
    "gives": "name the thing: response_type",
    "how": "name the thing: severity, config, mode",
    "place": "name the thing: path, uri, loc",
    "places": "name the things: paths, sources",
    "seen": "name the things: names, intersections",
    "takes": "name the thing: request_type",
    "then": "name the thing: severity",
    "told": "name the thing: information",
    "wanted": "name the thing: source_mode, media_type",
}
"""Names that say nothing of what they name; `one` and `other` are good for the two sides of a comparison."""
GIVEN_IN_TEXT = re.compile(r"\bfor (\w+(?:, ?\w+)*) in\b|\blocal (\w+)|\bset (\w+) =")

Report = tuple[int, str]
"""A line, and what is wrong there."""


def banned_words(text: str) -> Iterator[Report]:
    for number, line in enumerate(text.splitlines(), 1):
        for word in WORDS:
            if match := re.search(word.pattern, line):
                yield number, f"{match[0]!r}: {word.reason}"


def banned_names(source: str) -> Iterator[Report]:
    """Report the names that Python code gives to variables, parameters, attributes and functions."""
    for node in ast.walk(ast.parse(source)):
        name = given_name(node)
        if name in NAMES:
            yield getattr(node, "lineno", 0), f"the name {name!r}: {NAMES[name]}"


def given_name(node: ast.AST) -> str | None:
    match node:
        case (
            ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name)
        ):
            return name
        case (
            ast.arg(arg=name)
            | ast.FunctionDef(name=name)
            | ast.AsyncFunctionDef(name=name)
            | ast.alias(asname=name)
        ):
            return name
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name
    return None


def banned_names_in_text(text: str) -> Iterator[Report]:
    """Report the names that templates and scripts give to variables."""
    for number, line in enumerate(text.splitlines(), 1):
        given = [name for match in GIVEN_IN_TEXT.finditer(line) for name in match.groups() if name]
        for name in re.findall(r"\w+", " ".join(given)):
            if name in NAMES:
                yield number, f"the name {name!r}: {NAMES[name]}"


def files(directory: str, pattern: str = "**/*") -> Iterator[Path]:
    for path in sorted((ROOT / directory).glob(pattern)):
        if path.is_file() and path.suffix in SUFFIXES and not LEFT_OUT & set(path.relative_to(ROOT).parts):
            yield path


def reports(path: Path) -> list[str]:
    text = path.read_text()
    names = banned_names(text) if path.suffix == ".py" else banned_names_in_text(text)
    lines = sorted([*banned_words(text), *names])
    return [f"{path.relative_to(ROOT)}:{number}: {reason}" for number, reason in lines]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.example)
def test_a_banned_word_is_reported(word: BannedWord) -> None:
    ((number, reason),) = banned_words(f"a line\n{word.example}\n")
    assert number == 2
    assert reason.endswith(word.reason)


@pytest.mark.parametrize(
    "source",
    [
        "{} = 1",
        "self.{} = 1",
        "{}: int = 1",
        "def f(*, {}): ...",
        "async def {}(): ...",
        "[1 for {} in ()]",
        "for x, {} in (): ...",
        "with a as {}: ...",
        "({} := 1)",
        "import a as {}",
        "try: ...\nexcept E as {}: ...",
        "match a:\n case [{}, *_]: ...",
    ],
)
def test_a_banned_name_in_code_is_reported(source: str) -> None:
    assert [*banned_names(source.format("violations"))] == []
    ((_, reason),) = banned_names(source.format("found"))
    assert reason == f"the name 'found': {NAMES['found']}"


def test_a_banned_name_in_a_template_or_script_is_reported() -> None:
    lines = "{% for key, each in rows %}\n{% set found = 1 %}\nlocal wanted\nfor path in each; do\n"
    assert [number for number, _ in banned_names_in_text(lines)] == [1, 2, 3]


@pytest.mark.parametrize("tree", sorted({*TREES, *ROOMS}))
def test_no_banned_word_is_in_a_tree(tree: str) -> None:
    assert [report for path in files(tree) for report in reports(path)] == []


@pytest.mark.parametrize("directory", sorted({"", *HOUSES}))
def test_no_banned_word_is_in_a_file_beside_the_trees(directory: str) -> None:
    assert [report for path in files(directory, "*") for report in reports(path)] == []
