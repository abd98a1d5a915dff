"""From a frame to a decision, stage by stage: how long each part of the biometric chain takes.

Two kinds of pictures: one frame as the gate's camera gives it (640 x 480, a face half as high as the frame), and the
installed photographs that pass the quality limits, of up to some megapixels. `whole` is everything from the JPEG to the
outcome of the verification. Peers: a copy of the same picture in memory, and one plain `cv2.resize` of it to the
detector's 128 px.
"""

from collections.abc import Callable

import cv2
import numpy as np

from bench.harness import Row, rotate, row, timed
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.quality import measure, the_face
from gatefw.biometrics.runtime import Picture, Runtime
from gatefw.biometrics.sight import Rules
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import threshold_for
from gatefw.biometrics.verify import Outcome, Verification
from gatefw.state import state_dir
from hw.sim.frames import Camera, Scenes

ROUNDS = 30
DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"
STAGES = ("decode", "detect", "align", "quality", "embed", "mirror", "verify")
PEERS = ("copy", "resize")


def run(rounds: int) -> list[Row]:
    """A row for each stage of the frame and of the photographs. Raises ModelError when models are not installed."""
    chain = Chain.load(state_dir() / "models", DETECTOR, EMBEDDER, Runtime.LITERT)
    photos = state_dir() / "photos"
    enrolled = [_probe(chain, (photos / name).read_bytes()).template for name in ("obama.jpg", "obama3.jpg")]
    frame = Scenes(photos).message(Camera.LIVE, ("obama2.jpg",))[4:]
    files = [path.read_bytes() for path in sorted(photos.glob("*.jpg"))]
    usable = [jpeg for jpeg in files if isinstance(chain.probe(picture.decode(jpeg, "photo")), Probe)]
    return [
        *_rows(chain, "frame", [frame], enrolled, rounds),
        *_rows(chain, "photo", usable, enrolled, rounds, f"mean of {len(usable)}"),
    ]


def _rows(
    chain: Chain, kind: str, jpegs: list[bytes], enrolled: list[Template], rounds: int, note: str = ""
) -> list[Row]:
    each = [_subjects(chain, jpeg, enrolled) for jpeg in jpegs]
    subjects = {name: _mean([timed(calls[name]) for calls in each]) for name in (*PEERS, *STAGES, "whole")}
    samples = rotate({f"{kind} {name}": sample for name, sample in subjects.items()}, rounds)
    peers = tuple(f"{kind} {peer}" for peer in ("whole", "resize"))
    return [
        *(row(samples, f"{kind} {name}", "ms", 1e3, note=note) for name in PEERS),
        *(row(samples, f"{kind} {name}", "ms", 1e3, peers, note) for name in STAGES),
        row(samples, f"{kind} whole", "ms", 1e3, tuple(f"{kind} {peer}" for peer in PEERS), note),
    ]


def _subjects(chain: Chain, jpeg: bytes, enrolled: list[Template]) -> dict[str, Callable[[], object]]:
    """What is timed, for one picture; each stage is given what the one before it made."""
    rgb = picture.decode(jpeg, "bench")
    face = the_face(chain.faces(rgb), rgb)
    assert not isinstance(face, str)
    chip, coverage = chain.align(rgb, face)
    probe = _probe(chain, jpeg)

    def whole() -> object:
        return _verify(chain, chain.probe(picture.decode(jpeg, "bench")), enrolled)

    return {
        "copy": rgb.copy,
        "resize": lambda: cv2.resize(rgb, (128, 128), interpolation=cv2.INTER_AREA),
        "decode": lambda: picture.decode(jpeg, "bench"),
        "detect": lambda: the_face(chain.faces(rgb), rgb),
        "align": lambda: chain.align(rgb, face),
        "quality": lambda: measure(face, rgb, chip, coverage),
        "embed": lambda: chain.embedder.run(chip),
        "mirror": lambda: _mirror(chain, chip),
        "verify": lambda: _verify(chain, probe, enrolled),
        "whole": whole,
    }


def _mirror(chain: Chain, chip: Picture) -> object:
    """The second half of `Chain.embed`."""
    return chain.embedder.run(np.ascontiguousarray(chip[:, ::-1]))


def _verify(chain: Chain, probe: object, enrolled: list[Template]) -> Outcome:
    assert isinstance(probe, Probe)
    threshold = threshold_for(chain.embedder.card, 1e-3)
    outcome = Verification(enrolled, threshold, Rules(1, 0.0), 0.0, 1.0).seen(probe, 0.5, False)
    assert isinstance(outcome, Outcome)
    return outcome


def _probe(chain: Chain, jpeg: bytes) -> Probe:
    probe = chain.probe(picture.decode(jpeg, "bench"))
    assert isinstance(probe, Probe)
    return probe


def _mean(samples: list[Callable[[], float]]) -> Callable[[], float]:
    return lambda: sum(sample() for sample in samples) / len(samples)
