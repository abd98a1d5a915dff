"""The world's own judge: notes how doors move, and what must never happen, from bodies and leaves alone.

    both_unsecured     two doors, and both not secured at once, with no fire and no officer's key in play
    crush              a leaf closes on a person
    opened_undriven    a door leaves its secured state though its relay is not driven and no fire frees it
    release_too_long   the hardware limit had to end a release

Each violation names the faults of the world at that moment: one that happened under a welded relay or a crowbar is not
the software's, and the reader decides.
"""

from typing import TYPE_CHECKING

from gatefw.model import DoorId, Input, Position, Signal
from hw.sim.door import BODY, Door

if TYPE_CHECKING:
    from hw.sim.physics import World


class Audit:
    """Looks at a world after every tick; only changes are noted."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._doors = {door: self._motion(body, body.opening) for door, body in world.doors.items()}
        self._openings = {door: body.opening for door, body in world.doors.items()}
        self._position = {door: body.position for door, body in world.doors.items()}
        self._broken: set[tuple[str, str]] = set()
        self._excused = False

    def look(self) -> None:
        fire, evacuated = (self._world.signal(which) is Signal.ON for which in (Input.FIRE, Input.EVACUATE))
        for door, body in self._world.doors.items():
            motion = self._motion(body, self._openings[door])
            if motion != self._doors[door]:
                self._doors[door] = motion
                self._world.note("door", door=door, state=motion)
            self._judge(door, body, freed=fire and door in self._world.settings.escape)
            self._openings[door], self._position[door] = body.opening, body.position
        self._judge_both(excused=fire or evacuated)

    def _motion(self, body: Door, before: float) -> str:
        if body.opening > before and not body.passable:
            return "opening"
        if body.opening < before and not body.closed:
            return "closing"
        return (
            "secured"
            if body.position is Position.SECURED
            else "closed"
            if body.closed
            else "open"
            if body.passable
            else "ajar"
        )

    def _judge(self, door: DoorId, body: Door, *, freed: bool) -> None:
        narrow = body.opening <= BODY
        somebody = [person.name for person in self._world.people.values() if narrow and person.stands_in(door)]
        left_secured = self._position[door] is Position.SECURED and body.position is not Position.SECURED
        self._say("crush", door, bool(somebody), people=somebody)
        self._say("opened_undriven", door, left_secured and not body.relay and not freed)
        self._say("release_too_long", door, body.timed_out and not freed)

    def _judge_both(self, *, excused: bool) -> None:
        open_ones = sum(body.position is not Position.SECURED for body in self._world.doors.values())
        unsecured = open_ones == len(DoorId)  # a lane with fewer doors shuts nobody in
        self._excused = (self._excused and unsecured) or excused
        self._say("both_unsecured", "lane", unsecured and not self._excused)

    def _say(self, what: str, where: str, broken: bool, **facts: object) -> None:
        """Note the moment it becomes true, once."""
        if broken and (what, where) not in self._broken:
            self._world.note("violation", violation=what, at=where, faults=self._faults(), **facts)
        (self._broken.add if broken else self._broken.discard)((what, where))

    def _faults(self) -> list[str]:
        doors = [
            f"{door} {what}"
            for door, body in self._world.doors.items()
            for what in ("jammed", "welded", "forced")
            if getattr(body, what)
        ]
        return doors + [f"{name} stuck" for name in self._world.stuck]
