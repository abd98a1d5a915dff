"""What a screen is told of its lane beforehand, so that it is still right when nobody tells it anything."""

from pathlib import Path

from gatefw import door_table
from gatefw.clearance import Beginning
from gatefw.config import Config
from gatefw.model import DoorId
from gatefw.ports import DeadOutputs, Plight
from gatefw.tongue import languages

DEAD = frozenset({Plight.ON_EXIT, Plight.ON_CRASH, Plight.ON_HANG})
_READERS = {"osdp": "card", "serial": "code", "mrz_serial": "document"}
"""What is shown to a reader of a driver; of any other nobody can say more than that it reads something."""


def about(config: Config, begins: Beginning) -> dict[str, object]:
    """As `screen.lane.Lane` hears it."""
    screen = config.screen
    return {
        "begins": ["presence"] if begins is Beginning.PRESENCE else _tokens(config),
        "behind": behind(config),
        "languages": screen.languages.split(),
        "alone": screen.by_nationality == "alone",
        "audio": screen.audio,
    }


def behind(config: Config) -> str:
    """The door behind whoever is inside while this program is dead: `open` or `shut`; `none` where there is no inside.

    Open only if its driver says so however the program ended and whatever the kernel does with its outputs. That the
    supply of the locks can be cut is another matter: nobody here hears of it.
    """
    if DoorId.ENTRY not in config.door_ids:
        return "none"
    states = {
        row.alone.state
        for outputs in DeadOutputs
        for row in door_table.rows(config, outputs)
        if row.door == DoorId.ENTRY and row.plight in DEAD
    }
    return "open" if states == {"released"} else "shut"


def spoken(config: Config) -> dict[str, str]:
    """Language by nationality; none where the lane does not ask. Raises SetupError: the site's file cannot be read."""
    own = config.screen.nationalities
    return {} if config.screen.by_nationality == "no" else languages(Path(own) if own else None)


def _tokens(config: Config) -> list[str]:
    """Of each kind that this lane reads once, in the order of its file."""
    read = [_READERS.get(device.driver, "") for device in config.having("reader")]
    camera = ["code"] if config.vision_table.codes else []
    return list(dict.fromkeys((*read, *camera)))
