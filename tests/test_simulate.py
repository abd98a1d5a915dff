"""Simulated days: the same seed gives the same people, and whoever does not come to the expected end is told."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.real_matcher import Person
from gatefw.cli import main
from gatefw.config import Config
from gatefw.crew import gate_settings
from gatefw.eligibility import Rules
from gatefw.errors import ModelError, SetupError
from gatefw.model import Eligible, FaceIdentified, Failed, Ineligible, Reason, SubjectId
from gatefw.rule import own_words
from gatefw.simulate import lanes, report, table
from gatefw.simulate.attributes import NOW, eligible, failing
from gatefw.simulate.day import Came, Outcome, simulate
from gatefw.simulate.real import STRANGER, RealFaces, RealOutcome, simulate_real
from gatefw.simulate.scripted import embedder, lane_threshold, search_threshold, seen
from gatefw.simulate.stories import PASSES, of_lane
from gatefw.wall_time import WallTime

LANES = {name: lanes.load(name) for name in lanes.names()}
FIGURES = ["gallery", "threshold", "fpir_target", "p50_s", "p95_s", "per_minute"]
KEYS = ["travellers", "passed", "refused", "unexpected", "matcher", *FIGURES]


def rules_of(config: Config) -> Rules:
    def wall_clock() -> WallTime:
        return WallTime(int(NOW.timestamp() * 1e9), synchronised=True)

    return Rules(config.rules, config.port, config.lane.name, wall_clock)


# ---------------------------------------------------------------- who comes


@given(st.sampled_from(sorted(LANES)), st.integers(0, 2**32))
def test_whoever_is_made_up_to_be_eligible_is(lane: str, seed: int) -> None:
    config = LANES[lane]
    own = own_words(config.port, config.lane.name)
    facts = eligible([rule.in_words_of(own) for rule in config.rules], Random(seed))
    assert rules_of(config).judge({**facts, "document.electronic": "yes"}) == Eligible()


@settings(deadline=None)
@given(st.sampled_from(sorted(LANES)), st.integers(0, 2**32))
def test_whoever_is_made_up_to_fail_a_rule_fails_it_first_and_for_its_reason(lane: str, seed: int) -> None:
    config = LANES[lane]
    own = own_words(config.port, config.lane.name)
    rules = [rule.in_words_of(own) for rule in config.rules]
    for rule, of_class, value, reason in failing(rules, document_only=False):
        facts = {**eligible(rules, Random(seed), of_class), **of_class, rule.fact: value}
        judged = rules_of(config).judge(facts)
        assert isinstance(judged, Ineligible) and judged.failed[0] == (rule.name, reason)


# ---------------------------------------------------------------- a day


@pytest.mark.parametrize("lane", ["document-free", "e-channel", "smart-departure", "flight-token-boarding"])
def test_one_after_the_other_comes_to_the_end_that_is_expected(lane: str) -> None:
    """People queue, and step up when there is room. What becomes of one is never taken for the next one's."""
    outcome = simulate(LANES[lane], 20, seed=3)
    assert (outcome.unexpected, outcome.violations) == ([], [])
    told = outcome.to_json()
    assert told["passed"] + sum(told["refused"].values()) == told["travellers"] == 20
    assert told["p50_s"] <= told["p95_s"] and told["per_minute"] > 0


def test_a_seed_is_a_day_and_another_seed_another_one() -> None:
    first, again, other = (simulate(LANES["contactless-e-channel"], 8, seed).to_json() for seed in (1, 1, 2))
    assert first == again != other
    assert list(first) == KEYS


def test_the_next_card_is_read_while_the_last_traveller_leaves_and_nobody_is_decided_otherwise() -> None:
    """The document's chip takes three seconds: with pipelining they pass while the one before walks out."""
    lane = LANES["smart-departure"]
    without = replace(lane, lane=replace(lane.lane, pipelining=False))
    quick, slow = simulate(lane, 10, seed=4), simulate(without, 10, seed=4)
    assert [came.reasons for came in quick.came] == [came.reasons for came in slow.came]
    assert quick.to_json()["per_minute"] > slow.to_json()["per_minute"]


