"""One life of a supervisor's process in a storm: the real Gate, queue and last resort, between links that fail.

What a worker of the live runner does with its device, a `Link` does in virtual time: it tells what changed, it goes and
comes back, and what it cannot read it tells as unknown. When the process dies, nothing of this is left.
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Protocol, cast

from gatefw.errors import Overflow
from gatefw.gate_terms import (
    Ask,
    CancelAsk,
    DeviceCame,
    DeviceWent,
    DoorSensed,
    Drive,
    Drop,
    Effect,
    ForgetLatch,
    ForgetMaintenance,
    GateInput,
    KeepLatch,
    KeepMaintenance,
    LaneSensed,
    Record,
    SetTimer,
    Tell,
    Tick,
    TokenRead,
)
from gatefw.inbox import Inbox
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import (
    Beam,
    DoorId,
    Elapsed,
    Faulted,
    Input,
    Phase,
    Position,
    Purpose,
    Reason,
    Signal,
    Started,
)
from gatefw.ports import SensorsReading
from gatefw.simulate.storm_disk import Disk, Writer
from gatefw.simulate.storm_links import DoorLink, Link, garbled
from gatefw.simulate.storm_questions import Answering, Questions
from gatefw.simulate.storm_rows import CountedGate
from gatefw.virtual import AT_REST
from gatefw.workers import AGAIN_S, LET_GO_S, DoorWorker, LastResort

INBOX = 64
"""As `inbox.CAPACITY`, but soon full."""
TICK_S = 0.5
BOOT_S = 5.0
POLL_S = 0.5
"""How often whoever reads the inputs looks again while an alarm is on; the worker's own is shorter."""


class Around(Answering, Protocol):
    """What a process stands in: time, chance, the world's levels, answers, and a disk."""

    now_s: float
    disk: Disk
    rows: Counter[int]

    def at(self, when_s: float, do: Callable[[], None]) -> None: ...

    def took(self, life: "Life", event: GateInput, effects: list[Effect]) -> None: ...

    def drove(self, drive: Drive) -> None: ...


