"""docs/training.md has every command, option and file of the training script."""

import re
from itertools import chain

import pytest

from app.core.contract import CONTRACT_FILE, MODEL_FILE
from model_build.__main__ import HELP, parser
from model_build.cross_validate import RESULTS
from model_build.export.package import BAKED, EVALUATED_FILE
from model_build.pipeline import STAGES
from model_build.spec.spec_files import stability_path
from model_build.stability.document import BoundSpread, Stability
from model_build.stability.spreads import spread, worst
from tests.docs.markdown import read, spans, table

PAGE = read("docs/training.md")
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
