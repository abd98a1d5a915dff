"""gatefw reverse: let a reversible lane go the other way."""

import argparse
import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import hw
from gatefw import config, journal, reversal
from gatefw.cli import command
from gatefw.config import Config
from gatefw.errors import Refusal, SetupError, StoreError
from gatefw.model import FactKind, Phase

DESCRIPTION = """\
Lets the lane of FILE go the other way from its next start on: its file has a table [reversed] with what is different
then. The doors change their roles, so nobody may be between them: it is refused unless the daemon has ended, and the
lane was out of service when it did, which it becomes only empty and with both doors secured.

The vision process of the systemd units has a state directory of its own, and is turned there. One that has the lane
the other way than the daemon, or was not started anew, shows it no camera: device_wrong, and nobody is served.

example:
  gatefw lane close && systemctl stop gatefw gatefw-watcher gatefw-vision
  sudo -u gatefw env STATE_DIRECTORY=/var/lib/gatefw gatefw reverse /etc/gatefw/lane.toml
  sudo -u gatefw-vision env STATE_DIRECTORY=/var/lib/gatefw-vision gatefw reverse /etc/gatefw/lane.toml
  systemctl start gatefw && gatefw lane open
  gatefw reverse lane.toml --json
"""


def add_parser(commands: Any) -> None:
    """Add `reverse`."""
    parser = command.add(commands, "reverse", "let a reversible lane go the other way", DESCRIPTION)
    parser.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    lane = config.load(arguments.file, hw.schema)
    if not lane.reversible:
        raise SetupError(f"{arguments.file}: the lane goes one way only; one that is reversible has a table [reversed]")
    lock = journal.own(lane.paths.journal)
    try:
        _refuse_unless_closed(lane)
        turned = reversal.turn(lane.paths.state)
    finally:
        os.close(lock)
    after = config.load(arguments.file, hw.schema)
    way = after.port.direction or ("the other way" if turned else "as its file begins")
    if arguments.json:
        print(json.dumps({"lane": after.lane.name, "reversed": turned, "direction": after.port.direction or None}))
    else:
        print(f"{after.lane.name}: from its next start on {way}")
    return 0


def _refuse_unless_closed(lane: Config) -> None:
    """Raises Refusal: somebody may have been between the doors when the daemon ended. One that never ran was empty."""
    kinds = (FactKind.PHASE_CHANGED.value, FactKind.SERVICE_STARTED.value)
    query = "select json_extract(body, '$.data.phase') from event where kind in (?, ?) order by n desc limit 1"
    if not lane.paths.journal.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"file:{lane.paths.journal}?mode=ro", uri=True)) as database:
            last = database.execute(query, kinds).fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"journal {lane.paths.journal}: cannot be read: {error}") from error
    if last is not None and last[0] != Phase.OUT_OF_SERVICE:
        raise Refusal(
            f"lane {lane.lane.name}: was {last[0]} when its daemon ended, and is reversed only out of "
            "service; start it as it was, `gatefw lane close`, wait until `gatefw status` says out_of_service, stop it"
        )
