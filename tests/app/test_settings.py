import os
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.errors import StartupError
from app.settings import Settings
from tests.support.keys import PAIRS


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


LISTS = {
    "PUBLIC": ("/docs, /card", ["/docs", "/card"]),
    "TRUSTED_PROXIES": (
        "10.0.0.0/16 127.0.0.1,2001:db8::/32",
        ["10.0.0.0/16", "127.0.0.1/32", "2001:db8::/32"],
    ),
    "CORS_ORIGINS": (
        "https://a.example.org,http://localhost:3000",
        ["https://a.example.org", "http://localhost:3000"],
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text, values = LISTS[name]
    monkeypatch.setenv(name, text)
    assert Settings.read().model_dump(mode="json")[name.lower()] == values


@pytest.mark.parametrize("name", [*LISTS, "RATE_LIMIT"])
def test_an_empty_value_switches_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert Settings.read() == Settings()
    assert not getattr(Settings.read(), name.lower())


ORIGINS = "It must be * or origins without a path: https://app.example.org"
LIMIT = "It must be a number of requests and s, m or h, such as 100/s"
NETWORK = "value is not a valid IPv4 or IPv6 network"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        *(("RATE_LIMIT", value, LIMIT) for value in ("100", "0/s", "100/d", "1.5/s", "100 /s", "1000000/s")),
        *(("TRUSTED_PROXIES", value, NETWORK) for value in ("*", "10.0.0.1/16", "proxy", "10.0.0.0/33")),
        *(
            ("CORS_ORIGINS", value, ORIGINS)
            for value in ("https://a.org/", "a.org", "*,https://a.org", "null")
        ),
        *(("CORS_ORIGINS", value, ORIGINS) for value in ("https://A.org", "https://*.a.org")),
    ],
)
def test_a_wrong_limit_network_or_origin_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as refused:
        Settings.read()
    assert str(refused.value) == f"The setting {name} is wrong: {problem}."


def read_keys(**settings: str | Path) -> dict[bytes, str]:
    return Settings.model_validate(settings).read_keys()


def test_keys_are_read_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# partners\n{PAIRS}\n")
    assert read_keys() == {}
    assert sorted(read_keys(api_keys=PAIRS).values()) == ["alice", "alice", "bob"]
    assert read_keys(api_keys_file=file) == read_keys(api_keys=PAIRS)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"api_keys": ""}, "API_KEYS is wrong: There is no NAME:SHA256."),
        (
            {"api_keys": f"{PAIRS},{PAIRS}"},
            "API_KEYS is wrong: Entry 4 has the SHA-256 of an entry before it.",
        ),
        (
            {"api_keys": PAIRS, "api_keys_file": "keys"},
            "API_KEYS is wrong: API_KEYS_FILE is set too; set one of them.",
        ),
        (
            {"api_keys_file": "nothing"},
            "API_KEYS_FILE is wrong: The file can't be read: No such file or directory.",
        ),
        ({"api_keys_file": ""}, "API_KEYS_FILE is wrong: The file can't be read: Is a directory."),
        ({"api_keys_file": "empty"}, "API_KEYS_FILE is wrong: There is no NAME:SHA256."),
        ({"api_keys_file": "latin"}, "API_KEYS_FILE is wrong: The file is not text in UTF-8."),
    ],
)
def test_wrong_keys_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(StartupError) as refused:
        read_keys(**settings)
    assert str(refused.value) == f"The setting {sentence}"


def test_what_is_shown_of_the_settings_has_no_pair() -> None:
    settings = Settings.model_validate({"api_keys": PAIRS})
    shown = f"{settings!r} {settings} {settings.model_dump(mode='json')} {settings.model_dump_json()}"
    assert settings.model_dump(mode="json")["api_keys"] == "**********"
    assert PAIRS.split(":")[1][:64] not in shown
