"""bake: from a spec to a baked model, step by step."""

import os
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from app.contract import CONTRACT_FILE, Contract, Provenance
from app.features import Encoder
from app.model import Model
from model_build import data, directory, export, train
from model_build.data import Dataset, Wanted
from model_build.errors import GateError
from model_build.evaluate import Evaluation, evaluate
from model_build.progress import Progress
from model_build.reference import reference
from model_build.spec import ModelSpec
from model_build.split import split

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")


def bake(spec: ModelSpec, wanted: Wanted, out: Path, data_directory: Path, progress: Progress) -> Contract:
    """Write the baked model of `spec` to `out`, and the fitted pipeline beside it as `out`.joblib.

    Raises:
        BuildError: no baked model was written, and the one that was at `out` is as it was.
    """
    started = time.perf_counter()
    directory.check_replaceable(out, CONTRACT_FILE)
    progress.say(f"Baking {spec.name} {spec.version}")

    with progress.step("data") as notes:
        dataset = data.load(spec, wanted, data_directory, progress.warn)
        matrix = Encoder(spec.features)(dataset.rows)
        notes += [f"{dataset.source}: {dataset.uri}, {len(matrix):,} rows", *dataset.notes]

    with progress.step("split") as notes:
        parts = split(dataset.labels, spec.split)
        notes += [f"{len(parts.train):,} rows to train, {len(parts.test):,} to test"]

    with progress.step("train") as notes:
        fitted = train.fit(spec, matrix[parts.train], dataset.labels[parts.train])
        notes += [spec.estimator.name]

    with progress.step("evaluate") as notes:
        expected = fitted.predict_proba(matrix[parts.test])
        evaluation = evaluate(spec.target, dataset.labels[parts.test], expected)
        notes += [f"ROC AUC {evaluation.metrics['roc_auc']:.4f}"]
    check_gates(spec, dataset, evaluation, progress)

    with progress.step("export") as notes:
        onnx = export.convert(fitted, spec.name, len(spec.features))
        training = reference(
            spec.features, spec.target, matrix[parts.train], fitted.predict_proba(matrix[parts.train])
        )
        documents = {"metrics.json": evaluation.document(), "reference.json": training}
        contract, contents = export.files(describe(spec, dataset, evaluation.metrics), onnx, documents)
        notes += [f"model.onnx, {len(onnx):,} bytes"]

    with progress.step("parity") as notes:
        rows = [dataset.rows[position] for position in parts.test]
        found = export.parity(Model(contract, onnx), rows, expected)
        notes += [
            f"{found.rows:,} rows: {found.labels_that_differ} labels differ from scikit-learn's, "
            f"probabilities by at most {found.largest_difference:.1e}"
        ]

    with progress.step("write") as notes:
        directory.replace(out, contents)
        directory.dump(fitted, out.with_name(f"{out.name}.joblib"))
        notes += [f"{out}/ and {out}.joblib"]

    progress.figures(evaluation)
    progress.say(f"Baked {out}/ from {dataset.source} data in {time.perf_counter() - started:.1f} s.")
    return contract


def check_gates(spec: ModelSpec, dataset: Dataset, evaluation: Evaluation, progress: Progress) -> None:
    """Print the figures and raise GateError when a gate for this data source is not kept."""
    gates = [gate for gate in spec.gates if gate.data_source == dataset.source]
    broken = [sentence for gate in gates if (sentence := gate.verdict(evaluation.metrics))]
    if broken:
        progress.figures(evaluation)
        raise GateError(f"No model was baked: {'; '.join(broken)}.")


def describe(spec: ModelSpec, dataset: Dataset, metrics: Mapping[str, float]) -> Contract:
    """Return the contract, still without checksums."""
    provenance = Provenance(
        data_source=dataset.source,
        data_uri=dataset.uri,
        data_sha256=dataset.sha256,
        rows=len(dataset.rows),
        licence=spec.data.licence,
        spec_sha256=spec.sha256,
        git_commit=git_commit(),
        libraries={name: version(name) for name in LIBRARIES},
        trained_at=datetime.now(UTC).replace(microsecond=0),
    )
    return Contract(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        model_version=spec.version,
        features=spec.features,
        target=spec.target,
        metrics=dict(metrics),
        provenance=provenance,
        files={},
    )


def git_commit() -> str | None:
    """Return GIT_COMMIT (an image is built without the repository), or what git says, or None."""
    if "GIT_COMMIT" in os.environ:
        return os.environ["GIT_COMMIT"] or None
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - constant
    except (OSError, subprocess.CalledProcessError):
        return None
