"""The search for better parameters: all candidates on the same folds; a killed search can be resumed."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from time import perf_counter
from typing import Any

import numpy as np
import optuna
from optuna.pruners import NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.model_selection import ParameterGrid
from sqlalchemy import URL, NullPool
from sqlalchemy.exc import SQLAlchemyError

from app.core.contract import sha256
from model_build.artifacts import Candidate, SearchReport
from model_build.data.carried import Numbers
from model_build.errors import BuildError, SpecError
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import LOWER_IS_BETTER
from model_build.spec.training import SELECT, Choices, Range, Search, Selection, format_parameters
from model_build.stage import Job, code_checksum, library_versions
from model_build.training.choice import COMPARED, EvaluatedCandidate, choose_candidate, is_behind
from model_build.training.cross_validation import TrainingRows, predict_folds, repeat_folds, standard_error
from model_build.training.selection import count_limits, counts_to_try

DATABASE = "study.db"
FITTED = ("drop", "select", "clip", "category_order", "resample")
"""Keys of the spec's training that change what a model learns from the rows of a fold."""
DIGITS = 3
"""Significant digits of a parameter that is no whole number; more would not change the model."""
PRUNED_FROM = 3
"""Folds after which a trial is given up if it can't be chosen any more."""

Parameters = Mapping[str, Any]


def run_search(job: Job, rows: TrainingRows) -> SearchReport:
    """Try what training.search of the spec names, and choose as `choose_candidate` says.

    Trials that an earlier run left in study.db count, if data, space, estimator and folds are the same.

    Raises:
        SpecError: the spec declares no search, or scikit-learn refuses the spec's own parameters.
        BuildError: study.db can't be read.
    """
    search = job.spec.training.search
    if search is None:
        raise SpecError(f"{job.spec.name} declares no training.search.")
    started = perf_counter()
    search = _with_selection(job.spec, search)
    rows = repeat_folds(job.spec, rows, search.repeats)
    stored = _open_study(job, rows, search)
    runner = _TrialRunner(job.spec, search, rows)
    resumed = min(len(stored.trials), runner.total)
    with job.progress.bar("trial", runner.total, resumed) as advance:
        runner.run(stored, advance)
    trials = stored.trials[: runner.total]  # an earlier run may have had more trials
    return _report(search, trials, resumed, perf_counter() - started)


def _with_selection(spec: ModelSpec, search: Search) -> Search:
    """Let the search choose the number of columns too, if the spec has shares for it."""
    if not isinstance(spec.training.select, Selection) or SELECT in search.space:
        return search
    fewest, most = count_limits(spec.training.select, spec.training, spec.columns)
    is_range = search.method == "optuna" and fewest < most
    values: Range | Choices = Range(low=fewest, high=most) if is_range else tuple(counts_to_try(fewest, most))
    return search.model_copy(update={"space": {**search.space, SELECT: values}})


def _report(search: Search, trials: Sequence[FrozenTrial], resumed: int, seconds: float) -> SearchReport:
    complete = {_key(trial.user_attrs["parameters"]): trial for trial in trials if _is_complete(trial)}
    evaluated = [_evaluated(trial, search) for trial in complete.values()]
    default = next(candidate for candidate in evaluated if not candidate.summary.parameters)
    best, chosen, reason = choose_candidate(evaluated, default, search.metric)
    return SearchReport(
        method=search.method,
        metric=search.metric,
        repeats=search.repeats,
        trials=len(trials),
        pruned=sum(not _is_complete(trial) for trial in trials),
        resumed=resumed,
        seconds=seconds,
        best=best.summary,
        chosen=chosen.summary,
        reason=reason,
        candidates=tuple(candidate.summary for candidate in evaluated),
        against_default=chosen.compare(default),
    )


