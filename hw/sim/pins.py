"""The pins of the simulated board: who claimed which, what levels they show, what the kernel does when a process dies.

Wiring: a contact closes its pin to ground; an open circuit shows the pull (high where a line floats: the terminal board
has pull-ups of its own). A relay or lamp is on at level 1, and an external resistor pulls its line to 0.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from gatefw.model import DoorId
from hw.sim.physics import World
from hw.sim.settings import OUTPUTS

Message = dict[str, Any]
UNPOWERED = 0


@dataclass(slots=True)
class Claim:
    owner: Hashable
    output: bool
    pull: str
    told: int | None = None


class PinTable:
    """Pins by BCM number.

    With `keep`, an output whose owner is gone stays as driven until it is claimed again, as some Raspberry Pi kernels
    do; otherwise it becomes an input and its external resistor switches it off.
    """

    def __init__(self, world: World, *, keep: bool) -> None:
        self._world, self._keep = world, keep
        self._names = {number: name for name, number in world.settings.pins.items()}
        self._claims: dict[int, Claim] = {}
        self._levels = {number: UNPOWERED for number, name in self._names.items() if name in OUTPUTS}

    def handle(self, owner: Hashable, message: Message) -> list[Message]:
        """Obey one message of a client; the answers for it. Raises ValueError for what the protocol does not know."""
        match message:
            case {"claim": int(number), "direction": "in" | "out" as direction}:
                return self._claim(owner, number, direction == "out", message)
            case {"write": int(number), "level": 0 | 1 as level}:
                return self._write(owner, number, level)
            case {"free": int(number)}:
                return self._free(owner, number)
        raise ValueError(f"{message!r} is no pin message; there are claim, write and free")

    def gone(self, owner: Hashable) -> None:
        """The owner closed its connection, or died: the kernel frees its pins."""
        for number in [number for number, claim in self._claims.items() if claim.owner == owner]:
            self._release(number, "owner_gone")

    def changes(self) -> list[tuple[Hashable, Message]]:
        """What to tell whom: inputs whose level is not the one last told. Causes before effects: of what changed since
        the last time, the fire loop is told before the doors that it freed, as it was first in time."""
        told: list[tuple[Hashable, Message]] = []
        for number, claim in sorted(self._claims.items(), key=lambda each: "." in self._names[each[0]]):
            if not claim.output and (level := self.level(number)) != claim.told:
                claim.told = level
                told.append((claim.owner, {"pin": number, "level": level}))
        return told

    def level(self, number: int) -> int:
        """The level on a pin now. KeyError for a pin that is not wired."""
        if number in self._levels:
            return self._levels[number]
        claim = self._claims.get(number)
        return 0 if self._world.terminal(self._names[number]) or (claim and claim.pull == "down") else 1

    def snapshot(self) -> Mapping[str, Message]:
        return {
            name: {"pin": number, "level": self.level(number), "claimed": number in self._claims}
            for number, name in self._names.items()
        }

    def _claim(self, owner: Hashable, number: int, output: bool, message: Message) -> list[Message]:
        name, held, pull = self._names.get(number), self._claims.get(number), message.get("pull", "floating")
        if name is None:
            return [_refused(number, f"unknown pin: nothing is wired to {number}")]
        if held is not None and held.owner != owner:
            return [_refused(number, f"EBUSY: pin {number} ({name}) is claimed by another process")]
        if output and name not in OUTPUTS:
            return [_refused(number, f"pin {number} is wired to the contact {name}; driving it would short it")]
        if pull not in ("up", "down", "floating"):
            raise ValueError(f"pull {pull!r} is none of up, down, floating")
        self._claims[number] = Claim(owner, output, pull)
        self._world.note("claimed", pin=number, name=name)
        if number in self._levels:
            self._set(number, _level(message) if output else UNPOWERED)
        level = self._claims[number].told = self.level(number)
        return [{"pin": number, "level": level}]

    def _write(self, owner: Hashable, number: int, level: int) -> list[Message]:
        claim = self._claims.get(number)
        if claim is None or claim.owner != owner or not claim.output:
            return [_refused(number, f"pin {number} is not an output of this process; claim it first")]
        self._set(number, level)
        return []

    def _free(self, owner: Hashable, number: int) -> list[Message]:
        claim = self._claims.get(number)
        if claim is None or claim.owner != owner:
            return [_refused(number, f"pin {number} is not claimed by this process")]
        self._release(number, "freed")
        return []

    def _release(self, number: int, how: str) -> None:
        claim = self._claims.pop(number)
        self._world.note(how, pin=number, name=self._names[number])
        if claim.output and not self._keep:
            self._set(number, UNPOWERED)

    def _set(self, number: int, level: int) -> None:
        if self._levels[number] == level:
            return
        self._levels[number] = level
        place, _, line = self._names[number].partition(".")
        self._world.note("line", pin=number, name=self._names[number], level=level)
        if line == "release":
            self._world.drive(DoorId(place), level == 1)
        elif line in ("motor_open", "motor_close"):
            self._world.run_motor(DoorId(place), line, level == 1)


def _level(message: Message) -> int:
    level = message.get("level")
    if level not in (0, 1):
        raise ValueError(f"an output is claimed with its level, 0 or 1, not {level!r}")
    return int(level)


def _refused(number: int, why: str) -> Message:
    return {"refused": number, "why": why}
