from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import spec_files
from model_build.spec.spec_files import SPECS

NAMES = ", ".join(sorted(spec.stem for spec in SPECS.glob("*.yaml")))
KNOWN = f"Give the path of a .yaml file, or one of: {NAMES}."


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    for name in ("churn.yaml", "specs/loans.yml", "churn.csv", "people.csv.gz", "spec.json"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", f"There is no model spec 'nonsense'. {KNOWN}"),
        ("Census", f"There is no model spec 'Census' (did you mean 'census'?). {KNOWN}"),
        ("churn", f"There is no model spec 'churn' (did you mean 'churn.yaml'?). {KNOWN}"),
        ("curn.yaml", f"There is no model spec 'curn.yaml' (did you mean 'churn.yaml'?). {KNOWN}"),
        ("specs/loan", f"There is no model spec 'specs/loan' (did you mean 'specs/loans.yml'?). {KNOWN}"),
        ("churn.csv", "churn.csv is a table, not a spec. Its spec seems to be churn.yaml."),
        (
            "people.csv.gz",
            "people.csv.gz is a table, not a spec. "
            "`python -m model_build init people.csv.gz` writes its spec.",
        ),
        (
            "new.XLSX",
            "new.XLSX is a table, not a spec. `python -m model_build init new.XLSX` writes its spec.",
        ),
        ("specs", "specs is a directory, not a spec. The .yaml files in it are: specs/loans.yml."),
        ("spec.json", "spec.json: a spec is a .yaml file. JSON is YAML too, so rename it to spec.yaml."),
        (
            "model.joblib",
            "model.joblib is a model, not a spec: "
            "`python -m model_build adopt model.joblib --spec SPEC` bakes it.",
        ),
    ],
)
def test_what_is_no_spec_is_an_error_that_says_what_may_be_meant(text: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_files.find(text)
    assert str(caught.value) == sentence


def test_spec_is_its_path_or_its_name(directory: Path) -> None:
    assert spec_files.find("census") == SPECS / "census.yaml"
    assert spec_files.find(str(directory / "churn.yaml")) == directory / "churn.yaml"


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("curn.csv", "There is no file curn.csv. Do you mean churn.csv?"),
        ("nowhere/else.csv", "There is no file nowhere/else.csv."),
        ("specs", "specs is a directory. Name a file in it, or several with 'specs/*.csv'."),
        (
            "churn.yaml",
            "churn.yaml is a spec, not a table: `python -m model_build bake churn.yaml` bakes it.",
        ),
    ],
)
def test_what_is_no_table_is_an_error_that_says_what_may_be_meant(path: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec_files.require_table(Path(path))
    assert str(caught.value) == sentence


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("path", ["churn.csv", "people.csv.gz", "*.csv", "part-??.csv"])
def test_files_and_patterns_may_be_tables(path: str) -> None:
    spec_files.require_table(Path(path))
