"""The lane files that belong to the project, by name."""

from pathlib import Path

import hw
from gatefw import config
from gatefw.config import Config
from gatefw.errors import SetupError

LANES = Path(__file__).resolve().parents[2] / "config" / "lanes"


def names() -> list[str]:
    return sorted(path.stem for path in LANES.glob("*.toml"))


def load(lane: str) -> Config:
    """The lane of that name, or of that file. Raises SetupError: there is neither; ConfigError: the file is bad."""
    path = Path(lane) if lane.endswith(".toml") else LANES / f"{lane}.toml"
    if not path.is_file():
        raise SetupError(f"lane {lane}: no lane file; name one (FILE.toml), or one of {', '.join(names())}")
    return config.load(path, hw.schema)
