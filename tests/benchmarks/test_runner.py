import pytest

from benchmarks.errors import BenchmarkError, NoAnswerError
from benchmarks.runner import body_writer, may_skip
from benchmarks.servers import Server
from benchmarks.workloads import CSV_ROWS, ONE_ROW, Rows, as_csv

OWN = Server("floor-a", "floor A", command=())
PEER = Server("mlflow", "MLflow", command=(), is_optional=True)


@pytest.mark.parametrize(
    ("server", "error", "expected"),
    [
        (OWN, BenchmarkError("the server ended with 1: no output"), False),
        (OWN, NoAnswerError("the run ended before the first answer"), True),
        (PEER, BenchmarkError("the server ended with 1: no output"), True),
    ],
    ids=["own server fails", "own server is too slow", "peer fails"],
)
def test_only_a_peer_and_a_slow_server_may_be_skipped(
    server: Server, error: BenchmarkError, expected: bool
) -> None:
    assert may_skip(server, error) is expected


def test_server_is_sent_its_own_format_or_csv() -> None:
    def as_columns(rows: Rows) -> bytes:
        return repr(rows).encode()

    server = Server("mlserver", "MLServer", command=(), write_body=as_columns)
    assert body_writer(server, ONE_ROW) is as_columns
    assert body_writer(server, CSV_ROWS) is as_csv
