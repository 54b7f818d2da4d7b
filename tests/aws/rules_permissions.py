"""What roles may do, what may become the role of GitHub, and which images stay."""

import json
import re

from tests.aws.account import ACCOUNT_ID, REGION, ROOT
from tests.aws.rules import REMOVE, rule
from tests.aws.template import SECRET, Template, as_list, render

APP = "census-model-api"

WITHOUT_A_RESOURCE = {  # calls for which AWS has no permission per resource
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeLoadBalancers",
}


@rule("service.yaml", ("ExecutionRole/Properties/Policies/0/PolicyDocument/Statement/1/Resource", "*"))
@rule("github-oidc.yaml", ("DeployRole/Properties/Policies/0/PolicyDocument/Statement/1/Action", "ecr:*"))
def role_is_allowed_named_actions_on_named_resources(template: Template) -> None:
    for statement in render(template, **SECRET).statements():
        actions = set(as_list(statement["Action"]))
        assert statement["Effect"] == "Allow"
        assert not [action for action in actions if "*" in action]
        if "*" in as_list(statement["Resource"]):
            assert actions <= WITHOUT_A_RESOURCE


@rule(
    "service.yaml",
    ("TaskDefinition/Properties/TaskRoleArn", {"Fn::GetAtt": ["ExecutionRole", "Arn"]}),
    ("TaskRole/Properties/Policies", []),
    ("ExecutionRole/Properties/ManagedPolicyArns", ["arn:aws:iam::aws:policy/PowerUserAccess"]),
)
def service_itself_has_no_permission(template: Template) -> None:
    stack = render(template)
    task = stack.properties("TaskDefinition")
    assert (task["ExecutionRoleArn"], task["TaskRoleArn"]) == ("ExecutionRole.Arn", "TaskRole.Arn")
    assert not {"Policies", "ManagedPolicyArns"} & set(stack.properties("TaskRole"))
    assert "ManagedPolicyArns" not in stack.properties("ExecutionRole")


@rule(
    "repository.yaml",
    ("Repository/DeletionPolicy", "Delete"),
    ("Repository/UpdateReplacePolicy", REMOVE),
)
def repository_keeps_the_images_that_a_rollback_needs(template: Template) -> None:
    resource = template["Resources"]["Repository"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    policy = render(template).properties("Repository")["LifecyclePolicy"]["LifecyclePolicyText"]
    untagged, count = (rule["selection"] for rule in json.loads(policy)["rules"])
    assert (untagged["tagStatus"], untagged["countNumber"]) == ("untagged", 30)
    assert count == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}


TRUST = "DeployRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition"
GITHUB = "token.actions.githubusercontent.com"


@rule(
    "github-oidc.yaml",
    (f"{TRUST}/StringEquals/{GITHUB}:sub", "repo:octocat/*"),
    (f"{TRUST}/StringEquals/{GITHUB}:aud", REMOVE),
    (f"{TRUST}/StringLike", {}),
    ("Provider/Properties/Url", GITHUB),
    ("Provider/DeletionPolicy", "Delete"),
)
def only_one_repository_and_environment_may_deploy(template: Template) -> None:
    repository = "repo:octocat@1/census-model-api@2"
    for environment, subject in (("production", "environment:production"), ("", "ref:refs/heads/main")):
        role = render(template, GitHubEnvironment=environment).properties("DeployRole")
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        claims = {f"{GITHUB}:aud": "sts.amazonaws.com", f"{GITHUB}:sub": f"{repository}:{subject}"}
        assert trust["Condition"] == {"StringEquals": claims}
    for name in ("GitHubRepository", "GitHubEnvironment", "GitHubBranch"):
        pattern = template["Parameters"][name]["AllowedPattern"]
        for wildcard in ("*", "a/*", "a?", "octocat/*", "octocat/?"):
            assert not re.fullmatch(pattern, wildcard), f"{name} allows {wildcard}"
    assert render(template).properties("Provider")["Url"] == f"https://{GITHUB}"
    assert template["Resources"]["Provider"]["DeletionPolicy"] == "RetainExceptOnCreate"


@rule(
    "github-oidc.yaml",
    (
        "DeployRole/Properties/Policies/0/PolicyDocument/Statement/2/Action",
        ["ecs:DescribeServices", "ecs:DeleteService"],
    ),
)
def role_of_github_is_allowed_what_the_push_script_calls(template: Template) -> None:
    """Every call of push_to_ecr.sh is allowed, and no call that it does not make."""
    statements = list(render(template).statements())
    allowed = {action for statement in statements for action in as_list(statement["Action"])}
    script = (ROOT / "push_to_ecr.sh").read_text()
    calls = set(re.findall(r"^[^#'\n]*?\baws (ecr|ecs|elbv2) (?:wait )?([a-z-]+)", script, re.MULTILINE))
    calls |= {("ecs", call) for call in re.findall(r"(?<!aws )\becs (?:wait )?([a-z]+-[a-z-]+)", script)}
    called = {PERMISSIONS.get(call) or permission(*call) for call in calls}
    pushing = {
        action for action in allowed if re.match(r"ecr:(Batch|Complete|Get|Initiate|Put|Upload)", action)
    }
    assert called <= allowed, called - allowed
    assert allowed - pushing - {"ecr:DescribeImages"} <= called, allowed - called
    resources = {resource for statement in statements for resource in as_list(statement["Resource"])}
    assert resources == {
        "*",
        f"arn:aws:ecr:{REGION}:{ACCOUNT_ID}:repository/{APP}",
        f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:service/{APP}-cluster/{APP}-service",
    }


PERMISSIONS = {  # where the name of the call is not the name of the permission
    ("ecr", "get-login-password"): "ecr:GetAuthorizationToken",
    ("ecs", "services-stable"): "ecs:DescribeServices",
}


def permission(service: str, call: str) -> str:
    name = "".join(word.capitalize() for word in call.split("-"))
    return f"{'elasticloadbalancing' if service == 'elbv2' else service}:{name}"
