import hashlib
import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from app.core.contract import Contract, Provenance, Target
from model_build.artifacts import (
    Calibration,
    CalibrationBin,
    Candidate,
    Cleaning,
    Comparison,
    Curve,
    Curves,
    DataReport,
    Dependence,
    Evaluation,
    Explanation,
    Fairness,
    FoldScores,
    GateResult,
    Group,
    Importance,
    Interval,
    ModelReport,
    Protected,
    SearchReport,
    Slice,
    Slices,
    Threshold,
    TrainingReport,
    Violation,
)
from model_build.reports import charts, model_card
from model_build.reports.model_card import CardFacts
from model_build.spec import model_spec as specs
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS, Card

HOSTILE = '<img src="//evil" onerror="x()"> & `|*_'
HALF = Interval(value=0.5, low=0.4, high=0.6)
SEAL: dict[str, Any] = {"checked": {"model.onnx": "0e" * 32}, "gates_checksum": "5e" * 32}
THREE = Target(name="grade", labels=("a", "b", "c"))


def spread(mean: float) -> FoldScores:
    return FoldScores(mean=mean, deviation=0.01, folds=(mean, mean))


def part(feature: str, level: str, accuracy: float, **metrics: Interval) -> Slice:
    found = Interval(value=accuracy, low=accuracy - 0.05, high=accuracy + 0.05)
    return Slice(
        features=(feature,),
        levels=(level,),
        rows=80,
        positives=20,
        support={"accuracy": 80, "precision": 10, "recall": 20, "f1": 10},
        metrics={"accuracy": found, **metrics},
    )


def group(level: str, rate: float, *, four_fifths: bool, **disparities: Interval) -> Group:
    return Group(
        level=level,
        rows=40,
        support={
            "selection_rate": 40,
            "true_positive_rate": 10,
            "false_positive_rate": 30,
            "false_negative_rate": 10,
        },
        selection_rate=Interval(value=rate, low=rate, high=rate),
        true_positive_rate=HALF,
        false_positive_rate=None,
        false_negative_rate=HALF,
        disparities=disparities,
        four_fifths=four_fifths,
    )


CANDIDATE = Candidate(parameters={"max_iter": 5}, score=0.91, standard_error=0.002, size=40)
SEARCH = SearchReport(
    method="optuna",
    metric="roc_auc",
    trials=12,
    pruned=3,
    resumed=0,
    seconds=4.5,
    best=CANDIDATE,
    chosen=CANDIDATE,
    reason="nothing smaller is as good",
    candidates=(CANDIDATE,),
    against_default=(
        Comparison(
            metric="roc_auc",
            chosen=spread(0.91),
            default=spread(0.9),
            difference=Interval(value=0.01, low=-0.001, high=0.021),
        ),
    ),
)
CURVE = Curve(x=(0.0, 0.5, 1.0), y=(0.0, 0.8, 1.0))
CURVES = Curves(
    roc={"yes": CURVE},
    precision_recall={"yes": CURVE},
    lift={"yes": CURVE},
    calibration={"yes": (CalibrationBin(rows=50, predicted=0.2, observed=HALF),)},
)


