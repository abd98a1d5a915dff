"""What a screen must know of its lane before anything happens: told with every line, and kept for when nobody tells it.

A screen that is started while its lane is dead still has to say how people inside get out, so it is kept on disk. No
traveller has a part in it.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatefw import whole_file, wire_json
from gatefw.errors import BadReply

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """begins: what a passage begins with, of `presence`, `card`, `code`, `document`. behind: the door behind whoever is
    inside when this lane is dead, `open` or `shut`; `none` where nobody can be inside, "" while nobody has said.

    languages: tags in the order of display; none: all there are. alone: the traveller's own language stands alone.
    """

    begins: tuple[str, ...] = ()
    behind: str = ""
    languages: tuple[str, ...] = ()
    alone: bool = False
    audio: bool = False

    @classmethod
    def heard(cls, told: object) -> "Lane | None":
        """None for what says no such thing."""
        if not isinstance(told, Mapping):
            return None
        begins, behind, languages = told.get("begins"), told.get("behind"), told.get("languages")
        if not (isinstance(behind, str) and _texts(begins) and _texts(languages)):
            return None
        return cls(
            tuple(begins or ()), behind, tuple(languages or ()), told.get("alone") is True, told.get("audio") is True
        )

    def told(self) -> dict[str, object]:
        return {
            "begins": list(self.begins),
            "behind": self.behind,
            "languages": list(self.languages),
            "alone": self.alone,
            "audio": self.audio,
        }


UNKNOWN = Lane()


def kept(path: Path) -> Lane:
    """What was last told; UNKNOWN when that cannot be read."""
    try:
        return Lane.heard(wire_json.decode(path.read_bytes())) or UNKNOWN
    except FileNotFoundError:
        return UNKNOWN
    except (OSError, BadReply) as error:
        _log.warning("screen: %s: cannot be read: %s", path, error)
        return UNKNOWN


def keep(path: Path, lane: Lane) -> None:
    """A disk that is full or not ours costs what is said after a restart without a lane, and nothing now."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        whole_file.write(path, wire_json.encode(lane.told()))
    except OSError as error:
        _log.warning("screen: %s: cannot be kept: %s", path, error)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
