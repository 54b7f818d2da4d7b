"""Read a CloudFormation template, and work out what it asks of AWS for given parameters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, Node, SequenceNode

from tests.aws.conftest import ACCOUNT_ID, INFRA, REGION

NO_VALUE = object()
PSEUDO: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::NoValue": NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "stack",
}
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}"
IDS = {  # what AWS would answer, where a template takes it apart
    "LoadBalancer": f"{ELB}:loadbalancer/app/lb/1",
    "LoadBalancer.LoadBalancerFullName": "app/lb/1",
    "TargetGroup": f"{ELB}:targetgroup/tg/2",
}

Template = dict[str, Any]

FUNCTIONS: dict[str, Callable[[Template, Any], Any]] = {
    "And": lambda _, values: all(values),
    "Equals": lambda _, values: values[0] == values[1],
    "FindInMap": lambda template, keys: template["Mappings"][keys[0]][keys[1]][keys[2]],
    "GetAZs": lambda _, __: [f"{REGION}a", f"{REGION}b"],
    "Not": lambda _, values: not values[0],
    "Select": lambda _, values: values[1][int(values[0])],
    "Split": lambda _, values: values[1].split(values[0]),
}


def _construct(loader: Any, suffix: str, node: Node) -> dict[str, Any]:
    """Read a short form such as !Ref X as what it stands for, {"Ref": X}."""
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node.value, str):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


@cache
def load(name: str) -> Template:
    """Return infra/NAME with every function in its long form; copy it before changing it."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_multi_constructor("!", _construct)
    template: Template = yaml.load(INFRA / name)
    return template


def templates() -> list[Path]:
    return sorted(INFRA.glob("*.yaml"))


def defaults(template: Template) -> dict[str, str]:
    """Return the parameters that have a default, with it."""
    return {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}


@dataclass
class Stack:
    """A template with parameters: what CloudFormation would ask of AWS.

    `ids` are what AWS answers to a Ref or, as NAME.ATTRIBUTE, to a GetAtt; else that is the name itself.
    """

    template: Template
    parameters: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def resources(self) -> dict[str, Any]:
        """Return the resources whose condition holds, by name."""
        return {
            name: each
            for name, each in self.template["Resources"].items()
            if "Condition" not in each or self.condition(each["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the rendered properties of the resources of a type, AWS::…, by name."""
        return {
            name: self.properties(name) for name, each in self.resources().items() if each["Type"] == kind
        }

    def properties(self, name: str) -> dict[str, Any]:
        rendered: dict[str, Any] = self.render(self.resources()[name].get("Properties", {}))
        return rendered

    def condition(self, name: str) -> bool:
        return bool(self.render(self.template["Conditions"][name]))

    def render(self, value: Any) -> Any:
        """Return the value with every function worked out."""
        match value:
            case {"Ref": name}:
                rendered = self._ref(name)
            case {"Condition": str(name)} if len(value) == 1:
                rendered = self.condition(name)
            case {"Fn::If": [name, yes, no]}:
                rendered = self.render(yes if self.condition(name) else no)
            case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
                ((name, argument),) = value.items()
                rendered = self._call(name.removeprefix("Fn::"), argument)
            case dict():
                pairs = ((key, self.render(each)) for key, each in value.items())
                rendered = {key: each for key, each in pairs if each is not NO_VALUE}
            case list():
                rendered = [each for each in map(self.render, value) if each is not NO_VALUE]
            case _:
                rendered = value
        return rendered

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Sub":
            return self._sub(argument)
        if function == "GetAtt":
            name = ".".join(argument)
            return (IDS | self.ids).get(name, name)
        return FUNCTIONS[function](self.template, self.render(argument))

    def _sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})
        own = {name: self.render(each) for name, each in own.items()}
        parts = text.split("${")
        rendered = [parts[0]]
        for part in parts[1:]:
            name, rest = part.split("}", 1)
            if name in own:
                rendered.append(str(own[name]))
            elif "." in name:
                rendered.append(str(self._call("GetAtt", name.split(".", 1))))
            else:
                rendered.append(str(self._ref(name)))
            rendered.append(rest)
        return "".join(rendered)

    def _ref(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.template["Parameters"]:
            declared = self.template["Parameters"][name]
            value = self.parameters.get(name, declared.get("Default"))
            if value is None:
                raise KeyError(f"The parameter {name} has no default and was not given.")
            return value if declared["Type"] == "Number" and isinstance(value, int) else str(value)
        if name not in self.template["Resources"]:
            raise KeyError(f"There is no {name} to refer to.")
        return (IDS | self.ids).get(name, name)


# ---- short ways to what the tests ask for

GIVEN = {  # parameters without a default
    "ImageUri": "registry/census-model-api:latest",
    "GitHubRepository": "octocat@1/census-model-api@2",
}
CERTIFICATE = {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1-2"}
SECRET = {
    "SecretName": "TOKEN",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-AbCdEf",
}
VPC = {"VpcId": "vpc-1", "PublicSubnetIds": "subnet-1,subnet-2", "PrivateSubnetIds": "subnet-3,subnet-4"}


def stack(template: Template, **parameters: str) -> Stack:
    return Stack(template, GIVEN | parameters)


def container(of: Stack) -> dict[str, Any]:
    (only,) = of.properties("TaskDefinition")["ContainerDefinitions"]
    return dict(only)


def attributes(properties: dict[str, Any], kind: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in properties[f"{kind}Attributes"]}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(of: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of every policy of a role, with the role's name."""
    for name, role in of.of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
