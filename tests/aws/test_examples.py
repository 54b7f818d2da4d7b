"""The example client against a running service, and the ways in which Heroku and Render start one."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.aws.account import ROOT, answers
from tests.aws.registry import answering
from tests.container.docker import until
from tests.support.keys import KEY, PAIRS
from tests.support.ports import free_port

HEROKU_KILLS_AFTER = 30  # seconds after SIGTERM
PERSON = ROOT / "examples/person.json"
PROCFILE = (ROOT / "Procfile").read_text()


def web() -> str:
    """Return the command of the Procfile's web process."""
    match = re.fullmatch(r"web: (.+)\n", PROCFILE)
    assert match, "the Procfile has one line"
    return match[1]


def start(port: int, model: Path) -> "subprocess.Popen[str]":
    """Start the Procfile's process as Heroku does: by a shell, with a PORT."""
    return subprocess.Popen(
        ["/bin/sh", "-c", web()],
        cwd=ROOT,
        env=os.environ
        | {"PORT": str(port), "MODEL_DIR": str(model), "PYTHON": sys.executable, "WEB_CONCURRENCY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def serving(model: Path) -> Iterator[str]:
    port = free_port()
    with start(port, model) as server:
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/health"), 30, "the service answers at its PORT")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.communicate(timeout=HEROKU_KILLS_AFTER)


@pytest.fixture(scope="module")
def census(census_model: Path) -> Iterator[str]:
    with serving(census_model) as url:
        yield url


def query(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/query_live_api.py", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


# ---- examples/query_live_api.py


def test_the_client_prints_status_versions_and_a_prediction(census: str) -> None:
    lines = query(census).stdout.splitlines()
    assert lines[0] == "status      ok"
    assert re.fullmatch(r"api         \d+\.\d+\.\d+", lines[1])
    assert re.fullmatch(r"model       census-income \d+\.\d+\.\d+, sha256 [0-9a-f]{64}", lines[2])
    assert re.fullmatch(r"trained     .+ on synthetic data", lines[3])
    assert lines[4].startswith('example     {"age": 39, ')
    assert re.fullmatch(r"prediction  row 1: <=50K \(probability 0\.\d{3}\)", lines[5])
    assert len(lines) == 6


def test_the_client_sends_the_rows_of_a_file(census: str, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(f"[{PERSON.read_text()}, {PERSON.read_text()}]")
    for path, count in ((PERSON, 1), (tmp_path / "rows.json", 2)):
        lines = query(census, str(path)).stdout.splitlines()[4:]
        assert [line.split(":")[0] for line in lines] == [f"prediction  row {i + 1}" for i in range(count)]
    (tmp_path / "rows.json").write_text("age: 39")
    assert (
        "rows.json is no JSON file of rows: " in query(census, str(tmp_path / "rows.json"), expect=1).stderr
    )


def test_the_client_asks_any_model(tiny_model: Path) -> None:
    with serving(tiny_model) as url:
        *_, example, prediction = query(url).stdout.splitlines()
    assert example == 'example     {"years": 5, "rate": 2.5, "grade": "B", "secured": true}'
    assert re.fullmatch(r"prediction  row 1: (no|yes) \(probability 0\.\d{3}\)", prediction)


def test_the_client_sends_a_key(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", PAIRS)
    with serving(tiny_model) as url:
        assert query(url, expect=1).stderr.startswith("/openapi.json was refused with 401: ")
        monkeypatch.setenv("API_KEY", KEY)
        assert "prediction  row 1: " in query(url).stdout


def test_the_client_accepts_a_url_with_a_slash_at_its_end(census: str) -> None:
    query(f"{census}/")


def test_the_client_reports_that_nothing_answers() -> None:
    done = query(f"http://127.0.0.1:{free_port()}", expect=1)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ does not answer: .+\n", done.stderr)


def test_the_client_reports_a_refused_prediction(tiny_model: Path) -> None:
    with serving(tiny_model) as url:  # its model has other features
        done = query(url, str(PERSON), expect=1)
    assert "status      ok" in done.stdout
    assert done.stderr.startswith("/predict was refused with 422: ")


def test_the_client_reports_a_replica_that_drains() -> None:
    with answering({"status": "draining"}, 503) as service:
        assert query(service.url, expect=1).stderr == "/health was refused with 503: draining\n"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("<html>", "/health answered 200, but no JSON: is this the service of a model?\n"),
        ({"status": "ok"}, "answered, but not as the service of a model does: KeyError('model').\n"),
        (["ok"], "answered, but not as the service of a model does: TypeError("),
    ],
)
def test_the_client_reports_another_service(answer: Any, sentence: str) -> None:
    with answering(answer) as service:
        assert sentence in query(service.url, expect=1).stderr


def test_the_client_reports_a_wrong_url() -> None:
    assert query("http://[", expect=1).stderr
    done = query("localhost:8001", expect=1)
    assert done.stderr == "localhost:8001 is no URL of a service: it has to begin with http:// or https://.\n"


# ---- Heroku and Render


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(ROOT / name)
    return loaded


def build_arguments() -> set[str]:
    return set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))


def test_the_procfile_process_listens_on_every_address_and_ends_in_time(census_model: Path) -> None:
    port = free_port()
    with start(port, census_model) as server:
        until(
            lambda: answers(f"http://127.0.0.2:{port}/health"), 30, "the service answers at another address"
        )
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=HEROKU_KILLS_AFTER)
    assert server.returncode in {0, -signal.SIGTERM}


def test_the_procfile_process_reports_that_there_is_no_model(tmp_path: Path) -> None:
    """Heroku's Python buildpack does not train, so model/ has to be committed."""
    with start(free_port(), tmp_path / "model") as server:
        output, _ = server.communicate(timeout=30)
    assert server.returncode != 0
    assert str(tmp_path / "model") in output
    assert "Traceback" not in output


def test_heroku_yml_builds_the_dockerfile_and_starts_the_same_command() -> None:
    heroku = load("heroku.yml")
    assert heroku["build"]["docker"] == {"web": "Dockerfile"}
    assert set(heroku["build"]["config"]) <= build_arguments()
    assert heroku["run"] == {"web": "./run.sh"}
    assert 'CMD ["./run.sh"]' in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(web(), id="Procfile"),
        pytest.param((ROOT / "push_to_heroku.sh").read_text(), id="push_to_heroku.sh"),
        pytest.param(
            " ".join(f"{name}={value}" for name, value in load("heroku.yml")["setup"]["config"].items()),
            id="heroku.yml",
        ),
    ],
)
def test_a_dyno_ends_before_it_is_killed(settings: str) -> None:
    drain, graceful = (
        re.search(rf"{name}=(\d+)", settings) for name in ("DRAIN_SECONDS", "GRACEFUL_TIMEOUT")
    )
    assert drain
    assert graceful
    assert int(drain[1]) + int(graceful[1]) < HEROKU_KILLS_AFTER


def test_render_yaml_builds_the_dockerfile_and_waits_until_it_has_drained() -> None:
    (service,) = load("render.yaml")["services"]
    variables = {variable["key"]: variable["value"] for variable in service["envVars"]}
    assert (service["type"], service["runtime"]) == ("web", "docker")
    assert (ROOT / service["dockerfilePath"]).is_file()
    assert service["healthCheckPath"] == "/health"
    assert (
        int(variables["DRAIN_SECONDS"]) + int(variables["GRACEFUL_TIMEOUT"])
        < service["maxShutdownDelaySeconds"]
    )
    assert variables["PORT"] == "8001"
    assert {"DATA_SOURCE"} == set(variables) & build_arguments()
    assert all(isinstance(value, str) for value in variables.values())
