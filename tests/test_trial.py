"""While a version is tried nothing in its stores is changed: what is changed would be undone when it does not stay."""

from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest
from counter import NOW, Counter
from peers import until

from gatefw import trial
from gatefw.bus_orders import written_by_bus
from gatefw.clerk import HouseRules
from gatefw.control import VERBS, Answer, Done, Order
from gatefw.errors import Refusal
from gatefw.events import ORDERS, check
from gatefw.gate_terms import DeviceImpaired, Ordered
from gatefw.model import Fact, FactKind, Reason, Verb
from gatefw.order_desk import OrderDesk
from gatefw.trial import HARMLESS, Trial, mark

CHANGING = sorted(set(ORDERS.words) - HARMLESS)


class Bench:
    """A desk in front of a state directory, in whose neighbourhood a version is tried until `over`."""

    def __init__(self, tmp_path: Path) -> None:
        self.state = tmp_path / "gatefw"
        self.impaired: list[DeviceImpaired] = []
        self.facts: list[Fact] = []
        self.taken: list[str] = []
        mark(self.state).write_text("9.1.0")
        self.trial = Trial(self.state, self.impaired.append, self.facts.append, written_by_bus)
        self.desk = OrderDesk(self.queued, lambda: self.taken.append("stop"), self.elsewhere, self.trial.why_not)

    def queued(self, event: object) -> None:
        assert isinstance(event, Ordered)
        self.taken.append(event.verb.value)

    def elsewhere(self, order: Order, _reply: object) -> None:
        self.taken.append(order.verb)

    def order(self, verb: str, by: str = "uid-7") -> None:
        args = {"name": "mk", "why": "repair"} if verb == Verb.MAINTAIN else {}
        answers: SimpleQueue[Answer] = SimpleQueue()
        self.desk.take(Order(verb, args, by, None, 99.0), answers.put)

    def over(self) -> None:
        mark(self.state).unlink()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("verb", CHANGING)
def test_an_order_that_changes_people_or_stores_is_refused_by_name_and_taken_when_the_trial_is_over(
    bench: Bench, verb: str
) -> None:
    with pytest.raises(Refusal, match=rf"^{verb}: gatefw 9\.1\.0 is being tried here.* nothing was changed\. Order it"):
        bench.order(verb)
    assert bench.taken == []
    bench.over()
    bench.order(verb)
    assert bench.taken == [verb]


@pytest.mark.parametrize("verb", sorted(set(VERBS) - set(CHANGING) - {"status"}))
def test_what_only_asks_lets_somebody_out_or_changes_the_journal_alone_is_taken(bench: Bench, verb: str) -> None:
    bench.order(verb)
    assert bench.taken == [verb]


def test_every_order_about_people_partitions_keys_and_secrets_is_among_those_that_are_refused() -> None:
    people = {"enrol", "enrol_finger", "revoke", "withdraw_consent", "change_facts", "clear_by_hand"}
    partitions = {"partition_make", "partition_change", "partition_destroy"}
    secrets = {"key_new", "key_revoke", "key_rotate", "device_renew_secret", "device_install"}
    assert people | partitions | secrets | {"open", "maintain"} <= set(CHANGING)


def test_a_refused_order_stands_in_the_journal_once_whoever_brought_it(bench: Bench) -> None:
    """Over the control socket it is written down here; over the bus by the book of its orders, but for the lane's."""
    for by, verb in (("uid-7", "revoke"), ("bus-desk", "revoke"), ("bus-desk", "open")):
        with pytest.raises(Refusal):
            bench.order(verb, by)
    for fact in bench.facts:
        check(fact)
    told = [(fact.kind, dict(fact.fields)["verb"], dict(fact.fields)["accepted"]) for fact in bench.facts]
    assert told == [(FactKind.OPERATOR_ORDERED, "revoke", False), (FactKind.OPERATOR_ORDERED, "open", False)]


def test_why_a_refused_order_was_given_stands_with_it(bench: Bench) -> None:
    with pytest.raises(Refusal):
        bench.desk.take(Order("open", {"why": "crowd"}, "uid-7", None, 99.0), SimpleQueue().put)
    [fact] = bench.facts
    check(fact)
    assert dict(fact.fields)["why"] == "crowd"


def test_whoever_upgrades_is_told_what_was_refused_and_how_often(bench: Bench) -> None:
    bench.trial.look()
    for _ in range(2):
        with pytest.raises(Refusal):
            bench.order("revoke")
    assert bench.trial.told() == {"to": "9.1.0", "refused": {"revoke": 2}}
    bench.over()
    bench.trial.look()
    assert bench.trial.told() is None


def test_nobody_is_let_in_until_it_is_over_and_that_is_said_once(bench: Bench) -> None:
    assert [bench.trial.look(), bench.trial.look()] == [True, True]
    bench.over()
    assert [bench.trial.look(), bench.trial.look()] == [False, False]
    said = [(each.device, each.reason, each.impaired) for each in bench.impaired]
    assert said == [("upgrade", Reason.CLOSED, True), ("upgrade", Reason.CLOSED, False)]


def test_a_command_that_writes_into_a_store_itself_is_refused_as_well(bench: Bench) -> None:
    with pytest.raises(Refusal, match=r"^secrets migrate: gatefw 9\.1\.0 is being tried"):
        trial.require_none(bench.state, "secrets migrate")
    bench.over()
    trial.require_none(bench.state, "secrets migrate")


def test_what_ends_by_time_ends_when_the_trial_is_over(tmp_path: Path) -> None:
    """A partition's time is over while a version is tried. Its key, destroyed now, would come back with the stores."""
    tried = [False]
    with ExitStack() as stack:
        counter = Counter(tmp_path, HouseRules("north-1", tried=lambda: tried[0]))
        stack.callback(counter.records.close)
        stack.callback(counter.clerk.stop)
        assert isinstance(counter.order("partition_make", name="flight-1", facts={}, expires_at=NOW + 60), Done)
        tried[0], counter.now = True, NOW + 3600
        counter.clerk.sweep()
        listed = counter.order("partitions")
        assert isinstance(listed, Done)
        assert "flight-1" in str(listed.result)
        assert FactKind.PARTITION_DESTROYED not in {fact.kind for fact in counter.facts}
        tried[0] = False
        counter.clerk.sweep()
        until(lambda: FactKind.PARTITION_DESTROYED in {fact.kind for fact in counter.facts}, "its key to be gone", 60)