class Life:
    """From the start of the process to its death."""

    def __init__(
        self,
        around: Around,
        gate: CountedGate,
        links: dict[str, Link],
        commit_s: Callable[[], float],
        writer: type[Writer],
    ) -> None:
        self.around, self.gate, self.links = around, gate, links
        gate.rows = around.rows
        self.alive, self.dies_after = True, math.inf  # effects
        self.stands_until_s = -math.inf
        self.inbox, self._timer, self._ticking, self._polling = Inbox(INBOX), 0, False, False
        self._questions = Questions(around, self._is_there, self.put, self._after)
        self.doors = {link.body.door: link for link in links.values() if isinstance(link, DoorLink)}
        emergency = tuple(door for door in gate.state.policy.emergency if door in self.doors)
        self._last_resort = LastResort(cast(dict[DoorId, DoorWorker], self.doors), emergency, gate.leases.lease_s)
        self.journal = writer(around.disk, lambda: around.now_s, commit_s, self._after, self.put)

    # ------------------------------------------------------------ time

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        def alive() -> None:
            if self.alive:
                do()
                self.drain()

        self.around.at(self.around.now_s + seconds, alive)

    def start(self, levels: Callable[[], None]) -> None:
        """Nothing moves before every door and sensor was read once, or it is certain that one cannot be."""
        for link in self.links.values():
            if link.there:
                self.come(link.name, levels)
        path = [link for name, link in self.links.items() if name.startswith(("door.", "sensors."))]
        self._after(0.1 if all(link.there for link in path) else BOOT_S, self._started)

    def _started(self) -> None:
        """By the loop itself, once it runs: no full queue can lose it."""
        if self.around.now_s < self.stands_until_s:
            self._after(self.stands_until_s - self.around.now_s, self._started)
            return
        self.drain()
        if self.alive:
            self.handle(Started())
            self._last_resort.hear_calls()

    @property
    def behind(self) -> bool:
        """Whether something has happened that the gate has not taken yet."""
        return len(self.inbox) > 0 or any(link.on_the_way for link in self.links.values())

    def put(self, event: GateInput) -> None:
        if self.alive:
            self.inbox.put(event)

    def drain(self) -> None:
        """The loop: one input after the other, unless it stands still."""
        if self.around.now_s < self.stands_until_s:
            return
        while self.alive:
            try:
                event = self.inbox.get(0)
            except Overflow:
                event = Faulted(Reason.OVERFLOW)
            if event is None:
                return
            self.handle(event)

    def stand_still(self, seconds: float) -> None:
        """The loop is held up; what comes meanwhile waits."""
        self.stands_until_s = max(self.stands_until_s, self.around.now_s + seconds)
        self._after(seconds + 1e-6, lambda: None)

    def handle(self, event: GateInput) -> None:
        gate = self.gate
        effects = gate.handle(event, self.around.now_s)
        for effect in effects:
            self.dies_after -= 1
            if self.dies_after < 0:
                self.alive = False
                return
            self._do(effect)
        self.around.took(self, event, effects)
        if not self._ticking and not self._rests():
            self._ticking = True
            self._after(TICK_S, self._tick)

    def _tick(self) -> None:
        if self.around.now_s < self.stands_until_s:
            self._after(self.stands_until_s - self.around.now_s, self._tick)
            return
        self._ticking = False
        self.drain()
        if self.alive:
            self.handle(Tick())

    def _rests(self) -> bool:
        gate = self.gate
        held = any(gate.leases.held(door) for door in DoorId)
        return gate.state.phase in AT_REST and not held and not gate.attends and gate.state.healthy

    # ------------------------------------------------------------ effects, as the live runner brings them about

    def _do(self, effect: Effect) -> None:
        match effect:
            case Drive(door, lease_s, purpose):
                self.around.drove(effect)
                if purpose in NEEDS_COMMIT:
                    self._last_resort.let_through(door, lease_s)
                elif purpose is Purpose.EMERGENCY:
                    self.doors[door].free(lease_s)
                else:
                    self.doors[door].drive(lease_s)
            case Drop(door):
                self.doors[door].drop()
            case Record(fact, ticket):
                self.journal.append(fact, ticket)
            case SetTimer(timer, generation, after_s):
                self._timer += 1
                self._set_timer(after_s, Elapsed(timer, generation), self._timer)
            case Ask():
                self._questions.ask(effect)
            case CancelAsk(run):
                self._questions.cancel(run)
            case KeepLatch(reason):
                self.journal.latch(reason)
            case ForgetLatch():
                self.journal.latch(None)
            case KeepMaintenance():
                self.journal.keep_maintenance(True)
            case ForgetMaintenance():
                self.journal.keep_maintenance(False)
            case Tell() | _:
                pass

    def _set_timer(self, after_s: float, elapsed: Elapsed, number: int) -> None:
        def due() -> None:
            if number == self._timer:
                if self.around.now_s < self.stands_until_s:
                    self._set_timer(self.stands_until_s - self.around.now_s, elapsed, number)
                    return
                self.drain()
                if self.alive and number == self._timer:
                    self.handle(elapsed)

        self._after(after_s, due)

    # ------------------------------------------------------------ devices

    def _is_there(self, role: str) -> bool:
        """Whether the lane has no such device, or has it now."""
        link = next((each for name, each in self.links.items() if role and name.partition(".")[0] == role), None)
        return link is None or link.there

    def go(self, name: str) -> None:
        """The device is lost: its outputs are unpowered, what it was asked fails."""
        link = self.links[name]
        if not link.there:
            return
        if isinstance(link, DoorLink) and not self.around.now_s < link.freed_until_s:
            link.drop()
        link.there, link.last = False, None
        self.put(DeviceWent(name))
        self._questions.fail(name.partition(".")[0])
        self.drain()

    def come(self, name: str, levels: Callable[[], None]) -> None:
        """It is back: what it tells is there before that it came."""
        link = self.links[name]
        link.there, link.last = True, None
        levels()
        self._tell(link, DeviceCame(name))
        self.drain()

    def _tell(self, link: Link, event: GateInput) -> None:
        """Late, if the device is slow, but in order; twice, if it repeats itself."""
        now_s = self.around.now_s
        if not (link.late_s or link.on_the_way):
            self.put(event)
            if link.twice:
                self.put(event)
            return
        link.told_until_s = max(link.told_until_s, now_s + link.late_s * self.around.chance.random())
        link.on_the_way += 1

        def arrive() -> None:
            link.on_the_way -= 1
            if link.there:
                self.put(event)

        self._after(link.told_until_s - now_s, arrive)

    def see_door(self, door: DoorId, position: Position, beam: Beam) -> None:
        link = self.doors[door]
        if not link.there:
            return
        if link.garbled:
            position, beam = (Position.UNKNOWN, beam) if link.garbled & 1 else (position, Beam.UNKNOWN)
        sensed = DoorSensed(door, position, beam)
        if sensed != link.last:
            link.last = sensed
            self._tell(link, sensed)
            if link.locked_again and not link.looks_again:
                link.looks_again = True
                self._after(AGAIN_S, lambda: self._begin_anew(link))

    def _begin_anew(self, link: DoorLink) -> None:
        link.looks_again = False
        if link.locked_again:
            link.let_go(LET_GO_S)

    def see_lane(self, link: Link, sensed: LaneSensed, inputs_only: bool) -> None:
        """Inputs first, then doors, then people: a door that fire freed must not look forced."""
        if not link.there:
            return
        if link.garbled:
            sensed = garbled(sensed, link.garbled)
        last = link.last if isinstance(link.last, LaneSensed) else None
        same = last is not None and (sensed.inputs == last.inputs if inputs_only else sensed == last)
        if not same:
            link.last = sensed
            self._last_resort.act(SensorsReading(sensed.occupancy, dict(sensed.zones), dict(sensed.inputs)))
            self._poll(link)
            self._tell(link, sensed)

    def _poll(self, link: Link) -> None:
        """While an alarm is on, whoever reads the inputs goes on releasing the doors of the escape plan."""
        last = link.last
        if self._polling or not isinstance(last, LaneSensed):
            return
        on = {which for which, signal in last.inputs if signal is Signal.ON}
        if on & {Input.FIRE, Input.EVACUATE}:
            self._polling = True
            self._after(POLL_S, lambda: self._poll_again(link))

    def _poll_again(self, link: Link) -> None:
        self._polling = False
        if link.there and isinstance(link.last, LaneSensed):
            last = link.last
            self._last_resort.act(SensorsReading(last.occupancy, dict(last.zones), dict(last.inputs)))
            self._poll(link)

    def token(self, name: str, event: TokenRead) -> None:
        if self.links[name].there:
            self._tell(self.links[name], event)

    @property
    def phase(self) -> Phase:
        return self.gate.state.phase
