"""The report as one HTML file that asks for nothing else."""

from __future__ import annotations

from typing import Any

import jinja2
from markupsafe import Markup

from ...wording import readable
from .blocks import Block, Document, Picture
from .palette import DARK, LIGHT, LINES, SURPRISE_EDGES, Theme
from .svg import inline, variables


def html(document: Document, models: int) -> str:
    """The whole page; models: how many have a colour of their own in the charts."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "", "."),
        autoescape=True,
        finalize=_readable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )

    def chart(picture: Picture) -> Markup:
        return Markup(inline(picture.draw, models, picture.name, picture.alt))

    return environment.get_template("page.html.j2").render(
        document=document,
        light=Markup(_properties(LIGHT, models)),
        dark=Markup(_properties(DARK, models)),
        steps=Markup(_STEPS),
        edges=[f"{edge:g}" for edge in (0.0, *SURPRISE_EDGES)],
        chart=chart,
        kind=_kind,
    )


def _readable(value: Any) -> Any:
    return readable(value) if type(value) is str else value  # Markup is the page's own


def _kind(block: Block) -> str:
    return type(block).__name__


def _properties(theme: Theme, models: int) -> str:
    """A theme as CSS declarations."""
    pairs: dict[str, Any] = {
        name: getattr(theme, name) for name in ("paper", "ink", "quiet", "rule", "link")
    }
    pairs |= {f"step-{i}": colour for i, colour in enumerate(theme.steps)}
    pairs |= {f"letters-{i}": colour for i, colour in enumerate(theme.letters)}
    own = "".join(f"--{name}:{colour};" for name, colour in pairs.items())
    return own + variables(theme, models)


_STEPS = "\n".join(
    f".s{i} {{ background: var(--step-{i}); color: var(--letters-{i});"
    + (f" text-decoration: underline {line:g}px; text-underline-offset: .18em;" if line else "")
    + (" font-weight: 600;" if i == len(LINES) - 1 else "")
    + " }"
    for i, line in enumerate(LINES)
)
