"""The bill of materials that a build writes names what the image holds, and nothing else."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import app
from tests.container.conftest import Build
from tests.container.docker import ROOT, Container

# Prints the name and version of every package of Python, in the virtual environment and in the base image.
PYTHON_PACKAGES = """
import json, pathlib
from importlib.metadata import distributions
paths = [str(path) for path in pathlib.Path("/").glob("[ou]*/**/*-packages")]
print(json.dumps([(package.metadata["Name"], package.version) for package in distributions(path=paths)]))
"""


@pytest.fixture(scope="module")
def text(built: Build) -> str:
    return (built.context / "build/sbom.cdx.json").read_text()


@pytest.fixture(scope="module")
def bill(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def listed(bill: dict[str, Any], kind: str) -> list[tuple[str, str]]:
    """Return the name and version of the components whose package URL is of this kind."""
    components = [component for component in bill["components"] if "purl" in component]
    return sorted(
        (component["name"], component["version"])
        for component in components
        if component["purl"].startswith(f"pkg:{kind}/")
    )


def test_the_bill_is_valid_by_the_schema_of_cyclonedx_and_a_broken_one_is_not(text: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"type": "library"', '"type": "book"')) is not None


def test_the_bill_is_about_this_image(bill: dict[str, Any]) -> None:
    image = bill["metadata"]["component"]
    assert (image["type"], image["name"], image["version"]) == (
        "container",
        "census-model-api",
        app.__version__,
    )
    (dependencies,) = [entry["dependsOn"] for entry in bill["dependencies"] if entry["ref"] == "image"]
    assert sorted(dependencies) == sorted(component["bom-ref"] for component in bill["components"])


def test_every_package_of_python_is_listed(bill: dict[str, Any], replica: Container) -> None:
    installed = json.loads(replica.python(PYTHON_PACKAGES))
    assert {(name.lower().replace("_", "-"), version) for name, version in installed} == set(
        listed(bill, "pypi")
    )


def test_every_package_of_debian_is_listed(bill: dict[str, Any], replica: Container) -> None:
    lines = replica.execute("dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n").stdout
    assert sorted(tuple(line.split()) for line in lines.splitlines()) == listed(bill, "deb")


def test_the_version_of_debian_is_that_of_its_packages(bill: dict[str, Any], replica: Container) -> None:
    version = replica.python("import platform; print(platform.freedesktop_os_release()['VERSION_ID'])")
    (debian,) = [entry for entry in bill["components"] if entry["type"] == "operating-system"]
    assert (debian["name"], debian["version"]) == ("debian", version)
    urls = [entry["purl"] for entry in bill["components"] if entry.get("purl", "").startswith("pkg:deb/")]
    assert {url.partition("distro=")[2] for url in urls} == {f"debian-{version}"}


def test_python_swagger_ui_and_the_model_are_listed(bill: dict[str, Any], replica: Container) -> None:
    python = replica.python("import platform; print(platform.python_version())")
    locked = json.loads((ROOT / "infra/swagger/package.json").read_text())["dependencies"]
    models = [component for component in bill["components"] if component["bom-ref"] == "model"]
    contract = replica.contract

    assert listed(bill, "generic") == [("python", python)]
    assert listed(bill, "npm") == list(locked.items())
    assert models == [
        {
            "bom-ref": "model",
            "type": "machine-learning-model",
            "name": contract["name"],
            "version": contract["model_version"],
            "hashes": [{"alg": "SHA-256", "content": contract["files"]["model.onnx"]}],
        }
    ]
