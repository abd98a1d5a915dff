"""An HTTP exporter for the metrics: reads the supervisor's socket, answers GET /metrics, and can do nothing else.

On a loopback address alone: who wants them from another machine puts a proxy with TLS and a password before it.
"""

import ipaddress
import socket
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from gatefw import metrics_server
from gatefw.errors import GateError, SetupError
from gatefw.metrics import CONTENT_TYPE

CLIENT_S = 5.0
"""Who takes longer to ask or to read is hung up on: one is served after the other."""


def exporter(listen: str, path: Path) -> HTTPServer:
    """A server at `listen` (127.0.0.1:9464) for the socket at `path`; not serving yet. Raises SetupError."""
    host, _, port = listen.rpartition(":")
    try:
        ours = ipaddress.ip_address(host.strip("[]"))
        number = int(port)
    except ValueError as error:
        raise SetupError(f"--listen {listen}: ADDRESS:PORT is wanted, as 127.0.0.1:9464") from error
    if not ours.is_loopback or not 0 <= number <= 65535:
        raise SetupError(f"--listen {listen}: an address of this machine alone is wanted; put a proxy before it")
    try:
        return (_Loopback6 if ours.version == 6 else HTTPServer)((str(ours), number), partial(_Handler, path))
    except OSError as error:
        raise SetupError(f"--listen {listen}: cannot be had: {error.strerror}") from error


class _Loopback6(HTTPServer):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_S
    server_version, sys_version = "gatefw", ""

    def __init__(self, path: Path, *given: Any) -> None:
        self._path = path
        super().__init__(*given)

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self._answer(HTTPStatus.NOT_FOUND, b"/metrics is all there is\n", "text/plain")
            return
        try:
            told = metrics_server.read(self._path)
        except GateError:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the gate does not answer\n", "text/plain")
        else:
            self._answer(HTTPStatus.OK, told, CONTENT_TYPE)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Who asked is of no interest, and would fill the log."""
