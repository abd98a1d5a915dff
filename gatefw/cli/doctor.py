"""gatefw doctor, explain: what is wrong with this gate, the cause first, and what a finding means."""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.errors import GateError, SetupError, printable

if TYPE_CHECKING:
    from gatefw.doctor.finding import Finding
    from gatefw.doctor.seen import Seen

DOCTOR = """\
Says what is wrong with this gate: the first line names the cause that must be mended first, what follows from it stands
beneath. Looks at the lane file, the running daemon, devices, stores, keys, models, the journal and the machine itself;
works with the daemon dead as well. It only reads, and asks the daemon for nothing that moves. FILE is the lane file
(default: the running daemon's, or /etc/gatefw/lane.toml). What it could not look at is said too: sudo sees more.

With --fix it mends what is safe to mend (modes of key files, missing directories, sockets that a dead daemon left),
says each before and after, and looks again. It never moves or releases anything, and never makes a key.

example:
  gatefw doctor
  gatefw doctor config/lanes/contactless-e-channel.toml --only keys --fix
  gatefw doctor --json

Exit status: 0 healthy (notes may stand), 1 degraded (warnings), 3 broken (errors, or a danger); 2 when it could not be
done at all.
"""
EXPLAIN = """\
Prints the page of a finding of `gatefw doctor`: what it means, what the gate does meanwhile, how to find the cause and
how to mend it. Without a code it lists them all.

example:
  gatefw explain G0200
  gatefw explain | grep -i clock
"""
STATUSES = {"healthy": 0, "degraded": 1, "broken": 3}


def add_parser(commands: Any) -> None:
    """Add `doctor` and `explain`."""
    doctor = command.add(commands, "doctor", "what is wrong with this gate, the cause first", DOCTOR)
    doctor.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the lane file")
    command.add_dir(doctor)
    doctor.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="the system is below DIR: a mounted card"
    )
    doctor.add_argument("--only", action="append", metavar="AREA", help="look at this area alone; may be given again")
    doctor.add_argument("--fix", action="store_true", help="mend what is safe to mend")
    doctor.set_defaults(run=run_doctor, usage_error=doctor.error)
    explain = command.add(commands, "explain", "what a finding of doctor means", EXPLAIN)
    explain.add_argument(
        "code", nargs="?", metavar="CODE", help="as G0200; G02 lists those that begin so, none lists all"
    )
    explain.set_defaults(run=run_explain)
    for parser in (doctor, explain):
        command.add_json(parser)


def run_doctor(arguments: argparse.Namespace) -> int:
    from gatefw.doctor import examine, report

    areas = examine.names()
    if unknown := [each for each in arguments.only or () if each not in areas]:
        arguments.usage_error(f"there is no area {unknown[0]}; there are {', '.join(areas)}")
    seen, findings = _looked(arguments)
    fixed = _fix(findings, arguments.json) if arguments.fix else []
    if fixed:
        seen, findings = _looked(arguments)
    state = report.state(findings)
    if arguments.json:
        print(json.dumps({**report.told(seen, findings), "fixed": fixed}, indent=2, default=str))
    else:
        _print(findings, state)
    return STATUSES[state]


def _looked(arguments: argparse.Namespace) -> "tuple[Seen, list[Finding]]":
    from gatefw.doctor.examine import examine
    from gatefw.doctor.gather import gather
    from gatefw.doctor.seen import machine_at

    if not arguments.root.is_dir():
        raise SetupError(f"--root {arguments.root}: no directory; mount the card, and name where")
    with command.progress(sys.stderr) as tell:
        seen = gather(arguments.file, arguments.dir, machine_at(arguments.root), tell=tell)
        return seen, examine(seen, arguments.only)


def _fix(findings: "Iterable[Finding]", quiet: bool) -> list[dict[str, str]]:
    """Does what can be done, each said before and after; what came of it."""
    done = []
    for finding in findings:
        if finding.fix is None:
            continue
        if not quiet:
            print(f"fixing {finding.code} {finding.where}: {finding.fix.words} ...", flush=True)
        try:
            came = finding.fix.apply()
        except (OSError, GateError) as error:
            came = f"could not be done: {error}"
        if not quiet:
            print(f"  {came}")
        done.append({"code": finding.code, "where": finding.where, "fix": finding.fix.words, "came": came})
    return done


def _print(findings: "Sequence[Finding]", state: str) -> None:
    """The cause first; of what follows from it a line each."""
    from gatefw.doctor.finding import Severity
    from gatefw.doctor.ranking import ranked
    from gatefw.doctor.report import OWN, UNSEEN

    unseen = [each for each in findings if each.code == UNSEEN]
    rightless = os.geteuid() != 0 and any(each.where.partition(".")[0] in OWN for each in unseen)
    if rightless:  # before anything else: the cause may be among them
        _say(f"{UNSEEN} note {len(unseen)} checks could not be made with the rights of this user, --json has each")
        _say("      mend: run it again with sudo")
    for group in ranked(each for each in findings if each.code != UNSEEN):
        cause = group.cause
        _say(f"{cause.code} {cause.severity.word} {cause.where}: {cause.cause}")
        _say(f"      mend: {cause.remedy}")
        for each in group.follows:
            _say(f"      from it follows {each.code} {each.where}: {each.cause}")
    if unseen and not rightless:
        _say(f"{UNSEEN} note {len(unseen)} checks could not be made here, --json has each:")
        _say(f"      {'; '.join(each.cause.removeprefix('not looked at: ') for each in unseen)}")
        _say(f"      mend: {unseen[0].remedy}")
    if rightless:
        state = f"{state}, as far as this user may look"
    counted = {each: sum(finding.severity is each for finding in findings) for each in reversed(Severity)}
    told = ", ".join(f"{number} {each.word}{'' if number == 1 else 's'}" for each, number in counted.items() if number)
    print(f"{state}: {told or 'nothing was found'}{'; `gatefw explain CODE` says more' if findings else ''}")


def _say(line: str, indent: str = " " * 6) -> None:
    """A line; on a terminal as many as it wants, broken between words."""
    line = printable(line)
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        line = textwrap.fill(line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    print(line)


def run_explain(arguments: argparse.Namespace) -> int:
    from gatefw.doctor import pages

    titles = pages.beginning(arguments.code or "")
    if titles:
        print(json.dumps(titles, indent=2) if arguments.json else "\n".join(f"{a}  {b}" for a, b in titles.items()))
        return 0
    text = pages.page(arguments.code)
    if arguments.json:
        code, _, title = text.partition("\n")[0].removeprefix("# ").partition(": ")
        print(json.dumps({"code": code, "title": title, "page": text}, indent=2))
    elif sys.stdout.isatty():
        for paragraph in text.strip().split("\n\n"):
            _say(" ".join(paragraph.split()), indent="")
            print()
    else:
        print(text, end="")
    return 0
