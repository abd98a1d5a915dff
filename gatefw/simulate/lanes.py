"""The lane files that belong to the project, by name."""

from pathlib import Path

import hw
from gatefw import config
from gatefw.config import Config
from gatefw.errors import SetupError

LANES = Path(__file__).resolve().parents[2] / "config" / "lanes"


def names() -> list[str]:
    return sorted(path.stem for path in LANES.glob("*.toml"))


def load(lane: str, reverse: bool = False) -> Config:
    """The lane of that name, or of that file; `reverse` the other way round, if it goes both ways.

    Raises SetupError: there is neither; ConfigError: the file is bad.
    """
    path = LANES / f"{lane}.toml" if lane in names() else Path(lane)
    if path.is_dir():
        raise SetupError(f"lane {lane}: is a directory; name a lane file")
    if not path.is_file():
        raise SetupError(f"lane {lane}: no lane file; name one (FILE.toml), or one of {', '.join(names())}")
    return config.load(path, hw.schema, reverse=reverse)


def both_ways(lane: str) -> list[Config]:
    """The lane, and, if it goes both ways, the other way round. Raises as `load`."""
    there = load(lane)
    return [there, load(lane, reverse=True)] if there.reversible else [there]
