"""What systemd is told, heard on a real datagram socket."""

import socket
from pathlib import Path

from gatefw.notify import Notifier


def test_it_says_what_it_was_told_to_say(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).say("READY=1", "STATUS=idle")
        assert systemd.recv(100) == b"READY=1\nSTATUS=idle"


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0gatefw-test-notify")
        Notifier({"NOTIFY_SOCKET": "@gatefw-test-notify"}).say("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_it_says_nothing_and_a_dead_socket_costs_no_passage(tmp_path: Path) -> None:
    Notifier({}).say("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).say("READY=1")


def test_the_watchdog_time_is_read_in_microseconds() -> None:
    assert Notifier({"WATCHDOG_USEC": "400000"}).watchdog_s == 0.4
    assert Notifier({}).watchdog_s == 0.0
