"""What an officer sees of a lane, worked out from what it says: rows, referrals, alarms."""

import json
from typing import Any

import pytest
from console_bench import IDLE, RUN, event
from hypothesis import given
from hypothesis import strategies as st

from gatefw.console.alarms import KEPT, RANK, Priority
from gatefw.console.lanes import SILENT_S, EventCame, Lane, Message, Named, StatusCame, heard
from gatefw.console.shown import REFERRED_S, TONES, alarms, row
from gatefw.model import FactKind, Phase, Reason

NAMED = Named("lane-1", "Lane 1", "Hall A")


def after(*said: Message | dict[str, Any], lane: Lane | None = None, at_s: float = 100.0) -> Lane:
    """A lane that said this, all at one time; a table is a status."""
    known = Lane() if lane is None else lane
    for each in said:
        known = heard(known, StatusCame(each) if isinstance(each, dict) else each, at_s)
    return known


def came(kind: str, n: int = 1, run: str = "", age_s: float = 0.0, **data: object) -> EventCame:
    return EventCame(event(kind, n, run, data=data), age_s)


DARK = came("device.impaired", 1, device="camera.face", reason="camera_dark")
LOST = came("device.lost", 1, device="camera.face", reason="device_lost")


def shown(lane: Lane, now_s: float = 100.0) -> dict[str, Any]:
    return row(NAMED, lane, now_s)


def rung(lane: Lane, now_s: float = 100.0) -> list[tuple[object, object]]:
    return [(each["reason"], each["priority"]) for each in alarms(NAMED, lane, now_s) if each["number"]]


# ---------------------------------------------------------------- rows


def test_every_phase_has_a_tone() -> None:
    assert set(TONES) == set(Phase)


def test_a_lane_that_was_never_heard_is_silent_and_nobody_knows_since_when() -> None:
    told = shown(Lane())
    assert (told["phase"], told["since_s"], told["orders"]) == ("silent", None, ())


def test_a_lane_that_answers_no_more_is_silent_and_what_it_did_is_not_told() -> None:
    """The cable of a lane is pulled while somebody is inside."""
    lane = after({**IDLE, "phase": "verifying", "occupancy": "one", "runs": [{"run": RUN, "for_s": 3.0}]})
    assert shown(lane, 100.0 + SILENT_S)["phase"] == "verifying"
    told = shown(lane, 100.1 + SILENT_S)
    assert (told["phase"], told["since_s"], told["occupancy"], told["case"]) == ("silent", 1.6, "unknown", None)
    [alarm] = alarms(NAMED, lane, 102.1)
    assert (alarm["reason"], alarm["priority"], alarm["number"], alarm["by"]) == ("silent", "high", None, None)
    assert shown(after(IDLE, lane=lane, at_s=110.0), 110.0)["phase"] == "idle"


def test_a_lane_whose_loop_hangs_is_silent_though_it_answers() -> None:
    lane = after({**IDLE, "age_s": 0.1})
    assert shown(lane, 100.0)["phase"] == "idle"
    told = shown(after({**IDLE, "age_s": SILENT_S + 0.5}, lane=lane, at_s=104.0), 104.0)
    assert (told["phase"], told["since_s"]) == ("silent", SILENT_S + 0.5)
    wrong: list[object] = ["long", None, True, float("nan"), float("inf"), -60.0, [1.0]]
    for said in wrong:
        assert shown(after({**IDLE, "age_s": said}), 100.0)["phase"] == "idle", "another version's, or none of ours"


def test_a_lane_whose_events_do_not_arrive_is_told_although_it_answers() -> None:
    """A firewall lets orders through and no events: no alarm of the lane would ever be heard."""
    lane = after({**IDLE, "journal_head": 9})
    for now_s in (101.0, 105.1):
        lane = after({**IDLE, "journal_head": 40}, lane=lane, at_s=now_s)
    [alarm] = alarms(NAMED, lane, 105.1)
    assert (alarm["reason"], alarm["priority"], alarm["since_s"]) == ("deaf", "high", 5.1)
    assert shown(lane, 105.1)["phase"] == "idle" and shown(lane, 105.1)["orders"]
    assert list(alarms(NAMED, after(came("service.started", 9), lane=lane, at_s=105.1), 105.1)) == []


