import re
import time

import pytest
from rich.console import Console

from model_build.artifacts import Comparison, CrossValidation, Evaluation, FoldScores, Interval, Slice, Slices
from model_build.console import Progress

INTERVALS = {
    "accuracy": Interval(value=0.8759, low=0.8699, high=0.8818),
    "roc_auc": Interval(value=0.93104, low=0.9262, high=0.93523),
    "log_loss": Interval(value=1.2, low=1.1, high=1.3),
}
EVALUATION = Evaluation(
    rows=9762,
    labels=("<=50K", "[b]>50K"),
    metrics={name: interval.value for name, interval in INTERVALS.items()},
    intervals=INTERVALS,
    confidence=0.95,
    resamples=1000,
    confusion_matrix=((6973, 437), (774, 1578)),
)
METRICS = """
Test split, 9,762 rows
┏━━━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━━━━━┓
┃ metric   ┃  value ┃ 95 % interval    ┃
┡━━━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━━━━━┩
│ accuracy │ 0.8759 │ 0.8699 to 0.8818 │
│ roc auc  │ 0.9310 │ 0.9262 to 0.9352 │
│ log loss │ 1.2000 │ 1.1000 to 1.3000 │
└──────────┴────────┴──────────────────┘
Confusion matrix
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━━┓
┃ true ↓ predicted → ┃ <=50K ┃ [b]>50K ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━━┩
│ <=50K              │ 6,973 │     437 │
│ [b]>50K            │   774 │   1,578 │
└────────────────────┴───────┴─────────┘
"""
WEAKEST = """\
Weakest slices
┏━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━━━━━┓
┃ metric   ┃ slice            ┃  rows ┃  value ┃ 95 % interval    ┃
┡━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━━━━━┩
│ accuracy │ sex [b]F, age 17 │   104 │ 0.4000 │ 0.3000 to 0.5000 │
│ accuracy │ sex [b]F, age 16 │   103 │ 0.5000 │ 0.4000 to 0.6000 │
│ accuracy │ sex [b]F, age 15 │   102 │ 0.6000 │ 0.5000 to 0.7000 │
│ roc auc  │ age above 48     │ 2,341 │ 0.9000 │ 0.8000 to 1.0000 │
└──────────┴──────────────────┴───────┴────────┴──────────────────┘
"""
FOLDS = """
┏━━━━━━┳━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━━━┓
┃ seed ┃ fold ┃ roc auc ┃ untouched ┃ difference ┃
┡━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━━━┩
│ 7    │ 1    │ 0.92000 │   0.91000 │   +0.01000 │
│ 7    │ 2    │ 0.90000 │   0.91000 │   -0.01000 │
│ 12   │ 1    │ 0.93000 │   0.91000 │   +0.02000 │
│ 12   │ 2    │ 0.93000 │   0.91000 │   +0.02000 │
├──────┼──────┼─────────┼───────────┼────────────┤
│ mean │      │ 0.92000 │   0.91000 │   +0.01000 │
└──────┴──────┴─────────┴───────────┴────────────┘
roc_auc against the untouched boosting: +0.01000, 95 % interval -0.00500 to +0.02500
"""


def make_slice(levels: dict[str, str], rows: int, **metrics: float) -> Slice:
    """Return a slice whose intervals reach 0.1 to either side."""
    intervals = {name: Interval(value=x, low=x - 0.1, high=x + 0.1) for name, x in metrics.items()}
    return Slice(
        features=tuple(levels),
        levels=tuple(levels.values()),
        rows=rows,
        positives=None,
        support={},
        metrics=intervals,
    )


Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setenv("FORCE_COLOR", "1")
    return Progress()


def test_metrics_are_printed_as_tables(capsys: Capture) -> None:
    Progress().show_metrics(EVALUATION)
    assert capsys.readouterr().out == METRICS


def test_the_three_weakest_slices_by_each_metric_follow(capsys: Capture) -> None:
    small = [
        make_slice({"sex": "[b]F", "age": f"{14 + i}"}, 101 + i, accuracy=0.7 - i / 10) for i in range(4)
    ]
    slices = (*small, make_slice({"age": "above 48"}, 2341, accuracy=0.9, roc_auc=0.9))
    Progress().show_metrics(EVALUATION, Slices(minimum_rows=50, too_small=0, slices=slices))
    assert capsys.readouterr().out == METRICS + WEAKEST


