"""The fitted scikit-learn pipeline as most people ship it: it takes a DataFrame of raw columns."""

from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from app.core.contract import Contract, Target
from app.core.features import CategoryFeature, Feature
from benchmarks.errors import BenchmarkError
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier

DEFAULT_THRESHOLD = 0.5  # of scikit-learn


def write_pipeline(contract: Contract, model_dir: Path, path: Path) -> None:
    """Pickle a pipeline of the encoding and the model that the bake left beside `model_dir`."""
    fitted = model_dir.with_name(f"{model_dir.name}.joblib")
    if not fitted.exists():
        raise BenchmarkError(f"{fitted} is missing: the baseline serves it. Run `make bake`.")
    joblib.dump(build_pipeline(contract, joblib.load(fitted)), path)


def build_pipeline(contract: Contract, fitted: Classifier | Calibrated) -> ClassifierMixin:
    """Return a classifier of raw columns that answers as `fitted` does.

    It consists of scikit-learn's own classes, so that every model server can unpickle it. Only a calibrated
    model and one that clips a feature need `model_build` for that.
    """
    if isinstance(fitted, Calibrated):
        return Calibrated(_raw(contract.features, fitted.classifier), fitted.calibrator)
    return _with_threshold(_raw(contract.features, fitted), contract.target)


def _raw(features: Sequence[Feature], classifier: Classifier) -> Pipeline:
    read = [features[column] for column in classifier.columns_]
    return make_pipeline(*_encoding(read), *(step for _, step in classifier.pipeline_.steps))


def _encoding(features: Sequence[Feature]) -> tuple[ColumnTransformer, FunctionTransformer]:
    """Return the steps from raw columns to the codes of the contract, in the order of the features."""
    categories = [feature for feature in features if isinstance(feature, CategoryFeature)]
    numbers = [feature for feature in features if not isinstance(feature, CategoryFeature)]
    encoder = OrdinalEncoder(categories=[_levels(feature) for feature in categories])
    columns = ColumnTransformer(
        [
            ("categories", encoder, [feature.name for feature in categories]),
            ("numbers", "passthrough", [feature.name for feature in numbers]),
        ]
    )
    columns.fit(pd.DataFrame([{feature.name: feature.example for feature in features}]))
    encoded = [*categories, *numbers]
    order = [encoded.index(feature) for feature in features]
    return columns, FunctionTransformer(np.take, kw_args={"indices": order, "axis": 1})


def _levels(feature: CategoryFeature) -> list[str]:
    """Return the categories and, last, the marker of a missing value: the contract codes it so."""
    return [*feature.categories, *(feature.missing.markers if feature.missing else ())]


def _with_threshold(pipeline: Pipeline, target: Target) -> ClassifierMixin:
    if not target.is_binary or target.threshold == DEFAULT_THRESHOLD:
        return pipeline
    return FixedThresholdClassifier(
        pipeline,
        threshold=target.threshold,
        pos_label=target.positive_index,
        response_method="predict_proba",
    )
