"""The EDA report, read as a browser does: sections with their text, and tables with their cells."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.data.row_files import read_rows, write_rows
from model_build.errors import DataError
from model_build.origin import Origin
from model_build.reports.eda import report as eda_report
from model_build.reports.eda.report import render_report
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.text import NOTHING
from tests.support.tiny import TINY, loans

HEADER = "years, rate, grade, secured, paid\n"
ROWS = """\
5, 1.5, A, true, yes
7, n/a, ?, false, no
7, n/a, ?, 0, no
6, 2.5, B, true, yes
30, 3.5, A, false, no
5, n/a, A, true, no
five, 1e300, <b>, maybe, perhaps
6, 2, Z, 1, yes
6, , Z, 0, no
"""
MULTICLASS = TINY.replace('["no", "yes"], positive: "yes", threshold: 0.6', '["no", "late", "yes"]')
DASH = NOTHING


class Page(HTMLParser):
    """The text of every section, and the rows of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.links: list[str] = []
        self.ids: set[str] = set()
        self._section, self._cell = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "section":
            self._section = str(values["id"])
            self.rows[self._section] = []
        elif tag == "tr":
            self.rows[self._section].append([])
        elif tag in {"td", "th"}:
            self.rows[self._section][-1].append("")
            self._cell = True
        self.ids |= {str(values["id"])} if "id" in values else set()
        self.links += [str(values[name]) for name in ("src", "href") if name in values]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = False
        elif tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        self.text[self._section] = f"{self.text.get(self._section, '')} {words}".strip()
        if self._cell:
            cells = self.rows[self._section][-1]
            cells[-1] = f"{cells[-1]} {words}".strip()


def report(directory: Path, text: str, spec_text: str = TINY) -> str:
    """Return the report on a CSV file, after the round trip that the stages make."""
    (directory / "tiny.yaml").write_text(spec_text)
    (directory / "loans.csv").write_text(text)
    model = model_spec.load(str(directory / "tiny.yaml"))
    frame, origin = dataset.fetch_rows(model, "real", directory, pytest.fail)
    write_rows(frame, directory / "raw.parquet")
    return render_report(model, read_rows(directory / "raw.parquet"), origin)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(tmp_path_factory.mktemp("eda"), HEADER + ROWS)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_section_has_a_link(page: Page) -> None:
    sections = "overview columns distributions associations missing outliers duplicates invalid"
    assert list(page.rows) == sections.split()
    assert {f"#{name}" for name in page.rows} <= set(page.links)


def test_features_are_counted_by_their_type(page: Page, tmp_path: Path) -> None:
    assert "features: 2 numbers, 2 others 4" in page.text["overview"]
    changed = TINY.replace("type: number, minimum: 0, maximum: 20", "type: category, categories: ['1', '2']")
    text = Page(report(tmp_path, HEADER + ROWS, changed.replace("example: 2.5", "example: '1'"))).text
    assert "features: 1 number, 3 others 4" in text["overview"]


def test_every_link_has_its_target(page: Page) -> None:
    assert {link[1:] for link in page.links if link != "data:,"} <= page.ids


def test_page_sends_no_request(page: Page, html: str) -> None:
    assert {link[0] for link in page.links if link != "data:,"} == {"#"}
    assert not re.search(r"url\((?!#)|@import|<script|<img|https?:", html)


def test_the_same_data_give_the_same_page(html: str, tmp_path: Path) -> None:
    assert report(tmp_path, HEADER + ROWS) == html


def test_every_column_has_a_line(page: Page) -> None:
    assert page.rows["columns"][1:] == [
        ["years", "integer", DASH, "4", "5 · 5.75 · 6 · 7 · 30", "1 (12.5%)", "1"],
        ["rate", "number", "4 (44.4%)", "4", "1.5 · 1.875 · 2.25 · 2.75 · 3.5", DASH, "1"],
        ["grade", "category", "2 (22.2%)", "2", "A 75%, B 25%", DASH, "3"],
        ["secured", "boolean", DASH, "2", "false 50%, true 50%", DASH, "1"],
        ["paid", "target", DASH, "2", "no 62%, yes 38%", DASH, "1"],
    ]


def test_every_feature_has_a_plot_and_the_associations_have_one(html: str) -> None:
    assert re.findall(r"<svg [^>]*><title>(.*?)</title>", html) == [
        "Years: distribution by label, and share of yes",
        "Rate: distribution by label, and share of yes",
        "Grade: distribution by label, and share of yes",
        "Secured: distribution by label, and share of yes",
        "Associations of all pairs of columns",
    ]


def test_features_are_ranked_by_their_association_with_the_target(page: Page) -> None:
    rows = page.rows["associations"][1:]
    assert {tuple(row[:2]) for row in rows} == {
        ("years", "correlation ratio (ε)"),
        ("rate", "correlation ratio (ε)"),
        ("grade", "Cramér's V"),
        ("secured", "Cramér's V"),
    }
    strengths = [float(row[2]) for row in rows]
    assert strengths == sorted(strengths, reverse=True)


def test_columns_that_are_missing_together_share_a_row(page: Page) -> None:
    assert page.rows["missing"][1:] == [
        ["rate", "2", "22.22%", "0.0%"],
        ["rate, grade", "2", "22.22%", "0.0%"],
    ]


