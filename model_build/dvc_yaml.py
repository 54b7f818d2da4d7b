"""dvc.yaml: the stages of the pipeline for the census model, as `dvc repro` runs them.

`make dvc-yaml` writes it anew after a change of `pipeline.STAGES`.
"""

import sys
from collections.abc import Iterable
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from model_build import pipeline
from model_build.export import package
from model_build.reports.curve_tables import TABLES
from model_build.spec.spec_files import SPECS
from model_build.stage import Stage

HEADER = "# `make dvc-yaml` writes this file from the stages of model_build/pipeline.py; do not edit it.\n"
SPEC = "model_build/specs/census.yaml"
STABILITY = "model_build/specs/census.stability.json"
BUILD = "build/census-income"
CODE = ("model_build", "app/core")
"""Training code; .dvcignore excludes the files in it that do not change a model."""


def render_dvc_yaml() -> str:
    text = StringIO()
    YAML().dump({"stages": _stages(), "plots": _plots()}, text)
    return HEADER + text.getvalue()


def _stages() -> dict[str, Any]:
    stages = {stage.name: _stage(stage) for stage in pipeline.STAGES}
    stages["bake"] = {
        "cmd": "python -m model_build bake census --from-build",
        "deps": [*CODE, SPEC, *_paths(package.ASSEMBLED)],
        "outs": [{"model": {"persist": True}}, {"model.joblib": {"persist": True}}],
    }
    return stages


def _stage(stage: Stage) -> dict[str, Any]:
    whole_spec = [SPEC, STABILITY] if stage.name == "card" else []  # the card has the spec's checksum
    metrics = [name for name in stage.outputs if name == pipeline.METRIC_VALUES]
    outputs = [name for name in stage.outputs if name not in metrics]
    return {
        "cmd": f"python -m model_build {stage.name} census",
        "deps": [*CODE, *whole_spec, *_paths(stage.inputs)],
        "params": [{SPEC: [section for section in stage.sections if section in _sections()]}],
        "outs": _paths(outputs),
    } | ({"metrics": _paths(metrics)} if metrics else {})


@cache
def _sections() -> frozenset[str]:
    """Return the sections that the spec has: DVC refuses to read others."""
    return frozenset(YAML(typ="safe", pure=True).load((SPECS / Path(SPEC).name).read_bytes()))


def _plots() -> list[dict[str, Any]]:
    return [
        {table.title: {"template": "simple", "x": table.x, "y": {f"{BUILD}/{table.file}": table.y}}}
        for table in TABLES
    ]


def _paths(names: Iterable[str]) -> list[str]:
    return [f"{BUILD}/{name}" for name in names]


if __name__ == "__main__":
    sys.stdout.write(render_dvc_yaml())
