"""The hardware: how a gate senses and acts. One driver a file, found by the name the config gives it.

A driver is `hw/<role>_<how>.py`; `load("door", "gpio")` imports `hw.door_gpio`, and nothing else anywhere may import a
module by its name. There is no list of drivers to keep: a file that is there can be used.
"""

import difflib
import importlib
from pathlib import Path
from types import ModuleType

import gatefw
from gatefw.errors import SetupError

__version__ = "0.1.0"
ROLES = ("authority", "camera", "document", "door", "finger", "indicator", "reader", "sensors")
"""What a driver can be: the protocols of `gatefw.ports`, by the first word of a driver's file name."""

_HERE = Path(__file__).parent


def drivers() -> list[tuple[str, str]]:
    """Every driver there is, as (role, how), sorted: the files of this folder."""
    names = (path.stem.partition("_") for path in _HERE.glob("*_*.py"))
    return sorted((role, how) for role, _, how in names if role in ROLES)


def load(role: str, name: str) -> ModuleType:
    """The driver file `hw/<role>_<name>.py`. It exports `Settings` and `open(settings)`.

    Importing a driver touches no hardware and needs no hardware library: that is what `open` does.
    Raises SetupError, naming the nearest driver there is, when there is no such file.
    """
    found = drivers()
    if (role, name) not in found:
        raise SetupError(_no_driver(role, name, found))
    return importlib.import_module(f"hw.{role}_{name}")


def schema(role: str, how: str) -> type:
    """The driver's `Settings`: a frozen dataclass whose fields are what its config table may hold."""
    settings: type = load(role, how).Settings
    return settings


def require_ours() -> None:
    """Refuse to run with a `gatefw` that this `hw` was not built with: another version, or another place.

    Raises SetupError. Doors moved by two halves of different releases would be moved by nobody's design.
    """
    ours, theirs = _HERE.parent, Path(gatefw.__file__).parent.parent
    if gatefw.__version__ != __version__ or ours != theirs:
        raise SetupError(
            f"hw {__version__} in {ours} does not belong to gatefw {gatefw.__version__} in {theirs}: "
            "install both from one wheel, and take other packages named hw off the path"
        )


def _no_driver(role: str, name: str, found: list[tuple[str, str]]) -> str:
    if role not in ROLES:
        return f"no driver can be a {role!r}: the roles are {', '.join(ROLES)}"
    here = [how for its_role, how in found if its_role == role]
    nearest = difflib.get_close_matches(name, here, n=1)
    advice = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(here) or 'none'}"
    return f"no {role} driver {name!r} (it would be hw/{role}_{name}.py): {advice}"
