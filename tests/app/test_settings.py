import os
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.errors import StartupError
from app.settings import Settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_this_machine_only_and_a_worker_per_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 2, 5}, raising=False)
    expected = {
        "bind_address": IPv4Address("127.0.0.1"),
        "port": 8001,
        "web_concurrency": 3,
        "model_dir": Path("model"),
        "max_body_bytes": 10_485_760,
        "max_rows": 10_000,
        "log_level": "info",
    }
    assert Settings.read().model_dump().items() >= expected.items()


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "BIND_ADDRESS": "::1",
        "PORT": "80",
        "WEB_CONCURRENCY": "3",
        "MODEL_DIR": "/srv/model",
        "MAX_BODY_BYTES": "1000",
        "MAX_ROWS": "7",
        "LOG_LEVEL": "error",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    read = Settings.read().model_dump(mode="json")
    assert {name: str(read[name.lower()]) for name in environment} == environment


def test_default_is_one_worker_if_the_cores_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Settings.read().web_concurrency == 1


def test_every_setting_is_described_in_a_sentence() -> None:
    descriptions = {name: field.description or "" for name, field in Settings.model_fields.items()}
    assert [name for name, text in descriptions.items() if not text.endswith(".")] == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("BIND_ADDRESS", "", "value is not a valid IPv4 or IPv6 address"),
        ("BIND_ADDRESS", "localhost", "value is not a valid IPv4 or IPv6 address"),
        ("BIND_ADDRESS", "[::1]", "value is not a valid IPv4 or IPv6 address"),
        ("PORT", "abc", "Input should be a valid integer, unable to parse string as an integer"),
        ("PORT", "65536", "Input should be less than or equal to 65535"),
        ("PORT", "", "Input should be a valid integer, unable to parse string as an integer"),
        ("WEB_CONCURRENCY", "0", "Input should be greater than or equal to 1"),
        ("MAX_BODY_BYTES", "0", "Input should be greater than or equal to 1"),
        ("MAX_ROWS", "-1", "Input should be greater than or equal to 1"),
        ("MAX_ROWS", "1.5", "Input should be a valid integer, unable to parse string as an integer"),
        ("LOG_LEVEL", "loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_wrong_value_is_refused_in_a_sentence_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as refused:
        Settings.read()
    assert str(refused.value) == f"The setting {name} is wrong: {problem}."


def test_settings_do_not_change() -> None:
    settings = Settings.read()
    with pytest.raises(ValidationError, match="Instance is frozen"):
        settings.port = 80  # type: ignore[misc] # what the test is about
    assert settings.port == 8001
