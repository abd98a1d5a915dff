"""gatefw status, lane: what the gate does, and orders to it."""

import argparse
import math
import re
from typing import Any

from gatefw.cli import command
from gatefw.control import ACKNOWLEDGE, CASE, CLEAR
from gatefw.errors import DeviceError, Refusal
from gatefw.events import BY_HAND, MAINTAINED_FOR, ORDERED_FOR
from gatefw.model import DoorId, Phase, Reason, Verb

STATUS = """\
What the lane does now: phase, doors, occupancy, inputs, what is missing or works badly, what is latched. With --json
also how each device does: since when, how often it was tried, its last error's class, how long a turn takes.

example:
  gatefw status
  gatefw status --json
  gatefw status --lang zh_HK
"""
LANE = """\
Orders to the running lane. `open` takes it into service, `close` out of it (a traveller under way finishes first),
`reset` ends a fault or an evacuation after somebody looked: it is refused until the lane is empty, the doors are
secured and the inputs are restored, and the answer says which of these is not so. `hold` is the stop button from afar:
both doors are secured, whoever is inside waits until `let-out`, `reset` or timers.hold_s ends it; an empty lane then
serves again, so close one that is to stay shut. Where way_out.refusal names both doors, `let-out` takes --door.
`evacuate` is the officer's evacuate button: the doors of the escape
plan (way_out.emergency) are freed until a `reset`. `maintain`
gives an empty lane to a technician (`gatefw device`, `gatefw commission`), by name and with a reason, for --minutes or
as long as the lane file allows (`maintenance_s`); --extend sets that time anew. It ends by itself, or with
`maintain-end`, out of service, and that moves nothing; until then `open` is refused.
`clear` opens nothing: the counter's officer cleared a traveller whom the lane turned away, which is written
down with who and why. `case` shows what is known of whom the lane serves, or turned away last: requirements, name,
number, nationality, birth; that you looked is written down, with the run.
`acknowledge` says that somebody has seen an alarm, by the number of its event. `silent-alarm` tells the bus that an
officer is under duress, and nothing at the lane. Every order to the lane takes --why, which the journal keeps.

example:
  gatefw lane open
  gatefw lane reset --expects fault
  gatefw lane maintain --name mk --why repair --minutes 30
  gatefw lane maintain --extend --minutes 10
  gatefw lane maintain-end
  gatefw lane hold
  gatefw lane let-out --door exit_door
  gatefw lane evacuate --why medical --key office.key
  gatefw lane case
  gatefw lane acknowledge 2041
  gatefw lane clear 6d1f0a4c9b72e385 --why document_seen
  gatefw lane close --expects idle --key office.key

With --key the order goes over the bus, perhaps from another machine; orders to the lane then want --expects, but for
`hold` and `evacuate`.
"""
IN_THE_WAY = ("phase", "reason", "latched", "doors", "occupancy", "inputs", "missing")
"""What of a status says why an order was refused."""
VERBS = (
    *("open", "close", "reset", "let-out", "hold", "evacuate", "maintain", "maintain-end"),
    *("case", "clear", "acknowledge", "silent-alarm"),
)
TYPED = {
    **{verb.replace("-", "_"): verb for verb in VERBS if "-" in verb},
    **{f"let_out_{door.value.removesuffix('_door')}": f"let-out --door {door.value}" for door in DoorId},
    Verb.MAINTAIN_EXTEND.value: "maintain --extend",
    CLEAR: "clear",
}
"""An order as the gate calls it, and what is typed for it."""


