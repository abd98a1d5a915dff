"""A lane is taken away from under nobody: it goes out of service, and then its sensors must say that it is empty."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gatefw.errors import GateError, Refusal
from gatefw.installer.machine import Machine
from gatefw.model import Occupancy, Phase, Position

EMPTY_S, LOOK_S = 180.0, 0.5
RESTING = (Phase.OUT_OF_SERVICE, Phase.FAULT)


def asked(machine: Machine, looked: str) -> dict[str, Any] | None:
    """What the daemon says of its lane; None where it can say nothing and somebody looked. Raises Refusal, at once.

    A daemon in safe mode reads no sensor: of people and doors it knows as little as one that is dead.
    """
    status = machine.status()
    if status is not None and not status.get("findings"):
        return status
    if looked:
        return None
    why = "does not answer" if status is None else f"is in safe mode and reads no sensor ({status['findings'][0]})"
    raise Refusal(
        f"the daemon {why}, so nothing says that the lane is empty; look yourself that nobody is inside and that the "
        "doors are closed, and say so with --looked NAME"
    )


def close(machine: Machine, looked: str, *, in_service: bool) -> None:
    """Out of service, and empty; a traveller under way finishes first. Raises Refusal, DeviceError."""
    if in_service:
        machine.order("close")
    until(machine, EMPTY_S, lambda: why_not_empty(machine, looked))


def empty(machine: Machine, looked: str) -> None:
    """Ask, and close. Whatever goes wrong meanwhile, a lane that served is opened again, if it can be: a lost answer is
    no answer. Raises Refusal, DeviceError.
    """
    status = asked(machine, looked)
    if status is None:
        return
    try:
        close(machine, looked, in_service=bool(status["in_service"]))
    except BaseException:
        if status["in_service"]:
            with suppress(GateError, OSError):  # what went wrong first is what is told
                machine.order("open")
        raise


def why_not_empty(machine: Machine, looked: str) -> str:
    """Why the lane cannot be taken away yet; empty when it can. Who `looked` is believed where no sensor knows.

    Raises Refusal where waiting helps nothing: it serves again.
    """
    status = machine.status()
    if status is None:
        return "the daemon stopped answering"
    if status["in_service"]:
        raise Refusal("the lane is in service again: somebody opened it, or its daemon ended and began anew; try again")
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
