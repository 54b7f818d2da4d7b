#!/usr/bin/env python3
"""query_live_api.py URL: ask a running Census Model API for its status, its versions and two predictions.

    python examples/query_live_api.py http://localhost:8001

Needs httpx. Exits with 0 when the service answered; otherwise with 1 and a sentence that says why.
"""
# ruff: noqa: T201 - a command prints

import argparse
import sys
from typing import Any

import httpx

PEOPLE: dict[str, dict[str, Any]] = {
    "a clerk of 25": {
        "age": 25,
        "workclass": "Private",
        "fnlgt": 226802,
        "education": "11th",
        "education_num": 7,
        "marital_status": "Never-married",
        "occupation": "Adm-clerical",
        "relationship": "Own-child",
        "race": "Black",
        "sex": "Male",
        "capital_gain": 0,
        "capital_loss": 0,
        "hours_per_week": 40,
        "native_country": "United-States",
    },
    "a manager of 52": {
        "age": 52,
        "workclass": "Self-emp-inc",
        "fnlgt": 287927,
        "education": "Masters",
        "education_num": 14,
        "marital_status": "Married-civ-spouse",
        "occupation": "Exec-managerial",
        "relationship": "Wife",
        "race": "White",
        "sex": "Female",
        "capital_gain": 15024,
        "capital_loss": 0,
        "hours_per_week": 50,
        "native_country": "United-States",
    },
}


def ask(client: httpx.Client, method: str, path: str, **request: Any) -> Any:
    """Return the JSON of the answer; exit with a sentence when there is none."""
    try:
        response = client.request(method, path, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sys.exit(f"{client.base_url} does not answer: {error}")
    try:
        answer = response.json()
    except ValueError:
        sys.exit(f"{path} answered {response.status_code}, but no JSON: is this the Census Model API?")
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


def show_predictions(client: httpx.Client) -> None:
    answer = ask(client, "POST", "/predict", json={"inputs": list(PEOPLE.values())})
    rows = zip(PEOPLE, answer["predictions"], answer["probabilities"], strict=True)
    for person, label, probabilities in rows:
        print(f"prediction  {person}: {label} (probability {probabilities[label]:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].partition(": ")[2])
    parser.add_argument("url", metavar="URL", help="where the service answers, such as http://localhost:8001")
    url = parser.parse_args().url
    if not url.startswith(("http://", "https://")):
        sys.exit(f"{url} is no URL of a service: it has to begin with http:// or https://.")
    try:
        with httpx.Client(base_url=url, timeout=10) as client:
            show_health(client)
            show_predictions(client)
    except (KeyError, TypeError, ValueError, httpx.InvalidURL) as error:
        sys.exit(f"{url} answered, but not as the Census Model API does: {error!r}.")


if __name__ == "__main__":
    main()
