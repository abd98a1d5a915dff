"""What a lane's faces come to: travellers and impostors through the real chain, at the threshold its gallery demands.

    python -m bench.lane_chain --faces DIR [--most N ...] [--fpir X] [--fnir X] [--travellers N] [--seeds N]

DIR has a folder of photographs for each person, and stands nowhere in this project. Of each size of gallery: who was
missed, who was misidentified, which strangers were found, and the same faces compared one with one (1:1). The last line
is JSON.

Seen in November 2026 on 1,426 people of press photographs, 50 travellers (three templates, and one, two or more
further photographs, shown again where there are fewer than three) and 50 impostors, four draws, at an FPIR of
0.01: among 50 people 197 of 200 travellers were found (1 missed, 2 ambiguous) and 0 of 200 strangers, among 100 194
(3, 3) and 2, among 200 189 (7, 4) and 0; nobody was misidentified. With the mean of distances at the card's 1:1 rows,
as it was before, 182 (17, 1) and 0, 181 (17, 2) and 1, and no threshold for 200.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.real_matcher import RealMatcher
from gatefw.biometrics.runtime import Runtime
from gatefw.errors import GateError
from gatefw.model import Answer, FaceCompared, FaceIdentified, Failed, Reason
from gatefw.state import state_dir
from gatefw.vision_settings import Searched

ENDS = (
    "found",
    "missed",
    "ambiguous",
    "misidentified",
    "strangers found",
    "missed 1:1",
    "strangers matched 1:1",
)
"""What may come of travellers and strangers. Misidentified: an enrolled one was taken for another who is enrolled."""
MODELS = ("blazeface-short-range-int8", "dlib-resnet-int8")


def measured(matcher: RealMatcher) -> Counter[str]:
    """How many of the matcher's people came to which end."""
    counted: Counter[str] = Counter()
    for person in matcher.travellers:
        found = matcher.identify(person.probes)
        if isinstance(found, FaceIdentified):
            counted["found" if found.subject == person.subject else "misidentified"] += 1
        else:
            counted["ambiguous" if found == Failed(Reason.AMBIGUOUS) else "missed"] += 1
        counted["missed 1:1"] += not _matched(matcher.verify(person.subject, person.probes))
    for person, victim in zip(matcher.impostors, matcher.travellers, strict=False):
        counted["strangers found"] += isinstance(matcher.identify(person.probes), FaceIdentified)
        counted["strangers matched 1:1"] += _matched(matcher.verify(victim.subject, person.probes))
    return counted


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.lane_chain", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--faces", type=Path, required=True, help="a folder with a folder of photographs a person")
    parser.add_argument("--most", type=int, nargs="+", default=[50, 100, 200], help="sizes of gallery")
    parser.add_argument("--fpir", type=float, default=0.01)
    parser.add_argument("--fnir", type=float, default=0.2)
    parser.add_argument("--travellers", type=int, default=50, help="so many impostors come as well")
    parser.add_argument("--seeds", type=int, default=1, help="so many draws of people")
    options = parser.parse_args(arguments)
    try:
        chain = Chain.load(state_dir() / "models", *MODELS, Runtime.LITERT)
        told = [_measured(chain, options, Searched(most, options.fpir, options.fnir)) for most in options.most]
    except GateError as error:
        print(f"lane_chain: {error}", file=sys.stderr)
        return 2
    print(json.dumps(told))
    return 0


def _measured(chain: Chain, options: argparse.Namespace, searched: Searched) -> dict[str, object]:
    """Print what came of one size of gallery, and return it; a size that the model cannot hold has its `error`."""
    counted: Counter[str] = Counter()
    try:
        for seed in range(options.seeds):
            matcher = RealMatcher(chain, options.faces, seed + 1, options.travellers, options.travellers, searched)
            counted += measured(matcher)
    except GateError as error:
        print(f"gallery {searched.most}: {error}")
        return {"gallery": searched.most, "error": str(error)}
    threshold = matcher.search
    assert threshold is not None
    comers = options.travellers * options.seeds
    print(
        f"gallery {searched.most}, FPIR at most {searched.fpir:g}: of one template within {threshold.distance:.3f}, "
        f"expected FNIR {threshold.fnmr:.1%}; of {comers} travellers and as many strangers:"
    )
    for what in ENDS:
        print(f"  {what:<24}{counted[what]:>6}{counted[what] / comers:>8.1%}", flush=True)
    return {
        "gallery": searched.most,
        "fpir": searched.fpir,
        "comers": comers,
        **{what.replace(" ", "_"): counted[what] for what in ENDS},
    }


def _matched(answer: Answer) -> bool:
    return isinstance(answer, FaceCompared) and answer.matched


if __name__ == "__main__":
    sys.exit(main())
