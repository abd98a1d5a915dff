"""What the vision process is told by the config; standard library only, so that reading a config loads no model."""

from dataclasses import dataclass
from pathlib import Path

from gatefw.keeping import FILES, Keeping


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """One camera: its name in events (`camera.inside`), its driver's name, and that driver's own `Settings`.

    codes: it looks for QR codes before the entry door, and its pictures are never compared: whoever stands there is not
    who stands between the doors. identify: it finds people by their face (1:N); it verifies nobody, unless the lane has
    no other camera for faces.
    """

    name: str
    driver: str
    settings: object
    codes: bool = False
    identify: bool = False


@dataclass(frozen=True, slots=True)
class Searched:
    """Whom a search may meet, and at which rates; see `[gallery]` and `[people]` in `config_tables`.

    partitions: patterns of names, none for all. frames: the best so many of one traveller are searched for together.
    outgrown: "close" or "finger": whether more people than `most` are searched.
    """

    most: int = 1
    fpir: float = 0.01
    fnir: float = 0.35
    frames: int = 3
    partitions: tuple[str, ...] = ()
    outgrown: str = "close"


@dataclass(frozen=True, slots=True)
class VisionSettings:
    """Paths are absolute.

    cameras: all of the lane; those that see faces hang at different heights, and the best picture of any counts.
    detector, embedder: names of installed models. runtime: "litert" or "tflite", delegate: "default" or "none"; there
    is no fall-back. fmr: a rate the embedder's card has a threshold for. mismatch_frames: so many good frames must
    disagree before the face counts as another one, each at least compare_every_s after the one before (a traveller who
    blinks does not stay like that); the false match rate of a whole verification is at most this many times `fmr`,
    however many cameras there are. searched: for the camera that identifies.
    require_liveness: every face is judged by the model `pad` before it is compared (`liveness`).
    twice_most: among so many people at most an enrolment asks whose face is enrolled already. The strictest threshold
    has an FMR of 1e-4: among more than 1,000, every tenth traveller would have a stranger's name, and an officer who is
    told so all day looks no more. reversed: the cameras are those of the lane the other way round. mirror: the
    socket on which the traveller's screen is given pictures (`vision_mirror`); None for a lane without.
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
    searched: Searched = Searched()
    twice_most: int = 1000
    require_liveness: bool = False
    pad: str = ""
    reversed: bool = False
    mirror: Path | None = None
    keeping: Keeping = FILES

    def having(self, codes: bool) -> tuple[CameraPlace, ...]:
        """The cameras that look for codes, or those that look for faces."""
        return tuple(camera for camera in self.cameras if camera.codes is codes)

    @property
    def identifying(self) -> tuple[CameraPlace, ...]:
        """The camera that finds people by their face, or none."""
        return tuple(camera for camera in self.cameras if camera.identify)

    @property
    def verifying(self) -> tuple[CameraPlace, ...]:
        """The cameras that compare one face with one person: those between the doors, or a lane's only one."""
        faces = self.having(codes=False)
        return tuple(camera for camera in faces if not camera.identify) or faces
