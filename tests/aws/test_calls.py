"""What moto's CloudFormation ignores or drops: the same calls made by hand, with what the templates ask for.

boto3 checks every name and type before it sends a call, moto judges some values and keeps them. Neither knows
all that AWS refuses; cfn-lint knows more of that.
"""

import json
from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern

from tests.aws.conftest import REGION, Account
from tests.aws.template import GIVEN, SECRET, Stack, attributes, load

APP = "census-model-api"
LOG_GROUP = {"LogGroup.Arn": f"arn:aws:logs:{REGION}:123456789012:log-group:/ecs/{APP}:*"}


class Calls:
    """boto3's clients for a pretended account."""

    def __init__(self, account: Account) -> None:
        self._url = account.url

    def __getattr__(self, service: str) -> Any:
        return boto3.client(
            service.replace("_", "-"),
            region_name=REGION,
            endpoint_url=self._url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - moto's
        )


@pytest.fixture
def calls(account: Account) -> Calls:
    return Calls(account)


def service_stack(ids: dict[str, str] | None = None, **parameters: str) -> Stack:
    return Stack(load("service.yaml"), GIVEN | parameters, ids or {})


def as_call(value: Any) -> Any:
    """Spell keys as the API of ECS does: ContainerName is containerName there."""
    match value:
        case dict():
            return {key[0].lower() + key[1:]: as_call(each) for key, each in value.items()}
        case list():
            return [as_call(each) for each in value]
    return value


def pick(source: dict[str, Any], of: Any) -> Any:
    """Return of `source` what `of` has too, so that what AWS adds is not compared."""
    if isinstance(of, dict):
        return {key: pick(source.get(key, {}), each) for key, each in of.items()}
    return source


@pytest.mark.parametrize("secret", [{}, SECRET], ids=["without a secret", "with a secret"])
def test_ecs_takes_the_task_definition_as_it_is(calls: Calls, secret: dict[str, str]) -> None:
    asked = as_call(service_stack({}, **secret).properties("TaskDefinition"))
    told = calls.ecs.register_task_definition(**asked)["taskDefinition"]
    assert pick(told, asked) | {"containerDefinitions": []} == asked | {"containerDefinitions": []}
    ((container,), (wanted,)) = told["containerDefinitions"], asked["containerDefinitions"]
    assert pick(container, wanted) == wanted


@pytest.fixture
def balanced(calls: Calls) -> dict[str, str]:
    """The load balancer and the target group of the template, with all their attributes; their ARNs."""
    stack = service_stack()
    subnets = calls.ec2.describe_subnets()["Subnets"]
    balancer = stack.properties("LoadBalancer")
    group = stack.properties("TargetGroup")
    calls.s3.create_bucket(Bucket="logs")
    (made,) = calls.elbv2.create_load_balancer(
        Name=balancer["Name"],
        Type=balancer["Type"],
        Scheme=balancer["Scheme"],
        Subnets=[each["SubnetId"] for each in subnets[:2]],
    )["LoadBalancers"]
    settings = [
        each | {"Value": "logs"} if each["Key"] == "access_logs.s3.bucket" else each
        for each in balancer["LoadBalancerAttributes"]
    ]
    calls.elbv2.modify_load_balancer_attributes(LoadBalancerArn=made["LoadBalancerArn"], Attributes=settings)
    (targets,) = calls.elbv2.create_target_group(
        Name=f"{APP}-targets",
        **{key: each for key, each in group.items() if key not in {"TargetGroupAttributes", "VpcId"}},
        VpcId=subnets[0]["VpcId"],
    )["TargetGroups"]
    calls.elbv2.modify_target_group_attributes(
        TargetGroupArn=targets["TargetGroupArn"], Attributes=group["TargetGroupAttributes"]
    )
    return {"LoadBalancer": made["LoadBalancerArn"], "TargetGroup": targets["TargetGroupArn"]}


