"""The finger sensor's driver against the simulated sensor: what it proves, refuses, overwrites; in virtual time."""

import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from finger_peers import QUICK, MemorySensor, VirtualSensor
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import BadReply, DeviceError, DeviceLost, Refusal, StoreError, WrongDevice
from gatefw.model import Reason
from hw import finger_r30x
from hw.finger_r30x import FingerSensor, Settings
from hw.sim.finger_chip import FAULTS
from hw.wire import zfm
from hw.wire.zfm import Command

ANNA, BORIS = 7, 8
SECRET, OTHER = bytes.fromhex("c0ffee01"), bytes.fromhex("c0ffee02")


def enrolled(bench: VirtualSensor, sensor: FingerSensor, finger: int) -> bytes:
    bench.act("lay", finger=finger)
    assert sensor.look(1) is sensor.look(2) is Reason.OK
    template = sensor.merge()
    assert template is not None
    bench.act("lift")
    return template


def compared(bench: VirtualSensor, sensor: FingerSensor, template: bytes, finger: int) -> bool:
    sensor.load(template)
    bench.act("lay", finger=finger)
    assert sensor.look(1) is Reason.OK
    return sensor.compare().matched


# ---------------------------------------------------------------- comparing


def test_a_finger_matches_its_own_template_and_no_other() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    anna, boris = enrolled(bench, sensor, ANNA), enrolled(bench, sensor, BORIS)
    assert compared(bench, sensor, anna, ANNA)
    assert compared(bench, sensor, boris, BORIS)
    assert not compared(bench, sensor, anna, BORIS)
    assert not compared(bench, sensor, boris, ANNA)


@pytest.mark.parametrize("packet_bytes", [32, 64, 128, 256])
@pytest.mark.parametrize("template_bytes", [256, 500, 512, 768])
def test_a_template_of_any_size_goes_over_the_line_in_packets_of_any_size(
    packet_bytes: int, template_bytes: int
) -> None:
    options = replace(QUICK, packet_bytes=packet_bytes, template_bytes=template_bytes)
    bench = VirtualSensor(options, template_bytes=template_bytes)
    sensor = bench.open()
    assert sensor.kind == f"zfm:0009:{template_bytes}"
    assert compared(bench, sensor, enrolled(bench, sensor, ANNA), ANNA)


@pytest.mark.parametrize("fault", ["download_ignored", "download_damaged"])
def test_a_template_that_did_not_arrive_is_noticed_before_anything_is_compared(fault: str) -> None:
    """Otherwise the next traveller would be compared with the one before."""
    bench = VirtualSensor()
    sensor = bench.open()
    anna, boris = enrolled(bench, sensor, ANNA), enrolled(bench, sensor, BORIS)
    sensor.load(anna)
    bench.act("fault", which=fault, on=True)
    with pytest.raises(BadReply, match="does not hold what was sent"):
        sensor.load(boris)


def test_data_packets_that_were_lost_are_noticed() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    template = enrolled(bench, sensor, ANNA)
    bench.act("fault", which="drop_packets", on=True)
    with pytest.raises(BadReply, match="384 bytes of a template came and it has 512"):
        sensor.load(template)


def test_a_template_of_another_size_is_not_sent_at_all() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    sent = len(bench.link.written)
    with pytest.raises(Refusal, match="100 bytes"):
        sensor.load(bytes(100))
    assert len(bench.link.written) == sent


def test_two_samples_of_two_fingers_make_no_template() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("lay", finger=ANNA)
    sensor.look(1)
    bench.act("lay", finger=BORIS)
    sensor.look(2)
    assert sensor.merge() is None


def test_a_template_that_reads_differently_the_second_time_is_not_believed() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("lay", finger=ANNA)
    sensor.look(1)
    sensor.look(2)
    bench.act("fault", which="upload_moody", on=True)
    with pytest.raises(BadReply, match="read twice"):
        sensor.merge()


@pytest.mark.parametrize(
    ("quality", "seen"), [("good", Reason.OK), ("smudged", Reason.FINGER_UNCLEAR), ("dry", Reason.FINGER_UNCLEAR)]
)
def test_what_lies_there_is_told(quality: str, seen: Reason) -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    assert sensor.look() is Reason.NO_FINGER
    bench.act("lay", finger=ANNA, quality=quality)
    assert sensor.look() is seen
    bench.act("lift")
    assert sensor.look() is Reason.NO_FINGER