def test_a_single_column_with_missing_values_has_its_row(tmp_path: Path) -> None:
    page = Page(report(tmp_path, HEADER + "5, 1, A, true, yes\n6, n/a, A, true, no\n"))
    assert page.rows["missing"][1:] == [["rate", "1", "50.00%", "0.0%"]]


def test_outliers_are_counted_and_the_most_extreme_have_their_rows(page: Page) -> None:
    assert page.rows["outliers"][1:] == [
        ["years", "3.875 to 8.875", "0", "1", "30 (row 5)"],
        ["rate", "0.5625 to 4.062", "0", "0", DASH],
    ]


def test_duplicates_are_shown_with_their_row_numbers(page: Page) -> None:
    assert page.rows["duplicates"][1:] == [["2", "2, 3", "7", "missing", "missing", "false", "no"]]
    assert (
        "1 row repeats an earlier row in every column. Duplicates are dropped before training."
        in page.text["duplicates"]
    )


def test_invalid_cells_are_shown_with_the_allowed_values(page: Page) -> None:
    assert page.rows["invalid"][1:] == [
        ["years", "five", "1", "7", "whole numbers from 1 to 30"],
        ["rate", "1e+300", "1", "7", "numbers from 0 to 20"],
        ["grade", "Z", "2", "8, 9", "A, B, C"],
        ["grade", "<b>", "1", "7", "A, B, C"],
        ["secured", "maybe", "1", "7", "true or false"],
        ["paid", "perhaps", "1", "7", "no, yes"],
    ]


@pytest.mark.parametrize("row", ["5, 1, A, true, yes", "a, b, c, d, e", "5, n/a, ?, true, yes"])
def test_columns_of_one_value_or_none_are_reported(tmp_path: Path, row: str) -> None:
    html = report(tmp_path, HEADER + row)
    assert html.count("<svg") == 5
    assert not re.search(r">-?(nan|inf)\b", html)


def test_a_section_without_content_says_so(tmp_path: Path) -> None:
    text = Page(report(tmp_path, HEADER + "5, 1, A, true, yes")).text
    assert text["missing"] == "Missing values No value is missing."
    assert text["duplicates"] == "Duplicates No row repeats an earlier row in every column."
    assert text["invalid"] == "Invalid cells Every cell is missing or allowed by the spec."


def test_with_several_labels_the_share_of_each_is_shown(tmp_path: Path) -> None:
    html = report(tmp_path, HEADER + ROWS.replace("true, no", "true, late"), MULTICLASS)
    assert "<title>Years: distribution by label, and share of no, late, yes</title>" in html
    columns = ["missing together", "rows", "of all", "no in these", "late in these", "yes in these"]
    assert Page(html).rows["missing"][:2] == [columns, ["rate", "2", "22.22%", "50.0%", "50.0%", "0.0%"]]


def test_synthetic_rows_are_announced(tiny_spec: ModelSpec, tiny_data: Path, html: str) -> None:
    frame, _ = dataset.fetch_rows(tiny_spec, "real", tiny_data, pytest.fail)
    origin = Origin(source="synthetic", uri="synthetic:loans?rows=400&seed=0", sha256=None)
    assert "These rows are synthetic." in render_report(tiny_spec, frame, origin)
    assert "These rows are synthetic." not in html


def test_an_absent_column_is_named(tiny_spec: ModelSpec, tiny_data: Path) -> None:
    frame, origin = dataset.fetch_rows(tiny_spec, "real", tiny_data, pytest.fail)
    with pytest.raises(DataError) as caught:
        render_report(tiny_spec, frame.drop(columns="rate"), origin)
    assert str(caught.value) == "loans.csv has no column rate; it has duration_years, grade, secured, paid"


def test_no_rows_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"loans\.csv has no rows\."):
        report(tmp_path, HEADER)


def test_the_report_on_the_real_census_data_has_its_known_alerts() -> None:
    if "DATA_DIR" not in os.environ:
        pytest.skip("DATA_DIR is not set: there is no directory with the real adult.data of UCI Adult")
    directory = Path(os.environ["DATA_DIR"])
    if not (directory / "adult.data").is_file():
        pytest.skip(f"there is no adult.data of UCI Adult in {directory}")
    census = model_spec.load("census")
    html = render_report(census, *dataset.fetch_rows(census, "real", directory, pytest.fail))
    overview = Page(html).text["overview"]
    for sentence in (
        "24 rows repeat an earlier row (0.07%).",
        "workclass and occupation are missing together in 1,836 of 1,843 rows.",
        "education and education_num hold nearly the same information (1.00).",
        "capital_gain is 0 in 91.7% of the rows.",
        ">50K: 24.08% of the rows",
    ):
        assert sentence in overview
    assert len(html) < 1_500_000


def test_only_the_most_informative_of_many_features_are_drawn_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eda_report, "MOST_COMPARED", 2)
    html = report(tmp_path, loans())
    page = Page(html)
    assert "Of 4 features, the 2 that alone say most about paid are drawn" in page.text["distributions"]
    assert html.count('<article class="feature"') == 2
    assert len(page.rows["columns"]) == 6
    assert [row[0] for row in page.rows["associations"][1:]] == ["years", "rate"]
    assert re.findall(r'href="#(feature-\d)"', html) == re.findall(r'id="(feature-\d)"', html)