def test_a_lane_that_does_not_do_what_is_expected_is_found_out() -> None:
    """In this lane the time to look at a face is too short for any."""
    lane = LANES["contactless-e-channel"]
    hasty = replace(lane, timers=replace(lane.timers, verify_s=0.3))
    outcome = simulate(hasty, 3, seed=0)
    assert outcome.unexpected and outcome.to_json()["unexpected"] == len(outcome.unexpected)
    shown = "\n".join(report.lines(outcome, 0))
    assert f"{outcome.unexpected[0].story.name}: " in shown and "instead of" in shown


def test_what_must_never_happen_is_never_expected() -> None:
    outcome = Outcome(LANES["hetao"], None, came=[Came(PASSES, ("ok",), True, 6.0)], seconds=6.0, violations=["crush"])
    assert outcome.to_json()["unexpected"] == 1
    assert "must never happen: crush" in "\n".join(report.lines(outcome, 0))


def test_a_story_is_told_once_in_a_lane_and_says_where(tmp_path: Path) -> None:
    for config in LANES.values():
        for story in of_lane(config, gate_settings(config).terms):
            path, _, line = story.where.rpartition(":")
            assert story.name.split("-")[0] in Path(path).read_text(encoding="utf-8").splitlines()[int(line) - 1]


# ---------------------------------------------------------------- what scripted matching answers


def test_two_faces_are_none_and_a_face_that_is_turned_away_too() -> None:
    assert seen(("anna", "boris")) == Failed(Reason.TWO_FACES)
    assert seen(()) == seen((None,)) == Failed(Reason.NO_FACE)
    assert seen(("blurred",)) == Failed(Reason.BLURRED)
    assert seen(("anna",)) == "anna"


def test_a_lane_that_its_model_cannot_hold_is_not_simulated() -> None:
    """Nor does it start: no threshold is loosened to make a lane work."""
    lane = LANES["hetao"]
    crowded = replace(lane, gallery=replace(lane.gallery, most=100_000))
    with pytest.raises(ModelError, match="it can hold"):
        search_threshold(crowded)
    unknown = replace(lane, vision_table=replace(lane.vision_table, embedder="other"))
    with pytest.raises(ModelError, match="no card of a model other"):
        embedder(unknown)


# ---------------------------------------------------------------- the command


