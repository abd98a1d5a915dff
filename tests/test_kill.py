"""The supervisor is killed in the middle of a passage. The world survives it and tells what the doors did.

With a kernel that drops the lines of a dead process and with one that keeps them; with the watcher, and without it on
the hardware's own time limit alone.
"""

import signal
from contextlib import closing
from pathlib import Path

import pytest
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

from gatefw.errors import DeviceLost
from gatefw.ports import Pin
from hw import gpio
from hw.gpio.socket_pins import SocketFactory

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LIMIT_S = 6.0


def _openings(gate: LiveGate) -> list[str]:
    """Every time a door began to open from rest, by the door's name."""
    resting, opened = dict.fromkeys(("entry_door", "exit_door"), True), []
    for entry in gate.world.history():
        if entry.kind == "door":
            if entry["state"] == "opening" and resting[entry["door"]]:
                opened.append(entry["door"])
            resting[entry["door"]] = entry["state"] in ("secured", "closed")
    return opened


def _recorded(gate: LiveGate) -> list[str]:
    return [event["data"]["door"] for event in gate.events() if event["type"] == "gatefw.door.released.v1"]


def _own_violations(gate: LiveGate) -> list[str]:
    """What must never happen, but for the release that the test leaves to the hardware limit."""
    return [each["violation"] for each in gate.world.violations() if each["violation"] != "release_too_long"]


def _nothing_opened_alone_and_all_is_written(gate: LiveGate) -> None:
    assert _own_violations(gate) == []
    opened, recorded = _openings(gate), _recorded(gate)
    assert {door: opened.count(door) for door in opened} == {door: recorded.count(door) for door in opened}


def test_killed_while_somebody_is_inside_nothing_opens_and_the_next_daemon_lets_them_out(
    models: Path, photos: Path
) -> None:
    """Anna stands between the doors and looks away; the supervisor is killed; nobody was admitted.

    No door is driven then: what the kernel does with lines is told by those that are killed with one released.
    """
    with live_gate(models, photos, keep=True) as gate:
        gate.world.traveller("anna", code=gate.enrol(photos / "obama.jpg"))
        gate.await_phase("verifying")
        before = gate.world.mark()
        gate.kill()
        until(lambda: not gate.driven(), "every release to have ended", DEADLINE_S)
        gate.restart()
        assert gate.world.outcome("anna", DEADLINE_S) == "turned_back"
        gate.await_phase("idle")
        moved = [e["door"] for e in gate.world.history()[before:] if e.kind == "door"]
        assert "exit_door" not in moved
        _nothing_opened_alone_and_all_is_written(gate)
        ended = [e["data"]["reason"] for e in gate.events() if e["type"] == "gatefw.passage.ended.v1"]
        assert ended == ["restarted"]


@pytest.mark.parametrize("keep", [False, True], ids=["kernel-drops", "kernel-keeps"])
@pytest.mark.parametrize("watcher", [True, False], ids=["watcher", "hardware-limit"])
def test_killed_with_the_entry_released_the_release_ends(models: Path, photos: Path, keep: bool, watcher: bool) -> None:
    """The entry has just opened for somebody who turns away. What a dead process leaves on its pins is not for ever."""
    with live_gate(models, photos, keep=keep, watcher=watcher, hardware_limit_s=LIMIT_S) as gate:
        gate.world.traveller("dora", "undecided", code=gate.enrol(photos / "obama.jpg"), hesitate_s=5.0)
        gate.world.wait_for(
            lambda e: e.says("door", door="entry_door", state="opening"), DEADLINE_S, "the entry to open"
        )
        gate.kill()
        if keep and not watcher:
            assert gate.driven() == ["entry_door"]
        until(
            lambda: gate.doors() == {"entry_door": "secured", "exit_door": "secured"},
            "both doors to be secured",
            DEADLINE_S,
        )
        if watcher or not keep:
            assert gate.driven() == []
        gate.restart()
        gate.await_phase("idle")
        assert gate.driven() == []
        _nothing_opened_alone_and_all_is_written(gate)


def test_killed_while_a_technician_is_at_the_doors_the_next_daemons_let_nobody_in_until_it_is_opened(
    models: Path, photos: Path
) -> None:
    """The lane file puts it in service. It is killed in maintenance, and ended in order after that."""
    with live_gate(models, photos) as gate:
        gate.ask("maintain", name="mk", why="repair")
        gate.await_phase("maintenance")
        until((gate.run / "state" / "journal.sqlite.maintenance").is_symlink, "the disk to have it", DEADLINE_S)
        for how in (signal.SIGKILL, signal.SIGTERM):
            gate.kill(how)
            gate.restart()
            gate.await_phase("out_of_service")
            status = gate.ask("status")
            assert (status["in_service"], status["reason"], status["maintenance"]) == (False, "maintenance", None)
        assert _openings(gate) == []
        alarms = [e["data"]["reason"] for e in gate.events() if e["type"] == "gatefw.alarm.raised.v1"]
        assert alarms.count("maintenance") == 2
        gate.ask("open")
        gate.await_phase("idle")
        gate.kill()
        gate.restart()
        gate.await_phase("idle")
        assert gate.ask("status")["reason"] is None


