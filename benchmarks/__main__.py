"""The command line of the benchmark."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.core.errors import ServiceError
from benchmarks import cores, growth, lineup, peers, report, suite, wrk
from benchmarks.cost import Assumptions
from benchmarks.errors import BenchmarkError
from benchmarks.server import ROOT

WIDTH = 160  # of what is not a terminal
RESULTS = ROOT / "benchmarks" / "results"


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What the service costs, side by side with others."
    )
    arguments.add_argument(
        "what",
        nargs="?",
        choices=["compare", "growth"],
        default="compare",
        help="compare servers (default), or see how cost grows with rows, workers, features and trees",
    )
    arguments.add_argument("--quick", action="store_true", help="one short round, to see that all works")
    arguments.add_argument(
        "--peers",
        nargs="*",
        choices=list(peers.PEERS),
        metavar="PEER",
        help=f"other model servers too, all or some: {', '.join(peers.PEERS)}; each is installed at first",
    )
    arguments.add_argument("--rounds", type=int, help="rounds over all servers")
    arguments.add_argument("--seconds", type=int, help="seconds of each run")
    arguments.add_argument("--model", type=Path, default=ROOT / "model", help="directory of the baked model")
    arguments.add_argument("--out", type=Path, help="where the results go, default benchmarks/results")
    return arguments


def plan_of(arguments: argparse.Namespace) -> suite.Plan:
    plan = suite.QUICK if arguments.quick else suite.Plan()
    given = {name: getattr(arguments, name) for name in ("rounds", "seconds")}
    return replace(plan, **{name: value for name, value in given.items() if value is not None})


def compare(arguments: argparse.Namespace, plan: suite.Plan, out: Path, console: Console) -> None:
    chosen = cores.choose()
    with suite.prepared(arguments.model, chosen) as setup:
        servers = [make(setup) for make in (lineup.ours, lineup.floor_a, lineup.floor_b, lineup.baseline)]
        runner = suite.Suite(setup, chosen, plan, console.log)
        if arguments.peers is not None:
            servers += peers.available(arguments.peers or list(peers.PEERS), setup, runner.skip)
        results = runner.run(servers)
    report.show(results, Assumptions(), console)
    report.write(results, Assumptions(), out)
    console.print(f"Written to {out}/")


def main() -> None:
    arguments = parser().parse_args()
    console = Console(highlight=False, log_path=False)
    if not console.is_terminal:
        console.width = WIDTH
    out = arguments.out or (RESULTS / "quick" if arguments.quick else RESULTS)
    try:
        wrk.check_installed()
        run = growth.measure_all if arguments.what == "growth" else compare
        run(arguments, plan_of(arguments), out, console)
    except (BenchmarkError, ServiceError) as error:
        console.print(f"[bold red]✗[/] {error}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
