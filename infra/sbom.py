"""sbom.py IMAGE LOCK: print what an image holds, as a bill of materials in CycloneDX.

IMAGE is the directory of its root. The bill has the packages of Debian and of Python, Python itself, the
service, its model, and Swagger UI's files, which LOCK, a lock of npm, names. The Dockerfile runs this on the
Python of the image.
"""

import json
import platform
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

licences = LicenseFactory()


def packaged(purl: PackageURL, *licence: str) -> Component:
    return Component(
        name=purl.name,
        version=purl.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[licences.make_from_string(text) for text in licence],
    )


def service(image: Path) -> Component:
    source = (image / "srv/app/__init__.py").read_text()
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert version, "app/__init__.py has no version"  # noqa: S101 - stops the build
    return Component(
        name="census-model-api",
        version=version[1],
        type=ComponentType.CONTAINER,
        bom_ref="image",
        licenses=[licences.make_from_string("MIT")],
    )


def model(image: Path) -> Component:
    contract = json.loads((image / "srv/model/contract.json").read_text())
    return Component(
        name=contract["name"],
        version=contract["model_version"],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref="model",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=contract["files"]["model.onnx"])],
    )


def python() -> Component:
    """Return the interpreter, which the base image compiles itself, so that it is no package of Debian."""
    version = platform.python_version()
    component = packaged(PackageURL("generic", None, "python", version))
    component.type = ComponentType.APPLICATION
    component.cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return component


def python_packages(image: Path) -> Iterator[Component]:
    directories = {str(path.parent) for path in image.glob("*/**/*.dist-info")}
    for package in distributions(path=sorted(directories)):
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        yield packaged(PackageURL("pypi", None, name, package.version), *licence_of(package))


def licence_of(package: Distribution) -> list[str]:
    """Return the licence that a package declares, unless it has the whole text in that field."""
    declared = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    return [declared] if declared and "\n" not in declared else []


def operating_system(image: Path) -> Component:
    """Return Debian, whose version tells a scanner which of its security notes apply."""
    lines = (image / "etc/os-release").read_text().splitlines()
    release = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
    return Component(
        name=release["ID"],
        version=release["VERSION_ID"],
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref="operating-system",
    )


def debian_packages(image: Path, version: str | None) -> Iterator[Component]:
    for stanza in (image / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        package = HeaderParser().parsestr(stanza)
        if package["Status"].endswith(" installed"):
            yield packaged(
                PackageURL(
                    *("deb", "debian", package["Package"], package["Version"]),
                    qualifiers={"arch": package["Architecture"], "distro": f"debian-{version}"},
                )
            )


def swagger(lock: Path) -> Component:
    name = "swagger-ui-dist"
    package = json.loads(lock.read_text())["packages"][f"node_modules/{name}"]
    digest = b64decode(package["integrity"].removeprefix("sha512-")).hex()
    component = packaged(PackageURL("npm", None, name, package["version"]), package["license"])
    component.hashes = [HashType(alg=HashAlgorithm.SHA_512, content=digest)]
    return component


def bill_of_materials(image: Path, lock: Path) -> Bom:
    bom = Bom()
    debian = operating_system(image)
    bom.metadata.component = service(image)
    bom.components = [
        *(model(image), python(), swagger(lock), debian),
        *python_packages(image),
        *debian_packages(image, debian.version),
    ]
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


if __name__ == "__main__":
    bill = bill_of_materials(Path(sys.argv[1]), Path(sys.argv[2]))
    print(make_outputter(bill, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2))  # noqa: T201 - the output
