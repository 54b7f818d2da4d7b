"""Functions and files of the service and of the training script stay short enough to read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FUNCTION = 44  # lines
LONGEST_FILE = 400
LONGEST_MEDIAN = 10


def function_lengths(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                (node.end_lineno or 0) - node.lineno + 1,
                f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
            )


@pytest.mark.parametrize("tree", ["app", "model_build"])
def test_functions_and_files_are_short(tree: str) -> None:
    paths = sorted((ROOT / tree).rglob("*.py"))
    functions = [function for path in paths for function in function_lengths(path)]
    assert [function for function in functions if function[0] > LONGEST_FUNCTION] == []
    assert [path for path in paths if len(path.read_text().splitlines()) > LONGEST_FILE] == []
    assert median(length for length, _ in functions) <= LONGEST_MEDIAN
