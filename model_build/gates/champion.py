"""The comparison with the champion, the model that is deployed: the new model must not be worse."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from app.core.baked_model import read_file
from app.core.contract import CONTRACT_FILE, Contract, Positions, Probabilities, Provenance, Target
from app.core.errors import Problem, StartupError
from app.core.model import Model
from app.core.values import Row
from model_build.data.packed_rows import encode_in_chunks, validate_rows
from model_build.data.sources import TRANSPORTS
from model_build.errors import BuildError, SourceError
from model_build.evaluation.comparison import compute_improvements
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.export.package import EVALUATED_FILE
from model_build.gate_report import GateResult
from model_build.gates.bounds import describe_interval
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Share
from model_build.text import pluralize

TIMEOUT = httpx.Timeout(30.0, connect=5.0)  # seconds
BATCH = 100  # rows in a request; a service may accept no more (MAX_ROWS)


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for the test rows."""

    title: str
    labels: tuple[str, ...]
    probabilities: Probabilities
    """[N, labels]"""
    predicted: Sequence[str]
    provenance: Provenance | None = None
    """None for a service, which does not publish it."""
    is_refitted: bool = False
    """Whether the model has learnt from the rows that tested it."""

    def scored(self, metric: str, target: Target, truth: Positions) -> ScoredRows:
        """Return the probabilities in the order of the target's labels.

        For the accuracy, the predicted label has probability 1, because each model has its own threshold.
        """
        probabilities = self.probabilities[:, [self.labels.index(label) for label in target.labels]]
        if metric == "accuracy":
            probabilities = np.array([[name == label for label in target.labels] for name in self.predicted])
        return ScoredRows(target, truth, probabilities.astype(float))


class HealthModel(BaseModel):
    """What GET /health says of the model; services of earlier versions had no refit."""

    fitted_on: str = "training rows"


class HealthAnswer(BaseModel):
    """The part of GET /health that describes the model."""

    name: str
    model_lib_version: str
    model: HealthModel = HealthModel()


class ProblemAnswer(BaseModel):
    """The part of a problem document that says what is wrong."""

    detail: str


class PredictAnswer(BaseModel):
    """The part of POST /predict that has the predictions."""

    predictions: list[str]
    probabilities: list[dict[str, Share]]


def compare_with_champion(
    spec: ModelSpec, location: str, model: Model, rows: Sequence[Row], truth: Positions
) -> GateResult:
    """Let the new model and the one at `location` predict the test rows; fail if the new one may be worse.

    Raises:
        BuildError: there is no model at `location`, or it can't be compared.
    """
    gate, new, old = spec.gates.deployed, predict(model, rows), predict_at(location, rows)
    if set(old.labels) != set(new.labels):
        raise BuildError(
            f"The model at {location} can't be compared: its labels are {', '.join(old.labels)}, "
            f"and those of {spec.name} are {', '.join(new.labels)}."
        )
    target = model.contract.target
    pair = [predictions.scored(gate.metric, target, truth) for predictions in (new, old)]
    values = [weighted_metrics(scored, np.ones((len(truth), 1)), [gate.metric]).item() for scored in pair]
    [improvements] = compute_improvements(pair, [gate.metric], spec.evaluation, spec.split.seed)
    improvement = improvements[gate.metric]
    minimum = 0 - gate.tolerance
    shortfall = minimum - improvement.low
    sentence = (
        f"{gate.metric} is {values[0]:.4f}, and {values[1]:.4f} for the deployed {old.title}; "
        f"the improvement is {describe_interval(improvement)}, and its interval must be at least {minimum:g}"
    )
    sentence += f" but is {shortfall:.3g} too low" if shortfall > 0 else ""
    sentence += _describe_advantage(model.contract.provenance, old)
    return GateResult(kind="deployed", name="deployed", passed=shortfall <= 0, sentence=sentence)


def predict(model: Model, rows: Sequence[Row]) -> Predictions:
    contract = model.contract
    labels = contract.target.labels
    probabilities = model.probabilities(encode_in_chunks(model.encode, rows))
    return Predictions(
        title=f"{contract.name} {contract.model_version}",
        labels=labels,
        probabilities=probabilities,
        predicted=[labels[position] for position in contract.target.decide(probabilities)],
        provenance=contract.provenance,
        is_refitted=contract.provenance.is_refitted,
    )


def predict_at(location: str, rows: Sequence[Row]) -> Predictions:
    """Return the predictions of the model in a directory, under an s3:// prefix, or of a service at a URL.

    Raises:
        BuildError: there is no model at `location`, or it can't predict the rows; or the URL has a password.
    """
    scheme, _, rest = location.partition("//")
    if scheme.endswith(":") and "@" in rest:  # reports would show it
        raise BuildError("The URL of the deployed model must not contain a user name or a password, so no @.")
    match scheme.lower():
        case "http:" | "https:":
            return _predict_by_service(location, rows)
        case "s3:":
            with TemporaryDirectory() as directory:
                _download(location, Path(directory))
                return _predict_from_directory(location, Path(directory), rows)
        case _:
            return _predict_from_directory(location, Path(location), rows)


