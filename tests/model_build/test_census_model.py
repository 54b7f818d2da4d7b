"""The census model: from synthetic data, and from the real file where it is available."""

import os
import re
from pathlib import Path

import joblib
import numpy as np
import pytest

from app.core.baked_model import load_contract
from app.core.encoders import Encoder
from app.core.model import Model
from model_build.console import Progress
from model_build.export.parity import LARGEST_DIFFERENCE, check_parity
from model_build.spec import model_spec
from tests.support.bakes import bake, rows_of


def test_the_synthetic_census_model_names_its_generator(census_model: Path) -> None:
    contract = load_contract(census_model)
    synthetic = model_spec.load("census").data.synthetic
    assert synthetic is not None
    assert contract.provenance.data_source == "synthetic"
    assert contract.provenance.data_uri == f"synthetic:census?rows={synthetic.rows}&seed={synthetic.seed}"
    assert contract.provenance.data_sha256 is None
    assert contract.provenance.fitted_on == "training and test rows"
    assert contract.metrics["roc_auc"] >= 0.85


@pytest.fixture(scope="module")
def adult() -> Path:
    """The directory of the real file."""
    if "DATA_DIR" not in os.environ:
        pytest.skip("DATA_DIR is not set: there is no directory with the real adult.data of UCI Adult")
    directory = Path(os.environ["DATA_DIR"])
    if not (directory / "adult.data").is_file():
        pytest.skip(f"there is no adult.data of UCI Adult in {directory}")
    return directory


@pytest.fixture(scope="module")
def real_model(adult: Path, quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("real") / "model"
    bake(model_spec.load("census"), "real", out, adult, quiet)
    return out


def test_the_real_census_model_ranks_well_and_is_served_as_it_was_trained(
    adult: Path, real_model: Path
) -> None:
    census, contract = model_spec.load("census"), load_contract(real_model)
    assert contract.metrics["roc_auc"] >= 0.922
    fields = {"data_source", "data_uri", "data_sha256", "rows", "fitted_on"}
    assert contract.provenance.model_dump(include=fields) == {
        "data_source": "real",
        "data_uri": "adult.data",
        "data_sha256": "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
        "rows": 32_537,
        "fitted_on": "training and test rows",
    }

    data = rows_of(census, "real", adult)
    fitted = joblib.load(real_model.with_name("model.joblib"))
    expected = fitted.predict_proba(Encoder(census.features)(data.rows))
    parity = check_parity(Model.load(real_model), data.rows, expected)
    assert (parity.rows, parity.labels_that_differ) == (32_537, 0)
    assert 0 <= parity.largest_difference <= LARGEST_DIFFERENCE


def test_the_caveat_about_capital_gains_has_the_measured_numbers(adult: Path, real_model: Path) -> None:
    census, model = model_spec.load("census"), Model.load(real_model)
    [caveat] = [text for text in census.card.caveats if "capital gain" in text]
    rows = rows_of(census, "real", adult).rows
    amounts = np.unique([row["capital_gain"] for row in rows])
    sample = rows[::10]
    scores = np.stack(
        [
            model.probabilities(model.encode([{**row, "capital_gain": amount} for row in sample]))[:, 1]
            for amount in amounts
        ]
    )
    falls = (np.maximum.accumulate(scores) - scores).max(axis=0)
    is_married = np.array([row["marital_status"] == "Married-civ-spouse" for row in sample])
    measured = [falls.max(), np.median(falls[is_married]), np.median(falls[~is_married])]
    assert [float(text) for text in re.findall(r"0\.\d+", caveat)] == pytest.approx(measured, abs=0.02)
