"""The environment variables as one frozen object."""

import os
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from pydantic import Field, IPvAnyAddress, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.errors import StartupError

MOST_WORKERS = 128


def _cores() -> int:
    """Count the cores that this process may use, whatever the CPU quota of its container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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

    @classmethod
    def read(cls) -> "Settings":
        """Read the environment; raise StartupError, which names the first wrong setting."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            raise StartupError(f"The setting {name} is wrong: {first['msg']}.") from error
