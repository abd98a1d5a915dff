"""From a frame to a decision in galleries of 100,000 and a million: what the search adds to the face.

    python -m bench.search_decision [--people 100000 1000000] [--rounds N] [--json]

`frame` is one picture of the gate's camera (640 x 480) decoded, detected, aligned, judged and embedded; `search` is
`Search.candidates` as the vision process calls it, `scan` the index alone, `whole` frame and search together. The
gallery is the drawn set (`bench.search_sets`), one template a person, in memory: its chunks are made anew for everybody
who comes near, where a real one is unsealed. Who is looked for are the set's probes, since the face in the frame has no
place among people who were drawn.
"""

import argparse
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence

from bench.harness import Row, rotate, row, table, timed
from bench.search import processor
from bench.search_sets import MODELS, THRESHOLDS, Faces, drawn
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.gallery_chunk import CHUNK_PEOPLE, Chunk, Member, Place
from gatefw.biometrics.index import Index
from gatefw.biometrics.runtime import Maker, Runtime
from gatefw.biometrics.scale import Scale
from gatefw.biometrics.search import Search
from gatefw.biometrics.template import Template
from gatefw.cli.command import progress
from gatefw.errors import GateError
from gatefw.model import Reason, SubjectId
from gatefw.state import state_dir
from hw.sim.frames import Camera, Scenes

ROUNDS = 20
REACH = THRESHOLDS[-1]
NEVER = 4e9
PARTITION = "bench"


class Unsealed:
    """A gallery of drawn people in memory (`search.Enrolled`)."""

    def __init__(self, faces: Faces, maker: Maker) -> None:
        self._vectors, self._maker = faces.vectors, maker

    def generation(self) -> object:
        return 1

    def places(self, _now: float, _patterns: Sequence[str], /) -> Iterable[Place]:
        count = len(self._vectors)
        for number, begin in enumerate(range(0, count, CHUNK_PEOPLE)):
            yield Place(number, 1, PARTITION, min(CHUNK_PEOPLE, count - begin), NEVER)

    def opened(self, place: Place, /) -> Chunk:
        begin = place.number * CHUNK_PEOPLE
        return Chunk.of([self._member(at) for at in range(begin, begin + place.people)])

    def get(self, subject: SubjectId, _now: float, /) -> tuple[Template, ...] | Reason:
        return self._member(int(subject)).templates

    def _member(self, at: int) -> Member:
        return Member(SubjectId(f"{at:08}"), NEVER, (Template(self._vectors[at], self._maker),))


def run(people: int, rounds: int, tell: Callable[[str], None]) -> tuple[list[Row], str]:
    """A row for each part, and the path of the kernel. Raises ModelError when models are not installed."""
    chain = Chain.load(state_dir() / "models", *MODELS, Runtime.LITERT)
    jpeg = Scenes(state_dir() / "photos").message(Camera.LIVE, ("obama2.jpg",))[4:]
    tell(f"drawing {people} people")
    faces = drawn(people)
    made: list[Index] = []

    def index(dim: int, scale: Scale) -> Index:
        made.append(Index(dim, scale, room=people))
        return made[-1]

    search = Search(Unsealed(faces, chain.maker), chain.maker, (), people, lambda: 0.0, index)
    tell(f"loading {people} people")
    assert search.people == people
    probes = [Template(vector, chain.maker) for vector in faces.probes]
    turns = itertools.cycle(probes)

    def frame() -> None:
        assert isinstance(chain.probe(picture.decode(jpeg, "bench")), Probe)

    def candidates() -> None:
        search.candidates(next(turns), lambda _templates: REACH)

    def scan() -> None:
        made[-1].within(next(turns).vector, REACH)

    def whole() -> None:
        frame()
        candidates()

    tell(f"measuring among {people}")
    calls = {"frame": frame, "scan": scan, "search": candidates, "whole": whole}
    samples = rotate({name: timed(call, 1) for name, call in calls.items()}, rounds)
    rows = [row(samples, name, "ms", 1e3, ("search", "frame")) for name in calls]
    path = made[-1].path
    search.close()
    return rows, path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.search_decision",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--people", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes of gallery")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="nothing but the line of JSON")
    options = parser.parse_args(arguments)
    result: dict[str, object] = {"processor": processor(), "rounds": options.rounds, "reach": REACH}
    try:
        for people in options.people:
            with progress(sys.stderr) as tell:
                rows, path = run(people, options.rounds, tell)
            if not options.json:
                load = os.getloadavg()[0]
                print(table(f"among {people}, {path}, {options.rounds} rounds; load {load:.1f}", rows), flush=True)
            medians = {f"{each.name}_ms": round(each.median, 3) for each in rows}
            result[str(people)] = medians | {"whole_vs_search": round(rows[-1].ratios["search"], 2), "path": path}
    except (GateError, OSError) as error:
        print(f"search_decision: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
