"""Model cards: what a model is, where it comes from, under which terms, how well it does and who measured that.

A card ships with the package (`gatefw/data/models/NAME.toml`). `gatefw models install` writes a copy beside the model
file it made, with that file's own hash in it; what runs is always a card and a file that agree.
"""

import hashlib
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gatefw.errors import ModelError

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "models"

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
class Alignment:
    """Where points of the face lie in the chip, px. Right and left are the person's own; the nose is its tip."""

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


@dataclass(frozen=True, slots=True)
class Tail:
    """How near strangers come: the lower tail of non-mated distances, a generalised Pareto distribution.

    Of a probe fused from `frames` frames against a reference fused from `templates`: the share of comparisons at or
    below a distance t < `at` is share * (1 + shape * (at - t) / scale) ** (-1 / shape), exp() for a shape of 0; none
    where the bracket is not positive. replicates: (share, shape, scale) of so many bootstraps over people, from which
    every interval follows.
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

    Attacks score below `threshold`. bpcer: share of bona fide presentations that were refused, 0..1.
    """

    evaluated: Literal["independently", "by us, on simulated attacks"]
    evaluator: str
    threshold: float
    bpcer: float
    attack: tuple[Attack, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One model. `alignment`, `threshold`, `tail` and `mated` belong to embedders alone, `pad` to detectors of attacks.

    metric: "cosine" embedders' vectors are scaled to length 1, so that every distance is L2. mirror: the embedding is
    the mean of the chip's and of its mirror image's. source: None for a file an operator brought.
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
    metric: Literal["l2", "cosine"] = "l2"
    mirror: bool = True
    alignment: Alignment | None = None
    threshold: tuple[Threshold, ...] = ()
    tail: tuple[Tail, ...] = ()
    mated: tuple[Mated, ...] = ()
    measured: Measured | None = None
    pad: Pad | None = None


def read(path: Path) -> Card:
    """The card in a TOML file. Raises ModelError: not there, not TOML, an unknown or missing key, a wrong value."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"model card {path}: not there; run `gatefw models install`") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"model card {path}: cannot be read: {error}; run `gatefw models install`") from error
    card: Card = _build(Card, table, f"model card {path}")
    if Path(card.file).name != card.file or not card.file:
        raise ModelError(f"model card {path}: file {card.file!r} is not a file name")
    if (card.kind == "embed") != (card.alignment is not None) or (card.kind == "embed") != bool(card.threshold):
        raise ModelError(f"model card {path}: an embedder, and nothing else, has [alignment] and [[threshold]]")
    if (card.kind == "pad") != (card.pad is not None):
        raise ModelError(f"model card {path}: a detector of attacks, and nothing else, has [pad]")
    return card


def shipped() -> tuple[Card, ...]:
    """The cards of the models that `gatefw models install` makes, in the order of their names."""
    return tuple(read(path) for path in sorted(SHIPPED.glob("*.toml")))


def installed(models: Path, name: str) -> tuple[Card, Path]:
    """A model's card and file out of the models directory, the file's SHA-256 just checked.

    Raises ModelError when either is missing or they do not belong together: an altered model compares faces by rules
    nobody measured.
    """
    if "/" in name or name.startswith("."):
        raise ModelError(f"model {name!r}: a model's name is a card's file name, without a directory")
    card = read(models / f"{name}.toml")
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


def _build(kind: Any, value: Any, where: str) -> Any:
    """`value` out of TOML as the type `kind`: exactly its keys, exactly its kinds of value."""
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ModelError(f"{where}: {value!r} is not a table")
        return _record(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _build(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        each = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        if len(each) == len(value):
            return tuple(_build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(each, value, strict=True)))
    if origin is Literal and value in arguments:
        return value
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    raise ModelError(f"{where}: {value!r} is not what belongs there ({kind})")


def _record(kind: Any, table: Mapping[str, Any], where: str) -> Any:
    kinds = get_type_hints(kind)
    if unknown := sorted(set(table) - set(kinds)):
        raise ModelError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(kinds)}")
    for field in fields(kind):
        if field.name not in table and field.default is MISSING:
            raise ModelError(f"{where}: key {field.name!r} is missing")
    return kind(**{name: _build(kinds[name], value, f"{where}: {name}") for name, value in table.items()})
