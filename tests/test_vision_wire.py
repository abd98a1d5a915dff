"""What the vision process says is looked at before it is believed: it decodes what strangers show it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import events, wire_json
from gatefw.errors import BadReply
from gatefw.model import FaceCompared, FaceIdentified, Failed, Reason, SubjectId
from gatefw.passage import facts_of
from gatefw.vision_wire import (
    AILMENTS,
    CODE_BYTES_MAX,
    LOST,
    OWN_AILMENTS,
    PORTRAIT_BYTES_MAX,
    REQUEST_BYTES,
    WHY_CHARS_MAX,
    CameraState,
    ailments_told,
    cameras_told,
    code_found,
    hint_told,
    identify_reply,
    verify_reply,
)

MATCH = {"matched": True, "reason": "ok", "score": 0.3, "threshold": 0.542, "fmr": 1e-3, "frames": 1}


def test_an_answer_becomes_the_reply_the_procedure_knows() -> None:
    assert verify_reply({"id": 1, "hint": "too_dark"}) is None
    assert verify_reply({"id": 1, "done": MATCH}) == FaceCompared(True, 0.3, 0.542, 1e-3, 1)
    other = MATCH | {"matched": False, "reason": "face_mismatch", "score": 0.8, "frames": 5}
    assert verify_reply({"id": 1, "done": other}) == FaceCompared(False, 0.8, 0.542, 1e-3, 5)
    dark = MATCH | {"matched": False, "reason": "too_dark", "score": None}
    assert verify_reply({"id": 1, "done": dark}) == Failed(Reason.TOO_DARK)
    assert verify_reply({"id": 1, "failed": {"kind": "stop", "message": "x"}}) == Failed(Reason.VISION_UNAVAILABLE)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["ok", "face_mismatch", "x", -1, 5, 1_000_001]),
)


@given(st.dictionaries(st.sampled_from([*MATCH, "id"]), anything))
def test_nothing_but_a_whole_answer_with_the_reason_ok_and_a_distance_that_fits_is_a_match(
    change: dict[str, object],
) -> None:
    done = MATCH | {"matched": False, "reason": "no_face"} | change
    try:
        reply = verify_reply({"id": 1, "done": done})
    except BadReply:
        return
    if isinstance(reply, FaceCompared) and reply.matched:
        assert done["matched"] is True
        assert done["reason"] == "ok"
        assert reply.score <= reply.threshold
    assert isinstance(reply, FaceCompared) or reply == Failed(Reason(str(done["reason"])))
    assert reply is not None
    for fact in facts_of(reply):
        events.check(fact)


FOUND = {
    "reason": "ok", "subject": "5" * 32, "score": 0.3, "threshold": 0.493, "gallery": 40, "fpir": 0.01, "frames": 3,
    "more_evidence": False,
}  # fmt: skip


def test_who_was_found_among_many_becomes_the_reply_the_procedure_knows() -> None:
    assert identify_reply({"id": 1, "hint": "too_dark"}) is None
    assert identify_reply({"id": 1, "done": FOUND}) == FaceIdentified(SubjectId("5" * 32), 0.3, 0.493, 40, 0.01, 3)
    more = identify_reply({"id": 1, "done": FOUND | {"more_evidence": True}})
    assert isinstance(more, FaceIdentified)
    assert more.more_evidence
    for reason in (Reason.NOT_IDENTIFIED, Reason.AMBIGUOUS, Reason.GALLERY_TOO_LARGE, Reason.NO_FACE):
        assert identify_reply({"done": FOUND | {"reason": reason, "subject": None, "score": None}}) == Failed(reason)
    assert identify_reply({"failed": {"kind": "stop", "message": "x"}}) == Failed(Reason.VISION_UNAVAILABLE)


@given(
    st.dictionaries(
        st.sampled_from([*FOUND, "id"]), st.one_of(anything, st.sampled_from(["", "a" * 65, "ambiguous", 0.494, 1e9]))
    )
)
def test_nothing_but_a_whole_answer_with_a_score_that_fits_identifies_anybody(change: dict[str, object]) -> None:
    done = FOUND | change
    try:
        reply = identify_reply({"id": 1, "done": done})
    except BadReply:
        return
    if isinstance(reply, FaceIdentified):
        assert (done["reason"], done["subject"]) == ("ok", reply.subject)
        assert reply.score <= reply.threshold
        assert reply.gallery > 0
    else:
        assert reply == Failed(Reason(str(done["reason"])))
    for fact in facts_of(reply):
        events.check(fact)


@pytest.mark.parametrize("subject", ["\ud800", "\u0430nna", "a" * 65, "", 7])
def test_an_id_that_none_of_ours_can_be_is_a_bad_reply_and_reaches_no_store(subject: object) -> None:
    with pytest.raises(BadReply):
        identify_reply({"id": 1, "done": FOUND | {"subject": subject}})


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"done": None},
        {"done": []},
        {"done": {}},
        {"done": FOUND | {"frames": None}},
        {"done": FOUND | {"more_evidence": 0}},
        {"done": {key: value for key, value in FOUND.items() if key != "more_evidence"}},
    ],
)
def test_half_an_answer_to_identify_is_a_bad_reply(message: dict[str, object]) -> None:
    with pytest.raises(BadReply, match="not an answer to identify"):
        identify_reply(message)


@pytest.mark.parametrize(
    "message", [{}, {"done": None}, {"done": []}, {"done": {}}, {"done": MATCH | {"frames": None}}]
)
def test_half_an_answer_is_a_bad_reply(message: dict[str, object]) -> None:
    with pytest.raises(BadReply, match="not an answer to verify"):
        verify_reply(message)


@pytest.mark.parametrize(
    "change",
    [
        '"score": 5, "threshold": 6',
        '"score": -0.1',
        '"fmr": 7',
        '"frames": -4',
        '"frames": 1000001',
    ],
)
def test_a_number_that_no_event_can_hold_is_a_bad_reply_and_not_the_lanes_fault(change: str) -> None:
    line = json.dumps({"done": MATCH})[:-2] + f", {change}}}}}"
    with pytest.raises(BadReply, match="not an answer to verify"):
        verify_reply(wire_json.decode(line.encode()))


@pytest.mark.parametrize("name", ["score", "reason", "matched", "frames"])
def test_a_bad_reply_does_not_repeat_what_was_said(name: str) -> None:
    with pytest.raises(BadReply) as refused:
        verify_reply({"done": MATCH | {name: "P<UTOMUSTERPERSON"}})
    assert "MUSTERPERSON" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("hint", [None, 7, [], {}, "", "P<UTOMUSTERPERSON"])
def test_a_hint_is_a_reason_and_nothing_else(hint: object) -> None:
    with pytest.raises(BadReply, match="a hint that is none") as refused:
        hint_told(hint)
    assert "MUSTERPERSON" not in str(refused.value)
    assert hint_told("too_dark") is Reason.TOO_DARK


# ---------------------------------------------------------------- how the cameras are


states = st.builds(
    CameraState, st.none() | st.sampled_from(sorted(LOST)), st.none() | st.sampled_from(sorted(AILMENTS)), st.text()
)


@given(st.dictionaries(st.text(max_size=10), states, max_size=4))
def test_how_a_camera_is_arrives_as_it_was_told_and_its_reason_for_people_is_short(
    told: dict[str, CameraState],
) -> None:
    health = json.loads(json.dumps({"ok": False, "cameras": {name: state.message() for name, state in told.items()}}))
    heard = cameras_told(health)
    assert {name: (state.lost, state.ail) for name, state in heard.items()} == {
        name: (state.lost, state.ail) for name, state in told.items()
    }
    assert all(len(state.why) <= WHY_CHARS_MAX for state in heard.values())


@pytest.mark.parametrize(
    "health",
    [
        None,
        {},
        {"cameras": []},
        {"cameras": {"a": None}},
        {"cameras": {"a": {"lost": "", "ail": ""}}},
        {"cameras": {"a": {"lost": "fire", "ail": "", "why": ""}}},
        {"cameras": {"a": {"lost": "", "ail": "ok", "why": ""}}},
        {"cameras": {"a": {"lost": "", "ail": ["x"], "why": ""}}},
    ],
)
def test_half_a_word_on_a_camera_is_a_bad_reply(health: object) -> None:
    with pytest.raises(BadReply, match="not a word on its health"):
        cameras_told(health)


@given(st.sets(st.sampled_from(sorted(OWN_AILMENTS))))
def test_what_ails_the_process_itself_arrives_as_it_was_told(ails: set[Reason]) -> None:
    assert ailments_told(json.loads(json.dumps({"cameras": {}, "ailments": sorted(ails)}))) == ails
    assert ailments_told({"cameras": {}}) == set()


@pytest.mark.parametrize("told", [None, "", {}, 7, ["fire"], ["ok"], [["x"]], [7], ["scores_drift"] * 4])
def test_an_ailment_that_the_process_cannot_have_is_a_bad_reply(told: object) -> None:
    with pytest.raises(BadReply, match="not a word on its health") as refused:
        ailments_told({"cameras": {}, "ailments": told})
    assert refused.value.__cause__ is None


# ---------------------------------------------------------------- codes


@given(st.binary(min_size=1, max_size=CODE_BYTES_MAX))
def test_a_code_arrives_byte_by_byte(payload: bytes) -> None:
    found = {"camera": "camera.front", "payload": base64.b64encode(payload).decode()}
    assert code_found(json.loads(json.dumps(found))) == ("camera.front", payload)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {"camera": "a"},
        {"camera": 7, "payload": "QQ=="},
        {"camera": "a", "payload": 7},
        {"camera": "a", "payload": ""},
        {"camera": "a", "payload": "Q"},
        {"camera": "a", "payload": "QQ==\u20ac"},
        {"camera": "a", "payload": base64.b64encode(bytes(CODE_BYTES_MAX + 1)).decode()},
    ],
)
def test_a_code_out_of_bounds_is_a_bad_reply_that_does_not_repeat_it(found: object) -> None:
    with pytest.raises(BadReply) as refused:
        code_found(found)
    assert str(refused.value) == "vision: not a code that a camera saw"
    assert refused.value.__cause__ is None


def test_a_portrait_in_base64_and_what_stands_around_it_fit_into_a_line() -> None:
    assert len(base64.b64encode(bytes(PORTRAIT_BYTES_MAX))) + 1024 < REQUEST_BYTES
