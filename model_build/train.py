"""Fitting the estimator that a spec names."""

import numpy as np
from sklearn.pipeline import Pipeline

from app.contract import Positions
from app.features import Matrix
from model_build.errors import DataError, SpecError
from model_build.estimators import make
from model_build.spec import ModelSpec


def fit(spec: ModelSpec, matrix: Matrix, labels: Positions) -> Pipeline:
    """Return the spec's pipeline, fitted to the encoded rows and their label positions.

    Raises:
        DataError: a label of the target has no row, or a feature no value.
        SpecError: scikit-learn refuses the value of a parameter.
    """
    absent = set(range(len(spec.target.labels))) - set(labels.tolist())
    if absent:
        names = ", ".join(spec.target.labels[position] for position in sorted(absent))
        raise DataError(f"There is no row to train on with {spec.target.name} {names}.")
    empty = [each.name for each, gaps in zip(spec.features, np.isnan(matrix).T, strict=True) if gaps.all()]
    if empty:
        raise DataError(f"There is no row to train on with a value of {', '.join(empty)}.")
    parameters = {"random_state": spec.split.seed} | spec.estimator.parameters
    pipeline = make(spec.estimator.name, parameters, spec.features)
    try:
        return pipeline.fit(matrix, labels)
    except ValueError as error:
        raise SpecError(f"estimator.parameters of {spec.name}: {error}") from error
