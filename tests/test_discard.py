"""Discarding by a measure that foretells errors leaves fewer of them, by any other measure as many as by chance."""

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_album import album

from gatefw.biometrics.measuring import discard, discard_plot
from gatefw.biometrics.measuring.album import Album, Shot
from gatefw.biometrics.measuring.discard import RANDOM, WEIGHT, Mates
from gatefw.cli.face_quality import figures
from gatefw.errors import SetupError
from gatefw.model import Reason


def of(missed: list[bool], **worse: list[float]) -> Mates:
    people = np.arange(len(missed), dtype=np.int32) // 2
    return Mates(people, np.array(missed), {name: np.array(values) for name, values in worse.items()}, 0.5, 1e-3)


def test_a_measure_that_knows_every_error_leaves_none_once_so_many_are_discarded() -> None:
    missed = [True] * 10 + [False] * 90
    weight, wrong, random = discard.curves(
        of(missed, weight=list(range(100)), wrong=list(range(100, 0, -1))), replicates=20
    )
    assert [rate.value for rate in weight.fnmr] == pytest.approx([0.1, 8 / 98, 5 / 95, 0, 0, 0])
    assert weight.gain[3].value == pytest.approx(0.1)
    assert wrong.fnmr[-1].value == pytest.approx(10 / 70)
    assert random.measure == RANDOM
    assert random.fnmr[3].low <= 0.1 <= random.fnmr[3].high


def test_equal_values_are_discarded_in_no_order_of_people() -> None:
    missed = [True] * 50 + [False] * 50
    weight, _ = discard.curves(of(missed, weight=[1.0] * 100), replicates=2)
    assert 0.3 < weight.fnmr[-1].value < 0.7


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), min_size=2, max_size=60))
def test_rates_are_rates_and_nothing_is_gained_by_discarding_nothing(rows: list[tuple[bool, float]]) -> None:
    missed, worse = [row[0] for row in rows], [row[1] for row in rows]
    for curve in discard.curves(of(missed, weight=worse), replicates=5):
        assert all(0 <= rate.value <= 1 for rate in curve.fnmr)
        assert curve.fnmr[0].value == pytest.approx(np.mean(missed))
        assert curve.gain[0].value == pytest.approx(0)


def test_the_worse_of_two_pictures_decides_and_pictures_that_blur_a_face_are_found_by_their_sharpness() -> None:
    pictures = album(people=60, shots=4, blurred=0.2)
    found = discard.mates(pictures, fmr=1e-2)
    curves = {curve.measure: curve for curve in discard.curves(found, replicates=20)}
    assert len(found.missed) == 60 * 6
    assert found.missed.mean() > 0.1
    assert curves["sharpness"].gain[-1].low > 0
    assert curves[WEIGHT].gain[-1].low > 0
    assert curves["head_pose_roll"].gain[-1].value < curves["sharpness"].gain[-1].value
    (limit,) = discard.limits(pictures, found)
    assert (limit.component, limit.hint) == ("sharpness", Reason.BLURRED)
    assert limit.fnmr is not None
    assert limit.fnmr > found.missed.mean()


def test_an_album_without_a_face_says_so() -> None:
    with pytest.raises(SetupError, match="nothing to compare"):
        discard.mates(Album((Shot(0, Reason.NO_FACE), Shot(0, Reason.NO_FACE)), 1))


def test_the_plot_names_every_curve_and_is_well_formed(tmp_path: Path) -> None:
    found = discard.mates(album(people=30, shots=3, blurred=0.2), fmr=1e-2)
    curves = discard.curves(found, replicates=5)
    drawn = ElementTree.fromstring(discard_plot.svg(curves, found.fmr))
    words = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {curve.measure.replace("_", " ") for curve in curves} <= words
    named = [text for text in drawn.iter("{http://www.w3.org/2000/svg}text") if text.text in {"weight", "random"}]
    assert len(named) == 2
    places = sorted(float(text.attrib["y"]) for text in drawn.iter() if "font-weight" in text.attrib)
    assert min(b - a for a, b in pairwise(places)) > 12
    assert places[-1] <= discard_plot.HEIGHT_PX - 40


def test_the_line_for_machines_holds_every_curve() -> None:
    found = discard.mates(album(people=30, shots=3, blurred=0.2), fmr=1e-2)
    curves = discard.curves(found, replicates=5)
    told = json.loads(json.dumps(figures(found, curves, [])))
    assert set(told["by"]) == {curve.measure for curve in curves}
    assert told["comparisons"] == 90
