"""Scanners that are spoken to: proven, set up without wearing them out, and lit only while somebody wants a code.

The simulated scanner stands at the other end of a link without time: reading nothing lets the time-out pass at once.
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import BadReply, WrongDevice
from gatefw.model import Token
from gatefw.ports import Triggered
from hw.reader_serial import RENEW_S, SerialReader, Settings, TriggeredReader
from hw.sim.device_scanner import Scanner, make
from hw.wire.scanner_commands import FAMILIES, LIT_S

FAMILY = pytest.mark.parametrize("family", sorted(FAMILIES))


class Wire:
    """A `Link` to a simulated scanner on a virtual clock. `cut` says how the scanner's bytes come in pieces."""

    def __init__(self, scanner: Scanner, cut: Callable[[], int] = lambda: 4096) -> None:
        self.scanner, self.now_s, self.sent, self._cut = scanner, 100.0, b"", cut
        self.waiting = bytearray()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        self.waiting += self.scanner.advance(self.now_s)
        if not self.waiting:
            self.now_s += timeout_s
            self.waiting += self.scanner.advance(self.now_s)
        taken = bytes(self.waiting[: min(max_bytes, self._cut())])
        del self.waiting[: len(taken)]
        return taken

    def write(self, data: bytes) -> None:
        self.sent += data
        self.scanner.receive(data, self.now_s)

    def flush_input(self) -> None:
        self.waiting.clear()

    def close(self) -> None: ...

    @property
    def lit(self) -> bool:
        return self.scanner.lit(self.now_s)

    def present(self, code: str, symbology: str = "]Q1") -> None:
        self.scanner.act("present", {"code": code, "symbology": symbology}, self.now_s)

    def open(self, family: str, product: str = "") -> TriggeredReader:
        settings = Settings("memory:scanner", family, product, reply_s=3.0)  # type: ignore[arg-type]
        return TriggeredReader(settings, self, FAMILIES[family], lambda: self.now_s)


# ---------------------------------------------------------------- who it is


@FAMILY
def test_a_scanner_of_its_family_is_set_up_dark_and_its_flash_is_not_written(family: str) -> None:
    wire = Wire(Scanner(family, "Quick 7"))
    reader = wire.open(family, "Quick 7")
    assert isinstance(reader, Triggered)
    assert wire.scanner.triggered
    assert not wire.lit
    assert wire.scanner.worn == 0
    assert b"@" not in wire.sent


def test_a_scanner_that_nothing_is_sent_to_cannot_be_triggered() -> None:
    wire = Wire(Scanner())
    assert not isinstance(SerialReader(Settings("memory:scanner"), wire), Triggered)
    assert wire.sent == b""


@pytest.mark.parametrize(("family", "other"), [("newland", "honeywell"), ("honeywell", "newland")])
def test_a_scanner_of_the_other_family_is_the_wrong_device(family: str, other: str) -> None:
    wire = Wire(Scanner(other))
    with pytest.raises(WrongDevice, match=f"no answer of a {family} scanner .* in 3 s, but 0 bytes"):
        wire.open(family)
    assert wire.now_s == pytest.approx(103.0)


@FAMILY
def test_another_model_in_its_place_is_the_wrong_device(family: str) -> None:
    with pytest.raises(WrongDevice, match="does not call itself 'Slow 1'"):
        Wire(Scanner(family, "Quick 7")).open(family, "Slow 1")


@pytest.mark.parametrize(("family", "tag"), [("newland", "SCNMOD"), ("honeywell", "TRGMOD")])
def test_a_scanner_that_does_not_take_a_setting_is_the_wrong_device(family: str, tag: str) -> None:
    with pytest.raises(WrongDevice, match=f"does not take the setting {tag}0"):
        Wire(make({"family": family, "unknown": [tag]}, None)).open(family)


class _Chatter(Scanner):
    """Something else that talks without being asked."""

    def advance(self, now_s: float) -> bytes:
        return b"$GPGGA,000000.00,,,,,0,00,99.99,,,,,,*48\r\n" if int(now_s * 10) % 2 else b""

    def receive(self, data: bytes, now_s: float) -> None: ...


@FAMILY
def test_something_else_that_talks_is_the_wrong_device_and_not_listened_to_for_ever(family: str) -> None:
    class Ticking(Wire):
        def read(self, max_bytes: int, timeout_s: float) -> bytes:
            self.now_s += 0.05
            return super().read(max_bytes, min(timeout_s, 0.05))

    with pytest.raises(WrongDevice, match=r"[1-9][0-9]* bytes of something else"):
        Ticking(_Chatter(family)).open(family)


@FAMILY
def test_codes_of_before_it_was_opened_are_not_read(family: str) -> None:
    wire = Wire(Scanner(family))
    wire.present("OLD")
    reader = wire.open(family)
    reader.trigger(True)
    wire.present("NEW")
    assert reader.read(1.0) == Token(b"NEW", "]Q1")
    assert reader.read(1.0) is None