def test_a_lane_that_always_writes_something_is_heard_as_long_as_that_arrives() -> None:
    lane = Lane()
    for n in range(1, 40):
        lane = after({**IDLE, "journal_head": n + 1}, came("service.started", n), lane=lane, at_s=100.0 + n)
        assert list(alarms(NAMED, lane, 100.0 + n)) == []


def test_events_without_a_status_are_no_answer() -> None:
    assert shown(after(came("service.started")))["phase"] == "silent"


def test_the_age_of_a_phase_goes_on_and_is_told_by_its_event_where_there_was_one() -> None:
    """The console is begun while a lane has been held for ten minutes."""
    lane = after(came("lane.phase_changed", phase="hold", previous="verifying", age_s=600.0), {**IDLE, "phase": "hold"})
    assert shown(lane)["since_s"] == 600.0
    lane = after({**IDLE, "phase": "hold"}, lane=lane, at_s=101.0)
    assert shown(lane, 101.5)["since_s"] == 601.5
    lane = after({**IDLE, "phase": "refused"}, lane=lane, at_s=102.0)
    assert shown(lane, 103.0)["since_s"] == 1.0, "its event comes in a moment"


@pytest.mark.parametrize(
    ("said", "waits_s"),
    [
        ({"runs": [{"run": RUN, "for_s": 4.0}, {"run": "f" * 16, "for_s": 9.0}]}, 10.0),
        ({"runs": []}, None),
        ({"phase": "hold", "occupancy": "one"}, 1.0),
        ({"phase": "hold", "occupancy": "empty"}, None),
        ({"runs": [{"run": RUN, "for_s": "NaN"}]}, 1.0),
    ],
)
def test_a_traveller_waits_since_the_oldest_passage_began_or_since_they_were_turned_away(
    said: dict[str, Any], waits_s: float | None
) -> None:
    assert shown(after({**IDLE, **said}), 101.0)["waiting_since_s"] == waits_s


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, None),
        ({"phase": "fault", "latched": "door_forced"}, "door_forced"),
        ({"phase": "out_of_service", "reason": "maintenance"}, "maintenance"),
        ({"phase": "degraded", "missing": ["camera.face"]}, "device_lost"),
        ({"phase": "degraded", "missing": [], "impaired": {"camera.face": ["camera_dark"]}}, "camera_dark"),
        ({"phase": "degraded", "impaired": {"camera.face": [], "camera.front": ["camera_covered"]}}, "camera_covered"),
        ({"phase": "degraded", "impaired": {"camera.face": [], "camera.front": 7}}, None),
        ({"latched": "<script>"}, "unknown"),
    ],
)
def test_why_a_lane_is_as_it_is(said: dict[str, Any], reason: str | None) -> None:
    assert shown(after({**IDLE, **said}))["reason"] == reason


@pytest.mark.parametrize(
    ("said", "camera"),
    [
        ({}, "ok"),
        ({"missing": ["camera.face"]}, "lost"),
        ({"missing": ["vision"]}, "lost"),
        ({"impaired": {"camera.face": ["camera_dark"]}}, "degraded"),
        ({"impaired": {"reader.front": ["device_away"]}}, "ok"),
        ({"missing": 7}, "unknown"),
        ({"cameras": ["camera.face"]}, "ok"),
        ({"cameras": []}, "none"),
        ({"cameras": [], "missing": ["vision"]}, "none"),
        ({"cameras": 7}, "ok"),
        ({"impaired": 7}, "ok"),
    ],
)
def test_the_camera_of_a_lane(said: dict[str, Any], camera: str) -> None:
    assert shown(after({**IDLE, **said}))["camera"] == camera


@pytest.mark.parametrize(
    ("said", "orders"),
    [
        ({}, ["hold", "close", "evacuate", "silent_alarm"]),
        ({"in_service": False, "phase": "out_of_service"}, ["hold", "open", "evacuate", "silent_alarm"]),
        ({"phase": "hold"}, ["let_out", "reset", "close", "evacuate", "silent_alarm"]),
        ({"phase": "evacuated"}, ["reset", "close", "silent_alarm"]),
        ({"phase": "maintenance"}, ["evacuate", "silent_alarm"]),
        ({"phase": "something new"}, []),
    ],
)
def test_orders_that_make_no_sense_now_are_not_offered(said: dict[str, Any], orders: list[str]) -> None:
    assert shown(after({**IDLE, **said}))["orders"] == orders


