"""Who reaches a task, and what is logged and published about it: service.yaml."""

import json
from typing import Any

from moto.events.models import EventPattern
from starlette.exceptions import HTTPException

from app.middleware.problems import describe
from tests.aws.account import ACCOUNT_ID, INFRA, REGION
from tests.aws.rules import REMOVE, rule
from tests.aws.template import CERTIFICATE, SCRAPER, VPC, Stack, Template, render

PORT = 8001


@rule(
    "service.yaml",
    ("TargetGroup/Properties/TargetType", "instance"),
    ("TargetGroup/Properties/HealthCheckPath", "/"),
    ("TargetGroup/Properties/TargetGroupAttributes/0/Key", "deregistration_delay.timeout"),
    ("LoadBalancer/Properties/LoadBalancerAttributes/0/Key", "idle_timeout"),
    ("LoadBalancer/Properties/LoadBalancerAttributes/1/Value", "false"),
)
def load_balancer_and_targets_have_known_attributes(template: Template) -> None:
    """No linter knows the keys; AWS refuses a wrong one."""
    stack = render(template)
    group = stack.properties("TargetGroup")
    assert group["TargetType"] == "ip"
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/health", {"HttpCode": "200"})
    assert stack.attributes("TargetGroup") == {
        "deregistration_delay.timeout_seconds": "30",
        "load_balancing.algorithm.type": "least_outstanding_requests",
    }
    assert stack.attributes("LoadBalancer") == {
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": "LogBucket",
    }


@rule(
    "service.yaml",
    ("Listener/Properties/Port", 443),
    ("Listener/Properties/SslPolicy/Fn::If/1", "ELBSecurityPolicy-TLS-1-9"),
    ("RedirectListener/Properties/DefaultActions/0/Type", "forward"),
    ("HttpsIngress/Condition", REMOVE),
)
def listener_is_http_without_a_certificate_and_https_with_one(template: Template) -> None:
    stack = render(template)
    (listener,) = stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert not {"Certificates", "SslPolicy"} & set(listener)
    assert open_ports(stack) == {80}

    stack = render(template, **CERTIFICATE)
    listener, redirect = (stack.properties(name) for name in ("Listener", "RedirectListener"))
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["Certificates"] == [CERTIFICATE]
    assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert (redirect["Port"], redirect["Protocol"]) == (80, "HTTP")
    assert redirect["DefaultActions"] == [
        {
            "Type": "redirect",
            "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
        }
    ]
    assert open_ports(stack) == {80, 443}


def ingress(stack: Stack, group: str) -> list[dict[str, Any]]:
    """Return the rules that let something into a security group."""
    rules = stack.of_type("AWS::EC2::SecurityGroupIngress").values()
    return [rule for rule in rules if rule["GroupId"] == f"{group}.GroupId"]


def open_ports(stack: Stack) -> set[int]:
    return {rule["FromPort"] for rule in ingress(stack, "LoadBalancerSecurityGroup")}


@rule(
    "service.yaml",
    ("TaskIngress/Properties/CidrIp", "0.0.0.0/0"),
    ("TaskIngress/Properties/ToPort", 65535),
    ("HttpIngress/Properties/GroupId", "TaskSecurityGroup.GroupId"),
)
def only_the_load_balancer_reaches_a_task(template: Template) -> None:
    stack = render(template, **CERTIFICATE)
    assert "SecurityGroupIngress" not in stack.properties("TaskSecurityGroup")
    (source,) = ingress(stack, "TaskSecurityGroup")
    assert "Discovery" not in stack.resources()
    assert source["SourceSecurityGroupId"] == "LoadBalancerSecurityGroup.GroupId"
    assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(source)
    assert (source["FromPort"], source["ToPort"]) == (PORT, PORT)
    (target,) = stack.properties("LoadBalancerSecurityGroup")["SecurityGroupEgress"]
    assert (target["DestinationSecurityGroupId"], target["FromPort"]) == ("TaskSecurityGroup", PORT)


