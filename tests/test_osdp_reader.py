"""The OSDP reader's driver against libosdp's own reader: nobody is believed without the key, nothing old is a token."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import osdp_sys
import pytest
from osdp_bench import KEY, InThread, Plugged, write_key

from gatefw.errors import BadReply, DeviceLost, FaultError, StoreError, WrongDevice
from gatefw.model import Phase, Token
from gatefw.ports import SecretHolder, Shows, SupplyWatch, TamperSwitch
from hw import osdp_feedback, osdp_session, reader_osdp
from hw.link import lay
from hw.osdp_keys import DEFAULT_KEY, KEY_BYTES
from hw.reader_osdp import OsdpReader, Settings, install
from hw.sim.device_osdp_reader import OsdpReaderDevice, make
from hw.wire.osdp_frames import FRAME_BYTES_MAX, START, with_crc

CARD = Token(b"card:26:01020340", "]Z2")
LED, BUZZER, TEXT, KEYSET = osdp_sys.CMD_LED, osdp_sys.CMD_BUZZER, osdp_sys.CMD_TEXT, osdp_sys.CMD_KEYSET
AMBER, RED, GREEN = osdp_sys.LED_COLOR_AMBER, osdp_sys.LED_COLOR_RED, osdp_sys.LED_COLOR_GREEN


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    reader = Plugged(tmp_path, vendor="beef01", serial="0000cafe")
    yield reader
    reader.unplug()


def opened(plugged: Plugged, **settings: object) -> OsdpReader:
    return reader_osdp.open(Settings(**plugged.settings(**settings)))


def another(plugged: Plugged, **options: str) -> None:
    """Another reader on the same line."""
    plugged.device = make(options, None)
    plugged.lay()


def present(plugged: Plugged, text: bytes = CARD.payload) -> None:
    plugged.act("present", code=text)


def turn_until(reader: OsdpReader, condition: object, deadline_s: float = 30.0) -> None:
    """Let the reader work until something is so; it must bring no token meanwhile."""
    ends_s = time.monotonic() + deadline_s
    while not condition():  # type: ignore[operator]
        assert reader.read(0.0) is None
        assert time.monotonic() < ends_s, "still not so"


# ---------------------------------------------------------------- who is believed


@pytest.mark.parametrize(
    "options",
    [{"key": "00" * 15 + "01"}, {"mode": "install"}, {"mode": "clear"}],
    ids=["another key", "the factory's key", "no encryption"],
)
def test_a_reader_that_does_not_know_the_key_is_the_wrong_one(plugged: Plugged, options: dict[str, str]) -> None:
    another(plugged, **options)
    present(plugged)
    with pytest.raises(WrongDevice, match="does not know the key") as refused:
        opened(plugged)
    assert KEY.hex() not in str(refused.value)
    assert plugged.key_file.read_text() == KEY.hex()


def test_a_reader_that_offers_no_encryption_is_sent_no_secret_and_no_poll(plugged: Plugged) -> None:
    another(plugged, mode="clear")
    with pytest.raises(WrongDevice):
        opened(plugged)
    said = b"".join(plugged.link.said)
    assert KEY not in said
    assert plugged.device.shown == {}


@pytest.mark.parametrize("key", [DEFAULT_KEY, bytes(KEY_BYTES), b"\xff" * KEY_BYTES])
def test_a_key_that_everybody_knows_is_refused_before_the_line_is_opened(plugged: Plugged, key: bytes) -> None:
    write_key(plugged.key_file, key)
    plugged.unplug()
    with pytest.raises(StoreError, match="no secret"):
        opened(plugged)


def test_a_key_that_others_can_read_is_refused(plugged: Plugged) -> None:
    plugged.key_file.chmod(0o640)
    with pytest.raises(StoreError, match="0640"):
        opened(plugged)


@pytest.mark.parametrize("settings", [{"vendor": "beef02"}, {"serial": "0000caff"}])
def test_another_reader_with_the_same_key_is_the_wrong_one_and_says_which(
    plugged: Plugged, settings: dict[str, str]
) -> None:
    with pytest.raises(WrongDevice, match="is vendor beef01 serial 0000cafe"):
        opened(plugged, **settings)


def test_the_configured_reader_is_the_right_one(plugged: Plugged) -> None:
    reader = opened(plugged, vendor="BEEF01", serial="0000CAFE")
    present(plugged)
    assert reader.read(30.0) == CARD


def test_a_reader_that_says_nothing_is_lost(plugged: Plugged) -> None:
    plugged.link.deaf = True
    with pytest.raises(DeviceLost, match="does not answer"):
        opened(plugged, answer_s=2.0)


def test_what_talks_and_is_no_reader_is_the_wrong_device(plugged: Plugged) -> None:
    plugged.link.noise = b"$GPGGA,000000.00,,,,,0,00,99.99,,,,,,*48\r\n"
    with pytest.raises(WrongDevice, match="not as an OSDP reader"):
        opened(plugged, answer_s=2.0)


def test_an_error_of_the_link_is_not_lost_in_the_library(plugged: Plugged) -> None:
    reader = opened(plugged)
    plugged.link.write = _mismatch  # type: ignore[method-assign]
    with pytest.raises(FaultError, match="another dialogue"):
        reader.read(30.0)


def _mismatch(_data: bytes) -> None:
    raise FaultError("another dialogue")


# ---------------------------------------------------------------- what it reads


def test_cards_that_a_reader_kept_from_an_outage_are_nobodys(plugged: Plugged) -> None:
    reader = opened(plugged)
    plugged.unplug()
    with pytest.raises(DeviceLost):
        reader.read(30.0)
    for text in (b"card:26:01020340", b"card:26:05060700", b"4711#", b"12"):
        present(plugged, text)
    plugged.lay()
    reader = opened(plugged)
    present(plugged, b"34#")
    present(plugged, b"card:26:0A0B0C40")
    assert reader.read(30.0) == Token(b"keys:34", "]Z0")
    assert reader.read(30.0) == Token(b"card:26:0A0B0C40", "]Z2")


def test_many_entries_in_one_report_are_read_one_by_one(plugged: Plugged) -> None:
    reader = opened(plugged)
    present(plugged, b"1#2#3#4#5#6#7#8#")
    assert [reader.read(30.0) for _ in range(8)] == [Token(b"keys:%d" % digit, "]Z0") for digit in range(1, 9)]


def test_a_card_of_too_few_bits_is_nobodys_and_the_reader_goes_on(plugged: Plugged) -> None:
    reader = opened(plugged)
    plugged.device._happens(event=osdp_sys.EVENT_CARDREAD, reader_no=0, direction=0, format=1, length=4, data=b"\xf0")
    present(plugged)
    assert reader.read(30.0) == CARD


def test_an_open_case_and_a_failed_supply_are_felt(plugged: Plugged) -> None:
    reader = opened(plugged)
    assert not reader.tampered()
    plugged.act("tamper", on=True)
    turn_until(reader, reader.tampered)
    assert not reader.mains_lost()
    plugged.act("mains", lost=True)
    turn_until(reader, reader.mains_lost)
    plugged.act("tamper", on=False)
    turn_until(reader, lambda: not reader.tampered())


def test_a_case_that_was_opened_while_nobody_listened_is_known_before_the_first_card(plugged: Plugged) -> None:
    plugged.unplug()
    plugged.act("tamper", on=True)
    plugged.plug()  # its memory is lost with its power, the open case is not
    assert opened(plugged).tampered()


def test_what_a_reader_can_is_what_the_worker_looks_for(plugged: Plugged) -> None:
    reader = opened(plugged)
    assert isinstance(reader, Shows)
    assert isinstance(reader, TamperSwitch)
    assert isinstance(reader, SupplyWatch)
    assert isinstance(reader, SecretHolder)


# ---------------------------------------------------------------- what it shows


def test_a_reader_shows_what_the_lane_does_and_beeps_once(plugged: Plugged) -> None:
    reader = opened(plugged)
    reader.show(Phase.TOKEN_PRESENTED, None)
    turn_until(reader, lambda: {LED, TEXT, BUZZER} <= plugged.device.shown.keys())
    assert plugged.device.shown[LED]["on_color"] == AMBER
    assert plugged.device.shown[TEXT]["data"].rstrip() == "PLEASE WAIT"
    reader.show(Phase.TOKEN_PRESENTED, None)
    reader.show(Phase.IDLE, None)
    turn_until(reader, lambda: plugged.device.shown[LED]["on_color"] == GREEN)
    turn_until(reader, lambda: plugged.device.shown[TEXT]["data"].rstrip() == "CARD PLEASE")
    assert plugged.device.beeps == 1


def test_a_reader_without_a_display_is_told_no_text(plugged: Plugged) -> None:
    plugged.device = make({"key": KEY.hex(), "display": False}, None)
    plugged.lay()
    reader = opened(plugged)
    reader.show(Phase.REFUSED, None)
    turn_until(reader, lambda: plugged.device.beeps == 3)
    assert TEXT not in plugged.device.shown
    assert plugged.device.shown[LED]["on_color"] == RED


def test_a_command_that_is_refused_is_tried_twice_and_the_reader_goes_on(
    plugged: Plugged, caplog: pytest.LogCaptureFixture
) -> None:
    reader = opened(plugged)
    plugged.act("refuse", commands=[LED])
    reader.show(Phase.REFUSED, None)
    turn_until(reader, lambda: plugged.device.beeps == 3)
    assert plugged.device.shown[TEXT]["data"].rstrip() == "SEE AN OFFICER"
    assert LED not in plugged.device.shown
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        f"memory:tty-card: OSDP reader 0: refuses command {LED}, which it is not told again"
    ]
    present(plugged)
    assert reader.read(30.0) == CARD


def test_every_phase_has_a_look_that_fits_the_display() -> None:
    assert set(osdp_feedback.LOOKS) == set(Phase)
    assert all(len(look.text) <= 16 and look.text.isascii() for look in osdp_feedback.LOOKS.values())
    assert osdp_feedback.commands(Phase.REFUSED, lambda _capability: False, True) == []


def test_the_librarys_numbers_are_the_ones_written_down() -> None:
    assert (osdp_feedback.LED, osdp_feedback.BUZZER, osdp_feedback.TEXT) == (LED, BUZZER, TEXT)
    assert list(osdp_feedback._CAN.values()) == [
        osdp_sys.CAP_READER_LED_CONTROL,
        osdp_sys.CAP_READER_AUDIBLE_OUTPUT,
        osdp_sys.CAP_READER_TEXT_OUTPUT,
    ]
    assert (reader_osdp._CARD_READ, reader_osdp._KEY_PRESS) == (osdp_sys.EVENT_CARDREAD, osdp_sys.EVENT_KEYPRESS)
    assert (reader_osdp._STATUS, reader_osdp._LOCAL_STATUS) == (osdp_sys.EVENT_STATUS, osdp_sys.STATUS_REPORT_LOCAL)
    assert (reader_osdp._KEYSET, reader_osdp._ASK_STATUS) == (KEYSET, osdp_sys.CMD_STATUS)


# ---------------------------------------------------------------- what goes wrong on the way


def test_a_reader_that_started_anew_is_in_a_new_session_at_once(plugged: Plugged) -> None:
    reader = opened(plugged)
    reader.show(Phase.IDLE, None)
    turn_until(reader, lambda: LED in plugged.device.shown)
    plugged.device.power_up(time.monotonic())
    present(plugged)  # kept by the reader until it is asked again
    turn_until(reader, lambda: LED in plugged.device.shown)  # it is shown again, and no token came
    present(plugged, b"card:26:0A0B0C40")
    assert reader.read(30.0) == Token(b"card:26:0A0B0C40", "]Z2")


def test_a_reader_that_loses_session_after_session_is_lost(plugged: Plugged) -> None:
    reader = opened(plugged)
    for _ in range(reader_osdp.LOST_SESSIONS_MAX):
        plugged.device.power_up(time.monotonic())
        turn_until(reader, lambda: plugged.device.secure)
        reader.read(0.3)
    plugged.device.power_up(time.monotonic())
    with pytest.raises(DeviceLost, match="sessions in a minute"):
        reader.read(30.0)


def test_another_reader_in_its_place_is_found_out_though_the_line_never_broke(plugged: Plugged) -> None:
    reader = opened(plugged)
    plugged.link.device = make({"key": "00" * 15 + "01"}, None)
    with pytest.raises(WrongDevice, match="does not know the key"):
        reader.read(30.0)


def test_a_reader_that_falls_silent_is_lost(plugged: Plugged) -> None:
    reader, began_s = opened(plugged, silent_s=1.5), time.monotonic()
    plugged.link.deaf = True
    with pytest.raises(DeviceLost, match=r"has not answered for 1\.5 s"):
        reader.read(30.0)
    assert time.monotonic() - began_s >= 1.5


def test_noise_at_line_rate_is_no_life_and_fills_no_buffer(plugged: Plugged, capfd: pytest.CaptureFixture[str]) -> None:
    reader = opened(plugged, silent_s=1.5)
    plugged.link.noise = bytes(range(256)) * 16
    with pytest.raises(DeviceLost, match="has not answered"):
        reader.read(30.0)
    assert len(reader._session._wire._splitter) < FRAME_BYTES_MAX
    assert capfd.readouterr().out == ""  # the library prints where its own buffer overflows


def test_a_reader_that_does_not_tell_its_own_status_is_refused(plugged: Plugged) -> None:
    plugged.act("refuse", commands=[osdp_sys.CMD_STATUS])
    with pytest.raises(BadReply, match="osdp_LSTAT"):
        opened(plugged)


class Restarting(InThread):
    """A reader that starts anew, or falls silent, as soon as it was asked for its status."""

    def __init__(self, device: OsdpReaderDevice, silent: bool) -> None:
        super().__init__(device)
        self._silent = silent

    def write(self, data: bytes) -> None:
        if osdp_sys.CMD_STATUS in self.device.shown:
            self.deaf = self._silent
            self.device.power_up(time.monotonic())
        super().write(data)


@pytest.mark.parametrize(("silent", "says"), [(False, "as soon as it had one"), (True, "its time is over")])
def test_a_session_that_does_not_last_until_it_is_quiet_is_none(plugged: Plugged, silent: bool, says: str) -> None:
    lay("tty-card", Restarting(plugged.device, silent))
    with pytest.raises(DeviceLost, match=says):
        opened(plugged, answer_s=4.0 if silent else 7.0)


def test_a_status_that_is_too_short_is_no_status(plugged: Plugged) -> None:
    reader = opened(plugged)
    with pytest.raises(BadReply, match="status of 1 bytes"):
        reader._take({"event": osdp_sys.EVENT_STATUS, "type": osdp_sys.STATUS_REPORT_LOCAL, "report": b"\x01"})


# ---------------------------------------------------------------- its key


def test_a_renewed_key_is_known_to_both_and_to_nobody_else(plugged: Plugged, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader = opened(plugged)
    reader.renew_secret()
    fresh = bytes.fromhex(plugged.key_file.read_text())
    assert fresh == plugged.device.key != KEY
    assert fresh.hex() not in caplog.text
    present(plugged)
    assert reader.read(30.0) == CARD
    reader.close()
    plugged.plug()
    opened(plugged)
    assert fresh not in b"".join(plugged.link.said)


def test_a_crash_before_the_reader_was_told_leaves_the_old_key(plugged: Plugged) -> None:
    write_key(plugged.key_file.with_name("card.key.new"), b"never told to it")
    opened(plugged)
    assert [each.name for each in plugged.key_file.parent.iterdir()] == ["card.key"]
    assert bytes.fromhex(plugged.key_file.read_text()) == KEY


def test_a_crash_after_the_reader_took_the_new_key_leaves_the_new_key(plugged: Plugged) -> None:
    reader = opened(plugged)
    told = plugged.device._told

    def crash(command: dict[str, object]) -> tuple[int, None]:
        plugged.link.lost |= command["command"] == KEYSET
        return told(command)

    plugged.device._reader.set_command_callback(crash)
    with pytest.raises(DeviceLost):
        reader.renew_secret()
    fresh = plugged.device.key
    assert bytes.fromhex(plugged.key_file.read_text()) == KEY != fresh
    plugged.plug()
    reader = opened(plugged)
    assert bytes.fromhex(plugged.key_file.read_text()) == fresh
    assert [each.name for each in plugged.key_file.parent.iterdir()] == ["card.key"]


def test_a_reader_that_refuses_another_key_keeps_the_old_one(plugged: Plugged) -> None:
    reader = opened(plugged)
    plugged.act("refuse", commands=[KEYSET])
    with pytest.raises(BadReply, match="refuses another key"):
        reader.renew_secret()
    reader.close()
    plugged.lay()
    opened(plugged)
    assert bytes.fromhex(plugged.key_file.read_text()) == KEY
    assert [each.name for each in plugged.key_file.parent.iterdir()] == ["card.key"]


def test_a_reader_in_its_install_mode_is_given_a_key_of_its_own(plugged: Plugged) -> None:
    plugged.key_file.unlink()
    another(plugged, mode="install", vendor="beef01")
    relay(plugged)
    install(Settings(**plugged.settings(vendor="beef01")))
    key = bytes.fromhex(plugged.key_file.read_text())
    assert plugged.device.key == key
    assert key not in (DEFAULT_KEY, KEY)
    assert plugged.key_file.stat().st_mode & 0o777 == 0o600
    plugged.plug()
    reader = opened(plugged)
    present(plugged)
    assert reader.read(30.0) == CARD


def relay(plugged: Plugged) -> None:
    """Have the line found twice: it is opened for the hand-over, and again for the proof."""
    first = plugged.link

    class Second(InThread):
        def close(self) -> None:
            plugged.lay()

    first.close = Second(plugged.device).close  # type: ignore[method-assign]


@pytest.mark.parametrize("options", [{"key": KEY.hex()}, {"mode": "clear"}], ids=["has a key", "no encryption"])
def test_a_reader_that_is_not_in_its_install_mode_is_given_no_key(options: dict[str, str]) -> None:
    device: OsdpReaderDevice = make(options, None)
    key = device.key
    with pytest.raises(WrongDevice, match="not in its install mode"):
        osdp_session.hand_over(InThread(device), "reader", 0, b"sixteen bytes...", within_s=3.0)
    assert device.key == key
    assert KEYSET not in device.shown


def test_a_reader_whose_answers_come_too_late_is_lost_and_not_the_wrong_one(plugged: Plugged) -> None:
    """As of a machine that is busy: each answer is a reader's, and whole, and belongs to nothing that was asked."""
    plugged.link.noise = with_crc(bytes((START, 0x80, 8, 0, 0x04 | 3, 0x40)))
    with pytest.raises(DeviceLost, match="answers, and no secure session came of it in time"):
        opened(plugged, answer_s=1.0)


def test_nobody_to_install_is_said() -> None:
    link = InThread(make({"mode": "install"}, None))
    link.deaf = True
    with pytest.raises(DeviceLost, match="does not answer"):
        osdp_session.hand_over(link, "reader", 0, b"sixteen bytes...", within_s=3.0)
