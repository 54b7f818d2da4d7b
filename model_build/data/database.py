"""Rows of a query to a database, through SQLAlchemy.

A URL may hold a user name and a password, and a driver may repeat both in its errors. So no error from here
shows the URL, and none shows what a driver says before the connection stands.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from model_build.data.cell_text import DateFormat, texts_of
from model_build.data.tables import Columns, to_columns
from model_build.errors import DataError, SourceError
from model_build.spec.source import Source

HIDDEN = "***"


def query_database(source: Source, directory: Path, date_format: DateFormat) -> Columns:
    """Return the columns of the query's result.

    Raises:
        SourceError: the variable of the URL is not set, or the database does not answer.
        DataError: the database refuses the query.
    """
    url = _find_url(source, directory)
    try:
        engine = sqlalchemy.create_engine(url)
    except NoSuchModuleError as error:
        raise SourceError(f"{source.uri}: SQLAlchemy knows no database {url.drivername}") from error
    except SQLAlchemyError as error:
        raise SourceError(f"{source.uri}: no connection: {_name(error)}") from None
    except ModuleNotFoundError as error:
        raise SourceError(f"{source.uri}: the driver {error.name} is not installed") from error
    try:
        return _read(engine, source, url, date_format)
    finally:
        engine.dispose()


def _read(engine: sqlalchemy.Engine, source: Source, url: URL, date_format: DateFormat) -> Columns:
    try:
        connection = engine.connect()
    except Exception as error:
        raise SourceError(f"{source.uri}: no connection: {_name(error)}") from None
    with connection:
        try:
            result = connection.exec_driver_sql(source.query or "")
            if not result.returns_rows:
                raise DataError(f"{source.uri}: the query returns no rows; it must be a SELECT")
            names, rows = [*result.keys()], result.all()
        except SQLAlchemyError as error:
            raise DataError(f"{source.uri}: the query failed: {_hide(error, url)}") from None
    return _to_columns(names, rows, date_format)


def _to_columns(names: list[str], rows: Sequence[Any], date_format: DateFormat) -> Columns:
    columns = [*zip(*rows, strict=True)] if rows else [()] * len(names)
    return to_columns(
        names, [texts_of(column, date_format(name)) for name, column in zip(names, columns, strict=True)]
    )


def _find_url(source: Source, directory: Path) -> URL:
    """Return the URL of the spec or of its environment variable; a file of SQLite lies in the directory."""
    text, variable = source.uri, source.variable
    if variable:
        text = os.environ.get(variable, "")
        if not text:
            raise SourceError(f"{source.uri}: the environment variable {variable} is not set")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SourceError(f"{source.uri} is not the URL of a database") from None
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return url
    path = directory / str(url.database)
    if not path.is_file():  # SQLite would create it
        raise SourceError(f"{source.uri}: there is no such file in {directory}")
    return url.set(database=str(path))


def _name(error: Exception) -> str:
    """Return the class of the driver's error."""
    return type(error.orig if isinstance(error, DBAPIError) and error.orig else error).__name__


def _hide(error: SQLAlchemyError, url: URL) -> str:
    """Return what the database says about the query, without anything that only the URL knows."""
    words = str(error.orig if isinstance(error, DBAPIError) and error.orig else error)
    secrets = [url.render_as_string(hide_password=False), url.password, url.username, url.host]
    for values in url.query.values():
        secrets += [values] if isinstance(values, str) else values
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        words = words.replace(secret, HIDDEN)
    return f"{_name(error)}: {' '.join(words.split())}"
