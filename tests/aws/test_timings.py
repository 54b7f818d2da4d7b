"""A redeploy loses no request only if the timings in five files fit together; none may be changed alone."""

import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from app.settings import Settings
from tests.aws.account import ROOT
from tests.aws.template import load, render

LONGEST_STOP = 120  # Fargate allows no longer StopTimeout, and Spot warns this long before it takes a task


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
    """Return the consequence of each relation that does not hold, by the name of the relation."""
    t = timings
    relations = {
        "notice": (
            t.interval * t.unhealthy_count + t.timeout < t.drain,
            "The replica stops accepting before the load balancer notices that it drains.",
        ),
        "stop": (
            t.drain + t.graceful < t.stop,
            "The container is killed before the requests in flight are finished.",
        ),
        "longest stop": (t.stop <= LONGEST_STOP, "ECS refuses it, or Spot takes the task earlier."),
        "deregistration": (
            t.graceful <= t.deregistration <= t.drain + t.graceful,
            "The load balancer cuts off a request in flight, or waits for a replica that is gone.",
        ),
        "keep-alive": (
            t.idle < t.keep_alive,
            "The replica closes a connection that the load balancer uses: a stray 502.",
        ),
        "interval": (5 <= t.interval <= 10, "The load balancer notices late that a replica hangs."),
        "timeout": (t.timeout < t.interval, "Checks overlap."),
        "drain": (
            t.drain < t.check_interval * t.check_count,
            "ECS finds the draining container unhealthy and replaces it a second time.",
        ),
        "check": (t.check_timeout < t.check_interval, "Checks overlap."),
    }
    return {name: sentence for name, (holds, sentence) in relations.items() if not holds}


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)s", text)
    assert match, text
    return int(match[1])


