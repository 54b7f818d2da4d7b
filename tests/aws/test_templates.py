"""The CloudFormation templates: read by cfn-lint, by checkov, and by the rules for what those do not see."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.aws.conftest import INFRA, ROOT, Account, tool
from tests.aws.rules import RULES, Rule
from tests.aws.template import GIVEN, SECRET, VPC, Stack, Template, load, templates

CHECKOV = ROOT / ".venv-checkov/bin/checkov"
NAMES = [path.name for path in templates()]


def test_there_are_three_templates() -> None:
    assert sorted(RULES) == NAMES


# ---- the linters


def test_cfn_lint_has_nothing_to_say(account: Account) -> None:
    done = account.run(tool("cfn-lint"), *templates(), expect=None)
    assert (done.returncode, done.stdout) == (0, "")


def run_checkov(account: Account, *paths: Path) -> Any:
    if not CHECKOV.exists():
        pytest.fail("checkov is not installed in .venv-checkov: `make test-aws` installs it.")
    files = [part for path in paths for part in ("--file", str(path))]
    done = account.run(
        CHECKOV, "--framework", "cloudformation", "--skip-download", "--output", "json", *files, expect=None
    )
    return json.loads(done.stdout)


def suppressions(template: Template) -> set[tuple[str, str]]:
    return {
        (f"{resource['Type']}.{name}", skip["id"])
        for name, resource in template["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def test_checkov_finds_nothing_and_every_suppression_is_needed(account: Account) -> None:
    report = run_checkov(account, *templates())
    results = report["results"]
    assert results["parsing_errors"] == []
    assert [(each["resource"], each["check_id"]) for each in results["failed_checks"]] == []
    assert len(results["passed_checks"]) > 50
    suppressed = {(each["resource"], each["check_id"]) for each in results["skipped_checks"]}
    assert suppressed == set().union(*(suppressions(load(name)) for name in NAMES))


def test_every_suppression_gives_its_reason() -> None:
    for name in NAMES:
        for resource in load(name)["Resources"].values():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert len(skip["comment"].split()) >= 5
        for line in (INFRA / name).read_text().splitlines():
            assert "ignore_checks" not in line or "W1033" in line


def test_checkov_would_find_a_bucket_that_is_open(account: Account, tmp_path: Path) -> None:
    """The check of the check: a broken copy is found."""
    text = (INFRA / "service.yaml").read_text()
    broken = tmp_path / "service.yaml"
    broken.write_text(text.replace("RestrictPublicBuckets: true", "RestrictPublicBuckets: false"))
    failed = run_checkov(account, broken)["results"]["failed_checks"]
    assert [each["resource"] for each in failed] == ["AWS::S3::Bucket.LogBucket"]


def test_cfn_lint_would_find_a_property_that_does_not_exist(account: Account, tmp_path: Path) -> None:
    broken = tmp_path / "service.yaml"
    broken.write_text((INFRA / "service.yaml").read_text().replace("TargetType: ip", "TargetKind: ip"))
    done = account.run(tool("cfn-lint"), broken, expect=None)
    assert done.returncode != 0
    assert "TargetKind" in done.stdout


# ---- what every template has


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_and_output_is_described(name: str) -> None:
    template = load(name)
    for kind in ("Parameters", "Outputs"):
        for key, each in template[kind].items():
            assert len(each["Description"].split()) >= 2, key
    for key, each in template["Parameters"].items():
        assert "AllowedPattern" not in each or "ConstraintDescription" in each, key


@pytest.mark.parametrize("name", NAMES)
def test_every_resource_has_its_reason_in_the_line_above(name: str) -> None:
    lines = (INFRA / name).read_text().splitlines()
    for resource in load(name)["Resources"]:
        assert re.match(r"  # .+", lines[lines.index(f"  {resource}:") - 1]), resource


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_and_condition_is_used(name: str) -> None:
    text = (INFRA / name).read_text()
    template = load(name)
    for parameter in template["Parameters"]:
        assert re.search(r"!Ref " + parameter + r"\b|\$\{" + parameter + r"\}", text), parameter
    for condition in template.get("Conditions", {}):
        uses = re.findall(
            r"Condition: " + condition + r"\b|!If \[" + condition + r",|- " + condition + r"$", text, re.M
        )
        assert uses, condition


@pytest.mark.parametrize("name", NAMES)
def test_every_default_and_example_fits_its_pattern(name: str) -> None:
    for key, each in load(name)["Parameters"].items():
        value = str(each.get("Default", GIVEN.get(key)))
        assert re.fullmatch(each.get("AllowedPattern", ".*"), value), key
        assert value in map(str, each.get("AllowedValues", [value])), key


@pytest.mark.parametrize("name", NAMES)
def test_every_template_fits_into_a_request(name: str) -> None:
    """`aws cloudformation deploy` needs a bucket for a template of more than 51,200 bytes."""
    assert (INFRA / name).stat().st_size <= 51_200


# ---- the rules, and proof that each can fail


@pytest.mark.parametrize(
    ("name", "rule"),
    [(name, rule) for name in NAMES for rule in RULES[name]],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_rule(name: str, rule: Rule) -> None:
    rule(load(name))


REMOVE = object()
TASK = ("TaskDefinition", "Properties")
ONE = (*TASK, "ContainerDefinitions", 0)
SERVICE = ("Service", "Properties")
DEPLOYMENT = (*SERVICE, "DeploymentConfiguration")
TRUST = ("DeployRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition")

MUTATIONS: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("names_are_the_ones_on_the_card", (*TASK, "Family"), "census-model-api"),
    ("the_container_is_the_one_that_is_balanced", (*SERVICE, "LoadBalancers", 0, "ContainerName"), "api"),
    ("the_container_is_the_one_that_is_balanced", (*SERVICE, "LoadBalancers", 0, "ContainerPort"), 8000),
    ("the_container_is_the_one_that_is_balanced", (*ONE, "PortMappings", 0, "ContainerPort"), 80),
    ("a_task_can_change_nothing_but_tmp", (*ONE, "ReadonlyRootFilesystem"), False),
    ("a_task_has_no_privilege", (*ONE, "User"), "0:0"),
    ("a_task_has_no_privilege", (*ONE, "Privileged"), True),
    ("a_task_has_no_privilege", (*ONE, "LinuxParameters", "Capabilities"), {"Drop": []}),
    ("a_task_has_the_time_to_stop_that_fargate_allows", (*ONE, "StopTimeout"), 300),
    ("a_task_is_checked_by_what_the_image_has", (*ONE, "HealthCheck", "Command"), ["CMD-SHELL", "curl -f /"]),
    ("a_task_logs_to_a_group_that_expires", (*ONE, "LogConfiguration", "LogDriver"), "none"),
    ("a_task_logs_to_a_group_that_expires", ("LogGroup", "Properties", "RetentionInDays"), 0),
    ("a_secret_comes_by_its_arn_and_is_readable", (*ONE, "Secrets"), REMOVE),
    ("the_roles_are_two_and_the_service_has_no_permission", (*TASK, "ExecutionRoleArn"), "TaskRole.Arn"),
    ("the_roles_are_two_and_the_service_has_no_permission", ("TaskRole", "Properties", "Policies"), []),
    (
        "a_role_may_do_named_things_to_named_resources",
        ("ExecutionRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 1, "Resource"),
        "*",
    ),
    ("a_deployment_keeps_every_replica_and_rolls_back", (*DEPLOYMENT, "MinimumHealthyPercent"), 50),
    ("a_deployment_keeps_every_replica_and_rolls_back", (*DEPLOYMENT, "MinimumHealthyPercent"), 250),
    ("a_deployment_keeps_every_replica_and_rolls_back", (*DEPLOYMENT, "DeploymentCircuitBreaker"), REMOVE),
    ("a_deployment_keeps_every_replica_and_rolls_back", (*DEPLOYMENT, "Alarms", "Rollback"), False),
    ("the_service_waits_for_its_listener_and_its_way_out", ("Service", "DependsOn"), ["EgressReady"]),
    ("the_service_waits_for_its_listener_and_its_way_out", ("EgressReady", "Metadata", "Needs", 1), "none"),
    ("an_update_leaves_the_number_of_tasks_alone", (*SERVICE, "DesiredCount"), 3),
    (
        "scaling_follows_requests_and_cpu",
        (
            "RequestScaling",
            "Properties",
            "TargetTrackingScalingPolicyConfiguration",
            "PredefinedMetricSpecification",
            "ResourceLabel",
        ),
        {"Ref": "TargetGroup"},
    ),
    ("spot_comes_on_top_of_tasks_that_stay", (*SERVICE, "LaunchType"), "FARGATE"),
    ("the_service_is_spread_observed_and_tagged", (*SERVICE, "AvailabilityZoneRebalancing"), "DISABLED"),
    ("targets_are_addresses_on_the_health_route", ("TargetGroup", "Properties", "TargetType"), "instance"),
    (
        "targets_are_addresses_on_the_health_route",
        ("TargetGroup", "Properties", "TargetGroupAttributes", 0, "Key"),
        "deregistration_delay.timeout",
    ),
    ("targets_are_addresses_on_the_health_route", ("TargetGroup", "Properties", "HealthCheckPath"), "/"),
    (
        "the_load_balancer_is_careful_and_keeps_logs",
        ("LoadBalancer", "Properties", "LoadBalancerAttributes", 3, "Value"),
        "false",
    ),
    ("without_a_certificate_it_is_http", ("Listener", "Properties", "Port"), 443),
    (
        "with_a_certificate_it_is_https_and_http_redirects",
        ("Listener", "Properties", "SslPolicy", "Fn::If", 1),
        "ELBSecurityPolicy-TLS-1-9",
    ),
    ("only_the_load_balancer_reaches_a_task", ("TaskIngress", "Properties", "CidrIp"), "0.0.0.0/0"),
    (
        "only_the_load_balancer_reaches_a_task",
        ("HttpIngress", "Properties", "GroupId"),
        "TaskSecurityGroup.GroupId",
    ),
    (
        "a_task_has_no_public_address_unless_asked",
        (*SERVICE, "NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"),
        "ENABLED",
    ),
    ("a_nat_gateway_comes_only_when_asked", ("NatGateway", "Condition"), "CreateVpc"),
    ("everything_is_in_two_zones", ("PrivateSubnetB", "Properties", "AvailabilityZone"), "us-east-1a"),
    (
        "the_firewall_is_optional_and_lets_batches_through",
        ("WebAcl", "Properties", "Rules", 2, "Statement", "ManagedRuleGroupStatement", "RuleActionOverrides"),
        [],
    ),
    (
        "the_log_bucket_is_private_encrypted_and_expires",
        ("LogBucket", "DeletionPolicy"),
        "Delete",
    ),
    ("every_alarm_is_told", ("MemoryAlarm", "Properties", "AlarmActions"), []),
    ("alarms_and_events_reach_the_topic", ("AlarmTopic", "Properties", "KmsMasterKeyId"), "alias/aws/sns"),
    (
        "alarms_and_events_reach_the_topic",
        ("AlarmTopicPolicy", "Properties", "PolicyDocument", "Statement", 1, "Condition"),
        {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    ),
    ("a_failed_deployment_is_told", ("FailedDeploymentRule", "Properties", "Targets"), []),
    ("the_dashboard_shows_every_alarm", ("CpuAlarm",), REMOVE),
    ("the_repository_keeps_what_a_rollback_needs", ("Repository", "DeletionPolicy"), "Delete"),
    (
        "the_repository_keeps_what_a_rollback_needs",
        ("Repository", "Properties", "ImageScanningConfiguration", "ScanOnPush"),
        False,
    ),
    (
        "only_one_repository_and_environment_may_deploy",
        (*TRUST, "StringEquals", "token.actions.githubusercontent.com:sub"),
        "repo:octocat/*",
    ),
    (
        "only_one_repository_and_environment_may_deploy",
        (*TRUST, "StringEquals", "token.actions.githubusercontent.com:aud"),
        REMOVE,
    ),
    ("only_one_repository_and_environment_may_deploy", (*TRUST, "StringLike"), {}),
    ("the_provider_of_github_is_made_once_and_kept", ("Provider", "DeletionPolicy"), "Delete"),
    (
        "the_role_may_do_what_the_push_script_does",
        ("DeployRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 2, "Action"),
        ["ecs:DescribeServices", "ecs:DeleteService"],
    ),
]


def changed(template: Template, path: tuple[str | int, ...], value: Any) -> Template:
    """Return a copy in which the place inside Resources has another value, or is gone."""
    result = copy.deepcopy(template)
    place: Any = result["Resources"]
    for step in path[:-1]:
        place = place[step]
    if value is REMOVE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


@pytest.mark.parametrize(("rule", "path", "value"), MUTATIONS, ids=lambda each: str(each)[:60])
def test_a_broken_template_is_caught(rule: str, path: tuple[str | int, ...], value: Any) -> None:
    name, function = next(
        (name, each)
        for name, rules in RULES.items()
        for each in rules
        if each.__name__ == rule and path[0] in load(name)["Resources"]
    )
    broken = changed(load(name), path, value)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        function(broken)


def test_every_rule_has_been_seen_to_fail() -> None:
    assert {rule for rule, _, _ in MUTATIONS} == {rule.__name__ for rules in RULES.values() for rule in rules}


def test_every_resource_can_be_worked_out_in_every_mode() -> None:
    """No function refers to what is not there, whichever conditions hold."""
    modes: list[dict[str, str]] = [
        {},
        {"TaskEgress": "nat", "EnableWaf": "true", "UseSpot": "true", "AlarmEmail": "a@b.c"},
        VPC,
        SECRET,
    ]
    for name in NAMES:
        for mode in modes:
            stack = Stack(load(name), GIVEN | mode)
            for resource in stack.resources():
                stack.properties(resource)
            stack.render(stack.template["Outputs"])
