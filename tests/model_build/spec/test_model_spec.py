import hashlib
import json
from pathlib import Path

import pytest

from app.core.column_names import normalize_column_name
from app.core.features import TOO_LARGE
from model_build.errors import SpecError
from model_build.spec import model_spec
from model_build.spec.spec_files import SPECS
from tests.model_build.spec.conftest import SpecErrorOf, changed
from tests.support.tiny import TINY

TYPES = "integer, number, category, open_category, boolean, datetime"
SYNTHETIC = "licence: none\n  synthetic: {{generator: {}, rows: {}, seed: 1}}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tiny.yaml"


def test_census_spec_has_the_features_and_the_target_of_uci_adult() -> None:
    census = model_spec.load("census")
    content = (SPECS / "census.yaml").read_bytes()
    assert census.name == "census-income"
    assert census.sha256 == hashlib.sha256(content).hexdigest()
    assert {feature.name: feature.type for feature in census.features} == {
        "age": "integer",
        "workclass": "category",
        "fnlgt": "integer",
        "education": "category",
        "education_num": "integer",
        "marital_status": "category",
        "occupation": "category",
        "relationship": "category",
        "race": "category",
        "sex": "category",
        "capital_gain": "integer",
        "capital_loss": "integer",
        "hours_per_week": "integer",
        "native_country": "category",
    }
    assert census.target.model_dump() == {
        "name": "salary",
        "labels": ("<=50K", ">50K"),
        "titles": {},
        "merge": {},
        "positive": ">50K",
        "threshold": 0.5,
    }
    missing = {feature.name for feature in census.features if feature.missing is not None}
    assert missing == {"workclass", "occupation", "native_country"}


def test_spec_is_loaded_from_its_path(path: Path) -> None:
    path.write_text(TINY)
    tiny = model_spec.load(str(path))
    sections = {"derived", "ids", "data_checks", "training", "evaluation", "gates", "model_checks", "card"}
    assert tiny.model_dump(exclude={"features", *sections}) == {
        "name": "tiny",
        "title": "Tiny loans",
        "version": "1.2.3",
        "description": "Will it be paid back?",
        "data": {
            "sources": ({"query": None, "uri": "loans.csv", "sha256": None, "sheet": None},),
            "columns": (),
            "delimiter": None,
            "encoding": "utf-8",
            "drop_duplicates": True,
            "synthetic": None,
            "licence": "none",
        },
        "target": {
            "name": "paid",
            "labels": ("no", "yes"),
            "titles": {},
            "merge": {},
            "positive": "yes",
            "threshold": 0.6,
        },
        "weight": None,
        "split": {
            "test": 0.25,
            "by": None,
            "groups": None,
            "file": None,
            "stratify": True,
            "seed": 1,
        },
        "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": 5}},
    }
    years, rate, grade, secured = tiny.features
    assert years.names == ("years", "duration-years")
    assert rate.model_dump() == {
        "name": "rate",
        "aliases": (),
        "title": "Rate",
        "unit": "percent",
        "missing": {"markers": ("n/a",)},
        "default": None,
        "offset": 0,
        "scale": 1,
        "minimum": 0,
        "maximum": 20,
        "outside": "refuse",
        "example": 2.5,
        "type": "number",
    }
    assert grade.codes == {"A": 0, "B": 1, "C": 2, None: 3, "?": 3}
    assert secured.codes == {False: 0, True: 1}
    assert tiny.sha256 == hashlib.sha256(TINY.encode()).hexdigest()


