"""What a task is, how tasks are replaced, and how many there are: service.yaml."""

import json
import re
from typing import Any

from tests.aws.account import ROOT
from tests.aws.rules import REMOVE, rule
from tests.aws.template import API_KEYS, SECRET, VPC, Template, as_list, render

PORT = 8001

CONTAINER = "TaskDefinition/Properties/ContainerDefinitions/0"


@rule(
    "service.yaml",
    ("Service/Properties/LoadBalancers/0/ContainerName", "api"),
    ("Service/Properties/LoadBalancers/0/ContainerPort", 8000),
    ("TargetGroup/Properties/Port", 80),
    (f"{CONTAINER}/PortMappings/0/ContainerPort", 80),
)
def load_balancer_sends_to_the_port_of_the_container(template: Template) -> None:
    stack = render(template)
    (target,) = stack.properties("Service")["LoadBalancers"]
    (mapping,) = stack.container["PortMappings"]
    assert target["ContainerName"] == stack.container["Name"]
    assert target["TargetGroupArn"] == stack.resolve({"Ref": "TargetGroup"})
    ports = {target["ContainerPort"], mapping["ContainerPort"], stack.properties("TargetGroup")["Port"]}
    assert ports == {PORT}
    assert f"PORT={PORT} " in (ROOT / "Dockerfile").read_text()


@rule(
    "service.yaml",
    (f"{CONTAINER}/ReadonlyRootFilesystem", False),
    (f"{CONTAINER}/MountPoints", [{"SourceVolume": "tmp", "ContainerPath": "/tmp"}]),  # noqa: S108 - a path in the task
)
def task_can_write_to_tmp_only(template: Template) -> None:
    container = render(template).container
    assert container["ReadonlyRootFilesystem"] is True
    (tmpfs,) = container["LinuxParameters"]["Tmpfs"]
    assert tmpfs["ContainerPath"] == "/tmp"  # noqa: S108 - a path in the task
    assert "MountPoints" not in container, "on Fargate an empty volume belongs to root"


@rule(
    "service.yaml",
    (f"{CONTAINER}/User", "0:0"),
    (f"{CONTAINER}/Privileged", True),
    (f"{CONTAINER}/LinuxParameters/Capabilities", {"Drop": []}),
)
def task_has_no_privileges(template: Template) -> None:
    container = render(template).container
    assert f"USER {container['User']}\n" in (ROOT / "Dockerfile").read_text()
    assert container["User"] != "0:0"
    assert container["Privileged"] is False
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert container["LinuxParameters"]["InitProcessEnabled"] is True


@rule("service.yaml", (f"{CONTAINER}/HealthCheck/Command", ["CMD-SHELL", "curl -f /"]))
def health_check_is_the_one_in_the_image(template: Template) -> None:
    command, *arguments = render(template).container["HealthCheck"]["Command"]
    assert command == "CMD"
    assert f"HEALTHCHECK {command} {json.dumps(arguments)}" in re.sub(
        r"HEALTHCHECK .* CMD", "HEALTHCHECK CMD", (ROOT / "Dockerfile").read_text()
    )


@rule(
    "service.yaml",
    (f"{CONTAINER}/LogConfiguration/Options/mode", "blocking"),
    (f"{CONTAINER}/LogConfiguration/Options/awslogs-group", "/ecs/other"),
    ("LogGroup/Properties/RetentionInDays", REMOVE),
    ("LogGroup/Properties/KmsKeyId", REMOVE),
)
def logs_do_not_block_the_task_are_encrypted_and_expire(template: Template) -> None:
    stack = render(template)
    options = stack.container["LogConfiguration"]["Options"]
    assert options["awslogs-group"] == stack.resolve({"Ref": "LogGroup"})
    assert options["mode"] == "non-blocking"
    group = stack.properties("LogGroup")
    assert int(group["RetentionInDays"]) == 30
    assert group["KmsKeyId"] == "Key.Arn"


