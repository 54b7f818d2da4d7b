"""The fitted scikit-learn pipeline as everyone ships it: it takes a DataFrame of raw columns."""

from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from app.core.contract import Contract
from app.core.features import CategoryFeature, Feature
from benchmarks.errors import BenchmarkError


def write(contract: Contract, model_dir: Path, path: Path) -> None:
    """Put the encoding in front of the pipeline that the bake left beside `model_dir`, and pickle both."""
    fitted = model_dir.with_name(f"{model_dir.name}.joblib")
    if not fitted.exists():
        raise BenchmarkError(f"{fitted} is missing: the baseline serves it. Run `make bake`.")
    joblib.dump(raw(contract.features, joblib.load(fitted)), path)


def raw(features: Sequence[Feature], fitted: Pipeline) -> Pipeline:
    """Return a pipeline of raw columns with the codes that `fitted` was trained on."""
    categories = [each for each in features if isinstance(each, CategoryFeature)]
    numbers = [each for each in features if not isinstance(each, CategoryFeature)]
    encoder = OrdinalEncoder(categories=[_levels(each) for each in categories])
    columns = ColumnTransformer(
        [
            ("categories", encoder, [each.name for each in categories]),
            ("numbers", "passthrough", [each.name for each in numbers]),
        ]
    )
    columns.fit(pd.DataFrame([{each.name: each.example for each in features}]))
    stacked = [each.name for each in [*categories, *numbers]]
    order = [stacked.index(each.name) for each in features]
    return make_pipeline(
        columns, FunctionTransformer(np.take, kw_args={"indices": order, "axis": 1}), *_steps(fitted)
    )


def _steps(pipeline: Pipeline) -> list[object]:
    return [step for _, step in pipeline.steps]


def _levels(feature: CategoryFeature) -> list[str]:
    """A missing value is a level too, the last: its code is the one that the contract gives it."""
    return [*feature.categories, *(feature.missing.markers if feature.missing else ())]
