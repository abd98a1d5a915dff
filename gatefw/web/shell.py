"""An application around routes: static files, and headers that forbid a browser everything but those.

Everything comes from this origin, nothing is inline, nothing is kept by the browser, no other site may frame it, ask it
in a visitor's name, or reach it under another name (rebinding).
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names under which a browser of this machine asks."""
READS = ("GET", "HEAD")
BODY_S = 5.0
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Lifespan(Protocol):
    """What runs as long as the application does, as Starlette takes it."""

    def __call__(self, app: Starlette, /) -> AbstractAsyncContextManager[None]: ...


class Guard:
    """Puts HEADERS on every answer; answers no foreign name (421), and of foreign pages a link alone (403)."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOCAL) -> None:
        self._app, self._names = app, frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self._names:
            await PlainTextResponse("not here\n", 421)(scope, receive, sealed)
        elif not _ours(scope["method"], headers):
            await PlainTextResponse("from another page\n", 403)(scope, receive, sealed)
        else:
            await self._app(scope, receive, sealed)


def same_origin(headers: Headers) -> bool:
    """Whether a browser says that the page which asks is one of ours. One that says nothing is not believed."""
    _, slashes, host = headers.get("origin", "").partition("://")
    return slashes != "" and host == headers.get("host")


def foreign(headers: Headers) -> bool:
    """Whether a browser says that another page is behind it. One on another port of this host has our cookies."""
    return headers.get("sec-fetch-site") in ("same-site", "cross-site")


def _ours(method: str, headers: Headers) -> bool:
    """Whether one of our pages asks, or, where only something is read, somebody typed it or followed a link."""
    if method not in READS:
        return same_origin(headers) and not foreign(headers)
    link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return link or not foreign(headers)


def _name(host: str) -> str | None:
    """Without the port; None for what is no host at all."""
    try:
        return None if "@" in host else urlsplit(f"//{host}").hostname
    except ValueError:
        return None


async def body(request: Request, most_bytes: int, within_s: float = BODY_S) -> bytes:
    """What was sent. Raises HTTPException: it is more than that, does not come within that time, or never will."""
    told = b""
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                told += chunk
                if len(told) > most_bytes:
                    raise HTTPException(413)
    except TimeoutError as error:
        raise HTTPException(408, headers={"Connection": "close"}) from error
    except ClientDisconnect as error:  # nobody hears it; but a stranger's leaving is no error of ours to be logged
        raise HTTPException(400) from error
    return told


def application(
    routes: Sequence[BaseRoute],
    static: Path,
    lifespan: Lifespan | None = None,
    names: Iterable[str] = LOCAL,
    middleware: Sequence[Middleware] = (),
) -> Starlette:
    """`routes`, and the files in `static` below /static/. names: the hosts it answers to, without their port."""
    mounted: Any = Mount("/static", StaticFiles(directory=static))
    around = [Middleware(Guard, names=tuple(names)), *middleware]
    return Starlette(routes=[*routes, mounted], middleware=around, lifespan=lifespan)


def page(path: str, file: Path) -> Route:
    """A page that is one file of HTML, the same for everybody."""

    async def answer(_request: Any) -> FileResponse:
        return FileResponse(file, media_type="text/html")

    return Route(path, answer)
