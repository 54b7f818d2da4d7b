"""infra/README.md: its numbers follow from its prices, and its parameters exist."""

import re

from tests.aws.account import INFRA
from tests.aws.template import load, templates

README = (INFRA / "README.md").read_text()

TASK = {"x86": 0.04048 + 2 * 0.004445, "ARM64": 0.03238 + 2 * 0.00356}
LOAD_BALANCER = 0.0225 + 2 * 0.005
FIXED = {
    "endpoints": LOAD_BALANCER + 3 * 2 * 0.01,
    "nat": LOAD_BALANCER + 0.045 + 0.005,
    "public": LOAD_BALANCER + 3 * 0.005,
}


def per_million(processor: str, egress: str, rate: float, use: float = 0.3) -> float:
    hourly = 3 * TASK[processor] + FIXED[egress]
    return 1e6 * hourly / (3600 * 3 * rate * use) + 0.008


def rows(heading: str) -> list[list[str]]:
    table = README.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_a_month_costs_what_its_hours_cost() -> None:
    table = rows("three tasks of 1 vCPU and 2 GB, all month (730 h)")
    assert len(table) == 3
    for egress, *prices in table:
        fixed = FIXED[egress.strip("`").removeprefix("TaskEgress=")]
        assert prices == [f"${730 * (3 * TASK[processor] + fixed):.0f}" for processor in ("x86", "ARM64")]


def test_a_million_predictions_cost_what_the_formula_says() -> None:
    table = rows("r")
    assert len(table) == 4
    for rate, *prices in table:
        assert prices == [
            f"${per_million(processor, egress, float(rate)):.3f}"
            for processor in ("x86", "ARM64")
            for egress in ("endpoints", "public")
        ]
    idle = 1e6 / 36_000 * (3 * TASK["x86"] + FIXED["endpoints"]) + 0.008
    assert f"cost ${idle:.2f}" in README


def test_every_parameter_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w_])([A-Z][a-z]\w*)=", README))
    assert len(named) > 15
    assert named - {"Parameter"} <= {name for path in templates() for name in load(path.name)["Parameters"]}


def test_every_way_to_reach_aws_is_explained() -> None:
    for way in load("service.yaml")["Parameters"]["TaskEgress"]["AllowedValues"]:
        assert f"`TaskEgress={way}`" in README
