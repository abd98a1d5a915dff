"""gatefw config: what a lane file comes to, how two differ, what may stand in one, and one of an older layout."""

import argparse
import difflib
import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hw
from gatefw.cli import command
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.config import Config

CONFIG = """\
Lane files. `gatefw check` says what is wrong in one; these commands open no device and change no gate.

example:
  gatefw config show /etc/gatefw/lane.toml
  gatefw config reference timers door.gpio
"""
SHOW = """\
The effective configuration: every key with its value, and where that comes from, a line of the file or the default. It
is itself a lane file. Of a reversible lane it shows the way it goes now. A lane file names files with keys and
passwords; what is in them is not shown.

example:
  gatefw config show config/lanes/hetao.toml
  gatefw config show /etc/gatefw/lane.toml --json
"""
DIFF = """\
What two lane files say differently, key by key, with both values; comments, order and spelling are no difference, nor
is a default that one of them says outright. Of each key it says when it counts: after `gatefw reload` as soon as
the lane is empty, or after a restart.

example:
  gatefw config diff /etc/gatefw/lane.toml new.toml

Exit status: 0 when they are the same lane, 1 when they differ.
"""
REFERENCE = """\
Every table, driver and key that a lane file may have, with units, bounds and defaults, from the types that it is read
by. `# key =` has no default: it must be said, or may be left away. With --write the notes in brackets in FILE, and its
keys, are brought up to date; what else FILE says stays.

example:
  gatefw config reference
  gatefw config reference timers door.gpio
  gatefw config reference --write config/reference.toml
"""
SCHEMA = """\
JSON Schema of a lane file with every driver there is, for editors that complete and check as you type; docs/config.md
says how. What tables demand of each other only `gatefw check` knows.

example:
  gatefw config schema > /etc/gatefw/gatefw.schema.json
"""
MIGRATE = """\
Brings a lane file of an earlier version to today's layout: keys that were renamed or moved. Values and comments stay.
Shows the difference; with --write it is made, and the file as it was is kept beside it. Then `gatefw check` says what
is new and only the site can answer.

example:
  gatefw config migrate /etc/gatefw/lane.toml
  gatefw config migrate /etc/gatefw/lane.toml --write

Exit status: 0 when the file has today's layout, 1 when it would have to be written.
"""

LAST_GOOD = """\
Prints the last known good lane file: a copy of the one with which this gate last reached service. Nothing takes it by
itself: compare it, mend the lane file, or put it in its place. Run it as the gate's own user, whose directory it is in.

example:
  gatefw config last-good > /tmp/good.toml
  gatefw config diff /tmp/good.toml /etc/gatefw/lane.toml
"""


def add_parser(commands: Any) -> None:
    """Add `config` and its commands."""
    group = command.add(commands, "config", "what a lane file comes to, and may hold", CONFIG)
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    show = command.add(own, "show", "every key, its value, and where that comes from", SHOW)
    show.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    diff = command.add(own, "diff", "what two lane files say differently", DIFF)
    diff.add_argument("old", type=Path, metavar="A", help="a lane file")
    diff.add_argument("new", type=Path, metavar="B", help="another one")
    reference = command.add(own, "reference", "every key there is, with units, bounds and defaults", REFERENCE)
    reference.add_argument("tables", nargs="*", metavar="TABLE", help="these alone: timers, door.gpio, timers.scan_s")
    reference.add_argument("--write", type=Path, metavar="FILE", help="bring the notes of this reference up to date")
    schema = command.add(own, "schema", "JSON Schema of a lane file, for editors", SCHEMA)
    migrate = command.add(own, "migrate", "bring a lane file to today's layout", MIGRATE)
    migrate.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    migrate.add_argument("--write", action="store_true", help="change the file; what it was is kept beside it")
    good = command.add(own, "last-good", "the lane file with which this gate last served", LAST_GOOD)
    for parser in (show, diff, migrate):
        command.add_json(parser)
    parsers = {show: run_show, diff: run_diff, reference: run_reference, schema: run_schema, migrate: run_migrate}
    parsers[good] = run_last_good
    for parser, does in parsers.items():
        parser.set_defaults(run=does)


