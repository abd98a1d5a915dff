"""Lanes where standing before them begins a run: who is looked at, when, and when again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from gate_bench import ANNA, ENTRY, EXIT, Bench
from hypothesis import given
from hypothesis import strategies as st

from gatefw.clearance import Beginning, Procedure, Terms
from gatefw.clearance.document_free import clear as document_free
from gatefw.clearance.walk_through import clear as walk_through
from gatefw.front import Presence
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, LaneSensed, Show, Tick, TokenRead
from gatefw.lane_terms import Policy
from gatefw.model import (
    Beam,
    Confirm,
    Confirmed,
    DoorId,
    Eligible,
    FaceIdentified,
    FactKind,
    Failed,
    IdentifyFace,
    Input,
    Occupancy,
    Phase,
    Position,
    Reason,
    Signal,
    Timer,
    Token,
    Zone,
)
from gatefw.ports import DoorReading, SensorsReading
from gatefw.virtual import SiteDoor, VirtualRunner

FOUND = FaceIdentified(ANNA, 0.31, 0.42, 90_000, 0.001, 2)


def presence(clear: object = document_free, policy: Policy | None = None) -> Bench:
    return Bench(clear, policy=policy, begins=Beginning.PRESENCE, identifier="camera.before", again_s=5.0)


def started(bench: Bench) -> int:
    return len(bench.facts(FactKind.PASSAGE_STARTED))


def test_somebody_who_steps_before_an_idle_lane_begins_a_run_that_looks_for_their_face() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True)
    assert bench.phase is Phase.TOKEN_PRESENTED
    assert isinstance(bench.ask().request, IdentifyFace)
    assert bench.of(FactKind.PASSAGE_STARTED, "run-1") == [{"reader": "camera.before", "symbology": ""}]


def test_nobody_who_stands_there_before_the_lane_is_idle_is_looked_at_until_it_is() -> None:
    bench = presence()
    bench.door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED).people(Occupancy.EMPTY, front=True)
    assert started(bench) == 0
    bench.idle().people(Occupancy.EMPTY, front=True)
    assert started(bench) == 1


def test_a_token_shown_to_a_lane_that_looks_for_faces_is_nobodys() -> None:
    bench = presence().idle().give(TokenRead("reader.front", Token(b"ANNA")))
    assert (bench.phase, bench.gate.takes_tokens) == (Phase.IDLE, False)


def test_one_who_was_turned_away_and_stays_is_looked_at_again_after_a_while() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(Failed(Reason.NOT_IDENTIFIED))
    assert (bench.phase, started(bench)) == (Phase.IDLE, 1)
    assert bench.gate.attends
    bench.later(4.9)
    assert started(bench) == 1
    bench.later(0.2)
    assert started(bench) == 2


def test_the_next_one_is_looked_at_at_once_when_the_place_was_empty_between_them() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(Failed(Reason.NOT_IDENTIFIED))
    bench.people(Occupancy.EMPTY, front=False)
    assert not bench.gate.attends
    bench.people(Occupancy.EMPTY, front=True).later(1.0)
    assert started(bench) == 2


def test_a_sensor_that_flickers_begins_no_run_at_every_flicker() -> None:
    """Somebody stands at the edge of what it sees, for two seconds."""
    bench = presence().idle()
    for _ in range(20):
        bench.later(0.1).people(Occupancy.EMPTY, front=True).people(Occupancy.EMPTY, front=False)
    assert started(bench) == 2
    assert all(
        end["reason"] == "walked_away" for run in (1, 2) for end in bench.of(FactKind.PASSAGE_ENDED, f"run-{run}")
    )


def test_whoever_came_while_the_lane_was_busy_is_next_when_it_is_idle() -> None:
    bench = asked().people(Occupancy.EMPTY, Input.CONFIRM, front=True).people(Occupancy.EMPTY, front=False)
    bench.people(Occupancy.EMPTY, front=True).over(Timer.ENTER)
    assert (started(bench), bench.phase) == (1, Phase.RECOVERING)
    bench.now_s += 1.0
    bench.over(Timer.SCAN)
    assert (started(bench), bench.phase) == (2, Phase.TOKEN_PRESENTED)


def once_looked_at(token: Token, terms: Terms) -> Procedure:
    """A face among few, and no door that closes behind it."""
    return walk_through(token, replace(terms, second_look=False))


@pytest.mark.parametrize("doors", [(), (EXIT,)])
def test_nobody_is_let_through_for_one_who_has_stepped_away(doors: tuple[DoorId, ...]) -> None:
    """Anna is found and walks off; Bob stands where she stood when the rules have been asked about her."""
    bench = presence(once_looked_at, Policy(doors=doors)).idle()
    bench.people(Occupancy.ONE, front=True).answer(FOUND)
    bench.people(Occupancy.EMPTY, front=False).people(Occupancy.ONE, front=True)
    bench.answer(Eligible()).commit()
    assert [(end["passed"], end["reason"]) for end in bench.of(FactKind.PASSAGE_ENDED, "run-1")] == [
        (False, "walked_away")
    ]
    assert bench.driven() == []


def test_nobody_is_shown_what_was_read_of_one_who_has_stepped_away() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(FOUND)
    bench.people(Occupancy.EMPTY, front=False).people(Occupancy.EMPTY, front=True).answer(Eligible())
    assert not any(isinstance(effect, Ask) and isinstance(effect.request, Confirm) for effect in bench.effects)


def test_a_face_that_is_not_found_leaves_no_score_and_no_subject() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(Failed(Reason.NOT_IDENTIFIED))
    assert bench.facts(FactKind.FACE_IDENTIFIED) == []
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-1") == [{"verdict": "refuse", "reason": "not_identified"}]
    assert bench.facts(FactKind.PASSAGE_DECIDED)[0].subject is None


def test_a_face_that_is_found_is_written_down_by_how_alike_it_is_and_never_by_whose_it_is() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(FOUND)
    (fact,) = bench.facts(FactKind.FACE_IDENTIFIED)
    assert (fact.run, fact.subject) == ("run-1", None)
    assert str(ANNA) not in repr(fact)


def test_sensors_that_nobody_reads_see_nobody() -> None:
    bench = Bench(document_free, None, "sensors.lane", begins=Beginning.PRESENCE)
    bench.give(DeviceCame("sensors.lane")).idle().people(Occupancy.EMPTY, front=True)
    bench.answer(Failed(Reason.NO_FACE)).give(DeviceWent("sensors.lane"), DeviceCame("sensors.lane"))
    bench.door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED)
    assert not bench.gate.attends
    bench.later(60.0)
    assert started(bench) == 1


@pytest.mark.parametrize(("doors", "begins"), [((EXIT,), True), ((), False)])
def test_where_there_is_an_exit_door_alone_exactly_one_on_the_spot_before_it_begins(
    doors: tuple[DoorId, ...], begins: bool
) -> None:
    bench = presence(walk_through, Policy(doors=doors)).idle()
    bench.people(Occupancy.MANY, front=False)
    assert started(bench) == 0
    bench.people(Occupancy.ONE, front=False)
    assert started(bench) == int(begins)


def test_where_there_is_no_door_at_all_standing_in_front_begins() -> None:
    bench = presence(walk_through, Policy(doors=())).idle().people(Occupancy.EMPTY, front=True)
    assert started(bench) == 1


@given(
    st.lists(
        st.one_of(
            st.sampled_from([True, False, None]), st.floats(0.1, 4.0), st.sampled_from(["begin", "end", "through"])
        )
    )
)
def test_nobody_is_looked_at_twice_without_having_left_a_door_or_a_while_between(steps: list[object]) -> None:
    seen, now_s, running, ended_s, left = Presence(True, 5.0), 0.0, False, -100.0, True
    for step in steps:
        if step is None or isinstance(step, bool):
            zones = () if step is None else ((Zone.FRONT, step),)
            seen.sensed(LaneSensed(Occupancy.EMPTY, zones))
            left |= step is False
        elif isinstance(step, float):
            now_s += step
        elif running and step != "begin":
            seen.ended(now_s, step == "through")
            running, ended_s, left = False, now_s, left or step == "through"
        elif step == "begin" and not running and seen.due(now_s):
            assert seen.there
            assert left or now_s - ended_s >= 5.0
            seen.began()
            running, left = True, False


class Still:
    """A place in virtual time where somebody stands in front and nothing else ever happens."""

    class Door:
        def release(self, lease_s: float) -> None: ...

        def secure(self) -> None: ...

        def read(self) -> DoorReading:
            return DoorReading(Position.SECURED, Beam.CLEAR)

    doors: Mapping[DoorId, SiteDoor] = dict.fromkeys(DoorId, Door())

    def next_s(self) -> float:
        return float("inf")

    def advance(self, now_s: float) -> None: ...

    def read_sensors(self) -> SensorsReading:
        return SensorsReading(Occupancy.EMPTY, {Zone.FRONT: True}, dict.fromkeys(Input, Signal.OFF))

    def take_tokens(self) -> list[Token]:
        return []


def test_virtual_time_goes_on_while_somebody_waits_before_an_idle_lane() -> None:
    gate = presence().gate
    runner = VirtualRunner(gate, Still(), lambda _question: (1.0, Failed(Reason.NO_FACE)))
    runner.boot()
    runner.run(40.0)
    begun = [at for at, fact in runner.facts if fact.kind is FactKind.PASSAGE_STARTED]
    assert [round(b - a) for a, b in pairwise(begun)] == [6, 11]


def test_a_bag_that_stands_there_for_hours_does_not_fill_the_journal() -> None:
    runner = VirtualRunner(presence().gate, Still(), lambda _question: (1.0, Failed(Reason.NO_FACE)))
    runner.boot()
    runner.run(3 * 3600.0)
    begun = [at for at, fact in runner.facts if fact.kind is FactKind.PASSAGE_STARTED]
    assert {round(b - a) for a, b in pairwise(begun)} == {6, 11, 21, 31}
    assert len(runner.facts) < 15_000 / 8  # of a day


def test_who_comes_after_a_bag_was_taken_away_is_looked_at_as_often_as_anybody() -> None:
    seen, now_s = Presence(True, 5.0), 0.0
    for _ in range(9):
        seen.sensed(LaneSensed(Occupancy.EMPTY, ((Zone.FRONT, True),)))
        seen.began()
        seen.ended(now_s, went_through=False)
        now_s += 60.0
    seen.sensed(LaneSensed(Occupancy.EMPTY, ((Zone.FRONT, False),)))
    seen.sensed(LaneSensed(Occupancy.EMPTY, ((Zone.FRONT, True),)))
    seen.began()
    seen.ended(now_s, went_through=False)
    assert (seen.due(now_s + 4.9), seen.due(now_s + 5.0)) == (False, True)


@pytest.mark.parametrize("camera", ["camera.before", "camera.inside"])
def test_a_lane_whose_only_camera_for_a_thing_sees_nothing_begins_nothing(camera: str) -> None:
    """The one in front finds people, the one inside compares them; neither stands in for the other."""
    cameras = ("camera.before", "camera.inside")
    bench = Bench(document_free, None, *cameras, begins=Beginning.PRESENCE, identifier="camera.before")
    bench.give(*(DeviceCame(each) for each in cameras)).idle()
    bench.ill(camera, Reason.CAMERA_COVERED).people(Occupancy.EMPTY, front=True)
    assert (bench.phase, started(bench)) == (Phase.DEGRADED, 0)
    bench.ill(camera, Reason.CAMERA_COVERED, impaired=False).over(Timer.SCAN)
    assert started(bench) == 1


# ---------------------------------------------------------------- the traveller's own word


def asked() -> Bench:
    """Anna was found, every rule holds, and she is asked whether what is shown is hers."""
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(FOUND).answer(Eligible())
    assert isinstance(bench.ask().request, Confirm)
    assert bench.phase is Phase.TOKEN_PRESENTED
    return bench


def says(*buttons: Input, front: bool = True) -> Callable[[Bench], Bench]:
    return lambda bench: bench.people(Occupancy.EMPTY, *buttons, front=front)


def test_a_traveller_who_says_yes_is_let_in() -> None:
    bench = asked().people(Occupancy.EMPTY, Input.CONFIRM, front=True)
    assert bench.phase is Phase.ENTRY_RELEASED
    assert bench.of(FactKind.CONFIRMED, "run-1") == [{}]


@pytest.mark.parametrize(
    ("happens", "verdict", "reason"),
    [
        (says(Input.DECLINE), "refuse", "declined"),
        (says(Input.CONFIRM, Input.DECLINE), "refuse", "declined"),
        (says(front=False), "refer", "walked_away"),
        (says(Input.CONFIRM, front=False), "refer", "walked_away"),
        (lambda bench: bench.later(15.0), "refer", "not_confirmed"),
    ],
)
def test_every_other_answer_ends_cleanly_and_frees_the_camera_for_the_next(
    happens: Callable[[Bench], Bench], verdict: str, reason: str
) -> None:
    bench = happens(asked())
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-1") == [{"verdict": verdict, "reason": reason}]
    assert [end["reason"] for end in bench.of(FactKind.PASSAGE_ENDED, "run-1")] == [reason]
    assert "CancelAsk" in [type(effect).__name__ for effect in bench.last]
    assert bench.phase is Phase.IDLE
    bench.people(Occupancy.EMPTY, front=False).people(Occupancy.EMPTY, front=True).later(1.0)
    assert isinstance(bench.ask().request, IdentifyFace)
    assert bench.ask().run == "run-2"


def test_a_button_held_from_before_the_question_says_nothing_until_it_is_pressed_anew() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, Input.CONFIRM, front=True).answer(FOUND).answer(Eligible())
    bench.people(Occupancy.EMPTY, Input.CONFIRM, front=True).give(Tick())
    assert bench.phase is Phase.TOKEN_PRESENTED
    bench.people(Occupancy.EMPTY, front=True).people(Occupancy.EMPTY, Input.CONFIRM, front=True)
    assert bench.phase is Phase.ENTRY_RELEASED


def test_a_button_pressed_while_nobody_is_asked_counts_for_no_later_question() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True)
    bench.people(Occupancy.EMPTY, Input.CONFIRM, front=True).answer(FOUND).answer(Eligible()).give(Tick())
    assert bench.phase is Phase.TOKEN_PRESENTED


def test_whoever_has_gone_before_they_are_asked_has_walked_away() -> None:
    bench = presence().idle().people(Occupancy.EMPTY, front=True).answer(FOUND)
    bench.people(Occupancy.EMPTY, front=False).answer(Eligible())
    assert [end["reason"] for end in bench.of(FactKind.PASSAGE_ENDED, "run-1")] == ["walked_away"]


def test_a_touch_on_the_screen_is_an_answer_and_a_second_one_is_none() -> None:
    bench = asked()
    ask = bench.ask()
    bench.give(Answered(ask.run, ask.number, Confirmed()))
    assert bench.phase is Phase.ENTRY_RELEASED
    before = len(bench.effects)
    bench.give(Answered(ask.run, ask.number, Failed(Reason.DECLINED)))
    bench.people(Occupancy.EMPTY, Input.DECLINE, front=True)
    assert not [e for e in bench.effects[before:] if isinstance(e, Ask | Show)]
    assert bench.phase is Phase.ENTRY_RELEASED


def test_a_lane_that_ends_the_run_takes_the_question_back() -> None:
    bench = asked().people(Occupancy.EMPTY, Input.STOP, front=True)
    ends = bench.of(FactKind.PASSAGE_ENDED, "run-1")
    bench.people(Occupancy.EMPTY, Input.STOP, Input.CONFIRM, front=True)
    assert [end["reason"] for end in ends] == ["stopped"]
    assert bench.of(FactKind.CONFIRMED, "run-1") == []
