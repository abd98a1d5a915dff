"""What an officer sees of a lane: its messages in, a row and alarms out. No clock, no I/O.

Times are monotonic seconds of the console; what is told are ages. A row is what the lane's newest status says, and
silent once none came for SILENT_S; alarms and referrals are what its events said, in order. Whatever a lane of another
version says, nothing here raises: what does not fit is unknown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatefw.console.alarms import COUNTER, LET_OUT, Alarm, Priority, after, told
from gatefw.events import RUN
from gatefw.model import FactKind, Phase, Reason, Verdict

SILENT_S = 1.5
"""Since its last answer. It is asked each half second, so whoever looks knows within 2 s of its end."""
REFERRED_S = 600.0
"""So long a referral stands beside its lane, which serves others meanwhile: for the way to the counter, and there."""
SILENT, UNKNOWN = "silent", "unknown"
_WORD = re.compile(r"[a-z0-9_.:\-]{1,60}")
Table = Mapping[str, Any]

TONES: Mapping[str, str] = {
    Phase.RECOVERING: "calm",
    Phase.IDLE: "calm",
    Phase.TOKEN_PRESENTED: "go",
    Phase.ENTRY_RELEASED: "go",
    Phase.ENTERING: "go",
    Phase.VERIFYING: "go",
    Phase.EXIT_RELEASED: "go",
    Phase.LEAVING: "go",
    Phase.REFUSED: "act",
    Phase.REFERRED: "act",
    Phase.HOLD: "act",
    Phase.EVACUATED: "stop",
    Phase.DEGRADED: "act",
    Phase.FAULT: "stop",
    Phase.MAINTENANCE: "off",
    Phase.EXERCISE: "off",
    Phase.OUT_OF_SERVICE: "off",
}
"""calm: nothing to do; go: somebody passes; act: an officer is wanted; stop: nobody passes until one came; off."""
TURNED_AWAY = {Phase.REFUSED, Phase.REFERRED, Phase.HOLD}
TECHNICIANS = {Phase.MAINTENANCE, Phase.EXERCISE}


@dataclass(frozen=True, slots=True)
class StatusCame:
    status: Table = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventCame:
    """age_s: how long ago it happened, as far as the clocks can be believed; 0 where they cannot."""

    event: Table = field(repr=False)
    age_s: float = 0.0


Message = StatusCame | EventCame


@dataclass(frozen=True, slots=True)
class Referral:
    run: str
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """What is known of one lane. heard_s: when it last answered, None before. phase_s: since when it is in its phase;
    entered: the newest phase that its events told, and when. ended: why the newest passage ended, by its run.
    """

    heard_s: float | None = None
    status: Table = field(default_factory=dict, repr=False)
    phase_s: float = 0.0
    entered: tuple[str, float] = ("", 0.0)
    epoch: str = ""
    ended: tuple[str, str] = ("", "")
    referral: Referral | None = None
    alarms: tuple[Alarm, ...] = ()

    @property
    def phase(self) -> str:
        said = self.status.get("phase")
        return said if isinstance(said, str) and said in TONES else UNKNOWN

    def silent(self, now_s: float) -> bool:
        return self.heard_s is None or now_s - self.heard_s > SILENT_S


def heard(lane: Lane, message: Message, now_s: float) -> Lane:
    """What is known after a message."""
    match message:
        case StatusCame(status):
            return _with_status(lane, status, now_s)
        case EventCame(event, age_s):
            return _with_event(lane, event, now_s - max(0.0, age_s))


def _with_status(lane: Lane, status: Table, now_s: float) -> Lane:
    now = replace(lane, status=status, heard_s=now_s)
    phase, at_s = now.entered
    if phase == now.phase:
        return replace(now, phase_s=at_s)
    return now if now.phase == lane.phase and lane.heard_s is not None else replace(now, phase_s=now_s)


def _with_event(lane: Lane, event: Table, at_s: float) -> Lane:
    epoch = word(event.get("epoch"))
    if epoch != lane.epoch:  # another journal: its numbers are of other events
        lane = replace(lane, epoch=epoch, referral=None, alarms=())
    kind, data = str(event.get("type")).removeprefix("gatefw.").removesuffix(".v1"), table(event.get("data"))
    run = event.get("run")
    run = str(run) if RUN.fits(run) else ""
    n = number(event.get("sequence"))
    before, lane = lane, _with_passage(lane, kind, run, data, at_s)
    held = kind == FactKind.PHASE_CHANGED and data.get("phase") == Phase.HOLD
    calls: Alarm | None = None
    if lane.referral is not None and lane.referral is not before.referral:
        calls = Alarm(n, lane.referral.reason, Priority.MEDIUM, at_s, COUNTER, run)
    elif held and run and lane.ended[0] == run and lane.ended[1] != Reason.OK:  # turned away, and shut in
        calls = Alarm(n, lane.ended[1], Priority.HIGH, at_s, LET_OUT, run)
    return replace(lane, alarms=after(lane.alarms, kind, n, run, data, at_s, calls))


def _with_passage(lane: Lane, kind: str, run: str, data: Table, at_s: float) -> Lane:
    reason = word(data.get("reason"))
    if kind == FactKind.PHASE_CHANGED:
        lane = replace(lane, entered=(word(data.get("phase")), at_s))
        known = lane.referral is not None and lane.referral.run == run
        if data.get("phase") == Phase.REFERRED and run and not known:
            return replace(lane, referral=Referral(run, lane.ended[1] if lane.ended[0] == run else UNKNOWN, at_s))
    elif kind == FactKind.PASSAGE_DECIDED:
        lane = replace(lane, ended=(run, reason))
        if data.get("verdict") == Verdict.REFER and run:
            return replace(lane, referral=Referral(run, reason, at_s))
    elif kind == FactKind.PASSAGE_ENDED and lane.ended[0] != run:
        return replace(lane, ended=(run, reason))
    elif kind == FactKind.CLEARED_BY_HAND and lane.referral is not None and lane.referral.run == run:
        return replace(lane, referral=None)
    return lane


# ---------------------------------------------------------------- what is shown


@dataclass(frozen=True, slots=True)
class Named:
    """What the console's file calls a lane."""

    id: str
    name: str
    group: str