# ---------------------------------------------------------------- nobody stays


def test_what_was_compared_is_overwritten_and_only_once() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    assert compared(bench, sensor, enrolled(bench, sensor, ANNA), ANNA)
    sensor.wipe()
    assert bench.device.chip.buffers == {1: bytes(512), 2: bytes(512)}
    heard = len(bench.device.heard)
    sensor.wipe()
    assert len(bench.device.heard) == heard


def test_a_sensor_that_is_closed_holds_nobody() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    enrolled(bench, sensor, ANNA)
    sensor.close()
    sensor.close()
    assert bench.link.closed
    assert not any(any(buffer) for buffer in bench.device.chip.buffers.values())


def test_closing_a_sensor_that_is_gone_is_no_error() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    enrolled(bench, sensor, ANNA)
    bench.link.unplugged = True
    sensor.close()
    assert bench.link.closed


def test_a_sensor_that_does_not_let_itself_be_overwritten_is_not_used() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    enrolled(bench, sensor, ANNA)
    bench.act("fault", which="download_ignored", on=True)
    with pytest.raises(BadReply):
        sensor.wipe()


def test_nobody_is_ever_stored_in_its_flash() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    compared(bench, sensor, enrolled(bench, sensor, ANNA), ANNA)
    assert Command.STORE not in bench.device.heard
    assert bench.device.chip.flash == {}


def test_somebody_who_was_stored_by_another_is_noticed_while_it_is_in_use() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    sensor.check()
    bench.act("store", finger=ANNA)
    with pytest.raises(WrongDevice, match="1 people are stored"):
        sensor.check()


def test_a_trace_of_a_comparison_shows_commands_and_no_template_and_no_password() -> None:
    bench = VirtualSensor()
    bench.device.chip.password = SECRET
    sensor, scrub = bench.open(SECRET), finger_r30x.scrubber()
    template = enrolled(bench, sensor, ANNA)
    assert compared(bench, sensor, template, ANNA)
    written = b"".join(bench.link.written)
    shown = b"".join(scrub(">", data) for data in bench.link.written)
    assert len(shown) == len(written)
    assert SECRET in written and template[100:108] in written
    assert SECRET not in shown and template[100:108] not in shown
    commands = [packet.content[0] for packet in zfm.Decoder().feed(shown) if packet.kind is zfm.Kind.COMMAND]
    assert commands == bench.device.heard


# ---------------------------------------------------------------- the right one, or none


@pytest.fixture
def wired() -> "MemorySensor":
    sensor = MemorySensor()
    yield sensor
    sensor.unplug()


def settings(**changed: object) -> Settings:
    return Settings(**({"link": MemorySensor.url, "reply_s": 3.0} | changed))


def test_a_sensor_in_which_people_are_stored_is_refused_until_it_was_installed(wired: MemorySensor) -> None:
    wired.act("store", finger=ANNA)
    wired.plug()
    with pytest.raises(WrongDevice, match="gatefw device install"):
        finger_r30x.open(settings())
    wired.unplug()
    wired.plug()
    finger_r30x.install(settings())
    wired.unplug()
    wired.plug()
    finger_r30x.open(settings()).close()


def test_a_flash_that_cannot_be_emptied_is_told(wired: MemorySensor) -> None:
    wired.act("store", finger=ANNA)
    wired.act("fault", which="forgetful_flash", on=True)
    wired.plug()
    with pytest.raises(WrongDevice, match="1 people are left"):
        finger_r30x.install(settings())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"system_id": 8}, "system id 9, configured is 8"),
        ({"template_bytes": 768}, "it has 768"),
    ],
)
def test_another_make_of_sensor_is_refused(wired: MemorySensor, changed: dict[str, object], says: str) -> None:
    wired.plug()
    with pytest.raises(DeviceError, match=says):
        finger_r30x.open(settings(**changed))


def test_nobody_at_the_line_is_a_lost_device() -> None:
    with pytest.raises(DeviceLost):
        finger_r30x.open(settings())


