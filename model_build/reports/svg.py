"""Plots for the pages: SVG in the colours and the font of the page that holds it."""

import io
import re
import warnings
from xml.etree import ElementTree as ET

import matplotlib as mpl
from cycler import cycler
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1b2330"
MUTED = "#5a6675"
LINE = "#dfe2e6"
ACCENT = "#14577f"
SECOND = "#b45309"
THIRD = "#8e4585"
FOURTH = "#0096f0"
FIFTH = "#69002d"
SIXTH = "#e15aa5"
SEVENTH = "#969600"
EIGHTH = "#5a4b00"
NINTH = "#4b0087"
TENTH = "#00875a"
GOOD = "#1d7a4f"
BAD = "#b3261e"

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    ACCENT: "--accent",
    SECOND: "--second",
    THIRD: "--third",
    FOURTH: "--fourth",
    FIFTH: "--fifth",
    SIXTH: "--sixth",
    SEVENTH: "--seventh",
    EIGHTH: "--eighth",
    NINTH: "--ninth",
    TENTH: "--tenth",
    GOOD: "--good",
    BAD: "--bad",
}
"""The CSS variable of each colour; a page in dark mode gives it another value."""

PIXELS_PER_INCH = 72
NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def new_plot(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty plot of this size in inches (72 px each), and its axes row by row.

    Our style holds for the rest of the process: matplotlib reads it whenever it makes a text or a tick, and
    it makes some of them only when it draws.
    """
    _set_style()
    plot = Figure((width, height), PIXELS_PER_INCH, layout="constrained")
    return plot, list(plot.subplots(rows, columns, squeeze=False).flat)


def _set_style() -> None:
    mpl.rc("axes", axisbelow=True, edgecolor=LINE, facecolor="none", grid=True, labelcolor=MUTED)
    mpl.rc("axes", prop_cycle=cycler(color=[ACCENT, SECOND, THIRD, MUTED]))
    mpl.rc("axes", titlecolor=INK, titlelocation="left", titlesize="medium", titleweight="bold")
    mpl.rc("axes", titley=1)  # else it measures every tick, to look for one that is in the way
    mpl.rc("axes.spines", right=False, top=False)
    mpl.rc("figure", facecolor="none")
    mpl.rc("font", size=11)
    mpl.rc("grid", color=LINE, linewidth=0.8)
    mpl.rc("legend", fontsize="medium", frameon=False)
    mpl.rc("patch", linewidth=0)
    mpl.rc("savefig", facecolor="none")
    mpl.rc("svg", fonttype="none")
    mpl.rc("text", color=INK, parse_math=False)
    mpl.rc("xtick", color=LINE, labelcolor=MUTED)
    mpl.rc("xtick.major", size=0)
    mpl.rc("ytick", color=LINE, labelcolor=MUTED)
    mpl.rc("ytick.major", size=0)


def to_svg(plot: Figure, title: str) -> Markup:
    """Return a plot as an element for a page: the same plot and title always give the same bytes.

    Text stays text. The identifiers depend on the title, so every plot of a page needs a title of its own.
    """
    drawing = _draw(plot, title)
    used_ids = set(re.findall(r"(?:href=\"|url\()#(\w+)", drawing))
    root = ET.fromstring(drawing)  # noqa: S314 - matplotlib wrote it, just now
    for element in root.iter():
        _adapt(element, used_ids)
    root[0] = ET.Element("title")  # in place of matplotlib's style sheet, which would apply to the whole page
    root[0].text = NOT_XML.sub("\ufffd", title)
    width, height = (f"{side * PIXELS_PER_INCH:g}" for side in plot.get_size_inches())
    root.attrib = {
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "role": "img",
        "style": "max-width: 100%; height: auto; font-family: system-ui, sans-serif; stroke-linejoin: round",
    }
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree has escaped it


def to_file(drawing: Markup) -> str:
    """Return what `to_svg` drew as a file of its own; a file needs the namespace that a page implies."""
    return str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def css_colour(colour: str) -> str:
    """Return the page's variable for a colour; outside a page, as in a notebook, the light colour is used."""
    return f"var({VARIABLES[colour]}, {colour})" if colour in VARIABLES else colour


def _draw(plot: Figure, title: str) -> str:
    """Return matplotlib's SVG, without a date, and with identifiers that depend on the title."""
    file = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": title}), warnings.catch_warnings():
        # matplotlib uses its font only to measure; the browser draws with the page's font
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        if (layout := plot.get_layout_engine()) is not None:
            layout.execute(plot)  # savefig would draw twice for it, and differently the second time
            plot.set_layout_engine(None)
        plot.savefig(file, format="svg", metadata=no_metadata)
    return NOT_XML.sub("\ufffd", file.getvalue())


def _adapt(element: ET.Element, used_ids: set[str]) -> None:
    """Drop namespaces, unused identifiers and fonts; replace the colours by the page's variables."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.items()}
    if attributes.get("id") not in used_ids:
        attributes.pop("id", None)
    if "style" in attributes:
        style = re.sub(r"font-family: [^;]*;? ?", "", attributes["style"])
        attributes["style"] = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda match: css_colour(match[0]), style)
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    element.attrib = attributes
    if element.tag != "text":
        element.text = None
    element.tail = None
