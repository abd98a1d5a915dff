"""Presentation attacks made of photographs, in memory: what a camera would see of a print, a phone, cut-out eyes.

Simulated: there is no paper, no screen, no lens and no light here, only what a homography, a blend and a pattern make
of a picture. A check that takes one of these for alive may well take a real one; one that finds all of them out has
proved nothing about a real one. Pictures are rows x columns x RGB, uint8; every draw comes from a generator handed in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.landmarks import Numbers
from gatefw.biometrics.measuring.challenge import Act
from gatefw.biometrics.measuring.motion import LEFT_EYE, RIGHT_EYE
from gatefw.biometrics.runtime import Picture

CANVAS_PX = 320
"""Side of the square that the camera sees."""
SHOWN = 0.95
"""How much of it the photograph fills when it is held straight."""
BLINK = (0.0, 0.5, 1.0, 0.5, 0.0)
"""How far the lids are down, frame by frame."""
LASHES = 0.12
"""Width of the dark edge of a lid, in halves of the eye's width."""
TILTS_DEG = (0.0, 15.0, 30.0, 40.0, 20.0, 0.0)
Draws = np.random.Generator


@dataclass(frozen=True, eq=False)
class Person:
    """Two photographs of one person, and of another whose eyes are borrowed; with the landmarks where they are needed.

    asked: to which side the lane asks to turn. turned_to: the side that the second photograph happens to show.
    """

    straight: Picture
    straight_points: Numbers
    turned: Picture
    turned_to: Act
    asked: Act
    other: Picture
    other_points: Numbers


def bona_fide(person: Person, draws: Draws) -> list[Picture]:
    """The person's photographs, one after the other, moved a little as by a hand-held camera; the blink is drawn."""
    return [_filmed(frame, _held(frame, draws), draws) for frame in _lively(person)]


def printed(person: Person, draws: Draws) -> list[Picture]:
    """A print of one photograph, moved before the camera without being tilted."""
    paper = _on_paper(person.straight, draws)
    return [_filmed(paper, _held(paper, draws, 0.05), draws) for _ in range(6)]


def tilted_print(person: Person, draws: Draws) -> list[Picture]:
    """The same print, tilted to the side that is asked for and back."""
    paper = _on_paper(person.straight, draws)
    return [_filmed(paper, _held(paper, draws, 0.02, tilt), draws) for tilt in _tilts(person.asked)]


def replayed_photograph(person: Person, draws: Draws) -> list[Picture]:
    """One photograph on a telephone, tilted as the print."""
    screen = person.straight
    tilts = _tilts(person.asked)
    return [_moire(_filmed(screen, _held(screen, draws, 0.02, tilt), draws), draws) for tilt in tilts]


def replayed_film(person: Person, draws: Draws) -> list[Picture]:
    """A film of the person who blinks and turns, on a telephone that is held still."""
    return [_moire(_filmed(frame, _held(frame, draws, 0.01), draws), draws) for frame in _lively(person)]


def cut_out_eyes(person: Person, draws: Draws) -> list[Picture]:
    """A print with holes for eyes; behind it another person, who blinks. It is tilted to the side that is asked for."""
    paper = _on_paper(person.straight, draws)
    shown = [(lids, 0.0) for lids in BLINK] + [(0.0, tilt) for tilt in _tilts(person.asked)]
    frames = []
    for lids, tilt in shown:
        behind = blinked(person.other, person.other_points, lids)
        mask = _with_eyes(paper, person.straight_points, behind, person.other_points)
        frames.append(_filmed(mask, _held(mask, draws, 0.01, tilt), draws))
    return frames


SPECIES: dict[str, Callable[[Person, Draws], list[Picture]]] = {
    "print": printed,
    "tilted_print": tilted_print,
    "replayed_photograph": replayed_photograph,
    "replayed_film": replayed_film,
    "cut_out_eyes": cut_out_eyes,
}


