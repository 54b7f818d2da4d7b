from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.processes import Stat


def line(pid: int, parent: int, ticks: tuple[int, int, int, int], name: str = "python") -> str:
    """Return a line as in /proc/PID/stat: user, system, and both of the children that ended."""
    return f"{pid} ({name}) S {parent} 1 1 0 -1 4194560 9 9 9 9 {' '.join(map(str, ticks))} 20 0 1 0 1 2 3\n"


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pretended /proc: 10 is the parent of 11, which is that of 12; 99 has nothing to do with them."""
    monkeypatch.setattr(processes, "PROC", tmp_path)
    monkeypatch.setattr(processes, "TICKS_PER_SECOND", 100)
    family = {
        10: (1, (1, 2, 3, 4)),
        11: (10, (50, 0, 0, 0)),
        12: (11, (0, 40, 0, 0)),
        99: (1, (9, 9, 9, 9)),
    }
    for pid, (parent, ticks) in family.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(line(pid, parent, ticks))
        (tmp_path / str(pid) / "smaps_rollup").write_text(f"00-ff ---p\nRss: 900 kB\nPss: {pid} kB\n")
    return tmp_path


@pytest.mark.parametrize("name", ["python", "a name", "odd) S 7 ("])
def test_the_name_of_a_program_does_not_confuse_its_figures(name: str) -> None:
    assert Stat.parse(line(5, 4, (1, 2, 3, 4), name)) == Stat(pid=5, parent=4, ticks=10)


@pytest.mark.usefixtures("proc")
def test_cpu_is_that_of_the_whole_tree_with_the_children_that_ended() -> None:
    assert processes.cpu_seconds(10) == 1.0


def test_a_child_that_ends_passes_its_cpu_on(proc: Path) -> None:
    (proc / "12" / "stat").unlink()
    (proc / "11" / "stat").write_text(line(11, 10, (50, 0, 0, 40)))
    assert processes.cpu_seconds(10) == 1.0


@pytest.mark.usefixtures("proc")
def test_memory_is_the_sum_of_the_parts() -> None:
    assert processes.pss_bytes(10) == (10 + 11 + 12) * 1024


@pytest.mark.usefixtures("proc")
def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert (processes.cpu_seconds(55), processes.pss_bytes(55)) == (0, 0)
