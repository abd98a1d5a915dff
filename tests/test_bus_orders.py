"""Orders over the bus, without a bus: once each, in time, by who may, and the journal knows of the refused ones."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gatefw.bus_keys import Grant, Permission
from gatefw.bus_orders import (
    BURST,
    NEVER,
    NONCE_S,
    NONCES,
    READ,
    URGENT,
    WRITTEN,
    Asked,
    OrderBook,
    Waiting,
    decode,
    needed,
)
from gatefw.control import PENDING, VERBS, Answer, Done, Order, Rejected, Rejection
from gatefw.errors import Refusal
from gatefw.events import ORDERS, check
from gatefw.model import Fact, Phase, Reason, Verb

ALL = frozenset(Permission)
OFFICE = Grant("office", "a" * 40, frozenset((Permission.READ, Permission.OPERATE)))
VIEWER = Grant("viewer", "b" * 40, frozenset((Permission.READ,)))
WORKSHOP = Grant("workshop", "c" * 40, ALL)


class Desk:
    """An order book, what stands behind it, and a clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.handled: list[Order] = []
        self.recorded: list[Fact] = []
        self.later: list[tuple[Waiting, Answer]] = []
        self.book = OrderBook(self._handle, self.recorded.append, lambda *answer: self.later.append(answer))
        self.answer: Answer | None = Done({"phase": "idle"})
        self.error: Exception | None = None

    def _handle(self, order: Order, reply: Any) -> None:
        if self.error:
            raise self.error
        self.handled.append(order)
        if self.answer:
            reply(self.answer)

    def send(self, grant: Grant, message: dict[str, Any] | bytes) -> dict[str, Any] | None:
        """The answer, once it is there."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        line = self.book.take(b"client", payload, grant, self.now_s)
        while line is None and self.later:
            line = self.book.answered(*self.later.pop(0))
        return None if line is None else dict(json.loads(line))

    def nonce(self, grant: Grant) -> str:
        told = self.send(grant, {"id": 1, "verb": "nonce"})
        assert told is not None
        return str(told["result"]["nonce"])

    def order(self, grant: Grant, verb: str, nonce: str = "", **more: Any) -> dict[str, Any]:
        more = {"expects": "idle", **more} if verb in list(Verb) else more
        told = self.send(grant, {"id": 2, "verb": verb, "nonce": nonce or self.nonce(grant), **more})
        return told or {}

    @property
    def written(self) -> list[tuple[object, object]]:
        """What was written down, by verb and reason."""
        for fact in self.recorded:
            check(fact)
            assert dict(fact.fields)["accepted"] is (dict(fact.fields)["reason"] is Reason.OK)
        return [(dict(fact.fields)["verb"], dict(fact.fields)["reason"]) for fact in self.recorded]


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---------------------------------------------------------------- what is done


def test_an_order_with_its_nonce_is_handed_on_with_who_gave_it_and_answered_with_the_outcome(desk: Desk) -> None:
    nonce = desk.nonce(OFFICE)
    desk.now_s += 2.0
    told = desk.order(OFFICE, "close", nonce, expires_s=5, args={"a": 1})
    assert told == {"id": 2, "ok": True, "result": {"phase": "idle"}}
    assert desk.handled == [Order("close", {"a": 1}, "bus-office", Phase.IDLE, 1005.0)]
    assert desk.recorded == [], "the lane itself writes down what it was ordered"


def test_where_several_people_order_with_one_key_the_order_says_who(desk: Desk) -> None:
    assert desk.order(OFFICE, "close", name="mk")["ok"]
    assert desk.handled[0].by == "bus-office/mk"
    assert desk.order(VIEWER, "close", name="xy")["error"] == "not_permitted", "whoever says so, the key is judged"
    assert desk.written == [("close", Reason.NOT_PERMITTED)]
    assert dict(desk.recorded[0].fields)["by"] == "bus-viewer/xy"


def test_why_an_order_was_given_is_written_down_although_the_key_may_not_give_it(desk: Desk) -> None:
    for verb, why in (("close", "search"), ("close", "Mr Chan"), ("revoke", "search")):
        desk.order(VIEWER, verb, args={"why": why})
    assert [dict(fact.fields).get("why") for fact in desk.recorded] == ["search", None, None]
    for fact in desk.recorded:
        check(fact)


@pytest.mark.parametrize("name", ["", "Max Kim", "m/k", "a12345", "x" * 31, 7])
def test_a_name_that_is_no_short_code_orders_nothing(desk: Desk, name: object) -> None:
    """A whole name, or the number of a document, would stand in the journal."""
    assert desk.order(OFFICE, "close", name=name)["error"] == "malformed"
    assert desk.handled == []


def test_the_same_order_again_is_a_replay_and_so_it_is_after_a_restart(desk: Desk) -> None:
    """Somebody kept the bytes of an order that was done."""
    message = {"id": 2, "verb": "close", "nonce": desk.nonce(OFFICE), "expects": "idle"}
    assert (desk.send(OFFICE, message) or {})["ok"]
    for again in (desk, Desk()):
        assert (again.send(OFFICE, message) or {})["error"] == "replayed"
        assert again.written == [("close", Reason.ORDER_REPLAYED)]
    assert len(desk.handled) == 1


def test_a_nonce_is_good_for_the_key_that_asked_for_it(desk: Desk) -> None:
    stolen = desk.nonce(OFFICE)
    assert desk.order(WORKSHOP, "close", stolen)["error"] == "replayed"
    assert desk.order(OFFICE, "close", stolen)["ok"]


def test_a_nonce_is_spent_by_an_order_that_was_refused(desk: Desk) -> None:
    nonce = desk.nonce(VIEWER)
    assert desk.order(VIEWER, "close", nonce)["error"] == "not_permitted"
    assert desk.order(VIEWER, "status", nonce)["error"] == "replayed"


def test_an_order_that_took_too_long_to_come_is_refused(desk: Desk) -> None:
    """The network held it back: from when the nonce was given, its time went on."""
    nonce = desk.nonce(OFFICE)
    desk.now_s += 5.0
    assert desk.order(OFFICE, "close", nonce, expires_s=5)["error"] == "expired"
    assert desk.written == [("close", Reason.ORDER_EXPIRED)]
    nonce = desk.nonce(OFFICE)
    desk.now_s += NONCE_S
    assert desk.order(OFFICE, "close", nonce, expires_s=3600)["error"] == "replayed"
    assert desk.handled == []


def test_of_many_nonces_the_last_are_good(desk: Desk) -> None:
    nonces = [desk.nonce(OFFICE) for _ in range(NONCES + 1)]
    assert desk.order(OFFICE, "status", nonces[0])["error"] == "replayed"
    assert all(desk.order(OFFICE, "status", nonce)["ok"] for nonce in nonces[1:])


def test_who_waits_too_long_is_told_so_and_what_comes_later_is_kept_from_them(desk: Desk) -> None:
    desk.answer = None
    assert desk.order(OFFICE, "close", expires_s=5) == {}
    assert desk.book.next_deadline_s == 1005.0
    assert desk.book.expired(1004.9) == []
    ((waiting, line),) = desk.book.expired(1005.0)
    assert json.loads(line)["error"] == "expired"
    assert desk.book.answered(waiting, Done({})) is None


def test_of_one_key_few_orders_wait_and_others_are_not_kept_by_them(desk: Desk) -> None:
    desk.answer = None
    for _ in range(PENDING):
        assert desk.order(OFFICE, "close") == {}
    assert desk.order(OFFICE, "close")["error"] == "unavailable"
    assert desk.order(WORKSHOP, "close") == {}


def test_a_key_fills_no_journal(desk: Desk) -> None:
    """Whoever may only look gives orders all day: some are written down, the others are not even judged."""
    told = [desk.order(VIEWER, "close")["error"] for _ in range(BURST + 5)]
    assert told == ["not_permitted"] * BURST + ["unavailable"] * 5
    assert len(desk.recorded) == BURST
    desk.now_s += 1.0
    assert desk.order(VIEWER, "close")["error"] == "not_permitted"
    assert desk.order(VIEWER, "close")["error"] == "unavailable"
    assert desk.order(OFFICE, "close")["ok"]


def test_what_the_daemon_refuses_or_breaks_at_is_answered(desk: Desk) -> None:
    desk.error = Refusal("not while somebody is inside")
    assert desk.order(OFFICE, "close") == {"id": 2, "ok": False, "error": "refused", "message": str(desk.error)}
    desk.error = ZeroDivisionError("oh")
    assert desk.order(OFFICE, "close")["error"] == "failed"
    assert desk.written == [], "what the lane was ordered the lane writes down"
    assert desk.order(WORKSHOP, "enrol")["error"] == "failed"
    assert desk.order(WORKSHOP, "change_facts")["error"] == "failed"
    assert desk.written == [("enrol", Reason.NOT_NOW), ("change_facts", Reason.NOT_NOW)]


# ---------------------------------------------------------------- what must come through


@pytest.mark.parametrize("verb", sorted(URGENT & set(Verb)))
def test_a_hold_or_an_evacuation_comes_whatever_the_lane_has_come_to_meanwhile(desk: Desk, verb: str) -> None:
    """The officer saw it idle, and somebody stepped in since: any other order to the lane is refused without a word."""
    told = desk.send(OFFICE, {"id": 2, "verb": verb, "nonce": desk.nonce(OFFICE)})
    assert told == {"id": 2, "ok": True, "result": {"phase": "idle"}}
    assert [(order.verb, order.expects) for order in desk.handled] == [(verb, None)]
    told = desk.send(OFFICE, {"id": 3, "verb": "reset", "nonce": desk.nonce(OFFICE)})
    assert told is not None and "expects" in told["message"]


@pytest.mark.parametrize("verb", sorted(URGENT))
def test_what_must_come_through_does_not_wait_behind_other_orders_of_the_same_key(desk: Desk, verb: str) -> None:
    """A console with a row of orders under way, or one that somebody wore out, still evacuates."""
    desk.answer = None
    for _ in range(BURST):
        desk.order(OFFICE, "close")
    assert desk.order(OFFICE, "close")["error"] == "unavailable"
    assert desk.order(OFFICE, verb) == {}
    assert desk.handled[-1].verb == verb


def test_what_must_come_through_fills_no_journal_either(desk: Desk) -> None:
    told = [desk.order(OFFICE, "evacuate").get("error") for _ in range(BURST + 2)]
    assert told == [None] * BURST + ["unavailable"] * 2


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("permission", Permission)
def test_a_key_may_what_the_table_says_and_nothing_else(verb: str, permission: Permission) -> None:
    desk = Desk()
    told = desk.order(Grant("one", "d" * 40, frozenset((permission,))), verb)
    allowed = needed(verb) is permission
    assert told["ok"] is allowed
    assert len(desk.handled) == allowed
    changes = verb in ORDERS.words
    if allowed:
        assert desk.written == ([(verb, Reason.OK)] if changes and verb not in {*WRITTEN, "change_facts"} else [])
    else:
        assert desk.written == ([(verb, Reason.NOT_PERMITTED)] if changes else [])


def test_no_key_gives_keys_and_a_verb_that_nobody_sorted_is_for_maintenance() -> None:
    assert {"key_new", "key_revoke", "key_rotate", "commission_sign"} <= NEVER
    assert needed("a new verb") is Permission.MAINTAIN
    assert READ & set(ORDERS.words) == set(), "who may read changes nothing"


# ---------------------------------------------------------------- what is no order


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"", "malformed"),
        (b"\xff", "malformed"),
        (b"[]", "malformed"),
        ({"verb": "nonce"}, "malformed"),
        ({"id": [], "verb": "nonce"}, "malformed"),
        ({"id": 1, "verb": "status"}, "malformed"),
        ({"id": 1, "verb": "status", "nonce": 7}, "malformed"),
        ({"id": 1, "verb": "status", "nonce": "0" * 31}, "malformed"),
        ({"id": 1, "verb": "nonce", "nonce": "0" * 32}, "unknown_verb"),
        ({"id": 1, "verb": "fly", "nonce": "0" * 32}, "unknown_verb"),
        ({"id": 1, "verb": "close", "nonce": "0" * 32}, "malformed"),
        ({"id": 1, "verb": "close", "nonce": "0" * 32, "expects": "asleep"}, "malformed"),
        ({"id": 1, "verb": "status", "nonce": "0" * 32, "expires_s": 0}, "expired"),
        ({"id": 1, "verb": "status", "nonce": "0" * 32, "by": "uid-0"}, "malformed"),
    ],
)
def test_what_is_no_order_is_answered_and_goes_nowhere(desk: Desk, message: dict[str, Any] | bytes, error: str) -> None:
    told = desk.send(WORKSHOP, message)
    assert told is not None and told["error"] == error
    assert (desk.handled, desk.recorded) == ([], [])


@settings(max_examples=50)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_an_order_or_refused(payload: bytes) -> None:
    _, asked = decode(payload, "bus-office")
    assert isinstance(asked, Asked | Rejected)


# ---------------------------------------------------------------- all of it together


class Orders(RuleBasedStateMachine):
    """Two keys ask, order, wait, repeat themselves and steal from each other, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.given: dict[str, tuple[Grant, float]] = {}
        self.used: set[str] = set()

    @rule(grant=st.sampled_from((OFFICE, VIEWER)))
    def ask(self, grant: Grant) -> None:
        nonce = self.desk.nonce(grant)
        assert nonce not in self.given
        self.given[nonce] = (grant, self.desk.now_s)

    @rule(after_s=st.sampled_from((0.5, 10.0, 61.0)))
    def wait(self, after_s: float) -> None:
        self.desk.now_s += after_s

    @rule(grant=st.sampled_from((OFFICE, VIEWER)), verb=st.sampled_from(("status", "close")), data=st.data())
    def order(self, grant: Grant, verb: str, data: st.DataObject) -> None:
        nonce = data.draw(st.sampled_from(sorted(self.given))) if self.given else "0" * 32
        owner, issued_s = self.given.get(nonce, (None, 0.0))
        before = len(self.desk.handled)
        told = self.desk.order(grant, verb, nonce, expires_s=5)
        good = owner is grant and nonce not in self.used and self.desk.now_s < issued_s + 5.0
        permitted = needed(verb) in grant.may
        if told["ok"]:
            assert good and permitted and len(self.desk.handled) == before + 1
        else:
            assert len(self.desk.handled) == before
            assert told["error"] in {each.value for each in Rejection} - {"failed", "refused"}
        if owner is grant:
            self.used.add(nonce)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.desk.book._waiting) == 0
        assert all(len(nonces) <= NONCES for nonces in self.desk.book._nonces.values())


TestOrders = Orders.TestCase
