"""A pretended AWS account: moto in a process of its own, reached through the real command line.

Nothing in this suite skips: a tool that is missing fails the test with the sentence that says how to get it.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

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
        """The environment in which the command line and boto3 speak to this account and to no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
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

        An `expect` of None takes any. `changes` are environment variables, set on top of `environment`.
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

    def aws(self, *arguments: str | Path) -> Any:
        """Run the AWS command line; return its answer as JSON, None if it printed nothing."""
        done = self.run(tool("aws"), *arguments, "--output", "json")
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """The address of a moto server, in which every ECS service has all its replicas running at once."""
    port = free_port()
    environment = os.environ | {"MOTO_ECS_SERVICE_RUNNING": str(REPLICAS)}
    with subprocess.Popen(
        [tool("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_for(url, server)
            yield url
        finally:
            server.kill()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if server.poll() is not None:
            pytest.fail("The moto server stopped: is moto[server] installed? `make test-aws` installs it.")
        try:
            with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail("The moto server did not answer within 30 s.")


@pytest.fixture
def account(moto_url: str, tmp_path: Path) -> Account:
    """An empty account."""
    request = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        home = tmp_path / "home"
        home.mkdir()
        return Account(moto_url, home)
