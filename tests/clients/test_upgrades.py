"""Clients and proxies that offer another protocol are answered in HTTP/1.1."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.prometheus import requests
from tests.support.service_process import ServiceProcess
from tests.support.tiny import ROW, batch

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


def test_curl_that_prefers_http_2_is_answered(ports: dict[str, int]) -> None:
    url = f"http://127.0.0.1:{ports['direct']}/predict"
    command = ["curl", "-sS", "--http2", "-H", "Content-Type: application/json", "--data-binary", "@-"]
    command += ["-o", "/dev/null", "-w", "%{http_code} %{http_version}\n", url, url]
    done = subprocess.run(command, input=batch(ROW), capture_output=True, check=True)
    assert done.stdout.splitlines()[0] == b"200 1.1"


@pytest.mark.skipif(shutil.which("java") is None, reason="curl proves the same")
def test_client_of_the_jdk_is_answered(ports: dict[str, int]) -> None:
    script = Path(__file__).with_name("Predict.java")
    url = f"http://127.0.0.1:{ports['direct']}/predict"
    done = subprocess.run(["java", script, url, batch(ROW)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["200", "200"]


@pytest.mark.parametrize("padding", [0, 60_000, 131_072, 400_000])
def test_body_behind_a_proxy_that_passes_upgrades_on_is_never_executed(
    service: ServiceProcess, ports: dict[str, int], padding: int
) -> None:
    body = b"\r\n" * (padding // 2) + HIDDEN
    head = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    before = service.metrics()
    with socket.create_connection(("127.0.0.1", ports["nginx for websockets"]), timeout=10) as client:
        client.sendall(head + body)
        status = int(client.recv(65536).split(b" ")[1])
    assert status in {400, 422}
    after = service.metrics()
    added = {
        name: after[name] - before.get(name, 0) for name in after if name.startswith("http_requests_total")
    }
    assert {name for name, count in added.items() if count} == {
        requests("/predict", status),
        requests("/metrics", 200),
    }
