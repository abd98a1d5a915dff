"""gatefw run, watcher, make-safe: the processes of a gate."""

import argparse
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import hw
from gatefw import config
from gatefw.cli import command

RUN = """\
Runs the lane of FILE until SIGTERM: opens its devices, takes it into service, writes down what it decides before it
acts, and publishes it. On SIGTERM a traveller under way may finish first.

example:
  gatefw run config/lanes/contactless-e-channel.toml
"""
WATCHER = """\
Watches the supervisor of the lane in FILE and can only drop outputs: when the supervisor dies or hangs, every door's
release line is turned off. Runs as a process of its own beside `gatefw run`.

example:
  gatefw watcher config/lanes/contactless-e-channel.toml
"""
MAKE_SAFE = """\
Turns the release line of every door in FILE off, once, and ends. For boot and for after any death of the supervisor;
it cannot be used while `gatefw run` holds the lines.

example:
  gatefw make-safe config/lanes/contactless-e-channel.toml
"""


def add_parser(commands: Any) -> None:
    """Add `run`, `watcher` and `make-safe`."""
    for name, summary, description, does in (
        ("run", "run a lane", RUN, run),
        ("watcher", "drop the outputs when the supervisor dies", WATCHER, watch),
        ("make-safe", "turn every door's release off, once", MAKE_SAFE, safe),
    ):
        parser = command.add(commands, name, summary, description)
        parser.add_argument("file", type=Path, metavar="FILE", help="the lane file")
        parser.set_defaults(run=does)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import door_table, hardening
    from gatefw.biometrics import evaluation
    from gatefw.supervisor import Supervisor
    from hw.gpio.persistence import dead_outputs

    hardening.harden()
    lane = config.load(arguments.file, hw.schema)
    door_table.refuse(lane, dead_outputs(lane.gpio.factory if lane.gpio else ""))
    if lane.vision.identifying:
        from gatefw.biometrics.threshold import require_held  # with numpy, which no other lane's supervisor needs

        size = lane.gallery
        require_held(lane.vision.models, lane.vision.embedder, size.most, size.fpir, size.fnir, size.frames)
    if lane.face.require_liveness:
        evaluation.required(lane.vision.models, lane.face.pad)
    supervisor = Supervisor(lane)
    supervisor.stop_on_signals()
    return supervisor.run()


def watch(arguments: argparse.Namespace) -> int:
    from gatefw.watcher import SOCKET, Watcher, make_safe

    lane = config.load(arguments.file, hw.schema)
    lane.paths.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    watcher = Watcher(lane.paths.run / SOCKET, lambda: make_safe(lane))

    def stop(_number: int, _frame: FrameType | None) -> None:
        watcher.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    watcher.run()
    return 0


def safe(arguments: argparse.Namespace) -> int:
    from gatefw.watcher import make_safe

    make_safe(config.load(arguments.file, hw.schema))
    return 0
