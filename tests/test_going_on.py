"""What whoever watches a lane is told of this moment: what it waits for and since when, never about whom."""

import json

from gate_bench import ANNA, EXIT, MATCH, Bench

from gatefw.gate_terms import SetTimer, Tick, TokenRead
from gatefw.going_on import Face, going_on
from gatefw.model import Elapsed, Failed, Phase, Reason, RecordFound, Timer, Token

CODE = Token(b"GATE1:SECRETS", "]Q1")


def told(bench: Bench, face: Face | None = None) -> dict[str, object]:
    """As the live runner asks for it: with the lane's one timer."""
    timers = [each for each in bench.effects if isinstance(each, SetTimer)]
    timer = (bench.now_s + 3.0, Elapsed(timers[-1].timer, timers[-1].generation)) if timers else None
    return going_on(bench.gate, timer, face or Face(), bench.now_s)


def test_an_idle_lane_waits_for_nothing() -> None:
    said = told(Bench().idle())
    assert (said["runs"], said["timer"], said["face"]) == ([], None, None), "the timer of the start is over"
    assert said["lease_left_s"] == {"entry_door": None, "exit_door": None}


def test_a_passage_says_what_it_waits_for_and_since_when() -> None:
    bench = Bench().idle().give(TokenRead("reader.front", CODE))
    bench.later(1.5)
    assert told(bench)["runs"] == [
        {"run": "run-1", "place": "served", "waits_for": ["look_up_record"], "for_s": 1.5, "waited_s": 1.5}
    ]
    bench.answer(RecordFound(ANNA)).commit()
    [run] = told(bench)["runs"]  # type: ignore[misc]
    assert (run["waits_for"], run["for_s"], run["waited_s"]) == (["let_in"], 1.5, 0.0)  # type: ignore[index]
    assert told(bench)["timer"] == {"name": "enter", "left_s": 3.0}


def test_a_released_door_says_how_long_it_stays_so_when_nobody_extends_it() -> None:
    bench = Bench().inside().answer(MATCH)
    assert told(bench)["runs"][0]["waits_for"] == ["admit:ok"], "which is not on the disk yet"  # type: ignore[index]
    bench.commit().later(0.5).commit().later(0.5)  # the entry door's lock takes its time
    assert bench.phase is Phase.EXIT_RELEASED
    left_s = bench.gate.leases.left_s(EXIT, bench.now_s)
    assert left_s is not None and 0 < left_s <= bench.gate.leases.lease_s
    bench.now_s += 0.3
    assert told(bench)["lease_left_s"] == {"entry_door": None, "exit_door": round(left_s - 0.3, 1)}


def test_a_hit_is_not_told_and_nor_is_anybodys_token() -> None:
    bench = Bench().inside()
    bench.answer(Failed(Reason.RECORD_REVOKED))
    said = json.dumps(told(bench))
    assert "SECRETS" not in said and str(ANNA) not in said
    assert "revoked" not in said


def test_the_quality_of_a_face_has_an_age_and_is_nothing_before_the_first() -> None:
    bench = Bench().idle()
    face = Face("too_dark", "camera.inside", {"sharpness": 80}, at_s=0.0)
    bench.now_s = 2.0
    said = told(bench.give(Tick()), face)
    assert said["hint"] == "too_dark"
    assert said["face"] == {"camera": "camera.inside", "components": {"sharpness": 80}, "for_s": 2.0}
    assert told(bench, Face("no_face"))["face"] is None
    assert told(bench, face.without_hint())["face"] == said["face"]
    bench.now_s = 61.0
    assert told(bench, face)["face"] is None, "it is nobody's any more"


def test_a_timer_of_a_phase_that_is_over_is_not_told() -> None:
    bench = Bench().inside()
    old = (9.0, Elapsed(Timer.ENTER, bench.gate.state.generation - 1))
    assert going_on(bench.gate, old, Face(), bench.now_s)["timer"] is None
