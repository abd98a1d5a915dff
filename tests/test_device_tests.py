"""Each device's test by a technician: real workers, a desk, and devices that the test plays."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from device_bench import WAIT_S, Bench, benched
from peers import until

from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.device_session import ABANDONED_S
from gatefw.device_tests import SHOWN, kind_of
from gatefw.errors import BadReply, DeviceLost
from gatefw.gate_terms import DeviceWent
from gatefw.model import Beam, Occupancy, Phase, Position, Reason, Sensed, Signal, Token

SECRET = b"GATE1:A1234567"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with benched(tmp_path) as bench:
        yield bench


# ---------------------------------------------------------------- readers


def test_a_code_is_told_by_kind_and_length_and_goes_nowhere_else(bench: Bench) -> None:
    test = bench.begin("device_test", "reader.front")
    test.until("prompt")
    bench.card.shown.append(SECRET)
    outcome = test.end()
    read = {"kind": "identifier", "symbology": "]Q1", "bytes": len(SECRET)}
    assert outcome == {"device": "reader.front", "passed": True, "why": "", **read}
    assert bench.tokens() == []
    told = repr((test.lines, outcome, bench.facts))
    assert "A1234567" not in told


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"GW1:abc", "signed token"),
        (b"GATE1:abc", "identifier"),
        (b"card:26:0123", "card"),
        (b"keys:1234", "keypad entry"),
        (b"I<UTO\nABC", "machine readable zone"),
        (b"A1234567", "code"),
    ],
)
def test_every_kind_of_token_has_a_word(payload: bytes, kind: str) -> None:
    assert kind_of(Token(payload)) == kind


def test_every_code_that_is_shown_in_a_test_is_the_tests_and_none_the_lanes(bench: Bench) -> None:
    for _ in range(10):
        test = bench.begin("device_test", "reader.front")
        test.until("prompt")
        bench.card.shown.append(SECRET)
        assert test.end()["passed"] is True
    assert bench.tokens() == []
    bench.card.shown.append(SECRET)
    until(bench.tokens, "the lane hears it, after the test", WAIT_S)


def test_a_reader_that_was_opened_anew_meanwhile_is_lit_again(bench: Bench) -> None:
    test = bench.begin("device_test", "reader.front")
    test.until("prompt")
    bench.worker("reader.front").fail(DeviceLost("reader.front: is opened anew"))
    until(lambda: any(isinstance(each, DeviceWent) for each in bench.told), "it is gone", WAIT_S)
    until(lambda: test.look() or bench.card.lit[-2:] == [False, True], "it is lit again", WAIT_S)
    bench.card.shown.append(SECRET)
    assert test.end()["passed"] is True


def test_a_reader_is_lit_for_the_test_and_dark_afterwards(bench: Bench) -> None:
    until(lambda: bench.card.lit == [False], "the lane lights nothing in maintenance", WAIT_S)
    test = bench.begin("device_test", "reader.front")
    until(lambda: bench.card.lit == [False, True], "it is lit", WAIT_S)
    test.end("end")
    until(lambda: bench.card.lit == [False, True, False], "it is dark", WAIT_S)


def test_nothing_that_was_read_is_a_failure_and_says_what_to_look_at(bench: Bench) -> None:
    outcome = bench.begin("device_test", "reader.front", seconds=1).end()
    assert outcome["passed"] is False
    assert "nothing was read" in outcome["why"]


def test_a_reader_that_goes_away_and_stays_away_is_a_failure(bench: Bench) -> None:
    test = bench.begin("device_test", "reader.front", seconds=2)
    test.until("prompt")
    bench.card.broken = BadReply("memory:x: a wrong baud rate")
    bench.card.gone = True
    outcome = test.end()
    assert outcome["passed"] is False
    assert "went away" in outcome["why"]


def test_a_driver_that_hangs_in_a_test_is_left_behind_as_ever_and_hangs_nobody_else(bench: Bench) -> None:
    bench.levels.hung = threading.Event()
    worker = bench.worker("sensors.lane")
    test = bench.begin("device_test", "sensors.lane")
    until(lambda: bench.levels.in_it and worker._loans, "a loan waits in vain", WAIT_S)
    worker.give_up()
    outcome = test.end()
    bench.levels.hung.set()
    assert outcome["passed"] is False
    assert "sensors.lane" in outcome["why"]
    assert bench.begin("device_test", "reader.front", seconds=1).end()["passed"] is False


# ---------------------------------------------------------------- levels, lamps


def test_levels_are_told_when_they_change(bench: Bench) -> None:
    test = bench.begin("device_test", "sensors.lane")
    assert test.until("levels")["levels"] == {"occupancy": "empty", "zone_front": "off", "fire": "off"}
    bench.levels.fire, bench.levels.occupancy = Signal.ON, Occupancy.ONE
    until(lambda: test.look() and test.lines[-1].get("levels", {}).get("fire") == "on", "the change", WAIT_S)
    outcome = test.end("end")
    assert outcome["passed"] is True
    assert "fire" in outcome["changed"]
    assert outcome["levels"]["fire"] == "on"


def answered(bench: Bench, says: Callable[[str], str]) -> dict[str, Any]:
    """The outcome of the lamps' test, each question of which is answered once its lamp is lit."""
    test = bench.begin("device_test", "indicator.lamps", asks=True)
    say = ""
    while test.outcome is None:
        fresh = test.look(say)
        say = ""
        for line in fresh:
            phase = Phase(line["prompt"].rpartition(" ")[2].rstrip("?"))
            assert line["ask"] is True
            until(lambda phase=phase: bench.lamps.shows[-1] is phase, "it is shown", WAIT_S)  # type: ignore[misc]
            say = says(phase.value)
    return test.outcome


