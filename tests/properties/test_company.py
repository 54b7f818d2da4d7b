"""Answers do not depend on the requests that are answered in the same batch."""

import csv
import io
import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.properties.census import Answer, Census, Row, often, rows

TIMESTAMP = re.compile(rb'"timestamp":"[^"]*"')
FORMATS = ("application/json", "text/csv", "text/plain")
REFUSED = (b"", b"{", b"[]", b'{"inputs":[]}', b'{"inputs":[{"age":1}]}', b"age\n1\n")

MOST_BODIES, MOST_ROWS = 40, 4
MOST_RUNS = 3
"""A batch of census rows is full with 71, and left unfilled by less than MOST_ROWS."""


def as_json(rows: list[Row]) -> tuple[bytes, str]:
    return json.dumps({"inputs": rows}).encode(), "application/json"


def as_csv(rows: list[Row]) -> tuple[bytes, str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(), "text/csv"


def without_time(answer: Answer) -> Answer:
    return answer._replace(body=TIMESTAMP.sub(b"", answer.body))


@settings(often, max_examples=60)
@given(draw=st.data())
def test_bytes_of_an_answer_are_the_same_alone_and_in_any_company(census: Census, draw: DataObject) -> None:
    some_rows = st.lists(rows(census.features), min_size=1, max_size=MOST_ROWS)
    valid = st.builds(lambda drawn, write: write(drawn), some_rows, st.sampled_from([as_json, as_csv]))
    refused = st.tuples(st.sampled_from(REFUSED), st.sampled_from(FORMATS))
    bodies = draw.draw(st.lists(valid | valid | valid | refused, min_size=2, max_size=MOST_BODIES))
    alone = [without_time(census.post(*body)) for body in bodies]
    for _ in range(2):
        order = draw.draw(st.permutations(range(len(bodies))))
        runs_before, requests_before = census.batches
        together = census.post_together([bodies[number] for number in order])
        runs, requests = census.batches
        assert requests - requests_before == sum(answer.status == 200 for answer in together)
        assert runs - runs_before <= MOST_RUNS
        assert [without_time(answer) for answer in together] == [alone[number] for number in order]
