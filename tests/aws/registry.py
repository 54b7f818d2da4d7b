"""The surroundings of push_to_ecr.sh: a registry that stands in for ECR, and a git checkout of its own."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import bcrypt
import httpx
from ruamel.yaml import YAML

from model_build.data import synthetic_census
from tests.aws.account import ROOT, Account, answers, tool
from tests.container.docker import attempt, run, until
from tests.support.ports import free_port

APP = "census-model-api"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
NAMES = "{{.Repository}}:{{.Tag}}\n{{.Repository}}@{{.Digest}}"
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}/images}}}}
http: {{addr: {host}}}
auth: {{htpasswd: {{realm: ecr, path: {directory}/htpasswd}}}}
"""


@dataclass(frozen=True)
class Registry:
    """A registry on this machine. Docker trusts it without TLS, because it listens on a loopback address."""

    host: str
    password: str

    def digest(self, repository: str, tag: str) -> str | None:
        """Return the digest of a tag, None when there is no such tag."""
        answer = httpx.head(
            f"http://{self.host}/v2/{repository}/manifests/{tag}",
            auth=("AWS", self.password),
            headers={"Accept": MANIFEST},
        )
        return answer.headers["Docker-Content-Digest"] if answer.is_success else None

    def tags(self, repository: str = APP) -> set[str]:
        answer = httpx.get(f"http://{self.host}/v2/{repository}/tags/list", auth=("AWS", self.password))
        return set(answer.json().get("tags") or [])


@contextmanager
def stand_in_for_ecr(directory: Path, password: str, *users: str) -> Iterator[Registry]:
    """Run Debian's docker-registry for the user AWS and the other users, who all have this password."""
    host = f"127.0.0.1:{free_port()}"
    secret = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    (directory / "htpasswd").write_text("".join(f"{user}:{secret}\n" for user in ("AWS", *users)))
    (directory / "registry.yaml").write_text(CONFIGURATION.format(directory=directory, host=host))
    program = tool("docker-registry", "install the Debian package docker-registry")
    with (
        (directory / "registry.log").open("w") as log,
        subprocess.Popen([program, "serve", directory / "registry.yaml"], stdout=log, stderr=log) as server,
    ):
        try:
            until(lambda: answers(f"http://{host}/v2/"), 30, "the registry answers")
            yield Registry(host, password)
        finally:
            server.kill()
            for line in run("docker", "image", "ls", "--digests", "--format", NAMES).splitlines():
                if line.startswith(host) and not line.endswith("<none>"):
                    attempt("docker", "image", "rm", *line.split())


def ecr_password(account: Account) -> str:
    """Return the password that the account's ECR gives out."""
    return account.run(tool("aws"), "ecr", "get-login-password").stdout.strip()


@dataclass(frozen=True)
class Checkout:
    """A git checkout of the working tree."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git with a fixed author and date, so that the same files make the same commit."""
        author = {"NAME": "test", "EMAIL": "test@localhost", "DATE": "2026-01-01T00:00:00Z"}
        roles = ("AUTHOR", "COMMITTER")
        identity = {f"GIT_{role}_{key}": value for role in roles for key, value in author.items()}
        return run("git", "-c", "commit.gpgsign=false", *arguments, cwd=self.path, env=os.environ | identity)

    @property
    def version(self) -> str:
        match = re.search(
            r'^__version__ = "(.+)"$', (self.path / "app/__init__.py").read_text(), re.MULTILINE
        )
        assert match
        return match[1]

    @property
    def tag(self) -> str:
        return f"{self.version}-{self.git('rev-parse', '--short=12', 'HEAD')}"


def check_out(path: Path) -> Checkout:
    """Copy the files of the working tree that git does not ignore, and commit them.

    The census data are synthetic, but they lie where real data would, so nothing is downloaded. The gates of
    the spec are removed, because so few rows do not pass them.
    """
    for name in run("git", "ls-files", "-coz", "--exclude-standard", cwd=ROOT).split("\0"):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    yaml, spec = YAML(), path / "model_build/specs/census.yaml"
    tree = yaml.load(spec)
    del tree["gates"]
    yaml.dump(tree, spec)
    checkout = Checkout(path)
    checkout.git("init", "--quiet")
    checkout.git("add", "--all")
    checkout.git("commit", "--quiet", "--no-verify", "--message=Copy")
    synthetic_census.generate_census(5000, 1).to_csv(path / "data/census.csv", index=False)
    return checkout


def remove_images(checkout: Checkout) -> None:
    """Remove the images that were built from the checkout."""
    for suffix in ("", "-dirty"):
        attempt("docker", "image", "rm", f"{APP}:{checkout.tag}{suffix}")


def push(
    account: Account, checkout: Checkout, *options: str, expect: int = 0, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run push_to_ecr.sh in the checkout."""
    return account.run(checkout.path / "push_to_ecr.sh", *options, expect=expect, **changes)


@dataclass(frozen=True)
class Pushed:
    """The standard output of push_to_ecr.sh."""

    account: Account
    checkout: Checkout
    output: str

    def line(self, name: str) -> str:
        match = re.search(rf"^{name} +(.+)$", self.output, re.MULTILINE)
        assert match, self.output
        return match[1]

    @property
    def image(self) -> str:
        return self.line("Pushed")

    @property
    def health(self) -> dict[str, Any]:
        """The part of /health that the script waits for."""
        sha256, _, _ = self.line("Model").partition(" ")
        return {"api_version": self.checkout.version, "model": {"sha256": sha256}}


@dataclass(frozen=True)
class Stub:
    """A server that gives the same answer to every request."""

    url: str
    requested: list[str]


@contextmanager
def answering(body: Any, status: int = 200) -> Iterator[Stub]:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Stub(f"http://127.0.0.1:{server.server_port}", requested)
    finally:
        server.shutdown()
        server.server_close()


def create_service(account: Account, image: str) -> None:
    """Create the cluster, task definition, service and load balancer, named as in infra/service.yaml."""
    ecs, subnets = account.client("ecs"), account.client("ec2").describe_subnets()["Subnets"]
    container = {"name": APP, "image": image, "memory": 512}
    ecs.create_cluster(clusterName=f"{APP}-cluster")
    ecs.register_task_definition(family=f"{APP}-task", containerDefinitions=[container])
    ecs.create_service(
        cluster=f"{APP}-cluster", serviceName=f"{APP}-service", taskDefinition=f"{APP}-task", desiredCount=3
    )
    account.client("elbv2").create_load_balancer(
        Name=f"{APP}-lb", Subnets=[subnet["SubnetId"] for subnet in subnets[:2]]
    )


def deployments(account: Account) -> list[str]:
    """Return the ids of the service's deployments."""
    services = account.client("ecs").describe_services(cluster=f"{APP}-cluster", services=[f"{APP}-service"])
    return [deployment["id"] for deployment in services["services"][0]["deployments"]]


def only(directory: Path, *names: str) -> str:
    """Return a PATH that has these commands and no others."""
    directory.mkdir()
    for name in names:
        (directory / name).symlink_to(tool(name))
    return str(directory)


def script(path: Path, text: str) -> None:
    """Write an executable that bash runs."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}")
    path.chmod(0o755)


def label(image: str, name: str) -> str:
    labels: Mapping[str, str] = json.loads(run("docker", "image", "inspect", image))[0]["Config"]["Labels"]
    return labels[name]