def test_every_lamp_is_shown_and_asked_about_and_the_truth_is_shown_afterwards(bench: Bench) -> None:
    outcome = answered(bench, lambda _phase: "yes")
    assert outcome == {"device": "indicator.lamps", "passed": True, "why": "", "asked": True}
    assert set(SHOWN) <= set(bench.lamps.shows)
    until(lambda: bench.lamps.shows[-1] is Phase.RECOVERING, "what the lane told its owner", WAIT_S)


def test_a_lamp_that_somebody_did_not_see_fails_the_test(bench: Bench) -> None:
    outcome = answered(bench, lambda phase: "no" if phase == "fault" else "yes")
    assert outcome["passed"] is False
    assert outcome["why"] == "does not show fault"


def test_a_question_that_nobody_answers_is_no_pass(bench: Bench) -> None:
    outcome = bench.begin("device_test", "indicator.lamps", asks=True, seconds=1).end()
    assert outcome["passed"] is False
    assert "not said" in outcome["why"]


def test_without_anybody_to_ask_everything_is_shown_and_it_says_so(bench: Bench) -> None:
    outcome = bench.begin("device_test", "indicator.lamps").end()
    assert (outcome["passed"], outcome["asked"]) == (True, False)
    assert "nobody was asked" in outcome["why"]
    assert set(SHOWN) <= set(bench.lamps.shows)


def test_a_device_that_has_to_be_opened_anew_is_though_loans_wait_without_end(bench: Bench) -> None:
    test = bench.begin("device_test", "indicator.lamps", asks=True)
    until(lambda: bench.lamps.shows[-1] is Phase.IDLE, "a lamp of the test", WAIT_S)
    bench.worker("indicator.lamps").fail(DeviceLost("indicator.lamps: is opened anew"))
    until(lambda: any(isinstance(each, DeviceWent) for each in bench.told), "it is gone", WAIT_S)
    assert "indicator.lamps" in test.end()["why"]


def test_lamps_show_the_truth_again_as_soon_as_maintenance_is_over(bench: Bench) -> None:
    test = bench.begin("device_test", "indicator.lamps", asks=True)
    until(lambda: bench.lamps.shows[-1] is Phase.IDLE, "a lamp of the test", WAIT_S)
    bench.phase = Phase.EVACUATED
    assert "maintenance is over" in test.end()["why"]
    bench.lamps.shows.clear()
    until(lambda: len(bench.lamps.shows) > 1, "its owner shows again", WAIT_S)
    assert set(bench.lamps.shows) == {Phase.RECOVERING}


# ---------------------------------------------------------------- fingers, documents, cameras


def test_a_finger_is_clear_or_not_and_is_wiped(bench: Bench) -> None:
    test = bench.begin("device_test", "finger.inside")
    test.until("prompt")
    bench.finger.seen = Reason.FINGER_UNCLEAR
    assert test.until("finger")["finger"] == "unclear"
    wiped = bench.finger.wiped
    bench.finger.seen = Reason.OK
    outcome = test.end()
    assert outcome == {"device": "finger.inside", "passed": True, "why": "", "finger": "clear", "wiped": True}
    assert bench.finger.wiped > wiped


def test_no_finger_is_a_failure(bench: Bench) -> None:
    outcome = bench.begin("device_test", "finger.inside", seconds=1).end()
    assert (outcome["passed"], "no finger" in outcome["why"]) == (False, True)


def test_a_document_is_there_or_not(bench: Bench) -> None:
    assert bench.begin("device_test", "document.desk", seconds=1).end()["passed"] is False
    test = bench.begin("device_test", "document.desk")
    test.until("prompt")
    bench.document.there = True
    assert test.end() == {"device": "document.desk", "passed": True, "why": "", "chip": "answers"}


