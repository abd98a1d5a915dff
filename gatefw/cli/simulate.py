"""gatefw simulate: people pass a lane in virtual time, and what came of them is counted."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.config import Config
    from gatefw.simulate.day import Outcome

DESCRIPTION = """\
Lets travellers pass a lane in virtual time: the lane file's own procedure, rules, timers and doors, around simulated
hardware and people. Most should pass; the others have each a story that this lane can tell (an expired permit, somebody
else's finger, one who slips in behind), and an end that is expected. What ends otherwise is counted as unexpected.

Matching is scripted, and says so, unless --matcher real: then the models of `gatefw models install` compare photographs
out of --faces (a folder for each person), of as many registered people as strangers.

With --faults things go wrong meanwhile, by the seed as well: devices are lost, slow or garbled, answers late or twice,
the disk is full, the process dies, buttons are pressed, orders come. Then it is not told who should have passed, but
what came of whom, which faults came, and whether anything happened that must never happen.

example:
  gatefw simulate contactless-e-channel --travellers 1000 --seed 7
  gatefw simulate config/lanes/hetao.toml --json
  gatefw simulate hetao --faults --seed 7
  gatefw simulate hetao --matcher real --faces faces/ --travellers 100

Exit status: 0 when everything came as expected, or with --faults when nothing came that must never happen; else 1.
"""


def add_parser(commands: Any) -> None:
    """Add `simulate`."""
    parser = command.add(commands, "simulate", "let people pass a lane in virtual time", DESCRIPTION)
    parser.add_argument("lane", help="a lane file, or the name of one of the project's")
    parser.add_argument("--travellers", type=int, default=100, metavar="N", help="how many come (default: 100)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed gives the same people")
    parser.add_argument("--matcher", choices=("scripted", "real"), default="scripted", help="who compares faces")
    parser.add_argument("--faces", type=Path, metavar="DIR", help="photographs for --matcher real")
    parser.add_argument("--pipelining", choices=("on", "off"), help="instead of what the lane file says")
    parser.add_argument("--reversed", action="store_true", help="a reversible lane the other way round")
    parser.add_argument("--faults", action="store_true", help="let things go wrong meanwhile, by the seed")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import clearance
    from gatefw.clearance import Beginning
    from gatefw.simulate import lanes, report

    if arguments.travellers < 1:
        raise SetupError(f"--travellers {arguments.travellers}: nobody would come; let it be 1 or more")
    if (arguments.matcher == "real") is not bool(arguments.faces):
        raise SetupError("--matcher real and --faces DIR go together; DIR has a folder of photographs for each person")
    if arguments.faults and arguments.matcher == "real":
        raise SetupError("--faults and --matcher real do not go together: with faults the matching is scripted")
    config = lanes.load(arguments.lane, arguments.reversed)
    if arguments.reversed and not config.reversed:
        raise SetupError(f"--reversed: lane {config.lane.name} goes one way only")
    if arguments.pipelining == "on" and clearance.beginning(config.lane.procedure) is Beginning.PRESENCE:
        raise SetupError(f"--pipelining on: lane {config.lane.name} begins with a face, not with a token")
    if arguments.pipelining:
        config = _pipelined(config, arguments.pipelining == "on")
    if arguments.faults:
        return _with_faults(config, arguments)
    outcome = _simulated(config, arguments)
    if arguments.json:
        print(json.dumps(outcome.to_json(), indent=2))
    else:
        print("\n".join(report.lines(outcome, arguments.seed)))
        if config.lane.pipelining and not arguments.pipelining and arguments.matcher == "scripted":
            other = _simulated(_pipelined(config, on=False), arguments)
            print(f"  without pipelining:\n{report.speed(other.to_json())}")
    return 1 if outcome.to_json()["unexpected"] else 0


def _with_faults(config: "Config", arguments: argparse.Namespace) -> int:
    from gatefw.simulate import stormy

    with command.progress(sys.stderr) as progress:
        outcome = stormy.simulate_faults(config, arguments.travellers, arguments.seed, progress)
    told = outcome.to_json()
    print(json.dumps(told, indent=2) if arguments.json else "\n".join(stormy.lines(outcome, arguments.seed)))
    return 1 if told["violations"] else 0


def _simulated(config: "Config", arguments: argparse.Namespace) -> "Outcome":
    from gatefw.simulate.day import simulate
    from gatefw.simulate.real import simulate_real

    with command.progress(sys.stderr) as progress:
        if arguments.matcher == "scripted":
            return simulate(config, arguments.travellers, arguments.seed, progress)
        return simulate_real(config, arguments.faces, arguments.travellers, arguments.seed, progress)


def _pipelined(config: "Config", on: bool) -> "Config":
    return replace(config, lane=replace(config.lane, pipelining=on))
