"""Fitting the estimator that a spec names."""

from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from app.contract import Positions
from app.features import Matrix
from model_build.errors import DataError, SpecError
from model_build.estimators import make
from model_build.spec import ModelSpec


def fit(spec: ModelSpec, matrix: Matrix, labels: Positions) -> Pipeline:
    """Return the spec's pipeline, fitted to the encoded rows and their label positions.

    Raises:
        DataError: a label of the target has no row, or a parameter's value is not allowed.
    """
    absent = set(range(len(spec.target.labels))) - set(labels.tolist())
    if absent:
        names = ", ".join(spec.target.labels[position] for position in sorted(absent))
        raise DataError(f"There is no row to train on with {spec.target.name} {names}.")
    parameters = {"random_state": spec.split.seed} | spec.estimator.parameters
    pipeline = make(spec.estimator.name, parameters, spec.features)
    try:
        return pipeline.fit(matrix, labels)
    except InvalidParameterError as error:
        raise SpecError(f"estimator.parameters of {spec.name}: {error}") from error