def test_the_command_tells_people_and_machines_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["simulate", "contactless-e-channel", "--travellers", "5", "--seed", "9"]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == KEYS
    assert (told["matcher"], told["gallery"], told["threshold"]) == ("scripted", None, 0.542)
    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert (
        "MATCHING IS SCRIPTED" in shown and "without pipelining" in shown and "m/s" in shown and "read early" in shown
    )
    assert f"{told['p50_s']:g} s" in shown
    assert main([*asked, "--pipelining", "off"]) == 0
    alone = capsys.readouterr().out
    assert "without pipelining" not in alone and "read early" not in alone


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["nowhere"], "lane nowhere: no lane file"),
        (["config"], "lane config: is a directory; name a lane file"),
        (["hetao", "--travellers", "0"], "nobody would come"),
        (["hetao", "--reversed"], "goes one way only"),
        (["hetao", "--pipelining", "on"], "begins with a face"),
        (["hetao", "--matcher", "real"], "--faces DIR go together"),
        (["hetao", "--faces", "faces"], "--faces DIR go together"),
        (["hetao", "--matcher", "real", "--faces", "/no/such"], "no directory"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    asked: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(lanes.LANES.parents[1])
    assert main(["simulate", *asked]) == 2
    assert says in capsys.readouterr().err


def test_the_table_of_one_system_is_printed_with_where_each_story_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "flight-token-bag-drop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["system", "story", "outcome", "reason", "told", "in"]
    assert "touchpoint_repeated  config/lanes/flight-token-bag-drop.toml:" in "\n".join(lines)


def test_a_lane_file_may_be_called_anything(tmp_path: Path) -> None:
    file = tmp_path / "lane.conf"
    file.write_text((lanes.LANES / "hetao.toml").read_text())
    assert lanes.load(str(file)).lane == lanes.load("hetao").lane


def test_the_table_of_a_lane_file_from_elsewhere_links_to_it(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text((lanes.LANES / "flight-token-bag-drop.toml").read_text())
    linked = table.markdown([row for row in table.rows(lanes.load(str(file))) if row.reason == "touchpoint_repeated"])
    assert f"]({file}#L" in linked


# ---------------------------------------------------------------- the real chain


def small(lane: str, models: Path) -> Config:
    """The lane with a gallery that is quickly filled."""
    config = LANES[lane]
    searched = replace(config.vision.searched, most=12)
    vision = replace(config.vision, models=models, searched=searched)
    return replace(config, vision=vision, gallery=replace(config.gallery, most=12))


@pytest.mark.models
@pytest.mark.faces
@pytest.mark.parametrize("lane", ["hetao", "e-channel", "smart-departure", "flight-token-check-in"])
def test_registered_people_pass_by_their_photographs_and_strangers_do_not(lane: str, models: Path, faces: Path) -> None:
    """Whom the models take for somebody else is counted, and is not called unexpected."""
    said: list[str] = []
    outcome = simulate_real(small(lane, models), faces, travellers=12, seed=2, progress=said.append)
    assert said[0] == "photographs of 1 people seen" and said[-1] == "12 of 12 have come"
    told = outcome.to_json()
    assert list(told) == [*KEYS, "strangers", "false_rejects", "false_accepts", "misidentified"]
    assert (told["matcher"], told["travellers"], told["strangers"], told["unexpected"]) == ("real", 12, 6, 0)
    assert told["passed"] + told["false_rejects"] == 6 + told["false_accepts"]
    assert told["passed"] >= 3
    assert "of 6 strangers" in "\n".join(report.lines(outcome, 2))


@pytest.mark.models
@pytest.mark.faces
def test_of_an_odd_number_everybody_comes(models: Path, faces: Path) -> None:
    told = simulate_real(small("smart-departure", models), faces, travellers=3, seed=2).to_json()
    assert (told["travellers"], told["strangers"]) == (3, 1)


def test_a_stranger_who_is_across_is_a_false_accept_and_a_friend_who_is_not_a_false_reject() -> None:
    came = [
        Came(STRANGER, ("ok",), True, 6.0),
        Came(STRANGER, ("not_identified",), False, None),
        Came(PASSES, ("not_identified",), False, None),
        Came(PASSES, ("no_finger",), False, None),
        Came(PASSES, ("ok",), True, 6.0),
    ]
    threshold = Threshold(1e-4, 0.493, 0.158, (0.1, 0.2))
    outcome = RealOutcome(LANES["hetao"], threshold, "real", came)
    assert outcome.measured == {"strangers": 2, "false_rejects": 1, "false_accepts": 1, "misidentified": 0}
    assert [each.reasons for each in outcome.unexpected] == [("no_finger",)]


class Showing:
    """A world in which somebody stands in front, and a matcher that takes everybody for the same one."""

    def __init__(self, shows: str, taken_for: SubjectId) -> None:
        self._shows, self._found = shows, FaceIdentified(taken_for, 0.3, 0.4, 9, 0.01, 3)

    def faces_in_front(self) -> tuple[str, ...]:
        return (self._shows,)

    def identify(self, _photos: object) -> FaceIdentified:
        return self._found


def test_a_registered_one_who_is_taken_for_another_is_misidentified_and_a_stranger_is_not() -> None:
    people = {name: Person(SubjectId(name * 32), (Path("a.jpg"),), (Path("b.jpg"),)) for name in ("a", "b")}
    people["stranger-1"] = Person(SubjectId("c" * 32), (), (Path("c.jpg"),))
    for shows, misidentified in (("a", set()), ("b", {"b"}), ("stranger-1", set())):
        given: Any = Showing(shows, SubjectId("a" * 32))
        faces = RealFaces(LANES["hetao"], given, given, {}, given, people)
        assert faces.identify() == replace(given.identify(()), subject=SubjectId("a"))
        assert faces.misidentified == misidentified


def test_a_lane_that_looks_at_no_face_leaves_nothing_to_the_models(tmp_path: Path) -> None:
    lane = LANES["e-channel"]
    strict = replace(lane, clearance=replace(lane.clearance, face_after_finger=False))
    assert lane_threshold(strict) is None
    with pytest.raises(SetupError, match="looks at no face"):
        simulate_real(strict, tmp_path, travellers=4, seed=0)


def test_too_few_faces_are_said(tmp_path: Path, models: Path) -> None:
    with pytest.raises(SetupError, match="good photographs are wanted"):
        simulate_real(small("hetao", models), tmp_path, travellers=4, seed=0)
