"""gatefw install, uninstall, self-test: onto a machine, to another version, and off again."""

import argparse
import errno
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gatefw.cli.command import add, add_json
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.installer.machine import Machine
    from gatefw.installer.places import Places
    from gatefw.installer.removal import Kept
    from gatefw.installer.upgrade import Outcome

INSTALL = """\
Installs gatefw from a stick (`gatefw stick make`), without a network: the program in /opt/gatefw/VERSION, users,
directories, udev rules, units, the models, the lane file in /etc/gatefw; then it tests itself and starts. A second time
it mends what is not so any more, and nothing else. On a machine without gatefw run the stick's own `install` program;
where it is installed `gatefw install --from`, which looks who made the stick before anything of it runs.

Where another version is installed, this is an upgrade: the lane goes out of service, and its sensors must say that
nobody is inside; stores and lane file are copied; the new version tests itself, runs out of service, and must find
every device that the old one had. Then it goes into service. Whatever fails, also a power cut, leads back to the
version before and its stores, by itself. Keys, people and journal stay.

The first stick that is signed brings the key of its maker. Its fingerprint is shown, and somebody must say that it is
the right one, at the terminal or with --accept-key; from then on sticks of other makers are refused. An older version
than the one that is here is installed with --downgrade alone.

A lane file that was edited on the machine is never overwritten: the new one is put beside it as lane.toml.new.

example:
  sudo sh /media/stick/install --lane lane.toml
  sudo gatefw install --from /media/stick --dry-run
  sudo gatefw install --from /media/stick
  sudo gatefw install --from /media/stick --accept-key 1f2e-90ab-77c3-0d4e-5b61
  gatefw install --from stick --root /srv/image --lane lane.toml
  sudo /opt/gatefw/proven/bin/gatefw install --recover

Exit status: 0 installed, 1 the version before is back, 2 nothing was changed or the first install is not in service.
"""
UNINSTALL = """\
Removes program, units and rules, once the lane is out of service and empty, and says what stays: people's records and
faces, the journal, keys, the lane file. --purge deletes that as well, after it was asked for by typing `erase` (or with
--erase-people). Deleted is not erased: flash memory keeps what was written. Where keys must be proven gone, destroy
them first (docs/secrets.md); a journal that somebody must keep, export first (`gatefw journal export`).

example:
  sudo gatefw uninstall --dry-run
  sudo gatefw uninstall
  sudo gatefw uninstall --purge

Exit status: 0 removed, or nothing was there, 1 the answer was not `erase`, 2 not removed: the lane is not proven empty.
"""
SELF_TEST = """\
Whether this version can run this lane on this machine; it opens no device and moves nothing. Its processes can be
loaded, the compiled search finds what it should, `gatefw check` passes (models by hash), and people pass the lane in
virtual time. What `gatefw install` does before it starts anything.

example:
  gatefw self-test config/sim.toml

Exit status: 0 well, 1 not.
"""


def add_parser(commands: Any) -> None:
    """Add `install`, `uninstall` and `self-test`."""
    put = add(commands, "install", "install gatefw from a stick, or another version", INSTALL)
    what = put.add_mutually_exclusive_group(required=True)
    what.add_argument("--from", dest="source", type=Path, metavar="DIR", help="the stick")
    what.add_argument("--recover", action="store_true", help="finish an upgrade that was interrupted, on or back")
    put.add_argument("--boot", action="store_true", help="with --recover: systemd starts the units itself")
    what_key = "the key that a first signed stick must have, and this machine trusts then; else it asks"
    put.add_argument("--accept-key", default="", metavar="FINGERPRINT", help=what_key)
    put.add_argument("--downgrade", action="store_true", help="an older version than the one that is here is wanted")
    put.add_argument("--lane", type=Path, metavar="FILE", help="the lane file (default: the stick's, if it has one)")
    put.set_defaults(run=run_install)
    off = add(commands, "uninstall", "remove gatefw, and say what stays", UNINSTALL)
    off.add_argument("--purge", action="store_true", help="also people's stores, journal, keys and lane file")
    off.add_argument("--erase-people", action="store_true", help="with --purge: do not ask")
    off.set_defaults(run=run_uninstall)
    for parser in (put, off):
        parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="an image's root (default: /)")
        parser.add_argument("--dry-run", action="store_true", help="say each step, and do nothing")
        parser.add_argument(
            "--looked", default="", metavar="NAME", help="who looked that nobody is inside, where no sensor can say"
        )
        add_json(parser)
    test = add(commands, "self-test", "whether this version can run this lane here", SELF_TEST)
    test.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    add_json(test)
    test.set_defaults(run=run_self_test)


