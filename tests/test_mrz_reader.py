"""Zones out of a stream of bytes, as swipe and OCR readers send them, and the driver that takes them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import BadReply, WrongDevice
from gatefw.model import Token
from hw import reader_mrz_serial
from hw.link import open_link, plug
from hw.sim import lines
from hw.sim.device_mrz_reader import make
from hw.sim.passport import Holder
from hw.sim.serial_line import CHATTER, LineAilment, SerialLine
from hw.wire import mrz
from hw.wire.mrz_reader import MAX_LINE_BYTES, Framer, encode

ZONES = [Holder(number=f"AB{at}").lines(kind) for at, kind in enumerate(("TD1", "TD2", "TD3"))]
GAP_S = 0.5


def fed(*pieces: bytes, gap_s: float = 0.0) -> list[bytes]:
    framer, found = Framer(GAP_S), []
    for at, piece in enumerate(pieces):
        found += framer.feed(piece, 1.0 + at * gap_s)
    return found


@pytest.mark.parametrize("zone", ZONES, ids=["TD1", "TD2", "TD3"])
@pytest.mark.parametrize("terminator", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("framed", [False, True])
def test_a_zone_is_whole_when_its_last_line_ends(zone: bytes, terminator: bytes, framed: bool) -> None:
    sent = encode(zone, terminator, framed)
    assert fed(sent) == [zone]
    assert fed(sent[: sent.rindex(b"<") - 1]) == []


@given(zones=st.lists(st.sampled_from(ZONES), max_size=4), data=st.data())
def test_however_the_bytes_are_cut_the_same_zones_come_out(zones: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(encode(zone, b"\r\n", framed=True) for zone in zones)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert fed(*pieces) == zones


def test_a_zone_torn_off_by_a_silence_is_not_glued_to_the_next() -> None:
    first, second = encode(ZONES[2]), encode(ZONES[2])
    assert fed(first[:50], second, gap_s=GAP_S + 0.1) == [ZONES[2]]
    assert fed(first[:50], first[50:], gap_s=GAP_S - 0.1) == [ZONES[2]]


def test_a_line_that_lost_a_sign_comes_out_as_it_is_and_at_once_and_is_refused_later() -> None:
    upper, lower = ZONES[2].split(b"\n")
    for seen in (upper + b"\r" + lower[1:] + b"\r", upper[1:] + b"\r"):
        (zone,) = fed(seen)
        assert zone == seen.strip(b"\r").replace(b"\r", b"\n")
        with pytest.raises(mrz.Malformed):
            mrz.parse(zone)


def test_of_a_line_that_is_too_long_nothing_comes_out_not_even_its_tail() -> None:
    framer = Framer(GAP_S)
    assert framer.feed(b"A" * (MAX_LINE_BYTES + 1) + ZONES[2].split(b"\n")[0] + b"\r", 1.0) == []
    assert (framer.overlong, framer.held_bytes) == (1, 0)
    assert framer.feed(encode(ZONES[2]), 1.0) == [ZONES[2]]


def test_a_line_with_foreign_signs_ends_the_zone_before_it() -> None:
    framer = Framer(GAP_S)
    assert framer.feed(encode(ZONES[2])[:45] + CHATTER + encode(ZONES[1]), 1.0) == [ZONES[1]]
    assert framer.foreign == 1


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_whatever_comes_in_little_is_held(pieces: list[bytes]) -> None:
    framer = Framer(GAP_S)
    for piece in pieces:
        for zone in framer.feed(piece, 1.0):
            assert len(zone) <= 3 * MAX_LINE_BYTES + 2
        assert framer.held_bytes <= 3 * MAX_LINE_BYTES


# ---------------------------------------------------------------- the driver, on the simulated reader's line


class Bench:
    """The simulated reader on a real pty, served by a thread; `reader` is the driver at the other end."""

    def __init__(self, folder: Path, options: dict[str, object]) -> None:
        self._ending = threading.Event()
        self.line = SerialLine(folder / "tty-mrz", make(options, None), 115_200, now_s=time.monotonic())
        self._thread = threading.Thread(target=self.line.run, args=(self._ending,))
        link = open_link(f"serial:{folder / 'tty-mrz'}?baud=115200")
        # Its time stands still: a machine that is busy tears no zone off.
        self.reader = reader_mrz_serial.MrzReader(reader_mrz_serial.Settings("tty-mrz"), link, lambda: 0.0)
        self._thread.start()

    def happens(self, what: str, **given: object) -> Token | None:
        self.line.device.act(what, given, 0.0)
        return self.reader.read(30.0)

    def close(self) -> None:
        self.reader.close()
        self._ending.set()
        self._thread.join()
        self.line.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, {"framed": True})
    yield bench
    bench.close()


def test_a_zone_swiped_through_the_simulated_reader_is_one_token(bench: Bench) -> None:
    assert bench.happens("swipe", lines=ZONES[0].decode()) == Token(ZONES[0])


def test_what_the_simulated_reader_misread_reaches_the_gate_as_it_is(bench: Bench) -> None:
    lines = Holder(number="L898902C3").lines().decode()
    misread = bench.happens("misread", lines=lines, at=lines.index("7408122") + 2, sign="O")
    skidded = bench.happens("skid", lines=lines, at=50)
    for token in (misread, skidded):
        assert token is not None
        with pytest.raises(mrz.Malformed):
            mrz.parse(token.payload)


def test_another_device_on_its_line_is_the_wrong_one() -> None:
    end = plug("mrz-wrong")
    reader = reader_mrz_serial.open(reader_mrz_serial.Settings("memory:mrz-wrong"))
    end.write(CHATTER * (reader_mrz_serial.FOREIGN_LINES + 1))
    with pytest.raises(WrongDevice, match="look what is plugged in"):
        reader.read(0.0)
    end.close()
    reader.close()


def test_a_worn_document_is_no_token_and_loses_neither_the_reader_nor_who_is_inside() -> None:
    """A reader may send `?` for a sign that it cannot read. They try five times, and the next one's is read."""
    end = plug("mrz-worn")
    reader = reader_mrz_serial.open(reader_mrz_serial.Settings("memory:mrz-worn"))
    for _ in range(5):
        end.write(encode(ZONES[0].replace(b"<<", b"<?")))
        assert reader.read(0.0) is None
    end.write(encode(ZONES[1]))
    assert reader.read(0.0) == Token(ZONES[1])
    end.write(CHATTER)
    assert reader.read(0.0) is None
    end.close()
    reader.close()


