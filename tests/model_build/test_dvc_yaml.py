from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from model_build import pipeline
from model_build.export import package
from model_build.reports.curve_tables import AXES
from model_build.stage import Stage

REPOSITORY = Path(__file__).parents[2]
SPEC = "model_build/specs/census.yaml"
BUILD = "build/census-income"
CODE = ["model_build", "app/core"]


@pytest.fixture(scope="module")
def dvc() -> Any:
    return YAML(typ="safe").load(REPOSITORY / "dvc.yaml")


def in_build(*names: str) -> list[str]:
    return [f"{BUILD}/{name}" for name in names]


def declared(stage: Stage) -> dict[str, Any]:
    """Return what dvc.yaml must say of a stage."""
    whole_spec = [SPEC] if stage.name == "card" else []  # it names the checksum of the spec
    metrics = [name for name in stage.outputs if name == "figures.json"]
    outs = [name for name in stage.outputs if name not in metrics]
    return {
        "cmd": f"python -m model_build {stage.name} census",
        "deps": [*CODE, *whole_spec, *in_build(*stage.inputs)],
        "params": [{SPEC: [*stage.sections]}],
        "outs": in_build(*outs),
    } | ({"metrics": in_build(*metrics)} if metrics else {})


def test_the_stages_are_those_of_the_pipeline_in_their_order(dvc: Any) -> None:
    assert list(dvc["stages"]) == [*(stage.name for stage in pipeline.STAGES), "bake"]


@pytest.mark.parametrize("stage", pipeline.STAGES, ids=lambda stage: stage.name)
def test_a_stage_is_declared_as_in_the_pipeline(dvc: Any, stage: Stage) -> None:
    assert dvc["stages"][stage.name] == declared(stage)


def test_the_last_stage_bakes_what_the_others_left(dvc: Any) -> None:
    assert dvc["stages"]["bake"] == {
        "cmd": "python -m model_build bake census --from-build",
        "deps": [*CODE, SPEC, *in_build(*package.ASSEMBLED)],
        "outs": [{"model": {"persist": True}}, {"model.joblib": {"persist": True}}],
    }


def test_every_curve_is_plotted_over_its_axes(dvc: Any) -> None:
    drawn = [plot for named in dvc["plots"] for plot in named.values()]
    assert [(plot["x"], plot["y"]) for plot in drawn] == [
        (x, {f"{BUILD}/{name}.csv": y}) for name, (x, y) in AXES.items()
    ]