def test_long_labels_are_not_truncated(capsys: Capture) -> None:
    labels = [f"Level_of_obesity_{number}" for number in range(7)]
    matrix = tuple((0,) * 7 for _ in labels)
    many = EVALUATION.model_copy(update={"labels": tuple(labels), "confusion_matrix": matrix})
    Progress(Console(width=80)).show_metrics(many)
    confusion = capsys.readouterr().out.partition("Confusion matrix")[2]
    assert "…" not in confusion
    assert confusion.count("_6") == 2


def test_two_models_are_shown_on_every_fold_of_every_seed(capsys: Capture) -> None:
    comparison = Comparison(
        metric="roc_auc",
        chosen=FoldScores(mean=0.92, deviation=0.01, folds=(0.92, 0.90, 0.93, 0.93)),
        default=FoldScores(mean=0.91, deviation=0, folds=(0.91, 0.91, 0.91, 0.91)),
        difference=Interval(value=0.01, low=-0.005, high=0.025),
    )
    report = CrossValidation(rows=100, seeds=(7, 12), comparisons=(comparison,))
    Progress().show_folds(report)
    assert capsys.readouterr().out == FOLDS


def test_without_slices_there_is_no_table_of_them(capsys: Capture) -> None:
    Progress().show_metrics(EVALUATION, Slices(minimum_rows=50, too_small=7, slices=()))
    assert capsys.readouterr().out == METRICS


def test_a_step_is_a_line_with_its_time_and_a_line_for_each_further_note(capsys: Capture) -> None:
    with Progress().step("data") as notes:
        notes += ["real: [bold]adult.data[/], 3 rows", "no {gaps}"]
    assert re.sub(r" \d\.\d\d s", " 0.00 s", capsys.readouterr().out) == (
        "✓ data         0.00 s  real: [bold]adult.data[/], 3 rows\n                       no {gaps}\n"
    )


def test_a_step_that_fails_prints_no_tick(capsys: Capture) -> None:
    with pytest.raises(KeyError), Progress().step("data"):
        raise KeyError
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("method", "line"), [("say", "{}\n"), ("warn", "{}\n"), ("fail", "✗ {}\n")])
def test_text_is_printed_as_it_is(capsys: Capture, method: str, line: str) -> None:
    text = f"[red]{'long ' * 50}[/] :warning: 'quoted' 3.14"
    getattr(Progress(), method)(text)
    assert capsys.readouterr().out == line.format(text)


@pytest.mark.parametrize(
    ("method", "printed"),
    [
        ("say", "hello\n"),
        ("warn", "\x1b[1;33mhello\x1b[0m\n"),
        ("fail", "\x1b[1;31m✗\x1b[0m hello\n"),
    ],
)
def test_a_terminal_gets_colour(terminal: Progress, capsys: Capture, method: str, printed: str) -> None:
    getattr(terminal, method)("hello")
    assert capsys.readouterr().out == printed


def test_a_terminal_gets_a_spinner_that_goes_away(terminal: Progress, capsys: Capture) -> None:
    with terminal.step("train") as notes:
        notes += ["a tree"]
    printed = capsys.readouterr().out
    assert "train …" in printed
    last = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", printed.rpartition("\r")[2])
    assert re.fullmatch(r"\W*✓ train        \d\.\d\d s  a tree\n", last)


def test_long_loop_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 4.0, 11.0, 11.0, 15.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))
    tick = Progress().count("slices")
    for _ in range(3):
        tick()
    assert capsys.readouterr().out == "  slices: 2 done\n"


@pytest.mark.parametrize(("seconds", "line"), [(7.25, "  metrics: 7.2 s\n"), (1.0, "")])
def test_only_a_long_part_of_a_step_is_worth_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: float, line: str
) -> None:
    times = iter([0.0, seconds])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    with Progress().part("metrics"):
        pass
    assert capsys.readouterr().out == line
