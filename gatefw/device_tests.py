"""One test for each role of device: what a technician sees of it, and whether it does what it should.

A test borrows the device from its owner for less than a second at a time (`Worker.lend`), so that a driver that hangs
is left behind as ever, and sensors and doors go on being read. It shows kinds, lengths, levels and numbers, and nothing
of what somebody's card, code, document, face or finger says.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from gatefw.device_session import Outcome, Session
from gatefw.errors import Refusal
from gatefw.model import Beam, DoorId, Phase, Position, Reason, Sensed, Token, Verb
from gatefw.ports import DocumentReader, FingerScanner, Indicator, Sensors, TokenReader, Triggered
from gatefw.worker import Worker
from gatefw.workers import ReaderWorker

LEND_S = 5.0  # a loan that takes longer is stuck
LOOK_S = 0.2  # between two looks at levels
LISTEN_S = 0.1  # between two looks whether something was read
HOLD_S = 0.2  # a lamp, in one loan
SHOW_S = 1.0  # a lamp, where nobody is asked
FOLLOW_S = 0.05  # between two looks at a moving door
FIGURES_S = 1.0  # between two questions about a camera
FRAMES_MIN_PER_S = 1.0
SECONDS = {"reader": 20.0, "sensors": 60.0, "camera": 5.0, "finger": 20.0, "document": 20.0}
"""How long a test lasts where nobody says; doors and indicators take the time that they take."""
OTHERS_S = 300.0
SHOWN = (Phase.IDLE, Phase.VERIFYING, Phase.REFUSED, Phase.FAULT, Phase.OUT_OF_SERVICE, Phase.EVACUATED)
_KINDS = {b"GW1:": "signed token", b"GATE1:": "identifier", b"card:": "card", b"keys:": "keypad entry"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bench:
    """What a test may use of the lane. `order` has the lane asked; `figures` are the vision process's on a camera."""

    worker: Worker[Any] | None
    asks: bool
    sensed: Callable[[], Sensed]
    phase: Callable[[], Phase]
    order: Callable[[Verb, str], "Future[str]"]
    figures: Callable[[], "Future[Mapping[str, Any]]"]


Test = Callable[[Session, Bench], Outcome]


def seconds(role: str) -> float:
    """How long a test of this role lasts at most, where nobody says."""
    return SECONDS.get(role, OTHERS_S)


def kind_of(token: Token) -> str:
    """What was read, in a word that says nothing of whose it is."""
    for prefix, kind in _KINDS.items():
        if token.payload.startswith(prefix):
            return kind
    return "machine readable zone" if b"\n" in token.payload else "code"


def reader(session: Session, bench: Bench) -> Outcome:
    """A card or a code is shown. Its owner reads on, and hands it to the test in place of the lane."""
    worker = bench.worker
    assert isinstance(worker, ReaderWorker)
    heard: SimpleQueue[Token] = SimpleQueue()
    worker.listener = heard.put
    try:
        session.result(_light(bench, True))
        lit = worker.device
        session.say(prompt="show a card or a code", seconds=round(session.left_s))
        while session.goes_on:
            if not heard.empty():
                token = heard.get()
                read = {"kind": kind_of(token), "symbology": token.symbology, "bytes": len(token.payload)}
                return Outcome(True, found=read)
            if worker.device is not lit:  # one that was opened anew is dark
                lit = worker.device
                _light(bench, True)
            session.rest(LISTEN_S)
    finally:
        worker.listener = None
        _light(bench, False)
    if worker.device is None:
        return Outcome(False, "it went away: `gatefw device list` says why, `gatefw device trace` what it said")
    return Outcome(False, "nothing was read: is it lit, in reach, and set up as hw/README.md says?")


def _light(bench: Bench, on: bool) -> "Future[None]":
    def trigger(device: TokenReader) -> None:
        if isinstance(device, Triggered):
            device.trigger(on)

    return _lend(bench, trigger)


def sensors(session: Session, bench: Bench) -> Outcome:
    """Levels, whenever one changes, until the time is over or who watches has seen enough."""
    session.say(prompt="live levels; Ctrl-C ends", seconds=round(session.left_s))
    before: dict[str, str] = {}
    changed: set[str] = set()
    with closing(_borrowed(session, bench, _levels)) as readings:
        for levels in readings:
            if levels != before:
                changed |= {name for name in before if levels.get(name) != before[name]}
                before = levels
                session.say(levels=levels)
            session.rest(LOOK_S)
    return Outcome(True, found={"levels": before, "changed": sorted(changed)})


def _levels(device: Sensors) -> dict[str, str]:
    reading = device.read()
    zones = {f"zone_{zone.value}": "on" if there else "off" for zone, there in reading.zones.items()}
    inputs = {which.value: signal.value for which, signal in reading.inputs.items()}
    return {"occupancy": reading.occupancy.value, **zones, **inputs}


def indicator(session: Session, bench: Bench) -> Outcome:
    """What it shows for one phase after the other; who watches says whether it does."""
    failed = []
    for phase in SHOWN:
        if not session.goes_on:
            break
        asked = "does it show" if bench.asks else "it shows"
        session.say(prompt=f"{asked} {phase.value}", ask=bench.asks)
        if not _shown(session, bench, phase):
            failed.append(phase.value)
    why = f"does not show {', '.join(failed)}" if failed else "" if bench.asks else "nobody was asked what they saw"
    return Outcome(not failed, why, {"asked": bench.asks})