@rule(
    "service.yaml",
    (f"{CONTAINER}/Secrets", REMOVE),
    ("SecretEndpoint/Condition", "HasEmail"),
    ("ExecutionRole/Properties/Policies/0/PolicyDocument/Statement/3", REMOVE),
    ("ExecutionRole/Properties/Policies/0/PolicyDocument/Statement/3/Fn::If/0", "HasSecret"),
)
def secrets_are_read_by_their_arn_and_only_when_given(template: Template) -> None:
    token = {"Name": "TOKEN", "ValueFrom": SECRET["SecretArn"]}
    keys = {"Name": "API_KEYS", "ValueFrom": API_KEYS["ApiKeysSecretArn"]}
    assert "Secrets" not in render(template).container
    assert "secretsmanager" not in str(list(render(template).statements()))
    for parameters, secrets in ((SECRET, [token]), (API_KEYS, [keys]), (SECRET | API_KEYS, [token, keys])):
        stack = render(template, **parameters)
        assert stack.container["Secrets"] == secrets
        (read,) = (statement for statement in stack.statements() if "secretsmanager" in str(statement))
        assert read["Action"] == "secretsmanager:GetSecretValue"
        assert read["Resource"] == [secret["ValueFrom"] for secret in secrets]
        assert "SecretEndpoint" in stack.resources()


@rule(
    "service.yaml",
    (f"{CONTAINER}/Environment/4/Value", "0.0.0.0/0"),
    (f"{CONTAINER}/Environment/5/Value", "/"),
    (f"{CONTAINER}/Environment/6", REMOVE),
    ("Vpc/Properties/CidrBlock", "10.1.0.0/16"),
)
def task_trusts_its_vpc_alone_and_limits_a_rate_when_asked(template: Template) -> None:
    stack = render(template)
    assert stack.environment["TRUSTED_PROXIES"] == stack.properties("Vpc")["CidrBlock"] == "10.0.0.0/16"
    assert render(template, **VPC).environment["TRUSTED_PROXIES"] == VPC["VpcCidr"]
    assert stack.environment["PUBLIC"] == "/metrics"
    assert stack.environment["RATE_LIMIT"] == ""
    assert render(template, RateLimit="100/s").environment["RATE_LIMIT"] == "100/s"


# ---- how tasks are replaced and scaled

DEPLOYMENT = "Service/Properties/DeploymentConfiguration"


@rule(
    "service.yaml",
    (f"{DEPLOYMENT}/MinimumHealthyPercent", 50),
    (f"{DEPLOYMENT}/MaximumPercent", 100),
    (f"{DEPLOYMENT}/DeploymentCircuitBreaker", REMOVE),
    (f"{DEPLOYMENT}/Alarms/Rollback", False),
    ("Service/Properties/TaskDefinition", "census-model-api-task"),
)
def deployment_keeps_every_replica_and_rolls_back(template: Template) -> None:
    """A new image is deployed because the service refers to the revision of the task definition."""
    service = template["Resources"]["Service"]["Properties"]
    assert service["TaskDefinition"] == {"Ref": "TaskDefinition"}
    assert render(template).properties("Service")["DeploymentConfiguration"] == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "Alarms": {
            "AlarmNames": ["ErrorAlarm", "LoadBalancer5xxAlarm"],
            "Enable": True,
            "Rollback": True,
        },
    }


@rule(
    "service.yaml",
    ("Service/DependsOn", ["EgressReady"]),
    ("Listener/Condition", "HasCertificate"),
    ("LoadBalancer/DependsOn", ["LogBucketPolicy"]),
    ("EgressReady/Metadata/Needs/1", "none"),
)
def service_waits_for_its_listener_and_its_way_to_aws(template: Template) -> None:
    resources = template["Resources"]
    assert set(as_list(resources["Service"]["DependsOn"])) >= {"Listener", "EgressReady"}
    assert "Condition" not in resources["Listener"], "DependsOn cannot name a resource that may not exist"
    assert resources["RedirectListener"]["DependsOn"] == "Listener"
    assert set(as_list(resources["LoadBalancer"]["DependsOn"])) >= {"InternetReady", "LogBucketPolicy"}
    needs = [resources[name]["Metadata"]["Needs"] for name in ("InternetReady", "EgressReady")]
    routes = {"endpoints": "EcrApiEndpoint", "nat": "NatRoute", "public": "PublicRoute"}
    for egress, route in routes.items():
        assert route in str(render(template, TaskEgress=egress).resolve(needs))


