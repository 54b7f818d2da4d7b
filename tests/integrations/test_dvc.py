"""The DVC pipeline as a user runs it, in a copy of the repository, with few rows and few trees."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DVC = REPOSITORY / ".venv-dvc" / "bin" / "dvc"
SPEC = "model_build/specs/census.yaml"
BUILD = "build/census-income"
UP_TO_DATE = "Data and pipelines are up to date."
STAGES = [
    "fetch",
    "eda",
    "preprocess",
    "check-data",
    "segregate",
    "train",
    "evaluate",
    "baselines",
    "check-model",
    "refit",
    "card",
    "bake",
]


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository; the configuration of this machine has no effect in it."""

    path: Path

    def run(self, *command: str | Path, **changes: str) -> str:
        """Return the output of a command; fail the test with that output if the command fails."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self._environment() | changes,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done.stdout

    def dvc(self, *arguments: str, **changes: str) -> str:
        return self.run(DVC, *arguments, **changes)

    def repro(self) -> list[str]:
        """Bring the pipeline up to date; return the stages that ran."""
        return re.findall(r"^Running stage '(.+)':$", self.dvc("repro"), re.MULTILINE)

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "A commit")

    def change(self, **sections: Any) -> None:
        """Replace keys of the spec's sections."""
        yaml, path = YAML(), self.path / SPEC
        tree = yaml.load(path)
        for name, keys in sections.items():
            tree[name].update(keys)
        yaml.dump(tree, path)

    def append(self, *names: str) -> None:
        """Change files, or create them."""
        for name in names:
            (self.path / name).parent.mkdir(exist_ok=True)
            with (self.path / name).open("a") as file:
                file.write("# changed\n")

    def _environment(self) -> dict[str, str]:
        home = self.path.parent / "home"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_"))
        }
        return inherited | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "DATA_DIR": str(self.path / "data"),
            "OMP_NUM_THREADS": "1",
            "GIT_AUTHOR_NAME": "A user",
            "GIT_AUTHOR_EMAIL": "user@example.com",
            "GIT_COMMITTER_NAME": "A user",
            "GIT_COMMITTER_EMAIL": "user@example.com",
        }


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the whole pipeline ran, with dvc.lock committed; copy it before changing it."""
    assert DVC.exists(), "DVC is not installed: `make test-integrations` installs it."
    checkout = Checkout(tmp_path_factory.mktemp("dvc") / "repository")
    checkout.path.mkdir()
    _copy_sources(checkout.path)
    checkout.change(
        data={
            "sources": [{"uri": "absent.csv"}],
            "synthetic": {"generator": "census", "rows": 2000, "seed": 7},
        },
        estimator={"parameters": {"max_iter": 10}},
        training={"folds": 2, "calibration": "none"},
        evaluation={"resamples": 100, "importance_repeats": 1, "partial_dependence": 0},
        gates={"metrics": [], "slices": [], "fairness": [], "maximum_microseconds": None},
        model_checks={"invariant": [], "directions": [], "golden": []},
    )
    checkout.run("git", "init", "--quiet", "--initial-branch=main")
    checkout.commit()
    assert checkout.repro() == STAGES
    checkout.commit()
    return checkout


def _copy_sources(destination: Path) -> None:
    """Copy the files that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in names.split("\0"):
        source, target = REPOSITORY / name, destination / name
        if source.is_file() and not name.startswith(".venv"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


@pytest.fixture
def checkout(baked: Checkout, tmp_path: Path) -> Checkout:
    copy = tmp_path / "repository"
    shutil.copytree(baked.path, copy)
    return Checkout(copy)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment in which s3://models is a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="models")
    yield environment
    server.stop()


def test_nothing_runs_when_nothing_changed(checkout: Checkout) -> None:
    assert UP_TO_DATE in checkout.dvc("repro")
    assert checkout.run("git", "status", "--short") == ""


def test_files_that_do_not_train_change_no_stage(checkout: Checkout) -> None:
    checkout.append("app/main.py", "model_build/dvc-requirements.txt", "model_build/__pycache__/made.pyc")
    assert UP_TO_DATE in checkout.dvc("status")


def test_training_code_changes_every_stage(checkout: Checkout) -> None:
    checkout.append("app/core/features.py")
    assert set(json.loads(checkout.dvc("status", "--json"))) == set(STAGES)


def test_the_graph_is_shown(checkout: Checkout) -> None:
    graph = checkout.dvc("dag", "--dot")
    assert set(re.findall(r'^"([^"]+)";$', graph, re.MULTILINE)) == set(STAGES)
    assert '"train" -> "evaluate"' in graph


def test_the_metrics_are_those_of_the_model(checkout: Checkout) -> None:
    shown = json.loads(checkout.dvc("metrics", "show", "--json"))[""]["data"]
    contract = json.loads((checkout.path / "model" / "contract.json").read_text())
    assert shown[f"{BUILD}/metric-values.json"]["data"] == contract["metrics"]


def test_the_curves_are_plotted(checkout: Checkout) -> None:
    page = checkout.path / "plots"
    checkout.dvc("plots", "show", "--out", str(page))
    html = (page / "index.html").read_text()
    for title in ("ROC curve", "Precision and recall", "Lift", "Calibration"):
        assert title in html


def test_an_experiment_shows_the_effect_of_a_parameter_and_can_be_undone(checkout: Checkout) -> None:
    contract = (checkout.path / "model" / "contract.json").read_bytes()
    log = checkout.dvc("exp", "run", "--set-param", f"{SPEC}:estimator.parameters.max_iter=60")
    assert re.findall(r"^Running stage '(.+)':$", log, re.MULTILINE) == STAGES[STAGES.index("train") :]
    changed = json.loads(checkout.dvc("params", "diff", "--json"))
    assert changed[SPEC]["estimator.parameters.max_iter"] == {"old": 10, "new": 60, "diff": 50}
    metrics = json.loads(checkout.dvc("metrics", "diff", "--json"))[f"{BUILD}/metric-values.json"]
    assert metrics["log_loss"]["diff"] == metrics["log_loss"]["new"] - metrics["log_loss"]["old"] != 0
    checkout.run("git", "checkout", "--quiet", ".")
    checkout.dvc("checkout")
    assert UP_TO_DATE in checkout.dvc("status")
    assert (checkout.path / "model" / "contract.json").read_bytes() == contract
    assert "unchanged" not in checkout.run("python", "-m", "model_build", "evaluate")
    assert UP_TO_DATE in checkout.dvc("status")


def test_another_machine_gets_all_outputs_from_s3_and_trains_nothing(
    checkout: Checkout, bucket: dict[str, str], tmp_path: Path
) -> None:
    checkout.dvc("remote", "add", "--default", "s3", "s3://models/census")
    checkout.commit()
    checkout.dvc("push", **bucket)
    checkout.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    shutil.rmtree(checkout.path)
    clone = Checkout(tmp_path / "clone")
    clone.dvc("pull", **bucket)
    assert UP_TO_DATE in clone.dvc("status")
    assert "in sync" in clone.dvc("status", "--cloud", **bucket)
    assert (clone.path / "model" / "model.onnx").exists()
    clone.change(card={"caveats": ["Nobody should use it."]})
    assert clone.repro() == ["card", "bake"]
    assert "Nobody should use it." in (clone.path / "model" / "card.md").read_text()


def test_without_a_bucket_an_ignored_directory_is_the_remote(checkout: Checkout) -> None:
    checkout.dvc("push")
    assert checkout.run("git", "status", "--short") == ""
    for directory in (checkout.path / ".dvc" / "cache", checkout.path / "build", checkout.path / "model"):
        shutil.rmtree(directory)
    checkout.dvc("pull")
    assert UP_TO_DATE in checkout.dvc("status")
