"""The served model gives a row the same probabilities, bit by bit, whatever rows are beside it."""

import numpy as np
import pytest

from app.core.contract import Target
from app.core.model import Model
from app.core.values import Matrix
from model_build.export import onnx
from model_build.spec.estimator import ESTIMATORS, Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training import classifier
from model_build.training.calibration import METHODS, Calibrated
from model_build.training.log_odds import compute_log_odds
from tests.model_build.training.test_estimators import served

TARGETS = {
    "two": Target(name="paid", labels=("none", "all"), positive="all"),
    "three": Target(name="paid", labels=("none", "some", "all")),
}
PARAMETERS = {
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
}
ROWS = 300
SIZES = (1, 2, 3, 7, 16, 33, 64)


def in_groups(model: Model, matrix: Matrix, size: int) -> Matrix:
    """Return the probabilities of all rows, computed for `size` rows at once."""
    return np.concatenate(
        [model.probabilities(matrix[start : start + size]) for start in range(0, len(matrix), size)]
    )


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("method", ["none", *METHODS])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_row_has_the_same_probabilities_alone_and_among_any_others(
    tiny_spec: ModelSpec, name: str, method: str, target: Target
) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(ROWS, 4)).astype(np.float32)
    matrix[:, 2:] = rng.integers(0, 2, (ROWS, 2))
    labels = np.digitize(matrix[:, 1] + rng.normal(size=ROWS), [-0.5, 0.5][: len(target.labels) - 1])
    changes = {"estimator": Estimator(name=name), "target": target, "training": Training()}
    spec = tiny_spec.model_copy(update=changes)
    fitted = classifier.fit(spec, PARAMETERS.get(name, {}), matrix, labels)
    calibrated = (
        fitted
        if method == "none"
        else Calibrated(fitted, METHODS[method].fit(compute_log_odds(fitted, matrix), labels))
    )
    model = served(spec, onnx.convert(calibrated, "tiny", 4))
    together = model.probabilities(matrix)
    differences = {size: int((in_groups(model, matrix, size) != together).sum()) for size in SIZES}
    assert differences == dict.fromkeys(SIZES, 0)
