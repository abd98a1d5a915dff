"""What must be so after every kill, judged by what the world saw of pins, doors and people, and by the journal.

Times are the machine's monotonic seconds, in which the world's history is told as well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gatefw.model import DoorId, Phase
from gatefw.watcher import STALL_S, TRY_S
from hw.sim.history import Entry

Event = dict[str, Any]
KILL = "SIGKILL"
PINS = ("claimed", "freed", "owner_gone")
SOON_S = 1.0
"""A way out is driven first and recorded then; so short before the death it may be without its record."""
CLOCKS_S = 0.05  # wall time and monotonic time are read one after the other


@dataclass(frozen=True, slots=True)
class Strike:
    """A supervisor was struck, and died. `last` is the number of the last row that it committed."""

    mode: str
    struck_s: float
    died_s: float
    last: int

    @property
    def bound_s(self) -> float:
        """Until when the watcher has dropped what was released, as `gatefw check` tells it."""
        return TRY_S if self.mode == KILL else STALL_S + TRY_S


@dataclass(frozen=True, slots=True)
class Round:
    """What happened from one rest of the lane to the next, with a strike or two in between."""

    entries: Sequence[Entry]
    events: Sequence[Event]
    strikes: Sequence[Strike]
    mono_s: Callable[[Event], float]
    shown: Sequence[Event]


def violations(told: Round) -> list[str]:
    """Everything that is not as it should be, in words."""
    return [*_lost(told), *_moved_alone(told), *_driven_on(told), *_through(told), *_seen(told), *_unfinished(told)]


def drops_s(told: Round) -> list[tuple[str, float]]:
    """How each supervisor was struck that had a line driven, and how long after that the line was off."""
    return [(strike.mode, off_s - strike.struck_s) for strike, _, off_s in _driven(told)]


def unrecorded(told: Round) -> int:
    """Ways out that were driven, and whose record died with the process: the only releases that may be without one."""
    return sum(1 for _, excuse in _surplus(told) if excuse)


def story(told: Round) -> list[str]:
    """What happened, by the world and by the journal, in seconds from the first strike."""
    struck_s = told.strikes[0].struck_s
    seen = [(each.at_s, "world", each.kind, each.facts) for each in told.entries if each.kind not in PINS]
    kept = [(told.mono_s(each), "journal", each["type"].split(".", 1)[1], each["data"]) for each in told.events]
    died = [(each.died_s, "", f"DEAD by {each.mode}", Event()) for each in told.strikes]
    return [
        f"{at_s - struck_s:8.3f} {who:8} {what} {' '.join(str(fact) for fact in facts.values())}".rstrip()
        for at_s, who, what, facts in sorted([*seen, *kept, *died], key=lambda each: each[0])
    ]


# ---------------------------------------------------------------- what was so at a moment


def phase_at(events: Sequence[Event], after: int, last: int, otherwise: str) -> str:
    """The lane's phase by the rows after number `after` up to number `last`."""
    for event in reversed([each for each in events if after < int(each["sequence"]) <= last]):
        if event["type"] in ("gatefw.lane.phase_changed.v1", "gatefw.service.started.v1"):
            return str(event["data"]["phase"])
    return otherwise


def travelling(entries: Sequence[Entry], at_s: float) -> bool:
    """Whether a door was on its way."""
    state = {each["door"]: each["state"] for each in entries if each.kind == "door" and each.at_s <= at_s}
    return bool({"opening", "closing"} & set(state.values()))


def inside(entries: Sequence[Entry], at_s: float) -> set[str]:
    """Who stood between the doors."""
    place = {each["person"]: each["place"] for each in entries if each.kind == "at" and each.at_s <= at_s}
    return {person for person, where in place.items() if where == "airlock"}


def occupied(entries: Sequence[Entry], since_s: float, until_s: float) -> bool:
    """Whether somebody was inside at any time between."""
    came = (each for each in entries if each.kind == "at" and since_s <= each.at_s <= until_s)
    return bool(inside(entries, since_s)) or any(each["place"] == "airlock" for each in came)


def _alarmed(entries: Sequence[Entry], at_s: float) -> bool:
    """Whether fire or the officer's key was on, or had been in this round: it stays latched."""
    return any(
        each.kind == "input" and each["on"] and each["input"] in ("fire", "officer_evacuate") and each.at_s <= at_s
        for each in entries
    )


# ---------------------------------------------------------------- the checks


def _lost(told: Round) -> Iterator[str]:
    """What a subscriber was shown is in the journal, unchanged; the numbers have no gap."""
    kept = {int(each["sequence"]): each for each in told.events}
    for event in told.shown:
        if kept.get(number := int(event["sequence"])) != event:
            yield f"row {number} ({event['type']}) was published and is not in the journal"
    if sorted(kept) != list(range(min(kept, default=1), max(kept, default=0) + 1)):
        yield "the journal has a gap"


def _lives(told: Round) -> Iterator[tuple[float, float, list[Event]]]:
    """From when to when each supervisor lived, and what it committed."""
    since_s, after = float("-inf"), 0
    for strike in told.strikes:
        yield since_s, strike.died_s, [each for each in told.events if after < int(each["sequence"]) <= strike.last]
        since_s, after = strike.died_s, strike.last
    yield since_s, float("inf"), [each for each in told.events if int(each["sequence"]) > after]


