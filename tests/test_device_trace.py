"""Traces: what a driver and its device say, live, scrubbed, playable; and nobody is recorded once it is over."""

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from device_bench import WAIT_S
from finger_peers import VirtualLink
from peers import until

import hw
from gatefw import device_trace
from gatefw.device_secrets import Installer
from gatefw.device_session import ABANDONED_S, Session
from gatefw.device_trace import Lines, Wire, wire_of
from gatefw.errors import Refusal
from gatefw.gate_terms import DeviceCame, GateInput, TokenRead
from gatefw.model import Phase, Reason, Token
from gatefw.workers import ReaderWorker
from hw import finger_r30x, reader_mrz_serial, reader_serial
from hw.link import ReplayLink, ReplayMismatch, SpyLink, plug
from hw.sim.device_finger_r30x import FingerDevice
from hw.sim.device_mrz_reader import MrzReader as MrzDevice
from hw.sim.device_scanner import Scanner
from hw.sim.finger_chip import Options
from hw.wire.ascii_scanner import Code, encode
from hw.wire.scanner_commands import FAMILIES

SECRET = b"GATE1:A1234567"
Scrub = Callable[[str, bytes], bytes]


class Traced:
    """A serial reader on an in-process wire, its owner, and a session that traces it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.phase, self.now_s = folder, Phase.MAINTENANCE, 1000.0
        self.inbox: list[GateInput] = []
        driver = hw.load("reader", "serial")
        self.end = plug("traced")
        self._closed = self.end.close
        self.opens = 0
        settings = driver.Settings("memory:traced")
        self.installer = Installer(self._reopening(driver), settings)
        self.worker = ReaderWorker("reader.front", self.installer, self.inbox.append)
        stack.callback(self.worker.stop, WAIT_S)
        stack.callback(lambda: self.end.close())
        self.worker.start()
        self.until_there(0)

    def _reopening(self, driver: Any) -> Any:
        """The driver on a device that is there again whenever it was closed."""

        def opened(settings: Any) -> Any:
            if self.opens:
                self.end.close()
                self.end = plug("traced")
            self.opens += 1
            return driver.open(settings)

        return SimpleNamespace(open=opened, scrubber=driver.scrubber)

    def until_there(self, opens: int) -> None:
        def there() -> bool:
            came = sum(isinstance(event, DeviceCame) for event in self.inbox)
            return self.opens > opens and came >= self.opens and self.worker.device is not None

        until(there, "the reader is open", WAIT_S)

    def wire(self) -> Wire:
        return wire_of("reader.front", [(self.worker, self.installer)])

    @contextmanager
    def trace(self, raw: bool = False, within_s: float = 600.0) -> "Iterator[Watch]":
        session = Session("reader.front", "uid-7", within_s, lambda: self.phase, lambda: self.now_s)
        watch = Watch(session, self)
        wire, opens = self.wire(), self.opens
        thread = threading.Thread(
            target=session.run, args=(lambda _: device_trace.trace(session, wire, self.folder, raw),)
        )
        thread.start()
        try:
            self.until_there(opens)
            yield watch
        finally:
            session.end()
            thread.join(WAIT_S)
            assert not thread.is_alive()

    def says(self, code: bytes) -> None:
        """Somebody shows a code, and the driver has read it."""
        before = len(self.tokens())
        self.end.write(encode(Code(code, "]Q1")))
        until(lambda: len(self.tokens()) > before, "the code is read", WAIT_S)

    def tokens(self) -> list[TokenRead]:
        return [event for event in self.inbox if isinstance(event, TokenRead)]


class Watch:
    """Who follows a trace."""

    def __init__(self, session: Session, traced: Traced) -> None:
        self.session, self.lines, self._traced, self._seen = session, list[str](), traced, 0
        self.outcome: dict[str, Any] | None = None

    def _passes(self, ends_s: float = math.inf) -> bool:
        """Time goes on while somebody waits, though never so far that who waits counts as gone."""
        self._traced.now_s = min(self._traced.now_s + 0.01, ends_s)
        return False

    def look(self, say: str = "") -> bool:
        """Whether it is over."""
        told: Future[Any] = Future()
        self.session.follow(self._seen, say, told.set_result)
        ends_s = self._traced.now_s + 1.0
        until(lambda: self._passes(ends_s) or told.done(), "an answer", WAIT_S)
        result = told.result(0).result
        self.lines += [line["wire"] for line in result["said"]]
        self._seen, self.outcome = result["seen"], result.get("outcome")
        return self.outcome is not None

    def until(self, said: bytes) -> None:
        until(lambda: self.look() or said.hex() in "".join(self.lines), f"{said!r} is told", WAIT_S)

    def over(self, say: str = "end") -> dict[str, Any]:
        self.look(say)
        until(lambda: self.outcome or self.look(), "the trace is over", WAIT_S)
        assert self.outcome is not None
        return self.outcome


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    with ExitStack() as stack:
        yield Traced(tmp_path, stack)


def clean(traced: Traced) -> None:
    """Nobody is recorded, and nothing is left of it."""
    until(lambda: not traced.installer.recorded, "it is opened without", WAIT_S)
    assert traced.installer.recording is None
    until(lambda: not list(traced.folder.glob("trace-*")), "the directory is gone", WAIT_S)


def test_what_a_reader_says_is_told_live_scrubbed_and_in_its_length(traced: Traced) -> None:
    with traced.trace() as watch:
        traced.says(SECRET)
        watch.until(b"]Q1" + b"x" * len(SECRET) + b"\r")
        outcome = watch.over()
    assert outcome == {"device": "reader.front", "passed": True, "why": "", "lines": len(watch.lines), "raw": False}
    assert watch.lines[0] == "# memory:traced"
    assert b"A1234567".hex() not in "".join(watch.lines)
    clean(traced)
    traced.until_there(traced.opens - 1)
    traced.says(b"GATE1:AFTER")
    assert traced.tokens()[-1].token == Token(b"GATE1:AFTER", "]Q1")


def test_raw_is_as_it_was_said(traced: Traced) -> None:
    with traced.trace(raw=True) as watch:
        traced.says(SECRET)
        watch.until(SECRET)
        assert watch.over()["raw"] is True
    clean(traced)


def test_a_recording_is_nobody_elses_to_read_while_it_lasts(traced: Traced) -> None:
    with traced.trace():
        [folder] = traced.folder.glob("trace-*")
        assert (folder.stat().st_mode & 0o777, (folder / "dialogue").stat().st_mode & 0o777) == (0o700, 0o600)
    clean(traced)


def test_a_scrubbed_recording_plays_back_as_a_code_of_the_same_length(traced: Traced, tmp_path: Path) -> None:
    with traced.trace() as watch:
        traced.says(SECRET)
        watch.until(b"x" * len(SECRET))
        watch.over()
    played = tmp_path / "played"
    played.write_text("".join(f"{line}\n" for line in watch.lines))
    driver = hw.load("reader", "serial")
    reader = driver.open(driver.Settings(f"replay:{played}"))
    assert reader.read(5.0) == Token(b"x" * len(SECRET), "]Q1")
    reader.close()


def ends() -> dict[str, Callable[[Traced, Watch], None]]:
    def maintenance(traced: Traced, _watch: Watch) -> None:
        traced.phase = Phase.OUT_OF_SERVICE

    def gone(traced: Traced, _watch: Watch) -> None:
        traced.now_s += ABANDONED_S + 0.1

    def time_over(traced: Traced, _watch: Watch) -> None:
        traced.now_s += 5.1

    def asked(_traced: Traced, watch: Watch) -> None:
        watch.look("end")

    return {"maintenance": maintenance, "gone": gone, "time": time_over, "asked": asked}


@pytest.mark.parametrize("how", ends())
def test_it_ends_with_maintenance_with_who_watches_and_with_its_time_and_nobody_is_recorded_then(
    traced: Traced, how: str
) -> None:
    with traced.trace(within_s=5.0 if how == "time" else 600.0) as watch:
        ends()[how](traced, watch)
        until(lambda: watch.session.over, "it is over", WAIT_S)
        clean(traced)
        traced.until_there(1)


def test_a_device_that_was_being_opened_as_the_trace_ended_is_opened_once_more(traced: Traced) -> None:
    """It had looked at whether it is recorded before, and opens with the answer afterwards."""
    held, begun = threading.Event(), threading.Event()
    opened = traced.installer._driver.open

    def slowly(settings: Any) -> Any:
        if settings.link.startswith("spy:") and not begun.is_set():
            begun.set()
            held.wait(WAIT_S)
        return opened(settings)

    traced.installer._driver.open = slowly  # type: ignore[attr-defined]
    session = Session("reader.front", "uid-7", 600.0, lambda: traced.phase)
    thread = threading.Thread(
        target=session.run, args=(lambda _: device_trace.trace(session, traced.wire(), traced.folder, False),)
    )
    thread.start()
    until(begun.is_set, "it is being opened", WAIT_S)
    session.follow(0, "end", lambda _answer: None)
    until(lambda: traced.installer.recording is None, "the trace ends", WAIT_S)
    assert traced.installer.recorded
    held.set()
    thread.join(WAIT_S)
    assert session.over
    clean(traced)


def test_an_opening_that_comes_after_the_end_finds_nowhere_to_record_to(traced: Traced, tmp_path: Path) -> None:
    late = dataclasses.replace(hw.load("reader", "serial").Settings("memory:x"), link=f"spy:{tmp_path}/gone/d+memory:x")
    with plugged("x"), pytest.raises(Exception, match="cannot record there"):
        hw.load("reader", "serial").open(late)


@contextmanager
def plugged(name: str) -> Iterator[None]:
    end = plug(name)
    try:
        yield
    finally:
        end.close()


def test_a_device_that_says_more_than_can_be_followed_ends_it(traced: Traced) -> None:
    with traced.trace() as watch:
        [folder] = traced.folder.glob("trace-*")
        with (folder / "dialogue").open("a") as recording:
            recording.write("0.1 < 00\n" * (device_trace.RECORDING_BYTES_MAX // 9 + 200_000))
        outcome = watch.over("")
    assert (outcome["passed"], outcome["why"]) == (False, "it says more than can be followed")
    clean(traced)


# ---------------------------------------------------------------- which wire


def fake(name: str, link: str | None) -> tuple[Any, Any]:
    return SimpleNamespace(name=name, fail=lambda _error: None), SimpleNamespace(link=link, recorded=False)


def test_everybody_on_a_line_is_traced_together() -> None:
    ends = [fake("door.entry_door", "serial:/a"), fake("reader.x", "serial:/b"), fake("sensors.lane", "serial:/a")]
    assert [worker.name for worker, _ in wire_of("sensors.lane", ends).ends] == ["door.entry_door", "sensors.lane"]


@pytest.mark.parametrize(
    ("name", "link", "says"),
    [
        ("door.entry_door", None, "hangs on pins"),
        ("document.desk", None, "belongs to pcscd"),
        ("camera.inside", None, "has pictures and no wire"),
        ("reader.front", "spy:/tmp/x+serial:/a", "records it already"),
    ],
)
def test_a_device_without_a_wire_says_so_and_what_to_do_instead(name: str, link: str | None, says: str) -> None:
    with pytest.raises(Refusal, match=says):
        wire_of(name, [fake(name, link)])


def test_a_directory_that_a_link_cannot_name_is_refused(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"has a \+"):
        device_trace.trace(Session("x", "uid-7", 1.0, lambda: traced.phase), traced.wire(), tmp_path / "a+b", False)


def test_a_driver_that_says_nothing_of_personal_data_has_every_word_hidden() -> None:
    shown = Installer(SimpleNamespace(), SimpleNamespace(link="x")).scrubber()  # type: ignore[arg-type]
    assert shown("<", b"\x02Anna M\xc3\xbcller, 7408122\r\n") == b"\x02xxxx xxxxxxx, xxxxxxx\r\n"


# ---------------------------------------------------------------- recordings of every driver with a wire


ZONE = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"


def scrubbed(folder: Path, device: Any, scrubber: Callable[[], Scrub], talk: Callable[[Any, Any], Any]) -> ReplayLink:
    """What `talk(link, now_s)` says with a device in virtual time, recorded, scrubbed, and ready to be played."""
    virtual = VirtualLink(device)
    talk(SpyLink(folder / "raw", virtual, virtual.url, virtual.now_s), virtual.now_s)
    lines = list(Lines(folder / "raw", scrubber))
    raw = (folder / "raw").read_text().splitlines()
    assert [len(line) for line in lines] == [len(line) for line in raw], "every length is kept"
    (folder / "shown").write_text("".join(f"{line}\n" for line in lines))
    return ReplayLink(folder / "shown")


def hidden(folder: Path, *secrets: bytes) -> None:
    """That nothing of these is in what is shown, and that it was in the recording: from six bytes on."""

    def said(name: str) -> bytes:
        lines = [line.split(" ") for line in (folder / name).read_text().splitlines() if line[0] != "#"]
        return b"".join(bytes.fromhex(what) for _, way, what in lines if way == "<") + b"".join(
            bytes.fromhex(what) for _, way, what in lines if way == ">"
        )

    for secret in secrets:
        assert secret in said("raw")
        pieces = [secret[at : at + 6] for at in range(0, len(secret) - 5, 3)]
        assert not [piece for piece in pieces if len(set(piece)) > 1 and piece in said("shown")]


@pytest.mark.parametrize("family", ["newland", "honeywell"])
def test_a_recording_of_a_scanner_that_is_spoken_to_plays_back(family: str, tmp_path: Path) -> None:
    scanner = Scanner(family)
    settings = reader_serial.Settings("virtual:x", family=family)  # type: ignore[arg-type]

    def talk(link: Any, now_s: Callable[[], float]) -> Token | None:
        reader = reader_serial.TriggeredReader(settings, link, FAMILIES[family], now_s)
        reader.trigger(True)
        scanner.act("present", {"code": SECRET}, now_s())
        token = reader.read(1.0)
        reader.close()
        return token

    played = scrubbed(tmp_path, scanner, reader_serial.scrubber, talk)
    hidden(tmp_path, SECRET)
    assert talk(played, lambda: 100.0) == Token(b"x" * len(SECRET), "]Q1")


def test_a_recording_of_a_zone_plays_back_as_one_of_its_shape(tmp_path: Path) -> None:
    device = MrzDevice()

    def talk(link: Any, now_s: Callable[[], float]) -> Token | None:
        reader = reader_mrz_serial.MrzReader(reader_mrz_serial.Settings("virtual:x"), link, now_s)
        device.act("swipe", {"lines": ZONE}, now_s())
        token = reader.read(1.0)
        reader.close()
        return token

    played = scrubbed(tmp_path, device, reader_mrz_serial.scrubber, talk)
    hidden(tmp_path, *ZONE.encode().split(b"\n"))
    assert talk(played, lambda: 100.0) == Token(b"X" * 44 + b"\n" + b"X" * 44)


def test_a_recording_of_an_enrolment_plays_back_and_holds_no_template_and_no_password(tmp_path: Path) -> None:
    password = b"\x5a\x17\xc3\x99"
    device = FingerDevice(Options(start_s=0.0, template_bytes=512, password=password.hex()))
    made: list[bytes] = []

    def talk(known: bytes) -> Callable[[Any, Callable[[], float]], Any]:
        def enrol(link: Any, now_s: Callable[[], float]) -> bool:
            sensor = finger_r30x.FingerSensor(finger_r30x.Settings("virtual:x"), link, now_s)
            sensor.begin((known,))
            for sample in (1, 2):
                device.act("lay", {"finger": 7}, now_s())
                assert sensor.look(sample) is Reason.OK  # type: ignore[arg-type]
                device.act("lift", {}, now_s())
            template = sensor.merge()
            assert template is not None
            made.append(template)
            sensor.load(template)
            sensor.wipe()
            sensor.close()
            return True

        return enrol

    played = scrubbed(tmp_path, device, finger_r30x.scrubber, talk(password))
    hidden(tmp_path, made[0][:128], made[0][128:256])
    assert password.hex() not in (tmp_path / "shown").read_text()
    assert talk(bytes(4))(played, time.monotonic) is True
    assert made[1] == bytes(512)


def test_a_driver_that_says_something_else_than_was_recorded_is_told(tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.write_text("0.1 > 00\n")
    with pytest.raises(ReplayMismatch):
        ReplayLink(shown).write(b"x")


def test_every_driver_with_a_link_says_what_of_its_recordings_may_be_shown() -> None:
    for role, how in hw.drivers():
        fields = {field.name for field in dataclasses.fields(hw.schema(role, how))}
        driver = hw.load(role, how)
        if "link" in fields:
            assert len(driver.scrubber()("<", b"Anna")) == 4, (role, how)
