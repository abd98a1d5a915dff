"""The wires of doors, beams, zones and loops: what was sensed and released lately shows which is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.miswired import Kind, Suspicion, suspicions
from gatefw.doctor.seen import Seen
from gatefw.edges import Course
from gatefw.errors import BadReply
from gatefw.model import DoorId

SHUTS_S = 8.0  # where no lane file says how long a door may take
_FOLLOWS = ("G0031", "G0032 lane", "G0033")
"""A lane that does not serve, a fault that is latched: what miswired contacts end in."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a suspicion is told; `{door}` is its door, `{other}` the other one, the rest its evidence."""

    code: str
    severity: Severity
    cause: str
    remedy: str


_PROVE = "prove it in maintenance with gatefw device test sensors.lane, or with a meter"
_PROVE_DOOR = "prove it: gatefw lane maintain --name YOU --why repair, then gatefw device test door.{door}"
TOLD = {
    Kind.CLOSED_SWAPPED: Told(
        "G0501",
        Severity.ERROR,
        "closed contact NO/NC swapped, or its wire cut: at rest the door is said to be locked and not closed",
        f"move the wire to the contact's other terminal, or turn closed_normally in the lane file; {_PROVE_DOOR}",
    ),
    Kind.LOCKED_SWAPPED: Told(
        "G0502",
        Severity.ERROR,
        "locked contact NO/NC swapped, or its wire cut: the door is closed and was never said to be locked",
        f"move the wire to the contact's other terminal, or turn locked_normally in the lane file; {_PROVE_DOOR}",
    ),
    Kind.BOTH_SWAPPED: Told(
        "G0503",
        Severity.ERROR,
        "closed and locked contacts NO/NC swapped: open at rest, and secured while it is released",
        f"move both wires to the contacts' other terminals; {_PROVE_DOOR}",
    ),
    Kind.NEVER_SECURED: Told(
        "G0504",
        Severity.ERROR,
        "open ever since {at_rest_s:.0f} s: it stands open, the plug of its contacts is out, or both are NO/NC swapped",
        "look at the door; if it is shut, look at the plug of its contacts",
    ),
    Kind.CONTACT_FAILED: Told(
        "G0505",
        Severity.ERROR,
        "a contact of the door has failed: closed and locked contradict each other at rest, which they did not before",
        f"look for a wire that came off, a strike that moved, a bolt that does not throw; {_PROVE_DOOR}",
    ),
    Kind.CONTACTS_CROSSED: Told(
        "G0506",
        Severity.DANGER,
        "door contacts crossed: it was released {releases:.0f} x, and {other} was seen to move each time, itself never",
        f"exchange the contact cables of the two doors (or their releases, if the wrong leaf moved); {_PROVE_DOOR}",
    ),
    Kind.NOTHING_MOVES: Told(
        "G0507",
        Severity.ERROR,
        "released {releases:.0f} x and no contact moved: no current at the lock, a jammed leaf, or dead contacts",
        f"listen to the lock, measure its supply while it is released; {_PROVE_DOOR}",
    ),
    Kind.RELAY_WELDED: Told(
        "G0508",
        Severity.DANGER,
        "relay welded, or the leaf jammed open: open for {open_s:.0f} s without a release, with nobody in the beam",
        "cut the supply of the lock: if it locks then, exchange the relay for one that bears the lock's inrush",
    ),
    Kind.BEAM_SWAPPED: Told(
        "G0510",
        Severity.DANGER,
        "beam NO/NC swapped: broken while the leaf is shut, clear while somebody passes",
        f"move the wire to the beam's other terminal, or turn beam_normally in the lane file; {_PROVE_DOOR}",
    ),
    Kind.BEAM_BROKEN: Told(
        "G0511",
        Severity.ERROR,
        "beam broken while the leaf is shut: misaligned, dirty, without current, its wire cut, or NO/NC swapped",
        f"clean and align it, measure its supply; {_PROVE_DOOR}",
    ),
    Kind.BEAM_STUCK: Told(
        "G0512",
        Severity.DANGER,
        "beam stuck clear: {passes:.0f} people passed and it was never broken, so the door may close on somebody",
        f"take the lane out of service; put a hand into the beam and see it change; {_PROVE_DOOR}",
    ),
    Kind.BEAMS_CROSSED: Told(
        "G0513",
        Severity.DANGER,
        "beams crossed: {passes:.0f} x somebody passed a door and broke the other's beam, so it may close on somebody",
        "take the lane out of service, exchange the wires of the two beams, or their pins in the lane file; prove it "
        "with a hand in each beam: gatefw status says whose is broken",
    ),
    Kind.ZONES_SWAPPED: Told(
        "G0520",
        Severity.ERROR,
        "zones swapped: zone_front sees who leaves, zone_behind who comes",
        f"exchange the wires of zone_front and zone_behind, or their pins in the lane file; {_PROVE}",
    ),
    Kind.ZONE_SWAPPED: Told(
        "G0521",
        Severity.ERROR,
        "NO/NC swapped: active, except while somebody stands there",
        f"move its wire to the other terminal, or turn its _normally in the lane file; {_PROVE}",
    ),
    Kind.ZONE_DEAD: Told(
        "G0522",
        Severity.ERROR,
        "never active, though {passes:.0f} people passed it: no current, aimed wrong, or its wire cut",
        f"stand in it and look at its own lamp; {_PROVE}",
    ),
    Kind.MANY_SWAPPED: Told(
        "G0523",
        Severity.ERROR,
        "zone_airlock_many NO/NC swapped, or zone_airlock cut: many are counted where not one is",
        f"move the wire of zone_airlock_many to the other terminal; {_PROVE}",
    ),
    Kind.ALWAYS_OCCUPIED: Told(
        "G0524",
        Severity.ERROR,
        "zone_airlock NO/NC swapped or stuck: somebody inside ever since {for_s:.0f} s, or somebody who does not move",
        f"look into the lane; if it is empty, move the wire of zone_airlock to the other terminal; {_PROVE}",
    ),
    Kind.ALWAYS_ACTIVE: Told(
        "G0525",
        Severity.ERROR,
        "active ever since {for_s:.0f} s, never seen at rest: its loop is cut, NO/NC swapped, or it is really on",
        f"look at the button or the alarm itself; if it is at rest, look for the wire; {_PROVE}",
    ),
}