def test_an_address_that_is_not_the_sensors_finds_nobody() -> None:
    bench = VirtualSensor(address=5)
    with pytest.raises(DeviceLost, match="this address"):
        bench.open()


def test_something_else_that_talks_is_the_wrong_device() -> None:
    bench = VirtualSensor()
    bench.link.garbled = True
    with pytest.raises(WrongDevice, match=r"no packet.*no finger sensor"):
        bench.open()


def test_a_sensor_that_refuses_its_parameters_is_the_wrong_device() -> None:
    bench = VirtualSensor()
    bench.device.chip.parameters = replace(bench.device.chip.parameters, baud=0)
    with pytest.raises(WrongDevice, match="baud rate"):
        bench.open()


def test_a_sensor_that_compares_too_leniently_is_put_right() -> None:
    bench = VirtualSensor(security_level=5)
    bench.open()
    assert bench.device.chip.parameters.security_level == 5
    again = bench.device.heard.count(Command.SET_PARAMETER)
    bench.open()
    assert bench.device.heard.count(Command.SET_PARAMETER) == again


def test_a_sensor_that_does_not_keep_its_security_level_is_refused() -> None:
    bench = VirtualSensor(security_level=5)
    frozen = bench.device.chip.parameters

    class Stubborn(type(bench.device.chip)):  # type: ignore[misc]
        parameters = property(lambda _self: frozen, lambda _self, _value: None)

    bench.device.chip.__class__ = Stubborn
    with pytest.raises(WrongDevice, match="security level"):
        bench.open()


# ---------------------------------------------------------------- the password


def key_file(folder: Path, secret: bytes | None, name: str = "finger.pin") -> Path:
    path = folder / name
    if secret is not None:
        path.write_text(secret.hex() + "\n")
        path.chmod(0o600)
    return path


@pytest.fixture
def locked(wired: MemorySensor) -> MemorySensor:
    wired.device.chip.password = SECRET
    wired.plug()
    return wired


def test_a_sensor_with_our_password_opens(locked: MemorySensor, tmp_path: Path) -> None:
    finger_r30x.open(settings(password_file=str(key_file(tmp_path, SECRET)))).close()


@pytest.mark.parametrize("secret", [OTHER, None])
def test_a_sensor_with_another_password_is_the_wrong_device_and_none_is_shown(
    locked: MemorySensor, tmp_path: Path, secret: bytes | None
) -> None:
    path = str(key_file(tmp_path, secret)) if secret else ""
    with pytest.raises(WrongDevice, match="another password") as refused:
        finger_r30x.open(settings(password_file=path))
    assert "c0ffee" not in str(refused.value)


def test_a_password_file_that_is_not_there_is_not_made_up_for_by_the_published_password(
    wired: MemorySensor, tmp_path: Path
) -> None:
    wired.plug()
    with pytest.raises(StoreError, match="is not there"):
        finger_r30x.open(settings(password_file=str(tmp_path / "gone.pin")))


