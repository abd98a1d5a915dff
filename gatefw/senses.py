"""What the gate senses and what it lacks: doors, people, inputs, and devices that are missing or work badly.

Each method takes one input from the edge and returns what is new in it, facts to record, alarms, and events for the
lane. Nothing here decides; `Gate` records the facts and hands the events on.

A device that is *missing*, or that was *tampered* with, ends what is under way: nobody is admitted on its word. What
only *keeps out* (no mains, no camera that sees anything) lets the traveller under way finish, and nobody else begin.
"""

from collections.abc import Iterable
from dataclasses import replace

from gatefw.gate_terms import DeviceImpaired, DeviceWent, DoorSensed, LaneSensed
from gatefw.model import (
    Alarm,
    Beam,
    DoorId,
    DoorIs,
    Fact,
    FactKind,
    Input,
    InputIs,
    LaneEvent,
    Occupancy,
    OccupancyIs,
    Position,
    Reason,
    Sensed,
    Signal,
    Zone,
    ZoneIs,
)

BLIND = frozenset({Reason.CAMERA_DARK, Reason.CAMERA_BLINDED, Reason.CAMERA_COVERED, Reason.CAMERA_FROZEN})
"""What keeps new passages out once it is said of every camera that does the same."""
KEEPS_OUT = frozenset({Reason.MAINS_LOST, Reason.STALLED, Reason.GALLERY_TOO_LARGE, Reason.JOURNAL_FULL, Reason.CLOSED})
"""What keeps new passages out though it is said of one device alone, unless the lane `bears` it. `closed` is said of a
version that is tried; see `trial`."""
KEEPS_OUT_INPUTS = frozenset({Input.MAINS_LOST})
"""Inputs that keep new passages out while they are on."""
ALARMING = frozenset(
    {
        Reason.TAMPERED,
        Reason.MAINS_LOST,
        Reason.GALLERY_DAMAGED,
        Reason.JOURNAL_FILLING,
        Reason.JOURNAL_FULL,
        Reason.DEVICE_AWAY,
        Reason.STALLED,
        Reason.PROCESS_STUCK,
    }
)
"""What raises an alarm as soon as a device says it."""
ABOUT_ABSENCE = frozenset({Reason.DEVICE_AWAY, Reason.PROCESS_STUCK})
"""What is said of a device that is missing."""

News = Fact | Alarm | LaneEvent


