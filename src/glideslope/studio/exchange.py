"""Requests and answers: JSON that is checked against a type, within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import msgspec
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from glideslope.errors import DocumentError, GlideslopeError
from glideslope.escape import lines

MOST_JSON = 1_000_000  # the bytes of a request
MOST_UPLOAD = 64_000_000  # the bytes of a log or a law that is dropped on the page
_AT_ONCE = 4  # requests of a kind that are computed at a time; others wait

Answered = TypeVar("Answered")
Asked = TypeVar("Asked")


class TooLargeError(DocumentError):
    """A request has more bytes than are read."""


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer; a number that isn't finite is null."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def refusal(error: Exception, status: int = 400) -> Response:
    """The answer to a request that can't be met: the message, and the column of the text that it is about."""
    return answer({"message": lines(str(error)), "column": getattr(error, "column", None)}, status)


async def content(request: Request, most: int) -> bytes:
    """The bytes of a request. Raises a TooLargeError if there are more than `most`."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLargeError(f"more than {most:,} bytes: no more are read")
        parts.append(part)
    return b"".join(parts)


def posted(path: str, kind: type[Asked], compute: Callable[[Asked], Any], waiting_for: str = "this machine") -> Route:
    """The route of requests of a type, answered with the plain data that a function computes of one in a thread. A
    GlideslopeError of the function is a refusal; `waiting_for` names what may delay the answer, and has a limit of its
    own."""

    async def handle(request: Request) -> Response:
        try:
            asked = msgspec.json.decode(await content(request, MOST_JSON), type=kind)
            async with _limiter(waiting_for):
                return answer(await run_in_threadpool(quiet, compute, asked))
        except TooLargeError as error:
            return refusal(error, 413)
        except (GlideslopeError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return refusal(error)

    return Route(path, handle, methods=["POST"])


def quiet(compute: Callable[..., Answered], *asked: Any) -> Answered:
    """What a function returns, without warnings of numbers that overflow: these are shown as gaps."""
    with np.errstate(all="ignore"):
        return compute(*asked)


_limiters: dict[tuple[int, str], anyio.Semaphore] = {}


def _limiter(waiting_for: str) -> anyio.Semaphore:
    """The limit of requests that wait for the same at a time, of the event loop that is running."""
    key = id(asyncio.get_running_loop()), waiting_for
    if key not in _limiters:
        _limiters[key] = anyio.Semaphore(_AT_ONCE)
    return _limiters[key]