def _describe_advantage(new: Provenance, old: Predictions) -> str:
    """Say whether the old model may have learnt from test rows: in a refit, or in another split."""
    if old.is_refitted:
        return (
            "; the deployed model was refitted on its test rows too, so it may have learnt from these test "
            "rows and look better than it is: for a fair comparison, name its baked model in place of the "
            f"service, because it has the model before the refit too ({EVALUATED_FILE})"
        )
    if old.provenance is None or new.data_sha256 is None:
        return ""
    is_same_data = old.provenance.data_sha256 == new.data_sha256
    if not is_same_data or old.provenance.spec_sha256 == new.spec_sha256:
        return ""
    return (
        "; the deployed model was trained on the same data with another spec, so it may have trained on "
        "some of the test rows and look better than it is"
    )


def _predict_from_directory(location: str, directory: Path, rows: Sequence[Row]) -> Predictions:
    if not (directory / CONTRACT_FILE).is_file():
        raise _no_model(location, f"it has no {CONTRACT_FILE}")
    try:
        model = Model.load(directory)
        evaluated = _load_evaluated(directory, model.contract)
        valid_rows = validate_rows(model.contract.features, rows)
    except StartupError as error:
        raise BuildError(f"The model at {location} can't be loaded: {error}") from error
    except Problem as problem:
        raise _refused(location, problem.detail) from problem
    if evaluated is None:
        return predict(model, valid_rows)
    predictions = predict(evaluated, valid_rows)
    return replace(predictions, title=f"{predictions.title} before its refit")


def _load_evaluated(directory: Path, contract: Contract) -> Model | None:
    """Return the model before the refit, which had not seen its test rows; None without a refit."""
    if EVALUATED_FILE not in contract.files:
        return None
    provenance = contract.provenance.model_copy(update={"fitted_on": "training rows"})
    evaluated = contract.model_copy(update={"provenance": provenance})
    return Model(evaluated, read_file(directory, contract, EVALUATED_FILE))


def _download(location: str, directory: Path) -> None:
    """Fetch a baked model; an invalid contract is reported when the model is loaded."""
    try:
        contract = _read_object(location, CONTRACT_FILE)
    except SourceError as error:
        raise _no_model(location, str(error)) from error
    (directory / CONTRACT_FILE).write_bytes(contract)
    try:
        names = [str(name) for name in json.loads(contract)["files"]]
    except (ValueError, KeyError, TypeError):
        names = []
    for name in names:
        if Path(name).name == name:
            (directory / name).write_bytes(_read_object(location, name))


def _read_object(location: str, name: str) -> bytes:
    return b"".join(TRANSPORTS["s3"](f"{location.rstrip('/')}/{name}"))


def _predict_by_service(url: str, rows: Sequence[Row]) -> Predictions:
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
            health = _get_health(url, client)
            batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
            answers = [_post_rows(url, client, batch) for batch in batches]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _no_model(url, f"{type(error).__name__}: {error}") from error
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise _no_model(url, f"it does not answer as a model's service does ({message})") from error
    probabilities = [row for answer in answers for row in answer.probabilities]
    labels = tuple(probabilities[0])
    predicted = [label for answer in answers for label in answer.predictions]
    if not set(predicted) <= set(labels) or any(row.keys() != set(labels) for row in probabilities):
        raise _no_model(url, "some rows have no predicted label, or no probability for every label")
    return Predictions(
        title=f"{health.name} {health.model_lib_version}",
        labels=labels,
        probabilities=np.array([[row[label] for label in labels] for row in probabilities], np.float32),
        predicted=predicted,
        is_refitted=health.model.fitted_on == "training and test rows",
    )


def _get_health(url: str, client: httpx.Client) -> HealthAnswer:
    response = client.get("/health")
    if response.status_code != httpx.codes.OK:
        raise _no_model(url, f"/health answers with the HTTP status {response.status_code}")
    return HealthAnswer.model_validate_json(response.content)


def _post_rows(url: str, client: httpx.Client, rows: Sequence[Row]) -> PredictAnswer:
    response = client.post("/predict", json={"inputs": [dict(row) for row in rows]})
    if response.status_code != httpx.codes.OK:
        raise _refused(url, ProblemAnswer.model_validate_json(response.content).detail)
    answer = PredictAnswer.model_validate_json(response.content)
    sizes = len(answer.predictions), len(answer.probabilities)
    if sizes != (len(rows), len(rows)):
        raise _no_model(
            url,
            f"for {pluralize(len(rows), 'row')} it answers with {pluralize(sizes[0], 'prediction')} "
            f"and with probabilities for {sizes[1]:,}",
        )
    return answer


def _no_model(location: str, reason: str) -> BuildError:
    return BuildError(
        f"There is no model to compare with at {location}: {reason.removesuffix('.')}. "
        "For a first deployment, leave out --deployed and gates.deployed.model."
    )


def _refused(location: str, detail: str) -> BuildError:
    return BuildError(
        f"The model at {location} can't be compared, because it refuses the test rows: {detail}"
    )
