"""deploy.sh and destroy.sh in a pretended account (moto), with the real command line.

Moto cannot show everything. Its CloudFormation
- ignores BucketPolicy, TopicPolicy, Subscription, Alarm, ScalableTarget, ScalingPolicy, WebACL and its
  association, OIDCProvider and WaitConditionHandle, and most properties of services, target groups and
  repositories: those are left to cfn-lint and to the rules beside this file;
- does not know that a resource changes because one that it refers to did, so an update registers the new task
  definition and leaves the service alone (a rule reads in the template that the service follows);
- forgets a parameter that it does not update unless all parameters were given the first time;
- cannot delete a route table, so a stack that is deleted here runs in a VPC that was there before;
- takes RetainExceptOnCreate for Delete, so the log bucket goes where on AWS it stays;
- shows no outputs of a stack that `deploy` created, and calls an update that changes nothing an error.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aws.account import ACCOUNT_ID, INFRA, REPLICAS, Account
from tests.aws.template import defaults, load, render

APP = "census-model-api"
URI = f"{ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com/{APP}"
DEPLOY, DESTROY = INFRA / "deploy.sh", INFRA / "destroy.sh"
MANIFEST = (
    '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [],'
    ' "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": %d, "digest": "sha"}}'
)

Vpc = dict[str, str]


@pytest.fixture
def vpc(account: Account) -> Vpc:
    """The parameters for a VPC that is there already: moto's default one."""
    subnets = account.client("ec2").describe_subnets()["Subnets"]
    ids = [subnet["SubnetId"] for subnet in subnets[:4]]
    return {
        "VpcId": subnets[0]["VpcId"],
        "VpcCidr": "172.31.0.0/16",
        "PublicSubnetIds": ",".join(ids[:2]),
        "PrivateSubnetIds": ",".join(ids[2:]),
    }


@pytest.fixture
def push(account: Account) -> Callable[[str], str]:
    """Put an image into the repository under a tag, and return its digest."""

    def put(tag: str) -> str:
        manifest = MANIFEST % len(images(account))
        image = account.client("ecr").put_image(repositoryName=APP, imageTag=tag, imageManifest=manifest)
        digest: str = image["image"]["imageId"]["imageDigest"]
        return digest

    return put


def create_service(account: Account, parameters: dict[str, str]) -> None:
    account.client("cloudformation").create_stack(
        StackName=APP,
        TemplateBody=(INFRA / "service.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in ({"ImageUri": f"{URI}:one"} | parameters).items()
        ],
    )


def stacks(account: Account) -> dict[str, Any]:
    stacks = account.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack for stack in stacks}


def images(account: Account) -> list[Any]:
    details: list[Any] = account.client("ecr").describe_images(repositoryName=APP)["imageDetails"]
    return details


def deployed(account: Account) -> tuple[str, str]:
    """Return the image that the stack was given, and the revision of the task definition."""
    parameters = stacks(account)[APP]["Parameters"]
    values = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in parameters}
    newest = account.client("ecs").list_task_definitions()["taskDefinitionArns"][-1]
    return values["ImageUri"].removeprefix(URI), newest.rpartition("/")[2]


def every_parameter(vpc: Vpc) -> list[str]:
    """Return all parameters that deploy.sh accepts: moto has to be given them at the first deployment."""
    from_elsewhere = {"AppName", "RepositoryName", "ImageUri"}
    parameters = defaults(load("service.yaml")) | vpc
    return [f"{name}={value}" for name, value in parameters.items() if name not in from_elsewhere]


# ---- from nothing to a service and back


