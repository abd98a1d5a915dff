"""What is written down beside the keys of a directory: by which root they open, and which were destroyed."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw import private_file
from gatefw.errors import StoreError
from gatefw.keeping import Provider
from gatefw.key_root import PLAIN, Root

STATE, DESTROYED = "root.json", "destroyed.jsonl"
FILES = frozenset({STATE, DESTROYED})
"""What lies in a directory of keys and is none."""
BYTES_MAX, REMEMBERED = 256 * 1024, 1000


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A key that is no more. `proven`: it had lived in a TPM alone, which has forgotten its root."""

    name: str
    at: float
    lived: tuple[Provider, ...]

    @property
    def proven(self) -> bool:
        return self.lived == (Provider.TPM,)

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "at": self.at, "lived": self.lived}

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Destroyed":
        """Raises KeyError, ValueError."""
        return cls(str(told["name"]), float(told["at"]), tuple(map(Provider, told["lived"])))


@dataclass(frozen=True, slots=True)
class State:
    """root.json. `next`: the root that keys are getting; `old`: one to be forgotten; `ending`: a key on its way out."""

    root: Root = PLAIN
    next: Root | None = None
    old: Root | None = None
    ending: Destroyed | None = None

    @classmethod
    def read(cls, directory: Path) -> "State":
        """Of a directory without it: keys are not wrapped there. Raises StoreError."""
        path = directory / STATE
        if not os.path.lexists(path):
            return cls()
        try:
            told = json.loads(private_file.read(path, BYTES_MAX))
            return cls(
                Root.of(told["root"]),
                Root.of(told["next"]) if told["next"] else None,
                Root.of(told["old"]) if told["old"] else None,
                Destroyed.of(told["ending"]) if told["ending"] else None,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: says nothing that we know; restore it from backup") from error

    def save(self, directory: Path) -> None:
        """Durably. Raises StoreError, OSError."""
        path = directory / STATE
        if self.settled and not self.root.id:
            path.unlink(missing_ok=True)
            private_file.sync_directory(directory)
            return
        told = {
            "root": self.root.to_json(),
            "next": self.next and self.next.to_json(),
            "old": self.old and self.old.to_json(),
            "ending": self.ending and self.ending.to_json(),
        }
        private_file.replace(path, json.dumps(told).encode())

    @property
    def settled(self) -> bool:
        return self.next is None and self.old is None and self.ending is None


def destroyed(directory: Path) -> list[Destroyed]:
    """The last that were, the newest last. Raises StoreError."""
    path = directory / DESTROYED
    if not os.path.lexists(path):
        return []
    try:
        return [Destroyed.of(json.loads(line)) for line in private_file.read(path, BYTES_MAX).splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: says nothing that we know; move it away") from error


def tell(directory: Path, ending: Destroyed) -> None:
    """Write down that a key is no more, once. Raises StoreError."""
    told = [*(each for each in destroyed(directory) if each != ending), ending][-REMEMBERED:]
    lines = "".join(json.dumps(each.to_json()) + "\n" for each in told)
    private_file.replace(directory / DESTROYED, lines.encode())
