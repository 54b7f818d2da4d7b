"""One split of the rows: a model is trained and judged as in a bake, but no gate stops it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from app.core.contract import Sha256
from app.core.encoders import row_encoder
from app.core.model import Model
from model_build.artifacts import Artifact, DataReport
from model_build.data.dataset import Dataset, build_dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.data.split import split_rows
from model_build.errors import BuildError
from model_build.evaluation.evaluate import evaluate_model
from model_build.evaluation.fairness import compute_fairness
from model_build.evaluation.metrics import ScoredRows
from model_build.evaluation.slices import compute_slices
from model_build.export.onnx import convert
from model_build.export.package import describe_model
from model_build.gate_report import GateResult
from model_build.gates.results import Measurements, check_measurements
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job
from model_build.threads import limit_threads
from model_build.training.baselines import compare_with_baselines
from model_build.training.train import train_model
from model_build.validation.checked_rows import read_checked_rows


@dataclass(frozen=True)
class CheckedRows:
    """The rows that a bake would split."""

    data: Dataset
    origin: Origin
    checksum: Sha256
    """Of the rows; they may change under the same name of a source."""

    @classmethod
    def read(cls, job: Job) -> Self:
        """Read the outputs of check-data; raise DataError if a violation is fatal."""
        return cls(
            data=build_dataset(read_checked_rows(job), job.spec),
            origin=Origin.read(job.path("source.json")),
            checksum=DataReport.read(job.path("data-checks.json")).rows_checksum,
        )


class SplitResult(Artifact):
    """What was measured with one seed."""

    seed: int
    fingerprint: Sha256
    """Of all that the result depends on."""
    error: str | None = None
    """Why nothing could be measured: no test row has a rare label, for example."""
    metrics: Mapping[str, float] = {}
    results: tuple[GateResult, ...] = ()


def measure_split(spec: ModelSpec, rows: CheckedRows, seed: int, fingerprint: Sha256) -> SplitResult:
    """Train and judge a model with another seed, on the same rows in another order."""
    try:
        with threadpool_limits(1), limit_threads(1):  # every core has a split
            measured = _measure(_with_seed(spec, seed), rows, seed)
            results = check_measurements(_with_seed(spec, seed), measured)
    except BuildError as error:
        return SplitResult(seed=seed, fingerprint=fingerprint, error=str(error))
    return SplitResult(
        seed=seed, fingerprint=fingerprint, metrics=measured.evaluation.metrics, results=tuple(results)
    )


def _with_seed(spec: ModelSpec, seed: int) -> ModelSpec:
    return spec.model_copy(update={"split": spec.split.model_copy(update={"seed": seed})})


def _measure(spec: ModelSpec, rows: CheckedRows, seed: int) -> Measurements:
    data = rows.data.take(np.random.default_rng(seed).permutation(len(rows.data.labels)))
    split = split_rows(data.labels, spec.target, spec.split, data.carried)
    train, test = data.take(split.train), data.take(split.test)
    encode = row_encoder(spec.features, spec.derived)
    matrix, test_matrix = (encode_in_chunks(encode, part.rows) for part in (train, test))
    trained = train_model(spec, matrix, train.labels, carried=train.carried)
    onnx = convert(trained.model, spec.name, len(spec.columns))
    target = trained.report.with_threshold(spec.target)
    probabilities = trained.model.predict_proba(test_matrix)
    evaluation = evaluate_model(
        target, spec.evaluation, test.labels, probabilities, seed, test.carried.weights
    )
    scored = ScoredRows(target, test.labels, probabilities, test.carried.weights)
    return Measurements(
        model=Model(describe_model(spec, rows.origin, trained.report, evaluation), onnx),
        bytes=len(onnx),
        rows=test.rows,
        expected=probabilities,
        source=rows.origin.source,
        evaluation=evaluation,
        slices=compute_slices(spec, target, test_matrix, test.labels, probabilities),
        fairness=compute_fairness(spec, target, test_matrix, test.labels, probabilities),
        baselines=compare_with_baselines(
            spec, scored, test_matrix, matrix, train.labels, train.carried.weights
        ),
    )