class Senses:
    """Of one lane. `required` devices are missing until they come; a door that is not there is secured for ever.

    `finder` is the camera that finds people, where there is one: no other camera does its work, nor it theirs.
    bears: what keeps people out of other lanes, and not of this one, by its lane file.
    """

    def __init__(
        self,
        required: Iterable[str],
        doors: Iterable[DoorId] = tuple(DoorId),
        finder: str = "",
        bears: frozenset[Reason] = frozenset(),
    ) -> None:
        self._finder, self._keeps_out = finder, KEEPS_OUT - bears
        self.sensed = Sensed()
        for door in {*DoorId} - {*doors}:
            self.door(DoorSensed(door, Position.SECURED, Beam.CLEAR))
        self.required = frozenset(required)
        self.missing = set(self.required)
        self.impaired: dict[str, set[Reason]] = {}
        self.started = False  # before, only what is out of the ordinary is worth a fact
        self.pressed: set[Input] = set()
        """What is on, and what was on when it was last readable: pressed stays pressed until it is seen released."""
        self._inputs: dict[Input, Signal] = {}
        self._zones: dict[Zone, bool] = {}
        self.zones: dict[Zone, bool] = {}
        """Whether somebody is there, as it was read last; empty while nobody reads it."""

    # ------------------------------------------------------------ health

    @property
    def whole(self) -> bool:
        """Whether every device is there and nobody laid hands on one: otherwise nothing goes on."""
        opened = Input.TAMPER in self.pressed
        return not (self.missing or opened or any(Reason.TAMPERED in reasons for reasons in self.impaired.values()))

    @property
    def inputs(self) -> dict[Input, Signal]:
        """Every input that is wired, as it was read last."""
        return dict(self._inputs)

    @property
    def keeps_out(self) -> bool:
        """Whether nobody new may begin a passage."""
        cameras = [device for device in self.required if device.partition(".")[0] == "camera"]
        sees = {camera: not self.impaired.get(camera, set()) & BLIND for camera in cameras}
        does = ([each for each in cameras if (each == self._finder) is finds] for finds in (True, False))
        blind = any(some and not any(sees[each] for each in some) for some in does)
        impaired = any(reasons & self._keeps_out for reasons in self.impaired.values())
        return blind or impaired or bool(self.pressed & KEEPS_OUT_INPUTS)

    def device_went(self, event: DeviceWent) -> list[News]:
        """It is missing from now on, and what was said of how it works is void; what is said of its absence is not."""
        if event.device in self.required:
            self.missing.add(event.device)
        if remains := self.impaired.pop(event.device, set()) & ABOUT_ABSENCE:
            self.impaired[event.device] = remains
        return [Fact(FactKind.DEVICE_LOST, None, (("device", event.device), ("reason", event.reason)))]

    def device_came(self, device: str) -> list[News]:
        self.missing.discard(device)
        return [Fact(FactKind.DEVICE_RECOVERED, None, (("device", device),))] if self.started else []

    def device_impaired(self, event: DeviceImpaired) -> list[News]:
        """Only a change is news."""
        reasons = self.impaired.setdefault(event.device, set())
        if (event.reason in reasons) is event.impaired:
            return []
        if event.impaired:
            reasons.add(event.reason)
        else:
            reasons.discard(event.reason)
        kind = FactKind.DEVICE_IMPAIRED if event.impaired else FactKind.DEVICE_RESTORED
        fact = Fact(kind, None, (("device", event.device), ("reason", event.reason)))
        return [fact, Alarm(event.reason)] if event.impaired and event.reason in ALARMING else [fact]

    def unread(self, device: str) -> list[News]:
        """The levels that nobody reads any more, now that this device is gone."""
        role, _, name = device.partition(".")
        if role == "door":
            return self.door(DoorSensed(DoorId(name), Position.UNKNOWN, Beam.UNKNOWN))
        if role == "sensors":
            return self.lane(LaneSensed(Occupancy.UNKNOWN, (), tuple((which, Signal.UNKNOWN) for which in Input)))
        return []

    # ------------------------------------------------------------ levels

    def door(self, event: DoorSensed) -> list[News]:
        moved = self.sensed.position(event.door) is not event.position
        if event.door is DoorId.ENTRY:
            self.sensed = replace(self.sensed, entry=event.position, entry_beam=event.beam)
        else:
            self.sensed = replace(self.sensed, exit=event.position, exit_beam=event.beam)
        if not moved:
            return []
        fields = (("door", event.door), ("position", event.position))
        return [Fact(FactKind.DOOR_MOVED, None, fields), DoorIs(event.door, event.position)]

    def lane(self, event: LaneSensed) -> list[News]:
        news: list[News] = []
        for which, signal in event.inputs:
            if self._inputs.get(which) is not signal:
                if self.started or signal is not Signal.OFF:
                    news.append(Fact(FactKind.INPUT_CHANGED, None, (("input", which), ("signal", signal))))
                news.append(InputIs(which, signal))
                if which is Input.MAINS_LOST and signal is Signal.ON:
                    news.append(Alarm(Reason.MAINS_LOST))
        for zone, present in event.zones:
            if self._zones.get(zone) is not present:
                self._zones[zone] = present
                news.append(ZoneIs(zone, present))
        if self.sensed.occupancy is not event.occupancy:
            news.append(OccupancyIs(event.occupancy))
        self._inputs, self.zones = dict(event.inputs), dict(event.zones)
        self.pressed = {
            which
            for which, signal in event.inputs
            if signal is Signal.ON or (signal is Signal.UNKNOWN and which in self.pressed)
        }
        self.sensed = replace(
            self.sensed,
            occupancy=event.occupancy,
            fire=self._inputs.get(Input.FIRE, Signal.OFF),
            evacuate=self._inputs.get(Input.EVACUATE, Signal.OFF),
            stop=Signal.ON if Input.STOP in self.pressed else self._inputs.get(Input.STOP, Signal.OFF),
        )
        return news
