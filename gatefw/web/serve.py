"""Runs an application on an address of this machine, until SIGTERM or SIGINT."""

import ipaddress
import logging
import socket
from contextlib import closing
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gatefw.errors import SetupError

DRAIN_S = 1
"""Streams never end by themselves: after so long they are cut."""


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
        raise SetupError(f"{option}: {host}:{port} cannot be had: {why}; is another one running there?") from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, tls: tuple[Path, Path] | None = None) -> None:
    """Until a signal; nothing of who asked for what is logged. tls: files of a certificate and its key, both PEM."""
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=30,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        limit_concurrency=64,
    )
    logging.getLogger("uvicorn.error").addFilter(_remarkable)
    with closing(listener):
        uvicorn.Server(config).run(sockets=[listener])


def _remarkable(record: logging.LogRecord) -> bool:
    """That streams were cut at the end is no error."""
    return "graceful shutdown" not in str(record.msg)
