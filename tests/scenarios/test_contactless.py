"""A day at the contactless lane, in virtual time: the real Gate, a simulated world, scripted answers."""

import random
from collections.abc import Iterator

import pytest
from virtual_lane import TIMERS, Lane

from gatefw.gate_terms import DeviceCame, DeviceWent, Ordered
from gatefw.lane_terms import Policy
from gatefw.model import DoorId, FactKind, Input, Phase, Reason, Timer, Verb
from hw.sim.people import send_in
from hw.sim.physics import Place
from hw.sim.steps import LeaveByOpenDoor, Script

CODES: dict[str, str | Reason] = {
    "ANNA": "anna",
    "OLD": Reason.RECORD_EXPIRED,
    "GONE": Reason.RECORD_REVOKED,
    "?!": Reason.TOKEN_MALFORMED,
    "NOCONSENT": Reason.NO_CONSENT,
}


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane(CODES).boot()
    yield lane
    lane.check_facts()


def test_a_registered_traveller_passes_in_one_go(lane: Lane) -> None:
    """Anna presents her card, walks in, looks at the camera and leaves by the exit; the lane is free again."""
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(30)
    assert (lane.outcome("anna"), lane.ended(), lane.phase) == ("passed", [(True, "ok")], Phase.IDLE)
    assert lane.violations() == []


def test_an_impostor_with_a_borrowed_code_is_let_out_backwards(lane: Lane) -> None:
    """Bob has photographed Anna's QR code. His face is not hers; the exit never moves."""
    lane.send("bob", "traveller", code="ANNA", photo="bob")
    lane.run(30)
    assert (lane.outcome("bob"), lane.ended()) == ("turned_back", [(False, "face_mismatch")])
    assert not [e for e in lane.world.history.of("door") if e["door"] is DoorId.EXIT]
    assert (lane.phase, lane.violations()) == (Phase.IDLE, [])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("WHO", "token_unknown"),
        ("OLD", "record_expired"),
        ("GONE", "record_revoked"),
        ("?!", "token_malformed"),
        ("NOCONSENT", "no_consent"),
    ],
)
def test_a_code_that_does_not_hold_is_refused_in_front_and_no_door_moves(lane: Lane, code: str, reason: str) -> None:
    lane.send("eve", "traveller", code=code, photo="eve")
    lane.run(30)
    assert (lane.outcome("eve"), lane.ended()) == ("not_admitted", [(False, reason)])
    assert list(lane.world.history.of("door")) == []
    assert lane.phase is Phase.IDLE


def test_whoever_does_not_look_at_the_camera_is_referred_without_blame(lane: Lane) -> None:
    lane.send("anna", "traveller", code="ANNA")
    lane.run(40)
    assert (lane.outcome("anna"), lane.ended()) == ("turned_back", [(False, "no_face")])
    assert lane.facts(FactKind.PASSAGE_DECIDED)[0].fields[0] == ("verdict", "refer")


def test_two_who_slip_in_together_are_let_out_and_no_face_is_asked(lane: Lane) -> None:
    """Carl follows at Anna's heels before the door can close."""
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.send("carl", "follower", photo="carl", walk_m_s=3.0)
    lane.run(60)
    assert lane.ended() == [(False, "tailgating")]
    assert {lane.outcome("anna"), lane.outcome("carl")} == {"turned_back"}
    assert lane.facts(FactKind.FACE_COMPARED) == []
    assert "tailgating" in lane.alarms()
    assert (lane.phase, lane.violations()) == (Phase.IDLE, [])


def test_somebody_who_stands_in_the_door_is_not_closed_upon_and_an_alarm_is_raised(lane: Lane) -> None:
    lane.send("anna", "doorstopper", code="ANNA", photo="anna", stand_s=8.0)
    lane.run(60)
    assert lane.outcome("anna") in ("passed", "not_admitted", "turned_back")
    assert lane.violations() == []
    assert lane.phase is Phase.IDLE


def test_a_traveller_who_changes_his_mind_frees_the_lane(lane: Lane) -> None:
    lane.send("dora", "undecided", code="ANNA")
    lane.run(30)
    assert lane.ended() == [(False, "nobody_entered")]
    assert (lane.phase, lane.violations()) == (Phase.IDLE, [])


def test_the_call_button_of_a_refused_impostor_does_not_get_him_across(lane: Lane) -> None:
    lane.send("bob", "caller", code="ANNA", photo="bob", press_after_s=0.1)
    lane.run(60)
    assert lane.outcome("bob") == "turned_back"
    assert "called" in lane.alarms()
    assert not [e for e in lane.world.history.of("door") if e["door"] is DoorId.EXIT]


