"""What goes with gatefw, and what stays: people's stores and the journal, unless they are asked for by name."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatefw.installer import environment, leave
from gatefw.installer.machine import Machine
from gatefw.installer.places import SITE, STATES, Places, gone
from gatefw.installer.system import System, Written
from gatefw.installer.upgrade import require_none

Say = Callable[[str], None]
STAYS = (*STATES, SITE, "var/lib/gatefw-install")
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


def installed(places: Places) -> bool:
    """Whether there is anything that `remove` takes, also of what was cut off. Raises SetupError."""
    if any(os.path.lexists(each) for each in (places.current, places.proven)) or any(places.programs.glob("*")):
        return True
    return any(not name.startswith(f"{SITE}/") for name in Written.read(places).files)


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
    require_none(places)
    if places.version_of(places.proven) is not None or machine.status() is not None:
        leave.empty(machine, looked)
        say("stopping")
        machine.stop()
        gone(places.proven)  # cut off from here on, nothing runs that would have to be asked or stopped
    say("removing units, rules and programs")
    System(places, say).remove()
    machine.settle()
    gone(places.current)
    environment.prune(places, set(), say)
    if places.programs.is_dir() and not any(places.programs.iterdir()):
        places.programs.rmdir()


def purge(places: Places, say: Say) -> None:
    """What is left as well. Deleted is not erased: flash memory may keep what was there. Raises OSError."""
    for each in kept(places):
        say(f"deleting {each.path}")
        shutil.rmtree(each.path)
