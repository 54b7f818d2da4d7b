from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.errors import BenchmarkError
from benchmarks.metrics import Metrics, Results
from benchmarks.runner import Schedule
from benchmarks.workloads import ONE_ROW


def slow() -> Results:
    """Return results that miss a target."""
    results = Results(
        machine=dict.fromkeys(["date", "cpu", "cores", "memory_gb", "system", "load_before", "python"], "?")
        | {"packages": {}},
        model={"name": "tiny", "version": "1.0.0", "data_source": "real"},
        schedule={"rounds": 1, "seconds": 1},
    )
    results.add("service", ONE_ROW, Metrics(1, cpu_us=900, p50_ms=1, p99_ms=1))
    results.add("floor-a", ONE_ROW, Metrics(1, cpu_us=1, p50_ms=1, p99_ms=1))
    return results


def test_a_missed_target_does_not_fail_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "measure", lambda *_: slow())
    monkeypatch.setattr("sys.argv", ["benchmarks", "--quick"])
    command.main()
    assert "missed" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "quick").iterdir()) == ["latest.json", "latest.md"]


def test_an_error_is_one_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Results:
        raise BenchmarkError("floor-a: the server ended with 1: [Errno 2]")

    monkeypatch.setattr(command, "measure", fail)
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    with pytest.raises(SystemExit, match=r"^1$"):
        command.main()
    assert capsys.readouterr().out == "✗ floor-a: the server ended with 1: [Errno 2]\n"


def test_options_change_the_schedule() -> None:
    arguments = command.parser().parse_args(["--quick", "--seconds", "2"])
    assert command.schedule_of(arguments) == Schedule(rounds=1, seconds=2, warm_up_seconds=0)