def test_the_load_balancer_takes_every_attribute(calls: Calls, balanced: dict[str, str]) -> None:
    told = calls.elbv2.describe_target_group_attributes(TargetGroupArn=balanced["TargetGroup"])
    kept = {each["Key"]: each["Value"] for each in told["Attributes"]}
    asked = attributes(service_stack().properties("TargetGroup"), "TargetGroup")
    assert {key: kept[key] for key in asked} == asked
    told = calls.elbv2.describe_load_balancer_attributes(LoadBalancerArn=balanced["LoadBalancer"])
    kept = {each["Key"]: each["Value"] for each in told["Attributes"]}
    asked = attributes(service_stack().properties("LoadBalancer"), "LoadBalancer")
    assert {key: kept[key] for key in asked} == asked | {"access_logs.s3.bucket": "logs"}


def test_with_a_certificate_there_are_two_listeners(calls: Calls, balanced: dict[str, str]) -> None:
    certificate = calls.acm.request_certificate(DomainName="census.example.com")["CertificateArn"]
    stack = service_stack(balanced, CertificateArn=certificate)
    for asked in stack.of_type("AWS::ElasticLoadBalancingV2::Listener").values():
        calls.elbv2.create_listener(
            **{key: int(each) if key == "Port" else each for key, each in asked.items()}
        )
    told = calls.elbv2.describe_listeners(LoadBalancerArn=balanced["LoadBalancer"])["Listeners"]
    assert {(each["Port"], each["Protocol"], each["DefaultActions"][0]["Type"]) for each in told} == {
        (443, "HTTPS", "forward"),
        (80, "HTTP", "redirect"),
    }
    (tls,) = (each for each in told if each["Port"] == 443)
    assert tls["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.mark.parametrize("spot", ["false", "true"])
def test_ecs_takes_the_service_as_it_is(calls: Calls, balanced: dict[str, str], spot: str) -> None:
    subnets = calls.ec2.describe_subnets()["Subnets"]
    groups = calls.ec2.describe_security_groups()["SecurityGroups"]
    network = {f"PrivateSubnet{zone}": each["SubnetId"] for zone, each in zip("AB", subnets, strict=False)}
    network["TaskSecurityGroup.GroupId"] = groups[0]["GroupId"]
    stack = service_stack(balanced | network, UseSpot=spot)
    cluster = as_call(stack.properties("Cluster"))
    cluster["settings"] = cluster.pop("clusterSettings")  # the one name that differs
    assert calls.ecs.create_cluster(**cluster)["cluster"]["status"] == "ACTIVE"
    calls.ecs.register_task_definition(**as_call(stack.properties("TaskDefinition")))
    asked = as_call(stack.properties("Service"))
    asked |= {"cluster": cluster["clusterName"], "taskDefinition": f"{APP}-task"}
    asked["capacityProviderStrategy"] = [
        {key: each if key == "capacityProvider" else int(each) for key, each in one.items()}
        for one in asked["capacityProviderStrategy"]
    ]
    told = calls.ecs.create_service(**asked)["service"]
    assert told["serviceName"] == f"{APP}-service"
    assert told["loadBalancers"] == asked["loadBalancers"]
    assert told["propagateTags"] == "SERVICE"


def test_scaling_is_registered_between_the_two_numbers(calls: Calls) -> None:
    calls.ecs.create_cluster(clusterName=f"{APP}-cluster")
    calls.ecs.register_task_definition(**as_call(service_stack().properties("TaskDefinition")))
    calls.ecs.create_service(
        cluster=f"{APP}-cluster", serviceName=f"{APP}-service", taskDefinition=f"{APP}-task", desiredCount=7
    )
    stack = service_stack({"Cluster": f"{APP}-cluster", "Service.Name": f"{APP}-service"})
    scaling = calls.application_autoscaling
    target = stack.properties("ScalableTarget")
    where = {key: target.pop(key) for key in list(target) if key not in {"MinCapacity", "MaxCapacity"}}
    scaling.register_scalable_target(**where, **{key: int(each) for key, each in target.items()})
    for policy in stack.of_type("AWS::ApplicationAutoScaling::ScalingPolicy").values():
        settings = policy["TargetTrackingScalingPolicyConfiguration"]
        settings["TargetValue"] = float(settings["TargetValue"])
        scaling.put_scaling_policy(
            PolicyName=policy["PolicyName"],
            PolicyType=policy["PolicyType"],
            TargetTrackingScalingPolicyConfiguration=settings,
            **where,
        )
    (told,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (told["MinCapacity"], told["MaxCapacity"]) == (3, 12)
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert {each["PolicyName"] for each in policies} == {f"{APP}-requests", f"{APP}-cpu"}
    (service,) = calls.ecs.describe_services(cluster=f"{APP}-cluster", services=[f"{APP}-service"])[
        "services"
    ]
    assert service["desiredCount"] == 7


def test_cloudwatch_takes_the_alarms_and_the_dashboard(calls: Calls) -> None:
    topic = calls.sns.create_topic(Name="alarms")["TopicArn"]
    stack = service_stack({"AlarmTopic": topic})
    asked = stack.of_type("AWS::CloudWatch::Alarm")
    for alarm in asked.values():
        calls.cloudwatch.put_metric_alarm(**alarm | {"Threshold": float(alarm["Threshold"])})
    told = calls.cloudwatch.describe_alarms()["MetricAlarms"]
    assert {each["AlarmName"] for each in told} == {each["AlarmName"] for each in asked.values()}
    assert all(each["AlarmActions"] == [topic] for each in told)
    dashboard = stack.properties("Dashboard")
    calls.cloudwatch.put_dashboard(**dashboard)
    kept = calls.cloudwatch.get_dashboard(DashboardName=APP)["DashboardBody"]
    assert len(json.loads(kept)["widgets"]) == 6


def test_the_firewall_is_created_and_stands_before_the_load_balancer(
    calls: Calls, balanced: dict[str, str]
) -> None:
    stack = service_stack(balanced, EnableWaf="true")
    asked = stack.properties("WebAcl")
    for rule in asked["Rules"]:
        rate = rule["Statement"].get("RateBasedStatement")
        if rate:
            rate["Limit"] = int(rate["Limit"])
    arn = calls.wafv2.create_web_acl(**asked)["Summary"]["ARN"]
    calls.wafv2.associate_web_acl(WebACLArn=arn, ResourceArn=balanced["LoadBalancer"])
    told = calls.wafv2.get_web_acl_for_resource(ResourceArn=balanced["LoadBalancer"])["WebACL"]
    assert [each["Name"] for each in told["Rules"]] == ["rate", "known-bad-inputs", "common"]


def test_the_log_bucket_is_closed(calls: Calls) -> None:
    stack = service_stack({"LogBucket": "logs", "LogBucket.Arn": "arn:aws:s3:::logs"})
    bucket = stack.properties("LogBucket")
    calls.s3.create_bucket(Bucket="logs")
    calls.s3.put_bucket_policy(
        Bucket="logs", Policy=json.dumps(stack.properties("LogBucketPolicy")["PolicyDocument"])
    )
    calls.s3.put_public_access_block(
        Bucket="logs", PublicAccessBlockConfiguration=bucket["PublicAccessBlockConfiguration"]
    )
    ((encryption,),) = bucket["BucketEncryption"].values()
    calls.s3.put_bucket_encryption(
        Bucket="logs",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption["ServerSideEncryptionByDefault"]}]
        },
    )
    told = calls.s3.get_public_access_block(Bucket="logs")["PublicAccessBlockConfiguration"]
    assert set(told.values()) == {True}
    policy = json.loads(calls.s3.get_bucket_policy(Bucket="logs")["Policy"])
    assert [each["Effect"] for each in policy["Statement"]] == ["Allow", "Deny"]


