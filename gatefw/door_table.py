"""What every door does when nobody commands it: without power, at boot, after an end, a crash or a hang of ours.

The drivers say it from what their settings state (`DoorSettings.left_alone`); here it becomes a table for people, and
the reasons why such a lane must not be run.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from gatefw.config import Config
from gatefw.errors import SetupError
from gatefw.model import DoorId
from gatefw.ports import Alone, DeadOutputs, DoorSettings, LeftAlone, Plight
from gatefw.toml_document import Place
from gatefw.watcher import STALL_S, TRY_S


@dataclass(frozen=True, slots=True)
class Row:
    door: str
    plight: Plight
    alone: LeftAlone


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a lane must not be run so; a `warning` may stand."""

    place: Place
    problem: str
    warning: bool = False


def rows(config: Config, outputs: DeadOutputs) -> list[Row]:
    """Every door in every plight. `outputs`: what this kernel does with those of a dead process."""
    watched_s = (TRY_S, STALL_S + TRY_S) if config.watched else (math.inf, math.inf)
    around = Alone(outputs, after_crash_s=watched_s[0], after_hang_s=watched_s[1])
    return [
        Row(device.name, plight, left)
        for device in config.having("door")
        if hasattr(device.settings, "left_alone")
        for plight, left in cast(DoorSettings, device.settings).left_alone(around).items()
    ]


def objections(config: Config, outputs: DeadOutputs) -> list[Objection]:
    """What keeps this lane from being run on this machine, and what must be known."""
    found = [each for row in rows(config, outputs) for each in _about(row, config)]
    for device in config.having("door"):
        place, settings = ("door", device.name), device.settings
        if not hasattr(settings, "left_alone"):
            found.append(Objection((*place, "driver"), "does not state what the door does when it is left alone"))
            continue
        door = cast(DoorSettings, settings)
        found += [Objection((*place, key), problem) for key, problem in door.problems()]
        if config.doors.lease_s > door.max_lease_s:
            found.append(
                Objection(
                    ("doors", "lease_s"), f"is {config.doors.lease_s:g}; {device.name} gives {door.max_lease_s:g}"
                )
            )
    return [*found, *_unwatched(config, outputs), *_crowded(config)]


def refuse(config: Config, outputs: DeadOutputs) -> None:
    """Raises SetupError with every objection that is no warning: before this, no door may be released."""
    errors = [each for each in objections(config, outputs) if not each.warning]
    if errors:
        told = "; ".join(f"{'.'.join(each.place)}: {each.problem}" for each in errors)
        raise SetupError(f"{config.file}: {told}; see `gatefw check`")


def _about(row: Row, config: Config) -> Iterator[Objection]:
    """`unpowered` against the way out is a rule of the lane file itself, and is not said twice."""
    alone, place = row.alone, ("door", row.door, row.plight.value)
    if row.plight is Plight.UNPOWERED:
        return
    covered = next(str(each.settings.covered_by) for each in config.having("door") if each.name == row.door)  # type: ignore[attr-defined]
    open_to_nobody = alone.state == "released" and DoorId(row.door) not in config.way_out("power_loss")
    problem = ""
    if alone.state == "undefined":
        problem = f"nobody can say what this door does: {alone.because}"
    elif open_to_nobody:
        problem = f"this door is open, though lane.way_out.power_loss does not name it: {alone.because}"
    elif math.isinf(alone.lasts_s):
        problem = f"nothing ends a release that was under way: {alone.because}"
    if problem:
        yield Objection(place, f"{problem}; covered by {covered}" if covered else problem, warning=bool(covered))


def _crowded(config: Config) -> Iterator[Objection]:
    """A line whose other units, fallen silent, keep a release from being repeated before its controller ends it."""
    for device in config.having("door"):
        link, timeout_s = (getattr(device.settings, name, None) for name in ("link", "command_timeout_s"))
        others = [each.settings for each in config.devices if each is not device]
        waits_s = sum(2 * getattr(each, "reply_s", 0.0) for each in others if getattr(each, "link", None) == link)
        if timeout_s is not None and waits_s > timeout_s * 3 / 4:  # it is repeated after the first quarter
            yield Objection(
                ("door", device.name, "command_timeout_s"),
                f"is {timeout_s:g}; the other units on this line may be waited for for {waits_s:g} s when they are "
                "silent, and this door is secured and released again meanwhile: make it longer, or their reply_s "
                "shorter",
                warning=True,
            )


def _unwatched(config: Config, outputs: DeadOutputs) -> Iterator[Objection]:
    if config.watcher.required or config.lane.simulated or outputs is DeadOutputs.FREED:
        return
    if any(device.driver == "gpio" for device in config.having("door")):
        says = "keeps outputs as driven" if outputs is DeadOutputs.KEPT else "does not say what becomes of outputs"
        yield Objection(
            ("watcher", "required"),
            f"this kernel {says} when their process dies, and no watcher runs: a door would stay released; say true, "
            "or set dtparam=strict_gpiod",
        )
