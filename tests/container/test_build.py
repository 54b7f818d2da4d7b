"""What a rebuild repeats, and how docker-compose.yaml runs the image."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.container.conftest import Build, Record, commit
from tests.container.docker import ROOT, Container, inspect, run, running, token
from tests.support.ports import free_port

COMPOSE = ("docker", "compose", "--file", str(ROOT / "docker-compose.yaml"))
MODEL_LABELS = ("model.version", "model.sha256", "model.data-source")


def test_a_change_of_the_service_alone_neither_trains_nor_installs(
    built: Build, build: Callable[[], Build], replica: Container, record: Record
) -> None:
    with (built.context / "app" / "main.py").open("a") as source:
        source.write("# changed\n")
    revision = commit(built.context)
    again = build()
    record("build after a change of app/main.py", f"{again.seconds:.1f} s")

    ran = [step for step, executed in again.steps.items() if executed and ": RUN" in step]
    compile_service, list_packages = sorted(ran)
    assert compile_service == "files: RUN python -m compileall -q --invalidation-mode unchecked-hash app"
    assert list_packages.startswith("inventory: RUN --mount=type=bind,from=files")
    assert labels(again) == labels(built)
    assert again.revision == revision != built.revision
    with running(again.tag) as container:
        assert container.contract == replica.contract


def labels(build: Build) -> dict[str, str]:
    """Return the labels that name the model."""
    values = inspect("image", build.tag)["Config"]["Labels"]
    return {name: values[name] for name in MODEL_LABELS}


def test_the_compose_file_is_valid() -> None:
    plain: dict[str, Any] = json.loads(run(*COMPOSE, "config", "--format", "json"))
    scaled = json.loads(run(*COMPOSE, "--profile", "scale", "config", "--format", "json"))

    assert set(plain["services"]) == {"api"}
    assert set(scaled["services"]) == {"api", "replica", "load-balancer"}
    assert scaled["services"]["replica"]["scale"] == 3


def test_the_compose_file_passes_keys_and_limits_on_only_if_they_are_set() -> None:
    names = ("API_KEYS", "PUBLIC", "RATE_LIMIT", "TRUSTED_PROXIES")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    for values in (dict.fromkeys(names), dict.fromkeys(names, "value")):
        given = {name: value for name, value in values.items() if value}
        config = json.loads(run(*COMPOSE, "config", "--format", "json", env=clean | given))
        environment = config["services"]["api"]["environment"]
        assert {name: environment[name] for name in names} == values


def test_compose_runs_the_service_hardened_and_with_the_size_of_a_task(override: Path, image: str) -> None:
    port = free_port()
    command = (*COMPOSE, "--file", str(override), "--project-name", token())
    environment = os.environ | {"API_PORT": f"127.0.0.1:{port}"}
    try:
        run(*command, "up", "--detach", "--no-build", "api", env=environment)
        container = Container(run(*command, "ps", "--quiet", "api", env=environment))
        container.wait_ready()
        details = inspect("container", container.id)
    finally:
        run(*command, "down", "--timeout", "0", "--volumes", env=environment)
    host = details["HostConfig"]

    assert {
        "image": details["Config"]["Image"],
        "user": details["Config"]["User"],
        "read_only": host["ReadonlyRootfs"],
        "tmpfs": host["Tmpfs"],
        "cap_drop": host["CapDrop"],
        "security_opt": host["SecurityOpt"],
        "cpus": host["NanoCpus"],
        "memory": host["Memory"],
        "swap": host["MemorySwap"] - host["Memory"],
        "stop_timeout": details["Config"]["StopTimeout"],
    } == {
        "image": image,
        "user": "10001:10001",
        "read_only": True,
        "tmpfs": {"/tmp": "size=16m"},  # noqa: S108 - a path in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "cpus": 1e9,
        "memory": 2 * 2**30,
        "swap": 0,
        "stop_timeout": 60,
    }
