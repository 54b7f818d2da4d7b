from pathlib import Path

import pytest

from model_build.repository import git_commit


@pytest.mark.parametrize(("value", "commit"), [("abc123", "abc123"), ("", None)])
def test_an_image_is_told_its_commit(monkeypatch: pytest.MonkeyPatch, value: str, commit: str | None) -> None:
    monkeypatch.setenv("GIT_COMMIT", value)
    assert git_commit() == commit


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit() is None
