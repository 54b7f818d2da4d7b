"""dvc.yaml: the stages of the pipeline for one spec, as `dvc repro` runs them.

`make dvc-yaml` writes it anew after a change of `pipeline.STAGES`, and with SPEC for another spec. Paths are
relative to the root of the repository.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from model_build import pipeline
from model_build.errors import SpecError
from model_build.export import package
from model_build.reports.curve_tables import TABLES
from model_build.spec import model_spec, spec_files
from model_build.stage import Stage

HEADER = (
    "# `make dvc-yaml{option}` writes this file from the stages of model_build/pipeline.py; do not edit it.\n"
)
DEFAULT = "census"
ROOT = Path(__file__).parents[1]
CODE = ("model_build", "app/core")
"""Training code; .dvcignore excludes the files in it that do not change a model."""


def render_dvc_yaml(argument: str = DEFAULT) -> str:
    """Return the file for a spec, by its name or path; raise SpecError for one that is not right."""
    text = StringIO()
    model = _Pipeline(argument)
    YAML().dump({"stages": model.stages(), "plots": model.plots()}, text)
    option = "" if argument == DEFAULT else f" SPEC={argument}"
    return HEADER.format(option=option) + text.getvalue()


@dataclass(frozen=True)
class _Pipeline:
    """The stages for one spec."""

    argument: str
    """The spec as the commands name it."""

    @cached_property
    def spec_file(self) -> str:
        return _relative(spec_files.find(self.argument))

    @cached_property
    def build(self) -> str:
        return f"build/{model_spec.load(self.argument).name}"

    @cached_property
    def sections(self) -> frozenset[str]:
        """The sections that the spec has: DVC refuses to read others."""
        document = YAML(typ="safe", pure=True).load(spec_files.find(self.argument).read_bytes())
        return frozenset(map(str, document))

    def stages(self) -> dict[str, Any]:
        stages = {stage.name: self._stage(stage) for stage in pipeline.STAGES}
        stages["bake"] = {
            "cmd": f"python -m model_build bake {self.argument} --from-build",
            "deps": [*CODE, self.spec_file, *self._paths(package.ASSEMBLED)],
            "outs": [{"model": {"persist": True}}, {"model.joblib": {"persist": True}}],
        }
        return stages

    def plots(self) -> list[dict[str, Any]]:
        return [
            {table.title: {"template": "simple", "x": table.x, "y": {f"{self.build}/{table.file}": table.y}}}
            for table in TABLES
        ]

    def _stage(self, stage: Stage) -> dict[str, Any]:
        metrics = [name for name in stage.outputs if name == pipeline.METRIC_VALUES]
        outputs = [name for name in stage.outputs if name not in metrics]
        sections = [section for section in stage.sections if section in self.sections]
        whole_spec = self._whole_spec() if stage.name == "card" else []  # the card has the spec's checksum
        return {
            "cmd": f"python -m model_build {stage.name} {self.argument}",
            "deps": [*CODE, *whole_spec, *self._paths(stage.inputs)],
            "params": [{self.spec_file: sections}],
            "outs": self._paths(outputs),
        } | ({"metrics": self._paths(metrics)} if metrics else {})

    def _whole_spec(self) -> list[str]:
        stability = spec_files.stability_path(self.argument)
        return [self.spec_file, *([_relative(stability)] if stability.is_file() else [])]

    def _paths(self, names: Iterable[str]) -> list[str]:
        return [f"{self.build}/{name}" for name in names]


def _relative(path: Path) -> str:
    return Path(os.path.relpath(path.resolve(), ROOT)).as_posix()


def main(arguments: list[str]) -> None:
    try:
        sys.stdout.write(render_dvc_yaml(*arguments[:1]))
    except SpecError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
