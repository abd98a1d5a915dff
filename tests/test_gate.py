"""The Gate by itself: what it asks, records and drives, and in which order."""

import itertools
from collections.abc import Generator, Iterator

import pytest
from gate_bench import ANNA, ENTRY, EXIT, MATCH, Bench

from gatefw.clearance import Beginning, Terms
from gatefw.clearance.contactless import clear
from gatefw.gate_terms import (
    Answered,
    Ask,
    CancelAsk,
    Committed,
    DeviceCame,
    DeviceWent,
    Drive,
    Drop,
    KeepLatch,
    Ordered,
    Record,
    SetTimer,
    Tell,
    Tick,
    TokenRead,
)
from gatefw.lane_terms import Policy
from gatefw.model import (
    Beam,
    Decision,
    FaceCompared,
    FactKind,
    Failed,
    Faulted,
    Input,
    LookUpRecord,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Reason,
    RecordFound,
    Reply,
    Request,
    RunId,
    Signal,
    Started,
    Timer,
    Token,
    Verb,
    VerifyFace,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_token_is_looked_up_and_no_door_moves_for_it(bench: Bench) -> None:
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA", "]Q1")))
    assert bench.ask() == Ask(RunId("run-1"), 1, LookUpRecord(Token(b"ANNA", "]Q1")))
    assert bench.driven() == []


def test_the_entry_is_driven_only_after_its_release_was_committed(bench: Bench) -> None:
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA))
    assert bench.phase is Phase.ENTRY_RELEASED
    assert bench.driven() == []
    bench.commit()
    assert bench.driven() == [(ENTRY, Purpose.ENTER)]


def test_the_exit_is_driven_only_after_decision_and_release_were_committed(bench: Bench) -> None:
    bench.inside().answer(MATCH)
    assert bench.phase is Phase.VERIFYING
    decided = next(e for e in bench.last if isinstance(e, Record) and e.fact.kind is FactKind.PASSAGE_DECIDED)
    assert decided.fact.subject == ANNA
    bench.give(Committed(decided.ticket or 0))
    assert bench.phase is Phase.EXIT_RELEASED
    assert (EXIT, Purpose.ADMIT) not in bench.driven()
    bench.commit()
    assert (EXIT, Purpose.ADMIT) in bench.driven()


def test_a_commit_that_comes_when_another_person_is_inside_releases_nothing(bench: Bench) -> None:
    bench.inside().answer(MATCH)
    bench.people(Occupancy.MANY).commit().commit()
    assert (EXIT, Purpose.ADMIT) not in bench.driven()
    assert bench.phase is Phase.REFUSED


def test_a_release_whose_moment_has_passed_is_dropped_and_recorded(bench: Bench) -> None:
    """Between the decision and the disk somebody stepped into the lane: the interlock says no."""
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA))
    ticket = next(e.ticket for e in bench.last if isinstance(e, Record) and e.fact.kind is FactKind.DOOR_RELEASED)
    bench.gate.senses.sensed = bench.gate.sensed.__class__(
        Position.SECURED, Position.UNKNOWN, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, *[Signal.OFF] * 3
    )
    bench.give(Committed(ticket or 0))
    assert bench.driven() == []
    assert dict(bench.facts(FactKind.RELEASE_DROPPED)[0].fields)["reason"] == "other_door_not_secured"
    assert bench.phase is Phase.RECOVERING


def test_a_way_out_is_driven_before_anything_is_committed(bench: Bench) -> None:
    bench.inside().answer(FaceCompared(False, 0.8, 0.542, 0.001, 5))
    assert (ENTRY, Purpose.WAY_OUT) in [(e.door, e.purpose) for e in bench.last if isinstance(e, Drive)]


def test_fire_drives_both_doors_in_the_same_step(bench: Bench) -> None:
    bench.inside().people(Occupancy.ONE, Input.FIRE)
    assert {e.door for e in bench.last if isinstance(e, Drive)} == {ENTRY, EXIT}
    assert KeepLatch(Reason.FIRE) in bench.last


def test_a_lease_is_renewed_by_ticks_and_ends_when_the_lane_says_so(bench: Bench) -> None:
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA)).commit()
    bench.now_s = 0.6
    bench.give(Tick())
    assert [e.door for e in bench.last if isinstance(e, Drive)] == [ENTRY]
    bench.door(ENTRY, Position.OPEN).people(Occupancy.ONE)
    assert Drop(ENTRY) in bench.last


