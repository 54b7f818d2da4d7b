import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from model_build.data import dataset
from model_build.data.database import query_database
from model_build.errors import DataError, SourceError, SpecError
from model_build.spec.source import Source
from tests.model_build.data.conftest import changed_spec

HOLDS_NONE = "must hold no user name and no password."
QUERY = "SELECT * FROM loans WHERE years < 10 ORDER BY years"
URL = "postgresql://bob:s3cret@db.example.org/loans?sslpassword=tok3n"


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "loans.db") as connection:
        connection.execute("CREATE TABLE loans (years INTEGER, rate REAL, grade TEXT, secured, paid TEXT)")
        rows = [(2, 3.0, "B", 0, "yes"), (1, None, "A", 1, "no"), (20, 1.0, "C", 1, "no")]
        connection.executemany("INSERT INTO loans VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    return tmp_path


def query(directory: Path, uri: str = "sqlite:///loans.db", sql: str = QUERY) -> Any:
    return query_database(Source(uri=uri, query=sql), directory, lambda _: None)


def test_rows_of_a_query_are_read_by_the_rules_of_a_file(loans: Path) -> None:
    spec = changed_spec(loans, ("{uri: loans.csv}", f"{{uri: 'sqlite:///loans.db', query: '{QUERY}'}}"))
    raw, origin = dataset.fetch_rows(spec, "real", loans, pytest.fail)
    frame, _ = dataset.clean(raw, spec, origin.uri)
    assert dataset.build_dataset(frame, spec).rows == [
        {"years": 1, "rate": None, "grade": "A", "secured": True},
        {"years": 2, "rate": 3, "grade": "B", "secured": False},
    ]
    assert (origin.uri, [file.rows for file in origin.files]) == ("sqlite:///loans.db", [2])
    assert dataset.fetch_rows(spec, "real", loans, pytest.fail)[1] == origin


def test_the_url_may_come_from_a_variable(loans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_URL", f"sqlite:///{loans / 'loans.db'}")
    spec = changed_spec(loans, ("{uri: loans.csv}", f"{{uri: '${{LOANS_URL}}', query: '{QUERY}'}}"))
    raw, origin = dataset.fetch_rows(spec, "real", Path("/"), pytest.fail)
    assert (origin.uri, len(raw)) == ("${LOANS_URL}", 2)
    assert str(loans) not in origin.model_dump_json()


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("sqlite:///absent.db", "sqlite:///absent.db: there is no such file in {directory}"),
        ("${ABSENT_URL}", "${{ABSENT_URL}}: the environment variable ABSENT_URL is not set"),
        ("nosuch://host/db", "nosuch://host/db: SQLAlchemy knows no database nosuch"),
        ("mssql+pymssql://h/db", "mssql+pymssql://h/db: the driver pymssql is not installed"),
    ],
)
def test_a_database_that_does_not_answer_is_a_source_error(loans: Path, uri: str, sentence: str) -> None:
    with pytest.raises(SourceError) as caught:
        query(loans, uri)
    assert str(caught.value) == sentence.format(directory=loans)
    assert not (loans / "absent.db").exists()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM absent", "the query failed: OperationalError: no such table: absent"),
        ("SELECT amount FROM loans", "the query failed: OperationalError: no such column: amount"),
        ("DELETE FROM loans WHERE 0", "the query returns no rows; it must be a SELECT"),
    ],
)
def test_a_query_that_fails_is_an_error(loans: Path, sql: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        query(loans, sql=sql)
    assert str(caught.value) == f"sqlite:///loans.db: {words}"


class OperationalError(Exception):
    """What a driver raises."""


class TalkativeEngine:
    """An engine whose driver repeats all that it knows in its errors."""

    def connect(self) -> None:
        raise OperationalError(f"can't connect to {os.environ['LOANS_URL']}")

    def dispose(self) -> None:
        """Close nothing."""


def test_no_error_shows_the_url_of_a_variable(loans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOANS_URL", URL)
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda _: TalkativeEngine())
    with pytest.raises(SourceError) as caught:
        query(loans, "${LOANS_URL}")
    assert str(caught.value) == "${LOANS_URL}: no connection: OperationalError"
    assert caught.value.__suppress_context__
    monkeypatch.setenv("LOANS_URL", "bob:s3cret@db.example.org tok3n")
    with pytest.raises(SourceError) as caught:
        query(loans, "${LOANS_URL}")
    assert str(caught.value) == "${LOANS_URL} is not the URL of a database"


def test_errors_of_a_query_hide_what_only_the_url_knows(loans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "s3cret.db"
    (loans / "loans.db").rename(loans / name)
    monkeypatch.setenv("LOANS_URL", f"sqlite:///{name}?timeout=77")
    with pytest.raises(DataError) as caught:
        query(loans, "${LOANS_URL}", "SELECT * FROM absent_77")
    assert "absent_***" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("{uri: 'postgresql://bob:s3cret@h/db', query: SELECT}", HOLDS_NONE),
        (
            "{uri: 'postgresql://h/db?password=s3cret', query: SELECT}",
            HOLDS_NONE,
        ),
        (
            "{uri: loans.db, query: SELECT}",
            "'loans.db' must be the URL of a database, or ${NAME} of a variable that holds it.",
        ),
        ("{uri: '${LOANS_URL}'}", "'${LOANS_URL}' is the URL of a database, so it needs a query."),
    ],
)
def test_a_source_without_a_good_url_or_query_is_an_error(tmp_path: Path, source: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        changed_spec(tmp_path, ("{uri: loans.csv}", source))
    assert str(caught.value).endswith(f"data.sources.0.uri: {sentence}")
    assert "s3cret" not in str(caught.value)
