"""The model that is deployed, and whether the new one is worse."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from pydantic import BaseModel, ValidationError

from app.core.chunks import run_at_once
from app.core.contract import CONTRACT_FILE, Positions, Probabilities, Provenance, Target
from app.core.errors import Problem, StartupError
from app.core.features import Row
from app.core.model import Model
from app.core.validation import RowValidator
from model_build.artifacts import GateResult, Interval
from model_build.data.sources import TRANSPORTS
from model_build.errors import BuildError, SourceError
from model_build.evaluation.intervals import Estimates, Weights, bootstrap, compute_intervals
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.gates.bounds import shown
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import LOWER_IS_BETTER, EvaluationSection, Share

TIMEOUT = httpx.Timeout(30.0, connect=5.0)  # seconds
BATCH = 100  # rows in one request; a service may take no more (MAX_ROWS)


@dataclass(frozen=True)
class Answers:
    """What a model says of the test rows."""

    title: str
    labels: tuple[str, ...]
    probabilities: Probabilities
    """[N, labels]"""
    predicted: Sequence[str]
    provenance: Provenance | None = None
    """None when it is a service, which does not tell."""

    def scored(self, metric: str, target: Target, truth: Positions) -> ScoredRows:
        """Return the probabilities in the order of the target's labels.

        For the accuracy the label that was decided on has all of it: each model has a threshold of its own.
        """
        probabilities = self.probabilities[:, [self.labels.index(label) for label in target.labels]]
        if metric == "accuracy":
            probabilities = np.array([[label == each for each in target.labels] for label in self.predicted])
        return ScoredRows(target, truth, probabilities.astype(float))


class Health(BaseModel):
    """Of GET /health, who answers."""

    name: str
    model_lib_version: str


class Refusal(BaseModel):
    """Of a problem document, what is wrong."""

    detail: str


class Predictions(BaseModel):
    """Of POST /predict, the answers."""

    predictions: list[str]
    probabilities: list[dict[str, Share]]


def compare_with_champion(
    spec: ModelSpec, place: str, model: Model, rows: Sequence[Row], truth: Positions
) -> GateResult:
    """Ask the new model and the one at `place` about the test rows, and say whether the new one is worse.

    Raises:
        BuildError: there is no model at `place`, or it can't be compared.
    """
    gate, new, old = spec.gates.deployed, answers(model, rows), ask(place, rows)
    if set(old.labels) != set(new.labels):
        raise BuildError(
            f"The model at {place} can't be compared with, because its labels are {', '.join(old.labels)}, "
            f"and those of {spec.name} {', '.join(new.labels)}."
        )
    target = model.contract.target
    pair = [each.scored(gate.metric, target, truth) for each in (new, old)]
    values, better_by = _paired(pair, gate.metric, spec.evaluation, spec.split.seed)
    lowest = 0 - gate.tolerance
    missed = lowest - better_by.low
    sentence = (
        f"{gate.metric} is {values[0]:.4f}, that of the deployed {old.title} {values[1]:.4f}: better by "
        f"{shown(better_by)}, the gate wants its lower bound at least {lowest:g}"
    )
    sentence += f": {missed:.3g} too low" if missed > 0 else ""
    sentence += _flattery(model.contract.provenance, old.provenance)
    return GateResult(kind="deployed", name="deployed", passed=missed <= 0, sentence=sentence)


def answers(model: Model, rows: Sequence[Row]) -> Answers:
    contract = model.contract
    labels = contract.target.labels
    probabilities = model.probabilities(model.encode(rows))
    return Answers(
        title=f"{contract.name} {contract.model_version}",
        labels=labels,
        probabilities=probabilities,
        predicted=[labels[position] for position in contract.target.decide(probabilities)],
        provenance=contract.provenance,
    )


def ask(place: str, rows: Sequence[Row]) -> Answers:
    """Return the answers of the model in a directory, under an s3:// prefix, or of a service at a URL.

    Raises:
        BuildError: there is no model at `place`, or it can't be asked; or it is a URL with a password.
    """
    scheme, _, rest = place.partition("//")
    if scheme.endswith(":") and "@" in rest:  # whatever it is, it would stand in reports
        raise BuildError("The URL of the deployed model must hold no user name and no password, so no @.")
    match scheme.lower():
        case "http:" | "https:":
            return _ask_service(place, rows)
        case "s3:":
            with TemporaryDirectory() as directory:
                _download(place, Path(directory))
                return _ask_directory(place, Path(directory), rows)
        case _:
            return _ask_directory(place, Path(place), rows)


def _paired(
    pair: Sequence[ScoredRows], metric: str, plan: EvaluationSection, seed: int
) -> tuple[list[float], Interval]:
    """Return the metric of both, and by how much the first is better; both have the same resamples."""
    truth = pair[0].truth

    def both(weights: Weights) -> Estimates:
        return np.concatenate([weighted_metrics(each, weights, [metric]) for each in pair])

    values = both(np.ones((len(truth), 1)))
    estimates = bootstrap(both, len(truth), plan.resamples, seed)
    better, worse = (1, 0) if metric in LOWER_IS_BETTER else (0, 1)
    lead, leads = values[better] - values[worse], estimates[better] - estimates[worse]
    return values[:, 0].tolist(), compute_intervals([metric], lead, leads[None], plan.confidence, {})[metric]


def _flattery(new: Provenance, old: Provenance | None) -> str:
    if old is None or old.data_sha256 != new.data_sha256 or new.data_sha256 is None:
        return ""
    if old.spec_sha256 == new.spec_sha256:
        return ""
    return (
        "; the deployed model was trained on the same data by another spec: if that split them otherwise, "
        "it has seen some of these rows, which flatters it"
    )


def _ask_directory(place: str, directory: Path, rows: Sequence[Row]) -> Answers:
    if not (directory / CONTRACT_FILE).is_file():
        raise _nothing_at(place, f"it has no {CONTRACT_FILE}")
    try:
        model = Model.load(directory)
        read = run_at_once(RowValidator(model.contract.features).check_in_chunks(rows))
    except StartupError as error:
        raise BuildError(f"The model at {place} can't be loaded: {error}") from error
    except Problem as problem:
        raise _refused(place, problem.detail) from problem
    return answers(model, read)


def _download(place: str, directory: Path) -> None:
    """Fetch a baked model; whatever is wrong with its contract, loading it says."""
    try:
        contract = _object(place, CONTRACT_FILE)
    except SourceError as error:
        raise _nothing_at(place, str(error)) from error
    (directory / CONTRACT_FILE).write_bytes(contract)
    try:
        names = [str(name) for name in json.loads(contract)["files"]]
    except (ValueError, KeyError, TypeError):
        names = []
    for name in names:
        if Path(name).name == name:
            (directory / name).write_bytes(_object(place, name))


def _object(place: str, name: str) -> bytes:
    return b"".join(TRANSPORTS["s3"](f"{place.rstrip('/')}/{name}"))


def _ask_service(url: str, rows: Sequence[Row]) -> Answers:
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
            health = _health(url, client)
            batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
            found = [_predict(url, client, batch) for batch in batches]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _nothing_at(url, f"{type(error).__name__}: {error}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]["msg"]
        raise _nothing_at(url, f"it does not answer as a model's service does ({wrong})") from error
    probabilities = [row for batch in found for row in batch.probabilities]
    labels = tuple(probabilities[0])
    predicted = [label for batch in found for label in batch.predictions]
    if not set(predicted) <= set(labels) or any(row.keys() != set(labels) for row in probabilities):
        raise _nothing_at(url, "it does not give every row one of its labels, and a probability of each")
    return Answers(
        title=f"{health.name} {health.model_lib_version}",
        labels=labels,
        probabilities=np.array([[row[label] for label in labels] for row in probabilities], np.float32),
        predicted=predicted,
    )


def _health(url: str, client: httpx.Client) -> Health:
    response = client.get("/health")
    if response.status_code != httpx.codes.OK:
        raise _nothing_at(url, f"/health answers with the HTTP status {response.status_code}")
    return Health.model_validate_json(response.content)


def _predict(url: str, client: httpx.Client, rows: Sequence[Row]) -> Predictions:
    response = client.post("/predict", json={"inputs": [dict(row) for row in rows]})
    if response.status_code != httpx.codes.OK:
        raise _refused(url, Refusal.model_validate_json(response.content).detail)
    found = Predictions.model_validate_json(response.content)
    sizes = len(found.predictions), len(found.probabilities)
    if sizes != (len(rows), len(rows)):
        raise _nothing_at(
            url,
            f"of {len(rows):,} rows it has predictions for {sizes[0]:,}, and probabilities for {sizes[1]:,}",
        )
    return found


def _nothing_at(place: str, reason: str) -> BuildError:
    return BuildError(
        f"There is no model to compare with at {place}: {reason.removesuffix('.')}. "
        "For a first deployment, leave out --deployed and gates.deployed.model."
    )


def _refused(place: str, detail: str) -> BuildError:
    return BuildError(
        f"The model at {place} can't be compared with, because it refuses the test rows: {detail}"
    )
