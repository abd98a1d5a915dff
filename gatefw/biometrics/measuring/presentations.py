"""Checks of landmarks over frames, and how they fare on bona fide presentations and on attacks (ISO/IEC 30107-3).

    APCER   of one species of attack: the share of its presentations that was classified as bona fide
    BPCER   the share of bona fide presentations that was classified as an attack
    APNRR, BPNRR   the share that was classified as neither: no face was seen in half of the frames
    check   blink and turn: `challenge`; planarity: `motion`; then two of them together, and all three

A presentation without a response is refused: it counts as an attack in BPCER, and not as bona fide in APCER.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatefw.biometrics import picture
from gatefw.biometrics.detector import Detector, Face
from gatefw.biometrics.landmarks import PRESENCE_MIN, Landmarker, Numbers
from gatefw.biometrics.measuring.attacks import SPECIES, Person, bona_fide
from gatefw.biometrics.measuring.challenge import Act, Challenge, step
from gatefw.biometrics.measuring.motion import RELIEF_MIN, planarity, pose
from gatefw.biometrics.quality import the_face
from gatefw.biometrics.runtime import Picture
from gatefw.errors import Refusal
from gatefw.model import Reason

CHECKS = ("blink", "turn", "planarity", "turn_and_planarity", "together")
BONA_FIDE = "bona_fide"
FRAME_S = 0.2
PHOTOGRAPHS_MOST = 12
"""Of one person: more are not looked at."""
STRAIGHT, TURNED = 0.12, 0.25
"""How far the detector's nose stands beside the middle of its eyes, in eye distances, in the two photographs."""


@dataclass(frozen=True, eq=False)
class Seeing:
    """What looks at frames: detector and landmarks."""

    detector: Detector
    landmarker: Landmarker

    def points(self, rgb: Picture) -> Numbers | None:
        """The landmarks of the one face of a frame, None without one."""
        face = the_face(self.detector.faces(rgb), rgb)
        if isinstance(face, Reason):
            return None
        found = self.landmarker.find(rgb, face)
        return found.points if found.presence >= PRESENCE_MIN else None

    def turn(self, rgb: Picture) -> float | None:
        """How far the head is turned by the detector's own points: the landmarks are not asked which pictures fit."""
        face = the_face(self.detector.faces(rgb), rgb)
        return None if isinstance(face, Reason) else _turn(face)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which checks one presentation passed; no response: none of them."""

    responded: bool
    blink: bool
    turn: bool
    planarity: bool
    relief: float | None

    @property
    def turn_and_planarity(self) -> bool:
        return self.turn and self.planarity

    @property
    def together(self) -> bool:
        return self.blink and self.turn and self.planarity


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `presentations`, as a share with its 95 % interval (Wilson)."""

    count: int
    presentations: int

    @property
    def share(self) -> float:
        return self.count / self.presentations if self.presentations else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        if not self.presentations:
            return 0.0, 1.0
        n, z = self.presentations, 1.96
        middle = (self.share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(self.share * (1 - self.share) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


def judged(frames: Sequence[Picture], asked: Act, seeing: Seeing) -> Verdict:
    """One presentation: what is seen of it, frame by frame, against a blink, a turn to the asked side, and a plane."""
    points = [seeing.points(rgb) for rgb in frames]
    found = [each for each in points if each is not None]
    if 2 * len(found) < len(frames):
        return Verdict(False, False, False, False, None)
    relief = planarity(found)
    return Verdict(
        responded=True,
        blink=_passes(Act.BLINK, points),
        turn=_passes(asked, points),
        planarity=relief is not None and relief >= RELIEF_MIN,
        relief=relief,
    )


def people(folder: Path, most: int, seeing: Seeing, seed: int, tell: Callable[[str], None]) -> Iterator[Person]:
    """Up to `most` drawn people with a straight and a turned photograph in DIR/identity/picture, one after the other.

    Each borrows the eyes of the one before, the first those of the last one looked for.
    """
    draws = np.random.default_rng(seed)
    found = list[tuple[Picture, Numbers, Picture, Act]]()
    folders = sorted(each for each in folder.iterdir() if each.is_dir())
    for number, place in enumerate(draws.permutation(len(folders))):
        tell(f"looking for a straight and a turned photograph of each: {len(found)} of {number} people have them")
        if (pair := _pair(folders[place], seeing)) is not None:
            found.append(pair)
        if len(found) == most:
            break
    if len(found) < 2:
        return
    for number, (straight, points, turned, side) in enumerate(found):
        other, other_points, *_ = found[number - 1]
        asked = (Act.LEFT, Act.RIGHT)[draws.integers(2)]
        yield Person(straight, points, turned, side, asked, other, other_points)


def measured(who: Sequence[Person], seeing: Seeing, seed: int, tell: Callable[[str], None]) -> dict[str, list[Verdict]]:
    """One presentation of every kind of every person: bona fide, then each species."""
    draws = np.random.default_rng(seed)
    verdicts: dict[str, list[Verdict]] = {BONA_FIDE: [], **{name: [] for name in SPECIES}}
    for number, person in enumerate(who, 1):
        tell(f"presentations: {number} of {len(who)} people")
        verdicts[BONA_FIDE].append(judged(bona_fide(person, draws), person.turned_to, seeing))
        for name, attack in SPECIES.items():
            verdicts[name].append(judged(attack(person, draws), person.asked, seeing))
    return verdicts


def errors(verdicts: Sequence[Verdict], check: str, attack: bool) -> Share:
    """APCER of an attack's verdicts, BPCER of bona fide ones, for one of CHECKS."""
    passed = sum(bool(getattr(verdict, check)) for verdict in verdicts)
    return Share(passed if attack else len(verdicts) - passed, len(verdicts))


def non_responses(verdicts: Sequence[Verdict]) -> Share:
    """APNRR or BPNRR."""
    return Share(sum(not verdict.responded for verdict in verdicts), len(verdicts))


def _passes(act: Act, points: Sequence[Numbers | None]) -> bool:
    challenge = Challenge((act,), deadline_s=FRAME_S * (len(points) + 1))
    for number, each in enumerate(points):
        challenge = step(challenge, None if each is None else pose(each), number * FRAME_S)
    return challenge.done


def _pair(folder: Path, seeing: Seeing) -> tuple[Picture, Numbers, Picture, Act] | None:
    """A person's straightest photograph with its landmarks, and the one that is turned most."""
    turns = list[tuple[float, Picture]]()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for path in paths[:PHOTOGRAPHS_MOST]:
        try:
            rgb = picture.load(path)
        except Refusal:
            continue
        if (turn := seeing.turn(rgb)) is not None:
            turns.append((turn, rgb))
    if len(turns) < 2:
        return None
    (least, straight), (most, turned) = (choose(turns, key=lambda each: abs(each[0])) for choose in (min, max))
    points = seeing.points(straight)
    if abs(least) > STRAIGHT or abs(most) < TURNED or points is None:
        return None
    return straight, points, turned, Act.LEFT if most > 0 else Act.RIGHT


def _turn(face: Face) -> float:
    across = (face.left_eye - face.right_eye) / face.eye_distance_px
    return float((face.nose - (face.left_eye + face.right_eye) / 2) @ across / face.eye_distance_px)
