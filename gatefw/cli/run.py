"""gatefw run, watcher, make-safe: the processes of a gate."""

import argparse
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import hw
from gatefw import config
from gatefw.cli import command
from gatefw.errors import DeviceLost, GateError, SetupError
from gatefw.state import runtime_dir, state_dir

if TYPE_CHECKING:
    from gatefw.known_good import KnownGood

RUN = """\
Runs the lane of FILE until SIGTERM: opens its devices, takes it into service, writes down what it decides before it
acts, and publishes it. On SIGTERM a traveller under way may finish first. With --out-of-service it lets nobody in,
whatever the file says, until `gatefw lane open`.

Where FILE cannot be used the gate goes into safe mode: its doors are made safe by the last known good lane file, a copy
of the one with which it last reached service; `gatefw status` says what is wrong; nobody is let in. Mend the file, then
`gatefw reload`. An older lane is run in its place only with --last-known-good, which stands in the journal. A vision
process that is a unit of its own reads its lane file itself: put the copy there (`gatefw config last-good`).

example:
  gatefw run config/lanes/contactless-e-channel.toml
  gatefw run --out-of-service /etc/gatefw/lane.toml
  gatefw run --if-broken exit /etc/gatefw/lane.toml
"""
WATCHER = """\
Watches the supervisor of the lane in FILE and can only drop outputs: when the supervisor dies or hangs, every door's
release line is turned off. Runs as a process of its own beside `gatefw run`.

example:
  gatefw watcher config/lanes/contactless-e-channel.toml
"""
MAKE_SAFE = """\
Turns the release line of every door in FILE off, once, and ends. For boot and for after any death of the supervisor;
it cannot be used while `gatefw run` holds the lines. Where FILE cannot be used the doors are those of the last known
good lane file.

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
        if name == "run":
            parser.add_argument("--out-of-service", action="store_true", help="let nobody in until it is ordered")
            what = "where FILE cannot be used: safe-mode (the default), or exit with 2"
            parser.add_argument("--if-broken", choices=("safe-mode", "exit"), default="safe-mode", help=what)
            what = "run the copy of the lane file with which this gate last served, whatever FILE says"
            parser.add_argument("--last-known-good", action="store_true", help=what)
        parser.set_defaults(run=does)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import hardening
    from gatefw.supervisor import Supervisor

    hardening.harden()
    while True:
        file = _last_known_good(arguments.file).path if arguments.last_known_good else arguments.file
        try:
            lane = _usable(file)
            break
        except SetupError as error:
            if arguments.if_broken == "exit":
                raise
            if not _safe_mode(file, error):
                return 0
    if arguments.out_of_service:
        lane = replace(lane, lane=replace(lane.lane, in_service=False))
    supervisor = Supervisor(replace(lane, last_known_good=arguments.last_known_good))
    supervisor.stop_on_signals()
    return supervisor.run()


def _usable(file: Path) -> config.Config:
    """The lane of a file with which a daemon may start. Raises SetupError."""
    from gatefw import door_table
    from gatefw.biometrics import evaluation
    from hw.gpio.persistence import dead_outputs

    lane = config.load(file, hw.schema)
    door_table.refuse(lane, dead_outputs(lane.gpio.factory if lane.gpio else ""))
    if lane.vision.identifying:
        from gatefw.biometrics.threshold import require_held  # with numpy, which no other lane's supervisor needs

        size = lane.gallery
        require_held(lane.vision.models, lane.vision.embedder, size.most, size.fpir, size.fnir, size.frames)
    if lane.face.require_liveness:
        evaluation.required(lane.vision.models, lane.face.pad)
    return lane


def _safe_mode(file: Path, error: SetupError) -> bool:
    """Doors safe and diagnostics up, until the file is mended and read again (True), or the process is to end (False).

    Under systemd it ends then as well: its next start brings up the vision process, which ended over the same file.
    """
    from gatefw.private_file import make_directory
    from gatefw.safe_mode import SafeMode

    def again() -> list[str]:
        try:
            _usable(file)
        except SetupError as still:
            return _told(still)
        return []

    kept, problem = _kept()
    findings = _told(error) + ([problem] if problem else [])
    known = {"sha256": kept.sha256, "kept_at": kept.kept_at, "version": kept.version} if kept else None
    print(*(f"gatefw: {each}" for each in findings), sep="\n", file=sys.stderr)
    print(f"gatefw: safe mode: {file} cannot be used, and nobody is let in; `gatefw status`", file=sys.stderr)
    directory = runtime_dir(os.environ)
    make_directory(directory)
    mode = SafeMode(file, findings, lambda: _made_safe(kept), again, known)
    mode.stop_on_signals()
    return mode.run(directory / "control.sock") and not os.environ.get("NOTIFY_SOCKET")


def _made_safe(kept: "KnownGood | None") -> str:
    from gatefw.watcher import make_safe

    if kept is None:
        return ""
    make_safe(config.load(kept.path, hw.schema))
    return f"by the last known good lane file, SHA-256 {kept.sha256[:12]}..."


def _told(error: SetupError) -> list[str]:
    return [str(error), *getattr(error, "__notes__", ())]


def _kept() -> "tuple[KnownGood | None, str]":
    """The last known good lane file, or why it cannot be had."""
    from gatefw import known_good

    try:
        return known_good.read(state_dir(os.environ)), ""
    except SetupError as error:
        return None, str(error)


def _last_known_good(file: Path) -> "KnownGood":
    """Raises SetupError when there is none to be had."""
    kept, problem = _kept()
    if kept is None:
        raise SetupError(problem or f"{file}: no lane file of this gate is known to be good: none ever reached service")
    return kept


def _for_the_doors(file: Path) -> config.Config:
    """The lane file, or where it cannot be used the last known good one, for its doors alone. Raises SetupError."""
    try:
        return config.load(file, hw.schema)
    except SetupError as error:
        kept, _ = _kept()
        if kept is None:
            raise
        print(f"gatefw: {error}; doors are those of the last known good lane file, {kept.path}", file=sys.stderr)
        return config.load(kept.path, hw.schema)


def watch(arguments: argparse.Namespace) -> int:
    from gatefw.watcher import SOCKET, Watcher, make_safe

    lane = _for_the_doors(arguments.file)
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

    lane = _for_the_doors(arguments.file)
    try:
        make_safe(lane)
    except DeviceLost as error:
        if _runs(lane):
            error.add_note(
                "`gatefw run` runs this lane and holds its doors; end it, which makes them safe: sudo systemctl stop "
                "gatefw, or Ctrl-C where it was started by hand"
            )
        raise
    return 0


def _runs(lane: config.Config) -> bool:
    """Whether a daemon answers for this lane, and is not in safe mode, where it holds no door."""
    from gatefw.control import call

    with suppress(GateError):
        return "findings" not in call(lane.paths.control, "status", timeout_s=1.0)
    return False
