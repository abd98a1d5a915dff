"""The officer's hard-wired buttons, and the gate that obeys them; what a failing supply does."""

from gate_bench import ENTRY, EXIT, MATCH, Bench
from hypothesis import given
from hypothesis import strategies as st

from gatefw.clearance.contactless import clear
from gatefw.gate_terms import DeviceCame, DeviceWent, LaneSensed, Ordered, Tell, Tick, TokenRead
from gatefw.lane_terms import Policy
from gatefw.model import FactKind, Input, Occupancy, Phase, Position, Purpose, Reason, Signal, Timer, Token, Verb
from gatefw.orders import BUTTONS, Buttons

KEY = Input.OFFICER_KEY


def levels(*on: Input) -> list[tuple[Input, Signal]]:
    return [(which, Signal.ON if which in on else Signal.OFF) for which in (KEY, *BUTTONS)]


def test_a_button_orders_once_when_it_is_pressed_while_the_key_is_turned() -> None:
    for button, verb in BUTTONS.items():
        buttons = Buttons()
        assert buttons.pressed(levels(KEY)) == []
        assert buttons.pressed(levels(KEY)) == []
        assert buttons.pressed(levels(KEY, button)) == [verb]
        assert buttons.pressed(levels(KEY, button)) == []
        assert buttons.pressed(levels(KEY)) == []
        assert buttons.pressed(levels(KEY, button)) == [verb]


def test_two_buttons_at_once_are_two_orders() -> None:
    buttons = Buttons()
    buttons.pressed(levels(KEY))
    assert set(buttons.pressed(levels(KEY, *BUTTONS))) == set(BUTTONS.values())


def test_a_button_that_was_held_while_the_key_was_turned_orders_nothing() -> None:
    for button in BUTTONS:
        buttons = Buttons()
        buttons.pressed(levels(button))
        assert buttons.pressed(levels(KEY, button)) == []
        assert buttons.pressed(levels(KEY, button)) == []


@given(st.lists(st.dictionaries(st.sampled_from([KEY, *BUTTONS]), st.sampled_from(list(Signal))), max_size=20))
def test_nothing_is_ordered_but_by_a_seen_edge_with_the_key_on_before_and_after(
    story: list[dict[Input, Signal]],
) -> None:
    buttons, before = Buttons(), dict[Input, Signal]()
    for now in story:
        ordered = buttons.pressed(now.items())
        for button, verb in BUTTONS.items():
            edge = (before.get(button), now.get(button)) == (Signal.OFF, Signal.ON)
            keyed = before.get(KEY) is Signal.ON and now.get(KEY) is Signal.ON
            assert (verb in ordered) == (edge and keyed)
        before = now


def test_the_gate_obeys_a_button_and_writes_down_who_ordered() -> None:
    bench = Bench().idle().people(Occupancy.EMPTY, KEY).people(Occupancy.EMPTY, KEY, Input.OFFICER_CLOSE)
    assert bench.gate.state.phase is Phase.OUT_OF_SERVICE
    (fact,) = bench.facts(FactKind.OPERATOR_ORDERED)
    assert dict(fact.fields) == {"verb": Verb.CLOSE, "by": "key-switch", "accepted": True, "reason": Reason.OK}
    bench.people(Occupancy.EMPTY, KEY).people(Occupancy.EMPTY, KEY, Input.OFFICER_OPEN)
    assert bench.gate.state.in_service


def test_a_button_without_the_key_is_written_down_as_an_input_and_does_nothing() -> None:
    bench = Bench().idle().people(Occupancy.EMPTY, Input.OFFICER_CLOSE)
    assert bench.gate.state.phase is Phase.IDLE
    assert bench.facts(FactKind.OPERATOR_ORDERED) == []
    assert ("input", Input.OFFICER_CLOSE) in bench.facts(FactKind.INPUT_CHANGED)[-1].fields


def test_an_order_that_is_not_possible_now_is_refused_and_written_down() -> None:
    bench = Bench().idle().people(Occupancy.EMPTY, KEY).people(Occupancy.EMPTY, KEY, Input.OFFICER_LET_OUT)
    assert bench.gate.state.phase is Phase.IDLE
    assert dict(bench.facts(FactKind.OPERATOR_ORDERED)[0].fields)["accepted"] is False


def test_sensors_that_come_back_with_a_button_on_order_nothing() -> None:
    """They were unreadable: nobody saw the button go down."""
    bench = Bench().idle().people(Occupancy.EMPTY, KEY)
    unread = tuple((which, Signal.UNKNOWN) for which in Input)
    bench.give(LaneSensed(Occupancy.UNKNOWN, (), unread))
    bench.people(Occupancy.EMPTY, KEY, *BUTTONS)
    assert bench.facts(FactKind.OPERATOR_ORDERED) == []


