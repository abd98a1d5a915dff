"""What follows from levels that were seen: which contact is the other way round, which hangs on another's terminal.

A position is two contacts and an occupancy is two more, told apart without loss: `contacts_of` undoes what a driver
made of them. All of it is as the lane file reads the circuits; what contradicts the truth that a technician saw is the
lane file's mistake, or the wiring's, and a correction makes one fit the other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatefw.commission.plan import FREES, Correction
from gatefw.config_tables import Device

Levels = Mapping[str, bool]
"""Contacts by name (`entry_door.closed`, `zone_airlock`, `stop`): whether each is active, as the lane file reads it."""

_POSITIONS = {
    "secured": {"closed": True, "locked": True},
    "closed": {"closed": True, "locked": False},
    "open": {"closed": False, "locked": False},
    "unknown": {"closed": False, "locked": True},  # locked without being closed
}
_OCCUPANCIES = {
    "empty": {"zone_airlock": False, "zone_airlock_many": False},
    "one": {"zone_airlock": True, "zone_airlock_many": False},
    "many": {"zone_airlock": True, "zone_airlock_many": True},
    "unknown": {"zone_airlock": False, "zone_airlock_many": True},
}
_STATUS = {"evacuate": "officer_evacuate"}  # as `status` calls them
OTHER_WAY = (
    "the contact is the other way round than the lane file says, or its wire is cut or shorted; measure it, and take "
    "the fragment's key if it is whole"
)
BY_HAND = (
    "its wire is cut or shorted, or the contact is the other way round than the lane file says. It frees people and no "
    "step tries it, so the fragment leaves it alone: measure contact and wire, mend them, and try it in a drill"
)
TIMES_OVER = 2.0  # a timer is to be so many times what was measured
TIGHT = 0.8  # a motion that takes more of its timer than this leaves nothing for a cold day


def contacts_of(told: Mapping[str, Any]) -> dict[str, bool]:
    """The contacts in what `status` tells, or a line of sensors; one that nobody can read is not among them."""
    found: dict[str, bool] = {}
    for door, position in told.get("doors", {}).items():
        found |= {f"{door}.{name}": active for name, active in _POSITIONS[position].items()}
    for door, beam in told.get("beams", {}).items():
        if beam != "unknown":
            found[f"{door}.beam"] = beam == "broken"
    found |= _OCCUPANCIES.get(str(told.get("occupancy")), {})
    for name, level in {**told.get("inputs", {}), **told.get("levels", {})}.items():
        if name == "occupancy":
            found |= _OCCUPANCIES[level]
        elif level in ("on", "off"):
            found[_STATUS.get(name, name)] = level == "on"
    return found


def at_rest(name: str) -> bool:
    """Whether a contact is active in an empty lane at rest: a door is closed and locked then, nothing else is so."""
    return name.endswith((".closed", ".locked"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in words with what to do, and what corrects it where the lane file can."""

    why: str
    corrections: tuple[Correction, ...] = ()


