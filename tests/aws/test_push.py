"""push_to_ecr.sh and push_to_heroku.sh from end to end, with a real image.

moto is STS, ECR, ECS and ELB; ECR's own registry is played by docker-registry, which takes the password that
moto's ECR gives out. moto replaces no task: whether /health shows the new version is up to a container of it.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.aws.conftest import Account, tool
from tests.aws.registry import (
    APP,
    Checkout,
    Registry,
    answering,
    check_out,
    deployments,
    ecr_password,
    forget,
    label,
    make_service,
    only,
    script,
    stand_in_for_ecr,
)
from tests.container.docker import Container, inspect, run, running, until

REDEPLOY = (
    "aws ecs update-service --region us-east-1 --cluster census-model-api-cluster "
    "--service census-model-api-service --force-new-deployment"
)


@dataclass(frozen=True)
class Pushed:
    """What the script printed on its standard output, once it had pushed the image."""

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
    def health(self) -> dict[str, object]:
        """What /health has to hold."""
        sha256, _, _ = self.line("Model").partition(" ")
        return {"api_version": self.checkout.version, "model": {"sha256": sha256}}


@pytest.fixture(scope="module")
def registry(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    directory = tmp_path_factory.mktemp("registry")
    with stand_in_for_ecr(directory, ecr_password(Account(moto_url, directory)), "_") as registry:
        yield registry


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    checkout = check_out(tmp_path_factory.mktemp("checkout"))
    yield checkout
    forget(checkout)


def push(
    account: Account, checkout: Checkout, *options: str, expect: int = 0, **changes: str
) -> subprocess.CompletedProcess[str]:
    return account.run(checkout.path / "push_to_ecr.sh", *options, expect=expect, **changes)


@pytest.fixture(scope="module")
def pushed(
    moto_url: str, registry: Registry, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Pushed:
    """The image of the checkout, pushed with no option at all."""
    account = Account(moto_url, tmp_path_factory.mktemp("home"))
    return Pushed(account, checkout, push(account, checkout, ECR_REGISTRY=registry.host).stdout)


@pytest.fixture(scope="module")
def replica(pushed: Pushed) -> Iterator[Container]:
    """The image as the registry has it, running."""
    run("docker", "image", "rm", "--force", inspect("image", pushed.image)["Id"])
    pushed.account.run("docker", "pull", pushed.image)
    with running(pushed.image, "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL") as container:
        container.wait_ready()
        yield container


# ---- build and push


def test_both_tags_are_pushed_under_the_digest_that_is_printed(pushed: Pushed, registry: Registry) -> None:
    assert pushed.line("Tags") == f"{pushed.checkout.tag} latest"
    for tag in (pushed.checkout.tag, "latest"):
        assert f"{registry.host}/{APP}@{registry.digest(APP, tag)}" == pushed.image


def test_the_exact_command_that_redeploys_is_printed(pushed: Pushed) -> None:
    assert pushed.line("Redeploy") == REDEPLOY


def test_the_command_that_returns_to_this_image_names_its_digest(pushed: Pushed) -> None:
    assert pushed.line("Return") == f"infra/deploy.sh --image {pushed.image.partition('@')[2]}"


def test_the_pushed_image_is_pulled_runs_and_answers(pushed: Pushed, replica: Container) -> None:
    health = httpx.get(f"{replica.url}/health").json()
    assert health["api_version"] == pushed.checkout.version
    assert health["model"]["sha256"] == label(pushed.image, "model.sha256")
    assert health["model"]["data_source"] == "real"
    assert pushed.health["model"] == {"sha256": health["model"]["sha256"]}


def test_the_image_says_of_which_commit_it_is(pushed: Pushed) -> None:
    assert label(pushed.image, "org.opencontainers.image.revision") == pushed.checkout.git(
        "rev-parse", "HEAD"
    )


def test_the_image_runs_as_heroku_and_render_run_it(pushed: Pushed, replica: Container) -> None:  # noqa: ARG001 - it pulls
    """They choose the port, and Heroku a user that the image does not know."""
    options = ("--user=54321:54321", "--publish=127.0.0.1::5005")
    with running(pushed.image, *options, env={"PORT": 5005, "DRAIN_SECONDS": 0}) as container:
        address = run("docker", "port", container.id, "5005/tcp").splitlines()[0]
        until(lambda: ok(f"http://{address}/health"), 30, "the container answers at its PORT")
        container.kill("TERM")
        assert container.exit_code(20) == 0


def ok(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def test_help_lists_the_options(account: Account, checkout: Checkout) -> None:
    output = push(account, checkout, "--help").stdout
    for option in ("--deploy", "--allow-dirty", "--allow-synthetic"):
        assert option in output
    assert "set -euo" not in output


# ---- what it stops at


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence with which it stopped: the last thing it says."""
    assert done.stdout == ""
    _, _, last = done.stderr.rpartition("push_to_ecr.sh: ")
    return last.strip()


