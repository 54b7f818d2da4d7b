"""Read a CloudFormation template, and work out what it asks of AWS for given parameters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, Node, SequenceNode

from tests.aws.account import ACCOUNT_ID, INFRA, REGION

NO_VALUE = object()
PSEUDO_PARAMETERS: dict[str, Any] = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::NoValue": NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "stack",
}
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT_ID}"
IDS = {  # what AWS would answer, where a template takes the answer apart
    "LoadBalancer": f"{ELB}:loadbalancer/app/lb/1",
    "LoadBalancer.LoadBalancerFullName": "app/lb/1",
    "TargetGroup": f"{ELB}:targetgroup/tg/2",
}
REQUIRED = {  # parameters without a default
    "ImageUri": "registry/census-model-api:latest",
    "GitHubRepository": "octocat@1/census-model-api@2",
}
CERTIFICATE = {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1-2"}
SECRET = {
    "SecretName": "TOKEN",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-AbCdEf",
}
API_KEYS = {"ApiKeysSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:keys-AbCdEf"}
SCRAPER = {"ScraperSecurityGroupId": "sg-1"}
VPC = {
    "VpcId": "vpc-1",
    "VpcCidr": "172.31.0.0/16",
    "PublicSubnetIds": "subnet-1,subnet-2",
    "PrivateSubnetIds": "subnet-3,subnet-4",
}

Template = dict[str, Any]

FUNCTIONS: dict[str, Callable[[Template, Any], Any]] = {
    "And": lambda _, values: all(values),
    "Equals": lambda _, values: values[0] == values[1],
    "FindInMap": lambda template, keys: template["Mappings"][keys[0]][keys[1]][keys[2]],
    "GetAZs": lambda _, __: [f"{REGION}a", f"{REGION}b"],
    "Or": lambda _, values: any(values),
    "Not": lambda _, values: not values[0],
    "Select": lambda _, values: values[1][int(values[0])],
    "Split": lambda _, values: values[1].split(values[0]),
}


def _construct(loader: Any, suffix: str, node: Node) -> dict[str, Any]:
    """Read a short form such as !Ref X as its long form, {"Ref": X}."""
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
    parameters = template["Parameters"].items()
    return {name: str(parameter["Default"]) for name, parameter in parameters if "Default" in parameter}


@dataclass
class Stack:
    """A template with parameters: what CloudFormation would ask of AWS.

    A Ref to a resource, or a GetAtt as RESOURCE.ATTRIBUTE, gives its entry in `IDS`, or else its own name.
    """

    template: Template
    parameters: dict[str, str] = field(default_factory=dict)

    def resources(self) -> dict[str, Any]:
        """Return the resources whose condition holds, by name."""
        return {
            name: resource
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the resolved properties of the resources of a type, AWS::…, by name."""
        resources = self.resources().items()
        return {name: self.properties(name) for name, resource in resources if resource["Type"] == kind}

    def properties(self, name: str) -> dict[str, Any]:
        resolved: dict[str, Any] = self.resolve(self.resources()[name].get("Properties", {}))
        return resolved

    def attributes(self, name: str) -> dict[str, str]:
        """Return the attributes of the load balancer or of the target group."""
        pairs = self.properties(name)[f"{name}Attributes"]
        return {pair["Key"]: pair["Value"] for pair in pairs}

    @property
    def container(self) -> dict[str, Any]:
        """The one container of a task."""
        (container,) = self.properties("TaskDefinition")["ContainerDefinitions"]
        return dict(container)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the container."""
        return {variable["Name"]: variable["Value"] for variable in self.container["Environment"]}

    def statements(self) -> Iterator[dict[str, Any]]:
        """Yield every statement in the policies of every role."""
        for role in self.of_type("AWS::IAM::Role").values():
            for policy in role.get("Policies", []):
                yield from policy["PolicyDocument"]["Statement"]

    def condition(self, name: str) -> bool:
        return bool(self.resolve(self.template["Conditions"][name]))

    def resolve(self, value: Any) -> Any:
        """Return the value with every function worked out."""
        match value:
            case {"Ref": name}:
                resolved = self._ref(name)
            case {"Condition": str(name)} if len(value) == 1:
                resolved = self.condition(name)
            case {"Fn::If": [name, yes, no]}:
                resolved = self.resolve(yes if self.condition(name) else no)
            case dict() if len(value) == 1 and next(iter(value)).startswith("Fn::"):
                ((name, argument),) = value.items()
                resolved = self._call(name.removeprefix("Fn::"), argument)
            case dict():
                pairs = ((key, self.resolve(inner)) for key, inner in value.items())
                resolved = {key: inner for key, inner in pairs if inner is not NO_VALUE}
            case list():
                resolved = [inner for inner in map(self.resolve, value) if inner is not NO_VALUE]
            case _:
                resolved = value
        return resolved

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Sub":
            return self._sub(argument)
        if function == "GetAtt":
            name = ".".join(argument)
            return IDS.get(name, name)
        return FUNCTIONS[function](self.template, self.resolve(argument))

    def _sub(self, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})
        variables = {name: self.resolve(value) for name, value in variables.items()}
        first, *rest = text.split("${")
        resolved = [first]
        for part in rest:
            name, literal = part.split("}", 1)
            if name in variables:
                value = variables[name]
            elif "." in name:
                value = self._call("GetAtt", name.split(".", 1))
            else:
                value = self._ref(name)
            resolved += [str(value), literal]
        return "".join(resolved)

    def _ref(self, name: str) -> Any:
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self.template["Parameters"]:
            default = self.template["Parameters"][name].get("Default")
            value = self.parameters.get(name, default)
            if value is None:
                raise KeyError(f"The parameter {name} has no default and was not given.")
            return str(value)
        if name not in self.template["Resources"]:
            raise KeyError(f"There is no {name} to refer to.")
        return IDS.get(name, name)


def render(template: Template, **parameters: str) -> Stack:
    """Return the stack that the template makes with these parameters and the required ones."""
    return Stack(template, REQUIRED | parameters)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