def test_by_which_doors_an_officer_may_let_somebody_out_is_what_the_lane_says() -> None:
    assert shown(after({**IDLE, "ways_out": ["entry_door", "exit_door"]}))["ways_out"] == ["entry_door", "exit_door"]
    assert shown(after(IDLE))["ways_out"] == [], "a lane of an older version chooses by itself"


def test_what_changes_by_itself_with_time_is_no_news_and_what_an_officer_acts_on_is() -> None:
    lane = after({**IDLE, "runs": [{"run": RUN, "for_s": 1.0}]})
    same = after({**IDLE, "journal_head": 7, "runs": [{"run": RUN, "for_s": 1.5}]}, lane=lane)
    assert same.news == lane.news
    for said in ({"phase": "hold"}, {"occupancy": "one"}, {"runs": []}, {"missing": ["vision"]}, {"latched": "fire"}):
        assert after({**IDLE, "runs": [{"run": RUN, "for_s": 1.0}], **said}, lane=lane).news != lane.news
    assert after(came("alarm.raised", reason="called"), lane=lane).news != lane.news


# ---------------------------------------------------------------- referrals


def test_a_referred_traveller_stands_beside_the_lane_until_the_counter_cleared_them() -> None:
    """The lane has no doors around them: it serves the next one while the first is on the way to the counter."""
    lane = after(IDLE, came("passage.decided", 5, RUN, verdict="refer", reason="authority_unavailable"))
    told = shown(lane, 101.0)
    assert told["referral"] == {"run": RUN, "reason": "authority_unavailable", "since_s": 1.0}
    assert told["case"] == RUN and "clear_by_hand" in told["orders"]
    assert rung(lane) == [("authority_unavailable", "medium")]
    lane = after(came("passage.cleared_by_hand", 9, RUN, by="bus-console/mk", why="document_seen"), lane=lane)
    assert shown(lane)["referral"] is None and rung(lane) == []


def test_a_lane_that_refers_without_a_verdict_says_why_the_passage_ended() -> None:
    lane = after(
        {**IDLE, "phase": "referred", "occupancy": "one"},
        came("passage.ended", 4, RUN, passed=False, reason="verify_timeout", seconds=31.0),
        came("lane.phase_changed", 5, RUN, phase="referred", previous="verifying"),
    )
    assert shown(lane)["referral"] == {"run": RUN, "reason": "verify_timeout", "since_s": 0.0}
    assert shown(lane)["reason"] == "verify_timeout"


def test_a_referral_that_nobody_came_with_is_forgotten_but_not_while_the_traveller_is_inside() -> None:
    lane = after(came("passage.decided", 5, RUN, verdict="refer", reason="not_live"))
    later_s = 100.0 + REFERRED_S
    gone = after(IDLE, lane=lane, at_s=later_s)
    assert shown(gone, later_s)["referral"] is None and rung(gone, later_s) == []
    inside = after({**IDLE, "phase": "referred", "occupancy": "one"}, lane=lane, at_s=later_s)
    assert shown(inside, later_s)["referral"]["run"] == RUN


# ---------------------------------------------------------------- alarms


@pytest.mark.parametrize(
    ("said", "alarm"),
    [
        (came("fault.latched", reason="fire"), ("fire", "emergency")),
        (came("fault.latched", reason="evacuated"), ("evacuated", "emergency")),
        (came("fault.latched", reason="door_forced"), ("door_forced", "high")),
        (came("fault.latched", reason="of a newer lane"), ("unknown", "high")),
        (came("alarm.raised", reason="called"), ("called", "high")),
        (came("alarm.raised", reason="stopped"), ("stopped", "medium")),
        (came("device.lost", device="camera.face", reason="device_lost"), ("device_lost", "low")),
        (DARK, ("camera_dark", "low")),
    ],
)
def test_how_urgent_an_alarm_is(said: EventCame, alarm: tuple[str, str]) -> None:
    assert rung(after(said)) == [alarm]


def test_what_raises_an_alarm_of_its_own_rings_once() -> None:
    lane = after(came("device.impaired", 1, device="camera.face", reason="tampered"))
    assert rung(after(came("alarm.raised", 2, reason="tampered"), lane=lane)) == [("tampered", "high")]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_priority(reason: Reason) -> None:
    [(_, priority)] = rung(after(came("alarm.raised", reason=reason.value)))
    assert priority in list(Priority)


