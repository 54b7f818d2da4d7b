"""Who may do what: every role, the repository of images, and the role of GitHub."""

import json
import re

from tests.aws.conftest import ROOT
from tests.aws.template import SECRET, Template, as_list, stack, statements

WITHOUT_A_RESOURCE = {  # calls for which AWS has no permission per resource
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeLoadBalancers",
}


def a_role_may_do_named_things_to_named_resources(template: Template) -> None:
    for _, statement in statements(
        stack(template, **SECRET) if "Cluster" in str(template) else stack(template)
    ):
        actions = as_list(statement["Action"])
        assert statement["Effect"] == "Allow"
        assert not [each for each in actions if "*" in each], actions
        if set(as_list(statement["Resource"])) & {"*"}:
            assert set(actions) <= WITHOUT_A_RESOURCE, actions


# ---- repository.yaml


def the_repository_keeps_what_a_rollback_needs(template: Template) -> None:
    assert template["Resources"]["Repository"]["DeletionPolicy"] == "Retain"
    assert template["Resources"]["Repository"]["UpdateReplacePolicy"] == "Retain"
    repository = stack(template).properties("Repository")
    assert repository["RepositoryName"] == "census-model-api"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    untagged, count = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert untagged["selection"]["tagStatus"] == "untagged"
    assert untagged["selection"]["countNumber"] == 30
    assert count["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30}


# ---- github-oidc.yaml


def only_one_repository_and_environment_may_deploy(template: Template) -> None:
    prefix = "token.actions.githubusercontent.com"
    for parameters, subject in (
        ({}, "repo:octocat@1/census-model-api@2:environment:production"),
        ({"GitHubEnvironment": ""}, "repo:octocat@1/census-model-api@2:ref:refs/heads/main"),
    ):
        (trust,) = stack(template, **parameters).properties("DeployRole")["AssumeRolePolicyDocument"][
            "Statement"
        ]
        assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert trust["Condition"] == {
            "StringEquals": {f"{prefix}:aud": "sts.amazonaws.com", f"{prefix}:sub": subject}
        }
    for name in ("GitHubRepository", "GitHubEnvironment", "GitHubBranch"):
        pattern = template["Parameters"][name]["AllowedPattern"]
        for wildcard in ("*", "a/*", "a?", "octocat/*", "octocat/?"):
            assert not re.fullmatch(pattern, wildcard), f"{name} takes {wildcard}"


def the_provider_of_github_is_made_once_and_kept(template: Template) -> None:
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    for parameters, federated in (({}, "Provider"), ({"OidcProviderArn": arn}, arn)):
        of = stack(template, **parameters)
        assert ("Provider" in of.resources()) == (federated == "Provider")
        (trust,) = of.properties("DeployRole")["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Federated": federated}
    assert template["Resources"]["Provider"]["DeletionPolicy"] == "RetainExceptOnCreate"


def the_role_may_do_what_the_push_script_does(template: Template) -> None:
    """Every call of push_to_ecr.sh has its permission, and there is none that it does not need."""
    of = stack(template)
    allowed = {action for _, each in statements(of) for action in as_list(each["Action"])}
    script = (ROOT / "push_to_ecr.sh").read_text()
    calls = set(re.findall(r"^[^#'\n]*?\baws (ecr|ecs|elbv2) (?:wait )?([a-z-]+)", script, re.MULTILINE))
    calls |= {("ecs", each) for each in re.findall(r"(?<!aws )\becs (?:wait )?([a-z]+-[a-z-]+)", script)}
    needed = {PERMISSIONS.get(call) or _action(*call) for call in calls}
    pushing = {each for each in allowed if re.match(r"ecr:(Batch|Complete|Get|Initiate|Put|Upload)", each)}
    assert needed <= allowed, needed - allowed
    assert allowed - pushing - {"ecr:DescribeImages"} <= needed, allowed - needed
    resources = {
        resource for _, each in statements(of) for resource in as_list(each["Resource"]) if resource != "*"
    }
    assert resources == {
        "arn:aws:ecr:us-east-1:123456789012:repository/census-model-api",
        "arn:aws:ecs:us-east-1:123456789012:service/census-model-api-cluster/census-model-api-service",
    }


PERMISSIONS = {  # where the name of the call is not the name of the permission
    ("ecr", "get-login-password"): "ecr:GetAuthorizationToken",
    ("ecs", "services-stable"): "ecs:DescribeServices",
}


def _action(service: str, call: str) -> str:
    name = "".join(each.capitalize() for each in call.split("-"))
    return f"{'elasticloadbalancing' if service == 'elbv2' else service}:{name}"