def test_a_service_is_deployed_updated_rolled_back_and_removed(
    account: Account, vpc: Vpc, push: Callable[[str], str]
) -> None:
    account.run(DEPLOY, "repository")
    digest = push("latest")

    first = account.run(DEPLOY, *every_parameter(vpc))
    dns = f"{APP}-lb-1.us-east-1.elb.amazonaws.com"
    assert first.stdout.splitlines() == [
        f"Image     {URI}:latest",
        f"DNS name  {dns}",
        f"Health    curl http://{dns}/health",
        f"Redeploy  aws ecs update-service --region us-east-1 --cluster {APP}-cluster --service {APP}-service"
        " --force-new-deployment",
    ]
    account.run(*first.stdout.splitlines()[-1].removeprefix("Redeploy").split())
    assert deployed(account) == (":latest", f"{APP}-task:1")
    (service,) = account.client("ecs").describe_services(
        cluster=f"{APP}-cluster", services=[f"{APP}-service"]
    )["services"]
    assert (service["status"], service["runningCount"]) == ("ACTIVE", REPLICAS)

    push("2.0.0-abc")
    account.run(DEPLOY, "--image", "2.0.0-abc")
    assert deployed(account) == (":2.0.0-abc", f"{APP}-task:2")
    rollback = account.run(DEPLOY, "--image", digest)
    assert deployed(account) == (f"@{digest}", f"{APP}-task:3")
    assert f"{URI}@{digest}" in rollback.stdout

    account.run(DEPLOY, "github", "octocat/census")
    refused = account.run(DESTROY, stdin="yes\n", expect=1)
    assert refused.stderr.endswith("destroy.sh: Nothing was removed.\n")
    assert set(stacks(account)) == {APP, f"{APP}-repository", f"{APP}-github"}

    removed = account.run(DESTROY, stdin=f"{APP}\n")
    order = [line.split()[1].rstrip(";") for line in removed.stdout.splitlines() if "Removing" in line]
    assert order == [f"{APP}-github", APP, f"{APP}-repository"]
    assert f"- the repository {APP} with its images (2)" in removed.stdout
    assert stacks(account) == {}
    assert account.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert account.client("iam").list_roles()["Roles"] == []

    again = account.run(DEPLOY, "repository")
    assert "it stays as it is" in again.stderr
    assert len(images(account)) == 2


def test_the_role_is_printed_and_an_existing_identity_provider_is_used(account: Account) -> None:
    provider = account.client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"]
    )["OpenIDConnectProviderArn"]
    done = account.run(DEPLOY, "github", "octocat@1/census@2", "GitHubEnvironment=", "GitHubBranch=main")
    (role,) = account.client("iam").list_roles()["Roles"]
    assert done.stdout == f"Role  {role['Arn']}\n"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": provider}
    subject = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == "repo:octocat@1/census@2:ref:refs/heads/main"


@pytest.mark.parametrize(
    ("egress", "endpoints", "gateways"),
    [("endpoints", {"s3", "ecr.api", "ecr.dkr", "logs"}, 0), ("nat", {"s3"}, 1), ("public", {"s3"}, 0)],
)
def test_a_network_is_created_when_none_is_given(
    account: Account, egress: str, endpoints: set[str], gateways: int
) -> None:
    ec2 = account.client("ec2")
    before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    create_service(account, {"TaskEgress": egress})
    (created,) = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} - before
    inside: Any = {"Filters": [{"Name": "vpc-id", "Values": [created]}]}

    assert {
        (subnet["AvailabilityZone"], tag["Value"])
        for subnet in ec2.describe_subnets(**inside)["Subnets"]
        for tag in subnet["Tags"]
        if tag["Key"] == "Name"
    } == {
        ("us-east-1a", f"{APP}-public-a"),
        ("us-east-1b", f"{APP}-public-b"),
        ("us-east-1a", f"{APP}-private-a"),
        ("us-east-1b", f"{APP}-private-b"),
    }
    services = {endpoint["ServiceName"] for endpoint in ec2.describe_vpc_endpoints(**inside)["VpcEndpoints"]}
    assert services == {f"com.amazonaws.us-east-1.{name}" for name in endpoints}
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == gateways
    tables = ec2.describe_route_tables(**inside)["RouteTables"]
    ways_out = [route for table in tables for route in table["Routes"] if "0.0.0.0/0" in str(route)]
    assert len(ways_out) == 1 + gateways


