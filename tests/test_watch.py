"""`gatefw watch`: where it hears of a gate, what it prints, and its screen with somebody at the keys."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from bus_bench import BusBench
from peers import until
from test_watch_seen import DECIDED, LISTED, STATUS

from gatefw.cli import main
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.errors import DeviceLost, Refusal
from gatefw.model import Fact, FactKind, Phase
from gatefw.watch.picture import plain
from gatefw.watch.screen import Asking, Doing, Watch
from gatefw.watch.seen import DevicesCame, EventCame, Message, Silent, StatusCame
from gatefw.watch.source import Source

WAIT_S = 60.0
CHANGED = Fact(FactKind.PHASE_CHANGED, None, (("phase", Phase.VERIFYING), ("previous", Phase.ENTERING)))
MAINTAINED = STATUS | {"phase": "maintenance", "maintenance": {"name": "mk", "why": "repair", "left_s": 60.0}}


def nothing_follows(since: int | None, ended: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
    while not ended():
        threading.Event().wait(0.01)
    return iter(())


# ---------------------------------------------------------------- where it comes from


class Gate:
    """A daemon as `Source` knows it: answers, or does not."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | None = STATUS
        self.asked: list[str] = []
        self.since: list[int | None] = []
        self.events: list[dict[str, Any]] = [DECIDED]

    def ask(self, verb: str) -> Mapping[str, Any]:
        self.asked.append(verb)
        if self.status is None:
            raise DeviceLost("gatefw at /x: is `gatefw run` running there?")
        return self.status if verb == "status" else LISTED

    def follow(self, since: int | None, ended: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        self.since.append(since)
        yield from self.events
        yield from nothing_follows(since, ended)


@contextmanager
def watched(gate: Gate) -> Iterator[Source]:
    with closing(Source(gate.ask, gate.follow, 0.01)) as source:
        source.start()
        yield source


def test_it_begins_with_how_the_lane_is_and_a_few_events_from_before() -> None:
    gate = Gate()
    with watched(gate) as source:
        until(lambda: source.seen.devices and source.seen.events, "the devices and an event")
        assert source.seen.lane is not None and source.seen.lane.phase == "verifying"
        until(lambda: gate.asked.count("status") > 4, "more of the lane")
    assert gate.since == [1234 - 40]
    assert gate.asked.count("status") > gate.asked.count("devices"), "which change more slowly"


def test_a_daemon_that_dies_is_told_and_one_that_comes_back_is_watched_again() -> None:
    gate = Gate()
    with watched(gate) as source:
        until(lambda: source.seen.lane is not None, "a status")
        gate.status = None
        until(lambda: bool(source.seen.gone), "that it is gone")
        assert source.seen.told() == {"answers": False, "why": "gatefw at /x: is `gatefw run` running there?"}
        gate.status = STATUS | {"phase": "idle"}
        until(lambda: not source.seen.gone, "that it is back")
        assert source.seen.lane is not None and source.seen.lane.phase == "idle"


def test_whoever_may_not_read_the_bus_still_sees_the_lane_and_why_no_events_come() -> None:
    def shut(since: int | None, ended: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        raise Refusal("event bus: does not let the key in")

    with closing(Source(Gate().ask, shut, 0.01)) as source:
        source.start()
        until(lambda: bool(source.seen.deaf) and source.seen.lane is not None, "both")
        assert source.seen.deaf == "event bus: does not let the key in"


def test_only_what_changes_by_more_than_time_is_a_change() -> None:
    gate = Gate()
    source = Source(gate.ask, nothing_follows)
    source.hear(StatusCame(STATUS))
    once = source.changes(0, 0.0)
    source.hear(StatusCame(STATUS | {"journal_head": 9999, "timer": {"name": "verify", "left_s": 1.0}}))
    assert source.changes(once, 0.0) == once
    source.hear(StatusCame(STATUS | {"phase": "leaving"}))
    assert source.changes(once, 0.0) == once + 1


# ---------------------------------------------------------------- the command


class Daemon:
    """Control socket and bus of a gate, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.status, self.orders = directory, STATUS | {"journal_head": 1}, list[Order]()
        self._bus = BusBench(directory)
        done = threading.Event()
        self._bus.journal.append(CHANGED, lambda _: done.set())
        assert done.wait(WAIT_S)
        self._server = ControlServer(directory / "control.sock", self._take)

    def _take(self, order: Order, reply: Callable[[Answer], None]) -> None:
        self.orders.append(order)
        told = {"status": self.status, "devices": LISTED}.get(order.verb)
        reply(Rejected(Rejection.REFUSED, "not here") if told is None else Done(told))

    def close(self) -> None:
        self._server.close()
        self._bus.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="gate-") as directory:
        daemon = Daemon(Path(directory))
        yield daemon
        daemon.close()


def test_once_prints_a_picture_as_plain_text(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--once", "--dir", str(daemon.directory)]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 24
    assert "waits for verify_face" in said
    assert "phase=verifying previous=entering" in said
    assert {order.verb for order in daemon.orders} == {"status", "devices"}


def test_once_before_a_gate_that_is_not_there_says_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--once", "--dir", str(tmp_path)]) == 1
    assert "is `gatefw run` running there?" in capsys.readouterr().out


def command(*words: str, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-m", "gatefw", "watch", *words], text=True, **more)


def test_json_is_a_line_for_each_change_until_it_is_interrupted(daemon: Daemon) -> None:
    with command("--json", "--dir", str(daemon.directory), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = (json.loads(line) for line in process.stdout)
        first = next(line for line in lines if line["devices"])
        assert (first["answers"], first["lane"]["phase"]) == (True, "verifying")
        daemon.status = daemon.status | {"phase": "leaving"}
        assert next(lines)["lane"]["phase"] == "leaving"
        daemon.close()
        gone = next(line for line in lines if not line["answers"])
        assert "is `gatefw run` running there?" in gone["why"]
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 130


def test_whoever_reads_its_lines_may_leave(daemon: Daemon) -> None:
    with command("--json", "--dir", str(daemon.directory), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        phases = cycle(("leaving", "idle"))

        def over() -> bool:
            daemon.status = daemon.status | {"phase": next(phases)}
            return process.poll() is not None

        until(over, "it to find nobody to write to")
        assert process.wait(WAIT_S) == 0
        assert process.stderr.read() == ""


@contextmanager
def terminal(daemon: Daemon, **env: str) -> "Iterator[tuple[subprocess.Popen[str], int, bytearray]]":
    """The command on a terminal of its own, once it has drawn; what it writes is in the last of these."""
    ours, its = pty.openpty()
    how = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", **env}
    said = bytearray()
    try:
        with command("--dir", str(daemon.directory), stdin=its, stdout=its, stderr=its, env=how) as process:
            os.close(its)
            while b"VERIFYING" not in said:
                said += os.read(ours, 65536)
            yield process, ours, said
            while process.poll() is None:
                try:
                    said += os.read(ours, 65536)
                except OSError:  # the terminal is closed with the process
                    break
            process.wait(WAIT_S)
    finally:
        os.close(ours)


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_it_is_a_screen_and_q_ends_it_without_a_trace(daemon: Daemon, colour: bool) -> None:
    with terminal(daemon, **({} if colour else {"NO_COLOR": "1"})) as (process, ours, said):
        os.write(ours, b"q")
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert (b"\x1b[32m" in said) is colour, "green, where it is well"


@pytest.mark.parametrize(("how", "status"), [("ctrl-c", 130), ("terminate", 128 + signal.SIGTERM)])
def test_however_it_is_ended_the_terminal_is_as_it_was(daemon: Daemon, how: str, status: int) -> None:
    with terminal(daemon) as (process, ours, said):
        if how == "ctrl-c":
            os.write(ours, b"\x03")
        else:
            process.terminate()
    assert process.returncode == status
    assert said.rindex(b"\x1b[?1049l") > said.rindex(b"\x1b[?1049h"), "off the second screen"


def test_a_terminal_that_nobody_reads_keeps_nothing_of_the_gate_waiting(daemon: Daemon) -> None:
    """The line is gone and the ssh does not know it yet: what is written stays in it, and the lane goes on."""
    with terminal(daemon) as (process, ours, _):
        phases = cycle(("leaving", "idle", "verifying"))

        def asked_on() -> bool:
            daemon.status = daemon.status | {"phase": next(phases)}
            return len(daemon.orders) > asked + 12

        asked = len(daemon.orders)
        until(asked_on, "it to ask on, though nobody reads")
        os.write(ours, b"q")
    assert process.returncode == 0


def test_a_dumb_terminal_is_not_drawn_on(daemon: Daemon) -> None:
    ours, its = pty.openpty()
    env = {**os.environ, "TERM": "dumb"}
    with command("--dir", str(daemon.directory), stdin=its, stdout=its, stderr=subprocess.PIPE, env=env) as process:
        os.close(its)
        assert process.stderr is not None
        assert "--once" in process.stderr.read()
        assert process.wait(WAIT_S) == 2
    os.close(ours)


# ---------------------------------------------------------------- the screen


class Keys:
    """A screen, somebody at its keys, and a gate that takes orders."""

    def __init__(self, *messages: Message) -> None:
        self.orders: list[tuple[str, Mapping[str, object]]] = []
        self.answers: list[Mapping[str, Any]] = []
        self.source = Source(lambda verb: {}, nothing_follows, now_s=lambda: 100.0)
        for message in messages:
            self.source.hear(message)
        self.app = Watch(self.source, self._order)

    def _order(self, verb: str, args: Mapping[str, object]) -> Mapping[str, Any]:
        self.orders.append((verb, args))
        if not self.answers:
            raise Refusal(f"{verb}: the lane is not in maintenance")
        return self.answers.pop(0)

    def play(self, scene: Callable[[Any], Coroutine[Any, Any, None]], size: tuple[int, int] = (80, 24)) -> None:
        async def run() -> None:
            async with self.app.run_test(size=size) as pilot:
                await pilot.pause()
                await scene(pilot)

        asyncio.run(run())

    def text(self) -> str:
        self.app.picture.look()
        return self.app.text


async def settle(pilot: Any, condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not come")


def test_the_screen_follows_the_gate_and_fills_whatever_terminal_there_is() -> None:
    keys = Keys(StatusCame(STATUS), DevicesCame(LISTED), EventCame(DECIDED))

    async def scene(pilot: Any) -> None:
        assert "VERIFYING" in keys.text()
        keys.source.hear(StatusCame(STATUS | {"phase": "leaving"}))
        assert "LEAVING" in keys.text()
        keys.source.hear(Silent("nobody there"))
        assert "! NO ANSWER" in keys.text()
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert len(keys.text().splitlines()) == 40
        assert plain(keys.app.picture.lines).count("DEVICES") == 1

    keys.play(scene)


def test_outside_of_maintenance_no_key_orders_anything() -> None:
    keys = Keys(StatusCame(STATUS), DevicesCame(LISTED))

    async def scene(pilot: Any) -> None:
        for key in ("t", "y", "e", "y", "down", "t", "y", "enter", "escape", "a", "o", "r"):
            await pilot.press(key)
        assert not isinstance(pilot.app.screen, Asking | Doing)

    keys.play(scene)
    assert keys.orders == []


def test_in_maintenance_a_door_is_tested_after_a_yes_and_what_is_said_of_it_is_shown() -> None:
    """The technician chooses the exit door, reads the warning, says yes, and sees it pass."""
    keys = Keys(StatusCame(MAINTAINED), DevicesCame(LISTED))
    keys.answers = [
        {"session": "s", "seen": 0, "said": []},
        {"session": "s", "seen": 1, "said": [{"prompt": "keep clear"}, {"position": "open"}]},
        {"session": "s", "seen": 1, "said": [], "outcome": {"device": "door.exit_door", "passed": True, "why": ""}},
    ]

    async def scene(pilot: Any) -> None:
        await pilot.press("down", "up", "t")
        assert "THE DOOR WILL MOVE" in pilot.app.screen.question
        await pilot.press("y")
        await settle(pilot, lambda: isinstance(pilot.app.screen, Doing) and pilot.app.screen.over)
        said = pilot.app.screen.said
        assert said == ["test door.exit_door", "keep clear", "position=open", "door.exit_door: passed"]
        await pilot.press("q")
        assert not isinstance(pilot.app.screen, Doing)

    keys.play(scene)
    assert keys.orders[0] == ("device_test", {"device": "door.exit_door", "asks": True})


@pytest.mark.parametrize("no", ["n", "escape", "q", "enter"])
def test_without_a_yes_nothing_moves(no: str) -> None:
    keys = Keys(StatusCame(MAINTAINED), DevicesCame(LISTED))

    async def scene(pilot: Any) -> None:
        await pilot.press("t", no)
        await pilot.press("e", no)

    keys.play(scene)
    assert keys.orders == []


def test_answers_and_the_wish_to_end_reach_the_test_that_asks() -> None:
    keys = Keys(StatusCame(MAINTAINED), DevicesCame(LISTED))
    going, more = {"session": "s", "seen": 1, "said": []}, 200
    keys.answers = [going] * more
    over = {"session": "s", "seen": 1, "said": [], "outcome": {"device": "x", "passed": False, "why": "given up"}}

    async def scene(pilot: Any) -> None:
        await pilot.press("t", "y")
        await settle(pilot, lambda: isinstance(pilot.app.screen, Doing))
        await pilot.press("n")
        await settle(pilot, lambda: any(args.get("say") == "no" for _, args in keys.orders))
        await pilot.press("q")
        await settle(pilot, lambda: any(args.get("say") == "end" for _, args in keys.orders))
        keys.answers = [over]
        await settle(pilot, lambda: pilot.app.screen.over)
        assert pilot.app.screen.said[-2:] == ["x: failed", "given up"]

    Slow(keys)
    keys.play(scene)


class Slow:
    """The daemon takes its time for each look, as it does."""

    def __init__(self, keys: Keys) -> None:
        order = keys.app.order

        def slowly(verb: str, args: Mapping[str, object]) -> Mapping[str, Any]:
            threading.Event().wait(0.02)
            told = order(verb, args)
            if "outcome" not in told:
                keys.answers.append(told)
            return told

        keys.app.order = slowly


def test_a_refusal_of_the_daemon_is_shown_and_nothing_else_happens() -> None:
    keys = Keys(StatusCame(MAINTAINED), DevicesCame(LISTED))

    async def scene(pilot: Any) -> None:
        await pilot.press("t", "y")
        await settle(pilot, lambda: isinstance(pilot.app.screen, Doing) and pilot.app.screen.over)
        assert pilot.app.screen.said[-1] == "! device_test: the lane is not in maintenance"
        await pilot.press("escape")
        await pilot.press("e", "y")
        await settle(pilot, lambda: len(keys.orders) == 2)

    keys.play(scene)
    assert [verb for verb, _ in keys.orders] == ["device_test", "maintain_end"]
