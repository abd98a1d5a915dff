"""A lane's alarms as its events tell them: how urgent each is, what ends it, and who acknowledged it. Pure.

Four priorities, as alarm systems for operators have them (IEC 62682). One that is over goes from the list by itself,
but for the two highest, which stay until an officer acknowledged them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gatefw.model import FactKind, Phase, Reason
from gatefw.senses import ALARMING

KEPT = 64
"""Of one lane; more, and of the least urgent the oldest goes."""
Table = Mapping[str, Any]


class Priority(StrEnum):
    """In the order in which an officer turns to them."""

    EMERGENCY = "emergency"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


RANK = {priority: rank for rank, priority in enumerate(Priority)}
RAISED: Mapping[str, Priority] = {
    Reason.FIRE: Priority.EMERGENCY,
    Reason.EVACUATED: Priority.EMERGENCY,
    **dict.fromkeys(
        (
            Reason.CALLED,
            Reason.WILL_NOT_LEAVE,
            Reason.UNCLEARED_EXIT,
            Reason.INTRUSION,
            Reason.TAMPERED,
            Reason.DOOR_FORCED,
            Reason.DOOR_UNCONFIRMED,
            Reason.OTHER_DOOR_UNKNOWN,
            Reason.JOURNAL_BROKEN,
            Reason.SOFTWARE,
        ),
        Priority.HIGH,
    ),
    **dict.fromkeys(
        (
            Reason.DEVICE_LOST,
            Reason.DEVICE_AWAY,
            Reason.DEVICE_WRONG,
            Reason.DEVICE_NOT_SET_UP,
            Reason.DEVICE_STUCK,
            Reason.DEVICE_FLOODS,
            Reason.CAMERA_DARK,
            Reason.CAMERA_BLINDED,
            Reason.CAMERA_COVERED,
            Reason.CAMERA_FROZEN,
            Reason.JOURNAL_FILLING,
            Reason.MAINTENANCE,
            Reason.SCORES_DRIFT,
            Reason.GALLERY_DAMAGED,
            Reason.GALLERY_TOO_LARGE,
        ),
        Priority.LOW,
    ),
}
"""Of a reason that is not here: MEDIUM."""
AT_ONCE_S = 1.0
AT_REST = {Phase.IDLE, Phase.OUT_OF_SERVICE, Phase.MAINTENANCE}
RESET, REST, LET_OUT, COUNTER, SEEN = "reset", "rest", "let_out", "counter", "seen"
ENDS = {RESET, REST, LET_OUT, COUNTER, SEEN}


@dataclass(frozen=True, slots=True)
class Alarm:
    """number: of the event that raised it. by: who acknowledged it. ends: RESET of what is latched, REST of the lane,
    LET_OUT (the lane holds nobody any more), COUNTER (its run is cleared), SEEN (acknowledged), the name of a device
    that is lost, or its name and what ails it. giver: the officer who gave a silent alarm, to whom it is not shown.
    """

    number: int
    reason: str
    priority: Priority
    at_s: float
    ends: str
    run: str = ""
    by: str | None = None
    over: bool = False
    giver: str = ""

    @property
    def stays(self) -> bool:
        return not self.over or (self.by is None and self.priority in (Priority.EMERGENCY, Priority.HIGH))


def after(
    alarms: tuple[Alarm, ...], kind: str, number: int, run: str, data: Table, at_s: float, calls: Alarm | None = None
) -> tuple[Alarm, ...]:
    """The alarms after one more event, whose kind is one of `model.FactKind` or of another version's.

    `calls`: what it is an alarm for because of what was before, if it is one.
    """
    now = [_changed(each, kind, run, data) for each in alarms]
    if (raised := calls or _raised(kind, number, run, data, at_s)) is not None:
        # who lost the bus may hear some of it again
        now = [each for each in now if each.number != number and not _same(each, raised)] + [raised]
    kept = [each for each in now if each.stays]
    while len(kept) > KEPT:
        kept.remove(max(kept, key=lambda each: (RANK[each.priority], -each.at_s)))
    return tuple(kept)


def _same(before: Alarm, latched: Alarm) -> bool:
    """A lane raises an alarm and latches its fault in one turn: an officer sees one, which ends with the reset."""
    at_once = before.reason == latched.reason and abs(latched.at_s - before.at_s) < AT_ONCE_S
    return at_once and before.ends == REST and latched.ends == RESET and not before.over


def told(alarm: Alarm, now_s: float, referred_s: float) -> dict[str, object] | None:
    """As the page has it; None for a referral that is so long ago that nobody is on the way to the counter any more."""
    since_s = max(0.0, now_s - alarm.at_s)
    if alarm.ends == COUNTER and since_s >= referred_s:
        return None
    return {
        "number": alarm.number,
        "priority": alarm.priority.value,
        "reason": alarm.reason,
        "since_s": round(since_s, 1),
        "by": alarm.by,
        "over": alarm.over,
        "run": alarm.run or None,
        "giver": alarm.giver,
    }


def _raised(kind: str, number: int, run: str, data: Table, at_s: float) -> Alarm | None:
    reason = data.get("reason")
    reason = reason if isinstance(reason, str) and reason in set(Reason) else "unknown"
    match kind:
        case FactKind.ALARM_SILENT:
            return Alarm(number, "silent_alarm", Priority.EMERGENCY, at_s, SEEN, giver=_officer(data))
        case FactKind.FAULT_LATCHED:
            urgent = reason in (Reason.FIRE, Reason.EVACUATED)
            return Alarm(number, reason, Priority.EMERGENCY if urgent else Priority.HIGH, at_s, RESET, run)
        case FactKind.ALARM_RAISED:
            return Alarm(number, reason, RAISED.get(reason, Priority.MEDIUM), at_s, REST, run)
        case FactKind.DEVICE_LOST:
            return Alarm(number, reason, Priority.LOW, at_s, str(data.get("device"))[:40])
        case FactKind.DEVICE_IMPAIRED if reason not in ALARMING:  # or else an alarm of its own follows
            return Alarm(number, reason, RAISED.get(reason, Priority.LOW), at_s, _ailment(data))
    return None


def _changed(alarm: Alarm, kind: str, run: str, data: Table) -> Alarm:
    """The alarm after an event that is about it, perhaps."""
    if kind == FactKind.ALARM_ACKNOWLEDGED and data.get("event") == alarm.number:
        return replace(alarm, by=_officer(data), over=alarm.over or alarm.ends == SEEN)
    over = (
        (kind == FactKind.FAULT_RESET and alarm.ends == RESET)
        or (kind == FactKind.PHASE_CHANGED and alarm.ends == REST and data.get("phase") in AT_REST)
        or (kind == FactKind.PHASE_CHANGED and alarm.ends == LET_OUT and data.get("phase") != Phase.HOLD)
        or (kind == FactKind.CLEARED_BY_HAND and alarm.ends == COUNTER and run == alarm.run)
        or (kind == FactKind.DEVICE_RECOVERED and alarm.ends == data.get("device"))
        or (kind == FactKind.DEVICE_RESTORED and alarm.ends == _ailment(data))
        or (kind == FactKind.SERVICE_STARTED and alarm.ends not in ENDS)
    )
    return replace(alarm, over=True) if over else alarm


def _ailment(data: Table) -> str:
    return f"{data.get('device')} {data.get('reason')}"[:80]


def _officer(data: Table) -> str:
    """Of an order that came over a console's key the officer alone."""
    by = str(data.get("by"))[:80]
    return by.rpartition("/")[2] or by
