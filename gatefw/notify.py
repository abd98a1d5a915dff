"""What systemd is told (sd_notify, systemd 252): READY, STATUS, STOPPING, and WATCHDOG from real progress only."""

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class Notifier:
    """Speaks to `$NOTIFY_SOCKET`; says nothing when there is none."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        address = env.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = env.get("WATCHDOG_PID", str(os.getpid())) == str(
            os.getpid()
        )  # a child inherits what is not meant for it
        self.watchdog_s = int(env.get("WATCHDOG_USEC", "0")) / 1e6 if ours else 0.0

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


class Turns:
    """Feeds systemd's watchdog of a process whose one loop is all of its work: `took` at each of its turns."""

    def __init__(self, notifier: Notifier, now_s: Callable[[], float] = time.monotonic) -> None:
        self._notifier, self._now_s, self._fed_s = notifier, now_s, now_s()

    def took(self) -> None:
        now_s = self._now_s()
        if self._notifier.watchdog_s and now_s - self._fed_s >= self._notifier.watchdog_s / 4:
            self._fed_s = now_s
            self._notifier.say("WATCHDOG=1")


class Progress(Protocol):
    """Whoever counts the turns of work that it has done."""

    name: str
    progress: int

    @property
    def device(self) -> object | None: ...


class Watchdog:
    """Feeds systemd's, and only when every worker on the door path did real work since the last time.

    A worker whose device is lost does none, and keeps nobody from feeding: the lane knows that it is lost.
    """

    def __init__(self, notifier: Notifier, door_path: Sequence[Progress]) -> None:
        self._notifier, self._door_path = notifier, door_path
        self._fed: dict[str, int] = {}
        self._fed_s = 0.0
        self.fed = 0

    def feed(self, now_s: float, status: str) -> None:
        """From the loop, at each of its ticks; never from a timer of its own."""
        if not self._notifier.watchdog_s or now_s - self._fed_s < self._notifier.watchdog_s / 4:
            return
        progress = {worker.name: worker.progress for worker in self._door_path if worker.device is not None}
        if all(self._fed.get(name) != count for name, count in progress.items()):
            self._fed, self._fed_s = progress, now_s
            self.fed += 1
            self._notifier.say("WATCHDOG=1", f"STATUS={status}")
