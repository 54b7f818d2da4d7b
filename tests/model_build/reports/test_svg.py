"""SVG that a page can hold: in its colours, safe, and the same every time."""

import re

from matplotlib.figure import Figure

from model_build.reports.eda.distributions import PALETTE
from model_build.reports.html import TEMPLATES
from model_build.reports.svg import ACCENT, SECOND, VARIABLES, css, plot, svg


def bars(title: str = "Bars") -> Figure:
    drawn, (axes,) = plot(4, 3)
    axes.bar(["a", "b"], [1, 2], color=ACCENT)
    axes.set_title(title)
    return drawn


def test_a_figure_is_one_element_of_its_size_with_a_title() -> None:
    drawn = svg(bars(), "How many")
    assert drawn.startswith(
        '<svg viewBox="0 0 288 216" width="288" height="216" role="img" style="max-width: 100%;'
    )
    assert "<title>How many</title>" in drawn
    assert drawn.endswith("</svg>")


def test_colours_are_the_page_s_with_those_of_the_light_page_beyond_it() -> None:
    drawn = svg(bars(), "Bars")
    assert "fill: var(--accent, #14577f)" in drawn
    assert not re.search(r"(?<!, )#[0-9a-f]{6}\b", drawn)


def test_a_colour_that_is_not_the_page_s_stays() -> None:
    assert (css(SECOND), css("#123456")) == ("var(--second, #b45309)", "#123456")


def test_the_page_has_every_colour_in_the_light_in_the_dark_and_in_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", (TEMPLATES / "page.html").read_text(), re.DOTALL)
    light, dark, printed = (dict(re.findall(r"(--[a-z]+): (#[0-9a-f]+);", theme)) for theme in themes)
    assert {light[variable]: variable for variable in VARIABLES.values()} == VARIABLES
    of_labels = [VARIABLES[colour] for colour in PALETTE]
    for theme in (light, dark, printed):
        assert set(VARIABLES.values()) <= set(theme)
        colours = [theme[variable] for variable in of_labels]
        assert len(set(colours)) == 10
        assert min(contrast(each, theme["--raised"]) for each in colours) >= 3


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours' luminances, as WCAG has it; what a figure draws needs 3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_is_text_in_the_font_of_the_page_and_is_escaped() -> None:
    drawn = svg(bars("a <b> & $c^2$"), "<i>")
    assert ">a &lt;b&gt; &amp; $c^2$</text>" in drawn
    assert "<title>&lt;i&gt;</title>" in drawn
    assert "DejaVu" not in drawn


def test_text_in_any_script_or_none_is_drawn_without_a_warning() -> None:
    drawn = svg(bars("漢字 \x07"), "\x00")
    assert ">漢字 \ufffd</text>" in drawn
    assert "<title>\ufffd</title>" in drawn


def test_the_same_figure_has_the_same_bytes_however_often_it_is_drawn() -> None:
    drawn = bars()
    assert svg(drawn, "Bars") == svg(drawn, "Bars") == svg(bars(), "Bars")


def test_identifiers_of_two_figures_of_one_page_differ() -> None:
    one, other = (set(re.findall(r'id="(\w+)"', svg(bars(), title))) for title in ("One", "Other"))
    assert one
    assert not one & other


def test_every_identifier_is_used_and_every_reference_has_its_target() -> None:
    drawn = svg(bars(), "Bars")
    assert set(re.findall(r'id="(\w+)"', drawn)) == set(re.findall(r"url\(#(\w+)", drawn))


def test_axes_come_row_by_row() -> None:
    drawn, axes = plot(6, 4, columns=2, rows=2)
    assert axes == drawn.axes
    corners = [each.get_position() for each in axes]
    assert corners[0].x0 == corners[2].x0 < corners[1].x0 == corners[3].x0
    assert corners[0].y0 == corners[1].y0 > corners[2].y0 == corners[3].y0
