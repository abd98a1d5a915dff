"""A technician has the lane: by name and with a reason, for a time, and only then is anything moved by hand."""

import itertools
from typing import Any

import pytest
from device_bench import benched
from gate_bench import ENTRY, EXIT, Bench

from gatefw import device_desk
from gatefw.control import VERBS, Answer, Order, Rejected
from gatefw.errors import Refusal
from gatefw.gate_terms import (
    Drive,
    Drop,
    Effect,
    ForgetMaintenance,
    GateInput,
    KeepMaintenance,
    Ordered,
    SetTimer,
    Stay,
    Tell,
)
from gatefw.maintenance_order import asked
from gatefw.model import FactKind, Input, Occupancy, Phase, Position, Purpose, Reason, Timer, Verb
from gatefw.order_desk import OrderDesk, lane_status

MK = Stay("mk", "repair")
LONGEST_S = 3600.0


def order(bench: Bench, verb: Verb, stay: Stay | None = None, by: str = "uid-7") -> Tell:
    bench.give(Ordered(1, verb, by, stay=stay))
    return [each for each in bench.last if isinstance(each, Tell)][-1]


def maintained(stay: Stay = MK) -> Bench:
    """An idle lane that was handed to a technician."""
    bench = Bench().idle()
    bench.gate.retime({Timer.MAINTENANCE: LONGEST_S})
    assert order(bench, Verb.MAINTAIN, stay).accepted
    return bench


def timer_s(bench: Bench) -> float:
    """The time of the newest timer, which is the only one."""
    set_now = [each for each in bench.effects if isinstance(each, SetTimer)][-1]
    assert (set_now.timer, set_now.generation) == (Timer.MAINTENANCE, bench.gate.state.generation)
    return set_now.after_s


def fields(bench: Bench, kind: FactKind) -> list[dict[str, object]]:
    return [dict(fact.fields) for fact in bench.facts(kind)]


# ------------------------------------------------------------ who, why and for how long


def test_maintenance_is_written_down_with_who_why_and_for_how_long_before_the_lane_is_in_it() -> None:
    bench = maintained(Stay("mk", "repair", 600.0))
    assert bench.phase is Phase.MAINTENANCE
    kinds = [each.fact.kind for each in bench.last if hasattr(each, "fact")]
    assert kinds == [FactKind.OPERATOR_ORDERED, FactKind.MAINTENANCE_STARTED, FactKind.PHASE_CHANGED]
    started = {"by": "uid-7", "name": "mk", "why": "repair", "seconds": 600.0}
    assert fields(bench, FactKind.MAINTENANCE_STARTED) == [started]


@pytest.mark.parametrize(("seconds", "lasts_s"), [(None, LONGEST_S), (1.0, 1.0), (90.0, 90.0), (LONGEST_S, LONGEST_S)])
def test_it_lasts_as_long_as_was_asked_for_and_else_as_the_lane_file_says(
    seconds: float | None, lasts_s: float
) -> None:
    assert timer_s(maintained(Stay("mk", "repair", seconds))) == lasts_s


@pytest.mark.parametrize("seconds", [0.0, -5.0, 0.9, LONGEST_S + 1, float("inf"), float("nan")])
def test_a_time_that_the_lane_file_does_not_allow_is_refused_with_what_it_allows(seconds: float) -> None:
    bench = Bench().idle()
    bench.gate.retime({Timer.MAINTENANCE: LONGEST_S})
    told = order(bench, Verb.MAINTAIN, Stay("mk", "repair", seconds))
    assert not told.accepted
    assert "1 to 3600 s" in told.detail
    assert (bench.phase, fields(bench, FactKind.MAINTENANCE_STARTED)) == (Phase.IDLE, [])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({}, "name"),
        ({"name": "mk"}, "why"),
        ({"why": "repair"}, "name"),
        ({"name": "", "why": "repair"}, "name"),
        ({"name": "Maria Kern", "why": "repair"}, "name"),
        ({"name": "a1234567", "why": "repair"}, "name"),
        ({"name": 7, "why": "repair"}, "name"),
        ({"name": "mk", "why": "because it was broken"}, "why"),
        ({"name": "mk", "why": "repair", "seconds": "600"}, "seconds"),
        ({"name": "mk", "why": "repair", "seconds": True}, "seconds"),
        ({"name": "mk", "why": "repair", "door": "entry_door"}, "do not belong"),
    ],
)
def test_who_does_not_say_who_and_why_in_a_code_is_refused_by_what_is_missing(args: dict[str, Any], says: str) -> None:
    queued: list[GateInput] = []
    desk = OrderDesk(queued.append, lambda: None, lambda _order, _reply: None)
    with pytest.raises(Refusal, match=says):
        desk.take(Order("maintain", args, "uid-7", None, 1.0), lambda _answer: None)
    assert queued == []


