"""gatefw keys: who may use the event bus, and for what."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from gatefw.cli import command
from gatefw.control import call
from gatefw.errors import Refusal

MAY = ("read", "operate", "maintain")
KEYS = """\
Keys of the event bus. Whoever connects shows one, whatever the transport; what it may do is said when it is made:
read (events, the replay, status), operate (what an officer orders of the lane), maintain (what a technician orders, and
orders about people). These commands go over the control socket, so only who may use that can give keys.

The key of whoever may read the runtime directory is made by the daemon and may do everything: it is `bus.key` there.
"""
NEW = """\
Makes a key. Its secret is written once, to FILE (mode 0600; NAME.key where none is named), with all that a client needs
to find the gate; the gate keeps the public half. NAME stands in the journal: a desk or a program, never a person. With
--host the file names the gate as another machine reaches it: by the ports of the relay (systemd/gatefw-bus-*.socket),
or by those of the lane file where it binds to the network itself. With --public the client made its pair itself, and no
file is written.

example:
  gatefw keys new office --may read,operate --host gate7.example
  gatefw keys new archive --may read --out /etc/archive/gate7.key
"""
LIST = """\
Shows every key and what it may do.

example:
  gatefw keys list --json
"""
REVOKE = """\
Takes a key away, at once: every connection to the bus is ended, and whoever still has a key is back in a moment and
misses nothing.

example:
  gatefw keys revoke office
"""
SHOW_SERVER = """\
Shows the gate's own public key, by which clients know it, and where its bus is.

example:
  gatefw keys show-server
"""
ROTATE = """\
Gives the gate another key of its own and ends every connection. Clients' keys stay good, but none reaches the gate
before the new public key is the `server` in its file.

example:
  gatefw keys rotate
"""
_PUBLIC = ("name", "public", "server", "events", "replay", "orders")
RELAYED = {"events": 5571, "replay": 5572, "orders": 5573}
"""The ports of systemd/gatefw-bus-NAME.socket."""


def add_parser(commands: Any) -> None:
    """Add `keys` with `new`, `list`, `revoke`, `show-server` and `rotate`."""
    group = command.add(commands, "keys", "who may use the event bus", KEYS)
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    new = command.add(own, "new", "make a key for somebody", NEW)
    new.add_argument("name", metavar="NAME", help="whose it is: a desk, a program")
    new.add_argument(
        "--may", type=_may, default=["read"], metavar="WHAT", help=f"some of {','.join(MAY)} (default: read)"
    )
    place = new.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, metavar="FILE", help="where its secret goes; must not be there yet")
    place.add_argument("--public", metavar="Z85", help="the public half of a pair that the client made")
    new.add_argument("--host", metavar="HOST", help="the gate's name or address, as the client reaches it")
    revoke = command.add(own, "revoke", "take a key away", REVOKE)
    revoke.add_argument("name", metavar="NAME")
    parsers = {
        new: run_new,
        command.add(own, "list", "show the keys", LIST): run_list,
        revoke: run_revoke,
        command.add(own, "show-server", "show the gate's own key", SHOW_SERVER): run_show_server,
        command.add(own, "rotate", "give the gate another key of its own", ROTATE): run_rotate,
    }
    for parser, runs in parsers.items():
        parser.set_defaults(run=runs)
        command.add_dir(parser)
        command.add_json(parser)


def _may(text: str) -> list[str]:
    may = text.split(",")
    if set(may) - set(MAY):
        raise argparse.ArgumentTypeError(f"{text!r}: some of {','.join(MAY)} are wanted, with commas between")
    return may


def run_new(arguments: argparse.Namespace) -> int:
    control = command.control_socket(arguments)
    args = {"name": arguments.name, "may": arguments.may}
    if arguments.public:
        made = call(control, "key_new", {**args, "public": arguments.public})
    else:
        from gatefw.bus_keys import ClientKey, new_pair

        path: Path = (arguments.out or Path(f"{arguments.name}.key")).absolute()
        at = _endpoints(call(control, "keys"), arguments.host)
        _reserve(path)
        try:
            public, secret = new_pair()
            made = {**call(control, "key_new", {**args, "public": public}), **at}
            ClientKey(secret=secret, **{name: made[name] for name in _PUBLIC}).write(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        made = {"file": str(path), **made}
    command.show(made, arguments.json)
    return 0


def _reserve(path: Path) -> None:
    """Better before the key is made than after it that there is no room for it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Refusal(f"{path}: cannot be made: {error.strerror}; a key is never written over") from error


def _endpoints(told: dict[str, Any], host: str | None) -> dict[str, str]:
    at = {name: str(told[name]) for name in ("events", "replay", "orders")}
    return {name: _seen_from_afar(name, each, host) for name, each in at.items()} if host else at


def _seen_from_afar(name: str, endpoint: str, host: str) -> str:
    port = endpoint.rpartition(":")[2] if endpoint.startswith("tcp:") else RELAYED[name]
    return f"tcp://{f'[{host}]' if ':' in host else host}:{port}"


def run_list(arguments: argparse.Namespace) -> int:
    told = command.ask(arguments, "keys")
    if arguments.json:
        print(json.dumps({"keys": told["keys"]}, indent=2))
        return 0
    for each in told["keys"]:
        print(f"{each['name']:30} {','.join(each['may'])}")
    if not told["keys"]:
        print("no keys but the one in the runtime directory; `gatefw keys new` makes one")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    command.show(command.ask(arguments, "key_revoke", {"name": arguments.name}), arguments.json)
    return 0


def run_show_server(arguments: argparse.Namespace) -> int:
    told = command.ask(arguments, "keys")
    del told["keys"]
    command.show(told, arguments.json)
    return 0


def run_rotate(arguments: argparse.Namespace) -> int:
    command.show(command.ask(arguments, "key_rotate"), arguments.json)
    return 0
