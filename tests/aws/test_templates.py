"""The CloudFormation templates: read by cfn-lint, by Checkov, and by the rules that those do not know."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tests.aws.rules_network  # a module registers its rules when it is imported
import tests.aws.rules_permissions
import tests.aws.rules_tasks  # noqa: F401 - the last of the three
from tests.aws.account import INFRA, ROOT, Account, tool
from tests.aws.rules import REMOVE, RULES, Rule
from tests.aws.template import API_KEYS, SCRAPER, SECRET, VPC, Template, load, render, templates

CHECKOV = ROOT / ".venv-checkov/bin/checkov"
NAMES = [path.name for path in templates()]


# ---- the linters


def test_cfn_lint_passes(account: Account) -> None:
    done = account.run(tool("cfn-lint"), *templates(), expect=None)
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_notices_an_unknown_property(account: Account, tmp_path: Path) -> None:
    broken = tmp_path / "service.yaml"
    broken.write_text((INFRA / "service.yaml").read_text().replace("TargetType: ip", "TargetKind: ip"))
    done = account.run(tool("cfn-lint"), broken, expect=None)
    assert done.returncode != 0
    assert "TargetKind" in done.stdout


def suppressions(template: Template) -> dict[tuple[str, str], str]:
    """Return the comment of each suppressed check, by resource and check."""
    return {
        (f"{resource['Type']}.{name}", skip["id"]): skip["comment"]
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def test_checkov_passes_and_notices_an_open_bucket(account: Account, tmp_path: Path) -> None:
    broken = tmp_path / "service.yaml"
    text = (INFRA / "service.yaml").read_text()
    broken.write_text(text.replace("RestrictPublicBuckets: true", "RestrictPublicBuckets: false"))
    results = run_checkov(account, *templates(), broken)

    failed = [(result["file_abs_path"], result["resource"]) for result in results["failed_checks"]]
    assert failed == [(str(broken), "AWS::S3::Bucket.LogBucket")]
    assert results["parsing_errors"] == []
    assert len(results["passed_checks"]) > 50
    skipped = {(result["resource"], result["check_id"]) for result in results["skipped_checks"]}
    reasons = {check: reason for name in NAMES for check, reason in suppressions(load(name)).items()}
    assert skipped == set(reasons), "a suppression that nothing needs any more"
    assert all(len(reason.split()) >= 5 for reason in reasons.values())


def run_checkov(account: Account, *paths: Path) -> Any:
    if not CHECKOV.exists():
        pytest.fail("Checkov is not installed in .venv-checkov: `make test-aws` installs it.")
    files = [option for path in paths for option in ("--file", str(path))]
    options = ("--framework", "cloudformation", "--skip-download", "--output", "json")
    return json.loads(account.run(CHECKOV, *options, *files, expect=None).stdout)["results"]


# ---- what every template has


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_output_and_resource_is_described(name: str) -> None:
    template, lines = load(name), (INFRA / name).read_text().splitlines()
    for entries in (template["Parameters"], template["Outputs"]):
        for key, entry in entries.items():
            assert len(entry["Description"].split()) >= 2, key
            assert "AllowedPattern" not in entry or "ConstraintDescription" in entry, key
    for resource in template["Resources"]:
        assert re.match(r"  # .+", lines[lines.index(f"  {resource}:") - 1]), resource


@pytest.mark.parametrize("name", NAMES)
def test_a_template_fits_into_a_request(name: str) -> None:
    """`aws cloudformation deploy` needs a bucket for a template of more than 51,200 bytes."""
    assert (INFRA / name).stat().st_size <= 51_200


@pytest.mark.parametrize("name", NAMES)
def test_every_function_can_be_worked_out_under_every_condition(name: str) -> None:
    modes: list[dict[str, str]] = [
        {},
        {"TaskEgress": "nat", "EnableWaf": "true", "UseSpot": "true", "AlarmEmail": "a@b.c"},
        VPC,
        SECRET,
        API_KEYS | SCRAPER | {"RateLimit": "100/s"},
    ]
    for mode in modes:
        stack = render(load(name), **mode)
        for resource in stack.resources():
            stack.properties(resource)
        stack.resolve(stack.template["Outputs"])


LOGGING = """
import logging
from app import logs
logs.configure("info")
logging.warning("refused requests", extra={"refused": 7})
logging.error("unhandled error")
"""


def test_the_filters_read_what_the_service_logs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGGING], cwd=ROOT, capture_output=True, text=True, check=True
    )
    refused, error = map(json.loads, done.stderr.splitlines())
    filters = render(load("service.yaml")).of_type("AWS::Logs::MetricFilter")
    assert {name: metric["FilterPattern"] for name, metric in filters.items()} == {
        "RefusedMetric": "{ $.refused > 0 }",
        "ErrorMetric": '{ $.level = "ERROR" || $.level = "CRITICAL" }',
    }
    assert (refused["refused"], refused["level"], error["level"]) == (7, "WARNING", "ERROR")


# ---- the rules, and proof that each of them can fail


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_template_keeps_the_rule(rule: Rule) -> None:
    rule.check(load(rule.template))


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [(rule, path, value) for rule in RULES for path, value in rule.changes],
    ids=lambda argument: str(argument)[:60],
)
def test_the_rule_notices_a_broken_template(rule: Rule, path: str, value: Any) -> None:
    broken = changed(load(rule.template), path, value)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        rule.check(broken)


def changed(template: Template, path: str, value: Any) -> Template:
    """Return a copy in which the value at the path inside Resources is another one, or is gone."""
    result = copy.deepcopy(template)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    container: Any = result["Resources"]
    for step in steps:
        container = container[step]
    if value == REMOVE:
        del container[last]
    else:
        container[last] = value
    return result
