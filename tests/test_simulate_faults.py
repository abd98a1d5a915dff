"""`gatefw simulate --faults`: the same seed is the same day, its faults are named, what must never happen is told."""

import json
from collections import Counter

import pytest

from gatefw.cli import main
from gatefw.simulate import lanes, stormy
from gatefw.simulate.faults import Fault
from gatefw.simulate.storm_came import Came
from gatefw.simulate.stormy import Stormy, simulate_faults

LANE = lanes.load("contactless-e-channel")


def test_a_day_with_faults_is_the_same_for_the_same_seed_and_names_what_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["simulate", "contactless-e-channel", "--faults", "--travellers", "8", "--seed", "3", "--json"]
    days = []
    for _ in range(2):
        assert main(asked) == 0
        days.append(json.loads(capsys.readouterr().out))
    assert days[0] == days[1]
    assert days[0]["travellers"] == 8
    assert days[0]["passed"] + sum(days[0]["not_passed"].values()) == days[0]["runs"]
    assert days[0]["faults"].keys() <= {fault.value for fault in Fault}
    assert sum(days[0]["faults"].values()) > 3
    assert days[0]["violations"] == []


def test_people_are_told_of_faults_restarts_and_that_matching_is_scripted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "contactless-e-channel", "--faults", "--travellers", "4", "--seed", "3"]) == 0
    told = capsys.readouterr().out
    for words in ("while faults come", "MATCHING IS SCRIPTED", "faults that came", "restarts", "nobody was shut in"):
        assert words in told


def test_what_must_never_happen_is_told_and_nothing_is_praised_then() -> None:
    came = Came(storms=1, lives=3, begun=2, passed=1, ended=Counter({"ok": 1, "no_face": 1}))
    came.violations.append("the lane: two doors passable")
    told = list(stormy.lines(Stormy(LANE, 2, came), 5))
    assert told[-1] == "  must never happen: the lane: two doors passable"
    assert f"  {'no_face':<24}{1:>6}" in told
    assert f"  {'restarts':<24}{2:>6}" in told
    assert Stormy(LANE, 2, came).to_json()["not_passed"] == {"no_face": 1}


def test_how_many_have_come_is_told_as_they_come() -> None:
    heard: list[str] = []
    day = simulate_faults(LANE, 3, 11, heard.append)
    assert (day.came.storms, heard) == (1, ["1 of 3 have come", "2 of 3 have come", "3 of 3 have come"])


def test_faults_with_real_faces_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "hetao", "--faults", "--matcher", "real", "--faces", "faces"]) == 2
    assert "do not go together" in capsys.readouterr().err