def test_sensors_that_were_away_and_come_back_with_a_button_on_order_nothing() -> None:
    """The board was unplugged while the key was turned; when it is back, every button is held or shorted."""
    bench = Bench(clear, None, "sensors.lane").idle().give(DeviceCame("sensors.lane")).over(Timer.SCAN)
    bench.people(Occupancy.EMPTY, KEY).give(DeviceWent("sensors.lane"))
    bench.people(Occupancy.EMPTY, KEY, *BUTTONS)
    assert bench.facts(FactKind.OPERATOR_ORDERED) == []
    bench.people(Occupancy.EMPTY, KEY).people(Occupancy.EMPTY, KEY, Input.OFFICER_CLOSE)
    assert [dict(fact.fields)["verb"] for fact in bench.facts(FactKind.OPERATOR_ORDERED)] == ["close"]


def test_why_an_officer_ordered_it_is_written_down_with_the_order_done_or_not() -> None:
    bench = Bench().inside()
    bench.give(Ordered(7, Verb.RESET, "bus-office/mk", why="looked"), Ordered(8, Verb.EVACUATE, "bus-office/mk"))
    bench.give(Ordered(9, Verb.EVACUATE, "bus-office/mk", why="medical"))
    told = [dict(fact.fields) for fact in bench.facts(FactKind.OPERATOR_ORDERED)]
    assert [each["accepted"] for each in told] == [False, True, True]
    assert [each.get("why") for each in told] == ["looked", None, "medical"]


# ---------------------------------------------------------------- hold and evacuate, from elsewhere


def ordered(bench: Bench, verb: Verb, expects: Phase | None = None) -> Tell:
    bench.give(Ordered(7, verb, "bus-office", expects))
    return [each for each in bench.effects if isinstance(each, Tell) and each.ticket == 7][-1]


def test_an_evacuation_frees_the_doors_of_the_plan_although_no_button_is_pressed() -> None:
    """Somebody collapsed inside; the officer at the console has no button there."""
    bench = Bench().inside()
    assert ordered(bench, Verb.EVACUATE).accepted
    assert (bench.gate.leases.held(ENTRY), bench.gate.leases.held(EXIT)) == (Purpose.EMERGENCY,) * 2
    assert bench.gate.state.phase is Phase.EVACUATED
    assert [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.FAULT_LATCHED)] == [Reason.EVACUATED]
    assert dict(bench.facts(FactKind.PASSAGE_ENDED)[0].fields)["reason"] == Reason.EVACUATED


def test_an_evacuation_stays_until_a_reset_finds_the_lane_empty() -> None:
    bench = Bench().inside()
    ordered(bench, Verb.EVACUATE)
    bench.people(Occupancy.ONE).door(EXIT, Position.OPEN).now_s += 60.0
    bench.give(Tick())
    assert bench.gate.leases.held(EXIT) is Purpose.EMERGENCY
    assert not ordered(bench, Verb.RESET).accepted
    bench.people(Occupancy.EMPTY)
    assert ordered(bench, Verb.RESET).accepted
    assert bench.gate.leases.held(EXIT) is None


def test_the_order_counts_as_the_button_for_one_input_alone() -> None:
    """A lane that wants an emergency later, of its own accord, is refused as ever."""
    bench = Bench().idle()
    ordered(bench, Verb.EVACUATE)
    assert bench.gate.sensed.evacuate is Signal.ON
    bench.give(Tick())
    assert bench.gate.sensed.evacuate is Signal.OFF


def test_an_evacuation_that_is_refused_is_no_button_pressed() -> None:
    bench = Bench().idle()
    assert not ordered(bench, Verb.EVACUATE, expects=Phase.FAULT).accepted
    assert bench.gate.sensed.evacuate is Signal.OFF
    assert bench.gate.state.phase is Phase.IDLE


def test_a_hold_secures_both_doors_and_keeps_whoever_is_inside_until_an_officer_lets_them_out() -> None:
    bench = Bench().inside()
    assert ordered(bench, Verb.HOLD).accepted
    assert (bench.gate.state.phase, bench.gate.leases.held(ENTRY)) == (Phase.HOLD, None)
    assert dict(bench.facts(FactKind.PASSAGE_ENDED)[0].fields)["reason"] == Reason.HELD
    assert [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.ALARM_RAISED)] == [Reason.HELD]
    assert ordered(bench, Verb.LET_OUT).accepted
    assert bench.gate.leases.held(ENTRY) is Purpose.WAY_OUT