@pytest.mark.parametrize("keep", [False, True], ids=["kernel-drops", "kernel-keeps"])
def test_killed_while_an_admitted_traveller_leaves_nobody_is_hurt_and_the_lane_comes_back(
    models: Path, photos: Path, keep: bool
) -> None:
    with live_gate(models, photos, keep=keep) as gate:
        gate.world.traveller("anna", code=gate.enrol(photos / "obama.jpg"), photo="obama2.jpg")
        gate.world.wait_for(lambda e: e.says("door", door="exit_door", state="opening"), DEADLINE_S, "the exit to open")
        gate.kill()
        until(lambda: not gate.driven(), "every release to have ended", DEADLINE_S)
        gate.restart()
        assert gate.world.outcome("anna", DEADLINE_S) in ("passed", "turned_back")
        gate.await_phase("idle")
        _nothing_opened_alone_and_all_is_written(gate)


def test_a_supervisor_that_hangs_is_ended_by_the_watcher_and_the_next_one_serves(models: Path, photos: Path) -> None:
    """SIGSTOP: the process is there, holds its lines, and does nothing."""
    with live_gate(models, photos, keep=True) as gate:
        gate.world.traveller("dora", "undecided", code=gate.enrol(photos / "obama.jpg"), hesitate_s=9.0)
        gate.world.wait_for(
            lambda e: e.says("door", door="entry_door", state="opening"), DEADLINE_S, "the entry to open"
        )
        gate.daemon.send_signal(signal.SIGSTOP)
        assert gate.daemon.wait(DEADLINE_S) == -signal.SIGKILL
        until(lambda: not gate.driven(), "every release to have ended", DEADLINE_S)
        gate.restart()
        gate.await_phase("idle")
        _nothing_opened_alone_and_all_is_written(gate)


def test_a_start_that_waits_for_a_missing_door_is_not_taken_for_a_hanging_one(models: Path, photos: Path) -> None:
    """Somebody else holds the exit's release line; the daemon waits longer for it than the watcher bears silence."""
    with live_gate(models, photos) as gate:
        gate.kill()
        until(lambda: not gate.driven(), "every release to have ended", DEADLINE_S)
        pins = SocketFactory(str(gate.run / "pins.sock"))
        with closing(pins):
            line = until(lambda: _held(pins), "the exit's release line")
            gate.restart()
            gate.await_phase("recovering")
            until(lambda: "held_open" in _alarms(gate), "the lane to look at its doors")
            until(
                lambda: gate.ask("status")["missing"] == ["door.exit_door"], "the exit alone to be missed", DEADLINE_S
            )
            line.close()
        gate.await_phase("idle")
        assert gate.daemon.poll() is None


def _alarms(gate: LiveGate) -> list[str]:
    return [event["data"]["reason"] for event in gate.events() if event["type"] == "gatefw.alarm.raised.v1"]


def _held(pins: SocketFactory) -> gpio.Output | None:
    """The exit's release line, off; None while the watcher still has it."""
    try:
        return gpio.Output(pins, Pin(23), "high")
    except DeviceLost:
        return None


def test_told_to_stop_it_lets_the_traveller_under_way_finish_and_takes_the_lane_out_of_service(
    models: Path, photos: Path
) -> None:
    with live_gate(models, photos) as gate:
        gate.world.traveller("anna", code=gate.enrol(photos / "obama.jpg"), photo="obama2.jpg")
        gate.await_phase("entering", "verifying")
        gate.kill(signal.SIGTERM)
        assert gate.daemon.returncode == 0
        assert gate.world.outcome("anna", DEADLINE_S) == "passed"
        gate.restart()
        gate.await_phase("idle")
        kinds = [event["type"].split(".", 1)[1] for event in gate.events()]
        assert "service.stopped.v1" in kinds
        _nothing_opened_alone_and_all_is_written(gate)


def test_told_to_stop_with_somebody_in_the_doorway_it_holds_the_door_until_they_are_through(
    models: Path, photos: Path
) -> None:
    """Nobody is counted inside, and the lane is on its way out of service; but a leaf would close on a body."""
    with live_gate(models, photos) as gate:
        gate.world.traveller("anna", "doorstopper", code=gate.enrol(photos / "obama.jpg"), stand_s=4.0)
        until(
            lambda: gate.ask("status")["beams"]["entry_door"] == "broken", "somebody to stand in the door", DEADLINE_S
        )
        before = gate.world.mark()
        gate.kill(signal.SIGTERM)
        assert gate.daemon.returncode == 0
        gate.world.wait_for(
            lambda e: e.says("door", door="entry_door", state="closing"), DEADLINE_S, "the entry to close", before
        )
        story = [(e.kind, e.facts.get("state")) for e in gate.world.history()[before:] if e.kind in ("door", "at")]
        assert story.index(("at", None)) < story.index(("door", "closing"))
        assert _own_violations(gate) == []
