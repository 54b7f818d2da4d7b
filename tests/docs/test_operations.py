"""docs/operations.md has every setting, metric and build variable, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.core.contract import Contract
from app.monitoring.metrics import Metrics
from app.settings import Settings
from tests.docs.markdown import ROOT, blocks, read, spans, table

PAGE = read("docs/operations.md")


@pytest.fixture(scope="module")
def labels(tiny_model: Path) -> dict[str, set[str]]:
    """The labels of every metric, by its name."""
    document = json.loads((tiny_model / "contract.json").read_text())
    document["features"][0]["outside"] = "clip"
    metrics = Metrics(Contract.model_validate_json(json.dumps(document)), ["shop"])
    metrics.request_finished("/predict", 200, 0.1)
    metrics.count_dropped("invalid")
    metrics.count_row_errors([{"loc": ["years"], "type": "missing"}])
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        family.name + "_total" * (family.type == "counter"): {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in families
    }


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {variable.strip("`"): default for variable, default, _ in table(PAGE, "variable")}
    assert set(documented) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if field.default_factory is None:
            default = "none" if field.default in {None, "", ()} else f"`{field.default}`"
            assert documented[name.upper()].split(" (")[0] == default, name


def test_the_settings_of_the_image_are_documented() -> None:
    environment = read("Dockerfile").split("ENV PATH=", 1)[1].split("USER", 1)[0]
    image = dict(re.findall(r"^ +([A-Z_]+)=(\S+)", environment, re.MULTILINE))
    documented = {
        variable.strip("`"): default.split("(image: `")[1].removesuffix("`)")
        for variable, default, _ in table(PAGE, "variable")
        if "image" in default
    }
    assert documented == {
        name: value
        for name, value in image.items()
        if name.lower() in Settings.model_fields and value != str(Settings.model_fields[name.lower()].default)
    }


def test_every_metric_is_documented_with_its_labels(labels: dict[str, set[str]]) -> None:
    documented = {metric.strip("`"): set(spans(cell)) for metric, cell, _ in table(PAGE, "metric")}
    assert documented == labels


def test_the_queries_ask_for_metrics_and_labels_that_exist(labels: dict[str, set[str]]) -> None:
    (queries,) = [block.text for block in blocks(PAGE) if block.language == "promql"]
    selected = re.findall(r"([a-z_]+(?:_total|_info|_bucket))(?:\{([a-z_]+)[=~]+)?", queries)
    assert len(selected) > 5
    for name, label in selected:
        metric = name.removesuffix("_bucket")
        assert metric in labels
        assert not label or label in labels[metric], name


def test_every_variable_of_a_build_is_documented() -> None:
    documented = {variable.strip("`"): default for variable, default, _ in table(PAGE, "variable of a build")}
    script = read("infra/build_image.sh")
    assert set(documented) == set(re.findall(r"\$\{([A-Z_]+):-", script))
    for name, default in re.findall(r"\$\{([A-Z_]+):-([a-z]+)\}", script):
        assert documented[name] == f"`{default}`"
    assert f"ARG PYTHON_IMAGE={documented['PYTHON_IMAGE'].strip('`')}\n" in read("Dockerfile")


def test_every_reason_not_to_start_is_a_sentence_of_the_service() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    sentences = [line.strip("`") for line, _ in table(PAGE, "the line has")]
    assert len(sentences) > 5
    assert [sentence for sentence in sentences if sentence not in source] == []


def test_the_fields_of_a_log_line_are_documented() -> None:
    script = "from app import logs; import logging; logs.configure('info'); logging.info('starting')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    match = re.search(r"one object a line, with ([^.]+)\.", PAGE)
    assert match
    assert set(spans(match[1])) == set(json.loads(done.stderr))
