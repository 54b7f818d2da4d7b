"""The search for better parameters: every candidate on the same folds, resumed where it was killed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import optuna
from optuna.pruners import PercentilePruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.model_selection import ParameterGrid

from app.core.contract import sha256
from model_build.artifacts import Candidate, Comparison, SearchReport
from model_build.errors import BuildError, SpecError
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import LOWER_IS_BETTER, Choices, Range, Search
from model_build.stage import Job, code_checksum, library_versions
from model_build.training.cross_validation import TrainingRows, compare_folds, predict_folds, standard_error

COMPARED = ("roc_auc", "log_loss")
DIGITS = 3  # of a parameter that is not a whole number; more would say nothing
KEPT = 75.0  # percent that are not pruned; a median would lose small ones within a standard error of the best
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class EvaluatedCandidate:
    """A candidate, with its figures on every fold by metric."""

    candidate: Candidate
    figures: Mapping[str, Sequence[float]]

    def compare(self, default: "EvaluatedCandidate") -> tuple[Comparison, ...]:
        return tuple(
            compare_folds(metric, self.figures[metric], default.figures[metric]) for metric in COMPARED
        )


def run_search(job: Job, rows: TrainingRows) -> SearchReport:
    """Try what training.search of the spec names, and choose by the one-standard-error rule.

    Trials that an earlier run left in study.journal count, if data, space, estimator and folds are the same.

    Raises:
        SpecError: the spec declares no search, or scikit-learn refuses the value of a parameter.
    """
    how = job.spec.training.search
    if how is None:
        raise SpecError(f"{job.spec.name} declares no training.search.")
    started = perf_counter()
    study = _open(job, rows, how)
    tuner = _Tuner(job.spec, how, rows, study)
    resumed = min(len(_finished(study)), tuner.total)
    with job.progress.bar("trial", tuner.total, resumed) as took:
        tuner.run(took)
    trials = _finished(study)[: tuner.total]  # an earlier run may have been asked for more
    complete = {_key(trial.user_attrs["parameters"]): trial for trial in trials if _is_complete(trial)}
    tried = [_tried(trial, how.metric) for trial in complete.values()]
    default = next(each for each in tried if not each.candidate.parameters)
    best, chosen, reason = choose_candidate(tried, default, how.metric)
    return SearchReport(
        method=how.method,
        metric=how.metric,
        trials=len(trials),
        pruned=sum(not _is_complete(trial) for trial in trials),
        resumed=resumed,
        seconds=perf_counter() - started,
        best=best.candidate,
        chosen=chosen.candidate,
        reason=reason,
        candidates=tuple(each.candidate for each in tried),
        against_default=chosen.compare(default),
    )


def choose_candidate(
    tried: Sequence[EvaluatedCandidate], default: EvaluatedCandidate, metric: str
) -> tuple[EvaluatedCandidate, EvaluatedCandidate, str]:
    """Return the best, the chosen, and why it was chosen.

    Of those within one standard error of the best, those count whose ROC AUC and log loss are not worse than
    the defaults' by the whole of a paired interval. The smallest wins; if there is none, the defaults do.
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1
    best = max(tried, key=lambda each: sign * each.candidate.score)
    error = best.candidate.standard_error
    near = [each for each in tried if sign * (best.candidate.score - each.candidate.score) <= error]
    allowed = [each for each in near if not is_worse(each.compare(default))]
    ranked = sorted(allowed, key=lambda each: (each.candidate.size, -sign * each.candidate.score))
    if not ranked:
        return best, default, f"each of the {len(near)} within one standard error is worse than the defaults"
    chosen = ranked[0]
    passed = sum(each.candidate.size < chosen.candidate.size for each in near)
    reason = f"the smallest of {len(near)} within one standard error ({error:.5f}) of the best"
    return best, chosen, reason + (f" but {passed} that are worse than the defaults" if passed else "")


