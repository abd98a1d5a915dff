"""Which wire is on the wrong terminal, from what was sensed and released one after the other. Pure, and never sure of
more than it saw: each suspicion says what it rests on.

    CLOSED_SWAPPED    locked and not closed, at rest: no leaf can be that; its closed contact is the other way round
    LOCKED_SWAPPED    closed and never locked, at rest
    BOTH_SWAPPED      open at rest, secured while it was released
    NEVER_SECURED     open ever since, and nothing says otherwise: it stands open, or its contacts' plug is out
    CONTACT_FAILED    as the first two, but it was right before: a wire has come off, or a bolt does not throw
    CONTACTS_CROSSED  this door was released and the other one's contacts moved, each time; its own never
    NOTHING_MOVES     it was released and no contact moved at all
    RELAY_WELDED      its release was withdrawn, nobody stood in it, and it stayed open
    BEAM_SWAPPED      broken where the leaf is shut, clear where somebody passes
    BEAM_BROKEN       broken where the leaf is shut: nobody can stand there
    BEAM_STUCK        people passed, again and again, and it was never broken
    BEAMS_CROSSED     who passes a door breaks the beam of the other one, and never its own
    ZONES_SWAPPED     who comes is seen where people leave, who leaves where people come
    ZONE_SWAPPED      active except while somebody stands there
    ZONE_DEAD         people came from there or went there, and it was never active
    MANY_SWAPPED      the count says many and not one, which cannot be
    ALWAYS_OCCUPIED   somebody was inside ever since
    ALWAYS_ACTIVE     a button or a loop that was active ever since

Contacts that lie tell nothing about people: while one of the first eight is suspected, passages prove nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gatefw.doctor.levels import Levels, Pass
from gatefw.edges import OFF, UNREAD, Course
from gatefw.model import Beam, DoorId, Input, Occupancy, Position

SETTLED_S = 3.0  # what stands so long is no leaf on its way and no bolt that is being thrown
BLINK_S = 1.0  # of what was never otherwise
RESPONDS_S = 3.0  # within it a lock that is released is sensed to be
NEAR_S = 3.0  # of a passage: beams and zones beside it
JUST_S = 0.3
STOOD_S = 10.0  # in one place, altogether, and nobody came of it
AGAIN = 2  # once may be chance
HARDWARE_S = 3.0  # after the door hardware has ended a release the leaf is closed

ON = "on"
ZONE_OF = {DoorId.ENTRY: "zone_front", DoorId.EXIT: "zone_behind"}
OTHER_ZONE = {"zone_front": "zone_behind", "zone_behind": "zone_front"}


class Kind(StrEnum):
    CLOSED_SWAPPED = "closed_swapped"
    LOCKED_SWAPPED = "locked_swapped"
    BOTH_SWAPPED = "both_swapped"
    NEVER_SECURED = "never_secured"
    CONTACT_FAILED = "contact_failed"
    CONTACTS_CROSSED = "contacts_crossed"
    NOTHING_MOVES = "nothing_moves"
    RELAY_WELDED = "relay_welded"
    BEAM_SWAPPED = "beam_swapped"
    BEAM_BROKEN = "beam_broken"
    BEAM_STUCK = "beam_stuck"
    BEAMS_CROSSED = "beams_crossed"
    ZONES_SWAPPED = "zones_swapped"
    ZONE_SWAPPED = "zone_swapped"
    ZONE_DEAD = "zone_dead"
    MANY_SWAPPED = "many_swapped"
    ALWAYS_OCCUPIED = "always_occupied"
    ALWAYS_ACTIVE = "always_active"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`where`: a door, `lane` or an input. confidence: 0 to 1. evidence: numbers of what was seen."""

    kind: Kind
    where: str
    confidence: float
    evidence: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def suspicions(
    course: Course, shuts_s: float, limits_s: Mapping[DoorId, float] = MappingProxyType({})
) -> list[Suspicion]:
    """What is suspected, in no order.

    shuts_s: in which a door that is not released any more is secured, with nobody in it. limits_s: after which the
    hardware of a door ends a release by itself, where that is known.
    """
    levels = Levels(course)
    contacts = [each for door in levels.doors for each in _contacts(levels, door)]
    crossed = [each for door in levels.doors for each in _answers(levels, door)]
    welded = [each for door in levels.doors for each in _welded(levels, door, shuts_s, limits_s.get(door))]
    count = list(_count(levels))
    found = [*contacts, *crossed, *([] if contacts or crossed else welded), *count, *_inputs(levels)]
    people = not (contacts or crossed or welded or count)
    passes = levels.passes if people else ()
    if beams := list(_beams_crossed(levels, passes)):
        found += beams
    else:
        found += [each for door in levels.doors for each in _beam_at_rest(levels, door)]
    if people:
        found += [each for door in levels.doors for each in _beam(levels, door, passes)]
        found += _zones(levels, passes)
    return found


