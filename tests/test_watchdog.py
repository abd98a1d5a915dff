"""The supervisor's part in the chain of watchdogs: heard on a real notification socket, in virtual time."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatefw.notify import Notifier, Turns, Watchdog


class Door:
    def __init__(self, name: str) -> None:
        self.name, self.progress = name, 0
        self.device: object | None = object()


class Chain:
    """systemd's end, two doors, and the loop that ticks ten times a second."""

    def __init__(self, systemd: socket.socket, notifier: Notifier) -> None:
        self._systemd, self.notifier = systemd, notifier
        self.doors = [Door("door.entry_door"), Door("door.exit_door")]
        self.watchdog = Watchdog(notifier, self.doors)
        self.now_s = 1000.0

    def runs(self, seconds: float, working: int = 2) -> int:
        """How often systemd was fed while the first so many doors did their work."""
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            for door in self.doors[:working]:
                door.progress += 1
            self.watchdog.feed(self.now_s, "idle")
        return self.heard("WATCHDOG=1\nSTATUS=idle")

    def heard(self, message: str = "WATCHDOG=1") -> int:
        """How often systemd was told this, and nothing else."""
        heard = 0
        while True:
            try:
                assert self._systemd.recv(200) == message.encode()
            except BlockingIOError:
                return heard
            heard += 1


@pytest.fixture
def chain() -> Iterator[Chain]:
    with (
        tempfile.TemporaryDirectory(prefix="gw-") as place,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        path = Path(place, "notify")
        systemd.bind(str(path))
        systemd.setblocking(False)
        yield Chain(systemd, Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "4000000"}))


def test_it_is_fed_about_four_times_in_the_time_that_systemd_allows(chain: Chain) -> None:
    assert 3 <= chain.runs(4.0) <= 4


def test_one_door_that_does_no_work_keeps_it_from_being_fed_however_much_the_other_does(chain: Chain) -> None:
    assert chain.runs(4.0) > 0
    assert chain.runs(8.0, working=1) <= 1  # the work that was done before it stood still counts once
    assert chain.runs(4.0) > 0


def test_a_loop_that_goes_round_without_any_work_does_not_feed_it(chain: Chain) -> None:
    chain.runs(1.0)
    assert chain.runs(8.0, working=0) <= 1


def test_a_door_whose_device_is_lost_is_known_to_be_lost_and_does_not_end_the_daemon(chain: Chain) -> None:
    chain.doors[1].device = None
    assert chain.runs(8.0, working=1) > 0


def test_where_systemd_keeps_no_watchdog_it_is_told_nothing() -> None:
    watchdog = Watchdog(Notifier({}), [Door("door.exit_door")])
    watchdog.feed(1e9, "idle")
    assert watchdog.fed == 0


def test_a_process_with_one_loop_is_watched_by_its_turns_and_a_loop_that_hangs_is_not_fed(chain: Chain) -> None:
    turns = Turns(chain.notifier, lambda: chain.now_s)
    for _ in range(40):
        chain.now_s += 0.1
        turns.took()
    assert chain.heard() in (3, 4)
    chain.now_s += 100.0
    assert chain.heard() == 0


def test_a_child_does_not_feed_the_watchdog_that_is_meant_for_its_parent() -> None:
    env = {"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}
    assert Notifier(env).watchdog_s == 0.0
    assert Notifier({**env, "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 4.0