class Wiring:
    """The terminals of a lane, as its file has them."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._homes: dict[str, tuple[Device, str]] = {}
        for device in devices:
            settings = device.settings
            for key in getattr(settings, "__dataclass_fields__", {}):
                if hasattr(settings, f"{key}_normally") and getattr(settings, key, None) is not None:
                    name = f"{device.name}.{key}" if device.role == "door" else key
                    self._homes[name] = (device, key)

    def rest(self, levels: Levels) -> list[Finding]:
        """Of a lane that a technician sees empty, with every door closed and locked, and nobody pressing anything."""
        wrong = [name for name, active in levels.items() if name in self._homes and active is not at_rest(name)]
        return [self._at_rest(name, levels[name]) for name in wrong]

    def _at_rest(self, name: str, active: bool) -> Finding:
        """A cut wire looks as a contact that is the other way round. Turned in the lane file it is never seen again
        where no step tries it: an input that frees people would be dead, and the gate passed.
        """
        reads = f"{name} reads {_word(active)} at rest"
        return (
            Finding(f"{reads}: {BY_HAND}") if name in FREES else Finding(f"{reads}: {OTHER_WAY}", self.inverted(name))
        )

    def inverted(self, name: str) -> tuple[Correction, ...]:
        """The circuit of this contact, the other way round."""
        device, key = self._homes[name]
        before = getattr(device.settings, f"{key}_normally")
        after = "closed" if before == "open" else "open"
        because = f"{name} is wired as a contact that is normally {after}"
        return (Correction(device.label, f"{key}_normally", after, because),)

    def swapped(self, one: str, other: str) -> tuple[Correction, ...]:
        """Each on the other's terminal, with the circuit that it has there."""
        found = []
        for name, there in ((one, other), (other, one)):
            (device, key), (theirs, its) = self._homes[name], self._homes[there]
            because = f"what was moved for {name} was seen on the terminal of {there}"
            pin = getattr(theirs.settings, its)
            found.append(Correction(device.label, key, getattr(pin, "number", pin), because))
            if (way := getattr(theirs.settings, f"{its}_normally")) != getattr(device.settings, f"{key}_normally"):
                found.append(Correction(device.label, f"{key}_normally", way, f"as the terminal of {there} was read"))
        return tuple(found)

    def pressed(self, name: str, rest: Levels, seen: Sequence[Levels]) -> Finding | None:
        """Whether what was done to one contact, and undone, was seen there and nowhere else."""
        moved = _moved(rest, seen)
        others = sorted(moved - {name} - _tied(name))
        if name in moved:
            if rest.get(name) is not at_rest(name):
                return Finding(f"{name} goes off when it should go on: {OTHER_WAY}", self.inverted(name))
            return None
        if not others:
            return Finding(
                f"nothing changed when {name} was tried: look whether it is wired to the terminal that the lane file "
                "says, whether its common wire is there, and at the contact itself with a meter"
            )
        if others[0] in self._homes and name in self._homes and len(others) == 1:
            return Finding(
                f"{name} was tried, and {others[0]} changed: the two are crossed. Change the wires over, or the lane "
                "file as the fragment has it",
                self.swapped(name, others[0]),
            )
        return Finding(f"{name} was tried, and {', '.join(others)} changed: follow the wire from its terminal")

    def travelled(self, door: str, rest: Levels, seen: Sequence[Levels]) -> Finding | None:
        """Whether closed and locked of the door that moved followed it, and no other door's."""
        moved = {name for name in _moved(rest, seen) if name.endswith((".closed", ".locked"))}
        own = {f"{door}.closed", f"{door}.locked"}
        missing, foreign = sorted(own - moved), sorted(moved - own)
        crossed = [(name, other) for name in missing for other in foreign if _kind(name) == _kind(other)]
        if crossed:
            words = ", ".join(f"{one} with {other}" for one, other in crossed)
            corrections = tuple(each for pair in crossed for each in self.swapped(*pair))
            return Finding(
                f"{door} moved, and contacts of another door followed: crossed are {words}. Change the wires over, or "
                "the lane file as the fragment has it",
                corrections,
            )
        if missing == sorted(own):
            return Finding(f"{door} was released and never moved: look at lock, drive, and whether somebody pushed it")
        if missing:
            return Finding(
                f"{missing[0]} did not follow {door}: its contact is stuck, or its magnet too near; "
                "the other one of that door did"
            )
        if foreign:
            return Finding(f"{', '.join(foreign)} changed while {door} moved: its wire touches one of {door}'s")
        return None


def too_tight(name: str, took_s: float, allowed_s: float, key: str) -> Finding | None:
    """A motion against the timer that waits for it."""
    if took_s <= allowed_s * TIGHT:
        return None
    wanted_s = round(took_s * TIMES_OVER, 1)
    why = f"{name} took {took_s:.1f} s, of {allowed_s:g} s allowed ([timers] {key}): look at its drive, or allow more"
    return Finding(why, (Correction("timers", key, wanted_s, f"{name} took {took_s:.1f} s"),))


def _moved(rest: Levels, seen: Sequence[Levels]) -> set[str]:
    return {name for levels in seen for name, active in levels.items() if name in rest and active is not rest[name]}


def _tied(name: str) -> set[str]:
    """What goes on together with it, and rightly: two people are also one."""
    return {"zone_airlock"} if name == "zone_airlock_many" else set()


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _word(active: bool) -> str:
    return "active" if active else "inactive"