# ---------------------------------------------------------------- the contacts of a door


def _contacts(levels: Levels, door: DoorId) -> Iterator[Suspicion]:
    """A door that is let alone, and whose contacts say what they cannot, or never that it is secured."""
    long = [span for span in levels.spans(door) if span.for_s >= SETTLED_S]
    rests = {
        position: max((levels.unreleased_s(door, span) for span in long if span.now == position), default=0.0)
        for position in Position
    }
    odd = next((each for each in (Position.UNKNOWN, Position.CLOSED) if rests[each] >= SETTLED_S), None)
    secured = rests[Position.SECURED] >= SETTLED_S
    if odd is not None:
        opposite = Position.CLOSED if odd is Position.UNKNOWN else Position.UNKNOWN
        proven = any(levels.within(door, each.begin_s, each.end_s, opposite) for each in levels.releases(door))
        kind = Kind.CLOSED_SWAPPED if odd is Position.UNKNOWN else Kind.LOCKED_SWAPPED
        if not secured:
            yield Suspicion(kind, door, 0.95 if proven else 0.8, {"at_rest_s": rests[odd]})
        elif levels.spans(door)[-1].now == odd:
            yield Suspicion(Kind.CONTACT_FAILED, door, 0.8, {"at_rest_s": rests[odd], "closed": odd is Position.CLOSED})
    elif rests[Position.OPEN] >= SETTLED_S and not secured:
        released = [each for each in levels.releases(door) if levels.within(door, each.begin_s, each.end_s, "secured")]
        evidence = {"at_rest_s": rests[Position.OPEN], "releases": len(released)}
        if released:
            yield Suspicion(Kind.BOTH_SWAPPED, door, 0.9, evidence)
        elif not levels.ever(door, Position.SECURED):
            yield Suspicion(Kind.NEVER_SECURED, door, 0.6, evidence)


def _answers(levels: Levels, door: DoorId) -> Iterator[Suspicion]:
    """Whose contacts move when a door that stood still is released, and the other one is not."""
    own = other = none = 0
    for release in levels.releases(door):
        begin_s, end_s = release.begin_s, release.begin_s + RESPONDS_S
        if levels.changes(door, begin_s - JUST_S, begin_s) or UNREAD in (
            levels.at(each, begin_s) for each in levels.doors
        ):
            continue
        if levels.at(door, begin_s) == Position.OPEN:
            continue  # it stood open already
        moved = levels.changes(door, begin_s, end_s)
        lone = all(each.overlap_s(begin_s - NEAR_S, end_s) < 0 for each in levels.releases(door.other))
        other_moved = lone and levels.changes(door.other, begin_s, end_s)
        own += moved
        other += other_moved and not moved
        none += not moved and not other_moved and lone and min(release.end_s, levels.now_s) - begin_s >= RESPONDS_S
    if own == 0 and other:
        yield Suspicion(Kind.CONTACTS_CROSSED, door, 0.95 if other >= AGAIN else 0.85, {"releases": other})
    elif own == 0 and none:
        yield Suspicion(Kind.NOTHING_MOVES, door, 0.9, {"releases": none})


def _welded(levels: Levels, door: DoorId, shuts_s: float, limit_s: float | None) -> Iterator[Suspicion]:
    """It stays open after its release, until the hardware ends that, or for ever; nobody stands in it."""
    releases, broken = levels.releases(door), levels.spans(f"{door}.beam", Beam.BROKEN)
    for stays in levels.spans(door, Position.OPEN):
        if stays.for_s <= shuts_s:
            continue
        before = [each for each in releases if each.overlap_s(stays.begin_s - RESPONDS_S, stays.begin_s + JUST_S) >= 0]
        open_s = levels.longest_s(stays, *releases, *broken)
        if not before or open_s <= shuts_s:
            continue
        timed = limit_s is not None and -JUST_S < stays.end_s - before[0].begin_s - limit_s < HARDWARE_S
        yield Suspicion(Kind.RELAY_WELDED, door, 0.95 if timed else 0.7, {"open_s": open_s})
        return


# ---------------------------------------------------------------- beams


def _beam_at_rest(levels: Levels, door: DoorId) -> Iterator[Suspicion]:
    """Broken across an opening that a leaf fills."""
    beam = f"{door}.beam"
    shut = levels.spans(door, Position.SECURED)
    for_s = max(
        (broken.overlap_s(span.begin_s, span.end_s) for broken in levels.spans(beam, Beam.BROKEN) for span in shut),
        default=0.0,
    )
    always = not levels.ever(beam, Beam.CLEAR)
    if for_s < (BLINK_S if always else SETTLED_S):
        return
    passes = [each for each in levels.passes if each.door is door]
    clear = [each for each in passes if levels.at(beam, each.at_s) == Beam.CLEAR]
    swapped = bool(clear) and len(clear) == len(passes)
    kind = Kind.BEAM_SWAPPED if swapped else Kind.BEAM_BROKEN
    yield Suspicion(kind, door, 0.95 if swapped else 0.85 if always else 0.6, {"shut_s": for_s, "passes": len(clear)})


