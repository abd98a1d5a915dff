"""Whether the vision process still works, and what follows when not even a kill ends it.

A camera's driver may hang in the kernel, in a call that never returns. Such a process says nothing any more, and while
one of its threads hangs there it cannot be killed: it keeps the camera, and no other process gets it. So:

    it is asked every 2 s; silent for 30 s       it is lost (`DEVICE_STUCK`): the lane degrades; it is killed
    killed, and still there after 10 s           an alarm (`PROCESS_STUCK`), once; over when it is gone after all
    `[vision] stuck = "reboot"`, and that for    a reboot is asked for (`reboot_request`), as soon as the lane is empty,
    `stuck_after_s`                              nobody is under way and no door is released; never otherwise

With `stuck = "degrade"` the lane stays degraded, and the alarm says that somebody has to come. Doors, their emergency
ways and the journal go on through all of it: nothing of this touches them.
"""

import logging
import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from gatefw.gate_terms import DeviceImpaired, DeviceWent, GateInput
from gatefw.model import Reason

VISION = "vision"
ASK_S = 2.0
SILENT_S = 30.0
"""Longer than it takes to read a gallery anew on a slow machine."""
KILLED_S = 10.0
LATE_S = 5.0
"""Whoever looks so late was held up itself, and the process perhaps with it."""

_log = logging.getLogger(__name__)


class Peer(Protocol):
    """The vision process, as far as it can be seen from here."""

    @property
    def connected(self) -> bool: ...

    @property
    def heard(self) -> int:
        """How many messages ever came."""

    @property
    def pid(self) -> int:
        """Of whoever is connected or was last; 0 when it is not known."""

    def ask_alive(self) -> None: ...

    def hang_up(self) -> None: ...


class Process:
    """A process by a descriptor, which never means another one. `ended`: all of its threads are."""

    def __init__(self, pid: int) -> None:
        self._fd = -1
        with suppress(OSError):  # it has ended already
            self._fd = os.pidfd_open(pid)

    @property
    def ended(self) -> bool:
        if self._fd >= 0:
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            if not poll.poll(0):
                return False
        self.close()
        return True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Ended(Protocol):
    """What `Process` is to the watch."""

    @property
    def ended(self) -> bool: ...

    def close(self) -> None: ...


class Reboot(Protocol):
    """Who asks for a restart of the machine, and forgets how often it did."""

    def ask(self) -> None: ...

    def forget(self) -> None: ...


class VisionWatch:
    """For the loop: `look` at each tick; nothing here waits. Times are monotonic seconds.

    kill: ends the process; None where it is not ours to end. reboot: None where the lane only degrades.
    """

    def __init__(
        self,
        peer: Peer,
        kill: Callable[[], None] | None,
        put: Callable[[GateInput], None],
        reboot: Reboot | None,
        stuck_after_s: float,
        process: Callable[[int], Ended] = Process,
    ) -> None:
        self._peer, self._kill, self._put, self._reboot, self._open = peer, kill, put, reboot, process
        self._stuck_after_s = stuck_after_s
        self._asked_s = self._heard_s = 0.0
        self._heard = 0
        self._dying: Ended | None = None
        self._killed_s = 0.0
        self.unkillable = self._asked_for = self._worked = False

    def look(self, now_s: float, empty: bool) -> None:
        """`empty`: nobody is shut in or under way, and no door is released."""
        if now_s - self._asked_s < ASK_S:
            return
        late, self._asked_s = now_s - self._asked_s > LATE_S, now_s
        if self._dying is not None:
            self._look_at_dying(self._dying, now_s, empty)
            return
        heard = self._peer.heard
        news = heard != self._heard
        if late or news or not self._peer.connected:
            self._heard, self._heard_s = heard, now_s
        elif now_s - self._heard_s > SILENT_S:
            self._end(now_s)
            return
        if self._peer.connected:
            self._peer.ask_alive()
        if news and self._reboot and not self._worked:
            self._worked = True
            self._reboot.forget()

    def close(self) -> None:
        if self._dying is not None:
            self._dying.close()

    def _end(self, now_s: float) -> None:
        _log.error("vision: says nothing for %g s, and is ended; perhaps a camera's driver hangs", SILENT_S)
        self._dying, self._killed_s = self._open(self._peer.pid), now_s
        self._put(DeviceWent(VISION, Reason.DEVICE_STUCK))
        self._peer.hang_up()
        if self._kill is not None:
            self._kill()

    def _look_at_dying(self, dying: Ended, now_s: float, empty: bool) -> None:
        if dying.ended:
            self._dying, self._asked_for, self._worked, self._heard_s = None, False, False, now_s
            if self.unkillable:
                self.unkillable = False
                _log.warning("vision: the process that could not be killed is gone")
                self._put(DeviceImpaired(VISION, Reason.PROCESS_STUCK, False))
            return
        after_s = now_s - self._killed_s
        if after_s >= KILLED_S and not self.unkillable:
            self.unkillable = True
            _log.error("vision: was killed and is still there: it hangs in the kernel; restart the machine")
            self._put(DeviceImpaired(VISION, Reason.PROCESS_STUCK, True))
        if self.unkillable and self._reboot and empty and after_s >= self._stuck_after_s and not self._asked_for:
            self._asked_for = True
            self._reboot.ask()