def add_parser(commands: Any) -> None:
    """Add `status` and `lane`."""
    status = command.add(commands, "status", "what the lane does now", STATUS)
    status.set_defaults(run=run_status)
    lane = command.add(commands, "lane", "open, close, reset or maintain the lane", LANE)
    lane.add_argument("verb", choices=VERBS, metavar="verb", help=", ".join(VERBS))
    lane.add_argument("--expects", type=Phase, choices=list(Phase), metavar="PHASE", help="only if it is in this phase")
    about = "clear, case: whose passage, as its events name it; acknowledge: the number of the alarm's event"
    lane.add_argument("about", nargs="?", metavar="RUN|NUMBER", help=about)
    why = (
        f"clear: {', '.join(BY_HAND.words)}; maintain: {', '.join(MAINTAINED_FOR.words)}; "
        f"other orders to the lane, where it is to be written down: {', '.join(ORDERED_FOR.words)}"
    )
    lane.add_argument("--why", metavar="WHY", help=why)
    door_help = "let-out: by this door, where the lane lets out by more than one"
    lane.add_argument("--door", choices=[door.value for door in DoorId], help=door_help)
    who = "maintain: who works there, initials or a badge; with --key the key's own name where none is given"
    lane.add_argument("--name", metavar="NAME", help=who)
    lane.add_argument("--minutes", type=float, metavar="N", help="maintain: for so long from now")
    lane.add_argument("--extend", action="store_true", help="maintain: goes on, from now for so long")
    lane.set_defaults(run=run_lane, usage_error=lane.error)
    for parser in (status, lane):
        command.add_lang(parser)
        command.add_dir(parser)
        command.add_key(parser)
        command.add_json(parser)


def run_status(arguments: argparse.Namespace) -> int:
    told = command.order(arguments, "status")
    _show(arguments, told if arguments.json else {**_of_now(told), "health": _in_short(told["health"])})
    return 0


def _of_now(told: dict[str, Any]) -> dict[str, Any]:
    """The moment in a few words: `gatefw watch` shows it as it goes on, --json has all of it."""
    at_rest = {name for name, level in told["signals"].items() if level == "off"}
    runs = [f"{each['run']} waits for {'+'.join(each['waits_for'])} {each['waited_s']} s" for each in told["runs"]]
    left = {door: f"{left_s} s" for door, left_s in told["lease_left_s"].items() if left_s is not None}
    timer = told["timer"]
    face = told["face"]
    return {
        **told,
        "runs": runs,
        "timer": timer and f"{timer['name']} {timer['left_s']} s",
        "lease_left_s": left,
        "zones": {zone: "somebody" if there else "nobody" for zone, there in told["zones"].items()},
        "signals": {name: level for name, level in told["signals"].items() if name not in at_rest},
        "face": face and f"{face['camera']} {face['for_s']} s ago",
    }


def _in_short(health: dict[str, Any]) -> dict[str, str]:
    """Of each device, and of a thread only where it stalls; --json has since when, tries and times."""
    devices = {name: each["state"] for name, each in health["devices"].items()}
    return devices | {name: "stalled" for name, each in health["threads"].items() if each["stalled"]}


def run_lane(arguments: argparse.Namespace) -> int:
    verb, args = _asked(arguments)
    try:
        told = command.order(arguments, verb, args)
    except (Refusal, DeviceError) as error:
        if isinstance(error, Refusal):
            _tell_why(arguments, verb)
        error.args = (_as_typed(str(error)),)
        raise
    _show(arguments, told if arguments.json or verb != CASE else _of_case(told))
    return 0


