"""The report: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from glideslope.errors import GlideslopeError
from glideslope.escape import html
from glideslope.views import plots
from glideslope.views.terminal import cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
svg { width: 100%; height: auto } table { border-collapse: collapse; font-size: .9rem; width: 100% }
td, th { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; font-variant-numeric: tabular-nums }
td:first-child, th:first-child { text-align: left; font-family: ui-monospace, monospace }
"""


def page(title: str, lead: str, sections: Sequence[str]) -> str:
    """A page of a title, a sentence and sections; it needs nothing from anywhere."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{html(title)}</h1><p>{html(lead)}</p>"
        f"{''.join(sections)}</body></html>\n"
    )


def picture(title: str, draw: Callable[[], Figure]) -> str:
    """A section with a picture, or with what is needed for it."""
    try:
        content = plots.svg(draw())
    except GlideslopeError as error:
        content = f"<p>{html(str(error))}</p>"
    return f"<h2>{html(title)}</h2>{content}"


def listing(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A section with a table."""
    head = "".join(f"<th>{html(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{html(cell(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f"<h2>{html(title)}</h2><table><tr>{head}</tr>{body}</table>"
