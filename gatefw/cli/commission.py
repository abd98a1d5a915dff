"""gatefw commission: puts a gate into service, one device at a time, and writes down what was measured."""

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.control import call
from gatefw.errors import DeviceLost, Refusal, SetupError, system_words

if TYPE_CHECKING:
    from gatefw.commission.plan import Result, Step
    from gatefw.commission.report import About
    from gatefw.commission.site import Site
    from gatefw.config import Config

COMMISSION = """\
A guided checklist for whoever puts a gate into service: every level at rest, each door's travel and contacts, its beam
with something in it, each zone, button and switch, readers and how they end a code, camera, finger, lamps. The daemon
runs, by the lane file that is given, and goes on owning the devices; the lane is in maintenance for as long as this
works, and what moves a door is the lane's own order, with the interlock on. Whatever becomes of this command, the lane
ends what was begun and goes out of service by itself.

Into the folder --out it writes report.json, signed with the key that signs the journal, report.md for people,
fragment.toml with the keys of the lane file that were measured to be others, and draft.json after each step, from
which --resume goes on: what passed with the same settings is not done again, and the signed report says of each such
step that it is a draft's word, and of when. s and Enter skips a step. `verify` says whether a report holds, who signed
it, what it came to and which steps were resumed; --lane-key says that this lane has signed it, and no other (`gatefw
journal verify` shows the key).

example:
  gatefw commission /etc/gatefw/lane.toml --name mk
  gatefw commission /etc/gatefw/lane.toml --name mk --only door.entry_door --out /tmp/entry
  gatefw commission /etc/gatefw/lane.toml --name mk --resume commissioning/draft.json
  gatefw commission verify commissioning/report.json

Exit status: 0 nothing is wrong, 1 something is, 2 could not be done, 130 ended by Ctrl-C.
"""
VERIFY = Path("verify")
CALL_S = 15.0


def add_parser(commands: Any) -> None:
    """Add `commission`."""
    parser = command.add(commands, "commission", "put a gate into service, one device at a time", COMMISSION)
    parser.add_argument("file", type=Path, metavar="FILE", help="the lane file by which the daemon runs; or: verify")
    parser.add_argument("report", type=Path, nargs="?", metavar="REPORT", help="with verify: a report.json")
    parser.add_argument("--name", metavar="NAME", help="who does it: initials or a badge")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="this step or device; repeatable")
    parser.add_argument("--list", action="store_true", help="the steps of this lane, and nothing else")
    parser.add_argument("--resume", type=Path, metavar="DRAFT", help="go on from a draft.json")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="answers by step (TOML); nobody is asked")
    parser.add_argument(
        "--out", type=Path, default=Path("commissioning"), metavar="DIR", help="default: ./commissioning"
    )
    parser.add_argument("--lane-key", metavar="HEX", help="with verify: the public key that must have signed")
    command.add_dir(parser)
    command.add_json(parser)
    parser.set_defaults(run=run, usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    if arguments.file == VERIFY:
        if arguments.report is None:
            arguments.usage_error("verify wants a REPORT")
        return _verify(arguments)
    if arguments.report is not None:
        arguments.usage_error("REPORT belongs to verify")
    import hw
    from gatefw.commission.plan import chosen, plan
    from gatefw.config import load

    config = load(arguments.file, hw.schema)
    steps = chosen(plan(config), arguments.only)
    if arguments.list:
        print(json.dumps([step.id for step in steps]) if arguments.json else "\n".join(step.id for step in steps))
        return 0
    return _commission(arguments, config, steps)


def _commission(arguments: argparse.Namespace, config: "Config", steps: "list[Step]") -> int:
    from gatefw.commission.plan import plan
    from gatefw.commission.report import About, draft_of
    from gatefw.commission.site import Site
    from gatefw.events import TECHNICIAN

    if not TECHNICIAN.fits(arguments.name):
        arguments.usage_error(f"--name: who does it is wanted: {TECHNICIAN.says}")
    before = draft_of(arguments.resume, config.lane.name) if arguments.resume else {}
    abouts = {step.id: step.about for step in plan(config)}
    results = {
        name: each for name, each in before.items() if each.verdict == "passed" and abouts.get(name) == each.about
    }
    site = Site(partial(_order, command.control_socket(arguments)), config.timers.maintenance_s)
    if (runs := site.look()["config"]["sha256"]) != config.sha256:
        raise SetupError(
            f"{arguments.file}: the daemon runs by another lane file (SHA-256 {runs[:12]}..., this one is "
            f"{config.sha256[:12]}...): restart it, or commission by that one"
        )
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"--out {arguments.out}: a folder is wanted: {system_words(error)}") from error
    about = About(config.lane.name, config.sha256, arguments.name, _now())
    try:
        _do(arguments, config, site, [step for step in steps if step.id not in results], about, results)
    except (KeyboardInterrupt, DeviceLost) as ended:
        draft = arguments.out / "draft.json"
        done = f"what was done is in {draft}: go on with --resume {draft}" if draft.exists() else "nothing was done yet"
        print(f"ended; {done}", file=sys.stderr)
        if isinstance(ended, DeviceLost):  # the daemon is gone; whoever works here need not press on
            raise
        return 130
    return _write(arguments, site, about, plan(config), results)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _order(socket: Path, verb: str, args: Mapping[str, object]) -> dict[str, Any]:
    return call(socket, verb, args, CALL_S)