FINE = {"lost": "", "ail": "", "why": "", "frames_per_s": 10.04, "brightness": 90.6, "width_px": 640, "height_px": 480}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"frames_per_s": 0.0}, "hardly any frames come"),
        ({"ail": "camera_dark"}, "camera_dark"),
        ({"lost": "device_lost", "why": "not there"}, "device_lost: not there"),
    ],
)
def test_a_camera_is_what_the_vision_process_says_of_it(bench: Bench, change: dict[str, object], why: str) -> None:
    bench.vision = lambda do: {"done": {"cameras": {"camera.inside": FINE | change}}} if do == "figures" else {}
    test = bench.begin("device_test", "camera.inside", seconds=1)
    outcome = test.end()
    assert (outcome["passed"], outcome["why"]) == (not why, why)
    assert outcome["width_px"] == 640
    assert next(line["camera"]["brightness"] for line in test.lines if "camera" in line) == 91


@pytest.mark.parametrize("said", [{"failed": {}}, {"done": None}, {"done": {"cameras": {}}}])
def test_a_vision_process_that_does_not_say_is_a_failure(bench: Bench, said: dict[str, Any]) -> None:
    bench.vision = lambda _do: said
    assert bench.begin("device_test", "camera.inside", seconds=1).end()["passed"] is False


# ---------------------------------------------------------------- doors


def moving(bench: Bench, *positions: Position) -> None:
    """The lane takes the order and the door is seen in these positions; the last is kept, in maintenance."""
    steps = list(positions)

    def obeys(order: Order) -> Answer:
        assert (order.verb, order.expects, order.by) == ("exercise_entry", Phase.MAINTENANCE, "uid-7")
        bench.phase = Phase.EXERCISE
        return Done({"detail": "lane is exercise"})

    def sensed() -> Sensed:
        if bench.phase is Phase.EXERCISE:
            bench.sensed = Sensed(entry=steps.pop(0), entry_beam=Beam.CLEAR)
            if not steps:
                bench.phase = Phase.MAINTENANCE
        return bench.sensed

    bench.obeys = obeys
    object.__setattr__(bench.desk._lane, "sensed", sensed)


def test_a_door_is_moved_by_the_lane_and_followed_until_it_is_secured_again(bench: Bench) -> None:
    moving(bench, Position.SECURED, Position.CLOSED, Position.OPEN, Position.CLOSED, Position.SECURED)
    test = bench.begin("device_test", "door.entry_door")
    outcome = test.end()
    assert outcome["passed"] is True, outcome
    assert 0 <= outcome["opened_s"] <= outcome["secured_s"]
    told = [line["position"] for line in test.lines if "position" in line]
    assert told == ["secured", "closed", "open", "closed", "secured"]
    assert [order.verb for order in bench.orders] == ["exercise_entry"]


@pytest.mark.parametrize(
    ("positions", "why"),
    [
        ((Position.SECURED, Position.CLOSED, Position.SECURED), "never seen open"),
        ((Position.SECURED, Position.OPEN), "not secured again, it is open"),
    ],
)
def test_a_door_that_does_not_open_or_is_not_secured_again_fails(
    bench: Bench, positions: tuple[Position, ...], why: str
) -> None:
    moving(bench, *positions)
    outcome = bench.begin("device_test", "door.entry_door", seconds=2).end()
    assert outcome["passed"] is False
    assert why in outcome["why"]


def test_what_the_lane_refuses_is_the_failure(bench: Bench) -> None:
    bench.obeys = lambda _order: Rejected(Rejection.REFUSED, "exercise_entry is not possible now: occupancy one")
    outcome = bench.begin("device_test", "door.entry_door").end()
    assert outcome["passed"] is False
    assert "occupancy one" in outcome["why"]


def test_an_exercise_that_ends_in_a_fault_is_no_pass(bench: Bench) -> None:
    moving(bench, *[Position.OPEN] * 50, Position.SECURED)
    test = bench.begin("device_test", "door.entry_door")
    until(lambda: bench.phase is Phase.EXERCISE, "the exercise", WAIT_S)
    bench.phase = Phase.FAULT
    assert "the lane is fault" in test.end()["why"]


# ---------------------------------------------------------------- who goes away


def test_a_technician_who_goes_away_ends_the_test(bench: Bench) -> None:
    bench.begin("device_test", "sensors.lane")
    bench.now_s += ABANDONED_S + 0.1
    until(lambda: all(session.over for _, session in bench.desk._sessions.values()), "the test is over", WAIT_S)
    assert bench.begin("device_test", "sensors.lane", seconds=1).end()["passed"] is True
