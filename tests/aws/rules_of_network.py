"""Who reaches the service, and what is seen of it: service.yaml."""

import json
from typing import Any

from tests.aws.template import CERTIFICATE, VPC, Stack, Template, attributes, stack

PORT = 8001
TLS_POLICIES = {
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
}


def targets_are_addresses_on_the_health_route(template: Template) -> None:
    group = stack(template).properties("TargetGroup")
    assert group["TargetType"] == "ip"
    assert (group["HealthCheckPath"], group["Matcher"]) == ("/health", {"HttpCode": "200"})
    assert set(attributes(group, "TargetGroup")) == {
        "deregistration_delay.timeout_seconds",
        "load_balancing.algorithm.type",
    }
    assert attributes(group, "TargetGroup")["load_balancing.algorithm.type"] == "least_outstanding_requests"


def the_load_balancer_is_careful_and_keeps_logs(template: Template) -> None:
    assert attributes(stack(template).properties("LoadBalancer"), "LoadBalancer") == {
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": "LogBucket",
    }


def without_a_certificate_it_is_http(template: Template) -> None:
    of = stack(template)
    (listener,) = of.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert not {"Certificates", "SslPolicy"} & set(listener)
    assert {each["FromPort"] for each in _from_clients(of)} == {80}


def with_a_certificate_it_is_https_and_http_redirects(template: Template) -> None:
    of = stack(template, **CERTIFICATE)
    listeners = of.of_type("AWS::ElasticLoadBalancingV2::Listener")
    main, redirect = listeners["Listener"], listeners["RedirectListener"]
    assert (main["Port"], main["Protocol"]) == (443, "HTTPS")
    assert main["Certificates"] == [CERTIFICATE]
    assert main["SslPolicy"] in TLS_POLICIES
    assert (redirect["Port"], redirect["Protocol"]) == (80, "HTTP")
    assert redirect["DefaultActions"] == [
        {
            "Type": "redirect",
            "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
        }
    ]
    assert {each["FromPort"] for each in _from_clients(of)} == {80, 443}


def _from_clients(of: Stack) -> list[dict[str, Any]]:
    rules = of.of_type("AWS::EC2::SecurityGroupIngress").values()
    return [each for each in rules if each["GroupId"] == "LoadBalancerSecurityGroup.GroupId"]


def only_the_load_balancer_reaches_a_task(template: Template) -> None:
    of = stack(template, **CERTIFICATE)
    assert "SecurityGroupIngress" not in of.properties("TaskSecurityGroup")
    rules = of.of_type("AWS::EC2::SecurityGroupIngress").values()
    (rule,) = (each for each in rules if each["GroupId"] == "TaskSecurityGroup.GroupId")
    assert rule["SourceSecurityGroupId"] == "LoadBalancerSecurityGroup.GroupId"
    assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule)
    assert (rule["FromPort"], rule["ToPort"]) == (PORT, PORT)
    (out,) = of.properties("LoadBalancerSecurityGroup")["SecurityGroupEgress"]
    assert (out["DestinationSecurityGroupId"], out["FromPort"]) == ("TaskSecurityGroup", PORT)


