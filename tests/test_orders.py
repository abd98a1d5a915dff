"""The officer's hard-wired buttons, and the gate that obeys them; what a failing supply does."""

from gate_bench import ENTRY, EXIT, MATCH, Bench
from hypothesis import given
from hypothesis import strategies as st

from gatefw.gate_terms import LaneSensed, TokenRead
from gatefw.model import FactKind, Input, Occupancy, Phase, Position, Reason, Signal, Token, Verb
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
