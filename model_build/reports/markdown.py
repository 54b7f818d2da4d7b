"""Markdown: how to write a value into it, and how to turn it into the sections of an HTML page."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

# What Markdown takes for markup: signs that always are, and signs that are in some positions.
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|^[>#+-]")
INTERVAL = re.compile(r"^(\S+) \((\S+ to \S+)\)$")
"""A cell with a metric and its interval."""
RESULTS = {"✓": "good", "✗": "bad"}
"""The CSS class of a cell, by its first character."""


@dataclass(frozen=True)
class Section:
    """A heading of the second level, with all that follows up to the next one."""

    title: str
    html: Markup

    @property
    def id(self) -> str:
        return self.title.lower().replace(" ", "-")


def escape_text(value: Any) -> Markup:
    """Return what Markdown shows as this text, on one line."""
    line = " ".join(str(value).split())
    return Markup(MARKUP.sub(r"\\\g<0>", line))  # noqa: S704 - what HTML reads as markup is escaped


def code_span(value: Any) -> Markup:
    """Return a code span; its fence has one more backtick than the longest run of backticks in the text."""
    line = " ".join(str(value).split()).replace("|", "\\|")  # a table needs it
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    return Markup(f"{fence}{space}{line}{space}{fence}")  # noqa: S704 - nothing in the span is markup


def render_sections(source: str) -> tuple[Markup, list[Section]]:
    """Render Markdown that begins with a title.

    Returns:
        The HTML between the title and the first section, and the sections. HTML in the source stays text.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(source)
    starts = [i for i, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]

    def render(start: int, end: int) -> Markup:
        html = parser.renderer.render(list(_adapt(tokens[start:end])), parser.options, {})
        return Markup(html)  # noqa: S704 - the renderer escapes all text

    lead = render(3, starts[0])  # the title is three tokens
    ends = [*starts[1:], len(tokens)]
    sections = zip(starts, ends, strict=True)
    return lead, [Section(tokens[start + 1].content, render(start, end)) for start, end in sections]


def _adapt(tokens: Sequence[Token]) -> Iterator[Token]:
    """Give every table a frame that scrolls, scopes for screen readers, and classes for its cells."""
    heading = ""
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = "".join(child.content for child in tokens[i + 1].children or ())
        elif token.type == "table_open":
            yield _html(f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">\n')
        elif token.type in {"th_open", "td_open"}:
            _adapt_cell(token, tokens[i + 1].content, is_row_head=tokens[i - 1].type == "tr_open")
        elif token.type == "td_close" and tokens[i - 3].type == "tr_open":
            token.tag = "th"
        elif token.type == "inline":
            token.children = [_adapt_text(child) for child in token.children or ()]
        yield token
        if token.type == "table_close":
            yield _html("</div>\n")


def _adapt_cell(cell: Token, content: str, *, is_row_head: bool) -> None:
    if cell.attrs.pop("style", None) == "text-align:right":
        cell.attrJoin("class", "right")
    if content[:1] in RESULTS:
        cell.attrJoin("class", RESULTS[content[0]])
    if cell.type == "th_open":
        cell.attrSet("scope", "col")
    elif is_row_head:
        cell.tag = "th"
        cell.attrSet("scope", "row")


def _adapt_text(child: Token) -> Token:
    """Make the interval of a metric small, and let a name break after an underscore."""
    if child.type != "text":
        return child
    html = INTERVAL.sub(r"\1 <small>\2</small>", str(escape(child.content)))
    return _html(html.replace("_", "_<wbr>"))


def _html(content: str) -> Token:
    return Token("html_inline", "", 0, content=content)
