"""A door with a Modbus controller: what is proven when it is opened, who ends a release, what its faults mean."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modbus_peers import DOOR_UNIT, INPUTS_UNIT, MAP, OTHER_DOOR_UNIT, InMemory, opened
from peers import until

import hw.door_modbus
from gatefw.errors import BadReply, DeviceError, DeviceLost, SetupError, WrongDevice
from gatefw.gate_terms import DeviceCame, DeviceWent, GateInput
from gatefw.model import DoorId, Position, Reason
from gatefw.workers import DoorWorker
from hw.door_modbus import ModbusDoor, Settings, fault_text
from hw.sim.device_modbus_line import COMMAND, TIMEOUT, TORQUE

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[InMemory]:
    peer = InMemory(tmp_path)
    peer.site.circuits |= {f"{door}.{name}": True for door in DoorId for name in ("closed", "locked", "beam")}
    yield peer
    peer.close()


def settings(peer: InMemory, **changes: Any) -> Settings:
    return Settings(**{"link": peer.url, **MAP, **changes})


@pytest.fixture
def doors(peer: InMemory) -> Iterator[list[ModbusDoor]]:
    """Whatever is appended is closed."""
    opened_doors: list[ModbusDoor] = []
    yield opened_doors
    for door in opened_doors:
        door.close()


def opens(peer: InMemory, doors: list[ModbusDoor], **changes: Any) -> ModbusDoor:
    door = opened(lambda: hw.door_modbus.open(settings(peer, **changes)))
    doors.append(door)
    return door


def registers(peer: InMemory, unit: int = DOOR_UNIT) -> dict[int, int]:
    found: dict[int, int] = peer.line.units[unit].registers  # type: ignore[union-attr]
    return found


def test_the_time_out_and_the_torque_limit_are_in_the_controller_before_the_door_is_used(
    peer: InMemory, doors: list[ModbusDoor]
) -> None:
    opens(peer, doors, command_timeout_s=2.5, torque_percent=35)
    assert registers(peer)[TIMEOUT] == 25
    assert registers(peer)[TORQUE] == 35


def test_a_controller_that_does_not_keep_its_limit_is_refused(peer: InMemory) -> None:
    peer.line.units[DOOR_UNIT].keeps_torque = True  # type: ignore[union-attr]
    with pytest.raises(WrongDevice, match=r"torque limit \(register 4\) was set to 30 and reads 60"):
        hw.door_modbus.open(settings(peer))


def test_another_unit_in_its_place_is_refused(peer: InMemory) -> None:
    with pytest.raises(WrongDevice, match="says it is 0x47570002, wanted is 0x47570001"):
        hw.door_modbus.open(settings(peer, unit=INPUTS_UNIT))
    peer.act("identity", DOOR_UNIT, **{"is": 0x12345678})
    with pytest.raises(WrongDevice, match="0x12345678"):
        opened(lambda: hw.door_modbus.open(settings(peer)))


def test_nobody_at_that_number_is_lost_and_not_wrong(peer: InMemory) -> None:
    with pytest.raises(DeviceLost, match=r"unit 99.*no valid reply"):
        hw.door_modbus.open(settings(peer, unit=99, reply_s=0.05))


def test_a_register_map_of_another_maker_is_refused_by_name(peer: InMemory) -> None:
    with pytest.raises(BadReply, match="write register 900 was refused: exception 2"):
        hw.door_modbus.open(settings(peer, command_register=900))


def test_registers_that_cannot_be_read_together_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(SetupError, match="lie 134 apart"):
        hw.door_modbus.open(Settings(link="memory:nobody", **{**MAP, "fault_register": 150}))


def test_the_controller_ends_a_release_that_nobody_repeats(peer: InMemory, doors: list[ModbusDoor]) -> None:
    """The line is gone in the middle of a release: no command can be sent, and none is needed."""
    door = opens(peer, doors, command_timeout_s=0.5)
    door.release(600.0)
    until(lambda: peer.site.shown[ENTRY][-1], "the door is released")
    peer.unplug()
    until(lambda: not peer.site.shown[ENTRY][-1], "the controller secures it")
    assert registers(peer)[COMMAND] == 0


def test_a_release_is_repeated_for_as_long_as_it_is_leased(peer: InMemory, doors: list[ModbusDoor]) -> None:
    controller = peer.line.units[DOOR_UNIT]
    door = opens(peer, doors, command_timeout_s=10.0)
    door.release(600.0)
    until(lambda: peer.site.shown[ENTRY][-1], "the door is released")
    first_s = controller.commanded_s  # type: ignore[union-attr]
    until(lambda: controller.commanded_s > first_s, "the command is repeated")  # type: ignore[union-attr]
    assert peer.site.shown[ENTRY] == [False, True]


def test_a_controller_that_was_restarted_is_noticed_before_it_can_hold_a_door_for_ever(
    peer: InMemory, doors: list[ModbusDoor]
) -> None:
    door = opens(peer, doors)
    peer.act("restart", DOOR_UNIT)
    assert registers(peer)[TIMEOUT] == 0
    until(lambda: _says(door, DeviceLost, "was restarted"), "the restart is noticed")
    again = opens(peer, doors)
    assert registers(peer)[TIMEOUT] == 100
    assert again.read().position is Position.SECURED


def test_a_fault_word_is_an_error_with_its_meaning_and_passes_with_it(peer: InMemory, doors: list[ModbusDoor]) -> None:
    door = opens(peer, doors)
    peer.act("fault", DOOR_UNIT, word=0b1010)
    until(lambda: _says(door, DeviceError, "fault word 0x000a: travel blocked, bit 3"), "the fault is told")
    door.release(600.0)
    until(lambda: peer.site.shown[ENTRY][-1], "a door with a fault is released all the same")
    peer.act("fault", DOOR_UNIT, word=0)
    until(lambda: not _says(door, DeviceError, ""), "the fault is over")


def test_in_an_emergency_a_door_with_a_fault_stays_released_by_the_lane_that_cannot_read_it(peer: InMemory) -> None:
    told: list[GateInput] = []
    worker = DoorWorker(ENTRY, lambda: hw.door_modbus.open(settings(peer)), told.append)
    worker.start()
    until(lambda: DeviceCame("door.entry_door") in told, "the door")
    worker.free(600.0)
    until(lambda: peer.site.shown[ENTRY] == [False, True], "the release")
    peer.act("fault", DOOR_UNIT, word=0b1010)
    until(lambda: DeviceWent("door.entry_door", Reason.DEVICE_LOST) in told, "the fault is told")
    progress = worker.progress
    until(lambda: worker.progress > progress + 3, "the door is looked after")
    assert peer.site.shown[ENTRY] == [False, True]
    worker.stop(30)
    assert peer.site.shown[ENTRY] == [False, True, False]


def test_a_silent_door_keeps_neither_the_other_door_nor_its_release_from_working(
    peer: InMemory, doors: list[ModbusDoor]
) -> None:
    silent = opens(peer, doors, reply_s=0.3)
    other = opens(peer, doors, unit=OTHER_DOOR_UNIT)
    peer.act("mute", DOOR_UNIT)
    other.release(600.0)
    until(lambda: peer.site.shown[EXIT][-1], "the other door is released")
    until(lambda: _says(silent, DeviceLost, "no valid reply"), "the silent door is lost")
    assert other.read().position is Position.SECURED


def test_a_position_that_contradicts_the_contacts_is_unknown_once_they_had_time_to_settle(
    peer: InMemory, doors: list[ModbusDoor]
) -> None:
    door = opens(peer, doors, settle_s=0.05)
    until(lambda: door.read().position is Position.SECURED, "the door is secured")
    peer.site.doors[ENTRY].opening = 0.5
    until(lambda: door.read().position is Position.UNKNOWN, "closed, and yet half open")
    peer.site.doors[ENTRY].opening = 0.01
    until(lambda: door.read().position is Position.SECURED, "a leaf with play is closed")
    peer.site.circuits["entry_door.closed"] = False
    until(lambda: door.read().position is Position.UNKNOWN, "locked, and yet not closed")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0, ""),
        (1, "fault word 0x0001: motor over current"),
        (0x8002, "fault word 0x8002: travel blocked, bit 15"),
    ],
)
def test_a_fault_word_is_told_in_the_words_of_the_config(word: int, text: str) -> None:
    assert fault_text(Settings(link="memory:none", **MAP), word) == text


def _says(door: ModbusDoor, kind: type[Exception], text: str) -> bool:
    try:
        door.read()
    except kind as problem:
        return text in str(problem)
    return False
