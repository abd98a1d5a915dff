"""From a picture to a probe: detect, align, judge the quality, embed the chip and its mirror image, average the two.

What differs between models stands in their cards: sizes, ranges, channels, anchors, where the face lies in the chip,
whether the mirror image is embedded too, and the metric.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from gatefw.biometrics import card as cards
from gatefw.biometrics.align import QUALITY, align
from gatefw.biometrics.detector import Detector, Face
from gatefw.biometrics.embedder import Embedder
from gatefw.biometrics.quality import Quality, measure, the_face
from gatefw.biometrics.runtime import Delegate, Maker, Network, Picture, Runtime, Vector
from gatefw.biometrics.template import Template
from gatefw.model import Reason

cv2.setNumThreads(1)  # the supervisor's process shares these cores, and a second thread gained nothing here


@dataclass(frozen=True, eq=False)
class Probe:
    """A face good enough to be compared: its template, what was measured of it, and where it stands in the picture."""

    template: Template
    quality: Quality
    face: Face


class Chain:
    """Two loaded models. To be called from one thread at a time."""

    def __init__(self, detector: Network, embedder: Network) -> None:
        """Raises ModelError: a model is not of the kind that is wanted, or its outputs are not what its card says."""
        self._detector, self._embedder = Detector(detector), Embedder(embedder)

    @classmethod
    def load(
        cls,
        models: Path,
        detector: str,
        embedder: str,
        runtime: Runtime,
        delegate: Delegate = Delegate.DEFAULT,
        *,
        calibrated: bool = True,
    ) -> "Chain":
        """The chain of two installed models by name. Raises ModelError: missing, altered, runtime not installed.

        An embedder that nobody measured yet is refused too, unless `calibrated` is False: who measures it wants it.
        """
        found = (cards.installed(models, name, calibrated=calibrated) for name in (detector, embedder))
        return cls(*(Network(card, path, runtime, delegate) for card, path in found))

    @property
    def embedder(self) -> Network:
        return self._embedder.network

    @property
    def maker(self) -> Maker:
        return self.embedder.maker

    def probe(self, rgb: Picture, judged: Callable[[Quality], None] = lambda _quality: None) -> Probe | Reason:
        """The probe of the one face in a picture (rows x columns x RGB, uint8), or why there is none.

        `judged` is told how good the face's picture is, also where that is not good enough.
        """
        face = the_face(self._detector.faces(rgb), rgb)
        if isinstance(face, Reason):
            return face
        quality, chip = self.judge(rgb, face)
        judged(quality)
        if quality.reason is not Reason.OK:
            return quality.reason
        return Probe(Template(self.embed(chip), self.maker), quality, face)

    def faces(self, rgb: Picture) -> list[Face]:
        """Every face in a picture, best score first."""
        return self._detector.faces(rgb)

    def judge(self, rgb: Picture, face: Face) -> tuple[Quality, Picture]:
        """The quality of a face, which is judged in a chip of its own, and the chip for the embedder."""
        chip, coverage = align(rgb, face, QUALITY)
        quality = measure(face, rgb, chip, coverage)
        return quality, chip if self._embedder.frame == QUALITY else self.align(rgb, face)[0]

    def align(self, rgb: Picture, face: Face) -> tuple[Picture, float]:
        """The face turned and scaled into the embedder's chip, and the share of the chip that lies in the picture."""
        return align(rgb, face, self._embedder.frame)

    def embed(self, chip: Picture, mirror: bool | None = None) -> Vector:
        """The vector of a chip; with its mirror image as the card says, or as `mirror` does. See `Embedder.embed`."""
        return self._embedder.embed(chip, mirror)
