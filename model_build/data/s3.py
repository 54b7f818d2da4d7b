"""Objects of an S3 bucket."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

from model_build.errors import SourceError
from model_build.spec.source import Source

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a single byte
CHUNK_SIZE = 1 << 16  # bytes

Chunks = Generator[bytes, None, None]


def read_object(uri: str) -> Chunks:
    """Yield the bytes of an object; raise SourceError if it could not be downloaded."""
    with _errors_of(uri), closing(_client()) as client:
        yield from _chunks(client, *_split(uri))


def read_objects(source: Source) -> Iterator[tuple[str, Chunks]]:
    """Yield the objects of a pattern, each with its name within the root of the pattern.

    Raises:
        SourceError: the objects could not be listed; their chunks raise it if they could not be downloaded.
    """
    bucket, root = _split(source.root)
    with _errors_of(source.uri), closing(_client()) as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root)
        for key in [item["Key"] for page in pages for item in page.get("Contents", ())]:
            name = key.removeprefix(root)
            if name and not name.endswith("/") and source.fits(name):
                yield name, _chunks(client, bucket, key)


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _chunks(client: Any, bucket: str, key: str) -> Chunks:
    with (
        _errors_of(f"s3://{bucket}/{key}"),
        closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body,
    ):
        yield from body.iter_chunks(CHUNK_SIZE)


def _client() -> Any:
    # These are slow to import, and most runs read a file that is already there.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return boto3.Session().client("s3", config=config)


@contextmanager
def _errors_of(uri: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: a malformed AWS_ENDPOINT_URL
        raise SourceError(f"{uri} could not be downloaded: {type(error).__name__}: {error}") from error