def wires(seen: Seen) -> Iterator[Finding]:
    """whether what was sensed and released goes together"""
    told = seen.asked("edges")
    if not told:
        return
    try:
        course = Course.from_json(told)
    except BadReply:
        return  # of another version, which areas/lane.py tells
    doors = seen.lane.doors.confirm_s if seen.lane else SHUTS_S
    for each in suspicions(course, doors, _limits(seen)):
        yield _finding(each)


def _limits(seen: Seen) -> dict[DoorId, float]:
    """After how long the hardware of a door ends a release, where the lane file says so."""
    doors = seen.lane.having("door") if seen.lane else ()
    limits = {DoorId(each.name): getattr(each.settings, "hardware_limit_s", None) for each in doors}
    return {door: float(limit) for door, limit in limits.items() if limit is not None}


def _finding(suspicion: Suspicion) -> Finding:
    told = TOLD[suspicion.kind]
    door = suspicion.where if suspicion.where in set(DoorId) else ""
    words = {"door": door, "other": DoorId(door).other if door else "", **suspicion.evidence}
    where = f"door.{door}" if door else suspicion.where
    return Finding(
        told.code,
        told.severity if suspicion.confidence > 0.5 else Severity.WARNING,
        where,
        told.cause.format(**words),
        told.remedy.format(**words),
        dict(suspicion.evidence),
        _FOLLOWS,
        suspicion.confidence,
    )


CHECKS = (wires,)