@rule(
    "service.yaml",
    ("ScraperIngress/Properties/ToPort", 65535),
    ("ScraperIngress/Condition", REMOVE),
    ("Service/Properties/ServiceRegistries", REMOVE),
    ("Namespace/Properties/Name", "internal"),
)
def a_scraper_finds_and_reaches_every_task_when_asked_for(template: Template) -> None:
    assert "ServiceRegistries" not in render(template).properties("Service")
    assert len(ingress(render(template), "TaskSecurityGroup")) == 1
    stack = render(template, **SCRAPER)
    balancer, scraper = ingress(stack, "TaskSecurityGroup")
    assert scraper["SourceSecurityGroupId"] == SCRAPER["ScraperSecurityGroupId"]
    assert (scraper["FromPort"], scraper["ToPort"]) == (balancer["FromPort"], balancer["ToPort"])
    assert stack.properties("Service")["ServiceRegistries"] == [{"RegistryArn": "Discovery.Arn"}]
    name = f"{stack.properties('Discovery')['Name']}.{stack.properties('Namespace')['Name']}"
    assert f"- names: [{name}]" in (INFRA / "README.md").read_text()


@rule(
    "service.yaml",
    ("MetricsRule/Properties/ListenerArn", {"Ref": "RedirectListener"}),
    ("MetricsRule/Properties/Conditions/0/PathPatternConfig/Values", ["/metric"]),
    ("MetricsRule/Properties/Actions/0/FixedResponseConfig/MessageBody", "no"),
)
def metrics_are_hidden_from_the_internet(template: Template) -> None:
    """The body is that of the service for an unknown path; a listener can't send its Content-Type."""
    stack = render(template)
    hidden = stack.properties("MetricsRule")
    assert hidden["ListenerArn"] == stack.resolve({"Ref": "Listener"})
    (condition,) = hidden["Conditions"]
    assert condition["PathPatternConfig"]["Values"] == ["/metrics", "/metrics/*"]
    (action,) = hidden["Actions"]
    answer = action["FixedResponseConfig"]
    assert (action["Type"], answer["StatusCode"]) == ("fixed-response", "404")
    assert json.loads(answer["MessageBody"]) == describe(HTTPException(404)).document()


NETWORK = "Service/Properties/NetworkConfiguration/AwsvpcConfiguration"