def test_an_unknown_option_is_refused(account: Account, checkout: Checkout) -> None:
    done = push(account, checkout, "--deploi", expect=1)
    assert sentence(done) == "There is no option --deploi; --help lists them."


def test_it_stops_without_docker(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    path = only(tmp_path / "bin", "bash", "dirname", "aws", "git", "python3", "curl")
    done = push(account, checkout, expect=1, PATH=path)
    assert sentence(done) == "The command docker is needed and was not found on the PATH."


def test_it_stops_when_no_engine_answers(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    done = push(account, checkout, expect=1, DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert sentence(done) == "Docker is installed, but no engine answers; start it and try again."


def test_it_stops_without_credentials(account: Account, checkout: Checkout) -> None:
    done = push(account, checkout, expect=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert sentence(done).startswith("AWS refused, or found no credentials; log in with")


def test_it_stops_at_a_wrong_password(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    with stand_in_for_ecr(tmp_path, "another") as other:
        done = push(account, checkout, expect=1, ECR_REGISTRY=other.host)
        assert sentence(done).startswith(f"The registry {other.host} refused the login;")
        assert other.tags() == set()


def test_it_stops_where_there_is_no_commit(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "push_to_ecr.sh").write_bytes((checkout.path / "push_to_ecr.sh").read_bytes())
    done = account.run(tool("bash"), tmp_path / "push_to_ecr.sh", expect=1)
    assert sentence(done).startswith("This is not a git checkout with a commit")


@pytest.fixture
def dirty(checkout: Checkout) -> Iterator[Checkout]:
    change = checkout.path / "app/change.py"
    change.touch()
    yield checkout
    change.unlink()


def test_it_stops_at_changes_that_no_commit_holds(account: Account, dirty: Checkout) -> None:
    said = sentence(push(account, dirty, expect=1))
    assert said.startswith("There are changes that no commit holds; commit them or pass --allow-dirty:")
    assert "app/change.py" in said


def test_changes_are_pushed_when_allowed_under_a_tag_that_says_so(
    account: Account, registry: Registry, dirty: Checkout
) -> None:
    output = push(account, dirty, "--allow-dirty", ECR_REGISTRY=registry.host, REPOSITORY_NAME="dirty").stdout
    assert f"{dirty.tag}-dirty latest" in output
    assert registry.tags("dirty") == {f"{dirty.tag}-dirty", "latest"}


def test_it_stops_at_a_model_of_synthetic_data(
    account: Account, registry: Registry, checkout: Checkout
) -> None:
    there: dict[str, Any] = {
        "ECR_REGISTRY": registry.host,
        "REPOSITORY_NAME": "synthetic",
        "DATA_SOURCE": "synthetic",
    }
    done = push(account, checkout, expect=1, **there)
    assert sentence(done) == (
        "The model was trained on synthetic data; pass --allow-synthetic to push it all the same."
    )
    assert registry.tags("synthetic") == set()

    assert "(synthetic data)" in push(account, checkout, "--allow-synthetic", **there).stdout
    assert registry.tags("synthetic") == {checkout.tag, "latest"}


# ---- --deploy


@pytest.fixture
def deployed(account: Account, registry: Registry) -> Account:
    """An account whose service follows `latest`."""
    make_service(account, f"{registry.host}/{APP}:latest")
    return account


def test_deploy_redeploys_and_waits_until_the_new_version_answers(
    deployed: Account, registry: Registry, pushed: Pushed, replica: Container
) -> None:
    before = deployments(deployed)
    done = push(deployed, pushed.checkout, "--deploy", ECR_REGISTRY=registry.host, LB_URL=replica.url)
    assert deployments(deployed) != before
    model = pushed.line("Model").partition(" ")[0]
    expected = f"{replica.url}/health: {pushed.checkout.version} with the model {model}"
    assert Pushed(deployed, pushed.checkout, done.stdout).line("Answers") == expected


def test_deploy_asks_at_the_load_balancers_name(
    deployed: Account, registry: Registry, pushed: Pushed
) -> None:
    name = deployed.aws("elbv2", "describe-load-balancers")["LoadBalancers"][0]["DNSName"]
    with answering(pushed.health) as proxy:  # the name is in no DNS, so it is asked for through a proxy
        through: dict[str, Any] = {"http_proxy": proxy.url, "no_proxy": "127.0.0.1"}
        push(deployed, pushed.checkout, "--deploy", ECR_REGISTRY=registry.host, **through)
    assert proxy.asked == [f"http://{name}/health"]


def test_deploy_fails_after_its_deadline_when_another_version_goes_on_answering(
    deployed: Account, registry: Registry, pushed: Pushed
) -> None:
    old = pushed.health | {"api_version": "0.0.9"}
    with answering(old) as service:
        there: dict[str, Any] = {"ECR_REGISTRY": registry.host, "LB_URL": service.url, "HEALTH_TIMEOUT": "2"}
        done = push(deployed, pushed.checkout, "--deploy", expect=1, **there)
    assert f"{service.url}/health did not show {pushed.checkout.version} with the model" in done.stderr
    assert "within 2 s; the last answer: 0.0.9 " in done.stderr
    assert len(service.asked) > 1


def test_deploy_fails_after_its_deadline_when_another_model_goes_on_answering(
    deployed: Account, registry: Registry, pushed: Pushed
) -> None:
    with answering(pushed.health | {"model": {"sha256": "0" * 64}}) as service:
        there: dict[str, Any] = {"ECR_REGISTRY": registry.host, "LB_URL": service.url, "HEALTH_TIMEOUT": "1"}
        done = push(deployed, pushed.checkout, "--deploy", expect=1, **there)
    assert "0000; " not in done.stderr
    assert f"the last answer: {pushed.checkout.version} 000000" in done.stderr


def test_deploy_fails_when_nothing_answers(deployed: Account, registry: Registry, pushed: Pushed) -> None:
    there: dict[str, Any] = {
        "ECR_REGISTRY": registry.host,
        "LB_URL": "http://127.0.0.1:9",
        "HEALTH_TIMEOUT": "1",
    }
    done = push(deployed, pushed.checkout, "--deploy", expect=1, **there)
    assert re.search(r"the last answer: .*connect.*127\.0\.0\.1.*\.$", done.stderr.strip())


def test_deploy_says_that_ecs_rolled_it_back(
    deployed: Account, registry: Registry, pushed: Pushed, tmp_path: Path
) -> None:
    """The account has no circuit breaker: that another deployment remained is told by a stand-in for aws."""
    script(
        tmp_path / "bin/aws",
        f'case "$*" in *rolloutState*) echo "ecs-svc/1 COMPLETED" ;; *) exec {tool("aws")} "$@" ;; esac\n',
    )
    path = f"{tmp_path}/bin:{deployed.environment['PATH']}"
    done = push(deployed, pushed.checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host, PATH=path)
    assert "push_to_ecr.sh: ECS rolled the deployment back to the version before;" in done.stderr


def test_deploy_refuses_a_service_that_does_not_follow_latest(
    account: Account, registry: Registry, pushed: Pushed
) -> None:
    """As it is after a rollback: a restart would start the same image again."""
    make_service(account, pushed.image)
    done = push(account, pushed.checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host)
    assert sentence(done).startswith(f"The service runs {pushed.image}, not {registry.host}/{APP}:latest,")


def test_deploy_says_that_there_is_no_service(
    account: Account, registry: Registry, checkout: Checkout
) -> None:
    account.aws("ecs", "create-cluster", "--cluster-name", f"{APP}-cluster")
    done = push(account, checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host)
    assert sentence(done) == (
        f"There is no service {APP}-service in the cluster {APP}-cluster; infra/deploy.sh creates it."
    )


# ---- Heroku


def test_push_to_heroku_pushes_and_releases(
    account: Account, registry: Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """The heroku command is a stand-in: it gives out the registry's password, and notes how it is called."""
    script(
        tmp_path / "bin/heroku",
        f'echo "$*" >> {tmp_path}/calls\nif [ "$1" = auth:token ]; then echo "{registry.password}"; fi\n',
    )
    account.run(
        *(checkout.path / "push_to_heroku.sh", "an-app"),
        PATH=f"{tmp_path}/bin:{account.environment['PATH']}",
        HEROKU_REGISTRY=registry.host,
    )
    assert registry.tags("an-app/web") == {"latest"}
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [
        "auth:token",
        "config:set --app an-app DRAIN_SECONDS=0 GRACEFUL_TIMEOUT=25",
        "container:release web --app an-app",
    ]


def test_push_to_heroku_without_an_app_shows_its_usage(account: Account, checkout: Checkout) -> None:
    done = account.run(checkout.path / "push_to_heroku.sh", expect=2)
    assert done.stderr.startswith("push_to_heroku.sh APP:")