def test_fire_frees_the_escape_plan_latches_and_ends_only_by_a_reset(lane: Lane) -> None:
    """Anna is inside when the fire contact opens. Both doors are freed; afterwards somebody must say it is over."""
    lane.send("anna", "stayer", code="ANNA", stay_s=2.0)
    lane.run(4.0)
    lane.world.set_input(Input.FIRE, True)
    lane.run(20)
    assert lane.phase is Phase.EVACUATED
    assert lane.outcome("anna") in ("passed", "turned_back")
    lane.world.set_input(Input.FIRE, False)
    lane.run(60)
    assert lane.phase is Phase.EVACUATED
    lane.runner.take(Ordered(7, Verb.RESET, "uid-1000"))
    lane.run(10)
    assert (lane.runner.told[-1].accepted, lane.phase) == (True, Phase.IDLE)
    assert [dict(f.fields) for f in lane.facts(FactKind.FAULT_LATCHED)] == [{"reason": "fire"}]


def test_vision_that_dies_with_somebody_inside_lets_them_out_and_comes_back(lane: Lane) -> None:
    lane.look_s = 5.0
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(6.0)
    assert lane.phase is Phase.VERIFYING
    lane.runner.take(DeviceWent("vision"))
    lane.run(20)
    assert (lane.outcome("anna"), lane.ended(), lane.phase) == ("turned_back", [(False, "device_lost")], Phase.DEGRADED)
    lane.runner.take(DeviceCame("vision"))
    lane.run(10)
    assert lane.phase is Phase.IDLE


def test_an_answer_that_comes_after_its_run_ended_is_dropped(lane: Lane) -> None:
    """The face matches, but only after a second person appeared and the run was over."""
    lane.look_s = 6.0
    lane.send("anna", "stayer", code="ANNA", photo="anna", stay_s=9.0)
    lane.run(6.0)
    assert lane.phase is Phase.VERIFYING
    lane.world.set_input(Input.CALL, True)
    lane.run(40)
    assert lane.ended() == [(False, "called")]
    assert lane.facts(FactKind.FACE_COMPARED) == []


def test_the_timer_of_a_passage_before_does_not_end_this_one(lane: Lane) -> None:
    """Between Anna's verification and Carla's are 16 phases, after which the lane counts its timers from 0 again."""
    began_s = []
    for name, code in (("anna", "ANNA"), ("eve", "WHO"), ("berta", "ANNA")):
        lane.send(name, "traveller", walk_m_s=5.0, code=code, photo="anna", enter_patience_s=1.0)
        while not (lane.outcome(name) and lane.phase is Phase.IDLE):
            began_s += [lane.runner.now_s] if lane.phase is Phase.VERIFYING else []
            lane.run(0.1)
    lane.look_s = 5.5
    lane.send("carla", "traveller", walk_m_s=5.0, code="ANNA", photo="anna")
    while lane.phase is not Phase.VERIFYING:
        lane.run(0.1)
    assert lane.runner.now_s < began_s[0] + TIMERS[Timer.VERIFY] < lane.runner.now_s + lane.look_s
    lane.run(20)
    assert [passed for passed, _ in lane.ended()] == [True, False, True, True]


def test_a_forced_exit_latches_a_fault_and_serves_nobody_until_reset(lane: Lane) -> None:
    lane.world.harm(DoorId.EXIT, forced=True)
    lane.run(5)
    assert lane.phase is Phase.FAULT
    lane.world.harm(DoorId.EXIT, forced=False)
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(20)
    assert lane.outcome("anna") == "not_admitted"
    lane.runner.take(Ordered(1, Verb.RESET, "uid-1000"))
    lane.run(10)
    assert lane.phase is Phase.IDLE


def test_a_reset_before_the_sweep_is_refused_and_says_why(lane: Lane) -> None:
    lane.world.harm(DoorId.EXIT, forced=True)
    lane.run(5)
    lane.runner.take(Ordered(1, Verb.RESET, "uid-1000"))
    told = lane.runner.told[-1]
    assert not told.accepted
    assert "exit_door open" in told.detail


def test_a_welded_relay_is_found_and_latched(lane: Lane) -> None:
    """The entry relay sticks after somebody left; the door never secures although nobody releases it."""
    lane.send("eve", "undecided", code="ANNA")
    lane.run(2.0)
    lane.world.harm(DoorId.ENTRY, welded=True)
    lane.run(40)
    assert lane.phase is Phase.FAULT
    assert dict(lane.facts(FactKind.FAULT_LATCHED)[0].fields)["reason"] == "door_unconfirmed"


