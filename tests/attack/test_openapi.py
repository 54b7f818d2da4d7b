"""The OpenAPI document tells the truth: schemathesis derives requests from it, and checks the answers."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.attack.target import Target
from tests.support.keys import KEY
from tests.support.prometheus import requests
from tests.support.service_process import ROOT, ServiceProcess

EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "500"))
"""The most requests that an operation gets in the phase of fuzzing."""
LEAST_REQUESTS = 2 * EXAMPLES


def test_service_answers_as_documented(service: ServiceProcess, tiny_model: Path, tmp_path: Path) -> None:
    target = Target(service)
    assert run_schemathesis(service, tiny_model, tmp_path) >= LEAST_REQUESTS
    target.assert_unharmed()
    target.close()


def test_service_with_keys_answers_as_documented(
    service_with_keys: ServiceProcess, tiny_model: Path, tmp_path: Path
) -> None:
    key = ("--header", f"X-API-Key: {KEY}")
    assert run_schemathesis(service_with_keys, tiny_model, tmp_path, *key) >= LEAST_REQUESTS


def test_client_without_a_key_is_refused_as_documented(
    service_with_keys: ServiceProcess, tiny_model: Path, tmp_path: Path
) -> None:
    assert run_schemathesis(service_with_keys, tiny_model, tmp_path) >= LEAST_REQUESTS
    predictions = [name for name in service_with_keys.metrics() if 'route="/predict' in name]
    assert {name for name in predictions if name.startswith("http_requests_total")} == {
        requests("/predict", 401),
        requests("/predict/file", 401),
    }


def run_schemathesis(service: ServiceProcess, model: Path, directory: Path, *options: str) -> int:
    """Return the number of requests that were sent, all of which passed all checks."""
    report = directory / "report.json"
    command = ["st", "--no-color", "--config-file", str(Path(__file__).with_name("schemathesis.toml")), "run"]
    command += [f"{service.url}/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES)]
    command += ["--report", "json", "--report-json-path", str(report), *options]
    environment = os.environ | {"MODEL_DIR": str(model), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts: dict[str, Any] = json.loads(report.read_text())["test_cases"]
    return int(counts["generated"])
