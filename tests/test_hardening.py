"""A process that holds keys leaves no core dump, cannot be looked into, and is not swapped where that is allowed."""

import json
import subprocess
import sys

import pytest

CHILD = """
import dataclasses, json, logging, os, resource, sys, threading
from gatefw import hardening

limit = json.loads(sys.argv[1])
if limit is not None:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)  # without the capability the limit counts
logging.basicConfig()
before = dataclasses.asdict(hardening.found())
done = dataclasses.asdict(hardening.harden())
threads = [threading.Thread(target=lambda: bytearray(1 << 24)) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"before": before, "done": done, "core": resource.getrlimit(resource.RLIMIT_CORE)}))
if sys.argv[2] == "crash":
    os.abort()
"""
UNPRIVILEGED = 4 << 20


def child(limit: int | None, end: str = "") -> tuple[dict[str, dict[str, object]], str]:
    """What a process says of itself that may lock so many bytes (None: as this one), and what it logged."""
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(limit), end], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode != 0) is (end == "crash"), ran.stderr
    return json.loads(ran.stdout), ran.stderr


def test_a_process_that_may_lock_little_locks_nothing_and_goes_on_and_says_so() -> None:
    """Locked, its later threads would have found no memory: it starts twenty of them."""
    told, log = child(UNPRIVILEGED)
    assert told["done"]["undumpable"] is True
    assert told["done"]["locked"] is False
    assert "of 4096 KiB that may be, too little" in str(told["done"]["why_not"])
    assert "set LimitMEMLOCK=infinity" in log


def test_a_process_that_may_lock_all_it_has_does() -> None:
    told, log = child(None)
    if told["done"]["why_not"]:
        pytest.skip(f"here: {told['done']['why_not']}")
    assert told["before"]["locked"] is False
    assert told["done"] == {"undumpable": True, "locked": True, "why_not": ""}
    assert log == ""


def test_a_process_that_crashes_leaves_no_core() -> None:
    told, _ = child(None, "crash")
    assert told["core"] == [0, 0]
    assert told["done"]["undumpable"] is True
