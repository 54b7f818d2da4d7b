"""The baseline serves what a bake pickles. These tests bake, so that they notice when that object changes."""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from app.core.model import Model
from benchmarks.errors import BenchmarkError
from benchmarks.sklearn_pipeline import write_pipeline
from model_build.console import Progress
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier
from tests.support.bakes import bake

ROWS = [
    {"years": years, "rate": rate, "grade": grade, "secured": secured}
    for years in (1, 9, 30)
    for rate in (0.0, 7.5, None)
    for grade in ("A", "B", "C", "?")
    for secured in (True, False)
]


@pytest.fixture(
    scope="module",
    params=[
        ({"calibration": "none"}, Classifier),
        ({"calibration": "none", "drop": ("rate",), "threshold": "f1"}, Classifier),
        ({"calibration": "sigmoid", "select": 2}, Calibrated),
    ],
    ids=["plain", "dropped feature", "calibrated"],
)
def baked(
    request: pytest.FixtureRequest,
    tiny_spec: ModelSpec,
    tiny_data: Path,
    quiet: Progress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The directory of a model that was baked with these settings of training."""
    settings, kind = request.param
    spec = tiny_spec.model_copy(update={"training": Training.model_validate(settings)})
    directory = tmp_path_factory.mktemp("baked")
    bake(spec, "real", directory / "model", tiny_data, quiet, directory / "build")
    assert isinstance(joblib.load(directory / "model.joblib"), kind)
    return directory / "model"


def test_the_pipeline_answers_raw_columns_as_the_service_does(baked: Path, tmp_path: Path) -> None:
    model = Model.load(baked)
    expected = model.probabilities(model.encode(ROWS))
    write_pipeline(model.contract, baked, tmp_path / "pipeline.joblib")
    pipeline = joblib.load(tmp_path / "pipeline.joblib")
    assert pipeline.predict_proba(pd.DataFrame(ROWS)) == pytest.approx(expected, abs=1e-5)
    if not isinstance(joblib.load(baked.with_name("model.joblib")), Calibrated):
        assert np.array_equal(pipeline.predict(pd.DataFrame(ROWS)), model.contract.target.decide(expected))


def test_a_model_without_its_pickle_is_an_error_that_says_what_to_run(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(BenchmarkError, match=r"/elsewhere\.joblib is missing: .* Run `make bake`\."):
        write_pipeline(Model.load(tiny_model).contract, tmp_path / "elsewhere", tmp_path / "pipeline.joblib")
