"""A model that was trained elsewhere, taken over into the build as if this pipeline had trained it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from app.core.contract import Target
from model_build.artifacts import Calibration, Threshold, TrainingReport, file_sha256
from model_build.errors import ExportError, SpecError
from model_build.export import adopted_onnx
from model_build.export.adopted_onnx import OnnxClassifier
from model_build.export.onnx import convert
from model_build.spec.model_spec import ModelSpec
from model_build.stage import baked_libraries, code_checksum
from model_build.training.classifier import Classifier, adopt_estimator
from model_build.training.estimators import model_size

ONNX = ".onnx"


@dataclass(frozen=True)
class Adopted:
    """The model for the next stages, the same model as ONNX, and what stands for the report of a training."""

    model: Classifier | OnnxClassifier
    onnx: bytes
    report: TrainingReport
    notes: list[str]


def adopt_model(spec: ModelSpec, path: Path, rows: int) -> Adopted:
    """Read a model from a .joblib or .onnx file; `rows` counts the training rows of the split.

    Loading a .joblib runs whatever code its author put into it.

    Raises:
        SpecError: the spec asks for something that only a training can do.
        ExportError: the file holds no such model, or one of other columns or labels.
    """
    if spec.training.threshold != "fixed":
        raise SpecError("training.threshold: an adopted model has the threshold of the target; set it there.")
    model, onnx, notes = (_read_onnx if path.suffix == ONNX else _read_joblib)(spec, path)
    estimator = model.pipeline_[-1] if isinstance(model, Classifier) else model
    report = TrainingReport(
        training_checksum=spec.training_checksum,
        code_sha256=code_checksum(),
        rows=rows,
        estimator=type(estimator).__name__,
        parameters={},
        features=tuple(spec.columns[column].name for column in model.columns_),
        folds=0,
        cross_validation={},
        search=None,
        calibration=Calibration(method="none", reason="the model is served as it was adopted", log_loss={}),
        threshold=_threshold(spec.target),
        libraries=baked_libraries(),
        git_commit=None,
        trained_at=datetime.now(UTC).replace(microsecond=0),
        size=model_size(estimator),
        estimator_sha256=file_sha256(path),
        adopted=path.name,
    )
    return Adopted(model, onnx, report, notes)


def _threshold(target: Target) -> Threshold | None:
    if not target.is_binary:
        return None
    return Threshold(value=target.threshold, objective="fixed", reason="set by the spec", scores={})


def _read_onnx(spec: ModelSpec, path: Path) -> tuple[OnnxClassifier, bytes, list[str]]:
    width, count = len(spec.columns), len(spec.target.labels)
    onnx, labels = adopted_onnx.normalize(path.read_bytes(), spec.name, width, count)
    notes = []
    if labels is None:
        notes.append("warning: the ONNX model does not name its labels; the spec must have them in its order")
    else:
        _check_labels(labels, spec.target)
    return OnnxClassifier(onnx, width, count), onnx, notes


def _read_joblib(spec: ModelSpec, path: Path) -> tuple[Classifier, bytes, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        try:
            estimator = joblib.load(path)
        except Exception as error:  # unpickling runs code, which may raise anything
            raise ExportError(f"{path} can't be loaded: {type(error).__name__}: {error}.") from error
    if not (hasattr(estimator, "predict_proba") and hasattr(estimator, "classes_")):
        raise ExportError(f"{path} holds no fitted classifier with predict_proba, but {estimator!r:.80}.")
    _check_labels(estimator.classes_, spec.target)
    model = adopt_estimator(estimator, _find_columns(spec, estimator), spec)
    others = {
        str(warning.message.original_sklearn_version)
        for warning in caught
        if isinstance(warning.message, InconsistentVersionWarning)
    }
    notes = [f"warning: scikit-learn {version} pickled the model" for version in sorted(others)]
    return model, convert(model, spec.name, len(spec.columns)), notes


def _find_columns(spec: ModelSpec, estimator: Any) -> list[int]:
    """Return the positions of the columns that the estimator reads: those that it names, or all of them."""
    known = [column.name for column in spec.columns]
    names = [str(name) for name in getattr(estimator, "feature_names_in_", known)]
    unknown = [name for name in names if name not in known]
    count = getattr(estimator, "n_features_in_", len(names))
    if unknown or count != len(names):
        problem = f"it names {unknown[0]!r}" if unknown else f"it reads {count} columns"
        raise ExportError(
            f"The model must read the encoded columns of the spec ({', '.join(known)}), but {problem}."
        )
    for step in [estimator, *(step for _, step in getattr(estimator, "steps", ()))]:
        vars(step).pop("feature_names_in_", None)  # the matrix has no names, of which scikit-learn would warn
    return [known.index(name) for name in names]


def _check_labels(classes: Sequence[Any], target: Target) -> None:
    """Raise ExportError unless these are the labels of the target, or their positions, in its order."""
    names = [str(label) for label in np.asarray(classes).tolist()]
    if names not in (list(target.labels), [str(position) for position in range(len(target.labels))]):
        raise ExportError(
            f"The model has the labels {', '.join(names)}, in this order; target.labels of the spec must be "
            f"the same in the same order, not {', '.join(target.labels)}."
        )