def test_an_urgent_alarm_that_is_over_stays_until_somebody_acknowledged_it() -> None:
    lane = after(came("fault.latched", 3, reason="door_forced"), came("fault.reset", 4, by="uid-0"))
    [told] = alarms(NAMED, after(IDLE, lane=lane), 100.0)
    assert (told["over"], told["by"]) == (True, None)
    assert rung(after(came("alarm.acknowledged", 5, event=3, by="bus-console/mk"), lane=lane)) == []


def test_an_alarm_that_goes_on_stays_with_who_acknowledged_it() -> None:
    lane = after(IDLE, came("fault.latched", 3, reason="door_forced"))
    lane = after(came("alarm.acknowledged", 5, event=3, by="bus-console/mk"), lane=lane)
    [told] = alarms(NAMED, lane, 100.0)
    assert (told["over"], told["by"]) == (False, "mk")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (came("alarm.raised", 1, reason="stopped"), came("lane.phase_changed", 2, phase="idle", previous="recovering")),
        (LOST, came("device.recovered", 2, device="camera.face")),
        (LOST, came("service.started", 2, phase="recovering")),
        (DARK, came("device.restored", 2, device="camera.face", reason="camera_dark")),
        (DARK, came("service.started", 2, phase="recovering")),
        (came("passage.decided", 1, RUN, verdict="refer", reason="not_live"), came("passage.cleared_by_hand", 2, RUN)),
    ],
)  # fmt: skip
def test_a_lesser_alarm_goes_by_itself_when_it_is_over(begins: EventCame, ends: EventCame) -> None:
    assert len(rung(after(begins))) == 1
    assert rung(after(begins, ends)) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        came("lane.phase_changed", 2, phase="recovering", previous="hold"),
        came("device.recovered", 2, device="reader.front"),
        came("device.restored", 2, device="camera.face", reason="device_lost"),
        came("passage.cleared_by_hand", 2, "f" * 16),
        came("fault.reset", 2, by="lane"),
    ],
)
def test_what_is_about_something_else_ends_no_alarm(meanwhile: EventCame) -> None:
    lane = after(
        came("alarm.raised", 10, reason="stopped"),
        came("device.lost", 11, device="camera.face", reason="device_lost"),
        came("passage.decided", 12, RUN, verdict="refer", reason="not_live"),
    )
    assert len(rung(after(meanwhile, lane=lane))) == 3


def test_who_was_turned_away_and_is_held_inside_is_an_urgent_alarm_until_they_are_let_out() -> None:
    """The lane keeps whom it refuses for an officer (`on_refusal = "hold"`)."""
    lane = after(
        came("passage.decided", 4, RUN, verdict="refuse", reason="face_mismatch"),
        came("lane.phase_changed", 5, RUN, phase="hold", previous="verifying"),
    )
    assert rung(lane) == [("face_mismatch", "high")]
    assert shown(after({**IDLE, "phase": "hold", "occupancy": "one"}, lane=lane))["case"] == RUN
    lane = after(came("alarm.acknowledged", 6, RUN, event=5, by="bus-console/mk"), lane=lane)
    assert rung(lane) == [("face_mismatch", "high")]
    assert rung(after(came("lane.phase_changed", 7, phase="refused", previous="hold"), lane=lane)) == []


def test_an_empty_lane_that_is_held_tells_nothing_of_whom_it_turned_away_before() -> None:
    """Somebody was let out and left; a minute later an officer holds the lane."""
    lane = after(
        came("passage.decided", 4, RUN, verdict="refuse", reason="face_mismatch"),
        came("lane.phase_changed", 5, RUN, phase="refused", previous="verifying"),
    )
    assert shown(after({**IDLE, "phase": "refused", "occupancy": "one"}, lane=lane))["case"] == RUN
    lane = after({**IDLE, "phase": "hold"}, came("lane.phase_changed", 7, phase="hold", previous="idle"), lane=lane)
    assert (shown(lane)["case"], shown(lane)["reason"]) == (None, None)


