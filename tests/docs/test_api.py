"""docs/api.md has every route, problem and type of error; its examples are answered as it shows."""

import ast
from pathlib import Path

import pytest

from app.main import create_app
from app.monitoring.metrics import KINDS, ROUTES
from app.prediction.scoring import BinaryFileMetrics
from app.routes.predict_file import FIELDS
from app.settings import Settings
from tests.docs.examples import answer, expected, parse, requests
from tests.docs.markdown import ROOT, blocks, read, spans, table

PAGE, README = read("docs/api.md"), read("README.md")
PROBLEM = "urn:problem:"
EXAMPLES = requests(README) | requests(PAGE)
WRONG_AGE = next(iter(requests(README))).replace('"age": 39', '"age": 139')
EXAMPLES[WRONG_AGE] = next(block.text for block in blocks(README) if PROBLEM in block.text)
WITH_KEY = {command: shown for command, shown in EXAMPLES.items() if "$API_KEY" in command}
OF_THE_FRAMEWORK = {("not-found", 404), ("method-not-allowed", 405)}
"""Problems whose names are made of the phrase of their status."""


def test_the_examples_are_answered_as_the_pages_show(address: str, protected_address: str) -> None:
    """One test, because one model serves all examples."""
    answers = {
        command: answer(command, protected_address if command in WITH_KEY else address)
        for command in EXAMPLES
    }
    assert {command: parse(answers[command]) for command, shown in EXAMPLES.items() if shown} == {
        command: expected(parse(shown)) for command, shown in EXAMPLES.items() if shown
    }
    assert [command for command, shown in EXAMPLES.items() if not shown and PROBLEM in answers[command]] == []


def test_the_examples_with_a_key_need_it(protected_address: str) -> None:
    answers = [parse(answer(command, protected_address, "unknown")) for command in WITH_KEY]
    assert [document["type"] for document in answers] == [f"{PROBLEM}unauthorized"] * 2


def test_most_examples_show_their_answer() -> None:
    assert [shown is not None for shown in EXAMPLES.values()] == [
        True,
        True,
        True,
        True,
        False,
        True,
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("page", [README, PAGE], ids=["README.md", "docs/api.md"])
def test_every_route_is_documented(page: str, tiny_model: Path) -> None:
    operations = create_app(Settings(model_dir=tiny_model)).openapi()["paths"].items()
    routes = {f"{method.upper()} {path}" for path, methods in operations for method in methods}
    routes |= {f"GET {path}" for path in ("/", "/card", "/docs", "/openapi.json")}
    documented = [name for row in table(page, "route") for cell in row for name in spans(cell)]
    assert {name for name in documented if " /" in name} == routes


def test_every_route_has_its_series_of_metrics(tiny_model: Path) -> None:
    paths = set(create_app(Settings(model_dir=tiny_model)).openapi()["paths"])
    assert paths | {"/", "/card", "/docs", "/openapi.json", "other"} == set(ROUTES)


def test_every_problem_is_documented_with_its_status() -> None:
    documented = {(name.strip("`"), int(status)) for name, status, _ in table(PAGE, "type")}
    assert documented == {(f"{PROBLEM}{name}", status) for name, status in problems() | OF_THE_FRAMEWORK}


def problems() -> set[tuple[str, int]]:
    """Return name and status of every problem that the service raises."""
    calls = [
        node
        for path in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem"
    ]
    arguments = [[part.value for part in call.args[:2] if isinstance(part, ast.Constant)] for call in calls]
    return {(str(constants[1]), int(str(constants[0]))) for constants in arguments if len(constants) == 2}


def test_every_type_of_error_is_documented() -> None:
    documented = {name for cell, _ in table(PAGE, "type of error") for name in spans(cell)}
    assert documented == set(KINDS) - {"other"}


def test_every_metric_of_a_file_is_documented() -> None:
    documented = {name for cell, _ in table(PAGE, "metric") for name in spans(cell)}
    assert documented == BinaryFileMetrics.__required_keys__


def test_every_field_of_an_upload_is_documented() -> None:
    files = PAGE.split("## Files", 1)[1].split("\n## ", 1)[0]
    assert [field for field in FIELDS if f"`{field}`" not in files] == []


def test_the_limits_are_those_of_the_settings() -> None:
    fields = Settings.model_fields
    limits = PAGE.split("## Limits", 1)[1]
    assert f"`MAX_BODY_BYTES` bytes ({fields['max_body_bytes'].default // 2**20} MiB)" in limits
    assert f"`MAX_ROWS` rows ({fields['max_rows'].default:,})" in limits
