"""gatefw device: what a technician does with one device of a running gate."""

import argparse
import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatefw.cli import command
from gatefw.control import call
from gatefw.device_dialogue import Dialogue, ended, in_words
from gatefw.errors import Refusal, SetupError, system_words

DEVICE = """\
What a technician does with the devices of a running gate; the daemon owns them, and goes on owning them. All but
`list` want the lane in maintenance, and are written down. A door moves only by the lane's own order, with the interlock
on. Nothing that a traveller's card, code, document, face or finger says is shown.

example:
  gatefw device list
  gatefw lane maintain --name mk --why repair
  gatefw device test reader.front
  gatefw device trace reader.front --seconds 30 --out scanner.txt
  gatefw lane maintain-end

Exit status: 0 passed, 1 failed, 2 could not be done, 130 ended by Ctrl-C.
"""
LIST = """\
Every device of the lane file: its driver, whether it is there, what ails it, for how long, and why one is not there.

example:
  gatefw device list --json
"""
TEST = """\
Tries one device, and says what to do. A reader waits for a card or a code, sensors show their levels as they change, an
indicator shows one phase after the other and asks whether it does, a camera tells how its pictures are, a finger sensor
and a document reader wait for something to be laid down, and a door is released, followed, and must be secured again.

example:
  gatefw device test door.entry_door
  gatefw device test sensors.lane --seconds 120
"""
TRACE = """\
What is said on a device's wire, both ways, as it is said: seconds, `<` from the device or `>` to it, the bytes in hex.
The device is opened anew, through a link that records, and again when the trace ends. Personal data is replaced by
signs of the same length, so that the file plays back: put `replay:FILE` in place of the device's link. --raw leaves
everything as it was said, which may be somebody's document, finger or secret; it is written down as another order.

example:
  gatefw device trace finger.inside --out finger.txt
  gatefw device trace reader.front --raw --personal-data-may-be-shown
"""
RENEW = """\
Has a device agree a fresh secret with the gate, which keeps it in the file that the lane file names.

example:
  gatefw device renew-secret reader.card
"""
INSTALL = """\
Gives a device its first secret, in place of the one that it left its factory with. A finger sensor is emptied for good.
Put the device into its install mode, where it has one, and stay with it.

example:
  gatefw device install reader.card --within 60
"""
CALL_S = 15.0

Line = dict[str, Any]


def add_parser(commands: Any) -> None:
    """Add `device` and its commands."""
    device = command.add(commands, "device", "list, test, trace and install devices", DEVICE)
    verbs = device.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _added(verbs, "list", "every device and its state", LIST, run_list, named=False)
    test = _added(verbs, "test", "try one device", TEST, run_test)
    test.add_argument("--seconds", type=float, metavar="N", help="for so long (default: as its kind needs)")
    trace = _added(verbs, "trace", "what is said on its wire", TRACE, run_trace)
    trace.add_argument("--seconds", type=float, metavar="N", help="for so long (default: 60)")
    trace.add_argument("--out", type=Path, metavar="FILE", help="write it to a new file, to be played back")
    trace.add_argument("--raw", action="store_true", help="with everything that is personal or secret")
    trace.add_argument("--personal-data-may-be-shown", action="store_true", help="wanted with --raw")
    _added(verbs, "renew-secret", "agree a fresh secret", RENEW, run_renew)
    install = _added(verbs, "install", "agree the first secret", INSTALL, run_install)
    install.add_argument(
        "--within", type=float, metavar="N", default=60.0, help="seconds for it to begin (default: 60)"
    )


def _added(
    verbs: Any, name: str, summary: str, description: str, run: Callable[..., int], named: bool = True
) -> argparse.ArgumentParser:
    parser = command.add(verbs, name, summary, description)
    if named:
        parser.add_argument("device", metavar="NAME", help="as `gatefw device list` shows it")
    parser.set_defaults(run=run)
    command.add_dir(parser)
    command.add_json(parser)
    return parser


def run_list(arguments: argparse.Namespace) -> int:
    told = command.ask(arguments, "devices")
    if arguments.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{'device':24} {'driver':14} {'state':9} {'for':>10}  why")
    for each in told["devices"]:
        print(
            f"{each['device']:24} {each['driver']:14} {each['state']:9} {each['for_s']:8.1f} s  "
            f"{', '.join(each['reasons'])}".rstrip()
        )
        if each["detail"]:
            print(f"{'':24} {each['detail']}")
    return 0