def is_worse(comparisons: Sequence[Comparison]) -> bool:
    """Return whether an interval of chosen - default lies wholly on the worse side."""
    return any(
        each.difference.low > 0 if each.metric in LOWER_IS_BETTER else each.difference.high < 0
        for each in comparisons
    )


def format_parameters(parameters: Parameters) -> str:
    """Return the line to keep in the spec."""
    return (
        f"parameters: {{{', '.join(f'{name}: {json.dumps(value)}' for name, value in parameters.items())}}}"
    )


class _Tuner:
    """Asks the study for parameters, and tells it what they come to on the folds."""

    def __init__(self, spec: ModelSpec, how: Search, rows: TrainingRows, study: optuna.Study) -> None:
        self._spec = spec
        self._how = how
        self._rows = rows
        self._study = study
        self._planned = _planned(spec, how)
        self.total = len(self._planned) if how.method == "grid" else max(how.trials, len(self._planned))

    def run(self, took: Callable[[str], None]) -> None:
        done = [trial.user_attrs["planned"] for trial in _finished(self._study)]
        for number, parameters in enumerate(self._planned):
            if number not in done:
                took(self._try(number, parameters))
        while len(_finished(self._study)) < self.total:
            took(self._try())

    def _try(self, planned: int | None = None, parameters: Parameters | None = None) -> str:
        """Run one trial; only those that nobody planned may be pruned. Return what to say of it."""
        # A seed for each trial: one that follows a resumption draws as if nothing had happened.
        self._study.sampler = TPESampler(seed=self._spec.split.seed + len(_finished(self._study)))
        if parameters is None:
            trial = self._study.ask()
            parameters = {**self._spec.estimator.parameters, **self._suggested(trial)}
        else:
            trial = self._ask_for(parameters)
        trial.set_user_attr("planned", planned)
        trial.set_user_attr("parameters", dict(parameters))
        try:
            score = self._known(trial, parameters)
            if score is None:
                score = self._score(trial, parameters, may_prune=planned is None)
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED)
            return "pruned"
        except SpecError as error:
            if parameters in ({}, self._spec.estimator.parameters):
                raise
            self._study.tell(trial, state=TrialState.PRUNED)
            return f"scikit-learn refuses {format_parameters(parameters)}: {error.__cause__}"
        self._study.tell(trial, score)
        return f"{self._how.metric} {score:.5f}, best {self._study.best_value:.5f}"

    def _ask_for(self, parameters: Parameters) -> Trial:
        """Return a trial from which the sampler learns too, if the parameters lie in the space."""
        space = self._how.space
        if any(name not in parameters or not _holds(space[name], parameters[name]) for name in space):
            return self._study.ask()
        self._study.enqueue_trial({name: parameters[name] for name in space})
        trial = self._study.ask()
        self._suggested(trial)
        return trial

    def _suggested(self, trial: Trial) -> dict[str, Any]:
        return {name: _suggest(trial, name, values) for name, values in self._how.space.items()}

    def _known(self, trial: Trial, parameters: Parameters) -> float | None:
        """Return the score of a trial with the same parameters, whose figures are this one's too."""
        same = (
            each
            for each in self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
            if _key(each.user_attrs["parameters"]) == _key(parameters)
        )
        twin = next(same, None)
        if twin is None:
            return None
        for name in ("figures", "size"):
            trial.set_user_attr(name, twin.user_attrs[name])
        return twin.value

    def _score(self, trial: Trial, parameters: Parameters, *, may_prune: bool) -> float:
        """Return the mean metric over the folds, and leave every figure with the trial."""
        metrics = list(dict.fromkeys((self._how.metric, *COMPARED)))
        figures: dict[str, list[float]] = {metric: [] for metric in metrics}
        sizes: list[int] = []
        for step, answer in enumerate(predict_folds(self._spec, parameters, self._rows)):
            scored = ScoredRows(self._spec.target, self._rows.labels[answer.validate], answer.probabilities)
            found = weighted_metrics(scored, np.ones((len(answer.validate), 1)), metrics)
            for metric, value in zip(metrics, found[:, 0].tolist(), strict=True):
                figures[metric].append(value)
            sizes.append(answer.size)
            trial.report(float(np.mean(figures[self._how.metric])), step)
            if may_prune and step + 1 < len(self._rows.folds) and trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("figures", figures)
        trial.set_user_attr("size", round(np.mean(sizes)))
        return float(np.mean(figures[self._how.metric]))