def test_checksum_changes_with_the_file(path: Path) -> None:
    path.write_text(TINY)
    checksum = model_spec.load(str(path)).sha256
    path.write_text(TINY + "# a remark\n")
    assert model_spec.load(str(path)).sha256 != checksum


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: tiny\n", "name: Tiny Loans\n", "name: must match ^[a-z0-9]+(-[a-z0-9]+)*$."),
        ("title: Tiny loans", "title: ''", "title: must not be empty."),
        (
            "version: 1.2.3",
            "version: one",
            r"version: must match ^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$.",
        ),
        (
            "minimum: 1, maximum: 30",
            "minimum: 30, maximum: 1",
            "features.years: minimum 30 must be below maximum 1.",
        ),
        ("example: 5}", "example: 31}", "features.years: example 31 must lie in 1 to 30."),
        (
            "maximum: 30",
            "maximum: 16777217",
            f"features.years.maximum: {TOO_LARGE}.",
        ),
        (
            "minimum: 1,",
            "minimum: -16777217,",
            f"features.years.minimum: {TOO_LARGE}.",
        ),
        (
            "maximum: 20",
            "maximum: 1.0e+39",
            "features.rate.maximum: must be at most 3.4028234663852886e+38.",
        ),
        (
            "minimum: 0,",
            "minimum: -3.5e+38,",
            "features.rate.minimum: must be at least -3.4028234663852886e+38.",
        ),
        (
            "example: B",
            "example: D",
            "features.grade: example must be one of the categories: A, B, C.",
        ),
        ("categories: [A, B, C]", "categories: [B]", "features.grade.categories: needs at least 2 items."),
        (
            "categories: [A, B, C]",
            "categories: [A, B, A]",
            "features.grade: categories and missing markers must differ, A appears twice.",
        ),
        (
            'markers: ["?"]',
            "markers: [A]",
            "features.grade: categories and missing markers must differ, A appears twice.",
        ),
        (
            "type: boolean",
            "type: text",
            "features.secured.type: there is no type 'text' (did you mean 'category'?); "
            f"allowed are {TYPES}.",
        ),
        (
            "name: rate,",
            "name: years,",
            "features.years.name: feature name or alias 'years' is taken already by feature 'years'.",
        ),
        (
            "aliases: [duration-years]",
            "aliases: [rate]",
            "features.rate.name: feature name or alias 'rate' is taken already by feature 'years'.",
        ),
        (
            "aliases: [duration-years]",
            "aliases: [Rate]",
            "features.rate.name: 'years' and 'rate' both match the column 'rate'.",
        ),
        (
            "name: rate,",
            "name: inputs,",
            "features.inputs.name: feature name or alias 'inputs' is taken already by the key that holds the "
            "rows of a request.",
        ),
        ("name: paid,", "name: rate,", "target.name: target 'rate' is also a feature."),
        ("aliases: [duration-years]", "aliases: [paid]", "target.name: target 'paid' is also a feature."),
        (
            "aliases: [duration-years]",
            "aliases: [Paid]",
            "target.name: 'years' and 'paid' both match the column 'paid'.",
        ),
        ('positive: "yes"', "positive: maybe", "target: positive must be one of the labels: no, yes."),
        ('positive: "yes", ', "", "target: positive must be one of the labels: no, yes."),
        (
            'labels: ["no", "yes"]',
            'labels: ["no", "yes", late]',
            "target: a positive label is for two labels only.",
        ),
        ('labels: ["no", "yes"]', 'labels: ["yes", "yes"]', "target: every label may appear only once."),
        ('labels: ["no", "yes"]', 'labels: ["yes"]', "target.labels: needs at least 2 items."),
        ("threshold: 0.6", "threshold: 1", "target.threshold: must be below 1."),
        ("threshold: 0.6", "threshold: 0", "target.threshold: must be above 0."),
        (
            "licence: none",
            SYNTHETIC.format("loans", 100),
            "data.synthetic.generator: there is no generator 'loans'; allowed are census.",
        ),
        ("licence: none", SYNTHETIC.format("census", 99), "data.synthetic.rows: must be at least 100."),
        (
            "licence: none",
            "licence: none\n  columns: [years, rate, grades, secured, paid]",
            "data.columns.2: there is no feature, id or target 'grades' (did you mean 'grade'?); allowed are "
            "duration-years, grade, paid, rate, secured, years.",
        ),
        ("[{uri: loans.csv}]", "[]", "data.sources: needs at least 1 item."),
        (
            "uri: loans.csv",
            "uri: s3://loans/loans.csv",
            "data.sources.0: 's3://loans/loans.csv' needs a sha256; only a local file may have none.",
        ),
        (
            "uri: loans.csv",
            "uri: ftp://loans/loans.csv",
            "data.sources.0.uri: 'ftp://loans/loans.csv' must be a file name, s3://bucket/key, "
            "https://host/path or sklearn://iris.",
        ),
        (
            "uri: loans.csv",
            "uri: 'https://user:secret@loans/loans.csv'",
            "data.sources.0.uri: must hold no user name and no password.",
        ),
        (
            "uri: loans.csv",
            "uri: loans.csv, sha256: abc",
            "data.sources.0.sha256: must match ^[0-9a-f]{64}$.",
        ),
        ("test: 0.25", "test: 1", "split.test: must be below 1."),
        ("seed: 1", "seed: -1", "split.seed: must be at least 0."),
        ("seed: 1", "seed: 4294967296", "split.seed: must be at most 4294967295."),
        (
            "name: hist_gradient_boosting",
            "name: perceptron",
            "estimator.name: there is no estimator 'perceptron'; allowed are adopted, catboost, "
            "decision_tree, extra_trees, gradient_boosting, hist_gradient_boosting, lightgbm, "
            "logistic_regression, random_forest, xgboost.",
        ),
    ],
)
def test_value_that_is_not_allowed_is_an_error(
    spec_error: SpecErrorOf, old: str, new: str, sentence: str
) -> None:
    assert spec_error(changed(old, new)) == sentence


