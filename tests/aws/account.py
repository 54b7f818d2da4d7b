"""A pretended AWS account: moto in a process of its own, reached by the real command line and by boto3.

No test of this suite is skipped: a missing tool fails the test, with a sentence that says how to install it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from tests.container.docker import until
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
REGION = "us-east-1"
REPLICAS = 3
ACCOUNT_ID = "123456789012"  # moto's


def tool(name: str, hint: str = "`make test-aws` installs it") -> str:
    """Return the path of an executable, first from beside this Python; fail the test if there is none."""
    path = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if path is None:
        pytest.fail(f"The tool {name} is not installed: {hint}.")
    return path


@dataclass(frozen=True)
class Account:
    """A pretended AWS account, empty when a test gets it."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which the command line speaks to this account and to no other."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return others | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def run(
        self, *command: str | Path, stdin: str = "", expect: int | None = 0, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command at the root of the project; fail the test when its exit code is not as expected.

        An `expect` of None allows any. `changes` are environment variables, set on top of `environment`.
        """
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=self.environment | changes,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if expect is not None and done.returncode != expect:
            pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service of this account."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - moto's
        )


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a moto server, in which every ECS service has all its replicas at once, and yield its address."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [tool("moto_server"), "-H", "127.0.0.1", "-p", port],
        env=os.environ | {"MOTO_ECS_SERVICE_RUNNING": str(REPLICAS)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            ready = f"{url}/moto-api/data.json"
            until(lambda: answers(ready) or server.poll() is not None, 60, "moto answers")
            assert server.poll() is None, "The moto server stopped; `make test-aws` installs moto[server]."
            yield url
        finally:
            server.kill()


def answers(url: str) -> bool:
    """Say whether a server answers there at all."""
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def empty(url: str, home: Path) -> Account:
    """Return the account of a moto server, with everything in it removed."""
    httpx.post(f"{url}/moto-api/reset", timeout=30).raise_for_status()
    home.mkdir()
    return Account(url, home)