def test_what_is_ordered_twice_is_not_refused_and_sets_no_time_anew() -> None:
    """Two officers see the same: the second is not told no, and nobody is held for longer."""
    for verb, phase in ((Verb.HOLD, Phase.HOLD), (Verb.EVACUATE, Phase.EVACUATED)):
        bench = Bench().inside()
        ordered(bench, verb)
        generation = bench.gate.state.generation
        assert ordered(bench, verb).accepted
        assert (bench.gate.state.phase, bench.gate.state.generation) == (phase, generation)


# ---------------------------------------------------------------- let out, and by which door

EITHER = Policy(refusal=(ENTRY, EXIT))


def held(policy: Policy) -> Bench:
    bench = Bench(policy=policy).inside()
    ordered(bench, Verb.HOLD)
    return bench


def test_where_a_lane_has_two_ways_out_an_officer_chooses() -> None:
    """Backwards or to the side: whoever is not to meet the queue again leaves by the other door."""
    for verb, door in ((Verb.LET_OUT_ENTRY, ENTRY), (Verb.LET_OUT_EXIT, EXIT)):
        bench = held(EITHER)
        assert ordered(bench, verb).detail == f"lane is refused, out by {door.value}"
        assert bench.gate.state.wants(door.other) is None
        bench.later(1.0)
        assert (bench.gate.leases.held(door), bench.gate.leases.held(door.other)) == (Purpose.WAY_OUT, None)


def test_the_door_that_was_chosen_stays_so_when_they_take_their_time() -> None:
    bench = held(EITHER)
    ordered(bench, Verb.LET_OUT_EXIT)
    bench.later(1.0).over(Timer.LET_OUT).later(1.0)
    assert bench.gate.state.phase is Phase.REFUSED
    assert bench.gate.leases.held(EXIT) is Purpose.WAY_OUT


def test_a_way_that_the_lane_file_does_not_name_is_refused_by_name() -> None:
    bench = held(Policy())
    refused = ordered(bench, Verb.LET_OUT_EXIT)
    assert not refused.accepted
    assert refused.detail == (
        "let_out_exit: this lane lets who was refused out by entry_door (way_out.refusal), not exit_door"
    )
    assert bench.gate.state.phase is Phase.HOLD
    assert ordered(bench, Verb.LET_OUT).detail == "lane is refused, out by entry_door"


def test_the_interlock_has_the_last_word_on_the_way_that_was_chosen() -> None:
    """The entry was broken open: the exit is not released beside it, whoever orders it."""
    bench = held(EITHER)
    bench.gate.state = bench.gate.state._replace(settling_entry=True)  # a lock that gave way late: no fault
    bench.door(ENTRY, Position.OPEN)
    ordered(bench, Verb.LET_OUT_EXIT)
    bench.later(1.0)
    assert bench.gate.leases.held(EXIT) is None
    bench.door(ENTRY, Position.SECURED).later(1.0)
    assert bench.gate.leases.held(EXIT) is Purpose.WAY_OUT


# ---------------------------------------------------------------- the supply


def test_without_mains_nobody_new_is_let_in_and_it_is_said_and_over_by_itself() -> None:
    bench = Bench().idle().people(Occupancy.EMPTY, Input.MAINS_LOST)
    assert bench.gate.state.phase is Phase.DEGRADED
    assert [dict(fact.fields)["reason"] for fact in bench.facts(FactKind.ALARM_RAISED)] == [Reason.MAINS_LOST]
    bench.give(TokenRead("reader.front", Token(b"ANNA", "]Q1")))
    assert bench.facts(FactKind.PASSAGE_STARTED) == []
    bench.people(Occupancy.EMPTY)
    assert bench.gate.state.phase is Phase.RECOVERING


def test_whoever_is_under_way_when_the_mains_go_finishes() -> None:
    bench = Bench().inside().people(Occupancy.ONE, Input.MAINS_LOST)
    assert bench.gate.state.phase is Phase.VERIFYING
    bench.answer(MATCH).commit()
    assert bench.gate.state.phase is Phase.EXIT_RELEASED
    bench.commit().door(EXIT, Position.OPEN).people(Occupancy.EMPTY, Input.MAINS_LOST)
    bench.now_s += 5.0
    bench.door(EXIT, Position.SECURED)
    assert [dict(fact.fields)["passed"] for fact in bench.facts(FactKind.PASSAGE_ENDED)] == [True]
    assert bench.gate.state.phase is Phase.DEGRADED
    assert bench.gate.leases.held(ENTRY) is None