def test_who_orders_with_a_key_of_the_bus_is_known_by_its_name() -> None:
    assert asked(Verb.MAINTAIN, {"why": "fault"}, "bus-workshop") == Stay("workshop", "fault")
    assert asked(Verb.MAINTAIN, {"why": "fault", "name": "mk"}, "bus-workshop") == Stay("mk", "fault")


def test_what_stands_in_an_order_reaches_the_lane_and_no_other_order_has_it() -> None:
    queued: list[GateInput] = []
    desk = OrderDesk(queued.append, lambda: None, lambda _order, _reply: None)
    args = {"name": "mk", "why": "cleaning", "seconds": 60}
    desk.take(Order("maintain", args, "uid-7", None, 9.0), lambda _answer: None)
    desk.take(Order("maintain_end", {}, "uid-7", None, 9.0), lambda _answer: None)
    assert queued == [
        Ordered(1, Verb.MAINTAIN, "uid-7", None, 9.0, Stay("mk", "cleaning", 60.0)),
        Ordered(2, Verb.MAINTAIN_END, "uid-7", None, 9.0),
    ]


# ------------------------------------------------------------ while it lasts


def test_an_exercise_does_not_make_it_longer() -> None:
    """A technician who tries a door every minute would keep the lane for ever."""
    bench = maintained(Stay("mk", "repair", 600.0))
    bench.later(400.0)
    assert order(bench, Verb.EXERCISE_EXIT).accepted
    bench.commit().later(20.0).over(Timer.EXERCISE)
    assert bench.phase is Phase.MAINTENANCE
    assert timer_s(bench) == pytest.approx(180.0)


def test_an_exercise_that_outlasts_it_is_brought_to_its_end_and_then_it_is_over() -> None:
    bench = maintained(Stay("mk", "repair", 10.0))
    order(bench, Verb.EXERCISE_EXIT)
    bench.commit().later(15.0).over(Timer.EXERCISE)
    assert timer_s(bench) == 0.0
    assert bench.over(Timer.MAINTENANCE).phase is Phase.OUT_OF_SERVICE


def test_it_is_said_once_some_time_before_that_it_ends() -> None:
    bench = maintained(Stay("mk", "repair", 600.0))
    bench.later(539.0)
    assert fields(bench, FactKind.MAINTENANCE_ENDING) == []
    bench.later(2.0).later(1.0).later(50.0)
    assert fields(bench, FactKind.MAINTENANCE_ENDING) == [{"seconds": 59.0}]


def test_a_short_stay_is_warned_of_its_end_when_half_of_it_is_over() -> None:
    bench = maintained(Stay("mk", "repair", 20.0))
    bench.later(9.0)
    assert fields(bench, FactKind.MAINTENANCE_ENDING) == []
    assert fields(bench.later(1.0), FactKind.MAINTENANCE_ENDING) == [{"seconds": 10.0}]


def test_who_works_on_has_its_time_set_anew_and_is_warned_again() -> None:
    bench = maintained(Stay("mk", "repair", 600.0))
    bench.later(590.0)
    assert order(bench, Verb.MAINTAIN_EXTEND, asked(Verb.MAINTAIN_EXTEND, {"seconds": 300}, "uid-9"), "uid-9").accepted
    assert timer_s(bench) == 300.0
    extended = {"by": "uid-9", "name": "mk", "why": "repair", "seconds": 300.0}
    assert fields(bench, FactKind.MAINTENANCE_EXTENDED) == [extended]
    bench.later(241.0)
    assert len(fields(bench, FactKind.MAINTENANCE_ENDING)) == 2


def test_in_the_middle_of_an_exercise_it_can_be_set_anew_without_touching_the_door() -> None:
    bench = maintained(Stay("mk", "repair", 10.0))
    order(bench, Verb.EXERCISE_EXIT)
    bench.commit()
    order(bench, Verb.MAINTAIN_EXTEND, Stay("", "", 100.0))
    assert bench.phase is Phase.EXERCISE
    assert not [each for each in bench.last if isinstance(each, SetTimer | Drive | Drop)]
    bench.later(5.0).over(Timer.EXERCISE)
    assert timer_s(bench) == pytest.approx(95.0)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.MAINTENANCE, Phase.EXERCISE)])
