import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import numpy as np
import pytest
import uvicorn
from onnx.parser import parse_model

from app.core.contract import Contract, Positions, Provenance, Target
from app.core.features import NumberFeature
from app.core.model import Model
from app.core.values import Row
from app.main import create_app
from app.settings import Settings
from model_build.errors import BuildError
from model_build.export.package import seal
from model_build.gates.champion import BATCH, compare_with_champion
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec

SPEC = """
name: sums
title: Sums
version: 2.0.0
description: Is the sum of two numbers above 0?
data: {sources: [{uri: sums.csv}], licence: none}
features:
  - {name: one, type: number, minimum: -9, maximum: 9, title: One, example: 1}
  - {name: two, type: number, minimum: -9, maximum: 9, title: Two, example: 1}
target: {name: above, labels: ["no", "yes"], positive: "yes"}
split: {test: 0.25, seed: 1}
estimator: {name: logistic_regression}
evaluation: {resamples: 100}
"""
NONE = "For a first deployment, leave out --deployed and gates.deployed.model."

rng = np.random.default_rng(0)
MATRIX = rng.normal(size=(1200, 2)).astype(np.float32)
TRUTH: Positions = (MATRIX.sum(axis=1) + rng.normal(size=1200) > 0).astype(np.intp)
ROWS: list[Row] = [{"one": float(one), "two": float(two)} for one, two in MATRIX]
BOTH = (1.0, 1.0)  # weights of the two numbers; what is above 0 is their sum
FIRST = (1.0, 0.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def sums(tmp_path: Path) -> Callable[..., ModelSpec]:
    """Return the spec with this gate for the deployed model."""

    def load(**gate: Any) -> ModelSpec:
        path = tmp_path / "sums.yaml"
        path.write_text(f"{SPEC}gates: {{deployed: {gate}}}\n")
        return model_spec.load(str(path))

    return load


Sums = Callable[..., ModelSpec]


def contract(**changes: Any) -> Contract:
    provenance: dict[str, Any] = {
        "data_source": "real",
        "data_uri": "sums.csv",
        "data_sha256": None,
        "rows": 1,
        "fitted_on": "training rows",
        "licence": "none",
        "spec_sha256": "0" * 64,
        "git_commit": None,
        "libraries": {},
        "trained_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    fields: dict[str, Any] = {
        "name": "sums",
        "title": "Sums",
        "description": "",
        "model_version": "1.0.0",
        "features": tuple(number(name) for name in ("one", "two")),
        "target": Target(name="above", labels=("no", "yes"), positive="yes"),
        "metrics": {},
        "files": {},
    }
    of_data = {name: changes.pop(name) for name in provenance.keys() & changes.keys()}
    return Contract(**fields | {"provenance": Provenance(**provenance | of_data)} | changes)


def number(name: str) -> NumberFeature:
    return NumberFeature(name=name, type="number", minimum=-9, maximum=9, title=name, example=1)


def onnx(weights: tuple[float, ...]) -> bytes:
    """Return a logistic regression with these weights."""
    width = len(weights)
    model: bytes = parse_model(f"""
        <ir_version: 8, opset_import: ["": 18]>
        sums (float[N,{width}] features) => (int64[N] labels, float[N,2] probabilities)
        <float[{width},1] weights = {{{",".join(map(str, weights))}}}, float one = {{1}}>
        {{
            logit = MatMul (features, weights)
            yes = Sigmoid (logit)
            no = Sub (one, yes)
            probabilities = Concat <axis = 1> (no, yes)
            labels = ArgMax <axis = 1, keepdims = 0> (probabilities)
        }}
    """).SerializeToString()
    return model


@pytest.fixture(scope="module")
def good() -> Model:
    """The new model; it knows both numbers."""
    return Model(contract(model_version="2.0.0"), onnx(BOTH))


def save(directory: Path, weights: tuple[float, ...], **changes: Any) -> Path:
    """Write a baked model."""
    directory.mkdir()
    for name, content in seal(contract(**changes), onnx(weights), {"metrics.json": b"{}"})[1].items():
        (directory / name).write_bytes(content)
    return directory


def refusal(sums: Sums, location: str, good: Model) -> str:
    with pytest.raises(BuildError) as caught:
        compare_with_champion(sums(), location, good, ROWS, TRUTH)
    return str(caught.value)


# A directory


def test_same_model_has_an_improvement_of_0_and_passes(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save(tmp_path / "model", BOTH)
    for metric in ("roc_auc", "log_loss", "accuracy"):
        result = compare_with_champion(sums(metric=metric, tolerance=0), str(location), good, ROWS, TRUTH)
        assert (result.kind, result.name, result.passed) == ("deployed", "deployed", True)
        value = result.sentence.split()[2].rstrip(",")
        assert result.sentence == (
            f"{metric} is {value}, and {value} for the deployed sums 1.0.0; "
            "the improvement is 0.0000 (0.0000 to 0.0000), and its interval must be at least 0"
        )


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_better_model_passes_and_worse_one_fails(tmp_path: Path, sums: Sums, metric: str) -> None:
    better, worse = save(tmp_path / "better", BOTH), save(tmp_path / "worse", FIRST)
    gate = sums(metric=metric, tolerance=0)
    passed = compare_with_champion(gate, str(worse), Model.load(better), ROWS, TRUTH)
    failed = compare_with_champion(gate, str(better), Model.load(worse), ROWS, TRUTH)
    assert (passed.passed, failed.passed) == (True, False)
    assert improvement(passed.sentence) == -improvement(failed.sentence) > 0.03
    shortfall, words = failed.sentence.partition("at least 0 but is ")[2].split(maxsplit=1)
    assert float(shortfall) == pytest.approx(-low(failed.sentence), abs=0.001)
    assert words == "too low"


def improvement(sentence: str) -> float:
    return float(sentence.partition("the improvement is ")[2].partition(" ")[0])


def low(sentence: str) -> float:
    return float(sentence.partition("the improvement is ")[2].partition("(")[2].partition(" ")[0])


def test_whole_interval_must_be_within_the_tolerance(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = str(save(tmp_path / "model", (1.0, 0.95)))
    sentence = compare_with_champion(sums(tolerance=0), location, good, ROWS, TRUTH).sentence
    below, above = -low(sentence) - 0.0001, -low(sentence) + 0.0001
    assert improvement(sentence) > -below
    assert not compare_with_champion(sums(tolerance=below), location, good, ROWS, TRUTH).passed
    result = compare_with_champion(sums(tolerance=above), location, good, ROWS, TRUTH)
    assert result.passed
    assert result.sentence.endswith(f"its interval must be at least {-above:g}")


def test_same_seed_gives_the_same_interval(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = str(save(tmp_path / "model", FIRST))
    first, second = (compare_with_champion(sums(), location, good, ROWS, TRUTH) for _ in range(2))
    assert first == second


def test_each_model_predicts_with_its_own_threshold(tmp_path: Path, sums: Sums, good: Model) -> None:
    target = good.contract.target.model_copy(update={"threshold": 0.9})
    location = save(tmp_path / "model", BOTH, target=target)
    result = compare_with_champion(sums(metric="accuracy"), str(location), good, ROWS, TRUTH)
    assert improvement(result.sentence) > 0.1


def test_labels_in_another_order_are_compared_by_name(tmp_path: Path, sums: Sums, good: Model) -> None:
    target = Target(name="above", labels=("yes", "no"), positive="yes")
    location = save(tmp_path / "model", (-1.0, -1.0), target=target)
    result = compare_with_champion(sums(tolerance=0), str(location), good, ROWS, TRUTH)
    assert improvement(result.sentence) == 0


def test_sentence_notes_that_the_deployed_model_may_have_trained_on_test_rows(
    tmp_path: Path, sums: Sums
) -> None:
    note = (
        "; the deployed model was trained on the same data with another spec, so it may have trained on "
        "some of the test rows and look better than it is"
    )
    model = Model(contract(data_sha256="a" * 64, spec_sha256="1" * 64), onnx(BOTH))
    noted = {
        (data, by): compare_with_champion(
            sums(),
            str(save(tmp_path / f"{data}{by}", BOTH, data_sha256=data * 64, spec_sha256=by * 64)),
            model,
            ROWS,
            TRUTH,
        ).sentence.endswith(note)
        for data, by in (("a", "1"), ("a", "2"), ("b", "2"))
    }
    assert noted == {("a", "1"): False, ("a", "2"): True, ("b", "2"): False}


def save_refitted(directory: Path, evaluated: tuple[float, ...]) -> Path:
    """Write a baked model whose refit ranks every row wrong."""
    directory.mkdir()
    documents = {"evaluated.onnx": onnx(evaluated)}
    refitted = contract(fitted_on="training and test rows")
    for name, content in seal(refitted, onnx((-1.0, -1.0)), documents)[1].items():
        (directory / name).write_bytes(content)
    return directory


def test_deployed_model_that_was_refitted_is_compared_as_it_was_before(
    tmp_path: Path, sums: Sums, good: Model
) -> None:
    location = save_refitted(tmp_path / "model", BOTH)
    result = compare_with_champion(sums(tolerance=0), str(location), good, ROWS, TRUTH)
    value = result.sentence.split()[2].rstrip(",")
    assert result.passed
    assert result.sentence == (
        f"roc_auc is {value}, and {value} for the deployed sums 1.0.0 before its refit; "
        "the improvement is 0.0000 (0.0000 to 0.0000), and its interval must be at least 0"
    )


def test_changed_model_before_the_refit_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save_refitted(tmp_path / "model", (1.0,))
    assert refusal(sums, str(location), good).startswith(
        f"The model at {location} can't be loaded: model.onnx has the inputs "
    )


def test_directory_without_a_model_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    assert refusal(sums, str(tmp_path / "no"), good) == (
        f"There is no model to compare with at {tmp_path / 'no'}: it has no contract.json. {NONE}"
    )


def test_incomplete_model_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save(tmp_path / "model", BOTH)
    (location / "model.onnx").unlink()
    assert refusal(sums, str(location), good) == (
        f"The model at {location} can't be loaded: The baked model is incomplete: "
        f"{location / 'model.onnx'} can't be read (No such file or directory)."
    )


def test_model_with_other_labels_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save(tmp_path / "model", BOTH, target=Target(name="above", labels=("0", "1"), positive="1"))
    assert refusal(sums, str(location), good) == (
        f"The model at {location} can't be compared: its labels are 0, 1, and those of sums are no, yes."
    )


def test_model_with_other_features_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save(tmp_path / "model", (1.0,), features=(number("one"),))
    assert refusal(sums, str(location), good) == (
        f"The model at {location} can't be compared, because it refuses the test rows: "
        "100 errors, the first at 0.two: Unknown field, or one given twice under two names. A row has: one. "
        "Later rows were not checked."
    )


# A bucket


Upload = Callable[[Path], str]


@pytest.fixture
def upload(monkeypatch: pytest.MonkeyPatch, s3_url: str) -> Iterator[Upload]:
    """Copy a directory to a prefix of a bucket."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    client = boto3.Session().client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="models")

    def upload(directory: Path) -> str:
        for path in directory.iterdir():
            client.upload_file(str(path), "models", f"{directory.name}/{path.name}")
        return f"s3://models/{directory.name}"

    yield upload
    client.close()


def test_model_in_a_bucket_is_compared(tmp_path: Path, sums: Sums, good: Model, upload: Upload) -> None:
    location = save(tmp_path / "deployed", FIRST)
    expected = compare_with_champion(sums(), str(location), good, ROWS, TRUTH)
    assert compare_with_champion(sums(), f"{upload(location)}/", good, ROWS, TRUTH) == expected


def test_prefix_without_a_model_is_an_error(tmp_path: Path, sums: Sums, good: Model, upload: Upload) -> None:
    upload(save(tmp_path / "other", BOTH))
    assert refusal(sums, "s3://models/none", good) == (
        "There is no model to compare with at s3://models/none: s3://models/none/contract.json could not be "
        "downloaded: NoSuchKey: An error occurred (NoSuchKey) when calling the GetObject operation: "
        f"The specified key does not exist. {NONE}"
    )


def test_model_with_a_missing_file_in_the_bucket_is_an_error(
    tmp_path: Path, sums: Sums, good: Model, upload: Upload
) -> None:
    location = save(tmp_path / "incomplete", BOTH)
    (location / "model.onnx").unlink()
    assert refusal(sums, upload(location), good).startswith(
        "s3://models/incomplete/model.onnx could not be downloaded: NoSuchKey"
    )


@pytest.mark.parametrize("contract", ["", "[]", '{"files": ["../escaped"], "schema_version": 7}'])
def test_invalid_contract_in_a_bucket_is_an_error(
    tmp_path: Path, sums: Sums, good: Model, upload: Upload, contract: str
) -> None:
    location = tmp_path / "broken"
    location.mkdir()
    (location / "contract.json").write_text(contract)
    assert refusal(sums, upload(location), good).startswith(
        "The model at s3://models/broken can't be loaded: "
    )
    assert not (tmp_path / "escaped").exists()


# A running service


@contextmanager
def served(model: Path, **settings: Any) -> Iterator[str]:
    """Serve a model on the loopback until the end of the block."""
    config = uvicorn.Config(create_app(Settings(model_dir=model, **settings)), port=0, log_level="critical")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_service_gives_the_same_result_as_its_model(
    tmp_path: Path, sums: Sums, good: Model, metric: str
) -> None:
    target = good.contract.target.model_copy(update={"threshold": 0.7})
    location = save(tmp_path / "model", FIRST, target=target)
    gate = sums(metric=metric)
    expected = compare_with_champion(gate, str(location), good, ROWS, TRUTH)
    with served(location) as url:
        assert compare_with_champion(gate, url, good, ROWS, TRUTH) == expected


def test_sentence_notes_that_the_service_of_a_refitted_model_knows_its_test_rows(
    tmp_path: Path, sums: Sums, good: Model
) -> None:
    note = (
        "; the deployed model was refitted on its test rows too, so it may have learnt from these test "
        "rows and look better than it is: for a fair comparison, name its baked model in place of the "
        "service, because it has the model before the refit too (evaluated.onnx)"
    )
    for location, is_noted in (
        (save(tmp_path / "refitted", BOTH, fitted_on="training and test rows"), True),
        (save(tmp_path / "evaluated", BOTH), False),
    ):
        with served(location) as url:
            sentence = compare_with_champion(sums(), url, good, ROWS, TRUTH).sentence
        assert sentence.endswith(note) == is_noted
        assert "for the deployed sums 1.0.0; " in sentence


def test_service_that_refuses_the_rows_is_an_error(tmp_path: Path, sums: Sums, good: Model) -> None:
    with served(save(tmp_path / "model", (1.0,), features=(number("one"),))) as url:
        assert refusal(sums, url, good) == (
            f"The model at {url} can't be compared, because it refuses the test rows: "
            "100 errors, the first at inputs.0.two: Unknown field, or one given twice under two names. "
            "A row has: one."
        )


def test_service_that_accepts_few_rows_at_once_is_compared(tmp_path: Path, sums: Sums, good: Model) -> None:
    location = save(tmp_path / "model", FIRST)
    expected = compare_with_champion(sums(), str(location), good, ROWS, TRUTH)
    with served(location, max_rows=100) as url:
        assert compare_with_champion(sums(), url, good, ROWS, TRUTH) == expected


def test_service_that_accepts_only_smaller_bodies_is_an_error(
    tmp_path: Path, sums: Sums, good: Model
) -> None:
    with served(save(tmp_path / "model", BOTH), max_body_bytes=100) as url:
        assert refusal(sums, url, good) == (
            f"The model at {url} can't be compared, because it refuses the test rows: "
            "The body may have at most 100 bytes (MAX_BODY_BYTES). Send the rows in several requests."
        )


def test_url_where_nothing_listens_is_an_error(sums: Sums, good: Model) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert refusal(sums, url, good) == (
        f"There is no model to compare with at {url}: ConnectError: [Errno 111] Connection refused. {NONE}"
    )


@pytest.mark.parametrize(
    "location", ["https://me:secret@host", "http://me:sec/ret@host", "s3://key:secret@bucket/m"]
)
def test_url_with_a_password_is_refused_and_not_shown(sums: Sums, good: Model, location: str) -> None:
    assert refusal(sums, location, good) == (
        "The URL of the deployed model must not contain a user name or a password, so no @."
    )


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:port"])
def test_invalid_url_is_an_error(sums: Sums, good: Model, url: str) -> None:
    assert refusal(sums, url, good).startswith(f"There is no model to compare with at {url}: ")


ANSWERS = {
    "/few": {"predictions": ["no"], "probabilities": [{"no": 1, "yes": 0}]},
    "/none": {"predictions": [], "probabilities": []},
    "/other": {"predictions": ["maybe"] * BATCH, "probabilities": [{"no": 1, "yes": 0}] * BATCH},
    "/mixed": {
        "predictions": ["no"] * BATCH,
        "probabilities": [{"no": 1, "yes": 0}, {"no": 1}] * (BATCH // 2),
    },
    "/large": {"predictions": ["no"] * BATCH, "probabilities": [{"no": 2, "yes": 0}] * BATCH},
}


class OtherService(BaseHTTPRequestHandler):
    """Answers /health as our service does, /predict differently, and /page with HTML."""

    def do_GET(self) -> None:
        health = b'{"name": "a", "model_lib_version": "1"}'
        bodies = {"/page/health": b"<h1>Welcome</h1>"}
        bodies |= {f"{path}/health": health for path in ("", *ANSWERS)}
        self._answer(bodies.get(self.path))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = ANSWERS.get(self.path.removesuffix("/predict"), {"detail": 7})
        self._answer(json.dumps(answer).encode())

    def _answer(self, body: bytes | None) -> None:
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def other_service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherService) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/nowhere", "/health answers with the HTTP status 404"),
        (
            "/page",
            "it does not answer as a model's service does (Invalid JSON: expected value at line 1 column 1)",
        ),
        ("", "it does not answer as a model's service does (Field required)"),
    ],
)
def test_url_of_another_service_is_an_error(
    other_service: str, sums: Sums, good: Model, path: str, reason: str
) -> None:
    assert refusal(sums, other_service + path, good) == (
        f"There is no model to compare with at {other_service}{path}: {reason}. {NONE}"
    )


INCOMPLETE = "some rows have no predicted label, or no probability for every label"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/few", "for 100 rows it answers with 1 prediction and with probabilities for 1"),
        ("/none", "for 100 rows it answers with 0 predictions and with probabilities for 0"),
        ("/other", INCOMPLETE),
        ("/mixed", INCOMPLETE),
        (
            "/large",
            "it does not answer as a model's service does (Input should be less than or equal to 1)",
        ),
    ],
)
def test_service_with_answers_of_another_shape_is_an_error(
    other_service: str, sums: Sums, good: Model, path: str, reason: str
) -> None:
    rows, truth = ROWS[:BATCH], TRUTH[:BATCH]
    with pytest.raises(BuildError) as caught:
        compare_with_champion(sums(), other_service + path, good, rows, truth)
    assert (
        str(caught.value) == f"There is no model to compare with at {other_service}{path}: {reason}. {NONE}"
    )
