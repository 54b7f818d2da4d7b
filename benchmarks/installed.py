"""How much disk the packages of a server take."""

from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def size(requirements: Iterable[str], site_packages: Path | None = None) -> int:
    """Return the bytes of the installed distributions that the requirements need, themselves included.

    Compiled `.pyc` files do not count: whether there are any depends on what ran before.
    """
    known = _installed(site_packages)
    names = closure(requirements, known) if requirements else set(known)
    return sum(_bytes(known[name]) for name in names)


def closure(requirements: Iterable[str], known: dict[str, Distribution]) -> set[str]:
    """Return the names of all that the requirements need here, directly or not."""
    todo = [Requirement(each) for each in requirements]
    found: dict[str, set[str]] = {}
    for each in todo:  # grows while it is walked
        name = canonicalize_name(each.name)
        extras = each.extras | {""}
        if name not in known or extras <= found.get(name, set()):
            continue
        found.setdefault(name, set()).update(extras)
        todo += [need for need in _needs(known[name]) if _applies(need, extras)]
    return set(found)


def _needs(distribution: Distribution) -> list[Requirement]:
    return [Requirement(each) for each in distribution.requires or ()]


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def _installed(site_packages: Path | None) -> dict[str, Distribution]:
    found = distributions(path=[str(site_packages)]) if site_packages else distributions()
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def _bytes(distribution: Distribution) -> int:
    paths = (Path(str(each.locate())) for each in distribution.files or () if each.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())
