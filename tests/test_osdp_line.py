"""The OSDP reader on a real pty, simulator and worker each in a thread of its own, as in a gate.

A busy machine may keep the simulator from answering in time, and the session is lost then, as on a bad line: so nothing
here counts on a first try. A card is held before the reader until it is read.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from osdp_bench import KEY, write_key
from peers import until

from gatefw.device_secrets import Installer, renew_secret
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, GateInput, TokenRead
from gatefw.model import Phase, Reason
from gatefw.workers import ReaderWorker
from hw import reader_osdp
from hw.link import node_there
from hw.reader_osdp import Settings
from hw.sim.device_osdp_reader import make
from hw.sim.serial_line import LineAilment, SerialLine

WAIT_S = 60.0
CARDS = [f"card:26:0000{number:02X}40".encode() for number in range(256)]


class Line:
    """A reader on a pty, served by its worker. What is done to the simulator is done by its own thread."""

    def __init__(self, path: Path, mode: str = "secure", ailment: LineAilment = LineAilment.HEALTHY) -> None:
        self.key_file, self.came = path / "card.key", list[GateInput]()
        write_key(self.key_file, KEY)
        self.device = make({"key": KEY.hex()} if mode == "secure" else {"mode": mode}, None)
        self.line = SerialLine(path / "tty-card", self.device, baud=38400)
        self.line.ail(ailment, amount_s=1.0)
        self._ending, self._done = threading.Event(), threading.Event()
        self._player = threading.Thread(target=self._play)
        self._player.start()
        url = f"serial:{path / 'tty-card'}?baud=38400"
        settings = Settings(url, str(self.key_file), address=0, answer_s=2.0, silent_s=4.0)
        self.installer = Installer(reader_osdp, settings)
        self.worker = ReaderWorker("reader.card", self.installer, self.came.append)
        self.worker.there = lambda: node_there(url)
        self.worker.start()
        self._shown = 0

    def _play(self) -> None:
        self.line.run(self._ending)

    def _paused(self) -> "Line":
        self._ending.set()
        self._player.join()
        self._ending.clear()
        return self

    def __enter__(self) -> "Line":
        return self._paused()

    def __exit__(self, *_error: object) -> None:
        self._player = threading.Thread(target=self._play)
        self._player.start()

    def act(self, what: str, **given: object) -> None:
        with self:
            self.device.act(what, given, 0.0)

    def card_is_read(self) -> bool:
        """Hold another card before the reader, and see whether it is read within a moment."""
        card, self._shown = CARDS[self._shown], self._shown + 1
        self.act("present", code=card)
        pause = threading.Event()
        for _ in range(100):
            if card in self.tokens():
                return True
            pause.wait(0.01)
        return False

    def is_gone(self) -> bool:
        return any(isinstance(event, DeviceWent) for event in self.came)

    def tokens(self) -> list[bytes]:
        return [event.token.payload for event in self.came if isinstance(event, TokenRead)]

    def close(self) -> None:
        self.worker.stop(30.0)
        self._paused()
        self.line.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    found = Line(tmp_path)
    yield found
    found.close()


def test_a_card_is_read_over_a_serial_line_and_the_reader_shows_the_phase(line: Line) -> None:
    line.worker.show(Phase.IDLE, None)
    until(line.card_is_read, "a card is read", WAIT_S)
    until(lambda: 2 in line.device.shown, "its lamp is lit", WAIT_S)


def test_a_reader_is_back_after_its_plug_was_pulled_and_tells_nothing_of_meanwhile(line: Line) -> None:
    until(line.card_is_read, "a card is read", WAIT_S)
    with line:
        line.came.clear()  # before the plug: the worker, which runs on, tells of it at once
        line.line.unplug()
    until(line.is_gone, "it is gone", WAIT_S)
    line.act("present", code=b"card:26:FFFFFF40")
    with line:
        line.line.plug(0.0)
    until(lambda: DeviceCame("reader.card") in line.came, "it is back", WAIT_S)
    until(line.card_is_read, "a card is read", WAIT_S)
    assert b"card:26:FFFFFF40" not in line.tokens()


@pytest.mark.parametrize("ailment", [LineAilment.GARBLED, LineAilment.LATE, LineAilment.TORN, LineAilment.MUTE])
def test_a_line_that_ails_is_told_and_is_over_by_itself(tmp_path: Path, ailment: LineAilment) -> None:
    line = Line(tmp_path, ailment=ailment)
    try:
        until(line.is_gone, "it is told", WAIT_S)
        assert line.tokens() == []
        with line:
            line.line.ail(LineAilment.HEALTHY)
        until(line.card_is_read, "a card is read", WAIT_S)
    finally:
        line.close()


def test_an_open_case_reaches_the_inbox(line: Line) -> None:
    until(line.card_is_read, "a card is read", WAIT_S)
    line.act("tamper", on=True)
    until(lambda: DeviceImpaired("reader.card", Reason.TAMPERED, True) in line.came, "it is told", WAIT_S)


def test_a_key_is_renewed_while_the_gate_runs(line: Line) -> None:
    until(line.card_is_read, "a card is read", WAIT_S)
    until(lambda: renewed(line), "the key is renewed", WAIT_S)
    until(line.card_is_read, "a card is read", WAIT_S)
    assert bytes.fromhex(line.key_file.read_text()) == line.device.key != KEY


def renewed(line: Line) -> bool:
    return renew_secret(line.worker).exception(WAIT_S) is None


def test_a_reader_from_the_factory_is_installed_while_the_gate_runs(tmp_path: Path) -> None:
    line = Line(tmp_path, mode="install")
    try:
        until(line.is_gone, "it is the wrong one", WAIT_S)
        until(lambda: line.installer.install(line.worker, WAIT_S).exception(WAIT_S) is None, "it is installed", WAIT_S)
        until(line.card_is_read, "a card is read", WAIT_S)
        assert bytes.fromhex(line.key_file.read_text()) == line.device.key != KEY
    finally:
        line.close()
