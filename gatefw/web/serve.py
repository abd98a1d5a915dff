"""Runs an application on an address of this machine, until SIGTERM or SIGINT."""

import asyncio
import contextlib
import ipaddress
import logging
import resource
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gatefw.errors import SetupError

DRAIN_S = 1
"""Streams never end by themselves: after so long they are cut."""
CONNECTIONS = 64
"""More at once are not browsers. Whoever has asked for nothing for longest gives way to who comes."""
FILES = 4096
"""Descriptors, where so many may be had: whoever connects a thousand times must not keep us from opening one."""


class Connection(H11Protocol):
    """One browser's. Whoever holds many and asks for nothing, or never comes to an end of it, keeps nobody out."""

    quiet_s = 0.0
    """Since when it has been asking for nothing; of one that never did, since it came."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.quiet_s = self.loop.time()
        if len(self.connections) > CONNECTIONS:
            others = (each for each in self.connections if isinstance(each, Connection) and not each.busy)
            longest = min(others, key=lambda each: each.quiet_s, default=self)
            self.connections.discard(longest)  # it is closed in the next turn, and others come in this one
            longest.transport.abort()

    @property
    def busy(self) -> bool:
        """Whether it has asked, all of it, and takes what it is answered."""
        cycle = self.cycle
        return not (cycle is None or cycle.response_complete or cycle.more_body or self.flow.write_paused)

    def on_response_complete(self) -> None:
        self.quiet_s = self.loop.time()
        super().on_response_complete()


def bound(host: str, port: int, option: str = "--port", anywhere: bool = False) -> socket.socket:
    """A socket that listens there; port 0: one that is free. Raises SetupError, which names `option`.

    Who connects before somebody serves waits, so that its address may be told at once.
    An address that others can reach is taken only with `anywhere`.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise SetupError(f"{option}: {host!r} is no address; 127.0.0.1 is this machine") from error
    if not (address.is_loopback or anywhere):
        raise SetupError(f"{option}: {host} can be reached from outside; an address of this machine alone is wanted")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        what = (
            f"{option}: {host}:{port} cannot be had: {why}; is another one running there? End it, or give another port"
        )
        raise SetupError(what) from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, tls: tuple[Path, Path] | None = None) -> None:
    """Until a signal; nothing of who asked for what is logged. tls: files of a certificate and its key, both PEM."""
    _more_files()
    logging.getLogger("uvicorn.error").addFilter(_remarkable)
    with contextlib.closing(listener):
        server(app, tls).run(sockets=[listener])


def server(app: ASGIApp, tls: tuple[Path, Path] | None = None) -> uvicorn.Server:
    """What a header says of who asks is not believed: any program of this machine could say it."""
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=30,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def _remarkable(record: logging.LogRecord) -> bool:
    """That streams were cut at the end is no error."""
    return "graceful shutdown" not in str(record.msg)


def _more_files() -> None:
    """A unit may forbid to ask for it; then it says itself how many there are."""
    had, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    with contextlib.suppress(OSError, ValueError):
        if had != resource.RLIM_INFINITY and had < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
