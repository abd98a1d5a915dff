"""docs/asyncapi.yaml is what the code does, and every event is a CloudEvent to the letter."""

import json
import re
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_events import facts

from gatefw import asyncapi, control
from gatefw.bus_orders import NEVER, Asked, decode
from gatefw.control import Done, Rejected, Rejection, line_of
from gatefw.events import encode
from gatefw.health_message import health_message
from gatefw.model import Fact
from gatefw.vitals import Vitals
from gatefw.wall_time import WallTime

DOCUMENT: Mapping[str, Any] = json.loads(json.dumps(asyncapi.document()))
DOCS = Path(__file__).parent.parent / "docs"


def test_the_document_is_what_the_code_makes() -> None:
    made = asyncapi.yaml(asyncapi.document())
    assert (DOCS / "asyncapi.yaml").read_text(encoding="utf-8") == made, "python -m gatefw.events_docs docs"


# ---------------------------------------------------------------- the YAML


def read(text: str) -> object:
    """YAML as far as `asyncapi.yaml` writes it: blocks by their depth, scalars as JSON has them."""
    lines = [(len(line) - len(line.lstrip()), line.strip()) for line in text.splitlines()]

    def block(depth: int) -> object:
        if not lines[0][1].startswith("-") and not re.match(r'(\w+|"[^"]*"):', lines[0][1]):
            return json.loads(lines.pop(0)[1])
        held: list[tuple[str, object]] = []
        while lines and lines[0][0] == depth:
            _, line = lines.pop(0)
            key, rest = ("-", line[1:]) if line.startswith("-") else _split(line)
            held.append((key, json.loads(rest) if rest.strip() else block(depth + 2)))
        return [inner for _, inner in held] if held[0][0] == "-" else dict(held)

    return block(0)


def _split(line: str) -> tuple[str, str]:
    found = re.match(r'(\w+|"(?:[^"\\]|\\.)*"):(.*)', line)
    assert found is not None, line
    return (json.loads(found[1]) if found[1].startswith('"') else found[1]), found[2]


def test_what_is_written_as_yaml_reads_as_the_same() -> None:
    assert read(asyncapi.yaml(DOCUMENT)) == DOCUMENT


# ---------------------------------------------------------------- AsyncAPI 3.0


