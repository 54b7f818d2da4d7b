"""The stacks in a pretended account (moto): created, updated and deleted with the real command line.

moto is no judge of everything. Its CloudFormation
- ignores BucketPolicy, TopicPolicy, Subscription, Alarm, ScalableTarget, ScalingPolicy, WebACL and its
  association, OIDCProvider and WaitConditionHandle, and most properties of services, target groups and
  repositories: test_calls.py makes those calls itself, with what the template asks for;
- does not know that a resource changes because one that it refers to did, so an update registers the new task
  definition and leaves the service alone (a test here reads in the template that the service follows), and
  what describe-task-definition shows of that revision is empty;
- forgets what it does not update when parameters are not all given the first time, so they all are here;
- cannot delete a route table, so what is deleted here runs in a VPC that was there before; it
  leaves services and target groups too;
- takes RetainExceptOnCreate for Delete, so the log bucket goes where on AWS it stays;
- shows no outputs of what `deploy` created, and calls an update that changes nothing an error.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.aws.conftest import INFRA, REPLICAS, Account
from tests.aws.template import defaults, load

APP = "census-model-api"
URI = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{APP}"
DEPLOY, DESTROY = INFRA / "deploy.sh", INFRA / "destroy.sh"
MANIFEST = (
    '{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [],'
    ' "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": %d, "digest": "sha"}}'
)

Vpc = dict[str, str]


@pytest.fixture
def vpc(account: Account) -> Vpc:
    """The parameters for a VPC that is there already: moto's default one."""
    subnets = account.aws("ec2", "describe-subnets")["Subnets"]
    ids = [each["SubnetId"] for each in subnets[:4]]
    return {
        "VpcId": subnets[0]["VpcId"],
        "PublicSubnetIds": ",".join(ids[:2]),
        "PrivateSubnetIds": ",".join(ids[2:]),
    }


def stack_call(account: Account, verb: str, name: str, template: str, parameters: dict[str, str]) -> None:
    body = f"file://{INFRA / template}"
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    account.aws(
        *("cloudformation", f"{verb}-stack", "--stack-name", name, "--template-body", body),
        *("--capabilities", "CAPABILITY_IAM", "--parameters", json.dumps(given)),
    )


def delete(account: Account, name: str) -> None:
    account.aws("cloudformation", "delete-stack", "--stack-name", name)
    account.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", name)


def stacks(account: Account) -> set[str]:
    return {each["StackName"] for each in account.aws("cloudformation", "describe-stacks")["Stacks"]}


def repositories(account: Account) -> list[str]:
    return [each["repositoryName"] for each in account.aws("ecr", "describe-repositories")["repositories"]]


def deployed(account: Account, name: str) -> tuple[str, str]:
    """Return the image that a stack was given, and the revision of the task definition."""
    (stack,) = account.aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    newest = account.aws("ecs", "list-task-definitions")["taskDefinitionArns"][-1]
    return parameters["ImageUri"].removeprefix(URI), newest.rpartition("/")[2]


# ---- the templates, through `aws cloudformation`


def test_the_repository_is_created_updated_and_outlives_its_stack(account: Account) -> None:
    parameters = defaults(load("repository.yaml"))
    stack_call(account, "create", "images", "repository.yaml", parameters)
    assert repositories(account) == [APP]
    stack_call(account, "update", "images", "repository.yaml", parameters | {"KeptImages": "50"})
    delete(account, "images")
    assert stacks(account) == set()
    assert repositories(account) == [APP]


