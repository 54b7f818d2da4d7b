from pathlib import Path

import pytest

from benchmarks import process_stats
from benchmarks.process_stats import Stat


def line(pid: int, parent: int, ticks: tuple[int, int, int, int], name: str = "python") -> str:
    """Return a line of /proc/PID/stat: user and system time, and the same of the children that ended."""
    return f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 9 9 9 9 {' '.join(map(str, ticks))} 20 0 1 0 1 2 3\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of /proc in which 10 is the parent of 11 and 11 of 12; 99 does not belong to them."""
    monkeypatch.setattr(process_stats, "PROC", tmp_path)
    monkeypatch.setattr(process_stats, "TICKS_PER_SECOND", 100)
    processes = {
        10: (1, (1, 2, 3, 4)),
        11: (10, (50, 0, 0, 0)),
        12: (11, (0, 40, 0, 0)),
        99: (1, (9, 9, 9, 9)),
    }
    for pid, (parent, ticks) in processes.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(line(pid, parent, ticks))
        (tmp_path / str(pid) / "smaps_rollup").write_text(f"00-ff ---p\nRss: 900 kB\nPss: {pid} kB\n")
    return tmp_path


@pytest.mark.parametrize("name", ["python", "a name", "odd) S 7 ("])
def test_stat_is_read_whatever_the_name_of_the_program(name: str) -> None:
    assert Stat.parse(line(5, 4, (1, 2, 3, 4), name)) == Stat(pid=5, parent=4, ticks=10)


@pytest.mark.usefixtures("proc")
def test_cpu_is_that_of_the_whole_tree_and_of_children_that_ended() -> None:
    assert process_stats.cpu_seconds(10) == 1.0


def test_cpu_does_not_shrink_when_a_child_ends(proc: Path) -> None:
    (proc / "12" / "stat").unlink()
    (proc / "11" / "stat").write_text(line(11, 10, (50, 0, 0, 40)))
    assert process_stats.cpu_seconds(10) == 1.0


@pytest.mark.usefixtures("proc")
def test_memory_is_the_sum_over_the_tree() -> None:
    assert process_stats.pss_bytes(10) == (10 + 11 + 12) * 1024


@pytest.mark.usefixtures("proc")
def test_a_process_that_ended_uses_nothing() -> None:
    assert (process_stats.cpu_seconds(55), process_stats.pss_bytes(55)) == (0, 0)


def test_descriptors_are_those_of_the_whole_tree(proc: Path) -> None:
    for pid, count in ((10, 1), (11, 3), (99, 5)):  # 12 ended in between
        (proc / str(pid) / "fd").mkdir()
        for number in range(count):
            (proc / str(pid) / "fd" / str(number)).touch()
    assert process_stats.descriptors(10) == 4