def test_installing_agrees_a_password_that_nobody_else_knows(wired: MemorySensor, tmp_path: Path) -> None:
    wired.plug()
    path = tmp_path / "finger.pin"
    finger_r30x.install(settings(password_file=str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() == wired.device.chip.password.hex() != "00000000"
    wired.unplug()
    wired.plug()
    finger_r30x.open(settings(password_file=str(path))).close()


def test_installing_again_keeps_the_password_that_was_agreed(locked: MemorySensor, tmp_path: Path) -> None:
    path = key_file(tmp_path, SECRET)
    finger_r30x.install(settings(password_file=str(path)))
    assert locked.device.chip.password == SECRET


def test_a_password_is_renewed_and_the_old_one_is_worth_nothing(tmp_path: Path) -> None:
    path = key_file(tmp_path, SECRET)
    bench = VirtualSensor(password_file=str(path))
    bench.device.chip.password = SECRET
    sensor = bench.open(SECRET)
    sensor.renew_secret()
    fresh = bench.device.chip.password
    assert fresh not in (SECRET, zfm.PUBLISHED_PASSWORD)
    assert path.read_text().strip() == fresh.hex()
    assert list(tmp_path.iterdir()) == [path]
    sensor.check()
    with pytest.raises(WrongDevice):
        bench.open(SECRET)


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_crash_while_the_password_is_renewed_leaves_one_that_opens_the_sensor(tmp_path: Path, dies_at: int) -> None:
    """Before the sensor hears of it, after that, and after it has proven to know it."""
    path = key_file(tmp_path, SECRET)
    bench = VirtualSensor(password_file=str(path))
    bench.device.chip.password = SECRET
    sensor = bench.open(SECRET)
    healthy, writes = bench.link.write, iter(range(9))

    def dying(data: bytes) -> None:
        number = next(writes)
        if number == dies_at and dies_at < 2:
            raise Crash
        healthy(data)
        if number == 1 and dies_at == 2:
            bench.link.now = bench.device.next_s()
            bench.device.advance(bench.link.now)
            raise Crash

    bench.link.write = dying  # type: ignore[method-assign]  the far end of the wire, at which the process dies
    with pytest.raises(Crash):
        sensor.renew_secret()
    bench.link.write = healthy  # type: ignore[method-assign]
    secret = finger_r30x.SecretFile(path, 4)
    bench.open(*secret.candidates())
    assert path.read_text().strip() == bench.device.chip.password.hex()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("told", [True, False])
def test_a_first_password_that_a_crash_left_half_agreed_is_taken_up_again(
    wired: MemorySensor, tmp_path: Path, told: bool
) -> None:
    key_file(tmp_path, SECRET, "finger.pin.new")
    wired.device.chip.password = SECRET if told else zfm.PUBLISHED_PASSWORD
    wired.plug()
    path = tmp_path / "finger.pin"
    finger_r30x.install(settings(password_file=str(path)))
    assert path.read_text().strip() == wired.device.chip.password.hex()
    assert wired.device.chip.password != zfm.PUBLISHED_PASSWORD


def test_without_a_password_file_none_can_be_renewed() -> None:
    bench = VirtualSensor()
    with pytest.raises(Refusal, match="password_file"):
        bench.open().renew_secret()
    assert bench.device.chip.password == zfm.PUBLISHED_PASSWORD


# ---------------------------------------------------------------- a line that is not well


def test_a_silent_sensor_is_lost_after_the_time_for_an_answer() -> None:
    bench = VirtualSensor(reply_s=1.5)
    sensor = bench.open()
    bench.act("busy", for_s=60)
    began_s = bench.link.now
    with pytest.raises(DeviceLost, match="no answer to COUNT"):
        sensor.check()
    assert bench.link.now - began_s == pytest.approx(1.5)


def test_closing_a_sensor_that_is_out_of_step_waits_for_nothing() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("lay", finger=ANNA)
    sensor.look()
    bench.act("busy", for_s=60)
    with pytest.raises(DeviceLost):
        sensor.check()
    began_s = bench.link.now
    sensor.close()
    assert bench.link.now == began_s
    assert bench.link.closed


def test_an_answer_from_another_address_is_not_this_sensors() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("store", finger=ANNA)
    bench.device._saying.append((0.0, zfm.encode(zfm.Packet(zfm.Kind.REPLY, b"\0\0\0", address=5))))
    with pytest.raises(WrongDevice, match="1 people"):
        sensor.check()


def test_a_sensor_that_understands_nothing_is_a_bad_reply() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("fault", which="refusing", on=True)
    for ask in (sensor.check, sensor.look, sensor.compare, sensor.merge):
        with pytest.raises(BadReply, match="DAMAGED"):
            ask()


def test_a_sensor_that_is_still_starting_is_asked_until_it_answers() -> None:
    """It hears nothing for the first moments, as after a plug was put in."""
    bench = VirtualSensor(replace(QUICK, start_s=0.9))
    bench.device.power_up(bench.link.now)
    began_s = bench.link.now
    bench.open()
    assert 0.9 <= bench.link.now - began_s < 0.9 + 2 * finger_r30x.GREET_S


def test_nobody_is_left_in_a_sensor_that_is_closed_though_it_was_still_starting_when_it_was_opened() -> None:
    bench = VirtualSensor(replace(QUICK, start_s=0.9))
    bench.device.power_up(bench.link.now)
    sensor = bench.open()
    assert compared(bench, sensor, enrolled(bench, sensor, ANNA), ANNA)
    sensor.close()
    assert not any(map(any, bench.device.chip.buffers.values()))


def test_a_sensor_that_starts_for_ever_is_lost_when_its_time_is_over() -> None:
    bench = VirtualSensor(replace(QUICK, start_s=3600.0), reply_s=2.0)
    bench.device.power_up(bench.link.now)
    began_s = bench.link.now
    with pytest.raises(DeviceLost, match="no answer"):
        bench.open()
    assert bench.link.now - began_s == pytest.approx(2.0)


@pytest.mark.parametrize("password", [zfm.PUBLISHED_PASSWORD, SECRET])
@pytest.mark.parametrize("late", [1, 2, 5])
def test_late_answers_to_the_greeting_are_taken_for_nothing_else(password: bytes, late: int) -> None:
    """The line was held up: several greetings are answered at once, after the password was asked for."""
    bench = VirtualSensor()
    bench.device.chip.password = password
    code, told = bench.device.chip.obey(Command.PARAMETERS, b"")
    greeting = zfm.encode(zfm.Packet(zfm.Kind.REPLY, bytes((code,)) + told))
    written = bench.link.write

    def held_up(data: bytes) -> None:
        if data[9] == Command.PASSWORD:
            bench.device._saying.extend((bench.link.now, greeting) for _ in range(late))
        written(data)

    bench.link.write = held_up  # type: ignore[method-assign]  the far end of the wire
    bench.open(password).check()


def test_what_was_said_before_a_command_is_not_its_answer() -> None:
    """A late answer to something else: here, that everything is fine."""
    bench = VirtualSensor()
    sensor = bench.open()
    bench.act("store", finger=ANNA)
    bench.link._waiting += zfm.encode(zfm.Packet(zfm.Kind.REPLY, b"\0\0\0"))
    with pytest.raises(WrongDevice):
        sensor.check()


def test_an_answer_of_another_length_is_not_believed() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    bench.device._saying.append((0.0, zfm.encode(zfm.Packet(zfm.Kind.REPLY, b"\0"))))
    with pytest.raises(BadReply, match="0 bytes answer COUNT"):
        sensor.check()


def test_data_packets_of_a_session_that_broke_off_are_passed_over() -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    for packet in zfm.data_packets(bytes(300), 128):
        bench.device._saying.append((0.0, packet))
    sensor.check()


@given(st.lists(st.binary(max_size=80), max_size=8), st.sampled_from(["check", "look", "compare", "merge", "wipe"]))
def test_whatever_is_said_an_ask_ends_in_time_and_raises_only_what_it_may(said: list[bytes], ask: str) -> None:
    bench = VirtualSensor(reply_s=1.0)
    sensor = bench.open()
    bench.act("lay", finger=ANNA)
    sensor.look(1)
    for piece in said:
        bench.device._saying.append((0.0, piece))
    began_s = bench.link.now
    with suppress(BadReply, DeviceLost, WrongDevice):
        getattr(sensor, ask)()
    assert bench.link.now - began_s < 12.0


@given(st.lists(st.sampled_from([*FAULTS, "heal", "anna", "boris", "lift"]), max_size=12))
def test_whatever_goes_wrong_boris_never_matches_annas_template(happens: list[str]) -> None:
    bench = VirtualSensor()
    sensor = bench.open()
    templates = {"anna": enrolled(bench, sensor, ANNA), "boris": enrolled(bench, sensor, BORIS)}
    for what in happens:
        if what in FAULTS:
            bench.act("fault", which=what, on=True)
        elif what == "heal":
            for fault in FAULTS:
                bench.act("fault", which=fault, on=False)
        elif what == "lift":
            bench.act("lift")
        else:
            other = BORIS if what == "anna" else ANNA
            try:
                sensor.load(templates[what])
                bench.act("lay", finger=other)
                assert sensor.look(1) is Reason.OK
                assert not sensor.compare().matched
            except BadReply:
                sensor = reopened(bench, sensor)


def reopened(bench: VirtualSensor, sensor: FingerSensor) -> FingerSensor:
    """As the worker does; a sensor that cannot be wiped is not opened, and healed here by a technician."""
    for fault in FAULTS:
        bench.act("fault", which=fault, on=False)
    return bench.open()
