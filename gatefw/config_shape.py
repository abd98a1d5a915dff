"""What the shape of a lane demands of its file: doors, ways out, sensors, and what begins a passage.

The doors of the file are the shape (`lane_terms.Shape`). Nobody is shut in by an airlock, and nobody walks through a
door on the admission of another.
"""

from gatefw.config_rules import Roles, Tell
from gatefw.config_tables import CAUSES, Clearance, Lane, VisionTable, WayOut
from gatefw.lane_terms import SHAPES, Shape
from gatefw.model import DoorId

INPUTS = ("fire", "stop", "officer_evacuate")
NEEDED = {
    Shape.AIRLOCK: ("zone_airlock", "zone_airlock_many", *INPUTS, "call"),
    Shape.ONE_DOOR: ("zone_airlock", "zone_airlock_many", "zone_behind", *INPUTS),
    Shape.NO_DOOR: (),
}
"""Contacts without which no lane of that shape is safe. With one door, `zone_airlock` is the marked spot before it."""


def shape_of(roles: Roles) -> Shape | None:
    """None for doors that make no lane; `doors` says what is wrong with them."""
    return SHAPES.get(tuple(door for door in DoorId if door in roles.get("door", {})))


def doors(roles: Roles, error: Tell) -> None:
    """Both, the exit alone, or none: an entry that leads nowhere would shut in whoever takes it."""
    found = roles.get("door", {})
    if DoorId.ENTRY in found and DoorId.EXIT not in found:
        error(
            ("door", DoorId.EXIT),
            "is missing; a lane has [door.entry_door] and [door.exit_door], [door.exit_door] alone, or no door",
        )
    for name in found:
        if name not in list(DoorId):
            error(("door", name), "a lane has [door.entry_door] and [door.exit_door], and no others")


def way_out(lane: Lane, roles: Roles, error: Tell, warning: Tell) -> None:
    """An airlock lets everybody out, dead or alive, and lets nobody across who was not admitted."""
    enclosed, plan, place = DoorId.ENTRY in roles.get("door", {}), lane.way_out, ("lane", "way_out")
    if enclosed and plan is None:
        error(place, "is missing; nobody but the site knows by which doors people get out from between two of them")
    elif enclosed and plan is not None:
        _plan(plan, error, warning)
    elif plan is not None:
        warning(
            place,
            "there is no entry door, and nobody who could be shut in: refusal and fault mean nothing here, and "
            "power_loss and emergency can name the exit alone; is [door.entry_door] missing?",
        )
    if lane.on_refusal == "hold" and not enclosed:
        error(("lane", "on_refusal"), 'is "hold", and there is no entry door that could hold anybody; say "let_out"')
    for door in roles.get("door", {}):
        if door in list(DoorId):
            _unpowered(DoorId(door), roles, plan, error, warning)


def _plan(plan: WayOut, error: Tell, warning: Tell) -> None:
    place = ("lane", "way_out")
    for cause in CAUSES:
        if cause != "emergency" and DoorId.EXIT in plan.doors(cause):
            warning(
                (*place, cause),
                f"border breach: after a {cause.replace('_', ' ')} the exit opens for somebody who was not admitted; "
                "keep it only if the escape plan of the site demands it",
            )
    if not plan.external_egress:
        error(
            (*place, "external_egress"),
            "software that is dead releases no door and shuts in who is between them; wire a break-glass or fire "
            "contact into the supply of the locks, then say true",
        )


def _unpowered(door: DoorId, roles: Roles, plan: WayOut | None, error: Tell, warning: Tell) -> None:
    """What a lock does without current agrees with the plan; without one, no door is open then."""
    table = roles["door"][door]
    unpowered, covered = table.get("unpowered"), table.get("covered_by")
    named = plan is not None and door in plan.doors("power_loss")
    problem = ""
    if unpowered == "secured" and plan is not None and named and not plan.external_egress:
        problem = "is secured, but lane.way_out.power_loss lets people out by this door"
    elif unpowered == "secured" and named and not covered:
        warning(
            ("door", door, "unpowered"),
            "is secured, and lane.way_out.power_loss lets people out by this door: cutting its supply frees nobody, so "
            "external_egress must drive this lock from a supply of its own, or free it by hand; say so in covered_by",
        )
    if unpowered == "released" and not named:
        names = f"names {plan.power_loss}" if plan else "is not there to name it"
        problem = f"is released: without power this door is open, but lane.way_out.power_loss {names}"
    if problem and isinstance(covered, str) and covered.strip():
        warning(("door", door, "unpowered"), f"{problem}; covered by {covered}")
    elif problem:
        error(("door", door, "unpowered"), problem)


def sensors(roles: Roles, presence: bool | None, error: Tell) -> None:
    """What the lane must sense, for its shape, and where somebody's `presence` begins a passage (None: not known)."""
    shape = shape_of(roles)
    if shape is None:
        return
    needed = {key: f"a lane with {_spelt(shape)} is not safe without it" for key in NEEDED[shape]}
    if presence and shape is not Shape.ONE_DOOR:  # there they step onto the spot
        needed["zone_front"] = "this procedure begins when somebody stands there"
    found = roles.get("sensors", {})
    if needed and not found:
        error(("sensors",), f"is missing; this lane has a table [sensors.NAME] with {', '.join(needed)}")
    for name, table in found.items():
        for key, why in needed.items():
            if key not in table:
                error(("sensors", name, key), f"is missing; {why}")


def _spelt(shape: Shape) -> str:
    return {Shape.AIRLOCK: "two doors", Shape.ONE_DOOR: "one door", Shape.NO_DOOR: "no door"}[shape]


def beginning(
    presence: bool | None, roles: Roles, vision: VisionTable | None, given: Clearance | None, error: Tell
) -> None:
    """What begins a passage is there; who was found in front is looked at again behind a door that closes."""
    if presence is False and not roles.get("reader"):
        error(("reader",), "is missing; this procedure begins with a token, and a lane has a table [reader.NAME]")
    if not presence:
        return
    if vision is not None and not vision.identify:
        error(("vision", "identify"), "is missing; this procedure begins with a face: name the camera that finds it")
    if given is not None and not given.second_look and shape_of(roles) is Shape.AIRLOCK:
        error(
            ("clearance", "second_look"),
            "is false, and behind the entry door may stand somebody else than the one found before it; say true",
        )
