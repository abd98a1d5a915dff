"""gatefw face attacks: how blink, turn and planarity fare on simulated presentation attacks."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import album_options, command
from gatefw.errors import Refusal
from gatefw.state import state_dir

if TYPE_CHECKING:
    from gatefw.biometrics.measuring.presentations import Share, Verdict

DETECTOR, LANDMARK = "blazeface-short-range-int8", "face-landmark"
SIMULATED = """\
Every attack here is simulated: made of photographs in memory, without paper, screen, lens or light. It cannot show
masks, bent prints, good screens, make-up or injected pictures, nor how real eyes blink and real heads turn. Bona fide
frames are photographs of different days, with drawn blinks, so BPCER is no rate of a gate. Such figures never satisfy
[face] require_liveness: only a detector that was evaluated independently does (ISO/IEC 30107-3)."""
DESCRIPTION = f"""\
Makes presentation attacks out of the photographs in DIR/identity/picture, in memory, and says how many of them each
check of the landmarks takes for bona fide (APCER, per species), and how many bona fide presentations it takes for an
attack (BPCER), with 95 % intervals. A person needs a straight and a turned photograph. Nothing of anybody is kept or
shown.

{SIMULATED}

example:
  gatefw face attacks photographs/
  gatefw face attacks photographs/ --people 20 --json

Exit status: 0 when it was measured, 2 when the folder has too few people.
"""


def add_parser(commands: Any) -> None:
    """Add `attacks`."""
    parser = command.add(commands, "attacks", "simulated attacks: what blink, turn and planarity find out", DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder for each person, with their photographs")
    parser.add_argument(
        "--people", type=album_options.at_least(2), default=60, metavar="N", help="at most so many, drawn (default: 60)"
    )
    parser.add_argument("--seed", type=album_options.at_least(0), default=1, help="of every draw (default: 1)")
    parser.add_argument("--runtime", choices=("litert", "tflite"), default="litert", help="default: litert")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics import card as cards
    from gatefw.biometrics.detector import Detector
    from gatefw.biometrics.landmarks import Landmarker
    from gatefw.biometrics.measuring.presentations import Seeing, measured, people
    from gatefw.biometrics.runtime import Network, Runtime

    if not arguments.folder.is_dir():
        raise Refusal(f"{arguments.folder}: is no folder; one with a folder for each person is wanted")
    models, runtime = state_dir(os.environ) / "models", Runtime(arguments.runtime)
    detect, landmark = (Network(*cards.installed(models, name), runtime) for name in (DETECTOR, LANDMARK))
    seeing = Seeing(Detector(detect), Landmarker(landmark))
    with command.progress(sys.stderr) as tell:
        who = list(people(arguments.folder, arguments.people, seeing, arguments.seed, tell))
        if not who:
            print(
                f"gatefw: {arguments.folder}: fewer than two people with a straight and a turned photograph; "
                "give more photographs of each",
                file=sys.stderr,
            )
            return 2
        verdicts = measured(who, seeing, arguments.seed, tell)
    result = _figures(verdicts)
    if not arguments.json:
        _table(verdicts)
    print(json.dumps(result))
    return 0


def _figures(verdicts: Mapping[str, Sequence["Verdict"]]) -> dict[str, Any]:
    """APCER and BPCER of every check, as numbers."""
    from gatefw.biometrics.measuring.presentations import BONA_FIDE, CHECKS, errors, non_responses

    def plain(share: "Share") -> dict[str, Any]:
        low, high = share.interval
        interval = [round(low, 4), round(high, 4)]
        return {"share": round(share.share, 4), "interval": interval, "presentations": share.presentations}

    alive = verdicts[BONA_FIDE]
    attacks = {name: each for name, each in verdicts.items() if name != BONA_FIDE}
    return {
        "evaluated": "by us, on simulated attacks",
        "satisfies_require_liveness": False,
        "bpcer": {check: plain(errors(alive, check, attack=False)) for check in CHECKS},
        "bpnrr": plain(non_responses(alive)),
        "apcer": {
            name: {check: plain(errors(each, check, attack=True)) for check in CHECKS} for name, each in attacks.items()
        },
        "apnrr": {name: plain(non_responses(each)) for name, each in attacks.items()},
    }


def _table(verdicts: Mapping[str, Sequence["Verdict"]]) -> None:
    from gatefw.biometrics.measuring.presentations import BONA_FIDE, CHECKS, errors, non_responses

    print(f"{'':26}" + "".join(f"{check.replace('_', ' '):>20}" for check in (*CHECKS, "no response")))
    for name, each in sorted(verdicts.items(), key=lambda item: item[0] != BONA_FIDE):
        kind = "BPCER" if name == BONA_FIDE else f"APCER {name.replace('_', ' ')}"
        shares = [errors(each, check, attack=name != BONA_FIDE) for check in CHECKS]
        print(f"{kind:26}"[:26] + "".join(f"{_short(share):>20}" for share in (*shares, non_responses(each))))
    print(f"\n{len(verdicts[BONA_FIDE])} presentations of each kind, one a person; percent, 95 % intervals (Wilson).")
    print("APCER: attacks taken for a living face; BPCER: living faces taken for an attack; no response: no face seen.")
    print(f"\n{SIMULATED}")


def _short(share: "Share") -> str:
    low, high = share.interval
    return f"{100 * share.share:.0f} [{100 * low:.0f}, {100 * high:.0f}]"
