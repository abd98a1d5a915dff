"""What goes with gatefw, and what stays: people's stores and the journal, unless they are asked for by name."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gatefw.errors import GateError
from gatefw.installer import leave
from gatefw.installer.machine import Machine
from gatefw.installer.places import STATES, Places
from gatefw.installer.system import System

Say = Callable[[str], None]
STAYS = (*STATES, "etc/gatefw", "var/lib/gatefw-install")
USERS = (
    "the users gatefw, gatefw-vision, gatefw-web, gatefw-screen and gatefw-console, and the groups gpio and gatefw-bus"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A directory that is left, what it is, and how large."""

    path: Path
    what: str
    size: int


WHAT = {
    "var/lib/gatefw": "journal, records of travellers, fingers, their keys",
    "var/lib/gatefw-vision": "faces of travellers (templates) and their key, models",
    "etc/gatefw": "lane file, keys and certificates of this site",
    "var/lib/gatefw-install": "what the installer wrote",
}


def kept(places: Places) -> list[Kept]:
    """What `remove` leaves where it is."""
    found = []
    for name in STAYS:
        path = places.root / name
        if path.is_dir() and any(path.iterdir()):
            size = sum(each.lstat().st_size for each in path.rglob("*") if each.is_file())
            found.append(Kept(path, WHAT[name], size))
    return found


def remove(places: Places, machine: Machine, say: Say, looked: str) -> None:
    """Everything but what `kept` names; nothing where nothing is. Raises Refusal: the lane is not proven empty.

    Raises SetupError, OSError; it may be done again.
    """
    if places.version_of(places.current) is not None:
        _leave(machine, looked)
        say("stopping")
        machine.stop()
    say("removing units, rules and programs")
    System(places, say).remove()
    machine.settle()
    shutil.rmtree(places.programs, ignore_errors=True)


def purge(places: Places, say: Say) -> None:
    """What is left as well. Deleted is not erased: flash memory may keep what was there. Raises OSError."""
    for each in kept(places):
        say(f"deleting {each.path}")
        shutil.rmtree(each.path)


def _leave(machine: Machine, looked: str) -> None:
    """Whatever goes wrong meanwhile, a lane that served is opened again, if it can be: a lost answer is no answer."""
    status = leave.asked(machine, looked)
    if status is None:
        return
    try:
        leave.close(machine, looked, in_service=bool(status["in_service"]))
    except BaseException:
        if status["in_service"]:
            with suppress(GateError, OSError):  # what went wrong first is what is told
                machine.order("open")
        raise