@rule(
    "service.yaml",
    ("Service/Properties/DesiredCount", 3),
    ("ScalableTarget/Properties/MinCapacity", 1),
    (
        "RequestScaling/Properties/TargetTrackingScalingPolicyConfiguration/PredefinedMetricSpecification"
        "/ResourceLabel",
        {"Ref": "TargetGroup"},
    ),
    ("CpuScaling/Properties/TargetTrackingScalingPolicyConfiguration/ScaleInCooldown", 60),
)
def scaling_alone_sets_the_number_of_tasks(template: Template) -> None:
    stack = render(template)
    assert "DesiredCount" not in stack.properties("Service"), "an update of the stack would set it again"
    target = stack.properties("ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == ("3", "12")
    assert target["ResourceId"] == "service/Cluster/Service.Name"
    configurations = [
        policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in stack.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values()
        if policy["PolicyType"] == "TargetTrackingScaling"
    ]
    assert {"ResourceLabel": "app/lb/1/targetgroup/tg/2"}.items() <= configurations[0][
        "PredefinedMetricSpecification"
    ].items()
    for configuration in configurations:
        assert configuration["ScaleOutCooldown"] < configuration["ScaleInCooldown"]


@rule(
    "service.yaml",
    ("SheddingScaling/Properties/StepScalingPolicyConfiguration/StepAdjustments/0/ScalingAdjustment", -50),
    ("SheddingAlarm/Properties/AlarmActions", [{"Ref": "AlarmTopic"}]),
    ("SheddingAlarm/Properties/MetricName", "errors"),
    ("RefusedMetric/Properties/MetricTransformations/0/MetricValue", "1"),
)
def refused_requests_are_summed_and_scale_out(template: Template) -> None:
    stack = render(template)
    metric, alarm = stack.properties("RefusedMetric"), stack.properties("SheddingAlarm")
    (transformation,) = metric["MetricTransformations"]
    assert metric["FilterPattern"] == "{ $.refused > 0 }"
    assert transformation["MetricValue"] == "$.refused"
    assert metric_of(alarm) == (transformation["MetricNamespace"], transformation["MetricName"], "Sum")
    assert alarm["AlarmActions"] == ["AlarmTopic", "SheddingScaling"]
    policy = stack.properties("SheddingScaling")
    assert (policy["PolicyType"], policy["ScalingTargetId"]) == ("StepScaling", "ScalableTarget")
    (step,) = policy["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert step == {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 50}


def metric_of(alarm: dict[str, Any]) -> tuple[str, str, str]:
    return alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]


@rule(
    "service.yaml",
    ("ErrorMetric/Properties/FilterPattern", '{ $.level = "WARNING" }'),
    ("ErrorAlarm/Properties/MetricName", "refused"),
    (f"{DEPLOYMENT}/Alarms/AlarmNames/0", {"Ref": "SheddingAlarm"}),
)
def an_overload_does_not_roll_a_deployment_back_and_an_error_does(template: Template) -> None:
    """The load balancer counts the 503 of an overload as 5xx of a target, so no alarm reads that."""
    stack = render(template)
    metric = stack.properties("ErrorMetric")
    (transformation,) = metric["MetricTransformations"]
    assert metric["FilterPattern"] == '{ $.level = "ERROR" || $.level = "CRITICAL" }'
    assert transformation["MetricValue"] == "1"
    names = stack.properties("Service")["DeploymentConfiguration"]["Alarms"]["AlarmNames"]
    errors, balancer = (metric_of(stack.properties(name)) for name in names)
    assert errors == (transformation["MetricNamespace"], transformation["MetricName"], "Sum")
    assert balancer == ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum")


@rule(
    "service.yaml",
    ("Service/Properties/LaunchType", "FARGATE"),
    ("Service/Properties/CapacityProviderStrategy/Fn::If/1/0/Base", 0),
    ("Cluster/Properties/CapacityProviders", ["FARGATE"]),
)
def spot_tasks_come_on_top_of_on_demand_tasks(template: Template) -> None:
    def base_by_provider(**parameters: str) -> dict[str, int]:
        strategy = render(template, **parameters).properties("Service")["CapacityProviderStrategy"]
        return {provider["CapacityProvider"]: int(provider.get("Base", 0)) for provider in strategy}

    assert base_by_provider() == {"FARGATE": 0}
    assert base_by_provider(UseSpot="true") == {"FARGATE": 2, "FARGATE_SPOT": 0}
    assert "LaunchType" not in render(template).properties("Service")
    assert set(render(template).properties("Cluster")["CapacityProviders"]) == {"FARGATE", "FARGATE_SPOT"}
