"""The card as a page, read as a browser does, and as Markdown."""

import hashlib
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from app.core.contract import Target
from model_build.artifacts import (
    Baseline,
    Baselines,
    DataReport,
    Dependence,
    Explanation,
    Importance,
    Slices,
    Threshold,
    Violation,
)
from model_build.fairness_report import Fairness, Protected
from model_build.gate_report import GateResult, ModelReport, RefitReport
from model_build.reports.model_card import CardDocuments, render_html, render_markdown
from model_build.spec import model_spec
from model_build.spec.sections import Card
from model_build.stability.document import KnownStability, Unmeasured
from tests.model_build.reports.conftest import (
    CHECKSUMS,
    CURVE,
    CURVES,
    HALF,
    SEARCH,
    STABILITY,
    THREE_LABELS,
    make_group,
    make_slice,
)

HOSTILE = '<img src="//evil" onerror="x()"> & `|*_'


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._text += "" if tag == "wbr" else " "

    def handle_data(self, data: str) -> None:
        self._text += data

    @property
    def text(self) -> str:
        return " ".join(self._text.split())

    def attributes(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module")
def html(documents: CardDocuments) -> str:
    return render_html(documents)


@pytest.fixture(scope="module")
def markdown(documents: CardDocuments) -> str:
    return render_markdown(documents)


def with_provenance(documents: CardDocuments, **changes: Any) -> CardDocuments:
    provenance = documents.contract.provenance.model_copy(update=changes)
    return replace(documents, contract=documents.contract.model_copy(update={"provenance": provenance}))


def with_results(documents: CardDocuments, *results: GateResult) -> CardDocuments:
    return replace(documents, model=documents.model.model_copy(update={"results": results}))


# What both say


def test_page_describes_the_model_and_its_metrics(html: str) -> None:
    text = Page(html).text
    for words in (
        "Tiny loans: model card",
        "Will it be paid back?",
        "tiny 1.2.3 · trained 2030-01-02 03:04 UTC · Us",
        "On 100 test rows that did not train the model, with 95% intervals.",
        "Only for tests.",
        "Target: paid, with the labels no, yes; yes is positive, and is predicted from a probability of 0.6 ",
        "Parameters: max_iter=5",
        "Features read: 2 of 4: years, rate",
        "Size: 1,234 bytes as ONNX Latency: 20.5 µs for one row, on the machine that baked it "
        f"Model, sha256: {'0e' * 32} Trained: 2030-01-02 03:04:05 UTC, on 300 rows: the training rows",
        "Rows: 410 read; 10 exact duplicates dropped; 0 left out by the data checks",
        "Split: 300 rows train and 100 test (25%), with the same label shares, seed 1",
        "2 checks ran: types, duplicates. 1 violation.",
        "duplicates – warning 10 rows are duplicates.",  # noqa: RUF001 - a dash
        "rate Rate, percent number 0 to 20 7 yes",
        "secured Secured boolean true or false 0 no",
        "On 100 test rows, with 95% intervals from 100 bootstrap resamples.",
        "ROC AUC 0.5000 0.4000 to 0.6000 0.9000 ± 0.0100 0.4700 ± 0.0265 0.4500 to 0.5000",
        "Labels Each label against all others.",
        "no 50 60 0.5000 0.4000 to 0.6000 0.5000 0.4000 to 0.6000 0.5000 0.4000 to 0.6000",
        "yes 50 0 – 0.5000",  # noqa: RUF001 - a dash
        "The last two columns are of 3 other models, which were trained and measured in the same way",
        "ROC AUC 0.5000 0.4000 to 0.6000 0.4700 ± 0.0265",
        "Below them are the mean ± the standard deviation over 3 other splits.",
        "this model 0.5000 0.5000",
        "untouched boosting 0.5100 −0.0100 −0.0200 to +0.0050 0.6200 +0.1200 +0.1000 to +0.1400",  # noqa: RUF001
        "Optuna tried 12 sets of parameters on the folds, by ROC AUC, in 4.5 seconds. "
        "It gave up 3 of them early. Nothing smaller is as good.",
        "Chosen 0.91000 0.00200 40 max_iter=5",
        "ROC AUC 0.91000 0.90000 +0.01000 −0.00100 to +0.02100",  # noqa: RUF001
        "Calibration: none It does not help. Log loss on the folds: none 0.5000.",
        "Threshold: 0.6 Best. Accuracy on the folds: 0.8000 at 0.6.",
        "2 slices with fewer than 50 rows are left out.",
        "None of 1 gate failed.",
        "metric roc_auc ✓ passed It is 0.5. worst 0.39, 1 failed",
        "git checkout c0ffee",
        "python -m model_build bake SPEC.yaml --source real --search",
        "The same commit, spec, data and libraries give the same model, bit by bit",
        "Commit: c0ffee Libraries: numpy==2.0",
    ):
        assert words in text


def test_page_has_every_line_of_the_markdown(html: str, markdown: str) -> None:
    for table in (CONFUSION, CALIBRATION, IMPORTANCE):
        markdown = markdown.replace(table, "")
    captions = ("How much the ROC AUC", "```", "| ---")
    lines = [line for line in markdown.splitlines() if not line.startswith(captions)]
    without_markup = [re.sub(r"^- |[`*#>|]", "", line) for line in lines]
    plain = [re.sub(r"\((\S+ to \S+)\)", r"\1", " ".join(line.split())) for line in without_markup]
    text = Page(html).text
    assert [line for line in plain if line not in text] == []


def test_shares_are_not_rounded_to_whole_percents(documents: CardDocuments) -> None:
    evaluation = documents.evaluation.model_copy(update={"confidence": 0.995})
    train = documents.split.train.model_copy(update={"rows": 700})
    split = documents.split.model_copy(update={"train": train})
    changed = replace(documents, evaluation=evaluation, split=split)
    for text in (Page(render_html(changed)).text, render_markdown(changed)):
        assert "with 99.5% intervals from 100 bootstrap resamples" in text
        assert "300 rows train and 100 test (12.5%)" in text


def test_card_says_when_intervals_and_importance_come_from_some_of_the_rows(documents: CardDocuments) -> None:
    changed = replace(
        documents,
        evaluation=documents.evaluation.model_copy(update={"interval_rows": 20_000}),
        slices=documents.slices.model_copy(update={"interval_rows": 2000}),
        explanation=documents.explanation.model_copy(update={"rows": 30_000}),
    )
    stand_for_all = "from 100 bootstrap resamples of 20,000 of these rows, which stand for all"
    of_slices = "Intervals of larger slices come from 2,000 of their rows, which stand for all."
    of_importance = "Measured on 30,000 of the test rows."
    for before, card in (
        (render_html(documents), Page(render_html(changed)).text),
        (render_markdown(documents), render_markdown(changed)),
    ):
        for words in (stand_for_all, of_slices, of_importance):
            assert words in card
            assert words not in before


def test_synthetic_data_and_failed_gates_are_announced(empty_documents: CardDocuments, html: str) -> None:
    synthetic = with_provenance(empty_documents, data_source="synthetic")
    failed = GateResult(kind="size", name="bytes", passed=False, sentence="Too large.")
    changed = with_results(synthetic, failed)
    page, markdown = Page(render_html(changed)).text, render_markdown(changed)
    for words in ("Trained on synthetic data.", "Do not use this model."):
        assert words not in Page(html).text
        assert words in page
        assert f"> **{words}**" in markdown
    assert "It fails 1 of 1 gates." in page
    assert "size bytes ✗ failed Too large." in page
    assert "| size | bytes | ✗ failed | Too large. |" in markdown


def test_a_gate_that_only_warns_is_announced_and_has_not_failed(documents: CardDocuments, html: str) -> None:
    warned = GateResult(
        kind="baseline", name="untouched", severity="warn", passed=False, sentence="the model is no better"
    )
    changed = with_results(documents, *documents.model.results, warned)
    page, markdown = Page(render_html(changed)).text, render_markdown(changed)
    assert "Warning." not in Page(html).text
    assert "> **Warning.** The model is no better.\n" in markdown
    assert "Warning. The model is no better." in page
    assert "None of 2 gates failed; 1 warning." in page
    assert "baseline untouched ! warning the model is no better" in page
    assert "Do not use this model." not in page


def test_a_gate_that_had_nothing_to_judge_did_not_pass(documents: CardDocuments) -> None:
    unjudged = GateResult(
        kind="slice", name="f1 of slices", passed=True, judged=False, sentence="None is large."
    )
    changed = with_results(documents, *documents.model.results, unjudged)
    text = Page(render_html(changed)).text
    assert "None of 2 gates failed; 1 had nothing to judge." in text
    assert "slice f1 of slices – not judged None is large." in text  # noqa: RUF001 - a dash
    row = "| slice | f1 of slices | – not judged | None is large. | – |\n"  # noqa: RUF001 - dashes
    assert row in render_markdown(changed)


def test_card_of_a_refitted_model_says_that_the_metrics_are_of_the_model_before(
    documents: CardDocuments, html: str, markdown: str
) -> None:
    parity = GateResult(kind="parity", name="parity", passed=True, sentence="400 rows: 0 labels differ.")
    served = RefitReport(
        results=(parity,),
        bytes=1300,
        microseconds=21.5,
        checked={"served.onnx": "5e" * 32},
        gates_checksum="5e" * 32,
        fitted_on="training and test rows",
        rows=400,
    )
    refitted = replace(with_provenance(documents, fitted_on="training and test rows"), served=served)
    page = Page(render_html(refitted)).text
    card = render_markdown(refitted)
    for words in (
        "The metrics on this card are of the model before the refit",
        ", which saw only the training rows. Once it had passed all gates, it was fitted again on all "
        "400 rows, with the same parameters, features, calibration and threshold. The refitted model is the "
        "one that is served. It has also learnt from the test rows, so they can’t measure it.",  # noqa: RUF001
        "The served model had to pass these gates again: none of 1 failed. Parity with scikit-learn was "
        "checked on all 400 rows, and the rest on the test rows.",
    ):
        assert words in page
        assert words in card
        assert words not in Page(html).text
        assert words not in markdown
    for words in (
        "On 100 test rows that did not train the evaluated model, with 95% intervals. In the refit, the "
        "served model has learnt from them too.",
        "Size: 1,300 bytes as ONNX Latency: 21.5 µs for one row, on the machine that baked it "
        f"Model, sha256: {'5e' * 32} Trained: 2030-01-02 03:04:05 UTC, on 400 rows: the training and test "
        f"rows Before the refit: sha256 {'0e' * 32}",
        "None of 1 gate failed.",
        "After the refit",
        "parity parity ✓ passed 400 rows: 0 labels differ.",
    ):
        assert words in page


def test_gate_that_failed_after_the_refit_is_announced(documents: CardDocuments) -> None:
    failed = GateResult(kind="size", name="bytes", passed=False, sentence="Too large.")
    changed = replace(documents, served=documents.served.model_copy(update={"results": (failed,)}))
    assert "Do not use this model. It fails 1 of 2 gates." in Page(render_html(changed)).text
    assert "these gates again: 1 of 1 failed." in render_markdown(changed)


def test_empty_documents_are_described_as_empty(empty_documents: CardDocuments) -> None:
    text = Page(render_html(empty_documents)).text
    for words in (
        "The spec says nothing about it.",
        "Target: grade, with the labels a, b, c",
        "the estimator’s defaults",  # noqa: RUF001
        "unknown, because it was trained outside a repository",
        "none, because the source is not a file",
        "No check ran.",
        "The spec sets the parameters; no search ran.",
        "Threshold: none With more than two labels, the model predicts the likeliest.",
        "How much the metrics depend on the split is unknown, because no other split of real rows was "
        "measured. python -m model_build stability SPEC.yaml --source real measures it.",
        "No slice has 50 rows or more.",
        "The spec names no protected feature, so fairness was not measured.",
        "The importance of the features was not measured.",
        "Gates The spec has no gates.",
    ):
        assert words in text


def test_fairness_of_more_labels_is_by_label(documents: CardDocuments) -> None:
    (protected,) = documents.fairness.protected
    of_labels = tuple(protected.model_copy(update={"label": label}) for label in ("a", "b"))
    changed = replace(
        documents,
        contract=documents.contract.model_copy(update={"target": THREE_LABELS}),
        fairness=Fairness(protected=of_labels),
    )
    page = render_html(changed)
    assert "Here, each label in turn is the positive one, against all others." in Page(page).text
    for label in ("a", "b"):
        assert f"By grade, against A: {label} or not" in Page(page).text
        assert f"Selection rate by grade: {label}" in page


def test_card_is_the_same_every_time(documents: CardDocuments, html: str, markdown: str) -> None:
    assert render_html(documents) == html
    assert render_markdown(documents) == markdown


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
def test_the_commands_of_the_reproduction_are_exact(
    documents: CardDocuments, source: str, search: Any, commit: str | None, commands: list[str]
) -> None:
    changed = replace(
        with_provenance(documents, data_source=source, git_commit=commit),
        spec=model_spec.load("census"),
        training=documents.training.model_copy(update={"search": search}),
    )
    assert "```sh\n" + "\n".join(commands) + "\n```" in render_markdown(changed)


def test_uncommitted_code_does_not_promise_the_same_model(documents: CardDocuments) -> None:
    dirty = with_provenance(documents, git_commit="c0ffee-dirty")
    for card in (render_html(dirty), render_markdown(dirty)):
        assert "git checkout c0ffee\n" in card
        assert "had uncommitted changes, so these commands may give another model." in card
        assert "bit by bit" not in card


def test_the_command_leaves_the_path_of_a_foreign_spec_open(markdown: str) -> None:
    assert "\npython -m model_build bake SPEC.yaml --source real --search\n```" in markdown


# Other splits


def test_a_gate_that_was_not_measured_on_other_splits_says_nothing_of_them(documents: CardDocuments) -> None:
    latency = GateResult(kind="latency", name="microseconds", passed=True, sentence="It is fast.")
    changed = with_results(documents, *documents.model.results, latency)
    assert "| latency | microseconds | ✓ passed | It is fast. | – |\n" in render_markdown(changed)  # noqa: RUF001


def test_splits_that_could_not_be_measured_are_counted(documents: CardDocuments) -> None:
    report = STABILITY.model_copy(update={"unmeasured": (Unmeasured(seed=4, error="No row."),)})
    text = render_markdown(replace(documents, stability=KnownStability(report, None)))
    assert "1 more split could not be measured." in text
    assert "could not be measured" not in render_markdown(documents)


def test_without_other_splits_no_table_has_their_columns(documents: CardDocuments) -> None:
    changed = replace(
        documents, stability=KnownStability(None, "the other splits were measured on other rows")
    )
    for card in (render_html(changed), render_markdown(changed)):
        assert "3 splits" not in card
        assert "because the other splits were measured on other rows." in card


# Markup in the data


def hostile_documents(documents: CardDocuments) -> CardDocuments:
    """Put markup wherever a document or a spec has text."""
    hostile = with_provenance(documents, licence=HOSTILE, data_uri=HOSTILE, libraries={HOSTILE: HOSTILE})
    protected = Protected(
        feature=HOSTILE, reference=HOSTILE, groups=(make_group(HOSTILE, 0.5, four_fifths=True),)
    )
    card = Card(owners=(HOSTILE,), intended_use=(HOSTILE,), out_of_scope=(HOSTILE,))
    target = Target(name=HOSTILE, labels=("no", HOSTILE), positive=HOSTILE)
    threshold = Threshold(value=0.5, objective=HOSTILE, reason=HOSTILE, scores={HOSTILE: 1})
    training = {"estimator": HOSTILE, "parameters": {HOSTILE: HOSTILE}, "threshold": threshold}
    return replace(
        hostile,
        spec=documents.spec.model_copy(update={"title": HOSTILE, "description": HOSTILE, "card": card}),
        contract=hostile.contract.model_copy(update={"target": target}),
        data=DataReport(
            rows=1,
            checks={HOSTILE: 1},
            violations=(Violation(check=HOSTILE, severity="fail", column=HOSTILE, sentence=HOSTILE),),
            left_out=(),
        ),
        training=documents.training.model_copy(update=training),
        evaluation=documents.evaluation.model_copy(update={"labels": ("no", HOSTILE)}),
        curves=CURVES.model_copy(update={"roc": {"no": CURVE, HOSTILE: CURVE}}),
        slices=Slices(minimum_rows=1, too_small=0, slices=(make_slice(HOSTILE, HOSTILE, 0.5),)),
        fairness=Fairness(protected=(protected,)),
        baselines=Baselines(
            metrics={"roc_auc": 0.5},
            baselines=(Baseline(name=HOSTILE, metrics={"roc_auc": 0.5}, improvements={"roc_auc": HALF}),),
        ),
        explanation=Explanation(
            importance=(Importance(feature=HOSTILE, drop=HALF),),
            dependence=(Dependence(feature=HOSTILE, values=(HOSTILE,), numbers=None, scores=(0.5,)),),
        ),
        model=ModelReport(
            results=(GateResult(kind="slice", name=HOSTILE, passed=False, sentence=HOSTILE),),
            bytes=1,
            microseconds=1,
            **CHECKSUMS,
        ),
    )


def test_page_shows_markup_as_text(documents: CardDocuments) -> None:
    page = Page(render_html(hostile_documents(documents)))
    assert {tag for tag, _ in page.tags} & {"img"} == set()
    assert page.text.count(HOSTILE) > 20
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []


def test_markdown_has_no_markup_of_the_data(documents: CardDocuments) -> None:
    markdown = render_markdown(hostile_documents(documents))
    outside_code = re.sub(r"(`+) ?.*?(?<!`)\1(?!`)", "", markdown.replace(r"\`", ""))
    assert "<img" not in outside_code.replace(r"\<", "")
    assert r"\<img src=" in outside_code
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows[-3:]} == {6}