def test_the_topic_takes_its_policy_and_the_key(calls: Calls) -> None:
    stack = service_stack()
    key = calls.kms.create_key(Policy=json.dumps(stack.properties("Key")["KeyPolicy"]))["KeyMetadata"]
    topic = calls.sns.create_topic(Name=f"{APP}-alarms", Attributes={"KmsMasterKeyId": key["KeyId"]})
    policy = service_stack({"AlarmTopic": topic["TopicArn"]}).properties("AlarmTopicPolicy")
    calls.sns.set_topic_attributes(
        TopicArn=topic["TopicArn"],
        AttributeName="Policy",
        AttributeValue=json.dumps(policy["PolicyDocument"]),
    )
    told = calls.sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
    assert json.loads(told["Policy"]) == policy["PolicyDocument"]


@pytest.mark.parametrize(
    ("event", "matches"),
    [("SERVICE_DEPLOYMENT_FAILED", True), ("SERVICE_DEPLOYMENT_COMPLETED", False)],
)
def test_a_failed_deployment_of_this_service_is_told(event: str, matches: bool) -> None:
    """The event is the one in the ECS developer guide; moto matches it as EventBridge does."""
    arn = f"arn:aws:ecs:{REGION}:123456789012:service/{APP}-cluster/{APP}-service"
    pattern = service_stack({"Service": arn}).properties("FailedDeploymentRule")["EventPattern"]
    told: Any = {
        "account": "123456789012",
        "region": REGION,
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "resources": [arn],
        "detail": {"eventType": "ERROR", "eventName": event, "deploymentId": "ecs-svc/1"},
    }
    assert EventPattern.load(json.dumps(pattern)).matches_event(told) is matches


