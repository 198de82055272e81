"""The report: one HTML page that needs nothing from anywhere, and may ask for nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from json import dumps

from glideslope.escape import html
from glideslope.views.answer import TERMS
from glideslope.views.charts import Chart
from glideslope.views.terminal import cell


def page(title: str, parts: Sequence[str]) -> str:
    """A page of a title and parts, HTML of this file's functions; its policy allows its own code alone."""
    body = "".join(parts)
    styles = [_asset("report.css")]
    scripts: list[str] = []
    if '<figure class="chart">' in body:
        styles.insert(0, _asset("uplot/uPlot.min.css"))
        scripts = [_asset("uplot/uPlot.iife.min.js"), _asset("report.js")]
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {allowed(styles)}; "
        f"script-src {allowed(scripts)}"
    )
    head = "".join(f"<style>{text}</style>" for text in styles)
    code = "".join(f'<script type="module">{text}</script>' for text in scripts[1:])
    library = "".join(f"<script>{text}</script>" for text in scripts[:1])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">{head}</head>'
        f"<body><main><h1>{html(title)}</h1>{body}</main>{library}{code}</body></html>\n"
    )


def paragraph(text: str) -> str:
    """A sentence or several."""
    return f"<p>{html(text)}</p>"


def figure(chart: Chart) -> str:
    """A section with a chart; what it shows is in its caption too, and its numbers in the tables."""
    data = dumps(chart.data(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    label = html(f"{chart.title}. {chart.caption}")
    return (
        f'<section><h2>{html(chart.title)}</h2><figure class="chart"><figcaption>{html(chart.caption)}</figcaption>'
        f'<div class="frame"><div class="plot" role="img" tabindex="0" aria-label="{label}"></div>'
        f'<div class="side"></div></div><script type="application/json">{data}</script></figure></section>'
    )


def listing(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A section with a table; numbers stand to the right, a row's first cell is its name."""
    cells = [list(row) for row in rows]
    texts = {i for i, column in enumerate(zip(*cells, strict=True)) if all(isinstance(value, str) for value in column)}
    look = ("", ' class="text"')
    head = "".join(f'<th scope="col"{look[i in texts]}>{html(name)}</th>' for i, name in enumerate(columns))
    body = "".join(f"<tr>{''.join(_cell(i, value, i in texts) for i, value in enumerate(row))}</tr>" for row in cells)
    return (
        f'<section><h2>{html(title)}</h2><div class="scroll" role="region" tabindex="0" aria-label="{html(title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def code(title: str, lines: Sequence[str]) -> str:
    """A section with lines to copy; none without lines."""
    text = "\n".join(map(html, lines))
    return f'<section><h2>{html(title)}</h2><pre tabindex="0">{text}</pre></section>' if lines else ""


def folded(title: str, parts: Iterable[str]) -> str:
    """Parts that are read when they are unfolded."""
    return f"<details><summary>{html(title)}</summary>{''.join(parts)}</details>"


def glossary(terms: Iterable[str]) -> str:
    """A line for each number that the page shows."""
    entries = "".join(f"<dt>{html(term)}</dt><dd>{html(TERMS[term])}</dd>" for term in terms)
    return f'<section><h2>What the numbers mean</h2><dl class="terms">{entries}</dl></section>'


def _cell(place: int, value: object, is_text: bool) -> str:
    text = html(cell(value))
    if place == 0:
        return f'<th scope="row">{text}</th>'
    return f'<td class="text">{text}</td>' if is_text else f"<td>{text}</td>"


def _asset(name: str) -> str:
    return files("glideslope.views").joinpath("web", *name.split("/")).read_text(encoding="utf-8")


def allowed(texts: Sequence[str]) -> str:
    """The sources in a policy for code or style within the page: checksums."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
