"""Ways to wire a lane wrongly, each as a world has it, and what is then suspected of which place."""

from collections.abc import Callable
from dataclasses import dataclass

from gatefw.doctor.miswired import Kind
from gatefw.model import DoorId
from hw.sim.physics import World


@dataclass(frozen=True, slots=True)
class Miswiring:
    kind: Kind
    where: str
    wire: Callable[[World], None]


def inverted(*terminals: str) -> Callable[[World], None]:
    """The changeover contact's other side."""

    def wire(world: World) -> None:
        for each in terminals:
            world.miswire(each, each, inverted=True)

    return wire


def exchanged(*pairs: tuple[str, str]) -> Callable[[World], None]:
    """Two wires, each on the other's terminal."""

    def wire(world: World) -> None:
        for one, other in pairs:
            world.miswire(one, other)
            world.miswire(other, one)

    return wire


def stuck(circuit: str, *, closed: bool) -> Callable[[World], None]:
    return lambda world: world.stick(circuit, closed)


_CONTACTS = tuple((f"{DoorId.ENTRY}.{line}", f"{DoorId.EXIT}.{line}") for line in ("closed", "locked"))
MISWIRINGS = [
    *(Miswiring(Kind.CLOSED_SWAPPED, door, inverted(f"{door}.closed")) for door in DoorId),
    *(Miswiring(Kind.LOCKED_SWAPPED, door, inverted(f"{door}.locked")) for door in DoorId),
    *(Miswiring(Kind.BEAM_SWAPPED, door, inverted(f"{door}.beam")) for door in DoorId),
    *(Miswiring(Kind.BEAM_BROKEN, door, stuck(f"{door}.beam", closed=False)) for door in DoorId),
    *(Miswiring(Kind.BEAM_STUCK, door, stuck(f"{door}.beam", closed=True)) for door in DoorId),
    Miswiring(Kind.BEAMS_CROSSED, "lane", exchanged(("entry_door.beam", "exit_door.beam"))),
    Miswiring(Kind.CONTACTS_CROSSED, DoorId.ENTRY, exchanged(*_CONTACTS)),
    Miswiring(Kind.ZONES_SWAPPED, "lane", exchanged(("zone_front", "zone_behind"))),
    Miswiring(Kind.ZONE_SWAPPED, "zone_front", inverted("zone_front")),
    Miswiring(Kind.ZONE_SWAPPED, "zone_behind", inverted("zone_behind")),
    Miswiring(Kind.ZONE_DEAD, "zone_behind", stuck("zone_behind", closed=False)),
    Miswiring(Kind.ALWAYS_OCCUPIED, "lane", inverted("zone_airlock")),
    Miswiring(Kind.MANY_SWAPPED, "lane", inverted("zone_airlock_many")),
    *(Miswiring(Kind.ALWAYS_ACTIVE, each, inverted(each)) for each in ("fire", "call", "stop", "tamper")),
]
