"""gatefw stick: everything that an install without a network needs, in a directory."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from gatefw.cli.command import add, add_json

MAKE = """\
Fills DIR with what `gatefw install --from DIR` needs: gatefw's wheel and every wheel that it wants, chosen for the
gate's processor and Python; with --models the finished models of this machine; with --lane the lane file of one gate;
and a list of the SHA-256 of all of it, signed with --key. A stick may be for several kinds of machine: make each into
the same DIR.

A gate asks for the key of the first stick that is signed, and takes sticks of no other then. What it shows is the
fingerprint that stands here: tell it to whoever fits the gate.

example:
  pip wheel --no-deps -w dist .
  gatefw stick make /media/stick --wheel dist/gatefw-0.1.0-cp311-abi3-linux_x86_64.whl --models --key stick.key
  gatefw stick make /media/stick --wheel dist/gatefw-0.1.0-cp311-abi3-linux_aarch64.whl --for aarch64-3.11 --models
"""
CHECK = """\
Reads every file of a stick and compares it with the list; with --public also who signed that. The fingerprint of the
key that it brings is shown, and is believed no more than the stick without --public.

example:
  gatefw stick check /media/stick
"""
NEW_KEY = """\
Makes a key to sign sticks with, and prints its public half.

example:
  gatefw stick new-key stick.key
"""


def add_parser(commands: Any) -> None:
    """Add `stick` with its commands."""
    group = commands.add_parser("stick", help="make and check what a gate is installed from")
    verbs = group.add_subparsers(required=True)
    make = add(verbs, "make", "fill a directory with what an install needs", MAKE)
    make.add_argument("directory", type=Path, metavar="DIR")
    make.add_argument("--wheel", type=Path, required=True, metavar="FILE", help="gatefw's own, for that processor")
    make.add_argument("--for", dest="target", metavar="TARGET", help="processor and Python (default: as here)")
    make.add_argument("--models", action="store_true", help="also the finished models of this machine")
    make.add_argument("--lane", type=Path, metavar="FILE", help="also a lane file")
    make.add_argument("--key", type=Path, metavar="FILE", help="sign it; see `gatefw stick new-key`")
    add_json(make)
    make.set_defaults(run=run_make)
    check = add(verbs, "check", "compare a stick with its list", CHECK)
    check.add_argument("directory", type=Path, metavar="DIR")
    check.add_argument("--public", type=Path, metavar="FILE", help="the public key that must have signed it")
    add_json(check)
    check.set_defaults(run=run_check)
    key = add(verbs, "new-key", "make a key to sign sticks with", NEW_KEY)
    key.add_argument("file", type=Path, metavar="FILE")
    add_json(key)
    key.set_defaults(run=run_key)


def run_make(arguments: argparse.Namespace) -> int:
    from gatefw.installer import signing, stick_make

    here = f"{platform.machine()}-{sys.version_info.major}.{sys.version_info.minor}"
    target = arguments.target or here
    models = _models() if arguments.models else None
    if arguments.key:
        signing.opened(arguments.key)  # before minutes of fetching, and before a stick is there that nobody signed
    manifest = stick_make.make(arguments.directory, arguments.wheel, target, models, arguments.lane, _say)
    row = {"target": target, "files": len(json.loads(manifest)["files"]), "signed": bool(arguments.key)}
    if arguments.key:
        row |= _named(signing.sign(arguments.directory / target, manifest, arguments.key))
    _told(row, arguments.json)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    from gatefw.errors import SetupError
    from gatefw.installer import signing, stick

    targets = sorted(path.parent.name for path in arguments.directory.glob(f"*/{stick.MANIFEST}"))
    if not targets:
        raise SetupError(f"{arguments.directory}: no stick; `gatefw stick make` makes one")
    for target in targets:
        found = stick.read(arguments.directory, target)
        if arguments.public:
            signing.check(found, arguments.public)
        found.verify()
        row = {"target": target, "version": found.version, "files": len(found.files), "well": True}
        public = found.offered()
        row["fingerprint"] = "unsigned" if public is None else stick.fingerprint(public)
        _told(row, arguments.json)
    return 0


def run_key(arguments: argparse.Namespace) -> int:
    from gatefw.installer import signing

    _told(_named(signing.new_key(arguments.file)), arguments.json)
    return 0


def _named(public: str) -> dict[str, str]:
    from gatefw.installer import stick

    return {"public": public, "fingerprint": stick.fingerprint(public.encode())}


def _models() -> Path:
    """The models of this machine, each of them whole. Raises ModelError."""
    from gatefw.biometrics import card as cards
    from gatefw.state import state_dir

    models = state_dir(os.environ) / "models"
    for card in cards.shipped():
        cards.installed(models, card.name)
    return models


def _told(row: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(row) if as_json else "  ".join(f"{key}={value}" for key, value in row.items()))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
