"""The in-process limit: the service validates, encodes, infers and writes the answer, without HTTP.

python -m benchmarks.apps.in_process BODIES SECONDS, with MODEL_DIR; prints the metrics as a line of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

from app.core.model import Model
from app.core.validation import RowValidator
from app.prediction.prediction import Prediction
from app.prediction.responses import JsonWriter

WARM_UP_REQUESTS = 20


def make_answer(model_dir: Path) -> Callable[[bytes], bytes]:
    """Return the function from the body of a request to the body of its answer."""
    model = Model.load(model_dir)
    validator = RowValidator(model.contract.features)
    target = model.contract.target
    writer = JsonWriter(model.contract)

    def answer(body: bytes) -> bytes:
        probabilities = model.probabilities(model.encode(validator.parse(body)))
        return writer.write_body([writer.write_chunk(Prediction.decide(target, probabilities))])

    return answer


def measure_latencies(
    answer: Callable[[bytes], bytes], bodies: Sequence[bytes], seconds: float
) -> list[float]:
    """Answer the bodies in turn for so long; return the seconds that each took."""
    latencies: list[float] = []
    before = time.perf_counter()
    deadline = before + seconds
    for body in cycle(bodies):
        answer(body)
        after = time.perf_counter()
        latencies.append(after - before)
        before = after
        if after > deadline:
            break
    return latencies


def main() -> None:
    bodies = Path(sys.argv[1]).read_bytes().splitlines()
    answer = make_answer(Path(os.environ["MODEL_DIR"]))
    measure_latencies(answer, bodies[:WARM_UP_REQUESTS], 0)
    cpu_before = time.process_time()
    latencies = sorted(measure_latencies(answer, bodies, float(sys.argv[2])))
    cpu_seconds = time.process_time() - cpu_before
    metrics = {
        "requests_per_second": len(latencies) / sum(latencies),
        "cpu_us": cpu_seconds / len(latencies) * 1e6,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
    }
    print(json.dumps(metrics))  # noqa: T201 - the benchmark reads this line


if __name__ == "__main__":
    main()
