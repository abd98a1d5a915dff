"""gatefw face measure: how often the models of this machine err on a folder of photographs."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw import whole_file
from gatefw.cli import album_options, command
from gatefw.errors import SetupError

if TYPE_CHECKING:
    from gatefw.biometrics.measuring.album import Album
    from gatefw.biometrics.measuring.group_rates import Differences, Ratio
    from gatefw.biometrics.measuring.measurement import Measurement
    from gatefw.biometrics.measuring.open_set import Gallery
    from gatefw.biometrics.measuring.rates import Rate

MEASURE = """\
Runs every picture of a folder through the models and compares: each person with themselves, and with everybody else.
DIR holds a folder of pictures (.jpg, .png) for each person. What is told, in the words of ISO/IEC 19795-1:

  FTA    pictures in which no face is found that could be compared
  FMR    comparisons of two people that match; FNMR: of one person that do not
  GFRR   the same as FNMR, where a face that was lost counts as a non-match
  FPIR   strangers that a search among N people finds; FNIR: enrolled people that it does not

Each figure has its 95 % interval, by drawing people again. A figure that fewer than 10 comparisons decide is told with
a question mark. Of a person 15 mated comparisons count at most; strangers are compared by one picture of each person.

Pictures are seen as a lane sees them: one face, and a good one, or it is lost (FTA). With --central the face in the
middle counts, good or not, as published figures are measured.

A file DIR/groups.csv (identity,group in its first line) tells to which group people belong: then FNMR and FMR of each
group are told at the same thresholds, with the largest ratio between groups. The last line is one line of JSON. Names
of people are nowhere in it: only counts, and the names of groups.

example:
  gatefw face measure faces/ --central
  gatefw face measure faces/ --gallery 50 200 --plot det.svg
  gatefw face measure faces/ --pairs faces/pairs.csv --json
