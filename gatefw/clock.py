"""The clocks of this machine. Decisions are made by monotonic seconds; wall time is only ever written down."""

import ctypes
import time

from gatefw.events import WallTime

TIMEX_BYTES = 256  # struct timex of adjtimex(2) has 208 on 64-bit Linux
TIME_ERROR = 5  # the kernel's clock is not disciplined by anything


def wall_clock() -> WallTime:
    """Wall time now, and whether the kernel calls its clock synchronised (adjtimex(2), read only)."""
    return WallTime(time.time_ns(), _synchronised())


def _synchronised() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))) not in (-1, TIME_ERROR)
