"""What there is to be commissioned in a lane, in which order, and what came of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from gatefw.config import Config
from gatefw.config_tables import Device
from gatefw.errors import Refusal
from gatefw.model import Input

FREES = {Input.FIRE, Input.EVACUATE, Input.CALL}
"""Inputs that free doors when they are pressed, in maintenance too: they are seen at rest, and tried in a drill."""
CONTACTS = ("zone_airlock", "zone_airlock_many", "zone_front", "zone_behind", *Input)
TRIED = {"reader": "token", "camera": "picture", "finger": "finger", "document": "chip", "indicator": "lamps"}


class Kind(StrEnum):
    REST = "rest"  # every level while nothing happens
    TRAVEL = "travel"  # a door opens and is secured again, and its own contacts follow
    BEAM = "beam"  # the beam of a door, and that the door waits for whoever stands in it
    CONTACT = "contact"  # one zone, button or switch
    TOKEN = "token"  # noqa: S105  a card or a code is read, and how the reader ends it
    PICTURE = "picture"
    FINGER = "finger"
    CHIP = "chip"
    LAMPS = "lamps"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `device` is as the lane file names it, `contact` one of its terminals, if it is about one."""

    id: str
    kind: Kind
    device: str = ""
    contact: str = ""
    about: str = ""  # a digest of the settings that it measures: what was measured with others is measured again


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Correction:
    """A key of the lane file that was measured to be another: `table` is as in `door.entry_door`."""

    table: str
    key: str
    value: str | int | float
    because: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a step. `why` says what is wrong and what to do; `found` holds numbers, levels and words alone.

    at: when it was played, RFC 3339. resumed: that is as a draft has it, a file that nobody signed.
    """

    step: str
    verdict: Verdict
    why: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)
    corrections: Sequence[Correction] = ()
    about: str = ""
    at: str = ""
    resumed: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Result":
        """Raises KeyError, TypeError, ValueError: it is none."""
        corrections = tuple(Correction(**each) for each in told["corrections"])
        return cls(
            str(told["step"]),
            Verdict(told["verdict"]),
            str(told["why"]),
            dict(told["found"]),
            corrections,
            str(told["about"]),
            str(told.get("at", ""))[:20],
            bool(told.get("resumed", False)),
        )


def plan(config: Config) -> list[Step]:
    """Doors and contacts first: who works on the rest stands between them."""
    everything = _digest(*(device.settings for device in config.devices if device.role in ("door", "sensors")))
    steps = [Step("rest", Kind.REST, about=everything)]
    for door in config.having("door"):
        steps.append(Step(door.label, Kind.TRAVEL, door.label, about=_digest(door.settings)))
        steps.append(Step(f"{door.label}.beam", Kind.BEAM, door.label, "beam", _digest(door.settings)))
    for sensors in config.having("sensors"):
        for contact in wired(sensors):
            at = Step(f"{sensors.label}.{contact}", Kind.CONTACT, sensors.label, contact, _digest(sensors.settings))
            steps.append(at)
    for role, kind in TRIED.items():
        steps += [
            Step(each.label, Kind(kind), each.label, about=_digest(each.settings)) for each in config.having(role)
        ]
    return steps


def wired(sensors: Device) -> list[str]:
    """The contacts that hang on these sensors."""
    return [str(name) for name in CONTACTS if getattr(sensors.settings, name, None) is not None]


def chosen(steps: Sequence[Step], only: Sequence[str]) -> list[Step]:
    """Those of these names, and those below them. Raises Refusal: there is none of a name."""
    for name in only:
        if not any(_is(step, name) for step in steps):
            raise Refusal(
                f"--only {name}: this lane has no such step; there are {', '.join(each.id for each in steps)}"
            )
    return [step for step in steps if not only or any(_is(step, name) for name in only)]


def _is(step: Step, name: str) -> bool:
    return step.id == name or step.id.startswith(f"{name}.")


def _digest(*settings: object) -> str:
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
