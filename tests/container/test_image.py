"""The content and the size of the image, and the time and the memory in which it starts."""

import json
import os
import re
import statistics
import subprocess
import tarfile
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import app
from tests.container.conftest import Build, Record
from tests.container.docker import ROOT, Container, attempt, inspect, run, running, until

VENV = "opt/venv/lib/python3.*/site-packages"
BASE = os.environ.get("PYTHON_IMAGE", "python:3.13-slim-trixie")
MB = 1e6
HARDENED = (
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--network", "none", "--health-interval=1s"),
)

# Prints the version of Python, and the name, version and requirements of every package.
DISTRIBUTIONS = """
import json, platform
from importlib.metadata import distributions
packages = [(one.metadata["Name"], one.version, one.requires or []) for one in distributions()]
print(json.dumps({"python": platform.python_version(), "packages": packages}))
"""

# Prints the number of modules loaded from source files, and those whose byte code is missing.
WITHOUT_BYTE_CODE = """
import sys, os
import app.server
specs = [module.__spec__ for module in sys.modules.values() if getattr(module, "__spec__", None)]
sources = [spec for spec in specs if (spec.origin or "").endswith(".py")]
print(len(sources), *[spec.name for spec in sources if not os.path.exists(spec.cached or "")])
"""

# Prints the seconds from the start of the process to its first 200, and how long it waited for a core.
START = """
import http.client, pathlib, subprocess, time
began = time.perf_counter()
service = subprocess.Popen(["./run.sh"])
status = None
while status != 200:
    assert service.poll() is None and time.perf_counter() < began + 30
    connection = http.client.HTTPConnection("127.0.0.1", 8001, timeout=5)
    try:
        connection.request("GET", "/ready")
        status = connection.getresponse().status
    except OSError:
        time.sleep(0.005)
    finally:
        connection.close()
seconds = time.perf_counter() - began
workers = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
delays = [pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1] for pid in (service.pid, *workers)]
print(seconds, sum(map(int, delays)) / 1e9)
service.terminate()
service.wait()
"""

# Prints the proportional set size of the processes PIDS, in MB.
PSS = """
import json, pathlib
sizes = {}
for process in map(int, PIDS):
    lines = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    sizes[process] = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
print(json.dumps(list(sizes.values())))
"""

# Prints for each directory whether a file can be written there.
WRITE = """
import errno, pathlib
for directory in ("/", "/srv", "/opt/venv", "/dev/shm", "/tmp"):
    try:
        pathlib.Path(directory, "probe").write_bytes(b"")
        print(f"{directory}: ok")
    except OSError as error:
        print(f"{directory}: {errno.errorcode[error.errno]}")
"""