def _beam(levels: Levels, door: DoorId, passes: tuple[Pass, ...]) -> Iterator[Suspicion]:
    """Never broken, though people went through."""
    through = [each for each in passes if each.door is door]
    if len(through) >= AGAIN and levels.known(f"{door}.beam") and not levels.ever(f"{door}.beam", Beam.BROKEN):
        yield Suspicion(Kind.BEAM_STUCK, door, 0.95, {"passes": len(through)})


def _beams_crossed(levels: Levels, passes: tuple[Pass, ...]) -> Iterator[Suspicion]:
    """Both are there, both are clear at rest, and each looks at the other door."""
    seen = [each for each in passes if all(levels.known(f"{door}.beam") for door in DoorId)]

    def broken(door: DoorId, at_s: float) -> bool:
        return levels.within(f"{door}.beam", at_s - JUST_S, at_s + JUST_S, Beam.BROKEN)

    if len(seen) >= AGAIN and all(
        broken(each.door.other, each.at_s) and not broken(each.door, each.at_s) for each in seen
    ):
        yield Suspicion(Kind.BEAMS_CROSSED, "lane", 0.95, {"passes": len(seen)})


# ---------------------------------------------------------------- people


def _zones(levels: Levels, passes: tuple[Pass, ...]) -> Iterator[Suspicion]:
    """Where people are seen just before they come in, and just after they went out."""
    swapped = dict.fromkeys(OTHER_ZONE, 0)
    counted = dict(swapped)
    inverted = dict(swapped)
    for each in passes:
        zone = ZONE_OF[each.door]
        if not levels.known(zone) or each.at_s + NEAR_S > levels.now_s:
            continue
        counted[zone] += 1
        just_s = each.at_s - JUST_S if each.inward else each.at_s + JUST_S
        inverted[zone] += levels.at(zone, just_s) == OFF
        swapped[zone] += levels.at(zone, just_s) == OFF and levels.at(OTHER_ZONE[zone], just_s) == ON
    stood_s = sum(span.for_s for span in levels.spans("zone_behind", ON))
    if not passes and stood_s >= STOOD_S and levels.known("zone_front") and not levels.ever("zone_front", ON):
        yield Suspicion(Kind.ZONES_SWAPPED, "lane", 0.5, {"passes": 0, "stood_s": stood_s})
        return
    suspects = [zone for zone in counted if counted[zone] >= AGAIN]
    if suspects and all(swapped[zone] == counted[zone] for zone in suspects) and all(map(levels.known, OTHER_ZONE)):
        yield Suspicion(Kind.ZONES_SWAPPED, "lane", 0.95, {"passes": sum(swapped.values())})
        return
    for zone in suspects:
        if not levels.ever(zone, ON):
            yield Suspicion(Kind.ZONE_DEAD, zone, 0.9, {"passes": counted[zone]})
        elif inverted[zone] == counted[zone]:
            yield Suspicion(Kind.ZONE_SWAPPED, zone, 0.9, {"passes": counted[zone]})


def _count(levels: Levels) -> Iterator[Suspicion]:
    """A count that was never empty."""
    counts = [span for span in levels.spans("occupancy") if span.now != UNREAD]
    for_s = sum(span.for_s for span in counts)
    if for_s < SETTLED_S or any(span.now == Occupancy.EMPTY for span in counts):
        return
    if all(span.now == Occupancy.UNKNOWN for span in counts):
        yield Suspicion(Kind.MANY_SWAPPED, "lane", 0.9, {"for_s": for_s})
        return
    open_s = sum(
        span.for_s
        for door in levels.doors
        for span in levels.spans(door, Position.OPEN)
        if not levels.within(f"{door}.beam", span.begin_s, span.end_s, Beam.BROKEN)
    )
    evidence = {"for_s": for_s, "door_open_s": open_s}
    yield Suspicion(Kind.ALWAYS_OCCUPIED, "lane", 0.85 if open_s >= SETTLED_S else 0.6, evidence)


def _inputs(levels: Levels) -> Iterator[Suspicion]:
    """Active since it was first read."""
    for which in Input:
        spans = [span for span in levels.spans(which) if span.now != UNREAD]
        for_s = sum(span.for_s for span in spans)
        if spans and for_s >= SETTLED_S and all(span.now == ON for span in spans):
            yield Suspicion(Kind.ALWAYS_ACTIVE, which, 0.7, {"for_s": for_s})
