import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from model_build.artifacts import SearchReport
from model_build.console import Progress
from model_build.errors import BuildError, SpecError
from model_build.spec import model_spec
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Range, Search, Training, Values
from model_build.stage import Job
from model_build.training.classifier import fit
from model_build.training.cross_validation import TrainingRows, make_folds, predict_folds
from model_build.training.search import run_search
from tests.support.tiny import TINY

REPOSITORY = Path(__file__).parents[3]
OWN = {"max_depth": 2}
SPACE: dict[str, Values] = {
    "max_depth": Range(low=1, high=6),
    "min_impurity_decrease": Range(low=1e-4, high=0.1, log=True),
}
KILLED = """
import os, signal, sys
from pathlib import Path
from model_build.training import search
from tests.model_build.training import test_search

calls_left = iter(range(int(sys.argv[2])))

def score_or_die(*arguments, score=search.weighted_metrics):
    if next(calls_left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return score(*arguments)

search.weighted_metrics = score_or_die
test_search.search_in(Path(sys.argv[1]))
"""


class Interrupted(Progress):
    """Raises KeyboardInterrupt when so many trials have ended."""

    def __init__(self, trials: int) -> None:
        super().__init__(Console(quiet=True))
        self._left = trials

    @contextmanager
    def bar(self, name: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        with super().bar(name, total, done) as advance:

            def count(words: str) -> None:
                advance(words)
                self._left -= 1
                if not self._left:
                    raise KeyboardInterrupt

            yield count


@pytest.fixture
def spec(tiny_spec: ModelSpec) -> ModelSpec:
    return with_search(tiny_spec, Search(trials=9, space=SPACE))


@pytest.fixture(scope="module")
def rows(tiny_spec: ModelSpec) -> TrainingRows:
    return draw_rows(tiny_spec)


def draw_rows(spec: ModelSpec) -> TrainingRows:
    """Return rows whose first feature alone tells of the label."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120)
    matrix = rng.random((120, 4)).astype(np.float32)
    matrix[:, 0] += labels / 2
    matrix[:, 2:] = 0
    return TrainingRows(matrix, labels, make_folds(spec.target, labels, 3, seed=0))


def with_search(spec: ModelSpec, search: Search) -> ModelSpec:
    estimator = Estimator(name="decision_tree", parameters=OWN)
    return spec.model_copy(update={"estimator": estimator, "training": Training(search=search)})


def job(spec: ModelSpec, directory: Path, progress: Progress | None = None) -> Job:
    return Job(spec, directory, directory, progress or Progress(Console(quiet=True)), search=True)


def search_in(directory: Path) -> SearchReport:
    """Run the search of the fixtures, for a process that has none."""
    (directory / "tiny.yaml").write_text(TINY)
    spec = with_search(model_spec.load(str(directory / "tiny.yaml")), Search(trials=9, space=SPACE))
    return run_search(job(spec, directory), draw_rows(spec))


def without_time(report: SearchReport) -> dict[str, Any]:
    return report.model_dump(exclude={"seconds", "resumed"})


def test_own_parameters_and_defaults_are_the_first_candidates(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    report = run_search(job(spec, tmp_path), rows)
    assert [candidate.parameters for candidate in report.candidates[:2]] == [OWN, {}]
    assert (report.trials, len(report.candidates), report.resumed) == (9, 9 - report.pruned, 0)
    assert report.best.score == max(candidate.score for candidate in report.candidates)
    for candidate in report.candidates[2:]:
        assert candidate.parameters["max_depth"] in range(1, 7)
        assert 1e-4 <= candidate.parameters["min_impurity_decrease"] <= 0.1
        assert len(f"{candidate.parameters['min_impurity_decrease']:.2e}") <= 8
    assert [comparison.metric for comparison in report.against_default] == ["roc_auc", "log_loss"]
    assert report.against_default[0].default.mean == report.candidates[1].score


def test_interrupted_search_resumes_to_the_same_report(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "interrupted").mkdir()
    whole = run_search(job(spec, tmp_path / "whole"), rows)
    for trials in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            run_search(job(spec, tmp_path / "interrupted", Interrupted(trials)), rows)
    resumed = run_search(job(spec, tmp_path / "interrupted"), rows)
    assert (whole.resumed, resumed.resumed) == (0, 5)
    assert without_time(resumed) == without_time(whole)


def test_search_killed_within_a_trial_resumes_to_the_same_report(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), "10"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, "")
    resumed = run_search(job(spec, tmp_path / "killed"), rows)
    assert resumed.resumed == 3
    assert without_time(resumed) == without_time(run_search(job(spec, tmp_path / "whole"), rows))


def test_more_trials_continue_from_fewer(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    run_search(job(with_search(spec, Search(trials=4, space=SPACE)), tmp_path), rows)
    assert run_search(job(spec, tmp_path), rows).resumed == 4


@pytest.mark.parametrize(
    "change",
    [
        "space",
        "seed",
        "folds",
        "data",
        "code",
        "estimator",
        "training",
        "target",
    ],
)
def test_another_question_starts_afresh(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = with_search(spec, Search(trials=3, space=SPACE))
    assert [run_search(job(spec, tmp_path), rows).resumed for _ in range(2)] == [0, 3]
    match change:
        case "space":
            spec = with_search(spec, Search(trials=3, space=SPACE | {"max_depth": (1, 2, 3)}))
        case "seed":
            spec = spec.model_copy(update={"split": spec.split.model_copy(update={"seed": 5})})
        case "folds":
            rows = TrainingRows(rows.matrix, rows.labels, make_folds(spec.target, rows.labels, 3, seed=1))
        case "data":
            rows = TrainingRows(rows.matrix + 1, rows.labels, rows.folds)
        case "code":
            monkeypatch.setattr("model_build.training.search.code_checksum", lambda: "other code")
        case "estimator":
            spec = spec.model_copy(update={"estimator": Estimator(name="decision_tree")})
        case "training":
            training = spec.training.model_copy(update={"resample": "over"})
            spec = spec.model_copy(update={"training": training})
        case "target":
            target = spec.target.model_copy(update={"positive": "no"})
            spec = spec.model_copy(update={"target": target})
    assert run_search(job(spec, tmp_path), rows).resumed == 0


@pytest.mark.parametrize(
    "change", [{"category_order": "target_rate"}, {"search": Search(trials=3, repeats=2, space=SPACE)}]
)
def test_another_order_of_categories_or_more_repeats_start_afresh(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, change: dict[str, Any]
) -> None:
    spec = with_search(spec, Search(trials=3, space=SPACE))
    run_search(job(spec, tmp_path), rows)
    changed = spec.model_copy(update={"training": spec.training.model_copy(update=change)})
    assert run_search(job(changed, tmp_path), rows).resumed == 0


def test_grid_tries_every_point_once(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    space: dict[str, Values] = {"max_depth": (1, 2, 3), "criterion": ("gini", "entropy")}
    search = Search(method="grid", trials=2, space=space)
    report = run_search(job(with_search(spec, search), tmp_path), rows)
    points = [
        {"max_depth": depth, "criterion": criterion}
        for criterion in ("gini", "entropy")
        for depth in (1, 2, 3)
    ]
    tried = [candidate.parameters for candidate in report.candidates]
    assert (report.trials, report.pruned, tried[:2]) == (8, 0, [OWN, {}])
    assert sorted(map(str, tried[2:])) == sorted(str({**OWN, **point}) for point in points)


def test_best_log_loss_is_the_lowest(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    report = run_search(
        job(with_search(spec, Search(trials=6, metric="log_loss", space=SPACE)), tmp_path), rows
    )
    assert (
        report.best.score
        == min(candidate.score for candidate in report.candidates)
        < report.candidates[1].score
    )


def test_each_trial_prints_a_line(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_search(job(with_search(spec, Search(trials=3, space=SPACE)), tmp_path, Progress()), rows)
    lines = re.sub(r"0\.\d{5}", "0.#####", capsys.readouterr().out).splitlines()
    assert lines == [f"  trial {number}/3: roc_auc 0.#####, best 0.#####" for number in (1, 2, 3)]


def test_terminal_shows_a_progress_bar(
    spec: ModelSpec,
    rows: TrainingRows,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    run_search(job(with_search(spec, Search(trials=3, space=SPACE)), tmp_path, Progress()), rows)
    output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert "━" in output
    assert re.search(r"trial .* 3/3 .*roc_auc 0\.\d{5}, best 0\.\d{5}", output)


def test_undeclared_search_is_a_spec_error(tiny_spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        run_search(job(tiny_spec, tmp_path), rows)
    assert str(caught.value) == "tiny declares no training.search."


def test_refused_parameters_are_reported_and_pruned(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = Search(method="grid", space={"max_depth": (0, 3)})
    report = run_search(job(with_search(spec, search), tmp_path, Progress()), rows)
    assert (report.trials, report.pruned) == (4, 1)
    assert [candidate.parameters for candidate in report.candidates] == [OWN, {}, {"max_depth": 3}]
    line = capsys.readouterr().out.splitlines()[2]
    assert line.startswith(
        "  trial 3/4: scikit-learn refuses parameters: {max_depth: 0}: The 'max_depth' parameter of "
    )
    assert run_search(job(with_search(spec, search), tmp_path), rows).resumed == 4


def test_refused_parameters_of_the_spec_are_a_spec_error(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    estimator = Estimator(name="decision_tree", parameters={"max_depth": 0})
    with pytest.raises(SpecError, match=r"^estimator.parameters of tiny: The 'max_depth' parameter of "):
        run_search(job(spec.model_copy(update={"estimator": estimator}), tmp_path), rows)


def test_equal_parameters_are_fitted_once(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Any] = []

    def counted(spec: ModelSpec, parameters: Any, rows: TrainingRows) -> Any:
        fitted.append(parameters)
        return predict_folds(spec, parameters, rows)

    monkeypatch.setattr("model_build.training.search.predict_folds", counted)
    search = Search(trials=20, space={"max_depth": (2, 3)})
    report = run_search(job(with_search(spec, search), tmp_path), rows)
    assert report.trials == 20
    assert [candidate.parameters for candidate in report.candidates] == [OWN, {}, {"max_depth": 3}]
    assert fitted.count({"max_depth": 3}) == 1 + report.pruned
    assert fitted.count(OWN) == 1


def test_1_and_1_0_are_different_parameters(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    search = Search(method="grid", space={"max_features": (1, 1.0)})
    report = run_search(job(with_search(spec, search), tmp_path), rows)
    assert [repr(candidate.parameters.get("max_features")) for candidate in report.candidates] == [
        *("None", "None", "1", "1.0")
    ]


def test_fewer_trials_are_the_first_of_more(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    for name in ("more", "few"):
        (tmp_path / name).mkdir()
    few = with_search(spec, Search(trials=4, space=SPACE))
    run_search(job(spec, tmp_path / "more"), rows)
    report = run_search(job(few, tmp_path / "more"), rows)
    assert (report.trials, report.resumed) == (4, 4)
    assert without_time(report) == without_time(run_search(job(few, tmp_path / "few"), rows))


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"{}\n", b"SQLite format 3\0"])
def test_unreadable_database_is_a_build_error(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(BuildError) as caught:
        run_search(job(spec, tmp_path), rows)
    assert str(caught.value) == (f"{tmp_path}/study.db can't be read; delete it to start the search afresh.")


def test_database_of_another_optuna_is_a_build_error(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    run_search(job(with_search(spec, Search(trials=2, space=SPACE)), tmp_path), rows)
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'v1.3.0.a'")
    with pytest.raises(
        BuildError, match=r"/study\.db can't be read; delete it to start the search afresh\.$"
    ):
        run_search(job(spec, tmp_path), rows)


def test_directory_may_have_any_name(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    directory = tmp_path / "50% ä?b#c"
    directory.mkdir()
    few = with_search(spec, Search(trials=2, space=SPACE))
    assert [run_search(job(few, directory), rows).resumed for _ in range(2)] == [0, 2]
    assert (directory / "study.db").is_file()


def test_order_of_the_categories_is_searched_and_the_defaults_have_none(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[tuple[bool, Any]] = []

    def recorded(spec: ModelSpec, parameters: Any, rows: TrainingRows) -> Any:
        model = fit(spec, parameters, rows.matrix, rows.labels)
        orders.append((parameters == {}, model.training.category_order))
        return predict_folds(spec, parameters, rows)

    monkeypatch.setattr("model_build.training.search.predict_folds", recorded)
    search = Search(method="grid", space={"category_order": ("codes", "target_rate")})
    training = Training(search=search, category_order="target_rate")
    report = run_search(job(spec.model_copy(update={"training": training}), tmp_path), rows)
    assert [candidate.parameters for candidate in report.candidates] == [
        {**OWN, "category_order": "target_rate"},
        {},
        {**OWN, "category_order": "codes"},
    ]
    assert orders == [(False, "target_rate"), (True, "codes"), (False, "codes")]


def test_candidates_are_measured_on_other_folds_in_every_repeat(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    search = Search(trials=2, repeats=3, space=SPACE)
    report = run_search(job(with_search(spec, search), tmp_path), rows)
    [roc_auc, _] = report.against_default
    assert report.repeats == 3
    assert len(roc_auc.default.folds) == 9
    assert len(set(roc_auc.default.folds)) == 9
    assert roc_auc.default.mean == pytest.approx(report.candidates[1].score)


def test_repeated_search_resumes_to_the_same_report(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    repeated = with_search(spec, Search(trials=12, repeats=2, space=SPACE))
    for name in ("whole", "interrupted"):
        (tmp_path / name).mkdir()
    whole = run_search(job(repeated, tmp_path / "whole"), rows)
    with pytest.raises(KeyboardInterrupt):
        run_search(job(repeated, tmp_path / "interrupted", Interrupted(7)), rows)
    resumed = run_search(job(repeated, tmp_path / "interrupted"), rows)
    assert whole.pruned > 0
    assert (whole.resumed, resumed.resumed) == (0, 7)
    assert without_time(resumed) == without_time(whole)


def test_trial_that_falls_behind_the_best_is_pruned_before_its_last_fold(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds: list[int] = []

    def counted(spec: ModelSpec, parameters: Any, rows: TrainingRows) -> Any:
        for number, prediction in enumerate(predict_folds(spec, parameters, rows), 1):
            folds.append(number)
            yield prediction

    monkeypatch.setattr("model_build.training.search.predict_folds", counted)
    search = Search(trials=3, repeats=4, space={"max_features": (1,), "max_leaf_nodes": (2,)})
    report = run_search(job(with_search(spec, search), tmp_path), rows)
    assert report.pruned == 1
    assert folds == [*range(1, 13), *range(1, 13), 1, 2, 3]
