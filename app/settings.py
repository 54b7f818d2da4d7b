"""The environment variables as one frozen object."""

import os
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyAddress,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import auth
from app.core.errors import StartupError

MOST_WORKERS = 128


def _cores() -> int:
    """Count the cores that this process may use, whatever the CPU quota of its container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


LIMIT = re.compile(r"([1-9][0-9]{0,5}/[smh])?")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\sA-Z/?#@*]+")


def _split(value: object) -> object:
    """Split a list at commas and spaces, as an environment variable holds it."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _check_limit(value: str) -> str:
    if not LIMIT.fullmatch(value):
        raise PydanticCustomError("limit", "It must be a number of requests and s, m or h, such as 100/s")
    return value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if origins != ("*",) and not all(map(ORIGIN.fullmatch, origins)):
        raise PydanticCustomError(
            "origins", "It must be * or origins without a path: https://app.example.org"
        )
    return origins


Split = [NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Every setting is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True)

    bind_address: IPvAnyAddress = Field(
        default=IPv4Address("127.0.0.1"),
        description="IP address to listen on; 0.0.0.0 for every network, :: for IPv6 too.",
    )
    port: int = Field(default=8001, ge=0, le=65535, description="TCP port to listen on.")
    web_concurrency: int = Field(
        default_factory=_cores, ge=1, le=MOST_WORKERS, description="Worker processes; default one per core."
    )
    model_dir: Path = Field(default=Path("model"), description="Directory of the baked model.")
    max_body_bytes: int = Field(
        default=10 * 2**20, ge=1, description="Largest request body in bytes; more is answered with 413."
    )
    max_rows: int = Field(
        default=10_000, ge=1, description="Most rows in one request; more is answered with 422."
    )
    max_pending: int = Field(
        default=1000,
        ge=1,
        description="Most requests that may wait in a worker; more are answered with 503.",
    )
    max_buffered_bytes: int = Field(
        default=256 * 2**20,
        ge=1,
        description="Most bytes of request bodies that a worker holds; more is answered with 503.",
    )
    max_connections: int = Field(
        default=10_000,
        ge=1,
        description="Most connections of a worker; the longest idle make room for others.",
    )
    slow_seconds: int = Field(
        default=10,
        ge=1,
        description="Seconds that a client may take for the head of a request, and may be slower than "
        "MIN_BYTES_PER_SECOND with a body or an answer.",
    )
    min_bytes_per_second: int = Field(
        default=1000, ge=0, description="Bytes of a body or an answer that a client must move in a second."
    )
    idle_seconds: int = Field(
        default=75,
        ge=1,
        description="Seconds that a connection stays open without a request; more than the load balancer's.",
    )
    request_seconds: int = Field(
        default=30,
        ge=1,
        description="Most seconds from the end of a request to its answer; more is answered with 503.",
    )
    drain_seconds: int = Field(
        default=0,
        ge=0,
        description="Seconds to go on serving after SIGTERM, so that the load balancer can notice.",
    )
    graceful_timeout: int = Field(
        default=30, ge=1, description="Most seconds to finish what is in flight after the drain."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged: debug, info, warning or error."
    )

    api_keys: SecretStr | None = Field(
        default=None, description="Pairs NAME:SHA256 of API keys; without any, everybody is let in."
    )
    api_keys_file: Path | None = Field(default=None, description="File that has such pairs.")
    public: Annotated[tuple[str, ...], *Split] = Field(
        default=(), description="Paths that need no API key; /health and /ready never need one."
    )

    rate_limit: Annotated[str, AfterValidator(_check_limit)] = Field(
        default="", description="Requests that a client may send, such as 100/s, 6000/m or 90000/h."
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], *Split] = Field(
        default=(), description="Networks of proxies whose X-Forwarded-For and -Proto are believed."
    )
    cors_origins: Annotated[tuple[str, ...], *Split, AfterValidator(_check_origins)] = Field(
        default=(), description="Origins whose scripts may read the answers in a browser; * for all."
    )

    @classmethod
    def read(cls) -> "Settings":
        """Read the environment; raise StartupError, which names the first wrong setting."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise _wrong(name, first["msg"]) from error

    def read_keys(self) -> dict[bytes, str]:
        """Return the name of each API key by the key's digest; raise StartupError if they are set wrongly."""
        if self.api_keys is not None and self.api_keys_file is not None:
            raise _wrong("API_KEYS", "API_KEYS_FILE is set too; set one of them")
        if self.api_keys is not None:
            return _parse_keys("API_KEYS", self.api_keys.get_secret_value())
        return {} if self.api_keys_file is None else _read_keys(self.api_keys_file)


def _read_keys(path: Path) -> dict[bytes, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _wrong("API_KEYS_FILE", f"The file can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _wrong("API_KEYS_FILE", "The file is not text in UTF-8") from error
    return _parse_keys("API_KEYS_FILE", text)


def _parse_keys(name: str, text: str) -> dict[bytes, str]:
    try:
        return auth.parse_pairs(text)
    except ValueError as error:
        raise _wrong(name, str(error)) from error


def _wrong(name: str, reason: str) -> StartupError:
    return StartupError(f"The setting {name} is wrong: {reason}.")
