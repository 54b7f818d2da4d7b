"""The command line of the benchmark."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.markdown import Markdown

from app.core.errors import ServiceError
from benchmarks import peers, report, wrk
from benchmarks.errors import BenchmarkError
from benchmarks.metrics import Results
from benchmarks.runner import QUICK, Runner, Schedule
from benchmarks.servers import own_servers
from benchmarks.sklearn_pipeline import write_pipeline
from benchmarks.workspace import ROOT, Workspace

WIDTH = 130  # of an output that is no terminal
RESULTS = ROOT / "benchmarks" / "results"


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what a request costs the service, beside floors, a baseline and peers.",
    )
    arguments.add_argument("--quick", action="store_true", help="run one short round, to see that all works")
    arguments.add_argument(
        "--peers",
        nargs="*",
        choices=list(peers.PEERS),
        metavar="PEER",
        help=f"install and measure other model servers too, all or some of {', '.join(peers.PEERS)}",
    )
    arguments.add_argument("--rounds", type=int, help="rounds over all workloads and servers")
    arguments.add_argument("--seconds", type=int, help="seconds of each run")
    arguments.add_argument("--model", type=Path, default=ROOT / "model", help="directory of the baked model")
    return arguments


def schedule_of(arguments: argparse.Namespace) -> Schedule:
    schedule = QUICK if arguments.quick else Schedule()
    changes = {"rounds": arguments.rounds, "seconds": arguments.seconds}
    return replace(schedule, **{name: value for name, value in changes.items() if value is not None})


def measure(arguments: argparse.Namespace, console: Console) -> Results:
    wrk.check_installed()
    with TemporaryDirectory(prefix="benchmark-") as directory:
        workspace = Workspace(arguments.model.resolve(), Path(directory))
        write_pipeline(workspace.contract, workspace.model_dir, workspace.pipeline)
        runner = Runner(workspace, schedule_of(arguments), console.log)
        names = [] if arguments.peers is None else arguments.peers or list(peers.PEERS)
        return runner.run([*own_servers(workspace), *peers.install(names, workspace, runner.skip)])


def main() -> None:
    arguments = parser().parse_args()
    console = Console(highlight=False, markup=False, log_path=False)
    if not console.is_terminal:
        console.width = WIDTH
    directory = RESULTS / "quick" if arguments.quick else RESULTS
    try:
        results = measure(arguments, console)
    except (BenchmarkError, ServiceError) as error:
        console.print(f"✗ {error}", style="bold red", soft_wrap=True)
        sys.exit(1)
    report.write(results, directory)
    console.print(Markdown(report.page(results)))
    console.print(f"Written to {directory}/")


if __name__ == "__main__":
    main()
