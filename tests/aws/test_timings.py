"""The timings that make a redeploy lossless hang together across five files; none may be changed alone."""

import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from app.server import KEEP_ALIVE_SECONDS
from app.settings import Settings
from tests.aws.conftest import ROOT
from tests.aws.template import Stack, load

LONGEST_STOP = 120  # of Fargate: StopTimeout may not be longer, and Spot warns as much before it takes a task


@dataclass(frozen=True)
class Timings:
    """Seconds, or counts where the name says so."""

    # the replica
    drain: int
    graceful: int
    keep_alive: int
    stop: int
    # its load balancer
    interval: int
    timeout: int
    unhealthy_count: int
    deregistration: int
    idle: int
    # its container's own health check
    check_interval: int
    check_timeout: int
    check_count: int


def problems(timings: Timings) -> dict[str, str]:
    """Return what would go wrong, by the name of the relation that does not hold."""
    t = timings
    relations = {
        "notice": (
            t.interval * t.unhealthy_count + t.timeout < t.drain,
            "The replica stops accepting before the load balancer has noticed that it drains.",
        ),
        "stop": (
            t.drain + t.graceful < t.stop,
            "The container is killed before what is in flight is finished.",
        ),
        "longest stop": (t.stop <= LONGEST_STOP, "ECS refuses it, or Spot takes the task before that."),
        "deregistration": (
            t.graceful <= t.deregistration <= t.drain + t.graceful,
            "The load balancer cuts off what the replica would finish, or waits for a replica that has gone.",
        ),
        "keep-alive": (
            t.idle < t.keep_alive,
            "The replica closes a connection that the load balancer uses: a stray 502.",
        ),
        "interval": (5 <= t.interval <= 10, "A replica that hangs is noticed late."),
        "timeout": (t.timeout < t.interval, "Checks overlap."),
        "drain": (
            t.drain < t.check_interval * t.check_count,
            "The draining container is found unhealthy and replaced a second time.",
        ),
        "check": (t.check_timeout < t.check_interval, "Checks overlap."),
    }
    return {name: sentence for name, (holds, sentence) in relations.items() if not holds}


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found, text
    return int(found[1])


def _environment(container: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in container["Environment"]}


def _attributes(properties: dict[str, Any], kind: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in properties[f"{kind}Attributes"]}


def on_aws() -> Timings:
    stack = Stack(load("service.yaml"), {"ImageUri": "image:tag"})
    (container,) = stack.properties("TaskDefinition")["ContainerDefinitions"]
    group = stack.properties("TargetGroup")
    return Timings(
        drain=int(_environment(container)["DRAIN_SECONDS"]),
        graceful=int(_environment(container)["GRACEFUL_TIMEOUT"]),
        keep_alive=KEEP_ALIVE_SECONDS,
        stop=container["StopTimeout"],
        interval=group["HealthCheckIntervalSeconds"],
        timeout=group["HealthCheckTimeoutSeconds"],
        unhealthy_count=group["UnhealthyThresholdCount"],
        deregistration=int(_attributes(group, "TargetGroup")["deregistration_delay.timeout_seconds"]),
        idle=int(
            _attributes(stack.properties("LoadBalancer"), "LoadBalancer")["idle_timeout.timeout_seconds"]
        ),
        check_interval=container["HealthCheck"]["Interval"],
        check_timeout=container["HealthCheck"]["Timeout"],
        check_count=container["HealthCheck"]["Retries"],
    )


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def dockerfile_environment() -> dict[str, str]:
    """Return the environment of the last stage, the image."""
    last = dockerfile().rpartition("\nFROM ")[2]
    (line,) = re.findall(r"^ENV (.*)$", last, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split())


def dockerfile_healthcheck() -> dict[str, str]:
    (line,) = re.findall(r"^HEALTHCHECK (.*?) CMD", dockerfile(), re.MULTILINE)
    return dict(re.findall(r"--([a-z-]+)=(\S+)", line))


def replica() -> dict[str, Any]:
    """Return what docker-compose.yaml says of every replica."""
    compose = YAML(typ="safe", pure=True).load(ROOT / "docker-compose.yaml")
    shared: dict[str, Any] = compose["x-replica"]
    return shared


def default(variable: str) -> int:
    """Return what docker-compose.yaml takes for a variable that is not set."""
    found = re.fullmatch(r"\$\{" + variable + r":-(\d+)\}", replica()["environment"][variable])
    assert found, variable
    return int(found[1])


def with_compose() -> Timings:
    haproxy = (ROOT / "infra/local/haproxy.cfg").read_text()
    check = re.search(r"check inter (\d+)s fall (\d+)", haproxy)
    idle = [int(each) for each in re.findall(r"timeout (?:server|http-keep-alive) +(\d+)s", haproxy)]
    assert check
    assert idle
    return Timings(
        drain=default("DRAIN_SECONDS"),
        graceful=Settings.model_fields["graceful_timeout"].default,
        keep_alive=KEEP_ALIVE_SECONDS,
        stop=_seconds(replica()["stop_grace_period"]),
        interval=int(check[1]),
        timeout=1,  # haproxy's `timeout connect` bounds it; on one machine an answer takes no second
        unhealthy_count=int(check[2]),
        deregistration=Settings.model_fields[
            "graceful_timeout"
        ].default,  # haproxy waits for as long as it takes
        idle=max(idle),
        check_interval=_seconds(dockerfile_healthcheck()["interval"]),
        check_timeout=_seconds(dockerfile_healthcheck()["timeout"]),
        check_count=int(dockerfile_healthcheck()["retries"]),
    )


