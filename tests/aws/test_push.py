"""push_to_ecr.sh, push_to_heroku.sh and the deploy workflow from end to end, with a real image.

Moto is STS, ECR, ECS and ELB. Debian's docker-registry stands in for the registry of ECR, and accepts the
password that moto's ECR gives out. Moto replaces no task, so a container of the image answers at /health.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.aws.account import ROOT, Account, answers, tool
from tests.aws.registry import (
    APP,
    Checkout,
    Pushed,
    Registry,
    answering,
    create_service,
    deployments,
    label,
    only,
    push,
    script,
    stand_in_for_ecr,
)
from tests.container.docker import Container, run, running, until

REDEPLOY = (
    "aws ecs update-service --region us-east-1 --cluster census-model-api-cluster "
    "--service census-model-api-service --force-new-deployment"
)


# ---- build and push


def test_the_image_is_pushed_under_two_tags(pushed: Pushed, registry: Registry) -> None:
    assert pushed.line("Tags") == f"{pushed.checkout.tag} latest"
    for tag in (pushed.checkout.tag, "latest"):
        assert f"{registry.host}/{APP}@{registry.digest(APP, tag)}" == pushed.image


def test_the_commands_that_redeploy_and_roll_back_are_printed(pushed: Pushed) -> None:
    assert pushed.line("Redeploy") == REDEPLOY
    assert pushed.line("Rollback") == f"infra/deploy.sh --image {pushed.image.partition('@')[2]}"


def test_the_pushed_image_serves_the_model_and_the_version_of_its_labels(
    pushed: Pushed, replica: Container
) -> None:
    health = httpx.get(f"{replica.url}/health").json()
    assert health["api_version"] == pushed.checkout.version
    assert health["model"]["sha256"] == label(pushed.image, "model.sha256")
    assert health["model"]["data_source"] == "real"
    assert pushed.health["model"] == {"sha256": health["model"]["sha256"]}
    revision = label(pushed.image, "org.opencontainers.image.revision")
    assert revision == pushed.checkout.git("rev-parse", "HEAD")


def test_the_image_runs_as_heroku_and_render_run_it(pushed: Pushed, replica: Container) -> None:  # noqa: ARG001 - it pulls
    """They choose the port, and Heroku chooses a user that the image does not know."""
    options = ("--user=54321:54321", "--publish=127.0.0.1::5005")
    with running(pushed.image, *options, env={"PORT": 5005, "DRAIN_SECONDS": 0}) as container:
        address = run("docker", "port", container.id, "5005/tcp").splitlines()[0]
        until(lambda: answers(f"http://{address}/health"), 30, "the container answers at its PORT")
        container.kill("TERM")
        assert container.exit_code(20) == 0


def test_help_lists_the_options(account: Account, checkout: Checkout) -> None:
    output = push(account, checkout, "--help").stdout
    for option in ("--deploy", "--allow-dirty", "--allow-synthetic"):
        assert option in output
    assert "set -euo" not in output


# ---- refusals


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last message of a script that stopped before it printed a result."""
    assert done.stdout == ""
    _, _, last = done.stderr.rpartition("push_to_ecr.sh: ")
    return last.strip()


def test_an_unknown_option_is_refused(account: Account, checkout: Checkout) -> None:
    done = push(account, checkout, "--deploi", expect=1)
    assert sentence(done) == "Unknown option --deploi; see --help."