def test_a_door_is_not_closed_on_a_broken_beam_and_closes_when_it_is_clear(bench: Bench) -> None:
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA)).commit()
    bench.door(ENTRY, Position.OPEN, Beam.BROKEN).people(Occupancy.ONE)
    assert Drop(ENTRY) not in bench.effects
    bench.now_s = 0.7
    bench.give(Tick())
    assert [e.door for e in bench.last if isinstance(e, Drive)] == [ENTRY]
    bench.door(ENTRY, Position.OPEN, Beam.CLEAR)
    assert Drop(ENTRY) in bench.last


@pytest.mark.parametrize("other", [(RunId("run-0"), 3), (RunId("run-1"), 1), (RunId("run-1"), 2), (RunId("run-1"), 9)])
def test_an_answer_to_another_run_or_question_is_dropped(bench: Bench, other: tuple[RunId, int]) -> None:
    bench.inside()
    assert bench.ask().number == 3
    bench.give(Answered(*other, MATCH)).commit()
    assert bench.phase is Phase.VERIFYING
    assert bench.facts(FactKind.PASSAGE_DECIDED) == []


def test_a_run_that_ends_takes_its_questions_back(bench: Bench) -> None:
    bench.inside().people(Occupancy.MANY)
    assert CancelAsk(RunId("run-1")) in bench.last


def test_a_token_shown_to_a_busy_lane_is_not_kept_for_later(bench: Bench) -> None:
    bench.inside().give(TokenRead("reader.front", Token(b"BOB")))
    assert len([e for e in bench.effects if isinstance(e, Ask) and isinstance(e.request, LookUpRecord)]) == 1


def test_records_that_cannot_be_read_send_the_traveller_to_the_counter(bench: Bench) -> None:
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(Failed(Reason.RECORDS_UNAVAILABLE))
    assert dict(bench.facts(FactKind.PASSAGE_DECIDED)[0].fields)["verdict"] == "refer"
    assert bench.phase is Phase.IDLE


def test_a_lost_door_is_unhealthy_before_it_is_unknown_so_it_degrades_and_does_not_fault(bench: Bench) -> None:
    bench.inside().give(DeviceWent("door.entry_door"))
    assert bench.phase is Phase.DEGRADED
    assert bench.gate.sensed.entry is Position.UNKNOWN
    bench.give(DeviceCame("door.entry_door"))
    assert bench.phase is Phase.RECOVERING


def test_lost_sensors_leave_an_occupant_a_way_out_and_fire_unknown(bench: Bench) -> None:
    bench.inside().give(DeviceWent("sensors.lane"))
    assert bench.gate.sensed.fire is Signal.UNKNOWN
    assert bench.gate.sensed.occupancy is Occupancy.UNKNOWN
    assert (ENTRY, Purpose.WAY_OUT) in bench.driven()


def test_a_lost_door_has_dropped_its_release_and_is_not_driven_for_it_when_it_comes_back(bench: Bench) -> None:
    """The exit fails with its release under way; its device let go of the line. Nobody may be admitted by the next."""
    bench.inside().answer(MATCH).commit().commit()
    bench.give(DeviceWent("door.exit_door"))
    assert bench.gate.state.wants(EXIT) is None
    assert bench.gate.leases.held(EXIT) is None
    bench.effects.clear()
    bench.now_s += 5.0
    bench.give(Tick(), DeviceCame("door.exit_door"), Tick())
    assert EXIT not in [door for door, _ in bench.driven()]


def test_whoever_is_inside_gets_out_backwards_when_the_released_exit_is_lost(bench: Bench) -> None:
    """A release that nobody can take back any more must not hold the other door for ever."""
    bench.inside().answer(MATCH).commit().commit()
    bench.give(DeviceWent("door.exit_door"))
    bench.now_s += 1.0
    bench.give(Tick())
    assert bench.driven()[-1] == (ENTRY, Purpose.WAY_OUT)


def test_beside_an_exit_that_says_it_is_not_locked_the_entry_is_a_way_out_in_an_emergency_alone(bench: Bench) -> None:
    """The lock contact's wire comes off while somebody is inside: that door is locked, and nobody can know."""
    bench.inside().door(EXIT, Position.CLOSED).later(600.0).people(Occupancy.ONE, Input.CALL).later(600.0)
    assert [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.ALARM_RAISED)] == ["door_forced", "called"]
    assert bench.driven() == [(ENTRY, Purpose.ENTER)]
    bench.people(Occupancy.ONE, Input.EVACUATE)
    assert (ENTRY, Purpose.EMERGENCY) in bench.driven()