def _shown(session: Session, bench: Bench, phase: Phase) -> bool:
    """Have it shown until somebody says yes or no, or for `SHOW_S`; its owner shows the truth right afterwards."""

    def show(device: Indicator) -> None:
        if bench.phase() is Phase.MAINTENANCE:
            device.show(phase, None)
        threading.Event().wait(HOLD_S)

    held_s = 0.0
    with closing(_borrowed(session, bench, show, ahead=2)) as shown:
        for _ in shown:
            held_s += HOLD_S
            if session.told is not None or (not bench.asks and held_s >= SHOW_S):
                break
    if bench.asks and session.told is None:
        raise Refusal("it was not said whether it shows what it should")
    return session.told is not False


def camera(session: Session, bench: Bench) -> Outcome:
    """How its pictures are, as the vision process sees them. No picture is shown."""
    figures: Mapping[str, Any] = {}
    while session.goes_on:
        figures = session.result(bench.figures())
        session.say(camera=figures)
        session.rest(FIGURES_S)
    ails = figures.get("lost") or figures.get("ail")
    slow = figures.get("frames_per_s", 0.0) < FRAMES_MIN_PER_S
    why = f"{ails}: {figures.get('why', '')}".rstrip(": ") if ails else "hardly any frames come" if slow else ""
    return Outcome(not why, why, figures)


def finger(session: Session, bench: Bench) -> Outcome:
    """A finger is laid down: clear or not. It is compared with nothing, and overwritten."""
    session.say(prompt="lay a finger on the sensor", seconds=round(session.left_s))
    before = Reason.NO_FINGER

    def look(device: FingerScanner) -> Reason:
        return device.look(1)

    with closing(_borrowed(session, bench, look)) as looks:
        for seen in looks:
            if seen is Reason.OK:
                session.say(finger="clear")
                session.result(_lend(bench, lambda device: device.wipe()))
                return Outcome(True, found={"finger": "clear", "wiped": True})
            if seen is not before:
                session.say(finger="none" if seen is Reason.NO_FINGER else "unclear")
            before = seen
            session.rest(LOOK_S)
    return Outcome(False, "no finger lay there that was clear: wipe finger and sensor, or try another finger")


def document(session: Session, bench: Bench) -> Outcome:
    """A document is laid down: whether its chip answers. Nothing is read from it."""
    session.say(prompt="lay a travel document, or any contactless card, on the reader", seconds=round(session.left_s))

    def present(device: DocumentReader) -> bool:
        return device.present()

    with closing(_borrowed(session, bench, present)) as looks:
        for there in looks:
            if there:
                return Outcome(True, found={"chip": "answers"})
            session.rest(LOOK_S)
    return Outcome(False, "no chip answered on the reader")


def door(session: Session, bench: Bench) -> Outcome:
    """The lane is ordered to exercise it, with everything that this demands; here it is only watched."""
    which = DoorId(session.device.partition(".")[2])
    verb = Verb.EXERCISE_ENTRY if which is DoorId.ENTRY else Verb.EXERCISE_EXIT
    session.say(prompt=f"{which.value} is released for a moment: keep clear; one without a drive is to be pushed")
    session.result(bench.order(verb, session.by))
    began_s, seen = session.left_s, Seen()
    while session.goes_on:
        sensed = bench.sensed()
        fresh = seen.look(sensed.position(which), sensed.beam(which), round(began_s - session.left_s, 2))
        if fresh:
            session.say(**fresh)
        if bench.phase() is Phase.MAINTENANCE and seen.position is Position.SECURED:
            break
        session.rest(FOLLOW_S)
    return seen.outcome()


class Seen:
    """What a door did while it was watched, and when (seconds from the order)."""

    def __init__(self) -> None:
        self.position = Position.UNKNOWN
        self._beam = Beam.UNKNOWN
        self._times: dict[Position, float] = {}

    def look(self, position: Position, beam: Beam, after_s: float) -> dict[str, object]:
        """What is new in it, to be told."""
        if (position, beam) == (self.position, self._beam):
            return {}
        if position is not self.position:
            self._times[position] = after_s if position is Position.SECURED else self._times.get(position, after_s)
        self.position, self._beam = position, beam
        return {"position": position.value, "beam": beam.value, "after_s": after_s}

    def outcome(self) -> Outcome:
        opened_s = self._times.get(Position.OPEN)
        secured_s = self._times.get(Position.SECURED) if self.position is Position.SECURED else None
        why = ""
        if opened_s is None:
            why = "was never seen open: look at lock, drive and contacts"
        elif secured_s is None:
            why = f"was not secured again, it is {self.position.value}: look at what holds it, and at its contacts"
        return Outcome(not why, why, {"opened_s": opened_s, "secured_s": secured_s})


def _lend(bench: Bench, use: Callable[[Any], T]) -> "Future[T]":
    assert bench.worker is not None
    return bench.worker.lend(use, LEND_S)


def _borrowed(session: Session, bench: Bench, use: Callable[[Any], T], ahead: int = 1) -> Generator[T, None, None]:
    """What `use` brings from the device, again and again, while the session goes on; `ahead` loans are asked for."""
    lent = deque(_lend(bench, use) for _ in range(ahead))
    try:
        while session.goes_on:
            yield session.result(lent.popleft())
            lent.append(_lend(bench, use))
    finally:
        for each in lent:
            each.cancel()


def authority(session: Session, bench: Bench) -> Outcome:
    """It has signed that it is there: its owner lends it to nobody before that."""
    session.result(_lend(bench, lambda _device: None))
    return Outcome(True, found={"signed": True})


TESTS: Mapping[str, Test] = {
    "authority": authority,
    "reader": reader,
    "sensors": sensors,
    "indicator": indicator,
    "camera": camera,
    "finger": finger,
    "document": document,
    "door": door,
}