def test_push_stops_without_docker(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    path = only(tmp_path / "bin", "bash", "dirname", "aws", "git", "python3", "curl")
    done = push(account, checkout, expect=1, PATH=path)
    assert sentence(done) == "The command docker was not found; install it or add it to the PATH."


def test_push_stops_when_no_engine_answers(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    done = push(account, checkout, expect=1, DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert sentence(done) == "Docker is installed, but its engine does not answer; start it and try again."


def test_push_stops_without_credentials(account: Account, checkout: Checkout) -> None:
    done = push(account, checkout, expect=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert sentence(done).startswith("AWS accepted no credentials; log in with")


def test_push_stops_at_a_wrong_password(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    with stand_in_for_ecr(tmp_path, "another") as registry:
        done = push(account, checkout, expect=1, ECR_REGISTRY=registry.host)
        assert sentence(done).startswith(f"The registry {registry.host} refused the login;")
        assert registry.tags() == set()


def test_push_stops_outside_a_git_checkout(account: Account, checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "push_to_ecr.sh").write_bytes((checkout.path / "push_to_ecr.sh").read_bytes())
    done = account.run(tool("bash"), tmp_path / "push_to_ecr.sh", expect=1)
    assert sentence(done).startswith("This is not a git checkout with a commit")


@pytest.fixture
def dirty(checkout: Checkout) -> Iterator[Checkout]:
    change = checkout.path / "app/change.py"
    change.touch()
    yield checkout
    change.unlink()


def test_uncommitted_changes_are_refused_or_marked_in_the_tag(
    account: Account, registry: Registry, dirty: Checkout
) -> None:
    refusal = sentence(push(account, dirty, expect=1))
    assert refusal.startswith("There are uncommitted changes; commit them or pass --allow-dirty:")
    assert "app/change.py" in refusal

    output = push(account, dirty, "--allow-dirty", ECR_REGISTRY=registry.host, REPOSITORY_NAME="dirty").stdout
    assert f"{dirty.tag}-dirty latest" in output
    assert registry.tags("dirty") == {f"{dirty.tag}-dirty", "latest"}


def test_a_model_of_synthetic_data_is_refused_or_marked(
    account: Account, registry: Registry, checkout: Checkout
) -> None:
    settings: dict[str, Any] = {
        "ECR_REGISTRY": registry.host,
        "REPOSITORY_NAME": "synthetic",
        "DATA_SOURCE": "synthetic",
    }
    done = push(account, checkout, expect=1, **settings)
    assert sentence(done) == (
        "The model was trained on synthetic data; pass --allow-synthetic to push it anyway."
    )
    assert registry.tags("synthetic") == set()

    assert "(synthetic data)" in push(account, checkout, "--allow-synthetic", **settings).stdout
    assert registry.tags("synthetic") == {checkout.tag, "latest"}


# ---- --deploy


@pytest.fixture
def deployed(account: Account, registry: Registry) -> Account:
    """An account whose service follows `latest`."""
    create_service(account, f"{registry.host}/{APP}:latest")
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


def test_deploy_requests_health_at_the_name_of_the_load_balancer(
    deployed: Account, registry: Registry, pushed: Pushed
) -> None:
    (balancer,) = deployed.client("elbv2").describe_load_balancers()["LoadBalancers"]
    with answering(pushed.health) as proxy:  # no DNS knows the name, so a proxy answers for it
        settings: dict[str, Any] = {"http_proxy": proxy.url, "no_proxy": "127.0.0.1"}
        push(deployed, pushed.checkout, "--deploy", ECR_REGISTRY=registry.host, **settings)
    assert proxy.requested == [f"http://{balancer['DNSName']}/health"]


@pytest.mark.parametrize("change", [{"api_version": "0.0.9"}, {"model": {"sha256": "0" * 64}}])
def test_deploy_fails_when_an_old_version_or_model_still_answers_at_the_deadline(
    deployed: Account, registry: Registry, pushed: Pushed, change: dict[str, Any]
) -> None:
    old = pushed.health | change
    with answering(old) as service:
        settings: dict[str, Any] = {
            "ECR_REGISTRY": registry.host,
            "LB_URL": service.url,
            "HEALTH_TIMEOUT": "2",
        }
        done = push(deployed, pushed.checkout, "--deploy", expect=1, **settings)
    assert f"{service.url}/health did not show {pushed.checkout.version} with the model" in done.stderr
    assert f"within 2 s; the last answer: {old['api_version']} {old['model']['sha256']}." in done.stderr
    assert len(service.requested) > 1


def test_deploy_fails_when_nothing_answers(deployed: Account, registry: Registry, pushed: Pushed) -> None:
    settings: dict[str, Any] = {
        "ECR_REGISTRY": registry.host,
        "LB_URL": "http://127.0.0.1:9",
        "HEALTH_TIMEOUT": "1",
    }
    done = push(deployed, pushed.checkout, "--deploy", expect=1, **settings)
    assert re.search(r"the last answer: .*connect.*127\.0\.0\.1.*\.$", done.stderr.strip())


def test_deploy_fails_when_ecs_rolled_back(
    deployed: Account, registry: Registry, pushed: Pushed, tmp_path: Path
) -> None:
    """Moto has no circuit breaker: a stand-in for aws answers that another deployment is the current one."""
    script(
        tmp_path / "bin/aws",
        f'case "$*" in *rolloutState*) echo "ecs-svc/1 COMPLETED" ;; *) exec {tool("aws")} "$@" ;; esac\n',
    )
    path = f"{tmp_path}/bin:{deployed.environment['PATH']}"
    done = push(deployed, pushed.checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host, PATH=path)
    assert "push_to_ecr.sh: ECS rolled the deployment back to the previous version;" in done.stderr


def test_deploy_refuses_a_service_that_does_not_follow_latest(
    account: Account, registry: Registry, pushed: Pushed
) -> None:
    """A service is so after a rollback: a restart would start the same image."""
    create_service(account, pushed.image)
    done = push(account, pushed.checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host)
    assert sentence(done).startswith(f"The service runs {pushed.image}, not {registry.host}/{APP}:latest,")


def test_deploy_says_that_there_is_no_service(
    account: Account, registry: Registry, checkout: Checkout
) -> None:
    account.client("ecs").create_cluster(clusterName=f"{APP}-cluster")
    done = push(account, checkout, "--deploy", expect=1, ECR_REGISTRY=registry.host)
    assert sentence(done) == (
        f"There is no service {APP}-service in the cluster {APP}-cluster; infra/deploy.sh creates it."
    )


# ---- Heroku


def test_push_to_heroku_pushes_and_releases(
    account: Account, registry: Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """A stand-in for the heroku command gives out the registry's password, and records its calls."""
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
    assert (tmp_path / "calls").read_text().splitlines() == [
        "auth:token",
        "config:set --app an-app DRAIN_SECONDS=0 GRACEFUL_TIMEOUT=25",
        "container:release web --app an-app",
    ]


def test_push_to_heroku_without_an_app_shows_its_usage(account: Account, checkout: Checkout) -> None:
    done = account.run(checkout.path / "push_to_heroku.sh", expect=2)
    assert done.stderr.startswith("push_to_heroku.sh APP:")


# ---- .github/workflows/deploy.yml

EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


def deploy_jobs() -> dict[str, dict[str, Any]]:
    workflow: dict[str, Any] = YAML(typ="safe").load(ROOT / ".github/workflows/deploy.yml")
    jobs: dict[str, dict[str, Any]] = workflow["jobs"]
    return jobs


class Runner:
    """Runs the `run:` steps of a job, as GitHub does."""

    def __init__(self, account: Account, directory: Path, environment: Mapping[str, str]) -> None:
        self.summary = directory / "summary.md"
        self._output = directory / "output"
        self._directory = directory
        self._account = account
        self._environment = environment

    def run(self, job: dict[str, Any], expressions: Mapping[str, str], cwd: Path) -> dict[str, str]:
        """Run the steps of a job; return the outputs that they wrote to GITHUB_OUTPUT."""
        self._output.write_text("")
        for step in job["steps"]:
            if "run" in step:
                self._step(step, expressions, cwd)
        return dict(line.split("=", 1) for line in self._output.read_text().splitlines())

    def _step(self, step: dict[str, Any], expressions: Mapping[str, str], cwd: Path) -> None:
        variables = {
            name: EXPRESSION.sub(lambda match: expressions[match[1]], str(value))
            for name, value in step.get("env", {}).items()
        }
        files = {
            "GITHUB_OUTPUT": str(self._output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RUNNER_TEMP": str(self._directory),
        }
        done = subprocess.run(
            [tool("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=cwd,
            env={**self._account.environment, **self._environment, **files, **variables},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                f"{step['run']}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )


def test_the_steps_of_the_deploy_workflow_deploy_and_request_predictions(
    account: Account, registry: Registry, pushed: Pushed, replica: Container, tmp_path: Path
) -> None:
    """A container of the same image stands in for the load balancer."""
    deploy, checkout = deploy_jobs(), pushed.checkout
    create_service(account, f"{registry.host}/{APP}:latest")
    runner = Runner(account, tmp_path, {"ECR_REGISTRY": registry.host})
    expressions = {"github.event.release.tag_name": f"v{checkout.version}", "vars.LB_URL": replica.url}
    outputs = runner.run(deploy["deploy"], expressions, checkout.path)
    assert outputs == {"url": replica.url}

    (checkout.path / ".venv").symlink_to(sys.prefix)  # as `make` would make it
    runner.run(deploy["smoke-test"], {"needs.deploy.outputs.url": outputs["url"]}, checkout.path)
    (checkout.path / ".venv").unlink()  # git does not ignore a link, and the checkout has to stay clean
    summary = runner.summary.read_text()
    assert f"Pushed    {registry.host}/{APP}@{registry.digest(APP, checkout.tag)}\n" in summary
    assert "prediction  row 1: <=50K" in summary


def test_the_deploy_workflow_refuses_a_release_with_another_version(
    account: Account, checkout: Checkout, tmp_path: Path
) -> None:
    job = deploy_jobs()["deploy"]
    with pytest.raises(AssertionError, match=f"holds the API version {checkout.version}: name it v"):
        Runner(account, tmp_path, {}).run(job, {"github.event.release.tag_name": "v9.9.9"}, checkout.path)