def test_an_exit_that_was_released_and_never_says_locked_again_is_a_fault_after_the_time_to_confirm(
    bench: Bench,
) -> None:
    """They do not leave, and are to go back; beside an exit that may be unlocked the entry is not released."""
    bench.inside().answer(MATCH).commit().commit().door(EXIT, Position.CLOSED).over(Timer.LEAVE)
    assert bench.phase is Phase.REFERRED
    bench.later(1.0).later(10.5)
    assert bench.phase is Phase.FAULT
    assert [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.ALARM_RAISED)] == ["door_unconfirmed"]
    assert (ENTRY, Purpose.WAY_OUT) not in bench.driven()


def test_where_the_plan_names_both_doors_the_one_that_says_it_is_not_locked_is_released() -> None:
    bench = Bench(policy=Policy(fault=(ENTRY, EXIT))).inside().door(EXIT, Position.CLOSED)
    assert bench.driven()[-1] == (EXIT, Purpose.WAY_OUT)


def test_a_way_out_is_driven_again_when_its_lost_door_comes_back_though_the_fire_is_over(bench: Bench) -> None:
    bench.inside().people(Occupancy.ONE, Input.FIRE).people(Occupancy.ONE)
    bench.give(DeviceWent("door.exit_door"))
    bench.effects.clear()
    bench.now_s += 5.0
    bench.give(DeviceCame("door.exit_door"), Tick())
    assert (EXIT, Purpose.EMERGENCY) in bench.driven()


def test_a_call_button_pressed_before_the_start_is_answered_at_the_start(bench: Bench) -> None:
    bench.door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED).people(Occupancy.EMPTY, Input.CALL)
    bench.give(DeviceCame("door.entry_door"), DeviceCame("vision"), Started())
    assert bench.phase is Phase.REFERRED
    assert bench.driven() == [(ENTRY, Purpose.WAY_OUT)]


def test_what_failed_before_the_lane_listened_is_a_fault_at_the_start(bench: Bench) -> None:
    """The queue overflowed while the devices were opened: what was lost then is as lost as at any other time."""
    bench.give(Faulted(Reason.OVERFLOW), Faulted(Reason.SOFTWARE))
    assert not [e for e in bench.effects if isinstance(e, KeepLatch)]
    bench.idle()
    assert bench.phase is Phase.FAULT
    assert [e for e in bench.effects if isinstance(e, KeepLatch)] == [KeepLatch(Reason.OVERFLOW)]


def test_a_cabinet_that_stands_open_at_the_start_is_a_fault(bench: Bench) -> None:
    bench.door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED).people(Occupancy.EMPTY, Input.TAMPER)
    bench.give(DeviceCame("door.entry_door"), DeviceCame("vision"), Started())
    assert (bench.phase, KeepLatch(Reason.TAMPERED) in bench.last) == (Phase.FAULT, True)


def test_a_cabinet_that_still_stands_open_after_a_reset_serves_nobody(bench: Bench) -> None:
    bench.idle().people(Occupancy.EMPTY, Input.TAMPER).give(Ordered(1, Verb.RESET, "uid-1000")).over(Timer.SCAN)
    assert bench.phase is Phase.DEGRADED
    bench.people(Occupancy.EMPTY)
    assert bench.phase is Phase.RECOVERING


def test_a_tampered_device_alarms_and_ends_what_is_under_way(bench: Bench) -> None:
    bench.inside().ill("reader.front", Reason.TAMPERED)
    assert bench.phase is Phase.DEGRADED
    assert [dict(f.fields) for f in bench.facts(FactKind.ALARM_RAISED)] == [{"reason": "tampered"}]
    assert dict(bench.facts(FactKind.DEVICE_IMPAIRED)[0].fields) == {"device": "reader.front", "reason": "tampered"}
    bench.ill("reader.front", Reason.TAMPERED, impaired=False)
    assert bench.phase is Phase.RECOVERING
    assert dict(bench.facts(FactKind.DEVICE_RESTORED)[0].fields) == {"device": "reader.front", "reason": "tampered"}


