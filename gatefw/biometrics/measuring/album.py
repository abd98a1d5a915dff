"""Photographs of a folder, each through the real chain: what there is to compare. People are numbers, names stay there.

    DIR/identity/picture.jpg   also .jpeg and .png
    DIR/groups.csv             if there is one: identity,group, a line each; whom it leaves out belongs to no group

All of it stays in memory.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.runtime import Picture
from gatefw.biometrics.template import Template
from gatefw.errors import Refusal, SetupError
from gatefw.model import Reason

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
GROUPS = "groups.csv"

Look = Callable[[Picture], Probe | Reason]


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """One picture of person number `person`: what the chain made of it, or why it made nothing."""

    person: int
    probe: Probe | Reason
    path: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class Album:
    """The pictures of a folder, in the order of people. unreadable: files that are no picture, which count nowhere.

    groups: of each person, or empty when the folder knows no groups.
    """

    shots: tuple[Shot, ...]
    people: int
    unreadable: int = 0
    groups: tuple[str | None, ...] = ()

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Of every shot, a row of NaN where there is no template."""
        found = [shot.probe.template.vector for shot in self.shots if isinstance(shot.probe, Probe)]
        vectors = np.full((len(self.shots), len(found[0]) if found else 1), np.nan, np.float32)
        if found:
            vectors[[isinstance(shot.probe, Probe) for shot in self.shots]] = found
        return vectors

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """What every shot weighs in a fused probe, 0..1; 0 where there is no template."""
        return np.array([shot.probe.quality.weight if isinstance(shot.probe, Probe) else 0.0 for shot in self.shots])

    def of_people(self, lost: bool = False) -> list[list[int]]:
        """The shots of every person, by number; those without a template only when `lost` ones are wanted too."""
        shots: list[list[int]] = [[] for _ in range(self.people)]
        for number, shot in enumerate(self.shots):
            if lost or isinstance(shot.probe, Probe):
                shots[shot.person].append(number)
        return shots


def collect(look: Look, folder: Path, told: Callable[[int, int], None] = lambda _done, _of: None) -> Album:
    """Every picture of `folder` through `look`: `chain.probe` as in a lane, or `central(chain)`.

    told: how many are done, of how many. Raises SetupError: no directory, not readable, nobody in it, a wrong
    groups.csv.
    """
    if not folder.is_dir():
        raise SetupError(f"{folder}: no directory; name one with a folder of pictures for each person")
    found = _pictures(folder)
    if not found:
        raise SetupError(f"{folder}: nobody is in it; a folder of pictures (.jpg, .png) for each person is wanted")
    groups, of = _groups(folder, [pictures[0].parent.name for pictures in found]), sum(map(len, found))
    shots: list[Shot] = []
    unreadable = 0
    for person, pictures in enumerate(found):
        for path in pictures:
            told(len(shots) + unreadable, of)
            try:
                rgb = picture.load(path)
            except Refusal:
                unreadable += 1
            else:
                shots.append(Shot(person, look(rgb), path.relative_to(folder).as_posix()))
    return Album(tuple(shots), len(found), unreadable, groups)


def central(chain: Chain) -> Look:
    """A look at the face that a press photograph is about, good or not, where the lane wants exactly one good face.

    So published figures of embedders are measured. About: near the middle and large; only NO_FACE is left as a reason.
    """

    def look(rgb: Picture) -> Probe | Reason:
        faces = chain.faces(rgb)
        if not faces:
            return Reason.NO_FACE
        middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2
        boxes = [face.box.reshape(2, 2) for face in faces]
        beside = [float(np.linalg.norm(box.mean(0) - middle) - 0.2 * (box[1] - box[0])[0]) for box in boxes]
        face = faces[beside.index(min(beside))]
        quality, chip = chain.judge(rgb, face)
        return Probe(Template(chain.embed(chip), chain.maker), quality, face)

    return look


def _pictures(folder: Path) -> list[list[Path]]:
    """Of everyone who has any."""
    try:
        homes = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        found = [sorted(each for each in home.iterdir() if _is_picture(each)) for home in homes]
    except OSError as error:
        raise SetupError(f"{folder}: a folder in it cannot be read: {error.strerror}; correct its owner") from None
    return [pictures for pictures in found if pictures]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _groups(folder: Path, names: Sequence[str]) -> tuple[str | None, ...]:
    path = folder / GROUPS
    if not path.exists():
        return ()
    people, groups = {name: number for number, name in enumerate(names)}, dict.fromkeys(range(len(names)), "")
    for line, row in rows(path, ("identity", "group")):
        if row["identity"] not in people or not row["group"] or groups[people[row["identity"]]]:
            raise SetupError(f"{path}, line {line}: a person of this folder, once, and a group are wanted; correct it")
        groups[people[row["identity"]]] = row["group"]
    return tuple(groups[person] or None for person in range(len(names)))


def rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a CSV file with their numbers, of these columns. Raises SetupError: not there, no such column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            if missing := [column for column in columns if column not in (lines.fieldnames or ())]:
                raise SetupError(f"{path}: its first line has no {missing[0]!r}; {','.join(columns)} are wanted there")
            return [(lines.line_num, {column: (line[column] or "").strip() for column in columns}) for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{path}: cannot be read as CSV: {error}") from error