def on_aws() -> Timings:
    stack = render(load("service.yaml"))
    container, group = stack.container, stack.properties("TargetGroup")
    return Timings(
        drain=int(stack.environment["DRAIN_SECONDS"]),
        graceful=int(stack.environment["GRACEFUL_TIMEOUT"]),
        keep_alive=Settings.model_fields["idle_seconds"].default,
        stop=container["StopTimeout"],
        interval=group["HealthCheckIntervalSeconds"],
        timeout=group["HealthCheckTimeoutSeconds"],
        unhealthy_count=group["UnhealthyThresholdCount"],
        deregistration=int(stack.attributes("TargetGroup")["deregistration_delay.timeout_seconds"]),
        idle=int(stack.attributes("LoadBalancer")["idle_timeout.timeout_seconds"]),
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
    """Return the part of docker-compose.yaml that every replica shares."""
    compose = YAML(typ="safe", pure=True).load(ROOT / "docker-compose.yaml")
    shared: dict[str, Any] = compose["x-replica"]
    return shared


def default(variable: str) -> int:
    """Return the default of a variable in docker-compose.yaml."""
    match = re.fullmatch(r"\$\{" + variable + r":-(\d+)\}", replica()["environment"][variable])
    assert match, variable
    return int(match[1])


def with_compose() -> Timings:
    haproxy = (ROOT / "infra/local/haproxy.cfg").read_text()
    check = re.search(r"check inter (\d+)s fall (\d+)", haproxy)
    idle = [int(timeout) for timeout in re.findall(r"timeout (?:server|http-keep-alive) +(\d+)s", haproxy)]
    assert check
    assert idle
    return Timings(
        drain=default("DRAIN_SECONDS"),
        graceful=Settings.model_fields["graceful_timeout"].default,
        keep_alive=Settings.model_fields["idle_seconds"].default,
        stop=seconds(replica()["stop_grace_period"]),
        interval=int(check[1]),
        timeout=1,  # haproxy's `timeout connect` bounds it; on one machine an answer takes no second
        unhealthy_count=int(check[2]),
        deregistration=Settings.model_fields["graceful_timeout"].default,  # haproxy waits without a limit
        idle=max(idle),
        check_interval=seconds(dockerfile_healthcheck()["interval"]),
        check_timeout=seconds(dockerfile_healthcheck()["timeout"]),
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


def test_every_timing_is_in_a_relation() -> None:
    """A timing that is ten times as long, or a tenth, breaks a relation."""
    timings = on_aws()
    for field in fields(timings):
        value = getattr(timings, field.name)
        assert any(problems(replace(timings, **{field.name: wrong})) for wrong in (value * 10, value // 10))


def test_the_image_the_task_and_the_compose_file_drain_equally_long() -> None:
    image = int(dockerfile_environment()["DRAIN_SECONDS"])
    assert image == on_aws().drain == with_compose().drain


def test_a_task_has_the_default_graceful_timeout() -> None:
    assert on_aws().graceful == Settings.model_fields["graceful_timeout"].default


def test_the_local_load_balancer_has_the_timings_of_the_one_on_aws() -> None:
    local, aws = with_compose(), on_aws()
    assert (local.interval, local.unhealthy_count, local.idle) == (
        aws.interval,
        aws.unhealthy_count,
        aws.idle,
    )
    assert local.stop == aws.stop


def test_sigterm_reaches_the_server() -> None:
    """The image starts run.sh without a shell, and run.sh is replaced by the server."""
    assert re.search(r'^CMD \["\./run\.sh"\]$', dockerfile(), re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", dockerfile(), re.MULTILINE)
    assert (ROOT / "run.sh").read_text().rstrip().endswith('exec "${PYTHON:-python}" -m app.server'), (
        "the last command of run.sh has to exec the server"
    )


def test_a_replica_has_time_to_start_before_its_health_counts() -> None:
    stack = render(load("service.yaml"))
    container, group = stack.container, stack.properties("TargetGroup")
    grace = stack.properties("Service")["HealthCheckGracePeriodSeconds"]
    until_healthy = group["HealthCheckIntervalSeconds"] * group["HealthyThresholdCount"]
    assert grace >= container["HealthCheck"]["StartPeriod"] + until_healthy
    assert container["HealthCheck"]["StartPeriod"] >= seconds(dockerfile_healthcheck()["start-period"])


def test_the_container_health_check_is_the_same_on_aws_and_in_the_image() -> None:
    aws, image = on_aws(), with_compose()
    assert (aws.check_interval, aws.check_count) == (image.check_interval, image.check_count)
    (timeout,) = re.findall(r"timeout=(\d+)", (ROOT / "app/healthcheck.py").read_text())
    assert int(timeout) < image.check_timeout <= aws.check_timeout


@pytest.mark.parametrize(("cpu", "workers"), [("512", "1"), ("1024", "1"), ("2048", "2"), ("4096", "4")])
def test_a_task_has_one_worker_per_vcpu(cpu: str, workers: str) -> None:
    assert render(load("service.yaml"), Cpu=cpu).environment["WEB_CONCURRENCY"] == workers


def test_the_compose_file_gives_a_replica_the_cpu_and_memory_of_a_task() -> None:
    task = render(load("service.yaml")).properties("TaskDefinition")
    assert int(task["Cpu"]) == replica()["cpus"] * 1024
    assert f"{int(task['Memory']) // 1024}g" == replica()["mem_limit"]


def test_a_task_sets_only_settings_of_the_service() -> None:
    names = {name.lower() for name in render(load("service.yaml")).environment}
    assert names <= set(Settings.model_fields)


def test_the_compose_file_has_the_tmp_of_a_task() -> None:
    (tmp,) = render(load("service.yaml")).container["LinuxParameters"]["Tmpfs"]
    assert replica()["tmpfs"] == [f"{tmp['ContainerPath']}:size={tmp['Size']}m"]


@pytest.mark.parametrize(("cpu", "memory"), [("512", 1024), ("1024", 2048), ("2048", 4096), ("4096", 8192)])
def test_bodies_fill_at_most_a_quarter_of_the_least_memory(cpu: str, memory: int) -> None:
    workers = int(render(load("service.yaml"), Cpu=cpu).environment["WEB_CONCURRENCY"])
    buffered = workers * Settings.model_fields["max_buffered_bytes"].default
    assert buffered <= memory * 2**20 / 4
