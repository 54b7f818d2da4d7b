import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from app.core.values import Matrix
from model_build.errors import DataError
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Training
from model_build.training.fold_comparison import compare_with_untouched

SEEDS = (4, 7)


def make_rows() -> tuple[Matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 3, (240, 4)).astype(np.float32)
    return matrix, (matrix @ [0.1, 0.2, 1.0, 0.5] + rng.normal(size=240) > 1.8).astype(np.intp)


def test_both_models_see_the_same_folds_of_each_seed(tiny_spec: ModelSpec) -> None:
    """The tables are those of scikit-learn alone: the model's parameters, and none."""
    matrix, labels = make_rows()
    spec = tiny_spec.model_copy(update={"training": Training(folds=3, drop=("years",))})
    words: list[str] = []
    comparisons = compare_with_untouched(spec, matrix, labels, SEEDS, words.append)
    expected: dict[tuple[str, int], list[float]] = {
        (metric, n): [] for metric in ("roc_auc", "log_loss") for n in range(2)
    }
    for seed in SEEDS:
        for train, validate in StratifiedKFold(3, shuffle=True, random_state=seed).split(matrix, labels):
            for n, parameters in enumerate(({"max_iter": 5}, {})):
                model = HistGradientBoostingClassifier(random_state=1, **parameters)
                model.fit(matrix[train, 1:], labels[train])
                scores = model.predict_proba(matrix[validate, 1:])[:, 1]
                expected["roc_auc", n].append(roc_auc_score(labels[validate], scores))
                expected["log_loss", n].append(log_loss(labels[validate], scores))
    assert [comparison.metric for comparison in comparisons] == ["roc_auc", "log_loss"]
    for comparison in comparisons:
        assert comparison.chosen.folds == pytest.approx(expected[comparison.metric, 0])
        assert comparison.default.folds == pytest.approx(expected[comparison.metric, 1])
    differences = np.subtract(expected["roc_auc", 0], expected["roc_auc", 1])
    assert words == [f"roc_auc {difference:+.5f}" for difference in differences]


def test_order_of_the_categories_belongs_to_the_model_only(tiny_spec: ModelSpec) -> None:
    matrix, labels = make_rows()
    boosting = Estimator(name="hist_gradient_boosting")
    codes = tiny_spec.model_copy(update={"estimator": boosting})
    ordered = codes.model_copy(update={"training": Training(category_order="target_rate")})
    [equal, _], [different, _] = (
        compare_with_untouched(spec, matrix[::2], labels[::2], SEEDS, lambda _: None)
        for spec in (codes, ordered)
    )
    assert equal.chosen == equal.default == different.default
    assert equal.difference.value == 0


def test_label_without_a_row_is_a_data_error(tiny_spec: ModelSpec) -> None:
    matrix, labels = make_rows()
    with pytest.raises(DataError, match=r"^No training row has paid yes\.$"):
        compare_with_untouched(tiny_spec, matrix, 0 * labels, SEEDS, lambda _: None)
