"""Figures for the pages: SVG in the colours and the font of the page that they stand in."""

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
"""The CSS variable of each colour; a page gives it another value in the dark."""

PIXELS = 72  # an inch
NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# For the whole process: text and ticks read it whenever they are made, which outlasts any context.
mpl.rc("axes", axisbelow=True, edgecolor=LINE, facecolor="none", grid=True, labelcolor=MUTED)
mpl.rc("axes", prop_cycle=cycler(color=[ACCENT, SECOND, THIRD, MUTED]))
mpl.rc("axes", titlecolor=INK, titlelocation="left", titlesize="medium", titleweight="bold")
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


def plot(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many inches (72 px each) and its axes, row by row."""
    made = Figure((width, height), PIXELS, layout="constrained")
    return made, list(made.subplots(rows, columns, squeeze=False).flat)


def svg(figure: Figure, title: str) -> Markup:
    """Return a figure as an element for a page: the same bytes for the same figure and title.

    Text stays text. Identifiers depend on the title, so every figure of a page needs one of its own.
    """
    drawn = _drawn(figure, title)
    used = set(re.findall(r"(?:href=\"|url\()#(\w+)", drawn))
    root = ET.fromstring(drawn)  # noqa: S314 - matplotlib wrote it, just now
    for element in root.iter():
        _adapt(element, used)
    root[0] = ET.Element("title")  # in place of matplotlib's style sheet, which would be the whole page's
    root[0].text = NOT_XML.sub("\ufffd", title)
    width, height = (f"{side * PIXELS:g}" for side in figure.get_size_inches())
    root.attrib = {
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "role": "img",
        "style": "max-width: 100%; height: auto; font-family: system-ui, sans-serif; stroke-linejoin: round",
    }
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree has escaped it


def as_file(drawing: Markup) -> str:
    """Return what `svg` drew as a document of its own, which needs the namespace that a page gives it."""
    return str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def css(colour: str) -> str:
    """Return the page's colour; beyond a page, as in a notebook, it is the one of the light page."""
    return f"var({VARIABLES[colour]}, {colour})" if colour in VARIABLES else colour


def _drawn(figure: Figure, title: str) -> str:
    """Return matplotlib's SVG, without a date, and with identifiers that depend on the title."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": title}), warnings.catch_warnings():
        # matplotlib only measures with its font, and the page's draws
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        if (layout := figure.get_layout_engine()) is not None:
            layout.execute(figure)  # savefig would draw twice for it, and otherwise the next time
            figure.set_layout_engine(None)
        figure.savefig(file, format="svg", metadata=nothing)
    return NOT_XML.sub("\ufffd", file.getvalue())


def _adapt(element: ET.Element, used: set[str]) -> None:
    """Leave out namespaces, identifiers that nobody uses and fonts; name the colours of the page."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.items()}
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    if "style" in attributes:
        style = re.sub(r"font-family: [^;]*;? ?", "", attributes["style"])
        attributes["style"] = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda colour: css(colour[0]), style)
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    element.attrib = attributes
    if element.tag != "text":
        element.text = None
    element.tail = None
