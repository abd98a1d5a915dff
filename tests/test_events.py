"""No event can hold what must not be told, and the documentation says what the code does."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import control, events_docs
from gatefw.errors import FaultError
from gatefw.event_fields import Code, FieldType, Number, Truth, Word
from gatefw.events import FIELDS, ORDERS, RUN, check, encode, new_run, type_of
from gatefw.model import DoorId, Fact, FactKind, Phase, Purpose, Reason, RunId, SubjectId, Verdict
from gatefw.wall_time import WallTime
from gatefw.wall_time import wall_clock as system_clock

DOCS = Path(__file__).parent.parent / "docs"
AT = WallTime(1_795_532_949_174_607_451, synchronised=True)
RUN_ID = RunId("00112233445566ff")


def value_of(kind: FieldType) -> st.SearchStrategy[object]:
    match kind:
        case Word(_, words):
            return st.sampled_from(words)
        case Number(low, high, whole):
            return st.integers(int(low), int(high)) if whole else st.floats(low, high)
        case Truth():
            return st.booleans()
        case Code(pattern, _):
            return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)


def facts() -> st.SearchStrategy[Fact]:
    """Every fact the schema allows."""

    def of(kind: FactKind) -> st.SearchStrategy[Fact]:
        fields = st.fixed_dictionaries({name: value_of(field) for name, field in FIELDS[kind].items()})
        runs = st.none() | st.from_regex(RUN.pattern, fullmatch=True).map(RunId)
        subjects = st.none() | st.text(min_size=1).map(SubjectId)
        return st.builds(lambda f, r, s: Fact(kind, r, tuple(f.items()), s), fields, runs, subjects)

    return st.sampled_from(FactKind).flatmap(of)


# ---------------------------------------------------------------- the envelope


def test_an_event_is_a_cloudevent_with_number_epoch_and_clock_quality() -> None:
    fact = Fact(
        FactKind.PHASE_CHANGED, RUN_ID, (("phase", Phase.VERIFYING), ("previous", Phase.ENTERING)), SubjectId("s")
    )
    assert json.loads(encode(fact, "lane-3", "0123456789abcdef", 42, AT)) == {
        "specversion": "1.0",
        "id": "0123456789abcdef:42",
        "source": "/gatefw/lane-3",
        "type": "gatefw.lane.phase_changed.v1",
        "time": "2026-11-24T15:09:09.174607Z",
        "datacontenttype": "application/json",
        "sequence": "00000000000000000042",
        "epoch": "0123456789abcdef",
        "clockquality": "synchronised",
        "run": "00112233445566ff",
        "data": {"phase": "verifying", "previous": "entering"},
    }


def test_an_event_outside_a_passage_has_no_run() -> None:
    event = json.loads(encode(Fact(FactKind.SERVICE_STOPPED), "lane", "0" * 16, 1, WallTime(0, False)))
    assert "run" not in event
    assert event["clockquality"] == "unsynchronised"
    assert event["time"] == "1970-01-01T00:00:00.000000Z"


@given(facts(), st.integers(1, 2**63))
def test_every_fact_of_the_schema_makes_an_event_and_the_subject_is_never_in_it(fact: Fact, n: int) -> None:
    event = json.loads(encode(fact, "lane", "0" * 16, n, AT))
    assert event["type"] == type_of(fact.kind)
    assert int(event["sequence"]) == n
    assert set(event["data"]) == set(FIELDS[fact.kind])
    assert "subject" not in event and "subject" not in event["data"]


def test_the_system_clock_reads_the_time_and_tells_its_quality() -> None:
    at = system_clock()
    assert at.utc.year >= 2024
    assert at.quality in ("synchronised", "unsynchronised")


# ---------------------------------------------------------------- the closed world


@given(facts(), st.text(), st.data())
def test_no_string_outside_the_words_and_short_codes_passes(fact: Fact, text: str, data: st.DataObject) -> None:
    if not fact.fields:
        return
    name = data.draw(st.sampled_from([name for name, _ in fact.fields]))
    altered = tuple((key, text if key == name else value) for key, value in fact.fields)
    try:
        check(Fact(fact.kind, fact.run, altered))
    except FaultError as error:
        other = tuple((key, object() if key == name else value) for key, value in fact.fields)
        with pytest.raises(FaultError) as same:
            check(Fact(fact.kind, fact.run, other))  # type: ignore[arg-type]
        assert str(error) == str(same.value), "the refusal depends on what must not be told"
    else:
        kind = FIELDS[fact.kind][name]
        assert isinstance(kind, Word | Code)
        assert len(text) <= 40 and re.fullmatch(r"[\]A-Za-z0-9_.\-]*", text)
        assert not re.search("[0-9]{6}", text) or text.startswith("uid-")


@given(
    facts(),
    st.sampled_from([b"\xff\xd8\xff", None, ["a"], {"x": 1}, 10**40, float("nan"), float("inf"), -1.5]),
    st.data(),
)
def test_bytes_lists_and_numbers_out_of_bounds_do_not_pass(fact: Fact, value: object, data: st.DataObject) -> None:
    if not fact.fields:
        return
    name = data.draw(st.sampled_from([name for name, _ in fact.fields]))
    altered = tuple((key, value if key == name else kept) for key, kept in fact.fields)
    with pytest.raises(FaultError):
        check(Fact(fact.kind, fact.run, altered))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "secret",
    ["Chan Tai Man", "A123456(7)", "K1234567", "chan@example.org", "data:image/jpeg;base64,AAAA", "face\n", "é"],
)
@pytest.mark.parametrize("kind", FactKind)
def test_a_name_a_number_or_a_picture_passes_in_no_field_of_any_kind(kind: FactKind, secret: str) -> None:
    for field in FIELDS[kind].values():
        assert not field.fits(secret)
    with pytest.raises(FaultError):
        check(Fact(kind, RunId(secret)))


def test_an_unknown_missing_or_doubled_field_is_refused() -> None:
    door = (("door", DoorId.ENTRY),)
    check(Fact(FactKind.DOOR_SECURED, None, door))
    for fields in ((), (*door, ("name", "Chan")), (("name", "Chan"),), door * 2):
        with pytest.raises(FaultError, match=r"door\.secured") as caught:
            check(Fact(FactKind.DOOR_SECURED, None, fields))
        assert "Chan" not in str(caught.value)


def test_an_order_without_a_reason_is_one_and_free_text_is_none() -> None:
    """An order of last year's journal has no `why`; one of today's has a word of the table."""
    order = {"verb": "evacuate", "by": "bus-office/mk", "accepted": True, "reason": Reason.OK}
    for fields in (order, order | {"why": "medical"}):
        fact = Fact(FactKind.OPERATOR_ORDERED, None, tuple(fields.items()))  # type: ignore[arg-type]
        assert json.loads(encode(fact, "lane", "0" * 16, 1, AT))["data"] == fields
    ordered = type_of(FactKind.OPERATOR_ORDERED)
    said = (each["properties"] for each in events_docs.json_schema()["oneOf"])  # type: ignore[attr-defined]
    [data] = [each["data"] for each in said if each["type"] == {"const": ordered}]
    assert data["required"] == [*order] and data["properties"].keys() - order == {"why"}
    with pytest.raises(FaultError, match="field why") as caught:
        check(Fact(FactKind.OPERATOR_ORDERED, None, (*order.items(), ("why", "Chan fell"))))  # type: ignore[arg-type]
    assert "Chan" not in str(caught.value)


def test_true_is_not_a_number_and_one_is_not_a_truth() -> None:
    good = {"matched": True, "score": 0.2, "threshold": 1, "fmr": 0.001, "frames": 3}
    check(Fact(FactKind.FACE_COMPARED, RUN_ID, tuple(good.items())))
    for name, value in (("matched", 1), ("score", True), ("frames", 3.0), ("frames", False)):
        with pytest.raises(FaultError, match=f"field {name}"):
            check(Fact(FactKind.FACE_COMPARED, RUN_ID, tuple((good | {name: value}).items())))


def test_the_facts_a_gate_writes_fit() -> None:
    for kind, fields in (
        (FactKind.SERVICE_STARTED, {"version": "0.1.0", "phase": Phase.RECOVERING}),
        (FactKind.PASSAGE_STARTED, {"reader": "reader.front", "symbology": "]Q1"}),
        (FactKind.PASSAGE_DECIDED, {"verdict": Verdict.REFUSE, "reason": Reason.FACE_MISMATCH}),
        (FactKind.PASSAGE_ENDED, {"passed": False, "reason": Reason.FACE_MISMATCH, "seconds": 7}),
        (FactKind.DOOR_RELEASED, {"door": DoorId.ENTRY, "purpose": Purpose.WAY_OUT, "alarm": True}),
        (FactKind.DEVICE_LOST, {"device": "scanner-front", "reason": Reason.DEVICE_LOST}),
        (FactKind.OPERATOR_ORDERED, {"verb": "reset", "by": "uid-1000", "accepted": True, "reason": Reason.OK}),
    ):
        check(Fact(kind, None, tuple(fields.items())))  # type: ignore[arg-type]


def test_every_passage_has_an_id_of_its_own_that_fits() -> None:
    runs = {new_run() for _ in range(1000)}
    assert len(runs) == 1000
    assert all(RUN.fits(run) for run in runs)


def test_the_schema_has_every_kind_and_every_order_is_a_verb_of_the_control_socket() -> None:
    assert set(FIELDS) == set(FactKind)
    assert set(ORDERS.words) == control.VERBS - {
        "status",
        "subjects",
        "partitions",
        "devices",
        "cameras",
        "edges",
        "keys",
    }


# ---------------------------------------------------------------- the documentation


def test_the_reference_for_people_is_what_the_code_makes() -> None:
    assert (DOCS / "events.md").read_text(encoding="utf-8") == events_docs.markdown(), (
        "python -m gatefw.events_docs docs"
    )


def test_the_json_schema_is_what_the_code_makes() -> None:
    assert json.loads((DOCS / "events.schema.json").read_text(encoding="utf-8")) == events_docs.json_schema()
    assert events_docs.json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
