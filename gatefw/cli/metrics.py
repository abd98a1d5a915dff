"""gatefw metrics: the numbers of a running gate, once or for whoever scrapes them."""

import argparse
import contextlib
from typing import Any

from gatefw.cli import command
from gatefw.state import runtime_dir

METRICS = """\
Prints the metrics of the running daemon as Prometheus text (docs/metrics.md names them). With --listen it serves them
over HTTP at /metrics instead until it is ended, on an address of this machine alone.

example:
  gatefw metrics
  gatefw metrics --listen 127.0.0.1:9464
"""


def add_parser(commands: Any) -> None:
    """Add `metrics`."""
    parser = command.add(commands, "metrics", "the daemon's numbers, for Prometheus", METRICS)
    parser.add_argument("--listen", metavar="HOST:PORT", help="serve them over HTTP there")
    command.add_dir(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import metrics_server

    path = (arguments.dir or runtime_dir()).absolute() / metrics_server.SOCKET
    if arguments.listen is None:
        print(metrics_server.read(path).decode(), end="")
        return 0
    from gatefw.metrics_exporter import exporter

    with exporter(arguments.listen, path) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0
