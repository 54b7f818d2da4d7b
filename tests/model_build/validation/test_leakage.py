import json
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from model_build.data import dataset
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.validation import leakage, schema

RNG = np.random.default_rng(3)
ROWS = 300
PAID = RNG.random(ROWS) < 0.4


def frame(**columns: object) -> pd.DataFrame:
    """Return rows whose features are independent of the label, except for these columns."""
    good = {
        "years": RNG.integers(1, 31, ROWS).astype(float),
        "rate": RNG.uniform(0, 20, ROWS),
        "grade": RNG.choice(["A", "B", "C"], ROWS),
        "secured": RNG.random(ROWS) < 0.5,
        "paid": np.where(PAID, "yes", "no"),
    }
    return pd.DataFrame(good | columns).astype(object)


def sentences(spec: ModelSpec, rows: pd.DataFrame) -> list[str]:
    return [violation.sentence for violation in leakage.find_leakage(spec, schema.typed_columns(spec, rows))]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("years", np.where(PAID, 7.0, RNG.choice([6.0, 8.0], ROWS))),
        ("rate", np.where(PAID, 3e38, 2e38)),
        ("rate", [None if paid else 1.5 for paid in PAID]),
        ("grade", np.where(PAID, "B", RNG.choice(["A", "C"], ROWS))),
        ("secured", ~PAID),
    ],
)
def test_feature_that_determines_the_target_is_reported(
    tiny_spec: ModelSpec, column: str, values: object
) -> None:
    (violation,) = leakage.find_leakage(tiny_spec, schema.typed_columns(tiny_spec, frame(**{column: values})))
    assert violation.model_dump(exclude_none=True) == {
        "check": "leakage",
        "severity": "fail",
        "column": column,
        "sentence": (
            f"{column}: this feature alone ranks paid with a ROC AUC of 1.000; at most 0.995 is allowed. "
            "Remove the feature, or raise data_checks.maximum_leakage if its value is known before paid"
        ),
        "examples": (),
        "statistic": 1.0,
    }


def test_different_value_in_every_row_is_no_leakage(tiny_spec: ModelSpec) -> None:
    assert sentences(tiny_spec, frame(rate=np.linspace(0, 20, ROWS))) == []


def test_maximum_and_severity_come_from_the_spec(tiny_spec: ModelSpec) -> None:
    noisy = frame(secured=PAID ^ (RNG.random(ROWS) < 0.1))
    assert sentences(tiny_spec, noisy) == []
    strict = tiny_spec.model_copy(update={"data_checks": DataChecks(maximum_leakage=0.8, leakage="warn")})
    (violation,) = leakage.find_leakage(strict, schema.typed_columns(strict, noisy))
    assert (violation.column, violation.severity) == ("secured", "warn")
    assert "; at most 0.8 is allowed. " in violation.sentence


def test_a_suspect_is_a_warning_and_a_definition_is_no_leak(tiny_spec: ModelSpec) -> None:
    noisy = frame(secured=PAID ^ (RNG.random(ROWS) < 0.03))
    (suspect,) = leakage.find_leakage(tiny_spec, schema.typed_columns(tiny_spec, noisy))
    assert (suspect.severity, suspect.column) == ("warn", "secured")
    assert suspect.sentence.endswith(
        ". Is its value known before paid? If so, raise data_checks.suspect_leakage; if the label is defined "
        "by it, name it in data_checks.definitions"
    )
    defined = tiny_spec.model_copy(update={"data_checks": DataChecks(definitions=("secured",))})
    (violation,) = leakage.find_leakage(defined, schema.typed_columns(defined, frame(secured=PAID)))
    assert violation.severity == "warn"
    assert violation.sentence == (
        "secured: this feature alone ranks paid with a ROC AUC of 1.000; it is one of "
        "data_checks.definitions, by which the label is defined, and so no leak"
    )


def three_labels(spec: ModelSpec) -> ModelSpec:
    target = spec.target.model_copy(update={"labels": ("no", "late", "yes"), "positive": None})
    return spec.model_copy(update={"target": target})


def test_feature_that_determines_three_labels_is_reported(tiny_spec: ModelSpec) -> None:
    paid = RNG.choice(["no", "late", "yes"], ROWS)
    grades = {"no": "A", "late": "B", "yes": "C"}
    rows = frame(grade=[grades[label] for label in paid], paid=paid)
    assert sentences(three_labels(tiny_spec), rows) == [
        "grade: this feature alone ranks paid with a ROC AUC of 1.000; at most 0.995 is allowed. "
        "Remove the feature, or raise data_checks.maximum_leakage if its value is known before paid"
    ]