def test_noise_without_end_is_a_bad_reply_and_no_token(bench: Bench) -> None:
    bench.line.ail(LineAilment.BABBLING)
    with pytest.raises((BadReply, WrongDevice)):
        for _ in range(100):
            assert bench.reader.read(30.0) is None


def test_of_a_zone_that_is_torn_in_time_only_the_rest_is_read_and_refused() -> None:
    end, clock = plug("mrz-torn"), iter((0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0, 5.0))
    reader = reader_mrz_serial.open(reader_mrz_serial.Settings("memory:mrz-torn"))
    slow = reader_mrz_serial.MrzReader(reader_mrz_serial.Settings("memory:mrz-torn"), reader._link, lambda: next(clock))
    sent = encode(ZONES[2])
    end.write(sent[:60])
    assert slow.read(0.0) is None
    end.write(sent[60:])
    rest = slow.read(0.0)
    assert rest is not None
    with pytest.raises(mrz.Malformed):
        mrz.parse(rest.payload)
    end.close()
    reader.close()


@pytest.mark.parametrize(
    ("what", "given_"),
    [("drop", {"lines": "A"}), ("swipe", {}), ("swipe", {"lines": 7}), ("skid", {"lines": "A", "at": "1"})],
)
def test_the_simulated_reader_says_what_cannot_happen_to_it(what: str, given_: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"takes lines|nothing that happens"):
        make({}, None).act(what, given_, 0.0)


def test_the_simulated_reader_refuses_options_that_it_does_not_know() -> None:
    for table in ({"framed": "yes"}, {"terminator": "!"}, {"colour": "red"}):
        with pytest.raises(ValueError, match=r"world\.lines\.front"):
            lines.make("front", lines.parse("front", {"device": "mrz_reader", **table}))


def test_what_it_had_to_say_is_gone_without_power() -> None:
    device = make({}, None)
    device.act("swipe", {"lines": "A"}, 0.0)
    device.power_up(0.0)
    device.receive(b"?", 0.0)
    assert (device.advance(0.0), device.next_s()) == (b"", float("inf"))
