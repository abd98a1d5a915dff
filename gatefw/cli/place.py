"""Commands about what lies on the disk: of a lane file's gate, or in a state directory."""

import argparse
import os
from pathlib import Path

import hw
from gatefw import config
from gatefw.config import Paths
from gatefw.state import state_dir


def add(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument("file", type=Path, nargs="?", help="the lane file")
    place.add_argument("--dir", type=Path, help="the state directory (default: as the daemon finds it)")


def paths(arguments: argparse.Namespace) -> Paths:
    if arguments.file:
        return config.load(arguments.file, hw.schema).paths
    state = (arguments.dir or state_dir(os.environ)).absolute()
    return Paths(state, state / "run")
