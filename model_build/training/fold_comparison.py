"""The model of a spec beside scikit-learn's untouched boosting, on the same folds of several seeds."""

from collections.abc import Callable, Sequence
from itertools import chain

from app.core.contract import Positions
from app.core.values import Matrix
from model_build.artifacts import Comparison
from model_build.data.carried import NOTHING, Carried
from model_build.evaluation.evaluate import point_metrics
from model_build.spec.model_spec import ModelSpec
from model_build.training.baselines import untouched_boosting
from model_build.training.choice import COMPARED
from model_build.training.classifier import check_training_rows, fit
from model_build.training.cross_validation import compare_folds, make_folds


def compare_with_untouched(
    spec: ModelSpec,
    matrix: Matrix,
    labels: Positions,
    seeds: Sequence[int],
    advance: Callable[[str], None],
    carried: Carried = NOTHING,
) -> tuple[Comparison, ...]:
    """Compare both models, without calibration, on every fold of a cross-validation for each seed.

    `matrix` has the encoded rows [N, features] and `labels` their positions [N]. `advance` is called after
    every fold, with the difference of the ROC AUC.

    Raises:
        DataError: a label has no row or only one, or a feature that is not dropped has no value.
        SpecError: scikit-learn refuses the value of a parameter.
    """
    check_training_rows(spec, matrix, labels)
    models: dict[str, list[float]] = {metric: [] for metric in COMPARED}
    untouched: dict[str, list[float]] = {metric: [] for metric in COMPARED}
    folds = [make_folds(spec.target, labels, spec.training.folds, seed, carried) for seed in seeds]
    for fold in chain.from_iterable(folds):
        train, truth = matrix[fold.train], labels[fold.train]
        weights, weights_here = (carried.take(rows).weights for rows in (fold.train, fold.validate))
        model = fit(spec, spec.hyperparameters, train, truth, weights)
        boosting = untouched_boosting(spec).fit(train, truth, weights)
        for metrics, classifier in ((models, model), (untouched, boosting)):
            probabilities = classifier.predict_proba(matrix[fold.validate])
            values = point_metrics(spec.target, labels[fold.validate], probabilities, weights_here)
            for metric in COMPARED:
                metrics[metric].append(values[metric])
        advance(f"roc_auc {models['roc_auc'][-1] - untouched['roc_auc'][-1]:+.5f}")
    return tuple(compare_folds(metric, models[metric], untouched[metric], len(seeds)) for metric in COMPARED)
