"""The baked model on disk: read, and checked to be whole and unchanged."""

import json
from pathlib import Path

from pydantic import ValidationError

from app.core.contract import CONTRACT_FILE, MODEL_FILE, SCHEMA_VERSION, Contract, sha256
from app.core.errors import StartupError


def load_contract(directory: Path) -> Contract:
    """Read and verify the baked model in `directory`; raise StartupError if anything is off."""
    path = directory / CONTRACT_FILE
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StartupError(
            f"There is no baked model at {directory} ({error.strerror}: {path}). "
            "Make one with `python -m model_build bake`, or set MODEL_DIR."
        ) from error
    contract = _parse(path, text)
    _verify(directory, contract)
    return contract


def _parse(path: Path, text: bytes) -> Contract:
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StartupError(f"{path} is not a contract: it has no schema_version.") from error
    if version != SCHEMA_VERSION:
        raise StartupError(
            f"{path} has schema_version {version!r:.40}; this service reads {SCHEMA_VERSION}. "
            "Bake it again with the model_build of this version, or run the service that it was baked for."
        )
    try:
        return Contract.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StartupError(f"{path} is not a valid contract: {where}: {first['msg']}.") from error


def _verify(directory: Path, contract: Contract) -> None:
    if MODEL_FILE not in contract.files:
        raise StartupError(f"{directory / CONTRACT_FILE} lists no {MODEL_FILE}.")
    for name in contract.files:
        read_file(directory, contract, name)


def read_file(directory: Path, contract: Contract, name: str) -> bytes:
    """Return a file of this contract; raise StartupError if another one stands there by now."""
    path = directory / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StartupError(
            f"The baked model is incomplete: {path} can't be read ({error.strerror})."
        ) from error
    actual, expected = sha256(content), contract.files[name]
    if actual != expected:
        raise StartupError(f"The baked model was changed: {path} has sha256 {actual}, not {expected}.")
    return content