def test_an_alarm_that_latches_a_fault_in_the_same_moment_is_one_and_ends_with_the_reset() -> None:
    evacuated = (came("alarm.raised", 7, reason="evacuated"), came("fault.latched", 8, reason="evacuated"))
    lane = after(IDLE, *evacuated, came("alarm.raised", 9, reason="called"))
    assert [each["number"] for each in alarms(NAMED, lane, 100.0)] == [8, 9]
    again = after(came("alarm.raised", 10, reason="evacuated"), lane=lane, at_s=110.0)
    assert [each["number"] for each in alarms(NAMED, after(IDLE, lane=again, at_s=110.0), 110.0)] == [8, 9, 10]


def test_a_lane_that_is_held_by_order_rings_for_that_alone() -> None:
    lane = after(
        came("lane.phase_changed", 5, RUN, phase="hold", previous="verifying"),
        came("passage.ended", 6, RUN, passed=False, reason="held", seconds=3.0),
        came("alarm.raised", 7, RUN, reason="held"),
    )
    assert rung(lane) == [("held", "medium")]


def test_a_silent_alarm_rings_until_it_is_acknowledged_whatever_the_lane_does() -> None:
    lane = after(came("alarm.silent", 7, by="bus-console/mk"), came("lane.phase_changed", 8, phase="idle"))
    assert rung(lane) == [("silent_alarm", "emergency")]
    assert rung(after(came("alarm.acknowledged", 9, event=7, by="bus-console/xy"), lane=lane)) == []


def test_the_alarms_of_another_journal_are_gone_with_their_numbers() -> None:
    lane = after(came("fault.latched", 3, reason="door_forced"))
    assert rung(after(EventCame(event("service.started", 1, epoch="f" * 16)), lane=lane)) == []


def test_an_event_that_is_heard_twice_rings_once() -> None:
    again = came("alarm.raised", 3, reason="called")
    assert rung(after(again, came("service.started", 4), again)) == [("called", "high")]


def test_of_too_many_alarms_the_most_urgent_stay() -> None:
    lane = after(came("fault.latched", 1, reason="fire"))
    for n in range(2, 3 * KEPT):
        lane = after(came("device.lost", n, device=f"reader.{n}", reason="device_lost"), lane=lane, at_s=100.0 + n)
    assert len(lane.alarms) == KEPT
    assert rung(lane)[0] == ("fire", "emergency") and lane.alarms[-1].number == 3 * KEPT - 1


# ---------------------------------------------------------------- whatever comes

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*IDLE, "runs", "reason", "journal_head"])
STATUSES = st.dictionaries(KEYS, ANY, max_size=8) | st.builds(
    lambda phase, said: {**IDLE, "phase": phase, **said}, st.sampled_from(Phase), st.dictionaries(KEYS, ANY, max_size=2)
)
FIELDS = st.fixed_dictionaries({}, optional={
    "reason": st.sampled_from(Reason) | ANY, "phase": st.sampled_from(Phase) | ANY, "device": ANY,
    "verdict": st.sampled_from(["refer", "refuse", "admit"]) | ANY, "event": st.integers(1, 6) | ANY, "by": ANY,
})  # fmt: skip
KINDS = st.sampled_from([kind.value for kind in FactKind]) | st.text(max_size=10)
EVENTS = st.builds(
    lambda kind, n, run, data: event(kind, n, run, data=data),
    KINDS,
    st.integers(0, 6),
    st.sampled_from(["", RUN, "f" * 16, "x"]),
    FIELDS | ANY,
)
SAID = st.lists(
    st.tuples(st.floats(0, 1.5), st.builds(StatusCame, STATUSES) | st.builds(EventCame, EVENTS)), max_size=20
)


@given(SAID, st.floats(0, 4))
def test_whatever_lanes_say_a_row_is_whole_and_silence_is_told(
    said: list[tuple[float, Message]], after_s: float
) -> None:
    lane, now_s, answered_s = Lane(), 0.0, None
    for gone_s, message in said:
        now_s += gone_s
        lane = heard(lane, message, now_s)
        answered_s = now_s if isinstance(message, StatusCame) else answered_s
    now_s += after_s
    told = shown(lane, now_s)
    assert told.keys() == shown(Lane()).keys()
    assert (told["phase"] == "silent") is (answered_s is None or now_s - answered_s > SILENT_S)
    found = list(alarms(NAMED, lane, now_s))
    assert len({each["id"] for each in found}) == len(found) <= KEPT + 2
    assert all(each["priority"] in list(RANK) for each in found)
    json.dumps([told, found], allow_nan=False)