def blinked(rgb: Picture, points: Numbers, lids: float) -> Picture:
    """The picture with the upper lids so far down, 0..1: drawn with the skin below each eye, lashes at the edge."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
    taken_x, taken_y, shade = x.copy(), y.copy(), np.ones_like(x)
    for eye in (RIGHT_EYE, LEFT_EYE):
        frame = _EyeFrame.of(points, eye)
        along, down = frame.places(x, y)
        arch = np.clip(1.1 - along**2, 0, None)
        upper, lower = -(frame.above + LASHES) * arch, (frame.below + LASHES) * arch
        lid = upper + lids * (lower - upper)
        covered = (abs(along) < 1.05) & (down > upper) & (down < lid)
        shift = np.where(covered, lower + 0.15 + (lower - down) * 0.8 - down, 0.0)
        taken_x += shift * frame.down[0]
        taken_y += shift * frame.down[1]
        shade[covered & (lid - down < LASHES)] = 0.5
    skin = cv2.remap(rgb, taken_x.astype(np.float32), taken_y.astype(np.float32), cv2.INTER_LINEAR)
    return _clipped(skin * shade[:, :, None])


@dataclass(frozen=True, eq=False)
class _EyeFrame:
    """An eye's own axes: `right` and `down` are half the eye's width long, px; above, below: the lids, in that unit."""

    middle: Numbers
    right: Numbers
    down: Numbers
    above: float
    below: float

    @classmethod
    def of(cls, points: Numbers, eye: Sequence[int]) -> "_EyeFrame":
        corners = points[[eye[0], eye[3]]]
        middle, right = corners.mean(0), (corners[1] - corners[0]) / 2
        down = np.array([-right[1], right[0]])
        unit = float(right @ right)
        upper, lower = points[[eye[1], eye[2]]].mean(0) - middle, points[[eye[4], eye[5]]].mean(0) - middle
        return cls(middle, right, down, max(0.05, -float(upper @ down) / unit), max(0.05, float(lower @ down) / unit))

    def places(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        unit = float(self.right @ self.right)
        dx, dy = x - self.middle[0], y - self.middle[1]
        return (dx * self.right[0] + dy * self.right[1]) / unit, (dx * self.down[0] + dy * self.down[1]) / unit


def _lively(person: Person) -> Iterator[Picture]:
    for lids in BLINK:
        yield blinked(person.straight, person.straight_points, lids)
    yield from (person.straight, person.turned, person.turned, person.straight)


def _with_eyes(paper: Picture, points: Numbers, behind: Picture, behind_points: Numbers) -> Picture:
    """The paper with another's eyes where its own were cut out."""
    mask = paper.copy()
    height, width = paper.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
    for eye in (RIGHT_EYE, LEFT_EYE):
        hole, seen = _EyeFrame.of(points, eye), _EyeFrame.of(behind_points, eye)
        matrix = np.stack([hole.right, hole.down], 1) @ np.linalg.inv(np.stack([seen.right, seen.down], 1))
        moved = np.hstack([matrix, (hole.middle - matrix @ seen.middle)[:, None]])
        there = cv2.warpAffine(behind, moved, (width, height), borderMode=cv2.BORDER_REPLICATE)
        along, down = hole.places(x, y)
        cut = (along / 1.1) ** 2 + (down / 0.6) ** 2 < 1
        mask[cut] = there[cut]
    return mask


def _on_paper(rgb: Picture, draws: Draws) -> Picture:
    """Less contrast and colour than the photograph, and the dots of the press."""
    real = rgb.astype(float)
    grey = real.mean(2, keepdims=True)
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]]
    period, angle = draws.uniform(2.5, 4.0), draws.uniform(0, np.pi)
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    dots = np.cos(2 * np.pi * across / period) * np.cos(2 * np.pi * along / period)
    return _clipped((grey + 0.8 * (real - grey)) * 0.8 + 28 + 6 * dots[:, :, None])


def _moire(rgb: Picture, draws: Draws) -> Picture:
    """The beat of a screen's grid with the sensor's, in each colour another, and a screen's light."""
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]].astype(np.float32)
    rows, phases = draws.uniform(-0.12, 0.12, 2), draws.uniform(0, 2 * np.pi, 3)
    turns = (2 * np.pi * (rows[0] * x + rows[1] * y)).astype(np.float32)
    beats = np.stack([np.sin(turns + np.float32(phase)) for phase in phases], 2)
    return _clipped(rgb * np.array([0.95, 1.0, 1.08], np.float32) + 8 + 9 * beats)


def _filmed(rgb: Picture, held: Numbers, draws: Draws) -> Picture:
    """What the camera sees of a flat thing held so before a wall, with its noise."""
    seen = cv2.warpPerspective(rgb, held, (CANVAS_PX, CANVAS_PX), flags=cv2.INTER_LINEAR, borderValue=(96, 98, 100))
    return _clipped(seen + 2 * draws.standard_normal(seen.shape, np.float32))


def _tilts(side: Act) -> list[float]:
    return [tilt if side is Act.LEFT else -tilt for tilt in TILTS_DEG]


def _held(rgb: Picture, draws: Draws, apart: float = 0.01, tilt_deg: float = 0.0) -> Numbers:
    """The homography of a picture held before the camera: tilted about the upright axis, and moved by up to `apart`.

    `apart` is a share of the canvas, and as much of its scale and, in radians, of its rotation.
    """
    height, width = rgb.shape[:2]
    x, y, larger, roll = draws.uniform(-apart, apart, 4)
    pitch, yaw = draws.uniform(-apart, apart) * 3, np.radians(tilt_deg)
    turned = _turn(2, roll) @ _turn(0, pitch) @ _turn(1, yaw)
    side, away = SHOWN * (1 + larger) / max(height, width), 2.0
    plane = np.column_stack([turned[:, 0] * side, turned[:, 1] * side, (x, y, away)])
    lens = np.array([[away, 0, 0.5], [0, away, 0.5], [0, 0, 1]])
    centred = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    held: Numbers = np.diag([CANVAS_PX, CANVAS_PX, 1.0]) @ lens @ plane @ centred
    return held


def _turn(axis: int, angle: float) -> Numbers:
    first, second = [each for each in range(3) if each != axis]
    turned = np.eye(3)
    turned[[first, second], [first, second]] = np.cos(angle)
    turned[first, second], turned[second, first] = -np.sin(angle), np.sin(angle)
    return turned


def _clipped(values: NDArray[np.floating[Any]]) -> Picture:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
