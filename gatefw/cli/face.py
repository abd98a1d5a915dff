"""gatefw face: what the face models can and cannot do, measured on this machine.

Each `face_*.py` beside this file adds commands to the group.
"""

import pkgutil
from importlib import import_module
from typing import Any

from gatefw import cli


def add_parser(commands: Any) -> None:
    """Add `face` with what its parts add."""
    group = commands.add_parser("face", help="measure the face models: errors, thresholds, capacity, attacks")
    inner = group.add_subparsers(required=True)
    for found in pkgutil.iter_modules(cli.__path__):
        if found.name.startswith("face_"):
            import_module(f"{cli.__name__}.{found.name}").add_parser(inner)