@contextmanager
def _said() -> Iterator[None]:
    """What the system refuses is said as everything else is. Raises SetupError for OSError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise SetupError(
            f"{error.filename or 'this machine'}: {error.strerror or error}; mend it, and try again"
        ) from error


@contextmanager
def to_its_end() -> Iterator[None]:
    """A terminal that goes away ends nothing. Ctrl-C and SIGTERM lead back, once: nothing cuts the way back short."""
    led_back = False

    def lead_back(_number: int, _frame: FrameType | None) -> None:
        nonlocal led_back
        if not led_back:
            led_back = True
            raise KeyboardInterrupt

    before = {each: signal.signal(each, lead_back) for each in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for each, how in before.items():
            signal.signal(each, how)


def run_install(arguments: argparse.Namespace) -> int:
    from gatefw.installer.install import Install, Wish
    from gatefw.installer.places import alone
    from gatefw.installer.upgrade import Outcome, Upgrade

    places, machine = _place(arguments)
    if arguments.recover:
        with _said(), to_its_end(), alone(places):
            recovered = Upgrade(places, machine, _say).recover() or Outcome(places.version_of(places.proven) or "")
        return _told(_row(recovered), arguments.json)
    wish = Wish(arguments.source, arguments.lane, arguments.looked, arguments.accept_key, arguments.downgrade)
    install = Install(places, machine, _say, dry=arguments.dry_run, agrees=_agrees)
    with _said(), to_its_end(), nullcontext() if arguments.dry_run else alone(places):
        outcome = install.run(wish)
    return _told(_row(outcome) | {"kept": install.kept, "dry_run": arguments.dry_run}, arguments.json)


def run_uninstall(arguments: argparse.Namespace) -> int:
    from gatefw.installer import removal
    from gatefw.installer.places import alone

    places, machine = _place(arguments)
    there = removal.installed(places)
    if not there:
        _say(f"{places.root}: gatefw is not installed here; there is nothing to remove")
    elif arguments.dry_run:
        _say(f"would close the lane, stop it, and remove units, rules and {places.programs}")
    left = removal.kept(places)
    if arguments.dry_run or (not there and not (arguments.purge and left)):
        return _left(left, arguments)
    with _said(), to_its_end(), alone(places):
        if arguments.purge and not arguments.erase_people and not _erase(left):
            _say("nothing was removed")
            return 1
        if there:
            removal.remove(places, machine, _say, arguments.looked)
        if arguments.purge:
            removal.purge(places, _say)
        _say(f"left on the machine: {removal.USERS}")
        return _left(removal.kept(places), arguments)


def run_self_test(arguments: argparse.Namespace) -> int:
    from gatefw.installer import self_test

    if not arguments.file.is_file():
        found = "is a directory" if arguments.file.is_dir() else "is not there"
        raise SetupError(f"{arguments.file}: {found}; name a lane file")
    tested = self_test.run(arguments.file, _say if arguments.json else lambda _what: None)
    if arguments.json:
        print(json.dumps({"tests": [asdict(each) for each in tested]}))
    else:
        for each in tested:
            print(f"{each.what:12}{each.problem or 'well'}")
    return 1 if any(each.problem for each in tested) else 0


def _place(arguments: argparse.Namespace) -> "tuple[Places, Machine]":
    """Raises SetupError where this user may not write, though --dry-run only reads."""
    from gatefw.installer import machine
    from gatefw.installer.places import Places, may_write

    root = arguments.root.resolve()
    if not arguments.dry_run:
        may_write(root)
    places = Places(root)
    booting = getattr(arguments, "boot", False)
    return places, machine.Here(places, booting=booting) if places.live else machine.Image(places)


def _row(outcome: "Outcome") -> dict[str, Any]:
    for verb, times in outcome.refused.items():
        _say(f"refused while it was tried, and not done: {verb} ({times}); whoever ordered it must order it again")
    return {"version": outcome.version, "problem": outcome.problem, "refused": outcome.refused}


def _told(row: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(row))
    elif row["problem"]:
        version = row["version"]
        there = f"gatefw {version} is what runs here" if version else "the gate stands between two versions"
        print(f"{there}: {row['problem']}")
    elif not row.get("dry_run"):
        print(f"gatefw {row['version']} is in place" if row["version"] else "gatefw is not installed")
    return 1 if row["problem"] else 0


def _left(kept: "list[Kept]", arguments: argparse.Namespace) -> int:
    if arguments.json:
        rows = [{"path": str(each.path), "what": each.what, "bytes": each.size} for each in kept]
        print(json.dumps({"kept": rows, "dry_run": arguments.dry_run}))
        return 0
    for each in kept:
        print(f"{'stays' if not arguments.dry_run else 'would stay'}  {_line(each)}")
    if kept and not arguments.purge:
        print("`gatefw uninstall --purge` deletes it; without gatefw: rm -r")
    return 0


def _line(each: "Kept") -> str:
    return f"{each.path}: {each.what} ({-(-each.size // 1024)} KiB)"


def _erase(kept: "list[Kept]") -> bool:
    """Whether whoever sits there means it."""
    for each in kept:
        _say(f"will be deleted: {_line(each)}")
    if not sys.stdin.isatty():
        raise SetupError("--purge deletes what is known of people, and nobody is here to ask; say --erase-people")
    print("type `erase` to delete it: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "erase"


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"{question} type `yes` if it is: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def _say(line: str) -> None:
    with suppress(OSError):  # nobody reads it any more, which is no reason to leave a gate between two versions
        print(line, file=sys.stderr, flush=True)