def row(named: Named, lane: Lane, now_s: float) -> dict[str, object]:
    """The lane as the page has it. What a silent lane was doing is not told: nobody knows whether it still does."""
    base = {"id": named.id, "name": named.name, "group": named.group}
    if lane.silent(now_s):
        since_s = None if lane.heard_s is None else _ago(now_s, lane.heard_s)
        return {**base, "phase": SILENT, "tone": "stop", "since_s": since_s, **_NOTHING}
    referral = referred(lane, now_s)
    return {
        **base,
        "phase": lane.phase,
        "tone": TONES.get(lane.phase, "stop"),
        "since_s": _ago(now_s, lane.phase_s),
        "occupancy": word(lane.status.get("occupancy")),
        "waiting_since_s": _waiting_s(lane, now_s),
        "reason": _reason(lane),
        "referral": referral
        and {"run": referral.run, "reason": referral.reason, "since_s": _ago(now_s, referral.at_s)},
        "camera": _camera(lane.status),
        "devices_lost": list(words(lane.status.get("missing"))),
        "orders": list(_orders(lane, referral)),
        "case": _case(lane, referral),
    }


_NOTHING: Mapping[str, object] = {
    "occupancy": UNKNOWN,
    "waiting_since_s": None,
    "reason": None,
    "referral": None,
    "camera": UNKNOWN,
    "devices_lost": (),
    "orders": (),
    "case": None,
}