def a_task_has_no_public_address_unless_asked(template: Template) -> None:
    public, private = ["PublicSubnetA", "PublicSubnetB"], ["PrivateSubnetA", "PrivateSubnetB"]
    for parameters, address, subnets in (
        ({}, "DISABLED", private),
        ({"TaskEgress": "nat"}, "DISABLED", private),
        ({"TaskEgress": "public"}, "ENABLED", public),
        (VPC, "DISABLED", ["subnet-3", "subnet-4"]),
        (VPC | {"TaskEgress": "public"}, "ENABLED", ["subnet-1", "subnet-2"]),
    ):
        of = stack(template, **parameters)
        network = of.properties("Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert (network["AssignPublicIp"], network["Subnets"]) == (address, subnets)
        for subnet in of.of_type("AWS::EC2::Subnet").values():
            assert subnet.get("MapPublicIpOnLaunch", False) is False


def a_nat_gateway_comes_only_when_asked(template: Template) -> None:
    for egress, kinds in {
        "endpoints": {"s3", "ecr.api", "ecr.dkr", "logs"},
        "nat": {"s3"},
        "public": {"s3"},
    }.items():
        of = stack(template, TaskEgress=egress)
        endpoints = {
            each["ServiceName"].removeprefix("com.amazonaws.us-east-1."): each
            for each in of.of_type("AWS::EC2::VPCEndpoint").values()
        }
        assert set(endpoints) == kinds
        assert endpoints["s3"]["VpcEndpointType"] == "Gateway"
        assert all(
            each["PrivateDnsEnabled"] for each in endpoints.values() if each["VpcEndpointType"] == "Interface"
        )
        assert bool(of.of_type("AWS::EC2::NatGateway")) == (egress == "nat")
    assert not [each for each in stack(template, **VPC).resources() if "Endpoint" in each or "Nat" in each]


def everything_is_in_two_zones(template: Template) -> None:
    of = stack(template)
    subnets = of.of_type("AWS::EC2::Subnet")
    for kind in ("Public", "Private"):
        zones = {subnets[f"{kind}Subnet{each}"]["AvailabilityZone"] for each in "AB"}
        assert len(zones) == 2
    assert of.properties("LoadBalancer")["Subnets"] == ["PublicSubnetA", "PublicSubnetB"]
    assert len({each["CidrBlock"] for each in subnets.values()}) == 4


def the_firewall_is_optional_and_lets_batches_through(template: Template) -> None:
    assert not [each for each in stack(template).resources() if "WebAcl" in each]
    of = stack(template, EnableWaf="true")
    acl = of.properties("WebAcl")
    rules = {each["Name"]: each["Statement"] for each in acl["Rules"]}
    assert acl["Scope"] == "REGIONAL"
    assert int(rules["rate"]["RateBasedStatement"]["Limit"]) == 100_000
    common = rules["common"]["ManagedRuleGroupStatement"]
    assert common["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    assert of.properties("WebAclAssociation")["ResourceArn"] == of.render({"Ref": "LoadBalancer"})


# ---- what is seen of it


def the_log_bucket_is_private_encrypted_and_expires(template: Template) -> None:
    of = stack(template)
    bucket = of.properties("LogBucket")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert [int(each["ExpirationInDays"]) for each in bucket["LifecycleConfiguration"]["Rules"]] == [30]
    assert template["Resources"]["LogBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert template["Resources"]["LogBucket"]["UpdateReplacePolicy"] == "Retain"
    writes, tls = of.properties("LogBucketPolicy")["PolicyDocument"]["Statement"]
    assert writes["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert writes["Resource"] == "LogBucket.Arn/AWSLogs/123456789012/*"
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def every_alarm_is_told(template: Template) -> None:
    of = stack(template)
    alarms = of.of_type("AWS::CloudWatch::Alarm")
    metrics = {
        each.get("MetricName") or each["Metrics"][1]["MetricStat"]["Metric"]["MetricName"]
        for each in alarms.values()
    }
    assert metrics == {
        "HTTPCode_Target_5XX_Count",
        "HTTPCode_ELB_5XX_Count",
        "TargetResponseTime",
        "UnHealthyHostCount",
        "CPUUtilization",
        "MemoryUtilization",
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["AlarmTopic"]
    assert alarms["LatencyAlarm"]["Metrics"][1]["MetricStat"]["Stat"] == "p99"


def alarms_and_events_reach_the_topic(template: Template) -> None:
    """The key that AWS manages for SNS lets no alarm through."""
    of = stack(template)
    assert of.properties("AlarmTopic")["KmsMasterKeyId"] == "Key"
    alarms, events = of.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert events["Principal"] == {"Service": "events.amazonaws.com"}
    key = {each["Sid"]: each for each in of.properties("Key")["KeyPolicy"]["Statement"]}
    uses = key["AlarmsAndEvents"]
    assert set(uses["Principal"]["Service"]) == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
    assert set(uses["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert "Condition" not in events, "EventBridge sends none of the keys that a condition could ask for"
    assert "Condition" not in uses, "EventBridge sends none of the keys that a condition could ask for"
    log_group = of.properties("LogGroup")["LogGroupName"]
    assert json.dumps(key["LogsOfTheTasks"]["Condition"]).endswith(f':log-group:{log_group}"}}}}')


def a_failed_deployment_is_told(template: Template) -> None:
    rule = stack(template).properties("FailedDeploymentRule")
    assert rule["EventPattern"]["detail"] == {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}
    assert rule["EventPattern"]["resources"] == ["Service"]
    assert [each["Arn"] for each in rule["Targets"]] == ["AlarmTopic"]


def the_dashboard_shows_every_alarm(template: Template) -> None:
    of = stack(template)
    body = json.loads(of.properties("Dashboard")["DashboardBody"])
    (shown,) = (each["properties"]["alarms"] for each in body["widgets"] if each["type"] == "alarm")
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm"
    assert set(shown) == {f"{arn}:{name}" for name in of.of_type("AWS::CloudWatch::Alarm")}
    (query,) = (each["properties"]["query"] for each in body["widgets"] if each["type"] == "log")
    assert of.properties("LogGroup")["LogGroupName"] in query
