"""The simulated finger sensor itself: what it takes, refuses and forgets. Its wire is judged in test_finger_oracle."""

from typing import Any

import pytest

from hw.sim import lines
from hw.sim.device_finger_r30x import FingerDevice
from hw.sim.finger_chip import Options
from hw.sim.lines import LineSettings
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet

ANNA = 7


def device(**options: Any) -> FingerDevice:
    made = lines.make("finger", LineSettings("finger_r30x", 57600, options))
    assert isinstance(made, FingerDevice)
    made.power_up(0.0)
    return made


def asked(sensor: FingerDevice, command: int, given: bytes = b"", now_s: float = 10.0) -> bytes:
    """What the first packet of the answer holds; nothing when there is none."""
    sensor.receive(zfm.encode(Packet(Kind.COMMAND, bytes((command,)) + given)), now_s)
    said = b""
    while sensor.next_s() < now_s + 1.0:
        said += sensor.advance(sensor.next_s())
    packets = Decoder().feed(said)
    return packets[0].content if packets else b""


def test_a_lane_file_can_say_how_it_was_made() -> None:
    told = asked(device(system_id=3, capacity=100, packet_bytes=64), Command.PARAMETERS)
    parameters = zfm.parameters(told[1:])
    assert (parameters.system_id, parameters.capacity, parameters.packet_bytes) == (3, 100, 64)


def test_an_option_that_it_does_not_know_is_an_error_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"world\.lines\.finger: .*colour"):
        device(colour="red")


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("sing", {}),
        ("lay", {}),
        ("lay", {"finger": 0}),
        ("lay", {"finger": ANNA, "quality": "holy"}),
        ("fault", {"which": "sad", "on": True}),
        ("fault", {"which": "refusing"}),
    ],
)
def test_what_it_cannot_do_is_refused(what: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="takes lay, lift"):
        device().act(what, given, 0.0)


def test_bytes_arrive_and_leave_no_faster_than_the_line_carries_them() -> None:
    sensor = device()
    command = zfm.encode(Packet(Kind.COMMAND, bytes((Command.COUNT,))))
    sensor.receive(command, 10.0)
    assert sensor.next_s() == pytest.approx(10.0 + len(command) * 10 / 57600)
    assert sensor.advance(10.0) == b""
    assert sensor.advance(10.1) != b""


def test_while_it_starts_or_is_busy_it_hears_nothing() -> None:
    sensor = device(start_s=0.3)
    assert asked(sensor, Command.COUNT, now_s=0.2) == b""
    assert asked(sensor, Command.COUNT, now_s=0.4) != b""
    sensor.act("busy", {"for_s": 5}, 1.0)
    assert asked(sensor, Command.COUNT, now_s=5.9) == b""
    assert asked(sensor, Command.COUNT, now_s=6.1) != b""


def test_without_power_it_forgets_its_buffers_and_keeps_its_flash_and_password() -> None:
    sensor = device()
    sensor.act("lay", {"finger": ANNA}, 0.0)
    sensor.act("store", {"finger": ANNA}, 0.0)
    asked(sensor, Command.SET_PASSWORD, b"\1\2\3\4")
    asked(sensor, Command.PASSWORD, b"\1\2\3\4")
    asked(sensor, Command.LOOK)
    assert asked(sensor, Command.EXTRACT, b"\1") == bytes((Code.OK,))
    sensor.power_up(20.0)
    assert asked(sensor, Command.COUNT, now_s=30.0) == bytes((Code.PASSWORD_FIRST,))
    assert asked(sensor, Command.PASSWORD, b"\1\2\3\4", now_s=30.0) == bytes((Code.OK,))
    assert asked(sensor, Command.UPLOAD, b"\1", now_s=30.0) == bytes((Code.NOTHING_TO_UPLOAD,))
    assert asked(sensor, Command.COUNT, now_s=30.0) == bytes((Code.OK, 0, 1))


@pytest.mark.parametrize(
    ("command", "given", "code"),
    [
        (0x77, b"", Code.DAMAGED),
        (Command.SET_PASSWORD, b"\1", Code.DAMAGED),
        (Command.SET_PARAMETER, b"\5\7", Code.NO_SUCH_PARAMETER),
        (Command.EXTRACT, b"\1", Code.NO_PICTURE),
        (Command.STORE, b"\1\0\0", Code.NO_SUCH_PLACE),
        (Command.LOAD, b"\1\0\0", Code.FLASH_UNREADABLE),
    ],
)
def test_a_command_that_cannot_be_done_is_answered_with_its_code(command: int, given: bytes, code: Code) -> None:
    assert asked(device(), command, given) == bytes((code,))


def test_what_is_for_another_address_is_not_answered() -> None:
    sensor = device(address=5)
    assert asked(sensor, Command.COUNT) == b""


def test_a_host_that_floods_it_fills_no_memory() -> None:
    sensor = FingerDevice(Options(start_s=0.0))
    sensor.power_up(0.0)
    for _ in range(1000):
        sensor.receive(bytes(4096), 1.0)
    assert sum(len(data) for _, data in sensor._arriving) < 100_000
