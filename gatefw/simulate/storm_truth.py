"""What a storm looks at over the truth alone, whatever its gates know: who gets across, and what the world saw."""

from collections.abc import Callable, Mapping

from gatefw.gate_terms import Drive
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import DoorId, Input, Position, Purpose, RunId
from gatefw.simulate.invariants import Moment
from gatefw.simulate.judge import Judge
from gatefw.simulate.storm_disk import Disk
from gatefw.simulate.storm_life import Life
from gatefw.simulate.storm_links import DoorLink
from hw.sim.history import Entry
from hw.sim.physics import World
from hw.sim.places import Place


class Truth:
    """Outlives the processes. `strays`: how many got across whom neither an admission nor an emergency let across."""

    def __init__(self, world: World, disk: Disk, broke: Callable[[str], None]) -> None:
        self.strays = 0
        self.doors: Mapping[DoorId, DoorLink] = {}
        self._world, self._disk, self._broke = world, disk, broke
        self._admits: RunId | None = None
        self._crossed_for: RunId | None = None
        self._anybody_may = False
        self._freed_until_s = 0.0
        self._beside_unread = set[DoorId]()
        """Ways out that began while nobody could read the other door: kept, whatever that one turns out to be."""

    @property
    def inside(self) -> int:
        return sum(person.place is Place.AIRLOCK for person in self._world.people.values())

    def look(self) -> None:
        """An emergency lets everybody across until the exit is secured again."""
        exit_door = self._world.doors.get(DoorId.EXIT)
        if self._world.active & {Input.FIRE, Input.EVACUATE}:
            self._anybody_may = True
        elif self._anybody_may and exit_door is not None and exit_door.position is Position.SECURED:
            self._anybody_may = exit_door.relay
        self._beside_unread = {
            door
            for door in self._beside_unread
            if self.doors[door].driven or self._world.doors[door].position is not Position.SECURED
        }

    def drove(self, drive: Drive) -> None:
        """Just before a door is driven: to let somebody through only with its record on disk."""
        if drive.purpose is Purpose.EMERGENCY:
            self._freed_until_s = self._world.now_s + drive.lease_s
        if drive.purpose is Purpose.WAY_OUT and self._unread:
            self._beside_unread.add(drive.door)
        newest = self._disk.released.get(drive.door)
        if drive.purpose in NEEDS_COMMIT and (newest is None or newest[0] is not drive.purpose):
            self._broke(f"{drive.door.value} is driven to {drive.purpose.value} without its record")
        if drive.door is DoorId.EXIT and drive.purpose is Purpose.ADMIT and newest and newest[1] != self._crossed_for:
            enclosed = DoorId.ENTRY in self._world.doors  # from a spot that nothing encloses one may step off meanwhile
            if enclosed and self._admits is None and self.inside != 1:
                self._broke(f"the exit is released to admit, with {self.inside} inside")
            self._admits = newest[1]
        if drive.door is DoorId.EXIT and drive.purpose in (Purpose.EMERGENCY, Purpose.WAY_OUT):
            self._anybody_may = True

    def happened(self, entry: Entry) -> None:
        """Somebody went across, or the world saw what must never happen."""
        if entry.kind == "crossed" and entry["door"] is DoorId.EXIT and entry["to"] is Place.BEHIND:
            if self._admits is not None:
                self._crossed_for, self._admits = self._admits, None
            elif not self._anybody_may:
                self.strays += 1
        elif entry.kind == "violation" and not self._excused(str(entry["violation"])):
            self._broke(f"{entry['violation']} at {entry['at']}, {entry.at_s:.2f} s")

    def _excused(self, violation: str) -> bool:
        """An emergency releases both doors, and a way out is released beside a door that nobody can read.

        That the hardware's limit ends a way out is as it should be, if the release then begins anew.
        """
        freed = self._world.now_s < self._freed_until_s  # and stays so until a reset, though the alarm is over
        unread = self._unread or bool(self._beside_unread)
        return violation == "release_too_long" or (violation == "both_unsecured" and (freed or unread))

    @property
    def _unread(self) -> bool:
        return any(not link.there or link.garbled for link in self.doors.values())


class StormJudge(Judge):
    """What outlives the process is the storm's to know. Over the truth nothing is asked while the gate is behind it,
    nor of a door that the last resort has released before the gate heard why; the storm looks at those itself."""

    truth: "Truth"
    life: Life

    def __post_init__(self) -> None:
        """What happens in the world is looked at by the truth alone."""

    def _moment(self, now_s: float) -> Moment:
        life = self.life
        ahead = any(link.driven and not self.gate.leases.held(door) for door, link in life.doors.items())
        moment = super()._moment(now_s)
        return moment._replace(strays=self.truth.strays, truthful=not (life.behind or ahead))
