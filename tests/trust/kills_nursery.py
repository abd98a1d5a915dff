"""A process that has the supervisor's modules in memory and forks a child for each start: what a start costs without
Python's imports. The child is a process like any other, runs `gatefw run`, and is killed like any other.

    stdin   {"run": lane file, "env": {...}, "log": path}     stdout   {"pid": 123}
            {"ended": 123}                                             {"status": -9}, after it has ended

Its children have a disk that takes its time, as an SD card does: every commit takes `SYNC_S` longer, so that whatever
does not wait for one is met in between. And they, and they alone, can be made to hang: SIGUSR1 keeps their main thread
busy for ever, SIGUSR2 lets it wait for ever; other threads go on.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sqlite3
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gatefw.cli import main

PRELOADED = (
    "gatefw.cli.run",
    "gatefw.supervisor",
    "gatefw.door_table",
    "gatefw.biometrics.evaluation",
    "gatefw.biometrics.threshold",
    "hw.gpio.persistence",
    "hw.gpio.socket_pins",
    "hw.door_gpio",
    "hw.sensors_gpio",
    "hw.indicator_gpio",
    "hw.camera_socket",
)
PR_SET_PDEATHSIG = 1
SYNC_S = 0.03


class SlowDisk(sqlite3.Connection):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "commit":
            threading.Event().wait(SYNC_S)
        return super().execute(sql, *parameters)


def spin(_number: int, _frame: FrameType | None) -> None:
    while True:
        pass


def wait(_number: int, _frame: FrameType | None) -> None:
    threading.Event().wait()


def supervise(lane_file: str, env: dict[str, str], log: str, parent: int) -> NoReturn:
    """In the child."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said), (2, said)):
        os.dup2(source, stream)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(env)
    sqlite3.connect = partial(sqlite3.connect, factory=SlowDisk)  # type: ignore[assignment]
    signal.signal(signal.SIGUSR1, spin)
    signal.signal(signal.SIGUSR2, wait)
    status = 1
    try:
        status = main(["-v", "run", lane_file])
    finally:
        sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    """Until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        match json.loads(line):
            case {"run": lane_file, "env": env, "log": log}:
                parent = os.getpid()
                if not (pid := os.fork()):
                    supervise(lane_file, env, log, parent)
                answer = {"pid": pid}
            case {"ended": pid}:
                answer = {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
