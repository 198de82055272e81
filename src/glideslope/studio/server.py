"""The application of the page, and the server that binds loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from glideslope.errors import FrameworkError
from glideslope.studio import draw, export, pages, play, predict, watch
from glideslope.studio.access import LOOPBACK, Access
from glideslope.studio.library import Library


def application(library: Library, token: str, hosts: Collection[str] = LOOPBACK, ancestors: str = "'self'") -> ASGIApp:
    """The page and what it asks for: what `library` may read, at paths that begin with the token, for requests to these
    hosts; these ancestors may show it in a frame."""
    of_library = [route for room in (predict, watch, export) for route in room.routes(library)]
    routes = [*draw.ROUTES, *play.ROUTES, *of_library, *pages.ROUTES]
    return Access(Starlette(routes=routes), token, hosts, ancestors)


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free. Raises a FrameworkError if the address can't be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        no_host = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        advice = "give --host an address of this machine" if no_host else "give another --port, or 0 for any"
        raise FrameworkError(f"{host}:{port} can't be bound ({error}): {advice}") from None
    listening.listen()
    return listening


def server(app: ASGIApp) -> uvicorn.Server:
    """A server that says nothing, and that ends at once; it leaves the logging of the process as it is."""
    return uvicorn.Server(
        uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, lifespan="off",
                       timeout_graceful_shutdown=1, server_header=False, date_header=False)
    )  # fmt: skip
