"""What the vision process is told by the config; standard library only, so that reading a config loads no model."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """One camera: its name in events (`camera.inside`), its driver's name, and that driver's own `Settings`.

    codes: it looks for QR codes before the entry door, and its pictures are never compared: whoever stands there is not
    who stands between the doors.
    """

    name: str
    driver: str
    settings: object
    codes: bool = False


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """Paths are absolute.

    cameras: all of the lane; those that see faces hang at different heights, and the best picture of any counts.
    detector, embedder: names of installed models. runtime: "litert" or "tflite", delegate: "default" or "none"; there
    is no fall-back. fmr: a rate the embedder's card has a threshold for. mismatch_frames: so many good frames must
    disagree before the face counts as another one, each at least compare_every_s after the one before (a traveller who
    blinks does not stay like that); the false match rate of a whole verification is at most this many times `fmr`,
    however many cameras there are.
    """

    socket: Path
    models: Path
    gallery: Path
    key: Path
    cameras: tuple[CameraPlace, ...]
    detector: str = "blazeface-short-range-int8"
    embedder: str = "dlib-resnet-int8"
    runtime: str = "litert"
    delegate: str = "default"
    fmr: float = 1e-3
    mismatch_frames: int = 5
    compare_every_s: float = 0.25

    def having(self, codes: bool) -> tuple[CameraPlace, ...]:
        """The cameras that look for codes, or those that look for faces."""
        return tuple(camera for camera in self.cameras if camera.codes is codes)