def test_what_a_device_suffers_from_is_written_down_when_it_changes_and_not_otherwise(bench: Bench) -> None:
    bench.idle().ill("camera.low", Reason.CAMERA_DARK).ill("camera.low", Reason.CAMERA_DARK)
    bench.ill("camera.low", Reason.CAMERA_FROZEN, impaired=False)
    assert len(bench.facts(FactKind.DEVICE_IMPAIRED)) == 1
    assert bench.facts(FactKind.DEVICE_RESTORED) == []


def test_a_device_that_went_suffers_from_nothing_any_more(bench: Bench) -> None:
    bench.idle().ill("vision", Reason.TAMPERED).give(DeviceWent("vision"), DeviceCame("vision"))
    assert bench.gate.senses.impaired == {}
    assert bench.phase is Phase.RECOVERING


def _two_cameras() -> Bench:
    bench = Bench(clear, None, "camera.low", "camera.high")
    bench.give(DeviceCame("camera.low"), DeviceCame("camera.high"))
    return bench


def test_one_camera_that_sees_nothing_is_borne_and_two_keep_the_next_traveller_out() -> None:
    bench = _two_cameras().idle().ill("camera.low", Reason.CAMERA_COVERED)
    assert bench.phase is Phase.IDLE
    bench.ill("camera.high", Reason.CAMERA_DARK)
    assert bench.phase is Phase.DEGRADED
    bench.ill("camera.low", Reason.CAMERA_COVERED, impaired=False)
    assert bench.phase is Phase.RECOVERING


def test_what_only_keeps_new_travellers_out_lets_the_one_under_way_finish_and_nobody_begin() -> None:
    bench = _two_cameras().inside()
    bench.ill("camera.low", Reason.CAMERA_DARK).ill("camera.high", Reason.CAMERA_DARK)
    assert bench.phase is Phase.VERIFYING
    bench.answer(MATCH).commit().commit()
    assert bench.phase is Phase.EXIT_RELEASED
    bench.door(EXIT, Position.OPEN).people(Occupancy.EMPTY).door(EXIT, Position.SECURED)
    assert dict(bench.facts(FactKind.PASSAGE_ENDED)[0].fields)["passed"] is True
    assert bench.phase is Phase.DEGRADED


@pytest.mark.parametrize("input_or_device", ["input", "device"])
def test_a_lane_without_mains_alarms_lets_the_traveller_finish_and_nobody_else_begin(
    bench: Bench, input_or_device: str
) -> None:
    bench.inside()
    if input_or_device == "input":
        bench.people(Occupancy.ONE, Input.MAINS_LOST)
    else:
        bench.ill("reader.front", Reason.MAINS_LOST)
    assert [dict(f.fields) for f in bench.facts(FactKind.ALARM_RAISED)] == [{"reason": "mains_lost"}]
    bench.answer(MATCH).commit().commit().door(EXIT, Position.OPEN)
    out = [Input.MAINS_LOST] if input_or_device == "input" else []
    bench.people(Occupancy.EMPTY, *out).door(EXIT, Position.SECURED)
    assert dict(bench.facts(FactKind.PASSAGE_ENDED)[0].fields)["passed"] is True
    assert bench.phase is Phase.DEGRADED
    bench.people(Occupancy.EMPTY).ill("reader.front", Reason.MAINS_LOST, impaired=False)
    assert bench.phase is Phase.RECOVERING


def test_sensors_lost_during_an_admission_do_not_leave_the_exit_released(bench: Bench) -> None:
    bench.inside().answer(MATCH).commit().commit()
    assert bench.gate.leases.held(EXIT) is Purpose.ADMIT
    bench.give(DeviceWent("sensors.lane"))
    assert Drop(EXIT) in bench.last


def test_a_stop_that_is_pressed_still_counts_when_nobody_can_read_it_any_more(bench: Bench) -> None:
    bench.inside().people(Occupancy.ONE, Input.STOP).give(DeviceWent("sensors.lane"))
    assert bench.gate.sensed.stop is Signal.ON
    assert bench.gate.sensed.fire is Signal.UNKNOWN
    bench.people(Occupancy.ONE)
    assert bench.gate.sensed.stop is Signal.OFF


def test_somebody_who_appears_inside_while_no_door_has_opened_is_let_out(bench: Bench) -> None:
    """The release waits for the disk; whoever stands inside was there before, and no door will move by itself."""
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA)).people(Occupancy.ONE)
    bench.over(Timer.SECURE)
    assert bench.phase is Phase.REFERRED
    assert dict(bench.facts(FactKind.PASSAGE_ENDED)[0].fields)["reason"] == "intrusion"
    assert (ENTRY, Purpose.WAY_OUT) in bench.driven()


