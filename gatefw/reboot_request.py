"""How the supervisor asks for a restart of the machine, which it has no right to bring about itself.

It makes a file in its state directory, where nobody else can make one. `gatefw-reboot.path` sees it, and its service,
which is systemd's own, removes the file and restarts the machine in order: the doors are made safe as at any end.
What a restart does not mend must not restart the machine for ever: after `MOST` of them none is asked for, until the
vision process has worked again.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gatefw.errors import GateError, StoreError
from gatefw.keys import sync_directory

MOST = 3
WANTED, COUNT = "reboot-wanted", "reboots"

_log = logging.getLogger(__name__)


class RebootRequest:
    """In the state directory of a lane. Both methods return at once: a disk takes its time, the loop has none."""

    def __init__(self, state: Path, asked: Callable[[], None] = lambda: None) -> None:
        """`asked` is called before, from another thread: it is the last that can be written down."""
        self._wanted, self._count, self._asked = state / WANTED, state / COUNT, asked

    def ask(self) -> None:
        threading.Thread(target=self._ask, name="reboot request").start()

    def forget(self) -> None:
        """It works again: what was counted is over."""
        threading.Thread(target=self._forget, name="reboot request").start()

    def _ask(self) -> None:
        try:
            count = self.count()
            if count >= MOST:
                _log.error("vision: %d restarts of the machine have not mended it; somebody has to come", count)
                return
            self._asked()
            self._count.write_text(f"{count + 1}\n")
            self._wanted.touch(mode=0o600)
            sync_directory(self._wanted.parent)
            _log.error("vision: a restart of the machine is asked for: %s", self._wanted)
        except (OSError, GateError) as error:
            _log.error("vision: no restart of the machine can be asked for: %s", error)

    def _forget(self) -> None:
        with suppress(OSError):
            self._count.unlink(missing_ok=True)
            self._wanted.unlink(missing_ok=True)

    def count(self) -> int:
        """How many restarts were asked for since vision worked last. Raises StoreError: the file is not ours."""
        try:
            return int(self._count.read_text())
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise StoreError(f"{self._count}: holds no number; look what made it, and remove it") from error
