"""The files of the page: a fixed set, read from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_TYPES = {
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "json": "application/json",
    "svg": "image/svg+xml",
}
SHARED = ("report.css", "report.js", "uplot/uPlot.iife.min.js", "uplot/uPlot.min.css")
"""The files that the page shares with the report."""


@cache
def assets() -> dict[str, bytes]:
    """Each file by the path that the page asks for."""
    views = files("glideslope.views").joinpath("web")
    web = files("glideslope.studio").joinpath("web")
    contents = {name: views.joinpath(*name.split("/")).read_bytes() for name in SHARED}
    for entry in web.iterdir():
        if entry.is_file():
            contents[entry.name] = entry.read_bytes()
    return contents


async def _asset(request: Request) -> Response:
    name = request.path_params.get("name", "index.html")
    content = assets().get(name)
    if content is None:
        return Response("no such file\n", 404, media_type="text/plain")
    kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=600"})


ROUTES = (Route("/", _asset), Route("/{name:path}", _asset))
