"""What is known of a gate by what it said: messages in, a frozen value out. No clock, no I/O.

Times are monotonic seconds of who watches: an age is known whatever the gate's clock says.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gatefw.events import FIELDS, RUN
from gatefw.gate_terms import shown
from gatefw.model import FactKind, Phase, Reason

EVENTS_MAX = 200
_WORD = re.compile(r"(?!.*[0-9]{4})[a-z0-9_.:\-]{1,40}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([0-9]{2}:[0-9]{2}:[0-9]{2})\.[0-9]+Z")
UNTOLD = (FactKind.ALARM_SILENT, FactKind.ALARM_ACKNOWLEDGED)
_KINDS = {kind.value: kind for kind in FactKind}
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """released: for what, "" while nobody releases it; left_s: until that ends unless it is extended."""

    name: str
    position: str
    beam: str
    released: str
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """A passage under way: what it waits for and for how long, and its whole age."""

    run: str
    place: str
    waits_for: tuple[str, ...]
    waited_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Device:
    """state: `there`, `impaired`, `lost`, with reasons; p50_s, p99_s: of its turns, None where nobody measures them."""

    name: str
    state: str
    reasons: tuple[str, ...]
    for_s: float
    p50_s: float | None = None
    p99_s: float | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """One status, as far as it is shown. timer: the lane's own, and how long it has left."""

    name: str
    phase: str
    in_service: bool
    doors: tuple[Door, ...]
    occupancy: str
    zones: tuple[tuple[str, bool], ...]
    signals: tuple[tuple[str, str], ...]
    runs: tuple[Run, ...]
    timer: str
    timer_left_s: float
    hint: str
    quality: tuple[tuple[str, int], ...]
    quality_of: str
    quality_for_s: float
    missing: tuple[str, ...]
    latched: str
    stalled: tuple[str, ...]
    maintained: tuple[str, ...]
    maintained_left_s: float
    journal_head: int

    @property
    def maintenance(self) -> bool:
        """Whether a technician has it."""
        return self.phase in (Phase.MAINTENANCE, Phase.EXERCISE)


@dataclass(frozen=True, slots=True)
class Event:
    """time: of day, UTC, by the gate's clock; synchronised: whether somebody vouches for it."""

    n: int
    time: str
    kind: str
    run: str
    words: tuple[str, ...]
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """gone: why nobody answers, "" while somebody does. deaf: why no events come. at_s: of the last status.
    every_s: how often one is asked for.
    """

    lane: Lane | None = None
    devices: tuple[Device, ...] = ()
    events: tuple[Event, ...] = ()
    gone: str = ""
    gone_s: float = 0.0
    deaf: str = ""
    at_s: float = 0.0
    every_s: float = 0.25

    def told(self) -> dict[str, object]:
        """For machines: the lane and its devices, without events; a gate that does not answer says only why."""
        if self.gone or self.lane is None:
            return {"answers": False, "why": self.gone}
        return {"answers": True, "lane": asdict(self.lane), "devices": [asdict(each) for each in self.devices]}


@dataclass(frozen=True, slots=True)
class StatusCame:
    status: Table = field(repr=False)


@dataclass(frozen=True, slots=True)
class DevicesCame:
    listed: Table = field(repr=False)
    health: Table = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class EventCame:
    event: Table = field(repr=False)


@dataclass(frozen=True, slots=True)
class Silent:
    """The gate does not answer, or (`events`) its bus does not."""

    why: str
    events: bool = False


Message = StatusCame | DevicesCame | EventCame | Silent


def heard(seen: Seen, message: Message, now_s: float) -> Seen:
    """What is known after a message."""
    match message:
        case StatusCame(status):
            return replace(seen, lane=_lane(status), gone="", at_s=now_s)
        case DevicesCame(listed, health):
            return replace(seen, devices=tuple(_device(each, health) for each in _tables(listed.get("devices"))))
        case EventCame(event):
            return _with_event(replace(seen, deaf=""), event)
        case Silent(why, True):
            return replace(seen, deaf=_plain(why))
        case Silent(why):
            return replace(seen, gone=_plain(why), gone_s=seen.gone_s if seen.gone else now_s)


def settled(told: object) -> object:
    """Without what changes by itself with time: what is equal before and after is not worth a line."""
    if isinstance(told, Mapping):
        timeless = (name for name in told if not name.endswith("_s") and name != "journal_head")
        return {name: settled(told[name]) for name in timeless}
    return [settled(each) for each in told] if isinstance(told, list | tuple) else told


# ---------------------------------------------------------------- what the daemon says, as far as it is believed


