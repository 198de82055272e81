"""The server in a thread of a process that goes on, as of a notebook."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from glideslope.laws import Law
from glideslope.studio.access import LOOPBACK, new_token
from glideslope.studio.library import Library
from glideslope.studio.server import application, bound, server


class Background:
    """A server on loopback, at any free port, until `close`; `url` is the address of its page, the token in it. Only
    files in `folder` are read; `ancestors` are those of `Access`, and `laws` are laws in no file, by name."""

    def __init__(self, folder: Path, ancestors: str = "'self'", laws: dict[str, Law] | None = None) -> None:
        token = new_token()
        self._socket = bound("127.0.0.1", 0)
        self._server = server(application(Library(folder, laws), token, LOOPBACK, ancestors))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{token}/"
        serve = lambda: asyncio.run(self._server.serve([self._socket]))  # noqa: E731
        self._thread = threading.Thread(target=serve, name="glideslope studio", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the server and waits until it has."""
        self._server.should_exit = True
        self._thread.join()
