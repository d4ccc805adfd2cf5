"""A chart as a file or as a piece of a page: PNG, SVG that follows the reader's theme."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import matplotlib as mpl

from ...wording import readable
from .palette import DARK, LIGHT, Inks, Theme, inks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Inks], "Figure"]

# matplotlib knows no variables: it draws with colours that nobody would choose, which are then
# exchanged for the variables' names.
_INK, _QUIET, _RULE = "#010203", "#010204", "#010205"
_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
_NAMED = re.compile(r'(\bid="|href="#|url\(#)')
_FONT = re.compile(r"font-family: [^;\"]*")
_STYLE = re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_SILENT = {"Date": None, "Creator": None, "Format": None, "Type": None}


def variables(theme: Theme, models: int) -> str:
    """What the charts' variables are under this theme, as CSS declarations."""
    own = inks(theme, models)
    series = "".join(f"--series-{i}:{colour};" for i, colour in enumerate(own.series))
    return f"--chart-ink:{own.ink};--chart-quiet:{own.quiet};--chart-rule:{own.rule};{series}"


def inline(draw: Draw, models: int, name: str, alt: str) -> str:
    """An <svg> for the middle of a page that sets the variables; `name` keeps its ids apart."""
    svg = _drawn(draw, models, name)
    head = f'<svg class="chart" role="img" aria-labelledby="{name}-alt"'
    title = f'<title id="{name}-alt">{_escaped(alt)}</title>'
    return re.sub(r"<svg([^>]*)>", lambda m: f"{head}{m[1]}>{title}", svg, count=1)


def standing(draw: Draw, models: int, name: str, alt: str) -> str:
    """An SVG file of its own, for light and dark pages."""
    svg = _drawn(draw, models, name)
    style = (
        f"<title>{_escaped(alt)}</title><style>svg{{{variables(LIGHT, models)}}}"
        f"@media (prefers-color-scheme: dark){{svg{{{variables(DARK, models)}}}}}</style>"
    )
    return re.sub(r"<svg[^>]*>", lambda m: m[0] + style, svg, count=1)


def png(draw: Draw, models: int) -> bytes:
    """For paper and slides: on white, 200 dots to the inch."""
    file = io.BytesIO()
    draw(inks(LIGHT, models)).savefig(file, format="png", dpi=200, facecolor="#ffffff")
    return file.getvalue()


def _drawn(draw: Draw, models: int, name: str) -> str:
    series = tuple(f"#0103{i:02x}" for i in range(models))
    file = io.StringIO()
    # A salt makes the ids the same every time, no metadata the whole file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        draw(Inks(_INK, _QUIET, _RULE, series)).savefig(file, format="svg", metadata=_SILENT)
    svg = _METADATA.sub("", _PROLOGUE.sub("", readable(file.getvalue())))
    svg = _SIZE.sub("", _STYLE.sub("", svg, count=1), count=2)
    svg = _NAMED.sub(lambda m: f"{m[1]}{name}-", svg)
    svg = _FONT.sub("font-family: var(--chart-font, sans-serif)", svg)
    for colour, variable in ((_INK, "ink"), (_QUIET, "quiet"), (_RULE, "rule")):
        svg = svg.replace(colour, f"var(--chart-{variable})")
    for i, colour in enumerate(series):
        svg = svg.replace(colour, f"var(--series-{i})")
    return svg


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