def _lane(status: Table) -> Lane:
    """Of a status of any version: what it does not say is unknown."""
    timer, face, maintained = (_table(status.get(name)) for name in ("timer", "face", "maintenance"))
    threads = _table(_table(status.get("health")).get("threads"))
    return Lane(
        name=_word(status.get("lane")),
        phase=_word(status.get("phase")),
        in_service=status.get("in_service") is True,
        doors=tuple(_door(name, status) for name in _table(status.get("doors"))),
        occupancy=_word(status.get("occupancy")),
        zones=tuple((_word(zone), there is True) for zone, there in _table(status.get("zones")).items()),
        signals=tuple((_word(name), _word(level)) for name, level in _table(status.get("signals")).items()),
        runs=tuple(_run(each) for each in _tables(status.get("runs"))),
        timer=_word(timer.get("name"), ""),
        timer_left_s=_number(timer.get("left_s")) or 0.0,
        hint=_word(status.get("hint"), ""),
        quality=tuple((_word(name), int(_number(each) or 0)) for name, each in _table(face.get("components")).items()),
        quality_of=_word(face.get("camera"), ""),
        quality_for_s=_number(face.get("for_s")) or 0.0,
        missing=_words(status.get("missing")),
        latched=_word(status.get("latched"), ""),
        stalled=tuple(_word(name) for name, each in threads.items() if _table(each).get("stalled") is True),
        maintained=tuple(_word(maintained.get(name), "") for name in ("name", "why") if maintained.get(name)),
        maintained_left_s=_number(maintained.get("left_s")) or 0.0,
        journal_head=int(_number(status.get("journal_head")) or 0),
    )


def _door(name: str, status: Table) -> Door:
    of = {key: _table(status.get(key)).get(name) for key in ("doors", "beams", "released", "lease_left_s")}
    position, beam, released = _word(of["doors"]), _word(of["beams"]), _word(of["released"], "")
    return Door(_word(name), position, beam, released, _number(of["lease_left_s"]))


def _run(told: Table) -> Run:
    run = told.get("run")
    waited_s, for_s = _number(told.get("waited_s")) or 0.0, _number(told.get("for_s")) or 0.0
    return Run(
        str(run) if RUN.fits(run) else "?", _word(told.get("place")), _words(told.get("waits_for")), waited_s, for_s
    )


def _device(told: Table, health: Table) -> Device:
    name = _word(told.get("device"))
    vitals = _table(health.get(name))
    return Device(
        name,
        _word(told.get("state")),
        _words(told.get("reasons")),
        _number(told.get("for_s")) or 0.0,
        _number(vitals.get("p50_s")),
        _number(vitals.get("p99_s")),
        int(_number(vitals.get("tries")) or 0),
    )


def _with_event(seen: Seen, told: Table) -> Seen:
    """An event that does not fit the outward schema is of another version, and only its kind is told.

    Of a silent alarm, and who has seen one, nothing: whom it is about may stand behind whoever watches.
    """
    kind, time, run = str(told.get("type", "")), _TIME.fullmatch(str(told.get("time", ""))), told.get("run")
    name = kind.removeprefix("gatefw.").removesuffix(".v1")
    fields, n = _table(told.get("data")), str(told.get("sequence", ""))
    if name in UNTOLD:
        return seen
    wanted = FIELDS[_KINDS[name]] if name in _KINDS else {}
    words = tuple(f"{key}={_value(fields[key])}" for key, of in wanted.items() if of.fits(fields.get(key)))
    event = Event(
        int(n) if n.isdecimal() and len(n) <= 20 else 0,
        time[1] if time else "--:--:--",
        _word(name),
        str(run) if RUN.fits(run) else "",
        words,
        told.get("clockquality") == "synchronised",
    )
    return replace(seen, events=(*seen.events, event)[-EVENTS_MAX:])


def _value(value: object) -> str:
    """A hit is told as its traveller is told it: whoever stands behind a technician reads along."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    hit = isinstance(value, str) and value in set(Reason) and shown(Reason(value)) is not Reason(value)
    return str(shown(Reason(str(value)))) if hit else str(value)[:40]


def _table(value: object) -> Table:
    return value if isinstance(value, Mapping) else {}


def _tables(value: object) -> Iterable[Table]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _words(value: object) -> tuple[str, ...]:
    return tuple(_word(each) for each in value) if isinstance(value, list) else ()


def _word(value: object, otherwise: str = "?") -> str:
    """What looks like a word of ours; anything else may be anybody's, and is not shown."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else otherwise


def _number(value: object) -> float | None:
    counts = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if counts and isinstance(value, int | float) else None


def _plain(text: str) -> str:
    """A message of ours, without anything that steers a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)
