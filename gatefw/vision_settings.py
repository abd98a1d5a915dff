"""What the vision process is told by the config; standard library only, so that reading a config loads no model."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """Paths are absolute. `camera` is a driver's name, `camera_settings` its own `Settings`.

    detector, embedder: names of installed models. runtime: "litert" or "tflite", delegate: "default" or "none"; there
    is no fall-back. fmr: a rate the embedder's card has a threshold for. mismatch_frames: so many good frames must
    disagree before the face counts as another one, each at least compare_every_s after the one before (a traveller who
    blinks does not stay like that); the false match rate of a whole verification is at most this many times `fmr`.
    """

    socket: Path
    models: Path
    gallery: Path
    key: Path
    camera: str
    camera_settings: object
    detector: str = "blazeface-short-range-int8"
    embedder: str = "dlib-resnet-int8"
    runtime: str = "litert"
    delegate: str = "default"
    fmr: float = 1e-3
    mismatch_frames: int = 5
    compare_every_s: float = 0.25