def test_an_order_that_expected_another_phase_is_refused_and_recorded(bench: Bench) -> None:
    bench.idle().give(Ordered(3, Verb.CLOSE, "uid-1000", expects=Phase.FAULT))
    told = next(e for e in bench.last if isinstance(e, Tell))
    assert not told.accepted
    assert "meant for fault" in told.detail
    assert ("accepted", False) in bench.facts(FactKind.OPERATOR_ORDERED)[0].fields


def test_an_order_that_came_after_its_time_is_not_carried_out(bench: Bench) -> None:
    """The loop was late; who ordered it was told long ago that it had expired."""
    bench.idle()
    bench.now_s = 20.0
    bench.give(Ordered(3, Verb.CLOSE, "uid-1000", deadline_s=10.0))
    told = next(e for e in bench.last if isinstance(e, Tell))
    assert (told.accepted, bench.phase) == (False, Phase.IDLE)
    assert "too late" in told.detail


def test_a_reset_is_named_in_the_journal(bench: Bench) -> None:
    bench.idle().give(Faulted(Reason.OVERFLOW), Ordered(1, Verb.RESET, "uid-1000"))
    assert bench.facts(FactKind.FAULT_RESET)[0].fields == (("by", "uid-1000"),)


def test_an_alarm_is_raised_once_while_the_lane_stays_as_it_is(bench: Bench) -> None:
    bench.inside().answer(Failed(Reason.NO_FACE))
    for _ in range(3):
        bench.over(Timer.LET_OUT)
    assert [dict(f.fields)["reason"] for f in bench.facts(FactKind.ALARM_RAISED)] == ["will_not_leave"]


def test_no_fact_ever_holds_a_subject_or_a_token_in_its_fields(bench: Bench) -> None:
    bench.inside().answer(MATCH).commit().commit()
    for effect in bench.effects:
        if isinstance(effect, Record):
            assert str(ANNA) not in repr(effect.fact)
            assert "ANNA" not in repr(effect.fact)


def test_every_timer_that_is_set_has_the_length_of_the_lane_file(bench: Bench) -> None:
    bench.inside()
    assert {e.after_s for e in bench.effects if isinstance(e, SetTimer)} == {5.0}


def test_a_door_that_still_closes_is_given_its_time_before_an_empty_lane_counts_as_held_open(bench: Bench) -> None:
    bench.gate.retime({Timer.SCAN: 1.0, Timer.SECURE: 9.0})
    bench.door(ENTRY, Position.OPEN).door(EXIT, Position.SECURED).people(Occupancy.EMPTY)
    bench.give(DeviceCame("door.entry_door"), DeviceCame("vision"), Started())
    assert [each.after_s for each in bench.last if isinstance(each, SetTimer)] == [9.0]
    bench.door(ENTRY, Position.SECURED)
    assert [each.after_s for each in bench.last if isinstance(each, SetTimer)] == [1.0]
    assert bench.over(Timer.SCAN).phase is Phase.IDLE
    assert bench.facts(FactKind.ALARM_RAISED) == []


def _breaks(_token: Token, _terms: Terms) -> Generator[Request, Reply, Decision]:
    yield VerifyFace(ANNA, 1.0)
    raise ZeroDivisionError


def _ends_without_deciding(_token: Token, _terms: Terms) -> Iterator[Request]:
    yield LookUpRecord(_token)


@pytest.mark.parametrize("procedure", [_breaks, _ends_without_deciding])
def test_a_procedure_that_breaks_or_does_not_decide_refers_and_never_admits(procedure: object) -> None:
    bench = Bench(procedure).idle()
    bench.give(TokenRead("reader.front", Token(b"ANNA"))).answer(MATCH).commit()
    decided = dict(bench.facts(FactKind.PASSAGE_DECIDED)[0].fields)
    assert decided == {"verdict": "refer", "reason": "software"}
    assert bench.driven() == []


def _cannot_begin(_token: Token, _terms: Terms) -> Generator[Request, Reply, Decision]:
    raise ZeroDivisionError


