"""The image, built from a clean copy of the working tree, and its measurements, printed after the tests."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.container.docker import ROOT, Container, attempt, body, run, running, token

Record = Callable[[str, str], None]
MEASUREMENTS = pytest.StashKey[list[tuple[str, str]]]()
STEP = re.compile(r"#(?P<number>\d+) (?:\[(?P<stage>\S+)[^]]*\] (?P<command>.+)|(?P<end>CACHED|DONE .*))")


@dataclass(frozen=True)
class Build:
    """One run of infra/build_image.sh."""

    tag: str
    context: Path
    revision: str
    seconds: float
    steps: dict[str, bool]  # stage and command of a step: whether it ran, because the cache did not have it


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASUREMENTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.section("measurements")
    for name, value in config.stash[MEASUREMENTS]:
        first, *more = value.splitlines()
        terminalreporter.write_line(f"{name:<36} {first}")
        for line in more:
            terminalreporter.write_line(f"{'':<36} {line}")


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config) -> Record:
    """Return a function that keeps a measurement, by name, for the end of the run."""
    return lambda name, value: pytestconfig.stash[MEASUREMENTS].append((name, value))


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """No test here is skipped: a missing tool fails all of them."""
    if not shutil.which("wrk"):
        pytest.fail("These tests need wrk to make load: install it (apt-get install wrk).", pytrace=False)
    if not shutil.which("docker"):
        pytest.fail("These tests need Docker: there is no docker command.", pytrace=False)
    for command in (("docker", "info"), ("docker", "compose", "version")):
        if attempt(*command).returncode:
            pytest.fail(f"These tests need Docker: `{' '.join(command)}` fails.", pytrace=False)


@pytest.fixture(scope="session")
def context(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - reports a missing tool first
    """A repository of its own with the files of the working tree, and with the data if there are any."""
    copy = tmp_path_factory.mktemp("context")
    for name in run("git", "ls-files", "-coz", "--exclude-standard", cwd=ROOT).split("\0"):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    data = Path(os.environ.get("DATA_DIR", ROOT / "data")) / "adult.data"
    if data.is_file():
        shutil.copyfile(data, copy / "data" / "adult.data")
    run("git", "init", "--quiet", cwd=copy)
    commit(copy)
    return copy


def commit(repository: Path) -> str:
    """Commit everything; return the revision."""
    author = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    run("git", "add", "--all", cwd=repository)
    run("git", *author, "commit", "--quiet", "--no-verify", "--message=Copy", cwd=repository)
    return run("git", "rev-parse", "HEAD", cwd=repository)


@pytest.fixture(scope="session")
def build(context: Path) -> Iterator[Callable[[], Build]]:
    """Return a function that builds the context; the tags are removed at the end."""
    tags: list[str] = []

    def build() -> Build:
        tags.append(f"{token()}:latest")
        began = time.monotonic()
        log = run(
            *("infra/build_image.sh", tags[-1]),
            cwd=context,
            env=os.environ | {"DATA_SOURCE": "auto", "BUILDKIT_PROGRESS": "plain"},
            timeout=900,
            stderr=subprocess.STDOUT,
        )
        seconds = time.monotonic() - began
        return Build(tags[-1], context, run("git", "rev-parse", "HEAD", cwd=context), seconds, steps(log))

    try:
        yield build
    finally:
        for tag in tags:
            attempt("docker", "image", "rm", tag)


def steps(log: str) -> dict[str, bool]:
    """Return the steps in the plain progress of a build, and whether each of them ran."""
    names: dict[str, str] = {}
    ran: dict[str, bool] = {}
    for match in filter(None, map(STEP.match, log.splitlines())):
        if match["stage"]:
            names[match["number"]] = f"{match['stage']}: {match['command']}"
        elif name := names.get(match["number"]):
            ran[name] = ran.get(name, False) or match["end"] != "CACHED"
    return ran


@pytest.fixture(scope="session")
def built(build: Callable[[], Build], record: Record) -> Build:
    first = build()
    ran = sum(first.steps.values())
    record("build", f"{first.seconds:.1f} s, {ran} of {len(first.steps)} steps were not in the cache")
    return first


@pytest.fixture(scope="session")
def image(built: Build) -> str:
    return built.tag


@pytest.fixture(scope="session")
def replica(image: str) -> Iterator[Container]:
    """A replica as the image starts it, for tests that do not change it."""
    with running(image) as container:
        container.wait_ready()
        yield container


@pytest.fixture(scope="session")
def request_body(replica: Container) -> bytes:
    """A request with one row for the model in the image."""
    return body(replica.contract)


@pytest.fixture(scope="session")
def override(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that overrides docker-compose.yaml, so that it runs this image."""
    path = tmp_path_factory.mktemp("compose") / "override.json"
    services = {name: {"image": image} for name in ("api", "replica")}
    path.write_text(json.dumps({"services": services}))
    return path