@pytest.mark.parametrize("timings", [on_aws, with_compose])
def test_a_redeploy_loses_no_request(timings: Any) -> None:
    assert problems(timings()) == {}


@pytest.mark.parametrize(
    ("change", "relation"),
    [
        ({"drain": 12}, "notice"),
        ({"interval": 10}, "notice"),
        ({"unhealthy_count": 3}, "notice"),
        ({"drain": 30}, "stop"),
        ({"graceful": 45}, "stop"),
        ({"stop": 45}, "stop"),
        ({"stop": 300}, "longest stop"),
        ({"deregistration": 300}, "deregistration"),
        ({"deregistration": 10}, "deregistration"),
        ({"idle": 75}, "keep-alive"),
        ({"keep_alive": 5}, "keep-alive"),
        ({"interval": 30}, "interval"),
        ({"timeout": 5}, "timeout"),
        ({"check_count": 1}, "drain"),
        ({"check_timeout": 10}, "check"),
    ],
    ids=json.dumps,
)
def test_a_timing_that_is_changed_alone_is_caught(change: dict[str, int], relation: str) -> None:
    assert relation in problems(replace(on_aws(), **change))


def test_every_timing_is_caught_by_one_of_these() -> None:
    """Each field, made ten times as long or as short as it may be, breaks a relation."""
    timings = on_aws()
    for each in fields(timings):
        value = getattr(timings, each.name)
        assert any(problems(replace(timings, **{each.name: other})) for other in (value * 10, value // 10))


def test_the_image_drains_for_as_long_as_the_task_and_the_compose_file_do() -> None:
    on_its_own = int(dockerfile_environment()["DRAIN_SECONDS"])
    assert on_its_own == on_aws().drain == with_compose().drain


def test_the_task_finishes_what_is_in_flight_for_as_long_as_the_service_does_by_default() -> None:
    assert on_aws().graceful == Settings.model_fields["graceful_timeout"].default


def test_the_local_load_balancer_behaves_as_the_one_on_aws() -> None:
    local, aws = with_compose(), on_aws()
    assert (local.interval, local.unhealthy_count, local.idle) == (
        aws.interval,
        aws.unhealthy_count,
        aws.idle,
    )
    assert local.stop == aws.stop


def test_sigterm_reaches_the_server() -> None:
    """The image runs run.sh without a shell before it, and run.sh becomes the server."""
    assert re.search(r'^CMD \["\./run\.sh"\]$', dockerfile(), re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", dockerfile(), re.MULTILINE)
    assert (ROOT / "run.sh").read_text().rstrip().endswith('exec "${PYTHON:-python}" -m app.server'), (
        "run.sh has to exec the server as its last command"
    )


def test_a_replica_has_time_to_start_before_it_is_judged() -> None:
    stack = Stack(load("service.yaml"), {"ImageUri": "image:tag"})
    (container,) = stack.properties("TaskDefinition")["ContainerDefinitions"]
    group = stack.properties("TargetGroup")
    grace = stack.properties("Service")["HealthCheckGracePeriodSeconds"]
    until_healthy = group["HealthCheckIntervalSeconds"] * group["HealthyThresholdCount"]
    assert grace >= container["HealthCheck"]["StartPeriod"] + until_healthy
    assert container["HealthCheck"]["StartPeriod"] >= _seconds(dockerfile_healthcheck()["start-period"])


def test_the_container_is_checked_on_aws_as_in_the_image() -> None:
    aws, image = on_aws(), with_compose()
    assert (aws.check_interval, aws.check_count) == (image.check_interval, image.check_count)
    (asked_for,) = re.findall(r"timeout=(\d+)", (ROOT / "app/healthcheck.py").read_text())
    assert int(asked_for) < image.check_timeout <= aws.check_timeout


@pytest.mark.parametrize(("cpu", "workers"), [("512", "1"), ("1024", "1"), ("2048", "2"), ("4096", "4")])
def test_a_task_has_one_worker_per_vcpu(cpu: str, workers: str) -> None:
    stack = Stack(load("service.yaml"), {"ImageUri": "image:tag", "Cpu": cpu})
    (container,) = stack.properties("TaskDefinition")["ContainerDefinitions"]
    assert _environment(container)["WEB_CONCURRENCY"] == workers


def test_the_compose_file_gives_a_replica_what_a_task_has_by_default() -> None:
    task = Stack(load("service.yaml"), {"ImageUri": "image:tag"}).properties("TaskDefinition")
    assert int(task["Cpu"]) == replica()["cpus"] * 1024
    assert f"{int(task['Memory']) // 1024}g" == replica()["mem_limit"]


def test_a_task_sets_only_what_the_service_reads() -> None:
    (container,) = Stack(load("service.yaml"), {"ImageUri": "image:tag"}).properties("TaskDefinition")[
        "ContainerDefinitions"
    ]
    assert {name.lower() for name in _environment(container)} <= set(Settings.model_fields)


def test_large_uploads_fit_into_tmp() -> None:
    """A form that is larger than a megabyte goes through /tmp: leave room for twenty at once."""
    (container,) = Stack(load("service.yaml"), {"ImageUri": "image:tag"}).properties("TaskDefinition")[
        "ContainerDefinitions"
    ]
    (tmp,) = container["LinuxParameters"]["Tmpfs"]
    assert tmp["Size"] * 2**20 >= 20 * Settings.model_fields["max_body_bytes"].default
