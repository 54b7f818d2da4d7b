"""Values in Markdown, and Markdown as sections of a page."""

import pytest
from markdown_it import MarkdownIt

from model_build.reports.markdown import code_span, escape_text, render_sections


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("marital_status is <=50K", "marital_status is <=50K"),
        ("> a quote", r"\> a quote"),
        ("# title\nand - more", r"\# title and - more"),
        ("*a* _b_ [c](d) ~e~ `f` g|h", r"\*a\* \_b\_ \[c\](d) \~e\~ \`f\` g\|h"),
        ("AT&T &amp; <b>", r"AT&T \&amp; \<b>"),
    ],
)
def test_only_markup_is_escaped(value: str, escaped: str) -> None:
    assert escape_text(value) == escaped


@pytest.mark.parametrize(
    "value", ["> a", "# a", "*a* _b_ [c](d) ~e~ `f` | g", "AT&T &amp; <b>", "- a", "+ a"]
)
def test_escaped_text_is_rendered_as_it_is(value: str) -> None:
    (inline,) = [token for token in MarkdownIt().parse(escape_text(value)) if token.type == "inline"]
    assert "".join(child.content for child in inline.children or ()) == value


@pytest.mark.parametrize(
    ("value", "span"), [("a_b", "`a_b`"), ("a`b", "`` a`b ``"), ("a|b", r"`a\|b`"), ("``", "``` `` ```")]
)
def test_the_fence_of_a_code_span_is_longer_than_the_backticks_in_it(value: str, span: str) -> None:
    assert code_span(value) == span


TABLE = """\
| Metric | Test | Result |
| --- | ---: | --- |
| roc_auc | 0.5 (0.4 to 0.6) | ✗ failed |
"""
FRAMED_TABLE = """\
<div class="scroll" tabindex="0" role="region" aria-label="By sex &amp; age">
<table>
<thead>
<tr>
<th scope="col">Metric</th>
<th class="right" scope="col">Test</th>
<th scope="col">Result</th>
</tr>
</thead>
<tbody>
<tr>
<th scope="row">roc_<wbr>auc</th>
<td class="right">0.5 <small>0.4 to 0.6</small></td>
<td class="bad">✗ failed</td>
</tr>
</tbody>
</table>
</div>
"""


def test_a_table_scrolls_and_is_named_by_the_heading_before_it() -> None:
    lead, sections = render_sections(f"# Title\n\nLead.\n\n## Fairness\n\n### By `sex` & age\n\n{TABLE}")
    assert lead == "<p>Lead.</p>\n"
    (fairness,) = sections
    assert fairness.html == (f"<h2>Fairness</h2>\n<h3>By <code>sex</code> &amp; age</h3>\n{FRAMED_TABLE}")


def test_headings_of_the_second_level_begin_sections() -> None:
    _, sections = render_sections("# Title\n\n## First part\n\n### Detail\n\nOne.\n\n## Second\n\nTwo.\n")
    assert [(section.id, section.title) for section in sections] == [
        ("first-part", "First part"),
        ("second", "Second"),
    ]
    assert sections[0].html == "<h2>First part</h2>\n<h3>Detail</h3>\n<p>One.</p>\n"


def test_html_in_the_source_stays_text() -> None:
    lead, _ = render_sections("# Title\n\n<b>bold</b>\n\n## Section\n")
    assert lead == "<p>&lt;b&gt;bold&lt;/b&gt;</p>\n"