def test_feature_that_determines_one_of_three_labels_is_scored_by_the_mean(
    tiny_spec: ModelSpec,
) -> None:
    rows = frame(grade=np.where(PAID, "A", "C"), paid=np.where(PAID, "late", RNG.choice(["no", "yes"], ROWS)))
    assert sentences(three_labels(tiny_spec), rows) == []


def highest_of(rare: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return rates that are highest in the rare rows."""
    return np.where(rare, 20.0, RNG.uniform(0, 15, ROWS))


@pytest.mark.parametrize("positives", [0, 1, 2, 4, 9])
def test_label_with_few_rows_is_no_leakage(tiny_spec: ModelSpec, positives: int) -> None:
    paid = np.repeat(["yes", "no"], [positives, ROWS - positives])
    assert sentences(tiny_spec, frame(rate=highest_of(paid == "yes"), paid=paid)) == []


def test_label_with_few_rows_does_not_hide_leakage_of_the_others(tiny_spec: ModelSpec) -> None:
    paid = np.where(PAID, "yes", "no").astype(object)
    paid[:9] = "late"
    rows = frame(rate=highest_of(paid == "late"), secured=PAID, paid=paid)
    assert [sentence.split(":")[0] for sentence in sentences(three_labels(tiny_spec), rows)] == ["secured"]


OBESITY = "ObesityDataSet_raw_and_data_sinthetic.csv"
OBESITY_SPEC = """
name: obesity
title: Obesity
version: 1.0.0
description: How heavy is a person for their height?
data: {{sources: [{{uri: {file}}}], licence: CC BY 4.0}}
features: {features}
target: {{name: NObeyesdad, labels: {labels}}}
split: {{test: 0.25, seed: 1}}
estimator: {{name: decision_tree}}
"""


def declared(name: str, column: pd.Series) -> dict[str, object]:
    """Return the declaration of a column as a feature."""
    values = sorted(column.unique().tolist())
    feature = {"name": name, "title": name, "example": values[0]}
    if isinstance(values[0], str):
        return feature | {"type": "category", "categories": values}
    return feature | {"type": "number", "minimum": values[0], "maximum": values[-1]}


def test_weight_is_no_leakage_of_seven_levels_of_obesity(tmp_path: Path) -> None:
    path = Path(os.environ.get("DATA_DIR", "")) / OBESITY
    if not path.is_file():
        pytest.skip(f"DATA_DIR names no directory with UCI's {OBESITY}")
    people = pd.read_csv(path)
    labels = people.pop("NObeyesdad").unique().tolist()
    features = json.dumps([declared(str(name), column) for name, column in people.items()])
    (tmp_path / "obesity.yaml").write_text(
        OBESITY_SPEC.format(file=OBESITY, features=features, labels=labels)
    )
    obesity = model_spec.load(str(tmp_path / "obesity.yaml"))
    rows, _ = dataset.clean(
        dataset.fetch_rows(obesity, "real", path.parent, pytest.fail)[0], obesity, OBESITY
    )
    assert leakage.find_leakage(obesity, schema.typed_columns(obesity, rows)) == []
    strict = obesity.model_copy(update={"data_checks": DataChecks(maximum_leakage=0.9)})
    assert [
        violation.column for violation in leakage.find_leakage(strict, schema.typed_columns(strict, rows))
    ] == ["Weight"]


def test_invalid_cells_count_as_missing(tiny_spec: ModelSpec) -> None:
    rows = frame(grade=np.where(PAID, "D", "A"), years="x", paid=np.where(PAID, "yes", "no"))
    rows.loc[:20, "paid"] = ""
    assert [sentence.split(":")[0] for sentence in sentences(tiny_spec, rows)] == ["grade"]


def test_same_rows_give_the_same_score(tiny_spec: ModelSpec) -> None:
    strict = tiny_spec.model_copy(update={"data_checks": DataChecks(maximum_leakage=0)})
    typed = schema.typed_columns(strict, frame())
    assert leakage.find_leakage(strict, typed) == leakage.find_leakage(strict, typed)
    assert [violation.column for violation in leakage.find_leakage(strict, typed)] == [
        "years",
        "rate",
        "grade",
        "secured",
    ]
