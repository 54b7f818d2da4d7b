from pathlib import Path

import pytest
from ruamel.yaml import YAML

from model_build.dvc_yaml import main, render_dvc_yaml
from model_build.pipeline import STAGES
from tests.support.tiny import TINY

REPOSITORY = Path(__file__).parents[2]


def test_dvc_yaml_is_current() -> None:
    assert (REPOSITORY / "dvc.yaml").read_text() == render_dvc_yaml()


def test_dvc_yaml_is_written_for_any_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    main([str(path)])
    text = capsys.readouterr().out
    assert text.startswith(f"# `make dvc-yaml SPEC={path}` writes this file ")
    assert "census" not in text
    stages = YAML(typ="safe", pure=True).load(text)["stages"]
    assert [*stages] == [*(stage.name for stage in STAGES), "bake"]
    train = stages["train"]
    assert train["cmd"] == f"python -m model_build train {path}"
    (params,) = train["params"]
    ((spec, sections),) = params.items()
    assert (REPOSITORY / spec).resolve() == path
    assert sections == ["name", "features", "target", "split", "estimator"]
    assert "build/tiny/training.json" in train["outs"]
    assert stages["card"]["deps"][2:4] == [spec, "build/tiny/source.json"]


def test_wrong_spec_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("seed: 1", "seed: x"))
    with pytest.raises(SystemExit, match=r"tiny.yaml:16:27: split.seed: must be a whole number\."):
        main([str(tmp_path / "tiny.yaml")])
