"""gatefw face fusion: what several frames, several templates and the mirror image are worth."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from gatefw.cli import album_options, command

if TYPE_CHECKING:
    from gatefw.biometrics.measuring.fusion_gain import Outcome, Row
    from gatefw.biometrics.runtime import Vector

DESCRIPTION = """\
Fuses 1, 3 and 5 pictures of a person to a probe, and 1 and 3 others to a reference, in several ways: the plain mean of
their vectors, the mean by quality weight, the best K by weight, and the mean of all their distances, which fuses
nothing; the first alone is what the same people have of one picture. Each way stands at its own distance for an FMR of
0.001 and of 0.0001; `less` is how much smaller its FNMR is than the plain mean's of the same pictures, in points. 95 %
intervals are bootstraps over people. A figure that fewer than 10 comparisons of strangers decide has a question mark.

Pictures of a folder are different photographs, more varied than the frames of one minute: a lane gains less than this.

example:
  gatefw face fusion FOLDER
  gatefw face fusion FOLDER --bootstrap 400 --json
"""

HEAD = f"""\
{"":53}   at an FMR of 0.001{"":36}   at 0.0001
frames  templates  {"way":20}   mated  strangers   distance, FNMR in %, less{"":25}   distance, FNMR in %, less"""


def add_parser(commands: Any) -> None:
    """Add `fusion`."""
    parser = command.add(commands, "fusion", "what several frames and templates are worth", DESCRIPTION)
    album_options.add(parser)
    parser.add_argument(
        "--bootstrap",
        type=album_options.at_least(0),
        default=100,
        metavar="N",
        help="replicates over people (default: 100)",
    )
    parser.add_argument("--seed", type=album_options.at_least(0), default=0, help="of what is drawn (default: 0)")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics.measuring.fusion_gain import gains, unmirrored, unmirrored_too

    vectors: list[Vector] = []
    chain, album = album_options.collected(arguments, lambda chain, look: unmirrored_too(chain, look, vectors))
    mirrored = chain.embedder.card.mirror
    single = unmirrored(album, vectors) if mirrored else None
    with command.progress(sys.stderr) as tell:
        rows = list(gains(album, single, arguments.bootstrap, arguments.seed, tell))
    if not arguments.json:
        print(HEAD)
        for row in rows:
            print(line(row))
    print(json.dumps({"mirror": mirrored, "ways": [figures(row) for row in rows]}))
    return 0


def line(row: "Row") -> str:
    way = row.way
    name = way.fused if way.mirror else f"{way.fused}, no mirror"
    counted = f"{way.frames:<6}  {way.templates:<9}  {name:20}  {row.mated:6}  {row.non_mated:9}"
    return f"{counted}   {'   |   '.join(map(_told, row.outcomes))}"


def _told(outcome: "Outcome") -> str:
    fnmr, less = outcome.fnmr, outcome.gain
    missed = f"{100 * fnmr.value:5.2f} [{100 * fnmr.low:.2f}, {100 * fnmr.high:.2f}]"
    gained = f"{100 * less.value:+.2f} [{100 * less.low:+.2f}, {100 * less.high:+.2f}]"
    return f"{outcome.distance.value:.3f}  {missed:20}  {gained}{'' if outcome.carried else ' ?'}"


def figures(row: "Row") -> dict[str, Any]:
    way = row.way
    named = {"frames": way.frames, "templates": way.templates, "fused": way.fused, "mirror": way.mirror}
    counts = {"mated": row.mated, "non_mated": row.non_mated, "people": row.people}
    rates = [
        {
            "fmr": outcome.fmr,
            "carried": outcome.carried,
            **{
                name: [round(end, 5) for end in (rate.value, rate.low, rate.high)]
                for name, rate in (("distance", outcome.distance), ("fnmr", outcome.fnmr), ("gain", outcome.gain))
            },
        }
        for outcome in row.outcomes
    ]
    return {**named, **counts, "at": rates}
