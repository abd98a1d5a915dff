"""Albums and the comparisons made of them: who is compared with whom, what a lost face does, which words come out."""

from collections import Counter
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.measuring import scores
from gatefw.biometrics.measuring.album import Album, Shot, central, collect
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Picture, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import SetupError
from gatefw.model import Reason

MAKER = Maker("0" * 64, Runtime.LITERT, "2", Delegate.DEFAULT)
GOOD = Quality(60.0, 0.2, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)
BLURRED = Quality(60.0, 0.2, 120.0, 0.0, 0.05, 1.0, 0.0, 0.0)


def face(box: tuple[float, float, float, float] = (10, 10, 50, 50)) -> Face:
    return Face(0.9, np.array(box, float), *np.zeros((4, 2)))


def probe(vector: list[float], quality: Quality = GOOD) -> Probe:
    return Probe(Template(np.array(vector, np.float32), MAKER), quality, face())


def album(people: list[list[list[float] | Reason]]) -> Album:
    """Of vectors, person by person, or of why there is none."""
    shots = [
        Shot(person, one if isinstance(one, Reason) else probe(one), f"{person}/{number}.png")
        for person, own in enumerate(people)
        for number, one in enumerate(own)
    ]
    return Album(tuple(shots), len(people))


def person(folder: Path, name: str, greys: list[int]) -> None:
    (folder / name).mkdir(parents=True)
    for number, grey in enumerate(greys):
        cv2.imwrite(str(folder / name / f"{number}.png"), np.full((4, 4, 3), grey, np.uint8))


def seen(rgb: Picture) -> Probe | Reason:
    """A chain's eye for tests: a face as bright as the picture, none in a black one."""
    grey = float(rgb.mean())
    return probe([grey, 0.0]) if grey else Reason.NO_FACE


# ---------------------------------------------------------------- albums


def test_an_album_holds_what_the_chain_made_of_every_picture_without_names(tmp_path: Path) -> None:
    person(tmp_path, "Ann_Example", [10, 0])
    person(tmp_path, "Bob_Example", [20])
    (tmp_path / "Bob_Example" / "notes.txt").write_text("no picture")
    (tmp_path / "Bob_Example" / "broken.jpg").write_bytes(b"no picture either")
    (tmp_path / "pairs.csv").write_text("")
    (tmp_path / "nobody").mkdir()
    told: list[tuple[int, int]] = []
    found = collect(seen, tmp_path, lambda done, of: told.append((done, of)))
    assert (found.people, len(found.shots), found.unreadable, found.groups) == (2, 3, 1, ())
    assert [shot.person for shot in found.shots] == [0, 0, 1]
    assert np.isnan(found.vectors[:, 0]).tolist() == [False, True, False]
    assert found.of_people() == [[0], [2]]
    assert found.of_people(lost=True) == [[0, 1], [2]]
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert "Example" not in repr(found)


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_a_folder_without_people_is_refused(tmp_path: Path, named: str) -> None:
    with pytest.raises(SetupError, match=r"no directory|nobody is in it"):
        collect(seen, tmp_path / named)


def test_groups_are_read_beside_the_people(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        person(tmp_path, name, [10])
    (tmp_path / "groups.csv").write_text("identity,group\nc,young\na,old\n")
    assert collect(seen, tmp_path).groups == ("old", None, "young")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("identity,group\nMissing_Person,old\n", "line 2: a person of this folder"),
        ("identity,group\na,old\na,young\n", "line 3: a person of this folder, once"),
        ("identity,group\na\n", "line 2"),
        ("name,group\na,old\n", "has no 'identity'"),
        ("identity,group\n\0", "line 2|cannot be read as CSV"),
    ],
)
def test_wrong_groups_are_refused_by_their_line_and_without_a_name(tmp_path: Path, text: str, told: str) -> None:
    person(tmp_path, "a", [10])
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(SetupError, match=told) as refused:
        collect(seen, tmp_path)
    assert "Missing" not in str(refused.value)


def test_the_central_face_is_the_one_a_photograph_is_about() -> None:
    class Fake:
        maker = MAKER

        def faces(self, rgb: Picture) -> list[Face]:
            return [face((0, 0, 20, 20)), face((40, 40, 60, 60))] if rgb.any() else []

        def judge(self, rgb: Picture, found: Face) -> tuple[Quality, Picture]:
            return BLURRED, np.full((2, 2, 3), int(found.box[0]), np.uint8)

        def embed(self, chip: Picture) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
            return np.array([chip[0, 0, 0]], np.float32)

    look = central(cast(Chain, Fake()))
    found = look(np.ones((100, 100, 3), np.uint8))
    assert isinstance(found, Probe)
    assert found.template.vector.tolist() == [40.0]
    assert found.quality.reason is Reason.BLURRED
    assert look(np.zeros((100, 100, 3), np.uint8)) is Reason.NO_FACE


# ---------------------------------------------------------------- comparisons


