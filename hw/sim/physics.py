"""The lane as matter: its doors, the people before and between them, loops that are closed or open. Time is handed in.

The world advances on a fixed grid of ticks, so what happens does not depend on how often `advance` is called. While
nothing moves and nobody waits it skips ahead, so hours of an empty lane cost nothing; while people walk and leaves
swing evenly it glides: a tick is played only where something begins, ends, or crosses a border.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping

from gatefw.model import Beam, DoorId, Input, Occupancy, Position, Signal, Zone
from hw.sim.audit import Audit
from hw.sim.door import BODY, EDGES, TICK_S, Door
from hw.sim.history import History
from hw.sim.places import BORDERS_M, DOOR_M, HALF_BODY_M, PLACE_M, Person, Place, place_in_front, place_inside
from hw.sim.settings import INPUTS, WorldSettings, bounded, motorised

_BEAM = {door: f"{door}.beam" for door in DoorId}
Mind = Callable[["World"], float]
"""What moves a person: called every tick, answers when it wants to be called again though nothing else happens."""


class World:
    """The simulated gate. Set relays and inputs, let people in, then `advance`; read circuits, positions, history.

    Everything that happens is in `history`; what must never happen is there as well, of kind "violation".
    """

    def __init__(self, settings: WorldSettings, start_s: float = 0.0) -> None:
        self.settings = settings
        self.history = History()
        self.doors = {
            door: Door(
                door,
                settings.travel_s,
                settings.lock_s,
                settings.hardware_limit_s,
                bare_motor=motorised(settings, door),
            )
            for door in settings.doors
        }
        self.people: dict[str, Person] = {}
        self.active: set[Input] = set()
        self.stuck: dict[str, bool] = {}
        self.miswired: dict[str, tuple[str, bool]] = {}
        """Terminals of the board that do not show the loop they are named after: which they show, and if inverted."""
        self.turns = 0
        """Grows whenever something begins, ends, or crosses a border: what is sensed changes only then."""
        self.laid: dict[str, Mapping[str, object]] = {}
        """What lies on which device: a finger on its sensor, a document on its reader."""
        self.on_present: Callable[[str, bytes], None] = lambda _scanner, _code: None
        self.on_lay: Callable[[str, Mapping[str, object] | None], None] = lambda _device, _what: None
        self._minds: dict[str, Mind] = {}
        self._audit = Audit(self)
        self._start_s, self._tick, self._stirred, self._wake_s = start_s, 0, True, math.inf
        self._glides_until: float = 0  # the last tick before which nothing begins, ends or crosses a border
        self._played = 0  # the last tick that was played
        self._stands: object = None

    # ------------------------------------------------------------ time

    @property
    def now_s(self) -> float:
        return self._start_s + self._tick * TICK_S

    def next_s(self) -> float:
        """When something will happen next; infinite while the world rests."""
        due = self._due()
        return self._start_s + due * TICK_S if due < math.inf else math.inf

    def advance(self, now_s: float) -> None:
        """Let everything happen that is due until `now_s`. Time never goes back."""
        last = math.floor((now_s - self._start_s) / TICK_S + 1e-6)
        while (due := self._due()) <= last:
            self._glide(int(due) - 1)
            self._tick = int(due)
            self._pass_tick()
        self._glide(last)

    def _due(self) -> float:
        """The tick that must be played next; infinite while the world rests."""
        if self._stirred:
            return self._tick + 1
        wakes = self._wake_s
        if wakes < math.inf:
            wakes = max(self._tick + 1, math.ceil((wakes - self._start_s) / TICK_S - 1e-6))
        return min(wakes, self._glides_until + 1)

    def _glide(self, tick: int) -> None:
        """Pass ticks in which everything goes on evenly. Into how many parts they are cut changes nothing."""
        if tick <= self._tick:
            return
        self._tick, ticks = tick, tick - self._played
        for person in self.people.values():
            if person.step_m:
                person.at_m = person.was_m + person.step_m * ticks
        for door in self.doors.values():
            if door.pace:
                door.opening = door.was_open + door.pace * ticks

    def _pass_tick(self) -> None:
        self._stirred, self._wake_s, self._played = False, math.inf, self._tick
        for name, mind in list(self._minds.items()):
            wake_s = mind(self)
            if name in self._minds:
                self._wake_s = min(self._wake_s, wake_s)
        for person in self.people.values():
            self._walk(person)
        fire, stop = self._alarmed(Input.FIRE), self._alarmed(Input.STOP)
        for door in self.doors.values():
            somebody = self._obstructed(door.name)
            door.step(
                self.now_s,
                fire=fire and door.name in self.settings.escape,
                stop=stop,
                beam_clear=self.stuck.get(_BEAM[door.name], not somebody),
                somebody=somebody,
            )
            self._wake_s = min(self._wake_s, door.wake_s())
        self._audit.look()
        self._look_ahead()

    def _look_ahead(self) -> None:
        """How long everything goes on evenly; not at all after a tick in which something began, ended or crossed."""
        stands = (*(_stand(person) for person in self.people.values()), *(door.stand for door in self.doors.values()))
        if stands != self._stands:
            self._stands, self._glides_until = stands, self._tick
            self.turns += 1
            return
        ticks = [
            _even_ticks(each.at_m, each.step_m, (*BORDERS_M, each.target_m))
            for each in self.people.values()
            if each.step_m
        ]
        ticks += [_even_ticks(door.opening, door.pace, EDGES) for door in self.doors.values() if door.pace]
        self._glides_until = self._tick + min(ticks, default=math.inf)

    # ------------------------------------------------------------ people

    def enter(
        self, name: str, mind: Mind | None = None, at: Place = Place.AWAY, walk_m_s: float | None = None
    ) -> Person:
        """A person appears. Raises ValueError when somebody of that name is here, or at an impossible speed."""
        if name in self.people:
            raise ValueError(f"{name!r} is already in the world; a person has one body")
        speed = self.settings.walk_m_s if walk_m_s is None else bounded("walk_m_s", walk_m_s)
        person = Person(name, PLACE_M[at], PLACE_M[at], speed)
        self.people[name] = person
        if mind is not None:
            self._minds[name] = mind
        self.note("appeared", person=name, place=person.place)
        self.stir()
        return person

    def leave(self, name: str) -> None:
        """A person is no longer in the world: walked off, or was carried out. Raises ValueError for a stranger."""
        if name not in self.people:
            raise ValueError(f"{name!r} is not in the world; here are {', '.join(self.people) or 'no people'}")
        self.note("left", person=name, place=self.people.pop(name).place)
        self.rest(name)
        self.stir()

    def rest(self, name: str) -> None:
        """A person wants nothing any more; the body stays where it is."""
        self._minds.pop(name, None)

    def _walk(self, person: Person) -> None:
        """One tick of walking. A doorway is stepped into only while its leaf is fully open."""
        person.step_m, person.was_m = 0.0, person.at_m
        if person.at_m == person.target_m:
            return
        step_m = person.walk_m_s * TICK_S
        way = 1.0 if person.target_m > person.at_m else -1.0
        to_m = person.at_m + way * min(step_m, abs(person.target_m - person.at_m))
        for door, body in self.doors.items():
            if not person.stands_in(door) and abs(to_m - DOOR_M[door]) < HALF_BODY_M and not body.passable:
                to_m = DOOR_M[door] - way * HALF_BODY_M
        if to_m == person.at_m:
            return
        before = person.place
        person.at_m = person.was_m = to_m
        person.step_m = way * step_m
        if person.place is not before:
            self._note_step(person, before)

    def _note_step(self, person: Person, before: Place) -> None:
        crossed = {DoorId.ENTRY: {Place.FRONT, Place.AIRLOCK}, DoorId.EXIT: {Place.AIRLOCK, Place.BEHIND}}
        for door, sides in crossed.items():
            if {before, person.place} == sides:
                self.note("crossed", person=person.name, door=door, to=person.place)
        self.note("at", person=person.name, place=person.place)

    # ------------------------------------------------------------ what acts on the world

    def drive(self, door: DoorId, on: bool) -> None:
        """The release relay's coil. It stays as set until set again, whoever set it."""
        body = self._there(door)
        if body.relay is not on:
            body.relay = on
            self.stir()

    def run_motor(self, door: DoorId, line: str, on: bool) -> None:
        """One of the two lines of a bare motor: `motor_open` or `motor_close`. Both at once move nothing."""
        setattr(self._there(door), line, on)
        self.stir()

    def set_input(self, which: Input, on: bool) -> None:
        """Press or let go a button, turn the key, raise or end the alarm."""
        if on != (which in self.active):
            self.active ^= {which}
            self.note("input", input=which, on=on)
            self.stir()

    def stick(self, circuit: str, closed: bool | None) -> None:
        """A fault in a loop: True = shorted, closed for ever; False = wire broken; None = mended. Raises ValueError."""
        self._there_is(circuit)
        self.stuck.pop(circuit, None)
        if closed is not None:
            self.stuck[circuit] = closed
        self.note("fault", what="stuck", at=circuit, closed=closed)
        self.stir()

    def miswire(self, terminal: str, to: str | None, *, inverted: bool = False) -> None:
        """Put another loop on a terminal, or its changeover contact's other side; None: as it should be. ValueError."""
        for each in {terminal, to or terminal}:
            self._there_is(each)
        self.miswired.pop(terminal, None)
        if to is not None and (to != terminal or inverted):
            self.miswired[terminal] = (to, inverted)
        self.note("fault", what="miswired", at=terminal, to=to, inverted=inverted)
        self.stir()

    def harm(
        self, door: DoorId, *, jammed: bool | None = None, welded: bool | None = None, forced: bool | None = None
    ) -> None:
        """Faults of a door, True to begin, False to end, None to leave: see `Door`. Raises ValueError without it."""
        body = self._there(door)
        for what, value in (("jammed", jammed), ("welded", welded), ("forced", forced)):
            if value is not None:
                setattr(body, what, value)
                self.note("fault", what=what, at=door, on=value)
        self.stir()

    def present(self, scanner: str, code: bytes) -> None:
        """Hold a code before a scanner; `on_present` hands it to whoever plays the scanner."""
        self.note("presented", scanner=scanner, code=code.decode("latin-1"))
        self.on_present(scanner, code)

    def lay(self, device: str, what: Mapping[str, object]) -> None:
        """Lay a finger on a sensor, a document on a reader; `on_lay` tells whoever plays the device."""
        self.laid[device] = what
        self.note("laid", on=device, **what)
        self.on_lay(device, what)

    def lift(self, device: str) -> None:
        """Take away what lies there; may be done twice."""
        if self.laid.pop(device, None) is not None:
            self.note("lifted", of=device)
            self.on_lay(device, None)

    def note(self, kind: str, **facts: object) -> None:
        self.history.add(self.now_s, kind, **facts)

    def stir(self) -> None:
        """Something outside changed: look again at the next tick."""
        self._stirred = True
        self.turns += 1

    # ------------------------------------------------------------ what can be seen of it

    def terminal(self, name: str) -> bool:
        """Whether the board sees a loop closed: that of this name, unless somebody wired another one to it."""
        to, inverted = self.miswired.get(name, (name, False))
        return self.circuit(to) is not inverted

    def circuit(self, name: str) -> bool:
        """Whether a loop is closed. Stuck contacts lie, and the drive and the locks' supply hang in the same loops."""
        if name in self.stuck:
            return self.stuck[name]
        place, _, line = name.partition(".")
        if line:
            return self._door_circuit(self.doors[DoorId(place)], line)
        if name.startswith("zone_"):
            return self._zone(name)
        return (name in self.active) != (name in self.settings.normally_closed)

    def _door_circuit(self, door: Door, line: str) -> bool:
        match line:
            case "closed":
                return door.closed
            case "locked":
                return door.locked
            case "beam":
                return not self._obstructed(door.name)
            case "opened":
                return door.passable
            case "edge":
                return not (door.opening <= BODY and self._obstructed(door.name))
        raise KeyError(line)

    def occupancy(self) -> Occupancy:
        """How many people are between the doors, truly."""
        inside = self._count(Place.AIRLOCK)
        return Occupancy.EMPTY if inside == 0 else Occupancy.ONE if inside == 1 else Occupancy.MANY

    def position(self, door: DoorId) -> Position:
        """Where a door is; an absent one never keeps anybody from anything, and is nothing that was left open."""
        return self.doors[door].position if door in self.doors else Position.SECURED

    def passable(self, door: DoorId) -> bool:
        """Whether one can walk through; over a line on the floor always."""
        return door not in self.doors or self.doors[door].passable

    def zone(self, zone: Zone) -> bool:
        return self.circuit(f"zone_{zone}")

    def beam(self, door: DoorId) -> Beam:
        if door not in self.doors or self.stuck.get(_BEAM[door], not self._obstructed(door)):
            return Beam.CLEAR
        return Beam.BROKEN

    def signal(self, which: Input) -> Signal:
        return Signal.ON if self._alarmed(which) else Signal.OFF

    def faces(self) -> tuple[str | None, ...]:
        """The photographs the camera before the exit door sees; None is somebody who looks away."""
        return self._faces(place_inside(self.doors))

    def faces_in_front(self) -> tuple[str | None, ...]:
        """The photographs that a camera in front sees: of people before the first door there is."""
        return self._faces(place_in_front(self.doors))

    def _faces(self, place: Place) -> tuple[str | None, ...]:
        there = [person for person in self.people.values() if person.place is place]
        return tuple(person.photo for person in sorted(there, key=lambda person: person.name))

    def _there_is(self, circuit: str) -> None:
        absent = {f"{door}." for door in DoorId if door not in self.doors}
        if circuit not in INPUTS or circuit.startswith(tuple(absent)):
            raise ValueError(f"{circuit!r} is no loop of this gate; there are {', '.join(sorted(INPUTS))}")

    def _there(self, door: DoorId) -> Door:
        if door not in self.doors:
            raise ValueError(f"{door!r} is no door of this gate; there are {', '.join(self.doors) or 'none'}")
        return self.doors[door]

    def _alarmed(self, which: Input) -> bool:
        if which in self.stuck:
            return self.stuck[which] != (which in self.settings.normally_closed)
        return which in self.active

    def _zone(self, name: str) -> bool:
        if name in ("zone_airlock", "zone_airlock_many"):
            return self._count(Place.AIRLOCK) >= (2 if name == "zone_airlock_many" else 1)
        return self._count(Place.FRONT if name == "zone_front" else Place.BEHIND) >= 1

    def _count(self, place: Place) -> int:
        return sum(person.place is place for person in self.people.values())

    def _obstructed(self, door: DoorId) -> bool:
        middle_m = DOOR_M[door]
        for person in self.people.values():  # noqa: SIM110  asked too often for a generator
            if -HALF_BODY_M < person.at_m - middle_m < HALF_BODY_M:
                return True
        return False


def _stand(person: Person) -> tuple[int, int, float, float]:
    """On which side of every border somebody is, on their way or not."""
    at_m = person.at_m
    return bisect_left(BORDERS_M, at_m), bisect_right(BORDERS_M, at_m), person.target_m, person.step_m


def _even_ticks(at: float, step: float, borders: tuple[float, ...]) -> float:
    """For how many ticks something that moves so far a tick stays clear of the next border ahead of it."""
    ahead = [(border - at) / step for border in borders if (border - at) / step >= 0]
    return max(0, math.ceil(min(ahead, default=0) - 1e-9) - 1)
