"""The model: an estimator's pipeline, fitted to the columns of the matrix that it reads."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline, make_pipeline

from app.core.contract import Positions, Probabilities
from app.core.features import Feature
from app.core.values import Matrix
from model_build.data.carried import Numbers
from model_build.errors import DataError, SpecError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import require_known
from model_build.spec.training import CATEGORY_ORDER, SELECT, Training
from model_build.training.code_tables import RareCategories
from model_build.training.estimators import build_estimator
from model_build.training.selection import Kept, select_columns, to_kept


class Classifier(ClassifierMixin, BaseEstimator):
    """Turns float32 [N, all columns] into probabilities [N, labels]."""

    def __init__(
        self,
        name: str,
        parameters: Mapping[str, Any],
        features: Sequence[Feature],
        training: Training,
        seed: int,
        kept: Kept | None = None,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.features = features
        self.training = training
        self.seed = seed
        self.kept = kept

    def fit(self, matrix: Matrix, labels: Positions, weights: Numbers | None = None) -> Self:
        """Fit to rows that count equally, or by their weights, whose scale does not matter."""
        self.columns_ = self._columns(matrix, labels)
        parameters = {"random_state": self.seed, **self.parameters}
        read = [self.features[column] for column in self.columns_]
        self.pipeline_ = build_estimator(self.name, parameters, read, self.training)
        self.pipeline_.fit(matrix[:, self.columns_], labels, **_weigh_rows(self.pipeline_, weights))
        self.classes_ = self.pipeline_.classes_
        return self

    def predict_proba(self, matrix: Matrix) -> Probabilities:
        probabilities: Probabilities = self.pipeline_.predict_proba(matrix[:, self.columns_])
        return probabilities

    def decision_function(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        return np.asarray(self.pipeline_.decision_function(matrix[:, self.columns_]))

    def predict(self, matrix: Matrix) -> Positions:
        return np.asarray(self.classes_[self.predict_proba(matrix).argmax(axis=1)])

    @property
    def gathered(self) -> dict[str, tuple[str, ...]]:
        """The rare categories of each feature that are read as one."""
        gather = self.pipeline_[0]
        if not isinstance(gather, RareCategories):
            return {}
        features = {column: self.features[self.columns_[column]] for column in gather.others}
        return {
            feature.name: tuple(feature.levels[code] for code in gather.find_rare(column))
            for column, feature in features.items()
        }

    def _columns(self, matrix: Matrix, labels: Positions) -> list[int]:
        """Return the columns that are not dropped, or the best of them."""
        columns = [i for i, feature in enumerate(self.features) if feature.name not in self.training.drop]
        if self.kept is None:
            return columns
        named = [self.features[column] for column in columns]
        best = select_columns(self.kept, named, matrix[:, columns], labels, self.seed)
        return [columns[position] for position in best]


def _weigh_rows(pipeline: Pipeline, weights: Numbers | None) -> dict[str, Numbers]:
    """Return the argument with which the last step weighs rows; a mean of 1 keeps what penalties mean."""
    return {} if weights is None else {f"{pipeline.steps[-1][0]}__sample_weight": weights / weights.mean()}


def adopt_estimator(estimator: Any, columns: Sequence[int], spec: ModelSpec) -> Classifier:
    """Return an estimator that is fitted already, to these columns, as a model of the spec."""
    model = Classifier(spec.estimator.name, {}, spec.columns, spec.training, spec.split.seed)
    model.columns_ = list(columns)
    model.pipeline_ = estimator if isinstance(estimator, Pipeline) else make_pipeline(estimator)
    model.classes_ = np.arange(len(spec.target.labels))
    return model


def check_training_rows(spec: ModelSpec, matrix: Matrix, labels: Positions) -> None:
    """Raise DataError if a label of the target has no row, or a feature that is not dropped has no value."""
    absent = set(range(len(spec.target.labels))) - set(labels.tolist())
    if absent:
        names = ", ".join(spec.target.labels[position] for position in sorted(absent))
        raise DataError(f"No training row has {spec.target.name} {names}.")
    columns = zip(spec.columns, matrix.T, strict=True)
    empty = [
        feature.name
        for feature, column in columns
        if feature.name not in spec.training.drop and np.isnan(column).all()
    ]
    if empty:
        raise DataError(f"No training row has a value of {', '.join(empty)}.")


def fit(
    spec: ModelSpec,
    parameters: Mapping[str, Any],
    matrix: Matrix,
    labels: Positions,
    weights: Numbers | None = None,
) -> Classifier:
    """Fit the spec's estimator with these parameters to the encoded rows, which are resampled if declared.

    `parameters` may hold the order of the categories too; without it, they are in the order of their codes.

    Raises:
        SpecError: scikit-learn refuses the value of a parameter.
    """
    training, seed, rows = spec.training, spec.split.seed, choose_rows(spec, labels)
    try:
        parameters = {**_early_stopping(spec), **parameters, **_class_weight(spec, parameters)}
        training = training.model_copy(update={CATEGORY_ORDER: parameters.pop(CATEGORY_ORDER, "codes")})
        kept = to_kept(training, spec.columns, parameters)
        parameters.pop(SELECT, None)
        model = Classifier(spec.estimator.name, parameters, spec.columns, training, seed, kept)
        return model.fit(matrix[rows], labels[rows], None if weights is None else weights[rows])
    except ValueError as error:
        raise SpecError(f"estimator.parameters of {spec.name}: {error}") from error


def _early_stopping(spec: ModelSpec) -> dict[str, Any]:
    """Turn early stopping off after oversampling: it would validate on copies of rows that it trains on."""
    may_stop = spec.estimator.name == "hist_gradient_boosting"
    return {"early_stopping": False} if may_stop and spec.training.resample == "over" else {}


def _class_weight(spec: ModelSpec, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return class_weight by position, as scikit-learn expects it; the spec declares it by label."""
    weights = parameters.get("class_weight")
    if not isinstance(weights, Mapping):
        return {}
    labels = spec.target.labels
    return {
        "class_weight": {
            labels.index(require_known("label", name, labels)): weight for name, weight in weights.items()
        }
    }


def choose_rows(spec: ModelSpec, labels: Positions) -> Positions:
    """Return the positions of the rows that a model is fitted to: all, or resampled ones."""
    method = spec.training.resample
    return np.arange(len(labels)) if method is None else resample(labels, method, spec.split.seed)


def resample(labels: Positions, method: str, seed: int) -> Positions:
    """Return the positions of rows among which all labels are equally frequent, in ascending order.

    over: every row, and rows of the rarer labels again; under: of each label as many rows as the rarest has.
    """
    rng = np.random.default_rng(seed)
    of_label = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    counts = [len(rows) for rows in of_label]
    if method == "under":
        drawn = [rng.choice(rows, min(counts), replace=False) for rows in of_label]
    else:
        drawn = [np.append(rows, rng.choice(rows, max(counts) - len(rows))) for rows in of_label]
    return np.sort(np.concatenate(drawn))