def test_elb_accepts_the_attributes_of_the_load_balancer_and_the_target_group(account: Account) -> None:
    """Moto's CloudFormation drops them, and no linter knows their names."""
    stack, elb = render(load("service.yaml")), account.client("elbv2")
    account.client("s3").create_bucket(Bucket="logs")
    subnets = account.client("ec2").describe_subnets()["Subnets"]
    (balancer,) = elb.create_load_balancer(Name="lb", Subnets=[subnet["SubnetId"] for subnet in subnets[:2]])[
        "LoadBalancers"
    ]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Attributes=[
            {"Key": key, "Value": "logs" if key == "access_logs.s3.bucket" else value}
            for key, value in stack.attributes("LoadBalancer").items()
        ],
    )
    group = stack.properties("TargetGroup")
    attributes = group.pop("TargetGroupAttributes")
    (created,) = elb.create_target_group(Name="targets", **group | {"VpcId": subnets[0]["VpcId"]})[
        "TargetGroups"
    ]
    elb.modify_target_group_attributes(TargetGroupArn=created["TargetGroupArn"], Attributes=attributes)


# ---- messages


def test_destroy_says_that_there_is_no_stack(account: Account) -> None:
    done = account.run(DESTROY)
    assert done.stdout == f"There are no stacks of {APP} in us-east-1 of account {ACCOUNT_ID}.\n"


def test_destroy_stops_at_a_protected_load_balancer(account: Account, vpc: Vpc) -> None:
    create_service(account, vpc)
    elb = account.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
    )
    done = account.run(DESTROY, "--yes", expect=1)
    assert (
        "The load balancer is protected from deletion; first run infra/deploy.sh DeletionProtection"
        in done.stderr
    )
    assert set(stacks(account)) == {APP}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["MinTask=4"], "infra/service.yaml has no parameter MinTask to set; it has: Architecture Cpu "),
        (["ImageUri=x"], "infra/service.yaml has no parameter ImageUri to set"),
        (
            ["github", "o/n", "MinTasks=4"],
            "no parameter MinTasks to set; it has: GitHubEnvironment GitHubBranch",
        ),
        (["VpcId=vpc-1"], "VpcId needs PublicSubnetIds too: the ids of the subnets, separated by commas."),
        (["VpcId=vpc-1", "PublicSubnetIds=subnet-1"], "VpcId needs PrivateSubnetIds too"),
        (
            ["VpcId=vpc-1", "PublicSubnetIds=subnet-1", "PrivateSubnetIds=subnet-2"],
            "VpcId needs VpcCidr too: its block of addresses, such as 172.31.0.0/16.",
        ),
        (["MinTasks=5", "MaxTasks=4"], "MinTasks (5) is more than MaxTasks (4)."),
        (
            ["CertificateArn=arn:aws:acm:eu-west-1:123456789012:certificate/1"],
            "The certificate is in eu-west-1, but the load balancer is in us-east-1; both must",
        ),
        (["github"], "Name the GitHub repository: infra/deploy.sh github OWNER/NAME"),
        (["github", "*/*"], "Name the GitHub repository"),
        (["--image"], "--image needs a tag, a digest (sha256:…) or a whole address."),
        (["repository", "--image", "latest"], "Only the service has an image; leave --image out."),
        (["--force"], "Unknown argument '--force'; see --help."),
        ([], f"The repository {APP} has no image latest; push it first with ./push_to_ecr.sh."),
        (["--image", f"sha256:{'0' * 64}"], f"has no image sha256:{'0' * 64}; push it first"),
        (
            ["--image", "docker.io/library/nginx:1"],
            f"pull images from {URI} only, not docker.io/library/nginx:1.",
        ),
    ],
    ids=lambda argument: " ".join(argument)[:50] if isinstance(argument, list) else "",
)
def test_deploy_refuses_wrong_arguments(account: Account, arguments: list[str], sentence: str) -> None:
    done = account.run(DEPLOY, *arguments, expect=1)
    assert sentence in done.stderr
    assert APP not in stacks(account)


def test_deploy_stops_without_credentials(account: Account) -> None:
    """Moto accepts any keys, but the command line finds none: the account's home is empty."""
    done = account.run(DEPLOY, expect=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "deploy.sh: AWS accepted no credentials" in done.stderr


@pytest.mark.parametrize("script", [DEPLOY, DESTROY], ids=lambda path: path.name)
def test_help_is_the_head_of_the_script(account: Account, script: Path) -> None:
    done = account.run(script, "--help")
    assert done.stdout.startswith(f"{script.name}")
    assert "AWS_DEFAULT_REGION" in done.stdout
