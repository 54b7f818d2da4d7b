"""All servers under all workloads, in rounds, so that whatever else the machine does falls on all alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import bodies, lineup, machine, measure, sklearn_pipeline
from benchmarks.cores import Cores
from benchmarks.errors import BenchmarkError, RefusedError, SkippedError
from benchmarks.lineup import LIMIT, OURS, Setup
from benchmarks.results import Results
from benchmarks.server import Running, Server, running
from benchmarks.workloads import ALONE, HUNDRED, LARGE, SUITE, Workload

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    seconds: int = 3
    rounds: int = 5
    starts: int = 3
    warm_up: bool = True


QUICK = Plan(seconds=1, rounds=1, starts=1, warm_up=False)


@contextmanager
def prepared(model_dir: Path, cores: Cores) -> Iterator[Setup]:
    """Make the files that the servers need, in a directory that goes when the benchmark ends."""
    with TemporaryDirectory(prefix="benchmark-") as work:
        setup = Setup(model_dir.resolve(), Path(work))
        setup.prepare(SUITE, bodies.census_rows([each.name for each in setup.contract.features]))
        sklearn_pipeline.write_pipeline(setup.contract, setup.model_dir, setup.pipeline)
        _keep_answers(setup, cores)
        yield setup


def _keep_answers(setup: Setup, cores: Cores) -> None:
    """Ask our service once for each size: the floors repeat its answers, so that theirs are as large."""
    setup.answers.mkdir()
    with running(lineup.ours(setup), cores.servers, setup.log(OURS)) as up:
        for workload in [*SUITE, LARGE]:
            if workload.body == "json":
                answer = measure.probe(up, workload, setup.bodies(up.server.body))
                (setup.answers / str(workload.rows)).write_bytes(answer)


def dispensable(server: Server, error: BenchmarkError, *, whole: bool) -> bool:
    """Say whether the rest is worth having: without a peer, or a workload that a server does not offer."""
    return server.peer or not (whole or isinstance(error, RefusedError))


class Suite:
    """One go over all servers; what can't be measured is left out, with the reason."""

    def __init__(self, setup: Setup, cores: Cores, plan: Plan, say: Say) -> None:
        self._setup = setup
        self._cores = cores
        self._plan = plan
        self._say = say
        self._rows = bodies.census_rows([each.name for each in setup.contract.features])
        self._results = Results(machine=machine.describe(), plan=asdict(plan), model=_model(setup))

    def run(self, servers: Sequence[Server]) -> Results:
        """Measure the servers.

        Raises:
            BenchmarkError: one that is not a peer failed, so there is nothing to compare with.
        """
        self._describe(servers)
        usable = [server for server in servers if self._starts(server)]
        with ExitStack() as stack:
            ups = [stack.enter_context(self._running(server)) for server in usable]
            self._check_labels(ups)
            for number in range(self._plan.rounds):
                self._round(number, ups)
        return self._results

    def _describe(self, servers: Sequence[Server]) -> None:
        for server in servers:
            self._results.titles[server.name] = server.title
            self._setup.prepare(SUITE, self._rows, server.body)
        self._results.titles[LIMIT] = lineup.LIMIT_TITLE
        for workload in SUITE:
            found = bodies.read(self._setup.bodies(bodies.as_inputs), workload)
            self._results.request_bytes[workload.name] = sum(map(len, found)) / len(found)

    def _running(self, server: Server) -> AbstractContextManager[Running]:
        return running(server, self._cores.servers, self._setup.log(server.name))

    def _starts(self, server: Server) -> bool:
        self._say(f"starting {server.title}")
        try:
            found = measure.footprint(server, self._setup, self._cores, self._plan.starts)
        except (SkippedError, RefusedError) as error:
            self._leave_out(server, server.name, error)
            return False
        self._results.footprints[server.name] = found
        return True

    def _round(self, number: int, ups: Sequence[Running]) -> None:
        """Every workload at all servers in turn; another one goes first in every round."""
        first = number % len(ups)
        for workload in SUITE:
            self._say(f"round {number + 1} of {self._plan.rounds}: {workload.title}")
            for up in [*ups[first:], *ups[:first]]:
                self._measure(up, workload)
            if workload.body == "json" and workload.beside is None and workload is not ALONE:
                found = measure.limit(workload, self._setup, self._plan.seconds, self._cores)
                self._results.add(LIMIT, workload, found)

    def _measure(self, up: Running, workload: Workload) -> None:
        where = f"{up.server.name}, {workload.title}"
        if where in self._results.skipped or (workload.body == "csv" and not up.server.csv):
            return
        prepared = self._setup.bodies(up.server.body)
        try:
            if self._plan.warm_up and workload.beside is None:
                measure.warm_up(up, workload, prepared, self._cores)
            found = measure.run(up, workload, prepared, self._plan.seconds, self._cores)
        except (SkippedError, RefusedError) as error:
            self._results.runs.pop((up.server.name, workload.name), None)
            self._leave_out(up.server, where, error)
        else:
            self._results.add(up.server.name, workload, found)

    def _leave_out(self, server: Server, what: str, error: BenchmarkError) -> None:
        if not dispensable(server, error, whole=what == server.name):
            raise BenchmarkError(f"{what}: {error}.") from error
        self.skip(what, str(error))

    def skip(self, what: str, why: str) -> None:
        """Leave something out of the results, and say why."""
        self._results.skipped[what] = why
        self._say(f"skipped {what}: {why}")

    def _check_labels(self, ups: Sequence[Running]) -> None:
        """Raise BenchmarkError unless every server that has a model has the same."""
        given = {
            up.server.name: measure.labels(up, HUNDRED, self._setup.bodies(up.server.body)) for up in ups
        }
        for name, labels in given.items():
            if labels is not None and labels != given.get(OURS, labels):
                raise BenchmarkError(f"{name} gives other labels than {OURS}: it has another model.")


def _model(setup: Setup) -> dict[str, str]:
    contract = setup.contract
    return {
        "name": contract.name,
        "version": contract.model_version,
        "data_source": contract.provenance.data_source,
        "features": str(len(contract.features)),
    }
