"""Which storms of a long run were played, kept in a file, so that it goes on where it was ended."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from gatefw.errors import SetupError
from gatefw.simulate.storm_came import Came

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Course:
    """A run: what came of the storms before `seed`, and of those `ahead` of it that were played already."""

    seed: int = 0
    came: Came = field(default_factory=Came)
    ahead: set[int] = field(default_factory=set)

    def seeds(self, step: int) -> Iterator[int]:
        """The first seed of each batch that is to be played, for ever."""
        seed = self.seed
        while True:
            if seed not in self.ahead:
                yield seed
            seed += step

    def took(self, seed: int, step: int, came: Came) -> None:
        """The batch from this seed on was played."""
        self.came.add(came)
        self.ahead.add(seed)
        while self.seed in self.ahead:
            self.ahead.remove(self.seed)
            self.seed += step


def keep(course: Course, file: Path) -> None:
    """Write it whole, or not at all."""
    came = {each.name: getattr(course.came, each.name) for each in fields(Came)}
    kept = {"code": code(), "seed": course.seed, "ahead": sorted(course.ahead), "came": came}
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(kept))
    new.replace(file)


def kept(file: Path) -> Course | None:
    """What an earlier run has kept there; None where there is none.

    Raises SetupError when the file is none of ours, or of other code: storms of two programs prove nothing of either.
    """
    try:
        told = json.loads(file.read_text())
        came: dict[str, Any] = {each.name: _counts(told["came"][each.name]) for each in fields(Came)}
        course = Course(int(told["seed"]), Came(**came), {int(seed) for seed in told["ahead"]})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{file}: is not what `tests/trust/storm --kept` wrote ({error}); name another file"
        ) from error
    if told.get("code") != code():
        raise SetupError(
            f"{file}: was kept by another version of gatefw; its storms do not count for this one. Remove it"
        )
    return course


def _counts(value: object) -> object:
    """JSON has made texts of the numbers of rows."""
    if not isinstance(value, dict):
        return value
    return Counter({int(key) if key.isdecimal() else key: int(times) for key, times in value.items()})


@cache
def code() -> str:
    """A digest of what storms are made of."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(
        [*(ROOT / "gatefw").rglob("*.py"), *(ROOT / "hw").rglob("*.py"), *(ROOT / "config").rglob("*.toml")]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()