def run_test(arguments: argparse.Namespace) -> int:
    asks = sys.stdin.isatty() and not arguments.json
    return _followed(arguments, "device_test", _print, _with_seconds(arguments, {"asks": asks}))


def run_trace(arguments: argparse.Namespace) -> int:
    from gatefw.device_trace import SCRUBBED_HEAD

    if arguments.raw and not arguments.personal_data_may_be_shown:
        raise Refusal(
            "device trace: --raw shows what travellers say, and secrets; say --personal-data-may-be-shown as well, or "
            "leave --raw away: lengths and framing are kept without it"
        )
    verb = "device_trace_raw" if arguments.raw else "device_trace"
    args = _with_seconds(arguments, {})
    if arguments.out is None:
        return _followed(arguments, verb, _print, args)
    try:
        descriptor = os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SetupError(f"device trace: {arguments.out}: a new file is wanted: {system_words(error)}") from error
    with os.fdopen(descriptor, "wb", buffering=0) as file:  # nothing is left to be written when it is closed

        def keep(line: Line) -> None:
            head = "" if file.tell() or arguments.raw else f"{SCRUBBED_HEAD}\n"
            try:
                file.write(f"{head}{line['wire']}\n".encode("ascii"))
            except OSError as error:
                raise SetupError(f"device trace: {arguments.out}: cannot be written: {system_words(error)}") from error

        try:
            return _followed(arguments, verb, keep, args)
        finally:
            if not file.tell():  # nothing was said: no file is left in the way of the next try
                arguments.out.unlink()


def run_renew(arguments: argparse.Namespace) -> int:
    return _followed(arguments, "device_renew_secret", _print, {})


def run_install(arguments: argparse.Namespace) -> int:
    return _followed(arguments, "device_install", _print, {"seconds": arguments.within})


def _with_seconds(arguments: argparse.Namespace, args: dict[str, Any]) -> dict[str, Any]:
    return args if arguments.seconds is None else {**args, "seconds": arguments.seconds}


def _followed(arguments: argparse.Namespace, verb: str, show: Callable[[Line], None], args: dict[str, Any]) -> int:
    """Begin, and ask for what comes next until there is an outcome. Ctrl-C asks for the end, and waits for it."""
    socket = command.control_socket(arguments)
    if arguments.json and show is _print:
        show = _print_json
    dialogue = Dialogue(lambda verb, args: call(socket, verb, args, CALL_S), verb, arguments.device, args)
    asking, interrupted = False, False
    while dialogue.outcome is None:
        try:
            for line in dialogue.look():
                show(line)
                asking = bool(line.get("ask"))
            if asking:
                dialogue.say = _answer()
                asking = not dialogue.say
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted, dialogue.say = True, "end"
    outcome = dialogue.outcome
    if arguments.json:
        print(json.dumps(outcome))
    else:
        _print_outcome(outcome)
    return 130 if interrupted else 0 if outcome["passed"] else 1


def _answer() -> str:
    """Yes or no, if a line was typed by now."""
    if not select.select([sys.stdin], [], [], 0)[0]:
        return ""
    typed = sys.stdin.readline()
    if not typed:
        return "end"
    return {"y": "yes", "n": "no"}.get(typed.strip().lower()[:1], "")


def _print_json(line: Line) -> None:
    print(json.dumps(line), flush=True)


def _print(line: Line) -> None:
    print(_words(line), flush=True)


def _words(line: Line) -> str:
    if "wire" in line:
        return _wire_words(line["wire"])
    return in_words(line)


def _wire_words(line: str) -> str:
    """For people: the bytes once more as text, where they are some."""
    if line.startswith("#") or line.endswith("lost"):
        return line
    when, direction, what = line.split(" ")
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in bytes.fromhex(what))
    return f"{when} {direction} {what}  {text}"


def _print_outcome(outcome: dict[str, Any]) -> None:
    print(ended(outcome))
    if outcome["why"]:
        print(outcome["why"], file=sys.stderr)
