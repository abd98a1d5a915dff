"""A lane is taken away from under nobody: it goes out of service, and then its sensors must say that it is empty."""

from collections.abc import Callable
from typing import Any

from gatefw.errors import Refusal
from gatefw.installer.machine import Machine
from gatefw.model import Occupancy, Phase, Position

EMPTY_S, LOOK_S = 180.0, 0.5
RESTING = (Phase.OUT_OF_SERVICE, Phase.FAULT)


def asked(machine: Machine, looked: str) -> dict[str, Any] | None:
    """What the daemon says; None where it does not answer and somebody looked. Raises Refusal."""
    status = machine.status()
    if status is None and not looked:
        raise Refusal(
            "the daemon does not answer, so no sensor says that the lane is empty; look yourself, and say so with "
            "--looked NAME"
        )
    return status


def close(machine: Machine, looked: str, *, in_service: bool) -> None:
    """Out of service, and empty; a traveller under way finishes first. Raises Refusal, DeviceError."""
    if in_service:
        machine.order("close")
    until(machine, EMPTY_S, lambda: why_not_empty(machine, looked))


def why_not_empty(machine: Machine, looked: str) -> str:
    """Why the lane cannot be taken away; empty when it can. Who `looked` is believed where no sensor knows."""
    status = machine.status()
    if status is None:
        return "the daemon stopped answering"
    if status["phase"] not in RESTING:
        return f"the lane is in {status['phase']}, and must be out of service"
    if not_secured := [door for door, position in status["doors"].items() if position != Position.SECURED]:
        return f"{', '.join(not_secured)} is not secured"
    unsure = status["occupancy"] == Occupancy.UNKNOWN and looked
    if status["doors"] and status["occupancy"] != Occupancy.EMPTY and not unsure:
        return f"the sensors say of the lane: {status['occupancy']}"
    return ""


def until(machine: Machine, seconds: float, why_not: Callable[[], str]) -> None:
    """Wait until there is no reason any more. Raises Refusal with the last one."""
    ends_s = machine.now_s() + seconds
    while problem := why_not():
        if machine.now_s() >= ends_s:
            raise Refusal(f"{problem}, after {seconds:.0f} s")
        machine.wait(LOOK_S)