@FAMILY
@given(st.data())
def test_answers_are_understood_in_whatever_pieces_they_come(family: str, data: st.DataObject) -> None:
    wire = Wire(Scanner(family), lambda: data.draw(st.integers(1, 9)))
    reader = wire.open(family)
    reader.trigger(True)
    wire.present("HELLO-1")
    assert reader.read(1.0) == Token(b"HELLO-1", "]Q1")


@FAMILY
def test_what_was_set_is_gone_with_its_power_and_set_again(family: str) -> None:
    wire = Wire(Scanner(family))
    wire.open(family)
    wire.scanner.power_up(wire.now_s)
    assert not wire.scanner.triggered
    wire.open(family)
    assert wire.scanner.triggered


# ---------------------------------------------------------------- lit


@FAMILY
def test_a_code_is_read_only_while_the_scanner_is_triggered(family: str) -> None:
    wire = Wire(Scanner(family))
    reader = wire.open(family)
    wire.present("A")
    assert reader.read(1.0) is None
    reader.trigger(True)
    assert reader.read(1.0) == Token(b"A", "]Q1")
    reader.trigger(False)
    wire.present("B")
    assert reader.read(1.0) is None
    assert not wire.lit


@FAMILY
def test_it_is_lit_again_after_each_code(family: str) -> None:
    wire = Wire(Scanner(family))
    reader = wire.open(family)
    reader.trigger(True)
    for code in ("A", "B", "C"):
        wire.present(code)
        assert reader.read(1.0) == Token(code.encode(), "]Q1")


@FAMILY
def test_it_stays_lit_as_long_as_it_is_wanted_and_goes_dark_by_itself_when_nobody_asks_any_more(family: str) -> None:
    wire = Wire(Scanner(family))
    reader = wire.open(family)
    reader.trigger(True)
    for _ in range(200):
        assert reader.read(0.25) is None
        assert wire.lit
    assert wire.sent.count(FAMILIES[family].trigger(True)) == pytest.approx(50.0 / RENEW_S, abs=2)
    wire.now_s += LIT_S
    assert not wire.lit


def test_the_answer_to_a_trigger_is_no_code_though_it_comes_in_the_middle_of_the_codes() -> None:
    wire = Wire(Scanner("newland"))
    reader = wire.open("newland")
    answer = b"\x02\x010000#SCNTRG1\x06;\x03"
    wire.waiting += b"]Q1FIRST\r" + answer + b"]Q1SECOND\r" + answer
    assert (reader.read(1.0), reader.read(1.0), reader.read(1.0)) == (
        Token(b"FIRST", "]Q1"),
        Token(b"SECOND", "]Q1"),
        None,
    )


def test_a_scanner_that_does_not_take_its_trigger_any_more_is_a_bad_reply() -> None:
    wire = Wire(Scanner("newland"))
    reader = wire.open("newland")
    reader.trigger(True)
    wire.waiting += b"\x02\x010000#SCNTRG1\x05;\x03"
    with pytest.raises(BadReply, match="does not take SCNTRG"):
        reader.read(1.0)


# ---------------------------------------------------------------- the simulated scanner


def test_a_code_that_looks_like_a_refused_trigger_is_lost_and_not_the_scanner() -> None:
    """Anybody can print one: else whoever holds it before the scanner puts the lane out of service."""
    wire = Wire(Scanner("newland"))
    reader = wire.open("newland")
    reader.trigger(True)
    assert reader.read(1.0) is None
    wire.present("\x02\x010000#SCNTRG1\x15;\x03")
    reader.read(1.0)
    wire.present("ANNA")
    assert reader.read(1.0) == Token(b"ANNA", "]Q1")


def test_a_simulated_scanner_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="family"):
        make({"family": "zebra"}, None)
    with pytest.raises(ValueError, match="a scanner takes present"):
        Scanner().act("drop", {}, 0.0)


def test_a_setting_written_for_good_wears_its_flash_and_one_without_a_value_is_out_of_range() -> None:
    scanner = Scanner("newland")
    scanner.receive(b"~\x010000@SCNMOD0;\x03", 0.0)
    assert scanner.advance(0.0) == b"\x02\x010000@SCNMOD0\x06;\x03"
    assert scanner.worn == 1
    scanner.receive(b"~\x010000#SCNMOD;\x03", 0.0)
    assert scanner.advance(0.0) == b"\x02\x010000#SCNMOD\x15;\x03"


def test_a_code_is_held_before_its_window_for_a_while_and_then_taken_away() -> None:
    wire = Wire(Scanner("honeywell", held_s=5.0))
    reader = wire.open("honeywell")
    wire.present("GONE")
    wire.now_s += 5.1
    reader.trigger(True)
    assert reader.read(1.0) is None
