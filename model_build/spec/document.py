"""A spec as a YAML document: its values, and the line and the column of each."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from model_build.errors import SpecError
from model_build.spec.invalid_key import InvalidKey
from model_build.text import pluralize

MOST_LISTED = 50
"""Errors that are listed; more are counted."""
MERGE = "tag:yaml.org,2002:merge"
HINTS = {
    "'\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed here": "text with a colon and a space in it needs quotes",
    "cannot start any token": "text that begins with this character needs quotes",
    "found undefined alias": "text that begins with * needs quotes",
}
"""Remedies, by words in the problem that the parser reports."""


class Position(NamedTuple):
    """Both count from 1."""

    line: int
    column: int


class Document:
    """The values of a YAML file with a mapping; `duplicates` are the keys that stand in a mapping twice."""

    def __init__(self, path: Path, content: bytes) -> None:
        """Raise SpecError for a file that is not YAML."""
        self.path = path
        self._content = content
        self.duplicates: list[tuple[Position, str]] = []
        try:
            self.values: Any = self._load()
        except YAMLError as error:
            raise SpecError(f"{path}{_describe(error)}.") from error

    def _load(self) -> Any:
        try:
            return YAML(typ="safe", pure=True).load(self._content)
        except DuplicateKeyError:
            self.duplicates = [*_find_duplicates(self._root)]
            yaml = YAML(typ="safe", pure=True)
            yaml.allow_duplicate_keys = True
            return yaml.load(self._content)

    @cached_property
    def _root(self) -> Node:
        root: Node = YAML(typ="safe", pure=True).compose(self._content)
        return root

    def locate(self, invalid: InvalidKey) -> Position:
        """Return where the value of a key begins, or an unknown key itself.

        For a key that is absent, it is the mapping that should have it.
        """
        node = self._root
        for number, step in enumerate(invalid.path, 1):
            child = _child(node, step)
            if child is None:
                break
            is_last = number == len(invalid.path)
            node = child[0] if is_last and invalid.is_unknown else child[1]
        return _position(node)

    def refuse(self, errors: list[tuple[Position, str]]) -> SpecError:
        """Return one error with all sentences, each behind `FILE:LINE:COLUMN: `, in the order of the file."""
        lines = [f"{self.path}:{line}:{column}: {sentence}" for (line, column), sentence in sorted(errors)]
        if len(lines) == 1:
            return SpecError(lines[0])
        listed = "".join(f"\n  {line}" for line in lines[:MOST_LISTED])
        rest = f"\n  and {len(lines) - MOST_LISTED:,} more" if len(lines) > MOST_LISTED else ""
        return SpecError(f"{self.path} has {pluralize(len(lines), 'error')}:{listed}{rest}")


def _describe(error: YAMLError) -> str:
    """Return the position and the problem; the whole error where it has no position."""
    if not isinstance(error, MarkedYAMLError) or not error.problem_mark:
        return f" is not YAML: {' '.join(str(error).split())}"
    line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
    problem = str(error.problem)
    hints = [hint for words, hint in HINTS.items() if words in problem]
    return f":{line}:{column}: the file is not YAML: {'; '.join([problem, *hints[:1]])}"


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """Return the nodes of a key and its value, or twice that of a list item."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in _pairs(node) if key.value == str(step)), None)
    if not isinstance(node, SequenceNode):
        return None
    items: list[Node] = node.value
    if isinstance(step, int):
        return (items[step], items[step]) if step < len(items) else None
    return next(((item, item) for item in items if _name(item) == step), None)


def _name(item: Node) -> str | None:
    name = _child(item, "name") if isinstance(item, MappingNode) else None
    return str(name[1].value) if name else None


def _pairs(node: MappingNode) -> Iterator[tuple[Node, Node]]:
    """Yield keys with their values, also those that `<<` merges into a mapping."""
    for key, value in node.value:
        if key.tag != MERGE:
            yield key, value
            continue
        for merged in value.value if isinstance(value, SequenceNode) else [value]:
            yield from _pairs(merged)


def _find_duplicates(root: Node) -> Iterator[tuple[Position, str]]:
    """Yield every key that its mapping has already; a node with an anchor is looked at once."""
    nodes, known = [root], {id(root)}
    for node in nodes:
        first: dict[str, Position] = {}
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if isinstance(key, ScalarNode) and key.value in first:
                yield _position(key), f"the key {key.value!r} is in line {first[key.value].line} already"
            elif isinstance(key, ScalarNode):
                first[key.value] = _position(key)
        for child in _children(node):
            if id(child) not in known:
                known.add(id(child))
                nodes.append(child)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, SequenceNode) else []