def test_what_came_of_an_input_before_a_mistake_of_ours_is_brought_about_with_the_fault() -> None:
    """The lane comes to rest while somebody stands in front, and a site's own procedure raises as it is begun. That the
    lane was idle is in the journal all the same: no phase begins there but where the one before it ended."""
    bench = Bench(_cannot_begin, begins=Beginning.PRESENCE, identifier="camera.before").idle()
    bench.door(EXIT, Position.UNKNOWN).give(Ordered(1, Verb.RESET, "uid-7"))
    bench.door(EXIT, Position.SECURED).people(Occupancy.EMPTY, front=True).give(Ordered(2, Verb.RESET, "uid-7"))
    with pytest.raises(ZeroDivisionError):
        bench.over(Timer.SCAN)
    assert not bench.gate.between_runs
    bench.give(Faulted(Reason.SOFTWARE))
    phases = [dict(fact.fields) for fact in bench.facts(FactKind.PHASE_CHANGED)]
    assert [each["phase"] for each in phases][-2:] == ["idle", "fault"]
    assert all(after["previous"] == before["phase"] for before, after in itertools.pairwise(phases))


def test_a_latched_fault_is_still_there_after_a_restart() -> None:
    bench = Bench(latched=Reason.DOOR_FORCED).idle()
    assert bench.phase is Phase.FAULT


def _leaving(bench: Bench) -> Bench:
    """Admitted, the exit is open, and the traveller has not stepped out yet."""
    bench.give(DeviceCame("door.exit_door")).inside().answer(MATCH).commit().commit()
    assert (EXIT, Purpose.ADMIT) in bench.driven()
    bench.door(EXIT, Position.OPEN)
    assert bench.phase is Phase.LEAVING
    return bench


@pytest.mark.parametrize("how", ["time", "button"])
def test_an_admitted_traveller_whose_exit_is_lost_is_let_out_by_the_entry(how: str) -> None:
    """Its driver let go of the lock, so it may have shut in front of him; the admission is not given again."""
    bench = _leaving(Bench(clear, None, "door.exit_door"))
    bench.give(DeviceWent("door.exit_door", Reason.DEVICE_STUCK))
    assert bench.phase is Phase.LEAVING
    bench.now_s += 15.0
    if how == "time":
        bench.over(Timer.LEAVE)
    else:
        bench.people(Occupancy.ONE, Input.CALL)
    assert (ENTRY, Purpose.WAY_OUT) in [(e.door, e.purpose) for e in bench.last if isinstance(e, Drive)]
    assert bench.phase is Phase.REFERRED
    assert "other_door_unknown" in [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.ALARM_RAISED)]


def test_a_release_that_lasts_because_somebody_stands_in_it_is_not_taken_for_another_before_its_record() -> None:
    bench = Bench()
    bench.idle().give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA)).commit()
    bench.door(ENTRY, Position.OPEN, Beam.BROKEN).over(Timer.ENTER)
    bench.door(ENTRY, Position.SECURED, Beam.BROKEN).over(Timer.SCAN)
    bench.give(TokenRead("reader.front", Token(b"ANNA"))).answer(RecordFound(ANNA))
    assert bench.phase is Phase.ENTRY_RELEASED
    bench.now_s += 1.0
    bench.door(ENTRY, Position.SECURED, Beam.CLEAR)
    assert Drop(ENTRY) in bench.last
    bench.now_s += 1.0
    bench.give(Tick())
    assert not [e for e in bench.last if isinstance(e, Drive)]
    bench.commit()
    assert (ENTRY, Purpose.ENTER) in [(e.door, e.purpose) for e in bench.effects[-9:] if isinstance(e, Drive)]


def test_an_order_belongs_to_the_passage_that_is_under_way_and_to_none_when_it_has_ended() -> None:
    """A traveller went through; the officer closes the lane, which has nothing to do with them."""
    bench = _leaving(Bench(clear, None, "door.exit_door"))
    bench.give(Ordered(1, Verb.CLOSE, "uid-7")).give(Ordered(2, Verb.OPEN, "uid-7"))
    bench.people(Occupancy.EMPTY).door(EXIT, Position.SECURED)
    assert bench.phase is Phase.IDLE
    bench.give(Ordered(3, Verb.CLOSE, "uid-7"))
    assert [fact.run for fact in bench.facts(FactKind.OPERATOR_ORDERED)] == ["run-1", "run-1", None]
    assert [fact.run for fact in bench.facts(FactKind.PHASE_CHANGED)][-2:] == ["run-1", None]
