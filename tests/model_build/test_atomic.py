import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest

from app.core.baked_model import load_contract
from app.core.contract import sha256
from app.core.errors import StartupError
from model_build import atomic
from model_build.export.package import to_json
from tests.support.tiny import TINY

REPOSITORY = Path(__file__).parents[2]
OLD = {"contract.json": b"old", "only-in-the-old": b"1"}
NEW = {"contract.json": b"new", "only-in-the-new": b"2"}


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def names_in(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def without_renameat2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())


def refused_by_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "RENAME_EXCHANGE", 1 << 20)


def on_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


ELSEWHERE = [without_renameat2, refused_by_the_file_system, on_another_system]


def test_new_directory_has_the_files_and_nothing_else_is_written(tmp_path: Path) -> None:
    atomic.replace(tmp_path / "deep/er/model", NEW)
    assert contents(tmp_path / "deep/er/model") == NEW
    assert names_in(tmp_path / "deep/er") == ["model"]


@pytest.mark.parametrize("system", [lambda _: None, *ELSEWHERE])
def test_all_files_are_replaced_and_nothing_else_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Callable[[pytest.MonkeyPatch], None]
) -> None:
    atomic.replace(tmp_path / "model", OLD)
    system(monkeypatch)
    atomic.replace(tmp_path / "model", NEW)
    assert contents(tmp_path / "model") == NEW
    assert names_in(tmp_path) == ["model"]


def test_new_directory_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    atomic.replace(tmp_path / "model", NEW)
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_relative_directory_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic.replace(Path("model"), OLD)
    atomic.replace(Path("model"), NEW)
    assert contents(tmp_path / "model") == NEW
    assert names_in(tmp_path) == ["model"]


@pytest.mark.parametrize(
    ("function", "calls_before"), [("mkdir", 1), ("mkdir", 2), ("fsync", 0), ("fsync", 1), ("fsync", 2)]
)
def test_full_disk_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, calls_before: int
) -> None:
    atomic.replace(tmp_path / "model", OLD)
    works, calls = getattr(os, function), iter(range(100))

    def fails(*arguments: Any) -> Any:
        if next(calls) == calls_before:
            raise OSError(errno.ENOSPC, "No space left on device")
        return works(*arguments)

    monkeypatch.setattr(os, function, fails)
    with pytest.raises(OSError, match="No space left on device"):
        atomic.replace(tmp_path / "model", NEW)
    assert contents(tmp_path / "model") == OLD
    assert names_in(tmp_path) == ["model"]


@pytest.mark.parametrize("system", ELSEWHERE)
def test_failed_second_rename_undoes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Callable[[pytest.MonkeyPatch], None]
) -> None:
    atomic.replace(tmp_path / "model", OLD)
    system(monkeypatch)
    works = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.EIO, "Input/output error")
        return works(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="Input/output error"):
        atomic.replace(tmp_path / "model", NEW)
    assert contents(tmp_path / "model") == OLD
    assert names_in(tmp_path) == ["model"]


def test_only_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    for name in (
        ".model.baking-abc/new",
        ".model.joblib.baking-def",
        ".model-notes",
        ".models.baking-x",
        "model",
    ):
        (tmp_path / name).mkdir(parents=True)
    atomic.replace(tmp_path / "model", NEW)
    atomic.dump({"fitted": 1}, tmp_path / "model.joblib")
    assert names_in(tmp_path) == [".model-notes", ".models.baking-x", "model", "model.joblib"]


def test_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        atomic.write(tmp_path / "deep/census.stability.json", content)
        assert contents(tmp_path / "deep") == {"census.stability.json": content}


def test_pickle_is_replaced(tmp_path: Path) -> None:
    for value in ("old", "new"):
        atomic.dump(value, tmp_path / "deep/model.joblib")
        assert joblib.load(tmp_path / "deep/model.joblib") == value
    assert names_in(tmp_path / "deep") == ["model.joblib"]


# A parent process imports everything, forks children and kills each of them at a random moment of its work.
# It prints the version of the model that each child left.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from app.core.baked_model import load_contract

kind, kills, out, *arguments = sys.argv[1:]
paths = [Path(argument) for argument in arguments]

def replacing():
    from model_build import atomic
    wholes = [{file.name: file.read_bytes() for file in version.iterdir()} for version in paths]
    def work(target):
        for whole in wholes:
            atomic.replace(target, whole)
    return work

def baking():
    from rich.console import Console
    from model_build import pipeline
    from model_build.console import Progress
    from model_build.spec import model_spec
    from model_build.stage import Job
    progress = Progress(Console(quiet=True))
    job = Job(model_spec.load(str(paths[0])), paths[2], paths[1], progress, "real")
    return lambda target: pipeline.bake(job, target)

work = {"replacing": replacing, "baking": baking}[kind]()

def start(target, again):
    child = os.fork()
    if child == 0:
        work(target)
        while again:
            work(target)
        os._exit(0)
    return child

started = time.perf_counter()
os.waitpid(start(Path(out).with_name("undisturbed"), False), 0)
usual = time.perf_counter() - started
random.seed(int(kills))
for kill in range(int(kills)):
    child = start(Path(out), True)
    time.sleep(random.uniform(0, 2 * usual))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(load_contract(Path(out)).model_version)
"""


def versions_left_by_killed(kind: str, kills: int, out: Path, *paths: Path) -> list[str]:
    command = [sys.executable, "-c", KILLER, kind, str(kills), str(out), *map(str, paths)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def versions(tiny_model: Path, tmp_path: Path) -> list[Path]:
    """Two whole models with different versions; only the second has the file padding."""
    old = {name: content for name, content in contents(tiny_model).items() if name != "metrics.json"}
    document = load_contract(tiny_model).model_dump(mode="json")
    del document["files"]["metrics.json"]
    atomic.replace(tmp_path / "versions/1", old | {"contract.json": document_as(document, "1.0.0")})
    document["files"]["padding"] = sha256(b"0" * 1_000_000)
    new = old | {"contract.json": document_as(document, "2.0.0"), "padding": b"0" * 1_000_000}
    atomic.replace(tmp_path / "versions/2", new)
    return [tmp_path / "versions/1", tmp_path / "versions/2"]


def document_as(document: dict[str, Any], version: str) -> bytes:
    return to_json(document | {"model_version": version})


def test_killed_replacement_leaves_a_whole_model(versions: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out/model"
    atomic.replace(out, contents(versions[0]))
    left = versions_left_by_killed("replacing", 60, out, *versions)
    assert len(left) == 60
    assert set(left) == {"1.0.0", "2.0.0"}

    atomic.replace(out, NEW)
    assert contents(out) == NEW
    assert names_in(out.parent) == ["model", "undisturbed"]


def test_killed_bake_leaves_a_whole_model(versions: list[Path], tiny_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out/model"
    atomic.replace(out, contents(versions[0]))
    (tmp_path / "tiny.yaml").write_text(TINY)
    left = versions_left_by_killed("baking", 10, out, tmp_path / "tiny.yaml", tiny_data, tmp_path / "build")
    assert len(left) == 10
    assert set(left) <= {"1.0.0", "1.2.3"}


def test_mixture_of_two_models_is_detected(versions: list[Path], tmp_path: Path) -> None:
    mixture = contents(versions[1]) | {"model.onnx": b"of another model"}
    atomic.replace(tmp_path / "model", mixture)
    with pytest.raises(StartupError):
        load_contract(tmp_path / "model")
