"""SVG for a page: in the colours of the page, safe, and the same every time."""

import re

from matplotlib.figure import Figure

from model_build.reports.eda.distributions import PALETTE
from model_build.reports.html import TEMPLATES
from model_build.reports.svg import ACCENT, SECOND, VARIABLES, css_colour, new_plot, to_svg


def bars(title: str = "Bars") -> Figure:
    plot, (axes,) = new_plot(4, 3)
    axes.bar(["a", "b"], [1, 2], color=ACCENT)
    axes.set_title(title)
    return plot


def test_a_plot_is_one_element_with_its_size_and_a_title() -> None:
    drawing = to_svg(bars(), "How many")
    assert drawing.startswith(
        '<svg viewBox="0 0 288 216" width="288" height="216" role="img" style="max-width: 100%;'
    )
    assert "<title>How many</title>" in drawing
    assert drawing.endswith("</svg>")


def test_colours_are_variables_of_the_page_with_the_light_colour_as_default() -> None:
    drawing = to_svg(bars(), "Bars")
    assert "fill: var(--accent, #14577f)" in drawing
    assert not re.search(r"(?<!, )#[0-9a-f]{6}\b", drawing)


def test_a_colour_without_a_variable_stays() -> None:
    assert (css_colour(SECOND), css_colour("#123456")) == ("var(--second, #b45309)", "#123456")


def test_the_page_has_every_colour_in_light_dark_and_print() -> None:
    themes = re.findall(r":root \{(.*?)\}", (TEMPLATES / "page.html").read_text(), re.DOTALL)
    light, dark, printed = (dict(re.findall(r"(--[a-z]+): (#[0-9a-f]+);", theme)) for theme in themes)
    assert {light[variable]: variable for variable in VARIABLES.values()} == VARIABLES
    label_variables = [VARIABLES[colour] for colour in PALETTE]
    for theme in (light, dark, printed):
        assert set(VARIABLES.values()) <= set(theme)
        colours = [theme[variable] for variable in label_variables]
        assert len(set(colours)) == 10
        assert min(contrast(colour, theme["--raised"]) for colour in colours) >= 3


def contrast(colour: str, background: str) -> float:
    """Return the contrast ratio of two colours as WCAG defines it; graphics need 3."""
    lighter, darker = sorted((luminance(colour), luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4))
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_stays_text_in_the_font_of_the_page_and_is_escaped() -> None:
    drawing = to_svg(bars("a <b> & $c^2$"), "<i>")
    assert ">a &lt;b&gt; &amp; $c^2$</text>" in drawing
    assert "<title>&lt;i&gt;</title>" in drawing
    assert "DejaVu" not in drawing


def test_text_in_any_script_is_drawn_without_a_warning() -> None:
    drawing = to_svg(bars("漢字 \x07"), "\x00")
    assert ">漢字 \ufffd</text>" in drawing
    assert "<title>\ufffd</title>" in drawing


def test_a_plot_has_the_same_bytes_every_time() -> None:
    plot = bars()
    assert to_svg(plot, "Bars") == to_svg(plot, "Bars") == to_svg(bars(), "Bars")


def test_identifiers_of_two_plots_of_a_page_differ() -> None:
    first, second = (set(re.findall(r'id="(\w+)"', to_svg(bars(), title))) for title in ("First", "Second"))
    assert first
    assert not first & second


def test_every_identifier_is_used_and_every_reference_has_its_target() -> None:
    drawing = to_svg(bars(), "Bars")
    assert set(re.findall(r'id="(\w+)"', drawing)) == set(re.findall(r"url\(#(\w+)", drawing))


def test_axes_are_in_order_row_by_row() -> None:
    plot, axes = new_plot(6, 4, columns=2, rows=2)
    assert axes == plot.axes
    corners = [ax.get_position() for ax in axes]
    assert corners[0].x0 == corners[2].x0 < corners[1].x0 == corners[3].x0
    assert corners[0].y0 == corners[1].y0 > corners[2].y0 == corners[3].y0
