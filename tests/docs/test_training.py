"""docs/training.md has every command, option and file of the training script."""

import re

import pytest

from app.core.contract import CONTRACT_FILE, MODEL_FILE
from model_build.__main__ import HELP, parser
from model_build.cross_validate import RESULTS
from model_build.export.package import BAKED, EVALUATED_FILE
from model_build.pipeline import STAGES
from tests.docs.markdown import read, spans, table

PAGE = read("docs/training.md")
OF_COMMANDS = {"cross-validate": {RESULTS}, "bake": {"model/"}, "stability": {"NAME.stability.json"}}
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


def test_every_file_of_the_baked_model_is_documented() -> None:
    documented = [name for cell, _ in table(PAGE, "file of `model/`") for name in spans(cell)]
    assert sorted(documented) == sorted([CONTRACT_FILE, MODEL_FILE, EVALUATED_FILE, *BAKED])
