"""Thresholds tried on people whom the fit never saw: the halves are apart, and what is counted is what happened."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from gatefw.biometrics import card as cards
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.measuring.album import Album, Shot
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # bench is in no wheel

from bench.thresholds import Half, halves, tried

MAKER = Maker("0" * 64, Runtime.LITERT, "2", Delegate.DEFAULT)
GOOD = Quality(60.0, 0.2, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)
FACE = Face(0.9, np.array((10.0, 10.0, 50.0, 50.0)), *np.zeros((4, 2)))
EMBEDDER = next(card for card in cards.shipped() if card.kind == "embed")


def drawn(people: int, pictures: int) -> Album:
    """People as points in 24 dimensions, and their pictures around them."""
    chance = np.random.default_rng(7)
    shots = []
    for person in range(people):
        home = chance.normal(scale=0.12, size=24)
        for _ in range(pictures):
            vector = (home + chance.normal(scale=0.04, size=24)).astype(np.float32)
            shots.append(Shot(person, Probe(Template(vector, MAKER), GOOD, FACE)))
    return Album(tuple(shots), people)


def test_nobody_is_in_both_halves_and_nobody_is_lost() -> None:
    album = drawn(31, 2)
    sides = halves(album, 1)
    vectors = [{cast(Probe, shot.probe).template.vector.tobytes() for shot in side.shots} for side in sides]
    assert not vectors[0] & vectors[1]
    assert len(vectors[0] | vectors[1]) == 62
    assert [side.people for side in sides] == [16, 15]
    assert all(len(own) == 2 for side in sides for own in side.of_people())


def test_what_a_search_finds_is_counted_as_it_is() -> None:
    """Five people on a line: 0 is found alone, 1 and 2 have each other as well, 3 is nearest to 4 and 4 to nobody."""
    distances = np.full((5, 5), 9.0, np.float32)
    np.fill_diagonal(distances[:3, :3], 0.1)
    distances[1, 2] = distances[2, 1] = distances[3, 4] = 0.2
    counted = Half(distances, np.arange(5)).searched(5, 0.5, np.random.default_rng(0))
    assert counted == {"strangers": 0, "found": 0, "travellers": 5, "missed": 4, "taken": 1}


def test_strangers_are_those_who_are_not_enrolled() -> None:
    half = Half(np.full((10, 10), 0.1, np.float32), np.arange(10))
    counted = half.searched(4, 0.5, np.random.default_rng(0))
    assert (counted["strangers"], counted["found"], counted["travellers"], counted["missed"]) == (6, 6, 4, 4)


def test_on_drawn_people_the_promise_is_about_kept() -> None:
    options = argparse.Namespace(splits=1, draws=20, fpir=[0.1], most=[50])
    rows = list(tried(drawn(260, 4), replace(EMBEDDER, name="other"), options))
    assert [(row["frames"], row["templates"]) for row in rows] == [(1, 1), (1, 3), (3, 1), (3, 3)]
    for row in rows:
        assert row["fpir_strict"] <= row["fpir_likeliest"] == pytest.approx(0.1, abs=0.08)