def alarms(named: Named, lane: Lane, now_s: float) -> Iterable[dict[str, object]]:
    """Those of one lane. That it is silent is one itself, without a number: no event says so."""
    if lane.silent(now_s):
        since_s = None if lane.heard_s is None else _ago(now_s, lane.heard_s)
        yield {
            "id": f"{named.id}:{SILENT}",
            "lane": named.id,
            "number": None,
            "priority": "high",
            "reason": SILENT,
            "since_s": since_s,
            "by": None,
            "over": False,
            "run": None,
        }
    for alarm in lane.alarms:
        if (shown := told(alarm, now_s, REFERRED_S)) is not None:
            yield {"id": f"{named.id}:{lane.epoch}:{alarm.number}", "lane": named.id, **shown}


def referred(lane: Lane, now_s: float) -> Referral | None:
    """Who was sent to the counter, and was not cleared there yet."""
    found = lane.referral
    stays = found is not None and (lane.phase in TURNED_AWAY or now_s - found.at_s < REFERRED_S)
    return found if stays else None


def _ago(now_s: float, then_s: float) -> float:
    return round(max(0.0, now_s - then_s), 1)


def _waiting_s(lane: Lane, now_s: float) -> float | None:
    """For how long a traveller is at it: since the oldest passage under way began, or since they were turned away."""
    heard_s = lane.heard_s or 0.0
    begun = [
        seconds for each in _tables(lane.status.get("runs")) if (seconds := _seconds(each.get("for_s"))) is not None
    ]
    if begun:
        return round(max(begun) + now_s - heard_s, 1)
    inside = lane.phase in TURNED_AWAY and lane.status.get("occupancy") != "empty"
    return _ago(now_s, lane.phase_s) if inside else None


def _reason(lane: Lane) -> str | None:
    """Why it is as it is: what is latched, what is missing, or why the traveller was turned away."""
    latched, said = lane.status.get("latched"), lane.status.get("reason")
    if latched or said:
        return word(latched or said)
    if lane.phase in TURNED_AWAY and lane.ended[1]:
        return lane.ended[1]
    return "device_lost" if lane.phase == Phase.DEGRADED else None


def _camera(status: Table) -> str:
    """`ok`: the lane misses no camera, and says nothing against one."""

    def seen(names: Iterable[str]) -> bool:
        return any(name == "vision" or name.startswith("camera.") for name in names)

    if seen(words(status.get("missing"))):
        return "lost"
    if seen(name for name, reasons in table(status.get("impaired")).items() if reasons):
        return "degraded"
    return "ok" if isinstance(status.get("missing"), list) else UNKNOWN


def _orders(lane: Lane, referral: Referral | None) -> Iterable[str]:
    """What an officer may want of it now, most wanted first; the lane itself has the last word."""
    phase = lane.phase
    if phase == UNKNOWN:
        return
    if phase == Phase.HOLD:
        yield "let_out"
    if phase in (Phase.HOLD, Phase.FAULT, Phase.EVACUATED):
        yield "reset"
    if referral is not None:
        yield "clear_by_hand"
    if phase not in (Phase.HOLD, Phase.FAULT, Phase.EVACUATED, *TECHNICIANS):
        yield "hold"
    if phase not in TECHNICIANS:
        yield "close" if lane.status.get("in_service") is True else "open"
    if phase != Phase.EVACUATED:
        yield "evacuate"
    yield "silent_alarm"


def _case(lane: Lane, referral: Referral | None) -> str | None:
    """The run about which the lane may be asked."""
    served = [each for each in _tables(lane.status.get("runs")) if RUN.fits(each.get("run"))]
    if served:
        return str(served[0]["run"])
    return referral.run if referral is not None else None


# ---------------------------------------------------------------- as far as it is believed


def word(value: object) -> str:
    """What looks like a code of ours."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else UNKNOWN


def words(value: object) -> tuple[str, ...]:
    return tuple(word(each) for each in value) if isinstance(value, list) else ()


def table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> int:
    """Of an event, 0 where there is none."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) <= 20 else 0


def _tables(value: object) -> Iterable[Table]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _seconds(value: object) -> float:
    counts = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if counts and isinstance(value, int | float) else 0.0