def _planned(spec: ModelSpec, how: Search) -> list[Parameters]:
    """Return the spec's own parameters, the estimator's defaults, and every point of a grid."""
    own = spec.estimator.parameters
    planned: list[Parameters] = [own, {}] if own else [{}]
    if how.method == "grid":
        points = ParameterGrid({name: list(values) for name, values in how.space.items()})
        planned += [{**own, **point} for point in points]
    return list({_key(each): each for each in planned}.values())


def _key(parameters: Parameters) -> str:
    """Return what tells 1, 1.0 and true apart, which are equal to Python and different to scikit-learn."""
    return json.dumps(parameters, sort_keys=True)


def _holds(values: Range | Choices, value: Any) -> bool:
    if not isinstance(values, Range):
        return value in values
    return isinstance(value, int | float) and values.low <= value <= values.high


def _suggest(trial: Trial, name: str, values: Range | Choices) -> Any:
    if not isinstance(values, Range):
        return trial.suggest_categorical(name, values)
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    value = trial.suggest_float(name, values.low, values.high, log=values.log)
    return min(max(float(f"{value:.{DIGITS}g}"), values.low), values.high)


def _open(job: Job, rows: TrainingRows, how: Search) -> optuna.Study:
    """Return the study of exactly this question; what was running when it was killed has failed.

    Raises:
        BuildError: the journal holds something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = job.path("study.journal")
    _mend(journal)
    try:
        study = optuna.create_study(
            study_name=_fingerprint(job.spec, rows, how),
            storage=JournalStorage(JournalFileBackend(str(journal))),
            direction="minimize" if how.metric in LOWER_IS_BETTER else "maximize",
            pruner=PercentilePruner(KEPT, n_startup_trials=5, n_warmup_steps=1),
            load_if_exists=True,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{journal} can't be read; delete it to start the search afresh.") from error
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _mend(journal: Path) -> None:
    """Take away what a search that was killed left, half a line and a lock: no other is at work here."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    content = journal.read_bytes() if journal.exists() else b""
    if whole := content.rpartition(b"\n")[0]:
        whole += b"\n"
    if whole != content:
        journal.write_bytes(whole)


def _fingerprint(spec: ModelSpec, rows: TrainingRows, how: Search) -> str:
    parts = {
        "features": [feature.model_dump(mode="json") for feature in spec.features],
        "target": spec.target.model_dump(mode="json"),
        "estimator": spec.estimator.model_dump(mode="json"),
        "training": spec.training.model_dump(mode="json", include={"drop", "select", "clip", "resample"}),
        "search": how.model_dump(mode="json", exclude={"trials"}),
        "seed": spec.split.seed,
        "folds": [sha256(fold.validate.tobytes()) for fold in rows.folds],
        "data": sha256(rows.matrix.tobytes() + rows.labels.tobytes()),
        "code": code_checksum(),
        "libraries": library_versions(),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode())


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=FINISHED)


def _is_complete(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE


def _tried(trial: FrozenTrial, metric: str) -> EvaluatedCandidate:
    figures = trial.user_attrs["figures"]
    candidate = Candidate(
        parameters=trial.user_attrs["parameters"],
        score=float(np.mean(figures[metric])),
        standard_error=standard_error(figures[metric]),
        size=trial.user_attrs["size"],
    )
    return EvaluatedCandidate(candidate, figures)
