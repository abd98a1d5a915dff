"""Fusing averages the noise of pictures away; which way gains how much is measured on the same pictures for each."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from made_album import album

from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.measuring import scores
from gatefw.biometrics.measuring.album import Album, Shot, collect
from gatefw.biometrics.measuring.fusion_gain import (
    ALONE,
    DISTANCES,
    MEAN,
    WEIGHTED,
    Row,
    Way,
    gains,
    unmirrored,
    unmirrored_too,
)
from gatefw.biometrics.runtime import Runtime, Vector
from gatefw.cli.album_options import DETECTOR, EMBEDDER
from gatefw.cli.face_fusion import figures, line
from gatefw.errors import SetupError
from gatefw.model import Reason


@pytest.fixture(scope="module")
def rows() -> dict[Way, Row]:
    pictures = album(people=40, shots=6, blurred=0.3)
    return {row.way: row for row in gains(pictures, noisier(pictures), replicates=10)}


def noisier(pictures: Album) -> Album:
    chance = np.random.default_rng(3)
    return unmirrored(pictures, [row + chance.normal(0, 0.15, 32).astype(np.float32) for row in pictures.vectors])


def test_every_way_that_six_pictures_allow_is_there_and_no_other(rows: dict[Way, Row]) -> None:
    assert {(way.frames, way.templates) for way in rows} == {(1, 1), (1, 3), (3, 1), (3, 3), (5, 1)}
    assert {way.fused for way in rows if (way.frames, way.templates) == (1, 1)} == {MEAN}
    assert {way.fused for way in rows if way.frames == 5} == {MEAN, WEIGHTED, "best 3", "best 1", ALONE, DISTANCES}
    assert {way.fused for way in rows if way.frames == 3} == {MEAN, WEIGHTED, "best 1", ALONE, DISTANCES}


def test_all_ways_of_so_many_pictures_compare_the_same_number_of_them(rows: dict[Way, Row]) -> None:
    by_counts = itertools.groupby(rows.values(), key=lambda row: (row.way.frames, row.way.templates))
    for _, of in by_counts:
        assert len({(row.mated, row.non_mated, row.people) for row in of}) == 1
    assert rows[Way(1, 1, MEAN)].mated == 40 * 15
    assert rows[Way(1, 1, MEAN)].non_mated == 40 * 39 // 2


def test_more_pictures_miss_fewer_people_and_the_plain_mean_gains_nothing_on_itself(rows: dict[Way, Row]) -> None:
    one, three, five = (rows[Way(frames, 1, MEAN)].outcomes[0] for frames in (1, 3, 5))
    assert one.fnmr.value > three.fnmr.value >= five.fnmr.value
    assert three.gain.value == three.gain.low == three.gain.high == 0


def test_frames_by_weight_are_better_than_plain_ones_where_some_are_bad(rows: dict[Way, Row]) -> None:
    assert rows[Way(3, 1, WEIGHTED)].outcomes[0].gain.value >= 0
    assert rows[Way(5, 1, "best 3")].outcomes[0].gain.value >= rows[Way(5, 1, DISTANCES)].outcomes[0].gain.value


def test_noisier_vectors_without_the_mirror_image_are_seen_to_lose(rows: dict[Way, Row]) -> None:
    assert rows[Way(1, 1, MEAN, mirror=False)].outcomes[0].gain.value < 0


def test_few_strangers_do_not_carry_a_rare_error(rows: dict[Way, Row]) -> None:
    assert not any(outcome.carried for row in rows.values() for outcome in row.outcomes)


def test_the_plain_mean_agrees_with_the_scores_that_cards_are_made_of() -> None:
    pictures = album(people=12, shots=2)
    (first, *_) = gains(pictures, replicates=0)
    curve_of = scores.mated(pictures), scores.non_mated(pictures)
    assert (first.mated, first.non_mated) == tuple(map(len, curve_of))
    distance = first.outcomes[0].distance.value
    assert (curve_of[0].distances > distance).mean() == pytest.approx(first.outcomes[0].fnmr.value)


def test_where_nobody_has_enough_pictures_only_one_against_one_is_told() -> None:
    assert {(row.way.frames, row.way.templates) for row in gains(album(12, 2), replicates=2)} == {(1, 1)}


def test_lost_pictures_have_no_vector_without_the_mirror_image_either() -> None:
    pictures = album(2, 2)
    lost = Album((*pictures.shots[:3], Shot(1, Reason.NO_FACE)), 2)
    others = unmirrored(lost, [np.full(32, number, np.float32) for number in range(3)])
    assert np.isnan(others.vectors[3]).all()
    assert others.vectors[:3, 0].tolist() == [0, 1, 2]
    assert isinstance(lost.shots[0].probe, Probe)


def test_each_row_is_told_to_people_and_to_machines(rows: dict[Way, Row]) -> None:
    for row in rows.values():
        assert row.way.fused in line(row)
        assert len(figures(row)["at"]) == 2


@pytest.mark.models
@pytest.mark.faces
def test_three_photographs_of_a_real_person_lie_nearer_to_the_next_than_one_does(
    tmp_path: Path, models: Path, faces: Path
) -> None:
    several = (home for home in sorted(faces.iterdir()) if len(list(home.glob("*.jpg"))) >= 5)
    for number, home in enumerate(itertools.islice(several, 8)):
        (tmp_path / str(number)).symlink_to(home, target_is_directory=True)
    chain = Chain.load(models, DETECTOR, EMBEDDER, Runtime.LITERT)
    vectors: list[Vector] = []
    pictures = collect(unmirrored_too(chain, chain.probe, vectors), tmp_path)
    one, three = (scores.mated(pictures, frames).distances for frames in (1, 3))
    assert np.median(three) < 0.95 * np.median(one)
    single = unmirrored(pictures, vectors)
    assert np.median(scores.mated(single).distances) > np.median(one)


@pytest.mark.parametrize("people", [0, 5])
def test_without_two_pictures_of_one_person_there_is_nothing_to_compare(people: int) -> None:
    with pytest.raises(SetupError, match="nothing to compare: two pictures of one person"):
        list(gains(album(people=people, shots=1)))
