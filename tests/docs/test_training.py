"""docs/training.md has every command, option and file of the training script."""

import re
from itertools import chain
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from app.core.contract import CONTRACT_FILE, MODEL_FILE
from model_build.__main__ import HELP, parser
from model_build.artifacts import Cleaning, DataReport, Evaluation, Explanation, Slices, TrainingReport
from model_build.cross_validate import RESULTS
from model_build.export.package import BAKED, EVALUATED_FILE
from model_build.gate_report import ModelReport
from model_build.origin import Origin
from model_build.pipeline import STAGES
from model_build.spec.model_spec import ModelSpec
from model_build.spec.spec_files import stability_path
from model_build.split_report import SplitReport
from model_build.stability.document import BoundSpread, Stability
from model_build.stability.spreads import spread, worst
from tests.docs.markdown import read, spans, table

PAGE = read("docs/training.md")
IN_ANSWERS = {"ignored_columns", "replaced"}
"""Fields of the answers of the service."""
OF_COMMANDS = {
    "cross-validate": {RESULTS},
    "adopt": {"model/"},
    "bake": {"model/"},
    "stability": {"NAME.stability.json"},
}
"""The results of commands that are no stages."""


def test_every_command_is_documented_in_its_order() -> None:
    assert [command.strip("`") for command, *_ in table(PAGE, "command")] == list(HELP)


def test_the_results_of_a_command_are_those_of_its_stage() -> None:
    outputs = {stage.name: set(stage.outputs) for stage in STAGES} | OF_COMMANDS
    documented = {command.strip("`"): set(spans(results)) for command, _, results in table(PAGE, "command")}
    for command, results in documented.items():
        assert results, command
        assert results <= outputs[command]


@pytest.mark.parametrize("command", HELP)
def test_every_option_is_documented_with_its_commands(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    rows = {option.strip("`"): where for option, where, _ in table(PAGE, "option")}
    assert {option for option, where in rows.items() if where == "all" or command in spans(where)} == options


REPORTS: dict[str, type[BaseModel]] = {
    "source.json": Origin,
    "cleaning.json": Cleaning,
    "data-checks.json": DataReport,
    "split.json": SplitReport,
    "training.json": TrainingReport,
    "metrics.json": Evaluation,
    "slices.json": Slices,
    "importance.json": Explanation,
    "model-checks.json": ModelReport,
}
SET_ASIDE = table(PAGE, "what")


@pytest.mark.parametrize("row", SET_ASIDE, ids=lambda row: row[0])
def test_what_is_set_aside_is_in_the_report_that_the_list_names(row: list[str]) -> None:
    _, where, decided_by = row
    commands = {*HELP, "init"} & set(spans(where))
    files = set(spans(where)) & {name for stage in STAGES for name in stage.outputs}
    fields = set(spans(where)) - commands - files
    reported = set().union(*(REPORTS[file].model_fields for file in files & REPORTS.keys()), IN_ANSWERS)
    assert commands | files | fields
    assert fields <= reported
    options = {option for option in spans(decided_by) if option.startswith(("--", "?"))}
    assert {key for key in set(spans(decided_by)) - options if not is_key(key)} == set()
    assert options <= {"--source", "?strict=true", "?keep="}


def is_key(path: str) -> bool:
    """Return whether a spec may have this key."""
    models: list[type[BaseModel]] = [ModelSpec]
    for name in path.split("."):
        fields = [model.model_fields[name] for model in models if name in model.model_fields]
        if not fields:
            return False
        models = [model for field in fields for model in models_in(field.annotation)]
    return True


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def stability_rows() -> list[list[str]]:
    """Return the rows of the table about the census model: the gates that have a bound and a spread."""
    document = Stability.read_if_there(stability_path("census"))
    assert document.real is not None
    assert document.synthetic is not None
    rows = []
    for gate in document.real.gates:
        of_gate = [
            next(other for other in report.gates if other.name == gate.name)
            for report in (document.real, document.synthetic)
        ]
        if gate.bounds and gate.kind not in {"size", "behaviour"}:
            cells = [_describe(bound) for spread in of_gate for bound in spread.bounds]
            rows.append([gate.name.replace("_", " "), *chain.from_iterable(cells)])
    return rows


def _describe(bound: BoundSpread) -> list[str]:
    """Return the mean with its deviation, and the worst end."""
    values, ends = (
        [number for number in numbers if number is not None] for numbers in (bound.values, bound.ends)
    )
    summary = spread(values)
    return [f"{summary.mean:.4f} ± {summary.deviation:.4f}", f"{worst(bound.key, ends):.4f}"]


def test_the_spread_of_the_census_model_is_the_committed_one() -> None:
    assert table(PAGE, "census") == stability_rows()


def test_every_file_of_the_baked_model_is_documented() -> None:
    documented = [name for cell, _ in table(PAGE, "file of `model/`") for name in spans(cell)]
    assert sorted(documented) == sorted([CONTRACT_FILE, MODEL_FILE, EVALUATED_FILE, *BAKED])


def test_every_option_of_the_audit_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["audit", "--help"])
    options = re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)
    assert [option.strip("`") for option, _ in table(PAGE, "audit option")] == options