def test_outside_of_it_there_is_nothing_to_go_on_with(phase: Phase) -> None:
    bench = Bench().idle()
    bench.gate.state = bench.gate.state._replace(phase=phase)
    told = order(bench, Verb.MAINTAIN_EXTEND, MK)
    assert (told.accepted, bench.phase) == (False, phase)


def test_status_and_metrics_say_who_has_the_lane_and_for_how_long() -> None:
    bench = maintained(Stay("mk", "repair", 600.0))
    bench.later(100.0)
    assert lane_status(bench.gate)["maintenance"] == {"left_s": 500.0, "name": "mk", "why": "repair", "by": "uid-7"}
    assert bench.gate.maintenance.left_s(bench.now_s) == 500.0
    order(bench, Verb.MAINTAIN_END)
    assert lane_status(bench.gate)["maintenance"] is None
    assert bench.gate.maintenance.left_s(bench.now_s) == 0.0


def test_whoever_stands_before_it_sees_that_it_does_not_serve() -> None:
    bench = maintained()
    assert (bench.shows.phase, bench.gate.takes_tokens, bench.gate.state.in_service) == (
        Phase.MAINTENANCE,
        False,
        False,
    )


# ------------------------------------------------------------ its end


def test_it_ends_by_itself_out_of_service_and_moves_nothing() -> None:
    bench = maintained(Stay("mk", "repair", 60.0))
    bench.later(60.0).over(Timer.MAINTENANCE)
    assert bench.phase is Phase.OUT_OF_SERVICE
    assert not [each for each in bench.effects if isinstance(each, Drive | Drop)]
    assert fields(bench, FactKind.MAINTENANCE_ENDED) == [{"by": "lane", "name": "mk", "phase": "out_of_service"}]


def test_who_ends_it_is_written_down() -> None:
    bench = maintained()
    order(bench, Verb.MAINTAIN_END, by="uid-9")
    assert fields(bench, FactKind.MAINTENANCE_ENDED) == [{"by": "uid-9", "name": "mk", "phase": "out_of_service"}]


def test_fire_ends_it_and_that_is_written_down_as_the_lanes_own_doing() -> None:
    bench = maintained().people(Occupancy.EMPTY, Input.FIRE)
    assert fields(bench, FactKind.MAINTENANCE_ENDED) == [{"by": "lane", "name": "mk", "phase": "evacuated"}]


def test_somebody_inside_when_it_ends_is_let_out_and_that_is_all_that_moves() -> None:
    bench = maintained().people(Occupancy.ONE)
    bench.over(Timer.MAINTENANCE)
    assert bench.phase is Phase.RECOVERING
    assert set(bench.driven()) == {(ENTRY, Purpose.WAY_OUT)}


@pytest.mark.parametrize("phase", [Phase.MAINTENANCE, Phase.EXERCISE])
def test_a_lane_that_a_technician_has_is_not_opened_behind_their_back(phase: Phase) -> None:
    """An officer wants the lane and orders it open. The technician is inside when the time is over, and steps out."""
    bench = maintained()
    if phase is Phase.EXERCISE:
        order(bench, Verb.EXERCISE_ENTRY)
    refused = order(bench, Verb.OPEN)
    assert (bench.phase, refused.accepted) == (phase, False)
    assert refused.detail == (f"open: somebody works at the lane: it is {phase.value}; end that first (maintain_end)")
    if phase is Phase.EXERCISE:
        bench.over(Timer.EXERCISE)
    bench.people(Occupancy.ONE).over(Timer.MAINTENANCE)
    bench.door(ENTRY, Position.OPEN).people(Occupancy.EMPTY).now_s += 1.0
    bench.door(ENTRY, Position.SECURED).over(Timer.SCAN)
    assert bench.phase is Phase.OUT_OF_SERVICE


# ------------------------------------------------------------ by hand: then alone

OFFICERS = {Verb.LET_OUT, Verb.LET_OUT_ENTRY}
"""What an officer orders for somebody who is inside; not by hand, and to the way out alone."""
PLAN = {(ENTRY, Purpose.EMERGENCY), (EXIT, Purpose.EMERGENCY)}


