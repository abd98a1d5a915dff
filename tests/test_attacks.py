"""Simulated attacks: a print is flat, a tilt foreshortens, lids come down; the rates are counted as the standard says.

Faces are drawn here; only the last tests look at photographs.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import cli
from gatefw.biometrics import card as cards
from gatefw.biometrics import picture
from gatefw.biometrics.detector import Detector
from gatefw.biometrics.landmarks import POINTS, Landmarker, Numbers
from gatefw.biometrics.measuring.attacks import CANVAS_PX, SPECIES, Person, blinked, bona_fide
from gatefw.biometrics.measuring.challenge import Act
from gatefw.biometrics.measuring.motion import LEFT_EYE, RELIEF_MIN, RIGHT_EYE
from gatefw.biometrics.measuring.presentations import (
    CHECKS,
    Seeing,
    Share,
    Verdict,
    errors,
    judged,
    measured,
    non_responses,
    people,
)
from gatefw.biometrics.runtime import Network, Picture, Runtime
from gatefw.cli import face_attacks
from gatefw.errors import Refusal


def drawn(white: int = 250) -> tuple[Picture, Numbers]:
    """Grey skin, two white eyes with their points."""
    rgb = np.full((200, 200, 3), 120, np.uint8)
    points = np.zeros((POINTS, 2))
    for eye, middle in ((RIGHT_EYE, 70), (LEFT_EYE, 130)):
        cv2.ellipse(rgb, (middle, 80), (20, 8), 0, 0, 360, (white,) * 3, -1)
        places = [(-20, 0), (-8, -7), (8, -7), (20, 0), (8, 7), (-8, 7)]
        points[list(eye)] = np.add(places, (middle, 80))
    return rgb, points


def somebody() -> Person:
    rgb, points = drawn()
    other, other_points = drawn(white=10)
    return Person(rgb, points, rgb[:, ::-1].copy(), Act.LEFT, Act.RIGHT, other, other_points)


def white(rgb: Picture) -> int:
    return int((rgb > 200).all(2).sum())


def test_lids_come_down_over_the_eyes_and_over_nothing_else() -> None:
    rgb, points = drawn()
    seen = [white(blinked(rgb, points, lids)) for lids in (0.0, 0.5, 1.0)]
    assert seen[0] > 1.5 * seen[1] > 15 * seen[2]
    assert np.array_equal(blinked(rgb, points, 0.0), rgb)
    changed = (blinked(rgb, points, 1.0) != rgb).any(2)
    assert not changed[:60].any()
    assert not changed[100:].any()


@pytest.mark.parametrize("name", ["bona_fide", *SPECIES])
def test_every_species_is_frames_of_one_size_that_follow_from_the_seed(name: str) -> None:
    made = {**SPECIES, "bona_fide": bona_fide}[name]
    frames, again, others = (made(somebody(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert len(frames) >= 6
    assert {frame.shape for frame in frames} == {(CANVAS_PX, CANVAS_PX, 3)}
    assert all(np.array_equal(one, other) for one, other in zip(frames, again, strict=True))
    assert not np.array_equal(frames[0], others[0])
    assert all(not np.array_equal(frames[0], frame) for frame in frames[1:]), "no frame is frozen"


def test_a_tilted_print_is_narrower_and_a_moved_one_is_not() -> None:
    def width(frame: Picture) -> int:
        """Of the paper, which is lighter than the wall; by the middle row."""
        return int((frame[CANVAS_PX // 2].astype(int).mean(1) > 108).sum())

    tilted = [width(frame) for frame in SPECIES["tilted_print"](somebody(), np.random.default_rng(1))]
    moved = [width(frame) for frame in SPECIES["print"](somebody(), np.random.default_rng(1))]
    assert tilted[3] < 0.85 * tilted[0]
    assert min(moved) > 0.85 * max(moved)


def test_the_eyes_of_another_look_out_of_the_holes() -> None:
    frames = SPECIES["cut_out_eyes"](somebody(), np.random.default_rng(1))
    plain = SPECIES["print"](somebody(), np.random.default_rng(1))
    assert (frames[0] < 60).all(2).sum() > 100 > (plain[0] < 60).all(2).sum()


# ---------------------------------------------------------------- rates


def verdict(*passed: str, responded: bool = True) -> Verdict:
    return Verdict(responded, "blink" in passed, "turn" in passed, "planarity" in passed, 0.1)


def test_the_rates_count_what_the_standard_counts() -> None:
    some = [verdict("blink", "turn", "planarity"), verdict("turn", "planarity"), verdict("turn"), verdict()]
    some.append(verdict(responded=False))
    assert [errors(some, check, attack=True).count for check in CHECKS] == [1, 3, 2, 2, 1]
    assert [errors(some, check, attack=False).count for check in CHECKS] == [4, 2, 3, 3, 4]
    assert non_responses(some) == Share(1, 5)


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share_and_is_never_nothing(presentations: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, presentations)), presentations)
    low, high = share.interval
    assert 0 <= low <= share.share + 1e-12
    assert share.share - 1e-12 <= high <= 1
    assert high - low > 0.001


def test_no_presentation_says_nothing() -> None:
    assert Share(0, 0).interval == (0.0, 1.0)


# ---------------------------------------------------------------- photographs


@pytest.fixture(scope="module")
def seeing(models: Path) -> Seeing:
    detect, landmark = (cards.installed(models, name) for name in (face_attacks.DETECTOR, face_attacks.LANDMARK))
    return Seeing(Detector(Network(*detect, Runtime.LITERT)), Landmarker(Network(*landmark, Runtime.LITERT)))


@pytest.mark.models
def test_a_print_of_a_photograph_neither_blinks_nor_turns_and_is_flat(seeing: Seeing, photos: Path) -> None:
    rgb = cv2.resize(picture.load(photos / "obama.jpg"), (250, 306))[:250]
    points = seeing.points(rgb)
    assert points is not None
    person = Person(rgb, points, rgb, Act.LEFT, Act.LEFT, rgb, points)
    found = judged(SPECIES["print"](person, np.random.default_rng(1)), Act.LEFT, seeing)
    assert (found.responded, found.blink, found.turn, found.planarity) == (True, False, False, False)
    assert found.relief is not None
    assert found.relief < RELIEF_MIN


@pytest.mark.models
def test_frames_without_a_face_are_no_response(seeing: Seeing) -> None:
    wall = np.full((CANVAS_PX, CANVAS_PX, 3), 110, np.uint8)
    assert judged([wall] * 4, Act.LEFT, seeing) == Verdict(False, False, False, False, None)


@pytest.mark.models
@pytest.mark.faces
def test_of_a_few_real_people_prints_are_found_out(seeing: Seeing, faces: Path) -> None:
    who = list(people(faces, 2, seeing, 3, lambda _words: None))
    assert len(who) == 2
    verdicts = measured(who, seeing, 3, lambda _words: None)
    assert {len(each) for each in verdicts.values()} == {2}
    assert errors(verdicts["print"], "turn_and_planarity", attack=True).count == 0


@pytest.mark.models
@pytest.mark.usefixtures("models")
def test_a_folder_without_people_ends_with_2_and_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "somebody").mkdir()
    (tmp_path / "somebody" / "broken.jpg").write_bytes(b"no picture")
    arguments = argparse.Namespace(folder=tmp_path, people=5, seed=1, runtime="litert", json=True)
    assert face_attacks.run(arguments) == 2
    assert "give more photographs of each" in capsys.readouterr().err
    with pytest.raises(Refusal, match="is no folder"):
        face_attacks.run(argparse.Namespace(folder=tmp_path / "nowhere", people=5, seed=1, runtime="litert", json=True))


def test_what_is_told_says_that_it_satisfies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = {"bona_fide": [verdict("turn", "planarity")], **{name: [verdict()] for name in SPECIES}}
    figures = json.loads(json.dumps(face_attacks._figures(verdicts)))
    assert (figures["evaluated"], figures["satisfies_require_liveness"]) == ("by us, on simulated attacks", False)
    assert figures["bpcer"]["blink"]["share"] == 1.0
    assert set(figures["apcer"]) == set(SPECIES)
    face_attacks._table(verdicts)
    shown = capsys.readouterr().out
    assert "APCER cut out eyes" in shown
    assert "Such figures never satisfy" in shown
    assert "APCER: attacks taken for a living face" in shown


def test_two_people_are_the_least(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["face", "attacks", "folder", "--people", "-1"])
    assert "-1: a whole number of 2 or more is wanted" in capsys.readouterr().err
