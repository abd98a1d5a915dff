"""gatefw why: the story of one passage, in plain words, out of the journal."""

import argparse
import json
import os
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.errors import Refusal
from gatefw.gate_terms import shown
from gatefw.model import DoorId, Reason
from gatefw.state import state_dir

if TYPE_CHECKING:
    from gatefw.journal_search import Passage, Passages
    from gatefw.story import Story
    from gatefw.words import Words

DESCRIPTION = """\
Tells the story of one passage: what was read and by which device, which rule failed or which score met which
threshold, which door was asked for and whether that was permitted, alarms on the way, and how it ended. TRANSIT is the
passage's id or the beginning of it, a time (then it is the one that began in that minute or second, by this machine's
time zone), or `last`. With --door, --reason or --list passages are listed instead, the newest first.

The gate may run meanwhile; --journal also takes an export (`gatefw journal export`). Nothing is verified here. What
officers and the traveller read is shown in the language of --lang; the story itself is English.

example:
  gatefw why last
  gatefw why 6d1f
  gatefw why 14:32
  gatefw why 2026-11-30T14:32:05 --journal 2026-11.jsonl
  gatefw why --reason tailgating
  gatefw why --door exit_door --json

Exit status: 0 told, 1 there is no such passage, or more than one, 2 the journal cannot be read.
"""
_DAY, _MOST = timedelta(days=1), 20
_TIME = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{1,2}):(\d{2})(?::(\d{2}))?")


def add_parser(commands: Any) -> None:
    """Add `why`."""
    parser = command.add(commands, "why", "the story of one passage, in plain words", DESCRIPTION)
    parser.add_argument("transit", nargs="?", metavar="TRANSIT", help="an id, its beginning, a time, or last (default)")
    what = "journal.sqlite of a lane, or an export (default: this machine's)"
    parser.add_argument("--journal", type=Path, metavar="FILE", help=what)
    parser.add_argument("--door", type=DoorId, choices=list(DoorId), metavar="DOOR", help="list: asked for this door")
    parser.add_argument("--reason", metavar="REASON", help="list: ended, or a release was dropped, for this reason")
    parser.add_argument("--list", action="store_true", help="list the newest")
    parser.add_argument("--most", type=int, default=_MOST, metavar="N", help=f"list: so many ({_MOST})")
    command.add_lang(parser)
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import journal_search, story

    if arguments.most < 1:
        raise Refusal(f"--most {arguments.most}: at least 1 is wanted")
    path = arguments.journal or state_dir(os.environ) / "journal.sqlite"
    listing = arguments.list or arguments.door or arguments.reason
    if listing and arguments.transit:
        raise Refusal(f"{arguments.transit}: one passage is told; --list, --door and --reason list several: choose")
    with journal_search.open_journal(path) as passages:
        if listing:
            found = passages.latest(arguments.door, _reason(arguments.reason), arguments.most)
            _list([passages.summary(each) for each in found], arguments.json)
            return 0 if found else 1
        wanted = arguments.transit or "last"
        runs = _runs(passages, wanted)
        if len(runs) == 1:
            told = story.tell(runs[0], passages.events(runs[0]))
            _show_json(passages.lane, told) if arguments.json else _show(passages.lane, told, command.words(arguments))
            return 0
        if arguments.json:
            print(json.dumps({"passages": [_brief(passages.summary(each)) for each in runs]}, indent=2))
            return 1
        if not runs:
            print(f"no passage {wanted} in {path}; `gatefw why --list` lists the newest")
            return 1
        print(f"{len(runs)} passages fit {wanted}; name one by its id:")
        _list([passages.summary(each) for each in runs], as_json=False)
        return 1


def _reason(text: str | None) -> Reason | None:
    if text is None:
        return None
    try:
        return Reason(text)
    except ValueError as error:
        from difflib import get_close_matches

        near = get_close_matches(text, [each.value for each in Reason], n=1)
        hint = f"; did you mean {near[0]}?" if near else "; docs/events.md lists them"
        raise Refusal(f"--reason {text}: there is no such reason{hint}") from error


def _runs(passages: "Passages", wanted: str) -> list[str]:
    if wanted == "last":
        newest = passages.newest()
        return [newest] if newest else []
    if found := _TIME.fullmatch(wanted):
        at = _moment(found, wanted, passages.newest_at())
        return passages.at(at, timedelta(seconds=1 if found[4] else 60)) if at else []
    if re.fullmatch(r"[0-9a-f]{1,16}", wanted):
        return passages.like(wanted)
    raise Refusal(f"{wanted}: `last`, a time as 14:32, or the 16 hexadecimal digits of a passage or the first of them")


def _moment(found: re.Match[str], wanted: str, newest: datetime | None) -> datetime | None:
    """By this machine's time zone; without a day it is the last such time in the journal."""
    if newest is None:
        return None
    there = newest.astimezone()
    try:
        day = datetime.fromisoformat(found[1]) if found[1] else there.replace(tzinfo=None)
        at = day.replace(
            hour=int(found[2]), minute=int(found[3]), second=int(found[4] or 0), microsecond=0
        ).astimezone()
    except ValueError as error:
        raise Refusal(f"{wanted}: is no time; one is written 14:32, 14:32:05 or 2026-11-30T14:32") from error
    return at - _DAY if not found[1] and at > there else at


# ---------------------------------------------------------------- what is printed


def _show(lane: str, told: "Story", words: "Words") -> None:
    clock = "" if told.synchronised else ", by a clock that nobody vouched for"
    print(f"passage {told.run} of {lane}, {_time(told.began)}{clock}\n")
    for line in told.lines:
        print(f"{line.after_s:+9.2f} s  {line.words}")
    took = "" if told.seconds is None else f" after {told.seconds:.2f} s"
    print(f"\nEnded{took}: {told.ended}" if told.reason else f"\n{told.ended}")
    if told.reason and not told.passed:
        print(f"Officers read: {words.reason(told.reason)}")
        print(f"The traveller read: {words.advice(shown(told.reason) or told.reason)}")


def _show_json(lane: str, told: "Story") -> None:
    head = {"run": told.run, "lane": lane, "began": told.began.isoformat(), "clock_synchronised": told.synchronised}
    ended = {"passed": told.passed, "reason": told.reason, "seconds": told.seconds, "ended": told.ended}
    lines = [{"n": line.n, "after_s": round(line.after_s, 6), "words": line.words} for line in told.lines]
    print(json.dumps(head | ended | {"lines": lines}, indent=2))


def _list(found: "list[Passage]", as_json: bool) -> None:
    if as_json:
        print(json.dumps({"passages": [_brief(each) for each in found]}, indent=2))
        return
    for each in found:
        took = "" if each.seconds is None else f"{each.seconds:.1f} s"
        how = "under way" if each.reason is None else "passed" if each.passed else each.reason.value
        print(f"{each.run}  {_time(each.began)}  {took:>8}  {how}")
    if not found:
        print("no such passage; --reason and --door name what it was about, `gatefw why --list` lists the newest")


def _brief(each: "Passage") -> dict[str, object]:
    told = {"run": each.run, "began": each.began.isoformat(), "passed": each.passed}
    return told | {"reason": each.reason, "seconds": each.seconds}


def _time(at: datetime) -> str:
    return at.astimezone().isoformat(sep=" ", timespec="milliseconds")
