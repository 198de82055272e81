"""Who may ask: requests with the token in their path, from the page itself, of this machine's names."""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")  # the names that a page on this machine has
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)
"""What the page may load and ask for: its own server. uPlot places its parts by inline styles."""


def new_token() -> str:
    """128 random bits, for the path of the page."""
    return secrets.token_urlsafe(16)


def names_of(host: str) -> set[str]:
    """The names and addresses that a request may call a server by that listens at one; at any, those of this machine.

    >>> names_of("LocalHost"), "0.0.0.0" in names_of("0.0.0.0")
    ({'localhost'}, True)
    """
    names = {host.lower()}
    if host in ("0.0.0.0", "::"):
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        with suppress(OSError):
            names |= {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)}
    return names


@dataclass(frozen=True)
class Access:
    """Lets a request through to the application, which sees paths without the token, or answers it with a refusal.
    `hosts` are the names that a request may call the machine by, without ports: any other is one that somebody else
    points at this machine. `ancestors` are the pages that may show this one, as the policy `frame-ancestors` has
    them."""

    app: ASGIApp
    token: str
    hosts: Collection[str] = LOOPBACK
    ancestors: str = "'self'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({
                    "referrer-policy": "no-referrer", "x-content-type-options": "nosniff",
                    "cross-origin-resource-policy": "same-origin",
                })  # fmt: skip
                headers.setdefault("content-security-policy", POLICY + self.ancestors)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if (problem := self._problem(scope)) is not None:
            await PlainTextResponse(problem + "\n", 403)(scope, receive, guarded)
            return
        if "/" not in scope["path"][1:]:  # the page's own addresses begin at the slash
            await RedirectResponse(f"/{self.token}/")(scope, receive, guarded)
            return
        await self.app({**scope, "root_path": f"/{self.token}"}, receive, guarded)

    def _problem(self, scope: Scope) -> str | None:
        """Why a request is refused, or None."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return "the Host of this request isn't this machine: open the address that `glideslope studio` printed"
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return "this request comes from another page: open the address that `glideslope studio` printed"
        first = scope["path"].removeprefix("/").partition("/")[0]
        if not hmac.compare_digest(first.encode("utf-8", "surrogatepass"), self.token.encode()):
            return (
                "the address lacks the token of this start of the studio: open the whole address that it "
                "printed; a link of an earlier start opens by `glideslope studio --state 'LINK'`"
            )
        return None


def _name(host: str) -> str | None:
    """The name in a Host header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