def test_all_pairs_of_a_person_are_mated_and_one_picture_a_person_is_non_mated() -> None:
    those = album([[[0, 0], [3, 4], [0, 1]], [[1, 0]], [[0, 2], [0, 2]]])
    own = scores.mated(those)
    assert own.distances.tolist() == pytest.approx([5, 1, np.hypot(3, 3), 0])
    assert own.probes.tolist() == own.references.tolist() == [0, 0, 0, 2]
    others = scores.non_mated(those)
    assert others.distances.tolist() == pytest.approx([1, 2, np.sqrt(5)])
    assert list(zip(others.probes.tolist(), others.references.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]


def test_a_lost_picture_is_infinitely_far_where_lost_ones_count_and_absent_elsewhere() -> None:
    those = album([[[0, 0], Reason.NO_FACE, [0, 1]], [Reason.BLURRED]])
    assert scores.mated(those).distances.tolist() == [1]
    assert sorted(scores.mated(those, lost=True).distances.tolist()) == [1, np.inf, np.inf]
    assert len(scores.non_mated(those)) == 0
    assert scores.mated(album([[Reason.NO_FACE] * 2]), lost=True).distances.tolist() == [np.inf]


def test_a_probe_is_fused_by_weight_and_a_reference_plainly() -> None:
    shots = (
        Shot(0, probe([0, 0])),
        Shot(0, probe([4, 0], BLURRED)),
        Shot(0, Reason.NO_FACE),
    )
    those = Album(shots, 1)
    assert 0 <= BLURRED.weight < GOOD.weight <= 1
    weighted, plain = (scores.fused(those, [(0, 1, 2)], weighted=way)[0] for way in (True, False))
    assert plain.tolist() == [2, 0]
    assert weighted[0] == pytest.approx(4 * BLURRED.weight / (BLURRED.weight + GOOD.weight))
    assert np.isnan(scores.fused(those, [(2,)], weighted=True)).all()


@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    frames=st.integers(1, 3),
    templates=st.integers(1, 3),
    most=st.integers(1, 20),
    seed=st.integers(0, 3),
)
def test_no_picture_is_on_both_sides_and_no_two_splits_are_the_same(
    counts: list[int], frames: int, templates: int, most: int, seed: int
) -> None:
    those = album([[[float(number), 0.0] for number in range(count)] for count in counts])
    taken = list(scores.splits(those, frames, templates, seed, most))
    assert taken == list(scores.splits(those, frames, templates, seed, most))
    sides = set()
    for split in taken:
        assert len(split.probe) == frames
        assert len(split.reference) == templates
        assert not set(split.probe) & set(split.reference)
        assert {those.shots[shot].person for shot in (*split.probe, *split.reference)} == {split.person}
        sides.add(frozenset((split.probe, split.reference)) if frames == templates else (split.probe, split.reference))
    assert len(sides) == len(taken)
    each = Counter(split.person for split in taken)
    for number, count in enumerate(counts):
        assert (each[number] > 0) == (count >= frames + templates)
        assert each[number] <= most


@given(st.lists(st.integers(0, 5), min_size=2, max_size=6), st.integers(1, 3), st.integers(1, 3))
def test_strangers_are_compared_with_everybody_else_and_never_with_themselves(
    counts: list[int], frames: int, templates: int
) -> None:
    those = album([[[float(who), float(number)] for number in range(count)] for who, count in enumerate(counts)])
    found = scores.non_mated(those, frames, templates)
    pairs = set(zip(found.probes.tolist(), found.references.tolist(), strict=True))
    asking = [who for who, count in enumerate(counts) if count >= frames]
    asked = [who for who, count in enumerate(counts) if count >= templates]
    wanted = {(a, b) for a in asking for b in asked if a != b and (a < b or frames != 1 or templates != 1)}
    assert pairs == wanted
    assert len(found) == len(wanted)


def test_of_very_many_people_so_many_are_drawn() -> None:
    found = scores.non_mated(album([[[float(number)]] for number in range(9)]), most=3)
    assert len(found) == 3
    assert len(set(found.probes.tolist()) | set(found.references.tolist())) == 3


def test_a_list_of_pairs_is_compared_as_it_stands(tmp_path: Path) -> None:
    those = album([[[0, 0], [3, 4], Reason.NO_FACE], [[1, 0]]])
    path = tmp_path / "pairs.csv"
    path.write_text("a,b,same\n0/0.png,0/1.png,1\n0/0.png,0/2.png,1\n0/0.png,1/0.png,0\n")
    own, others = scores.listed(those, path)
    assert own.distances.tolist() == [5, np.inf]
    assert others.distances.tolist() == [1]
    assert (others.probes.tolist(), others.references.tolist()) == ([0], [1])


@pytest.mark.parametrize("row", ["Some_Body/1.png,0/0.png,1", "0/0.png,0/0.png,yes", "0/0.png", "0/0.png,,1"])
def test_a_wrong_pair_is_told_by_its_line_and_without_a_name(tmp_path: Path, row: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(f"a,b,same\n{row}\n")
    with pytest.raises(SetupError, match=r"line 2: two pictures") as refused:
        scores.listed(album([[[0, 0]]]), path)
    assert "Some" not in str(refused.value)