class _TrialRunner:
    """Runs the planned parameters first, then those that Optuna suggests."""

    def __init__(self, spec: ModelSpec, search: Search, rows: TrainingRows) -> None:
        self._spec = spec
        self._search = search
        self._rows = rows
        self._planned = _planned_parameters(spec, search)
        planned = len(self._planned)
        self.total = planned if search.method == "grid" else max(search.trials, planned)

    def run(self, stored: optuna.Study, advance: Callable[[str], None]) -> None:
        """Run in memory, and store each trial when it ends: a killed search leaves whole trials only."""
        study = optuna.create_study(direction=stored.direction, pruner=NopPruner())
        study.add_trials(stored.trials)
        missing = max(0, self.total - len(study.trials))
        self._prepare(study)
        study.optimize(
            self._score,
            n_trials=missing,
            callbacks=[
                lambda _, trial: stored.add_trial(trial),
                lambda study, trial: advance(self._describe(study, trial)),
                self._prepare,
            ],
        )

    def _prepare(self, study: optuna.Study, _: FrozenTrial | None = None) -> None:
        """Make the next trial depend on the finished ones only, so that a resumed search ends the same."""
        number, space = len(study.trials), self._search.space
        study.sampler = TPESampler(seed=self._spec.split.seed + number)
        if number < len(self._planned):
            parameters = self._planned[number]
            fixed = {name: parameters[name] for name in space} if _is_within(space, parameters) else {}
            study.enqueue_trial(fixed, user_attrs={"parameters": parameters})

    def _score(self, trial: Trial) -> float:
        """Return the mean metric over the folds; the trial keeps its parameters and the metrics of each fold.

        Raises:
            TrialPruned: the trial does not look good enough, or scikit-learn refuses its parameters.
            SpecError: scikit-learn refuses the spec's own parameters.
        """
        planned: Parameters | None = trial.user_attrs.get("parameters")
        suggested = self._suggest(trial) if planned is None or _is_within(self._search.space, planned) else {}
        parameters = {**self._spec.hyperparameters, **suggested} if planned is None else planned
        trial.set_user_attr("parameters", parameters)
        try:
            known = self._known(trial.study, parameters)
            attributes = known or self._fit(trial, parameters, may_prune=planned is None)
        except SpecError as error:
            if parameters in ({}, self._spec.hyperparameters):
                raise
            refusal = f"scikit-learn refuses {format_parameters(parameters)}: {error.__cause__}"
            trial.set_user_attr("refusal", refusal)
            raise optuna.TrialPruned from error
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        return float(np.mean(attributes["fold_metrics"][self._search.metric]))

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        """Return a value of each parameter of the space; of a queued trial, those that are planned."""
        return {name: _suggest_value(trial, name, values) for name, values in self._search.space.items()}

    def _known(self, study: optuna.Study, parameters: Parameters) -> dict[str, Any] | None:
        """Return what a trial with the same parameters came to, if there is one."""
        trials = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        same = (trial for trial in trials if _key(trial.user_attrs["parameters"]) == _key(parameters))
        twin = next(same, None)
        return {name: twin.user_attrs[name] for name in ("fold_metrics", "size")} if twin else None

    def _fit(self, trial: Trial, parameters: Parameters, *, may_prune: bool) -> dict[str, Any]:
        """Fit the parameters on every fold; return the metrics of each, and the mean size of the models."""
        metrics = list(dict.fromkeys((self._search.metric, *COMPARED)))
        fold_metrics: dict[str, list[float]] = {metric: [] for metric in metrics}
        sizes: list[int] = []
        with closing(predict_folds(self._spec, parameters, self._rows)) as predictions:
            for step, prediction in enumerate(predictions):
                labels = self._rows.labels[prediction.validate]
                weights = self._rows.carried.take(prediction.validate).weights
                scored = ScoredRows(self._spec.target, labels, prediction.probabilities, weights)
                values = weighted_metrics(scored, np.ones((len(labels), 1)), metrics)
                for metric, value in zip(metrics, values[:, 0].tolist(), strict=True):
                    fold_metrics[metric].append(value)
                sizes.append(prediction.size)
                trial.report(float(np.mean(fold_metrics[self._search.metric])), step)
                if may_prune and self._is_hopeless(trial.study, fold_metrics[self._search.metric]):
                    raise optuna.TrialPruned
        return {"fold_metrics": fold_metrics, "size": round(np.mean(sizes))}

    def _is_hopeless(self, study: optuna.Study, values: Sequence[float]) -> bool:
        """Return whether the trial could not be chosen if its other folds went like its first ones."""
        folds, metric = len(self._rows.folds), self._search.metric
        if not PRUNED_FROM <= len(values) < folds:
            return False
        best: Sequence[float] = study.best_trial.user_attrs["fold_metrics"][metric]
        return is_behind(metric, values, best, folds // self._search.repeats)

    def _describe(self, study: optuna.Study, trial: FrozenTrial) -> str:
        if not _is_complete(trial):
            return str(trial.user_attrs.get("refusal", "pruned"))
        return f"{self._search.metric} {trial.value:.5f}, best {study.best_value:.5f}"


def _planned_parameters(spec: ModelSpec, search: Search) -> list[Parameters]:
    """Return the spec's own parameters, the estimator's defaults, and every point of a grid."""
    own = spec.hyperparameters
    planned: list[Parameters] = [own, {}] if own else [{}]
    if search.method == "grid":
        points = ParameterGrid({name: list(values) for name, values in search.space.items()})
        planned += [{**own, **point} for point in points]
    return list({_key(parameters): parameters for parameters in planned}.values())


def _key(parameters: Parameters) -> str:
    """Return text that tells 1, 1.0 and true apart, which Python calls equal and scikit-learn does not."""
    return json.dumps(parameters, sort_keys=True)


def _is_within(space: Mapping[str, Range | Choices], parameters: Parameters) -> bool:
    return all(name in parameters and _contains(space[name], parameters[name]) for name in space)


def _contains(values: Range | Choices, value: Any) -> bool:
    if not isinstance(values, Range):
        return value in values
    return isinstance(value, int | float) and values.low <= value <= values.high


def _suggest_value(trial: Trial, name: str, values: Range | Choices) -> Any:
    if not isinstance(values, Range):
        return trial.suggest_categorical(name, values)
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    value = trial.suggest_float(name, values.low, values.high, log=values.log)
    return min(max(float(f"{value:.{DIGITS}g}"), values.low), values.high)


def _open_study(job: Job, rows: TrainingRows, search: Search) -> optuna.Study:
    """Return the stored study of exactly this question, which holds the finished trials.

    Raises:
        BuildError: study.db holds something else.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    database = job.path(DATABASE)
    url = URL.create("sqlite", database=str(database)).render_as_string()
    try:
        return optuna.create_study(
            study_name=_fingerprint(job.spec, rows, search),
            storage=RDBStorage(url, engine_kwargs={"poolclass": NullPool}),  # leaves no connection open
            direction="minimize" if search.metric in LOWER_IS_BETTER else "maximize",
            load_if_exists=True,
        )
    except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: another version of Optuna wrote it
        raise BuildError(f"{database} can't be read; delete it to start the search afresh.") from error


def _fingerprint(spec: ModelSpec, rows: TrainingRows, search: Search) -> str:
    question = {
        "features": [feature.model_dump(mode="json") for feature in spec.features],
        "derived": [derived.model_dump(mode="json") for derived in spec.derived],
        "target": spec.target.model_dump(mode="json"),
        "estimator": [spec.estimator.model_dump(mode="json"), spec.estimator.code_sha256],
        "training": spec.training.model_dump(mode="json", include=set(FITTED)),
        "search": search.model_dump(mode="json", exclude={"trials"}),
        "seed": spec.split.seed,
        "folds": [sha256(fold.validate.tobytes()) for fold in rows.folds],
        "data": sha256(rows.matrix.tobytes() + rows.labels.tobytes() + _to_bytes(rows.carried.weights)),
        "code": code_checksum(),
        "libraries": library_versions(),
    }
    return sha256(json.dumps(question, sort_keys=True).encode())


def _to_bytes(weights: Numbers | None) -> bytes:
    return b"" if weights is None else weights.tobytes()


def _is_complete(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE


def _evaluated(trial: FrozenTrial, search: Search) -> EvaluatedCandidate:
    fold_metrics, metric = trial.user_attrs["fold_metrics"], search.metric
    summary = Candidate(
        parameters=trial.user_attrs["parameters"],
        score=float(np.mean(fold_metrics[metric])),
        standard_error=standard_error(fold_metrics[metric]),
        size=trial.user_attrs["size"],
    )
    return EvaluatedCandidate(summary, fold_metrics, search.repeats)
