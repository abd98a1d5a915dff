"""What time it is where people live, and whether anybody vouches for it. In events alone: nothing is timed by it."""

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class WallTime:
    """A wall clock reading. `ns` since 1970 UTC; `synchronised` only while the kernel vouches for its clock."""

    ns: int
    synchronised: bool

    @property
    def quality(self) -> str:
        return "synchronised" if self.synchronised else "unsynchronised"

    @property
    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.ns // 1_000_000_000, UTC).replace(microsecond=self.ns // 1000 % 1_000_000)

    @property
    def rfc3339(self) -> str:
        return self.utc.isoformat(timespec="microseconds").replace("+00:00", "Z")


_adjtimex = ctypes.CDLL(None).adjtimex


def wall_clock() -> WallTime:
    """The system's time, with what the kernel thinks of it (adjtimex(2): TIME_ERROR means not disciplined).

    A unit that forbids the call (`ProtectClock=yes`) makes every time unsynchronised, never the opposite.
    """
    timex = ctypes.create_string_buffer(512)  # struct timex is 208 bytes; modes = 0 only asks
    return WallTime(time.time_ns(), synchronised=0 <= _adjtimex(timex) < 5)
