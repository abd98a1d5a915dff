"""A whole lane whose doors and contacts hang on one Modbus line: passages, a killed daemon, a pulled plug."""

import re
from pathlib import Path

import pytest
from live_gate import DEADLINE_S, live_gate
from peers import until

from hw.sim.device_modbus_line import DOOR_IDENTITY, INPUTS_IDENTITY

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LINK = 'link = "serial:${RUN}/tty-field?baud=115200"'
CHANNELS = (
    "zone_airlock",
    "zone_airlock_many",
    "zone_front",
    "zone_behind",
    "fire",
    "call",
    "stop",
    "officer_evacuate",
)
REPLY_S = "reply_s = 1.0"  # a machine that is busy is slow, not lost
DOOR = f"""
driver = "modbus"
{LINK}
{REPLY_S}
unpowered = "%s"
at_boot = "secured"
identity_register = 0
identity = {DOOR_IDENTITY}
command_register = 2
timeout_register = 3
status_register = 16
fault_register = 17
position_register = 18
position_open = 1000
torque_register = 4
fault_names = "motor over current, travel blocked"
command_timeout_s = 4.0
"""


def on_modbus(lane: str) -> str:
    """The simulated lane with every pin but the lamps replaced by units 1, 2 and 10 of one line."""
    for number, (door, unpowered) in enumerate((("entry_door", "released"), ("exit_door", "secured")), 1):
        table = f"[door.{door}]{DOOR % unpowered}unit = {number}\n\n"
        lane = re.sub(rf"(?ms)^\[door\.{door}\].*?(?=^\[)", table, lane)
    inputs = "\n".join(f"{name} = {channel}" for channel, name in enumerate(CHANNELS))
    sensors = f'driver = "modbus"\n{LINK}\n{REPLY_S}\nunit = 10\nidentity_register = 0\nidentity = {INPUTS_IDENTITY}\n'
    lane = re.sub(r"(?ms)^\[sensors\.lane\].*?(?=^\[)", f"[sensors.lane]\n{sensors}{inputs}\n\n", lane)
    names = ", ".join(f'"{name}"' for name in CHANNELS)
    return lane + (
        '\n[world.lines.field]\ndevice = "modbus_line"\nbaud = 115200\n'
        'units.1 = { door = "entry_door" }\nunits.2 = { door = "exit_door" }\n'
        f"units.10 = {{ inputs = [{names}] }}\n"
    )


def test_a_traveller_passes_a_lane_on_modbus(models: Path, photos: Path) -> None:
    with live_gate(models, photos, change=on_modbus) as gate:
        gate.world.traveller("anna", code=gate.enrol(photos / "obama.jpg"), photo="obama2.jpg")
        assert gate.world.outcome("anna", 60.0) == "passed"
        assert gate.world.violations() == []


def test_the_controllers_end_a_release_when_the_daemon_is_killed_with_no_watcher(models: Path, photos: Path) -> None:
    with live_gate(models, photos, change=on_modbus, watcher=False) as gate:
        gate.world.traveller("dora", "undecided", code=gate.enrol(photos / "obama.jpg"), hesitate_s=20.0)
        gate.world.wait_for(lambda e: e.says("door", door="entry_door", state="opening"), 60.0, "the entry to open")
        gate.kill()
        until(lambda: not gate.driven(), "the controller to end the release", DEADLINE_S)
        assert [each["violation"] for each in gate.world.violations()] == []


def test_a_pulled_plug_degrades_the_lane_and_a_plug_put_back_serves_again(models: Path, photos: Path) -> None:
    with live_gate(models, photos, change=on_modbus) as gate:
        gate.world.do("line", line="field", plugged=False)
        gate.await_phase("degraded", "recovering")
        until(lambda: len(gate.ask("status")["missing"]) == 3, "both doors and the sensors to be missing", DEADLINE_S)
        gate.world.do("line", line="field", plugged=True)
        until(lambda: gate.ask("status")["missing"] == [], "nothing to be missing", DEADLINE_S)
        gate.await_phase("idle")


def test_a_controller_that_goes_silent_takes_its_own_door_and_no_other(models: Path, photos: Path) -> None:
    with live_gate(models, photos, change=on_modbus) as gate:
        gate.world.do("line", line="field", act="mute", **{"with": {"unit": 2}})
        until(lambda: gate.ask("status")["missing"] == ["door.exit_door"], "the exit to be missing", DEADLINE_S)
        gate.world.do("input", input="fire", on=True)
        gate.world.wait_for(lambda e: e.says("door", door="entry_door", state="open"), 60.0, "the entry to open")
        until(lambda: gate.driven() == ["entry_door"], "its release, after the questions to the silent one", DEADLINE_S)
        gate.await_phase("evacuated")
        gate.kill()  # it would not end by itself while there is a fire