def test_the_service_is_created_updated_with_another_image_and_deleted(account: Account, vpc: Vpc) -> None:
    parameters = defaults(load("service.yaml")) | vpc | {"ImageUri": f"{URI}:one"}
    stack_call(account, "create", "service", "service.yaml", parameters)
    (stack,) = account.aws("cloudformation", "describe-stacks")["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert outputs["Url"] == f"http://{APP}-lb-1.us-east-1.elb.amazonaws.com"
    (service,) = account.aws(
        *("ecs", "describe-services", "--cluster", f"{APP}-cluster", "--services", f"{APP}-service")
    )["services"]
    assert (service["status"], service["runningCount"]) == ("ACTIVE", REPLICAS)
    assert deployed(account, "service") == (":one", f"{APP}-task:1")
    (one,) = account.aws("ecs", "describe-task-definition", "--task-definition", f"{APP}-task")[
        "taskDefinition"
    ]["containerDefinitions"]
    assert one["image"] == f"{URI}:one"

    stack_call(account, "update", "service", "service.yaml", parameters | {"ImageUri": f"{URI}:two"})
    assert deployed(account, "service") == (":two", f"{APP}-task:2")
    assert account.aws("cloudformation", "describe-stacks")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"

    delete(account, "service")
    assert stacks(account) == set()
    assert account.aws("elbv2", "describe-load-balancers")["LoadBalancers"] == []
    assert account.aws("iam", "list-roles")["Roles"] == []
    assert account.aws("logs", "describe-log-groups")["logGroups"] == []


def test_the_service_follows_its_task_definition() -> None:
    """What moto does not show: the service refers to the revision, so a new one is deployed."""
    assert load("service.yaml")["Resources"]["Service"]["Properties"]["TaskDefinition"] == {
        "Ref": "TaskDefinition"
    }


def test_the_role_for_github_is_created_and_deleted(account: Account) -> None:
    parameters = defaults(load("github-oidc.yaml")) | {"GitHubRepository": "octocat@1/census@2"}
    stack_call(account, "create", "github", "github-oidc.yaml", parameters)
    (role,) = account.aws("iam", "list-roles")["Roles"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:octocat@1/census@2:environment:production",
    }
    branch = {"GitHubEnvironment": "", "GitHubBranch": "release"}
    stack_call(account, "update", "github", "github-oidc.yaml", parameters | branch)
    delete(account, "github")
    assert account.aws("iam", "list-roles")["Roles"] == []


@pytest.mark.parametrize(
    ("egress", "endpoints", "gateways"),
    [("endpoints", {"s3", "ecr.api", "ecr.dkr", "logs"}, 0), ("nat", {"s3"}, 1), ("public", {"s3"}, 0)],
)
def test_a_network_is_made_when_none_is_given(
    account: Account, egress: str, endpoints: set[str], gateways: int
) -> None:
    before = {each["VpcId"] for each in account.aws("ec2", "describe-vpcs")["Vpcs"]}
    stack_call(
        *(account, "create", "service", "service.yaml"),
        {"ImageUri": f"{URI}:one", "TaskEgress": egress},
    )
    (made,) = {each["VpcId"] for each in account.aws("ec2", "describe-vpcs")["Vpcs"]} - before
    mine = ("--filters", f"Name=vpc-id,Values={made}")
    subnets = account.aws("ec2", "describe-subnets", *mine)["Subnets"]
    zones = {
        (each["AvailabilityZone"], next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"))
        for each in subnets
    }
    assert zones == {
        ("us-east-1a", f"{APP}-public-a"),
        ("us-east-1b", f"{APP}-public-b"),
        ("us-east-1a", f"{APP}-private-a"),
        ("us-east-1b", f"{APP}-private-b"),
    }
    found = account.aws("ec2", "describe-vpc-endpoints", *mine)["VpcEndpoints"]
    assert {each["ServiceName"].removeprefix("com.amazonaws.us-east-1.") for each in found} == endpoints
    assert len(account.aws("ec2", "describe-nat-gateways")["NatGateways"]) == gateways
    tables = account.aws("ec2", "describe-route-tables", *mine)["RouteTables"]
    ways_out = [route for each in tables for route in each["Routes"] if "0.0.0.0/0" in str(route)]
    assert len(ways_out) == 1 + gateways


# ---- deploy.sh and destroy.sh


@pytest.fixture
def push(account: Account) -> Callable[[str], str]:
    """Put an image into the repository under a tag, return its digest."""

    def put(tag: str) -> str:
        image = account.aws(
            *("ecr", "put-image", "--repository-name", APP, "--image-tag", tag),
            *("--image-manifest", MANIFEST % len(images_in_ecr(account))),
        )["image"]
        digest: str = image["imageId"]["imageDigest"]
        return digest

    return put


def images_in_ecr(account: Account) -> list[Any]:
    found: list[Any] = account.aws("ecr", "describe-images", "--repository-name", APP)["imageDetails"]
    return found


def everything(vpc: Vpc) -> list[str]:
    """Return what moto needs to be told at the first deployment: all parameters."""
    from_elsewhere = {"AppName", "RepositoryName", "ImageUri"}
    parameters = defaults(load("service.yaml")) | vpc
    return [f"{name}={value}" for name, value in parameters.items() if name not in from_elsewhere]


def test_from_nothing_to_a_service_to_another_image_and_back_to_nothing(
    account: Account, vpc: Vpc, push: Callable[[str], str]
) -> None:
    account.run(DEPLOY, "repository")
    assert repositories(account) == [APP]
    digest = push("latest")

    first = account.run(DEPLOY, *everything(vpc))
    dns = f"{APP}-lb-1.us-east-1.elb.amazonaws.com"
    assert first.stdout.splitlines() == [
        f"Image     {URI}:latest",
        f"DNS name  {dns}",
        f"Health    curl http://{dns}/health",
        f"Redeploy  aws ecs update-service --region us-east-1 --cluster {APP}-cluster --service {APP}-service"
        " --force-new-deployment",
    ]
    redeploy = first.stdout.splitlines()[-1].removeprefix("Redeploy").split()
    account.run(*redeploy)

    push("2.0.0-abc")
    account.run(DEPLOY, "--image", "2.0.0-abc")
    assert deployed(account, APP) == (":2.0.0-abc", f"{APP}-task:2")
    back = account.run(DEPLOY, "--image", digest)
    assert deployed(account, APP) == (f"@{digest}", f"{APP}-task:3")
    assert f"{URI}@{digest}" in back.stdout

    account.run(DEPLOY, "github", "octocat/census")
    refused = account.run(DESTROY, stdin="yes\n", expect=1)
    assert refused.stderr.endswith("destroy.sh: Nothing was removed.\n")
    assert stacks(account) == {APP, f"{APP}-repository", f"{APP}-github"}

    removed = account.run(DESTROY, stdin=f"{APP}\n")
    order = [line.split()[1].rstrip(",") for line in removed.stdout.splitlines() if "which may" in line]
    assert order == [f"{APP}-github", APP, f"{APP}-repository"]
    assert stacks(account) == set()
    assert f"- the repository {APP} with its images (2)" in removed.stdout
    assert len(images_in_ecr(account)) == 2

    again = account.run(DEPLOY, "repository")
    assert "it stays as it is" in again.stderr
    assert len(images_in_ecr(account)) == 2


def test_the_role_is_printed_and_an_identity_provider_is_taken_up(account: Account) -> None:
    url = "https://token.actions.githubusercontent.com"
    provider = account.aws(
        *("iam", "create-open-id-connect-provider", "--url", url, "--client-id-list", "sts.amazonaws.com")
    )["OpenIDConnectProviderArn"]
    done = account.run(DEPLOY, "github", "octocat@1/census@2", "GitHubEnvironment=", "GitHubBranch=main")
    (role,) = account.aws("iam", "list-roles")["Roles"]
    assert done.stdout == f"Role  {role['Arn']}\n"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": provider}


def test_destroy_says_so_when_there_is_nothing(account: Account) -> None:
    done = account.run(DESTROY)
    assert done.stdout == f"There is nothing of {APP} in us-east-1 of account 123456789012.\n"


def test_destroy_stops_at_a_protected_load_balancer(account: Account, vpc: Vpc) -> None:
    stack_call(account, "create", APP, "service.yaml", {"ImageUri": f"{URI}:one"} | vpc)
    (balancer,) = account.aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    account.aws(
        *("elbv2", "modify-load-balancer-attributes", "--load-balancer-arn", balancer["LoadBalancerArn"]),
        *("--attributes", "Key=deletion_protection.enabled,Value=true"),
    )
    done = account.run(DESTROY, "--yes", expect=1)
    assert "The load balancer is protected; first: infra/deploy.sh DeletionProtection=false" in done.stderr
    assert stacks(account) == {APP}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["MinTask=4"], "There is no parameter MinTask to set; infra/service.yaml has: Architecture Cpu "),
        (["ImageUri=x"], "There is no parameter ImageUri to set"),
        (["github", "o/n", "MinTasks=4"], "infra/github-oidc.yaml has: GitHubEnvironment GitHubBranch"),
        (["VpcId=vpc-1"], "With VpcId comes PublicSubnetIds, the subnets' ids with a comma between them."),
        (["VpcId=vpc-1", "PublicSubnetIds=subnet-1"], "With VpcId comes PrivateSubnetIds"),
        (["MinTasks=5", "MaxTasks=4"], "MinTasks (5) is more than MaxTasks (4)."),
        (
            ["CertificateArn=arn:aws:acm:eu-west-1:123456789012:certificate/1"],
            "The certificate lies in eu-west-1, the load balancer in us-east-1; both must be in one region.",
        ),
        (["github"], "Name the GitHub repository: infra/deploy.sh github OWNER/NAME"),
        (["github", "*/*"], "Name the GitHub repository"),
        (["--image"], "After --image comes a tag, sha256:… or a whole address."),
        (["repository", "--image", "latest"], "Only the service runs an image; leave --image out."),
        (["--force"], "I do not know what '--force' means; --help shows what can be given."),
        ([], f"The repository {APP} has no image latest; push one with ./push_to_ecr.sh, then come again."),
        (["--image", f"sha256:{'0' * 64}"], f"has no image sha256:{'0' * 64}; push one"),
        (["--image", "docker.io/library/nginx:1"], f"Tasks may pull from {URI} only, and docker.io/"),
    ],
    ids=lambda each: " ".join(each)[:50] if isinstance(each, list) else "",
)
def test_deploy_says_what_is_wrong(account: Account, arguments: list[str], sentence: str) -> None:
    done = account.run(DEPLOY, *arguments, expect=1)
    assert sentence in done.stderr
    assert APP not in stacks(account)


def test_deploy_stops_without_credentials(account: Account) -> None:
    """Moto takes any keys, and without any the command line finds none: the account's home is empty."""
    done = account.run(DEPLOY, expect=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "deploy.sh: AWS refused, or found no credentials" in done.stderr


@pytest.mark.parametrize("script", [DEPLOY, DESTROY], ids=lambda path: path.name)
def test_help_is_the_head_of_the_script(account: Account, script: Any) -> None:
    done = account.run(script, "--help")
    assert done.stdout.startswith(f"{script.name}")
    assert "AWS_DEFAULT_REGION" in done.stdout
