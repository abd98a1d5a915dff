"""gatefw secrets: where the keys of the sealed stores are, and how they come to be kept otherwise."""

import argparse
import dataclasses
import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hw
from gatefw import config, key_audit, trial
from gatefw.cli import command, key_words, place
from gatefw.config import Paths
from gatefw.errors import Refusal
from gatefw.key_ring import KeyRing
from gatefw.key_root import KEY_BYTES

PARTITIONS = ("record-partitions", "gallery-partitions")
SHOW = """\
Every key of the sealed stores, who keeps it and who has kept it before; which destroyed ones are proven gone. Each user
sees its own: supervisor and vision have a directory each. Prints no key.

example:
  gatefw secrets show config/lanes/document-free.toml
  sudo -u gatefw-vision gatefw secrets show --dir /var/lib/gatefw-vision --json

Exit status: 0 when every key opens, 1 when not.
"""
MIGRATE = """\
Keeps the keys as [keys] of FILE says from now on: in files, or wrapped with a root that is a systemd credential or in a
TPM. Stop the gate first. Interrupted, it is finished by the next start or by doing it again. A key that was in a file
once is never proven gone when it is destroyed: a gate that starts with its TPM has none of those. Do it as each user of
the gate. From a TPM to files is also how a backup of keys is made before a board is changed.

example:
  sudo -u gatefw gatefw secrets migrate /etc/gatefw/lane.toml
"""
NEW_ROOT = """\
Writes 32 random bytes to standard output, for a systemd credential; to a terminal it writes nothing.

example:
  gatefw secrets new-root | systemd-creds encrypt --name=gatefw-root - /etc/credstore.encrypted/gatefw-root
"""


def add_parser(commands: Any) -> None:
    """Add `secrets` with `show`, `migrate` and `new-root`."""
    group = commands.add_parser("secrets", help="where the keys of the stores are kept, and how to keep them otherwise")
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = command.add(own, "show", "show who keeps every key", SHOW)
    place.add(show)
    show.set_defaults(run=run_show)
    migrate = command.add(own, "migrate", "keep the keys as the lane file says", MIGRATE)
    migrate.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    migrate.set_defaults(run=run_migrate)
    new_root = command.add(own, "new-root", "make the root for a systemd credential", NEW_ROOT)
    new_root.set_defaults(run=run_new_root)
    for parser in (show, migrate):
        command.add_json(parser)


def run_show(arguments: argparse.Namespace) -> int:
    found = [key_audit.audit(directory) for directory in _directories(place.paths(arguments))]
    if arguments.json:
        print(json.dumps({"directories": [dataclasses.asdict(each) for each in found]}, indent=2, default=str))
    for each in found if not arguments.json else ():
        key_words.show(each)
    if not found and not arguments.json:
        print("no keys: the gate makes them when it starts for the first time")
    return 1 if any(each.problems for each in found) else 0


def run_migrate(arguments: argparse.Namespace) -> int:
    lane = config.load(arguments.file, hw.schema)
    trial.require_none(lane.paths.state, "secrets migrate")
    with command.progress(sys.stderr) as told:
        done = []
        for directory in _directories(lane.paths):
            told(f"the keys in {directory}")
            done.append({"directory": str(directory), "changed": KeyRing(directory).migrate(lane.keys)})
    if arguments.json:
        print(json.dumps({"provider": lane.keys.provider, "directories": done}, indent=2))
    for each in done if not arguments.json else ():
        print(f"{each['directory']}: {'now' if each['changed'] else 'was and is'} kept by {lane.keys.provider}")
    return 0


def run_new_root(_arguments: argparse.Namespace) -> int:
    if sys.stdout.isatty():
        raise Refusal("new-root: standard output is a terminal; a root belongs into systemd-creds, see --help")
    sys.stdout.buffer.write(secrets.token_bytes(KEY_BYTES))
    return 0


def _directories(paths: Paths) -> Iterator[Path]:
    """Those that there are."""
    for keys in dict.fromkeys((paths.state / "keys", paths.people / "keys")):
        for directory in (keys, *(keys / each for each in PARTITIONS)):
            if directory.is_dir():
                yield directory
