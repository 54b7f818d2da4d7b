import subprocess
from pathlib import Path

import pytest

from model_build.git import git_commit
from model_build.stage import TRAINING_CODE


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A repository with one commit, which has the directory code and a page."""
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "A user")
        monkeypatch.setenv(f"{name}_EMAIL", "user@example.com")
    (tmp_path / "code").mkdir()
    for name in ("code/train.py", "page.md"):
        (tmp_path / name).write_text("first\n")
    for command in ("init --quiet", "add --all", "commit --quiet --message first"):
        git(tmp_path, *command.split())
    return tmp_path


def git(repository: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("value", "commit"), [("abc123", "abc123"), ("", None)])
def test_git_commit_of_the_environment_is_returned(
    monkeypatch: pytest.MonkeyPatch, value: str, commit: str | None
) -> None:
    monkeypatch.setenv("GIT_COMMIT", value)
    assert git_commit(TRAINING_CODE) == commit


def test_without_git_the_commit_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(TRAINING_CODE) is None


def test_outside_of_a_repository_the_commit_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    assert git_commit([tmp_path / "code"]) is None


def test_committed_code_is_not_dirty(repository: Path) -> None:
    (repository / "page.md").write_text("second\n")
    assert git_commit([repository / "code"]) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["train.py", "new.py"])
def test_uncommitted_code_is_dirty(repository: Path, name: str) -> None:
    (repository / "code" / name).write_text("second\n")
    assert git_commit([repository / "code"]) == f"{git(repository, 'rev-parse', 'HEAD')}-dirty"


def test_training_code_exists() -> None:
    assert [path for path in TRAINING_CODE if not path.exists()] == []
