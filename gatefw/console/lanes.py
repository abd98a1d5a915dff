"""What is known of a lane by what it said: messages in, a frozen value out. No clock, no I/O.

Times are monotonic seconds of the console. How a lane is, its newest status says, and it is silent once none came for
SILENT_S; alarms and referrals are what its events said, in order. Whatever a lane of another version says, nothing here
raises: what does not fit is unknown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gatefw.console.alarms import COUNTER, LET_OUT, Alarm, Priority, after
from gatefw.events import RUN
from gatefw.model import FactKind, Phase, Reason, Verdict

SILENT_S = 1.5
"""Since its last answer. It is asked each half second, so whoever looks knows within 2 s of its end."""
DEAF_S = 5.0
"""So long after the lane wrote an event down, one that did not arrive here is missed."""
SILENT, DEAF, UNKNOWN = "silent", "deaf", "unknown"
_WORD = re.compile(r"[a-z0-9_.:\-]{1,60}")
Table = Mapping[str, Any]

_NEWS = ("phase", "in_service", "occupancy", "missing", "impaired", "latched", "reason", "ways_out")
TURNED_AWAY = {Phase.REFUSED, Phase.REFERRED, Phase.HOLD}


@dataclass(frozen=True, slots=True)
class Named:
    """What the console's file calls a lane."""

    id: str
    name: str
    group: str


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
    entered: the newest phase that its events told, and when; by: of which run. ended: the run of the newest passage
    that ended, and why. newest: the number of the newest event heard; missed: of one that the lane has and that did
    not come, since when.
    """

    heard_s: float | None = None
    status: Table = field(default_factory=dict, repr=False)
    phase_s: float = 0.0
    entered: tuple[str, float] = ("", 0.0)
    by: str = ""
    epoch: str = ""
    ended: tuple[str, str] = ("", "")
    referral: Referral | None = None
    alarms: tuple[Alarm, ...] = ()
    newest: int = 0
    missed: tuple[int, float] | None = None

    @property
    def phase(self) -> str:
        said = self.status.get("phase")
        return said if isinstance(said, str) and said in set(Phase) else UNKNOWN

    @property
    def turned_away(self) -> tuple[str, str]:
        """Whom it turned away and still deals with, and why; empty when it is held or lets out for another cause."""
        return self.ended if self.phase in TURNED_AWAY and self.ended[0] == self.by else ("", "")

    @property
    def news(self) -> object:
        """What is equal before and after is nothing that an officer has to see at once."""
        status = {name: self.status.get(name) for name in _NEWS}
        runs = self.status.get("runs")
        runs = [table(each).get("run") for each in runs] if isinstance(runs, list) else []
        return status, runs, self.alarms, self.referral

    def silent(self, now_s: float) -> bool:
        return self.heard_s is None or now_s - self.heard_s > SILENT_S

    def deaf(self, now_s: float) -> bool:
        """It answers, and what it publishes does not arrive: its alarms are not known here."""
        return self.missed is not None and now_s - self.missed[1] > DEAF_S and not self.silent(now_s)


def heard(lane: Lane, message: Message, now_s: float) -> Lane:
    """What is known after a message."""
    match message:
        case StatusCame(status):
            return _with_status(lane, status, now_s)
        case EventCame(event, age_s):
            return _with_event(lane, event, now_s - max(0.0, age_s))


def _with_status(lane: Lane, status: Table, now_s: float) -> Lane:
    head = status.get("journal_head")
    head = head if isinstance(head, int) else 0
    missed = None if head <= lane.newest else lane.missed or (head, now_s)
    now = replace(lane, status=status, heard_s=now_s - _age_s(status), missed=missed)
    phase, at_s = now.entered
    if phase == now.phase:
        return replace(now, phase_s=at_s)
    return now if now.phase == lane.phase and lane.heard_s is not None else replace(now, phase_s=now_s)


def _with_event(lane: Lane, event: Table, at_s: float) -> Lane:
    epoch = word(event.get("epoch"))
    if epoch != lane.epoch:  # another journal: its numbers are of other events
        lane = replace(lane, epoch=epoch, referral=None, alarms=(), missed=None)
    kind, data = str(event.get("type")).removeprefix("gatefw.").removesuffix(".v1"), table(event.get("data"))
    run = event.get("run")
    run = str(run) if RUN.fits(run) else ""
    n = number(event.get("sequence"))
    missed = None if lane.missed is None or n >= lane.missed[0] else lane.missed
    before, lane = lane, _with_passage(replace(lane, newest=n, missed=missed), kind, run, data, at_s)
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
        lane = replace(lane, entered=(word(data.get("phase")), at_s), by=run)
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


def _age_s(status: Table) -> float:
    """Since the lane's loop last said how it is: one that hangs is silent, though others of its threads answer."""
    said = status.get("age_s")
    return max(0.0, said) if isinstance(said, int | float) and not isinstance(said, bool) and said < 1e9 else 0.0
