"""The synthetic rows must be so like UCI Adult that a model trained on them ranks the real rows well."""

import os
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from model_build.data import synthetic_census
from model_build.data.synthetic_census import GENERATORS, generate_census
from model_build.spec.synthetic import GENERATOR_NAMES

REAL_FILE = Path(os.environ.get("DATA_DIR", "data")) / "adult.data"

NUMBERS = {"age", "fnlgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"}
COLUMNS = (  # noqa: SIM905 - two lines read better than fifteen
    "age workclass fnlgt education education_num marital_status occupation relationship race sex "
    "capital_gain capital_loss hours_per_week native_country salary"
).split()
LEVELS_OF_EDUCATION = (  # noqa: SIM905 - two lines read better than sixteen
    "Preschool 1st-4th 5th-6th 7th-8th 9th 10th 11th 12th HS-grad Some-college "
    "Assoc-voc Assoc-acdm Bachelors Masters Prof-school Doctorate"
).split()


def _levels(text: str) -> set[str]:
    return set(text.split())


CATEGORIES = {
    "workclass": _levels("""
        ? Federal-gov Local-gov Never-worked Private Self-emp-inc Self-emp-not-inc State-gov
        Without-pay
    """),
    "education": set(LEVELS_OF_EDUCATION),
    "marital_status": _levels("""
        Divorced Married-AF-spouse Married-civ-spouse Married-spouse-absent Never-married Separated
        Widowed
    """),
    "occupation": _levels("""
        ? Adm-clerical Armed-Forces Craft-repair Exec-managerial Farming-fishing Handlers-cleaners
        Machine-op-inspct Other-service Priv-house-serv Prof-specialty Protective-serv Sales
        Tech-support Transport-moving
    """),
    "relationship": _levels("""
        Husband Not-in-family Other-relative Own-child Unmarried Wife
    """),
    "race": {"Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"},
    "sex": {"Female", "Male"},
    "native_country": _levels("""
        ? Cambodia Canada China Columbia Cuba Dominican-Republic Ecuador El-Salvador England France
        Germany Greece Guatemala Haiti Holand-Netherlands Honduras Hong Hungary India Iran Ireland
        Italy Jamaica Japan Laos Mexico Nicaragua Outlying-US(Guam-USVI-etc) Peru Philippines Poland
        Portugal Puerto-Rico Scotland South Taiwan Thailand Trinadad&Tobago United-States Vietnam
        Yugoslavia
    """),
    "salary": {"<=50K", ">50K"},
}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return generate_census(20_000, seed=7)


def test_same_seed_gives_the_same_rows() -> None:
    pd.testing.assert_frame_equal(generate_census(500, seed=3), generate_census(500, seed=3))


def test_other_seed_gives_other_rows() -> None:
    assert (generate_census(500, seed=3)["fnlgt"] != generate_census(500, seed=4)["fnlgt"]).mean() > 0.99


def test_spec_names_every_generator() -> None:
    assert tuple(GENERATORS) == GENERATOR_NAMES
    assert GENERATORS["census"] is generate_census


def test_import_reads_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd, "read_csv", pytest.fail)
    runpy.run_path(str(synthetic_census.__file__))


@pytest.mark.parametrize("rows", [1, 50, 1_234])
def test_requested_rows_have_the_columns_of_the_real_file(rows: int) -> None:
    frame = generate_census(rows, seed=0)
    assert frame.shape == (rows, len(COLUMNS))
    assert list(frame.columns) == COLUMNS


def test_numbers_are_int64_and_all_other_values_are_text(people: pd.DataFrame) -> None:
    assert {name for name in people if people[name].dtype == np.int64} == NUMBERS
    assert people.drop(columns=[*NUMBERS]).map(lambda value: isinstance(value, str)).all(axis=None)


@pytest.mark.parametrize("seed", range(20))
def test_thousand_rows_have_every_category_and_no_other(seed: int) -> None:
    frame = generate_census(1_000, seed)
    assert {name: set(frame[name]) for name in CATEGORIES} == CATEGORIES


def test_three_features_have_missing_markers_as_in_the_real_file(people: pd.DataFrame) -> None:
    assert {name for name in people if (people[name] == "?").any()} == {
        "workclass",
        "occupation",
        "native_country",
    }


def test_education_and_its_number_are_one_to_one(people: pd.DataFrame) -> None:
    pairs = people[["education", "education_num"]].drop_duplicates()
    assert set(pairs.itertuples(index=False, name=None)) == set(
        zip(LEVELS_OF_EDUCATION, range(1, 17), strict=True)
    )


@pytest.mark.parametrize(("relationship", "sex"), [("Husband", "Male"), ("Wife", "Female")])
def test_spouse_is_married_and_has_the_matching_sex(
    people: pd.DataFrame, relationship: str, sex: str
) -> None:
    spouses = people[people["relationship"] == relationship]
    assert set(spouses["sex"]) == {sex}
    assert set(spouses["marital_status"]) <= {"Married-civ-spouse", "Married-AF-spouse"}


def test_occupation_is_missing_exactly_without_known_work(people: pd.DataFrame) -> None:
    no_work = people["workclass"].isin(["?", "Never-worked"])
    assert ((people["occupation"] == "?") == no_work).all()


def test_nobody_has_both_a_capital_gain_and_a_capital_loss(people: pd.DataFrame) -> None:
    assert not ((people["capital_gain"] > 0) & (people["capital_loss"] > 0)).any()


def test_numbers_stay_in_the_ranges_of_the_real_file(people: pd.DataFrame) -> None:
    assert people["age"].between(17, 90).all()
    assert people["hours_per_week"].between(1, 99).all()
    assert people["fnlgt"].between(12_000, 1_500_000).all()
    assert people["capital_gain"].between(0, 99_999).all()
    assert people["capital_loss"].between(0, 4_356).all()


@pytest.mark.parametrize("seed", range(5))
def test_about_a_quarter_earn_over_50k(seed: int) -> None:
    assert 0.20 < (generate_census(10_000, seed)["salary"] == ">50K").mean() < 0.28


def test_schooling_marriage_and_capital_gains_raise_the_income(people: pd.DataFrame) -> None:
    rich = people["salary"] == ">50K"
    graduate = people["education_num"] >= 13
    married = people["marital_status"] == "Married-civ-spouse"
    gained = people["capital_gain"] > 7_000
    assert rich[graduate].mean() > 2 * rich[~graduate].mean()
    assert rich[married].mean() > 4 * rich[~married].mean()
    assert rich[gained].all()


@pytest.mark.skipif(not REAL_FILE.is_file(), reason="needs adult.data of UCI Adult in the folder DATA_DIR")
def test_model_trained_on_synthetic_rows_ranks_the_real_people() -> None:
    real = pd.read_csv(REAL_FILE, names=COLUMNS, skipinitialspace=True, keep_default_na=False)
    synthetic = generate_census(len(real), seed=1)
    model = HistGradientBoostingClassifier(random_state=0).fit(_codes(synthetic), synthetic["salary"])
    chance_of_more = model.predict_proba(_codes(real))[:, list(model.classes_).index(">50K")]
    assert roc_auc_score(real["salary"] == ">50K", chance_of_more) >= 0.85


def _codes(frame: pd.DataFrame) -> pd.DataFrame:
    features = frame.drop(columns="salary")
    return features.apply(
        lambda column: (
            column
            if column.name in NUMBERS
            else pd.Categorical(column, sorted(CATEGORIES[column.name])).codes
        )
    )
