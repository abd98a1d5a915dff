"""The contacts of a lane, whatever they hang on: how each circuit is at rest, and what all of them together say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from gatefw.model import Input, Occupancy, Position, Signal, Zone
from gatefw.ports import SensorsReading

Circuit = Literal["open", "closed"]
_ZONES = {"zone_front": Zone.FRONT, "zone_behind": Zone.BEHIND}


@dataclass(frozen=True, kw_only=True)
class Circuits:
    """Settings that all sensors have: the circuit of a contact while what it is named after is *not* so.

    A cut wire is an open circuit. "closed" loops therefore report a cut wire as active; an "open" one never tells.
    """

    zone_airlock_normally: Circuit = "open"
    zone_airlock_many_normally: Circuit = "open"
    fire_normally: Circuit = "closed"
    call_normally: Circuit = "open"
    stop_normally: Circuit = "closed"
    officer_evacuate_normally: Circuit = "open"
    zone_front_normally: Circuit = "open"
    zone_behind_normally: Circuit = "open"
    request_to_exit_normally: Circuit = "open"
    tamper_normally: Circuit = "closed"
    mains_lost_normally: Circuit = "closed"
    officer_key_normally: Circuit = "open"
    officer_open_normally: Circuit = "open"
    officer_close_normally: Circuit = "open"
    officer_let_out_normally: Circuit = "open"
    officer_reset_normally: Circuit = "open"
    confirm_normally: Circuit = "open"
    decline_normally: Circuit = "open"

    def normally(self, name: str) -> Circuit:
        circuit: Circuit = getattr(self, f"{name}_normally")
        return circuit


NAMES = tuple(field.name.removesuffix("_normally") for field in fields(Circuits))


def reading(active: Mapping[str, bool]) -> SensorsReading:
    """What the contacts say; one that is not wired is not in `active`."""
    return SensorsReading(
        occupancy=_occupancy(active.get("zone_airlock"), active.get("zone_airlock_many")),
        zones={zone: active[name] for name, zone in _ZONES.items() if name in active},
        inputs={which: Signal.ON if active[which] else Signal.OFF for which in Input if which in active},
    )


def _occupancy(some: bool | None, many: bool | None) -> Occupancy:
    """Many without any cannot be: a wire is cut or a counter is broken, and nobody knows who is inside.

    Nor does anybody where one of the two is not wired (None).
    """
    if some is None or many is None or (many and not some):
        return Occupancy.UNKNOWN
    return Occupancy.MANY if many else Occupancy.ONE if some else Occupancy.EMPTY


class DoorContacts:
    """Where a door is. What cannot be may be a contact under way, and is not secured; after `settle_s` nobody knows."""

    def __init__(self, settle_s: float, now_s: Callable[[], float]) -> None:
        self._settle_s, self._now_s = settle_s, now_s
        self._contradicting_since_s: float | None = None

    def position(self, closed: bool, locked: bool, *, ajar: bool = False) -> Position:
        """Locked without being closed cannot be, nor closed while the drive says that the leaf is `ajar`."""
        if not (locked and not closed) and not (closed and ajar):
            self._contradicting_since_s = None
            return Position.SECURED if locked else Position.CLOSED if closed else Position.OPEN
        if self._contradicting_since_s is None:
            self._contradicting_since_s = self._now_s()
        lasts_s = self._now_s() - self._contradicting_since_s
        return Position.UNKNOWN if lasts_s >= self._settle_s else Position.OPEN
