"""Asks an application as a web server would, without one: no port, no thread, one request."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Asked:
    """Of headers that are there twice, the first. cookies: all that are set, as `name=value`."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


def ask(app: ASGIApp, method: str, path: str, body: bytes = b"", host: str = "127.0.0.1:8080", **headers: str) -> Asked:
    """The whole answer; not for streams, which have no end. `content_type="..."` is the header content-type."""
    told: list[Message] = []

    asked: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if asked:
            return asked.pop()
        await asyncio.Event().wait()  # the browser stays until it has everything
        raise AssertionError

    async def send(message: Message) -> None:
        told.append(message)

    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    bare, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": bare,
        "raw_path": bare.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }

    async def once() -> None:
        await app(scope, receive, send)

    asyncio.run(once())
    start, *parts = told
    found = [(name.decode(), value.decode()) for name, value in start["headers"]]
    cookies = tuple(value.partition(";")[0] for name, value in found if name == "set-cookie")
    return Asked(start["status"], dict(reversed(found)), b"".join(part.get("body", b"") for part in parts), cookies)
