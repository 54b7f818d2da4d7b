"""The limit of the service's own work: validate, encode, infer and write the answer, without HTTP.

python -m benchmarks.servers.in_process BODIES SECONDS, with MODEL_DIR; prints one line of JSON.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.model import Model
from app.core.validation import RowValidator
from app.prediction.responses import ResponseWriter
from app.settings import Settings

SEPARATOR = b"\x1e"
WARM_UP = 20  # requests


def answerer(model_dir: Path, max_rows: int) -> Callable[[bytes], bytes]:
    model = Model.load(model_dir)
    validator = RowValidator(model.contract.features, max_rows)
    decide = model.contract.target.decide
    write = ResponseWriter(model.contract).json

    def answer(body: bytes) -> bytes:
        probabilities = model.probabilities(model.encode(validator.parse(body)))
        return write(decide(probabilities).tolist(), probabilities)

    return answer


def latencies(answer: Callable[[bytes], bytes], bodies: Sequence[bytes], seconds: float) -> list[float]:
    """Answer the bodies in turn for so long, and return what each took."""
    found: list[float] = []
    before = time.perf_counter()
    deadline = before + seconds
    for body in itertools.cycle(bodies):
        answer(body)
        after = time.perf_counter()
        found.append(after - before)
        before = after
        if after > deadline:
            break
    return found


def main() -> None:
    bodies = Path(sys.argv[1]).read_bytes().split(SEPARATOR)
    settings = Settings.read()
    answer = answerer(settings.model_dir, settings.max_rows)
    for body in bodies[:WARM_UP]:
        answer(body)
    cpu = time.process_time()
    found = sorted(latencies(answer, bodies, float(sys.argv[2])))
    run = {
        "requests": len(found),
        "seconds": sum(found),
        "cpu_seconds": time.process_time() - cpu,
        "p50_ms": found[len(found) // 2] * 1e3,
        "p99_ms": found[len(found) * 99 // 100] * 1e3,
    }
    print(json.dumps(run))  # noqa: T201 - read by the benchmark


if __name__ == "__main__":
    main()