@pytest.fixture(scope="module")
def facts(tiny_spec: ModelSpec) -> CardFacts:
    """Every document with something in it."""
    spec = tiny_spec.model_copy(update={"card": Card(owners=("Us",), caveats=("Only for tests.",))})
    provenance = Provenance(
        data_source="real",
        data_uri="loans.csv",
        data_sha256="d" * 64,
        rows=400,
        licence="none",
        spec_sha256=spec.sha256,
        git_commit="c0ffee",
        libraries={"numpy": "2.0"},
        trained_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return CardFacts(
        spec=spec,
        contract=Contract(
            name=spec.name,
            title=spec.title,
            description=spec.description,
            model_version=spec.version,
            features=spec.features,
            target=spec.target,
            metrics={},
            provenance=provenance,
            files={},
        ),
        cleaning=Cleaning(rows_read=410, rows=400, duplicates=10, unknown_columns=(), missing={"rate": 7}),
        data=DataReport(
            rows=400,
            checks={"types": 0, "duplicates": 1},
            violations=(
                Violation(check="duplicates", severity="warn", column=None, sentence="10 rows are twice."),
            ),
            left_out=(),
        ),
        training=TrainingReport(
            training_checksum="0" * 64,
            rows=300,
            estimator="hist_gradient_boosting",
            parameters={"max_iter": 5},
            features=("years", "rate"),
            folds=5,
            cross_validation={"roc_auc": spread(0.9)},
            search=SEARCH,
            calibration=Calibration(method="none", reason="it does not help", log_loss={"none": 0.5}),
            threshold=Threshold(value=0.6, objective="accuracy", reason="best", scores={"0.6": 0.8}),
            libraries={"numpy": "2.0"},
            git_commit="c0ffee",
            trained_at=provenance.trained_at,
            size=40,
        ),
        evaluation=Evaluation(
            rows=100,
            labels=("no", "yes"),
            metrics=dict.fromkeys(METRICS, 0.5),
            intervals=dict.fromkeys(METRICS, HALF),
            confidence=0.95,
            resamples=100,
            confusion_matrix=((40, 10), (20, 30)),
        ),
        curves=CURVES,
        slices=Slices(
            minimum_rows=50,
            too_small=2,
            slices=(
                part("grade", "A", 0.9, roc_auc=HALF),
                part("grade", "B", 0.7),
                part("secured", "true", 0.8),
            ),
        ),
        fairness=Fairness(
            protected=(
                Protected(
                    feature="grade",
                    reference="A",
                    groups=(
                        group("A", 0.5, four_fifths=True),
                        group("B", 0.3, four_fifths=False, demographic_parity_ratio=HALF),
                    ),
                ),
            )
        ),
        explanation=Explanation(
            importance=(Importance(feature="years", drop=HALF), Importance(feature="rate", drop=HALF)),
            dependence=(
                Dependence(feature="years", values=("1", "2"), numbers=(1.0, 2000.0), scores=(0.2, 0.4)),
                Dependence(feature="grade", values=("A", "B"), numbers=None, scores=(0.4, 0.2)),
            ),
        ),
        model=ModelReport(
            results=(GateResult(kind="metric", name="roc_auc", passed=True, sentence="It is 0.5."),),
            bytes=1234,
            microseconds=20.5,
            **SEAL,
        ),
    )


@pytest.fixture(scope="module")
def bare(facts: CardFacts) -> CardFacts:
    """Every document as empty as it can be, of a target with three labels."""
    return replace(
        facts,
        contract=facts.contract.model_copy(
            update={
                "target": THREE,
                "provenance": facts.contract.provenance.model_copy(
                    update={"git_commit": None, "data_sha256": None}
                ),
            }
        ),
        data=DataReport(rows=0, checks={}, violations=(), left_out=()),
        training=facts.training.model_copy(
            update={"search": None, "threshold": None, "cross_validation": {}, "parameters": {}}
        ),
        evaluation=facts.evaluation.model_copy(
            update={"labels": THREE.labels, "confusion_matrix": ((1, 2, 3), (0, 0, 0), (4, 5, 6))}
        ),
        curves=Curves(roc={}, precision_recall={}, lift={}, calibration={}),
        slices=Slices(minimum_rows=50, too_small=3, slices=()),
        fairness=Fairness(protected=()),
        explanation=Explanation(importance=(), dependence=()),
        model=ModelReport(results=(), bytes=1, microseconds=1.5, **SEAL),
    )


@pytest.fixture(scope="module")
def html(facts: CardFacts) -> str:
    return model_card.render_html(facts)


class Page(HTMLParser):
    """What a browser would find on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def attributes(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def test_page_says_what_the_model_is_and_how_good(html: str) -> None:
    text = Page(html).text
    for words in (
        "Tiny loans: model card",
        "Will it be paid back?",
        "tiny 1.2.3 · trained 2030-01-02 03:04 UTC · Us",
        "Only for tests.",
        "paid : no, yes; positive is yes, from a probability of 0.6 on",
        "max_iter=5",
        "1,234 bytes as ONNX; one row takes 20.5 µs where it was baked",
        "410 read; 10 are exact duplicates, dropped; 0 left out by the data checks",
        "300 rows train and 100 test (25%), with the same shares of the labels, seed 1",
        "✓ types ! duplicates (1)",
        "10 rows are twice.",
        "Intervals cover 95%, from 100 bootstrap resamples of the test rows.",
        "ROC AUC 0.5000 0.4000 to 0.6000 0.9000 0.0100",
        "Optuna tried 12 sets of parameters on the folds, by ROC AUC, in 4.5 seconds; 3 were given up early. "
        "Nothing smaller is as good.",
        "ROC AUC 0.91000 0.90000 +0.01000 −0.00100 to +0.02100",  # noqa: RUF001
        "Calibration: none It does not help. Log loss on the folds: none 0.5000.",
        "Threshold: 0.6 Best. Accuracy on the folds: 0.8000 at 0.6.",
        "Slices of fewer than 50 rows are left out (2 of them).",
        "1 of 1 were kept.",
        "metric roc_auc ✓ kept It is 0.5.",
        "git checkout c0ffee",
        "python -m model_build bake SPEC.yaml --source real --search",
    ):
        assert words in text


def test_shares_are_not_rounded_to_whole_percents(facts: CardFacts) -> None:
    evaluation = facts.evaluation.model_copy(update={"confidence": 0.995})
    split = facts.spec.split.model_copy(update={"test": 0.125})
    fine = replace(facts, evaluation=evaluation, spec=facts.spec.model_copy(update={"split": split}))
    text = Page(model_card.render_html(fine)).text
    assert "Intervals cover 99.5%, from 100 bootstrap resamples" in text
    assert "300 rows train and 100 test (12.5%)" in text
    assert "with 99.5% intervals from 100 bootstrap resamples" in model_card.render_markdown(fine)


def test_page_asks_nothing_of_anybody(html: str) -> None:
    page = Page(html)
    assert [each for each in page.attributes("src") + page.attributes("href") if not each] == []
    assert {str(each)[0] for each in page.attributes("href")} == {"#", "d"}
    assert page.attributes("src") == []
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert re.findall(r"url\((?!#)", html) == []
    assert len(html) < 200_000


def test_policy_lets_only_the_script_of_the_page_run(html: str) -> None:
    page = Page(html)
    [policy] = [
        each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    hashed = re.search(r"script-src 'sha256-(\S+)';", policy)
    assert hashed is not None
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert b64decode(hashed[1]) == hashlib.sha256(script.encode()).digest()
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def hostile(facts: CardFacts) -> CardFacts:
    """Put markup wherever a document or a spec has text."""
    return replace(
        facts,
        spec=facts.spec.model_copy(
            update={
                "title": HOSTILE,
                "description": HOSTILE,
                "card": Card(owners=(HOSTILE,), intended_use=(HOSTILE,), out_of_scope=(HOSTILE,)),
            }
        ),
        contract=facts.contract.model_copy(
            update={
                "target": Target(name=HOSTILE, labels=("no", HOSTILE), positive=HOSTILE),
                "provenance": facts.contract.provenance.model_copy(
                    update={"licence": HOSTILE, "data_uri": HOSTILE, "libraries": {HOSTILE: HOSTILE}}
                ),
            }
        ),
        data=DataReport(
            rows=1,
            checks={HOSTILE: 1},
            violations=(Violation(check=HOSTILE, severity="fail", column=HOSTILE, sentence=HOSTILE),),
            left_out=(),
        ),
        training=facts.training.model_copy(
            update={
                "estimator": HOSTILE,
                "parameters": {HOSTILE: HOSTILE},
                "threshold": Threshold(value=0.5, objective=HOSTILE, reason=HOSTILE, scores={HOSTILE: 1}),
            }
        ),
        evaluation=facts.evaluation.model_copy(update={"labels": ("no", HOSTILE)}),
        curves=CURVES.model_copy(update={"roc": {"no": CURVE, HOSTILE: CURVE}}),
        slices=Slices(minimum_rows=1, too_small=0, slices=(part(HOSTILE, HOSTILE, 0.5),)),
        fairness=Fairness(
            protected=(
                Protected(
                    feature=HOSTILE, reference=HOSTILE, groups=(group(HOSTILE, 0.5, four_fifths=True),)
                ),
            )
        ),
        explanation=Explanation(
            importance=(Importance(feature=HOSTILE, drop=HALF),),
            dependence=(Dependence(feature=HOSTILE, values=(HOSTILE,), numbers=None, scores=(0.5,)),),
        ),
        model=ModelReport(
            results=(GateResult(kind="slice", name=HOSTILE, passed=False, sentence=HOSTILE),),
            bytes=1,
            microseconds=1,
            **SEAL,
        ),
    )


def test_page_shows_markup_as_text(facts: CardFacts) -> None:
    page = Page(model_card.render_html(hostile(facts)))
    assert {tag for tag, _ in page.tags} & {"img"} == set()
    assert page.text.count(HOSTILE) > 20
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []


def test_markdown_has_no_markup_of_the_data(facts: CardFacts) -> None:
    markdown = model_card.render_markdown(hostile(facts))
    beyond_code = re.sub(r"(`+) ?.*?(?<!`)\1(?!`)", "", markdown.replace(r"\`", ""))
    assert "<img" not in beyond_code.replace(r"\<", "")
    assert r"\<img src=" in beyond_code
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows[-3:]} == {3}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("marital_status is <=50K", "marital_status is <=50K"),
        ("> a quote", r"\> a quote"),
        ("# title\nand - more", r"\# title and - more"),
        ("*a* _b_ [c](d) ~e~ `f` g|h", r"\*a\* \_b\_ \[c\](d) \~e\~ \`f\` g\|h"),
        ("AT&T &amp; <b>", r"AT&T \&amp; \<b>"),
    ],
)
def test_markdown_escapes_what_would_be_markup_only(value: str, shown: str) -> None:
    assert model_card.text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("a_b", "`a_b`"), ("a`b", "`` a`b ``"), ("a|b", r"`a\|b`"), ("``", "``` `` ```")]
)
def test_code_spans_outdo_the_backticks_within(value: str, shown: str) -> None:
    assert model_card.code(value) == shown


def test_slices_stand_with_the_least_accurate_first_and_their_numbers_as_keys(html: str) -> None:
    table = html.split('id="slices-table"', 1)[1].split("</table>", 1)[0]
    assert re.findall(r'<tr data-feature="(\w+)">.*<td>(\w+)</td>', table) == [
        ("grade", "B"),
        ("secured", "true"),
        ("grade", "A"),
    ]
    assert re.findall(r'data-key="([^"]*)"', table) == [
        *("80", "0.25", "0.7", ""),
        *("80", "0.25", "0.8", ""),
        *("80", "0.25", "0.9", "0.5"),
    ]
    assert re.findall(r"<option[^>]*>(\w+)</option>", html) == ["all", "grade", "secured"]


def test_groups_far_from_the_reference_are_flagged(html: str) -> None:
    text = Page(html).text
    assert "Selection rate demographic parity A reference 40 0.500 0.500 to 0.500 – – B" in text  # noqa: RUF001
    assert "B ✗ broken 40 0.300 0.300 to 0.300 – 0.50 0.40 to 0.60" in text  # noqa: RUF001


def test_the_rows_of_a_rate_are_those_that_it_is_a_share_of(html: str) -> None:
    text = Page(html).text
    assert "False negative rate A 10 0.500 0.400 to 0.600 – – B 10" in text  # noqa: RUF001


FAIRNESS = """\
By `grade`, against A; rows are those that a rate is a share of:

| rate | group | 80 % rule | rows | value | difference | ratio |
| --- | --- | --- | ---: | ---: | ---: | ---: |
| Selection rate (demographic parity) | A | reference | 40 | 0.500 (0.500 to 0.500) | – | – |
| Selection rate (demographic parity) | B | **broken** | 40 | 0.300 (0.300 to 0.300) | – | 0.50 (0.40 to 0.60) |
| True positive rate (equal opportunity) | A |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| True positive rate (equal opportunity) | B |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| False positive rate | A |  | 30 | – | – | – |
| False positive rate | B |  | 30 | – | – | – |
| False negative rate | A |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| False negative rate | B |  | 10 | 0.500 (0.400 to 0.600) | – | – |
"""  # noqa: E501, RUF001 - a table has no line breaks
CALIBRATION = """\
What is predicted, and what came true of it, in bins with equally many rows:

| predicted | observed | rows |
| ---: | ---: | ---: |
| 0.200 | 0.500 (0.400 to 0.600) | 50 |
"""


def test_markdown_has_the_rates_that_the_page_has(facts: CardFacts) -> None:
    assert FAIRNESS in model_card.render_markdown(facts)


def test_markdown_has_the_calibration_of_every_label(facts: CardFacts, bare: CardFacts) -> None:
    assert CALIBRATION in model_card.render_markdown(facts)
    calibration = dict.fromkeys(("a", "b"), CURVES.calibration["yes"])
    more = replace(bare, curves=CURVES.model_copy(update={"calibration": calibration}))
    for label in ("a", "b"):
        table = CALIBRATION.replace("What is predicted,", f"What is predicted of `{label}`,")
        assert table in model_card.render_markdown(more)


def test_markdown_has_the_seed_of_the_split(facts: CardFacts) -> None:
    assert "; 300 train and 100 test, split with seed 1\n" in model_card.render_markdown(facts)


def test_synthetic_data_and_broken_gates_are_announced(bare: CardFacts, html: str) -> None:
    plain = Page(html).text
    provenance = bare.contract.provenance.model_copy(update={"data_source": "synthetic"})
    changed = replace(
        bare,
        contract=bare.contract.model_copy(update={"provenance": provenance}),
        model=ModelReport(
            results=(GateResult(kind="size", name="bytes", passed=False, sentence="Too large."),),
            bytes=1,
            microseconds=1,
            **SEAL,
        ),
    )
    page, markdown = Page(model_card.render_html(changed)).text, model_card.render_markdown(changed)
    for words in ("Trained on synthetic data", "Not to be used"):
        assert words not in plain
        assert words in page
        assert f"> **{words}.**" in markdown
    assert "size bytes ✗ broken Too large." in page
    assert "- **Broken**, size, bytes: Too large." in markdown


def test_a_gate_that_judged_nothing_is_not_said_to_be_kept(facts: CardFacts) -> None:
    nothing = GateResult(
        kind="slice", name="f1 of slices", passed=True, judged=False, sentence="None is large."
    )
    model = facts.model.model_copy(update={"results": (*facts.model.results, nothing)})
    changed = replace(facts, model=model)
    text = Page(model_card.render_html(changed)).text
    assert "1 of 2 were kept, 1 judged nothing." in text
    assert "slice f1 of slices – nothing judged None is large." in text  # noqa: RUF001
    assert "\n- Nothing judged, slice, f1 of slices: None is large.\n" in model_card.render_markdown(changed)


def test_what_was_not_found_is_said_so(bare: CardFacts) -> None:
    text = Page(model_card.render_html(bare)).text
    for words in (
        "The spec says nothing about it.",
        "grade : a, b, c",
        "the estimator’s defaults",  # noqa: RUF001
        "unknown: it was trained outside a repository",
        "none: it is not a file",
        "No check ran.",
        "They are those of the spec; no search was made.",
        "Threshold: none With more than two labels the likeliest is taken.",
        "There is no slice of 50 rows or more.",
        "With more than two labels none is the positive one, so groups are not compared.",
        "Nothing was measured.",
        "Gates and checks The spec has none.",
    ):
        assert words in text
    assert "## Search" not in model_card.render_markdown(bare)


def test_a_spec_that_protects_nothing_is_not_excused_by_its_labels(facts: CardFacts, bare: CardFacts) -> None:
    missing = "The spec names no protected feature, so nothing is known of it."
    excused = "With more than two labels none is the positive one, so groups are not compared."
    for labels, said, unsaid in ((facts, missing, excused), (bare, excused, missing)):
        unprotected = replace(labels, fairness=Fairness(protected=()))
        for page in (model_card.render_html(unprotected), model_card.render_markdown(unprotected)):
            assert said in page
            assert unsaid not in page


def test_markdown_tables_are_whole(facts: CardFacts, bare: CardFacts) -> None:
    for each in (facts, bare):
        tables = re.findall(r"(?:^\|.*\n)+", model_card.render_markdown(each), re.MULTILINE)
        widths = [{len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} for table in tables]
        assert [len(width) for width in widths] == [1] * len(tables)
        assert "\n\n\n" not in model_card.render_markdown(each)


def test_card_is_the_same_every_time(facts: CardFacts, html: str) -> None:
    assert model_card.render_html(facts) == html
    assert model_card.render_markdown(facts) == model_card.render_markdown(facts)


@pytest.mark.parametrize(
    ("source", "search", "commit", "commands"),
    [
        (
            "real",
            SEARCH,
            "c0ffee",
            [
                "git checkout c0ffee",
                "python -m pip install --require-hashes -r model_build/requirements.txt",
                "python -m model_build bake census --source real --search",
            ],
        ),
        (
            "synthetic",
            None,
            None,
            [
                "python -m pip install --require-hashes -r model_build/requirements.txt",
                "python -m model_build bake census --source synthetic",
            ],
        ),
    ],
)
def test_commands_that_make_the_model_again_are_exact(
    facts: CardFacts, source: str, search: Any, commit: str | None, commands: list[str]
) -> None:
    provenance = facts.contract.provenance.model_copy(update={"data_source": source, "git_commit": commit})
    again = replace(
        facts,
        spec=specs.load("census"),
        contract=facts.contract.model_copy(update={"provenance": provenance}),
        training=facts.training.model_copy(update={"search": search}),
    )
    assert "\n".join(commands) in model_card.render_markdown(again)


def test_a_model_of_code_that_no_commit_has_is_not_said_to_be_made_again_bit_by_bit(facts: CardFacts) -> None:
    provenance = facts.contract.provenance.model_copy(update={"git_commit": "c0ffee-dirty"})
    dirty = replace(facts, contract=facts.contract.model_copy(update={"provenance": provenance}))
    for page in (model_card.render_html(dirty), model_card.render_markdown(dirty)):
        assert "git checkout c0ffee\n" in page
        assert "had changes that no commit has, so these commands may give another model." in page
        assert "bit by bit" not in page


def test_commands_leave_the_path_of_a_spec_of_ones_own_open(facts: CardFacts) -> None:
    assert "\npython -m model_build bake SPEC.yaml --source real --search\n```" in model_card.render_markdown(
        facts
    )


def test_threshold_stands_on_the_curves_where_the_confusion_matrix_puts_it(facts: CardFacts) -> None:
    roc, *_ = charts.performance(facts.contract.target, facts.curves, facts.evaluation)
    assert roc.title == "ROC curve"
    assert "threshold 0.6" in roc.drawing


@pytest.mark.parametrize("matrix", [((50, 0), (50, 0)), ((0, 0), (20, 30))], ids=["none taken", "one label"])
def test_threshold_that_has_no_place_on_the_curves_is_not_drawn(
    facts: CardFacts, matrix: tuple[tuple[int, int], ...]
) -> None:
    evaluation = facts.evaluation.model_copy(update={"confusion_matrix": matrix})
    drawn = charts.performance(facts.contract.target, facts.curves, evaluation)
    assert [chart.title for chart in drawn if "threshold" in chart.drawing] == []


def test_every_label_has_a_curve_and_the_legend_names_it(facts: CardFacts) -> None:
    labels = ("a", "b", "a label so long that it would fill the figure")
    curves = CURVES.model_copy(update={"roc": dict.fromkeys(labels, CURVE)})
    roc, *_ = charts.performance(THREE, curves, facts.evaluation.model_copy(update={"labels": labels}))
    assert re.findall(r"<text[^>]*>(a|b|a label[^<]*)</text>", roc.drawing) == [
        "a",
        "b",
        "a label so long that it wou…",
    ]


def depending(numbers: tuple[float, ...], scores: tuple[float, ...]) -> charts.Chart:
    """Draw the dependence on the years."""
    values = tuple(f"{number:,g}" for number in numbers)
    found = Dependence(feature="years", values=values, numbers=numbers, scores=scores)
    [chart] = charts.explanation(THREE, Explanation(importance=(), dependence=(found,)))
    return chart


def texts(drawing: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawing)


def places(drawing: str) -> list[tuple[float, float]]:
    """Return where the dots are, in pixels from the top left corner."""
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', drawing)]


def frame(drawing: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the first axes, in pixels."""
    found = re.search(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawing)
    assert found is not None
    left, top, width, height = map(float, found.groups())
    return left, top, width, height


def test_values_that_are_far_apart_here_and_there_stand_at_equal_distances() -> None:
    numbers = (0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 99_999.0)
    drawing = depending(numbers, (0.1,) * 8).drawing
    *named, label = [text for text in texts(drawing) if text in {"0", "300", "99,999"} or "years" in text]
    assert (named, label) == (["0", "300", "99,999"], "years, its values at equal distances")
    x = [x for x, _ in places(drawing)][-8:]
    assert [right - left for left, right in pairwise(x)] == pytest.approx([x[1] - x[0]] * 7, abs=0.01)


def test_values_that_are_evenly_spread_stand_where_they_are() -> None:
    drawing = depending((0.0, 1.0, 3.0, 4.0), (0.1,) * 4).drawing
    assert "years" in texts(drawing)
    first, second, third, _ = [x for x, _ in places(drawing)][-4:]
    assert third - second == pytest.approx(2 * (second - first), abs=0.01)


def test_a_dependence_leaves_room_above_its_highest_point() -> None:
    drawing = depending((0.0, 1.0), (0.9, 1.0)).drawing
    _, top, _, height = frame(drawing)
    assert min(y for _, y in places(drawing)) - top > 0.05 * height


def test_a_dependence_says_of_how_many_rows_it_is_the_mean() -> None:
    chart = depending((0.0, 1.0), (0.1, 0.2))
    assert chart.caption == (
        "The mean over a sample of the test rows, 1,000 at most, were each to have the value."
    )


def test_the_dot_of_a_rate_of_0_stands_clear_of_its_name(facts: CardFacts) -> None:
    unsure = Interval(value=0, low=0, high=0.2)
    nothing = (
        facts.fairness.protected[0]
        .groups[0]
        .model_copy(update={"selection_rate": unsure, "false_positive_rate": unsure})
    )
    for chart in charts.fairness(Protected(feature="grade", reference="A", groups=(nothing,))):
        left, _, width, _ = frame(chart.drawing)
        assert min(x for x, _ in places(chart.drawing)) - left > 0.02 * width


def test_every_figure_has_a_name_of_its_own(html: str) -> None:
    names = re.findall(r"<svg [^>]*><title>([^<]*)</title>", html)
    assert names == [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Lift",
        "Confusion matrix",
        "Selection rate by grade",
        "Errors by grade",
        "Importance of the features",
        "Dependence on years",
        "Dependence on grade",
    ]