def test_iam_takes_every_role(calls: Calls) -> None:
    """Moto reads a policy as IAM does: an unknown key or a malformed ARN is refused."""
    for template in ("service.yaml", "github-oidc.yaml"):
        stack = Stack(
            load(template), GIVEN | SECRET, {"LogGroup.Arn": f"arn:aws:logs:{REGION}:1:log-group:a:*"}
        )
        for name, role in stack.of_type("AWS::IAM::Role").items():
            calls.iam.create_role(
                RoleName=name, AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"])
            )
            for policy in role.get("Policies", []):
                calls.iam.put_role_policy(
                    RoleName=name,
                    PolicyName=policy["PolicyName"],
                    PolicyDocument=json.dumps(policy["PolicyDocument"]),
                )
    assert len(calls.iam.list_roles()["Roles"]) == 3


def test_iam_takes_the_identity_provider(calls: Calls) -> None:
    provider = Stack(load("github-oidc.yaml"), GIVEN).properties("Provider")
    arn = calls.iam.create_open_id_connect_provider(
        Url=provider["Url"], ClientIDList=provider["ClientIdList"]
    )["OpenIDConnectProviderArn"]
    told = calls.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert told["ClientIDList"] == ["sts.amazonaws.com"]


def test_ecr_takes_the_repository_and_its_lifecycle(calls: Calls) -> None:
    asked = Stack(load("repository.yaml")).properties("Repository")
    calls.ecr.create_repository(
        repositoryName=asked["RepositoryName"],
        imageTagMutability=asked["ImageTagMutability"],
        imageScanningConfiguration=as_call(asked["ImageScanningConfiguration"]),
        encryptionConfiguration=as_call(asked["EncryptionConfiguration"]),
    )
    calls.ecr.put_lifecycle_policy(
        repositoryName=APP, lifecyclePolicyText=asked["LifecyclePolicy"]["LifecyclePolicyText"]
    )
    kept = calls.ecr.get_lifecycle_policy(repositoryName=APP)["lifecyclePolicyText"]
    assert len(json.loads(kept)["rules"]) == 2
    (repository,) = calls.ecr.describe_repositories()["repositories"]
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
