#!/usr/bin/env python3
"""query_live_api.py URL [ROWS]: ask a running service for its status, its model and some predictions.

    python examples/query_live_api.py http://localhost:8001
    python examples/query_live_api.py http://localhost:8001 examples/person.json

ROWS is a JSON file with a row or a list of rows. Without it, the row is the example of the service's model. A
service with API keys gets the one in API_KEY.

Needs httpx. Exits with 0 when the service answered; otherwise with 1 and a sentence that says why.
"""
# ruff: noqa: T201 - a command prints

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx


def ask(client: httpx.Client, method: str, path: str, **request: Any) -> Any:
    """Return the JSON of the answer; exit with a sentence when there is none."""
    try:
        response = client.request(method, path, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sys.exit(f"{client.base_url} does not answer: {error}")
    try:
        answer = response.json()
    except ValueError:
        sys.exit(f"{path} answered {response.status_code}, but no JSON: is this the service of a model?")
    if not response.is_success:
        reason = answer.get("detail") or answer.get("status") if isinstance(answer, dict) else answer
        sys.exit(f"{path} was refused with {response.status_code}: {reason}")
    return answer


def show_health(client: httpx.Client) -> None:
    health = ask(client, "GET", "/health")
    model = health["model"]
    print(f"status      {health['status']}")
    print(f"api         {health['api_version']}")
    print(f"model       {model['name']} {health['model_lib_version']}, sha256 {model['sha256']}")
    print(f"trained     {model['trained_at']} on {model['data_source']} data")


def read_rows(path: Path) -> list[Any]:
    """Return the rows of a file; exit with a sentence when it holds no JSON."""
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{path} is no JSON file of rows: {error}")
    return rows if isinstance(rows, list) else [rows]


def example_rows(client: httpx.Client) -> list[Any]:
    """Return the example of a row in the service's OpenAPI document."""
    rows: list[Any] = ask(client, "GET", "/openapi.json")["components"]["schemas"]["Row"]["examples"]
    print(f"example     {json.dumps(rows[0], ensure_ascii=False)}")
    return rows


def show_predictions(client: httpx.Client, rows: list[Any]) -> None:
    answer = ask(client, "POST", "/predict", json={"inputs": rows})
    predictions = zip(answer["predictions"], answer["probabilities"], strict=True)
    for number, (label, probabilities) in enumerate(predictions, 1):
        print(f"prediction  row {number}: {label} (probability {probabilities[label]:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].partition(": ")[2])
    parser.add_argument("url", metavar="URL", help="where the service answers, such as http://localhost:8001")
    parser.add_argument(
        "rows", metavar="ROWS", nargs="?", type=Path, help="JSON file with a row or a list of rows"
    )
    arguments = parser.parse_args()
    url, rows = arguments.url, arguments.rows and read_rows(arguments.rows)
    headers = {"X-API-Key": key} if (key := os.environ.get("API_KEY")) else {}
    if not url.startswith(("http://", "https://")):
        sys.exit(f"{url} is no URL of a service: it has to begin with http:// or https://.")
    try:
        with httpx.Client(base_url=url, timeout=10, headers=headers) as client:
            show_health(client)
            show_predictions(client, rows or example_rows(client))
    except (KeyError, TypeError, ValueError, httpx.InvalidURL) as error:
        sys.exit(f"{url} answered, but not as the service of a model does: {error!r}.")


if __name__ == "__main__":
    main()
