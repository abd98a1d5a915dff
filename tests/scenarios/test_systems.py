"""Every clearance system of the project: each story that can be told of its lane is played, and ends as it should.

What the systems must refuse is written here by hand, from what the systems are; the stories come from the lane files.
"""

from random import Random

import pytest

from gatefw.crew import gate_settings
from gatefw.simulate import lanes, table
from gatefw.simulate.day import came_of, made_up, play, scripted_lane
from gatefw.simulate.stories import of_lane

TOKEN = {"token_malformed", "token_unknown", "record_expired", "record_revoked"}
CHIP = {"no_document", "document_altered", "document_cloned", "document_signer_unknown", "document_removed",
        "document_unreadable"}  # fmt: skip
CONSENT = {"no_consent", "consent_withdrawn"}
FACE = {"no_face", "partial_face"}
FOUND = {"not_identified", "ambiguous", "no_face", "face_too_small"}
JOURNEY = {"not_registered", *CONSENT, "journey_over", "touchpoint_skipped", "touchpoint_repeated"}
AIRLOCK = {"tailgating"}
AUTHORITY = {"stop_listed", "document_used_twice", "authority_refused", "authority_unavailable"}
VISITOR = {"document_expired"}
RESIDENT = {"not_registered", "not_resident", "document_kind_wrong", *CONSENT}
REFUSALS = {
    "e-channel": TOKEN | RESIDENT | AIRLOCK | {"finger_mismatch", "face_mismatch", "nobody_entered"},
    "smart-departure": CHIP | VISITOR | FACE | AIRLOCK | {"face_mismatch", "nobody_entered"},
    "contactless-e-channel": TOKEN | RESIDENT | FACE | AIRLOCK | {"face_mismatch", "nobody_entered"},
    "document-free": FOUND | FACE | CONSENT | AIRLOCK | {
        "not_eligible", "not_registered", "permit_missing", "permit_not_yet", "permit_expired", "under_age",
        "endorsement_missing", "endorsement_kind_wrong", "endorsement_single", "endorsement_expired",
        "endorsement_elsewhere", "purpose_not_private", "declined", "not_confirmed", "walked_away",
        "finger_mismatch", "finger_unclear", "no_finger", "person_swapped",
    },
    "flight-token-check-in": CHIP | VISITOR | FACE | {"face_mismatch", "enrolled_twice"},
    "flight-token-bag-drop": FOUND | JOURNEY,
    "flight-token-security": FOUND | JOURNEY,
    "flight-token-e-channel": FOUND | FACE | JOURNEY | AIRLOCK | {"not_eligible_resident", "person_swapped"},
    "flight-token-boarding": FOUND | JOURNEY | {"wrong_place"},
    "chung-ying-street": FOUND | FACE | CONSENT | AIRLOCK | {
        "not_registered", "area_permit_missing", "area_permit_expired", "wrong_direction", "person_swapped",
    },
    "hetao": FOUND | FACE | CONSENT | AIRLOCK | AUTHORITY | {"not_registered", "not_designated", "person_swapped"},
}  # fmt: skip
WRITTEN = (table.ROOT / "docs" / "systems.md").read_text(encoding="utf-8").splitlines()


def test_the_systems_are_those_of_the_lane_files() -> None:
    assert lanes.names() == sorted(REFUSALS)


@pytest.mark.parametrize("system", REFUSALS)
def test_every_story_of_a_system_ends_as_it_should_and_as_it_is_written_down(system: str) -> None:
    """One after the other comes to this lane: somebody who may pass, and everybody whom it must turn away."""
    rows = [row for way in lanes.both_ways(system) for row in table.rows(way)]
    assert [row for row in rows if not row.ok] == []
    written = [line for line in WRITTEN if line.startswith((f"| {system} |", f"| {system}, reversed |"))]
    assert table.markdown(rows).splitlines()[9:] == written


@pytest.mark.parametrize("name", ["not-me", "no-answer", "walks-away", "stranger", "twins", "swapped", "no-finger"])
def test_whoever_is_turned_away_frees_the_camera_for_the_next(name: str) -> None:
    """Somebody does not come through, for whatever reason. The next in the queue steps up, and passes."""
    config = lanes.load("document-free")
    lane = scripted_lane(config, seed=0)
    told = {story.name: story for story in of_lane(config, lane.settings.terms)}
    queue = [(who, told[tells]) for who, tells in (("anna", "passes"), ("boris", name), ("carla", "passes"))]
    chance = Random(0)
    sent = [(story.played_by(made_up(who, config, chance, story)), story) for who, story in queue]
    play(lane, sent)
    assert all(came_of(lane, traveller.name, story).expected for traveller, story in sent)
    assert list(lane.world.history.of("violation")) == []


def test_chung_ying_street_lets_in_and_out_by_the_direction_of_the_permit() -> None:
    """A permit holder who works in the street passes both ways; a permit for the way in alone does not let out."""
    both = {way.port.direction: list(table.rows(way)) for way in lanes.both_ways("chung-ying-street")}
    assert set(both) == {"arrival", "departure"}
    for rows in both.values():
        told = {row.story: row for row in rows}
        assert (told["passes"].outcome, told["permitted-direction"].reason) == ("passes", "wrong_direction")


@pytest.mark.parametrize("system", REFUSALS)
def test_a_system_has_a_story_for_each_of_its_refusals(system: str) -> None:
    config = lanes.load(system)
    told = of_lane(config, gate_settings(config).terms)
    assert {story.expects[-1] for story in told} - {"ok"} == REFUSALS[system]
    assert len({story.name for story in told}) == len(told)
    assert all(story.told.endswith((".", ")")) for story in told)
