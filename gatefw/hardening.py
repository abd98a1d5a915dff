"""What a process does that holds keys and templates, so that they are found in no core dump and on no swap.

The memory is locked as it is touched (MCL_ONFAULT), so it costs nothing that was not used anyway. The limit on that,
RLIMIT_MEMLOCK, counts addresses and not pages, and threads and libraries reserve many more than they use: too low a
limit would let a later allocation fail in the middle of a passage. So memory is locked only where there is no limit, or
one that a process of ours does not come near; a unit has none, and its MemoryMax counts the pages.
"""

import ctypes
import logging
import os
import re
import resource
from dataclasses import dataclass
from pathlib import Path

ADDRESSES_MAX_BYTES = 16 << 30
"""More than a process of ours reserves."""
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_CAP_IPC_LOCK = 14

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hardened:
    """How this process is, as the kernel says. `why_not`: what could not be had, and what to do; empty for nothing."""

    undumpable: bool
    locked: bool
    why_not: str = ""


def harden() -> Hardened:
    """No core dumps, no debugger of the same user, no swap from now on, as far as may be; the log has what may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    reasons = []
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:  # a unit has it, and may not ask for it
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        except (OSError, ValueError) as error:
            reasons.append(f"core dumps could not be limited: {error}; set LimitCORE=0")
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        reasons.append(f"core dumps could not be turned off: {os.strerror(ctypes.get_errno())}")
    if problem := _unlockable():
        reasons.append(problem)
    elif libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        reasons.append(f"memory is not locked: {os.strerror(ctypes.get_errno())}; keys may come to lie on the swap")
    for reason in reasons:
        _log.warning("%s", reason)
    return found("; ".join(reasons))


def found(why_not: str = "") -> Hardened:
    """How this process is now."""
    libc = ctypes.CDLL(None, use_errno=True)
    undumpable = resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and not libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    return Hardened(undumpable, _field("VmLck") > 0, why_not)


def _unlockable() -> str:
    """Why memory cannot be locked without a danger to the process itself; empty when it can."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    unlimited = soft in (resource.RLIM_INFINITY, -1) or soft >= ADDRESSES_MAX_BYTES
    if unlimited or _field("CapEff", 16) >> _CAP_IPC_LOCK & 1:
        return ""
    return (
        f"memory is not locked: of {soft >> 10} KiB that may be, too little; keys may come to lie on the swap: set "
        "LimitMEMLOCK=infinity, or have no swap"
    )


def _field(name: str, base: int = 10) -> int:
    match = re.search(rf"(?m)^{name}:\s+([0-9a-f]+)".encode(), Path("/proc/self/status").read_bytes())
    return int(match[1], base) if match else 0