@rule(
    "service.yaml",
    (f"{NETWORK}/AssignPublicIp", "ENABLED"),
    (f"{NETWORK}/Subnets/Fn::If/1/Fn::If/2", [{"Ref": "PublicSubnetA"}, {"Ref": "PublicSubnetB"}]),
    ("PublicSubnetA/Properties/MapPublicIpOnLaunch", True),
    ("EcrEndpoint/Properties/PrivateDnsEnabled", False),
    ("NatGateway/Condition", "CreateVpc"),
)
def task_has_a_public_address_only_when_asked_for(template: Template) -> None:
    private, public = ["PrivateSubnetA", "PrivateSubnetB"], ["PublicSubnetA", "PublicSubnetB"]
    for parameters, address, subnets in (
        ({}, "DISABLED", private),
        ({"TaskEgress": "nat"}, "DISABLED", private),
        ({"TaskEgress": "public"}, "ENABLED", public),
        (VPC, "DISABLED", ["subnet-3", "subnet-4"]),
        (VPC | {"TaskEgress": "public"}, "ENABLED", ["subnet-1", "subnet-2"]),
    ):
        stack = render(template, **parameters)
        network = stack.properties("Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert (network["AssignPublicIp"], network["Subnets"]) == (address, subnets)
        for subnet in stack.of_type("AWS::EC2::Subnet").values():
            assert subnet.get("MapPublicIpOnLaunch", False) is False
        for endpoint in stack.of_type("AWS::EC2::VPCEndpoint").values():
            assert endpoint["VpcEndpointType"] == "Gateway" or endpoint["PrivateDnsEnabled"]
        gateways = stack.of_type("AWS::EC2::NatGateway")
        assert bool(gateways) == (parameters == {"TaskEgress": "nat"})


@rule(
    "service.yaml",
    (
        "WebAcl/Properties/Rules/2/Statement/ManagedRuleGroupStatement/RuleActionOverrides",
        [],
    ),
    ("WebAclAssociation/Condition", REMOVE),
    ("WebAcl/Properties/Rules/1/Priority", 0),
)
def firewall_is_optional_and_lets_batches_through(template: Template) -> None:
    assert "WebAcl" not in str(list(render(template).resources()))
    stack = render(template, EnableWaf="true")
    rules = stack.properties("WebAcl")["Rules"]
    assert [rule["Priority"] for rule in rules] == [0, 1, 2]
    (common,) = (rule["Statement"]["ManagedRuleGroupStatement"] for rule in rules if rule["Name"] == "common")
    assert common["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    assert stack.properties("WebAclAssociation")["ResourceArn"] == stack.resolve({"Ref": "LoadBalancer"})


# ---- logs, alarms and events


@rule(
    "service.yaml",
    ("LogBucket/DeletionPolicy", "Delete"),
    ("LogBucket/Properties/LifecycleConfiguration/Rules/0/ExpirationInDays", 3650),
    ("LogBucketPolicy/Properties/PolicyDocument/Statement/0/Resource", "LogBucket.Arn/*"),
    ("LogBucketPolicy/Properties/PolicyDocument/Statement/1/Condition", REMOVE),
)
def access_logs_outlive_the_stack_and_expire(template: Template) -> None:
    stack = render(template)
    bucket = template["Resources"]["LogBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    (lifecycle,) = stack.properties("LogBucket")["LifecycleConfiguration"]["Rules"]
    assert int(lifecycle["ExpirationInDays"]) == 30
    write, deny = stack.properties("LogBucketPolicy")["PolicyDocument"]["Statement"]
    assert write["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert write["Resource"] == f"LogBucket.Arn/AWSLogs/{ACCOUNT_ID}/*"
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@rule(
    "service.yaml",
    ("MemoryAlarm/Properties/AlarmActions", []),
    ("LatencyAlarm/Properties/Metrics/1/MetricStat/Stat", "p50"),
    ("Dashboard/Properties/DashboardBody/Fn::Sub/0", '{"widgets": []}'),
)
def every_alarm_is_published_and_on_the_dashboard(template: Template) -> None:
    stack = render(template)
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    for alarm in alarms.values():
        assert alarm["AlarmActions"][:1] == ["AlarmTopic"]
        assert alarm["OKActions"] == ["AlarmTopic"]
    assert alarms["LatencyAlarm"]["Metrics"][1]["MetricStat"]["Stat"] == "p99"
    widgets = json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]
    (shown,) = (widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm")
    assert set(shown) == {f"arn:aws:cloudwatch:{REGION}:{ACCOUNT_ID}:alarm:{name}" for name in alarms}
    (query,) = (widget["properties"]["query"] for widget in widgets if widget["type"] == "log")
    assert stack.properties("LogGroup")["LogGroupName"] in query


@rule(
    "service.yaml",
    ("AlarmTopic/Properties/KmsMasterKeyId", "alias/aws/sns"),
    (
        "AlarmTopicPolicy/Properties/PolicyDocument/Statement/1/Condition",
        {"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
    ),
    ("Key/Properties/KeyPolicy/Statement/2/Action", ["kms:Decrypt"]),
    ("LogGroup/Properties/LogGroupName", "/ecs/other"),
)
def alarms_and_events_reach_the_topic(template: Template) -> None:
    """The key that AWS manages for SNS lets no alarm through, and EventBridge sends no condition key."""
    stack = render(template)
    assert stack.properties("AlarmTopic")["KmsMasterKeyId"] == "Key"
    alarms, events = stack.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    _, logs, publish = stack.properties("Key")["KeyPolicy"]["Statement"]
    assert set(publish["Principal"]["Service"]) == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    assert set(publish["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert "Condition" not in {**events, **publish}
    log_group = stack.properties("LogGroup")["LogGroupName"]
    assert f":log-group:{log_group}'" in str(logs["Condition"])


@rule(
    "service.yaml",
    ("FailedDeploymentRule/Properties/Targets", []),
    ("FailedDeploymentRule/Properties/EventPattern/source", ["aws.ec"]),
    ("FailedDeploymentRule/Properties/EventPattern/detail", {"eventName": ["SERVICE_DEPLOYMENT_FAILD"]}),
    ("FailedDeploymentRule/Properties/EventPattern/detail", REMOVE),
)
def failed_deployment_is_published(template: Template) -> None:
    """The event is the one in the ECS developer guide; moto matches it as EventBridge does."""
    rule = render(template).properties("FailedDeploymentRule")
    event: dict[str, Any] = {
        "account": ACCOUNT_ID,
        "region": REGION,
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "resources": ["Service"],
        "detail": {"eventType": "ERROR", "deploymentId": "ecs-svc/1"},
    }
    pattern = EventPattern.load(json.dumps(rule["EventPattern"]))
    for name, matches in (("SERVICE_DEPLOYMENT_FAILED", True), ("SERVICE_DEPLOYMENT_COMPLETED", False)):
        named: Any = event | {"detail": event["detail"] | {"eventName": name}}
        assert pattern.matches_event(named) is matches
    assert [target["Arn"] for target in rule["Targets"]] == ["AlarmTopic"]