@pytest.mark.parametrize("text", ["", " ", " A", "A ", "\\tA", "A\\u00a0"])
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[A, B, C]", "[B, {}, C]", "features.grade.categories.1"),
        ('["?"]', '["?", {}]', "features.grade.missing.markers.1"),
        ('["n/a"]', "[{}]", "features.rate.missing.markers.0"),
        ('["no", "yes"]', '[{}, "yes"]', "target.labels.0"),
        ("title: Secured", "title: Secured, words: {{false: [nein, {}]}}", "features.secured.words.false.1"),
    ],
)
def test_empty_text_and_outer_spaces_are_errors(
    spec_error: SpecErrorOf, text: str, old: str, new: str, key: str
) -> None:
    written = f'"{text}"'
    assert spec_error(changed(old, new.format(written))) == (
        f"{key}: {json.loads(written)!r} must not be empty, nor have spaces at its ends."
    )


def test_inner_spaces_are_allowed(path: Path) -> None:
    path.write_text(changed("[A, B, C]", "[A, B, C d]"))
    assert model_spec.load(str(path)).features[2].codes == {"A": 0, "B": 1, "C d": 2, None: 3, "?": 3}


@pytest.mark.parametrize(
    "text",
    ["marital_status", "Marital-Status", " marital.status ", "marital  status", "MARITAL_STATUS"],
)
def test_spellings_of_a_column_become_one_name(text: str) -> None:
    assert normalize_column_name(text) == "marital_status"


def test_more_categories_than_a_boosting_has_bins_for_are_an_error(path: Path) -> None:
    categories = ", ".join(f"c{number}" for number in range(256))
    many = TINY.replace("[A, B, C]", f"[{categories}]").replace("example: B", "example: c7")
    path.write_text(many)
    with pytest.raises(SpecError, match=r"boosting can't tell 257 categories apart, only 255\."):
        model_spec.load(str(path))
    path.write_text(many.replace("hist_gradient_boosting, parameters: {max_iter: 5}", "random_forest"))
    assert model_spec.load(str(path)).estimator.name == "random_forest"
    path.write_text(many + "training: {drop: [grade]}\n")
    assert model_spec.load(str(path)).training.drop == ("grade",)
