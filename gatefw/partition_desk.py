"""Orders about partitions, and their end: destroyed by order, or when their time is over.

The records' part is destroyed at once, whatever vision does; vision is told when it is there, again and again until it
has done its part.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gatefw import order_args
from gatefw.control import Answer, Done, Order
from gatefw.enrolment_desk import BY_LANE, AskVision
from gatefw.errors import Refusal
from gatefw.model import Fact, FactKind
from gatefw.partitions import Partitions, ToTell
from gatefw.record_terms import FOR_EVER
from gatefw.vision_wire import Message

LATER = "will be done when vision is back"

Reply = Callable[[Answer], None]
Then = Callable[[bool], None]


class PartitionDesk:
    """Every method but the constructor runs on the clerk's thread. `gone`: people of a partition are there no more."""

    def __init__(
        self,
        partitions: Partitions,
        ask: AskVision,
        record: Callable[[Fact], None],
        now: Callable[[], float],
        gone: Callable[[], None],
    ) -> None:
        self._partitions, self._ask, self._record, self._now, self._gone = partitions, ask, record, now, gone
        self._asked: set[ToTell] = set()

    def make(self, order: Order, reply: Reply) -> None:
        """Do `partition_make`. Raises Refusal."""
        name, expires_at = order_args.text(order.args, "name"), order_args.ends_at(order.args)
        self._partitions.make(name, expires_at, order_args.facts(order.args, of_partition=True), self._now())
        self._record(Fact(FactKind.PARTITION_MADE, None, (("partition", name), ("by", order.by))))
        self._tell(ToTell(name, expires_at, gone=False), lambda told: reply(_done(told, partition=name)))

    def destroy(self, order: Order, reply: Reply) -> None:
        """Do `partition_destroy`. Raises Refusal."""
        name = order_args.text(order.args, "name")
        people = self._destroyed(name, self._partitions.destroy(name), order.by)
        told = next(
            (each for each in self._partitions.to_tell() if each.name == name), ToTell(name, FOR_EVER, gone=True)
        )
        self._tell(told, lambda told: reply(_done(told, partition=name, destroyed=True, people=people)))

    def change(self, order: Order, reply: Reply) -> None:
        """Do `partition_change`: another gate, another time. Raises Refusal."""
        name, facts = order_args.text(order.args, "name"), order_args.facts(order.args, of_partition=True, empty=True)
        if not facts:
            raise Refusal("partition_change: at least one fact is wanted, like journey.gate=24")
        self._partitions.change(name, facts)
        reply(Done({"partition": name, "facts": self._partitions.facts(name)}))

    def list(self, _order: Order, reply: Reply) -> None:
        """Do `partitions`."""
        listed = [
            {
                "partition": each.name,
                "expires_at": None if each.expires_at >= FOR_EVER else each.expires_at,
                "people": each.people,
                "facts": dict(each.facts),
            }
            for each in self._partitions.list()
        ]
        reply(Done({"partitions": listed}))

    def sweep(self, now: float | None) -> None:
        """Destroy what has had its time, finish what a crash left, and tell vision what it does not know.

        `now` None: nobody knows whose time is over. None of them is found by the lane's own clock, whatever is left.
        """
        try:
            self._end(() if now is None else self._partitions.due(now))
        finally:  # one key that cannot be destroyed must not keep the templates of all others
            for told in self._partitions.to_tell():
                if told not in self._asked:
                    self._tell(told, lambda _told: None)

    def _end(self, due: Iterable[str]) -> None:
        for name in due:
            try:
                self._destroyed(name, self._partitions.destroy(name), BY_LANE)
            except Refusal:
                continue  # another lane's daemon was faster
        for name in self._partitions.unfinished():
            self._destroyed(name, self._partitions.finish(name), BY_LANE)

    def _destroyed(self, name: str, people: int | None, by: str) -> int:
        """Write it down, unless another process did: it knows how many they were."""
        self._gone()
        if people is not None:
            fields = ("partition", name), ("by", by), ("people", people)
            self._record(Fact(FactKind.PARTITION_DESTROYED, None, fields))
        return people or 0

    def _tell(self, told: ToTell, then: Then) -> None:
        """Have vision do it; `then(whether it did)`."""

        def heard(message: Message) -> None:
            self._asked.discard(told)
            done = isinstance(message.get("done"), dict)
            if done:
                self._partitions.told(told)
            then(done)

        self._asked.add(told)
        fields: dict[str, Any] = {} if told.gone else {"expires_at": told.expires_at}
        self._ask("partition_destroy" if told.gone else "partition_make", heard, partition=told.name, **fields)


def _done(told: bool, **result: object) -> Done:
    return Done({**result, **({} if told else {"templates": LATER})})
