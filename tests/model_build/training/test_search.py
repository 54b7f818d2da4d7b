import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from model_build.artifacts import Candidate, SearchReport
from model_build.console import Progress
from model_build.errors import BuildError, SpecError
from model_build.evaluation.metrics import weighted_metrics
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Range, Search, Training, Values
from model_build.stage import Job
from model_build.training.cross_validation import TrainingRows, make_folds, predict_folds
from model_build.training.search import EvaluatedCandidate, choose_candidate, format_parameters, run_search

OWN = {"max_depth": 2}
SPACE: dict[str, Values] = {
    "max_depth": Range(low=1, high=6),
    "min_impurity_decrease": Range(low=1e-4, high=0.1, log=True),
}


class Interrupted(Progress):
    """Stands in for a kill while a trial is told."""

    def __init__(self, after: int) -> None:
        super().__init__(Console(quiet=True))
        self._left = after

    @contextmanager
    def bar(self, name: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        with super().bar(name, total, done) as took:

            def count(words: str) -> None:
                took(words)
                self._left -= 1
                if not self._left:
                    raise KeyboardInterrupt

            yield count


@pytest.fixture
def spec(tiny_spec: ModelSpec) -> ModelSpec:
    return changed(tiny_spec, Search(trials=9, space=SPACE))


@pytest.fixture(scope="module")
def rows(tiny_spec: ModelSpec) -> TrainingRows:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120)
    matrix = rng.random((120, 4)).astype(np.float32)
    matrix[:, 0] += labels / 2
    matrix[:, 2:] = 0
    return TrainingRows(matrix, labels, make_folds(tiny_spec.target, labels, 3, seed=0))


def changed(spec: ModelSpec, how: Search) -> ModelSpec:
    changes = {"estimator": Estimator(name="decision_tree", parameters=OWN), "training": Training(search=how)}
    return spec.model_copy(update=changes)


def job(spec: ModelSpec, directory: Path, progress: Progress | None = None) -> Job:
    return Job(spec, directory, directory, progress or Progress(Console(quiet=True)), search=True)


def without_time(report: SearchReport) -> dict[str, Any]:
    return report.model_dump(exclude={"seconds", "resumed"})


