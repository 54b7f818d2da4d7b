from benchmarks import tables
from benchmarks.cost import Assumptions
from benchmarks.errors import RefusedError, SkippedError
from benchmarks.figures import Footprint, Run
from benchmarks.results import Results
from benchmarks.server import Server
from benchmarks.suite import dispensable
from benchmarks.tables import Table, markdown
from benchmarks.workloads import ALONE, MIXED, SINGLES, THOUSAND


def run(cpu_us: float, rate: float, p99_ms: float = 1) -> Run:
    requests = round(rate)
    return Run(requests, seconds=1, cpu_seconds=cpu_us * requests / 1e6, p50_ms=0.5, p99_ms=p99_ms)


def results() -> Results:
    found = Results(titles={"ours": "this service", "floor-a": "floor A", "baseline": "baseline"})
    found.add("ours", SINGLES, run(cpu_us=80, rate=12_000, p99_ms=3))
    found.add("floor-a", SINGLES, run(cpu_us=40, rate=24_000, p99_ms=2))
    found.add("baseline", SINGLES, run(cpu_us=5_000, rate=200))
    found.footprints["ours"] = Footprint(ready_seconds=0.5, pss_bytes=80e6, installed_bytes=140_000_000)
    found.request_bytes = {SINGLES.name: 500}
    return found


def test_a_ratio_needs_both_sides() -> None:
    assert results().ratio(SINGLES, "cpu_us", "ours", "floor-a") == 2
    assert results().ratio(SINGLES, "cpu_us", "ours", "floor-b") is None
    assert results().ratio(THOUSAND, "cpu_us", "ours", "floor-a") is None


def test_speed_shows_every_server_beside_floors_and_baseline() -> None:
    first = "1 row, 16 connections"
    assert tables.speed(results()).rows == [
        [first, "this service", "12,000", "12,000", "0.50", "3.00", "80.0", "2.00", "-", "60.00"],
        [first, "floor A", "24,000", "24,000", "0.50", "2.00", "40.0", "1.00", "-", "120.00"],
        [first, "baseline", "200", "200", "0.50", "1.00", "5,000.0", "125.00", "-", "1.00"],
    ]


def test_a_target_is_met_or_missed_and_left_out_when_not_measured() -> None:
    assert tables.targets(results()).rows == [
        ["1 row: CPU per request × floor A", "≤ 2.8", "2.00", "met"],
        ["1 row: requests/s × baseline", "≥ 40", "60.00", "met"],
        ["1 row: p99 at 16 connections × floor A", "≤ 3", "1.50", "met"],
    ]


def test_what_a_large_body_adds_is_a_target() -> None:
    found = Results(titles={"ours": "this service"})
    found.add("ours", ALONE, run(80, 100, p99_ms=2))
    found.add("ours", MIXED, run(80, 100, p99_ms=52))
    what = "10,000 rows beside: ms added to the p99 of single rows"
    assert tables.targets(found).rows == [[what, "≤ 30", "50.00", "missed"]]


def test_cost_is_that_of_servers_with_a_model() -> None:
    assert tables.cost(results(), Assumptions()).rows == [["this service", "0.010", "-"]]


def test_a_table_becomes_markdown_with_numbers_to_the_right() -> None:
    table = Table("Speed", ["server", "requests/s"], [["ours", "9"]], note="One core.")
    assert markdown(table) == "## Speed\n\nOne core.\n\n| server | requests/s |\n| --- | --: |\n| ours | 9 |"


def test_only_a_peer_may_fail() -> None:
    ours, peer = Server("ours", "ours", ()), Server("peer", "peer", (), peer=True)
    refused, skipped = RefusedError("3 of 9 answers were not 2xx"), SkippedError("it answers 415")
    assert not dispensable(ours, refused, whole=False)
    assert not dispensable(ours, skipped, whole=True)
    assert dispensable(ours, skipped, whole=False)
    assert dispensable(peer, refused, whole=True)