def _asked(arguments: argparse.Namespace) -> tuple[str, dict[str, object]]:
    """The order as the gate takes it."""
    verb, args = arguments.verb.replace("-", "_"), dict[str, object]()
    maintains = (arguments.name, arguments.minutes, arguments.extend or None)
    if arguments.door is not None and arguments.verb != "let-out":
        arguments.usage_error(f"--door belongs to let-out, not to {arguments.verb}")
    if arguments.verb != "maintain" and any(each is not None for each in maintains):
        arguments.usage_error(f"--name, --minutes and --extend belong to maintain, not to {arguments.verb}")
    if arguments.verb == "clear":
        if None in (arguments.about, arguments.why):
            arguments.usage_error("clear wants a RUN and --why")
        _one_of(arguments, BY_HAND.words)
        verb, args = CLEAR, {"run": arguments.about, "why": arguments.why}
    elif arguments.verb == CASE and arguments.why is None:
        args = {"run": arguments.about} if arguments.about else {}
    elif arguments.verb == ACKNOWLEDGE:
        if arguments.why is not None or not (arguments.about or "").isdecimal():
            arguments.usage_error("acknowledge wants the NUMBER of an event, and no more")
        args = {"event": int(arguments.about)}
    elif arguments.about is not None or (arguments.why is not None and verb not in list(Verb)):
        arguments.usage_error(f"RUN and --why do not belong to {arguments.verb}")
    elif arguments.verb == "maintain":
        verb, args = _stay(arguments)
    else:
        if arguments.why is not None:
            _one_of(arguments, ORDERED_FOR.words)
        given = {"door": arguments.door, "why": arguments.why}
        args = {name: value for name, value in given.items() if value is not None}
    return verb, args


def _as_typed(message: str) -> str:
    return re.sub(rf"(?<![\w/])({'|'.join(TYPED)})(?![\w/])", lambda found: TYPED[found[0]], message)


def _of_case(told: dict[str, Any]) -> dict[str, Any]:
    """A requirement in a few words: what was asked, what came of it, and how alike by which limit."""
    needs = []
    for each in told["requirements"]:
        why = "+".join(f"{rule['rule']} {rule['reason']}" for rule in each.get("rules", ())) or each.get("reason")
        by = f"{each['score']} of {each['threshold']}" if "score" in each else ""
        needs.append(" ".join(filter(None, (each["name"], each["outcome"], why, by))))
    return {**told, "requirements": needs}


def _tell_why(arguments: argparse.Namespace, verb: str) -> None:
    """What stands in the way, in words, for who reads no English; the daemon's own sentence follows."""
    words = command.words(arguments)
    if words.language == "en" or arguments.json:
        return
    from gatefw.words.status import in_words

    status = command.order(argparse.Namespace(**{**vars(arguments), "expects": None}), "status")
    asked = words.name(Verb(verb)) if verb in list(Verb) else arguments.verb
    print(f"{asked}: {words.name(Reason.NOT_NOW)}")
    command.show(in_words({key: status[key] for key in IN_THE_WAY if status.get(key)}, words), as_json=False)


def _show(arguments: argparse.Namespace, told: dict[str, Any]) -> None:
    """English readers get the codes as they are, which are English; --json is the same in every language."""
    words = command.words(arguments)
    if words.language != "en" and not arguments.json:
        from gatefw.words.status import in_words

        told = in_words(told, words)
    command.show(told, arguments.json)


def _one_of(arguments: argparse.Namespace, words: tuple[str, ...]) -> None:
    if arguments.why not in words:
        arguments.usage_error(f"--why: {arguments.verb} wants one of {', '.join(words)}")


def _stay(arguments: argparse.Namespace) -> tuple[str, dict[str, object]]:
    """The order for maintenance; one that goes on keeps its name and reason where no others are given."""
    if arguments.why is not None or not arguments.extend:
        _one_of(arguments, MAINTAINED_FOR.words)
    if arguments.name is None and arguments.key is None and not arguments.extend:
        arguments.usage_error("maintain wants --name: who works there, in initials or the number of a badge")
    if arguments.minutes is not None and not math.isfinite(arguments.minutes):
        arguments.usage_error(f"--minutes: {arguments.minutes} is no time")
    seconds = None if arguments.minutes is None else arguments.minutes * 60.0
    given = {"name": arguments.name, "why": arguments.why, "seconds": seconds}
    verb = Verb.MAINTAIN_EXTEND if arguments.extend else Verb.MAINTAIN
    return verb, {name: value for name, value in given.items() if value is not None}