def test_the_spec_s_own_parameters_and_the_defaults_are_tried_first(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    found = run_search(job(spec, tmp_path), rows)
    assert [each.parameters for each in found.candidates[:2]] == [OWN, {}]
    assert (found.trials, len(found.candidates), found.resumed) == (9, 9 - found.pruned, 0)
    assert found.best.score == max(each.score for each in found.candidates)
    for each in found.candidates[2:]:
        assert each.parameters["max_depth"] in range(1, 7)
        assert 1e-4 <= each.parameters["min_impurity_decrease"] <= 0.1
        assert len(f"{each.parameters['min_impurity_decrease']:.2e}") <= 8
    assert [each.metric for each in found.against_default] == ["roc_auc", "log_loss"]
    assert found.against_default[0].default.mean == found.candidates[1].score


def test_a_search_that_was_killed_ends_as_if_it_had_not_been(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = run_search(job(spec, tmp_path / "whole"), rows)
    for after in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            run_search(job(spec, tmp_path / "killed", Interrupted(after)), rows)
    resumed = run_search(job(spec, tmp_path / "killed"), rows)
    assert (whole.resumed, resumed.resumed) == (0, 5)
    assert without_time(resumed) == without_time(whole)


def test_a_trial_that_was_killed_halfway_is_tried_again(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    left = iter(range(10))

    def killed(*given: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return weighted_metrics(*given)

    with monkeypatch.context() as patch:
        patch.setattr("model_build.training.search.weighted_metrics", killed)
        with pytest.raises(KeyboardInterrupt):
            run_search(job(spec, tmp_path / "killed"), rows)
    resumed = run_search(job(spec, tmp_path / "killed"), rows)
    assert resumed.resumed == 3
    assert without_time(resumed) == without_time(run_search(job(spec, tmp_path / "whole"), rows))


def test_more_trials_go_on_where_fewer_ended(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    run_search(job(changed(spec, Search(trials=4, space=SPACE)), tmp_path), rows)
    assert run_search(job(spec, tmp_path), rows).resumed == 4


@pytest.mark.parametrize("change", ["space", "seed", "data", "code", "estimator", "training", "target"])
def test_another_question_starts_afresh(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_search(job(spec, tmp_path), rows)
    match change:
        case "space":
            spec = changed(spec, Search(trials=3, space=SPACE | {"max_depth": (1, 2, 3)}))
        case "seed":
            spec = spec.model_copy(update={"split": spec.split.model_copy(update={"seed": 5})})
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


def test_a_grid_tries_every_point_once(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    space: dict[str, Values] = {"max_depth": (1, 2, 3), "criterion": ("gini", "entropy")}
    how = Search(method="grid", trials=2, space=space)
    found = run_search(job(changed(spec, how), tmp_path), rows)
    points = [
        {"max_depth": depth, "criterion": criterion}
        for criterion in ("gini", "entropy")
        for depth in (1, 2, 3)
    ]
    tried = [each.parameters for each in found.candidates]
    assert (found.trials, found.pruned, tried[:2]) == (8, 0, [OWN, {}])
    assert sorted(map(str, tried[2:])) == sorted(str({**OWN, **point}) for point in points)


def test_the_log_loss_is_brought_down(spec: ModelSpec, rows: TrainingRows, tmp_path: Path) -> None:
    found = run_search(job(changed(spec, Search(trials=6, metric="log_loss", space=SPACE)), tmp_path), rows)
    assert found.best.score == min(each.score for each in found.candidates) < found.candidates[1].score


def test_a_line_for_each_trial_is_printed(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_search(job(changed(spec, Search(trials=3, space=SPACE)), tmp_path, Progress()), rows)
    lines = re.sub(r"0\.\d{5}", "0.#####", capsys.readouterr().out).splitlines()
    assert lines == [f"  trial {number}/3: roc_auc 0.#####, best 0.#####" for number in (1, 2, 3)]


def test_a_terminal_shows_a_bar(
    spec: ModelSpec,
    rows: TrainingRows,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    run_search(job(changed(spec, Search(trials=3, space=SPACE)), tmp_path, Progress()), rows)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    assert "━" in shown
    assert re.search(r"trial .* 3/3 .*roc_auc 0\.\d{5}, best 0\.\d{5}", shown)


def test_a_search_that_is_not_declared_is_a_spec_error(
    tiny_spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        run_search(job(tiny_spec, tmp_path), rows)
    assert str(caught.value) == "tiny declares no training.search."


def test_a_trial_that_scikit_learn_refuses_is_told_and_passed_over(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = Search(method="grid", space={"max_depth": (0, 3)})
    found = run_search(job(changed(spec, how), tmp_path, Progress()), rows)
    assert (found.trials, found.pruned) == (4, 1)
    assert [each.parameters for each in found.candidates] == [OWN, {}, {"max_depth": 3}]
    told = capsys.readouterr().out.splitlines()[2]
    assert told.startswith(
        "  trial 3/4: scikit-learn refuses parameters: {max_depth: 0}: The 'max_depth' parameter of "
    )
    assert run_search(job(changed(spec, how), tmp_path), rows).resumed == 4


def test_parameters_of_the_spec_that_scikit_learn_refuses_are_a_spec_error(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    estimator = Estimator(name="decision_tree", parameters={"max_depth": 0})
    with pytest.raises(SpecError, match=r"^estimator.parameters of tiny: The 'max_depth' parameter of "):
        run_search(job(spec.model_copy(update={"estimator": estimator}), tmp_path), rows)


def test_parameters_that_come_up_again_are_not_fitted_again(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[Any] = []

    def counted(spec: ModelSpec, parameters: Any, rows: TrainingRows) -> Any:
        fitted.append(parameters)
        return predict_folds(spec, parameters, rows)

    monkeypatch.setattr("model_build.training.search.predict_folds", counted)
    how = Search(trials=20, space={"max_depth": (2, 3)})
    found = run_search(job(changed(spec, how), tmp_path), rows)
    assert found.trials == 20
    assert [each.parameters for each in found.candidates] == [OWN, {}, {"max_depth": 3}]
    assert fitted.count({"max_depth": 3}) == 1 + found.pruned
    assert fitted.count(OWN) == 1


def test_numbers_that_are_equal_to_python_only_are_both_tried(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    how = Search(method="grid", space={"max_features": (1, 1.0)})
    found = run_search(job(changed(spec, how), tmp_path), rows)
    assert [repr(each.parameters.get("max_features")) for each in found.candidates] == [
        *("None", "None", "1", "1.0")
    ]


def test_fewer_trials_are_those_that_a_search_of_so_many_makes(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    for name in ("more", "few"):
        (tmp_path / name).mkdir()
    few = changed(spec, Search(trials=4, space=SPACE))
    run_search(job(spec, tmp_path / "more"), rows)
    found = run_search(job(few, tmp_path / "more"), rows)
    assert (found.trials, found.resumed) == (4, 4)
    assert without_time(found) == without_time(run_search(job(few, tmp_path / "few"), rows))


def test_a_journal_that_was_cut_short_costs_its_last_line_only(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path
) -> None:
    whole = run_search(job(spec, tmp_path), rows)
    journal = tmp_path / "study.journal"
    journal.write_bytes(journal.read_bytes()[:-5])
    (tmp_path / "study.journal.lock").symlink_to(journal)
    found = run_search(job(spec, tmp_path), rows)
    assert found.resumed == 8
    assert without_time(found) == without_time(whole)


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"{}\n", b"[]\n", b"journal\n"])
def test_a_journal_of_something_else_is_a_build_error(
    spec: ModelSpec, rows: TrainingRows, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "study.journal").write_bytes(content)
    with pytest.raises(BuildError) as caught:
        run_search(job(spec, tmp_path), rows)
    assert str(caught.value) == (
        f"{tmp_path}/study.journal can't be read; delete it to start the search afresh."
    )


def tried(
    name: str, size: int, *figures: float, losses: tuple[float, ...] = (0.3, 0.3, 0.3)
) -> EvaluatedCandidate:
    error = float(np.std(figures, ddof=1) / len(figures) ** 0.5)
    candidate = Candidate(
        parameters={"name": name}, score=float(np.mean(figures)), standard_error=error, size=size
    )
    return EvaluatedCandidate(candidate, {"roc_auc": figures, "log_loss": losses})


BEST = tried("best", 900, 0.90, 0.91, 0.92)
NEAR = tried("near", 300, 0.897, 0.907, 0.917)
SMALL = tried("small", 100, 0.895, 0.905, 0.915)
TINY = tried("tiny", 10, 0.88, 0.89, 0.90)
DEFAULT = tried("default", 500, 0.899, 0.906, 0.918)


def names(*given: EvaluatedCandidate) -> list[str]:
    return [each.candidate.parameters["name"] for each in given]


def test_the_smallest_within_a_standard_error_of_the_best_is_chosen() -> None:
    best, chosen, reason = choose_candidate([BEST, NEAR, SMALL, TINY, DEFAULT], DEFAULT, "roc_auc")
    assert names(best, chosen) == ["best", "small"]
    assert reason == "the smallest of 4 within one standard error (0.00577) of the best"


def test_one_that_is_worse_than_the_defaults_is_passed_over() -> None:
    default = tried("default", 500, 0.896, 0.906, 0.9161)
    best, chosen, reason = choose_candidate([BEST, NEAR, SMALL, TINY, default], default, "roc_auc")
    assert names(best, chosen) == ["best", "near"]
    assert reason == (
        "the smallest of 4 within one standard error (0.00577) of the best "
        "but 1 that are worse than the defaults"
    )


def test_the_defaults_are_taken_when_all_are_worse() -> None:
    default = tried("default", 500, 0.88, 0.88, 0.88, losses=(0.2, 0.2, 0.2))
    best, chosen, reason = choose_candidate([BEST, NEAR, SMALL, default], default, "roc_auc")
    assert names(best, chosen) == ["best", "default"]
    assert reason == "each of the 3 within one standard error is worse than the defaults"


def test_the_better_of_two_of_a_size_is_chosen() -> None:
    rival = tried("rival", 100, 0.896, 0.906, 0.916)
    assert names(choose_candidate([BEST, SMALL, rival], DEFAULT, "roc_auc")[1]) == ["rival"]


def test_parameters_are_a_line_of_yaml() -> None:
    line = format_parameters({"max_iter": 5, "early_stopping": False, "max_depth": None, "criterion": "gini"})
    assert line == 'parameters: {max_iter: 5, early_stopping: false, max_depth: null, criterion: "gini"}'