# The page


def test_page_sends_no_request(html: str) -> None:
    page = Page(html)
    assert [value for value in page.attributes("src") + page.attributes("href") if not value] == []
    assert {str(value)[0] for value in page.attributes("href")} == {"#", "d"}
    assert page.attributes("src") == []
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []
    assert re.findall(r"url\((?!#)", html) == []
    assert len(html) < 200_000


def test_policy_allows_only_the_script_of_the_page(html: str) -> None:
    page = Page(html)
    [policy] = [
        attributes["content"]
        for _, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    hashed = re.search(r"script-src 'sha256-(\S+)';", policy)
    assert hashed is not None
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert b64decode(hashed[1]) == hashlib.sha256(script.encode()).digest()
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def test_navigation_names_every_section(html: str) -> None:
    titles = [
        *("Use", "Details", "Data", "Performance", "Choices"),
        *("Slices", "Fairness", "Explanation", "Gates", "Reproduction"),
    ]
    assert re.findall(r"<h2>(.*)</h2>", html) == titles
    assert re.findall(r'<li><a href="#(.*)">(.*)</a></li>', html) == [(name.lower(), name) for name in titles]


def test_slices_are_listed_with_the_least_accurate_first(html: str) -> None:
    table = html.split("<h2>Slices</h2>", 1)[1].split("</table>", 1)[0]
    rows = [re.findall(r"<t[dh][^>]*>(.*)</t[dh]>", row) for row in table.split("<tr>")[2:]]
    assert rows == [
        ["grade", "B", "80", "25.0%", "0.700 <small>0.650 to 0.750</small>", "–"],  # noqa: RUF001
        ["secured", "true", "80", "25.0%", "0.800 <small>0.750 to 0.850</small>", "–"],  # noqa: RUF001
        [
            *("grade", "A", "80", "25.0%"),
            "0.900 <small>0.850 to 0.950</small>",
            "0.500 <small>0.400 to 0.600</small>",
        ],
    ]


def test_groups_far_from_the_reference_are_flagged(html: str) -> None:
    text = Page(html).text
    assert "Selection rate A reference 40 0.500 0.500 to 0.500 – – " in text  # noqa: RUF001
    assert "Selection rate B ✗ failed 40 0.300 0.300 to 0.300 – 0.50 0.40 to 0.60" in text  # noqa: RUF001


def test_the_rows_of_a_rate_are_the_rows_that_it_is_a_share_of(html: str) -> None:
    text = Page(html).text
    assert "False negative rate A 10 0.500 0.400 to 0.600 – – False negative rate B 10" in text  # noqa: RUF001


def test_every_plot_has_its_own_name(html: str) -> None:
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


# The Markdown

FAIRNESS = """\
### By `grade`, against A

| Rate | Group | 80 % rule | Rows | Value | Difference | Ratio |
| --- | --- | --- | ---: | ---: | ---: | ---: |
| Selection rate | A | reference | 40 | 0.500 (0.500 to 0.500) | – | – |
| Selection rate | B | ✗ failed | 40 | 0.300 (0.300 to 0.300) | – | 0.50 (0.40 to 0.60) |
| True positive rate | A |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| True positive rate | B |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| False positive rate | A |  | 30 | – | – | – |
| False positive rate | B |  | 30 | – | – | – |
| False negative rate | A |  | 10 | 0.500 (0.400 to 0.600) | – | – |
| False negative rate | B |  | 10 | 0.500 (0.400 to 0.600) | – | – |
"""  # noqa: RUF001 - dashes
CONFUSION = """\
| True ↓ predicted → | `no` | `yes` |
| --- | ---: | ---: |
| `no` | 40 | 10 |
| `yes` | 20 | 30 |
"""
CALIBRATION = """\
The predicted probability against the observed share, in bins of equally many rows:

| Predicted | Observed | Rows |
| ---: | ---: | ---: |
| 0.200 | 0.500 (0.400 to 0.600) | 50 |
"""
IMPORTANCE = """\
| Feature | Drop |
| --- | ---: |
| `years` | 0.5000 (0.4000 to 0.6000) |
| `rate` | 0.5000 (0.4000 to 0.6000) |
"""


@pytest.mark.parametrize("table", [FAIRNESS, CONFUSION, CALIBRATION, IMPORTANCE])
def test_markdown_has_the_tables_in_place_of_plots(markdown: str, table: str) -> None:
    assert table in markdown


def test_markdown_has_the_calibration_of_every_label(empty_documents: CardDocuments) -> None:
    calibration = dict.fromkeys(("a", "b"), CURVES.calibration["yes"])
    curves = CURVES.model_copy(update={"calibration": calibration})
    markdown = render_markdown(replace(empty_documents, curves=curves))
    for label in ("a", "b"):
        assert CALIBRATION.replace("probability against", f"probability of `{label}` against") in markdown


def test_markdown_lists_only_the_least_accurate_slices(documents: CardDocuments, markdown: str) -> None:
    assert "slices are listed" not in markdown
    slices = tuple(make_slice("years", f"{number}", number / 100) for number in range(20))
    many = documents.slices.model_copy(update={"slices": slices})
    text = render_markdown(replace(documents, slices=many))
    assert "Only 15 of 20 slices are listed; card.html lists all.\n" in text
    assert re.findall(r"^\| years \| (\d+) \|", text, re.MULTILINE) == [str(number) for number in range(15)]


def test_markdown_tables_have_equally_long_rows(
    documents: CardDocuments, empty_documents: CardDocuments
) -> None:
    for case in (documents, empty_documents):
        markdown = render_markdown(case)
        tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
        widths = [{len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} for table in tables]
        assert [len(width) for width in widths] == [1] * len(tables)
        assert "\n\n\n" not in markdown


def test_card_says_that_there_is_no_report_on_the_data(documents: CardDocuments) -> None:
    without = replace(documents, has_eda=False)
    words = "none, because the bake skipped it ("
    for card in (render_html(without), render_markdown(without)):
        assert words in card
    assert words not in render_markdown(documents)