def test_a_lane_that_boots_with_somebody_inside_lets_them_out_before_it_serves() -> None:
    """The power was cut while Anna stood inside. Nothing is known about her; she gets out where she came from."""
    lane = Lane(CODES)
    send_in(lane.world, "anna", iter_out(), at=Place.AIRLOCK)
    lane.world.advance(0.1)
    lane.runner.boot()
    lane.send("next", "traveller", code="ANNA", photo="anna", enter_patience_s=2.0)
    lane.run(30)
    assert lane.outcome("anna") == "turned_back"
    assert lane.outcome("next") in ("not_admitted", "turned_back")  # through the open way out, and out again
    assert (lane.phase, lane.violations()) == (Phase.IDLE, [])


def iter_out() -> Script:
    left_by = yield LeaveByOpenDoor(patience_s=20.0)
    return "turned_back" if left_by is DoorId.ENTRY else "passed"


def test_a_site_that_holds_keeps_a_refused_impostor_for_the_officer_for_a_limited_time() -> None:
    lane = Lane(CODES, Policy(hold_on_refusal=True)).boot()
    lane.send("bob", "traveller", code="ANNA", photo="bob", leave_patience_s=60.0)
    lane.run(12)
    assert lane.phase is Phase.HOLD
    lane.run(40)
    assert (lane.outcome("bob"), lane.phase) == ("turned_back", Phase.IDLE)


def test_a_door_is_driven_only_after_its_release_is_in_the_journal(lane: Lane) -> None:
    lane.runner.commit_s = 1.0
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(40)
    assert lane.outcome("anna") == "passed"
    releases = [(at, dict(f.fields)) for at, f in lane.runner.facts if f.kind is FactKind.DOOR_RELEASED]
    opened = [e for e in lane.world.history.of("door") if e["state"] == "opening"]
    assert [fields["door"] for _, fields in releases] == ["entry_door", "exit_door"]
    for (recorded_s, _), moved in zip(releases, opened, strict=True):
        assert moved.at_s >= recorded_s + 1.0


def test_a_journal_that_stalls_holds_everybody_outside_but_nobody_in(lane: Lane) -> None:
    """The disk stops answering. Nobody is let through; whoever is inside still gets out."""
    lane.runner.commit_s = 10_000.0
    lane.send("anna", "traveller", code="ANNA", photo="anna")
    lane.run(30)
    assert list(lane.world.history.of("crossed")) == []
    inside = Lane(CODES).boot()
    inside.send("bob", "traveller", code="ANNA", photo="bob")
    inside.run(4.0)
    inside.runner.commit_s = 10_000.0
    inside.run(30)
    assert inside.outcome("bob") == "turned_back"


@pytest.mark.parametrize("seed", range(4))
def test_hours_of_mixed_traffic_pass_in_a_moment_without_a_violation(seed: int) -> None:
    """Honest travellers, impostors, followers, dawdlers, callers: nobody gets across who was not admitted."""
    chance = random.Random(seed)
    lane = Lane(CODES).boot()
    honest = 0
    for number in range(100):
        name, kind = (
            f"p{number}",
            chance.choice(["honest", "honest", "impostor", "unknown", "shy", "caller", "undecided"]),
        )
        match kind:
            case "honest":
                honest += 1
                lane.send(name, "traveller", code="ANNA", photo="anna")
            case "impostor":
                lane.send(name, "traveller", code="ANNA", photo="bob")
            case "unknown":
                lane.send(name, "traveller", code="WHO", photo="bob")
            case "shy":
                lane.send(name, "traveller", code="ANNA")
            case "caller":
                lane.send(name, "caller", code="ANNA", photo="bob", press_after_s=chance.random() * 3)
            case "undecided":
                lane.send(name, "undecided", code="ANNA", hesitate_s=chance.random() * 4)
        if chance.random() < 0.1:
            lane.send(f"{name}-tail", "follower", photo="bob", walk_m_s=3.0)
        lane.run(60 + chance.random() * 60)
    assert lane.runner.now_s > 6000
    assert lane.violations() == []
    admitted = {fact.run for fact in lane.facts(FactKind.PASSAGE_DECIDED) if ("verdict", "admit") in fact.fields}
    crossed = [e for e in lane.world.history.of("crossed") if e["door"] is DoorId.EXIT]
    passed = [fact for fact in lane.facts(FactKind.PASSAGE_ENDED) if ("passed", True) in fact.fields]
    assert len(crossed) == len(passed) <= len(admitted)
    assert {fact.run for fact in passed} <= admitted
    assert len(passed) >= honest * 0.8
    lane.check_facts()
