from pathlib import Path

from model_build.dvc_yaml import render_dvc_yaml

REPOSITORY = Path(__file__).parents[2]


def test_dvc_yaml_is_current() -> None:
    assert (REPOSITORY / "dvc.yaml").read_text() == render_dvc_yaml()
