"""The event bus: do its sockets stand where the lane file says, and are they the daemon's."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen

LISTENS = "0A"  # of /proc/net/tcp


def endpoints(seen: Seen) -> Iterator[Finding]:
    """whether the bus listens, and nobody in its place"""
    if seen.lane is None:
        return
    for name in ("events", "replay", "orders"):
        endpoint = str(getattr(seen.lane.bus, name))
        listened = _listened(seen, endpoint)
        if listened is None or listened is (seen.status is not None):
            continue
        if listened:
            cause = f"another process listens at {endpoint}: the bus cannot be opened there"
            remedy = f"sudo ss -ltnxp names it; end it, or give [bus] {name} another endpoint"
            yield Finding(
                "G0281", Severity.ERROR, f"bus.{name}", cause, remedy, {"endpoint": endpoint}, ("G0020", "G0023")
            )
        else:
            cause = f"nobody listens at {endpoint}, though the daemon runs: subscribers hear nothing"
            remedy = "journalctl -u gatefw -e names why it was not opened; sudo systemctl restart gatefw"
            yield Finding("G0280", Severity.WARNING, f"bus.{name}", cause, remedy, {"endpoint": endpoint})


def _listened(seen: Seen, endpoint: str) -> bool | None:
    """Whether somebody listens there; None when that cannot be said."""
    scheme, _, rest = endpoint.partition("://")
    if scheme == "ipc":
        return _answers(Path(rest))
    port = re.search(r":(\d+)$", rest)
    if scheme != "tcp" or port is None:
        return None
    tables = [seen.machine.read(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    if tables == [None, None]:
        return None
    wanted = f":{int(port[1]):04X} "
    rows = (line.split() for table in tables for line in (table or "").splitlines()[1:])
    return any(row[3] == LISTENS and f"{row[1]} ".endswith(wanted) for row in rows if len(row) > 3)


def _answers(path: Path) -> bool | None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError:
        return None
    return True


CHECKS = (endpoints,)