@pytest.mark.parametrize(("phase", "verb"), list(itertools.product(Phase, Verb)))
def test_no_order_to_the_lane_moves_a_door_but_an_exercise_and_an_evacuation(phase: Phase, verb: Verb) -> None:
    """In every phase, in an empty lane at rest, every order there is: who is released, and for what."""
    bench = Bench().idle().door(ENTRY, Position.SECURED).door(EXIT, Position.SECURED)
    bench.gate.state = bench.gate.state._replace(phase=phase, in_service=False)
    driven = len(bench.driven())
    order(bench, verb, MK)
    moved = set(bench.commit().driven()[driven:])
    if phase is Phase.MAINTENANCE and verb in (Verb.EXERCISE_ENTRY, Verb.EXERCISE_EXIT):
        assert moved == {(ENTRY if verb is Verb.EXERCISE_ENTRY else EXIT, Purpose.EXERCISE)}
    elif verb in OFFICERS:
        assert moved <= {(ENTRY, Purpose.WAY_OUT)}
    elif verb is Verb.EVACUATE:
        assert moved == (set() if phase is Phase.EVACUATED else PLAN)
    else:
        assert moved == set()


TOUCHES = sorted(device_desk.VERBS - {"devices", "cameras"})  # those two are looked at, and no device is touched


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.MAINTENANCE])
def test_no_order_about_a_device_touches_it_outside_of_maintenance(phase: Phase, tmp_path: Any) -> None:
    with benched(tmp_path) as bench:
        bench.phase = phase
        for verb, place in itertools.product(TOUCHES, bench.places):
            refused(bench.order(verb, device=place.label), phase)
        assert (bench.orders, True in bench.card.lit) == ([], False)
        assert {dict(fact.fields)["reason"] for fact in bench.facts} == {Reason.NOT_NOW}


def refused(answer: Answer, phase: Phase) -> None:
    assert isinstance(answer, Rejected), answer
    assert phase.value in answer.message


def test_every_order_there_is_belongs_to_the_lane_to_its_devices_or_to_nothing_that_moves() -> None:
    """An order that is new must be put on one of these lists, and so before the tests above."""
    about_people = {"enrol", "enrol_finger", "revoke", "withdraw_consent", "change_facts", "subjects"}
    partitions = {"partition_make", "partition_change", "partition_destroy", "partitions"}
    keys = {"key_new", "key_revoke", "key_rotate", "keys"}
    counter = {"clear_by_hand", "silent_alarm", "acknowledge", "case"}
    others = {"reload", "stop", "status", "edges", "journal_acknowledge", "commission_sign"}
    lane = {verb.value for verb in Verb}
    assert lane | device_desk.VERBS | about_people | partitions | keys | counter | others == VERBS


# ------------------------------------------------------------ through the end of the process


def said_of_it(bench: Bench) -> list[Effect]:
    """What of it was to be kept, or to be forgotten."""
    return [each for each in bench.effects if isinstance(each, KeepMaintenance | ForgetMaintenance)]


def test_that_a_technician_has_the_lane_is_kept_before_anything_is_written_or_answered() -> None:
    bench = maintained()
    assert bench.last[:2] == [bench.last[0], KeepMaintenance()]
    kinds = [each.fact.kind for each in bench.last[2:] if hasattr(each, "fact")]
    assert kinds == [FactKind.MAINTENANCE_STARTED, FactKind.PHASE_CHANGED]


@pytest.mark.parametrize("verb", [Verb.MAINTAIN_EXTEND, Verb.OPEN, Verb.EXERCISE_EXIT])
def test_nothing_that_leaves_a_technician_at_the_doors_forgets_it(verb: Verb) -> None:
    bench = maintained()
    order(bench, verb, MK)
    assert said_of_it(bench) == [KeepMaintenance()]


def test_it_is_forgotten_when_somebody_says_that_it_is_over() -> None:
    bench = maintained()
    order(bench, Verb.MAINTAIN_END)
    assert said_of_it(bench) == [KeepMaintenance(), ForgetMaintenance()]


def test_that_its_time_is_over_forgets_nothing_until_the_lane_is_opened() -> None:
    bench = maintained().over(Timer.MAINTENANCE)
    assert (bench.phase, said_of_it(bench)) == (Phase.OUT_OF_SERVICE, [KeepMaintenance()])
    order(bench, Verb.OPEN)
    assert said_of_it(bench) == [KeepMaintenance(), ForgetMaintenance()]


def test_an_order_that_is_refused_neither_keeps_nor_forgets_it() -> None:
    bench = Bench().idle()
    assert not order(bench, Verb.MAINTAIN).accepted
    assert not order(bench, Verb.MAINTAIN_END).accepted
    assert said_of_it(bench) == []
