"""What whoever watches a gate believes of what it says, and what stands on the terminal for it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import spelt

from gatefw.gate_terms import HITS
from gatefw.model import Reason
from gatefw.vision_wire import COMPONENTS
from gatefw.watch.picture import DEVICES, duration, picture, plain
from gatefw.watch.seen import (
    EVENTS_MAX,
    DevicesCame,
    EventCame,
    Message,
    Seen,
    Silent,
    StatusCame,
    heard,
    settled,
)

RUN = "6d1f0a4c9b72e385"
STATUS: dict[str, Any] = {
    "lane": "sim",
    "phase": "verifying",
    "in_service": True,
    "doors": {"entry_door": "secured", "exit_door": "open"},
    "beams": {"entry_door": "clear", "exit_door": "broken"},
    "released": {"entry_door": "", "exit_door": "admit"},
    "lease_left_s": {"entry_door": None, "exit_door": 1.6},
    "occupancy": "one",
    "zones": {"front": True, "behind": False},
    "signals": {"fire": "off", "call": "on"},
    "runs": [{"run": RUN, "place": "served", "waits_for": ["verify_face"], "for_s": 3.2, "waited_s": 1.2}],
    "timer": {"name": "verify", "left_s": 9.8},
    "hint": "too_dark",
    "face": {"camera": "camera.inside", "components": dict.fromkeys(COMPONENTS, 87), "for_s": 0.2},
    "missing": [],
    "latched": None,
    "maintenance": None,
    "journal_head": 1234,
    "health": {"devices": {"door.exit_door": {"p50_s": 0.0004, "p99_s": 0.0012, "tries": 0}}, "threads": {}},
}
LISTED = {
    "devices": [
        {"device": "door.exit_door", "state": "there", "reasons": [], "for_s": 12.0},
        {"device": "camera.inside", "state": "impaired", "reasons": ["camera_dark"], "for_s": 4.0},
        {"device": "reader.front", "state": "lost", "reasons": ["device_lost"], "for_s": 90.0, "detail": "unplugged"},
    ]
}
DECIDED = {
    "type": "gatefw.passage.decided.v1",
    "time": "2027-01-15T08:00:01.000000Z",
    "sequence": "00000000000000000007",
    "clockquality": "synchronised",
    "run": RUN,
    "data": {"verdict": "refuse", "reason": "face_mismatch"},
}


def after(*messages: Message, now_s: float = 100.0) -> Seen:
    seen = Seen()
    for message in messages:
        seen = heard(seen, message, now_s)
    return seen


def shown(seen: Seen, width: int = 80, height: int = 24, now_s: float = 100.2, chosen: int | None = None) -> str:
    lines = picture(seen, width, height, now_s, chosen)
    assert len(lines) == height
    assert {len(line.text) for line in lines} == {width}
    return plain(lines)


WHOLE = after(StatusCame(STATUS), DevicesCame(LISTED, STATUS["health"]["devices"]), EventCame(DECIDED))


def test_at_80_by_24_everything_that_somebody_before_a_gate_wants_to_know_has_its_place() -> None:
    """A face is looked at in bad light while the exit still stands open: an officer leans in the door."""
    assert shown(WHOLE).splitlines() == [
        "sim  VERIFYING  in service  live  journal 1234",
        "~ works badly: camera.inside",
        "DOORS                                              DEVICES  ms: 50%/99%",
        "= entry_door secured                               ~ camera.inside camera_dark",
        "> exit_door  open     RELEASED admit 1.6 s BEAM    ! reader.front device_lost",
        "  inside [#] one   front [#]  behind [ ]           + door.exit_door     0.4/1.2",
        "! call on",
        "PASSAGE   verify time: 9.8 s left",
        "  6d1f0a4c9b72e385, 3.2 s",
        "  waits for verify_face, 1.2 s",
        "",
        "FACE  camera.inside, 0.2 s ago   ~ too_dark",
        " face found   ######.  87  not white    ######.  87  looks here   ######.  87",
        " in picture   ######.  87  brightness   ######.  87  head upright ######.  87",
        " eyes apart   ######.  87  even light   ######.  87  sharpness    ######.  87",
        " not black    ######.  87  contrast     ######.  87",
        "EVENTS  newest last, UTC by the gate's clock",
        "  08:00:01 passage.decided       verdict=refuse reason=face_mismatch",
        "",
        "",
        "",
        "",
        "",
        "q quit   it only looks; in maintenance (`gatefw lane maintain`) there are keys",
    ]


def test_a_larger_terminal_shows_more_devices_and_more_events() -> None:
    many = {"devices": [{"device": f"reader.r{n}", "state": "there", "for_s": 1.0} for n in range(20)]}
    events = [EventCame(DECIDED | {"sequence": f"{n:020}"}) for n in range(30)]
    seen = after(StatusCame(STATUS), DevicesCame(many), *events)
    small, large = shown(seen), shown(seen, 120, 60)
    assert (small.count("reader.r"), large.count("reader.r")) == (DEVICES, 20)
    assert "and 12 more" in small
    assert large.count("passage.decided") > small.count("passage.decided")


@given(st.integers(1, 200), st.integers(1, 80), st.none() | st.integers(0, 5))
def test_a_terminal_of_any_size_is_filled_and_never_overrun(width: int, height: int, chosen: int | None) -> None:
    shown(WHOLE, width, height, chosen=chosen)
    shown(Seen(), width, height)
    shown(after(StatusCame(STATUS), Silent("no answer")), width, height)


def test_a_gate_that_goes_is_told_at_once_with_what_to_do_and_what_was_known_stays() -> None:
    why = f"gatefw at /run/{'long/' * 20}control.sock: no answer: refused; is `gatefw run` running there?"
    seen = heard(WHOLE, Silent(why), 103.0)
    said = shown(seen, now_s=104.0)
    assert "as it was 4.0 s ago" in said
    assert "! NO ANSWER for 1.0 s" in said
    assert "is `gatefw run` running there?" in said
    assert "verify_face" in said
    assert heard(seen, Silent(why), 105.0).gone_s == 103.0, "since the first time"
    assert "live" in shown(heard(seen, StatusCame(STATUS), 106.0), now_s=106.1)


def test_a_status_that_is_old_says_so_whatever_the_clock_of_the_gate_says() -> None:
    assert "live" in shown(WHOLE, now_s=101.0)
    assert "~ 3.0 s old" in shown(WHOLE, now_s=103.0)
    unvouched = heard(WHOLE, EventCame(DECIDED | {"clockquality": "unsynchronised"}), 101.0)
    assert "which nobody vouches for" in shown(unvouched)


@pytest.mark.parametrize(
    ("change", "sign"),
    [
        ({"signals": {"fire": "on"}}, "! fire is on"),
        ({"latched": "door_forced"}, "! latched: door_forced"),
        ({"missing": ["camera.inside"]}, "! missing: camera.inside"),
        ({"health": {"threads": {"journal": {"stalled": True}}}}, "! stalled inside the daemon: journal"),
        ({"doors": {"entry_door": "unknown"}}, "! entry_door unknown"),
        ({"occupancy": "many"}, "! inside [##] more than one"),
        ({"occupancy": "unknown"}, "! inside [?] unknown"),
        ({"maintenance": {"name": "mk", "why": "repair", "left_s": 90.0}}, "~ MAINTENANCE by mk, repair, 90 s left"),
        ({"in_service": False}, "OUT OF SERVICE"),
    ],
)
def test_what_is_not_well_has_a_sign_and_not_only_a_colour(change: dict[str, Any], sign: str) -> None:
    assert sign in shown(after(StatusCame(STATUS | change)))


def test_of_two_passages_both_are_shown() -> None:
    two = [STATUS["runs"][0], {"run": "f" * 16, "place": "waiting", "waits_for": ["look_up_record"], "waited_s": 0.3}]
    said = shown(after(StatusCame(STATUS | {"runs": two})))
    assert "6d1f0a:  waits for verify_face, 1.2 s" in said
    assert "in front:  waits for look_up_record, 0.3 s" in said
    decided = [STATUS["runs"][0] | {"waits_for": ["admit:ok"]}]
    assert "decided: admit (ok), 1.2 s" in shown(after(StatusCame(STATUS | {"runs": decided})))


def test_in_maintenance_a_device_can_be_chosen_and_the_keys_are_told() -> None:
    lane = STATUS | {"phase": "maintenance"}
    said = shown(after(StatusCame(lane), DevicesCame(LISTED)), chosen=2)
    assert "> reader.front" in said
    assert "t test it" in said


# ---------------------------------------------------------------- nothing personal, whoever says it

SECRETS = ("ZEBEDEE QUILLFEATHER", "XQ9988776", "1931-07-19", "5" * 32, "P<UTOERIKSSON<<ANNA", "\x1b]0;owned\x07")


def planted(value: object, secret: str) -> object:
    """The same, with a secret in place of every text."""
    if isinstance(value, dict):
        return {name: planted(each, secret) for name, each in value.items()} | {"holder": secret}
    if isinstance(value, list):
        return [planted(each, secret) for each in value]
    return secret if isinstance(value, str) else value


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_the_gate_were_to_tell_is_neither_shown_nor_handed_on(secret: str) -> None:
    messages: list[Message] = [
        StatusCame(planted(STATUS, secret)),  # type: ignore[arg-type]
        DevicesCame(planted(LISTED, secret), {secret: {"p50_s": 1}}),  # type: ignore[arg-type]
        EventCame(planted(DECIDED, secret)),  # type: ignore[arg-type]
        EventCame(DECIDED | {"data": {"verdict": secret, "reason": "ok", "name": secret}}),
        EventCame(DECIDED | {"type": f"gatefw.{secret}.v1", "run": secret, "time": secret}),
    ]
    seen = after(*messages)
    left = f"{shown(seen, 200, 60)}{seen.told()}{seen}".encode()
    assert [how for how, spell in spelt(secret.encode()) if spell in left] == []
    assert b"\x1b" not in left


def test_what_is_planted_would_be_found() -> None:
    assert "ZEBEDEE" in str(planted(STATUS, SECRETS[0]))
    assert "secured" in shown(WHOLE), "and our own words are shown"


@pytest.mark.parametrize("hit", sorted(HITS))
def test_a_hit_is_shown_as_the_way_to_the_counter(hit: Reason) -> None:
    """Whoever stands behind the technician reads along."""
    event = EventCame(DECIDED | {"data": {"verdict": "refer", "reason": hit.value}})
    assert f"reason={Reason.SEE_COUNTER.value}" in shown(after(StatusCame(STATUS), event))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STATUS, "x"]), inner, max_size=6),
    max_leaves=20,
)
tables = st.dictionaries(st.sampled_from([*STATUS, *DECIDED, "devices"]), json_like, max_size=10)


@settings(max_examples=40)
@given(tables, tables, tables)
def test_a_gate_of_another_version_is_shown_as_far_as_it_is_understood(
    status: dict[str, Any], listed: dict[str, Any], event: dict[str, Any]
) -> None:
    shown(after(StatusCame(STATUS | status), DevicesCame(listed, status), EventCame(event)))


def test_events_are_kept_up_to_a_bound() -> None:
    seen = after(*(EventCame(DECIDED | {"sequence": f"{n:020}"}) for n in range(EVENTS_MAX + 5)))
    assert (len(seen.events), seen.events[-1].n) == (EVENTS_MAX, EVENTS_MAX + 4)


def test_that_time_goes_by_is_no_change_and_a_phase_is() -> None:
    later = replace(WHOLE.lane, timer_left_s=1.0, journal_head=9)  # type: ignore[type-var]
    assert settled(WHOLE.told()) == settled(replace(WHOLE, lane=later).told())
    moved = heard(WHOLE, StatusCame(STATUS | {"phase": "leaving"}), 101.0)
    assert settled(WHOLE.told()) != settled(moved.told())


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0.0 s"), (0.44, "0.4 s"), (12, "12 s"), (180, "3 min"), (20_000, "6 h"), (400_000, "5 d")],
)
def test_a_duration_is_short(seconds: float, said: str) -> None:
    assert duration(seconds) == said
