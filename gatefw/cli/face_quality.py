"""gatefw face quality: does what we call a bad picture foretell a false non-match, and what does each limit cost?"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import album_options, command

if TYPE_CHECKING:
    from gatefw.biometrics.measuring.discard import Curve, Limit, Mates

DESCRIPTION = """\
Compares all pictures of each person with each other, discards the comparisons with the worst picture (the worse of two
counts), and prints the FNMR of the others at the distance for an FMR of 0.001 over all: by the weight that fusing and
choosing frames go by, by each of its components, and by chance. A measure that is worth something lies below chance.

With --central faces beyond the limits are compared as well; then what each limit refuses, and the FNMR of what it
refuses, stand below. Without it only what a lane would compare is left. Nothing but numbers is printed or written.

example:
  gatefw face quality FOLDER
  gatefw face quality FOLDER --central --plot discard.svg
"""


def add_parser(commands: Any) -> None:
    """Add `quality`."""
    parser = command.add(commands, "quality", "what discarding the worst pictures is worth", DESCRIPTION)
    album_options.add(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="the curves as a picture")
    parser.add_argument(
        "--bootstrap",
        type=album_options.at_least(0),
        default=400,
        metavar="N",
        help="replicates over people (default: 400)",
    )
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics.fetch import write_atomically
    from gatefw.biometrics.measuring import discard, discard_plot

    if arguments.plot:
        album_options.require_writable("--plot", arguments.plot)
    _, album = album_options.collected(arguments)
    with command.progress(sys.stderr) as tell:
        tell("comparing")
        found = discard.mates(album)
        tell(f"discarding, {arguments.bootstrap} replicates")
        curves = discard.curves(found, replicates=arguments.bootstrap)
        limits = discard.limits(album, found)
    if arguments.plot:
        write_atomically(arguments.plot, discard_plot.svg(curves, found.fmr).encode())
    if not arguments.json:
        print(f"{len(found.missed)} mated comparisons, at L2 {found.distance:.3f} for an FMR of {found.fmr:g}\n")
        print("\n".join((*_curves(curves), *_limits(limits))))
    print(json.dumps(figures(found, curves, limits)))
    return 0


def _curves(curves: "Sequence[Curve]") -> list[str]:
    heads = "".join(f"{f'{100 * share:g} %':>8}" for share in curves[0].shares)
    lines = [f"{'FNMR in %, discarded:':26}{heads}   less at 10 %"]
    for curve in curves:
        gain = curve.gain[curve.shares.index(0.1)]
        values = "".join(f"{100 * rate.value:8.2f}" for rate in curve.fnmr)
        less = f"{100 * gain.value:.2f} [{100 * gain.low:.2f}, {100 * gain.high:.2f}]"
        lines.append(f"{curve.measure.replace('_', ' '):26}{values}   {less}")
    return lines


def _limits(limits: "Sequence[Limit]") -> list[str]:
    lines = [f"\n{'beyond the limit of':26} {'hint':15}  pictures  comparisons  their FNMR"] if limits else []
    for limit in limits:
        fnmr = "-" if limit.fnmr is None else f"{100 * limit.fnmr:.1f} %"
        named = f"{limit.component.replace('_', ' '):26} {limit.hint.value:15}"
        lines.append(f"{named}  {100 * limit.refuses:6.2f} %  {limit.comparisons:11}  {fnmr:>10}")
    return lines


def figures(found: "Mates", curves: "Sequence[Curve]", limits: "Sequence[Limit]") -> dict[str, Any]:
    """What was measured, for machines."""
    rounded = {
        curve.measure: {
            "fnmr": [round(rate.value, 5) for rate in curve.fnmr],
            "gain": [[round(end, 5) for end in (rate.value, rate.low, rate.high)] for rate in curve.gain],
        }
        for curve in curves
    }
    beyond = {
        limit.component: {
            "hint": limit.hint.value,
            "refuses": round(limit.refuses, 5),
            "comparisons": limit.comparisons,
            "fnmr": limit.fnmr and round(limit.fnmr, 4),
        }
        for limit in limits
    }
    at = {"fmr": found.fmr, "distance": round(found.distance, 4), "comparisons": len(found.missed)}
    return {**at, "discarded": list(curves[0].shares), "by": rounded, "limits": beyond}
