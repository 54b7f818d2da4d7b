"""The plots of the card, read as the texts and the positions in them."""

import re
from itertools import pairwise

import pytest

from model_build.artifacts import Dependence, Explanation, Importance, Interval
from model_build.fairness_report import Protected
from model_build.reports import plots as plots_module
from model_build.reports.model_card import CardDocuments
from model_build.reports.plots import Plot, plot_explanation, plot_fairness, plot_performance
from tests.model_build.reports.conftest import CURVE, CURVES, THREE_LABELS


def plot_dependence(numbers: tuple[float, ...], scores: tuple[float, ...]) -> Plot:
    """Plot the dependence on a feature called years."""
    values = tuple(f"{number:,g}" for number in numbers)
    dependence = Dependence(feature="years", values=values, numbers=numbers, scores=scores)
    [plot] = plot_explanation(THREE_LABELS, Explanation(importance=(), dependence=(dependence,)))
    return plot


def texts(drawing: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


def dots(drawing: str) -> list[tuple[float, float]]:
    """Return the positions of the dots, in pixels from the top left corner."""
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', drawing)]


def axes_frame(drawing: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the first axes, in pixels."""
    match = re.search(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawing)
    assert match is not None
    left, top, width, height = map(float, match.groups())
    return left, top, width, height


def test_threshold_is_marked_on_the_curves_where_the_confusion_matrix_puts_it(
    documents: CardDocuments,
) -> None:
    roc, *_ = plot_performance(documents.contract.target, documents.curves, documents.evaluation)
    assert roc.title == "ROC curve"
    assert "threshold 0.6" in roc.drawing


@pytest.mark.parametrize(
    "matrix", [((50, 0), (50, 0)), ((0, 0), (20, 30))], ids=["no predicted positive", "one label"]
)
def test_threshold_without_a_position_on_the_curves_is_not_drawn(
    documents: CardDocuments, matrix: tuple[tuple[int, int], ...]
) -> None:
    evaluation = documents.evaluation.model_copy(update={"confusion_matrix": matrix})
    plots = plot_performance(documents.contract.target, documents.curves, evaluation)
    assert [plot.title for plot in plots if "threshold" in plot.drawing] == []


def test_precision_and_recall_come_first_if_positives_are_rare(documents: CardDocuments) -> None:
    def first(matrix: tuple[tuple[int, int], ...]) -> str:
        rows = sum(map(sum, matrix))
        update = {"confusion_matrix": matrix, "rows": rows}
        evaluation = documents.evaluation.model_copy(update=update)
        return plot_performance(documents.contract.target, documents.curves, evaluation)[0].title

    assert first(((890, 11), (4, 95))) == "Precision and recall"
    assert first(((890, 10), (5, 95))) == "ROC curve"


def test_every_label_has_a_curve_and_a_name_in_the_legend(documents: CardDocuments) -> None:
    labels = ("a", "b", "a label so long that it would fill the plot")
    curves = CURVES.model_copy(update={"roc": dict.fromkeys(labels, CURVE)})
    evaluation = documents.evaluation.model_copy(update={"labels": labels})
    roc, *_ = plot_performance(THREE_LABELS, curves, evaluation)
    assert re.findall(r"<text[^>]*>(a|b|a label[^<]*)</text>", roc.drawing) == [
        "a",
        "b",
        "a label so long that it wou…",
    ]


def test_unevenly_spread_values_are_drawn_at_equal_distances() -> None:
    numbers = (0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 99_999.0)
    drawing = plot_dependence(numbers, (0.1,) * 8).drawing
    *ticks, label = [text for text in texts(drawing) if text in {"0", "300", "99,999"} or "years" in text]
    assert (ticks, label) == (["0", "300", "99,999"], "years, its values at equal distances")
    x = [x for x, _ in dots(drawing)][-8:]
    assert [right - left for left, right in pairwise(x)] == pytest.approx([x[1] - x[0]] * 7, abs=0.01)


def test_evenly_spread_values_are_drawn_to_scale() -> None:
    drawing = plot_dependence((0.0, 1.0, 3.0, 4.0), (0.1,) * 4).drawing
    assert "years" in texts(drawing)
    first, second, third, _ = [x for x, _ in dots(drawing)][-4:]
    assert third - second == pytest.approx(2 * (second - first), abs=0.01)


def test_a_dependence_leaves_room_above_its_highest_point() -> None:
    drawing = plot_dependence((0.0, 1.0), (0.9, 1.0)).drawing
    _, top, _, height = axes_frame(drawing)
    assert min(y for _, y in dots(drawing)) - top > 0.05 * height


def test_a_dependence_names_the_number_of_its_rows() -> None:
    plot = plot_dependence((0.0, 1.0), (0.1, 0.2))
    assert plot.caption == "The mean over at most 1,000 test rows, if every row had this value."


def test_the_dot_of_a_rate_of_0_stands_clear_of_its_name(documents: CardDocuments) -> None:
    zero = Interval(value=0, low=0, high=0.2)
    group = documents.fairness.protected[0].groups[0]
    group = group.model_copy(update={"selection_rate": zero, "false_positive_rate": zero})
    for plot in plot_fairness(Protected(feature="grade", reference="A", groups=(group,))):
        left, _, width, _ = axes_frame(plot.drawing)
        assert min(x for x, _ in dots(plot.drawing)) - left > 0.02 * width


def test_only_the_most_important_of_many_features_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots_module, "MOST_IMPORTANT", 2)
    drops = {"least": 0.1, "most": 0.3, "middle": 0.2}
    importance = tuple(
        Importance(feature=name, drop=Interval(value=drop, low=drop, high=drop))
        for name, drop in drops.items()
    )
    (plot,) = plot_explanation(THREE_LABELS, Explanation(importance=importance, dependence=()))
    assert "The first 2 of 3 features." in plot.caption
    assert ("least" in plot.drawing, "most" in plot.drawing, "middle" in plot.drawing) == (False, True, True)