def refs(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(ref := value.get("$ref"), str):
            yield ref
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def resolved(ref: str) -> Any:
    where: Any = DOCUMENT
    for step in ref.removeprefix("#/").split("/"):
        where = where[step]
    return where


def test_every_reference_leads_somewhere() -> None:
    for ref in refs(DOCUMENT):
        if ref.startswith("#/"):
            assert resolved(ref)
        else:
            assert (DOCS / ref).exists()


def test_it_has_what_the_specification_asks_for_and_nothing_it_does_not_know() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    known = "asyncapi id info servers defaultContentType channels operations components"
    assert DOCUMENT.keys() <= set(known.split())
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()
        assert set(re.findall(r"\{(\w+)\}", server["host"])) == server["variables"].keys()
        assert server["security"], "no socket is open to everybody"
        for ref in refs(server["security"]):
            assert resolved(ref)["type"] == "asymmetricEncryption"
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        for part in (operation, operation.get("reply", operation)):
            channel = resolved(part["channel"]["$ref"])
            for message in part["messages"]:
                name = message["$ref"].rpartition("/")[2]
                assert message["$ref"] == f"{part['channel']['$ref']}/messages/{name}"
                assert name in channel["messages"]
    for message in DOCUMENT["components"]["messages"].values():
        assert message.keys() <= {"name", "contentType", "description", "payload"}
    told = {ref for channel in DOCUMENT["channels"].values() for ref in refs(channel["messages"])}
    assert told == {f"#/components/messages/{name}" for name in DOCUMENT["components"]["messages"]}


def fits(schema: Mapping[str, Any], value: object) -> bool:
    """JSON Schema as far as the messages use it."""
    kinds = {"object": dict, "string": str, "integer": int, "number": int | float, "null": type(None)}
    if schema.get("type") == "boolean":
        return isinstance(value, bool)
    if "oneOf" in schema and sum(fits(each, value) for each in schema["oneOf"]) != 1:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "type" in schema and (not isinstance(value, kinds[schema["type"]]) or isinstance(value, bool)):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        return False
    if isinstance(value, int | float) and not schema.get("exclusiveMinimum", -inf) < value <= schema.get(
        "maximum", inf
    ):
        return False
    if isinstance(value, int | float) and value < schema.get("minimum", -inf):
        return False
    if isinstance(value, dict) and isinstance(each := schema.get("additionalProperties"), Mapping):
        return all(fits(each, inner) for inner in value.values())
    if isinstance(value, dict) and "properties" in schema:
        if not set(schema["required"]) <= value.keys() <= schema["properties"].keys():
            return False
        return all(fits(schema["properties"][name], inner) for name, inner in value.items())
    return True


def payload(name: str) -> Mapping[str, Any]:
    return dict(DOCUMENT["components"]["messages"][name]["payload"])


@given(
    st.fixed_dictionaries(
        {
            "id": st.integers() | st.text(max_size=70),
            "verb": st.sampled_from(sorted(control.VERBS)),
            "nonce": st.sampled_from(["0" * 32, "0"]),
        },
        optional={
            "args": st.just({}) | st.just([]),
            "expires_s": st.sampled_from([0, 1, 3600, 3601, "5"]),
            "expects": st.sampled_from(["idle", "asleep"]),
            "by": st.just("uid-0"),
        },
    )
)
def test_what_the_document_calls_an_order_is_taken_for_one_and_nothing_else_is(message: dict[str, Any]) -> None:
    _, asked = decode(json.dumps(message).encode(), "bus-office")
    documented = fits(payload("order"), message)
    if isinstance(asked, Asked):
        assert documented or message["verb"] in NEVER
    elif documented:
        assert "expects" in asked.message, "to the lane it is wanted"


def test_answers_are_as_the_document_has_them() -> None:
    assert fits(payload("done"), json.loads(line_of(7, Done({"phase": "idle"}))))
    for why in Rejection:
        assert fits(payload("rejected"), json.loads(line_of(None, Rejected(why, "words"))))
    assert not fits(payload("done"), json.loads(line_of(7, Rejected(Rejection.FAILED, "words"))))


# ---------------------------------------------------------------- CloudEvents 1.0

URI_REFERENCE = re.compile(r"/[A-Za-z0-9\-._~/]+")  # those of RFC 3986 that a lane's name can make
RFC3339 = re.compile(r"\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z")
REQUIRED = ("id", "source", "specversion", "type")


@pytest.mark.parametrize("at", [WallTime(0, False), WallTime(1_795_532_949_174_607_451, True)])
@given(fact=facts(), n=st.integers(1, 2**63), lane=st.from_regex(r"[a-z0-9\-]{1,40}", fullmatch=True))
def test_every_event_keeps_the_rules_for_attributes(at: WallTime, fact: Fact, n: int, lane: str) -> None:
    event = json.loads(encode(fact, lane, "0123456789abcdef", n, at))
    attributes = {name: value for name, value in event.items() if name != "data"}
    for name, value in attributes.items():
        assert re.fullmatch(r"[a-z0-9]{1,20}", name), "lower-case letters and digits, of twenty at most"
        assert isinstance(value, str) and value != ""
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", value)
    assert set(REQUIRED) <= attributes.keys()
    assert event["specversion"] == "1.0"
    assert URI_REFERENCE.fullmatch(event["source"])
    assert RFC3339.fullmatch(event["time"])
    assert event["datacontenttype"] == "application/json" and isinstance(event["data"], dict)
    assert "data_base64" not in event
    later = json.loads(encode(fact, lane, "0123456789abcdef", n + 1, at))
    assert (event["source"], event["id"]) != (later["source"], later["id"])
    assert event["sequence"] < later["sequence"], "as texts, as the sequence extension wants it"


# ---------------------------------------------------------------- how the devices are

DEVICE = Vitals(lambda: 7.0)


def told(**device: object) -> Any:
    health = {
        "devices": {"door.entry_door": {**DEVICE.health().to_json(), **device}},
        "threads": {"bus": {"turns": 3, "stalled": False}},
    }
    return json.loads(health_message("lane-1", "0" * 16, WallTime(1_800_000_000_000_000_000, True), health))


def test_the_health_of_the_devices_is_told_as_the_schema_says_and_has_the_number_of_no_event() -> None:
    schema = resolved("#/components/messages/health")["payload"]["schema"]
    DEVICE.turned(0.002)
    assert fits(schema, told())
    assert fits(schema, told(age_s=None, state="stuck", error="DeviceLost"))
    assert int(told()["sequence"]) == 0


@pytest.mark.parametrize(
    "device",
    [{"state": "well"}, {"p99_s": -1.0}, {"p99_s": None}, {"tries": 0.5}, {"error": "of Anna"}, {"more": 1}],
    ids=lambda device: next(iter(device)),
)
def test_what_is_not_the_health_of_a_device_does_not_fit(device: dict[str, object]) -> None:
    assert not fits(resolved("#/components/messages/health")["payload"]["schema"], told(**device))