def _do(
    arguments: argparse.Namespace,
    config: "Config",
    site: "Site",
    steps: "list[Step]",
    about: "About",
    results: "dict[str, Result]",
) -> None:
    """One step after the other, each into `results` and the draft; those at rest before maintenance is asked for."""
    from gatefw.commission.plan import Kind, Result, Verdict
    from gatefw.commission.report import keep_draft
    from gatefw.commission.steps import Commissioning
    from gatefw.commission.technician import AtTerminal, Scripted, answers_in

    say = _say_json if arguments.json else _say
    technician = Scripted(answers_in(arguments.answers), say) if arguments.answers else AtTerminal()
    commissioning = Commissioning(config, site, technician)

    def keep(played: Result) -> None:
        result = results[played.step] = replace(played, at=_now())
        keep_draft(arguments.out / "draft.json", about, results)
        if arguments.json:
            print(json.dumps(result.to_json()), flush=True)
        else:
            print(f"{result.step}: {result.verdict}{f': {result.why}' if result.why else ''}", flush=True)

    for step in (each for each in steps if each.kind is Kind.REST):
        keep(commissioning.does(step))
    others = [each for each in steps if each.kind is not Kind.REST]
    try:
        with site.maintained(about.name) if others else nullcontext():
            for step in others:
                keep(commissioning.does(step))
    except Refusal as error:
        for step in (each for each in others if each.id not in results):
            keep(Result(step.id, Verdict.SKIPPED, f"the lane is not given for maintenance: {error}", about=step.about))


def _write(
    arguments: argparse.Namespace, site: "Site", about: "About", steps: "list[Step]", results: "dict[str, Result]"
) -> int:
    from gatefw.commission.report import fragment, page, report

    told = report(about, steps, results)
    signed = str(site.order("commission_sign", {"report": told})["signed"])
    out: Path = arguments.out
    (out / "report.json").write_text(json.dumps({"report": told, "signed": signed}, indent=1), encoding="utf-8")
    (out / "report.md").write_text(page(told, signed), encoding="utf-8")
    (out / "fragment.toml").write_text(fragment([results[each.id] for each in steps if each.id in results]), "utf-8")
    verdicts = [each["verdict"] for each in told["steps"]]
    counts = {word: verdicts.count(word) for word in ("passed", "failed", "skipped")}
    command.show({"passed": told["passed"], "steps": counts, "report": str(out / "report.json")}, arguments.json)
    return 0 if told["passed"] else 1


def _verify(arguments: argparse.Namespace) -> int:
    """1: it does not hold, or another key signed it."""
    from gatefw.commission.report import verified
    from gatefw.errors import StoreError

    try:
        told, seal = verified(arguments.report)
    except StoreError as error:
        command.show({"holds": False, "why": str(error)}, arguments.json)
        return 1
    holds = arguments.lane_key in (None, seal.key)
    why = "" if holds else f"signed with {seal.key}, and not with the key that was given"
    verdict = "passed" if told["passed"] else "failed"
    about = {"lane": seal.lane, "came_to": verdict, "complete": told["complete"], "technician": told["technician"]}
    resumed = [each["step"] for each in told["steps"] if each.get("resumed")]
    signed = {"resumed": resumed, "signed_at": seal.time, "clock": seal.clock, "handed_in_by": seal.by, "key": seal.key}
    command.show({"holds": holds, "why": why, **about, **signed, "config": seal.config}, arguments.json)
    return 0 if holds else 1


def _say(step: "Step", what: str) -> None:
    print(f"{step.id}: {what}", flush=True)


def _say_json(step: "Step", what: str) -> None:
    print(json.dumps({"step": step.id, "says": what}), flush=True)