def _rises(entries: Sequence[Entry], door: DoorId, since_s: float, until_s: float) -> list[float]:
    """When the release line of a door went on."""
    return [
        each.at_s
        for each in entries
        if each.says("line", name=f"{door}.release", level=1) and since_s < each.at_s <= until_s
    ]


def _surplus(told: Round) -> Iterator[tuple[str, bool]]:
    """Releases beyond what was recorded, of each life; and whether each was a way out that was just begun."""
    for since_s, died_s, events in _lives(told):
        for door in DoorId:
            recorded = sum(
                1 for each in events if each["type"] == "gatefw.door.released.v1" and each["data"]["door"] == door
            )
            for at_s in _rises(told.entries, door, since_s, died_s)[recorded:]:
                way_out = _alarmed(told.entries, at_s) or (door is DoorId.ENTRY and inside(told.entries, at_s))
                yield f"{door} was released {at_s:.3f} without its record", bool(way_out) and died_s - at_s < SOON_S


def _moved_alone(told: Round) -> Iterator[str]:
    """No start, end or crash moves a door: every release is one that was recorded. Nor does who hangs release one."""
    yield from (what for what, excuse in _surplus(told) if not excuse)
    for strike in (each for each in told.strikes if each.mode != KILL):
        for door in DoorId:
            if _rises(told.entries, door, strike.struck_s + CLOCKS_S, strike.died_s):
                yield f"{door} was released by a supervisor that hung ({strike.mode})"


def _driven(told: Round) -> Iterator[tuple[Strike, str, float]]:
    """For each strike the release lines that were on, and when each went off."""
    for strike in told.strikes:
        for line in (f"{door}.release" for door in DoorId):
            levels = [(each.at_s, each["level"]) for each in told.entries if each.says("line", name=line)]
            before = [level for at_s, level in levels if at_s <= strike.struck_s]
            if before and before[-1] == 1:
                off = (at_s for at_s, level in levels if at_s > strike.struck_s and level == 0)
                yield strike, line, next(off, float("inf"))


def _driven_on(told: Round) -> Iterator[str]:
    for strike, line, off_s in _driven(told):
        if (for_s := off_s - strike.struck_s) > strike.bound_s:
            yield f"{line} stayed on for {for_s:.3f} s after {strike.mode}, {strike.bound_s} s are allowed"


def _through(told: Round) -> Iterator[str]:
    """Nobody goes in without a recorded release to enter, nor across without an admission and its release."""
    appeared = {each["person"]: each.at_s for each in told.entries if each.kind == "appeared"}

    def recorded(kind: str, since_s: float, until_s: float, **data: str) -> bool:
        return any(
            each["type"] == f"gatefw.{kind}.v1"
            and data.items() <= each["data"].items()
            and since_s - CLOCKS_S <= told.mono_s(each) <= until_s + CLOCKS_S
            for each in told.events
        )

    for each in told.entries:
        if each.kind != "crossed" or _alarmed(told.entries, each.at_s):
            continue
        span = appeared[each["person"]], each.at_s
        if each["to"] == "airlock" and each["door"] == DoorId.ENTRY:
            if not recorded("door.released", *span, door="entry_door", purpose="enter"):
                yield f"{each['person']} came in without a recorded release"
        elif each["to"] == "behind" and not (
            recorded("passage.decided", *span, verdict="admit")
            and recorded("door.released", *span, door="exit_door", purpose="admit")
        ):
            yield f"{each['person']} went across without a recorded admission and release"


def _seen(told: Round) -> Iterator[str]:
    """What the world itself calls a violation, but for what its own faults (a crowbar) have done; nobody is trapped."""
    for each in told.entries:
        if each.kind == "violation" and not each["faults"]:
            yield f"the world saw {each['violation']} at {each['at']}"
        if each.kind == "finished" and each["outcome"] == "trapped":
            yield f"{each['person']} was not let out"


def _unfinished(told: Round) -> Iterator[str]:
    """Every passage that began has an end in the journal, whoever died in between."""
    begun, ended = (
        {each["run"] for each in told.events if each["type"] == f"gatefw.passage.{what}.v1"}
        for what in ("started", "ended")
    )
    yield from (f"passage {run} has no end in the journal" for run in sorted(begun - ended))


def due(events: Sequence[Event], phase: str, technician: bool = False) -> tuple[str, ...]:
    """Where the next supervisor must bring a lane that was left in `phase`, with everything around it as it was.

    A fault is latched once the journal says so; of one that had just begun either is right. A `technician` whose order
    was answered is on the disk, whatever the rows say by then.
    """
    if phase == Phase.FAULT and not any(each["type"] == "gatefw.fault.latched.v1" for each in events):
        return (Phase.FAULT, Phase.IDLE)
    if technician or phase in (Phase.MAINTENANCE, Phase.EXERCISE):  # they are still there
        return (Phase.OUT_OF_SERVICE,)
    if phase in (Phase.FAULT, Phase.EVACUATED, Phase.HOLD, Phase.DEGRADED):
        return (phase,)
    return (Phase.IDLE,)