"""
GALLERIES = (50, 200, 400)


def add_parser(commands: Any) -> None:
    """Add `measure`."""
    parser = command.add(commands, "measure", "how often the models err on a folder of photographs", MEASURE)
    album_options.add(parser)
    parser.add_argument("--gallery", type=int, nargs="+", default=list(GALLERIES), metavar="N", help="sizes for 1:N")
    parser.add_argument("--bootstrap", type=int, default=200, metavar="N", help="replicates (default: 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed gives the same figures")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="a CSV a,b,same instead of all mated pairs")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a DET plot (SVG)")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.biometrics.measuring import measurement

    if arguments.bootstrap < 0 or arguments.seed < 0 or min(arguments.gallery) < 2:
        raise SetupError("--bootstrap and --seed are 0 or more, --gallery sizes 2 or more; correct what is less")
    if arguments.plot:
        album_options.require_writable("--plot", arguments.plot)
    chain, album = album_options.collected(arguments)
    with command.progress(sys.stderr) as tell:
        found = measurement.measure(
            album,
            arguments.gallery,
            arguments.bootstrap,
            arguments.seed,
            arguments.pairs,
            lambda what, done, of: tell(f"{what}: {done} of {of} replicates"),
        )
    asked = {
        "models": [arguments.detector, arguments.model],
        "runtime": f"{chain.maker.runtime} {chain.maker.version}, delegate {chain.maker.delegate}",
        "faces": "central" if arguments.central else "as a lane looks",
        "pairs": "listed" if arguments.pairs else "all",
        "bootstrap": arguments.bootstrap,
        "seed": arguments.seed,
    }
    if arguments.plot:
        _draw(arguments.plot, arguments.model, album, found)
    if not arguments.json:
        print("\n".join(line.rstrip() for line in _lines(found)))
    print(json.dumps(asked | measurement.to_json(found)))
    return 0


def _draw(path: Path, model: str, album: "Album", found: "Measurement") -> None:
    from gatefw.biometrics.measuring import det_plot

    title = f"{model}: {album.people:,} people, {len(album.shots):,} pictures"
    groups = found.differences.groups if found.differences else ()
    try:
        whole_file.write(path, det_plot.svg(title, found.rates, groups).encode())
    except OSError as error:
        raise SetupError(f"--plot {path}: cannot be written: {error.strerror}; name another file") from error


def _lines(found: "Measurement") -> Iterator[str]:
    yield f"{found.people:,} people, {found.pictures:,} pictures; {found.unreadable} files that are no picture left out"
    reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(found.lost.items())) or "none lost"
    yield f"FTA {_percent(found.fta)} %: {reasons}"
    yield ""
    yield f"one with one: {found.mated:,} mated and {found.non_mated:,} non-mated comparisons"
    yield f"  {'FMR':<8} {'threshold':<22} {'FNMR %':<20} {'GFRR %':<20}"
    for point in found.rates.points:
        figures = (_distance(point.threshold), _percent(point.fnmr), _percent(point.gfrr))
        yield f"  {point.fmr:<8g} {figures[0]:<22} {figures[1]:<20} {figures[2]:<20}{_doubt(point.carried)}"
    yield f"  EER {_percent(found.rates.eer)} %"
    if found.listed_matches is not None:
        shares = ", ".join(f"{100 * share:.3g}" for share in found.listed_matches)
        yield f"  of the list's non-mated pairs match at these thresholds: {shares} %"
    yield from _of_galleries(found.galleries)
    for size in found.galleries_left_out:
        yield f"  {size} people: left out, more than a third of those there are; too few would be strangers"
    if found.differences:
        yield from _of_groups(found.differences, [point.fmr for point in found.rates.points])
    yield ""
    held = [row.carried for gallery in found.galleries for row in gallery.held]
    if not all([*held, *(point.carried for point in found.rates.points)]):
        yield "?: fewer than 10 comparisons decide this figure; more people are wanted"
        yield ""


def _of_galleries(galleries: "Sequence[Gallery]") -> Iterator[str]:
    yield ""
    yield "one with many, enrolled with one picture; strangers are people who happen not to be enrolled"
    names = (f"{name:<20}" for name in ("FNIR %", "taken for another %", "ambiguous %"))
    yield f"  {'people':<7} {'FPIR':<6} {'threshold':<22} {' '.join(names)}"
    for gallery in galleries:
        for held in gallery.held:
            shares = (f"{_percent(rate):<20}" for rate in (held.fnir, held.misidentified, held.ambiguous))
            row = f"  {gallery.people:<7} {held.fpir:<6g} {_distance(held.threshold):<22} {' '.join(shares)}"
            yield row + _doubt(held.carried)
        yield f"  {gallery.people:<7} rank-1 {_percent(gallery.rank_1)} %"


def _of_groups(found: "Differences", fmrs: Sequence[float]) -> Iterator[str]:
    yield ""
    yield f"groups, at the thresholds of all; {found.unassigned} people belong to none"
    for group in found.groups:
        yield f"  {group.name}: {group.people} people, {group.mated:,} mated, {group.non_mated:,} non-mated comparisons"
        for fmr, missed, taken in zip(fmrs, group.fnmr, group.fmr, strict=True):
            yield f"    at {fmr:<8g} FNMR {_known(missed):<22} FMR {_known(taken)}"
    for fmr, missing, taking in zip(fmrs, found.fnmr, found.fmr, strict=True):
        yield f"  largest over smallest at {fmr:<8g} FNMR {_times(missing):<30} FMR {_times(taking)}"


def _percent(rate: "Rate") -> str:
    return f"{100 * rate.value:.3g} [{100 * rate.low:.3g}, {100 * rate.high:.3g}]"


def _distance(rate: "Rate") -> str:
    return f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _known(rate: "Rate | None") -> str:
    return "too few to say" if rate is None else f"{_percent(rate)} %"


def _times(ratio: "Ratio") -> str:
    chance = "" if ratio.by_chance is None else f" (by chance up to {ratio.by_chance:.2f})"
    return "too few to say" if ratio.value is None else f"{ratio.value:.2f} times{chance}"


def _doubt(carried: bool) -> str:
    return "" if carried else " ?"
