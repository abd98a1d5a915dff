"""What a test must not leave behind: running threads, open files, sockets, pipes."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_S = 60.0
KEPT = ("/proc/", "/dev/urandom", "/dev/null")
"""What libraries open once and keep for good."""


@contextmanager
def nothing_stays_open(grace_s: float = GRACE_S) -> Iterator[None]:
    """Fail when the body leaves something running or open; what is ending already has `grace_s` seconds for it."""
    before, pipe = _open(), signal.getsignal(signal.SIGPIPE)
    yield
    assert signal.getsignal(signal.SIGPIPE) is pipe, "left behind: a way to die of SIGPIPE, for any test that comes"
    if not (_open() - before):
        return
    gc.collect()  # a cycle may still hold what was let go of
    ends_s, pause = time.monotonic() + grace_s, threading.Event()
    while left := _open() - before:
        assert time.monotonic() < ends_s, f"left behind: {', '.join(sorted(name for name, _ in left))}"
        pause.wait(0.005)


def _open() -> set[tuple[str, object]]:
    """Every thread and file descriptor of this process, by a name to show and something that tells two apart."""
    found: set[tuple[str, object]] = set()
    for thread in threading.enumerate():
        if not isinstance(thread, threading._DummyThread):  # a library's own, seen when it called us
            found.add((f"thread {thread.name}", thread))
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists this very directory is closed by now
            target = str(descriptor.readlink())
            if not target.startswith(KEPT):
                found.add((f"file {descriptor.name} ({target})", target))
    return found
