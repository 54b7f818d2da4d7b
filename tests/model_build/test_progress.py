import re

import pytest

from model_build.evaluate import Evaluation
from model_build.progress import Progress

EVALUATION = Evaluation(
    rows=9762,
    labels=("<=50K", "[b]>50K"),
    metrics={"accuracy": 0.8759, "roc_auc": 0.93104, "log_loss": 1.2},
    confusion_matrix=[[6973, 437], [774, 1578]],
)
FIGURES = """
Test split, 9,762 rows
┏━━━━━━━━━━┳━━━━━━━━┓
┃ metric   ┃  value ┃
┡━━━━━━━━━━╇━━━━━━━━┩
│ accuracy │ 0.8759 │
│ roc auc  │ 0.9310 │
│ log loss │ 1.2000 │
└──────────┴────────┘
Confusion matrix
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━━┓
┃ true ↓ predicted → ┃ <=50K ┃ [b]>50K ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━━┩
│ <=50K              │ 6,973 │     437 │
│ [b]>50K            │   774 │   1,578 │
└────────────────────┴───────┴─────────┘
"""


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


def test_the_figures_are_tables(capsys: Capture) -> None:
    Progress().figures(EVALUATION)
    assert capsys.readouterr().out == FIGURES


def test_a_step_is_a_line_with_its_time_and_a_line_for_each_further_note(capsys: Capture) -> None:
    with Progress().step("data") as notes:
        notes += ["real: [bold]adult.data[/], 3 rows", "no {gaps}"]
    assert re.sub(r" \d\.\d\d s", " 0.00 s", capsys.readouterr().out) == (
        "✓ data       0.00 s  real: [bold]adult.data[/], 3 rows\n                     no {gaps}\n"
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
    assert re.fullmatch(r"\W*✓ train      \d\.\d\d s  a tree\n", last)
