"""What systemd is told (sd_notify, systemd 252): READY, STATUS, STOPPING, and WATCHDOG from real progress only."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Speaks to `$NOTIFY_SOCKET`; says nothing when there is none."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = int(env.get("WATCHDOG_USEC", "0")) / 1e6

    def say(self, *lines: str) -> None:
        """Send `lines`, as `READY=1`. A notification that cannot be sent is not worth a passage."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.setblocking(False)
            try:
                speaker.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return