def run_show(arguments: argparse.Namespace) -> int:
    from gatefw import config_told, toml_document

    told = config_told.told(_loaded(arguments.file), toml_document.read(arguments.file))
    if arguments.json:
        print(json.dumps([{"key": each.key, "value": each.value, "line": each.line} for each in told], indent=2))
    else:
        print(*config_told.lane_file(told), sep="\n")
    return 0


def run_diff(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from gatefw.config_told import differences, toml

    changes = differences(_loaded(arguments.old), _loaded(arguments.new))
    if arguments.json:
        print(json.dumps([asdict(each) for each in changes], indent=2))
        return 1 if changes else 0
    for each in changes:
        counts = "after a reload, once the lane is empty" if each.reloads else "after a restart"
        print(f"{each.key}: {toml(each.old)} -> {toml(each.new)}  ({counts})")
    print(f"{len(changes)} key{'' if len(changes) == 1 else 's'} differ{'s' if len(changes) == 1 else ''}")
    return 1 if changes else 0


def run_reference(arguments: argparse.Namespace) -> int:
    from gatefw import config_reference

    if arguments.write is None:
        print(*config_reference.listed(hw.schema, hw.drivers(), arguments.tables), sep="\n")
        return 0
    if not arguments.write.exists():
        raise SetupError(
            f"--write {arguments.write}: no such file; `gatefw config reference > {arguments.write}` makes one"
        )
    text = _text(arguments.write)
    arguments.write.write_text(config_reference.annotated(text, hw.schema), encoding="utf-8")
    return 0


def run_schema(_arguments: argparse.Namespace) -> int:
    from gatefw.config_schema import json_schema

    print(json.dumps(json_schema(hw.schema, hw.drivers()), indent=1))
    return 0


def run_migrate(arguments: argparse.Namespace) -> int:
    from gatefw import config_migrate

    path: Path = arguments.file
    before = _text(path)
    after, moved = config_migrate.migrated(before)
    backup = _rewrite(path, after) if arguments.write and moved else None
    if arguments.json:
        told = {"moved": [str(each) for each in moved], "written": backup is not None, "backup": backup and str(backup)}
        print(json.dumps(told, indent=2))
    else:
        names = (str(path), f"{path} (today's layout)")
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="", n=1):
            print(line)
        print(f"{path}: {_says(moved, backup)}")
    return 1 if moved and backup is None else 0


def run_last_good(_arguments: argparse.Namespace) -> int:
    """1: this gate never reached service with a lane file that it could keep."""
    from gatefw import known_good
    from gatefw.state import state_dir

    kept = known_good.read(state_dir(os.environ))
    if kept is None:
        print(f"gatefw: there is none: {known_good.ASK}", file=sys.stderr)
        return 1
    when = datetime.fromtimestamp(kept.kept_at, UTC)
    print(f"gatefw: served with gatefw {kept.version}, kept {when:%Y-%m-%d %H:%MZ}", file=sys.stderr)
    print(kept.path.read_text(encoding="utf-8"), end="")
    return 0


def _says(moved: list[Any], backup: Path | None) -> str:
    if not moved:
        return "has today's layout"
    return "; ".join(map(str, moved)) + (f"; as it was: {backup}" if backup else "; --write does so")


def _rewrite(path: Path, text: str) -> Path:
    """Put it in the place of what was there, with its mode and owner; where that is kept. Raises OSError."""
    backup = next(
        each for number in range(1, 1000) if not (each := path.with_name(f"{path.name}.{number}.old")).exists()
    )
    shutil.copy2(path, backup)
    fresh = path.with_name(f".{path.name}.new")
    status = path.stat()
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(status.st_mode & 0o7777)
    if os.geteuid() == 0:
        os.chown(fresh, status.st_uid, status.st_gid)
        os.chown(backup, status.st_uid, status.st_gid)
    fresh.replace(path)
    return backup


def _loaded(path: Path) -> "Config":
    from gatefw import config

    return config.load(path, hw.schema)


def _text(path: Path) -> str:
    """Of a file that is TOML. Raises ConfigError."""
    from gatefw import toml_document

    toml_document.read(path)
    return path.read_text(encoding="utf-8")