@pytest.fixture(scope="module")
def files(image: str) -> set[str]:
    """The path of every file in the image."""
    container = run("docker", "create", image)
    try:
        with (
            subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            return {member.name for member in archive if not member.isdir()}
    finally:
        run("docker", "rm", container)


@pytest.fixture(scope="module")
def details(image: str) -> dict[str, Any]:
    """The image, as docker inspect describes it."""
    return inspect("image", image)


def test_the_labels_name_the_code_and_the_model(
    built: Build, details: dict[str, Any], replica: Container
) -> None:
    labels = details["Config"]["Labels"]
    contract = replica.contract
    health = httpx.get(f"{replica.url}/health").json()

    created = datetime.fromisoformat(labels["org.opencontainers.image.created"])
    assert abs((datetime.now(UTC) - created).total_seconds()) < 3600
    expected = {
        "org.opencontainers.image.version": app.__version__,
        "org.opencontainers.image.revision": built.revision,
        "model.version": contract["model_version"],
        "model.sha256": contract["files"]["model.onnx"],
        "model.data-source": contract["provenance"]["data_source"],
    }
    assert {name: labels[name] for name in expected} == expected
    assert (health["api_version"], health["model_lib_version"], health["model"]["sha256"]) == (
        labels["org.opencontainers.image.version"],
        labels["model.version"],
        labels["model.sha256"],
    )


def test_the_card_of_the_model_is_served(replica: Container) -> None:
    card = httpx.get(f"{replica.url}/card")
    assert card.status_code == 200
    assert "<title>Census income: model card</title>" in card.text


@pytest.fixture(scope="module")
def packages(replica: Container) -> dict[str, Any]:
    """The version of Python in the image, and its packages."""
    answer: dict[str, Any] = json.loads(replica.python(DISTRIBUTIONS))
    return answer


def is_needed(requirement: Requirement, python: str) -> bool:
    """Return whether the requirement's marker holds for this version of Python on Linux, without an extra."""
    version = {"python_full_version": python, "python_version": python.rpartition(".")[0], "extra": ""}
    return requirement.marker is None or requirement.marker.evaluate(version)


def test_exactly_the_locked_requirements_are_installed(packages: dict[str, Any]) -> None:
    locked = {}
    for line in (ROOT / "requirements.txt").read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line.split(" --hash")[0])
            if is_needed(requirement, packages["python"]):
                locked[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    installed = {canonicalize_name(name): version for name, version, _ in packages["packages"]}
    assert installed == locked
    assert "pip" not in installed


def test_nothing_is_missing_but_what_onnxruntime_never_imports(packages: dict[str, Any]) -> None:
    installed = {canonicalize_name(name) for name, _, _ in packages["packages"]}
    missing = {
        (name, requirement.name)
        for name, _, requires in packages["packages"]
        for requirement in map(Requirement, requires)
        if is_needed(requirement, packages["python"])
        if canonicalize_name(requirement.name) not in installed
    }
    assert missing == {("onnxruntime", name) for name in ("flatbuffers", "packaging", "protobuf")}


@pytest.mark.parametrize(
    "pattern",
    [
        *(f"*/site-packages/{name}" for name in ("sklearn/*", "pandas/*", "scipy/*", "joblib/*", "onnx/*")),
        *(f"*/site-packages/{name}" for name in ("skl2onnx/*", "boto3/*", "botocore/*", "tests/*")),
        *(f"{VENV}/{name}" for name in ("google/*", "flatbuffers/*", "packaging/*")),
        *(f"{VENV}/{name}" for name in ("pip/*", "pip-*/*", "*/tests/*")),
        *("*bin/gcc*", "*bin/cc", "*bin/c++*", "opt/venv/bin/pip*"),
        *("srv/*.yaml", "srv/*.yml", "srv/tests/*", "srv/model_build/*", "srv/data/*"),
        *("*.joblib", "*/adult.data", "srv/*.csv", "opt/*.csv", "*/.git/*"),
    ],
)
def test_the_image_holds_nothing_that_only_training_or_building_needs(files: set[str], pattern: str) -> None:
    assert sorted(name for name in files if fnmatch(name, pattern)) == []


def test_srv_holds_the_service_and_its_model_only(files: set[str]) -> None:
    in_srv = [PurePosixPath(name).relative_to("srv") for name in files if name.startswith("srv/")]
    assert {path.parts[0] for path in in_srv} == {"app", "model", "run.sh"}
    assert {path.name for path in in_srv if path.parts[0] == "model"} == {
        *("contract.json", "model.onnx", "evaluated.onnx", "reference.json"),
        *("metrics.json", "slices.json", "card.html", "card.md"),
    }
    source = {path.relative_to(ROOT).as_posix() for path in (ROOT / "app").rglob("*") if path.is_file()}
    assert {str(path) for path in in_srv if path.parts[0] == "app" and path.suffix != ".pyc"} == {
        name for name in source if not name.endswith(".pyc")
    }


def test_every_module_is_compiled(files: set[str], replica: Container) -> None:
    sources = {name for name in files if fnmatch(name, "opt/venv/*.py") or fnmatch(name, "srv/*.py")}
    compiled = {re.sub(r"__pycache__/(.+)\.cpython-\d+\.pyc", r"\1.py", name) for name in files - sources}
    count, *without = replica.python(WITHOUT_BYTE_CODE).split()

    assert len(sources) > 500
    assert sorted(sources - compiled) == []
    assert int(count) > 100
    assert without == []


def test_the_image_is_at_most_180_mb_larger_than_its_base(
    image: str, details: dict[str, Any], tmp_path: Path, record: Record
) -> None:
    if attempt("docker", "image", "inspect", BASE).returncode:  # a build does not keep its base image
        run("docker", "pull", "--quiet", BASE, timeout=300)
    base = inspect("image", BASE)
    archive = tmp_path / "image.tar"
    run("docker", "save", "--output", str(archive), image)
    layers = list(layers_above(len(base["RootFS"]["Layers"]), archive))
    added = (details["Size"] - base["Size"]) / MB
    packed = sum(layer[2] for layer in layers)
    whole = f"{details['Size'] / MB:.1f} MB; over the base {added:.1f} MB, {packed:.1f} MB after gzip"
    table = [f"{size:6.1f} MB {small:6.1f} MB  {made[:70]}" for made, size, small in layers]
    record("image", "\n".join([whole, *table]))

    assert added <= 180


def layers_above(base: int, archive: Path) -> Iterator[tuple[str, float, float]]:
    """Yield for each layer of a saved image its command, and its MB before and after gzip."""
    with tarfile.open(archive) as image:
        manifest = json.loads(content(image, "manifest.json").read())[0]
        history = json.loads(content(image, manifest["Config"]).read())["history"]
        made = [entry["created_by"] for entry in history if not entry.get("empty_layer")]
        for command, layer in list(zip(made, manifest["Layers"], strict=True))[base:]:
            yield command.removeprefix("RUN /bin/sh -c "), *sizes(content(image, layer))


def content(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file
    return file


def sizes(layer: IO[bytes]) -> tuple[float, float]:
    packer = zlib.compressobj(wbits=31)  # as gzip
    packed = sum(len(packer.compress(chunk)) for chunk in iter(lambda: layer.read(2**20), b""))
    return layer.tell() / MB, (packed + len(packer.flush())) / MB


def test_the_service_runs_as_an_unprivileged_user(details: dict[str, Any], replica: Container) -> None:
    uids = replica.python("print(*open('/proc/1/status').read().partition('Uid:')[2].split()[:4])")

    assert details["Config"]["User"] == "10001:10001"
    assert uids == "10001 10001 10001 10001"


def test_a_hardened_container_becomes_healthy_and_writes_only_to_tmp(image: str) -> None:
    with running(image, *HARDENED) as container:
        until(lambda: container.state["Health"]["Status"] == "healthy", 30, "healthy")
        written = dict(line.split(": ") for line in container.python(WRITE).splitlines())

    assert written == {"/": "EROFS", "/srv": "EROFS", "/opt/venv": "EROFS", "/dev/shm": "ok", "/tmp": "ok"}  # noqa: S108 - a path in the container


def test_an_idle_worker_takes_at_most_120_mb(replica: Container, record: Record) -> None:
    (worker,) = replica.workers()
    master_pss, worker_pss = json.loads(replica.python(PSS.replace("PIDS", f"[1, {worker}]")))
    record("memory (PSS)", f"{master_pss + worker_pss:.1f} MB, of which the worker {worker_pss:.1f} MB")

    assert worker_pss <= master_pss + worker_pss <= 120


def test_the_service_answers_within_2_s_of_its_start(image: str, record: Record) -> None:
    begins = ("docker", "run", "--rm", "--env=DRAIN_SECONDS=0", image, "python", "-c", START)
    processes = [tuple(map(float, run(*begins).split())) for _ in range(5)]
    containers = [time_to_ready(image) for _ in range(5)]
    undisturbed = statistics.median(seconds - waited for seconds, waited in processes)
    seconds = statistics.median(seconds for seconds, _ in processes)
    record(
        "start to /ready 200, median of 5",
        f"process {seconds:.2f} s ({undisturbed:.2f} s without waiting for a core),"
        f" docker run {statistics.median(containers):.2f} s",
    )

    assert undisturbed <= 2


def time_to_ready(image: str) -> float:
    began = time.monotonic()
    with running(image) as container:
        container.wait_ready()
        return time.monotonic() - began
